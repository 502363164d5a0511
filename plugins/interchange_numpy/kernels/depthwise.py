"""Depthwise convolutions: one einsum for each tile, which multiplies and adds in one pass over each tap.

`np.einsum("hwrsk,rsk->hwk")` on a strided view of the padded image reaches 7.1 G multiply-adds a second on a Zen 4,
where np.multiply and np.add with `out=` reach 4.6; 3.9 with AVX2. The inner loop runs along k, so where there are few
channels the weights are repeated for several neighbouring pixels, until k is about 1300 long.
With stride 2 neighbouring pixels of the output are not neighbours in the input, so where there are few channels the
even and the odd columns are first put apart, and each half of the taps is an einsum of its own: MobileNetV3Small takes
1.72 times as long as in ONNX Runtime instead of 1.85.
112x112x32: 1.3 times the time of ONNX Runtime with AVX2, 2.6 times with AVX-512.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.geometry import Geometry, kernel_of
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step
from interchange_numpy.kernels.source import source
from interchange_numpy.tiles import bands, in_parallel, per_band, shared_by

if TYPE_CHECKING:
    from interchange_numpy.kernels.convolution import Conv

PRIVATE = frozenset(("tile", "temporary", "columns", "second"))
LONG = 1300  # elements of the inner loop
MOST_APART = 80  # channels up to which even and odd columns are put apart: 112x112x96 takes 2.6 ms so, 1.8 without


def choose(conv: Conv, context: Context) -> Kernel | None:
    g, network = conv.g, context.network
    if g.filters != g.channels:
        return None
    read = source(conv.x, conv.nhwc, g.pads, context)
    (kh, kw), (height, width), channels = g.kernel, g.out_size, g.channels
    apart = g.strides[1] == 2 and g.dilations[1] == 1 and kw > 1 and channels <= MOST_APART
    together = _together(width, channels) if g.strides[1] == 1 or apart else 1
    work = g.images * height * width * channels * kh * kw
    per = min(per_band(height, width * channels), shared_by(network.threads, g.images * height, work), height)

    def make() -> Array:
        kernel = kernel_of(network.constants[conv.op.attributes["weight"]], conv.nhwc).astype(np.float64)
        scale = conv.op.attributes["scale"]
        kernel = kernel[:, :, 0] if scale is None else kernel[:, :, 0] * scale
        repeated = np.tile(kernel.astype(np.float32), (1, 1, together))
        return np.ascontiguousarray(repeated)

    weight = network.packed(conv.op.attributes["weight"], conv.key("depthwise", together), make)
    span = (width - 1) * g.strides[1] + kw
    scratch: dict[str, Scratch] = dict(read.scratch)
    if not conv.is_contiguous:
        scratch["tile"] = ((per * width * channels,), np.float32)
    scratch |= conv.epilogue.scratch(per * width * channels)
    if apart:
        tall = (per - 1) * g.strides[0] + (kh - 1) * g.dilations[0] + 1
        scratch["columns"] = ((2, tall, -(-span // 2), channels), np.float32)
        scratch["second"] = ((per * width * channels,), np.float32)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)
        _, line, pixel, item = x.strides
        (sh, sw), (dh, dw) = g.strides, g.dilations

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            count = lines.stop - lines.start
            target = out[images, lines]
            y = target if conv.is_contiguous else memory.scratch("tile")[: target.size].reshape(target.shape)
            sums = y.reshape(count, width // together, together * channels)
            if apart:
                rows = x[images.start, lines.start * sh :][: (count - 1) * sh + (kh - 1) * dh + 1, :span]
                second = memory.scratch("second")[: y.size].reshape(sums.shape)
                yield from _halves(rows, memory.scratch("columns"), weight, g, sums, second)
            else:
                seen = as_strided(
                    x[images.start, lines.start * sh :],
                    (count, width // together, kh, kw, together * channels),
                    (line * sh, pixel * sw * together, line * dh, pixel * dw, item),
                )
                yield _sum_of_taps(seen, weight, sums)
            other = None if residual is None else residual[images, lines]
            yield from conv.epilogue.steps(y, target, other, conv.epilogue.spare(memory))

        yield from in_parallel(memory, bands(g.images, height, per), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)


def _halves(rows: Array, columns: Array, weight: Array, g: Geometry, out: Array, second: Array) -> Iterator[Step]:
    """The even columns with the taps that see them, then the odd ones, for stride 2: (lines, groups, pixels) sums."""
    count, groups, inner = out.shape
    tall = rows.shape[0]
    for parity, into in ((0, out), (1, second)):
        taps = weight[:, parity::2]
        part = columns[parity, :tall, : len(range(parity, rows.shape[1], 2))]
        yield np.copyto, (part, rows[:, parity::2])
        line, pixel, item = part.strides
        seen = as_strided(
            part,
            (count, groups, g.kernel[0], taps.shape[1], inner),
            (line * g.strides[0], item * inner, line * g.dilations[0], pixel, item),
        )
        yield _sum_of_taps(seen, taps, into)
    yield np.add, (out, second, out)


def _sum_of_taps(seen: Array, weight: Array, out: Array) -> Step:
    return functools.partial(np.einsum, "hwrsk,rsk->hwk", seen, weight, out=out), ()


def _together(width: int, channels: int) -> int:
    """How many pixels of a row are one inner loop: a divisor of the width."""
    fitting = (n for n in range(1, width + 1) if width % n == 0 and n * channels >= LONG)
    return next(fitting, width)
