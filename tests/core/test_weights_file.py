"""The weights file: a valid .safetensors, equal bytes for equal graphs, whole or refused; and its NumPy backend."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interchange_numpy import NumpyBackend
from interchange_weights import WeightsExporter, WeightsImporter
from interchange_weights.format import DTYPES, read, read_case, to_bytes
from safetensors.numpy import load_file, save

from interchange.errors import BadInput, InterchangeError
from interchange.evaluate import evaluate
from interchange.golden import case_inputs, check_case
from interchange.graph import Graph, dtype_of, equal
from interchange.plugins import read_head
from tests.core.graphs import graphs, tiny

ROOT = Path(__file__).parents[2]
OFTEN = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return WeightsExporter().save(tiny(), tmp_path / "tiny.safetensors")[0]


@given(graphs())
@OFTEN
def test_a_graph_goes_through_a_file_unchanged(tmp_path: Path, graph: Graph) -> None:
    path = tmp_path / "graph.safetensors"
    path.write_bytes(to_bytes(graph, selftest=False))
    again = read(path)
    assert equal(graph, again)
    assert dict(again.metadata) == dict(graph.metadata)
    assert list(again.constants) == list(graph.constants)
    assert to_bytes(again, selftest=False) == path.read_bytes()


def test_equal_graphs_give_equal_bytes_in_every_process() -> None:
    script = (
        "import hashlib; from tests.core.graphs import tiny; from interchange_weights.format import to_bytes;"
        "metadata = {k: k for k in ('labels', 'producer', 'decision', 'a', 'b', 'c')};"
        "print(hashlib.sha256(to_bytes(tiny(**metadata))).hexdigest())"
    )
    metadata = {key: key for key in ("labels", "producer", "decision", "a", "b", "c")}
    digests = {hashlib.sha256(to_bytes(tiny(**metadata))).hexdigest()}
    for seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        digests.add(done.stdout.strip())
    assert len(digests) == 1


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(constants=st.dictionaries(NAMES, st.sampled_from([*DTYPES]), min_size=1, max_size=9))
@OFTEN
def test_the_bytes_are_those_of_the_library(constants: dict[str, str]) -> None:
    shapes = [(), (3,), (2, 5), (0, 4), (7, 1, 2)]
    arrays = {
        name: np.arange(prod(shape := shapes[i % 5])).reshape(shape).astype(dtype_of(dtype))
        for i, (name, dtype) in enumerate(constants.items())
    }
    made = to_bytes(Graph({}, tuple(arrays), (), arrays), selftest=False)
    header = json.loads(made[8 : 8 + int.from_bytes(made[:8], "little")])
    assert made == bytes(save(arrays, header["__metadata__"]))


def test_any_safetensors_reader_opens_the_tensors(file: Path) -> None:
    tensors = load_file(file)
    assert set(tensors) == {"w", "b"}
    np.testing.assert_array_equal(tensors["w"], tiny().constants["w"])


def test_constants_of_any_memory_order_are_kept(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    graph = Graph({}, ("f", "s", "t"), (), {"f": np.asfortranarray(array), "s": array[:, ::2, ::-1], "t": array.T})
    path = tmp_path / "g.safetensors"
    path.write_bytes(to_bytes(graph))
    assert equal(read(path), graph)


def test_small_floats_are_kept(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    graph = Graph({}, ("c",), (), {"c": np.arange(3).astype(ml_dtypes.bfloat16)})
    path = tmp_path / "g.safetensors"
    path.write_bytes(to_bytes(graph, selftest=False))
    assert equal(read(path), graph)


def test_constants_that_a_file_cannot_hold_are_named() -> None:
    with pytest.raises(InterchangeError) as caught:
        to_bytes(Graph({}, ("text",), (), {"text": np.array(["a", "b"])}), selftest=False)
    assert caught.value.code == "IX303"
    assert "'text'" in str(caught.value)


# --- recognising and damage -----------------------------------------------------------------------------------------


def recognised(path: Path) -> bool:
    return WeightsImporter().recognises(path, read_head(path))


def test_the_content_is_recognised_whatever_the_name(file: Path) -> None:
    assert recognised(file)
    assert recognised(file.rename(file.with_name("model.h5")))


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"x" * 20, b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 8 + b"{"])
def test_other_content_is_not(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    assert not recognised(path)
    with pytest.raises(BadInput, match="IX203"):
        read(path)


def test_a_folder_is_not(tmp_path: Path) -> None:
    assert not recognised(tmp_path)


@given(st.data())
@OFTEN
def test_damage_is_an_error_block_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(to_bytes(tiny()))
    path = tmp_path / "damaged.safetensors"
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert outcome(path) in ("read", "IX203", "IX210", "IX301", "IX401")


def outcome(path: Path) -> str:
    try:
        read(path)
    except InterchangeError as error:
        return error.code
    return "read"


def header(path: Path, change: dict[str, Any]) -> None:
    """Writes a weights file whose document differs from a good one."""
    from safetensors.numpy import save

    good = json.loads(tiny_document())
    path.write_bytes(save({}, {"interchange": json.dumps({**good, **change})}))


def tiny_document() -> str:
    content = to_bytes(tiny(), selftest=False)
    size = int.from_bytes(content[:8], "little")
    text: str = json.loads(content[8 : 8 + size])["__metadata__"]["interchange"]
    return text


@pytest.mark.parametrize(
    ("change", "code"),
    [({"version": 2}, "IX203"), ({"graph": None}, "IX210"), ({"graph": {}}, "IX210"), ({}, "IX210")],
)
def test_documents_of_another_form(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    path = tmp_path / "x.safetensors"
    header(path, change)
    with pytest.raises(BadInput) as caught:
        read(path)
    assert caught.value.code == code


def test_a_deep_document_is_damage(tmp_path: Path) -> None:
    from safetensors.numpy import save

    path = tmp_path / "x.safetensors"
    path.write_bytes(save({}, {"interchange": "[" * 100_000}))
    with pytest.raises(BadInput, match="IX203"):
        read(path)


# --- golden case and backend ----------------------------------------------------------------------------------------


def test_the_file_carries_its_case(file: Path) -> None:
    case = read_case(file)
    assert case is not None
    with NumpyBackend().open(file) as model:
        assert list(model.inputs) == ["x", "y"]
        assert model.provider == f"NumPy {np.__version__}"
        assert check_case(case, model(case_inputs(case))) == []


def test_the_case_can_be_left_out(tmp_path: Path) -> None:
    (path,) = WeightsExporter().save(tiny(), tmp_path / "t.safetensors", selftest=False)
    assert read_case(path) is None


def test_the_backend_computes_what_the_graph_means(file: Path) -> None:
    feeds = {"x": np.ones((3, 4), np.float32), "y": np.zeros((3, 3), np.float32)}
    with NumpyBackend().open(file) as model:
        outputs = model(feeds)
    expected = evaluate(tiny(), feeds)
    assert list(outputs) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-6)
        assert outputs[name].dtype == array.dtype
