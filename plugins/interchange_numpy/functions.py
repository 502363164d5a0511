"""Functions of single elements as steps: quotients of polynomials, and what recurrent layers apply to their gates.

A quotient x P(x²) / Q(x²) takes some passes of ufuncs for the powers, and BLAS for the sums of them: 4 ns an element
on a machine with AVX2 (Zen 1), where np.tanh is 7.3 ns because it gathers coefficients from tables. NumPy has no erf.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Scratch, Step
from interchange_numpy.probe import clip, least_times

PIECE = 1 << 15  # elements that a quotient is computed of at once: its powers stay in the cache
LEAST_RATIONAL = 4096  # elements from which on ten calls are less than one slow tanh
LEAST_POWERS = 1024  # elements from which on it does not matter that single values of GELU have fewer digits


class Quotient(NamedTuple):
    """x P(x²) / Q(x²) for |x| <= limit, and the value there beyond; coefficients from the constant on.

    Fitted by least squares that were reweighted until the largest relative error was smallest. All coefficients are
    positive, so sums of them lose nothing. Computed in float32.
    """

    limit: float
    p: tuple[float, ...]
    q: tuple[float, ...]

    def work(self, count: int) -> Scratch:
        """The scratch memory for pieces of up to `count` elements."""
        return (len(self.p) + 1, count), np.dtype(np.float32)

    def steps(self, x: Array, y: Array, work: Array) -> Iterator[Step]:
        """y from x, which may be the same array; in one dimension, not longer than `work`."""
        degree = len(self.p) - 1
        # Rows without gaps: dot copies a matrix that has them, in a third of the whole time.
        work = work.reshape(-1)[: len(work) * x.size].reshape(-1, x.size)
        powers, p, q = work[:degree], work[degree], work[degree + 1]
        yield clip(), (x, np.array(-self.limit, np.float32), np.array(self.limit, np.float32), y)
        yield np.square, (y, powers[0])
        yield np.square, (powers[0], powers[1])
        yield np.multiply, (powers[0], powers[1], powers[2])
        yield np.square, (powers[1], powers[3])
        if degree == 5:
            yield np.multiply, (powers[0], powers[3], powers[4])
        for coefficients, into in ((self.p, p), (self.q, q)):
            yield np.array(coefficients[1:], np.float32).dot, (powers, into)
            yield np.add, (into, np.array(coefficients[0], np.float32), into)
        yield np.multiply, (p, y, p)
        yield np.divide, (p, q, y)


# Relative error 2e-8, in float32 3e-7.
TANH = Quotient(
    9.0,
    (9.999999795e-01, 1.338102144e-01, 3.495583151e-03, 2.060900164e-05, 1.335455368e-08),
    (1.0, 4.671433704e-01, 2.587696324e-02, 3.285626621e-04, 7.776513248e-07),
)
# Relative error 2e-8, in float32 3e-7; a little more at the limit (3e-7), so that it reaches 1 before it is cut off:
# far on the left 1 + erf(x) is exactly 0.
ERF = Quotient(
    4.0,
    (1.128379140e00, 1.932354880e-01, 5.307386112e-02, 3.872814559e-03, 2.848725200e-04, 1.997487023e-06),
    (1.0, 5.045830630e-01, 1.152337655e-01, 1.518676146e-02, 1.183944361e-03, 3.754326933e-05),
)


def erf(x: Array, y: Array, work: Array) -> Iterator[Step]:
    """y = erf(x), which may be the same array."""
    yield from ERF.steps(x, y, work)
    yield clip(), (y, np.array(-1, np.float32), np.array(1, np.float32), y)


# Φ(-v) = p(v) ** -16 for v >= 0, in z = GELU_SCALE v, with which p, from the constant on, has the leading coefficient
# 1, and z / p ** 16 is v Φ(-v); the scale is such that this is v / 2 to the last digit near 0. Fitted to v Φ(-v); error
# at most 1.5e-7. (Abramowitz and Stegun, 7.1.28, have the same form with degree 6, fitted to erf.)
GELU_SCALE = 0.13175487518310547
GELU_POLYNOMIAL = (0.92002535, 0.34822416, 1.1199185, 1.3300506, 0.0037520989, 1.6616735, -0.23594104)
GELU_SQUARINGS = 4


def gelu_work(count: int) -> Scratch:
    """The scratch memory for pieces of up to `count` elements."""
    if count < LEAST_POWERS:
        (rows, _), dtype = ERF.work(count)
        return (rows + 1, count), dtype
    return (2, count), np.dtype(np.float32)


def gelu(x: Array, y: Array, work: Array) -> Iterator[Step]:
    """y = x Φ(x) = max(x, 0) - |x| Φ(-|x|), which may be the same array; in one dimension.

    Absolute error 4e-7; relative for small numbers 1.3e-6 at most, and 4e-7 in the mean. Of few numbers, in memory for
    few, it is x (1 + erf(x / √2)) / 2, 3e-7.
    """
    if work.shape[1] < LEAST_POWERS:
        z = work[-1, : x.size]
        yield np.multiply, (x, np.array(0.5**0.5, np.float32), z)
        yield from erf(z, z, work[:-1])
        yield np.add, (z, np.array(1, np.float32), z)
        yield np.multiply, (z, np.array(0.5, np.float32), z)
        yield np.multiply, (x, z, y)
        return
    z, p = (row[: x.size] for row in work)
    *first, last = (np.array(c, np.float32) for c in GELU_POLYNOMIAL)
    yield np.absolute, (x, z)
    yield np.multiply, (z, np.array(GELU_SCALE, np.float32), z)
    yield np.add, (z, last, p)
    for coefficient in reversed(first):
        yield np.multiply, (p, z, p)
        yield np.add, (p, coefficient, p)
    for _ in range(GELU_SQUARINGS):
        yield np.square, (p, p)
    yield np.divide, (z, p, z)
    yield clip(), (x, np.array(0, np.float32), np.array(np.inf, np.float32), y)
    yield np.subtract, (y, z, y)


def tanh_work(count: int, dtype: Any, *, precise: bool) -> Mapping[str, Scratch]:
    """The scratch memory "tanh" that `tanh` of up to `count` elements can use, if that makes it faster here."""
    if precise or count < LEAST_RATIONAL or dtype != np.float32 or not is_tanh_slow():
        return {}
    return {"tanh": TANH.work(min(count, PIECE))}


def tanh(x: Array, y: Array, work: Array | None) -> Iterator[Step]:
    """y = tanh(x), which may be the same array; in one dimension if there is `work`."""
    if work is None or x.size < LEAST_RATIONAL:
        yield np.tanh, (x, y)
        return
    for piece in pieces(x.size):
        yield from TANH.steps(x[piece], y[piece], work)


def pieces(size: int) -> Iterator[slice]:
    """Covers `size` elements."""
    for start in range(0, size, PIECE):
        yield slice(start, min(start + PIECE, size))


@cache
def is_tanh_slow() -> bool:
    """Whether the quotient beats NumPy's tanh by a quarter on this machine; measured once, in 2 ms."""
    x = np.linspace(-3, 3, 1 << 14, dtype=np.float32)
    y, work = np.empty_like(x), np.empty(*TANH.work(x.size))
    steps = list(TANH.steps(x, y, work))

    def quotient() -> None:
        for function, arguments in steps:
            function(*arguments)

    plain, fast = least_times((np.tanh, (x, y)), (quotient, ()))
    return fast < 0.8 * plain


