"""Transposed convolutions: each pixel times all weights, and the products added where they belong.

One product (pixels, channels) @ (channels, kernel * filters) for some rows of the image, then one addition for each tap
of the kernel on every so many pixels of the output. Where the windows do not overlap, as with 2x2 and stride 2, bias
and activation are done in the cache, and a tile is copied to its place at once.
64x64x64 to 128x128x32 with AVX2: 2x2 3.3 ms, in the operators 3.9, in ONNX Runtime 3.2; 3x3 7.0, 8.1, 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.gemm import Blocks, blocks_for, pack, products
from interchange_numpy.geometry import Pair, images_of, pair, parts_of
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step, c_order, channels_last
from interchange_numpy.network import Network, Op
from interchange_numpy.tiles import TILE, Epilogue, bands, in_parallel, per_band, shared_by

Sizes = tuple[int, int, int, int]


class Transposed(NamedTuple):
    """An op "transposed" as its steps see it.

    Args:
        sizes: images, height, width, channels of the input.
        out_sizes: the same of the output, with the filters as channels.
        begins: where the first window begins, as pads before the output.
        weight: (channels, kernel * filters), packed.
        per: how many rows of the input are multiplied at once; `down`, of the output, finished at once.
    """

    op: Op
    nhwc: bool
    sizes: Sizes
    out_sizes: Sizes
    kernel: Pair
    strides: Pair
    dilations: Pair
    begins: Pair
    epilogue: Epilogue
    weight: Array
    blocks: Blocks | None
    per: int
    down: int

    @property
    def columns(self) -> int:
        """Numbers that the product makes of one pixel."""
        return math.prod(self.kernel) * self.out_sizes[3]

    def steps(self, memory: Memory) -> Iterator[Step]:
        """Any windows: all products are added to an output of zeros, in one thread, and finished after that."""
        (images, height, _, _), filters = self.sizes, self.out_sizes[3]
        residual = self.op.inputs[1]
        pixels, out = self._of(memory, self.op.inputs[0]), self._of(memory, self.op.outputs[0])
        yield out.fill, (0,)
        for i in range(images):
            for _, lines in bands(1, height, self.per):
                tile = self._tile(memory, lines)
                yield from self._product(pixels[i, lines], tile)
                yield from self._added(tile.reshape(lines.stop - lines.start, -1, *self.kernel, filters), lines, out[i])
        other = self._of(memory, residual) if residual else None
        for at, lines in bands(images, self.out_sizes[1], self.down):
            rest = None if other is None else other[at, lines]
            yield from self.epilogue.steps(out[at, lines], out[at, lines], rest, self.epilogue.spare(memory))

    def steps_apart(self, memory: Memory) -> Iterator[Step]:
        """Windows that do not overlap: a tile is finished in the cache and copied to its place."""
        images, height, width, _ = self.sizes
        filters = self.out_sizes[3]
        pixels, out = self._of(memory, self.op.inputs[0]), self._of(memory, self.op.outputs[0])

        def band(memory: Memory, image: int, lines: slice) -> Iterator[Step]:
            tile = self._tile(memory, lines)
            yield from self._product(pixels[image, lines], tile)
            flat = tile.reshape(-1, filters)
            yield from self.epilogue.steps(flat, flat, None, self.epilogue.spare(memory))
            shape = (lines.stop - lines.start, width, *self.kernel, filters)
            source = tile.reshape(shape).transpose(0, 2, 1, 3, 4)
            down, across = self.strides
            target = out[image, lines.start * down : lines.stop * down]
            line, pixel, item = target.strides
            spread = (line * down, line, pixel * across, pixel, item)
            yield np.copyto, (as_strided(target, source.shape, spread), source)

        each = ((image, lines) for image in range(images) for _, lines in bands(1, height, self.per))
        yield from in_parallel(memory, each, band)

    def _of(self, memory: Memory, name: str) -> Array:
        return images_of(memory[name], self.nhwc)

    def _tile(self, memory: Memory, lines: slice) -> Array:
        count = (lines.stop - lines.start) * self.sizes[2]
        return memory.scratch("tile")[: count * self.columns].reshape(count, self.columns)

    def _product(self, pixels: Array, tile: Array) -> Iterator[Step]:
        return products(pixels.reshape(len(tile), -1), self.weight, tile, self.blocks)

    def _added(self, parts: Array, lines: slice, out: Array) -> Iterator[Step]:
        """One addition for each tap; parts are (rows, width, *kernel, filters)."""
        for tap in np.ndindex(*self.kernel):
            first = [t * d - begin for t, d, begin in zip(tap, self.dilations, self.begins, strict=True)]
            first[0] += lines.start * self.strides[0]
            (rows, down), (columns, across) = map(_inside, first, self.strides, parts.shape[:2], out.shape[:2])
            part, target = parts[rows, columns, *tap], out[down, across]
            if part.size:
                yield np.add, (target, part, target)


def choose(op: Op, context: Context) -> Kernel | None:
    a, network = op.attributes, context.network
    (x, residual), y = op.inputs, op.outputs[0]
    nhwc = a["layout"] == "NHWC"
    rank = len(context.shape(x))
    order = c_order(rank) if nhwc else channels_last(rank)
    images, size, channels = parts_of(context.shape(x), nhwc)
    _, out_size, filters = parts_of(context.shape(y), nhwc)
    strides, dilations, begins = pair(a["strides"]), pair(a["dilations"]), pair(a["begins"], 0)
    stored = network.constants[a["weight"]].shape
    kernel = pair(stored[:-2] if nhwc else stored[2:])
    is_apart = kernel == strides and dilations == (1, 1) and begins == (0, 0) and not residual
    is_apart = is_apart and out_size == (size[0] * strides[0], size[1] * strides[1])
    columns = math.prod(kernel) * filters
    work = images * size[0] * size[1] * channels * columns
    per = per_band(size[0], size[1] * columns, TILE, -(-channels // size[1]))
    per = min(per, shared_by(network.threads if is_apart else 1, images * size[0], work), size[0])
    down = min(per_band(out_size[0], out_size[1] * filters), out_size[0])
    tile = per * size[1] * columns
    blocks = blocks_for(per * size[1], channels, columns)
    epilogue = Epilogue.of(a)
    made = Transposed(
        op,
        nhwc,
        (images, *size, channels),
        (images, *out_size, filters),
        kernel,
        strides,
        dilations,
        begins,
        epilogue,
        _packed(op, network, blocks),
        blocks,
        per,
        down,
    )
    scratch: dict[str, Scratch] = {"tile": ((tile,), np.float32)}
    scratch |= epilogue.scratch(tile if is_apart else down * out_size[1] * filters)
    emit = made.steps_apart if is_apart else made.steps
    return Kernel(emit, scratch=scratch, private=frozenset(scratch), orders={y: order}, wants={x: order})


def _packed(op: Op, network: Network, blocks: Blocks | None) -> Array:
    """(channels, kernel * filters), packed, times the scale of each filter."""
    a, stored = op.attributes, network.constants[op.attributes["weight"]]
    nhwc, scale = a["layout"] == "NHWC", a["scale"]

    def make() -> Array:
        weight = stored if nhwc else stored.transpose(*range(2, stored.ndim), 1, 0)  # (*kernel, out, in)
        if scale is not None:
            weight = (weight.astype(np.float64) * scale[:, None]).astype(np.float32)
        return pack(weight.reshape(-1, weight.shape[-1]).T, blocks)

    how = ("transposed", nhwc, None if scale is None else scale.tobytes(), blocks and blocks.columns)
    return network.packed(a["weight"], how, make)


def _inside(first: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of `count` places, `stride` apart from `first` on, lie within `size`, and where they are there."""
    start = max(0, -(first // stride))
    stop = min(count, -(-(size - first) // stride))
    at = first + start * stride
    return slice(start, max(stop, start)), slice(at, max(at, first + (stop - 1) * stride + 1), stride)


KERNELS = {"transposed": choose}
