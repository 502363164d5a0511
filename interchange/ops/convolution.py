"""Convolutions."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import shape_rule
from interchange.ops._spatial import (
    channels_last,
    from_channels_last,
    kernel_hwio,
    output_sizes,
    pad_spatial,
    resolve_pads,
    tap,
    window,
)


def _conv_geometry(x, w, auto_pad, dilations, pads, strides):
    """Pads, output sizes, strides and dilations of a convolution of channels-last `x` with the HWIO kernel `w`."""
    rank = x.ndim - 2
    strides, dilations = strides or (1,) * rank, dilations or (1,) * rank
    extent = window(w.shape[:-2], dilations)
    pads = resolve_pads(x.shape[1:-1], extent, strides, auto_pad, pads)
    return pads, output_sizes(x.shape[1:-1], extent, strides, pads), strides, dilations


def _conv_shape(
    x, w, b=None, *, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None, pads=None, strides=None, layout="NCHW"
):
    x, w = channels_last(x, layout), kernel_hwio(w, layout)
    _, sizes, _, _ = _conv_geometry(x, w, auto_pad, dilations, pads, strides)
    return (x.shape[0], *sizes, w.shape[-1]) if layout == "NHWC" else (x.shape[0], w.shape[-1], *sizes)


@shape_rule(_conv_shape)
def Conv(
    x, w, b=None, *, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None, pads=None, strides=None, layout="NCHW"
):
    """Slides the kernel over the input (cross-correlation): each output is the dot product of a window and a filter.

    `w` is (out, in / group, *kernel), or (*kernel, in / group, out) with layout "NHWC".
    """
    x, w = channels_last(x, layout), kernel_hwio(w, layout)
    if x.shape[-1] != w.shape[-2] * group or w.shape[-1] % group:
        raise ValueError(f"{x.shape[-1]} channels do not fit the kernel {w.shape} in {group} group(s)")
    pads, sizes, strides, dilations = _conv_geometry(x, w, auto_pad, dilations, pads, strides)
    x = pad_spatial(x, pads)
    taps = [(tap(x, at, sizes, strides, dilations), w[at]) for at in np.ndindex(*w.shape[:-2])]
    per_group = w.shape[-1] // group
    if w.shape[-2] == 1 and group > 1:  # depthwise: no sum over channels
        y = sum(np.repeat(seen, per_group, axis=-1) * weights[0] for seen, weights in taps)
    else:
        kernels = np.split(np.concatenate([weights for _, weights in taps]), group, axis=-1)
        channels = [np.split(seen, group, axis=-1) for seen, _ in taps]
        parts = [np.concatenate(seen, axis=-1) for seen in zip(*channels, strict=True)]
        y = np.concatenate([part @ kernel for part, kernel in zip(parts, kernels, strict=True)], axis=-1)
    return from_channels_last(y if b is None else y + b, layout)
