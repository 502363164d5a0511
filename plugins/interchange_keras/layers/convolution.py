"""Convolutions. Kernels enter the graph byte for byte with channels last; depthwise ones are reshaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Ints, Layer, LayerFunction, weights
from interchange_keras.layers.spatial import channels, dimensions, layout, padding, per_dimension, unless_one


@weights("kernel", "bias:use_bias")
def conv(
    layer: Layer,
    x: str,
    *,
    filters: int,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1,),
    groups: int = 1,
    activation: Any = "linear",
    use_bias: bool = True,
) -> str:
    n, order = dimensions(layer, x), layout(layer, data_format)
    size = per_dimension(layer, kernel_size, n, "kernel_size")
    depth = channels(layer, x, order)
    if groups < 1 or depth % groups or filters % groups:
        layer.reject(f"{depth} channels and {filters} filters do not fit {groups} groups")
    kernel = layer.array("kernel", (*size, depth // groups, filters))
    bias = layer.weight("bias", (filters,)) if use_bias else None
    y = _convolve(layer, x, kernel, "kernel", bias, order, groups, strides, padding, dilation_rate)
    return layer.activation(y, activation)


@weights("kernel", "bias:use_bias")
def depthwise_conv(
    layer: Layer,
    x: str,
    *,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    depth_multiplier: int = 1,
    data_format: str | None = None,
    dilation_rate: Ints = (1,),
    groups: int = 1,
    activation: Any = "linear",
    use_bias: bool = True,
) -> str:
    order = layout(layer, data_format)
    bias = layer.weight("bias", (channels(layer, x, order) * depth_multiplier,)) if use_bias else None
    y = _depthwise(layer, x, "kernel", bias, order, kernel_size, depth_multiplier, strides, padding, dilation_rate)
    return layer.activation(y, activation)


@weights("depthwise_kernel", "pointwise_kernel", "bias:use_bias")
def separable_conv(
    layer: Layer,
    x: str,
    *,
    filters: int,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1,),
    depth_multiplier: int = 1,
    groups: int = 1,
    activation: Any = "linear",
    use_bias: bool = True,
) -> str:
    n, order = dimensions(layer, x), layout(layer, data_format)
    between = channels(layer, x, order) * depth_multiplier
    y = _depthwise(
        layer, x, "depthwise_kernel", None, order, kernel_size, depth_multiplier, strides, padding, dilation_rate
    )
    pointwise = layer.array("pointwise_kernel", (*[1] * n, between, filters))
    bias = layer.weight("bias", (filters,)) if use_bias else None
    y = _convolve(layer, y, pointwise, "pointwise_kernel", bias, order, 1, (1,), "valid", (1,))
    return layer.activation(y, activation)


def _depthwise(
    layer: Layer,
    x: str,
    name: str,
    bias: str | None,
    order: str,
    kernel_size: Ints,
    multiplier: int,
    strides: Ints,
    pad: str,
    dilation_rate: Ints,
) -> str:
    """The kernel (*size, in, multiplier) is that of a convolution with a group for each channel, once reshaped.

    Keras on Theano turns it before Theano does, so it is a cross-correlation there, too.
    """
    size = per_dimension(layer, kernel_size, dimensions(layer, x), "kernel_size")
    depth = channels(layer, x, order)
    kernel = layer.array(name, (*size, depth, multiplier)).reshape(*size, 1, depth * multiplier)
    return _convolve(layer, x, kernel, name, bias, order, depth, strides, pad, dilation_rate, flips=False)


def _convolve(
    layer: Layer,
    x: str,
    kernel: Array,
    name: str,
    bias: str | None,
    order: str,
    group: int,
    strides: Ints,
    pad: str,
    dilation_rate: Ints,
    *,
    flips: bool = True,
) -> str:
    n = dimensions(layer, x)
    steps = per_dimension(layer, strides, n, "strides")
    dilations = per_dimension(layer, dilation_rate, n, "dilation_rate")
    if flips and eras.FLIPS_KERNELS.get(layer.backend):
        kernel = np.ascontiguousarray(np.flip(kernel, tuple(range(n))))
    if order == "NCHW":
        kernel = np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1)))
    attributes: dict[str, Any] = dict(unless_one(strides=steps, dilations=dilations))
    if group != 1:
        attributes["group"] = group
    attributes |= padding(layer, pad, kernel.shape[2:] if order == "NCHW" else kernel.shape[:-2], dilations)
    if name == "depthwise_kernel" and "pads" in attributes and pad == "same":
        attributes["pads"] = attributes["pads"][:n] * 2  # Theano: what an even kernel makes too much is left there
    inputs = [x, layer.constant(name, kernel), *([bias] if bias else [])]
    return layer.add("Conv", *inputs, layout=order, **attributes)


LAYERS: Mapping[str, LayerFunction] = {
    "Conv1D": conv,
    "Conv2D": conv,
    "Conv3D": conv,
    "DepthwiseConv1D": depthwise_conv,
    "DepthwiseConv2D": depthwise_conv,
    "SeparableConv1D": separable_conv,
    "SeparableConv2D": separable_conv,
}
