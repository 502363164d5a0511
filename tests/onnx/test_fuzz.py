"""Damaged .onnx files: each is one InterchangeError or a graph, soon and with little memory.

FUZZ=5000 in the environment makes more of them. Mutant n is the same in every run: `mutant(n)`.
"""

from __future__ import annotations

import os
import random as random_module
import resource
import sys
import time
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter
from onnx import ModelProto

from interchange.errors import InterchangeError
from interchange.graph import Graph
from tests.conformance.suite import cases
from tests.onnx import test_microsoft
from tests.onnx.nets import channels_first_net, channels_last_net

COUNT = int(os.environ.get("FUZZ", "300"))
BATCH = 100
SECONDS = 20.0  # for one mutant, on a machine that is busy
MEMORY = 1 << 30  # more than this, in bytes, no file of some kilobytes may cost
NODE_CASES = (
    *("test_loop11", "test_loop13_seq", "test_if", "test_scan_sum", "test_sequence_map_identity_1_sequence"),
    *(
        "test_ai_onnx_ml_label_encoder_string_int",
        "test_lstm_defaults",
        "test_constant",
        "test_layer_normalization_2d_axis0",
    ),
)
LIFTED = (
    "MatMulNBits",
    "QAttention",
    "MultiHeadAttention",
    "RotaryEmbedding",
    "QLinearConv",
    "EmbedLayerNormalization",
)
NUMBERS = (0, 1, -1, 2, 7, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63))
TEXTS = ("", "x", "y", "Conv", "Loop", "\0", "é" * 300, "ai.onnx.ml", "../../etc/passwd", "/dev/zero")


@cache
def bases() -> tuple[bytes, ...]:
    """Whole models of many kinds."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        found = []
        for net in (channels_first_net, channels_last_net):
            OnnxExporter().save(net(), path, force=True)
            found.append(path.read_bytes())
    node = cases("node")
    found += [node[name].model().SerializeToString() for name in NODE_CASES]
    rows = {row.op: row for row in test_microsoft.ROWS}  # the last of each operator
    found += [test_microsoft.model_of(rows[op])[0].SerializeToString() for op in LIFTED]
    return tuple(found)


def mutant(n: int) -> bytes:
    """The nth damaged file."""
    random = random_module.Random(n)
    data = bases()[n % len(bases())]
    kind = random.choice((_truncated, _flipped, _overwritten, _spliced, _edited, _edited, _edited))
    return kind(random, data)


def _truncated(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def _flipped(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _overwritten(random: Random, data: bytes) -> bytes:
    start, length = random.randrange(len(data)), random.randrange(1, 16)
    return data[:start] + random.randbytes(length) + data[start + length :]


def _spliced(random: Random, data: bytes) -> bytes:
    other = random.choice(bases())
    start, end = sorted(random.randrange(len(other)) for _ in range(2))
    place = random.randrange(len(data))
    return data[:place] + other[start : min(end, start + 200)] + data[place + random.randrange(40) :]


def _edited(random: Random, data: bytes) -> bytes:
    """With fields changed, removed or repeated, so that it is protobuf still."""
    model = ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        _edit(random, _somewhere(random, model))
    return bytes(model.SerializeToString())


def _somewhere(random: Random, message):
    """A message within the message."""
    while True:
        inner = []
        for field, value in message.ListFields():
            if field.message_type is not None:
                inner += value if _is_many(field) else [value]
        if not inner or random.random() < 0.15:
            return message
        message = random.choice(inner)


def _is_many(field) -> bool:
    return field.is_repeated if hasattr(type(field), "is_repeated") else field.label == field.LABEL_REPEATED


def _edit(random: Random, message) -> None:
    field = random.choice(message.DESCRIPTOR.fields)
    if message.ListFields() and random.random() < 0.7:
        field = random.choice(message.ListFields())[0]
    value = getattr(message, field.name)
    if field.message_type is not None:
        if not _is_many(field) or not len(value) or random.random() < 0.3:
            message.ClearField(field.name)
        elif random.random() < 0.5:
            value.add().CopyFrom(random.choice(value))
        else:
            del value[random.randrange(len(value))]
        return
    made = _value(random, field)
    if not _is_many(field):
        setattr(message, field.name, made)
    elif len(value) and random.random() < 0.7:
        value[random.randrange(len(value))] = made
    else:
        value.append(made)


def _value(random: Random, field):
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    if field.cpp_type == field.CPPTYPE_STRING:
        text = random.choice(TEXTS)
        return text.encode() if field.type == field.TYPE_BYTES else text
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if field.cpp_type == field.CPPTYPE_INT32:
        return random.choice([number for number in NUMBERS if -(2**31) <= number < 2**31])
    if field.cpp_type in (field.CPPTYPE_UINT64, field.CPPTYPE_UINT32):
        return random.choice((0, 1, 2**31))
    return random.choice(NUMBERS)


def peak() -> int:
    """The most memory that this process has used, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("start", range(0, COUNT, BATCH))
def test_damaged_files(start, tmp_path):
    path, before = tmp_path / "mutant.onnx", peak()
    for n in range(start, min(start + BATCH, COUNT)):
        path.write_bytes(mutant(n))
        begin = time.perf_counter()
        try:
            graph = OnnxImporter().load(path)
        except InterchangeError:
            pass
        except Exception as error:
            pytest.fail(f"mutant({n}): {type(error).__name__}: {error}")
        else:
            assert isinstance(graph, Graph), f"mutant({n})"
        assert time.perf_counter() - begin < SECONDS, f"mutant({n})"
    assert peak() - before < MEMORY


def test_mutants_are_the_same_in_every_run():
    assert [mutant(n) for n in range(20)] == [mutant(n) for n in range(20)]
    assert len({mutant(n) for n in range(100)}) > 90
    assert all(np.frombuffer(base, np.uint8).size > 50 for base in bases())
