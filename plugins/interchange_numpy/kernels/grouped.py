"""Convolutions in groups: the windows of some rows, group by group, times the weights of each group in one call.

The columns of a tile lie as (groups, pixels, taps x channels of a group), so np.matmul takes all groups at once and
writes between the channels of the others. Groups of few channels go together, with zeros in their weights for each
other's channels: narrow matrices, and copies of few numbers at a time, cost more than the products with zeros.
3x3 in 32 groups with AVX2: 28x28x256 5.2 ms, in the operators 9.3 to 12, in ONNX Runtime 1.8; 14x14x512 3.0, 4.3, 1.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step
from interchange_numpy.kernels.source import source
from interchange_numpy.tiles import bands, in_parallel, per_band, shared_by

if TYPE_CHECKING:
    from interchange_numpy.kernels.convolution import Conv

COLUMNS = 1 << 16  # elements of the columns of one tile: 256 KB, half of a usual L2 cache
WIDE = 16  # channels that groups together have at least
PRIVATE = frozenset(("columns", "tile", "temporary"))


def choose(conv: Conv, context: Context) -> Kernel:
    g, network = conv.g, context.network
    read = source(conv.x, conv.nhwc, g.pads, context)
    (kh, kw), (height, width) = g.kernel, g.out_size
    together = 1 if network.precise else _together(g.group, g.channels)
    groups = g.group // together
    channels, filters = g.channels // groups, g.filters // groups
    inner = kh * kw * channels
    work = g.images * height * width * inner * g.filters
    per = per_band(height, width * inner * groups, COLUMNS)
    per = min(per, shared_by(network.threads, g.images * height, work), height)
    most = per * width

    def make() -> Array:
        kernel = conv.weight(network).reshape(kh * kw, -1, groups, together, filters // together)
        packed = np.zeros((groups, kh * kw, together, kernel.shape[1], together, kernel.shape[4]), np.float32)
        for i in range(together):
            packed[:, :, i, :, i] = kernel[:, :, :, i].transpose(2, 0, 1, 3)
        return packed.reshape(groups, inner, filters)

    weight = network.packed(conv.op.attributes["weight"], conv.key("grouped", groups), make)
    scratch: dict[str, Scratch] = {**read.scratch, "columns": ((most * inner * groups,), np.float32)}
    if not conv.is_contiguous:
        scratch["tile"] = ((most * g.filters,), np.float32)
    scratch |= conv.epilogue.scratch(most * g.filters)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)
        _, line, pixel, item = x.strides
        (sh, sw), (dh, dw) = g.strides, g.dilations

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            target = out[images, lines]
            count = (lines.stop - lines.start) * width
            windows = as_strided(
                x[images.start, lines.start * sh :],
                (groups, lines.stop - lines.start, width, kh, kw, channels),
                (channels * item, line * sh, pixel * sw, line * dh, pixel * dw, item),
            )
            columns = memory.scratch("columns")[: windows.size]
            yield np.copyto, (columns.reshape(windows.shape), windows)
            y = target if conv.is_contiguous else memory.scratch("tile")[: target.size].reshape(target.shape)
            made = y.reshape(count, groups, filters).swapaxes(0, 1)
            yield np.matmul, (columns.reshape(groups, count, inner), weight, made)
            other = None if residual is None else residual[images, lines]
            yield from conv.epilogue.steps(y, target, other, conv.epilogue.spare(memory))

        yield from in_parallel(memory, bands(g.images, height, per, memory.workers.threads), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)


def _together(groups: int, channels: int) -> int:
    """How many groups are computed as one: the fewest that are wide enough, or all."""
    return next(n for n in range(1, groups + 1) if groups % n == 0 and (n * channels >= WIDE * groups or n == groups))
