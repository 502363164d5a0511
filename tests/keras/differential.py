"""Random models: our importer against the real Keras. Needs Keras 3, or tf_keras, and TensorFlow.

    python -m tests.keras.differential FIRST COUNT [--keras tf_keras]

builds the models of these seeds, saves each as .h5 and .keras, and prints those whose files are refused here, or
compute something else than Keras did: by the operators, on the NumPy runtime and ONNX Runtime, and as the .keras file
that our exporter writes, in Keras 3. A model is a graph of ten or so layers with random options on pictures, volumes,
vectors or sequences, with or without masks; models are called twice, and lie in models.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
from interchange_keras import KerasExporter, KerasImporter

import interchange
from interchange.errors import InterchangeError, Unsupported
from interchange.evaluate import evaluate, trace, widen

MOST = 5000  # elements of a value for one sample: models stay quick
RELATIVE = 2e-4  # of the largest number of an output: what ten layers in float32 may differ by
ACTIVATIONS = (
    *("relu", "tanh", "sigmoid", "elu", "selu", "softplus", "softsign", "swish", "gelu", "exponential", "hard_sigmoid"),
    *("linear", "softmax", "relu6", "silu"),
)
BACKENDS = ("numpy", "onnxruntime")
KERAS_3 = "keras"  # the module
SAFE = ("relu", "tanh", "sigmoid", "elu", "swish", "gelu", "linear", None)


class Draw:
    """A model being drawn. `values` are Keras tensors; `masked` those that carry a mask."""

    def __init__(self, keras: Any, seed: int) -> None:
        self.keras, self.layers = keras, keras.layers
        self.is_3 = hasattr(keras, "ops")
        self.rng = np.random.default_rng(seed)
        self.values: list[Any] = []

    def one(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def sizes(self, rank: int, low: int, high: int) -> Any:
        """A size for each dimension; sometimes one for all."""
        return self.number(low, high) if self.chance(0.3) else tuple(self.number(low, high) for _ in range(rank))

    def value(self, rank: int | None = None) -> Any:
        """A value, more often a recent one."""
        some = [v for v in self.values if rank is None or len(v.shape) == rank] or self.values
        return some[len(some) - 1 - min(int(self.rng.exponential(1.0)), len(some) - 1)]


Move = Callable[[Draw, Any], Any]  # a tensor made of the one given, or None where it does not fit


def rank_of(x: Any) -> int:
    """How many dimensions lie between the batch and the channels."""
    return len(x.shape) - 2


def sizes_of(x: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in x.shape[1:])


# --- layers for any value ---------------------------------------------------------------------------------------------


def activation(d: Draw, x: Any) -> Any:
    L = d.layers
    name = d.one("Activation", "LeakyReLU", "ELU", "ReLU", "PReLU", "Softmax", "Dropout", "GaussianNoise", "Rescaling")
    if name == "Activation":
        return L.Activation(d.one(*ACTIVATIONS))(x)
    if name == "LeakyReLU":
        return L.LeakyReLU(**{"negative_slope" if d.is_3 else "alpha": float(d.rng.uniform(0, 0.5))})(x)
    if name == "ReLU":
        options = {"max_value": d.one(None, 1.5), "negative_slope": d.one(0.0, 0.2), "threshold": d.one(0.0, 0.3)}
        return L.ReLU(**options)(x)
    if name == "PReLU":
        shared = list(range(1, len(x.shape) - 1)) if d.chance(0.5) else None
        return L.PReLU(alpha_initializer="random_uniform", shared_axes=shared or None)(x)
    if name == "Softmax":
        return L.Softmax(axis=d.one(-1, 1))(x)
    if name == "Rescaling":
        return L.Rescaling(float(d.rng.normal()), float(d.rng.normal()))(x)
    return getattr(L, name)(0.3)(x)


def normalization(d: Draw, x: Any) -> Any:
    L = d.layers
    name = d.one("BatchNormalization", "BatchNormalization", "LayerNormalization", "UnitNormalization", "Group")
    if name == "BatchNormalization":
        return L.BatchNormalization(
            axis=d.one(-1, -1, 1), scale=d.chance(0.7), center=d.chance(0.7), epsilon=d.one(1e-3, 1e-5)
        )(x)
    if name == "LayerNormalization":
        return L.LayerNormalization(axis=-1 if d.chance(0.7) else list(range(1, len(x.shape))), epsilon=1e-3)(x)
    if name == "UnitNormalization":
        return L.UnitNormalization(axis=d.one(-1, 1))(x)
    if not d.is_3 and getattr(x, "_keras_mask", None) is not None:
        return None  # tf_keras broadcasts the mask along the wrong axes
    groups = [g for g in range(1, x.shape[-1] + 1) if x.shape[-1] % g == 0]
    return L.GroupNormalization(groups=d.one(*groups))(x)


def dense(d: Draw, x: Any) -> Any:
    return d.layers.Dense(d.number(1, 6), activation=d.one(*SAFE), use_bias=d.chance(0.8))(x)


def einsum_dense(d: Draw, x: Any) -> Any:
    left = "abcde"[: len(x.shape)]
    shape = (*(None for _ in x.shape[1:-1]), d.number(1, 4))
    return d.layers.EinsumDense(f"{left},{left[-1]}z->{left[:-1]}z", shape, bias_axes=d.one(None, "z"))(x)


def reshaped(d: Draw, x: Any) -> Any:
    total = int(np.prod(sizes_of(x)))
    first = d.one(*[n for n in range(1, 13) if total % n == 0])
    choices = [(total,), (first, total // first), (-1, first)]
    return d.layers.Reshape(d.one(*choices))(x) if d.chance(0.6) else d.layers.Flatten()(x)


def permuted(d: Draw, x: Any) -> Any:
    if len(x.shape) < 3:
        return None
    return d.layers.Permute(tuple(int(i) + 1 for i in d.rng.permutation(len(x.shape) - 1)))(x)


def merged(d: Draw, x: Any) -> Any:
    """With another value of the same shape, or the same but for one axis."""
    L = d.layers
    same = [v for v in d.values if v.shape == x.shape]
    if d.chance(0.3):
        near = [v for v in d.values if len(v.shape) == len(x.shape) and v.shape[:-1] == x.shape[:-1]]
        return L.Concatenate(axis=-1)([x, d.one(*near)])
    name = d.one("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    return getattr(L, name)()([x, d.one(*same)])


def operation(d: Draw, x: Any) -> Any:
    """A function of the framework between layers."""
    if d.is_3:
        ops = d.keras.ops
        return d.one(
            lambda: x * 0.5 + 1.0,
            lambda: ops.relu(x),
            lambda: ops.mean(x, axis=-1, keepdims=True) - x,
            lambda: ops.concatenate([x, x], axis=-1),
            lambda: ops.clip(x, -0.5, 1.5),
            lambda: x[:, -1:] if len(x.shape) > 2 else x[:, ::2],
            lambda: ops.tanh(x) / 2.0,
            lambda: ops.maximum(x, 0.1),
            lambda: ops.exp(-ops.abs(x)),
        )()
    import tensorflow as tf

    return d.one(
        lambda: x * 0.5 + 1.0,
        lambda: tf.nn.relu(x),
        lambda: tf.reduce_mean(x, axis=-1, keepdims=True) - x,
        lambda: tf.concat([x, x], axis=-1),
        lambda: tf.clip_by_value(x, -0.5, 1.5),
        lambda: x[:, -1:] if len(x.shape) > 2 else x[:, ::2],
        lambda: tf.tanh(x) / 2.0,
        lambda: tf.maximum(x, 0.1),
        lambda: tf.math.exp(-tf.abs(x)),
    )()


def nested(d: Draw, x: Any) -> Any:
    """A model within the model, called once or twice."""
    shape = sizes_of(x)
    inner = d.keras.Input(shape)
    y = dense(d, inner)
    y = normalization(d, y) if d.chance(0.5) else y
    model = d.keras.Model(inner, y) if d.chance(0.6) else d.keras.Sequential([d.layers.Dense(3), d.layers.ReLU()])
    y = model(x)
    return d.layers.Add()([y, model(d.one(*[v for v in d.values if v.shape == x.shape]))]) if d.chance(0.4) else y


# --- pictures, signals and volumes ------------------------------------------------------------------------------------


def convolution(d: Draw, x: Any) -> Any:
    rank, channels = rank_of(x), x.shape[-1]
    if not 1 <= rank <= 3:
        return None
    sizes = sizes_of(x)[:-1]
    kernel = tuple(d.number(1, min(3, n)) for n in sizes)
    strides = tuple(d.number(1, 2) for _ in sizes) if d.chance(0.4) else (1,) * rank
    dilation = tuple(d.number(1, 2) for _ in sizes) if set(strides) == {1} and d.chance(0.4) else (1,) * rank
    padding = d.one("valid", "same", "causal") if rank == 1 else d.one("valid", "same")
    if padding == "valid" and any((k - 1) * r + 1 > n for k, r, n in zip(kernel, dilation, sizes, strict=True)):
        padding = "same"
    common: dict[str, Any] = {"activation": d.one(*SAFE), "use_bias": d.chance(0.8)}
    kind = d.one("Conv", "Conv", "Conv", "Transpose", "Depthwise", "Separable")
    if kind == "Transpose":
        dilation = (1,) * rank  # which Keras does not take together with strides
        return getattr(d.layers, f"Conv{rank}DTranspose")(
            d.number(1, 4), kernel, strides=strides, padding="same" if padding == "causal" else padding, **common
        )(x)
    if kind in ("Depthwise", "Separable") and rank < 3:
        kernel, dilation = (
            (kernel, dilation) if rank == 1 or len(set(strides)) == 1 else (kernel[:1] * 2, dilation[:1] * 2)
        )
        strides = strides[:1] * rank
        padding = "same" if padding == "causal" else padding
        if padding == "valid" and any((k - 1) * r + 1 > n for k, r, n in zip(kernel, dilation, sizes, strict=True)):
            padding = "same"
        multiplier = d.number(1, 2)
        options = {"strides": strides, "padding": padding, "depth_multiplier": multiplier, "dilation_rate": dilation}
        if rank == 1:
            kernel, options["strides"], options["dilation_rate"] = kernel[0], strides[0], dilation[0]
        arguments = (kernel,) if kind == "Depthwise" else (d.number(1, 4), kernel)
        return getattr(d.layers, f"{kind}{'Conv'}{rank}D")(*arguments, **options, **common)(x)
    groups = d.one(*[g for g in range(1, channels + 1) if channels % g == 0]) if d.chance(0.3) else 1
    return getattr(d.layers, f"Conv{rank}D")(
        groups * d.number(1, 3),
        kernel,
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        **common,
    )(x)


def pooling(d: Draw, x: Any) -> Any:
    rank = rank_of(x)
    if not 1 <= rank <= 3:
        return None
    name = d.one("MaxPooling", "AveragePooling", "GlobalAveragePooling", "GlobalMaxPooling")
    if name.startswith("Global"):
        return getattr(d.layers, f"{name}{rank}D")(keepdims=d.chance(0.3))(x)
    size = tuple(d.number(1, min(3, n)) for n in sizes_of(x)[:-1])
    strides = tuple(d.number(1, 2) for _ in size) if d.chance(0.5) else None
    if rank == 1:
        size, strides = size[0], strides and strides[0]  # type: ignore[assignment]
    return getattr(d.layers, f"{name}{rank}D")(size, strides=strides, padding=d.one("valid", "same"))(x)


def borders(d: Draw, x: Any) -> Any:
    rank, L = rank_of(x), d.layers
    if not 1 <= rank <= 3:
        return None
    name = d.one("ZeroPadding", "Cropping", "UpSampling", "Resizing", "CenterCrop")
    sizes = sizes_of(x)[:-1]
    if name == "ZeroPadding":
        pads = tuple((d.number(0, 2), d.number(0, 2)) for _ in sizes)
        return getattr(L, f"ZeroPadding{rank}D")(pads[0] if rank == 1 else pads)(x)
    if name == "Cropping":
        if min(sizes) < 4:
            return None
        crops = tuple((d.number(0, 1), d.number(0, 2)) for _ in sizes)
        return getattr(L, f"Cropping{rank}D")(crops[0] if rank == 1 else crops)(x)
    if name == "UpSampling":
        size = tuple(d.number(1, 2) for _ in sizes)
        if rank == 2:
            return L.UpSampling2D(size, interpolation=d.one("nearest", "bilinear"))(x)
        return getattr(L, f"UpSampling{rank}D")(size[0] if rank == 1 else size)(x)
    if rank != 2:
        return None
    if name == "Resizing":
        return L.Resizing(d.number(2, 9), d.number(2, 9), interpolation=d.one("nearest", "bilinear", "bicubic"))(x)
    return L.CenterCrop(d.number(1, sizes[0]), d.number(1, sizes[1]))(x)


# --- sequences --------------------------------------------------------------------------------------------------------


def recurrent(d: Draw, x: Any) -> Any:
    if len(x.shape) != 3:
        return None
    L = d.layers
    name = d.one("LSTM", "GRU", "SimpleRNN")
    options: dict[str, Any] = {"return_sequences": d.chance(0.7), "use_bias": d.chance(0.8)}
    options["activation"] = d.one("tanh", "tanh", "relu", "sigmoid") if name != "SimpleRNN" else d.one("tanh", "relu")
    if name != "SimpleRNN":
        options["recurrent_activation"] = d.one("sigmoid", "sigmoid", "hard_sigmoid")
    if name == "GRU":
        options["reset_after"] = d.chance(0.6)
    layer = getattr(L, name)(d.number(1, 5), **options, go_backwards=d.chance(0.2))
    if d.chance(0.35):
        forward = getattr(L, name)(d.number(1, 4), **options)
        return L.Bidirectional(forward, merge_mode=d.one("concat", "sum", "mul", "ave"))(x)
    if d.chance(0.2) and name == "LSTM":
        layer.return_state = True
        whole, h, _ = layer(x)
        d.values.append(h)
        return whole
    return layer(x)


def cells(d: Draw, x: Any) -> Any:
    """RNN with cells, or with states that come from elsewhere; two different halves of a Bidirectional."""
    if len(x.shape) != 3:
        return None
    L = d.layers
    sequences = d.chance(0.6)
    kind = d.one("stack", "states", "halves")
    if kind == "stack":
        stack = [L.LSTMCell(d.number(1, 4)), L.GRUCell(d.number(1, 4)), L.SimpleRNNCell(d.number(1, 4))]
        return L.RNN(stack[: d.number(1, 3)], return_sequences=sequences)(x)
    if kind == "halves":
        units = d.number(1, 4)
        backward = L.GRU(units, return_sequences=sequences, go_backwards=True)
        return L.Bidirectional(L.LSTM(units, return_sequences=sequences), backward_layer=backward, merge_mode="sum")(x)
    h = d.value(2)
    if len(h.shape) != 2:
        return None
    return L.GRU(int(h.shape[-1]), return_sequences=sequences)(x, initial_state=h)


def conv_recurrent(d: Draw, x: Any) -> Any:
    if len(x.shape) not in (4, 5):
        return None
    rank = len(x.shape) - 3
    kernel = tuple(d.number(1, min(3, n)) for n in sizes_of(x)[1:-1])
    layer = getattr(d.layers, f"ConvLSTM{rank}D")
    return layer(d.number(1, 3), kernel, padding="same", return_sequences=d.chance(0.5), dropout=0.2)(x)


def attention(d: Draw, x: Any) -> Any:
    if len(x.shape) != 3:
        return None
    L = d.layers
    other = [v for v in d.values if len(v.shape) == 3 and v.shape[-1] == x.shape[-1]]
    kind = d.one("Attention", "AdditiveAttention", "MultiHeadAttention")
    causal = {"use_causal_mask": True} if d.chance(0.3) else {}
    if kind == "MultiHeadAttention":
        # not 1: Keras 3 on TensorFlow may add a bias of (heads, 1) along the steps then
        layer = L.MultiHeadAttention(d.number(1, 3), d.number(2, 4), value_dim=d.one(None, 3), use_bias=d.chance(0.8))
        return layer(x, d.one(*other), **causal)
    options = {"score_mode": d.one("dot", "concat"), "use_scale": d.chance(0.5)} if kind == "Attention" else {}
    return getattr(L, kind)(**options)([x, d.one(*other)], **causal)


def steps(d: Draw, x: Any) -> Any:
    L = d.layers
    if len(x.shape) == 2:
        return L.RepeatVector(d.number(2, 5))(x)
    if len(x.shape) == 3:
        return L.TimeDistributed(L.Dense(d.number(1, 4), activation=d.one(*SAFE)))(x)
    if len(x.shape) == 4:
        inner = d.one(lambda: L.Conv1D(2, 1), lambda: L.Flatten(), lambda: L.LSTM(3), lambda: L.MaxPooling1D(1))
        return L.TimeDistributed(inner())(x)
    return None


def masking(d: Draw, x: Any) -> Any:
    return d.layers.Masking(0.0)(x) if len(x.shape) == 3 else None


MOVES: tuple[Move, ...] = (
    *(activation, normalization, dense, merged, convolution, convolution, pooling, borders, recurrent, recurrent),
    *(cells, conv_recurrent, attention, steps, masking, reshaped, permuted, einsum_dense, operation, nested),
)


# --- one model --------------------------------------------------------------------------------------------------------


def drawn(keras: Any, seed: int) -> tuple[Any, list[np.ndarray]]:
    """A model, and inputs of a batch of three."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    d = Draw(keras, seed)
    feeds, inputs = [], []
    for i in range(d.number(1, 2)):
        kind = d.one("picture", "picture", "sequence", "sequence", "tokens", "vector", "volume")
        if kind == "tokens":
            length = d.number(3, 8)
            x = keras.Input((length,), dtype="int32", name=f"x{i}")
            tokens = d.rng.integers(1, 7, (3, length))
            for row in tokens:  # padding in front, at the end, in the middle
                row[d.rng.permutation(length)[: d.number(0, length - 1)] if d.chance(0.3) else slice(0)] = 0
                row[length - d.number(0, length - 1) :] = 0
            feeds.append(tokens.astype(np.int32))
            d.values.append(d.layers.Embedding(7, d.number(2, 5), mask_zero=d.chance(0.7))(x))
        else:
            shape = {
                "picture": (d.number(4, 11), d.number(4, 9), d.number(1, 4)),
                "sequence": (d.number(3, 9), d.number(1, 5)),
                "vector": (d.number(2, 9),),
                "volume": (d.number(3, 5), d.number(3, 6), d.number(2, 4), d.number(1, 3)),
            }[kind]
            x = keras.Input(shape, name=f"x{i}")
            array = d.rng.normal(size=(3, *shape)).astype(np.float32)
            if kind == "sequence":
                for row in array:
                    row[len(row) - d.number(0, len(row) - 1) :] = 0
            feeds.append(array)
            d.values.append(x)
        inputs.append(x)
    for _ in range(d.number(3, 11)):
        x = d.value()
        try:
            y = d.one(*MOVES)(d, x)
        except ValueError:  # what Keras refuses
            continue
        if (
            y is not None
            and all(size is not None and size > 0 for size in y.shape[1:])
            and np.prod(y.shape[1:]) <= MOST
        ):
            d.values.append(y)
    outputs = [d.values[-1], *([d.one(*d.values)] if d.chance(0.3) else [])]
    used = keras.Model(inputs, outputs)  # with inputs that nothing reads, as they come
    weights = []
    for array in used.get_weights():
        spread = d.rng.normal(size=array.shape) * 0.4
        weights.append((array + spread if np.ptp(array) else array + np.abs(spread)).astype(array.dtype))
    used.set_weights(weights)
    return used, feeds


