"""More cases that real Keras writes: what is called in other ways than `layer(x)`, and what is no layer.

As tests/golden/keras/rows.py: used by make.py, which runs them, and by tests/keras, so nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SIGNAL, IMAGE, VOLUME = (11, 3), (11, 7, 3), (5, 7, 4, 3)
Shape = "tuple[int | None, ...]"


@dataclass(frozen=True)
class Row:
    """A model of one or a few calls.

    Args:
        build: (K, *inputs) -> outputs; K is Keras 3, or tf_keras for Keras 2.
        twin: what gives the truth where TensorFlow cannot compute the model on a CPU.
        kinds: what the inputs hold: "f" numbers from -2 to 2, "p" from 0.1 to 2.1, "u" from 0 to 1, "i" integers from
            0 to 6, "s" integers from -3 to 3, "b" truth,
            "h" truth with rows that are false throughout, "t" indices up to 5 and zeros in every pattern.
        fixed: whether the batch has a size, as stateful layers want it.
    """

    name: str
    shapes: tuple[Shape, ...]
    build: Callable[..., Any]
    eras: str = "23"
    twin: Callable[..., Any] | None = None
    kinds: str = ""
    tolerance: float = 2e-5
    fixed: bool = False
    batch: int = 2

    def feeds(self) -> list[np.ndarray]:
        kinds = self.kinds or "f" * len(self.shapes)
        shapes = [tuple(9 if size is None else size for size in shape) for shape in self.shapes]
        return [values((self.batch, *shape), i, kinds[i]) for i, shape in enumerate(shapes)]


def values(shape: tuple[int, ...], seed: int = 0, kind: str = "f") -> np.ndarray:
    """Numbers that every machine makes alike."""
    n = int(np.prod(shape))
    whole = ((np.arange(n) * 7919 + seed * 31 + 17) % 1009).reshape(shape)
    rows = np.arange(shape[0] if shape else 0).reshape(-1, *[1] * (len(shape) - 1))
    made = {
        "p": lambda: (whole / 504.5 + 0.1).astype(np.float32),
        "u": lambda: (whole / 1009).astype(np.float32),
        "i": lambda: (whole % 7).astype(np.int32),
        "s": lambda: (whole % 7 - 3).astype(np.int32),
        "b": lambda: whole % 3 > 0,
        # none padded … all padded
        "t": lambda: np.where(whole % 8 < rows % 9, 0, 1 + whole // 8 % 5).astype(np.int32),
        "h": lambda: (whole % 3 > 0) & (whole[..., :1] % 2 > 0),
        "f": lambda: ((whole - 504) / 252).astype(np.float32),
    }
    return made[kind]()


class Table(list):  # of Row; old Pythons run this, too
    """Rows, added one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def row(self, name: str, shapes: Any, build: Callable[..., Any], **more: Any) -> None:
        if not shapes or not isinstance(shapes[0], tuple):
            shapes = (shapes,)
        if name in self.names:
            raise ValueError(f"two rows are called {name!r}")
        self.names.add(name)
        self.append(Row(name, shapes, build, **more))

    def layer(self, name: str, shapes: Any, layer: Callable[[Any], Any], **more: Any) -> None:
        """A layer on one input, or on a list of several."""
        self.row(name, shapes, lambda K, *xs: layer(K.layers)(list(xs) if len(xs) > 1 else xs[0]), **more)

    def first(self, name: str, shape: Shape, layer: Callable[[Any, str], Any], **more: Any) -> None:
        """A layer with channels first, which TensorFlow cannot compute on a CPU; channels last is its twin."""
        rank = len(shape)
        to_last, to_first = (*range(2, rank + 1), 1), (rank, *range(1, rank))
        shapes = (tuple(shape[i - 1] for i in to_first),)

        def build(K: Any, x: Any) -> Any:
            return layer(K.layers, "channels_first")(x)

        def twin(K: Any, x: Any) -> Any:
            L = K.layers
            return L.Permute(to_first)(layer(L, "channels_last")(L.Permute(to_last)(x)))

        self.row(f"{name}_channels_first", shapes, build, twin=twin, **more)


