"""Arithmetic, element by element, with NumPy's broadcasting."""

from __future__ import annotations

import functools

import numpy as np

from interchange.ops._cast import cast
from interchange.ops._dtypes import dtype_of
from interchange.ops._erf import erf
from interchange.ops._shapes import Array, elementwise, same_shape, shape_rule


@elementwise
def Add(a, b):
    """a + b."""
    return a + b


@elementwise
def Sub(a, b):
    """a - b."""
    return a - b


@elementwise
def Mul(a, b):
    """a * b."""
    return a * b


@elementwise
def Div(a, b):
    """a / b; integers are rounded toward zero."""
    if a.dtype.kind not in "iu":
        return a / b
    inexact_and_negative = (a % b != 0) & ((a < 0) != (b < 0))
    return a // b + inexact_and_negative.astype(a.dtype)


@elementwise
def Mod(a, b, *, fmod=0):
    """The rest of a / b, with the sign of b; with the sign of a where `fmod` is 1."""
    return np.fmod(a, b) if fmod else np.mod(a, b)


@elementwise
def Pow(x, y):
    """x to the power of y, in the dtype of x."""
    if x.dtype.kind in "iu" and y.dtype.kind == "i":
        return np.where(y < 0, np.power(x.astype(np.float64), y), np.power(x, np.maximum(y, 0))).astype(x.dtype)
    return np.power(x, y).astype(x.dtype)


@elementwise
def Neg(x):
    """-x."""
    return -x


@elementwise
def Abs(x):
    """x without its sign."""
    return np.abs(x)


@elementwise
def Sqrt(x):
    """The square root; NaN below zero."""
    return np.sqrt(x)


@elementwise
def Reciprocal(x):
    """1 / x."""
    return np.reciprocal(x)


@elementwise
def Exp(x):
    """e to the power of x."""
    return np.exp(x)


@elementwise
def Log(x):
    """The natural logarithm."""
    return np.log(x)


@elementwise
def Floor(x):
    """The largest integer that is not above x."""
    return np.floor(x)


@elementwise
def Ceil(x):
    """The smallest integer that is not below x."""
    return np.ceil(x)


@elementwise
def Round(x):
    """The nearest integer; a half goes to the even one."""
    return np.rint(x)


@elementwise
def Sign(x):
    """-1, 0 or 1."""
    return np.sign(x)


@elementwise
def Sin(x):
    """Sine."""
    return np.sin(x)


@elementwise
def Cos(x):
    """Cosine."""
    return np.cos(x)


@elementwise
def Tan(x):
    """Tangent."""
    return np.tan(x)


@elementwise
def Asin(x):
    """Inverse sine."""
    return np.arcsin(x)


@elementwise
def Acos(x):
    """Inverse cosine."""
    return np.arccos(x)


@elementwise
def Atan(x):
    """Inverse tangent."""
    return np.arctan(x)


@elementwise
def Sinh(x):
    """Hyperbolic sine."""
    return np.sinh(x)


@elementwise
def Cosh(x):
    """Hyperbolic cosine."""
    return np.cosh(x)


@elementwise
def Tanh(x):
    """Hyperbolic tangent."""
    return np.tanh(x)


@elementwise
def Asinh(x):
    """Inverse hyperbolic sine."""
    return np.arcsinh(x)


@elementwise
def Acosh(x):
    """Inverse hyperbolic cosine."""
    return np.arccosh(x)


@elementwise
def Atanh(x):
    """Inverse hyperbolic tangent."""
    return np.arctanh(x)


@elementwise
def Erf(x):
    """The error function."""
    return erf(x)


@elementwise
def Max(*xs):
    """The largest of all inputs; NaN if any is NaN."""
    return functools.reduce(np.maximum, xs)


@elementwise
def Min(*xs):
    """The smallest of all inputs; NaN if any is NaN."""
    return functools.reduce(np.minimum, xs)


@elementwise
def Sum(*xs):
    """The sum of all inputs."""
    return functools.reduce(np.add, xs)


@elementwise
def Mean(*xs):
    """The sum of all inputs divided by their number."""
    return functools.reduce(np.add, xs) / len(xs)


@elementwise
def Clip(x, low=None, high=None):
    """min(max(x, low), high); a limit that is absent does not limit."""
    y = x if low is None else np.maximum(x, low)
    return y if high is None else np.minimum(y, high)


@elementwise
def Cast(x, *, to, saturate=1, round_mode="up"):
    """x in the dtype `to`; floats are cut to integers, integers wrap. The other attributes are for float8 types."""
    return cast(x, dtype_of(to), saturate, round_mode)


@shape_rule(same_shape)
@elementwise
def CastLike(x, like, *, saturate=1, round_mode="up"):
    """x in the dtype of `like`."""
    return cast(x, like.dtype, saturate, round_mode)


@elementwise
def BitCast(x, *, to):
    """The bits of x read as another dtype of the same size."""
    if dtype_of(to).itemsize != x.dtype.itemsize:
        raise ValueError(f"{to} is not of the size of {x.dtype}")
    return np.ascontiguousarray(x).view(dtype_of(to)).reshape(x.shape)


@elementwise
def Identity(x):
    """x."""
    return x


@shape_rule(same_shape)
def Dropout(x, ratio=None, training_mode=None, *, seed=None) -> tuple[Array, Array]:
    """x and all true. In training: 0 with the probability `ratio`, x / (1 - ratio) elsewhere; and where that is."""
    share = 0.5 if ratio is None else ratio.item()
    if training_mode is None or not training_mode.item() or share == 0:
        return x, np.ones(x.shape, bool)
    kept = np.random.RandomState(seed).uniform(size=x.shape) >= share
    return np.where(kept, x * x.dtype.type(1 / (1 - share)), 0).astype(x.dtype), kept


@elementwise
def IsNaN(x):
    """Whether x is not a number."""
    return np.isnan(x)


@elementwise
def IsInf(x, *, detect_negative=1, detect_positive=1):
    """Whether x is one of the infinities asked for."""
    return (np.isposinf(x) & bool(detect_positive)) | (np.isneginf(x) & bool(detect_negative))


@elementwise
def BitShift(x, y, *, direction):
    """The bits of x moved by y places, `direction` "LEFT" or "RIGHT"."""
    if direction not in ("LEFT", "RIGHT"):
        raise ValueError(f"direction is {direction!r}")
    return np.left_shift(x, y) if direction == "LEFT" else np.right_shift(x, y)


@elementwise
def BitwiseAnd(a, b):
    """The bits set in both."""
    return a & b


@elementwise
def BitwiseOr(a, b):
    """The bits set in either."""
    return a | b


@elementwise
def BitwiseXor(a, b):
    """The bits set in exactly one."""
    return a ^ b


@elementwise
def BitwiseNot(x):
    """All bits turned over."""
    return ~x


@elementwise
def Where(condition, a, b):
    """a where the condition holds, b elsewhere."""
    return np.where(condition, a, b)
