"""Convolutions."""

from __future__ import annotations

import math

import numpy as np

from interchange.ops._shapes import shape_rule
from interchange.ops._spatial import (
    channels_last,
    from_channels_last,
    in_layout,
    kernel_hwio,
    output_sizes,
    pad_spatial,
    resolve_pads,
    tap,
    transposed_geometry,
    window,
)


def _conv_geometry(x, w, group, auto_pad, dilations, kernel_shape, pads, strides):
    """Pads, output sizes, strides and dilations of a convolution of channels-last `x` with the HWIO kernel `w`."""
    rank = x.ndim - 2
    if x.shape[-1] != w.shape[-2] * group or w.shape[-1] % group or w.ndim != x.ndim:
        raise ValueError(f"{x.shape[-1]} channels do not fit the kernel {w.shape} in {group} group(s)")
    if kernel_shape and tuple(kernel_shape) != w.shape[:-2]:
        raise ValueError(f"kernel_shape {tuple(kernel_shape)} is not that of the kernel {w.shape}")
    strides, dilations = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
    extent = window(w.shape[:-2], dilations)
    pads = resolve_pads(x.shape[1:-1], extent, strides, auto_pad, pads)
    return pads, output_sizes(x.shape[1:-1], extent, strides, pads), strides, dilations


def _conv_shape(
    x,
    w,
    b=None,
    *,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    kernel_shape=None,
    pads=None,
    strides=None,
    layout="NCHW",
):
    x, w = channels_last(x, layout), kernel_hwio(w, layout)
    _, sizes, _, _ = _conv_geometry(x, w, group, auto_pad, dilations, kernel_shape, pads, strides)
    return in_layout((x.shape[0], *sizes, w.shape[-1]), layout)


def _conv(x, w, b, auto_pad, dilations, group, kernel_shape, pads, strides, layout):
    x, w = channels_last(x, layout), kernel_hwio(w, layout)
    pads, sizes, strides, dilations = _conv_geometry(x, w, group, auto_pad, dilations, kernel_shape, pads, strides)
    x = pad_spatial(x, pads)
    per_group = w.shape[-1] // group
    if w.shape[-2] == 1 and group > 1:  # depthwise: no sum over channels
        y = np.zeros((x.shape[0], *sizes, w.shape[-1]), x.dtype)
        for at in np.ndindex(*w.shape[:-2]):
            y += np.repeat(tap(x, at, sizes, strides, dilations), per_group, axis=-1) * w[at][0]
        return from_channels_last(y if b is None else y + b, layout)
    kernels = np.moveaxis(w.reshape(-1, w.shape[-2], group, per_group), 2, 0)  # (group, taps, in, out)
    columns = np.empty((group, math.prod(sizes), *kernels.shape[1:3]), x.dtype)
    y = np.empty((x.shape[0], *sizes, w.shape[-1]), x.dtype)
    for i in range(x.shape[0]):  # one by one: little memory, and a sample's result does not depend on its batch
        for t, at in enumerate(np.ndindex(*w.shape[:-2])):
            seen = tap(x[i : i + 1], at, sizes, strides, dilations)
            columns[:, :, t] = np.moveaxis(seen.reshape(columns.shape[1], group, -1), 1, 0)
        products = columns.reshape(*columns.shape[:2], -1) @ kernels.reshape(group, -1, per_group)
        y[i] = np.moveaxis(products, 0, 1).reshape(y.shape[1:])
    return from_channels_last(y if b is None else y + b, layout)


@shape_rule(_conv_shape)
def Conv(
    x,
    w,
    b=None,
    *,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    kernel_shape=None,
    pads=None,
    strides=None,
    layout="NCHW",
):
    """Slides the kernel over the input (cross-correlation): each output is the dot product of a window and a filter.

    `w` is (out, in / group, *kernel), or (*kernel, in / group, out) with layout "NHWC".
    """
    return _conv(x, w, b, auto_pad, dilations, group, kernel_shape, pads, strides, layout)


def _without_zero(x, zero_point):
    """x less its zero point, one number or one for each filter, in float64: sums of products of bytes are exact."""
    if zero_point is None:
        return x.astype(np.float64)
    return x.astype(np.float64) - zero_point.astype(np.float64).reshape(-1, *(1,) * (x.ndim - 1))


