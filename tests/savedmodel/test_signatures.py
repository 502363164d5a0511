"""What is read from a saved_model.pb without TensorFlow, and the choice of a signature."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_savedmodel import SavedModelImporter, convert
from interchange_savedmodel.signatures import fields, read

from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported
from interchange.graph import TensorSpec


def number(field: int, value: int) -> bytes:
    data = bytearray([field << 3])
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def part(field: int, *contents: bytes | str) -> bytes:
    data = b"".join(item.encode() if isinstance(item, str) else item for item in contents)
    assert len(data) < 2**14
    return bytes([field << 3 | 2, len(data) & 0x7F | 0x80, len(data) >> 7]) + data


def tensor(name: str, dtype: int, *sizes: int) -> bytes:
    return part(1, name) + number(2, dtype) + part(3, *(part(2, number(1, size % 2**64)) for size in sizes))


def signature(inputs: dict[str, bytes], outputs: dict[str, bytes]) -> bytes:
    sides = ((1, inputs), (2, outputs))
    return b"".join(part(side, part(1, key), part(2, item)) for side, items in sides for key, item in items.items())


def saved_model(**signatures: bytes) -> bytes:
    info = part(1, part(4, "serve"), part(5, "2.4.1"))
    entries = b"".join(part(5, part(1, name), part(2, data)) for name, data in signatures.items())
    return number(1, 1) + part(2, info, entries)


ONE = signature({"x": tensor("serving_x:0", 1, -1, 4)}, {"y": tensor("Call:0", 1, -1, 2)})
TWO = signature({"b": tensor("b:0", 9, 3), "a": tensor("a:0", 1)}, {"z": tensor("Call:1", 1), "k": tensor("Call:0", 3)})


@pytest.fixture
def folder(tmp_path):
    def make(data):
        (tmp_path / "saved_model.pb").write_bytes(data)
        return tmp_path

    return make


def test_signatures(folder):
    (found,) = read(folder(saved_model(serving_default=ONE, other=TWO, __saved_model_init_op=ONE)))
    assert (found.tags, found.tensorflow, list(found.signatures)) == (("serve",), "2.4.1", ["other", "serving_default"])
    x = found.signatures["serving_default"].inputs["x"]
    assert (x.tensor, x.spec) == ("serving_x:0", TensorSpec("float32", (None, 4)))
    assert list(found.signatures["other"].inputs) == ["a", "b"]
    assert list(found.signatures["other"].outputs) == ["k", "z"]


def test_recognises_a_folder_by_its_file(folder, tmp_path):
    assert not SavedModelImporter().recognises(tmp_path, b"")
    assert SavedModelImporter().recognises(folder(saved_model()), b"")
    assert not SavedModelImporter().recognises(tmp_path / "saved_model.pb", b"\x08\x01")


@pytest.mark.parametrize(
    ("data", "options", "part"),
    [
        (saved_model(encode=ONE, decode=TWO), {}, "signatures: 'decode', 'encode'"),
        (saved_model(serving_default=ONE), {"signature": "train"}, "signatures: 'serving_default'"),
        (saved_model(), {}, "signatures: none"),
        (saved_model(serving_default=ONE), {"tag": "gpu"}, "tags: 'serve'"),
    ],
)
def test_a_choice_that_there_is_not(data, options, part, folder):
    with pytest.raises(BadInput) as error:
        SavedModelImporter().load(folder(data), **options)
    assert error.value.code == "IX103"
    assert part in str(error.value)


def completed(returncode, stderr=""):
    return lambda *args, **options: subprocess.CompletedProcess(args, returncode, "", stderr)


def test_a_failure_of_tf2onnx_is_one_error(folder, monkeypatch):
    log = """2026-01-01 00:00:00,000 - ERROR - Tensorflow op [a: Foo] is not supported
Traceback (most recent call last):
  File "convert.py", line 1, in <module>
    main()
ValueError: Input 0 of node while was passed float
"""
    monkeypatch.setattr(subprocess, "run", completed(1, log))
    with pytest.raises(Unsupported) as error:
        SavedModelImporter().load(folder(saved_model(serving_default=ONE)))
    assert error.value.code == "IX301"
    assert error.value.why == (
        "Tensorflow op [a: Foo] is not supported",
        "ValueError: Input 0 of node while was passed float",
    )


def test_a_failure_without_a_word(folder, monkeypatch):
    monkeypatch.setattr(subprocess, "run", completed(-11))
    with pytest.raises(Unsupported, match="exit code -11"):
        SavedModelImporter().load(folder(saved_model(serving_default=ONE)))


def test_a_conversion_that_takes_too_long(folder, monkeypatch):
    def run(*args, timeout, **options):
        raise subprocess.TimeoutExpired(args, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(EnvironmentLacks, match="IX404"):
        SavedModelImporter().load(folder(saved_model(serving_default=ONE)), timeout=3)


@pytest.mark.parametrize("data", [b"\x12", b"\x12\x05abc", b"\xff" * 20, b"\x12\x03\x0a\x05a"])
def test_files_that_are_damaged(data, folder):
    with pytest.raises(BadInput, match="IX203"):
        SavedModelImporter().load(folder(data))


WHOLE = saved_model(serving_default=ONE, other=TWO)


@settings(max_examples=200, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=5),
    cut=st.integers(1, len(WHOLE)),
)
def test_damaged_bytes_never_end_in_a_traceback(edits, cut, tmp_path_factory):
    data = bytearray(WHOLE)
    for at, byte in edits:
        data[at] = byte
    folder = tmp_path_factory.getbasetemp()
    (folder / "saved_model.pb").write_bytes(data[:cut])
    try:
        read(folder)
    except InterchangeError:
        return


def test_fields():
    assert dict(fields(number(1, 300) + part(2, "ab") + b"\x1d" + bytes(4))) == {1: [300], 2: [b"ab"], 3: [bytes(4)]}


def test_names_that_an_input_and_an_output_share():
    assert convert._free("x", {"x", "x_1"}) == "x_2"
    assert convert._input_names(["x:0", "y:0"], ["x", "y"]) == {"x:0": "x", "y:0": "y"}
    assert convert._input_names(["in_a:0", "b:0"], ["in/a", "b"]) == {"in_a:0": "in/a", "b:0": "b"}
