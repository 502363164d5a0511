"""Functions of single elements as steps: hyperbolic tangent, and what recurrent layers apply to their gates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Scratch, Step

# The ufunc itself: `np.clip` is a Python function around it, 2 µs longer.
clip: Callable[..., Any] = getattr(getattr(getattr(np, "_core", None), "umath", None), "clip", np.clip)

# tanh(x) = x P(x²) / Q(x²) for |x| <= 9, where it is 1 in float32: P and Q from the constant on, by least squares
# reweighted until the largest relative error was smallest, 2e-8; computed in float32 it is 2.6e-7.
TANH_LIMIT = 9.0
TANH_P = (9.99999979e-01, 1.33810139e-01, 3.49557414e-03, 2.06088540e-05, 1.33543543e-08)
TANH_Q = (1.00000000e00, 4.67143295e-01, 2.58769290e-02, 3.28561198e-04, 7.77643037e-07)
LEAST_RATIONAL = 4096  # elements from which on ten calls are less than one slow tanh
WORK_ROWS = 6


def tanh_work(count: int, dtype: Any, *, precise: bool) -> Mapping[str, Scratch]:
    """The scratch memory "tanh" that `tanh` of up to `count` elements can use, if that makes it faster here."""
    if precise or count < LEAST_RATIONAL or dtype != np.float32 or not is_tanh_slow():
        return {}
    return {"tanh": ((WORK_ROWS, count), np.dtype(dtype))}


def tanh(x: Array, y: Array, work: Array | None) -> Iterator[Step]:
    """y = tanh(x), which may be the same array; in one dimension if there is `work`.

    NumPy's has a relative error of 1e-7; but without AVX-512 it gathers its coefficients from tables, 7 ns an element.
    The quotient of polynomials is 4 ns: powers by ufuncs, sums of them by BLAS.
    """
    if work is None or x.size < LEAST_RATIONAL:
        yield np.tanh, (x, y)
        return
    work = work[:, : x.size]
    powers, p, q = work[:4], work[4], work[5]
    limit, number = TANH_LIMIT, x.dtype.type
    yield clip, (x, number(-limit), number(limit), y)
    yield np.square, (y, powers[0])
    yield np.square, (powers[0], powers[1])
    yield np.multiply, (powers[:2], powers[1], powers[2:])
    for coefficients, into in ((TANH_P, p), (TANH_Q, q)):
        yield np.dot, (np.array(coefficients[1:], x.dtype), powers, into)
        yield np.add, (into, np.array(coefficients[0], x.dtype), into)
    yield np.multiply, (p, y, p)
    yield np.divide, (p, q, y)


@cache
def is_tanh_slow() -> bool:
    """Whether the quotient beats NumPy's tanh by a quarter on this machine; measured once, in 2 ms."""
    x = np.linspace(-3, 3, 1 << 14, dtype=np.float32)
    y, work = np.empty_like(x), np.empty((WORK_ROWS, x.size), x.dtype)
    plain, quotient = list(tanh(x, y, None)), list(tanh(x, y, work))
    return _seconds(quotient) < 0.8 * _seconds(plain)


def _seconds(steps: list[Step]) -> float:
    """The shortest of some runs."""
    best = float("inf")
    for _ in range(8):
        start = time.perf_counter()
        for function, arguments in steps:
            function(*arguments)
        best = min(best, time.perf_counter() - start)
    return best


@dataclass(frozen=True, slots=True)
class Gate:
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
            yield clip, (x, zero, one, y)
        elif self.core == "relu":
            yield clip, (x, zero, np.array(np.inf, x.dtype), y)
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
