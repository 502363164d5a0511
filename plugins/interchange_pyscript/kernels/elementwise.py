"""Arithmetic, element by element, with NumPy's broadcasting. Integers have no limit; a script casts narrow ones."""

from __future__ import annotations

import functools
import math
import operator

from interchange_pyscript.kernels.arithmetic import (
    attempt,
    divide,
    exponential,
    logarithm,
    maximum,
    minimum,
    power,
    square_root,
)
from interchange_pyscript.kernels.tensor import Tensor, elementwise, is_whole, pairwise


def Add(a: Tensor, b: Tensor) -> Tensor:
    """a + b."""
    return pairwise(operator.add, a, b)


def Sub(a: Tensor, b: Tensor) -> Tensor:
    """a - b."""
    return pairwise(operator.sub, a, b)


def Mul(a: Tensor, b: Tensor) -> Tensor:
    """a * b."""
    return pairwise(operator.mul, a, b)


def whole_quotient(a: int, b: int) -> int:
    """a / b rounded toward zero; 0 where b is 0."""
    if b == 0:
        return 0
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def Div(a: Tensor, b: Tensor) -> Tensor:
    """a / b; integers are rounded toward zero."""
    return pairwise(whole_quotient if is_whole(a) else divide, a, b)  # type: ignore[arg-type]


def Mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    """The rest of a / b, with the sign of b; with the sign of a where `fmod` is 1."""

    def rest(p: float, q: float) -> float:
        if q == 0 or p in (math.inf, -math.inf):
            return 0 if isinstance(p, int) else math.nan
        if not fmod:
            return p % q
        return int(math.fmod(p, q)) if isinstance(p, int) else math.fmod(p, q)

    return pairwise(rest, a, b)


def Pow(x: Tensor, y: Tensor) -> Tensor:
    """x to the power of y."""
    if is_whole(x):
        whole = is_whole(y)
        return pairwise(lambda p, q: p**q if whole and q >= 0 else int(power(p, q)), x, y)
    return pairwise(power, x, y)


def Neg(x: Tensor) -> Tensor:
    """-x."""
    return elementwise(operator.neg, x)


def Abs(x: Tensor) -> Tensor:
    """x without its sign."""
    return elementwise(abs, x)


def Sqrt(x: Tensor) -> Tensor:
    """The square root; NaN below zero."""
    return elementwise(square_root, x)


def Reciprocal(x: Tensor) -> Tensor:
    """1 / x."""
    return Tensor([divide(1.0, value) for value in x.values], x.shape)


def Exp(x: Tensor) -> Tensor:
    """e to the power of x."""
    return elementwise(exponential, x)


def Log(x: Tensor) -> Tensor:
    """The natural logarithm."""
    return elementwise(logarithm, x)


def Floor(x: Tensor) -> Tensor:
    """The largest integer that is not above x."""
    return Tensor([float(math.floor(v)) if math.isfinite(v) else v for v in x.values], x.shape)


def Ceil(x: Tensor) -> Tensor:
    """The smallest integer that is not below x."""
    return Tensor([float(math.ceil(v)) if math.isfinite(v) else v for v in x.values], x.shape)


def Round(x: Tensor) -> Tensor:
    """The nearest integer; a half goes to the even one."""
    return Tensor([float(round(v)) if math.isfinite(v) else v for v in x.values], x.shape)


def Sign(x: Tensor) -> Tensor:
    """-1, 0 or 1."""
    one = 1 if is_whole(x) else 1.0
    return Tensor([one if value > 0 else -one if value < 0 else value * one for value in x.values], x.shape)


def Sin(x: Tensor) -> Tensor:
    """Sine."""
    return Tensor([attempt(math.sin, value) for value in x.values], x.shape)


def Cos(x: Tensor) -> Tensor:
    """Cosine."""
    return Tensor([attempt(math.cos, value) for value in x.values], x.shape)


def Tan(x: Tensor) -> Tensor:
    """Tangent."""
    return Tensor([attempt(math.tan, value) for value in x.values], x.shape)


def Asin(x: Tensor) -> Tensor:
    """Inverse sine."""
    return Tensor([attempt(math.asin, value) for value in x.values], x.shape)


def Acos(x: Tensor) -> Tensor:
    """Inverse cosine."""
    return Tensor([attempt(math.acos, value) for value in x.values], x.shape)


