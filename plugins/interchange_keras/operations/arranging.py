"""Rarer operations on the form of tensors, signals and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations.elementwise import dtype_name
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    axes_of,
    axis_of,
    flat,
    floating,
    is_float,
    joined,
    tensor,
    vector,
)
from interchange_keras.operations.shaping import END, diagonal, flip, split
from interchange_keras.options import array_of, integer


def rot90(layer: Layer, array: Operand, *, k: int = 1, axes: Any = (0, 1)) -> str:
    """k quarter turns from the first axis to the second."""
    x = tensor(layer, array)
    first, second = axes_of(layer, x, list(axes))
    order = list(range(layer.rank(x)))
    order[first], order[second] = second, first
    match k % 4:
        case 0:
            return x
        case 2:
            layer.refuse("half a turn, which Keras 3.15 on TensorFlow computes as something else")
        case 1:
            return layer.add("Transpose", flip(layer, Tensor(x), axis=second), perm=order)
    return flip(layer, Tensor(layer.add("Transpose", x, perm=order)), axis=second)


def append(layer: Layer, x1: Operand, x2: Operand, *, axis: int | None = None) -> str:
    a, b = joined(layer, x1, x2)
    if axis is None:
        return layer.add("Concat", flat(layer, a), flat(layer, b), axis=0)
    return layer.add("Concat", a, b, axis=axis_of(layer, a, axis))


def diff(layer: Layer, a: Operand, *, n: int = 1, axis: int = -1) -> str:
    """Each entry less the one before it, n times."""
    x = tensor(layer, a)
    at = axis_of(layer, x, axis)
    if not 0 <= n < 1000:
        layer.reject(f"n is {n}")
    for _ in range(n):
        later, earlier = layer.add("Slice", x, [1], [END], [at]), layer.add("Slice", x, [0], [-1], [at])
        x = layer.add("Xor", later, earlier) if layer.dtype(x) == "bool" else layer.add("Sub", later, earlier)
    return x


def _split_along(axis_of_rank: Any) -> LayerFunction:
    def function(layer: Layer, x: Operand, *, indices_or_sections: Any) -> tuple[str, ...]:
        axis = axis_of_rank(layer.rank(tensor(layer, x)))
        made: tuple[str, ...] = split(layer, x, indices_or_sections=indices_or_sections, axis=axis)
        return made

    return function


def kron(layer: Layer, x1: Operand, x2: Operand) -> str:
    """Every product of an entry of one with all of the other."""
    a, b = joined(layer, x1, x2)
    if layer.rank(a) != layer.rank(b):
        layer.refuse("tensors of different rank")
    rank = layer.rank(a)
    sizes = [layer.shape(x)[i] for x in (a, b) for i in range(rank)]
    if None in sizes[1:rank] or None in sizes[rank + 1 :] or (None in (sizes[0], sizes[rank]) and rank == 0):
        layer.refuse("tensors of unknown size")
    wide = layer.add("Unsqueeze", a, [2 * i + 1 for i in range(rank)])
    product = layer.add("Mul", wide, layer.add("Unsqueeze", b, [2 * i for i in range(rank)]))
    known = [integer(sizes[i] or 0) * integer(sizes[rank + i] or 0) for i in range(1, rank)]
    return layer.add("Reshape", product, [-1, *known])


def meshgrid(layer: Layer, *xs: Operand, indexing: str = "xy") -> tuple[str, ...]:
    vectors = [flat(layer, tensor(layer, x)) for x in xs]
    places = list(range(len(vectors)))
    if indexing == "xy" and len(places) > 1:
        places[0], places[1] = 1, 0
    lengths: list[str] = [""] * len(vectors)
    for place, x in zip(places, vectors, strict=True):
        lengths[place] = layer.add("Shape", x)
    shape = layer.add("Concat", *lengths, axis=0) if len(lengths) > 1 else lengths[0]
    made = []
    for place, x in zip(places, vectors, strict=True):
        others = [i for i in range(len(vectors)) if i != place]
        made.append(layer.add("Expand", layer.add("Unsqueeze", x, others) if others else x, shape))
    return tuple(made)


def ndim(layer: Layer, x: Operand) -> str:
    return layer.add("Identity", layer.constant("ndim", np.asarray(layer.rank(tensor(layer, x)), np.int32)))


def trace(layer: Layer, x: Operand, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> str:
    y = diagonal(layer, x, offset=offset, axis1=axis1, axis2=axis2)
    wide = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
    y = as_dtype(layer, Tensor(y), wide.get(layer.dtype(y), layer.dtype(y)))
    return layer.add("ReduceSum", y, [-1], keepdims=0)


def trapezoid(layer: Layer, y: Operand, *, x: Any = None, dx: float = 1.0, axis: int = -1) -> str:
    """The area below a line through the points."""
    if x is not None:
        layer.refuse("places that are not equally far apart")
    values = floating(layer, y)
    at = axis_of(layer, values, axis)
    later, earlier = layer.add("Slice", values, [1], [END], [at]), layer.add("Slice", values, [0], [-1], [at])
    return layer.add("Mul", layer.add("ReduceSum", layer.add("Add", later, earlier), [at], keepdims=0), dx / 2)


def vander(layer: Layer, x: Operand, *, N: int | None = None, increasing: bool = False) -> str:  # noqa: N803
    """The powers of each entry of a vector, the highest first."""
    values = floating(layer, x)
    n = layer.shape(values)[0] if N is None else N
    if n is None or layer.rank(values) != 1:
        layer.refuse("a vector of unknown length")
    layer.check_size(float(n))
    powers = np.arange(n, dtype=np.float32)
    return layer.add("Pow", layer.add("Unsqueeze", values, [1]), powers if increasing else powers[::-1].copy())


def unravel_index(layer: Layer, indices: Operand, *, shape: Any) -> tuple[str, ...]:
    """The place of each index in a tensor of that shape, one tensor for each dimension."""
    index = tensor(layer, indices)
    if layer.rank(index) != 1:  # of which Keras 3.15 on TensorFlow makes something else
        layer.refuse("indices that are no vector")
    made = []
    for size in reversed([integer(size) for size in array_of(shape).ravel()]):
        whole = as_dtype(layer, size, layer.dtype(index))
        rest = layer.add("Mod", index, whole)
        made.append(rest)
        index = layer.add("Div", layer.add("Sub", index, rest), whole)
    return tuple(reversed(made))


def cut(layer: Layer, inputs: Operand, start_indices: Any, *, shape: Any) -> str:
    """`shape` entries from the start; the start is moved so that they all exist."""
    x = tensor(layer, inputs)
    if isinstance(start_indices, Tensor) or any(isinstance(i, Tensor) for i in start_indices):
        layer.refuse("a start that is computed")
    sizes = layer.shape(x)
    starts, ends = [], []
    for start, length, size in zip(start_indices, shape, sizes, strict=True):
        if size is None and start:
            layer.refuse("a start along a dimension of unknown size")
        start = integer(start) if size is None else max(min(integer(start), size - integer(length)), 0)
        starts.append(start)
        ends.append(END if length == -1 or length is None else start + integer(length))
    return layer.add("Slice", x, starts, ends)


def scatter_update(layer: Layer, inputs: Operand, indices: Any, updates: Operand, *, reduction: Any = None) -> str:
    x = tensor(layer, inputs)
    place = as_dtype(layer, indices, "int64") if isinstance(indices, Tensor) else np.asarray(indices, np.int64)
    how = {None: "none", "add": "add", "max": "max", "min": "min", "mul": "mul"}
    if reduction not in how:
        layer.refuse(f"reduction is {reduction!r}")
    return layer.add("ScatterND", x, place, as_dtype(layer, updates, layer.dtype(x)), reduction=how[reduction])


def full(layer: Layer, fill_value: Operand, *, shape: Any, dtype: Any = None) -> str:
    value = tensor(layer, fill_value) if dtype is None else as_dtype(layer, fill_value, dtype_name(layer, dtype))
    return layer.add("Expand", value, vector(layer, shape))


def multi_hot(
    layer: Layer, inputs: Operand, *, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> str:
    """1 for each class that is among the entries of the last but one dimension."""
    layer.check_size(float(num_classes))
    index = as_dtype(layer, inputs, "int64")
    if axis not in (-1, layer.rank(index)):
        layer.refuse(f"axis is {axis}")
    equal = layer.add("Equal", layer.add("Unsqueeze", index, [-1]), np.arange(num_classes))
    name = "float32" if dtype is None else dtype_name(layer, dtype)
    return layer.add("ReduceMax", layer.add("Cast", equal, to=name), [min(layer.rank(index) - 1, 1)], keepdims=0)


def logdet(layer: Layer, x: Operand) -> str:
    """Of a matrix whose determinant is positive."""
    return layer.add("Log", layer.add("Det", floating(layer, x)))


def slogdet(layer: Layer, x: Operand) -> tuple[str, str]:
    value = layer.add("Det", floating(layer, x))
    return layer.add("Sign", value), layer.add("Log", layer.add("Abs", value))


def det(layer: Layer, x: Operand) -> str:
    return layer.add("Det", floating(layer, x))


# --- signals ---------------------------------------------------------------------------------------------------------


def extract_sequences(layer: Layer, x: Operand, *, sequence_length: int, sequence_stride: int) -> str:
    """Parts of the last dimension that begin `sequence_stride` apart."""
    y = tensor(layer, x)
    size = layer.shape(y)[-1]
    if size is None:
        layer.refuse("a signal of unknown length")
    if not (0 < sequence_length <= size and sequence_stride > 0):
        layer.reject(f"sequences of {sequence_length} every {sequence_stride} in {size}")
    starts = np.arange((size - sequence_length) // sequence_stride + 1) * sequence_stride
    layer.check_size(float(starts.size * sequence_length))
    return layer.add("Gather", y, starts[:, None] + np.arange(sequence_length), axis=-1)


def rfft(layer: Layer, x: Operand, *, fft_length: int | None = None) -> tuple[str, str]:
    """The real and the imaginary part of the transform of real signals, without what follows from symmetry."""
    y = layer.add("Unsqueeze", floating(layer, x), [-1])
    length = None if fft_length is None else np.asarray(fft_length, np.int64)
    made = layer.add("DFT", y, length, np.asarray(-2, np.int64), onesided=1)
    return _part(layer, made, 0), _part(layer, made, 1)


def _part(layer: Layer, pairs: str, i: int) -> str:
    return layer.add("Gather", pairs, np.asarray(i, np.int64), axis=-1)


def fft(layer: Layer, x: Any) -> tuple[str, str]:
    """Of the pair (real, imaginary)."""
    parts = joined(layer, *x, floating=True)
    pairs = layer.add("Concat", *(layer.add("Unsqueeze", part, [-1]) for part in parts), axis=-1)
    made = layer.add("DFT", pairs, None, np.asarray(-2, np.int64))
    return _part(layer, made, 0), _part(layer, made, 1)


# --- pictures --------------------------------------------------------------------------------------------------------


def _picture(layer: Layer, images: Operand, data_format: str | None) -> tuple[str, int, int]:
    """The picture and the axes of its height and width."""
    x = tensor(layer, images)
    rank = layer.rank(x)
    if rank not in (3, 4):
        layer.reject(f"pictures with {rank} dimensions")
    return (x, rank - 2, rank - 1) if data_format == "channels_first" else (x, rank - 3, rank - 2)


def _sides(layer: Layer, first: int | None, last: int | None, total: int | None) -> tuple[int, int]:
    """How much is added, or taken away, before and after: two of the three are known."""
    if first is None and last is not None and total is not None:
        return total - last, last
    if first is not None and last is None and total is not None:
        return first, total - first
    if first is None or last is None:
        layer.reject("it does not say where")
    return first, last


def pad_images(
    layer: Layer,
    images: Operand,
    *,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> str:
    x, *axes = _picture(layer, images, data_format)
    pads = [
        _sides(layer, first, last, _difference(layer, target, layer.shape(x)[axis]))
        for axis, first, last, target in (
            (axes[0], top_padding, bottom_padding, target_height),
            (axes[1], left_padding, right_padding, target_width),
        )
    ]
    if min(min(pair) for pair in pads) < 0:
        layer.reject("the padding is negative")
    layer.check_size(float(sum(map(sum, pads))))
    return layer.add("Pad", x, [pads[0][0], pads[1][0], pads[0][1], pads[1][1]], None, axes)


def _difference(layer: Layer, target: int | None, size: int | None) -> int | None:
    if target is None:
        return None
    if size is None:
        layer.refuse("pictures of unknown size")
    return target - size


def crop_images(
    layer: Layer,
    images: Operand,
    *,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> str:
    x, *axes = _picture(layer, images, data_format)
    starts, ends = [], []
    for axis, first, last, target in (
        (axes[0], top_cropping, bottom_cropping, target_height),
        (axes[1], left_cropping, right_cropping, target_width),
    ):
        total = _difference(layer, target, layer.shape(x)[axis])
        before, after = _sides(layer, first, last, None if total is None else -total)
        if min(before, after) < 0:
            layer.reject("the cropping is negative")
        starts.append(before)
        ends.append(-after if after else END)
    return layer.add("Slice", x, starts, ends, axes)


def extract_patches(
    layer: Layer,
    images: Operand,
    *,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> str:
    """The pixels of each window in the last dimension: a convolution with kernels of one 1."""
    x = _picture(layer, images, data_format)[0]
    if layer.rank(x) != 4 or data_format == "channels_first" or padding not in ("valid", "same"):
        layer.refuse("single pictures, channels first, or another padding")
    height, width = [size] * 2 if isinstance(size, int) else size
    steps = [height, width] if strides is None else [strides] * 2 if isinstance(strides, int) else list(strides)
    spread = [dilation_rate] * 2 if isinstance(dilation_rate, int) else list(dilation_rate)
    channels = layer.shape(x)[3]
    if channels is None:
        layer.refuse("an unknown number of channels")
    count = height * width * channels
    layer.check_size(float(count) ** 2)
    kernel = np.eye(count, dtype=np.float32).reshape(height, width, channels, count)
    pads = {"auto_pad": "SAME_UPPER"} if padding == "same" else {}
    y = as_dtype(layer, Tensor(x), "float32") if not is_float(layer.dtype(x)) else x
    weights = as_dtype(layer, kernel, layer.dtype(y))
    return layer.add("Conv", y, weights, strides=steps, dilations=spread, layout="NHWC", **pads)


def rgb_to_hsv(layer: Layer, images: Operand, *, data_format: str | None = None) -> str:
    """Hue (in turns), saturation and value."""
    x, *_ = _picture(layer, images, data_format)
    at = layer.rank(x) - 3 if data_format == "channels_first" else layer.rank(x) - 1
    red, green, blue = layer.add_many("Split", x, outputs=3, axis=at, num_outputs=3)
    value = layer.add("Max", red, green, blue)
    chroma = layer.add("Sub", value, layer.add("Min", red, green, blue))
    is_grey = layer.add("Equal", chroma, 0.0)
    safe = layer.add("Where", is_grey, 1.0, chroma)

    def turned(a: str, b: str, begin: float) -> str:
        return layer.add("Add", layer.add("Div", layer.add("Sub", a, b), safe), begin)

    hue = layer.add("Where", layer.add("Equal", value, green), turned(blue, red, 2.0), turned(red, green, 4.0))
    hue = layer.add("Where", layer.add("Equal", value, red), turned(green, blue, 0.0), hue)
    hue = layer.add("Div", layer.add("Where", is_grey, 0.0, hue), 6.0)
    hue = layer.add("Where", layer.add("Less", hue, 0.0), layer.add("Add", hue, 1.0), hue)
    bright = layer.add("Greater", value, 0.0)
    saturation = layer.add("Div", chroma, layer.add("Where", bright, value, 1.0))
    return layer.add("Concat", hue, layer.add("Where", bright, saturation, 0.0), value, axis=at)


def hsv_to_rgb(layer: Layer, images: Operand, *, data_format: str | None = None) -> str:
    x, *_ = _picture(layer, images, data_format)
    at = layer.rank(x) - 3 if data_format == "channels_first" else layer.rank(x) - 1
    hue, saturation, value = layer.add_many("Split", x, outputs=3, axis=at, num_outputs=3)
    turns = layer.add("Mul", hue, 6.0)

    def channel(sign: float, distance: float, offset: float) -> str:
        away = layer.add("Abs", layer.add("Sub", turns, distance))
        share = layer.add("Clip", layer.add("Add", layer.add("Mul", away, sign), offset), 0.0, 1.0)
        part = layer.add("Mul", layer.add("Sub", 1.0, share), saturation)
        return layer.add("Mul", layer.add("Sub", 1.0, part), value)

    return layer.add("Concat", channel(1.0, 3.0, -1.0), channel(-1.0, 2.0, 2.0), channel(-1.0, 4.0, 2.0), axis=at)


OPERATIONS: Mapping[str, LayerFunction] = {
    **{"Rot90": rot90, "Append": append, "Diff": diff, "Kron": kron, "Meshgrid": meshgrid, "Ndim": ndim},
    **{"Vsplit": _split_along(lambda rank: 0), "Hsplit": _split_along(lambda rank: min(rank - 1, 1))},
    **{"Dsplit": _split_along(lambda rank: 2), "Trace": trace, "Trapezoid": trapezoid, "Vander": vander},
    **{"UnravelIndex": unravel_index, "Slice": cut, "ScatterUpdate": scatter_update, "Full": full},
    **{"MultiHot": multi_hot, "Det": det, "Logdet": logdet, "Slogdet": slogdet},
    **{"ExtractSequences": extract_sequences, "RFFT": rfft, "FFT": fft},
    **{"PadImages": pad_images, "CropImages": crop_images, "ExtractPatches": extract_patches},
    **{"RGBToHSV": rgb_to_hsv, "HSVToRGB": hsv_to_rgb},
}
