"""Element-wise functions in float64.

ONNX has neither exp(x) - 1 nor log(1 + x), which are exact near 0; they are tanh(x / 2) (exp(x) + 1), and
x log(y) / (y - 1) with y = 1 + x rounded (W. Kahan; see N. J. Higham, "Accuracy and stability of numerical
algorithms", 2nd edition, section 1.14.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from interchange.ops._erf import LARGE, MIDDLE, SMALL
from interchange_onnx.cpu.writer import Writer


def expm1(e: Writer, x: str) -> str:
    """exp(x) - 1."""
    half = e.add("Tanh", e.add("Mul", x, e.number(0.5)))
    return e.add("Mul", half, e.add("Add", e.add("Exp", x), e.number(1)))


def log1p(e: Writer, x: str) -> str:
    """log(1 + x) for x >= 0."""
    one = e.number(1)
    y = e.add("Add", x, one)
    exact = e.add("Div", e.add("Mul", x, e.add("Log", y)), e.add("Sub", y, one))
    return e.add("Where", e.add("Equal", y, one), x, exact)


def _positive(e: Writer, x: str) -> str:
    return e.add("Greater", x, e.number(0))


def leaky_relu(e: Writer, x: str, *, alpha: float = 0.01) -> str:
    return p_relu(e, x, e.number(alpha))


def p_relu(e: Writer, x: str, slope: str) -> str:
    return e.add("Where", e.add("Less", x, e.number(0)), e.add("Mul", slope, x), x)


def thresholded_relu(e: Writer, x: str, *, alpha: float = 1.0) -> str:
    return e.add("Where", e.add("Greater", x, e.number(alpha)), x, e.number(0))


def elu(e: Writer, x: str, *, alpha: float = 1.0) -> str:
    below = e.add("Mul", e.number(alpha), expm1(e, e.add("Min", x, e.number(0))))
    return e.add("Where", _positive(e, x), x, below)


def selu(
    e: Writer, x: str, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> str:
    return e.add("Mul", e.number(gamma), elu(e, x, alpha=alpha))


def hard_sigmoid(e: Writer, x: str, *, alpha: float = 0.2, beta: float = 0.5) -> str:
    return e.add("Clip", affine(e, x, alpha=alpha, beta=beta), e.number(0), e.number(1))


def affine(e: Writer, x: str, *, alpha: float = 1.0, beta: float = 0.0) -> str:
    return e.add("Add", e.add("Mul", e.number(alpha), x), e.number(beta))


def scaled_tanh(e: Writer, x: str, *, alpha: float = 1.0, beta: float = 1.0) -> str:
    return e.add("Mul", e.number(alpha), e.add("Tanh", e.add("Mul", e.number(beta), x)))


def hard_swish(e: Writer, x: str) -> str:
    gate = e.add("Add", e.add("Div", x, e.number(6)), e.number(0.5))
    return e.add("Mul", x, e.add("Clip", gate, e.number(0), e.number(1)))


def swish(e: Writer, x: str, *, alpha: float = 1.0) -> str:
    return e.add("Mul", x, e.add("Sigmoid", e.add("Mul", e.number(alpha), x)))


def swi_glu(e: Writer, a: str, b: str, *, alpha: float = 1.0) -> str:
    return e.add("Mul", swish(e, a, alpha=alpha), b)


def celu(e: Writer, x: str, *, alpha: float = 1.0) -> str:
    below = expm1(e, e.add("Min", e.add("Div", x, e.number(alpha)), e.number(0)))
    limited = e.add("Min", e.add("Mul", e.number(alpha), below), e.number(0))
    return e.add("Add", e.add("Max", x, e.number(0)), limited)


def shrink(e: Writer, x: str, *, bias: float = 0.0, lambd: float = 0.5) -> str:
    above = e.add("Where", e.add("Greater", x, e.number(lambd)), e.add("Sub", x, e.number(bias)), e.number(0))
    return e.add("Where", e.add("Less", x, e.number(-lambd)), e.add("Add", x, e.number(bias)), above)


def softplus(e: Writer, x: str) -> str:
    small = e.add("Exp", e.add("Neg", e.add("Abs", x)))
    return e.add("Add", e.add("Max", x, e.number(0)), log1p(e, small))


def softsign(e: Writer, x: str) -> str:
    return e.add("Div", x, e.add("Add", e.number(1), e.add("Abs", x)))


def mean(e: Writer, *xs: str) -> str:
    return e.add("Div", e.add("Sum", *xs), e.number(len(xs)))


def sinh(e: Writer, x: str) -> str:
    return e.add("Mul", e.add("Sub", expm1(e, x), expm1(e, e.add("Neg", x))), e.number(0.5))


def cosh(e: Writer, x: str) -> str:
    return e.add("Mul", e.add("Add", e.add("Exp", x), e.add("Exp", e.add("Neg", x))), e.number(0.5))


def tan(e: Writer, x: str) -> str:
    return e.add("Div", e.add("Sin", x), e.add("Cos", x))


def asinh(e: Writer, x: str) -> str:
    """±log1p(a + a² / (1 + √(1 + a²))) with a = |x|; log(2a) where a² would overflow."""
    one, size = e.number(1), e.add("Abs", x)
    a = e.add("Min", size, e.number(1e150))
    square = e.add("Mul", a, a)
    root = e.add("Sqrt", e.add("Add", one, square))
    near = log1p(e, e.add("Add", a, e.add("Div", square, e.add("Add", one, root))))
    far = e.add("Add", e.add("Log", size), e.number(math.log(2)))
    return e.add("Mul", e.add("Sign", x), e.add("Where", e.add("Greater", size, e.number(1e150)), far, near))


def acosh(e: Writer, x: str) -> str:
    """log1p(t + √(2t + t²)) with t = x - 1; log(2x) where t² would overflow."""
    t = e.add("Min", e.add("Sub", x, e.number(1)), e.number(1e150))
    root = e.add("Sqrt", e.add("Mul", t, e.add("Add", t, e.number(2))))
    far = e.add("Add", e.add("Log", x), e.number(math.log(2)))
    return e.add("Where", e.add("Greater", x, e.number(1e150)), far, log1p(e, e.add("Add", t, root)))


def atanh(e: Writer, x: str) -> str:
    """±log1p(2a / (1 - a)) / 2 with a = |x|."""
    a = e.add("Abs", x)
    ratio = e.add("Div", e.add("Mul", a, e.number(2)), e.add("Sub", e.number(1), a))
    return e.add("Mul", e.add("Mul", e.add("Sign", x), e.number(0.5)), log1p(e, ratio))


HALVINGS, TERMS = 3, 12  # tan(π/16) to the power 25 is below the last bit


def atan(e: Writer, x: str) -> str:
    """atan(t) = 2 atan(t / (1 + √(1 + t²))), three times, then the series t - t³/3 + t⁵/5 …"""
    one = e.number(1)
    t = e.add("Min", e.add("Abs", x), e.number(1e20))  # π/2 from there on
    for _ in range(HALVINGS):
        t = e.add("Div", t, e.add("Add", one, e.add("Sqrt", e.add("Add", one, e.add("Mul", t, t)))))
    series = [(-1) ** k / (2 * k + 1) for k in reversed(range(TERMS))]
    angle = e.add("Mul", t, _polynomial(e, series, e.add("Mul", t, t)))
    return e.add("Mul", e.add("Mul", e.add("Sign", x), e.number(2**HALVINGS)), angle)


def asin(e: Writer, x: str) -> str:
    """2 atan(x / (1 + √((1 - x)(1 + x))))."""
    one = e.number(1)
    root = e.add("Sqrt", e.add("Mul", e.add("Sub", one, x), e.add("Add", one, x)))
    return e.add("Mul", e.number(2), atan(e, e.add("Div", x, e.add("Add", one, root))))


def acos(e: Writer, x: str) -> str:
    """2 atan(√((1 - x) / (1 + x)))."""
    one = e.number(1)
    return e.add("Mul", e.number(2), atan(e, e.add("Sqrt", e.add("Div", e.add("Sub", one, x), e.add("Add", one, x)))))


def _polynomial(e: Writer, coefficients: Sequence[float], x: str) -> str:
    """Horner's rule; the highest power comes first."""
    y = e.number(coefficients[0])
    for coefficient in coefficients[1:]:
        y = e.add("Add", e.add("Mul", y, x), e.number(coefficient))
    return y


