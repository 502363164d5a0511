"""Depthwise convolutions: one einsum for each tile, which multiplies and adds in one pass over each tap.

`np.einsum("hwrsk,rsk->hwk")` on a strided view of the padded image reaches 7.1 G multiply-adds a second on a Zen 4,
where np.multiply and np.add with `out=` reach 4.6; 4.2 with AVX2 (Zen 1). The inner loop runs along k, so the weights
are repeated for several neighbouring pixels, until k is about 2000 long: 112x112x32 takes 0.9 ms so, 4.8 with each
pixel alone.
With stride 2 neighbouring pixels of the output are not neighbours in the input, but pairs of columns are: the taps go
two by two over pixels of twice the channels, with a tap of zeros at the end of an odd kernel, and the halves of the
result are added. An output of 112x112x16: 0.8 ms instead of 4.0 with one pixel at a time; 28x28x144, 5x5: 0.9, 1.1.

An inner loop reads the sum, the pixels and the weights and writes the sum, which is what bounds it: 0.24 ns for one
multiplication with AVX2, 0.19 where the weight is one number, as with channels first. That gain does not pay for
another layout, nor do fewer multiplications: F(2,3) down the rows, on whole rows, is 6 instead of 9 and 4 additions of
0.2 ns; F(2,5) 15 instead of 25 and about 20 passes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.geometry import kernel_of, padding
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step
from interchange_numpy.kernels.source import source
from interchange_numpy.tiles import bands, in_parallel, per_band, shared_by, together_of

if TYPE_CHECKING:
    from interchange_numpy.kernels.convolution import Conv

PRIVATE = frozenset(("tile", "temporary", "halves"))
LEAST_PAIRS = 4  # pixels that one inner loop has to cover for pairs of columns to pay


def choose(conv: Conv, context: Context) -> Kernel:
    g, network = conv.g, context.network
    read = source(conv.x, conv.nhwc, padding(g, precise=network.precise), context)
    (kh, kw), (height, width), channels = g.kernel, g.out_size, g.channels
    pairs = 0 if network.precise or not g.has_pairs else together_of(width, 2 * channels)
    pairs = pairs if pairs >= LEAST_PAIRS else 0
    together = pairs or (together_of(width, channels) if g.strides[1] == 1 else 1)
    work = g.images * height * width * channels * kh * kw
    per = min(per_band(height, width * channels), shared_by(network.threads, g.images * height, work), height)

    def make() -> Array:
        kernel = kernel_of(network.constants[conv.op.attributes["weight"]], conv.nhwc).astype(np.float64)
        scale = conv.op.attributes["scale"]
        kernel = (kernel[:, :, 0] if scale is None else kernel[:, :, 0] * scale).astype(np.float32)
        if pairs:
            kernel = np.pad(kernel, ((0, 0), (0, kw % 2), (0, 0))).reshape(kh, -1, 2 * channels)
        return np.ascontiguousarray(np.tile(kernel, (1, 1, together)))

    weight = network.packed(conv.op.attributes["weight"], conv.key("depthwise", together, bool(pairs)), make)
    scratch: dict[str, Scratch] = dict(read.scratch)
    if not conv.is_contiguous:
        scratch["tile"] = ((per * width * channels,), np.float32)
    scratch |= conv.epilogue.scratch(per * width * channels)
    if pairs:
        scratch["halves"] = ((2 * per * width * channels,), np.float32)

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out, residual = read.array(memory), conv.out(memory), conv.residual_of(memory)
        _, line, pixel, item = x.strides
        (sh, sw), (dh, dw) = g.strides, g.dilations

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            count = lines.stop - lines.start
            target = out[images, lines]
            y = target if conv.is_contiguous else memory.scratch("tile")[: target.size].reshape(target.shape)
            sums = memory.scratch("halves")[: 2 * y.size] if pairs else y
            sums = sums.reshape(count, width // together, -1)
            step = 2 if pairs else 1
            seen = as_strided(
                x[images.start, lines.start * sh :],
                (*sums.shape[:2], *weight.shape),
                (line * sh, pixel * sw * together, line * dh, pixel * dw * step, item),
            )
            yield functools.partial(np.einsum, "hwrsk,rsk->hwk", seen, weight, out=sums), ()
            if pairs:
                halves = sums.reshape(*y.shape[:-1], 2, channels)
                yield np.add, (halves[..., 0, :], halves[..., 1, :], y)
            other = None if residual is None else residual[images, lines]
            yield from conv.epilogue.steps(y, target, other, conv.epilogue.spare(memory))

        yield from in_parallel(memory, bands(g.images, height, per, memory.workers.threads), band)

    return Kernel(emit, scratch=scratch, private=PRIVATE, orders={conv.y: conv.order}, wants=read.wants)
