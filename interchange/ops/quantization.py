"""Quantisation: real values as small integers or floats, real = (quantised - zero point) * scale.

A scale and its zero point are one number, one for each entry along `axis`, or one for each block of `block_size`
entries along it. Integers are summed exactly.
"""

from __future__ import annotations

import numpy as np

from interchange.ops._cast import cast
from interchange.ops._dtypes import dtype_of, limits
from interchange.ops._shapes import Array


def _spread(parameter, x, axis, block_size):
    """A scale or zero point in a shape that broadcasts to that of x."""
    if parameter.size == 1 and parameter.ndim <= 1:
        return parameter.reshape(())
    if parameter.ndim == 1 and not block_size:
        return parameter.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    block = block_size or -(-x.shape[axis] // parameter.shape[axis])
    if parameter.ndim != x.ndim or not 0 <= parameter.shape[axis] * block - x.shape[axis] < block:
        raise ValueError(f"blocks of {block} with scales {parameter.shape} do not fit the shape {x.shape}")
    return np.take(np.repeat(parameter, block, axis), np.arange(x.shape[axis]), axis)


def _is_integer(dtype):
    return "int" in dtype.name


def _wide(x):
    """Exact numbers to compute with: int64 or float64 for a quantised type."""
    return x.astype(np.int64 if _is_integer(x.dtype) else np.float64)


def _to_integer(x, zero_point, dtype):
    """round(x) + zero point, limited to what the dtype holds."""
    low, high = limits(dtype)
    y = np.rint(x.astype(np.float64)) + zero_point
    return np.clip(np.nan_to_num(y), float(low), float(high)).astype(np.int64).astype(dtype)


def DequantizeLinear(x, x_scale, x_zero_point=None, *, axis=1, block_size=0, output_dtype=None):
    """(x - zero point) * scale."""
    dtype = x_scale.dtype if output_dtype is None else dtype_of(output_dtype)
    dtype = np.dtype(np.float32) if dtype.itemsize == 1 else dtype
    scale = _spread(x_scale.astype(np.promote_types(dtype, np.float32)), x, axis, block_size)
    zero = 0 if x_zero_point is None else _spread(_wide(x_zero_point), x, axis, block_size)
    return ((_wide(x) - zero).astype(scale.dtype) * scale).astype(dtype)


def _quantized_dtype(y_zero_point, output_dtype):
    if output_dtype is not None:
        return dtype_of(output_dtype)
    return np.dtype(np.uint8) if y_zero_point is None else y_zero_point.dtype


def QuantizeLinear(
    x, y_scale, y_zero_point=None, *, axis=1, block_size=0, output_dtype=None, precision=None, saturate=1
):
    """x / scale, rounded (a half to even), plus the zero point, limited to what the type holds."""
    dtype = _quantized_dtype(y_zero_point, output_dtype)
    wide = y_scale.dtype if precision is None else dtype_of(precision)
    wide = np.dtype(np.float32) if wide.itemsize == 1 else wide
    scale = _spread(y_scale.astype(wide), x, axis, block_size)
    zero = 0 if y_zero_point is None else _spread(_wide(y_zero_point), x, axis, block_size)
    y = x.astype(wide) / scale
    if _is_integer(dtype):
        return _to_integer(y, zero, dtype)
    y = y if y_zero_point is None else y.astype(np.float64) + zero
    return cast(y, dtype, saturate, "up")


def DynamicQuantizeLinear(x) -> tuple[Array, Array, Array]:
    """x as uint8, with the scale and the zero point that its smallest and largest value and 0 ask for."""
    low, high = np.minimum(x.min(initial=0), 0), np.maximum(x.max(initial=0), 0)
    scale = ((high - low) / 255).astype(x.dtype) if high > low else np.ones((), x.dtype)
    zero = np.clip(np.rint(-low / scale), 0, 255).astype(np.uint8)
    return _to_integer(x / scale, zero.astype(np.int64), np.dtype(np.uint8)), scale, zero


def _rows(zero_point):
    """A zero point for each row of a matrix, as a column."""
    return zero_point[..., None] if zero_point.ndim == 1 and zero_point.size > 1 else zero_point


def MatMulInteger(a, b, a_zero_point=None, b_zero_point=None):
    """(A - its zero point) @ (B - its zero point) in int32; A may have one for each row, B for each column."""
    a, b = a.astype(np.float64), b.astype(np.float64)  # exact: products of bytes
    a = a if a_zero_point is None else a - _rows(a_zero_point.astype(np.float64))
    b = b if b_zero_point is None else b - b_zero_point.astype(np.float64)
    return np.matmul(a, b).astype(np.int64).astype(np.int32)


def QLinearMatMul(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point):
    """The product of two quantised matrices, quantised; A may have a scale for each row, B for each column."""
    wide_a = _wide(a).astype(np.float64) - _rows(_wide(a_zero_point))
    wide_b = _wide(b).astype(np.float64) - _wide(b_zero_point)
    scales = [scale.astype(np.float64) for scale in (a_scale, b_scale, y_scale)]
    y = np.matmul(wide_a, wide_b) * (_rows(scales[0]) * scales[1] / _rows(scales[2]))
    if _is_integer(y_zero_point.dtype):
        return _to_integer(y, _rows(_wide(y_zero_point)), y_zero_point.dtype)
    return cast(y + _rows(_wide(y_zero_point)), y_zero_point.dtype, 1, "up")
