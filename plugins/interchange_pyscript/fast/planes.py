"""Layers on planes: a packed integer for each channel, with a lane for each pixel. Weights are numbers.

A channel of the output is sum(map(mul, weights, planes)) over all inputs that its pixels see; those of neighbours are
the plane shifted by lanes. Where a layer steps over pixels, or works in tiles, a channel has several planes: phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import mul
from typing import Any

from interchange_pyscript.fast.in_floats import float_conv
from interchange_pyscript.fast.lanes import (
    Lanes,
    Sample,
    as_planes,
    dropped,
    each,
    fill,
    first_of,
    scaled,
    settled,
)
from interchange_pyscript.fast.winograd import in_two_dimensions, input6, output4
from interchange_pyscript.kernels.spatial import window_counts
from interchange_pyscript.kernels.tensor import Tensor, prepared


def planes(x: Sample, phases: int, pads: Sequence[int], bits: int, limit: int, even: bool) -> Lanes | None:
    """A sample as planes with a border of zeros, for a layer that takes numbers of `bits` bits."""
    ready = scaled(x, bits, limit, even) if isinstance(x, Tensor) else settled(x, bits, limit, even)
    if ready is None or (ready.phases == phases and not any(pads)):
        return ready
    return as_planes(ready, phases, pads)


def weights_of(numbers: Tensor) -> list[list[int]]:
    """The rows of a matrix of the weights file."""
    outputs, size = numbers.shape

    def make() -> list[list[int]]:
        values: list[Any] = list(numbers.values)
        return [values[i * size : (i + 1) * size] for i in range(outputs)]

    return prepared(numbers, "rows", make)


def biases_of(bias: Tensor | None, outputs: int, exponent: int, count: int) -> Iterator[int]:
    """For each output the bias in the unit 2**-exponent, in every lane."""
    values = [0.0] * outputs if bias is None else bias.values
    return (fill(count, 1) * round(value * 2.0**exponent) for value in values)


def PlaneConv(
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
    pads: Sequence[int] = (0, 0, 0, 0),
    group: int = 1,
    phases: int = 1,
    layout: str = "NHWC",
) -> Tensor:
    """A convolution of all channels, or with as many groups as channels: of each by itself. The strides are equal.

    The result has `phases` of them, two for a pool of 2 x 2; the input is brought to stride * phases.
    """
    (tall, wide, _, outputs), stride = w.shape, strides[0]

    def in_lanes(sample: Sample) -> Lanes | None:
        ready = planes(sample, stride * phases, pads, bits, limit, even)
        if ready is None:
            return None
        height, width, channels = ready.shape
        counts = window_counts((height, width), (tall, wide), strides, [(0, 0), (0, 0)])
        total, weights = ready.exponent + exponent, weights_of(rows)
        of_phases = []
        for phase in range(phases * phases):
            corner = [place * stride for place in divmod(phase, phases)]
            grids = [neighbours(ready, c, corner, tall, wide) for c in range(channels)]
            if group == 1:
                inputs = [[plane for grid in grids for plane in grid]] * outputs
            else:
                inputs = [grid for grid in grids for _ in range(outputs // group)]
            biases = biases_of(b, outputs, total, ready.count)
            of_phases.append([sum(map(mul, row, grid), bias) for row, grid, bias in zip(weights, inputs, biases)])
        ints = [p for channel in zip(*of_phases) for p in channel]
        shape, error = (*counts, outputs), ready.error_of(noise, total)
        return Lanes(ints, ready.count, shape, total, 61, phases=phases, pitch=ready.pitch, error=error)

    def in_floats(sample: Tensor) -> Tensor:
        return float_conv(sample, w, b, pads, strides, group=group)

    return each(x, layout, in_lanes, in_floats)


def neighbours(x: Lanes, channel: int, corner: Sequence[int], tall: int, wide: int) -> list[int]:
    """A channel as the weights of a kernel of that size see it from a corner, one plane for each."""
    phases, (top, left) = x.phases, corner
    grid = x.ints[channel * phases * phases : (channel + 1) * phases * phases]
    return [
        dropped(grid[i % phases * phases + j % phases], i // phases * x.pitch + j // phases)
        for i in range(top, top + tall)
        for j in range(left, left + wide)
    ]


def PlaneWinograd(
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
    pads: Sequence[int] = (0, 0, 0, 0),
    layout: str = "NHWC",
) -> Tensor:
    """A 3 x 3 convolution in tiles of 4 x 4 outputs: lane k of the phases is tile k.

    `rows` are the transformed kernel: for each output and place of a tile the weights of all channels.
    """
    channels, outputs = w.shape[2:]

    def kernels_of() -> list[list[list[int]]]:
        weights = weights_of(rows)
        return [[row[i : i + channels] for i in range(0, len(row), channels)] for row in weights]

    def in_lanes(sample: Sample) -> Lanes | None:
        ready = planes(sample, 4, pads, bits, limit, even)
        if ready is None:
            return None
        height, width, _ = ready.shape
        count, places = -(-(height - 2) // 4) * ready.pitch, []
        for i in range(0, 16 * channels, 16):
            grid = [ready.ints[k : k + 4] for k in range(i, i + 16, 4)]
            grid = [[*row, dropped(row[0], 1), dropped(row[1], 1)] for row in grid]  # the tile to the right
            grid += [[dropped(p, ready.pitch) for p in row] for row in grid[:2]]  # and the one below
            if count < ready.count:  # the last row of tiles has none of its own outputs
                grid = [first_of(row, count) for row in grid]
            places.append([p for row in in_two_dimensions(input6, input6, grid) for p in row])
        columns, ints = list(zip(*places)), []
        total = ready.exponent + exponent
        biases = biases_of(b, outputs, total, count)
        for kernel, bias in zip(prepared(rows, "kernels", kernels_of), biases):
            sums = [sum(map(mul, weights, column)) for weights, column in zip(kernel, columns)]
            sums[7] += bias  # what is added at the place (1, 1) of a tile comes back in each of its outputs
            block = in_two_dimensions(output4, output4, [sums[k : k + 6] for k in range(0, 36, 6)])
            ints += [p for row in block for p in row]
        shape, error = (height - 2, width - 2, outputs), ready.error_of(noise, total)
        return Lanes(ints, count, shape, total, 61, phases=4, pitch=ready.pitch, error=error)

    return each(x, layout, in_lanes, lambda sample: float_conv(sample, w, b, pads))
