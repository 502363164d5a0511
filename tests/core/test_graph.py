"""Graph: what is checked at construction, all faults at once; frozen; reads like a program; JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported
from interchange.graph import Body, Graph, Node, TensorSpec, dtype_of, equal
from tests.core.graphs import graphs, tiny

X = {"x": TensorSpec("float32", ("n", 3))}


def faults_of(**parts: Any) -> tuple[str, ...]:
    """What is wrong with a graph made of these parts (by default y = Relu(x))."""
    parts = {"inputs": X, "outputs": ("y",), "nodes": (Node("Relu", ("x",), ("y",)),), **parts}
    with pytest.raises(BadInput) as caught:
        Graph(**parts)
    assert caught.value.code == "IX210"
    return caught.value.why


# --- checks ---------------------------------------------------------------------------------------------------------


def test_all_faults_are_reported_at_once() -> None:
    faults = faults_of(
        inputs={"x": TensorSpec("float99", (-1,)), "w": TensorSpec("float32", ())},
        outputs=("y", "z", "z"),
        nodes=(
            Node("Relu", ("nothing",), ("y",), {}, "relu_1 (ReLU)"),
            Node("Relu", ("y",), ("y",)),
            Node("Relu", ("y", "y"), ("k",), {"slope": 1}, "relu_2 (ReLU)"),
        ),
        constants={"w": np.zeros(2)},
    )
    assert faults == (
        "input 'x' has the unknown dtype 'float99'",
        "input 'x' has the negative dimension -1",
        "'w' is an input and a constant",
        "relu_1 (ReLU): reads 'nothing', which nothing before it makes",
        "y = Relu(y): makes 'y', which exists already",
        "relu_2 (ReLU): Relu takes at most 1 inputs, not 2",
        "relu_2 (ReLU): Relu has no attribute 'slope'; it has none",
        "output 'z' is made by nothing",
        "output 'z' is listed 2 times",
    )


def test_nodes_are_in_execution_order() -> None:
    late = (Node("Relu", ("h",), ("y",)), Node("Relu", ("x",), ("h",)))
    assert faults_of(nodes=late) == ("y = Relu(h): reads 'h', which nothing before it makes",)


def test_a_graph_has_outputs() -> None:
    assert faults_of(outputs=()) == ("the graph has no outputs",)


def test_an_absent_value_is_no_output() -> None:
    assert faults_of(outputs=("",)) == ("output '' is made by nothing",)


def test_a_required_input_cannot_be_absent() -> None:
    assert faults_of(nodes=(Node("Relu", ("",), ("y",)),)) == ("y = Relu(None): Relu needs its input 'x'",)


def test_a_required_input_cannot_be_left_out() -> None:
    assert faults_of(nodes=(Node("Add", ("x",), ("y",)),)) == ("y = Add(x): Add needs its input 'b'",)


def test_an_operator_makes_as_many_outputs_as_it_has() -> None:
    assert faults_of(nodes=(Node("Relu", ("x",), ("y", "z")),)) == ("y, z = Relu(x): Relu has 1 output(s), not 2",)
    assert "Relu has 1 output(s), not 0" in faults_of(nodes=(Node("Relu", ("x",), (), {}, "r"),))[0]


def test_one_node_does_not_make_a_value_twice() -> None:
    split = Node("Split", ("x",), ("y", "y"), {"num_outputs": 2}, "split")
    assert faults_of(nodes=(split,)) == ("split: makes 'y' 2 times",)


@pytest.mark.parametrize("value", [np.int64(1), np.zeros(2), None, b"x", {"a": 1}, (1, np.int64(2)), object()])
def test_attributes_are_plain_values(value: Any) -> None:
    (fault,) = faults_of(nodes=(Node("LeakyRelu", ("x",), ("y",), {"alpha": value}, "leaky"),))
    assert fault.startswith("leaky: the attribute 'alpha' is ")
    assert "not a plain Python value" in fault


@pytest.mark.parametrize("dtype", ["f4", ">f4", "float", "long", "FLOAT32", "", "finfo", "iinfo", "float8_e9m9", 3])
def test_dtypes_have_their_own_names(dtype: str) -> None:
    if dtype == "long" and np.dtype("long").name == "long":
        pytest.skip("here it is")
    assert faults_of(inputs={"x": TensorSpec(dtype, ())}) == (f"input 'x' has the unknown dtype {dtype!r}",)


@pytest.mark.parametrize("dimension", [True, 2.0, (1,)])
def test_dimensions_are_sizes_names_or_unknown(dimension: Any) -> None:
    assert faults_of(inputs={"x": TensorSpec("float32", (dimension,))}) == (
        f"input 'x' has the dimension {dimension!r}",
    )


def test_names_are_not_empty() -> None:
    faults = faults_of(inputs={**X, "": TensorSpec("float32", ())}, constants={"": np.zeros(1)})
    assert faults == ("an input has no name", "'' is an input and a constant", "a constant has no name")


def test_metadata_are_strings() -> None:
    assert faults_of(metadata={"labels": ["a"]}) == ("metadata 'labels' is ['a'], not a string",)


def test_texts_can_be_written() -> None:
    faults = faults_of(nodes=(Node("Relu", ("x",), ("y",), {}, "bad \ud800"),))
    assert faults == (r"'bad \ud800' is not text that UTF-8 can hold",)


def test_unknown_operators_are_listed_with_their_layers() -> None:
    nodes = (Node("Frobnicate", ("x",), ("a",), {}, "frob (Frob)"), Node("acme.Swirl", ("a",), ("y",)))
    with pytest.raises(Unsupported) as caught:
        Graph(X, ("y",), nodes)
    assert caught.value.code == "IX301"
    assert caught.value.why == ("frob (Frob): no operator Frobnicate", "y: no operator acme.Swirl")


# --- frozen ---------------------------------------------------------------------------------------------------------


def test_nothing_can_be_changed() -> None:
    graph = tiny()
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.outputs = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        graph.inputs["z"] = TensorSpec("float32", ())  # type: ignore[index]
    with pytest.raises(TypeError):
        graph.nodes[0].attributes["alpha"] = 1  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        graph.constants["w"][0, 0] = 1


def test_the_callers_array_stays_writable_and_is_not_copied() -> None:
    weights = np.zeros(3, np.float32)
    graph = Graph({}, ("w",), (), {"w": weights})
    weights[0] = 5
    assert graph.constants["w"][0] == 5


def test_the_callers_mappings_are_copied() -> None:
    inputs, attributes = dict(X), {"alpha": 0.5}
    node = Node("LeakyRelu", ("x",), ("y",), attributes)
    graph = Graph(inputs, ("y",), (node,))
    inputs.clear()
    assert list(graph.inputs) == ["x"]


def test_lists_become_tuples() -> None:
    node = Node("Transpose", ["x"], ["y"], {"perm": [1, 0]})  # type: ignore[arg-type]
    assert (node.inputs, node.outputs, node.attributes["perm"]) == (("x",), ("y",), (1, 0))


def test_with_metadata_adds_and_replaces() -> None:
    graph = tiny(producer="hand").with_metadata(producer="machine", labels="[]")
    assert dict(graph.metadata) == {"name": "tiny", "producer": "machine", "labels": "[]"}
    assert equal(graph, tiny())


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_graph_reads_like_a_program() -> None:
    assert str(tiny()).splitlines() == [
        "tiny(x: float32[batch, 4], y: float32[batch, 3]):",
        "    w: float32[4, 3]",
        "    b: float32[3]",
        "    product = Gemm(x, w, b)  # dense (Dense)",
        "    hidden = Relu(product)",
        "    sum = Add(hidden, y)  # add (Add)",
        "    return sum, hidden",
    ]


def test_absent_values_and_subgraphs_have_a_form() -> None:
    node = Node("Clip", ("x", "", "top"), ("y", ""), {"body": tiny(), "min": 0.5})
    assert str(node) == "y, _ = Clip(x, None, top, min=0.5, body=<graph of 3 nodes>)"


def test_parameters_are_counted() -> None:
    assert tiny().parameters == 4 * 3 + 3


def test_small_floats_come_from_ml_dtypes() -> None:
    pytest.importorskip("ml_dtypes")
    assert dtype_of("bfloat16").itemsize == 2
    with pytest.raises(TypeError):
        dtype_of("finfo")


def test_missing_ml_dtypes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    with pytest.raises(EnvironmentLacks) as caught:
        dtype_of("bfloat16")
    assert (caught.value.code, caught.value.next_step) == ("IX401", "pip install ml_dtypes")


# --- equality and JSON ----------------------------------------------------------------------------------------------


def changed(**parts: Any) -> Graph:
    return dataclasses.replace(tiny(), **parts)


def test_equal_looks_at_every_part() -> None:
    graph = tiny()
    w, b = graph.constants["w"], graph.constants["b"]
    assert equal(graph, changed(metadata={}))
    assert not equal(graph, changed(outputs=("hidden", "sum")))
    assert not equal(graph, changed(constants={"w": w, "b": -b}))
    assert not equal(graph, changed(constants={"w": w, "b": b.astype(np.float64)}))
    assert not equal(graph, changed(inputs={"x": TensorSpec("float32", (None, 4)), "y": graph.inputs["y"]}))
    assert not equal(graph, changed(nodes=(*graph.nodes[:2], dataclasses.replace(graph.nodes[2], source=""))))


def test_equal_tells_zeros_and_takes_nan_for_itself() -> None:
    def of(*values: float) -> Graph:
        return Graph({}, ("c",), (), {"c": np.array(values)})

    assert equal(of(np.nan), of(np.nan))
    assert not equal(of(0.0), of(-0.0))


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_json_and_back(graph: Graph) -> None:
    text = json.dumps(graph.to_json(), allow_nan=False)
    again = Graph.from_json(json.loads(text), graph.constants)
    assert equal(graph, again)
    assert list(again.inputs) == list(graph.inputs)
    assert dict(again.metadata) == dict(graph.metadata)
    assert json.dumps(again.to_json(), allow_nan=False) == text


def test_subgraphs_go_through_json() -> None:
    inner = Body({}, ("z",), (Node("LeakyRelu", ("x",), ("z",), {"alpha": float("-inf")}),))
    document = json.loads(json.dumps(holding(inner).to_json()))
    assert equal(Graph.from_json(document, {}), holding(inner))


def holding(inner: Graph) -> Graph:
    inputs = {"x": TensorSpec("float32", (2,)), "c": TensorSpec("bool", ())}
    return Graph(inputs, ("y",), (Node("If", ("c",), ("y",), {"then_branch": inner, "else_branch": inner}),))


BROKEN = {
    "no document": None,
    "a list": [],
    "an empty object": {},
    "another version": {"version": 2},
    "inputs that are no list": {"inputs": 3},
    "an input without a shape": {"inputs": [{"name": "x", "dtype": "float32"}]},
    "an input that is there twice": {"inputs": [{"name": "x", "dtype": "float32", "shape": []}] * 2},
    "a shape that is no list": {"inputs": [{"name": "x", "dtype": "float32", "shape": 3}]},
    "a dimension that is a list": {"inputs": [{"name": "x", "dtype": "float32", "shape": [[1]]}]},
    "a name that is a number": {"inputs": [{"name": 3, "dtype": "float32", "shape": []}]},
    "a dtype that is a number": {"inputs": [{"name": "x", "dtype": 3, "shape": []}]},
    "a node that is a string": {"nodes": ["Relu"]},
    "a node without an operator": {"nodes": [{"inputs": [], "outputs": []}]},
    "an operator that is a number": {"nodes": [{"op": 3, "inputs": [], "outputs": ["a"]}]},
    "inputs of a node that are numbers": {"nodes": [{"op": "Relu", "inputs": [3], "outputs": ["a"]}]},
    "an output of a node that is a list": {"nodes": [{"op": "Relu", "inputs": ["x"], "outputs": [[]]}]},
    "attributes that are a list": {"nodes": [{"op": "Relu", "inputs": ["x"], "outputs": ["a"], "attributes": [1]}]},
    "an attribute that is null": {
        "nodes": [{"op": "LeakyRelu", "inputs": ["x"], "outputs": ["a"], "attributes": {"alpha": None}}]
    },
    "an attribute that is a strange object": {
        "nodes": [{"op": "LeakyRelu", "inputs": ["x"], "outputs": ["a"], "attributes": {"alpha": {"code": "1"}}}]
    },
    "a source that is a list": {"nodes": [{"op": "Relu", "inputs": ["x"], "outputs": ["a"], "source": []}]},
    "a constant without values": {"constants": ["w"]},
    "constants that are a number": {"constants": 3},
    "metadata that are a list": {"metadata": [1]},
    "metadata with a number": {"metadata": {"name": 3}},
    "outputs that are numbers": {"outputs": [3]},
    "outputs that are lists": {"outputs": [["x"]]},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_json_of_another_form_is_one_error(change: Any) -> None:
    good = Graph(X, ("y",), (Node("Relu", ("x",), ("y",)),)).to_json()
    document = {**good, **change} if change else change
    with pytest.raises(InterchangeError) as caught:
        Graph.from_json(document, {})
    assert caught.value.code in ("IX210", "IX301")


def test_a_deep_document_is_one_error() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    node = {"op": "LeakyRelu", "inputs": ["x"], "outputs": ["y"], "attributes": {"alpha": value}}
    document = {**Graph(X, ("x",), ()).to_json(), "nodes": [node]}
    with pytest.raises(BadInput, match="IX210"):
        Graph.from_json(document, {})


def test_parameters_are_weights_not_axes() -> None:
    nodes = (Node("Add", ("x", "bias"), ("y",)), Node("ReduceSum", ("y", "axes"), ("z",)))
    constants = {"bias": np.zeros((3,), np.float32), "axes": np.array([0])}
    graph = Graph({"x": TensorSpec("float32", (2, 3))}, ("z",), nodes, constants)
    assert graph.parameters == 3
