"""Graph <-> bytes of a .safetensors file."""

from __future__ import annotations

import json
import mmap
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from interchange.errors import BadInput, Unsupported
from interchange.golden import make_case
from interchange.graph import Array, Graph, dtype_of
from interchange_weights import METADATA_KEY

# What the format calls a type, in the order in which the library has them: tensors of the last come first in a file.
DTYPES: Mapping[str, str] = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fn": "F8_E4M3",
    "int16": "I16",
    "uint16": "U16",
    "float16": "F16",
    "bfloat16": "BF16",
    "int32": "I32",
    "uint32": "U32",
    "float32": "F32",
    "complex64": "C64",
    "float64": "F64",
    "int64": "I64",
    "uint64": "U64",
}


def to_bytes(graph: Graph, *, selftest: bool = True) -> bytes:
    """The file's bytes, always the same for a graph. Raises Unsupported as `write` does."""
    return b"".join(_pieces(graph, selftest))


def write(graph: Graph, file: BinaryIO, *, selftest: bool = True) -> None:
    """Writes the file, tensor after tensor: the library would copy all of them before it begins.

    Raises:
        Unsupported: (IX303) a constant has a type that the format lacks.
    """
    for piece in _pieces(graph, selftest):
        file.write(piece)


def _pieces(graph: Graph, selftest: bool) -> Iterator[bytes | memoryview]:
    """8 bytes of length, the header, the tensors: to the byte what the library writes (safetensors 0.8)."""
    unknown = [f"{n!r} is {a.dtype.name}" for n, a in graph.constants.items() if a.dtype.name not in DTYPES]
    if unknown:
        raise Unsupported("IX303", "A weights file cannot hold these constants.", why=unknown)
    document = {"version": 1, "graph": graph.to_json(), "golden": make_case(graph) if selftest else None}
    entries: dict[str, Any] = {
        "__metadata__": {METADATA_KEY: json.dumps(document, separators=(",", ":"), allow_nan=False)}
    }
    places = {dtype: place for place, dtype in enumerate(DTYPES)}
    order = sorted(graph.constants, key=lambda name: (-places[graph.constants[name].dtype.name], name))
    end = 0
    for name in order:
        array = graph.constants[name]
        begin, end = end, end + array.nbytes
        entries[name] = {"dtype": DTYPES[array.dtype.name], "shape": array.shape, "data_offsets": (begin, end)}
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    yield len(header).to_bytes(8, "little")
    yield header
    for name in order:
        array = np.ascontiguousarray(graph.constants[name])
        little = array.byteswap() if sys.byteorder == "big" else array
        yield little.reshape(-1).view(np.uint8).data


def read(path: Path) -> Graph:
    """The graph in a weights file, whose constants stay in it: they are memory-mapped.

    So the file must not be changed in place as long as the graph is in use; that another takes its name is no harm.

    Raises:
        BadInput: (IX203) the file is damaged; (IX210) the graph in it is not well formed.
        Unsupported: (IX301) an operator is not installed.
    """
    document, constants = _read(path)
    return Graph.from_json(document.get("graph"), constants)


def read_case(path: Path) -> dict[str, Any] | None:
    """The golden case in a weights file, or None. Raises BadInput (IX203) if the file is damaged."""
    case: dict[str, Any] | None = _read(path)[0].get("golden")
    return case


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:  # which checks the whole header
            document = json.loads((file.metadata() or {})[METADATA_KEY])
        constants = _mapped(path)
        if document["version"] != 1:
            raise ValueError(f"version {document['version']!r}; this release reads version 1")
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise BadInput(
            "IX203",
            "This is not a whole weights file.",
            where=str(path),
            why=str(error) or type(error).__name__,
            next_step="Convert the original model again.",
        ) from error
    return document, constants


def _mapped(path: Path) -> dict[str, Array]:
    """The tensors of a file whose header is right, as views of it."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(size))
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    names = {code: name for name, code in DTYPES.items()}
    constants: dict[str, Array] = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        dtype, (begin, end) = dtype_of(names[entry["dtype"]]), entry["data_offsets"]
        count = (end - begin) // dtype.itemsize
        array = np.frombuffer(content, dtype, count, 8 + size + begin) if count else np.empty(0, dtype)
        array = array.byteswap() if sys.byteorder == "big" else array
        constants[name] = np.require(array, requirements="A").reshape(entry["shape"])
    return constants
