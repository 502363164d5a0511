"""What the ways to compute a convolution cost on CPython, in nanoseconds; measured on 3.11, good enough to choose."""

from __future__ import annotations

from dataclasses import dataclass

from interchange_pyscript.fast.winograd import tiles_of
from interchange_pyscript.kernels.spatial import extents_of, window_counts

CONVERT = 35.0  # a number, between pixels and planes
UNPACK = 25.0  # a number, from a lane
LEFT = {0: 0.5, 2: 0.6, 4: 0.7}  # of the numbers after a relu, so many are not 0: by themselves, in tiles of 2 and 4


@dataclass(frozen=True)
class Shape:
    """A convolution's sizes, and what is known of its input and of what follows it."""

    image: tuple[int, int]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, int, int, int]
    in_planes: bool
    in_lanes: bool
    positive: bool
    halved: bool  # by a pool of 2 x 2

    @property
    def outputs(self) -> tuple[int, int]:
        """Height and width of the output."""
        extents = extents_of(self.kernel[:2], self.dilations)
        borders = [(self.pads[0], self.pads[2]), (self.pads[1], self.pads[3])]
        height, width = window_counts(self.image, extents, self.strides, borders)
        return height, width


def product(lanes: float) -> float:
    """A product and a sum, within sum(map(mul, ...)); from 512 bytes on, Python asks the C library for memory."""
    return (130 if lanes <= 56 else 190) + 5.1 * lanes


def operation(lanes: float) -> float:
    """Any other operation on packed integers."""
    return 85 + 2.3 * lanes


def cost_of(op: str, tile: int, shape: Shape, group: int) -> float:
    """The cost of a kernel, with bringing the input into its form and with the activations after it."""
    (height, width), (tall, wide, inputs, outputs) = shape.image, shape.kernel
    channels = inputs * group
    rows, columns = shape.outputs
    numbers = height * width * channels
    if op.startswith("Plane"):
        parts = 2 if shape.halved else 1  # phases of the output, for the pool
        phases = 4 if op == "PlaneWinograd" else shape.strides[0] * parts
        reuse = shape.in_planes and phases == 1 and not any(shape.pads)
        convert = 0.0 if reuse else CONVERT * numbers
        lines = -(-(height + shape.pads[0] + shape.pads[2]) // phases)
        pitch = -(-(width + shape.pads[1] + shape.pads[3]) // phases)
        lanes = lines * pitch
        if op == "PlaneWinograd":
            lanes = -(-rows // 4) * pitch  # those of outputs
            around = (channels * 160 + outputs * 140) * operation(lanes)
            after = outputs * 16 * 8 * operation(lanes)
            return convert + around + after + outputs * 36 * (inputs * product(lanes) + 100)
        after = outputs * parts * parts * 8 * operation(lanes)
        taps = tall * wide * inputs
        shifts = channels * tall * wide * operation(lanes) if tall * wide > 1 else 0.0
        return convert + after + parts * parts * (shifts + outputs * (taps * product(lanes) + 300))
    convert = 1.3 * CONVERT * numbers if shape.in_planes else 0.0 if shape.in_lanes else 10.0 * numbers
    after = rows * columns * 8 * operation(outputs)
    left = LEFT[tile] if shape.positive else 1.0
    if op == "PixelConv":
        window = tall * wide * inputs * (left * product(outputs) + 20)
        return convert + after + numbers * UNPACK + rows * columns * (window + 500)
    (ys, xs), steps = (tiles_of(tile, n) for n in (rows, columns)), 19 if tile == 4 else 4
    tall, wide = (sum(n + 2 for _, n in sizes) for sizes in (ys, xs))  # places, of all tiles together
    into = (height * len(xs) + len(ys) * wide) * steps * operation(channels)
    unpacking = tall * wide * (UNPACK * channels + 900)
    back = (len(ys) * wide + rows * len(xs)) * (13 if tile == 4 else 4) * operation(outputs)
    products = tall * wide * (inputs * (left * product(outputs) + 20) + 120)
    return convert + after + into + unpacking + back + products
