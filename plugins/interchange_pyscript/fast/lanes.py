"""Many whole numbers in one: "lanes", 64 bits apart in a Python integer, so that one operation works on all of them.

A packed integer is the sum of lane << 64 * i. Lanes may be negative. Sums and products with a number are exact whatever
happens between; where lanes are looked at, each must be below 2**62, which the exporter has proved.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, Union

from interchange_pyscript.kernels.tensor import Tensor, prepared, transposed
from interchange_pyscript.program.numbers import bytes_of
from interchange_pyscript.program.weights import StoredTensor

ROUND = 1.5 * 2.0**52  # added to a float, it leaves the nearest integer in the low bits
ANY = 400  # a limit for exponents that sets none
# Of the numbers that are not 0, one of 8 may have 15 bits or fewer, and one of 64 may have 11. More of them are a
# part of the sample by itself, which may matter when the large numbers have been cut off or averaged away.
FEW = {15: 8, 11: 64}
# An error of this part of the largest number is too much; one of a quarter of it is carried into the next layer.
DOUBTFUL = 2.0**-20


class Lanes:
    """One sample, channels last, as whole numbers in packed integers; value = number / 2**exponent.

    Pixels (`phases` 0): an integer for each pixel, row by row, with a lane for each channel.
    Planes: for each channel phases * phases integers. That of the phase (i, j) has a lane for every pixel whose row
    is i and whose column is j, modulo `phases`; `pitch` lanes are a row. Lanes beyond the edge hold anything.

    No number is beyond 2**size. `positive` tells that none is below 0. `error` is how far off the values usually are at
    most, by the rounding of the layer that made them; `exact` makes them anew with the plain functions. `doubt` is by
    how much what settled numbers bring along exceeds their own rounding.
    """

    __slots__ = ("count", "doubt", "error", "exact", "exponent", "ints", "phases", "pitch", "positive", "shape", "size")

    exact: Callable[[], Sequence[float]]

    def __init__(
        self,
        ints: list[int],
        count: int,
        shape: tuple[int, ...],
        exponent: int,
        size: int,
        positive: bool = False,
        phases: int = 0,
        pitch: int = 0,
        error: float | None = None,
    ) -> None:
        self.ints, self.count, self.shape, self.exponent, self.size = ints, count, shape, exponent, size
        self.positive, self.phases, self.pitch, self.error, self.doubt = positive, phases, pitch, error, 1.0

    def having(self, ints: list[int], exponent: int, size: int, positive: bool) -> Lanes:
        """The same form with other numbers."""
        made = Lanes(ints, self.count, self.shape, exponent, size, positive, self.phases, self.pitch, self.error)
        made.doubt = self.doubt
        return made

    def error_of(self, noise: int, exponent: int) -> float:
        """The error of what a layer makes of these numbers, whose own rounding costs it 2**noise of its units."""
        return math.ldexp(self.doubt, noise - exponent)


Sample = Union[Lanes, Tensor]


class Packed(Tensor):
    """A tensor whose samples, (height, width, channels), are lanes where these can hold them.

    It makes its floats when it is asked for them.
    """

    __slots__ = ("layout", "samples")

    def __init__(self, samples: Sequence[Sample], rank: int, layout: str = "NHWC") -> None:
        height, width, channels = samples[0].shape if samples else (0, 0, 0)
        shapes = {2: (channels,), 3: (width, channels), 4: (height, width, channels)}
        self.samples, self.layout, self.memo = samples, layout, {}
        self.shape = (len(samples), *((channels, height, width) if rank == 4 and layout == "NCHW" else shapes[rank]))

    def __getattr__(self, name: str) -> Any:
        if name != "values":
            raise AttributeError(name)
        self.values = [value for sample in self.samples for value in floats(sample)]
        if self.layout == "NCHW" and len(self.shape) == 4:
            batch, channels, height, width = self.shape
            self.values = transposed(Tensor(self.values, (batch, height, width, channels)), (0, 3, 1, 2)).values
        return self.values


def in_samples(x: Tensor, layout: str) -> Sequence[Sample]:
    """The samples of a batch, channels last."""
    if isinstance(x, Packed) and (x.layout == layout or len(x.shape) != 4):
        return x.samples
    if layout == "NCHW" and len(x.shape) == 4:
        x = transposed(x, (0, 2, 3, 1))
    shape = (1,) * (4 - len(x.shape)) + x.shape[1:]
    size = math.prod(shape)
    return [Tensor(x.values[i * size : (i + 1) * size], shape) for i in range(x.shape[0])]


def each(
    x: Tensor,
    layout: str,
    in_lanes: Callable[[Sample], Sample | None],
    in_floats: Callable[[Tensor], Tensor],
) -> Packed:
    """A layer, sample by sample: `in_lanes`, and where that gives None `in_floats`, channels last, a batch of one."""
    samples: list[Sample] = []
    for sample in in_samples(x, layout):
        made = in_lanes(sample)
        if isinstance(made, Lanes):
            if made.error is None:
                made.error = sample.error if isinstance(sample, Lanes) else 0.0
            made.exact = recomputed(in_floats, sample)
        elif made is None:
            y = in_floats(Tensor(sample.exact() if isinstance(sample, Lanes) else sample.values, (1, *sample.shape)))
            made = Tensor(y.values, (1,) * (4 - len(y.shape)) + y.shape[1:])
        samples.append(made)
    return Packed(samples, len(x.shape), layout)


def recomputed(in_floats: Callable[..., Tensor], *inputs: Sample) -> Callable[[], Sequence[float]]:
    """A function for the values of a layer from those of its inputs, at most once; it does not keep their lanes."""
    sources = [(sample.exact if isinstance(sample, Lanes) else sample.values, (1, *sample.shape)) for sample in inputs]

    made: list[Sequence[float]] = []

    def exact() -> Sequence[float]:
        if not made:
            given = [Tensor(source() if callable(source) else source, shape) for source, shape in sources]
            made.append(in_floats(*given).values)
        return made[0]

    return exact


def is_doubtful(sample: Lanes, largest: float) -> bool:
    """Whether a layer was off by too much of the largest number left: what it had larger ones for has been cut off."""
    return bool(sample.error) and not math.ldexp(largest, -sample.exponent) * DOUBTFUL >= (sample.error or 0.0)


# --- packing ----------------------------------------------------------------------------------------------------------


class Filled(dict[tuple[int, int], int]):
    """For each (count, value) so many lanes that all are that value; made once."""

    def __missing__(self, key: tuple[int, int]) -> int:
        count, value = key
        self[key] = made = int.from_bytes(value.to_bytes(8, "little") * count, "little")
        return made


FILLED = Filled()


def fill(count: int, value: int) -> int:
    """`count` lanes that all are `value`, which is not negative."""
    return FILLED[count, value]


def pack(values: Sequence[float], exponent: int) -> int:
    """The nearest integers to value * 2**exponent, packed."""
    scale = 2.0**exponent
    bits = struct.pack(f"<{len(values)}d", *[value * scale + ROUND for value in values])
    return int.from_bytes(bits, "little") - fill(len(values), 0x4338 << 48)  # the bits of ROUND as a float64


def packed(numbers: bytes, positive: bool = False) -> int:
    """Numbers of 8 bytes, the lowest first, as lanes; `positive` if none is below 0."""
    whole = int.from_bytes(numbers, "little")
    signs = 0 if positive else fill(len(numbers) // 8, 1 << 63)
    return (whole ^ signs) - signs if signs else whole  # turning the top bit adds 2**63, with a sign


def lane_bytes(ints: Iterable[int], count: int) -> list[bytes]:
    """The lanes of packed integers as numbers of 8 bytes."""
    signs, size = fill(count, 1 << 63), 8 * count
    return [((p + signs) ^ signs).to_bytes(size, "little") for p in ints]


def numbers_in(ints: Iterable[int], count: int) -> list[tuple[int, ...]]:
    """The lanes of packed integers."""
    unpack = struct.Struct(f"<{count}q").unpack
    return [unpack(data) for data in lane_bytes(ints, count)]


def lanes_of(numbers: Tensor) -> list[int]:
    """The rows of a matrix of the weights file as packed integers; they are stored as the bytes of these."""
    return prepared(numbers, "lanes", lambda: rows_in(numbers, range(numbers.shape[0])))


def lanes_for(factors: Sequence[int], numbers: Tensor) -> list[int]:
    """The same for a product with these factors: rows that are multiplied with 0 stay 0 until they are needed."""
    rows = prepared(numbers, "some lanes", lambda: [0] * numbers.shape[0])
    if 0 in compress(rows, factors):
        missing = [i for i, (row, factor) in enumerate(zip(rows, factors)) if factor and not row]
        for i, row in zip(missing, rows_in(numbers, missing)):
            rows[i] = row
    return rows


def rows_in(numbers: Tensor, which: Iterable[int]) -> list[int]:
    """Some rows of such a matrix."""
    data = numbers.data if isinstance(numbers, StoredTensor) else memoryview(bytes_of(numbers.values, "int64"))
    size = 8 * numbers.shape[1]
    return [int.from_bytes(data[i * size : (i + 1) * size], "little", signed=True) for i in which]


# --- arithmetic, on many packed integers in one call ------------------------------------------------------------------


def relu(ints: Iterable[int], count: int) -> list[int]:
    """max(lane, 0) of every lane: the top bit of lane + 2**63 tells which are not negative."""
    signs, made = fill(count, 1 << 63), []
    for p in ints:
        p += signs
        positive = p & signs
        made.append(p & (positive - (positive >> 63)))
    return made


def larger(ints: Iterable[int], others: Iterable[int], count: int) -> list[int]:
    """The larger of each pair of lanes."""
    signs, made = fill(count, 1 << 63), []
    for p, q in zip(ints, others):
        more = p - q + signs
        positive = more & signs
        made.append(q + (more & (positive - (positive >> 63))))
    return made


def divided(ints: Sequence[int], bits: int, count: int) -> list[int]:
    """Every lane / 2**bits, rounded."""
    if bits <= 0:
        return [p << -bits for p in ints] if bits else list(ints)
    if bits > 62:
        return [0] * len(ints)
    above = fill(count, (1 << 63) + (1 << (bits - 1)))  # 1 << 63 makes all lanes positive
    mask, below = fill(count, (1 << (64 - bits)) - 1), fill(count, 1 << (63 - bits))
    return [((p + above) >> bits & mask) - below for p in ints]


def dropped(packed: int, lanes: int) -> int:
    """Without the first lanes; half a lane is added, so that these, if negative, take nothing from the next."""
    return (packed + (1 << (64 * lanes - 1))) >> (64 * lanes) if lanes else packed


def first_of(ints: Iterable[int], lanes: int) -> list[int]:
    """The first lanes only; half a lane more makes their sum positive while it is cut off."""
    half, mask = 1 << (64 * lanes - 1), (1 << (64 * lanes)) - 1
    return [((p + half) & mask) - half for p in ints]


# --- scaling ----------------------------------------------------------------------------------------------------------


def settled(sample: Lanes, bits: int, limit: int, even: bool) -> Lanes | None:
    """The sample with an exponent of at most `limit` with which no number has more than `bits` bits.

    None if many small numbers would lose digits that matter. Where the limit, which a bias sets, takes the bits away,
    they do not matter beside the biases if all of these are of about one size, `even`.
    """
    ints, count = sample.ints, sample.count
    if sample.size == bits and sample.exponent <= limit:
        return sample
    sizes = ints if sample.positive else sizes_of(ints, count)
    together = 0
    for p in sizes:
        together |= p
    largest = max(numbers_in([together], count)[0])  # or a little more: the bits of all together
    if is_doubtful(sample, largest):
        return None
    if not largest:
        return sample.having(ints, limit, bits, True)
    wanted = largest.bit_length() - bits
    drop = max(wanted, sample.exponent - limit)
    ints = divided(ints, drop, count)
    if (drop == wanted or not even) and has_many_small(sizes, count, drop):
        return None
    made = sample.having(ints, sample.exponent - drop, bits, sample.positive)
    made.doubt = max(1.0, math.ldexp(sample.error or 0.0, sample.exponent) / largest / DOUBTFUL * 4)
    return made


def sizes_of(ints: Sequence[int], count: int) -> list[int]:
    """The absolute values of lanes: twice what is not negative, less all."""
    return [(positive << 1) - p for positive, p in zip(relu(ints, count), ints)]


def has_many_small(sizes: Sequence[int], count: int, drop: int) -> bool:
    """Whether too many of the lanes that are not 0 have few bits once `drop` of them are taken away; see `FEW`."""
    signs = fill(count, 1 << 63)
    ones_in = getattr(int, "bit_count", lambda number: bin(number).count("1"))  # bit_count: from Python 3.10 on

    def at_least(least: int) -> int:
        complement = fill(count, (1 << 63) - least)
        return sum([ones_in((p + complement) & signs) for p in sizes])

    some = at_least(1)
    for bits, share in FEW.items():
        small = some - at_least(1 << min(max(bits + drop, 0), 62))
        if small * share > some:
            return True
        if small * max(FEW.values()) <= some:  # nor are there too many of still smaller ones
            return False
    return False


def scaled(x: Tensor, bits: int, limit: int, even: bool) -> Lanes | None:
    """As `settled`, for floats: all in one packed integer. None also for infinities and NaN."""
    least, count = min(x.values), len(x.values)
    largest = max(max(x.values), -least)
    if not math.isfinite(sum(x.values)):  # also of sums that only become too large
        return None
    if not largest:
        return Lanes([0], count, x.shape, limit, bits, True)
    exponent = min(bits - math.frexp(largest)[1], ANY)
    drop, whole = max(exponent - limit, 0), pack(x.values, exponent)
    sizes = [whole] if least >= 0 else sizes_of([whole], count)
    if (not drop or not even) and has_many_small(sizes, count, drop):
        return None
    return Lanes(divided([whole], drop, count), count, x.shape, exponent - drop, bits, least >= 0)


# --- between lanes and floats -----------------------------------------------------------------------------------------


def floats(sample: Lanes | Tensor) -> Sequence[float]:
    """The numbers of a sample, channels last."""
    if isinstance(sample, Tensor):
        return sample.values
    exponent, numbers = -sample.exponent, list(numbers_in_order(sample))
    if sample.error and is_doubtful(sample, max(max(numbers), -min(numbers))):
        return sample.exact()
    if -1000 < exponent < 900:
        unit = 2.0**exponent
        return [number * unit for number in numbers]
    return [math.ldexp(number, exponent) for number in numbers]


def numbers_in_order(sample: Lanes) -> Sequence[int]:
    """The whole numbers of a sample, row by row, pixel by pixel."""
    return struct.unpack(f"<{math.prod(sample.shape)}q", bytes_in_order(sample))


def bytes_in_order(sample: Lanes) -> bytes:
    """The same as numbers of 8 bytes."""
    if not sample.phases:
        return b"".join(lane_bytes(sample.ints, sample.count))
    return b"".join(pixel_bytes(sample))


def pixel_bytes(sample: Lanes) -> list[bytes]:
    """The channels of every pixel of a sample of planes as numbers of 8 bytes, without what is beyond the edge."""
    (height, width, _), phases, count = sample.shape, sample.phases, sample.count
    made = [b""] * (height * width)
    for phase in range(phases * phases):
        i, j = divmod(phase, phases)
        numbers = memoryview(b"".join(lane_bytes(sample.ints[phase :: phases * phases], count))).cast("q")
        for start, y in zip(range(0, count, sample.pitch), range(i, height, phases)):
            places = range(start, start + len(range(j, width, phases)))
            made[y * width + j : (y + 1) * width : phases] = [numbers[k::count].tobytes() for k in places]
    return made


def as_planes(x: Lanes, phases: int, pads: Sequence[int] = (0, 0, 0, 0)) -> Lanes:
    """A sample in any form as planes with rows and columns of zeros around: `pads` above, left, below, right.

    Negative ones take rows below and columns to the right away.
    """
    (height, width, channels), (top, left, bottom, right) = x.shape, pads
    side, pitch = (x.phases, x.pitch) if x.phases and phases % x.phases == 0 else (1, width)
    height, bottom, width, right = height + min(bottom, 0), max(bottom, 0), width + min(right, 0), max(right, 0)
    parts: Iterator[bytes]
    if x.phases == side:
        parts = (part for k in range(side * side) for part in lane_bytes(x.ints[k :: side * side], x.count))
    else:
        numbers = memoryview(bytes_in_order(x)).cast("q")
        parts = (numbers[c::channels].tobytes() for c in range(channels))
    # Each of side * side phases, whose bytes `parts` are, channel after channel, becomes share * share.
    tall, wide, share = height + top + bottom, width + left + right, phases // side
    lines, across = -(-tall // phases), -(-wide // phases)
    empty, size, ints = bytes(8 * across * share), 8 * lines * across, [0] * (channels * phases * phases)
    for k, of_channels in enumerate(zip(*[parts] * channels)):
        i, j = divmod(k, side)
        high, broad = len(range(i, height, side)), len(range(j, width, side))
        (above, row), (before, column) = divmod(i + top, side), divmod(j + left, side)
        head, tail, step = empty[: 8 * before], empty[8 * (before + broad) :], 8 * pitch
        rows, below = [], [empty] * (lines * share - above - high)
        for part in of_channels:
            rows += [empty] * above
            rows += [head + part[start : start + 8 * broad] + tail for start in range(0, high * step, step)]
            rows += below
        for m in range(share):
            whole = memoryview(b"".join(rows[m::share])).cast("q")
            for n in range(share):
                data, place = whole[n::share].tobytes(), (row + side * m) * phases + column + side * n
                made = [packed(data[start : start + size], x.positive) for start in range(0, len(data), size)]
                ints[place :: phases * phases] = made
    y = Lanes(ints, lines * across, (tall, wide, channels), x.exponent, x.size, x.positive, phases, across, x.error)
    y.doubt = x.doubt
    return y
