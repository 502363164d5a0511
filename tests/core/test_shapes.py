"""Shapes for dimensions that a model leaves open."""

from __future__ import annotations

import numpy as np
import pytest

import interchange
from interchange.errors import BadInput
from interchange.evaluate import infer
from interchange.graph import Graph, Node, TensorSpec
from interchange.shapes import with_shapes

OPEN = Graph(
    {"x": TensorSpec("float32", ("batch", None, 3)), "y": TensorSpec("float32", ("batch", 5, "size"))},
    ("xy", "z"),
    (Node("Concat", ("x", "y"), ("xy",), {"axis": 1}), Node("Relu", ("y",), ("z",))),
)
ONE = Graph({"x": TensorSpec("float32", ("n", 3, None))}, ("y",), (Node("Relu", ("x",), ("y",)),))


def shapes(graph):
    return {name: spec.shape for name, spec in graph.inputs.items()}


def test_a_name_gets_its_size_wherever_it_is():
    fixed = with_shapes(OPEN, {"x": (2, 7, 3)})
    assert shapes(fixed) == {"x": (2, 7, 3), "y": (2, 5, "size")}
    assert infer(with_shapes(fixed, {"y": (2, 5, 3)}))["xy"].shape == (2, 12, 3)


def test_none_leaves_a_dimension_open():
    assert shapes(with_shapes(OPEN, {"x": (None, 7, None), "y": (None, None, 3)})) == {
        "x": ("batch", 7, 3),
        "y": ("batch", 5, 3),
    }


def test_the_only_input_needs_no_name():
    assert shapes(with_shapes(ONE, {"": (2, 3, 11)})) == {"x": (2, 3, 11)}


@pytest.mark.parametrize(
    ("graph", "given", "why"),
    [
        (OPEN, {"a": (1,)}, "there is no input 'a'; the model has 'x', 'y'"),
        (OPEN, {"": (1,)}, "of which input"),
        (OPEN, {"x": (2, 7)}, "3 dimensions, not 2"),
        (OPEN, {"x": (2, 7, 4)}, "dimension 2 is 3, not 4"),
        (OPEN, {"x": (2, 7, 3), "y": (4, 5, 3)}, "dimension 0 is batch, not 4"),
        (ONE, {"x": (2, 3, -1)}, "dimension 2 is None, not -1"),
        (ONE, {"x": (2, 3, True)}, "not True"),
    ],
)
def test_what_does_not_fit(graph, given, why):
    with pytest.raises(BadInput, match=why) as caught:
        with_shapes(graph, given)
    assert caught.value.code == "IX103"


def test_all_faults_are_told_at_once():
    with pytest.raises(BadInput) as caught:
        with_shapes(OPEN, {"x": (2, 7, 4), "y": (4, 6, 3), "a": ()})
    assert len(caught.value.why) == 4


def test_what_the_network_refuses():
    with pytest.raises(BadInput, match="IX212"):
        with_shapes(OPEN, {"x": (2, 7, 3), "y": (2, 5, 4)})


def test_load_takes_shapes(tmp_path):
    path = interchange.save(ONE, tmp_path / "m.safetensors", to="weights")[0]
    graph = interchange.load(path, shapes={"x": (2, 3, 11)})
    assert shapes(graph) == {"x": (2, 3, 11)}
    with interchange.open(graph) as model, pytest.raises(BadInput, match="IX211"):
        model(np.zeros((1, 3, 11), np.float32))
