"""What happens to lanes between layers: activations, pooling, sums. Where a sample has floats, the plain functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from interchange_pyscript.fast.in_floats import float_max_pool, windows_in
from interchange_pyscript.fast.lanes import (
    ANY,
    Lanes,
    Packed,
    Sample,
    as_planes,
    divided,
    each,
    fill,
    floats,
    is_doubtful,
    larger,
    numbers_in,
    numbers_in_order,
    recomputed,
    relu,
    settled,
)
from interchange_pyscript.fast.pixels import as_pixels
from interchange_pyscript.kernels.activation import LeakyRelu, Relu
from interchange_pyscript.kernels.elementwise import Add, Clip
from interchange_pyscript.kernels.pooling import GlobalAveragePool
from interchange_pyscript.kernels.spatial import window_counts
from interchange_pyscript.kernels.tensor import Tensor, number


def LaneRelu(x: Tensor, *, layout: str = "NHWC") -> Tensor:
    """max(x, 0)."""

    def in_lanes(sample: Sample) -> Lanes | None:
        if isinstance(sample, Tensor):
            return None
        return sample.having(relu(sample.ints, sample.count), sample.exponent, sample.size, True)

    return each(x, layout, in_lanes, Relu)


def LaneClip(x: Tensor, *, high: float, layout: str = "NHWC") -> Tensor:
    """min(max(x, 0), high)."""

    def in_lanes(sample: Sample) -> Lanes | None:
        if isinstance(sample, Tensor):
            return None
        count, size = sample.count, sample.size
        ints = relu(sample.ints, count)
        top = round(high * 2.0 ** min(sample.exponent, 900))
        if top < 1 << size:  # else nothing is so large
            limit = fill(count, top)
            ints = [limit - above for above in relu([limit - p for p in ints], count)]
        return sample.having(ints, sample.exponent, size, True)

    return each(x, layout, in_lanes, lambda sample: Clip(sample, number(0.0), number(high)))


def LaneLeakyRelu(x: Tensor, *, alpha: float, bits: int, layout: str = "NHWC") -> Tensor:
    """x where x >= 0, alpha * x elsewhere; in numbers of `bits` bits, of which `alpha`, up to 1, has 30."""

    def in_lanes(sample: Sample) -> Lanes | None:
        ready = None if isinstance(sample, Tensor) else settled(sample, bits, ANY, True)
        if ready is None:
            return None
        count, slope = ready.count, round(alpha * 2**30)
        positive = relu(ready.ints, count)
        negative = divided([(p - q) * slope for p, q in zip(ready.ints, positive)], 30, count)
        ints = list(map(int.__add__, positive, negative))
        # With a small alpha, large numbers may be gone: a size that is not `bits` makes the next layer look anew.
        made = ready.having(ints, ready.exponent, bits if alpha > 0.05 else bits + 1, False)
        made.error = (ready.error or 0.0) + math.ldexp(1.0, -ready.exponent)
        return made

    return each(x, layout, in_lanes, lambda sample: LeakyRelu(sample, alpha=alpha))


def LaneMaxPool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    layout: str = "NHWC",
) -> Tensor:
    """The largest value of each window; what is beyond the edge does not count."""
    (tall, wide), (down, across), (top, left, bottom, right) = kernel_shape, strides, pads

    def in_lanes(sample: Sample) -> Lanes | None:
        if isinstance(sample, Tensor):
            return None
        if sample.phases and tall == wide == down == across == 2 and not any(pads):
            return pooled_phases(in_pairs(sample))
        x = as_pixels(sample)
        height, width, channels = x.shape
        counts = window_counts((height, width), (tall, wide), strides, [(top, bottom), (left, right)])
        rows = [x.ints[i : i + width] for i in range(0, height * width, width)]
        # The first, second ... place of every window; beyond the edge the pixel at the edge stands once more.
        ys, xs = places_of(counts[0], down, top, tall, height), places_of(counts[1], across, left, wide, width)
        rows = [largest_lanes([[row[k] for k in column] for column in xs], channels) for row in rows]
        ints = [p for line in zip(*ys) for p in largest_lanes([rows[k] for k in line], channels)]
        return Lanes(ints, channels, (*counts, channels), x.exponent, x.size, x.positive)

    def in_floats(sample: Tensor) -> Tensor:
        return float_max_pool(sample, kernel_shape, pads, strides)

    return each(x, layout, in_lanes, in_floats)


def places_of(count: int, stride: int, before: int, size: int, length: int) -> list[list[int]]:
    """For each place in a window: where it is in each of `count` windows, within 0 to length - 1."""
    return [[min(max(i * stride - before + k, 0), length - 1) for i in range(count)] for k in range(size)]


def largest_lanes(rows: Sequence[list[int]], count: int) -> list[int]:
    """The largest of each lane, over rows of packed integers."""
    best = rows[0]
    for row in rows[1:]:
        best = larger(best, row, count)
    return best


def in_pairs(x: Lanes) -> Lanes:
    """Planes in which neighbours that a pool of 2 x 2 sees together are in neighbouring phases."""
    return x if x.phases in (2, 4) else as_planes(x, 2)


def pooled_phases(x: Lanes) -> Lanes:
    """The largest of 2 x 2 neighbours, which are in neighbouring phases."""
    (height, width, channels), phases = x.shape, x.phases
    corners = [i + k for i in range(0, len(x.ints), 2 * phases) for k in range(0, phases, 2)]
    ints = largest_lanes([[x.ints[k + place] for k in corners] for place in (0, 1, phases, phases + 1)], x.count)
    shape = (height // 2, width // 2, channels)
    return Lanes(ints, x.count, shape, x.exponent, x.size, x.positive, phases // 2, x.pitch)


def LaneAveragePool(x: Tensor, *, layout: str = "NHWC") -> Tensor:
    """The mean of each 2 x 2 pixels: their sum, in a unit of a quarter."""

    def in_lanes(sample: Sample) -> Lanes | None:
        ready = None if isinstance(sample, Tensor) else settled(sample, 40, ANY, True)
        if ready is None:
            return None
        ready = in_pairs(ready) if ready.phases else ready
        height, width, channels = ready.shape
        shape, exponent, phases = (height // 2, width // 2, channels), ready.exponent + 2, ready.phases
        if phases:
            starts = [i + k for i in range(0, len(ready.ints), 2 * phases) for k in range(0, phases, 2)]
            ints = [sum(ready.ints[k : k + 2] + ready.ints[k + phases : k + phases + 2]) for k in starts]
            return Lanes(ints, ready.count, shape, exponent, 42, ready.positive, phases // 2, ready.pitch)
        pixels_of = as_pixels(ready).ints
        starts = [y * width + x for y in range(0, height - 1, 2) for x in range(0, width - 1, 2)]
        ints = [sum(pixels_of[k : k + 2] + pixels_of[k + width : k + width + 2]) for k in starts]
        return Lanes(ints, channels, shape, exponent, 42, ready.positive)

    def in_floats(sample: Tensor) -> Tensor:
        counts, windows = windows_in(sample, (2, 2), (0, 0, 0, 0), (2, 2), (1, 1), 0.0)
        return Tensor([sum(seen) / 4 for window in windows for seen in zip(*window)], (1, *counts, sample.shape[3]))

    return each(x, layout, in_lanes, in_floats)


def LaneAdd(a: Tensor, b: Tensor, *, layout: str = "NHWC") -> Tensor:
    """a + b, of one shape."""
    if not (isinstance(a, Packed) and isinstance(b, Packed)):
        return Add(a, b)
    samples: list[Sample] = []
    for one, other in zip(a.samples, b.samples):
        if isinstance(one, Lanes) and isinstance(other, Lanes):
            made = sum_of(one, other)
            made.exact = recomputed(Add, one, other)
            samples.append(made)
        else:
            pair = [Tensor(floats(sample), sample.shape) for sample in (one, other)]
            samples.append(Add(*pair))
    return Packed(samples, len(a.shape), layout)


def sum_of(a: Lanes, b: Lanes) -> Lanes:
    """The sum of two samples, in the coarser of their units, or one in which it stays below 2**61 as all lanes do."""
    if (a.phases, a.count, a.pitch) != (b.phases, b.count, b.pitch):
        a, b = (as_planes(x, 1) if a.phases and b.phases else as_pixels(x) for x in (a, b))
    exponent = min(a.exponent, b.exponent, a.exponent + 60 - a.size, b.exponent + 60 - b.size)
    parts = []
    for x in (a, b):
        drop = x.exponent - exponent
        parts.append(divided(x.ints, drop, x.count))
    size = max(x.size - (x.exponent - exponent) for x in (a, b)) + 1
    made = a.having(list(map(int.__add__, *parts)), exponent, max(size, 1), a.positive and b.positive)
    made.error = (a.error or 0.0) + (b.error or 0.0)
    return made


def LaneMean(x: Tensor, *, keepdims: int = 1, layout: str = "NHWC") -> Tensor:
    """The mean of every channel over the whole image."""

    def in_lanes(sample: Sample) -> Sample | None:
        if isinstance(sample, Tensor):
            return None
        height, width, channels = sample.shape
        ready = settled(sample, 40, ANY, True)
        if ready is None:
            return None
        if ready.phases:
            numbers = numbers_in_order(ready)
            sums = [sum(numbers[c::channels]) for c in range(channels)]
        else:
            sums = list(numbers_in([sum(ready.ints)], channels)[0])
        if is_doubtful(ready, max(map(abs, sums)) / (height * width)):
            return None
        return Tensor([math.ldexp(v, -ready.exponent) / (height * width) for v in sums], (1, 1, channels))

    made = each(x, layout, in_lanes, lambda sample: GlobalAveragePool(sample, layout="NHWC"))
    if not keepdims:
        made.shape = (len(made.samples), made.samples[0].shape[2])
    return made