def _convolutions(t: Table) -> None:
    t.layer("conv1d_transpose", SIGNAL, lambda L: L.Conv1DTranspose(4, 3))
    t.layer("conv1d_transpose_same", SIGNAL, lambda L: L.Conv1DTranspose(4, 4, strides=3, padding="same"))
    t.layer("conv1d_transpose_wide_stride", SIGNAL, lambda L: L.Conv1DTranspose(4, 2, strides=3))
    t.layer("conv2d_transpose", IMAGE, lambda L: L.Conv2DTranspose(4, (3, 2), strides=(2, 1), activation="relu"))
    t.layer("conv2d_transpose_same", IMAGE, lambda L: L.Conv2DTranspose(4, (3, 4), strides=(2, 3), padding="same"))
    t.layer("conv2d_transpose_same_wide", IMAGE, lambda L: L.Conv2DTranspose(4, 2, strides=3, padding="same"))
    t.layer(
        "conv2d_transpose_output_padding",
        IMAGE,
        lambda L: L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1, use_bias=False),
    )
    t.layer(
        "conv2d_transpose_output_padding_0",
        IMAGE,
        lambda L: L.Conv2DTranspose(4, (3, 4), strides=(3, 2), padding="same", output_padding=(0, 1)),
    )
    t.layer(
        "conv2d_transpose_output_padding_valid",
        IMAGE,
        lambda L: L.Conv2DTranspose(4, (3, 2), strides=(2, 3), output_padding=(1, 2)),
    )
    t.layer("conv2d_transpose_dilated", IMAGE, lambda L: L.Conv2DTranspose(4, 3, dilation_rate=2), eras="2")
    t.layer("conv3d_transpose", VOLUME, lambda L: L.Conv3DTranspose(2, (2, 3, 2), strides=(1, 2, 1)))
    t.layer("conv3d_transpose_same", VOLUME, lambda L: L.Conv3DTranspose(2, 3, strides=2, padding="same"))
    t.first("conv2d_transpose", IMAGE, lambda L, f: L.Conv2DTranspose(4, (3, 2), 2, padding="same", data_format=f))
    t.first("conv1d_transpose", SIGNAL, lambda L, f: L.Conv1DTranspose(4, 3, 2, data_format=f))

    for i in (1, 2, 3):
        t.layer(
            f"locally_connected1d_{i}", SIGNAL, lambda L, i=i: L.LocallyConnected1D(4, 3, 2, implementation=i), eras="2"
        )
        t.layer(
            f"locally_connected2d_{i}",
            IMAGE,
            lambda L, i=i: L.LocallyConnected2D(4, (3, 2), (2, 1), implementation=i, activation="relu"),
            eras="2",
        )
        t.layer(
            f"locally_connected2d_{i}_channels_first",
            (3, 6, 5),
            lambda L, i=i: L.LocallyConnected2D(2, (3, 2), data_format="channels_first", implementation=i),
            eras="2",
        )
    for i in (2, 3):
        t.layer(
            f"locally_connected2d_{i}_same",
            (6, 5, 3),
            lambda L, i=i: L.LocallyConnected2D(2, (3, 2), padding="same", implementation=i, use_bias=False),
            eras="2",
        )
        t.layer(
            f"locally_connected1d_{i}_same_stride",
            SIGNAL,
            lambda L, i=i: L.LocallyConnected1D(2, 4, 2, padding="same", implementation=i),
            eras="2",
        )


