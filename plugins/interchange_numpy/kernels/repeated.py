"""Convolutions in groups of few channels, as depthwise ones: each channel of a group is repeated for each filter.

y[f] is the sum over taps and over the channels c of a group of w[c, f] x[c]; with x[c] written once for each filter of
its group this is one einsum over long rows, as in `depthwise.py`. Matrices of a few columns run at a tenth of the speed
of large ones, so up to four channels it is the faster way. With AVX2, 3x3: 56x56x128 in 32 groups 7.7 ms, as matrices
10 to 15, in the operators 23, in ONNX Runtime 2.9; two filters for each of 64 channels of 56x56 2.9, 7.2, 11.9, 1.4.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step
from interchange_numpy.kernels.source import source
from interchange_numpy.tiles import bands, in_parallel, per_band, shared_by, together_of

if TYPE_CHECKING:
    from interchange_numpy.kernels.convolution import Conv

MOST = 4  # channels of a group
REPEATED = 1 << 18  # elements of the repeated channels that a tile reads: 1 MB
PRIVATE = frozenset(("repeated", "tile", "temporary"))


def choose(conv: Conv, context: Context) -> Kernel:
    g, network = conv.g, context.network
    read = source(conv.x, conv.nhwc, g.pads, context)
    (kh, kw), (height, width), groups = g.kernel, g.out_size, g.group
    channels, filters = g.channels // groups, g.filters // groups
    together = together_of(width, g.filters) if g.strides[1] == 1 else 1
    span = (width - 1) * g.strides[1] + (kw - 1) * g.dilations[1] + 1
    work = g.images * height * width * g.filters * channels * kh * kw
    per = per_band(height, channels * span * g.filters * g.strides[0], REPEATED)
    per = min(per, shared_by(network.threads, g.images * height, work), height)
    tall = (per - 1) * g.strides[0] + (kh - 1) * g.dilations[0] + 1

    def make() -> Array:
        kernel = conv.weight(network).transpose(2, 0, 1, 3).astype(np.float32)
        return np.ascontiguousarray(np.tile(kernel, (1, 1, 1, together)))

    weight = network.packed(conv.op.attributes["weight"], conv.key("repeated", together), make)
    scratch: dict[str, Scratch] = {
        **read.scratch,
        "repeated": ((channels, tall, span, groups, filters), np.float32),
    }
    if not conv.is_contiguous:
        scratch["tile"] = ((per * width * g.filters,), np.float32)
    scratch |= conv.epilogue.scratch(per * width * g.filters)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)
        (sh, sw), (dh, dw) = g.strides, g.dilations

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            count = lines.stop - lines.start
            rows = (count - 1) * sh + (kh - 1) * dh + 1
            repeated = memory.scratch("repeated")[:, :rows]
            seen = x[images.start, lines.start * sh :][:rows, :span]
            line, pixel, item = seen.strides
            shape = (channels, rows, span, groups)
            each = as_strided(seen, shape, (item, line, pixel, channels * item))
            for f in range(filters):
                yield np.copyto, (repeated[..., f], each)
            target = out[images, lines]
            y = target if conv.is_contiguous else memory.scratch("tile")[: target.size].reshape(target.shape)
            plane, line, pixel, _, item = repeated.strides
            windows = as_strided(
                repeated,
                (count, width // together, *weight.shape),
                (line * sh, pixel * sw * together, plane, line * dh, pixel * dw, item),
            )
            sums = y.reshape(count, width // together, -1)
            yield functools.partial(np.einsum, "hwcrsk,crsk->hwk", windows, weight, out=sums), ()
            other = None if residual is None else residual[images, lines]
            yield from conv.epilogue.steps(y, target, other, conv.epilogue.spare(memory))

        yield from in_parallel(memory, bands(g.images, height, per, memory.workers.threads), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)
