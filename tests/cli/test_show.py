"""`interchange show`, `plugins` and `explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import interchange
from interchange.errors import CODES
from interchange.graph import Graph, Node, TensorSpec
from tests.cli.conftest import Run
from tests.core.graphs import tiny


def test_a_model_for_people(run: Run, model: Path) -> None:
    assert run("show", model).out.splitlines() == [
        "tiny",
        "producer  a test",
        "input     x: float32 batch × 4",
        "input     y: float32 batch × 3",
        "output    sum: float32 batch × 3",
        "output    hidden: float32 batch × 3",
        "",
        "layer          output     parameters",
        "dense (Dense)  batch × 3          15",
        "add (Add)      batch × 3",
        "",
        "2 layers, 3 operators (1 Add, 1 Gemm, 1 Relu)",
        "15 parameters, 60 bytes",
    ]


def test_a_model_as_json(run: Run, model: Path) -> None:
    document = run("show", model, "--json").json
    assert document["name"] == "tiny"
    assert document["inputs"][0] == {"name": "x", "dtype": "float32", "shape": ["batch", 4]}
    assert document["layers"][0] == {
        "source": "dense (Dense)",
        "operators": ["Gemm", "Relu"],
        "parameters": 15,
        "output": {"dtype": "float32", "shape": ["batch", 3]},
    }
    assert document["operators"] == {"Add": 1, "Gemm": 1, "Relu": 1}
    assert (document["parameters"], document["bytes"]) == (15, 60)
    assert "graph" not in document


def test_the_graph_call_by_call(run: Run, model: Path) -> None:
    assert str(tiny()).splitlines()[3] in run("show", model, "--nodes").out
    assert run("show", model, "--nodes", "--json").json["graph"] == interchange.load(model).to_json()


def test_the_plan_on_numpy(run: Run, model: Path) -> None:
    plan = run("show", model, "--plan", "--json").json["plan"]
    assert plan["shapes"] == {"x": [1, 4], "y": [1, 3]}
    assert plan["kernels"] == {"Add": 1, "dense": 1}  # the activation is part of "dense"
    assert plan["operators"] == {}
    assert plan["weights_bytes"] == 60
    assert plan["peak_bytes"] == plan["weights_bytes"] + plan["packed_bytes"] + plan["arena_bytes"]
    assert run("show", model, "--plan").out.splitlines()[-1].endswith(" values")


def test_how_long_each_kernel_takes(run: Run, model: Path) -> None:
    times = run("show", model, "--time", "--json").json["plan"]["times"]
    assert sorted(entry["kind"] for entry in times) == ["Add", "dense"]
    assert all(entry["steps"] >= 1 and entry["ms"] >= 0 for entry in times)
    header, *rows, total = run("show", model, "--time").out.splitlines()[-4:]
    assert header.split() == ["kernel", "layer", "output", "steps", "ms", "share"]
    assert {row.split()[0] for row in rows} == {"Add", "dense"}
    assert total.split()[0] == "all"


def test_weights(run: Run, model: Path) -> None:
    lines = run("show", model, "--weights").out.splitlines()
    w = tiny().constants["w"]
    assert [f"{w.min():.4g}", f"{w.max():.4g}"] == next(line for line in lines if line.startswith("w ")).split()[-2:]
    assert run("show", model, "--weights", "--json").json["weights"][1]["shape"] == [3]


def test_labels_and_preprocessing_are_facts(run: Run, tmp_path: Path) -> None:
    labels = json.dumps([f"class {i}" for i in range(10)])
    (path,) = interchange.save(tiny(labels=labels, preprocessing='{"scale": 0.5}'), tmp_path, to="weights")
    out = run("show", path).out
    assert "class 7, … (10 in all)\n" in out
    assert 'preprocessing  {"scale": 0.5}' in out


def test_a_shared_weight_counts_once_and_nameless_layers_have_a_name(run: Run, tmp_path: Path) -> None:
    nodes = (Node("Add", ("x", "c"), ("a",)), Node("Add", ("a", "c"), ("b",)))
    import numpy as np

    graph = Graph({"x": TensorSpec("float32", (3,))}, ("b",), nodes, {"c": np.zeros(3, np.float32)}, {"name": "n"})
    (path,) = interchange.save(graph, tmp_path, to="weights")
    layers = run("show", path, "--json").json["layers"]
    assert [(layer["source"], layer["parameters"]) for layer in layers] == [("a (Add)", 3), ("b (Add)", 0)]


def test_names_from_a_file_are_never_markup(run: Run, tmp_path: Path) -> None:
    node = Node("Relu", ("x",), ("y",), {}, "[bold]x[/] \x1b[31m")
    graph = Graph({"x": TensorSpec("float32", (3,))}, ("y",), (node,), {}, {"name": "n\x1b[2J"})
    (path,) = interchange.save(graph, tmp_path, to="weights")
    out = run("show", path).out
    assert "[bold]x[/]" in out
    assert r"\x1b[31m" in out
    assert "\x1b" not in out


# --- plugins and explain --------------------------------------------------------------------------------------------


def test_plugins(run: Run) -> None:
    lines = run("plugins").out.splitlines()
    rows = {tuple(line.split()[:2]) for line in lines[1:]}
    assert {("importer", "weights"), ("exporter", "weights"), ("backend", "numpy")} <= rows
    entries = run("plugins", "--json").json
    (weights,) = [entry for entry in entries["importers"] if entry["name"] == "weights"]
    assert weights == {
        "name": "weights",
        "distribution": "interchange",
        "version": interchange.__version__,
        "target": "interchange_weights:WeightsImporter",
        "usable": True,
        "why": "",
    }


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained(run: Run, code: str) -> None:
    done = run("explain", code.lower())
    assert done.code == 0
    assert done.out.splitlines()[0] == f"{code}: {CODES[code]}"


def test_all_codes_are_listed(run: Run) -> None:
    assert [line.split()[0] for line in run("explain").out.splitlines()[1:]] == list(CODES)
    assert run("explain", "--json").json == dict(CODES)


def test_codes_of_plugins_are_theirs(run: Run) -> None:
    done = run("explain", "ACME7")
    assert done.code == 2
    assert "plugin" in done.err


def test_a_shape_for_what_is_open(run: Run, model: Path) -> None:
    lines = run("show", model, "--shape", "x=2,4").out.splitlines()
    assert lines[2:5] == [
        "input     x: float32 2 × 4",
        "input     y: float32 2 × 3",
        "output    sum: float32 2 × 3",
    ]


@pytest.mark.parametrize("shape", ["x=2,5", "x=2", "z=1", "x=a,b", "2,4"])
def test_a_shape_that_does_not_fit_is_one_error(run: Run, model: Path, shape: str) -> None:
    result = run("show", model, "--shape", shape)
    assert (result.code, result.out) == (2, "")
    assert "IX103" in result.err
