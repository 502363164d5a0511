"""3x3 convolutions with fewer multiplications: S. Winograd, 1980; A. Lavin, S. Gray, "Fast algorithms for convolutional
neural networks", 2016.

Tiles of m x m outputs from (m + 2) x (m + 2) inputs. A band of tiles is three products: V = (B x B) D, M = V U for each
of the (m + 2)² positions, Y = (A x A) M; the first and the last are cut in four (`transforms.py`). The constants of a
matrix cost nothing, so the points are 0, ±2/3, ±3/2 and infinity for m = 4: the largest error is 8e-6 of the largest
output instead of 3.7e-5 for 0, ±1, ±2 (direct: 2.5e-6; m = 2: 1.9e-6). The bias is one more row of M with a column of
ones in the last matrix.

56x56x64: 183 GF/s against 115 in ONNX Runtime (Zen 4); AVX2: 63 GF/s against 36.
NaN and infinity spread over a whole tile, so precise plans do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.gemm import Blocks, blocks_for, pack
from interchange_numpy.geometry import padding
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step, larger
from interchange_numpy.kernels.source import source
from interchange_numpy.kernels.transforms import butterflies, transforms
from interchange_numpy.tiles import bands, in_parallel, same_place, shared_by

if TYPE_CHECKING:
    from interchange_numpy.kernels.convolution import Conv

BAND = 3 << 17  # elements of the three matrices of a band: 1.5 MB; VGG16 takes 2 % longer with twice as many
PRIVATE = frozenset(("d", "v", "m", "temporary"))
MOST_FLOAT64 = 1 << 21  # elements of the weights transformed at once


def choose(conv: Conv, context: Context) -> Kernel:
    g, m, network = conv.g, conv.g.winograd, context.network
    side = m + 2
    how = transforms(m)
    groups, positions = how.before.shape[:2]  # of the (m + 2)² products
    outputs = m * m // groups
    read = source(conv.x, conv.nhwc, padding(g, precise=False), context)
    (height, width), channels, filters = g.out_size, g.channels, g.filters
    down, across = -(-height // m), -(-width // m)
    worth = 2 * channels * filters // (channels + filters)  # tiles: the weights are then not most of what is read
    budget = -(-max(BAND // (side * side * (channels + filters)), worth) // across)
    work = g.images * down * across * side * side * channels * filters
    per = min(max(budget, 1), shared_by(network.threads, g.images * down, work))
    per = per if per < down else per // down * down
    tiles = per * across
    blocks = blocks_for(tiles, channels, filters) if tiles * channels * filters > 500_000 else None
    bias = conv.epilogue.bias
    rows = positions + (bias is not None)
    after = how.after
    if bias is not None:
        after = np.concatenate([after, np.ones((groups, outputs, 1), np.float32)], axis=2)

    def make() -> Array:
        weight = conv.weight(network).reshape(9, channels * filters)
        transform = how.weights.reshape(side * side, 9)
        u = np.empty((side * side, channels * filters), np.float32)
        for first in range(0, channels * filters, MOST_FLOAT64 // 36):  # little memory beside the weights
            part = slice(first, first + MOST_FLOAT64 // 36)
            u[:, part] = transform @ weight[:, part]
        each = u.reshape(side * side, channels, filters)
        each = each if blocks is None else np.stack([pack(matrix, blocks) for matrix in each])
        return each.reshape(groups, positions, *each.shape[1:])

    u = network.packed(conv.op.attributes["weight"], conv.key("winograd", m, blocks and blocks.columns), make)
    scratch: dict[str, Scratch] = {
        **read.scratch,
        "d": ((max(side * side * channels, m * m * filters) * tiles,), np.float32),
        "v": ((side * side * tiles * channels,), np.float32),
        "m": ((groups * rows * tiles * filters,), np.float32),
    }
    scratch |= conv.epilogue.scratch(tiles * m * m * filters)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)
        image, line, pixel, item = x.strides

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            spare = conv.epilogue.spare(memory)
            n, t = images.stop - images.start, lines.stop - lines.start
            count = n * t * across
            parts = how.parts
            seen = as_strided(
                x[images, lines.start * m :],
                (parts, parts, side // parts, side // parts, n, t, across, channels),
                (line, pixel, parts * line, parts * pixel, image, line * m, pixel * m, item),
            )
            work = memory.scratch("d")
            d = work[: seen.size]
            v = memory.scratch("v")[: seen.size]
            sums = memory.scratch("m")[: groups * rows * count * filters].reshape(groups, rows, count * filters)
            yield np.copyto, (d.reshape(seen.shape), seen)
            yield np.matmul, (how.before, d.reshape(groups, positions, -1), v.reshape(groups, positions, -1))
            if parts > 1:
                yield from butterflies(v.reshape(2, 2, 3, 3, -1), work)
            for group, part in enumerate(v.reshape(groups, positions, count, channels)):
                into = sums[group, :positions].reshape(positions, count, filters)
                yield from _batched(part, u[group], into, blocks)
            if parts > 1:
                yield from butterflies(_slots(sums[:, :positions]), work)
            if bias is not None:
                yield np.copyto, (sums[:, positions].reshape(groups, count, filters), bias)
            y = work[: m * m * count * filters]
            yield np.matmul, (after, sums, y.reshape(groups, outputs, -1))
            tiled = y.reshape(parts, parts, m // parts, m // parts, n, t, across, filters)
            if conv.pool > 1 and parts > 1:
                yield larger(tiled[0], tiled[1], tiled[0])
                yield larger(tiled[0, 0], tiled[0, 1], tiled[0, 0])
                tiled = tiled[:1, :1]
            elif conv.pool > 1:
                yield larger(tiled[:, :, 0], tiled[:, :, 1], tiled[:, :, 0])
                yield larger(tiled[:, :, 0, 0], tiled[:, :, 0, 1], tiled[:, :, 0, 0])
                tiled = tiled[:, :, :1, :1]
            # every other pixel where the halves are apart
            apart, q = len(tiled), tiled.shape[2]
            for i, j in np.ndindex(apart, apart):
                target = out[images, i::apart, j::apart]
                other = None if residual is None else residual[images, i::apart, j::apart]
                each = tiled[i, j].transpose(2, 3, 0, 4, 1, 5)  # n, t, q, across, q, filters
                for regions in _regions(each, target, lines.start * q, q, other):
                    yield from _finish(conv, *regions, spare)

        yield from in_parallel(memory, bands(g.images, down, per, memory.workers.threads), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)


def _slots(sums: Array) -> Array:
    """(4, 9, n) -> (2, 2, 3, 3, n), a view."""
    group, position, item = sums.strides
    shape = (2, 2, 3, 3, sums.shape[2])
    return as_strided(sums, shape, (2 * group, group, 3 * position, position, item))


def _batched(v: Array, u: Array, out: Array, blocks: Blocks | None) -> Iterator[Step]:
    """out[i] = v[i] @ u[i]; u is (positions, blocks, inner, width) where there are blocks."""
    if blocks is None:
        yield np.matmul, (v, u, out)
        return
    positions, rows, inner = v.shape
    across, width = u.shape[1], u.shape[3]
    height = min(blocks.rows, rows)
    count, rest = divmod(rows, height)
    vs, os = v.strides, out.strides
    left = as_strided(v, (positions, count, 1, height, inner), (vs[0], height * vs[1], 0, vs[1], vs[2]))
    shape = (positions, count, across, height, width)
    right = as_strided(out, shape, (os[0], height * os[1], width * os[2], os[1], os[2]))
    yield np.matmul, (left, u[:, None], right)
    if rest:
        tail, end = v[:, None, count * height :], out[:, count * height :]
        end = as_strided(end, (positions, across, rest, width), (os[0], width * os[2], os[1], os[2]))
        yield np.matmul, (tail, u, end)


def _regions(
    tiled: Array, out: Array, top: int, m: int, other: Array | None
) -> Iterator[tuple[Array, Array, Array | None]]:
    """(part of the tiles, where it goes, the residual there): whole tiles, and those cut by the right or lower edge."""
    height, width = out.shape[1:3]
    t, across = tiled.shape[1], tiled.shape[3]
    for row, tall in _cuts(t, min(height - top, t * m), m):
        for column, wide in _cuts(across, width, m):
            part = tiled[:, row, :tall, column, :wide]
            first = (top + row.start * m, column.start * m)
            yield (
                part,
                _tiles(out, first, part.shape, m),
                None if other is None else _tiles(other, first, part.shape, m),
            )


def _cuts(tiles: int, size: int, m: int) -> Iterator[tuple[slice, int]]:
    """The whole tiles along one axis, and the last where the edge cuts it: (tiles, their length)."""
    whole, rest = divmod(size, m)
    if whole:
        yield slice(0, whole), m
    if rest:
        yield slice(whole, tiles), rest


def _tiles(image: Array, first: tuple[int, int], shape: tuple[int, ...], m: int) -> Array:
    """The pixels of (n, t, tall, across, wide, channels) tiles that begin at `first`."""
    n, line, pixel, item = image.strides
    return as_strided(image[:, first[0] :, first[1] :], shape, (n, line * m, line, pixel * m, pixel, item))


def _finish(conv: Conv, y: Array, out: Array, residual: Array | None, spare: Array | None) -> Iterator[Step]:
    """Out of the tiles into the image: residual and activation; the bias is there."""
    activation = conv.epilogue.activation
    if activation is None and residual is not None:
        yield np.add, (y, residual, out)
        return
    if residual is not None or (activation and activation.scratch(1)):
        yield (np.add, (y, residual, out)) if residual is not None else (np.copyto, (out, y))
        y = out
    assert residual is None or same_place(y, out)
    yield from conv.epilogue.steps(y, out, None, spare, biased=True)
