"""Functions of `tf.image` between layers: pictures are (…, height, width, channels).

The arithmetic is that of TensorFlow 2 (tensorflow/python/ops/image_ops_impl.py) for pictures of floating-point numbers.
Those of integers are scaled by the range of their dtype on the way, and are refused where that matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.layers.resizing import resized, with_matrices
from interchange_keras.operations import arranging, shaping
from interchange_keras.operations.operands import Operand, floating, is_float, tensor, vector
from interchange_keras.options import integer

GREY = np.array([[0.2989], [0.587], [0.114]], np.float32)  # how much of it is red, green, blue


def floats(layer: Layer, images: Operand) -> str:
    x = tensor(layer, images)
    if not is_float(layer.dtype(x)):
        layer.refuse(f"pictures of {layer.dtype(x)}")
    return x


def resize(
    layer: Layer,
    images: Operand,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> str:
    if preserve_aspect_ratio:
        layer.refuse("preserve_aspect_ratio is true")
    if method == "area":
        layer.refuse("method is 'area'")
    x = tensor(layer, images) if method == "nearest" else floating(layer, images)
    at = layer.rank(x) - 3
    sizes = vector(layer, size)
    return resized(layer, x, [at, at + 1], sizes, method, antialias=antialias)


def old_resize(mode: str) -> LayerFunction:
    """The functions of TensorFlow 1: a pixel is a point, not a square."""

    def call(
        layer: Layer,
        images: Operand,
        size: Any,
        align_corners: bool = False,
        half_pixel_centers: bool = False,
    ) -> str:
        x = tensor(layer, images) if mode == "nearest" else floating(layer, images)
        if mode == "nearest" and align_corners:
            layer.refuse("align_corners")
        way = "align_corners" if align_corners else "half_pixel" if half_pixel_centers else "asymmetric"
        options = {"mode": mode, "coordinate_transformation_mode": way}
        if mode == "nearest":
            options["nearest_mode"] = "round_prefer_ceil" if half_pixel_centers else "floor"
        return layer.add("Resize", x, None, None, vector(layer, size), axes=[1, 2], **options)

    return call


def old_bicubic(
    layer: Layer, images: Operand, size: Any, align_corners: bool = False, half_pixel_centers: bool = False
) -> str:
    x, sizes = floating(layer, images), vector(layer, size)
    before = layer.shape(x)[1:3]
    if not isinstance(sizes, list) or None in before:
        layer.refuse("bicubic interpolation of pictures of unknown size, or to a size that the graph computes")
    if half_pixel_centers:
        return resized(layer, x, [1, 2], sizes, "bicubic")
    matrices = [point_cubic(integer(n or 0), m, align_corners) for n, m in zip(before, sizes, strict=True)]
    return with_matrices(layer, x, [1, 2], *matrices)


def point_cubic(n: int, m: int, align_corners: bool) -> Array:
    """(outputs, inputs): R. Keys's kernel (1981) with a = -0.75 from a table of 1024 steps; the edge is repeated."""
    scale = (n - 1) / (m - 1) if align_corners and m > 1 else n / m
    at = np.arange(m, dtype=np.float32) * np.float32(scale)
    first = np.floor(at)
    steps = np.rint((at - first) * np.float32(1024)) / 1024
    weights = np.zeros((m, n))
    for tap, distance in ((-1, 1 + steps), (0, steps), (1, 1 - steps), (2, 2 - steps)):
        near = (1.25 * distance - 2.25) * distance**2 + 1
        far = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
        index = np.clip(first.astype(np.int64) + tap, 0, n - 1)
        np.add.at(weights, (np.arange(m), index), near if tap in (0, 1) else far)
    return weights.astype(np.float32)


def _flipped(axis: int) -> LayerFunction:
    return lambda layer, image: shaping.flip(layer, image, axis=axis)


def transpose(layer: Layer, image: Operand) -> str:
    return shaping.swapaxes(layer, image, axis1=-3, axis2=-2)


def rgb_to_grayscale(layer: Layer, images: Operand) -> str:
    x = floats(layer, images)
    return layer.add("MatMul", x, layer.cast(layer.constant("grey", GREY), layer.dtype(x)))


def grayscale_to_rgb(layer: Layer, images: Operand) -> str:
    x = tensor(layer, images)
    return layer.add("Concat", x, x, x, axis=-1)


def per_image_standardization(layer: Layer, image: Operand) -> str:
    """(x - mean) / max(standard deviation, 1 / √n) over the n numbers of each picture."""
    x = floats(layer, image)
    axes = [layer.rank(x) + axis for axis in (-3, -2, -1)]
    sizes = [layer.shape(x)[axis] for axis in axes]
    if None in sizes:
        layer.refuse("pictures of unknown size")
    least = 1 / math.sqrt(math.prod(integer(size or 0) for size in sizes))
    centred = layer.add("Sub", x, layer.add("ReduceMean", x, axes))
    deviation = layer.add("Sqrt", layer.add("ReduceMean", layer.add("Mul", centred, centred), axes))
    return layer.add("Div", centred, layer.add("Max", deviation, least))


def adjust_brightness(layer: Layer, image: Operand, delta: float) -> str:
    return layer.add("Add", floats(layer, image), float(delta))


