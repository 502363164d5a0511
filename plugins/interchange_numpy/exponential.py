"""Powers of two by the bits of floats: for softmax, where NumPy's exp is slow.

2 ** x is 2 ** n times 2 ** f, with the whole number n nearest to x and f between -½ and ½. Added to 1.5 * 2 ** 23, x is
rounded to n, which then stands in the lowest bits; shifted by 23 it is what an exponent has to be raised by, and one
addition of integers multiplies by 2 ** n. 2 ** f is k + f / ((f + A)² + C), times FACTOR, which a softmax need not
care about: the [2/2] Padé approximant of exp, its numbers fitted; relative error 4.3e-7, in float32 8e-7. Ten passes
and one division: with AVX2 (Zen 1) 1.7 ns an element, np.exp 3.2 to 3.8.

A softmax has to subtract something that keeps the powers within the numbers there are, usually the largest score of
each row: for rows of 128, 0.9 ns a score. Here it is one number for many rows, the largest of all scores, rounded up;
it goes into the constant that is added anyway, and to find it takes 0.3 ns. That is right if no score is RANGE lower,
so that even in the lowest row all digits are kept; the step looks, and does it row by row otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Scratch, Step
from interchange_numpy.probe import least_times

PIECE = 1 << 15  # elements at a time: the two rows of memory stay in the cache
LEAST = 1 << 14  # elements from which on so many calls are less than one slow exp
MAGIC = 1.5 * 2**23
RANGE = 60.0  # between the largest and the smallest score, in powers of two
MOST = 2.0**20  # of a score: f has at least three digits after the point, as the score has
K, A, C = 0.05761799, -4.33892226, 6.21287677
FACTOR = 1 / 17.35568900790338
MANTISSA = 23  # bits


def work(count: int) -> Scratch:
    """The scratch memory for `count` elements."""
    return (2, min(count, PIECE)), np.dtype(np.float32)


def powers(x: Array, magic: Array, memory: Array) -> Iterator[Step]:
    """x becomes FACTOR * 2 ** (x - m), where magic, an array of one number, holds MAGIC - m and m is whole.

    Args:
        x: float32, contiguous and in one dimension; x - m between -120 and 100.
    """
    a, c, k = (np.array(value, np.float32) for value in (A, C, K))
    shift = np.array(MANTISSA, np.int32)
    for start in range(0, x.size, PIECE):
        f = x[start : start + PIECE]
        n, r = (row[: f.size] for row in memory)
        exponents = n.view(np.int32)
        yield np.add, (f, magic, n)
        yield np.subtract, (n, magic, r)
        yield np.subtract, (f, r, f)
        yield np.add, (f, a, r)
        yield np.square, (r, r)
        yield np.add, (r, c, r)
        yield np.divide, (f, r, r)
        yield np.add, (r, k, r)
        yield np.left_shift, (exponents, shift, exponents)
        yield np.add, (r.view(np.int32), exponents, f.view(np.int32))


def softmax_powers(scores: Array, memory: Array, by_rows: Sequence[Step]) -> Step:
    """The step that makes the scores, in powers of two, what a softmax divides by their sums.

    Args:
        by_rows: the steps that do the same for any scores.
    """
    magic = np.zeros((), np.float32)
    return _softmax_powers, (scores, magic, list(powers(scores, magic, memory)), by_rows)


def _softmax_powers(scores: Array, magic: Array, quick: Sequence[Step], by_rows: Sequence[Step]) -> None:
    largest, smallest = scores.max(), scores.min()
    if largest - smallest <= RANGE and -MOST <= largest <= MOST:  # not if one is NaN
        magic[...] = MAGIC - np.ceil(largest)
        steps = quick
    else:
        steps = by_rows
    for function, arguments in steps:
        function(*arguments)


@cache
def are_quick() -> bool:
    """Whether all of this takes clearly less time than NumPy's exp or exp2 on this machine; measured once, in 4 ms."""
    x = np.linspace(-3, 0, PIECE, dtype=np.float32)
    out, scores = np.empty_like(x), x.copy()
    step, arguments = softmax_powers(scores, np.empty(*work(x.size)), ())

    def quick() -> None:
        np.copyto(scores, x)
        step(*arguments)

    natural, binary, ours = least_times((np.exp, (x, out)), (np.exp2, (x, out)), (quick, ()))
    return ours < 0.9 * min(natural, binary)
