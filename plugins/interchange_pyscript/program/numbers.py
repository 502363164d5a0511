"""Numbers <-> little-endian bytes, and errors that are the user's."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import Any

# Type codes of the modules `struct` and `array` that have the same size on every machine.
CODES = {
    "float32": "f",
    "float64": "d",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
}


# The module `array`, whose import takes as long as a small network, is left to more numbers than that.
FEW_NUMBERS = 1 << 16


class InputError(ValueError):
    """A file or an argument that cannot be used as it is."""


def stored_as(dtype: str) -> str:
    """The type that an array file has for a type: one that NumPy lacks is stored as the next larger one."""
    if dtype.startswith(("bfloat", "float8", "float4")):
        return "float32"
    return {"int2": "int8", "int4": "int8", "uint2": "uint8", "uint4": "uint8"}.get(dtype, dtype)


def item_size(dtype: str) -> int:
    """The bytes that a number takes: its bits are told after the letters of its type, as in "float8_e5m2"."""
    return 1 if dtype == "bool" else int(dtype.lstrip("abfilnotu").partition("_")[0]) // 8


def numbers_of(data: bytes | memoryview, dtype: str) -> Sequence[float]:
    """The numbers that bytes stand for; of a float of 8 bits its code."""
    if dtype == "bool":
        return [byte != 0 for byte in data]
    if dtype == "float16":
        return struct.unpack(f"<{len(data) // 2}e", data)
    if dtype == "bfloat16":  # the upper half of a float32
        data = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
        dtype = "float32"
    code = "B" if dtype.startswith("float8") else CODES[dtype]
    count = len(data) // struct.calcsize(f"<{code}")
    if count <= FEW_NUMBERS:
        return struct.unpack(f"<{count}{code}", data)
    from array import array

    values = array(code)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def bytes_of(values: Sequence[float], dtype: str) -> bytes:
    """The numbers as bytes; integers wrap around, floats are rounded."""
    if dtype == "bool":
        return bytes([bool(value) for value in values])
    if dtype == "float16":
        return b"".join(map(half, values))
    if not dtype.startswith("float"):
        mask, code = (1 << (8 * item_size(dtype))) - 1, CODES["u" + dtype.lstrip("u")]
        return struct.pack(f"<{len(values)}{code}", *[int(value) & mask for value in values])
    try:
        return struct.pack(f"<{len(values)}{CODES[dtype]}", *values)
    except (OverflowError, struct.error):  # too large for float32, an infinity then; or an integer too large for any
        from array import array

        packed = array(CODES[dtype], values)
        if sys.byteorder == "big":
            packed.byteswap()
        return packed.tobytes()


def half(value: float) -> bytes:
    """A float16; too large a number becomes an infinity."""
    try:
        return struct.pack("<e", value)
    except OverflowError:
        return struct.pack("<e", float("inf") if value > 0 else float("-inf"))


def rounded(values: Sequence[float], dtype: str) -> list[float]:
    """The numbers as they are in a type of that width."""
    if dtype == "bfloat16":  # round half to even in the upper half of a float32; NaN keeps a bit below
        words: list[Any] = list(numbers_of(bytes_of(values, "float32"), "uint32"))
        kept = [(w + 0x7FFF + (w >> 16 & 1)) >> 16 if w & 0x7FFFFFFF <= 0x7F800000 else w >> 16 | 64 for w in words]
        return list(numbers_of(bytes_of(kept, "uint16"), dtype))
    return list(numbers_of(bytes_of(values, dtype), dtype))
