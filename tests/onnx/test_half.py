"""Export in float16: half the size, the same interface, errors of float16 and no larger."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from interchange_onnx import GOLDEN_KEY, OnnxExporter, OnnxImporter
from interchange_onnx.half import in_float16
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.errors import BadInput
from interchange.evaluate import evaluate, infer, widen
from interchange.golden import case_inputs, check_case
from interchange.graph import Body, Graph, Node, TensorSpec
from tests.onnx.nets import channels_first_net, channels_last_net, random

FLOAT = TensorSpec("float32", ("n", 7))


def dtypes(graph):
    return {name: spec.dtype for name, spec in infer(graph).items()}


@pytest.mark.parametrize(
    ("net", "shape"), [(channels_first_net, (2, 3, 11, 7)), (channels_last_net, (2, 11, 7, 3))], ids=["first", "last"]
)
def test_a_network(net, shape, tmp_path):
    graph = net()
    plain = OnnxExporter().save(graph, tmp_path / "plain.onnx", selftest=False)[0]
    path = OnnxExporter().save(graph, tmp_path / "half.onnx", selftest=False, dtype="float16")[0]
    constants = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in constants
    assert sum(len(t.raw_data) for t in onnx.load(path).graph.initializer) < 0.55 * sum(
        len(t.raw_data) for t in onnx.load(plain).graph.initializer
    )
    again = OnnxImporter().load(path)
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)
    feeds = {"x": random(*shape)}
    exact = evaluate(widen(graph), {"x": feeds["x"].astype(np.float64)})
    rounded = evaluate(widen(graph), {"x": feeds["x"].astype(np.float64)}, round_to="float16")
    with OnnxRuntimeBackend().open(path) as model:
        actual = model(feeds)
    for name, want in exact.items():
        floor = np.abs(rounded[name] - want).max()
        assert actual[name].dtype == np.float32
        assert np.abs(actual[name] - want).max() <= 4 * floor


def test_the_case_in_the_file_is_one_for_float16(tmp_path):
    path = OnnxExporter().save(channels_last_net(), tmp_path / "m.onnx", dtype="float16")[0]
    case = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}[GOLDEN_KEY])
    with OnnxRuntimeBackend().open(path) as model:
        assert check_case(case, model(case_inputs(case))) == []


def test_sizes_and_what_takes_no_float16_stay_as_they_are(tmp_path):
    nodes = (
        Node("Shape", ("x",), ("shape",)),
        Node("Cast", ("shape",), ("sizes",), {"to": "float32"}),
        Node("ReduceProd", ("sizes",), ("count",), {"keepdims": 0}),
        Node("Add", ("x", "w"), ("sum",)),
        Node("Div", ("sum", "count"), ("mean",)),
        Node("QuantizeLinear", ("mean", "scale", "zero"), ("q",)),
        Node("DequantizeLinear", ("q", "scale", "zero"), ("y",)),
        Node("Cast", ("mean",), ("whole",), {"to": "int32"}),
    )
    constants = {"w": random(7), "scale": np.array(1e-5, np.float32), "zero": np.array(3, np.uint8)}
    graph = Graph({"x": FLOAT}, ("y", "mean", "whole"), nodes, constants)
    half = in_float16(graph)
    found = dtypes(half)
    assert {found[name] for name in ("sizes", "count", "scale", "mean", "y")} == {"float32"}
    assert {found[name] for name in ("sum_float16", "mean_float16", "w")} == {"float16"}
    assert [found[name] for name in graph.outputs] == ["float32", "float32", "int32"]
    path = OnnxExporter().save(graph, tmp_path / "m.onnx", dtype="float16")[0]
    x = random(3, 7)
    with OnnxRuntimeBackend().open(path) as model:
        np.testing.assert_allclose(model({"x": x})["mean"], evaluate(graph, {"x": x})["mean"], atol=2e-4)


def test_bodies_see_float32():
    then = Body({}, ("a",), (Node("Relu", ("h",), ("a",)),))
    other = Body({}, ("b",), (Node("Neg", ("h",), ("b",)),))
    nodes = (Node("Add", ("x", "w"), ("h",)), Node("If", ("c",), ("y",), {"then_branch": then, "else_branch": other}))
    graph = Graph({"x": FLOAT, "c": TensorSpec("bool", ())}, ("y",), nodes, {"w": random(7)})
    half = in_float16(graph)
    assert dtypes(half)["h"] == "float32"
    for c in (True, False):
        feeds = {"x": random(3, 7), "c": np.array(c)}
        np.testing.assert_allclose(evaluate(half, feeds)["y"], evaluate(graph, feeds)["y"], atol=4e-3)


def test_large_constants_stay_finite():
    graph = Graph(
        {"x": FLOAT},
        ("y",),
        (Node("Add", ("x", "m"), ("y",)),),
        {"m": np.array([-1e9] * 3 + [-np.inf] * 4, np.float32)},
    )
    assert in_float16(graph).constants["m"].tolist() == [-65504.0] * 3 + [-np.inf] * 4


def test_other_dtypes_are_refused(tmp_path):
    with pytest.raises(BadInput, match="IX103"):
        OnnxExporter().save(channels_first_net(), tmp_path / "m.onnx", dtype="float8")
    assert list(tmp_path.iterdir()) == []
