"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import dtype_of
from interchange_keras import eras
from interchange_keras.layer import Ints, Layer, LayerFunction, weights
from interchange_keras.options import array_of


@weights(
    *("gamma:scale", "beta:center", "~moving_mean", "~moving_variance"),
    *("~moving_stddev:renorm", "~renorm_mean:renorm", "~renorm_stddev:renorm"),
)
def batch_normalization(
    layer: Layer,
    x: str,
    *,
    axis: Ints = (-1,),
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    momentum: float = 0.99,
    synchronized: bool = False,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: Any = None,
    fused: Any = None,
    virtual_batch_size: Any = None,
    mode: int = 0,
) -> str:
    """Keras 1 called the variance `running_std`, which it was only at first (`eras.keeps_deviation`). Training alone is
    renormalised."""
    if renorm:
        for name in ("moving_stddev", "renorm_mean", "renorm_stddev"):
            layer.array(name)
    if virtual_batch_size is not None:
        layer.refuse(f"virtual_batch_size is {virtual_batch_size}")
    if mode:
        return _of_data_at_hand(layer, x, axis, epsilon, mode)
    rank, axes = layer.rank(x), layer.axes(x, axis)
    if len(axes) != 1:
        return _batch_normalization_of_axes(layer, x, axes, epsilon, center, scale)
    at = axes[0]
    size = layer.shape(x)[at]
    mean, variance = layer.weight("moving_mean", (size,)), layer.weight("moving_variance", (size,))
    depth = layer.array("moving_mean").shape
    gamma = layer.weight("gamma", depth) if scale else layer.constant("gamma", np.ones(depth, np.float32))
    beta = layer.weight("beta", depth) if center else layer.constant("beta", np.zeros(depth, np.float32))
    inputs = [gamma, beta, mean, variance]
    if at in (1, rank - 1):
        order = "NHWC" if at == rank - 1 else "NCHW"
        return layer.add("BatchNormalization", x, *inputs, epsilon=epsilon, layout=order)
    last = [*(i for i in range(rank) if i != at), at]
    y = layer.add("BatchNormalization", layer.add("Transpose", x, perm=last), *inputs, epsilon=epsilon, layout="NHWC")
    return layer.add("Transpose", y, perm=[last.index(i) for i in range(rank)])


def _of_data_at_hand(layer: Layer, x: str, axis: Ints, epsilon: float, mode: int) -> str:
    """Keras 1. Mode 1 normalises each sample along its last axis, by √(variance + ε) + ε (√variance + ε before 1.0.5);
    mode 2 each feature, with the statistics of the batch at hand even at inference, by √(variance + ε), before 1.0.6
    + ε, too. The trained statistics are in the file and never used."""
    rank, axes = layer.rank(x), layer.axes(x, axis)
    if mode not in (1, 2) or len(axes) != 1 or (mode == 1 and axes != [rank - 1]):
        layer.refuse(f"mode is {mode}, axis {list(axis)}")
    layer.used.update(("moving_mean", "moving_variance"))
    over = [rank - 1] if mode == 1 else [i for i in range(rank) if i != axes[0]]
    centred = layer.add("Sub", x, layer.add("ReduceMean", x, over))
    variance = _variance(layer, centred, over)
    if mode == 2 or not (1, 0, 0) <= layer.version < (1, 0, 5):
        variance = layer.add("Add", variance, epsilon)
    deviation = layer.add("Sqrt", variance)
    if mode == 1 or eras.keeps_deviation(layer.version):
        deviation = layer.add("Add", deviation, epsilon)
    return _scaled(layer, layer.add("Div", centred, deviation), axes, "gamma", "beta")


