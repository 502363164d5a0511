"""Convolutions as matrix products: 1x1 on the tensor itself, all others on columns of windows, tile by tile.

A tile's columns and its output stay in the cache until bias, residual and activation are done with them: full im2col of
56x56x64 takes 7 MB and runs at 79 GF/s, tiles of 1 MB at 91 (Zen 4). On an AVX2 machine with 512 KB of L2 and 35 GF/s
for large products, those of ResNet50's 1x1 layers run at 32 to 36 GF/s, as in ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.gemm import Blocks, blocks_for, pack, products
from interchange_numpy.geometry import Geometry, geometry, images_of, kernel_of
from interchange_numpy.kernel import Context, Kernel, Memory, Order, Scratch, Step, c_order, channels_last, larger
from interchange_numpy.kernels import biased, depthwise, grouped, repeated, winograd
from interchange_numpy.kernels.source import source
from interchange_numpy.network import Network, Op
from interchange_numpy.tiles import Epilogue, bands, cuts, in_parallel, per_band, rows_worth, shared_by

COLUMNS = 1 << 17  # elements of the columns of one tile: 512 KB
PRIVATE = frozenset(("columns", "rows", "tile", "temporary"))
MOST_COLUMNS = 1 << 19  # where there are so many weights that few rows are not worth to read them again


class Conv(NamedTuple):
    """An op "conv" as the kernels see it."""

    op: Op
    g: Geometry
    nhwc: bool
    epilogue: Epilogue
    is_contiguous: bool  # the output

    @property
    def x(self) -> str:
        return self.op.inputs[0]

    @property
    def residual(self) -> str:
        return self.op.inputs[1]

    @property
    def factors(self) -> str:
        """Numbers for each image and channel that the input has to be multiplied by, or ""; 1x1 only."""
        return self.op.inputs[2] if len(self.op.inputs) > 2 else ""

    @property
    def y(self) -> str:
        return self.op.outputs[0]

    @property
    def pool(self) -> int:
        """The side of the squares of outputs of which only the largest is kept: 2, or 1 where all are."""
        return 2 if "unpooled" in self.op.attributes else 1

    @property
    def order(self) -> Order:
        rank = len(self.op.attributes["strides"]) + 2
        return c_order(rank) if self.nhwc else channels_last(rank)

    def out(self, memory: Memory) -> Array:
        return images_of(memory[self.y], self.nhwc)

    def residual_of(self, memory: Memory) -> Array | None:
        return images_of(memory[self.residual], self.nhwc) if self.residual else None

    def weight(self, network: Network) -> Array:
        """(height, width, in, out) in float64 times the scale of each filter."""
        kernel = kernel_of(network.constants[self.op.attributes["weight"]], self.nhwc).astype(np.float64)
        scale = self.op.attributes["scale"]
        return kernel if scale is None else kernel * scale

    def key(self, how: str, *more: object) -> tuple[object, ...]:
        """What a packed weight depends on."""
        scale = self.op.attributes["scale"]
        return (how, self.nhwc, None if scale is None else scale.tobytes(), *more)


def choose(op: Op, context: Context) -> Kernel | None:
    g = geometry(op, context.network)
    nhwc = op.attributes["layout"] == "NHWC"
    conv = Conv(op, g, nhwc, Epilogue.of(op.attributes), op.outputs[0] not in context.gapped)
    if g.is_depthwise:
        return depthwise.choose(conv, context)
    if g.group > 1:
        has_few = g.channels <= repeated.MOST * g.group
        return repeated.choose(conv, context) if has_few else grouped.choose(conv, context)
    if g.is_pointwise:
        return _pointwise(conv, context)
    if g.winograd and not context.network.precise:
        return winograd.choose(conv, context)
    return _columns_of_squares(conv, context) if conv.pool > 1 else _columns(conv, context)


def _packed(conv: Conv, blocks: Blocks | None, network: Network, *, has_bias: bool = False) -> Array:
    """(rows of the windows, filters), with the bias as the last row or without it."""
    bias = conv.epilogue.bias if has_bias else None

    def make() -> Array:
        weight = conv.weight(network)
        return pack(biased.with_bias(weight.reshape(-1, weight.shape[-1]).astype(np.float32), bias), blocks)

    key = conv.key("columns", blocks and blocks.columns, None if bias is None else bias.tobytes())
    return network.packed(conv.op.attributes["weight"], key, make)


class Pointwise(NamedTuple):
    """A product on the tensor itself, or on every other pixel of it, some rows at a time.

    Args:
        weight: packed.
        most: rows of the matrix that a tile has at most; whole rows of pixels where the output has gaps.
        is_flat: output and residual are matrices without gaps.
        has_bias: the bias is the last row of the weights.
    """

    conv: Conv
    weight: Array
    blocks: Blocks | None
    most: int
    is_flat: bool
    has_bias: bool

    @property
    def is_subsampled(self) -> bool:
        return self.conv.g.strides != (1, 1)

    def scratch(self) -> dict[str, Scratch]:
        g = self.conv.g
        scratch: dict[str, Scratch] = {}
        if self.conv.factors:
            scratch["weights"] = ((g.images, *self.weight.shape), np.float32)
        if self.is_subsampled:
            scratch["subsampled"] = ((g.images, *g.out_size, g.channels), np.float32)
        if self.has_bias:
            scratch["rows"] = ((self.most, g.channels + 1), np.float32)
        if not self.is_flat:
            scratch["tile"] = ((self.most, g.filters), np.float32)
        return scratch | self.conv.epilogue.scratch(self.most * g.filters)

    def steps(self, memory: Memory) -> Iterator[Step]:
        g, threads = self.conv.g, memory.workers.threads
        x, out = images_of(memory[self.conv.x], self.conv.nhwc), self.conv.out(memory)
        residual = self.conv.residual_of(memory)
        if self.is_subsampled:
            columns = memory.scratch("subsampled")
            yield np.copyto, (columns, x[:, :: g.strides[0], :: g.strides[1]])
            x = columns
        weights: Sequence[Array] = [self.weight] * g.images
        if self.conv.factors:
            weights = list(memory.scratch("weights"))
            shape = (g.images, *(1,) * (self.weight.ndim - 2), g.channels, 1)
            yield np.multiply, (self.weight, memory[self.conv.factors].reshape(shape), memory.scratch("weights"))
        image = g.out_size[0] * g.out_size[1]
        if self.has_bias:
            yield from biased.ones(memory, "rows", g.channels)
        if not self.is_flat:

            def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
                return self._with_gaps(memory, x, weights[images.start], out, residual, images, lines)

            yield from in_parallel(memory, bands(g.images, g.out_size[0], self.most // g.out_size[1], threads), band)
            return
        rows = g.images * image
        a, y = x.reshape(rows, g.channels), out.reshape(rows, g.filters)
        rest = None if residual is None else residual.reshape(rows, g.filters)

        def run_of_rows(memory: Memory, part: slice) -> Iterator[Step]:
            yield from self._product(memory, a[part], weights[part.start // image], y[part])
            other, spare = None if rest is None else rest[part], self.conv.epilogue.spare(memory)
            yield from self.conv.epilogue.steps(y[part], y[part], other, spare, biased=self.has_bias)

        run = image if self.conv.factors else rows  # that have the same weights
        parts = [
            (slice(start + part.start, start + part.stop),)
            for start in range(0, rows, run)
            for part in cuts(run, self.most, threads)
        ]
        yield from in_parallel(memory, parts, run_of_rows)

    def _with_gaps(
        self, memory: Memory, x: Array, weight: Array, out: Array, residual: Array | None, images: slice, lines: slice
    ) -> Iterator[Step]:
        """Some rows of pixels, computed without gaps and written where they belong."""
        source, target = x[images, lines], out[images, lines]
        tile = memory.scratch("tile")[: source.size // self.conv.g.channels]
        yield from self._product(memory, source.reshape(len(tile), -1), weight, tile)
        other, spare = None if residual is None else residual[images, lines], self.conv.epilogue.spare(memory)
        shaped = tile.reshape(target.shape)
        yield from self.conv.epilogue.steps(shaped, target, other, spare, biased=self.has_bias)

    def _product(self, memory: Memory, a: Array, weight: Array, y: Array) -> Iterator[Step]:
        if self.has_bias:
            yield from biased.product(memory.scratch("rows"), a, weight, y)
        else:
            yield from products(a, weight, y, self.blocks)


def _pointwise(conv: Conv, context: Context) -> Kernel:
    g = conv.g
    image = g.out_size[0] * g.out_size[1]
    rows = g.images * image
    is_flat = conv.is_contiguous and (not conv.residual or context.is_contiguous(conv.residual, conv.order))
    most = min(per_band(rows, g.filters, fewest=rows_worth(g.channels)), rows)
    if is_flat and conv.epilogue.is_nothing and not conv.residual:
        most = rows
    if not is_flat:
        most = max(most // g.out_size[1], 1) * g.out_size[1]
    if most > (share := shared_by(context.network.threads, rows, rows * g.channels * g.filters)):
        most = -(-share // g.out_size[1]) * g.out_size[1]
    most = min(most, image if conv.factors else rows)
    blocks = blocks_for(most, g.channels, g.filters)
    is_wide = g.filters >= biased.FEWEST_TIMES * g.channels and not conv.factors
    has_bias = is_wide and biased.pays(conv.epilogue, blocks, most, context.network)
    weight = _packed(conv, blocks, context.network, has_bias=has_bias)
    product = Pointwise(conv, weight, blocks, most, is_flat, has_bias)
    wants = {} if product.is_subsampled else {conv.x: conv.order}
    if conv.factors:
        wants |= {conv.factors: c_order(len(context.shape(conv.factors)))}
    return Kernel(product.steps, scratch=product.scratch(), private=PRIVATE, orders={conv.y: conv.order}, wants=wants)


def _columns(conv: Conv, context: Context) -> Kernel:
    """The windows of some rows side by side, times the weights."""
    g = conv.g
    read = source(conv.x, conv.nhwc, g.pads, context)
    (kh, kw), (height, width) = g.kernel, g.out_size
    inner = kh * kw * g.channels
    fewest = min(g.filters, MOST_COLUMNS // inner) // width
    per = per_band(height, width * inner, COLUMNS, fewest)
    work = g.images * height * width * inner * g.filters
    per = min(per, shared_by(context.network.threads, g.images * height, work))
    most = per * width
    blocks = blocks_for(most, inner, g.filters)
    has_bias = biased.pays(conv.epilogue, blocks, most, context.network)
    weight = _packed(conv, blocks, context.network, has_bias=has_bias)
    row = inner + has_bias
    scratch: dict[str, Scratch] = {**read.scratch, "columns": ((most * row,), np.float32)}
    if not conv.is_contiguous:
        scratch["tile"] = ((most, g.filters), np.float32)
    scratch |= conv.epilogue.scratch(most * g.filters)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        if has_bias:
            yield from biased.ones(memory, "columns", inner)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            count = (images.stop - images.start) * (lines.stop - lines.start) * width
            windows = _windows(x[images, lines.start * g.strides[0] :], g, lines.stop - lines.start)
            columns = memory.scratch("columns")[: count * row].reshape(*windows.shape[:3], row)
            within = columns[..., :inner].reshape((*windows.shape[:3], kh, kw, g.channels))
            yield np.copyto, (within, windows)
            target = out[images, lines]
            y = target if conv.is_contiguous else memory.scratch("tile")[:count]
            yield from products(columns.reshape(count, row), weight, y.reshape(count, g.filters), blocks)
            other, spare = None if residual is None else residual[images, lines], conv.epilogue.spare(memory)
            yield from conv.epilogue.steps(y.reshape(target.shape), target, other, spare, biased=has_bias)

        yield from in_parallel(memory, bands(g.images, height, per, memory.workers.threads), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)


def _columns_of_squares(conv: Conv, context: Context) -> Kernel:
    """As `_columns`, with the four corners of the squares apart: the largest of them are three maxima of long rows."""
    g = conv.g
    read = source(conv.x, conv.nhwc, g.pads, context)
    (kh, kw), (height, width) = g.kernel, (n // 2 for n in g.out_size)
    inner = kh * kw * g.channels
    fewest = min(g.filters, MOST_COLUMNS // inner) // (4 * width)
    per = per_band(height, 4 * width * inner, COLUMNS, fewest)
    work = g.images * height * 4 * width * inner * g.filters
    per = min(per, shared_by(context.network.threads, g.images * height, work))
    most = 4 * per * width
    blocks = blocks_for(most, inner, g.filters)
    weight = _packed(conv, blocks, context.network)
    scratch: dict[str, Scratch] = {
        **read.scratch,
        "columns": ((most * inner,), np.float32),
        "tile": ((most * g.filters,), np.float32),
    }

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out = read.array(memory), conv.out(memory)
        image, line, pixel, item = x.strides
        (sh, sw), (dh, dw) = g.strides, g.dilations

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            target = out[images, lines]
            windows = as_strided(
                x[images, 2 * lines.start * sh :],
                (2, 2, *target.shape[:3], kh, kw, g.channels),
                (line * sh, pixel * sw, image, 2 * line * sh, 2 * pixel * sw, line * dh, pixel * dw, item),
            )
            columns = memory.scratch("columns")[: windows.size]
            yield np.copyto, (columns.reshape(windows.shape), windows)
            tile = memory.scratch("tile")[: 4 * target.size].reshape(2, 2, target.size)
            yield from products(columns.reshape(-1, inner), weight, tile.reshape(-1, g.filters), blocks)
            yield larger(tile[0], tile[1], tile[0])
            yield larger(tile[0, 0], tile[0, 1], tile[0, 0])
            yield from conv.epilogue.steps(tile[0, 0].reshape(target.shape), target, None, None)

        yield from in_parallel(memory, bands(g.images, height, per, memory.workers.threads), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)


def _windows(x: Array, g: Geometry, lines: int) -> Array:
    """(images, lines, width, kernel height, kernel width, channels): what each output pixel sees."""
    image, line, pixel, item = x.strides
    (sh, sw), (dh, dw) = g.strides, g.dilations
    shape = (len(x), lines, g.out_size[1], *g.kernel, g.channels)
    return as_strided(x, shape, (image, line * sh, pixel * sw, line * dh, pixel * dw, item))


KERNELS = {"conv": choose}