def Atan(x: Tensor) -> Tensor:
    """Inverse tangent."""
    return elementwise(math.atan, x)


def Sinh(x: Tensor) -> Tensor:
    """Hyperbolic sine."""
    return Tensor([attempt(math.sinh, value) for value in x.values], x.shape)


def Cosh(x: Tensor) -> Tensor:
    """Hyperbolic cosine."""
    return Tensor([attempt(math.cosh, value) for value in x.values], x.shape)


def Tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return elementwise(math.tanh, x)


def Asinh(x: Tensor) -> Tensor:
    """Inverse hyperbolic sine."""
    return elementwise(math.asinh, x)


def Acosh(x: Tensor) -> Tensor:
    """Inverse hyperbolic cosine."""
    return Tensor([attempt(math.acosh, value) for value in x.values], x.shape)


def Atanh(x: Tensor) -> Tensor:
    """Inverse hyperbolic tangent."""
    ends = {1.0: math.inf, -1.0: -math.inf}
    return Tensor([ends[value] if value in ends else attempt(math.atanh, value) for value in x.values], x.shape)


def Erf(x: Tensor) -> Tensor:
    """The error function."""
    return elementwise(math.erf, x)


def Max(*xs: Tensor) -> Tensor:
    """The largest of all inputs; NaN if any is NaN."""
    return functools.reduce(lambda a, b: pairwise(maximum, a, b), xs)


def Min(*xs: Tensor) -> Tensor:
    """The smallest of all inputs; NaN if any is NaN."""
    return functools.reduce(lambda a, b: pairwise(minimum, a, b), xs)


def Sum(*xs: Tensor) -> Tensor:
    """The sum of all inputs."""
    return functools.reduce(lambda a, b: pairwise(operator.add, a, b), xs)


def Mean(*xs: Tensor) -> Tensor:
    """The sum of all inputs divided by their number."""
    total = functools.reduce(lambda a, b: pairwise(operator.add, a, b), xs)
    return Tensor([value / len(xs) for value in total.values], total.shape)


def Clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """min(max(x, low), high); a limit that is absent does not limit."""
    if low is not None:
        x = pairwise(maximum, x, low)
    return x if high is None else pairwise(minimum, x, high)


def cast(value: float, to: str) -> float:
    """A number as it is in another type; integers wrap around, floats stay 64 bits wide."""
    if to == "bool":
        return bool(value)
    if to in ("bfloat16", "float16", "float32", "float64"):
        return float(value)
    signed, bits = not to.startswith("u"), int(to.lstrip("uint"))
    if not math.isfinite(value):
        return -(1 << (bits - 1)) if signed else 0
    whole = int(value) & ((1 << bits) - 1)
    return whole - (1 << bits) if signed and whole >> (bits - 1) else whole


def Cast(x: Tensor, *, to: str, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """x in the type `to`; floats are cut to integers, integers wrap."""
    return Tensor([cast(value, to) for value in x.values], x.shape)


def CastLike(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """x in the type of `like`; a script says the type itself and calls Cast."""
    kind = "float64" if not is_whole(like) else "bool" if isinstance(like.values[0], bool) else "int64"
    return Cast(x, to=kind)


def Identity(x: Tensor) -> Tensor:
    """x."""
    return x


def BitwiseAnd(a: Tensor, b: Tensor) -> Tensor:
    """The bits set in both."""
    return pairwise(operator.and_, a, b)


def BitwiseOr(a: Tensor, b: Tensor) -> Tensor:
    """The bits set in either."""
    return pairwise(operator.or_, a, b)


def BitwiseXor(a: Tensor, b: Tensor) -> Tensor:
    """The bits set in exactly one."""
    return pairwise(operator.xor, a, b)


def BitwiseNot(x: Tensor) -> Tensor:
    """All bits turned over."""
    return Tensor([~int(value) for value in x.values], x.shape)


def BitShift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    """The bits of x moved by y places, `direction` "LEFT" or "RIGHT"."""
    if direction not in ("LEFT", "RIGHT"):
        raise ValueError(f"direction is {direction!r}")
    left = direction == "LEFT"

    def shifted(p: int, q: int) -> int:  # by 64 places or more, or a negative number of them, nothing is left
        if not 0 <= q < 64:
            return -1 if p < 0 and not left else 0
        return p << q if left else p >> q

    return pairwise(shifted, x, y)  # type: ignore[arg-type]
