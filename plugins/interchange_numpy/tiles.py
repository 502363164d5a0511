"""Work in pieces that stay in the cache: which images and rows a tile covers, and what is done at its end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy import activations
from interchange_numpy.activations import Activation
from interchange_numpy.kernel import Memory, Scratch, Step

TILE = 1 << 17  # elements of the output that one tile has: 512 KB; with half as many the calls cost 2 % more
LEAST_SHARED = 2_000_000  # multiplications, about 0.1 ms: a thread costs 0.02 ms to wake
ALIGNED = 8  # rows: parts of many begin at multiples of this, so that a bias can be repeated along several of them
LONG_ROW = 2048  # what there is for each channel is repeated to about this many elements: inner loops should be long


def cuts(count: int, most: int, threads: int = 1) -> Iterator[slice]:
    """Covers `count` in parts of at most `most`; where there are several, all threads get as many of the same size."""
    most = min(most, count)
    if threads == 1 or most == count:
        yield from (slice(first, min(first + most, count)) for first in range(0, count, most))
        return
    parts = min(-(-count // (most * threads)) * threads, count)
    unit = ALIGNED if count >= 8 * ALIGNED * parts and count // parts + ALIGNED <= most else 1
    bounds = [*(count * i // parts // unit * unit for i in range(parts)), count]
    yield from itertools.starmap(slice, itertools.pairwise(bounds))


def bands(images: int, rows: int, per_band: int, threads: int = 1) -> Iterator[tuple[slice, slice]]:
    """Covers `images` of `rows` each: several whole images at a time, or part of one; see `cuts`."""
    if per_band >= rows:
        for several in cuts(images, max(per_band // rows, 1), threads):
            yield several, slice(0, rows)
        return
    for image in range(images):
        for part in cuts(rows, per_band, threads if images % threads else 1):
            yield slice(image, image + 1), part


def per_band(rows: int, row_elements: int, budget: int = TILE, fewest: int = 1) -> int:
    """How many rows, at least `fewest`, make a band of about `budget` elements; bands of an image are about equal."""
    most = max(budget // max(row_elements, 1), fewest, 1)
    if most >= rows:
        return most
    return -(-rows // -(-rows // most))


def rows_worth(inner: int) -> int:
    """How many rows a product with a matrix of `inner` rows should have, for each call packs that matrix again."""
    return max(192, 2 * inner)


def shared_by(threads: int, rows: int, work: int) -> int:
    """How many rows one thread takes at most; all where the work is too little, in multiplications, to be shared."""
    return -(-rows // threads) if threads > 1 and work >= LEAST_SHARED else rows


def in_parallel(
    memory: Memory, tiles: Iterable[tuple[Any, ...]], steps: Callable[..., Iterator[Step]]
) -> Iterator[Step]:
    """The steps `steps(memory, *tile)` of all tiles, each thread taking its share of neighbouring ones."""
    all_tiles = list(tiles)
    workers = memory.workers
    count = min(workers.threads, len(all_tiles))
    if count < 2:
        for tile in all_tiles:
            yield from steps(memory, *tile)
        return
    groups = []
    for i in range(count):
        share = all_tiles[len(all_tiles) * i // count : len(all_tiles) * (i + 1) // count]
        groups.append([step for tile in share for step in steps(memory.worker(i), *tile)])
    yield workers.run, (groups[0], groups[1:])


class Epilogue(NamedTuple):
    """What follows the sum of a convolution or a product: bias, residual, activation."""

    bias: Array | None  # float32, one for each channel
    activation: Activation | None

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Epilogue:
        """What an op says of it: `shift` and `activation` (`passes/epilogue.py`)."""
        shift = attributes["shift"]
        return cls(None if shift is None else shift.astype(np.float32), attributes["activation"])

    def scratch(self, count: int) -> dict[str, Scratch]:
        """The memory that `steps` for up to `count` elements need; each thread needs its own."""
        return self.activation.scratch(count) if self.activation else {}

    def spare(self, memory: Memory) -> Array | None:
        """That memory."""
        return memory.scratch("temporary") if self.scratch(1) else None

    @property
    def is_nothing(self) -> bool:
        return self.bias is None and self.activation is None

    def steps(
        self, y: Array, out: Array, residual: Array | None, spare: Array | None, *, biased: bool = False
    ) -> Iterator[Step]:
        """`out` from `y`, both (..., channels); `y` is spoilt, and may be `out`. `biased`: y has the bias already."""
        if self.bias is not None and not biased:
            yield from add_bias(y, self.bias)
        activation = self.activation
        if residual is not None:
            into = out if activation is None else y
            yield np.add, (y, residual, into)
            if activation is None:
                return
        if activation is not None:
            yield from activations.steps(activation, y, out, spare)
        elif not same_place(y, out):
            yield np.copyto, (out, y)


def add_bias(y: Array, bias: Array) -> Iterator[Step]:
    """y += bias along the last axis, several rows at a time where y is contiguous."""
    if not y.flags.c_contiguous:
        yield np.add, (y, bias, y)
        return
    channels = len(bias)
    rows = y.size // channels
    repeat = together_of(rows, channels)
    long = y.reshape(rows // repeat, repeat * channels)
    yield np.add, (long, np.tile(bias, repeat), long)


def together_of(count: int, channels: int) -> int:
    """How many of `count` neighbouring pixels or rows are one inner loop: the largest divisor of `count` that does not
    make it longer than LONG_ROW."""
    return next((n for n in range(min(LONG_ROW // channels, count), 0, -1) if count % n == 0), 1)


def same_place(a: Array, b: Array) -> bool:
    return bool(a.__array_interface__["data"][0] == b.__array_interface__["data"][0] and a.strides == b.strides)
