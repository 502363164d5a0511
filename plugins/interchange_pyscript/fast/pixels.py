"""Layers on pixels: a packed integer for each pixel, with a lane for each channel.

A number of the input is multiplied with a packed row of weights, one lane for each output: sum(map(mul, numbers, rows))
is a whole dense layer, or all channels of a pixel after a convolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import mul

from interchange_pyscript.fast.in_floats import FloatDense, float_conv
from interchange_pyscript.fast.lanes import (
    Lanes,
    Sample,
    bytes_in_order,
    each,
    lanes_for,
    lanes_of,
    numbers_in,
    numbers_in_order,
    packed,
    pixel_bytes,
    scaled,
    settled,
)
from interchange_pyscript.fast.winograd import STEPS, in_two_dimensions, tiles_of
from interchange_pyscript.kernels.spatial import window_counts
from interchange_pyscript.kernels.tensor import Tensor, prepared


def pixels(x: Sample, bits: int, limit: int, even: bool) -> Lanes | None:
    """A sample as pixels, for a layer that takes numbers of `bits` bits with an exponent of at most `limit`."""
    if isinstance(x, Lanes):
        return settled(as_pixels(x), bits, limit, even)
    whole = scaled(x, bits, limit, even)
    return None if whole is None else as_pixels(whole)


def as_pixels(x: Lanes) -> Lanes:
    """A sample in any form as pixels."""
    if x.count == x.shape[2] and not x.phases:
        return x
    if x.phases:
        parts = pixel_bytes(x)
    else:
        size, data = 8 * x.shape[2], bytes_in_order(x)
        parts = [data[i : i + size] for i in range(0, len(data), size)]
    ints = [packed(part, x.positive) for part in parts]
    return Lanes(ints, x.shape[2], x.shape, x.exponent, x.size, x.positive, error=x.error)


def bias_lanes(bias: Tensor | None, exponent: int) -> int:
    """A bias in the unit 2**-exponent, packed."""
    if bias is None:
        return 0
    return packed(b"".join([round(value * 2.0**exponent).to_bytes(8, "little", signed=True) for value in bias.values]))


def weighted(rows: Iterable[Sequence[int]], weights: Sequence[int], bias: int, zeros: bool = False) -> list[int]:
    """For each row of numbers the sum of numbers times packed weights, and the bias; `zeros`: many numbers are 0."""
    if zeros:
        return [sum(map(mul, filter(None, row), compress(weights, row)), bias) for row in rows]
    return [sum(map(mul, row, weights), bias) for row in rows]


def PixelDense(
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    rows: Tensor,
    *,
    bits: int,
    exponent: int,
    limit: int,
    noise: int,
    even: bool = True,
) -> Tensor:
    """A dense layer of all that a sample has; zeros are skipped."""

    def in_lanes(sample: Sample) -> Lanes | None:
        if isinstance(sample, Lanes):
            ready = settled(sample, bits, limit, even)
        else:
            ready = pixels(Tensor(sample.values, (1, 1, len(sample.values))), bits, limit, even)
        if ready is None:
            return None
        numbers, total, outputs = numbers_in_order(ready), ready.exponent + exponent, rows.shape[1]
        ints = weighted([numbers], lanes_for(numbers, rows), bias_lanes(b, total), True)
        return Lanes(ints, outputs, (1, 1, outputs), total, 61, error=ready.error_of(noise, total))

    made = each(x, "NHWC", in_lanes, lambda sample: FloatDense(Tensor(sample.values, (1, len(sample.values))), w, b))
    made.shape = (len(made.samples), rows.shape[1])
    return made


def PixelConv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    rows: Tensor,
    *,
    bits: int,
    exponent: int,
    limit: int,
    noise: int,
    even: bool = True,
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    layout: str = "NHWC",
) -> Tensor:
    """A convolution: every window of numbers times the rows of weights."""
    (tall, wide, channels, outputs), (top, left, bottom, right) = w.shape, pads
    extents = [(tall - 1) * dilations[0] + 1, (wide - 1) * dilations[1] + 1]

    def in_lanes(sample: Sample) -> Lanes | None:
        ready = pixels(sample, bits, limit, even)
        if ready is None:
            return None
        height, width, _ = ready.shape
        counts = window_counts((height, width), extents, strides, [(top, bottom), (left, right)])
        lines = number_lines(ready, pads)
        weights, total = lanes_of(rows), ready.exponent + exponent
        bias = bias_lanes(b, total)
        columns = range(0, wide * dilations[1] * channels, dilations[1] * channels)
        step = channels if dilations[1] > 1 else wide * channels  # what lies together in a line
        places = columns if dilations[1] > 1 else (0,)

        def windows() -> Iterator[list[int]]:
            for y in range(counts[0]):
                here = [lines[y * strides[0] + i * dilations[0]] for i in range(tall)]
                for start in range(0, counts[1] * strides[1] * channels, strides[1] * channels):
                    window: list[int] = []
                    for line in here:
                        for place in places:
                            window += line[start + place : start + place + step]
                    yield window

        ints = weighted(windows(), weights, bias, ready.positive)
        return Lanes(ints, outputs, (*counts, outputs), total, 61, error=ready.error_of(noise, total))

    def in_floats(sample: Tensor) -> Tensor:
        return float_conv(sample, w, b, pads, strides, dilations)

    return each(x, layout, in_lanes, in_floats)


def number_lines(x: Lanes, pads: Sequence[int]) -> list[list[int]]:
    """The numbers of every row of pixels, with zeros around."""
    (height, width, channels), (top, left, bottom, right) = x.shape, pads
    before, after = [0] * (left * channels), [0] * (right * channels)
    empty = [0] * ((left + width + right) * channels)
    rows = [x.ints[i : i + width] for i in range(0, height * width, width)]
    lines = [before + [n for numbers in numbers_in(row, channels) for n in numbers] + after for row in rows]
    return [empty] * top + lines + [empty] * bottom


def WinogradConv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    rows: Tensor,
    *,
    tile: int,
    bits: int,
    exponent: int,
    limit: int,
    noise: int,
    even: bool = True,
    pads: Sequence[int] = (0, 0, 0, 0),
    layout: str = "NHWC",
) -> Tensor:
    """A 3 x 3 convolution in tiles of outputs; `rows` are the transformed kernel, place by place of a tile."""
    (channels, outputs), (top, left, bottom, right), size = w.shape[2:], pads, tile + 2

    def kernels_of() -> list[list[int]]:
        weights = lanes_of(rows)
        return [weights[i : i + channels] for i in range(0, len(weights), channels)]

    def in_lanes(sample: Sample) -> Lanes | None:
        ready = pixels(sample, bits, limit, even)
        if ready is None:
            return None
        height, width, _ = ready.shape
        tall, wide, total = height + top + bottom - 2, width + left + right - 2, ready.exponent + exponent
        ys, xs = tiles_of(tile, tall), tiles_of(tile, wide)
        before, after = [0] * left, [0] * (right + 1)  # one more for tiles of 2, which may reach beyond the edge
        empty = [[0] * (left + width + right + 1)]
        grid = [before + ready.ints[i : i + width] + after for i in range(0, height * width, width)]
        grid = empty * top + grid + empty * (bottom + 1)
        # Rows are transformed once for all tiles that share them.
        lines = [[STEPS[tile, n][1](*row[x : x + n + 2]) for x, n in xs] for row in grid]
        places: list[list[int]] = [[] for _ in range(size * size)]  # of the tiles that have them
        for y, high in ys:
            down, into, _ = STEPS[tile, high]
            for (_, broad), block in zip(xs, zip(*lines[y : y + high + 2])):
                for j, column in zip(STEPS[tile, broad][0], zip(*block)):
                    for i, p in zip(down, into(*column)):
                        places[i * size + j].append(p)
        # What is added at the place (1, 1) of a tile comes back in each of its outputs.
        biases = {size + 1: bias_lanes(b, total)}
        sums = [
            iter(weighted(numbers_in(here, channels), kernel, biases.get(place, 0), ready.positive))
            for place, (here, kernel) in enumerate(zip(places, prepared(rows, "kernels", kernels_of)))
        ]
        ints: list[int] = []
        for _, high in ys:
            down, _, back = STEPS[tile, high]
            made: list[list[int]] = [[] for _ in range(high)]
            for _, broad in xs:
                across, _, back_across = STEPS[tile, broad]
                products = [[next(sums[i * size + j]) for j in across] for i in down]
                for line, row in zip(made, in_two_dimensions(back, back_across, products)):
                    line += row
            ints += [p for line in made for p in line[:wide]]
        shape, error = (tall, wide, outputs), ready.error_of(noise, total)
        return Lanes(ints[: tall * wide], outputs, shape, total, 61, error=error)

    return each(x, layout, in_lanes, lambda sample: float_conv(sample, w, b, pads))
