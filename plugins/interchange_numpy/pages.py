"""Memory in large pages, where the system has them.

The processor keeps the places of some 1,500 pages at hand; one that it does not know takes a walk through tables, in a
virtual machine through two sorts of them. 36 MB of weights lie in 9,000 pages of 4 KB or in 18 of 2 MB. NumPy asks
Linux for large ones where an array has 4 MB or more; so small arrays are put side by side into blocks of that size.
EfficientNetB0 takes 1 to 2 % less time so, a transformer block of 3 MB 2 %.
"""

from __future__ import annotations

import numpy as np

from interchange.graph import Array

LINE = 64  # bytes: a cache line
LARGE = 1 << 21  # bytes of a large page
ASKED = 1 << 22  # bytes of an array from which on NumPy asks for them
WORTH = 1 << 19  # bytes that a large page is taken for, even if the rest of it is empty
BLOCK = 1 << 25  # bytes of a block; only those that are written to take memory
MOST_SHARED = BLOCK // 4  # bytes of an array that is put into one


def allocate(nbytes: int) -> Array:
    """Bytes that begin at a cache line, or at a large page if they are many."""
    alignment, least = (LARGE, ASKED) if nbytes >= WORTH else (LINE, 0)
    block = np.empty(max(nbytes + alignment, least), np.uint8)
    start = -block.__array_interface__["data"][0] % alignment
    return block[start : start + nbytes]


class Shelf:
    """Arrays side by side, for as long as one of them is used."""

    def __init__(self) -> None:
        self._free = np.empty(0, np.uint8)

    def put(self, array: Array) -> Array:
        """A copy with the same order of axes in memory; the array itself if it is large, or has gaps."""
        flags = array.flags
        if array.nbytes > MOST_SHARED or not array.nbytes or not (flags.c_contiguous or flags.f_contiguous):
            return array
        if not flags.c_contiguous:
            return self.put(array.T).T
        size = -(-array.nbytes // LINE) * LINE
        if size > self._free.size:
            self._free = allocate(BLOCK)
        place, self._free = self._free[: array.nbytes], self._free[size:]
        copy = place.view(array.dtype).reshape(array.shape)
        np.copyto(copy, array)
        return copy
