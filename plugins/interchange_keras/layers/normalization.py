"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Ints, Layer, LayerFunction, weights


@weights("gamma:scale", "beta:center", "~moving_mean", "~moving_variance")
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
    """Keras 1 called the variance `running_std`; it was the variance all the same."""
    if renorm:
        layer.refuse("renorm is true")
    if virtual_batch_size is not None:
        layer.refuse(f"virtual_batch_size is {virtual_batch_size}")
    if mode:
        layer.refuse(
            f"mode is {mode}: it normalises with the statistics of the data at hand, not with the trained ones"
        )
    rank, axes = layer.rank(x), layer.axes(x, axis)
    if len(axes) != 1:
        layer.refuse(f"axis is {list(axis)}")
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
    means = np.broadcast_to(np.asarray(mean, np.float32), [s for s in sizes if s != 1]) if np.ndim(mean) == 0 else mean
    means = np.asarray(means, np.float32).reshape(sizes)
    deviation = np.maximum(np.sqrt(np.asarray(variance, np.float32)), np.float32(1e-7))
    deviation = np.broadcast_to(deviation, sizes) if deviation.ndim == 0 else deviation.reshape(sizes)
    x = x if layer.dtype(x) == "float32" else layer.add("Cast", x, to="float32")
    mean_name, deviation_name = layer.constant("mean", means), layer.constant("deviation", deviation)
    if invert:
        return layer.add("Add", mean_name, layer.add("Mul", x, deviation_name))
    return layer.add("Div", layer.add("Sub", x, mean_name), deviation_name)


def unit_normalization(layer: Layer, x: str, *, axis: Ints = (-1,)) -> str:
    """x / √(max(sum of x², 1e-12))"""
    squares = layer.add("Max", layer.add("ReduceSumSquare", x, layer.axes(x, axis)), 1e-12)
    return layer.add("Div", x, layer.add("Sqrt", squares))


LAYERS: Mapping[str, LayerFunction] = {
    "BatchNormalization": batch_normalization,
    "Normalization": normalization,
    "UnitNormalization": unit_normalization,
}
