"""Pools whose output has a given size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interchange_keras.layer import Ints, Layer, LayerFunction
from interchange_keras.layers.spatial import dimensions, layout, per_dimension, spatial_axes


def adaptive_pool(layer: Layer, x: str, *, output_size: Ints, data_format: str | None = None) -> str:
    """Output i sees the inputs from ⌊i n / m⌋ to ⌈(i + 1) n / m⌉, one dimension after the other."""
    n, order = dimensions(layer, x), layout(layer, data_format)
    wanted = per_dimension(layer, output_size, n, "output_size")
    for axis, m in zip(spatial_axes(n, order), wanted, strict=True):
        x = pooled(layer, x, axis, m, maximum="Max" in layer.class_name)
    return x


def pooled(layer: Layer, x: str, axis: int, m: int, *, maximum: bool) -> str:
    """One dimension: each window gathered, the shorter ones filled up with their last entry, which counts nothing."""
    size = layer.shape(x)[axis]
    if size is None:
        layer.refuse("adaptive pooling along a dimension of unknown size")
    begins = np.arange(m) * size // m
    ends = -(-(np.arange(m) + 1) * size // m)
    width = int((ends - begins).max())
    layer.check_size(float(m) * width)
    indices = np.minimum(begins[:, None] + np.arange(width), ends[:, None] - 1)
    windows = layer.add("Gather", x, indices, axis=axis)
    if maximum:
        return layer.add("ReduceMax", windows, [axis + 1], keepdims=0)
    if (ends - begins == width).all():
        return layer.add("ReduceMean", windows, [axis + 1], keepdims=0)
    counts = (ends - begins)[:, None]
    shares = np.where(np.arange(width) < counts, 1 / counts, 0).astype(layer.dtype(x))
    shares = shares.reshape(m, width, *[1] * (layer.rank(x) - 1 - axis))
    return layer.add("ReduceSum", layer.add("Mul", windows, shares), [axis + 1], keepdims=0)


LAYERS: Mapping[str, LayerFunction] = {
    f"Adaptive{kind}Pooling{n}D": adaptive_pool for kind in ("Average", "Max") for n in (1, 2, 3)
}
