"""Functions of TensorFlow for tensors and matrices that are more than another name for an operation of keras.ops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations import arranging, nn, numeric, reduction, shaping, windows
from interchange_keras.operations.elementwise import dtype_name
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    as_int32,
    axes_of,
    floating,
    joined,
    tensor,
    vector,
)
from interchange_keras.options import integer


def strided_slice(
    layer: Layer,
    input_: Operand,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int] | None = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
) -> str:
    """x[begin:end:strides]; bit i of a mask concerns item i of these."""
    if not all(ends is None or isinstance(ends, (Tensor, list, tuple, np.ndarray)) for ends in (begin, end, strides)):
        layer.reject(f"the slice {begin!r} to {end!r}, {strides!r}")
    if any(
        isinstance(ends, Tensor) or any(isinstance(n, Tensor) for n in (() if ends is None else ends))
        for ends in (begin, end, strides)
    ):
        layer.refuse("the ends of a slice that the graph computes")
    steps = [1] * len(begin) if strides is None else strides
    if not len(begin) == len(end) == len(steps):
        layer.reject("the ends of its slice are not of one length")
    items: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            items.append(...)
        elif new_axis_mask & bit:
            items.append(None)
        elif shrink_axis_mask & bit:
            items.append(integer(first))
        else:
            start, stop = None if begin_mask & bit else integer(first), None if end_mask & bit else integer(last)
            items.append(slice(start, stop, integer(step)))
    return shaping.get_item(layer, input_, items)


def _tensordot(layer: Layer, a: Operand, b: Operand, axes: Any) -> str:
    return reduction.tensordot(layer, a, b, axes=axes)


def norm(
    layer: Layer,
    tensor: Operand,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    keep_dims: bool | None = None,
) -> str:
    """Along one axis or all of them as a vector; along two as a matrix."""
    x = floating(layer, tensor)
    options = {"keepdims": integer(bool(keepdims or keep_dims))}
    pair = isinstance(axis, list) and len(axis) == 2
    if ord in ("euclidean", "fro") or (ord == 2 and not pair):
        if ord == "fro" and not pair:
            layer.refuse("the norm 'fro' of vectors")
        return layer.add("ReduceL2", x, axes_of(layer, x, axis), **options)
    if pair or isinstance(ord, str):
        layer.refuse(f"the norm {ord!r} of matrices")
    axes = axes_of(layer, x, axis)
    if ord == 1:
        return layer.add("ReduceL1", x, axes, **options)
    size = layer.add("Abs", x)
    if math.isinf(ord):
        return layer.add("ReduceMax", size, axes, **options)
    total = layer.add("ReduceSum", layer.add("Pow", size, float(ord)), axes, **options)
    return layer.add("Pow", total, 1 / float(ord))


def local_response_normalization(
    layer: Layer,
    input: Operand,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
) -> str:
    """x / (bias + alpha · the sum of x² over the channels up to `depth_radius` away)^beta."""
    x = floating(layer, input)
    size = 2 * integer(depth_radius) + 1
    return layer.add("LRN", x, size=size, alpha=alpha * size, beta=float(beta), bias=float(bias), layout="NHWC")


def batch_flatten(layer: Layer, x: Operand) -> str:
    """All but the first dimension in one."""
    y = tensor(layer, x)
    sizes = layer.shape(y)[1:]
    rest = -1 if None in sizes else math.prod(integer(size or 0) for size in sizes)
    return layer.add("Reshape", y, [0 if rest == -1 else -1, rest])


def euclidean_norm(layer: Layer, input_tensor: Operand, axis: Any = None, keepdims: bool = False) -> str:
    x = floating(layer, input_tensor)
    return layer.add("ReduceL2", x, axes_of(layer, x, axis), keepdims=integer(bool(keepdims)))


def clip_by_norm(layer: Layer, t: Operand, clip_norm: float, axes: Any = None) -> str:
    """x, shortened to that norm where it is longer."""
    x = floating(layer, t)
    length = layer.add("ReduceL2", x, axes_of(layer, x, axes))
    return layer.add("Div", layer.add("Mul", x, float(clip_norm)), layer.add("Max", length, float(clip_norm)))


def band_part(layer: Layer, input: Operand, num_lower: int, num_upper: int) -> str:
    """What is not farther below or above the diagonal; a negative number keeps all."""
    x = tensor(layer, input)
    if num_lower >= 0:
        x = layer.add("Trilu", x, np.array(-num_lower, np.int64), upper=1)
    return layer.add("Trilu", x, np.array(num_upper, np.int64), upper=0) if num_upper >= 0 else x


def diag_part(layer: Layer, input: Operand, k: int = 0, padding_value: float = 0, align: str = "RIGHT_LEFT") -> str:
    if not isinstance(k, int):
        layer.refuse("several diagonals")
    x = tensor(layer, input)
    rank = layer.rank(x)
    return shaping.diagonal(layer, Tensor(x), offset=k, axis1=rank - 2, axis2=rank - 1)


def trace(layer: Layer, x: Operand) -> str:
    return layer.add("ReduceSum", diag_part(layer, x), [-1], keepdims=0)


def sort(layer: Layer, values: Operand, axis: int = -1, direction: str = "ASCENDING") -> str:
    return reduction.order(layer, tensor(layer, values), axis, integer(direction == "DESCENDING"))[0]


def argsort(layer: Layer, values: Operand, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> str:
    places = reduction.order(layer, tensor(layer, values), axis, integer(direction == "DESCENDING"))[1]
    return as_int32(layer, places)


def count_nonzero(
    layer: Layer, input: Operand, axis: Any = None, keepdims: bool | None = None, dtype: Any = "int64"
) -> str:
    x = as_dtype(layer, Tensor(as_dtype(layer, input, "bool")), "int64")
    y = layer.add("ReduceSum", x, axes_of(layer, x, axis), keepdims=integer(bool(keepdims)))
    return as_dtype(layer, Tensor(y), dtype_name(layer, dtype))


def gather_nd(layer: Layer, params: Operand, indices: Operand, batch_dims: int = 0) -> str:
    options = {"batch_dims": batch_dims} if batch_dims else {}
    return layer.add("GatherND", tensor(layer, params), as_dtype(layer, indices, "int64"), **options)


def sequence_mask(layer: Layer, lengths: Operand, maxlen: int | None = None, dtype: Any = "bool") -> str:
    """Whether a place comes before each length."""
    if not isinstance(maxlen, int):
        layer.refuse("a mask as long as the longest sequence")
    layer.check_size(float(maxlen))
    places = as_dtype(layer, np.arange(maxlen), layer.dtype(tensor(layer, lengths)))
    y = layer.add("Less", places, layer.add("Unsqueeze", tensor(layer, lengths), [-1]))
    return as_dtype(layer, Tensor(y), dtype_name(layer, dtype))


def xlogy(layer: Layer, x: Operand, y: Operand) -> str:
    """x · log y, and 0 where x is 0."""
    a, b = joined(layer, x, y, floating=True)
    return layer.add("Where", layer.add("Equal", a, 0.0), 0.0, layer.add("Mul", a, layer.add("Log", b)))


def multiply_no_nan(layer: Layer, x: Operand, y: Operand) -> str:
    """x · y, and 0 where y is 0, whatever x is."""
    a, b = joined(layer, x, y)
    return layer.add("Where", layer.add("Equal", b, 0.0), 0.0, layer.add("Mul", a, b))


def arange(layer: Layer, start: Operand, limit: Operand = None, delta: Operand = 1, dtype: Any = None) -> str:
    first, last = (0, start) if limit is None else (start, limit)
    parts = joined(layer, first, last, delta)
    if dtype is not None:
        parts = [as_dtype(layer, Tensor(part), dtype_name(layer, dtype)) for part in parts]
    return layer.add("Range", *parts)


def size(layer: Layer, input: Operand, out_type: Any = "int32") -> str:
    return as_dtype(layer, Tensor(shaping.size_of(layer, input)), dtype_name(layer, out_type))


def part(layer: Layer, input_: Operand, begin: Any, size: Any) -> str:
    """`size` entries from `begin`, or all of the rest for -1."""
    if any(isinstance(n, Tensor) for n in (begin, size, *begin, *size)):
        layer.refuse("a slice whose place the graph computes")
    ends = [shaping.END if n == -1 else integer(first) + integer(n) for first, n in zip(begin, size, strict=True)]
    return layer.add("Slice", tensor(layer, input_), list(map(int, begin)), ends, list(range(len(ends))))


def _filled(value: float) -> LayerFunction:
    def call(layer: Layer, shape: Any, dtype: Any = "float32") -> str:
        sizes = vector(layer, shape)
        return layer.add("Expand", as_dtype(layer, np.asarray(value), dtype_name(layer, dtype)), sizes)

    return call


# --- networks -------------------------------------------------------------------------------------------------------


def _inner(layer: Layer, given: Any, n: int) -> list[int]:
    """Strides or dilations of the n dimensions of a picture, out of one number, n or n + 2."""
    sizes = [integer(size) for size in given] if isinstance(given, list) else [integer(given)]
    if len(sizes) == n + 2 and (sizes[0], sizes[-1]) == (1, 1):
        return sizes[1:-1]
    return sizes * n if len(sizes) == 1 else sizes if len(sizes) == n else layer.refuse(f"strides {given}")


def conv(
    layer: Layer,
    input: Operand,
    filters: Operand,
    strides: Any = 1,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
) -> str:
    x = Tensor(floating(layer, input))
    n = layer.rank(x) - 2
    if not isinstance(padding, str) or (data_format or "NHWC")[-1] != "C":
        layer.refuse(f"padding is {padding}, data_format {data_format}")
    spread = _inner(layer, dilations or 1, n)
    return nn.conv(layer, x, filters, padding=padding.lower(), strides=_inner(layer, strides, n), dilation_rate=spread)


def depthwise_conv2d(
    layer: Layer,
    input: Operand,
    filter: Operand,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    dilations: Any = None,
) -> str:
    if data_format not in (None, "NHWC"):
        layer.refuse(f"data_format is {data_format}")
    steps, spread = _inner(layer, strides, 2), _inner(layer, dilations or 1, 2)
    return windows.depthwise_conv(layer, input, filter, strides=steps, padding=padding.lower(), dilation_rate=spread)


def batch_normalization(
    layer: Layer,
    x: Operand,
    mean: Operand,
    variance: Operand,
    offset: Operand,
    scale: Operand,
    variance_epsilon: float,
) -> str:
    y = layer.add("Sub", *joined(layer, x, mean))
    root = layer.add("Sqrt", layer.add("Add", as_dtype(layer, variance, layer.dtype(y)), float(variance_epsilon)))
    y = layer.add("Div", y, root)
    y = y if scale is None else layer.add("Mul", y, as_dtype(layer, scale, layer.dtype(y)))
    return y if offset is None else layer.add("Add", y, as_dtype(layer, offset, layer.dtype(y)))


def crelu(layer: Layer, features: Operand, axis: int = -1) -> str:
    x = floating(layer, features)
    return layer.add("Concat", layer.add("Relu", x), layer.add("Relu", layer.add("Neg", x)), axis=axis)


def embedding_lookup(layer: Layer, params: Operand, ids: Operand, max_norm: Any = None) -> str:
    if max_norm is not None:
        layer.refuse(f"max_norm is {max_norm}")
    return layer.add("Gather", tensor(layer, params), as_dtype(layer, ids, "int64"))


def _old(function: LayerFunction, *ignored: str, **renamed: str) -> LayerFunction:
    """The function of TensorFlow 1: other names of arguments, and some that change nothing or are not there."""

    def call(layer: Layer, *args: Operand, **options: Any) -> Any:
        given = {renamed.get(name, name): value for name, value in options.items() if name not in ignored}
        return function(layer, *args, **{name: value for name, value in given.items() if value is not None})

    return call


_OLD_CONV = _old(conv, "use_cudnn_on_gpu", filter="filters", stride="strides")

FUNCTIONS: Mapping[str, LayerFunction] = {
    "argsort": argsort,
    "clip_by_norm": clip_by_norm,
    "gather_nd": gather_nd,
    "keras.backend.batch_flatten": batch_flatten,
    "linalg.band_part": band_part,
    "linalg.det": lambda layer, input: arranging.det(layer, input),
    "linalg.diag_part": diag_part,
    "linalg.trace": trace,
    "math.count_nonzero": count_nonzero,
    "math.erfc": lambda layer, x: numeric.erfc(layer, x),
    "math.multiply_no_nan": multiply_no_nan,
    "math.reduce_euclidean_norm": euclidean_norm,
    "math.xlogy": xlogy,
    "nn.batch_normalization": batch_normalization,
    "nn.crelu": crelu,
    "nn.depthwise_conv2d": depthwise_conv2d,
    "nn.l2_loss": lambda layer, t: layer.add("Mul", layer.add("ReduceSumSquare", floating(layer, t), keepdims=0), 0.5),
    "nn.moments": lambda layer, x, axes, shift=None, keepdims=False: reduction.moments(
        layer, x, axes=axes, keepdims=keepdims
    ),
    "ones": _filled(1),
    "range": arange,
    "rank": lambda layer, input: arranging.ndim(layer, input),
    "sequence_mask": sequence_mask,
    "slice": part,
    "sort": sort,
    "strided_slice": strided_slice,
    "zeros": _filled(0),
    **dict.fromkeys(("nn.conv1d", "nn.conv2d", "nn.conv3d", "nn.convolution"), conv),
    **dict.fromkeys(("compat.v1.nn.conv1d", "compat.v1.nn.conv2d", "compat.v1.nn.conv3d"), _OLD_CONV),
    "compat.v1.nn.crelu": crelu,
    "compat.v1.nn.depthwise_conv2d": _old(depthwise_conv2d, rate="dilations"),
    "compat.v1.nn.embedding_lookup": _old(embedding_lookup, "partition_strategy"),
    "compat.v1.gather_nd": gather_nd,
    "nn.embedding_lookup": embedding_lookup,
    **dict.fromkeys(("size", "compat.v1.size"), size),
    **dict.fromkeys(
        ("nn.local_response_normalization", "nn.lrn", "compat.v1.nn.local_response_normalization", "compat.v1.nn.lrn"),
        local_response_normalization,
    ),
    **dict.fromkeys(("norm", "linalg.norm", "compat.v1.norm", "compat.v1.linalg.norm"), norm),
    **dict.fromkeys(
        ("tensordot", "compat.v1.tensordot"), lambda layer, a, b, axes: reduction.tensordot(layer, a, b, axes=axes)
    ),
}
