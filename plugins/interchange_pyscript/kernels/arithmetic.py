"""Arithmetic on single numbers that gives infinities and NaN, as IEEE 754 says, where Python raises errors."""

from __future__ import annotations

import math
from collections.abc import Callable


def divide(a: float, b: float) -> float:
    """a / b."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def square_root(value: float) -> float:
    """The square root; NaN below zero."""
    return math.nan if value < 0 else math.sqrt(value)


def exponential(value: float) -> float:
    """e to the power of the value."""
    return math.inf if value > 709.782712893384 else math.exp(value)


def exponential_less_one(value: float) -> float:
    """e to the power of the value, minus 1."""
    return math.inf if value > 709.782712893384 else math.expm1(value)


def logarithm(value: float) -> float:
    """The natural logarithm; -inf of 0, NaN below."""
    if value > 0:
        return math.log(value)
    return -math.inf if value == 0 else math.nan


def power(base: float, exponent: float) -> float:
    """base to the power of exponent."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:  # a root of a negative number, or one divided by zero
        if base:
            return math.nan
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf


def attempt(function: Callable[[float], float], value: float) -> float:
    """`function` of a value; NaN where it is not defined, an infinity where it is too large."""
    try:
        return function(value)
    except ValueError:
        return math.nan
    except OverflowError:
        return math.copysign(math.inf, function(math.copysign(1.0, value)))


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    small = math.exp(value)
    return small / (1.0 + small)


def softplus(value: float) -> float:
    """log(1 + exp(value)), without overflow."""
    return maximum(value, 0.0) + math.log1p(math.exp(-abs(value)))


def maximum(a: float, b: float) -> float:
    """The larger of two; NaN if one is NaN."""
    return a if a >= b or math.isnan(a) else b


def minimum(a: float, b: float) -> float:
    """The smaller of two; NaN if one is NaN."""
    return a if a <= b or math.isnan(a) else b


def clip(value: float, low: float, high: float) -> float:
    """The value, or the limit that it is beyond."""
    return max(min(value, high), low)
