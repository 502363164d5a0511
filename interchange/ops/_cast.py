"""Changes of dtype, with what is special about the small floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def cast(x: Array, dtype: np.dtype[Any], saturate: int, round_mode: str) -> Array:
    """`x` as `dtype`; float8 types, which have no infinity or few finite values, clip what is too large for them.

    Numbers become texts with the fewest digits that tell them apart in their own dtype.
    """
    if dtype.kind == "O" and x.dtype.kind != "O":
        return np.array([str(value) for value in x.ravel()], object).reshape(x.shape)
    if dtype.name == "float8_e8m0fnu":
        return power_of_two(x.astype(np.float32), round_mode).astype(dtype)
    if saturate and dtype.name.startswith("float8") and x.dtype.kind in "fV":
        wide = x.astype(np.float32)
        limit = np.float32(largest_float8(dtype))
        return np.clip(wide, -limit, limit).astype(dtype)
    return x.astype(dtype)


def largest_float8(dtype: np.dtype[Any]) -> Any:
    """The largest finite value of a float8 dtype: the largest among all 256."""
    values = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    return values[np.isfinite(values)].max()


def power_of_two(x: Array, round_mode: str) -> Array:
    """x rounded to a power of two from 2^-127 to 2^127, "up", "down" or to the "nearest"."""
    limit = {"up": 0.5, "nearest": np.nextafter(0.75, 0), "down": 1.0}[round_mode]
    mantissa, exponent = np.frexp(x)  # x = mantissa * 2^exponent, the mantissa from 0.5 to 1
    exponent = np.where(x == 0, -127, np.clip(exponent - (mantissa <= limit), -127, 127))
    return np.where(np.isnan(x), x, np.ldexp(np.float32(1), exponent))
