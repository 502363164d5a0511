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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.gemm import Blocks, blocks_for, pack
from interchange_numpy.geometry import padding
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step, larger
from interchange_numpy.kernels.source import source
from interchange_numpy.kernels.transforms import Transforms, butterflies, transforms
from interchange_numpy.network import Network
from interchange_numpy.tiles import bands, in_parallel, same_place, shared_by

if TYPE_CHECKING:
    from interchange_numpy.kernels.convolution import Conv

BAND = 3 << 17  # elements of the three matrices of a band: 1.5 MB; VGG16 takes 2 % longer with twice as many
PRIVATE = frozenset(("d", "v", "m", "temporary"))
MOST_FLOAT64 = 1 << 21  # elements of the weights transformed at once
MOST_WHOLE = (
    500_000  # multiplications at a position of a tile; where there are more, `gemm.py` may cut them into blocks
)


class Tiles(NamedTuple):
    """A convolution by tiles: what all of its bands have in common.

    Args:
        how: the transforms.
        weights: (groups, positions, channels, filters), transformed; cut into blocks where there are `blocks`.
        after: how.after, and a column of ones where there is a bias.
    """

    conv: Conv
    how: Transforms
    weights: Array
    blocks: Blocks | None
    after: Array

    @property
    def side(self) -> int:
        """Of the squares that a tile reads."""
        return self.conv.g.winograd + 2

    @property
    def across(self) -> int:
        """How many tiles a row has."""
        return -(-self.conv.g.out_size[1] // self.conv.g.winograd)

    def scratch(self, tiles: int) -> dict[str, Scratch]:
        """The memory for a band of so many tiles: "d" is what they read, "v" that transformed, "m" the products."""
        m, channels, filters = self.conv.g.winograd, self.conv.g.channels, self.conv.g.filters
        groups, _, rows = self.after.shape
        return {
            "d": ((max(self.side**2 * channels, m * m * filters) * tiles,), np.float32),
            "v": ((self.side**2 * tiles * channels,), np.float32),
            "m": ((groups * rows * tiles * filters,), np.float32),
            **self.conv.epilogue.scratch(tiles * m * m * filters),
        }

    def band(
        self, memory: Memory, x: Array, out: Array, residual: Array | None, images: slice, lines: slice
    ) -> Iterator[Step]:
        """The steps for some rows of tiles, `lines`, of some images; x has the zeros that whole tiles read."""
        n, t = images.stop - images.start, lines.stop - lines.start
        yield from self._transformed(memory, x[images, lines.start * self.conv.g.winograd :], n, t)
        yield from self._products(memory, n * t * self.across)
        tiled = self._outputs(memory, n, t)
        yield from self._back(memory, tiled)
        if self.conv.pool > 1:
            tiled, steps = _largest_of_squares(tiled, apart=self.how.parts > 1)
            yield from steps
        others = residual if residual is None else residual[images]
        yield from self._stored(memory, tiled, out[images], others, lines.start)

    def _transformed(self, memory: Memory, x: Array, n: int, t: int) -> Iterator[Step]:
        """V = (B x B) D for t rows of tiles, which begin at the first row of x."""
        parts, m, channels = self.how.parts, self.conv.g.winograd, self.conv.g.channels
        groups, positions = self.how.before.shape[:2]
        image, line, pixel, item = x.strides
        seen = as_strided(
            x,
            (parts, parts, self.side // parts, self.side // parts, n, t, self.across, channels),
            (line, pixel, parts * line, parts * pixel, image, line * m, pixel * m, item),
        )
        d, v = (memory.scratch(key)[: seen.size].reshape(groups, positions, -1) for key in ("d", "v"))
        yield np.copyto, (d.reshape(seen.shape), seen)
        yield np.matmul, (self.how.before, d, v)
        if parts > 1:
            yield from butterflies(v.reshape(2, 2, 3, 3, -1), memory.scratch("d"))

    def _products(self, memory: Memory, count: int) -> Iterator[Step]:
        """M = V U for each position, and the rows of M that are the bias."""
        channels, filters, bias = self.conv.g.channels, self.conv.g.filters, self.conv.epilogue.bias
        groups, positions = self.how.before.shape[:2]
        v = memory.scratch("v")[: groups * positions * count * channels].reshape(groups, positions, count, channels)
        sums = self._sums(memory, count)
        for group, part in enumerate(v):
            into = sums[group, :positions].reshape(positions, count, filters)
            yield from _batched(part, self.weights[group], into, self.blocks)
        if self.how.parts > 1:
            yield from butterflies(_slots(sums[:, :positions]), memory.scratch("d"))
        if bias is not None:
            yield np.copyto, (sums[:, positions].reshape(groups, count, filters), bias)

    def _sums(self, memory: Memory, count: int) -> Array:
        groups, _, rows = self.after.shape
        filters = self.conv.g.filters
        return memory.scratch("m")[: groups * rows * count * filters].reshape(groups, rows, count * filters)

    def _outputs(self, memory: Memory, n: int, t: int) -> Array:
        """Where the tiles of outputs lie: (parts, parts, m / parts, m / parts, n, t, across, filters)."""
        parts, m, filters = self.how.parts, self.conv.g.winograd, self.conv.g.filters
        y = memory.scratch("d")[: m * m * n * t * self.across * filters]
        return y.reshape(parts, parts, m // parts, m // parts, n, t, self.across, filters)

    def _back(self, memory: Memory, tiled: Array) -> Iterator[Step]:
        """Y = (A x A) M."""
        groups, outputs, _ = self.after.shape
        count = tiled.size // (groups * outputs * self.conv.g.filters)
        yield np.matmul, (self.after, self._sums(memory, count), tiled.reshape(groups, outputs, -1))

    def _stored(self, memory: Memory, tiled: Array, out: Array, residual: Array | None, first: int) -> Iterator[Step]:
        """Out of the tiles into the image, every other pixel at a time where the halves are apart."""
        apart, m = len(tiled), tiled.shape[2]
        spare = self.conv.epilogue.spare(memory)
        for i, j in np.ndindex(apart, apart):
            target = out[:, i::apart, j::apart]
            other = None if residual is None else residual[:, i::apart, j::apart]
            each = tiled[i, j].transpose(2, 3, 0, 4, 1, 5)  # n, t, m, across, m, filters
            for regions in _regions(each, target, first * m, m, other):
                yield from _finish(self.conv, *regions, spare)


def choose(conv: Conv, context: Context) -> Kernel:
    g, network = conv.g, context.network
    how = transforms(g.winograd)
    read = source(conv.x, conv.nhwc, padding(g, precise=False), context)
    down, across = (-(-n // g.winograd) for n in g.out_size)
    per = _rows_in_a_band(conv, network, down, across)
    many = per * across * g.channels * g.filters > MOST_WHOLE
    blocks = blocks_for(per * across, g.channels, g.filters) if many else None
    after = how.after
    if conv.epilogue.bias is not None:
        after = np.concatenate([after, np.ones((*after.shape[:2], 1), np.float32)], axis=2)
    tiles = Tiles(conv, how, _weights(conv, how, blocks, network), blocks, after)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            return tiles.band(memory, x, out, residual, images, lines)

        yield from in_parallel(memory, bands(g.images, down, per, memory.workers.threads), band)

    scratch = {**read.scratch, **tiles.scratch(per * across)}
    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)


def _rows_in_a_band(conv: Conv, network: Network, down: int, across: int) -> int:
    """How many rows of tiles are computed at once; of whole images where they are more than one has."""
    g, positions = conv.g, (conv.g.winograd + 2) ** 2
    worth = (
        2 * g.channels * g.filters // (g.channels + g.filters)
    )  # tiles: the weights are then not most of what is read
    rows = -(-max(BAND // (positions * (g.channels + g.filters)), worth) // across)
    work = g.images * down * across * positions * g.channels * g.filters
    rows = min(max(rows, 1), shared_by(network.threads, g.images * down, work))
    return rows if rows < down else rows // down * down


def _weights(conv: Conv, how: Transforms, blocks: Blocks | None, network: Network) -> Array:
    """U = (G x G) times the weights: (groups, positions, channels, filters), or cut into blocks."""
    channels, filters, positions = conv.g.channels, conv.g.filters, (conv.g.winograd + 2) ** 2

    def make() -> Array:
        weight = conv.weight(network).reshape(9, channels * filters)
        transform = how.weights.reshape(positions, 9)
        u = np.empty((positions, channels * filters), np.float32)
        step = MOST_FLOAT64 // 36
        for first in range(0, channels * filters, step):  # little memory beside the weights
            u[:, first : first + step] = transform @ weight[:, first : first + step]
        each = u.reshape(positions, channels, filters)
        each = each if blocks is None else np.stack([pack(matrix, blocks) for matrix in each])
        return each.reshape(*how.before.shape[:2], *each.shape[1:])

    key = conv.key("winograd", conv.g.winograd, blocks and blocks.columns)
    return network.packed(conv.op.attributes["weight"], key, make)


def _largest_of_squares(tiled: Array, *, apart: bool) -> tuple[Array, list[Step]]:
    """The tiles of a 2 x 2 maximum pool, in the place of one of the four, and the steps that make them.

    The four are the parts where the halves are apart, and lie side by side in a tile where they are not.
    """
    squares = tiled if apart else np.moveaxis(tiled, (2, 3), (0, 1))
    steps = [larger(squares[0], squares[1], squares[0]), larger(squares[0, 0], squares[0, 1], squares[0, 0])]
    return tiled[:1, :1] if apart else tiled[:, :, :1, :1], steps


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