def _batch_normalization_of_axes(
    layer: Layer, x: str, axes: list[int], epsilon: float, center: bool, scale: bool
) -> str:
    """Keras 2 can keep statistics for several axes; their weights have the shape of the input, 1 elsewhere."""
    shape = [size if i in axes else 1 for i, size in enumerate(layer.shape(x))]
    x = layer.add("Sub", x, layer.weight("moving_mean", shape))
    deviation = np.sqrt(layer.array("moving_variance", shape) + np.float32(epsilon))
    factor = layer.array("gamma", shape) / deviation if scale else 1 / deviation
    y = layer.add("Mul", x, layer.constant("factor", factor.astype(np.float32)))
    return layer.add("Add", y, layer.weight("beta", shape)) if center else y


@weights("~mean:!mean", "~variance:!mean", "~count:!mean")
def normalization(
    layer: Layer,
    x: str,
    *,
    axis: Ints | None = (-1,),
    invert: bool = False,
    mean: Any = None,
    variance: Any = None,
) -> str:
    """(x - mean) / √variance, with what `adapt` has found or the constructor was given."""
    axes = layer.axes(x, axis) if axis else []
    shape = [size if i in axes else 1 for i, size in enumerate(layer.shape(x))]
    if None in shape:
        layer.refuse("the size of an axis that it normalises is not known")
    if mean is None:
        layer.array("count")
        mean, variance = layer.array("mean"), layer.array("variance")
    sizes = [1 if size is None else size for size in shape]
    dtype = dtype_of(layer.compute_dtype)
    # Keras rounds what is given to float32, then to the dtype it computes in; 1e-7 is 0 in some
    means, variances = (array_of(a, np.float32).astype(dtype) for a in (mean, variance))
    means = np.broadcast_to(means, sizes) if means.ndim == 0 else means.reshape(sizes)
    deviation, least = np.sqrt(variances), eras.least_deviation(layer.version)
    if least is None:
        if (deviation < 1e-7).any():
            why = "a variance of 0, by which TensorFlow 2.3 divided and 2.4 did not; the file is of either"
            layer.refuse(why, eras.ask_tensorflow(layer.version))
        least = 1e-7
    deviation = np.maximum(deviation, np.asarray(least, dtype))
    deviation = np.broadcast_to(deviation, sizes) if deviation.ndim == 0 else deviation.reshape(sizes)
    x = layer.cast(x, layer.compute_dtype)
    mean_name, deviation_name = layer.constant("mean", means), layer.constant("deviation", deviation)
    if invert:
        return layer.add("Add", mean_name, layer.add("Mul", x, deviation_name))
    return layer.add("Div", layer.add("Sub", x, mean_name), deviation_name)


def unit_normalization(layer: Layer, x: str, *, axis: Ints = (-1,)) -> str:
    """x / √(max(sum of x², ε)); ε is 1e-12, since Keras 3.6 its square."""
    least = eras.least_square(layer.version)
    squares = layer.add("Max", layer.add("ReduceSumSquare", x, layer.axes(x, axis)), least)
    return layer.add("Div", x, layer.add("Sqrt", squares))


# --- statistics of the data at hand ---------------------------------------------------------------------------------


def _scaled(layer: Layer, y: str, axes: list[int], scale: str | None, offset: str | None) -> str:
    """y * scale + offset, the weights having the sizes of those axes in their order."""
    shape = [layer.shape(y)[axis] if axis in axes else 1 for axis in range(layer.rank(y))][min(axes) :]
    for op, name in (("Mul", scale), ("Add", offset)):
        if name is not None:
            array = layer.array(name, [layer.shape(y)[axis] for axis in axes])
            ordered = array.transpose(np.argsort(axes)) if axes != sorted(axes) else array
            y = layer.add(op, y, layer.constant(name, ordered.reshape([-1 if s is None else s for s in shape])))
    return y


def _variance(layer: Layer, centred: str, axes: list[int]) -> str:
    return layer.add("ReduceMean", layer.add("Mul", centred, centred), axes)


