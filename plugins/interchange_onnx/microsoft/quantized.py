"""Quantised operators: with numbers of bytes between operators, and products of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from interchange.graph import Array, dtype_of
from interchange_onnx.microsoft.activation import plus
from interchange_onnx.microsoft.expansion import Expansion

COERCED_BEFORE = 13  # the Softmax of older opsets was over all dimensions from `axis` on


def QuantizeLinear(at: Expansion, x: str, scale: str, zero_point: str = "", *, axis: int = 1) -> str:
    """QuantizeLinear."""
    return at.add("QuantizeLinear", x, scale, zero_point, axis=axis)


def DequantizeLinear(at: Expansion, x: str, scale: str, zero_point: str = "", *, axis: int = 1) -> str:
    """DequantizeLinear."""
    return at.add("DequantizeLinear", x, scale, zero_point, axis=axis)


def _real(at: Expansion, x: str, scale: str, zero_point: str) -> str:
    return at.add("DequantizeLinear", x, scale, zero_point)


def _quantized(at: Expansion, y: str, scale: str, zero_point: str, like: str) -> str:
    """y as integers; without a zero point of the dtype of `like`."""
    if not zero_point:
        zero_point = at.constant(0, at.dtype(like, "X"))
    return at.add("QuantizeLinear", y, scale, zero_point)


def _unary(at: Expansion, op: str, inputs: tuple[str, ...], **attributes: Any) -> str:
    """An operator on the real values; inputs: x, its scale and zero point, those of the result."""
    x, x_scale, x_zero, y_scale, y_zero = inputs
    return _quantized(at, at.add(op, _real(at, x, x_scale, x_zero), **attributes), y_scale, y_zero, x)


def _binary(at: Expansion, op: str, inputs: tuple[str, ...]) -> str:
    a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero = inputs
    y = at.add(op, _real(at, a, a_scale, a_zero), _real(at, b, b_scale, b_zero))
    return _quantized(at, y, c_scale, c_zero, a)


def QLinearAdd(
    at: Expansion, a: str, a_scale: str, a_zero: str, b: str, b_scale: str, b_zero: str, c_scale: str, c_zero: str = ""
) -> str:
    """a + b."""
    return _binary(at, "Add", (a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero))


def QLinearMul(
    at: Expansion, a: str, a_scale: str, a_zero: str, b: str, b_scale: str, b_zero: str, c_scale: str, c_zero: str = ""
) -> str:
    """a * b."""
    return _binary(at, "Mul", (a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero))


def QLinearSigmoid(at: Expansion, x: str, x_scale: str, x_zero: str, y_scale: str, y_zero: str = "") -> str:
    """Sigmoid."""
    return _unary(at, "Sigmoid", (x, x_scale, x_zero, y_scale, y_zero))


def QLinearLeakyRelu(
    at: Expansion, x: str, x_scale: str, x_zero: str, y_scale: str, y_zero: str = "", *, alpha: float = 0.01
) -> str:
    """LeakyRelu."""
    return _unary(at, "LeakyRelu", (x, x_scale, x_zero, y_scale, y_zero), alpha=alpha)


def QLinearSoftmax(
    at: Expansion, x: str, x_scale: str, x_zero: str, y_scale: str, y_zero: str, *, opset: int, axis: int = -1
) -> str:
    """Softmax."""
    if opset < COERCED_BEFORE and axis != -1 and axis != at.rank(x, "X") - 1:
        raise at.unsupported(f"axis={axis} with opset={opset}, which is over several dimensions")
    return _unary(at, "Softmax", (x, x_scale, x_zero, y_scale, y_zero), axis=axis)


def QLinearAveragePool(
    at: Expansion,
    x: str,
    x_scale: str,
    x_zero: str,
    y_scale: str,
    y_zero: str = "",
    *,
    channels_last: int = 0,
    **window: Any,
) -> str:
    """AveragePool."""
    layout = "NHWC" if channels_last else "NCHW"
    return _unary(at, "AveragePool", (x, x_scale, x_zero, y_scale, y_zero), layout=layout, **window)


def QLinearGlobalAveragePool(
    at: Expansion, x: str, x_scale: str, x_zero: str, y_scale: str, y_zero: str, *, channels_last: int = 0
) -> str:
    """GlobalAveragePool."""
    layout = "NHWC" if channels_last else "NCHW"
    return _unary(at, "GlobalAveragePool", (x, x_scale, x_zero, y_scale, y_zero), layout=layout)


def QLinearReduceMean(
    at: Expansion,
    x: str,
    x_scale: str,
    x_zero: str,
    y_scale: str,
    y_zero: str = "",
    *,
    axes: tuple[int, ...],
    keepdims: int,
) -> str:
    """ReduceMean."""
    y = at.add("ReduceMean", _real(at, x, x_scale, x_zero), at.constant(axes), keepdims=keepdims)
    return _quantized(at, y, y_scale, y_zero, x)


def QLinearConcat(at: Expansion, y_scale: str, y_zero: str, *inputs: str, axis: int) -> str:
    """Concat; each of the inputs is followed by its scale and zero point."""
    parts = [_real(at, *inputs[i : i + 3]) for i in range(0, len(inputs), 3)]
    return at.add("QuantizeLinear", at.add("Concat", *parts, axis=axis), y_scale, y_zero)


def QLinearWhere(
    at: Expansion,
    condition: str,
    x: str,
    x_scale: str,
    x_zero: str,
    y: str,
    y_scale: str,
    y_zero: str,
    z_scale: str,
    z_zero: str,
) -> str:
    """Where."""
    z = at.add("Where", condition, _real(at, x, x_scale, x_zero), _real(at, y, y_scale, y_zero))
    return at.add("QuantizeLinear", z, z_scale, z_zero)


def QLinearConv(
    at: Expansion,
    x: str,
    x_scale: str,
    x_zero: str,
    w: str,
    w_scale: str,
    w_zero: str,
    y_scale: str,
    y_zero: str,
    b: str = "",
    *,
    channels_last: int = 0,
    **window: Any,
) -> str:
    """QLinearConv; the channels of x may be last, the kernel is (out, in / group, *spatial) as ever."""
    rank = at.rank(w, "W")
    if channels_last:
        x = at.add("Transpose", x, perm=(0, rank - 1, *range(1, rank - 1)))
    y = at.add("QLinearConv", x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, b, **window)
    return at.add("Transpose", y, perm=(0, *range(2, rank), 1)) if channels_last else y


# --- products of integers -------------------------------------------------------------------------------------------


def integer_product(at: Expansion, a: str, b: str, a_scale: str, b_scale: str, a_zero: str, b_zero: str) -> str:
    """(a - its zero point) @ (b - its zero point), exact, times both scales."""
    y = at.add("CastLike", at.add("MatMulInteger", a, b, a_zero, b_zero), a_scale)
    return at.add("Mul", y, at.add("Mul", a_scale, b_scale))


def MatMulIntegerToFloat(
    at: Expansion,
    a: str,
    b: str,
    a_scale: str,
    b_scale: str,
    a_zero: str = "",
    b_zero: str = "",
    bias: str = "",
) -> str:
    """The product of the real values of two matrices of integers, plus bias."""
    return plus(at, integer_product(at, a, b, a_scale, b_scale, a_zero, b_zero), bias)


def DynamicQuantizeMatMul(at: Expansion, a: str, b: str, b_scale: str, b_zero: str = "", bias: str = "") -> str:
    """The same, where `a` is real and is quantised by DynamicQuantizeLinear."""
    quantised, a_scale, a_zero = at.add_many("DynamicQuantizeLinear", 3, a)
    return plus(at, integer_product(at, quantised, b, a_scale, b_scale, a_zero, b_zero), bias)


def QGemm(
    at: Expansion,
    a: str,
    a_scale: str,
    a_zero: str,
    b: str,
    b_scale: str,
    b_zero: str,
    c: str = "",
    y_scale: str = "",
    y_zero: str = "",
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> str:
    """alpha * a @ b + c; c is of integers, in units of alpha and both scales. Quantised if `y_scale` is there."""
    a = at.add("Transpose", a, perm=(1, 0)) if transA else a
    b = at.add("Transpose", b, perm=(1, 0)) if transB else b
    total = plus(at, at.add("MatMulInteger", a, b, a_zero, b_zero), c)
    scale = at.add("Mul", a_scale, b_scale)
    if alpha != 1:
        scale = at.add("Mul", scale, at.number(alpha, a_scale))
    y = at.add("Mul", at.add("CastLike", total, a_scale), scale)
    return _quantized(at, y, y_scale, y_zero, a) if y_scale else y


def MulInteger(at: Expansion, a: str, a_zero: str, b: str, b_zero: str = "") -> str:
    """(a - its zero point) * (b - its zero point) in int32."""
    factors = []
    for x, zero in ((a, a_zero), (b, b_zero)):
        x = at.add("Cast", x, to="int32")
        factors.append(at.add("Sub", x, at.add("Cast", zero, to="int32")) if zero else x)
    return at.add("Mul", *factors)


def ReduceSumInteger(at: Expansion, x: str, *, axes: tuple[int, ...], keepdims: int) -> str:
    """The sum in int32."""
    return at.add("ReduceSum", at.add("Cast", x, to="int32"), at.constant(axes), keepdims=keepdims)


# --- weights of few bits --------------------------------------------------------------------------------------------


def _unpack(packed: Array, bits: int) -> Array:
    """The numbers of so many bits in each byte of the last dimension, the lowest bits first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    parts = (packed[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return parts.reshape(*packed.shape[:-1], -1)


def _few_bits(at: Expansion, array: Array, bits: int) -> str:
    """A constant of uint4 where that fits; ONNX has no smaller numbers that runtimes know."""
    return at.constant(array, dtype_of("uint4") if bits == 4 else np.uint8)


def MatMulNBits(
    at: Expansion,
    a: str,
    b: str,
    scales: str,
    zero_points: str = "",
    g_idx: str = "",
    bias: str = "",
    *,
    K: int,
    N: int,
    block_size: int,
    bits: int = 4,
    accuracy_level: int = 0,
    weight_prepacked: int = 0,
) -> str:
    """a @ bᵀ + bias; each row of b is in blocks of numbers of `bits` bits, with a scale and a zero point."""
    if weight_prepacked or g_idx or bits not in (2, 4, 8):
        why = "weight_prepacked" if weight_prepacked else "g_idx" if g_idx else f"bits={bits}"
        raise at.unsupported(why)
    blocks = -(-K // block_size)
    packed = at.constant_of(b, "B")
    if packed.size != N * blocks * block_size * bits // 8:
        raise at.unsupported(f"B holds {packed.size} bytes for {N} rows of {blocks} blocks of {block_size}")
    rows = _unpack(packed.reshape(N, -1), bits)[:, :K]
    scale_values = at.constant_of(scales, "scales").reshape(N, blocks)
    scale = at.constant(scale_values, scale_values.dtype)
    if not zero_points:
        zeros = np.full((N, blocks), 1 << (bits - 1), np.uint8)
    else:
        zeros = at.constant_of(zero_points, "zero_points")
        if zeros.dtype != np.uint8:
            raise at.unsupported(f"zero points of {zeros.dtype}")
        zeros = _unpack(zeros.reshape(N, -1), bits)[:, :blocks]
    weights = at.add(
        "DequantizeLinear",
        _few_bits(at, rows, bits),
        scale,
        _few_bits(at, zeros, bits),
        axis=1,
        block_size=block_size,
    )
    return plus(at, at.add("MatMul", a, at.add("Transpose", weights, perm=(1, 0))), bias)
