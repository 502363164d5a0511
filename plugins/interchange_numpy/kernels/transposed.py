"""Transposed convolutions: each pixel times all weights, and the products added where they belong.

One product (pixels, channels) @ (channels, kernel * filters) for some rows of the image, then one addition for each tap
of the kernel on every so many pixels of the output. Where the windows do not overlap, as with 2x2 and stride 2, bias
and activation are done in the cache, and a tile is copied to its place at once.
64x64x64 to 128x128x32 with AVX2: 2x2 3.3 ms, in the operators 3.9, in ONNX Runtime 3.2; 3x3 7.0, 8.1, 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from interchange.graph import Array
from interchange_numpy.gemm import blocks_for, pack, products
from interchange_numpy.geometry import images_of, pair, parts_of
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step, c_order, channels_last
from interchange_numpy.network import Op
from interchange_numpy.tiles import TILE, Epilogue, bands, in_parallel, per_band, shared_by


def choose(op: Op, context: Context) -> Kernel | None:
    a, network = op.attributes, context.network
    (x, residual), y = op.inputs, op.outputs[0]
    nhwc = a["layout"] == "NHWC"
    rank = len(context.shape(x))
    order = c_order(rank) if nhwc else channels_last(rank)
    images, size, channels = parts_of(context.shape(x), nhwc)
    _, out_size, filters = parts_of(context.shape(y), nhwc)
    strides, dilations, begins = pair(a["strides"]), pair(a["dilations"]), pair(a["begins"], 0)
    stored = network.constants[a["weight"]]
    kernel = pair(stored.shape[:-2] if nhwc else stored.shape[2:])
    taps = math.prod(kernel)
    is_apart = kernel == strides and dilations == (1, 1) and begins == (0, 0) and not residual
    is_apart = is_apart and out_size == (size[0] * strides[0], size[1] * strides[1])
    epilogue = Epilogue.of(a)
    work = images * size[0] * size[1] * channels * taps * filters
    per = per_band(size[0], size[1] * taps * filters, TILE, -(-channels // size[1]))
    per = min(per, shared_by(network.threads if is_apart else 1, images * size[0], work), size[0])
    rows = per * size[1]
    blocks = blocks_for(rows, channels, taps * filters)

    def make() -> Array:
        weight = stored if nhwc else stored.transpose(*range(2, stored.ndim), 1, 0)  # (*kernel, out, in)
        if a["scale"] is not None:
            weight = (weight.astype(np.float64) * a["scale"][:, None]).astype(np.float32)
        return pack(weight.reshape(taps * filters, channels).T, blocks)

    how = ("transposed", nhwc, None if a["scale"] is None else a["scale"].tobytes(), blocks and blocks.columns)
    weight = network.packed(a["weight"], how, make)
    down = per_band(out_size[0], out_size[1] * filters)
    scratch: dict[str, Scratch] = {"tile": ((rows * taps * filters,), np.float32)}
    scratch |= epilogue.scratch(rows * taps * filters if is_apart else min(down, out_size[0]) * out_size[1] * filters)

    def emit(memory: Memory) -> Iterator[Step]:
        pixels, out = images_of(memory[x], nhwc), images_of(memory[y], nhwc)

        def tile_of(memory: Memory, at: slice, lines: slice) -> tuple[Array, Iterator[Step]]:
            seen = pixels[at, lines].reshape(-1, channels)
            tile = memory.scratch("tile")[: len(seen) * taps * filters].reshape(len(seen), taps * filters)
            return tile, products(seen, weight, tile, blocks)

        def apart(memory: Memory, at: slice, lines: slice) -> Iterator[Step]:
            tile, steps = tile_of(memory, at, lines)
            yield from steps
            flat = tile.reshape(-1, filters)
            yield from epilogue.steps(flat, flat, None, epilogue.spare(memory))
            count = lines.stop - lines.start
            source = tile.reshape(count, size[1], *kernel, filters).transpose(0, 2, 1, 3, 4)
            target = out[at.start, lines.start * strides[0] : lines.stop * strides[0]]
            line, pixel, item = target.strides
            spread = (line * strides[0], line, pixel * strides[1], pixel, item)
            yield np.copyto, (np.lib.stride_tricks.as_strided(target, source.shape, spread), source)

        if is_apart:
            each = ((slice(i, i + 1), lines) for i in range(images) for _, lines in bands(1, size[0], per))
            yield from in_parallel(memory, each, apart)
            return
        yield out.fill, (0,)
        for i in range(images):
            for _, lines in bands(1, size[0], per):
                tile, steps = tile_of(memory, slice(i, i + 1), lines)
                yield from steps
                parts = tile.reshape(lines.stop - lines.start, size[1], *kernel, filters)
                for tap in np.ndindex(*kernel):
                    first = [t * d - begin for t, d, begin in zip(tap, dilations, begins, strict=True)]
                    first[0] += lines.start * strides[0]
                    places = list(map(_inside, first, strides, parts.shape[:2], out_size))
                    part = parts[places[0][0], places[1][0], *tap]
                    target = out[i, places[0][1], places[1][1]]
                    if part.size:
                        yield np.add, (target, part, target)
        other = images_of(memory[residual], nhwc) if residual else None
        for at, lines in bands(images, out_size[0], min(down, out_size[0])):
            rest = None if other is None else other[at, lines]
            yield from epilogue.steps(out[at, lines], out[at, lines], rest, epilogue.spare(memory))

    return Kernel(emit, scratch=scratch, private=frozenset(scratch), orders={y: order}, wants={x: order})


def _inside(first: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of `count` places, `stride` apart from `first` on, lie within `size`, and where they are there."""
    start = max(0, -(first // stride))
    stop = min(count, -(-(size - first) // stride))
    at = first + start * stride
    return slice(start, max(stop, start)), slice(at, max(at, first + (stop - 1) * stride + 1), stride)


KERNELS = {"transposed": choose}
