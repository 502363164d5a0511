"""Which exponents a layer may have: the proof that no lane overflows, whatever the input.

A layer takes numbers of at most 2**bits and gives sums of at most ROOM together with its bias, which is what
relu, maximum and unpacking ask of a lane. Sums on the way may be as large as they like: a packed integer is
exact, and only the value of a lane that is looked at has to fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from interchange.graph import Array

ROOM = 2.0**61
DIGIT = 30  # bits of a digit of Python's integers: with a smaller number, a product is a single pass
NO_LIMIT = 400
SIMILAR = 64.0  # so many times the size of three quarters of the biases the largest may have

# The matrices of F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3): kernel, inputs, outputs (Lavin and Gray, 2015).
KERNEL = {
    2: np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
    4: np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
}
# By the outputs of a whole tile and of this one; `winograd.py` says how shorter tiles share its kernel.
INPUT = {
    (2, 2): np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    (4, 4): np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    ),
    (4, 3): np.array([[4, -2, -4, 2, 0], [0, -6, -3, 3, 0], [0, 2, -3, 1, 0], [0, -4, 0, 4, 0], [0, 2, -1, -2, 1]]),
    (4, 2): np.array([[4, 0, -4, 0], [0, -3, -3, 0], [0, 3, -3, 0], [0, -1, 0, 1]]),
    (4, 1): np.array([[4, -4, 0], [0, -6, 0], [0, -1, 1]]),
}
OUTPUT = {
    (2, 2): np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    (4, 4): np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
    (4, 3): np.array([[1, 1, 1, 1, 0], [0, 1, -1, 2, 0], [0, 1, 1, 4, 1]]),
    (4, 2): np.array([[1, 1, 1, 0], [0, 1, -1, 1]]),
    (4, 1): np.array([[1, 1, 1]]),
}


@dataclass(frozen=True)
class Scale:
    """The constants of a layer: bits of its inputs, exponents of its weights, the largest exponent of its inputs.

    2**noise is how many of its units rounding of inputs and weights usually costs an output at most.
    """

    bits: int
    exponent: int
    limit: int
    even: bool
    noise: int = 0


def gain(kernel: Array, positive: bool) -> float:
    """The largest |output| for inputs of at most 1: for each output the sum of |w|, or of those of one sign."""
    rows = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])
    if not positive:
        return float(np.abs(rows).sum(0).max())
    return float(max(np.maximum(rows, 0).sum(0).max(), -np.minimum(rows, 0).sum(0).min()))


def transformed(kernel: Array, tile: int) -> Array:
    """The kernel (3, 3, in, out) as it is multiplied with transformed inputs: (places, in, out), in float64."""
    g = KERNEL[tile]
    u = np.einsum("pi,qj,ijco->pqco", g, g, np.asarray(kernel, np.float64))
    places: Array = u.reshape(-1, *kernel.shape[2:])
    return places


def rounding_gain(tile: int) -> float:
    """What rounding the transformed kernel can add to an output, for each channel, in units, with inputs of 1.

    Each of its numbers is off by half a unit at most; that is multiplied with a transformed input and goes into outputs
    with the weights of their transform.
    """
    along = [np.abs(OUTPUT[key]) @ np.abs(INPUT[key]).sum(1) for key in INPUT if key[0] == tile]
    return float(0.5 * max(row.max() for row in along) ** 2)


def noise_gain(tile: int) -> float:
    """How much rounding the transformed kernel disturbs outputs, against rounding the kernel itself; in the mean."""
    along = np.square(OUTPUT[tile, tile]) @ np.square(INPUT[tile, tile]).sum(1)
    return float(along.mean() / 3)


def scale_for(
    kernel: Array,
    bias: Array | None,
    *,
    bits: int,
    positive: bool,
    weights: Array,
    rounding: float,
    most_exponent: int,
) -> Scale | None:
    """The constants with which a layer fits its lanes; None if there are none.

    Args:
        kernel: the weights as the layer means them, (..., out).
        bits: of the inputs.
        positive: whether no input is negative.
        weights: the numbers that are rounded and stored, transformed or not.
        rounding: what their rounding can add to an output, in their units and for inputs of 1.
        most_exponent: of the weights.
    """
    reach, largest = gain(kernel, positive), float(np.abs(weights).max(initial=0.0))
    if not 0 < reach < math.inf or largest < 1e-30 or largest > 1e30:
        return None
    # ROOM / 2 for the sum and as much for the bias: (reach * 2**exponent + rounding) * 2**bits <= ROOM / 2.
    rest = ROOM / 2 / 2.0**bits - rounding
    if rest <= 0:
        return None
    exponent = min(math.floor(math.log2(rest / reach) - 1e-9), most_exponent)
    return Scale(bits, exponent, *bias_limit(bias, exponent))


def bias_limit(bias: Array | None, exponent: int) -> tuple[int, bool]:
    """The largest exponent of inputs with which the bias has at most ROOM / 2, and whether all have similar sizes."""
    sizes = np.abs(np.asarray([] if bias is None else bias, np.float64)).ravel()
    largest = float(sizes.max(initial=0.0))
    if not largest:
        return NO_LIMIT, True
    limit = min(math.floor(math.log2(ROOM / 2 / largest) - 1e-9) - exponent, NO_LIMIT)
    return limit, bool(largest <= SIMILAR * np.quantile(sizes, 0.25))


def gate_exponents(w: Array, r: Array, b: Array | None) -> tuple[int, int] | None:
    """Exponents for the weights (directions, gates, numbers) of inputs and of states, both of at most 28 bits.

    Either sum has at most ROOM / 4, and the biases together ROOM / 4 in the finer unit that a sum may have.
    """
    exponents = []
    for weights in (w, r):
        sizes = np.abs(np.asarray(weights, np.float64)).sum(2)
        reach, count = float(sizes.max(initial=0.0)), weights.shape[2]
        if not 1e-6 < reach < 1e6:
            return None
        exponents.append(math.floor(math.log2((ROOM / 4 / 2.0**28 - 0.5 * count) / reach) - 1e-9))
    most = float(np.abs(np.asarray([0.0] if b is None else b, np.float64)).max(initial=0.0))
    if not most * 2.0 ** (28 + exponents[1]) <= ROOM / 8:
        return None
    return exponents[0], exponents[1]


def whole(weights: Array, exponent: int) -> Array:
    """The nearest integers to weights * 2**exponent."""
    return np.rint(np.ldexp(np.asarray(weights, np.float64), exponent)).astype(np.int64)


def packed_rows(numbers: Array) -> Array:
    """A matrix of integers as the weights file holds packed rows: the bytes of the sum of lane << 64 * i."""
    rows, count = numbers.shape
    signs = int.from_bytes(b"\0\0\0\0\0\0\0\x80" * count, "little")
    data = bytearray()
    for row in numbers:
        lanes = (row.astype("<i8").view("<u8") ^ np.uint64(1 << 63)).tobytes()
        data += (int.from_bytes(lanes, "little") - signs).to_bytes(8 * count, "little", signed=True)
    return np.frombuffer(bytes(data), "<i8").astype(np.int64).reshape(rows, count)
