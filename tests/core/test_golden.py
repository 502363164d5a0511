"""The golden case: made by a rule, the same everywhere, and able to tell right from wrong."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from interchange.evaluate import evaluate
from interchange.golden import case_input, case_inputs, check_case, make_case, rounding_floor
from interchange.graph import Array, Graph, Node, TensorSpec
from tests.core.graphs import tiny


def computed(graph: Graph) -> tuple[dict[str, Any], dict[str, Array]]:
    """The case of a graph and what the operators compute for it in the graph's own dtypes."""
    case = make_case(graph)
    assert case is not None
    return case, evaluate(graph, case_inputs(case))


def test_inputs_follow_the_rule() -> None:
    expected = [2 * math.modf((i + 1 + 2000) * 0.6180339887498949)[0] - 1 for i in range(6)]
    np.testing.assert_array_equal(case_input(2, "float64", (2, 3)).ravel(), expected)
    assert case_input(0, "int8", (5,)).tolist() == [0, 1, 0, 1, 0]
    assert case_input(0, "bool", (3,)).tolist() == [False, True, False]
    assert case_input(0, "float32", ()).shape == ()


def test_a_graph_passes_its_own_case() -> None:
    case, outputs = computed(tiny())
    assert check_case(case, outputs) == []
    assert [entry["shape"] for entry in case["inputs"]] == [[1, 4], [1, 3]]


def test_a_case_is_strict_json() -> None:
    case = make_case(tiny())
    assert json.loads(json.dumps(case, allow_nan=False)) == case


@pytest.mark.parametrize("wrong", ["sign", "order", "shape", "missing", "nan", "last"])
def test_wrong_outputs_are_found(wrong: str) -> None:
    case, outputs = computed(tiny())
    good = outputs["sum"].copy()
    changes = {"sign": -good, "order": good[:, ::-1], "shape": good[0], "nan": good * np.nan}
    last = good.copy()
    last[0, -1] += 0.01
    if wrong == "missing":
        del outputs["sum"]
    else:
        outputs["sum"] = {**changes, "last": last}[wrong]
    (fault,) = check_case(case, outputs)
    assert "'sum'" in fault


def test_rounding_is_no_fault() -> None:
    case, outputs = computed(tiny())
    assert check_case(case, {name: np.nextafter(array, np.float32(9)) for name, array in outputs.items()}) == []


def test_not_a_number_and_infinity_are_values() -> None:
    graph = Graph(
        {"x": TensorSpec("float32", (4,))},
        ("y", "z"),
        (Node("Sqrt", ("x",), ("y",)), Node("Div", ("x", "zero"), ("z",))),
        {"zero": np.zeros(1, np.float32)},
    )
    case, outputs = computed(graph)
    assert "nan" in case["outputs"][0]["values"]
    assert "inf" in case["outputs"][1]["values"]
    assert check_case(case, outputs) == []
    assert check_case(case, {**outputs, "z": -outputs["z"]}) != []


def test_integers_are_exact() -> None:
    graph = Graph({"i": TensorSpec("int64", (4,))}, ("y",), (Node("Add", ("i", "i"), ("y",)),))
    case, outputs = computed(graph)
    assert case["outputs"][0]["tolerance"] == 0
    assert check_case(case, {"y": outputs["y"] + 1}) != []


def test_only_the_first_values_are_kept() -> None:
    graph = Graph({"x": TensorSpec("float32", (50, 50))}, ("y",), (Node("Relu", ("x",), ("y",)),))
    case, outputs = computed(graph)
    assert len(case["outputs"][0]["values"]) == 1000
    assert check_case(case, outputs) == []


def test_strings_have_no_case() -> None:
    assert make_case(Graph({"s": TensorSpec("str", (2,))}, ("s",), ())) is None


def test_the_floor_is_at_least_one_unit_in_the_last_place() -> None:
    exact = np.array([0.0, -4.0])
    assert rounding_floor(exact, exact, "float32") == 4 * 2.0**-23
    assert rounding_floor(exact, exact, "float16") == 4 * 2.0**-10
    assert rounding_floor(np.array([0.5, -4.0]), exact, "float32") == 0.5
    assert rounding_floor(np.zeros(0), np.zeros(0), "float32") == 0
    assert rounding_floor(exact, exact, "int64") == 0
