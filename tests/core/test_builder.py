"""The builder: names, shapes known at once, constants shared."""

from __future__ import annotations

import numpy as np
import pytest

from interchange.builder import Builder
from interchange.errors import BadInput
from interchange.evaluate import evaluate, infer


def test_a_graph_is_built_call_by_call() -> None:
    b = Builder()
    x = b.input("x", "float32", ("batch", 4))
    w = b.constant("dense/kernel", np.ones((4, 3), np.float32))
    y = b.add("MatMul", [x, w], "dense", source="dense (Dense)")
    y = b.add("LeakyRelu", [y], "dense", source="dense (Dense)", alpha=0.2)
    graph = b.graph([y], {"name": "net"})
    assert str(graph).splitlines()[2:] == [
        "    dense = MatMul(x, dense/kernel)  # dense (Dense)",
        "    dense_1 = LeakyRelu(dense, alpha=0.2)",
        "    return dense_1",
    ]
    assert evaluate(graph, {"x": np.ones((1, 4))})[y].tolist() == [[4, 4, 4]]


def test_shapes_and_types_are_known_at_once() -> None:
    b = Builder()
    x = b.input("x", "float16", ("batch", None, 6))
    w = b.constant("w", np.ones((6, 2), np.float16))
    y = b.add("MatMul", [x, w], "y")
    assert (b.shape(y), b.rank(y), b.dtype(y)) == ((None, None, 2), 3, "float16")
    assert b.shape(x) == (None, None, 6)


def test_values_that_depend_on_no_input_are_known() -> None:
    b = Builder()
    x = b.input("x", "float32", ("batch", 5))
    shape = b.add("Shape", [x], "shape")
    last = b.add("Gather", [shape, b.constant("one", np.array([1]))], "last", axis=0)
    first = b.add("Gather", [shape, b.constant("zero", np.array([0]))], "first", axis=0)
    nan = b.constant("nan", np.array([np.nan]))
    assert b.known(x) is None
    assert b.known(first) is None
    assert np.array_equal(b.known(last), [5])
    assert np.isnan(b.known(nan)).all()


def test_names_in_use_get_a_number() -> None:
    b = Builder()
    x = b.input("x", "float32", (4,))
    assert b.add("Relu", [x], "x") == "x_1"
    assert b.add("Relu", [x], "x") == "x_2"
    assert b.constant("x", np.zeros(1)) == "x_3"
    assert b.add_many("Split", [x], ["p", "", "p"], num_outputs=3) == ("p", "", "p_1")


def test_the_same_array_is_the_same_constant() -> None:
    b = Builder()
    array = np.zeros(2)
    assert b.constant("c", array) == "c"
    assert b.constant("c", array) == "c"
    assert b.constant("c", np.zeros(2)) == "c_1"


def test_constants_that_nobody_reads_are_left_out() -> None:
    b = Builder()
    x = b.input("x", "float32", (4,))
    b.constant("unused", np.zeros(1))
    kept = b.constant("kept", np.zeros(1))
    assert set(b.graph([b.add("Relu", [x], "y"), kept], {}).constants) == {"kept"}


def test_shapes_that_do_not_fit_are_refused_at_the_call() -> None:
    b = Builder()
    x = b.input("x", "float32", ("batch", 4))
    with pytest.raises(BadInput, match="IX212") as caught:
        b.add("MatMul", [x, b.constant("w", np.ones((5, 3), np.float32))], "y", source="dense (Dense)")
    assert caught.value.where == "dense (Dense)"


def test_an_unknown_operator_is_a_key_error() -> None:
    b = Builder()
    with pytest.raises(KeyError):
        b.add("Frobnicate", [b.input("x", "float32", (1,))], "y")


def test_the_builder_and_inference_agree() -> None:
    b = Builder()
    x = b.input("x", "float32", ("n", None, 9, 3))
    y = b.add("Conv", [x, b.constant("w", np.ones((2, 3, 3, 5), np.float32))], "y", strides=(2, 2), layout="NHWC")
    y = b.add("GlobalAveragePool", [y], "y", layout="NHWC")
    y = b.add("Flatten", [y], "y")
    graph = b.graph([y], {})
    specs = infer(graph)
    for name in graph.nodes[0].outputs + graph.nodes[1].outputs + graph.nodes[2].outputs:
        assert tuple(d if isinstance(d, int) else None for d in specs[name].shape) == b.shape(name)


@pytest.mark.parametrize("value", ["nothing", None, 3, ["x"]])
def test_a_value_that_was_never_made(value: str) -> None:
    b = Builder()
    b.input("x", "float32", (None, 3))
    for call in (lambda: b.rename(value, "y"), lambda: b.graph([value], {})):
        with pytest.raises(BadInput, match=r"IX210(.|\n)*not the name of a value"):
            call()