@weights("gamma:scale", "beta:center&!rms_scaling")
def layer_normalization(
    layer: Layer,
    x: str,
    *,
    axis: Ints = (-1,),
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    rms_scaling: bool = False,
) -> str:
    """With `rms_scaling` x / √(variance + epsilon) * gamma: not centred, though divided by the deviation."""
    axes, rank = layer.axes(x, axis), layer.rank(x)
    if rms_scaling:
        deviation = layer.add("Sqrt", layer.add("Add", _variance_of(layer, x, axes), epsilon))
        return _scaled(layer, layer.add("Div", x, deviation), axes, "gamma" if scale else None, None)
    if axes == list(range(axes[0], rank)) and None not in (sizes := [layer.shape(x)[a] for a in axes]):
        gamma = layer.weight("gamma", sizes) if scale else layer.constant("gamma", np.ones(_known(sizes), np.float32))
        inputs = [gamma, *([layer.weight("beta", sizes)] if center else [])]
        return layer.add("LayerNormalization", x, *inputs, axis=axes[0] - rank, epsilon=epsilon)
    centred = layer.add("Sub", x, layer.add("ReduceMean", x, axes))
    deviation = layer.add("Sqrt", layer.add("Add", _variance(layer, centred, axes), epsilon))
    y = layer.add("Div", centred, deviation)
    return _scaled(layer, y, axes, "gamma" if scale else None, "beta" if center else None)


def _variance_of(layer: Layer, x: str, axes: list[int]) -> str:
    return _variance(layer, layer.add("Sub", x, layer.add("ReduceMean", x, axes)), axes)


def _known(sizes: Sequence[int | None]) -> list[int]:
    return [size for size in sizes if size is not None]


@weights("gamma:scale", "beta:center")
def group_normalization(
    layer: Layer,
    x: str,
    *,
    groups: int = 32,
    axis: Ints = (-1,),
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
) -> str:
    """-1 groups are as many as channels."""
    (at,), rank = layer.axes(x, axis), layer.rank(x)
    size = layer.shape(x)[at]
    if size is None:
        layer.refuse("the number of channels of its input is not known")
    groups = size if groups == -1 else groups
    if groups < 1 or size % groups:
        layer.reject(f"{size} channels in {groups} groups")
    gamma = layer.weight("gamma", (size,)) if scale else layer.constant("gamma", np.ones(size, np.float32))
    beta = layer.weight("beta", (size,)) if center else layer.constant("beta", np.zeros(size, np.float32))
    options: dict[str, Any] = {"num_groups": groups, "epsilon": epsilon}
    if rank == 2:  # ONNX wants a place for the channels
        y = layer.add("Unsqueeze", x, [1])
        y = layer.add("GroupNormalization", y, gamma, beta, layout="NHWC", **options)
        return layer.add("Squeeze", y, [1])
    if at in (1, rank - 1):
        order = "NHWC" if at == rank - 1 else "NCHW"
        return layer.add("GroupNormalization", x, gamma, beta, layout=order, **options)
    last = [*(i for i in range(rank) if i != at), at]
    y = layer.add("Transpose", x, perm=last)
    y = layer.add("GroupNormalization", y, gamma, beta, layout="NHWC", **options)
    return layer.add("Transpose", y, perm=[last.index(i) for i in range(rank)])


@weights("scale")
def rms_normalization(layer: Layer, x: str, *, axis: Ints = (-1,), epsilon: float | None = None) -> str:
    axes, rank = layer.axes(x, axis), layer.rank(x)
    epsilon = 1e-7 if epsilon is None else epsilon
    sizes = [layer.shape(x)[a] for a in axes]
    if axes == list(range(axes[0], rank)):
        return layer.add("RMSNormalization", x, layer.weight("scale", sizes), axis=axes[0] - rank, epsilon=epsilon)
    root = layer.add("Sqrt", layer.add("Add", _variance(layer, x, axes), epsilon))
    return _scaled(layer, layer.add("Div", x, root), axes, "scale", None)


LAYERS: Mapping[str, LayerFunction] = {
    "BatchNormalization": batch_normalization,
    "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
    "Normalization": normalization,
    "RMSNormalization": rms_normalization,
    "UnitNormalization": unit_normalization,
}
