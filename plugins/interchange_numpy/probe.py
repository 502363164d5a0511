"""What this machine's NumPy and BLAS do fast: measured once, at first use, within a few milliseconds.

Fixed rules choose the kernels; only these answers differ between machines. On a Zen 4 with OpenBLAS's SkylakeX kernels
products in small blocks run at 105-114 GF/s against 70-102 in one piece, because matrices of at most a million
multiplications are not packed; on an AVX2 machine blocks lose (28 against 32 GF/s).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from interchange_numpy.kernel import Step

ROUNDS = 5


@functools.cache
def clip() -> Callable[..., Any]:
    """The ufunc clip(x, low, high, out). NumPy has no public name for it; np.clip is the same, 2 µs later."""
    umath = getattr(getattr(np, "_core", None), "umath", None)
    return getattr(umath, "clip", np.clip)


def settling() -> Step:
    """A product for which OpenBLAS writes to half a megabyte of the memory that it packs matrices into; 3 to 6 ms.

    Its kernels fetch what lies a little beyond a packed matrix. Where nothing has been written to the next page yet,
    each of them searches the page tables in vain, for as long as the process lives: products with (256, 1024) run at
    16 GF/s with 16 rows, 31 with 96, 39 with 128 or 196, after it at 35, 43 and 44; (128, 256) @ three of (256, 256)
    at 10, after it at 34 (OpenBLAS 0.3.31 on Zen 1). The more rows the less it matters: 2 % from 784 on. The left
    matrix is packed whole only if the right one has more columns than a block of OpenBLAS, 320.
    """
    return np.matmul, (np.ones((416, 320), np.float32), np.ones((320, 336), np.float32))


@functools.cache
def settle_blas() -> None:
    """Computes it in this thread; there is such memory for each product that is computed at the same time."""
    function, arguments = settling()
    function(*arguments)


@functools.cache
def likes_blocks() -> bool:
    """Whether np.matmul over blocks of 56 x 64 is clearly faster than over the whole matrices."""
    settle_blas()
    a, c = np.ones((448, 64), np.float32), np.empty((448, 64), np.float32)
    b = np.ones((64, 64), np.float32)
    blocks = (a.reshape(8, 56, 64), b, c.reshape(8, 56, 64))
    whole, split = least_times((np.matmul, (a, b, c)), (np.matmul, blocks))
    return split < 0.93 * whole


@functools.cache
def likes_exp2() -> bool:
    """Whether np.exp2 is faster than np.exp; it is by half with AVX-512 and may be much slower without."""
    x = np.linspace(-4, 4, 4096, dtype=np.float32)
    y = np.empty_like(x)
    natural, binary = least_times((np.exp, (x, y)), (np.exp2, (x, y)))
    return binary < 0.9 * natural


def least_times(*steps: tuple[Callable[..., Any], tuple[Any, ...]]) -> list[float]:
    """The least time of each, taken in turn."""
    best = [float("inf")] * len(steps)
    for _ in range(ROUNDS):
        for i, (function, arguments) in enumerate(steps):
            start = time.perf_counter()
            function(*arguments)
            best[i] = min(best[i], time.perf_counter() - start)
    return best
