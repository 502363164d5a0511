"""Pooling, and changes of size: padding, cropping, upsampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras import eras
from interchange_keras.layer import Ints, Layer, LayerFunction
from interchange_keras.layers.resizing import resized
from interchange_keras.layers.spatial import (
    cut_as_theano,
    dimensions,
    layout,
    padding,
    per_dimension,
    spatial_axes,
    unless_one,
)


def pool(
    layer: Layer,
    x: str,
    *,
    pool_size: Ints = (2,),
    strides: Ints | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> str:
    n = dimensions(layer, x)
    size = per_dimension(layer, pool_size, n, "pool_size")
    steps = per_dimension(layer, strides or pool_size, n, "strides")
    if padding in ("causal", "full"):
        layer.refuse(f"padding {padding!r} in a pool")
    order, op = layout(layer, data_format), "MaxPool" if layer.class_name.startswith("Max") else "AveragePool"
    attributes: dict[str, Any] = {"kernel_shape": size, "layout": order, **unless_one(strides=steps)}
    if padding != "same" or not eras.FLIPS_KERNELS.get(layer.backend):
        return layer.add(op, x, **attributes, **_padding(layer, padding, size))
    if op == "AveragePool" and n < 3 and eras.averages_padding(layer.version):
        attributes["count_include_pad"] = 1
    y = layer.add(op, x, **attributes, pads=_theano_pads(size) * 2)
    if n == 3 and eras.keeps_padded_volumes(layer.version):
        return y
    return cut_as_theano(layer, y, x, spatial_axes(n, order), steps)


def _padding(layer: Layer, name: str, size: list[int]) -> dict[str, Any]:
    return padding(layer, name, size, [1] * len(size))


def _theano_pads(size: list[int]) -> list[int]:
    """What Keras has Theano put at each side for "same"; some of what that makes is cut off."""
    return [k - 2 if k > 2 and k % 2 else k - 1 for k in size]


def global_pool(layer: Layer, x: str, *, data_format: str | None = None, keepdims: bool = False) -> str:
    axes = spatial_axes(dimensions(layer, x), layout(layer, data_format))
    if layer.class_name == "GlobalAveragePooling1D" and layer.mask is not None:
        return _masked_mean(layer, x, layer.mask, axes[0], keepdims=int(keepdims))
    return layer.add("ReduceMax" if "Max" in layer.class_name else "ReduceMean", x, axes, keepdims=int(keepdims))


def _masked_mean(layer: Layer, x: str, mask: str, axis: int, *, keepdims: int) -> str:
    """The mean of the steps that count; not a number where none does."""
    counts = layer.add("Unsqueeze", layer.add("Cast", mask, to=layer.dtype(x)), [3 - axis])
    total = layer.add("ReduceSum", layer.add("Mul", x, counts), [axis], keepdims=keepdims)
    return layer.add("Div", total, layer.add("ReduceSum", counts, [axis], keepdims=keepdims))


def zero_padding(layer: Layer, x: str, *, padding: Any = (1,), data_format: str | None = None) -> str:
    n = dimensions(layer, x)
    axes = spatial_axes(n, layout(layer, data_format))
    pairs = _pairs(layer, padding, n, "padding")
    pads = np.zeros((2, n + 2), np.int64)
    pads[:, axes] = np.array(pairs).T
    sizes = [float(s or 64) + b + e for s, b, e in zip(layer.shape(x)[1:], *pads[:, 1:].tolist(), strict=True)]
    layer.check_size(math.prod(sizes))
    return layer.add("Pad", x, pads.ravel())


def cropping(layer: Layer, x: str, *, cropping: Any = (1,), data_format: str | None = None) -> str:
    n = dimensions(layer, x)
    axes = spatial_axes(n, layout(layer, data_format))
    pairs = _pairs(layer, cropping, n, "cropping")
    ends = [-end if end else np.iinfo(np.int64).max for _, end in pairs]
    return layer.add("Slice", x, [begin for begin, _ in pairs], ends, axes)


def up_sampling(
    layer: Layer, x: str, *, size: Ints = (2,), data_format: str | None = None, interpolation: str = "nearest"
) -> str:
    n = dimensions(layer, x)
    axes = spatial_axes(n, layout(layer, data_format))
    factors = per_dimension(layer, size, n, "size")
    layer.check_size(math.prod([float(s or 64) for s in layer.shape(x)[1:]]) * math.prod(factors))
    if interpolation in ("nearest", "area"):  # each entry several times
        scales = np.ones(n + 2, np.float32)
        scales[axes] = factors
        mode = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return layer.add("Resize", x, None, scales, mode="nearest", **mode)
    if n == 2 and axes[0] == 2 and eras.misplaces_sizes(layer.version):
        layer.refuse("Keras 3.0 to 3.2 took the sizes of an interpolated picture with channels first from other axes")
    return resized(layer, x, axes, None, interpolation, factors=factors)


def _pairs(layer: Layer, value: Any, n: int, what: str) -> list[tuple[int, int]]:
    """(begin, end) for each spatial dimension, from any of the ways in which Keras writes it."""
    if isinstance(value, Mapping):  # Keras 1.1
        sides = (("top_pad", "bottom_pad"), ("left_pad", "right_pad"))[2 - n :]
        value = [[value.get(begin, 0), value.get(end, 0)] for begin, end in sides]
    if isinstance(value, int):
        value = [value] * n
    if not isinstance(value, (list, tuple)):
        layer.reject(f"{what} is {value!r}")
    if n == 2 and len(value) == 4:  # Keras 1.1
        value = [value[:2], value[2:]]
    if n == 1 and len(value) == 2 and all(isinstance(v, int) for v in value):
        value = [value]
    pairs = [(v, v) if isinstance(v, int) else tuple(v) if isinstance(v, (list, tuple)) else () for v in value]
    if len(pairs) != n or not all(
        len(p) == 2 and all(isinstance(v, int) and 0 <= v < 1 << 31 for v in p) for p in pairs
    ):
        layer.reject(f"{what} is {value!r}")
    return [(int(begin), int(end)) for begin, end in pairs]


LAYERS: Mapping[str, LayerFunction] = {
    **{f"{kind}Pooling{n}D": pool for kind in ("Max", "Average") for n in (1, 2, 3)},
    **{f"Global{kind}Pooling{n}D": global_pool for kind in ("Max", "Average") for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": zero_padding for n in (1, 2, 3)},
    **{f"Cropping{n}D": cropping for n in (1, 2, 3)},
    **{f"UpSampling{n}D": up_sampling for n in (1, 2, 3)},
}
