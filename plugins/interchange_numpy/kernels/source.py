"""The input of a convolution with the zeros around it that its kernel reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy.geometry import Pair, images_of
from interchange_numpy.kernel import Context, Memory, Order, Scratch, Step, c_order, channels_last


class Source(NamedTuple):
    """A value read beyond its edge: it has a halo, or none is wanted, or it is copied into the middle of zeros."""

    name: str
    nhwc: bool
    pads: tuple[Pair, Pair]
    halo: tuple[Pair, Pair] | None
    shape: tuple[int, int, int, int]
    order: Order
    fill: float

    @property
    def _is_copied(self) -> bool:
        return (self.halo is None or self.fill != 0) and any(map(any, self.pads))

    @property
    def scratch(self) -> dict[str, Scratch]:
        if not self._is_copied:
            return {}
        n, h, w, c = self.shape
        (top, bottom), (left, right) = self.pads
        return {"padded": ((n, top + h + bottom, left + w + right, c), np.float32)}

    @property
    def wants(self) -> dict[str, Order]:
        """Without zeros around it the value itself is read, and has to lie channels last."""
        return {} if self._is_copied or self.halo is not None else {self.name: self.order}

    def steps(self, memory: Memory) -> Iterator[Step]:
        """Copies, where that is needed."""
        if not self._is_copied:
            return
        padded, x = memory.scratch("padded"), images_of(memory[self.name], self.nhwc)
        (top, _), (left, _) = self.pads
        _, h, w, _ = self.shape
        borders = (padded[:, :top], padded[:, top + h :], padded[:, top : top + h, :left])
        for border in (*borders, padded[:, top : top + h, left + w :]):
            if border.size:
                yield border.fill, (self.fill,)
        yield np.copyto, (padded[:, top : top + h, left : left + w], x)

    def array(self, memory: Memory) -> Array:
        """(images, height, width, channels) with the zeros; the first window begins at [:, 0, 0]."""
        if self._is_copied:
            return memory.scratch("padded")
        if self.halo is None:
            return images_of(memory[self.name], self.nhwc)
        (top, _), (left, _) = self.halo
        padded = images_of(memory.padded(self.name), self.nhwc)
        return padded[:, top - self.pads[0][0] :, left - self.pads[1][0] :]


def source(name: str, nhwc: bool, pads: tuple[Pair, Pair], context: Context, *, fill: float = 0.0) -> Source:
    """How a kernel that wants these zeros reads a value."""
    shape = context.shape(name)
    rank = len(shape)
    halo = context.network.halos.get(name)
    around: tuple[Pair, Pair] | None = None
    if halo is not None:
        spatial = halo.pads[1:-1] if nhwc else halo.pads[2:]
        around = ((0, 0), spatial[0]) if rank == 3 else (spatial[0], spatial[1])
    places = shape[1:-1] if nhwc else shape[2:]
    height, width = (1, places[0]) if rank == 3 else places
    images = (shape[0], height, width, shape[-1 if nhwc else 1])
    order = c_order(rank) if nhwc else channels_last(rank)
    return Source(name, nhwc, pads, around, images, order, fill)
