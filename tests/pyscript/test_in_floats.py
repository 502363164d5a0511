"""What takes a layer over where lanes cannot hold its numbers, against the operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from interchange_pyscript import ScriptExporter
from interchange_pyscript.calls import TEXT
from interchange_pyscript.fast import in_floats
from interchange_pyscript.fast.plan import plan
from interchange_pyscript.kernels.tensor import Tensor

from interchange import ops
from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from interchange.graph import Graph, Node, TensorSpec
from tests.pyscript.common import imported, random


def tensor(array: np.ndarray) -> Tensor:
    return Tensor(array.ravel().tolist(), array.shape)


def array(y: Tensor) -> np.ndarray:
    return np.array(y.values).reshape(y.shape)


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        ((3, 2, 4, 5), {}),
        ((3, 2, 4, 5), {"pads": (2, 0, 1, 3)}),
        ((3, 2, 4, 5), {"pads": (0, 1, 2, 0), "strides": (2, 3)}),
        ((3, 2, 4, 5), {"pads": (1, 2, 0, 1), "strides": (3, 1), "dilations": (2, 3)}),
        ((2, 3, 1, 4), {"pads": (1, 0, 0, 2), "strides": (2, 2), "group": 4}),
        ((2, 3, 1, 12), {"pads": (1, 0, 0, 2), "group": 4}),
    ],
)
@pytest.mark.parametrize("biased", [True, False])
def test_convolutions(kernel: tuple[int, ...], told: Mapping[str, Any], biased: bool):
    x, w = (random(i, *shape).astype(np.float64) for i, shape in enumerate([(1, 11, 7, 4), kernel]))
    b = random(3, kernel[-1]).astype(np.float64) if biased else None
    x[0, 3, 2, 1] = np.inf
    expected = ops.get("Conv")(x, w, b, layout="NHWC", **told)
    given = {"pads": (0, 0, 0, 0), **told}
    got = array(in_floats.float_conv(tensor(x), tensor(w), None if b is None else tensor(b), **given))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 2, 0, 1)])
@pytest.mark.parametrize("special", [0.0, np.nan, np.inf, -np.inf])
def test_pools(pads: tuple[int, ...], special: float):
    x = random(5, 1, 11, 7, 3).astype(np.float64) - 9  # all below 0, which padding may not hide
    x[0, 0, :4], x[0, 6, 5, 1] = special, special
    told: dict[str, Any] = {"kernel_shape": (2, 3), "strides": (3, 2), "pads": pads}
    expected, _ = ops.get("MaxPool")(x, layout="NHWC", **told)
    got = array(in_floats.float_max_pool(tensor(x), told["kernel_shape"], pads, told["strides"]))
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("biased", [True, False])
def test_dense_layers_of_few_outputs(biased: bool, tmp_path):
    """They are in floats, and need nothing of the operators for every shape."""
    b = Builder()
    weights = [b.constant("w", random(1, 7, 2)), *([b.constant("c", random(2, 1, 2))] if biased else [])]
    graph = b.graph([b.add("Gemm", [b.input("x", "float32", ("batch", 7)), *weights], "y", source="few")], {})
    assert [node.op for node in plan(graph).nodes] == ["FloatDense"]
    script = ScriptExporter().save(graph, tmp_path / "m.py", style="fast")[0]
    assert "def MatMul" not in script.read_text()
    x = random(3, 5, 7)
    expected = evaluate(widen(graph), {"x": x.astype(np.float64)})["y"]
    got = np.array(imported(script).predict(x))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_channels_that_do_not_fit():
    with pytest.raises(ValueError, match="3 channels do not fit the kernel"):
        in_floats.float_conv(tensor(random(1, 1, 5, 4, 3)), tensor(random(2, 3, 2, 4, 6)), None, (0, 0, 0, 0))
    with pytest.raises(ValueError, match="do not fit"):
        in_floats.FloatDense(tensor(random(1, 2, 6)), tensor(random(2, 7, 3)))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("float32", [1.0, 2.0]), ("int64", [1, 2]), (TEXT, ["a", "b"])],
    ids=["floats", "integers", "texts"],
)
def test_scripts_have_what_their_types_need(dtype: str, values: list[Any], tmp_path):
    """Sequences and texts are read by scripts of models that take them."""
    graph = Graph({"x": TensorSpec(dtype, (2,))}, ("y",), (Node("Identity", ("x",), ("y",), {}, "layer"),), {})
    text = ScriptExporter().save(graph, tmp_path / "m.py")[0].read_text()
    assert ("setdefault(base" in text) is (dtype == TEXT)
    assert ("def typed_integers" in text) is (dtype != "float32")
    predict = imported(tmp_path / "m.py").predict
    assert predict(values) == values
    with pytest.raises(ValueError, match="1 is not a text" if dtype == TEXT else "is not a number"):
        predict([1, 2] if dtype == TEXT else ["a", "b"])


def test_a_dense_layer_of_nothing(tmp_path):
    """Of no inputs: its bias."""
    b = Builder()
    weights = [b.constant("w", np.zeros((0, 2), np.float32)), b.constant("c", np.array([3, 4], np.float32))]
    graph = b.graph([b.add("Gemm", [b.input("x", "float32", ("batch", 0)), *weights], "y", source="none")], {})
    script = ScriptExporter().save(graph, tmp_path / "m.py", style="fast")[0]
    assert imported(script).predict([[], [], []]) == [[3.0, 4.0]] * 3