def adjust_contrast(layer: Layer, images: Operand, contrast_factor: float) -> str:
    """Away from the mean of each channel of each picture."""
    x = floats(layer, images)
    mean = layer.add("ReduceMean", x, [layer.rank(x) - 3, layer.rank(x) - 2])
    return layer.add("Add", layer.add("Mul", layer.add("Sub", x, mean), float(contrast_factor)), mean)


def adjust_gamma(layer: Layer, image: Operand, gamma: float = 1, gain: float = 1) -> str:
    return layer.add("Mul", layer.add("Pow", floats(layer, image), float(gamma)), float(gain))


def crop_to_box(
    layer: Layer, image: Operand, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> str:
    x = tensor(layer, image)
    starts, lengths = [offset_height, offset_width], [target_height, target_width]
    axes = [layer.rank(x) - 3, layer.rank(x) - 2]
    return layer.add("Slice", x, starts, [start + n for start, n in zip(starts, lengths, strict=True)], axes)


def pad_to_box(
    layer: Layer, image: Operand, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> str:
    x = tensor(layer, image)
    axes = [layer.rank(x) - 3, layer.rank(x) - 2]
    before = [offset_height, offset_width]
    after = []
    for axis, target, offset in zip(axes, (target_height, target_width), before, strict=True):
        size = layer.shape(x)[axis]
        if size is None:
            layer.refuse("pictures of unknown size")
        after.append(target - offset - size)
    if min(before + after) < 0:
        layer.reject("the padding is negative")
    layer.check_size(float(target_height) * target_width)
    return layer.add("Pad", x, before + after, None, axes)


def crop_or_pad(layer: Layer, image: Operand, target_height: int, target_width: int) -> str:
    """The middle; where that is between two places, cropping takes the first and padding the first, too."""
    x = tensor(layer, image)
    axes = layer.axes(x, [-3, -2])
    cuts: list[tuple[int, int]] = []
    adds: list[tuple[int, int]] = []
    for axis, target in zip(axes, (target_height, target_width), strict=True):
        size = layer.shape(x)[axis]
        if size is None:
            layer.refuse("pictures of unknown size")
        cut, add = max((size - target) // 2, 0), max((target - size) // 2, 0)
        cuts.append((cut, cut + min(size, target)))
        adds.append((add, max(target - size, 0) - add))
    layer.check_size(float(target_height) * target_width)
    x = layer.add("Slice", x, [cut[0] for cut in cuts], [cut[1] for cut in cuts], axes)
    if not any(map(any, adds)):
        return x
    return layer.add("Pad", x, [add[0] for add in adds] + [add[1] for add in adds], None, axes)


def central_crop(layer: Layer, image: Operand, central_fraction: float) -> str:
    x = tensor(layer, image)
    axes = [layer.rank(x) - 3, layer.rank(x) - 2]
    if None in (sizes := [layer.shape(x)[axis] for axis in axes]):
        layer.refuse("pictures of unknown size")
    known = [integer(size or 0) for size in sizes]
    starts = [integer((size - size * float(central_fraction)) / 2) for size in known]
    return layer.add("Slice", x, starts, [n - start for n, start in zip(known, starts, strict=True)], axes)


def _coloured(function: LayerFunction) -> LayerFunction:
    def call(layer: Layer, images: Operand) -> str:
        result: str = function(layer, Tensor(floats(layer, images)))
        return result

    return call


def extract_patches(
    layer: Layer, images: Operand, sizes: Sequence[int], strides: Sequence[int], rates: Sequence[int], padding: str
) -> str:
    if any(len(items) != 4 or (items[0], items[-1]) != (1, 1) for items in (sizes, strides, rates)):
        layer.refuse(f"patches of {sizes}, every {strides}, rates {rates}")
    return arranging.extract_patches(
        layer,
        Tensor(floats(layer, images)),
        size=list(sizes[1:3]),
        strides=list(strides[1:3]),
        dilation_rate=list(rates[1:3]),
        padding=padding.lower(),
    )


FUNCTIONS: Mapping[str, LayerFunction] = {
    **dict.fromkeys(("image.resize", "image.resize_images", "compat.v1.image.resize"), resize),
    "compat.v1.image.resize_bilinear": old_resize("linear"),
    "compat.v1.image.resize_nearest_neighbor": old_resize("nearest"),
    "compat.v1.image.resize_bicubic": old_bicubic,
    "image.adjust_brightness": adjust_brightness,
    "image.adjust_contrast": adjust_contrast,
    "image.adjust_gamma": adjust_gamma,
    "image.central_crop": central_crop,
    "image.crop_to_bounding_box": crop_to_box,
    "image.extract_patches": extract_patches,
    "image.flip_left_right": _flipped(-2),
    "image.flip_up_down": _flipped(-3),
    "image.grayscale_to_rgb": grayscale_to_rgb,
    "image.hsv_to_rgb": _coloured(arranging.hsv_to_rgb),
    "image.pad_to_bounding_box": pad_to_box,
    "image.per_image_standardization": per_image_standardization,
    "image.resize_with_crop_or_pad": crop_or_pad,
    "image.rgb_to_grayscale": rgb_to_grayscale,
    "image.rgb_to_hsv": _coloured(arranging.rgb_to_hsv),
    "image.transpose": transpose,
}
