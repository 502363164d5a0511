"""The cases that real Keras writes: one row for each way to use a layer, one function for each shape of model.

Used by make.py, which runs them, and by tests/keras, which reads what came out; so nothing here imports Keras. `L` is
`keras.layers`, `K` the module: Keras 3, or tf_keras for Keras 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SIGNAL, IMAGE, VOLUME = (11, 3), (11, 7, 3), (5, 7, 4, 3)
FIRST = {
    2: (0, 2, 1),
    3: (0, 3, 1, 2),
    4: (0, 4, 1, 2, 3),
}  # permutations that put channels first, by rank without batch


@dataclass(frozen=True)
class Row:
    """One layer on inputs of these shapes.

    Args:
        first: the shapes are those of channels last, but the layer is made with channels first; the truth comes from
            its twin with channels last, since TensorFlow cannot compute the other on a CPU.
        eras: who can write it.
        differs: Keras 2 and 3 compute different things.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    layer: Callable[..., Any]
    first: bool = False
    eras: str = "23"
    differs: bool = False


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers between -2 and 2 that every machine makes alike."""
    n = int(np.prod(shape))
    return (((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504) / 252).reshape(shape).astype(np.float32)


def _rows() -> list[Row]:
    rows: list[Row] = []

    def row(name: str, shape: Any, layer: Callable[..., Any], **more: Any) -> None:
        rows.append(Row(name, shape if isinstance(shape[0], tuple) else (shape,), layer, **more))

    row("dense", (5,), lambda L: L.Dense(4))
    row("dense_relu_no_bias", (5,), lambda L: L.Dense(4, activation="relu", use_bias=False))
    row("dense_rank_3", (3, 5), lambda L: L.Dense(4, activation="tanh"))
    row("dense_rank_4", (2, 3, 5), lambda L: L.Dense(4, use_bias=False))

    row("conv1d", SIGNAL, lambda L: L.Conv1D(5, 4))
    row("conv1d_same", SIGNAL, lambda L: L.Conv1D(5, 4, strides=3, padding="same", activation="sigmoid"))
    row("conv1d_dilated", SIGNAL, lambda L: L.Conv1D(5, 3, dilation_rate=2, padding="same"))
    row("conv1d_causal", SIGNAL, lambda L: L.Conv1D(5, 3, dilation_rate=2, padding="causal"))
    row("conv1d_causal_stride", SIGNAL, lambda L: L.Conv1D(5, 4, strides=2, padding="causal"))
    row("conv2d", IMAGE, lambda L: L.Conv2D(5, (3, 2)))
    row("conv2d_stride", IMAGE, lambda L: L.Conv2D(5, (3, 2), strides=(2, 3), use_bias=False))
    row("conv2d_same_even", IMAGE, lambda L: L.Conv2D(5, (2, 4), padding="same"))
    row("conv2d_same_stride_odd", IMAGE, lambda L: L.Conv2D(5, (3, 5), strides=(2, 2), padding="same"))
    row("conv2d_same_stride_even", (10, 8, 3), lambda L: L.Conv2D(5, (3, 4), strides=(2, 3), padding="same"))
    row("conv2d_dilated", IMAGE, lambda L: L.Conv2D(5, (3, 2), dilation_rate=(2, 3), padding="same"))
    row("conv2d_groups", (9, 7, 4), lambda L: L.Conv2D(6, (3, 2), groups=2))
    row("conv3d", VOLUME, lambda L: L.Conv3D(2, (2, 3, 2), strides=(1, 2, 1), padding="same"))
    row("depthwise_conv1d", SIGNAL, lambda L: L.DepthwiseConv1D(4, strides=2, padding="same", depth_multiplier=2))
    row("depthwise_conv2d", IMAGE, lambda L: L.DepthwiseConv2D((3, 2)))
    row(
        "depthwise_conv2d_multiplier",
        IMAGE,
        lambda L: L.DepthwiseConv2D((2, 3), strides=(2, 2), padding="same", depth_multiplier=2),
    )
    row("depthwise_conv2d_dilated", IMAGE, lambda L: L.DepthwiseConv2D((3, 2), dilation_rate=(2, 2), use_bias=False))
    row("separable_conv1d", SIGNAL, lambda L: L.SeparableConv1D(5, 4, padding="same", depth_multiplier=2))
    row("separable_conv2d", IMAGE, lambda L: L.SeparableConv2D(5, (3, 2), activation="relu"))
    row(
        "separable_conv2d_same",
        IMAGE,
        lambda L: L.SeparableConv2D(5, (3, 2), strides=(2, 2), padding="same", use_bias=False),
    )

    def first(name: str, shape: tuple[int, ...], layer: Callable[..., Any], **more: Any) -> None:
        row(f"{name}_channels_first", shape, layer, first=True, **more)

    first("conv1d", SIGNAL, lambda L, f: L.Conv1D(5, 4, strides=2, padding="same", data_format=f))
    first("conv2d", IMAGE, lambda L, f: L.Conv2D(5, (3, 2), strides=(2, 1), padding="same", data_format=f))
    first("depthwise_conv2d", IMAGE, lambda L, f: L.DepthwiseConv2D((3, 2), depth_multiplier=2, data_format=f))
    first("separable_conv2d", IMAGE, lambda L, f: L.SeparableConv2D(5, (3, 2), data_format=f))
    first("max_pooling2d", IMAGE, lambda L, f: L.MaxPooling2D((3, 2), padding="same", data_format=f))
    first("average_pooling2d", IMAGE, lambda L, f: L.AveragePooling2D((3, 2), strides=2, padding="same", data_format=f))
    first("zero_padding2d", IMAGE, lambda L, f: L.ZeroPadding2D(((1, 2), (3, 0)), data_format=f))
    first("cropping2d", IMAGE, lambda L, f: L.Cropping2D(((1, 2), (3, 0)), data_format=f))
    first("up_sampling2d", IMAGE, lambda L, f: L.UpSampling2D((2, 3), data_format=f))

    for kind in ("Max", "Average"):
        name = kind.lower()
        row(f"{name}_pooling1d", SIGNAL, lambda L, k=kind: getattr(L, f"{k}Pooling1D")(3, padding="same"))
        row(f"{name}_pooling2d", IMAGE, lambda L, k=kind: getattr(L, f"{k}Pooling2D")((3, 2)))
        row(
            f"{name}_pooling2d_same",
            IMAGE,
            lambda L, k=kind: getattr(L, f"{k}Pooling2D")((4, 3), strides=(2, 2), padding="same"),
        )
        row(
            f"{name}_pooling2d_overlap",
            (10, 8, 3),
            lambda L, k=kind: getattr(L, f"{k}Pooling2D")((3, 4), strides=(2, 1)),
        )
        row(f"{name}_pooling3d", VOLUME, lambda L, k=kind: getattr(L, f"{k}Pooling3D")((2, 3, 2), padding="same"))
        for n, shape in ((1, SIGNAL), (2, IMAGE), (3, VOLUME)):
            row(f"global_{name}_pooling{n}d", shape, lambda L, k=kind, n=n: getattr(L, f"Global{k}Pooling{n}D")())
        row(
            f"global_{name}_pooling2d_keepdims",
            IMAGE,
            lambda L, k=kind: getattr(L, f"Global{k}Pooling2D")(keepdims=True),
        )
        row(
            f"global_{name}_pooling2d_first",
            (3, 11, 7),
            lambda L, k=kind: getattr(L, f"Global{k}Pooling2D")(data_format="channels_first"),
        )

    row("zero_padding1d", SIGNAL, lambda L: L.ZeroPadding1D((2, 1)))
    row("zero_padding2d", IMAGE, lambda L: L.ZeroPadding2D(((1, 0), (2, 3))))
    row("zero_padding2d_symmetric", IMAGE, lambda L: L.ZeroPadding2D((1, 2)))
    row("zero_padding3d", VOLUME, lambda L: L.ZeroPadding3D(((1, 0), (0, 2), (1, 1))))
    row("cropping1d", SIGNAL, lambda L: L.Cropping1D((2, 0)))
    row("cropping2d", IMAGE, lambda L: L.Cropping2D(((1, 2), (0, 3))))
    row("cropping3d", VOLUME, lambda L: L.Cropping3D((1, 2, 1)))
    row("up_sampling1d", SIGNAL, lambda L: L.UpSampling1D(3))
    row("up_sampling2d", IMAGE, lambda L: L.UpSampling2D((2, 3)))
    row("up_sampling2d_bilinear", IMAGE, lambda L: L.UpSampling2D((2, 3), interpolation="bilinear"))
    row("up_sampling3d", VOLUME, lambda L: L.UpSampling3D((2, 1, 3)))

    row("flatten", IMAGE, lambda L: L.Flatten())
    row("flatten_rank_2", (5,), lambda L: L.Flatten())
    row("flatten_channels_first", (3, 11, 7), lambda L: L.Flatten(data_format="channels_first"))
    row("reshape", (4, 6), lambda L: L.Reshape((3, 2, 4)))
    row("reshape_unknown", (4, 6), lambda L: L.Reshape((-1, 3)))
    row("permute", (4, 6, 5), lambda L: L.Permute((3, 1, 2)))
    row("repeat_vector", (5,), lambda L: L.RepeatVector(3))
    row("rescaling", IMAGE, lambda L: L.Rescaling(1 / 127.5, offset=-1))
    row("identity", (5,), lambda L: L.Identity())
    for name in ("Dropout", "GaussianDropout", "AlphaDropout"):
        row(name.lower(), (5,), lambda L, n=name: getattr(L, n)(0.4))
    row("spatial_dropout1d", SIGNAL, lambda L: L.SpatialDropout1D(0.4))
    row("spatial_dropout2d", IMAGE, lambda L: L.SpatialDropout2D(0.4))
    row("spatial_dropout3d", VOLUME, lambda L: L.SpatialDropout3D(0.4))
    row("gaussian_noise", (5,), lambda L: L.GaussianNoise(0.3))
    row("activity_regularization", (5,), lambda L: L.ActivityRegularization(0.1))

    row("batch_normalization", IMAGE, lambda L: L.BatchNormalization())
    row("batch_normalization_rank_2", (5,), lambda L: L.BatchNormalization(epsilon=0.01))
    row("batch_normalization_no_scale", IMAGE, lambda L: L.BatchNormalization(scale=False))
    row("batch_normalization_no_center", IMAGE, lambda L: L.BatchNormalization(center=False))
    row("batch_normalization_bare", SIGNAL, lambda L: L.BatchNormalization(center=False, scale=False))
    row("batch_normalization_axis_1", IMAGE, lambda L: L.BatchNormalization(axis=1))
    row("batch_normalization_axis_2", IMAGE, lambda L: L.BatchNormalization(axis=2))
    row("normalization_given", (4, 3), lambda L: L.Normalization(mean=[0.1, 0.2, -0.3], variance=[1.0, 2.0, 0.5]))
    row("normalization_adapted", (4, 3), lambda L: L.Normalization())
    row("normalization_scalar", (4, 3), lambda L: L.Normalization(axis=None, mean=0.2, variance=2.0))
    row("normalization_inverse", (4, 3), lambda L: L.Normalization(mean=0.2, variance=2.0, invert=True))
    row("unit_normalization", (4, 3), lambda L: L.UnitNormalization())

    row("re_lu", IMAGE, lambda L: L.ReLU())
    row("re_lu_all", IMAGE, lambda L: L.ReLU(max_value=1.2, negative_slope=0.1, threshold=0.4))
    row("re_lu_threshold", IMAGE, lambda L: L.ReLU(threshold=0.4))
    row("leaky_re_lu", IMAGE, lambda L: L.LeakyReLU())
    row("p_re_lu", (4, 3), lambda L: L.PReLU())
    row("p_re_lu_shared", IMAGE, lambda L: L.PReLU(shared_axes=[1, 2]))
    row("elu", (5,), lambda L: L.ELU(alpha=0.7))
    row("softmax", (4, 3), lambda L: L.Softmax())
    row("softmax_axis_1", (4, 3), lambda L: L.Softmax(axis=1))
    row("softmax_axes", (4, 3, 2), lambda L: L.Softmax(axis=(1, 2)))
    row("thresholded_re_lu", (5,), lambda L: L.ThresholdedReLU(theta=0.6), eras="2")
    row("activation_layer_object", (5,), lambda L: L.Dense(4, activation=L.LeakyReLU()))

    both = "elu exponential gelu linear mish relu selu sigmoid softmax softplus softsign swish tanh"
    for name in both.split():
        row(f"activation_{name}", (6, 4), lambda L, n=name: L.Activation(n))
    row("activation_hard_sigmoid", (6, 4), lambda L: L.Activation("hard_sigmoid"), differs=True)
    row("activation_leaky_relu", (6, 4), lambda L: L.Activation("leaky_relu"), differs=True)
    young = """
        celu glu hard_shrink hard_silu hard_swish hard_tanh log_sigmoid log_softmax relu6 silu soft_shrink sparsemax
        sparse_plus sparse_sigmoid squareplus tanh_shrink
    """
    for name in young.split():
        row(f"activation_{name}", (6, 4), lambda L, n=name: L.Activation(n), eras="3")

    two = ((4, 3), (4, 3))
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        row(name.lower(), two, lambda L, n=name: getattr(L, n)())
    for name in ("Add", "Multiply", "Average", "Maximum", "Concatenate"):
        row(f"{name.lower()}_of_three", (*two, (4, 3)), lambda L, n=name: getattr(L, n)())
    row("add_broadcast", ((4, 3), (1, 3)), lambda L: L.Add())
    row("add_of_other_rank", ((4, 3), (3,)), lambda L: L.Add())
    row("concatenate_axis_1", ((4, 3), (2, 3)), lambda L: L.Concatenate(axis=1))
    row("dot", ((5,), (5,)), lambda L: L.Dot(axes=1))
    row("dot_cosine", ((5,), (5,)), lambda L: L.Dot(axes=1, normalize=True))
    row("dot_rank_3", ((4, 3), (4, 2)), lambda L: L.Dot(axes=(1, 1)))
    row("dot_rank_3_last", ((4, 3), (2, 3)), lambda L: L.Dot(axes=-1))
    return rows


ROWS = _rows()

# --- models ---------------------------------------------------------------------------------------------------------


def sequential(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            L.Conv2D(4, 3, input_shape=(9, 7, 3), activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dropout(0.5),
            L.Dense(6, activation="relu"),
            L.Dense(5, activation="softmax"),
        ]
    )


def sequential_with_input(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [K.Input((5,), name="features"), L.Dense(4, name="hidden"), L.BatchNormalization(), L.Dense(3)], name="small"
    )


def sequential_nested(K: Any) -> Any:
    L = K.layers
    inner = K.Sequential([L.Dense(4, input_shape=(5,)), L.BatchNormalization(), L.Dense(6)], name="inner")
    return K.Sequential([inner, L.Dense(3)])


def branches(K: Any) -> Any:
    L = K.layers
    image, numbers = K.Input((8, 6, 3), name="image"), K.Input((5,), name="numbers")
    x = L.Conv2D(4, 3, padding="same", use_bias=False)(image)
    x = L.BatchNormalization()(x)
    x = L.Activation("relu")(x)
    y = L.SeparableConv2D(4, 3, padding="same", use_bias=False)(x)
    y = L.BatchNormalization()(y)
    x = L.Add(name="both")([x, y])
    x = L.GlobalAveragePooling2D()(x)
    z = L.Dense(4, activation="tanh")(numbers)
    merged = L.Concatenate()([x, z])
    return K.Model(
        [numbers, image], [L.Dense(3, activation="softmax", name="classes")(merged), L.Dense(1, name="age")(x)]
    )


def shared_layer(K: Any) -> Any:
    L = K.layers
    a, b = K.Input((5,), name="a"), K.Input((5,), name="b")
    dense = L.Dense(5, activation="tanh", name="twice")
    once = dense(a)
    again = dense(dense(b))
    return K.Model([a, b], [L.Subtract(name="difference")([once, again]), again])


def nested_functional(K: Any) -> Any:
    """An inner model with trainable, frozen and never trainable weights, used twice."""
    L = K.layers
    x = K.Input((5,), name="inner_input")
    y = L.Dense(5, name="f1", trainable=False)(x)
    y = L.BatchNormalization(name="bn")(y)
    inner = K.Model(x, L.Dense(5, name="d2")(y), name="inner")
    a, b = K.Input((5,), name="a"), K.Input((5,), name="b")
    return K.Model([a, b], L.Add(name="sum")([inner(a), L.Dense(5, name="d2")(inner(b))]))


def nested_sequential(K: Any) -> Any:
    L = K.layers
    deep = K.Sequential([L.Dense(4, name="s2"), L.BatchNormalization(name="bn")], name="deep")
    seq = K.Sequential([L.Dense(6, name="s1"), deep, L.PReLU(name="p")], name="seq")
    x = K.Input((5,), name="x")
    return K.Model(x, [L.Dense(3, name="head")(seq(x)), seq(x)])


def passed_through(K: Any) -> Any:
    """The outputs: an input itself, a layer that does nothing at inference, and its input."""
    L = K.layers
    x = K.Input((5,), name="x")
    y = L.Dense(4, name="y")(x)
    return K.Model(x, [L.Dropout(0.5, name="dropped")(y), y])


def any_size(K: Any) -> Any:
    L = K.layers
    x = K.Input((None, None, 3), name="picture")
    y = L.Conv2D(4, 3, strides=2, padding="same")(x)
    return K.Model(x, L.GlobalMaxPooling2D()(L.UpSampling2D(2)(y)))


def bytes_input(K: Any) -> Any:
    L = K.layers
    x = K.Input((6, 5, 3), name="pixels", dtype="uint8")
    return K.Model(x, L.Conv2D(2, 3)(L.Rescaling(1 / 255)(x)))


MODELS: dict[str, Callable[[Any], Any]] = {
    function.__name__: function
    for function in (
        sequential,
        sequential_with_input,
        sequential_nested,
        branches,
        shared_layer,
        nested_functional,
        nested_sequential,
        passed_through,
        any_size,
        bytes_input,
    )
}
