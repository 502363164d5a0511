"""Products and convolutions with something before or after."""

from __future__ import annotations

from typing import Any

import numpy as np

from interchange_onnx.microsoft.activation import activated, plus
from interchange_onnx.microsoft.expansion import Expansion


def _turned(at: Expansion, x: str, what: str, *, last: int, batch: int) -> str:
    """x with its last two dimensions exchanged (`last`); `batch`: the first moved behind those of the batch before."""
    if not last and not batch:
        return x
    rank = at.rank(x, what)
    if rank < 2:
        return x
    order = [*range(1, rank - 1), 0, rank - 1] if batch else list(range(rank))
    if last:
        order[-2:] = order[-1], order[-2]
    return at.add("Transpose", x, perm=tuple(order))


def FusedMatMul(
    at: Expansion,
    a: str,
    b: str,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: int = 0,
    transBatchB: int = 0,
) -> str:
    """alpha * a @ b, each transposed first if `transA`, `transB` say so."""
    a = _turned(at, a, "A", last=transA, batch=transBatchA)
    b = _turned(at, b, "B", last=transB, batch=transBatchB)
    y = at.add("MatMul", a, b)
    return y if alpha == 1 else at.add("Mul", y, at.number(alpha, y))


def TransposeMatMul(at: Expansion, a: str, b: str, *, alpha: float = 1.0, transA: int = 0, transB: int = 0) -> str:
    """The older name of FusedMatMul."""
    return FusedMatMul(at, a, b, alpha=alpha, transA=transA, transB=transB)


def FusedMatMulActivation(
    at: Expansion,
    a: str,
    b: str,
    *,
    activation: str,
    activation_alpha: float | None = None,
    activation_beta: float | None = None,
    **product: Any,
) -> str:
    """An activation of FusedMatMul."""
    parameters = [value for value in (activation_alpha, activation_beta) if value is not None]
    return activated(at, FusedMatMul(at, a, b, **product), activation, parameters)


def FusedGemm(
    at: Expansion,
    a: str,
    b: str,
    c: str = "",
    *,
    activation: str = "",
    activation_alpha: float | None = None,
    activation_beta: float | None = None,
    activation_gamma: float | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> str:
    """An activation of Gemm."""
    parameters = [value for value in (activation_alpha, activation_beta, activation_gamma) if value is not None]
    y = at.add("Gemm", a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)
    return activated(at, y, activation, parameters)


def GemmFastGelu(at: Expansion, x: str, w: str, bias: str = "") -> str:
    """Gelu(x @ w + bias), with tanh in place of erf."""
    return at.add("Gelu", plus(at, at.add("MatMul", x, w), bias), approximate="tanh")


def FusedConv(
    at: Expansion,
    x: str,
    w: str,
    b: str = "",
    z: str = "",
    *,
    activation: str = "",
    activation_params: tuple[float, ...] = (),
    **window: Any,
) -> str:
    """An activation of Conv(x, w, b) + z."""
    return activated(at, plus(at, at.add("Conv", x, w, b, **window), z), activation, activation_params)


def NhwcConv(at: Expansion, x: str, w: str, b: str = "", **window: Any) -> str:
    """Conv with the channels of x last; the kernel is (out, in / group, *spatial) as ever."""
    rank = at.rank(w, "W")
    order = (*range(2, rank), 1, 0)
    array = at.value_of(w)
    if array is None:
        kernel = at.add("Transpose", w, perm=order)
    else:
        kernel = at.constant(np.ascontiguousarray(np.transpose(array, order)), array.dtype)
    return at.add("Conv", x, kernel, b, layout="NHWC", **window)


def NhwcFusedConv(
    at: Expansion,
    x: str,
    w: str,
    b: str = "",
    z: str = "",
    *,
    activation: str = "",
    activation_params: tuple[float, ...] = (),
    **window: Any,
) -> str:
    """FusedConv with the channels of x and z last."""
    return activated(at, plus(at, NhwcConv(at, x, w, b, **window), z), activation, activation_params)


def NhwcMaxPool(at: Expansion, x: str, **window: Any) -> str:
    """MaxPool with the channels last."""
    return at.add("MaxPool", x, layout="NHWC", **window)


def ConvTransposeWithDynamicPads(at: Expansion, x: str, w: str, pads: str = "", b: str = "", **window: Any) -> str:
    """ConvTranspose whose pads are an input; here they have to be constant."""
    fixed = {"pads": tuple(at.constant_of(pads, "Pads").ravel().tolist())} if pads else {}
    return at.add("ConvTranspose", x, w, b, **window, **fixed)
