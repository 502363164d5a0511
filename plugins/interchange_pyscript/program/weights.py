"""Reads the weights file: 8 bytes of length, a JSON header, and the numbers (https://github.com/huggingface/safetensors)."""

from __future__ import annotations

import math
import mmap
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.numbers import InputError, item_size, numbers_of

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
    """The bytes of a weights file.

    Its header is {"__metadata__":{...},"name":{"dtype":"F32","shape":[3,5],"data_offsets":[0,60]},...}. Names are
    looked for in its text, because Python's module json takes longer to import than a small network to compute.
    """

    def __init__(self, data: memoryview, checksum: int, name: str) -> None:
        if zlib.crc32(data) != checksum:
            raise InputError(f"{name} is damaged, or belongs to another model: its checksum is not the expected one")
        self.name, self.data = name, data
        self.start = 8 + int.from_bytes(data[:8], "little")
        self.header = bytes(data[8 : self.start])

    def tensor(self, name: str) -> tuple[str, list[int], memoryview]:
        """The dtype, shape and bytes of a tensor."""
        key = f',{quoted(name)}:{{"dtype":'.encode()
        place = self.header.find(key)
        if place < 0:
            raise InputError(f"{self.name} has no {name!r}")
        start = place + len(key)
        end = self.header.index(b"}", start)
        entry = self.header[start:end].decode()  # "F32","shape":[3,5],"data_offsets":[0,60]
        dtype = DTYPES[entry.split('"')[1]]
        shape, (begin, end) = (
            [int(size) for size in part.split("]")[0].split(",") if size] for part in entry.split("[")[1:]
        )
        content = self.data[self.start + begin : self.start + end]
        if len(content) != math.prod(shape) * item_size(dtype):
            raise InputError(f"{self.name} cannot be read: {name!r} is incomplete")
        return dtype, shape, content

    def document(self) -> Any:
        """The model as a graph, and the golden case."""
        import json

        return json.loads(json.loads(self.header)["__metadata__"]["interchange"])

    def golden(self) -> Any:
        """The golden case, or None."""
        return self.document()["golden"]

    def nodes(self) -> list[Any]:
        """The nodes of the model."""
        nodes: list[Any] = self.document()["graph"]["nodes"]
        return nodes


def quoted(name: str) -> str:
    """A name as JSON has it."""
    if name.isprintable() and '"' not in name and "\\" not in name:
        return f'"{name}"'
    import json

    return json.dumps(name, ensure_ascii=False)


class StoredTensor(Tensor):
    """A tensor of the weights file, whose numbers are read when they are first asked for; `data` are their bytes."""

    __slots__ = ("data", "dtype")

    def __init__(self, dtype: str, shape: Sequence[int], data: memoryview) -> None:
        self.dtype, self.shape, self.data, self.memo = dtype, tuple(shape), data, {}

    def __getattr__(self, name: str) -> Any:
        if name != "values":
            raise AttributeError(name)
        self.values = numbers_of(self.data, self.dtype)
        return self.values


def mapped(file: BinaryIO) -> memoryview:
    """The bytes of a file, which are read as they are needed."""
    try:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (ValueError, OSError):  # an empty file, or one that cannot be mapped
        return memoryview(file.read())