def _ratio(e: Writer, polynomials: tuple[Sequence[float], Sequence[float]], x: str) -> str:
    numerator, denominator = (_polynomial(e, coefficients, x) for coefficients in polynomials)
    return e.add("Div", numerator, denominator)


def erf(e: Writer, x: str) -> str:
    """As interchange.ops._erf.erf computes it."""
    size = e.add("Min", e.add("Abs", x), e.number(30))
    square = e.add("Mul", size, size)
    small = e.add("Mul", size, _ratio(e, SMALL, square))
    power = e.add("Exp", e.add("Neg", square))
    middle = e.add("Mul", power, _ratio(e, MIDDLE, size))
    inverse = e.add("Div", e.number(1), e.add("Max", square, e.number(1)))
    tail = e.add("Sub", e.number(1 / math.sqrt(math.pi)), e.add("Mul", inverse, _ratio(e, LARGE, inverse)))
    large = e.add("Div", e.add("Mul", power, tail), e.add("Max", size, e.number(1)))
    rest = e.add("Where", e.add("LessOrEqual", size, e.number(4)), middle, large)
    result = e.add("Where", e.add("LessOrEqual", size, e.number(0.46875)), small, e.add("Sub", e.number(1), rest))
    return e.add("Mul", e.add("Sign", x), result)


def gelu(e: Writer, x: str, *, approximate: str = "none") -> str:
    if approximate == "tanh":
        cube = e.add("Mul", e.number(0.044715), e.add("Mul", e.add("Mul", x, x), x))
        factor = e.add("Tanh", e.add("Mul", e.number(math.sqrt(2 / math.pi)), e.add("Add", x, cube)))
    else:
        factor = erf(e, e.add("Mul", x, e.number(math.sqrt(0.5))))
    return e.add("Mul", e.add("Mul", e.number(0.5), x), e.add("Add", e.number(1), factor))


def one_hot(e: Writer, indices: str, depth: str, values: str, *, axis: int = -1) -> str:
    is_hot = e.add("Cast", e.add("OneHot", indices, depth, np.array([0, 1]), axis=axis), to="bool")
    off, on = (e.add("Gather", values, i) for i in (0, 1))
    return e.add("Where", is_hot, on, off)


LOWERINGS: Mapping[str, Callable[..., str]] = {
    "Acos": acos,
    "Acosh": acosh,
    "Asin": asin,
    "Asinh": asinh,
    "Atan": atan,
    "Atanh": atanh,
    "Celu": celu,
    "Cosh": cosh,
    "Elu": elu,
    "Erf": erf,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "LeakyRelu": leaky_relu,
    "Mean": mean,
    "OneHot": one_hot,
    "PRelu": p_relu,
    "Selu": selu,
    "Shrink": shrink,
    "Sinh": sinh,
    "Softplus": softplus,
    "Softsign": softsign,
    "SwiGLU": swi_glu,
    "Swish": swish,
    "Tan": tan,
    "ThresholdedRelu": thresholded_relu,
}