def _pictures(t: Table) -> None:
    for kind in ("Average", "Max"):
        for n, shape, size in ((1, SIGNAL, 4), (2, IMAGE, (4, 7)), (3, VOLUME, (5, 3, 2))):
            name = f"Adaptive{kind}Pooling{n}D"
            t.layer(name.lower(), shape, lambda L, name=name, size=size: getattr(L, name)(size), eras="3")
        t.layer(
            f"adaptive{kind.lower()}pooling2d_even",
            (6, 8, 3),
            lambda L, kind=kind: getattr(L, f"Adaptive{kind}Pooling2D")((3, 4)),
            eras="3",
        )
        t.layer(
            f"adaptive{kind.lower()}pooling2d_channels_first",
            (3, 11, 7),
            lambda L, kind=kind: getattr(L, f"Adaptive{kind}Pooling2D")((4, 3), data_format="channels_first"),
            eras="3",
        )
    for method in ("bicubic", "lanczos3", "lanczos5"):
        t.layer(
            f"up_sampling2d_{method}",
            IMAGE,
            lambda L, m=method: L.UpSampling2D((2, 3), interpolation=m),
            tolerance=1e-4,
        )
    for method in ("area", "gaussian", "mitchellcubic"):
        t.layer(
            f"up_sampling2d_{method}",
            IMAGE,
            lambda L, m=method: L.UpSampling2D((2, 3), interpolation=m),
            eras="2",
            tolerance=1e-4,
        )
    old = ["Brightness", "Contrast", "Flip", "Rotation", "Translation", "Zoom", "Height", "Width"]
    arguments: dict[str, tuple[Any, ...]] = {"Translation": (0.2, 0.2), "Flip": (), "Grayscale": (), "Invert": ()}
    for name in old:
        given = arguments.get(name, (0.2,))
        t.layer(
            f"random_{name.lower()}",
            IMAGE,
            lambda L, n=name, g=given: getattr(L, f"Random{n}")(*g),
            eras="2" if name in ("Height", "Width") else "23",
            kinds="u",
        )
    young = [
        "Erasing",
        "Grayscale",
        "Hue",
        "Invert",
        "Perspective",
        "Posterization",
        "Saturation",
        "Sharpness",
        "Shear",
    ]
    young += ["ColorDegeneration", "ColorJitter", "ElasticTransform", "GaussianBlur"]
    for name in young:
        given = {
            **arguments,
            "Posterization": (4,),
            "Hue": (0.2, (0, 1)),
            "ColorJitter": ((0, 1),),
            "Erasing": (),
            "ElasticTransform": (),
            "GaussianBlur": (),
            "Perspective": (),
            "Shear": (),
        }.get(name, (0.2,))
        t.layer(
            f"random_{name.lower()}",
            IMAGE,
            lambda L, n=name, g=given: getattr(L, f"Random{n}")(*g),
            eras="3",
            kinds="u",
        )
    for name in ("AugMix", "RandAugment"):
        t.layer(name.lower(), IMAGE, lambda L, n=name: getattr(L, n)(value_range=(0, 1)), eras="3", kinds="u")


def _normalisations(t: Table) -> None:
    t.layer("batch_normalization_renorm", IMAGE, lambda L: L.BatchNormalization(renorm=True))
    t.layer("batch_normalization_axes", IMAGE, lambda L: L.BatchNormalization(axis=[1, 3]), eras="2")
    for name, options in {
        "": {},
        "_axis_1": {"axis": 1},
        "_axes": {"axis": [1, 2]},
        "_last_axes": {"axis": [2, 3]},
        "_bare": {"center": False, "scale": False},
        "_no_scale": {"scale": False, "axis": 2},
        "_no_center": {"center": False, "epsilon": 0.1},
    }.items():
        t.layer(f"layer_normalization{name}", IMAGE, lambda L, o=options: L.LayerNormalization(**o))
    t.layer("layer_normalization_rank_2", (5,), lambda L: L.LayerNormalization())
    t.layer("layer_normalization_rms", (4, 5), lambda L: L.LayerNormalization(rms_scaling=True), eras="3")
    t.layer("group_normalization", (5, 4, 6), lambda L: L.GroupNormalization(3))
    t.layer("group_normalization_instance", (5, 4, 6), lambda L: L.GroupNormalization(-1, center=False))
    t.layer("group_normalization_axis_1", (6, 4, 5), lambda L: L.GroupNormalization(2, axis=1, scale=False))
    t.layer("group_normalization_axis_2", (4, 6, 5), lambda L: L.GroupNormalization(2, axis=2), eras="3")
    t.layer("rms_normalization", (4, 5), lambda L: L.RMSNormalization(), eras="3")
    t.layer("rms_normalization_axes", (4, 5), lambda L: L.RMSNormalization(axis=[1, 2]), eras="3")
    t.layer("unit_normalization_axis_1", (4, 3), lambda L: L.UnitNormalization(axis=1))


