"""Swish, x / (1 + exp(-x)), by repeated squaring where NumPy's exp is slow: exp(-x) = r(-x / 16) ** 16.

r(t) = 1 + m t / ((t - a)² + c), almost the [2/2] Padé approximant of exp (there a = 3, c = 3, m = 12), with its numbers
fitted so that the largest error of x / (1 + exp(-x)) over max(1, |x|) is smallest: 1.8e-7. Rounding in r counts 16
times: in float32 the error is at most 4.5e-7, and 1.2e-7 in the mean where |x| < 4. One squaring more makes the fit
better and the rounding worse: 6.7e-7 and 1.1e-7.

What comes in is z = SCALE x, for the weights before it can take in the factor: then k r with k**16 = SCALE is
k + z / ((z + A)² + C), a pass fewer, and z / (k**16 + (k r)**16) is the result itself.
Ten passes of a tenth to a fifth of a nanosecond and two divisions: with AVX2 (Zen 1) 2.3 ns an element for all
of swish where np.exp, 3.8 ns by itself, makes it 4.5. With AVX-512 np.exp2 is faster (`is_exp_slow`).

Looked at and no gain: one division, (z D¹⁶) / (N¹⁶ + D¹⁶), has six passes more; three squarings have an error of 3e-6;
squares and sums alone, v → v² + c, need seven and four for 1.7e-7, which is as long, and six and four for 2.6e-6;
the largest value of a tile, to leave out the clip, takes 0.17 ns and the clip 0.21. Pieces that fit into L1 lose to the
0.9 µs of a call: 3.5 ns an element with 8192 at a time, 2.6 with 32768, 2.4 with 131072.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Step
from interchange_numpy.probe import clip, least_times

LEAST = 4096  # elements from which on 12 calls are less than one slow exp
SQUARINGS = 4
_M = -192.290410  # m, a and c for x instead of t
_K = -((1 / -_M) ** (1 / 17))  # so that k m SCALE = 1
SCALE = _K**16
A, C, K, ONE = (np.array(v, np.float32) for v in (48.0726026 * SCALE, 765.675744 * SCALE**2, _K, SCALE))
LIMIT = 55.46 * SCALE  # where r is largest: beyond it the quotient would come back to 1; exp(-x) is 2e18 or 0 there


def swish(z: Array, out: Array, e: Array, work: Array) -> Iterator[Step]:
    """out = x / (1 + exp(-x)) in float32, where z = SCALE x.

    Args:
        z: may be `out`.
        e: contiguous, of the shape of z and not the same memory.
        work: as e.
    """
    yield clip(), (z, np.array(-LIMIT, np.float32), np.array(LIMIT, np.float32), e)
    flat, d = e.reshape(-1), work.reshape(-1)
    yield np.add, (flat, A, d)
    yield np.square, (d, d)
    yield np.add, (d, C, d)
    yield np.divide, (flat, d, flat)
    yield np.add, (flat, K, flat)
    for _ in range(SQUARINGS):
        yield np.square, (flat, flat)
    yield np.add, (flat, ONE, flat)
    yield np.divide, (z, e, out)


@cache
def is_exp_slow() -> bool:
    """Whether all of this takes less time than NumPy's exp alone on this machine; measured once, in 2 ms."""
    x = np.linspace(-3, 3, 1 << 14, dtype=np.float32)
    out, e, work = (np.empty_like(x) for _ in range(3))
    steps = list(swish(x, out, e, work))

    def squaring() -> None:
        for function, arguments in steps:
            function(*arguments)

    plain, binary, fast = least_times((np.exp, (x, out)), (np.exp2, (x, out)), (squaring, ()))
    return fast < min(plain, binary)
