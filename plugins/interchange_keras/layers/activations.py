"""Every activation that Keras has had: as functions named in `activation=`, and as layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras import eras
from interchange_keras.layer import Ints, Layer, LayerFunction, weights

# --- functions ------------------------------------------------------------------------------------------------------


def linear(layer: Layer, x: str) -> str:
    return x


def relu(
    layer: Layer,
    x: str,
    *,
    negative_slope: float | None = 0.0,
    max_value: float | None = None,
    threshold: float | None = 0.0,
) -> str:
    """0 … max_value; up to the threshold, itself included, a line of that slope through (threshold, 0)."""
    slope, threshold = negative_slope or 0.0, threshold or 0.0
    if threshold == 0:
        y = layer.add("LeakyRelu", x, alpha=slope) if slope else layer.add("Relu", x)
    else:
        below = layer.add("Mul", layer.add("Sub", x, threshold), slope)
        y = layer.add("Where", layer.add("Greater", x, threshold), x, below)
    return y if max_value is None else layer.add("Min", y, max_value)


def relu6(layer: Layer, x: str) -> str:
    return layer.add("Clip", x, 0.0, 6.0)


def leaky_relu(layer: Layer, x: str, *, negative_slope: float = 0.2) -> str:
    return layer.add("LeakyRelu", x, alpha=negative_slope)


def elu(layer: Layer, x: str, *, alpha: float = 1.0) -> str:
    return layer.add("Elu", x, alpha=alpha)


def selu(layer: Layer, x: str) -> str:
    return layer.add("Selu", x)


def celu(layer: Layer, x: str, *, alpha: float = 1.0) -> str:
    return layer.add("Celu", x, alpha=alpha)


def crelu(layer: Layer, x: str) -> str:
    return layer.add("Concat", layer.add("Relu", x), layer.add("Relu", layer.add("Neg", x)), axis=-1)


def gelu(layer: Layer, x: str, *, approximate: bool = False) -> str:
    return layer.add("Gelu", x, approximate="tanh" if approximate else "none")


def silu(layer: Layer, x: str) -> str:
    return layer.add("Mul", x, layer.add("Sigmoid", x))


def mish(layer: Layer, x: str) -> str:
    return layer.add("Mish", x)


def sigmoid(layer: Layer, x: str) -> str:
    return layer.add("Sigmoid", x)


def hard_sigmoid(layer: Layer, x: str, *, slope: float = 1 / 6) -> str:
    """clip(slope * x + 0.5, 0, 1); the slope was 0.2 before Keras 3."""
    return layer.add("HardSigmoid", x, alpha=slope, beta=0.5)


def hard_silu(layer: Layer, x: str) -> str:
    return layer.add("Mul", x, hard_sigmoid(layer, x))


def log_sigmoid(layer: Layer, x: str) -> str:
    return layer.add("Neg", layer.add("Softplus", layer.add("Neg", x)))


def tanh(layer: Layer, x: str) -> str:
    return layer.add("Tanh", x)


def hard_tanh(layer: Layer, x: str) -> str:
    return layer.add("Clip", x, -1.0, 1.0)


def tanh_shrink(layer: Layer, x: str) -> str:
    return layer.add("Sub", x, layer.add("Tanh", x))


def hard_shrink(layer: Layer, x: str, *, threshold: float = 0.5) -> str:
    return layer.add("Shrink", x, lambd=threshold, bias=0.0)


def soft_shrink(layer: Layer, x: str, *, threshold: float = 0.5) -> str:
    return layer.add("Shrink", x, lambd=threshold, bias=threshold)


def threshold(layer: Layer, x: str, *, threshold: float, default_value: float) -> str:
    """x above the threshold, else the default."""
    return layer.add("Where", layer.add("Greater", x, threshold), x, default_value)


def exponential(layer: Layer, x: str) -> str:
    return layer.add("Exp", x)


def softplus(layer: Layer, x: str) -> str:
    return layer.add("Softplus", x)


def softsign(layer: Layer, x: str) -> str:
    return layer.add("Softsign", x)


def squareplus(layer: Layer, x: str, *, b: float = 4.0) -> str:
    """(x + √(x² + b)) / 2"""
    root = layer.add("Sqrt", layer.add("Add", layer.add("Mul", x, x), b))
    return layer.add("Mul", layer.add("Add", x, root), 0.5)


def sparse_plus(layer: Layer, x: str) -> str:
    """0 up to -1, (x + 1)² / 4 up to 1, x from there on."""
    clipped = layer.add("Add", layer.add("Clip", x, -1.0, 1.0), 1.0)
    curve = layer.add("Mul", layer.add("Mul", clipped, clipped), 0.25)
    return layer.add("Where", layer.add("Less", x, 1.0), curve, x)


def sparse_sigmoid(layer: Layer, x: str) -> str:
    return layer.add("HardSigmoid", x, alpha=0.5, beta=0.5)


def softmax(layer: Layer, x: str, *, axis: Ints = (-1,)) -> str:
    axes = layer.axes(x, axis)
    if len(axis) == 1:
        return layer.add("Softmax", x, axis=axis[0])
    shifted = layer.add("Sub", x, layer.add("ReduceMax", x, axes))
    powers = layer.add("Exp", shifted)
    return layer.add("Div", powers, layer.add("ReduceSum", powers, axes))


def log_softmax(layer: Layer, x: str, *, axis: int = -1) -> str:
    layer.axes(x, [axis])
    return layer.add("LogSoftmax", x, axis=axis)


def glu(layer: Layer, x: str, *, axis: int = -1) -> str:
    """The first half times the sigmoid of the second."""
    first, second = layer.add_many("Split", x, outputs=2, axis=axis, num_outputs=2)
    return layer.add("Mul", first, layer.add("Sigmoid", second))


def sparsemax(layer: Layer, x: str, *, axis: int = -1) -> str:
    """max(x - τ, 0) as Keras 3 computes it: its τ adds up the cumulative sums over the support.

    (That is not the sparsemax of Martins and Astudillo, whose τ takes the last of these sums, and the result does not
    add up to 1. But the model was trained with it.)
    """
    (axis,) = layer.axes(x, [axis])
    size = layer.shape(x)[axis]
    if size is None:
        layer.refuse("sparsemax along a dimension of unknown size")
    ranks = np.arange(1, size + 1, dtype=np.float32).reshape([-1] + [1] * (layer.rank(x) - 1 - axis))
    sorted_x, _ = layer.add_many("TopK", x, [size], outputs=2, axis=axis)
    sums = layer.add("CumSum", sorted_x, np.int64(axis))
    means = layer.add("Div", layer.add("Sub", sums, 1.0), ranks)
    support = layer.add("Greater", sorted_x, means)
    count = layer.add("ReduceSum", layer.add("Cast", support, to="float32"), [axis])
    total = layer.add("ReduceSum", layer.add("Where", support, sums, 0.0), [axis])
    tau = layer.add("Div", layer.add("Sub", total, 1.0), count)
    return layer.add("Relu", layer.add("Sub", x, tau))


def l2_normalized(layer: Layer, x: str) -> str:
    """x / √(the sum of all x²), all samples together: what tf.nn.l2_normalize does if nobody names an axis."""
    squares = layer.add("ReduceSumSquare", x)
    return layer.add("Div", x, layer.add("Sqrt", layer.add("Max", squares, 1e-12)))


ACTIVATIONS: Mapping[str, LayerFunction] = {
    "celu": celu,
    "crelu": crelu,
    "crelu_v2": crelu,  # what functions of TensorFlow 2 call themselves
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": hard_tanh,
    "l2_normalize": l2_normalized,
    "l2_normalize_v2": l2_normalized,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "log_softmax_v2": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "swish": silu,
    "tanh": tanh,
    "tanh_shrink": tanh_shrink,
    "threshold": threshold,
}

# --- layers ---------------------------------------------------------------------------------------------------------


def activation(layer: Layer, x: str, *, activation: Any) -> str:
    return layer.activation(x, activation)


def leaky_relu_layer(layer: Layer, x: str, *, negative_slope: float = 0.3) -> str:
    return layer.add("LeakyRelu", x, alpha=negative_slope)


@weights("alpha")
def prelu(layer: Layer, x: str, *, shared_axes: Ints | None = None) -> str:
    """The slope has the shape of one sample, 1 along the shared axes."""
    return layer.add("PRelu", x, _per_feature(layer, x, "alpha", shared_axes))


def _per_feature(layer: Layer, x: str, name: str, shared_axes: Ints | None) -> str:
    """A weight of the shape of one sample, 1 along the shared axes. Keras 1 did not save which these are."""
    shape = [1 if axis in (shared_axes or ()) else size for axis, size in enumerate(layer.shape(x)) if axis > 0]
    if layer.version < (2,) and layer.has(name):
        stored = layer.array(name).shape
        if len(stored) == len(shape):
            shape = [1 if found == 1 else size for found, size in zip(stored, shape, strict=True)]
    return layer.weight(name, shape)


@weights("alphas", "betas")
def parametric_softplus(layer: Layer, x: str) -> str:
    """alphas * softplus(betas * x); Keras 1."""
    alphas, betas = (_per_feature(layer, x, name, None) for name in ("alphas", "betas"))
    return layer.add("Mul", layer.add("Softplus", layer.add("Mul", betas, x)), alphas)


@weights("t_left", "a_left", "t_right", "a_right")
def s_relu(layer: Layer, x: str) -> str:
    """Keras 1: x between two thresholds t, a line of slope a beyond each; the right one is t_left + |t_right|.

    Jin et al., "Deep Learning with S-shaped Rectified Linear Activation Units" (2015).
    """
    t_left, a_left, t_right, a_right = (
        _per_feature(layer, x, name, None) for name in ("t_left", "a_left", "t_right", "a_right")
    )
    width = layer.add("Abs", t_right)
    from_left = layer.add("Sub", x, t_left)
    below = layer.add("Mul", layer.add("Min", from_left, 0.0), a_left)
    between = layer.add("Min", layer.add("Relu", from_left), width)
    left = layer.add("Add", between, below)
    if eras.FLIPS_KERNELS.get(layer.backend):  # Theano's relu cuts off after the slope, which may be negative
        left = layer.add("Min", layer.add("Add", layer.add("Relu", from_left), below), width)
    above = layer.add("Mul", layer.add("Relu", layer.add("Sub", from_left, width)), a_right)
    return layer.add("Add", layer.add("Add", t_left, left), above)


def softmax_layer(layer: Layer, x: str, *, axis: Ints = (-1,)) -> str:
    """What a mask hides gets no share."""
    how, mask = eras.softmax_of_masked(layer.version), layer.mask
    if mask is None or how == "ignores":
        return softmax(layer, x, axis=axis)
    if not how:
        why = "a Softmax layer with a mask, which TensorFlow 2.3 ignored and 2.4 applied; the file is of either"
        layer.refuse(why, eras.ask_tensorflow(layer.version))
    if layer.rank(mask) < layer.rank(x):
        layer.refuse("a Softmax layer with a mask of fewer dimensions, which Keras itself cannot put over its input")
    mask = layer.cast(mask, "bool")
    y = softmax(layer, layer.add("Where", mask, x, hidden(layer)), axis=axis)
    return layer.add("Where", mask, y, 0.0) if how == "zeros" else y


def hidden(layer: Layer) -> float:
    """What a score becomes that does not count; all alike where none counts."""
    return -3e4 if layer.compute_dtype == "float16" else -1e9


def thresholded_relu(layer: Layer, x: str, *, theta: float = 1.0) -> str:
    return layer.add("ThresholdedRelu", x, alpha=theta)


LAYERS: Mapping[str, LayerFunction] = {
    "Activation": activation,
    "ELU": elu,
    "LeakyReLU": leaky_relu_layer,
    "PReLU": prelu,
    "ParametricSoftplus": parametric_softplus,
    "ReLU": relu,
    "SReLU": s_relu,
    "Softmax": softmax_layer,
    "ThresholdedReLU": thresholded_relu,
}
