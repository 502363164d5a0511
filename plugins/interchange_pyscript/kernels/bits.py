"""The bits of numbers."""

from __future__ import annotations

import struct

from interchange_pyscript.kernels.small_floats import FORMATS, from_code, to_code
from interchange_pyscript.kernels.tensor import Tensor

# The letters of the module struct; a bfloat16 is the upper half of a float32.
LETTERS = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}


def bits_of(value: float, dtype: str) -> bytes:
    """A number as bytes."""
    if dtype in FORMATS:
        return bytes([to_code(value, dtype)])
    if dtype == "bfloat16":
        return struct.pack("<f", value)[2:]
    return struct.pack(f"<{LETTERS[dtype]}", value)


def number_of(data: bytes, dtype: str) -> float:
    """The number that bytes stand for."""
    if dtype in FORMATS:
        return from_code(data[0], dtype)
    if dtype == "bfloat16":
        dtype, data = "float32", b"\0\0" + data
    value: float = struct.unpack(f"<{LETTERS[dtype]}", data)[0]
    return value


def BitCast(x: Tensor, *, to: str, input_dtype: str) -> Tensor:
    """The bits of x, whose type is `input_dtype`, read as another type of the same size."""
    return Tensor([number_of(bits_of(value, input_dtype), to) for value in x.values], x.shape)
