"""One block of memory for all that a run needs for a while: what is not alive at the same time shares its place.

Greedy by size, the largest first, each at the lowest place where it meets nothing that is alive with it: Y. Pisarchyk,
J. Lee, "Efficient memory management for deep neural net inference", 2020.
ResNet50 at 224 x 224 has 92 MB of values and scratch memory, of which at most 7.7 are alive at once, in 8.1 of arena;
DenseNet121 190, 7.8 and 8.2; EfficientNetB0 65, 7.8 and 7.8; NASNetMobile 90, 7.0 and 7.0.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

from interchange_numpy.pages import LINE


@dataclass(slots=True)
class Storage:
    """Memory that is needed from step `first` to step `last`, both included."""

    nbytes: int
    first: int
    last: int
    offset: int = -1


def place(storages: Sequence[Storage]) -> int:
    """Gives every storage its offset and returns the size of the arena."""
    placed: list[tuple[int, int, Storage]] = []  # by offset
    total = 0
    for storage in sorted(storages, key=lambda s: (-s.nbytes, s.first)):
        size = -(-max(storage.nbytes, 1) // LINE) * LINE
        offset = 0
        for start, end, other in placed:
            if other.last < storage.first or other.first > storage.last:
                continue
            if offset + size <= start:
                break
            offset = max(offset, end)
        storage.offset = offset
        insort(placed, (offset, offset + size, storage), key=lambda entry: entry[0])
        total = max(total, offset + size)
    return total
