"""formats/ is the public contract: golden files are read and written again, schemas used, examples checked."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interchange_weights.format import read, read_case, to_bytes
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from interchange.evaluate import evaluate
from interchange.golden import case_input, case_inputs, check_case, make_case
from interchange.graph import Graph, equal

FORMATS = Path(__file__).parents[2] / "formats"
WEIGHTS = sorted((FORMATS / "golden" / "weights").glob("*.safetensors"))


def _golden_graphs() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("make_golden", Path(__file__).with_name("make_golden.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: build() for name, build in module.GRAPHS.items()}


def validator(name: str) -> Draft202012Validator:
    schemas = {path.name: json.loads(path.read_text()) for path in FORMATS.glob("*.schema.json")}
    registry: Any = Registry().with_resources(
        (key, Resource.from_contents({"$id": key, **schema})) for key, schema in schemas.items()
    )
    return Draft202012Validator(schemas[name], registry=registry)


def header_of(path: Path) -> dict[str, Any]:
    """Read as the page says, without any library."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    assert (8 + size) % 8 == 0
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    end = 0
    for entry in sorted((e for n, e in header.items() if n != "__metadata__"), key=lambda e: e["data_offsets"]):
        assert entry["data_offsets"][0] == end
        end = entry["data_offsets"][1]
    assert 8 + size + end == len(data)
    return header


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_golden_weights_file_keeps_its_bytes(path: Path) -> None:
    graph = _golden_graphs()[path.stem]
    assert to_bytes(graph) == path.read_bytes()
    again = read(path)
    assert equal(again, graph)
    assert dict(again.metadata) == dict(graph.metadata)
    assert to_bytes(again) == path.read_bytes()


def test_every_golden_graph_has_its_file() -> None:
    assert {path.stem for path in WEIGHTS} == set(_golden_graphs())


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_golden_weights_file_fits_the_schemas(path: Path) -> None:
    header = header_of(path)
    assert set(header["__metadata__"]) == {"interchange"}
    text = header["__metadata__"]["interchange"]
    document = json.loads(text)
    validator("weights.schema.json").validate(document)
    assert text == json.dumps(document, separators=(",", ":"))
    assert set(header) - {"__metadata__"} == set(document["graph"]["constants"])


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_golden_case_is_met_by_the_operators(path: Path) -> None:
    case = read_case(path)
    assert case is not None
    assert case == make_case(read(path))
    outputs = evaluate(read(path), case_inputs(case))
    assert check_case(case, outputs) == []
    name = case["outputs"][0]["name"]
    wrong = {**outputs, name: outputs[name] + 1}
    assert "is off by" in check_case(case, wrong)[0]
    assert "is missing" in check_case(case, {})[0]
    assert "has shape" in check_case(case, {**outputs, name: outputs[name][:0]})[0]
    assert check_case(case, {**outputs, name: np.full_like(outputs[name], np.nan)})


def test_input_rule_is_that_of_the_page() -> None:
    page = (FORMATS / "golden.md").read_text()
    numbers = re.search(r"the sequence begins ([-0-9., \n]+)\.\s", page)
    assert numbers is not None
    assert [float(n) for n in numbers[1].split(",")] == case_input(0, "float64", (3,)).tolist()
    assert case_input(1, "int64", (2, 3)).tolist() == [[0, 1, 0], [1, 0, 1]]


def test_example_of_the_graph_page_is_a_graph() -> None:
    page = (FORMATS / "graph.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 1
    document = json.loads(blocks[0])
    validator("graph.schema.json").validate(document)
    graph = Graph.from_json(document, _golden_graphs()["cnn"].constants)
    assert equal(graph, _golden_graphs()["cnn"])


def test_example_of_the_golden_page_fits_the_schema() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (FORMATS / "golden.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    validator("golden.schema.json").validate(json.loads(blocks[0]))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"outputs": []},
        {"outputs": ["a", "a"]},
        {"nodes": [{"op": "", "inputs": [], "outputs": ["y"]}]},
        {"nodes": [{"op": "Relu", "inputs": ["x"], "outputs": ["y"], "attributes": {"a": None}}]},
        {"inputs": [{"name": "x", "dtype": "float32", "shape": [-1]}]},
        {"more": 1},
    ],
)
def test_graph_schema_refuses(change: dict[str, Any]) -> None:
    document = {**_golden_graphs()["cnn"].to_json(), **change}
    with pytest.raises(ValidationError):
        validator("graph.schema.json").validate(document)


def test_every_format_of_the_index_has_its_files() -> None:
    index = (FORMATS / "README.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", index):
        assert (FORMATS / target).exists(), target
    for path in FORMATS.iterdir():
        assert path.is_dir() or path.name == "README.md" or f"({path.name})" in index, path.name
