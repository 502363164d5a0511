"""Comparisons and logic, element by element."""

from __future__ import annotations

import math
import operator

from interchange_pyscript.kernels.tensor import Tensor, broadcast_shape, elementwise, expanded, pairwise


def And(a: Tensor, b: Tensor) -> Tensor:
    """Both are true."""
    return pairwise(lambda p, q: bool(p and q), a, b)


def Or(a: Tensor, b: Tensor) -> Tensor:
    """At least one is true."""
    return pairwise(lambda p, q: bool(p or q), a, b)


def Xor(a: Tensor, b: Tensor) -> Tensor:
    """Exactly one is true."""
    return pairwise(lambda p, q: bool(p) != bool(q), a, b)


def Not(x: Tensor) -> Tensor:
    """x is false."""
    return elementwise(operator.not_, x)


def Equal(a: Tensor, b: Tensor) -> Tensor:
    """a = b."""
    return pairwise(operator.eq, a, b)


def Greater(a: Tensor, b: Tensor) -> Tensor:
    """a > b."""
    return pairwise(operator.gt, a, b)


def GreaterOrEqual(a: Tensor, b: Tensor) -> Tensor:
    """a >= b."""
    return pairwise(operator.ge, a, b)


def Less(a: Tensor, b: Tensor) -> Tensor:
    """a < b."""
    return pairwise(operator.lt, a, b)


def LessOrEqual(a: Tensor, b: Tensor) -> Tensor:
    """a <= b."""
    return pairwise(operator.le, a, b)


def Where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a where the condition holds, b elsewhere."""
    shape = broadcast_shape(condition.shape, a.shape, b.shape)
    choices = zip(*(expanded(tensor, shape).values for tensor in (condition, a, b)))
    return Tensor([p if holds else q for holds, p, q in choices], shape)


def IsNaN(x: Tensor) -> Tensor:
    """Whether x is not a number."""
    return elementwise(math.isnan, x)


def IsInf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    """Whether x is one of the infinities asked for."""
    wanted = [math.inf] * bool(detect_positive) + [-math.inf] * bool(detect_negative)
    return Tensor([value in wanted for value in x.values], x.shape)
