"""Reads the weights file: 8 bytes of length, a JSON header, and the numbers (https://github.com/huggingface/safetensors)."""

from __future__ import annotations

import json
import math
import mmap
import zlib
from typing import Any, BinaryIO

from interchange_pyscript.program.numbers import InputError, item_size

DTYPES = {
    "BOOL": "bool",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
}


class WeightsFile:
    """The bytes of a weights file: for each tensor its dtype, shape and bytes, and the golden case, if there is one."""

    def __init__(self, data: memoryview, checksum: int, name: str) -> None:
        if zlib.crc32(data) != checksum:
            raise InputError(f"{name} is damaged, or belongs to another model: its checksum is not the expected one")
        try:
            size = int.from_bytes(data[:8], "little")
            header = json.loads(bytes(data[8 : 8 + size]))
            self.tensors: dict[str, tuple[str, list[int], memoryview]] = {}
            self.document = str(header.pop("__metadata__")["interchange"])
            for tensor, entry in header.items():
                begin, end = entry["data_offsets"]
                dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
                content = data[8 + size + begin : 8 + size + end]
                if len(content) != math.prod(shape) * item_size(dtype):
                    raise ValueError(f"{tensor!r} is incomplete")
                self.tensors[tensor] = dtype, shape, content
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{name} cannot be read: {error}") from error

    def golden(self) -> Any:
        """The golden case, or None."""
        return json.loads(self.document)["golden"]

    def nodes(self) -> list[Any]:
        """The nodes of the model."""
        nodes: list[Any] = json.loads(self.document)["graph"]["nodes"]
        return nodes


def mapped(file: BinaryIO) -> memoryview:
    """The bytes of a file, which are read as they are needed."""
    try:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (ValueError, OSError):  # an empty file, or one that cannot be mapped
        return memoryview(file.read())
