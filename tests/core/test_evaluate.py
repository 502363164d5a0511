"""Running a graph, fitting feeds to it, widening it, and telling shapes with unknown dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interchange.errors import BadInput
from interchange.evaluate import conform, evaluate, infer, oracle, probe_sizes, run, trace, widen, with_floats
from interchange.graph import Body, Graph, Node, TensorSpec
from tests.core.graphs import tiny

FEEDS = {"x": np.ones((2, 4), np.float32), "y": np.full((2, 3), 0.5, np.float32)}


def chain(inputs: dict[str, TensorSpec], *nodes: Node, **constants: Any) -> Graph:
    """A graph whose output is the last node's first."""
    return Graph(inputs, (nodes[-1].outputs[0],), nodes, constants)


def of(*shape: Any, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(dtype, shape)


# --- evaluate -------------------------------------------------------------------------------------------------------


def test_outputs_are_computed_in_the_graphs_order() -> None:
    graph = tiny()
    w, b = graph.constants["w"], graph.constants["b"]
    hidden = np.maximum(FEEDS["x"] @ w + b, 0)
    outputs = evaluate(graph, FEEDS)
    assert list(outputs) == ["sum", "hidden"]
    np.testing.assert_array_equal(outputs["hidden"], hidden)
    np.testing.assert_array_equal(outputs["sum"], hidden + np.float32(0.5))
    assert {array.dtype.name for array in outputs.values()} == {"float32"}


def test_an_output_may_be_an_input_or_a_constant() -> None:
    graph = Graph({"x": of(2)}, ("x", "c", "y"), (Node("Relu", ("x",), ("y",)),), {"c": np.arange(3)})
    outputs = evaluate(graph, {"x": [-1.0, 1.0]})
    assert {name: array.tolist() for name, array in outputs.items()} == {"x": [-1, 1], "c": [0, 1, 2], "y": [0, 1]}


def test_an_output_that_is_read_again_is_kept() -> None:
    graph = Graph({"x": of(1)}, ("y",), (Node("Relu", ("x",), ("y",)), Node("Relu", ("y",), ("z",))))
    assert evaluate(graph, {"x": [2.0]})["y"].tolist() == [2.0]


def test_absent_inputs_and_unwanted_outputs() -> None:
    nodes = (
        Node("Split", ("x",), ("", "right"), {"num_outputs": 2, "axis": 0}),
        Node("Clip", ("right", "", "top"), ("y",)),
    )
    graph = chain({"x": of(4)}, *nodes, top=np.float32(1.5))
    assert evaluate(graph, {"x": [9, 9, 1, 2]})["y"].tolist() == [1.0, 1.5]


def test_the_graph_and_the_feeds_stay_as_they_were() -> None:
    graph, feeds = tiny(), {name: array.copy() for name, array in FEEDS.items()}
    evaluate(graph, feeds)
    evaluate(graph, feeds)
    for name, array in feeds.items():
        np.testing.assert_array_equal(array, FEEDS[name])


def test_nan_and_infinity_are_results_like_others(recwarn: pytest.WarningsRecorder) -> None:
    graph = chain({"x": of(3)}, Node("Log", ("x",), ("y",)))
    assert np.array_equal(evaluate(graph, {"x": [-1.0, 0.0, 1.0]})["y"], [np.nan, -np.inf, 0], equal_nan=True)
    assert not recwarn.list


def test_trace_has_every_value_but_constants() -> None:
    values = trace(tiny(), FEEDS)
    assert set(values) == {"x", "y", "product", "hidden", "sum"}
    np.testing.assert_array_equal(values["sum"], evaluate(tiny(), FEEDS)["sum"])


def test_an_operator_that_refuses_names_the_layer_and_the_shapes() -> None:
    graph = chain({"a": of(2, 3), "b": of(2, 3)}, Node("MatMul", ("a", "b"), ("y",), {}, "dot (Dot)"))
    with pytest.raises(BadInput) as caught:
        evaluate(graph, {"a": np.ones((2, 3)), "b": np.ones((2, 3))})
    assert (caught.value.code, caught.value.where) == ("IX212", "dot (Dot)")
    assert "inputs: float32[2, 3], float32[2, 3]" in caught.value.why


def test_too_few_outputs_are_an_error() -> None:
    node = Node("Split", ("x", "sizes"), ("a", "b", "c"))
    with pytest.raises(BadInput, match=r"makes 2 output\(s\) instead of 3"):
        run(node, {"x": np.zeros(4), "sizes": np.array([2, 2])})


def test_rounding_every_value_on_the_way() -> None:
    graph = chain({"x": of(1, dtype="float64")}, Node("Identity", ("x",), ("y",)))
    feeds = {"x": np.array([1 / 3])}
    assert evaluate(graph, feeds)["y"][0] == 1 / 3
    assert evaluate(graph, feeds, round_to="float32")["y"][0] == np.float32(1 / 3)


# --- conform --------------------------------------------------------------------------------------------------------


def fit(array: Any, spec: TensorSpec) -> np.ndarray[Any, Any]:
    return conform({"x": spec}, {"x": array})["x"]


def misfit(array: Any, spec: TensorSpec) -> str:
    with pytest.raises(BadInput) as caught:
        fit(array, spec)
    assert caught.value.code == "IX211"
    (why,) = caught.value.why
    return why


@pytest.mark.parametrize("have", ["bool", "int8", "uint8", "int64", "float16", "float64"])
@pytest.mark.parametrize("want", ["float16", "float32", "float64"])
def test_numbers_become_the_models_float(have: str, want: str) -> None:
    assert fit(np.ones(2, have), of(2, dtype=want)).dtype.name == want


@pytest.mark.parametrize(("values", "want"), [([0, 255], "uint8"), ([-128], "int8"), ([], "int32")])
def test_integers_become_other_integers_that_hold_them(values: list[int], want: str) -> None:
    got = fit(np.array(values, np.int64), of(None, dtype=want))
    assert got.dtype.name == want
    assert got.tolist() == values


@pytest.mark.parametrize(
    ("array", "want"),
    [
        (np.array([256]), "uint8"),
        (np.array([-1]), "uint64"),
        (np.array([2**40]), "int32"),
        (np.array([1.0]), "int64"),
        (np.array([1]), "bool"),
        (np.array([True]), "int64"),
        (np.array([1j]), "float32"),
        (np.array(["1"]), "float32"),
        (np.array([None]), "float32"),
    ],
)
def test_other_changes_of_kind_are_refused(array: Any, want: str) -> None:
    assert misfit(array, of(1, dtype=want)).endswith(f"{array.dtype} is not turned into {want}")


def test_nothing_is_broadcast() -> None:
    assert "1 dimensions instead of 2" in misfit(np.ones(3), of("n", 3))
    assert "0 dimensions instead of 1" in misfit(1.0, of("n"))
    assert "dimension 1 is 1 instead of 3" in misfit(np.ones((2, 1)), of("n", 3))


def test_unknown_dimensions_take_any_size() -> None:
    assert fit(np.ones((0, 7)), of("n", None)).shape == (0, 7)


def test_equal_names_are_equal_sizes() -> None:
    specs = {"a": of("n", "n"), "b": of("n")}
    conform(specs, {"a": np.ones((2, 2)), "b": np.ones(2)})
    with pytest.raises(BadInput) as caught:
        conform(specs, {"a": np.ones((2, 3)), "b": np.ones(4)})
    assert [why.rpartition(": ")[2] for why in caught.value.why] == [
        "dimension 1 is 3 instead of 2",
        "dimension 0 is 4 instead of 2",
    ]


def test_all_misfits_are_reported_at_once() -> None:
    specs = {"a": of(2), "b": of(3), "c": of(dtype="int64")}
    with pytest.raises(BadInput) as caught:
        conform(specs, {"a": [[1.0], [2.0, 3.0]], "c": 1.5, "d": 0})
    assert [why.split(":")[0] for why in caught.value.why] == [
        "there is no input 'd'; the model has 'a', 'b', 'c'",
        "input 'b' (float32[3]) is missing",
        "input 'a' is not an array",
        "input 'c' is float64[], the model takes int64[]",
    ]


def test_feeds_come_in_the_models_order() -> None:
    assert list(conform({"a": of(), "b": of()}, {"b": 1.0, "a": 2.0})) == ["a", "b"]


def test_an_array_that_fits_is_not_copied() -> None:
    array = np.ones(2, np.float32)
    assert fit(array, of(2)) is array


# --- precision ------------------------------------------------------------------------------------------------------


def test_widening_changes_every_float_and_nothing_else() -> None:
    graph = Graph(
        inputs={"x": of(2), "i": of(2, dtype="int32")},
        outputs=("z", "i"),
        nodes=(Node("Cast", ("x",), ("y",), {"to": "float16"}), Node("Add", ("y", "c"), ("z",))),
        constants={"c": np.ones(2, np.float16)},
    )
    wide = widen(graph)
    assert [spec.dtype for spec in wide.inputs.values()] == ["float64", "int32"]
    assert wide.constants["c"].dtype == np.float64
    assert wide.nodes[0].attributes["to"] == "float64"
    assert evaluate(wide, {"x": [1e-9, 0], "i": [1, 2]})["z"].tolist() == [1 + 1e-9, 1]
    assert with_floats(graph, "float32").constants["c"].dtype == np.float32


def test_a_cast_to_integers_stays() -> None:
    graph = chain({"x": of(1)}, Node("Cast", ("x",), ("y",), {"to": "int64"}))
    assert widen(graph).nodes[0].attributes["to"] == "int64"


# --- inference ------------------------------------------------------------------------------------------------------


def shape_of(graph: Graph, **sizes: int) -> tuple[Any, ...]:
    return infer(graph, sizes)[graph.outputs[0]].shape


def test_every_value_is_inferred() -> None:
    assert {name: str(spec) for name, spec in infer(tiny()).items()} == {
        "w": "float32[4, 3]",
        "b": "float32[3]",
        "x": "float32[batch, 4]",
        "y": "float32[batch, 3]",
        "product": "float32[batch, 3]",
        "hidden": "float32[batch, 3]",
        "sum": "float32[batch, 3]",
    }


def test_given_sizes_are_known() -> None:
    assert shape_of(tiny(), batch=5) == (5, 3)


def test_a_dimension_that_depends_otherwise_is_unknown() -> None:
    conv = Node("Conv", ("x", "w"), ("y",), {"strides": (2, 1), "layout": "NHWC"})
    graph = chain({"x": of("n", "h", "w", 3)}, conv, w=np.ones((3, 3, 3, 5), np.float32))
    assert shape_of(graph) == ("n", None, None, 5)


def test_same_padding_keeps_a_dimension() -> None:
    conv = Node("Conv", ("x", "w"), ("y",), {"auto_pad": "SAME_UPPER", "layout": "NHWC"})
    graph = chain({"x": of("n", "h", 7, 3)}, conv, w=np.ones((3, 3, 3, 5), np.float32))
    assert shape_of(graph) == ("n", "h", 7, 5)


def test_unnamed_dimensions_stay_unnamed() -> None:
    graph = chain({"x": of(None, 3)}, Node("Relu", ("x",), ("y",)))
    assert shape_of(graph) == (None, 3)
    assert infer(graph)["x"].shape == (None, 3)


def test_dimensions_swap_places() -> None:
    graph = chain({"x": of("a", "b", 3)}, Node("Transpose", ("x",), ("y",), {"perm": (2, 1, 0)}))
    assert shape_of(graph) == (3, "b", "a")


def test_two_dimensions_in_one_are_unknown() -> None:
    graph = chain({"x": of("a", "b", 3)}, Node("Reshape", ("x", "to"), ("y",)), to=np.array([-1, 3]))
    assert shape_of(graph) == (None, 3)


def test_a_shape_computed_from_a_shape() -> None:
    nodes = (
        Node("Shape", ("x",), ("shape",)),
        Node("Gather", ("shape", "first"), ("batch",), {"axis": 0}),
        Node("Concat", ("batch", "rest"), ("to",), {"axis": 0}),
        Node("Reshape", ("x", "to"), ("y",)),
    )
    graph = chain({"x": of("n", 4, 5)}, *nodes, first=np.array([0]), rest=np.array([20]))
    assert shape_of(graph) == ("n", 20)


def test_dimensions_that_must_be_equal_grow_together() -> None:
    graph = chain({"a": of(None, 3), "b": of(None, 3)}, Node("Add", ("a", "b"), ("y",)))
    assert shape_of(graph) == (None, 3)
    named = chain({"a": of("p", 3), "b": of("q", 3)}, Node("Add", ("a", "b"), ("y",)))
    assert shape_of(named)[1] == 3


def test_large_windows_find_a_size_that_fits() -> None:
    pool = Node("AveragePool", ("x",), ("y",), {"kernel_shape": (100,), "strides": (100,)})
    assert shape_of(chain({"x": of("n", 3, "t")}, pool)) == ("n", 3, None)


def test_inference_does_not_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a product was computed")

    monkeypatch.setattr(np, "matmul", refuse)
    graph = chain({"x": of(100, 200)}, Node("MatMul", ("x", "w"), ("y",)), w=np.ones((200, 300), np.float32))
    assert shape_of(graph) == (100, 300)


def test_shapes_that_never_fit_name_the_layer() -> None:
    graph = chain({"x": of("n", 4), "y": of("n", 5)}, Node("Add", ("x", "y"), ("z",), {}, "add_1 (Add)"))
    with pytest.raises(BadInput) as caught:
        infer(graph)
    assert (caught.value.code, caught.value.where) == ("IX212", "add_1 (Add)")


def test_probe_sizes_are_small() -> None:
    graph = chain({"x": of("n", 3, "t"), "s": of()}, Node("Relu", ("x",), ("y",)))
    assert probe_sizes(graph) == {"x": (1, 3, 16), "s": ()}


@given(st.integers(1, 5), st.integers(1, 5))
def test_inferred_shapes_are_those_of_a_run(batch: int, length: int) -> None:
    nodes = (
        Node("Transpose", ("x",), ("t",), {"perm": (0, 2, 1)}),
        Node("MatMul", ("x", "t"), ("m",)),
        Node("Concat", ("m", "m"), ("y",), {"axis": 1}),
    )
    graph = chain({"x": of("n", "t", 3)}, *nodes)
    values = trace(graph, {"x": np.ones((batch, length, 3))})
    specs = infer(graph, {"n": batch, "t": length})
    assert {name: specs[name].shape for name in values} == {name: value.shape for name, value in values.items()}


def test_oracle_is_the_widened_graph_exactly_and_rounded():
    """Bodies that capture weights, weights that are outputs, values read twice: all as `evaluate` has them."""
    body = Body({}, ("inner",), (Node("Mul", ("x", "w"), ("inner",)),))
    other = Body({}, ("inner",), (Node("Cast", ("x",), ("inner",), {"to": "float16"}),))
    graph = Graph(
        inputs={"x": TensorSpec("float32", ("batch", 3)), "yes": TensorSpec("bool", ())},
        outputs=("y", "w", "sum"),
        nodes=(
            Node("Add", ("x", "w"), ("sum",)),
            Node("If", ("yes",), ("branch",), {"then_branch": body, "else_branch": other}),
            Node("Div", ("branch", "sum"), ("y",)),
        ),
        constants={"w": np.array([0.1, 0.7, -0.3], np.float32)},
    )
    for yes in (True, False):
        feeds = {"x": np.array([[1.1, 2.3, -7.7], [0.3, 0.2, 0.9]], np.float32), "yes": np.array(yes)}
        exact, rounded = oracle(graph, feeds, round_to="float32")
        for made, want in (
            (exact, evaluate(widen(graph), feeds)),
            (rounded, evaluate(widen(graph), feeds, round_to="float32")),
        ):
            assert list(made) == ["y", "w", "sum"]
            for name, array in want.items():
                assert made[name].dtype == array.dtype == np.float64
                np.testing.assert_array_equal(made[name], array)
        assert not np.array_equal(exact["y"], rounded["y"])
