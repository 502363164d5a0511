"""Graphs within graphs: what they may read, how they run, what is known of them before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from interchange.errors import BadInput
from interchange.evaluate import evaluate, infer, widen
from interchange.golden import make_case
from interchange.graph import Body, Graph, Node, TensorSpec, equal

UNKNOWN = TensorSpec("", ())


def body(inputs: tuple[str, ...], outputs: tuple[str, ...], *nodes: Node) -> Body:
    return Body(dict.fromkeys(inputs, UNKNOWN), outputs, nodes)


def loop(inner: Body, *, outputs: tuple[str, ...] = ("last", "all"), given: tuple[str, ...] = ("n", "", "x")) -> Graph:
    inputs = {"x": TensorSpec("float32", (3,)), "n": TensorSpec("int64", ())}
    node = Node("Loop", given, outputs, {"body": inner}, "the loop")
    return Graph(inputs, outputs, (node,), {"w": np.float32([1, 2, 3]), "true": np.array(True)})


ADDING = body(
    ("i", "g", "s"),
    ("g", "t", "u"),
    Node("Add", ("s", "w"), ("t",)),
    Node("Mul", ("t", "x"), ("u",)),
)


def feeds(n: int) -> dict[str, Any]:
    return {"x": np.float32([1, 1, 2]), "n": np.array(n)}


def test_a_loop_reads_what_is_around_it() -> None:
    made = evaluate(loop(ADDING), feeds(2))
    assert made["last"].tolist() == [3, 5, 8]
    assert made["all"].tolist() == [[2, 3, 10], [3, 5, 16]]
    assert evaluate(loop(ADDING), feeds(0))["all"].shape == (0, 3)
    wide = evaluate(widen(loop(ADDING)), feeds(2))
    assert wide["all"].dtype == np.float64


def test_a_while_loop_ends_with_its_condition() -> None:
    nodes = (
        Node("Add", ("s", "w"), ("t",)),
        Node("ReduceSum", ("t",), ("sum",), {"keepdims": 0}),
        Node("Less", ("sum", "limit"), ("next",)),
    )
    inner = body(("i", "c", "s"), ("next", "t"), *nodes)
    inputs = {"x": TensorSpec("float32", (3,)), "limit": TensorSpec("float32", ())}
    node = Node("Loop", ("", "true", "x"), ("y",), {"body": inner})
    graph = Graph(inputs, ("y",), (node,), {"w": np.float32([1, 2, 3]), "true": np.array(True)})
    made = evaluate(graph, {"x": np.zeros(3, np.float32), "limit": np.float32(20)})
    assert made["y"].tolist() == [4, 8, 12]
    assert infer(graph)["y"] == TensorSpec("float32", (3,))


def test_a_loop_without_end_is_one_error() -> None:
    endless = body(("i", "c", "s"), ("c", "s", "s"))
    with pytest.raises(BadInput, match="more steps than are allowed"):
        evaluate(loop(endless, given=("", "true", "x")), feeds(1), most_steps=100)


def test_an_unknown_number_of_steps_is_no_number() -> None:
    specs = infer(loop(ADDING))
    assert specs["last"].shape == (3,)
    assert specs["all"].shape == (None, 3)


def test_a_known_number_of_steps_is_a_number() -> None:
    node = Node("Loop", ("n", "", "x"), ("last", "all"), {"body": ADDING})
    graph = Graph({"x": TensorSpec("float32", (3,))}, ("all",), (node,), {"w": np.float32([1]), "n": np.array(7)})
    assert infer(graph)["all"].shape == (7, 3)


def test_a_state_that_grows_has_no_size() -> None:
    growing = body(("i", "c", "s"), ("c", "t"), Node("Concat", ("s", "w"), ("t",), {"axis": 0}))
    assert infer(loop(growing, outputs=("y",)))["y"].shape == (None,)
    assert len(evaluate(loop(growing, outputs=("y",)), feeds(3))["y"]) == 12


def branching(then: Body, otherwise: Body) -> Graph:
    inputs = {"x": TensorSpec("float32", ("n", 3)), "c": TensorSpec("bool", ())}
    node = Node("If", ("c",), ("y",), {"then_branch": then, "else_branch": otherwise})
    return Graph(inputs, ("y",), (node,), {"w": np.float32([1, 2, 3])})


def test_an_if_takes_one_branch() -> None:
    graph = branching(body((), ("a",), Node("Mul", ("x", "w"), ("a",))), body((), ("x",)))
    x = np.ones((2, 3), np.float32)
    assert evaluate(graph, {"x": x, "c": np.array(True)})["y"].tolist() == [[1, 2, 3]] * 2
    assert evaluate(graph, {"x": x, "c": np.array(False)})["y"].tolist() == x.tolist()
    assert infer(graph)["y"] == TensorSpec("float32", ("n", 3))


def test_branches_of_other_shapes_leave_the_size_open() -> None:
    graph = branching(body((), ("a",), Node("Concat", ("x", "x"), ("a",), {"axis": 1})), body((), ("x",)))
    assert infer(graph)["y"] == TensorSpec("float32", ("n", None))


def test_a_scan_along_axes_and_backwards() -> None:
    inner = body(("s", "e"), ("t", "t"), Node("Add", ("s", "e"), ("t",)))
    inputs = {"s0": TensorSpec("float32", (2,)), "x": TensorSpec("float32", (2, "time"))}
    attributes = {"body": inner, "num_scan_inputs": 1, "scan_input_axes": (1,), "scan_output_axes": (1,)}
    node = Node("Scan", ("s0", "x"), ("s", "y"), {**attributes, "scan_input_directions": (1,)})
    graph = Graph(inputs, ("s", "y"), (node,))
    made = evaluate(graph, {"s0": np.zeros(2, np.float32), "x": np.float32([[1, 2, 3], [4, 5, 6]])})
    assert made["y"].tolist() == [[3, 5, 6], [6, 11, 15]]
    assert infer(graph)["y"].shape == (2, "time")


def test_sizes_that_depend_on_values_are_open() -> None:
    nodes = (
        Node("NonZero", ("x",), ("places",)),
        Node("Transpose", ("places",), ("rows",)),
        Node("Unique", ("x",), ("values", "first", "inverse", "counts")),
        Node("Reshape", ("x", "shape"), ("shaped",)),
    )[:2]
    graph = Graph({"x": TensorSpec("float32", (4, 5))}, ("rows",), nodes)
    assert infer(graph)["places"].shape == (2, None)
    assert infer(graph)["rows"].shape == (None, 2)


def test_all_faults_inside_and_outside_are_one_error() -> None:
    bad = body(("x",), ("nowhere",), Node("Relu", ("gone",), ("a",)), Node("Relu", ("x",), ("w",)))
    with pytest.raises(BadInput) as caught:
        branching(bad, body((), ("a",), Node("Relu", ("also gone",), ("a",))))
    faults = "\n".join(caught.value.why)
    assert "then_branch: the input 'x' has the name of a value outside" in faults
    assert "reads 'gone'" in faults
    assert "makes 'w', which exists already" in faults
    assert "'nowhere' is made by nothing" in faults
    assert "reads 'also gone'" in faults


def test_graphs_may_not_be_too_deep() -> None:
    inner = body((), ("x",))
    for depth in range(40):
        branches = {"then_branch": inner, "else_branch": body((), ("x",))}
        node = Node("If", ("c",), (f"y{depth}",), branches)
        inner = body((), (f"y{depth}",), node)
    with pytest.raises(BadInput, match="32 deep"):
        branching(inner, body((), ("x",)))


def test_json_and_print() -> None:
    graph = loop(ADDING)
    document = json.loads(json.dumps(graph.to_json()))
    assert equal(Graph.from_json(document, graph.constants), graph)
    assert "        body(i: ?[], g: ?[], s: ?[]):\n            t = Add(s, w)\n" in str(graph)


def test_what_a_golden_case_cannot_hold_has_none() -> None:
    x = {"x": TensorSpec("float32", (3,))}
    for node in (
        Node("SequenceConstruct", ("x",), ("y",)),
        Node("RandomNormalLike", ("x",), ("y",)),
        Node("Cast", ("x",), ("y",), {"to": "object"}),
    ):
        assert make_case(Graph(x, ("y",), (node,))) is None
    case = make_case(loop(ADDING))
    assert case is not None
    assert [output["shape"] for output in case["outputs"]] == [[3], [0, 3]]


def test_a_body_is_as_the_schema_says() -> None:
    schema = json.loads((Path(__file__).parents[2] / "formats" / "graph.schema.json").read_text())
    Draft202012Validator(schema).validate(json.loads(json.dumps(loop(ADDING).to_json())))


def test_sequences_go_in_and_out() -> None:
    inputs = {"xs": TensorSpec("float32", (None, 2), "sequence"), "x": TensorSpec("float32", (3, 2))}
    nodes = (
        Node("SequenceInsert", ("xs", "x"), ("more",)),
        Node("ConcatFromSequence", ("more",), ("y",), {"axis": 0}),
    )
    graph = Graph(inputs, ("more", "y"), nodes)
    xs = [np.zeros((1, 2), np.float32), np.ones((4, 2), np.float32)]
    made = evaluate(graph, {"xs": xs, "x": np.ones((3, 2), np.float32)})
    assert [x.shape for x in made["more"]] == [(1, 2), (4, 2), (3, 2)]
    assert made["y"].shape == (8, 2)
    specs = infer(graph)
    assert specs["more"] == TensorSpec("float32", (None, 2), "sequence")
    assert specs["y"] == TensorSpec("float32", (None, 2))
    with pytest.raises(BadInput, match="IX211"):
        evaluate(graph, {"xs": 3, "x": np.ones((3, 2), np.float32)})
    with pytest.raises(BadInput, match="IX212"):
        evaluate(Graph(inputs, ("y",), (Node("Relu", ("xs",), ("y",)),)), {"xs": xs, "x": np.ones((3, 2))})
