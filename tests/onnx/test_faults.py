"""Faults of ONNX Runtime that exports steer around: under its defaults the result is right all the same."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from interchange_onnx import OnnxExporter
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec, equal
from tests.onnx.nets import random


def uint8(*shape: int) -> np.ndarray:
    return np.random.default_rng([1, *shape]).integers(0, 255, shape, np.uint8, endpoint=True)


def int8(*shape: int) -> np.ndarray:
    return np.random.default_rng([2, *shape]).integers(-128, 127, shape, np.int8, endpoint=True)


def scales(*shape: int) -> np.ndarray:
    return (np.abs(random(*shape)) / 20 + 0.01).astype(np.float32)


def one_node(op: str, x: np.ndarray, *constants: np.ndarray, **attributes) -> tuple[Graph, np.ndarray]:
    names = [f"c{i}" for i in range(len(constants))]
    node = Node(op, ("x", *names), ("y",), attributes)
    spec = TensorSpec(x.dtype.name, x.shape)
    return Graph({"x": spec}, ("y",), (node,), dict(zip(names, map(np.asarray, constants), strict=True))), x


def between_bytes(op: str, x: np.ndarray, w: np.ndarray, w_scale: np.ndarray, *, ends: bool = True, zero=True, **axis):
    """A product whose factors, and with `ends` whose result too, are kept as integers of eight bits."""
    result = "h" if ends else "y"
    nodes = [
        Node("QuantizeLinear", ("x", "x_scale", "x_zero"), ("x_bytes",)),
        Node("DequantizeLinear", ("x_bytes", "x_scale", "x_zero"), ("x_real",)),
        Node("DequantizeLinear", ("w", "w_scale", "w_zero") if zero else ("w", "w_scale"), ("w_real",), axis),
        Node(op, ("x_real", "w_real"), (result,)),
    ]
    constants = {"x_scale": np.float32(0.02), "x_zero": np.uint8(120), "w": w, "w_scale": w_scale}
    if zero:
        constants["w_zero"] = np.zeros(w_scale.shape, np.int8)
    if ends:
        nodes.append(Node("QuantizeLinear", ("h", "y_scale", "y_zero"), ("y_bytes",)))
        nodes.append(Node("DequantizeLinear", ("y_bytes", "y_scale", "y_zero"), ("y",)))
        constants |= {"y_scale": np.float32(0.5), "y_zero": np.uint8(128)}
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return Graph({"x": TensorSpec("float32", x.shape)}, ("y",), tuple(nodes), arrays), x


X, W = uint8(20, 40), int8(40, 30)
IMAGE, KERNEL = uint8(2, 3, 11, 7), int8(5, 3, 3, 2)
SCALE, OUT = np.float32(0.1), (np.float32(5), np.uint8(128))
PRODUCTS = {
    "MatMulInteger": one_node("MatMulInteger", X, W, np.uint8(3), np.int8(-5)),
    "MatMulInteger, columns": one_node("MatMulInteger", X, W, np.uint8(3), int8(30)),
    "MatMulInteger, no zero": one_node("MatMulInteger", X, W),
    "MatMulInteger, signed": one_node("MatMulInteger", int8(20, 40), W, np.int8(3), np.int8(-5)),
    "ConvInteger": one_node("ConvInteger", IMAGE, KERNEL, np.uint8(9)),
    "QLinearMatMul": one_node("QLinearMatMul", X, SCALE, np.uint8(9), W, SCALE, np.int8(0), *OUT),
    "QLinearMatMul, columns": one_node(
        "QLinearMatMul", X, SCALE, np.uint8(9), W, scales(30), np.zeros(30, np.int8), *OUT
    ),
    "QLinearConv": one_node("QLinearConv", IMAGE, SCALE, np.uint8(9), KERNEL, SCALE, np.int8(0), *OUT),
    "QLinearConv, channels": one_node(
        "QLinearConv", IMAGE, SCALE, np.uint8(9), KERNEL, scales(5), np.zeros(5, np.int8), *OUT
    ),
    "MatMul": between_bytes("MatMul", 3 * random(20, 40), W, np.float32(0.01)),
    "MatMul, no zero": between_bytes("MatMul", 3 * random(20, 40), W, np.float32(0.01), zero=False),
    "MatMul, real": between_bytes("MatMul", 3 * random(20, 40), W, np.float32(0.01), ends=False),
    "Gemm": between_bytes("Gemm", 3 * random(20, 40), W, np.float32(0.01)),
    "Conv": between_bytes("Conv", 3 * random(2, 3, 11, 7), KERNEL, np.float32(0.01)),
    "Conv, channels": between_bytes("Conv", 3 * random(2, 3, 11, 7), KERNEL, scales(5), axis=0),
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("optimization", ["disable", "all"])
def test_products_of_bytes_do_not_overflow(name, optimization, tmp_path):
    graph, x = PRODUCTS[name]
    path = OnnxExporter().save(graph, tmp_path / "m.onnx")[0]
    with OnnxRuntimeBackend().open(path, optimization=optimization) as model:
        actual = model({"x": x})["y"]
    expected = evaluate(graph, {"x": x})["y"]
    step = 0 if expected.dtype == np.int32 else 1 if expected.dtype == np.uint8 else 0.5001 if "real" not in name else 0
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(actual.astype(np.float64), expected.astype(np.float64), rtol=0, atol=step or 1e-4)


def test_weights_of_seven_bits_stay_as_they_are(tmp_path):
    from interchange_onnx.faults import weights_without_sign

    graph, _ = one_node("MatMulInteger", X, W // 2)
    assert equal(weights_without_sign(graph), graph)


@pytest.mark.parametrize("shape", [(2, 1, 1, 7), (1, 1, 7), (1, 7)])
@pytest.mark.parametrize("dtype", [np.float32, bool])
def test_a_mask_that_is_the_same_for_all_queries(shape, dtype, tmp_path):
    mask = random(*shape) if dtype is np.float32 else random(*shape) > -1
    values = {"k": random(2, 7, 12), "v": random(2, 7, 12, seed=1), "mask": mask}
    node = Node("Attention", ("q", "k", "v", "mask"), ("y",), {"q_num_heads": 3, "kv_num_heads": 3})
    graph = Graph({"q": TensorSpec("float32", ("batch", "length", 12))}, ("y",), (node,), values)
    path = OnnxExporter().save(graph, tmp_path / "m.onnx")[0]
    q = random(2, 5, 12, seed=2)
    with OnnxRuntimeBackend().open(path) as model:
        np.testing.assert_allclose(model({"q": q})["y"], evaluate(graph, {"q": q})["y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimization", ["disable", "all"])
@pytest.mark.parametrize("given", ["sizes", "scales"])
@pytest.mark.parametrize(
    ("mode", "axes"), [("linear", (1, 2)), ("cubic", (1, 2)), ("linear", (2, 1)), ("linear", (-3,))]
)
def test_interpolated_axes_are_the_last(mode, axes, given, optimization, tmp_path):
    values = {"sizes": np.array([17, 9]), "scales": np.array([1.5, 2.25], np.float32)}
    inputs = ("x", "", "", "g") if given == "sizes" else ("x", "", "g")
    node = Node("Resize", inputs, ("y",), {"mode": mode, "axes": axes})
    spec = TensorSpec("float32", ("batch", 11, 7, 3))
    graph = Graph({"x": spec}, ("y",), (node,), {"g": values[given][: len(axes)]})
    path = OnnxExporter().save(graph, tmp_path / "m.onnx")[0]
    assert [proto.op_type for proto in onnx.load(path).graph.node].count("Transpose") == 2
    x = random(2, 11, 7, 3)
    with OnnxRuntimeBackend().open(path, optimization=optimization) as model:
        np.testing.assert_allclose(model({"x": x})["y"], evaluate(graph, {"x": x})["y"], rtol=1e-5, atol=5e-6)
