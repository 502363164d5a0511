"""Pooling: one value for each window, or for each image."""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import lowest
from interchange.ops._shapes import Array, shape_rule
from interchange.ops._spatial import (
    channels_last,
    from_channels_last,
    in_layout,
    output_sizes,
    pad_spatial,
    resolve_pads,
    tap,
    window,
)


def _pool_geometry(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides):
    """(pads, overhang, output sizes, strides, dilations) of a pool over channels-last `x`.

    `overhang` is what `ceil_mode` lets the last window need beyond the padding at the end.
    """
    rank = x.ndim - 2
    if len(kernel_shape) != rank:
        raise ValueError(f"kernel_shape {tuple(kernel_shape)} does not fit the shape {x.shape}")
    strides, dilations = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
    extent = window(kernel_shape, dilations)
    places = x.shape[1:-1]
    pads = resolve_pads(places, extent, strides, auto_pad, pads)
    ceil_mode = bool(ceil_mode) and auto_pad in ("NOTSET", "")
    sizes = output_sizes(places, extent, strides, pads, ceil_mode=ceil_mode)
    overhang = tuple(
        (0, max((n - 1) * s + k - (place + begin + end), 0))
        for n, s, k, place, (begin, end) in zip(sizes, strides, extent, places, pads, strict=True)
    )
    return pads, overhang, sizes, strides, dilations


def _pool_shape(
    x,
    *,
    kernel_shape,
    auto_pad="NOTSET",
    ceil_mode=0,
    dilations=None,
    pads=None,
    strides=None,
    layout="NCHW",
    **_,
):
    x = channels_last(x, layout)
    _, _, sizes, _, _ = _pool_geometry(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    return in_layout((x.shape[0], *sizes, x.shape[-1]), layout)


def _global_shape(x, *, layout="NCHW", **_):
    x = channels_last(x, layout)
    return in_layout((x.shape[0], *(1 for _ in x.shape[1:-1]), x.shape[-1]), layout)


@shape_rule(_pool_shape)
def MaxPool(
    x,
    *,
    kernel_shape,
    auto_pad="NOTSET",
    ceil_mode=0,
    dilations=None,
    pads=None,
    storage_order=0,
    strides=None,
    layout="NCHW",
) -> tuple[Array, Array]:
    """The largest value of each window, and where it is: an index into the flattened channels-first input.

    `storage_order` 1 counts the spatial dimensions column by column.
    """
    x = channels_last(x, layout)
    batch, *places, channels = x.shape
    pads, overhang, sizes, strides, dilations = _pool_geometry(
        x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides
    )
    positions = np.arange(np.prod(places)).reshape(places, order="F" if storage_order else "C")[None, ..., None]
    positions = pad_spatial(pad_spatial(positions, pads, -1), overhang, -1)
    x = pad_spatial(pad_spatial(x, pads, lowest(x.dtype)), overhang, lowest(x.dtype))
    y = np.full((batch, *sizes, channels), lowest(x.dtype), x.dtype)
    where = np.full(y.shape, -1)
    for at in np.ndindex(*kernel_shape):
        seen, position = (tap(each, at, sizes, strides, dilations) for each in (x, positions))
        where = np.where((seen > y) | (where < 0), position, where)
        y = np.maximum(y, seen)
    images = np.arange(batch * channels).reshape(batch, *(1 for _ in sizes), channels)
    where = where + images * int(np.prod(places))
    return from_channels_last(y, layout), from_channels_last(where, layout)


@shape_rule(_pool_shape)
def AveragePool(
    x,
    *,
    kernel_shape,
    auto_pad="NOTSET",
    ceil_mode=0,
    count_include_pad=0,
    dilations=None,
    pads=None,
    strides=None,
    layout="NCHW",
):
    """The mean of each window; zeros of the padding count only if `count_include_pad` is 1."""
    x = channels_last(x, layout)
    pads, overhang, sizes, strides, dilations = _pool_geometry(
        x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides
    )
    ones = pad_spatial(np.ones((1, *x.shape[1:-1], 1), x.dtype), pads, count_include_pad)
    ones, x = pad_spatial(ones, overhang), pad_spatial(pad_spatial(x, pads), overhang)
    total = np.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    count = np.zeros((1, *sizes, 1), x.dtype)
    for at in np.ndindex(*kernel_shape):
        total += tap(x, at, sizes, strides, dilations)
        count += tap(ones, at, sizes, strides, dilations)
    return from_channels_last(total / count, layout)


@shape_rule(_pool_shape)
def LpPool(
    x, *, kernel_shape, auto_pad="NOTSET", ceil_mode=0, dilations=None, p=2, pads=None, strides=None, layout="NCHW"
):
    """The p-norm of each window: the p-th root of the sum of |x|^p."""
    x = channels_last(x, layout)
    pads, overhang, sizes, strides, dilations = _pool_geometry(
        x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides
    )
    powers = pad_spatial(pad_spatial(np.abs(x) ** p, pads), overhang)
    total = np.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    for at in np.ndindex(*kernel_shape):
        total += tap(powers, at, sizes, strides, dilations)
    return from_channels_last((total ** (1 / p)).astype(x.dtype), layout)


@shape_rule(_global_shape)
def GlobalAveragePool(x, *, layout="NCHW"):
    """The mean over all spatial dimensions, which become 1."""
    x = channels_last(x, layout)
    return from_channels_last(x.mean(tuple(range(1, x.ndim - 1)), keepdims=True), layout)


@shape_rule(_global_shape)
def GlobalMaxPool(x, *, layout="NCHW"):
    """The largest value over all spatial dimensions, which become 1."""
    x = channels_last(x, layout)
    return from_channels_last(x.max(tuple(range(1, x.ndim - 1)), keepdims=True), layout)


@shape_rule(_global_shape)
def GlobalLpPool(x, *, p=2, layout="NCHW"):
    """The p-norm over all spatial dimensions, which become 1."""
    x = channels_last(x, layout)
    total = (np.abs(x) ** p).sum(tuple(range(1, x.ndim - 1)), keepdims=True)
    return from_channels_last((total ** (1 / p)).astype(x.dtype), layout)


def _unpooled(x, kernel_shape, pads, strides):
    """The spatial sizes before the pooling."""
    rank = len(kernel_shape)
    pads, strides = pads or (0,) * (2 * rank), strides or (1,) * rank
    return tuple((n - 1) * strides[i] - pads[i] - pads[rank + i] + kernel_shape[i] for i, n in enumerate(x.shape[2:]))


def MaxUnpool(x, i, output_shape=None, *, kernel_shape, pads=None, strides=None):
    """The values of a MaxPool where they came from, which its second output says, and 0 elsewhere."""
    y = np.zeros((*x.shape[:2], *_unpooled(x, kernel_shape, pads, strides)), x.dtype)
    y.reshape(-1)[i.ravel()] = x.ravel()
    if output_shape is None:
        return y
    more = [(0, int(want) - have) for want, have in zip(output_shape, y.shape, strict=True)]
    return np.pad(y, more)
