"""Tells an ONNX model from other protobufs by its outermost fields, without the package `onnx`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

VARINT, LENGTH = 0, 2
# Fields of ModelProto (onnx.proto): number -> wire type.
FIELDS = {1: VARINT, 2: LENGTH, 3: LENGTH, 4: LENGTH, 5: VARINT, 6: LENGTH, 7: LENGTH, 8: LENGTH, 14: LENGTH}
FIELDS |= {20: LENGTH, 25: LENGTH, 26: LENGTH}
IR_VERSION, GRAPH = 1, 7
TEXTS = (2, 3, 4)  # producer_name, producer_version, domain: where other formats have messages
LONGEST_TEXT = 1000
MOST_FIELDS = 1000
NEWEST_IR = 1000


def is_onnx(path: Path, head: bytes) -> bool:
    """Whether the fields are those of a ModelProto: an ir_version, a graph, and nothing that does not belong there."""
    if not head or head[0] >> 3 not in FIELDS:
        return False
    try:
        with path.open("rb") as file:
            return _is_model(file)
    except (OSError, EOFError, ValueError):
        return False


def _is_model(file: BinaryIO) -> bool:
    ir_version = has_graph = False
    for number, wire_type, value in _fields(file):
        if FIELDS.get(number) != wire_type:
            return False
        if number == IR_VERSION:
            ir_version = 0 < value < NEWEST_IR
        elif number in TEXTS:
            if value > LONGEST_TEXT or not file.read(value).decode().isprintable():
                return False
            continue
        has_graph = has_graph or number == GRAPH
        if ir_version and has_graph:
            return True
        if wire_type == LENGTH:
            file.seek(value, 1)
    return False


def _fields(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(number, wire type, value or length) of each field; the reader moves the file over the contents."""
    for _ in range(MOST_FIELDS):
        first = file.read(1)
        if not first:
            return
        tag = _varint(file, first)
        if tag & 7 not in (VARINT, LENGTH):
            yield tag >> 3, tag & 7, 0
            return
        yield tag >> 3, tag & 7, _varint(file, file.read(1))


def _varint(file: BinaryIO, byte: bytes) -> int:
    value = 0
    for shift in range(0, 64, 7):
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        byte = file.read(1)
    raise ValueError("a number of more than 64 bits")