def _attention(t: Table) -> None:
    two, three = ((4, 6), (5, 6)), ((4, 6), (5, 3), (5, 6))
    for name, options in {"": {}, "_scaled": {"use_scale": True}, "_concat": {"score_mode": "concat"}}.items():
        t.layer(f"attention{name}", two, lambda L, o=options: L.Attention(**o))
    t.layer("attention_concat_scaled", three, lambda L: L.Attention(use_scale=True, score_mode="concat", dropout=0.3))
    t.layer("additive_attention", two, lambda L: L.AdditiveAttention())
    t.layer("additive_attention_key", three, lambda L: L.AdditiveAttention(use_scale=False))
    for name in ("Attention", "AdditiveAttention"):
        t.row(
            f"{name.lower()}_causal", two, lambda K, q, v, n=name: getattr(K.layers, n)()([q, v], use_causal_mask=True)
        )
        t.row(
            f"{name.lower()}_masks",
            (*two, (4,), (5,)),
            lambda K, q, v, a, b, n=name: getattr(K.layers, n)()([q, v], mask=[a, b]),
            kinds="ffbb",
        )
        t.row(
            f"{name.lower()}_mask_and_causal",
            (*two, (5,)),
            lambda K, q, v, b, n=name: getattr(K.layers, n)()([q, v], mask=[None, b], use_causal_mask=True),
            kinds="ffb",
            eras="3",
        )
    t.row("attention_scores", two, lambda K, q, v: K.layers.Attention()([q, v], return_attention_scores=True))

    def heads(K: Any, **options: Any) -> Any:
        return K.layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **options})

    t.row("multi_head_attention", (4, 6), lambda K, x: heads(K)(x, x))
    t.row("multi_head_attention_other_value", two, lambda K, q, v: heads(K, value_dim=5, use_bias=False)(q, v))
    t.row("multi_head_attention_key", three, lambda K, q, v, k: heads(K, output_shape=7)(q, v, k))
    t.row("multi_head_attention_key_by_name", three, lambda K, q, v, k: heads(K)(q, value=v, key=k))
    t.row("multi_head_attention_causal", (4, 6), lambda K, x: heads(K, dropout=0.2)(x, x, use_causal_mask=True))
    t.row(
        "multi_head_attention_mask",
        (*two, (4, 5)),
        lambda K, q, v, m: heads(K)(q, v, attention_mask=m),
        kinds="ffb",
    )
    t.row(
        "multi_head_attention_mask_of_heads",
        (*two, (2, 4, 5)),
        lambda K, q, v, m: heads(K)(q, v, attention_mask=m, use_causal_mask=True),
        kinds="ffb",
        eras="3",
    )
    t.row("multi_head_attention_scores", two, lambda K, q, v: heads(K)(q, v, return_attention_scores=True))
    t.row("multi_head_attention_axes", ((3, 4, 6), (3, 5, 6)), lambda K, q, v: heads(K, attention_axes=2)(q, v))
    t.row("multi_head_attention_two_axes", ((3, 4, 6), (3, 5, 6)), lambda K, q, v: heads(K)(q, v))
    t.row("multi_head_attention_gate", two, lambda K, q, v: heads(K, use_gate=True)(q, v), eras="3")
    t.row("multi_head_attention_output_shape", (4, 6), lambda K, x: heads(K, output_shape=(2, 5))(x, x))

    def groups(K: Any, **options: Any) -> Any:
        given = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **options}
        return K.layers.GroupQueryAttention(**given)

    t.row("group_query_attention", two, lambda K, q, v: groups(K)(q, v), eras="3")
    t.row("grouped_query_attention_causal", (4, 6), lambda K, x: groups(K)(x, x, use_causal_mask=True), eras="3")
    t.row("group_query_attention_gate", two, lambda K, q, v: groups(K, use_gate=True)(q, v), eras="3")
    t.row(
        "group_query_attention_mask",
        (*two, (4, 5)),
        lambda K, q, v, m: groups(K, use_bias=False)(q, v, attention_mask=m),
        eras="3",
        kinds="ffb",
    )
    t.row(
        "group_query_attention_window",
        (4, 6),
        lambda K, x: groups(K, sliding_window=2, num_key_value_heads=1)(x, x, use_causal_mask=True),
        eras="3",
    )
    for name, equation, shape, axes in (
        ("", "ab,bc->ac", (5,), "c"),
        ("_rank_3", "abc,cd->abd", (None, 4), None),
        ("_heads", "abc,cde->abde", (None, 2, 3), "de"),
        ("_ellipsis", "...x,xy->...y", 4, "y"),
        ("_two", "abcd,cde->abe", (None, 5), "e"),
    ):
        rank = {"": (4,), "_heads": (3, 4), "_two": (3, 2, 4)}.get(name, (3, 4))
        t.layer(
            f"einsum_dense{name}",
            rank,
            lambda L, e=equation, s=shape, a=axes: L.EinsumDense(e, output_shape=s, bias_axes=a, activation="tanh"),
        )


ROWS = Table()
for _fill in (_convolutions, _pictures, _normalisations, _attention):
    _fill(ROWS)
