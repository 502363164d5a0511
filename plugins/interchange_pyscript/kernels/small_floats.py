"""Floats of 8 and 4 bits, which are kept as the Python floats that they stand for."""

from __future__ import annotations

import math

# name -> bits, bits of the fraction, exponent of the smallest normal number, largest number, what is beyond it
FORMATS = {
    "float8_e4m3fn": (8, 3, -6, 448.0, math.nan),
    "float8_e4m3fnuz": (8, 3, -7, 240.0, math.nan),
    "float8_e5m2": (8, 2, -14, 57344.0, math.inf),
    "float8_e5m2fnuz": (8, 2, -15, 57344.0, math.nan),
    "float4_e2m1fn": (4, 1, 0, 6.0, 6.0),
}


def narrowed(value: float, to: str, saturate: int = 1, round_mode: str = "up") -> float:
    """The number of a small type that is nearest to a value, of two the even one.

    What is too large becomes the largest number with `saturate`, else what the type has beyond it. float8_e8m0fnu has
    powers of two alone; for it, `round_mode` is "up", "down" or "nearest".
    """
    if to == "float8_e8m0fnu":
        return power_of_two(value, round_mode)
    _, fraction, lowest, largest, beyond = FORMATS[to]
    if math.isnan(value):
        return value
    if math.isfinite(value):
        step = 2.0 ** (max(math.frexp(value)[1] - 1, lowest) - fraction)
        value = math.copysign(round(value / step) * step, value)
    if abs(value) > largest:
        value = math.copysign(largest if saturate else beyond, value)
    return abs(value) if value == 0 and to.endswith("fnuz") else value  # which has no negative zero


def power_of_two(value: float, round_mode: str) -> float:
    """A value as a power of two from 2^-127 to 2^127."""
    if math.isnan(value) or value == 0:
        return value or 2.0**-127
    if math.isinf(value):
        return 2.0**127
    fraction, exponent = math.frexp(value)  # the fraction is from 0.5 to 1
    down = {"up": fraction <= 0.5, "nearest": fraction < 0.75, "down": True}[round_mode]
    return 2.0 ** min(max(exponent - down, -127), 127)


def from_code(code: int, kind: str) -> float:
    """The number that the bits of a small type stand for."""
    if kind == "float8_e8m0fnu":
        return math.nan if code == 255 else 2.0 ** (code - 127)
    bits, fraction, lowest, largest, beyond = FORMATS[kind]
    sign, rest = code >> (bits - 1), code & ((1 << (bits - 1)) - 1)
    if sign and not rest and kind.endswith("fnuz"):
        return math.nan
    exponent, part = rest >> fraction, rest & ((1 << fraction) - 1)
    if exponent:
        value = (1 + part / (1 << fraction)) * 2.0 ** (exponent - 1 + lowest)
    else:
        value = part * 2.0 ** (lowest - fraction)
    if value > largest:
        value = math.nan if part else beyond
    return -value if sign else value


def to_code(value: float, kind: str) -> int:
    """The bits of a number that a small type has."""
    codes = range(16 if kind.startswith("float4") else 256)
    if math.isnan(value):
        return next(code for code in codes if math.isnan(from_code(code, kind)))
    same = [code for code in codes if from_code(code, kind) == value]
    return same[-1] if math.copysign(1.0, value) < 0 else same[0]
