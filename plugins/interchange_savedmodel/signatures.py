"""What a saved_model.pb says about its signatures, read without TensorFlow (saved_model.proto, meta_graph.proto)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from interchange.errors import BadInput
from interchange.graph import Dimension, TensorSpec
from interchange_savedmodel import FILE_NAME

Fields = Mapping[int, list[bytes | int]]

# DataType of types.proto
DTYPES: Mapping[int, str] = MappingProxyType(
    {
        1: "float32",
        2: "float64",
        3: "int32",
        4: "uint8",
        5: "int16",
        6: "int8",
        7: "object",
        9: "int64",
        10: "bool",
        14: "bfloat16",
        17: "uint16",
        19: "float16",
        22: "uint32",
        23: "uint64",
    }
)
INTERNAL = "__saved_model"  # prefix of signatures that are not for callers


@dataclass(frozen=True, slots=True)
class Tensor:
    """The tensor of TensorFlow's graph ("serving_default_x:0") behind an input or output of a signature."""

    tensor: str
    spec: TensorSpec | None  # None: of unknown rank, or no tensor


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class MetaGraph:
    """One part of a SavedModel."""

    tags: tuple[str, ...]
    tensorflow: str
    signatures: Mapping[str, Signature]


def read(folder: Path) -> list[MetaGraph]:
    """The parts of a SavedModel.

    Raises:
        BadInput: (IX101) it cannot be read; (IX203) it is damaged.
    """
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput("IX101", "The path cannot be read.", where=str(path), why=error.strerror or "") from error
    try:
        return [_meta_graph(item) for item in _messages(fields(data), 2)]
    except (ValueError, IndexError, TypeError) as error:
        raise BadInput("IX203", "This is not a whole SavedModel.", where=str(path), why=str(error)) from error


def _meta_graph(data: bytes) -> MetaGraph:
    parts = fields(data)
    info = fields(b"".join(_messages(parts, 1)))
    signatures = {_key(entry): _signature(_entry(entry)) for entry in _messages(parts, 5)}
    return MetaGraph(
        tags=tuple(_text(tag) for tag in _messages(info, 4)),
        tensorflow="".join(_text(version) for version in _messages(info, 5)),
        signatures={name: signatures[name] for name in sorted(signatures) if not name.startswith(INTERNAL)},
    )


def _signature(data: bytes) -> Signature:
    parts = fields(data)
    sides = ({_key(entry): _tensor(_entry(entry)) for entry in _messages(parts, number)} for number in (1, 2))
    inputs, outputs = ({name: side[name] for name in sorted(side)} for side in sides)
    return Signature(inputs, outputs)


def _tensor(data: bytes) -> Tensor:
    parts = fields(data)
    name = "".join(_text(part) for part in _messages(parts, 1))
    shape = fields(b"".join(_messages(parts, 3)))
    (dtype,) = (number for number in parts.get(2, [0])[-1:] if isinstance(number, int))
    if dtype not in DTYPES or shape.get(3, [0])[-1]:
        return Tensor(name, None)
    return Tensor(name, TensorSpec(DTYPES[dtype], tuple(_size(dimension) for dimension in _messages(shape, 2))))


def _size(data: bytes) -> Dimension:
    (size,) = (number for number in fields(data).get(1, [0])[-1:] if isinstance(number, int))
    return size if size < 2**63 else None  # -1 is unknown


# --- protobuf -------------------------------------------------------------------------------------------------------


def fields(data: bytes) -> Fields:
    """The fields of a message by number: numbers as int, everything with a length as bytes.

    Raises:
        ValueError: this is no message.
    """
    found: dict[int, list[bytes | int]] = defaultdict(list)
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            found[tag >> 3].append(value)
            continue
        size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if size < 0 or at + size > len(data):
            raise ValueError("a field ends after the end of its message")
        found[tag >> 3].append(data[at : at + size])
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("the file ends within a number")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _messages(parts: Fields, number: int) -> list[bytes]:
    return [item for item in parts.get(number, []) if isinstance(item, bytes)]


def _key(entry: bytes) -> str:
    return "".join(_text(part) for part in _messages(fields(entry), 1))


def _entry(entry: bytes) -> bytes:
    return b"".join(_messages(fields(entry), 2))


def _text(data: bytes) -> str:
    return data.decode()