def check(keras: Any, seed: int, folder: Path) -> list[str]:
    """What is wrong with the files of one model."""
    model, feeds = drawn(keras, seed)
    try:
        expected = model(feeds if len(feeds) > 1 else feeds[0], training=False)
    except ValueError:  # Keras made it, but cannot run it
        return []
    expected = [np.asarray(y) for y in (expected if isinstance(expected, (list, tuple)) else [expected])]
    if not all(np.isfinite(y).all() for y in expected):
        return []
    faults = []
    for suffix in (".keras", ".h5"):
        path = folder / f"m{suffix}"
        try:
            model.save(path)
        except (NotImplementedError, TypeError) as error:
            faults.append(f"{suffix}: Keras itself cannot save it: {str(error)[:80]}")
            continue
        try:
            graph = KerasImporter().load(path)
            named = dict(zip(graph.inputs, feeds, strict=True))
            made = {"operators": list(evaluate(graph, named).values())}
            for backend in BACKENDS:
                with interchange.open(graph, backend=backend) as opened:
                    made[backend] = list(opened(named).values())
        except InterchangeError as error:
            faults.append(f"{suffix}: {error}")
            continue
        made |= _exported(graph, feeds, folder)
        scale = _scale(graph, named)
        for road, arrays in made.items():
            faults += [f"{suffix}, {road}: {f}" for f in _differences(list(graph.outputs), arrays, expected, scale)]
    return faults