def ConvInteger(
    x,
    w,
    x_zero_point=None,
    w_zero_point=None,
    *,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    kernel_shape=None,
    pads=None,
    strides=None,
):
    """Conv of (x - its zero point) and (w - its zero point) in int32; w may have one for each filter."""
    x, w = _without_zero(x, x_zero_point), _without_zero(w, w_zero_point)
    y = _conv(x, w, None, auto_pad, dilations, group, kernel_shape, pads, strides, "NCHW")
    return y.astype(np.int64).astype(np.int32)


def QLinearConv(
    x,
    x_scale,
    x_zero_point,
    w,
    w_scale,
    w_zero_point,
    y_scale,
    y_zero_point,
    b=None,
    *,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    kernel_shape=None,
    pads=None,
    strides=None,
):
    """Conv of quantised values, quantised; w may have a scale for each filter; b is in steps of x_scale * w_scale."""
    x, w = _without_zero(x, x_zero_point), _without_zero(w, w_zero_point)
    y = _conv(x, w, None, auto_pad, dilations, group, kernel_shape, pads, strides, "NCHW")
    channels = (-1, *(1,) * (x.ndim - 2))
    y = y if b is None else y + b.reshape(channels)
    scale = (x_scale.astype(np.float64) * w_scale / y_scale).reshape(channels)
    limits = np.iinfo(y_zero_point.dtype)
    return np.clip(np.rint(y * scale) + y_zero_point, limits.min, limits.max).astype(y_zero_point.dtype)


def _conv_transpose_shape(
    x,
    w,
    b=None,
    *,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    kernel_shape=None,
    output_padding=None,
    output_shape=None,
    pads=None,
    strides=None,
    layout="NCHW",
):
    x, w = channels_last(x, layout), kernel_hwio(w, layout)
    _, sizes, _, _ = transposed_geometry(x, w, group, auto_pad, dilations, output_padding, output_shape, pads, strides)
    return in_layout((x.shape[0], *sizes, w.shape[-2] * group), layout)


@shape_rule(_conv_transpose_shape)
def ConvTranspose(
    x,
    w,
    b=None,
    *,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    kernel_shape=None,
    output_padding=None,
    output_shape=None,
    pads=None,
    strides=None,
    layout="NCHW",
):
    """The gradient of Conv: each input adds its multiple of the kernel to the window it stands for.

    `w` is (in, out / group, *kernel), or (*kernel, out / group, in) with layout "NHWC".
    """
    x, w = channels_last(x, layout), kernel_hwio(w, layout)
    begins, sizes, strides, dilations = transposed_geometry(
        x, w, group, auto_pad, dilations, output_padding, output_shape, pads, strides
    )
    places, reach = x.shape[1:-1], window(w.shape[:-2], dilations)
    canvas = (
        max(s * (n - 1) + k, begin + size)
        for s, n, k, begin, size in zip(strides, places, reach, begins, sizes, strict=True)
    )
    y = np.zeros((x.shape[0], *canvas, w.shape[-2] * group), x.dtype)
    kernels = np.moveaxis(w.reshape(*w.shape[:-1], group, -1), (-2, -1), (0, 1))  # (group, in, *kernel, out)
    kernels = kernels.reshape(group, kernels.shape[1], -1)
    for i in range(x.shape[0]):  # one by one: little memory, and a sample's result does not depend on its batch
        rows = np.moveaxis(x[i].reshape(-1, group, x.shape[-1] // group), 1, 0)
        parts = (rows @ kernels).reshape(group, *places, *w.shape[:-1])
        parts = np.moveaxis(parts, 0, -2).reshape(*places, *w.shape[:-2], -1)
        for at in np.ndindex(*w.shape[:-2]):
            tap(y[i : i + 1], at, places, strides, dilations)[...] += parts[(..., *at, slice(None))]
    inside = (slice(begin, begin + size) for begin, size in zip(begins, sizes, strict=True))
    y = y[(slice(None), *inside)]
    return from_channels_last(y if b is None else y + b, layout)
