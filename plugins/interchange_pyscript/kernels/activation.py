"""Activation functions."""

from __future__ import annotations

import math

from interchange_pyscript.kernels.arithmetic import (
    clip,
    exponential,
    exponential_less_one,
    logarithm,
    sigmoid,
    softplus,
)
from interchange_pyscript.kernels.tensor import Tensor, axis_of, elementwise, from_lines, is_whole, lines, pairwise


def Relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    zero = 0 if is_whole(x) else 0.0
    return Tensor([zero if value < 0 else value for value in x.values], x.shape)


def LeakyRelu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    """x where x >= 0, alpha * x elsewhere."""
    return Tensor([value if value >= 0 else alpha * value for value in x.values], x.shape)


def PRelu(x: Tensor, slope: Tensor) -> Tensor:
    """x where x >= 0, slope * x elsewhere; the slope is broadcast to x."""
    return pairwise(lambda value, factor: value if value >= 0 else factor * value, x, slope)


def ThresholdedRelu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x where x > alpha, 0 elsewhere."""
    return Tensor([value if value > alpha else 0.0 for value in x.values], x.shape)


def Elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    return Tensor([value if value > 0 else alpha * math.expm1(value) for value in x.values], x.shape)


def Selu(x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Tensor:
    """gamma * x where x > 0, gamma * alpha * (exp(x) - 1) elsewhere."""
    return Tensor([gamma * (value if value > 0 else alpha * math.expm1(value)) for value in x.values], x.shape)


def Celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""

    def celu(value: float) -> float:
        bent = alpha * exponential_less_one(value / alpha)
        return (0.0 if value < 0 else value) + (0.0 if bent > 0 else bent)

    return elementwise(celu, x)


def Sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return elementwise(sigmoid, x)


def Swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x / (1 + exp(-alpha * x)); also called SiLU."""
    return Tensor([value * sigmoid(alpha * value) for value in x.values], x.shape)


def SwiGLU(a: Tensor, b: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Swish(a) * b, N. Shazeer, "GLU variants improve transformer", 2020."""
    return pairwise(lambda p, q: p * sigmoid(alpha * p) * q, a, b)


def HardSigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """alpha * x + beta, limited to 0 to 1."""
    return Tensor([clip(alpha * value + beta, 0.0, 1.0) for value in x.values], x.shape)


def HardSwish(x: Tensor) -> Tensor:
    """x times (x / 6 + 0.5 limited to 0 to 1)."""
    return Tensor([value * clip(value / 6 + 0.5, 0.0, 1.0) for value in x.values], x.shape)


def Softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return elementwise(softplus, x)


def Mish(x: Tensor) -> Tensor:
    """x * tanh(log(1 + exp(x)))."""
    return Tensor([value * math.tanh(softplus(value)) for value in x.values], x.shape)


def Softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return Tensor([value / (1 + abs(value)) for value in x.values], x.shape)


def Gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x / 2 * (1 + erf(x / sqrt(2))), or its approximation with tanh."""
    if approximate == "tanh":
        factor = math.sqrt(2 / math.pi)
        return Tensor([v / 2 * (1 + math.tanh(factor * (v + 0.044715 * v * v * v))) for v in x.values], x.shape)
    return Tensor([value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in x.values], x.shape)


def Shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    """x + bias where x < -lambd, x - bias where x > lambd, 0 elsewhere."""

    def shrink(value: float) -> float:
        return value + bias if value < -lambd else value - bias if value > lambd else 0.0

    return elementwise(shrink, x)


def Softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`, the largest entry subtracted first."""
    axis, rows = axis_of(x, axis), []
    for row in lines(x, [axis]):
        top = max(row)
        powers = [exponential(value - top) for value in row]
        total = sum(powers)
        rows.append([value / total for value in powers])
    return from_lines(rows, x.shape, axis)


def LogSoftmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """x - log(sum(exp(x))) along `axis`, the largest entry subtracted first."""
    axis, rows = axis_of(x, axis), []
    for row in lines(x, [axis]):
        top = max(row)
        total = logarithm(sum([exponential(value - top) for value in row]))
        rows.append([value - top - total for value in row])
    return from_lines(rows, x.shape, axis)


def Hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """1 at the first largest entry along `axis`, 0 elsewhere."""
    axis, rows = axis_of(x, axis), []
    for row in lines(x, [axis]):
        first = row.index(max(row))
        rows.append([1.0 if i == first else 0.0 for i in range(len(row))])
    return from_lines(rows, x.shape, axis)