def _exported(graph: Any, feeds: list[np.ndarray], folder: Path) -> dict[str, list[np.ndarray]]:
    """What Keras 3 computes with the file that our exporter writes; nothing where Keras 3 cannot express the model."""
    try:
        (path,) = KerasExporter().save(graph, folder / "again.keras", force=True)
    except Unsupported:
        return {}
    model = sys.modules[KERAS_3].models.load_model(path, compile=False)
    outputs = model(feeds if len(feeds) > 1 else feeds[0], training=False)
    return {"exported": [np.asarray(y) for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]}


def _differences(names: list[str], made: list[Any], expected: list[np.ndarray], scale: float) -> list[str]:
    faults = []
    for name, got, want in zip(names, made, expected, strict=True):
        if got.dtype != want.dtype or got.shape != want.shape:
            faults.append(f"{name} is {got.dtype} {got.shape} instead of {want.dtype} {want.shape}")
            continue
        error = float(np.abs(got - want).max(initial=0))
        if not error <= RELATIVE * scale:
            faults.append(f"{name} is off by {error:.3g}, the numbers within by up to {scale:.3g}")
    return faults


def _scale(graph: Any, feeds: dict[str, np.ndarray]) -> float:
    """The largest number of float32 on the way: errors are measured by it."""
    values = trace(widen(graph), feeds).values()
    floats = (np.abs(v[np.isfinite(v)]) for v in values if isinstance(v, np.ndarray) and v.dtype.kind == "f" and v.size)
    return max((float(v[v < 1e6].max(initial=0)) for v in floats), default=1.0)


def main(arguments: list[str]) -> int:
    """How many models disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--keras", default="keras", choices=("keras", "tf_keras"))
    parser.add_argument("--show", action="store_true", help="print the layers of each model")
    options = parser.parse_args(arguments)
    if options.keras == "tf_keras":
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
    warnings.simplefilter("ignore")
    importlib.import_module(KERAS_3)
    keras = importlib.import_module(options.keras)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(options.first, options.first + options.count):
            try:
                if options.show:
                    drawn(keras, seed)[0].summary()
                faults = check(keras, seed, Path(temporary))
            except Exception:
                faults = [traceback.format_exc(limit=-3)]
            failed += bool(faults)
            for fault in faults:
                print(f"seed {seed}: {fault}", flush=True)
    print(f"{failed} of {options.count} models from seed {options.first} disagree", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
