"""Quantisation: real values as small integers or floats, real = (quantised - zero point) * scale.

A scale and its zero point are one number, one for each entry along `axis`, or one for each block of `block_size`
entries along it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from interchange_pyscript.kernels.arithmetic import divide
from interchange_pyscript.kernels.convolution import Conv
from interchange_pyscript.kernels.elementwise import Cast
from interchange_pyscript.kernels.linear import MatMul
from interchange_pyscript.kernels.shaping import Gather
from interchange_pyscript.kernels.small_floats import narrowed
from interchange_pyscript.kernels.tensor import Tensor, axis_of, elementwise, expanded, pairwise, vector


def spread(parameter: Tensor, x: Tensor, axis: int, block_size: int) -> Tensor:
    """A scale or zero point in the shape of x."""
    if len(parameter.values) == 1 and len(parameter.shape) <= 1:
        return expanded(Tensor(parameter.values, ()), x.shape)
    axis = axis_of(x, axis)
    if len(parameter.shape) == 1 and not block_size:
        shape = [len(parameter.values) if i == axis else 1 for i in range(len(x.shape))]
        return expanded(Tensor(parameter.values, shape), x.shape)
    block = block_size or -(-x.shape[axis] // parameter.shape[axis])
    if len(parameter.shape) != len(x.shape) or not 0 <= parameter.shape[axis] * block - x.shape[axis] < block:
        raise ValueError(f"blocks of {block} with scales {parameter.shape} do not fit the shape {x.shape}")
    return Gather(parameter, vector(*(i // block for i in range(x.shape[axis]))), axis=axis)


def quantized(value: float, zero: float, dtype: str, saturate: int = 1) -> float:
    """value + zero point as it is in a quantised type: rounded (a half to even) and limited to what the type holds."""
    if "float" in dtype:
        return narrowed(value + zero, dtype, saturate)
    bits, signed = int(dtype.lstrip("uint")), not dtype.startswith("u")
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if math.isnan(value):
        return min(max(0, low), high)
    return int(min(max(round(value) + zero if math.isfinite(value) else value, low), high))


def DequantizeLinear(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: str | None = None,
) -> Tensor:
    """(x - zero point) * scale."""
    if x_zero_point is not None:
        x = pairwise(lambda value, zero: value - zero, x, spread(x_zero_point, x, axis, block_size))
    return pairwise(lambda value, scale: value * scale, x, spread(x_scale, x, axis, block_size))


def QuantizeLinear(
    x: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: str | None = None,
    precision: str | None = None,
    saturate: int = 1,
) -> Tensor:
    """x / scale, rounded (a half to even), plus the zero point, limited to what the type holds."""
    scales = spread(y_scale, x, axis, block_size).values
    zeros = [0.0] * len(scales) if y_zero_point is None else spread(y_zero_point, x, axis, block_size).values
    dtype = output_dtype or "uint8"
    values = [quantized(divide(v, s), zero, dtype, saturate) for v, s, zero in zip(x.values, scales, zeros)]
    return Tensor(values, x.shape)


def DynamicQuantizeLinear(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x as uint8, with the scale and the zero point that its smallest and largest value and 0 ask for."""
    low, high = min([*x.values, 0.0]), max([*x.values, 0.0])
    scale = (high - low) / 255 if high > low else 1.0
    zero = quantized(-low / scale, 0, "uint8")
    return elementwise(lambda v: quantized(v / scale, zero, "uint8"), x), Tensor([scale], ()), Tensor([zero], ())


def without_zero(x: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    """x less its zero point, which is one number or one for each entry along `axis`."""
    if zero is None:
        return x
    if len(zero.values) == 1:
        zero = Tensor(zero.values, ())
    elif len(zero.shape) == 1:
        axis = axis_of(x, axis)
        zero = Tensor(zero.values, [len(zero.values) if i == axis else 1 for i in range(len(x.shape))])
    return pairwise(lambda value, less: value - less, x, zero)


def MatMulInteger(
    a: Tensor, b: Tensor, a_zero_point: Tensor | None = None, b_zero_point: Tensor | None = None
) -> Tensor:
    """(A - its zero point) @ (B - its zero point) in int32; A may have one for each row, B for each column."""
    return Cast(MatMul(without_zero(a, a_zero_point, -2), without_zero(b, b_zero_point, -1)), to="int32")


def as_rows(parameter: Tensor) -> Tensor:
    """A scale or zero point for each row of a matrix, as a column."""
    if len(parameter.shape) == 1 and len(parameter.values) > 1:
        return Tensor(parameter.values, (*parameter.shape, 1))
    return parameter


def QLinearMatMul(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
    *,
    output_dtype: str,
) -> Tensor:
    """The product of two quantised matrices, quantised; A may have a scale for each row, B for each column."""
    product = MatMul(without_zero(a, a_zero_point, -2), without_zero(b, b_zero_point, -1))
    factors = pairwise(lambda p, q: p * q, as_rows(a_scale), b_scale)
    real = pairwise(lambda p, q: p * q, product, pairwise(divide, factors, as_rows(y_scale)))
    return pairwise(lambda value, zero: quantized(value, zero, output_dtype), real, as_rows(y_zero_point))


def ConvInteger(
    x: Tensor,
    w: Tensor,
    x_zero_point: Tensor | None = None,
    w_zero_point: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Conv of (x - its zero point) and (w - its zero point) in int32; w may have one for each filter."""
    x, w = without_zero(x, x_zero_point, 1), without_zero(w, w_zero_point, 0)
    y = Conv(
        elementwise(float, x),
        elementwise(float, w),
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    return Cast(elementwise(round, y), to="int32")


def QLinearConv(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor,
    w: Tensor,
    w_scale: Tensor,
    w_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    output_dtype: str,
) -> Tensor:
    """Conv of quantised values, quantised; w may have a scale for each filter; b is in steps of x_scale * w_scale."""
    y = ConvInteger(
        x,
        w,
        x_zero_point,
        w_zero_point,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    by_channel = [y.shape[1], *(1 for _ in y.shape[2:])]
    if b is not None:
        y = pairwise(lambda p, q: p + q, y, Tensor(b.values, by_channel))
    factors = [x_scale.values[0] * scale / y_scale.values[0] for scale in w_scale.values]
    scales = Tensor(factors, by_channel if len(factors) > 1 else ())
    zero = y_zero_point.values[0]
    return elementwise(lambda v: quantized(v, zero, output_dtype), pairwise(lambda p, q: p * q, y, scales))
