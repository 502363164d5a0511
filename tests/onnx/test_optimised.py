"""Models that ONNX Runtime's optimiser has written come in again, and compute the same."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter

from interchange.builder import Builder
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from interchange.graph import Graph
from tests.onnx.nets import channels_first_net, channels_last_net, random

LEVELS = ("ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


def transformer() -> Graph:
    """An embedding, a block with attention, and one with an activation: what the optimiser has most fusions for."""
    b = Builder()
    c = b.constant

    def dense(x: str, name: str, size: int, wide: int) -> str:
        return b.add(
            "Add",
            [b.add("MatMul", [x, c(f"{name}_w", 0.3 * random(wide, size))], f"{name}_mm"), c(name, random(size))],
            f"{name}_y",
        )

    def normal(x: str, name: str) -> str:
        return b.add("LayerNormalization", [x, c(f"{name}_g", 1 + random(12)), c(f"{name}_b", random(12))], name)

    ids = b.input("ids", "int64", ("batch", 5))
    x = b.add("Gather", [c("words", random(11, 12)), ids], "embedded")
    x = normal(b.add("Add", [x, c("places", random(5, 12))], "placed"), "norm0")
    heads = []
    for name in "qkv":
        y = b.add("Reshape", [dense(x, name, 12, 12), c(f"{name}_shape", np.array([0, 5, 3, 4]))], f"{name}_heads")
        heads.append(b.add("Transpose", [y], f"{name}_t", perm=(0, 2, 3, 1) if name == "k" else (0, 2, 1, 3)))
    scores = b.add("Div", [b.add("MatMul", heads[:2], "qk"), c("root", np.float32(2))], "scaled")
    y = b.add("MatMul", [b.add("Softmax", [scores], "weights", axis=-1), heads[2]], "seen")
    y = b.add("Transpose", [y], "turned", perm=(0, 2, 1, 3))
    y = b.add("Reshape", [y, c("flat", np.array([0, 5, 12]))], "joined")
    x = normal(b.add("Add", [dense(y, "o", 12, 12), x], "skip1"), "norm1")
    y = dense(x, "up", 20, 12)
    bell = b.add("Erf", [b.add("Div", [y, c("root2", np.float32(np.sqrt(2)))], "erf_in")], "erf")
    y = b.add("Mul", [y, b.add("Add", [bell, c("one", np.float32(1))], "erf1")], "twice")
    y = b.add("Mul", [y, c("half", np.float32(0.5))], "gelu")
    x = normal(b.add("Add", [dense(y, "down", 12, 20), x], "skip2"), "norm2")
    product = b.add("MatMul", [x, b.add("Transpose", [x], "xt", perm=(0, 2, 1))], "gram")
    return b.graph([b.add("Mul", [product, c("factor", np.float32(0.25))], "y")], {"name": "net"})


def bytes_between() -> Graph:
    """Convolutions, sums, pools and products between QuantizeLinear and DequantizeLinear."""
    b = Builder()
    c = b.constant

    def rounded(x: str, scale: float = 0.05) -> str:
        q = [c(f"{x}_scale", np.float32(scale)), c(f"{x}_zero", np.uint8(117))]
        return b.add("DequantizeLinear", [b.add("QuantizeLinear", [x, *q], f"{x}_q"), *q], f"{x}_dq")

    def weights(name: str, *shape: int) -> str:
        values = np.random.default_rng(3).integers(-64, 64, shape, np.int8)
        parameters = [c(f"{name}_scale", np.float32(0.02)), c(f"{name}_zero", np.int8(0))]
        return b.add("DequantizeLinear", [c(name, values), *parameters], f"{name}_dq")

    x = rounded(b.input("x", "float32", ("batch", 3, 12, 8)))
    h = rounded(b.add("Conv", [x, weights("k", 4, 3, 3, 3)], "conv", pads=(1, 1, 1, 1)))
    h = rounded(b.add("Add", [h, rounded(b.add("LeakyRelu", [h], "leaky", alpha=0.1))], "sum"), 0.1)
    h = rounded(b.add("Mul", [h, rounded(b.add("Sigmoid", [h], "gate"), 1 / 128)], "gated"), 0.1)
    h = rounded(b.add("AveragePool", [h], "pool", kernel_shape=(2, 2), strides=(2, 2)), 0.1)
    h = rounded(b.add("Concat", [h, h], "cat", axis=1), 0.1)
    h = rounded(b.add("GlobalAveragePool", [h], "mean"))
    h = b.add("Flatten", [h], "flat")
    return b.graph([b.add("MatMul", [h, weights("w", 8, 5)], "y")], {"name": "net"})


NETS = {
    "first": (channels_first_net, {"x": random(2, 3, 11, 7)}),
    "last": (channels_last_net, {"x": random(2, 11, 7, 3)}),
    "transformer": (transformer, {"ids": np.array([[1, 3, 5, 7, 9], [0, 2, 4, 6, 10]])}),
    "bytes": (bytes_between, {"x": random(2, 3, 12, 8)}),
}
FUSED = {
    "first": {"FusedConv"},
    "last": {"FusedConv"},
    "transformer": {"SkipLayerNormalization", "BiasGelu", "FusedMatMul"},
    "bytes": {"QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearAveragePool", "QLinearConcat"},
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("level", LEVELS)
def test_optimised_by_onnx_runtime(name, level, tmp_path):
    net, feeds = NETS[name]
    graph = net()
    path = OnnxExporter().save(graph, tmp_path / "net.onnx", selftest=False)[0]
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ops = {(node.domain, node.op_type) for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    if level == "ORT_ENABLE_EXTENDED":
        assert FUSED[name] <= {op for domain, op in ops if domain == "com.microsoft"}
    if any(domain == "com.microsoft.nchwc" for domain, _ in ops):
        with pytest.raises(Unsupported, match="IX301"):
            OnnxImporter().load(tmp_path / "optimised.onnx")
        return
    again = OnnxImporter().load(tmp_path / "optimised.onnx")
    assert list(again.inputs) == list(graph.inputs)
    assert again.outputs == graph.outputs
    expected, actual = evaluate(graph, feeds), evaluate(again, feeds)
    for output, want in expected.items():
        assert (actual[output].dtype, actual[output].shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(actual[output], want, rtol=1e-4, atol=0.11 if name == "bytes" else 1e-4)