class Gate(NamedTuple):
    """A function f of recurrent layers, taken apart so that weights can carry a part of it.

    `times` * f(x) is what `steps` make of `scale` * x + `shift`.

    Args:
        core: "tanh", "clip" (0 to 1), "relu" or "" (nothing).
        plus: what is added after it.
    """

    core: str
    scale: float = 1.0
    shift: float = 0.0
    plus: float = 0.0
    times: float = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether f(x) is what the core makes of x."""
        return (self.scale, self.shift, self.times) == (1.0, 0.0, 1.0)

    @property
    def is_bounded(self) -> bool:
        """Whether f(x) is finite whatever x is."""
        return self.core in ("tanh", "clip")

    def steps(self, z: Array, work: Array | None) -> Iterator[Step]:
        yield from self.core_steps(z, work)
        yield from self.last_steps(z)

    def core_steps(self, z: Array, work: Array | None) -> Iterator[Step]:
        if self.core:
            yield from self.into(z, z, work)

    def last_steps(self, z: Array) -> Iterator[Step]:
        if self.plus:
            yield np.add, (z, np.array(self.plus, z.dtype), z)

    def into(self, x: Array, y: Array, work: Array | None) -> Iterator[Step]:
        """y is what the core makes of x."""
        zero, one = (np.array(value, x.dtype) for value in (0, 1))
        if self.core == "tanh":
            yield from tanh(x, y, work)
        elif self.core == "clip":
            yield clip(), (x, zero, one, y)
        elif self.core == "relu":
            yield clip(), (x, zero, np.array(np.inf, x.dtype), y)
        else:
            yield np.copyto, (y, x)


def gate(name: str, alphas: list[float], betas: list[float]) -> Gate | None:
    """The function of that name in lower case; the parameters are taken from the front of the lists, as ONNX has it.

    None if it has no steps here.
    """
    takes_alpha = {"affine": 1.0, "leakyrelu": 0.01, "thresholdedrelu": 1.0, "scaledtanh": 1.0}
    takes_alpha |= {"hardsigmoid": 0.2, "elu": 1.0}
    takes_beta = {"affine": 0.0, "scaledtanh": 1.0, "hardsigmoid": 0.5}
    alpha = alphas.pop(0) if name in takes_alpha and alphas else takes_alpha.get(name, 0.0)
    beta = betas.pop(0) if name in takes_beta and betas else takes_beta.get(name, 0.0)
    functions = {
        "sigmoid": Gate("tanh", scale=0.5, plus=1.0, times=2.0),
        "tanh": Gate("tanh"),
        "relu": Gate("relu"),
        "affine": Gate("", scale=alpha, shift=beta),
        "hardsigmoid": Gate("clip", scale=alpha, shift=beta),
    }
    return functions.get(name)
