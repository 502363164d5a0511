"""Writes a model file constant after constant: protobuf would hold all of them in memory, several times.

A message is the sequence of its fields (https://protobuf.dev/programming-guides/encoding/), so a model is written as
what protobuf makes of each of its fields, but for the large constants, which are written from their arrays. The bytes
are those of `SerializeToString(deterministic=True)`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from onnx import ModelProto, TensorProto

from interchange.graph import Array

GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9  # the numbers of the fields in ModelProto, GraphProto and TensorProto
Piece = bytes | Array


def write_model(model: ModelProto, constants: Mapping[str, Array], file: BinaryIO) -> None:
    """Writes a model; of `constants` it holds no values: as if they lay in an external file."""
    for name, piece in _fields(model):
        if name != "graph":
            file.write(piece)
            continue
        pieces = list(_graph_pieces(model.graph, constants))
        file.write(_head(GRAPH, sum(map(_size, pieces))))
        for part in pieces:
            file.write(part if isinstance(part, bytes) else _raw(part))


def checkable_without(model: ModelProto, constants: Mapping[str, Array]) -> ModelProto:
    """The model for the checker: `constants`, of which it holds no values, are inputs of it."""
    light = ModelProto()
    light.CopyFrom(model)
    del light.graph.initializer[:]
    for tensor in model.graph.initializer:
        if tensor.name in constants:
            kind = light.graph.input.add(name=tensor.name).type.tensor_type
            kind.elem_type = tensor.data_type
            for size in tensor.dims:
                kind.shape.dim.add(dim_value=size)
        else:
            light.graph.initializer.add().CopyFrom(tensor)
    return light


def _graph_pieces(graph: Any, constants: Mapping[str, Array]) -> Iterator[Piece]:
    for name, piece in _fields(graph):
        if name != "initializer":
            yield piece
            continue
        for tensor in graph.initializer:
            if tensor.name not in constants:
                text = tensor.SerializeToString(deterministic=True)
                yield _head(INITIALIZER, len(text)) + text
                continue
            array = constants[tensor.name]
            kept = TensorProto(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
            head = kept.SerializeToString(deterministic=True) + _head(RAW_DATA, array.nbytes)
            yield _head(INITIALIZER, len(head) + array.nbytes) + head
            yield array


def _fields(message: Any) -> Iterator[tuple[str, bytes]]:
    """Each field that is set, in the order of their numbers, with its bytes; none for those written by the caller."""
    for descriptor, value in message.ListFields():
        if descriptor.name in ("graph", "initializer"):
            yield descriptor.name, b""
            continue
        alone = type(message)()
        if isinstance(value, (bool, int, float, str, bytes)):
            setattr(alone, descriptor.name, value)
        else:
            getattr(alone, descriptor.name).MergeFrom(value)
        yield descriptor.name, alone.SerializeToString(deterministic=True)


def _head(number: int, size: int) -> bytes:
    """What precedes a field of that number with so many bytes."""
    varint = bytearray()
    for value in (number << 3 | 2, size):
        while value >= 128:
            varint.append(value & 127 | 128)
            value >>= 7
        varint.append(value)
    return bytes(varint)


def _size(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.nbytes


def _raw(array: Array) -> memoryview:
    """The values in C order, little-endian."""
    whole = np.ascontiguousarray(array)
    little = whole.byteswap() if sys.byteorder == "big" else whole
    return little.reshape(-1).view(np.uint8).data
