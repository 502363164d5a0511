"""On CUDA: the same numbers as the operators compute, in full float32. Only where ONNX Runtime has CUDA."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_onnx import OnnxExporter
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from tests.onnx.nets import channels_first_net, channels_last_net, random

ort = pytest.importorskip("onnxruntime")
if "CUDAExecutionProvider" not in ort.get_available_providers():
    pytest.skip("ONNX Runtime without CUDA", allow_module_level=True)


def run(graph, feeds, tmp_path, **options):
    path = tmp_path / "m.onnx"
    OnnxExporter().save(graph, path, force=True)
    with OnnxRuntimeBackend().open(path, provider="cuda", **options) as model:
        return model.provider, model(feeds)


@pytest.mark.parametrize(
    ("graph", "shape"), [(channels_first_net(), (2, 3, 11, 7)), (channels_last_net(), (2, 11, 7, 3))]
)
def test_convolutional_nets(graph, shape, tmp_path):
    feeds = {"x": random(*shape)}
    provider, outputs = run(graph, feeds, tmp_path)
    assert "CUDAExecutionProvider" in provider
    for name, want in evaluate(graph, feeds).items():
        np.testing.assert_allclose(outputs[name], want, rtol=1e-4, atol=1e-5)


def large_product():
    b = Builder()
    x = b.input("x", "float32", ("n", 512))
    return b.graph([b.add("MatMul", [x, b.constant("w", random(512, 256))], "y")], {})


def error_of(tmp_path, **options):
    graph, feeds = large_product(), {"x": random(64, 512)}
    _, outputs = run(graph, feeds, tmp_path, **options)
    exact = evaluate(widen(graph), feeds)["y"]
    return float(np.abs(outputs["y"] - exact).max() / np.abs(exact).max())


def test_no_tensor_float_32_unless_asked_for(tmp_path):
    assert error_of(tmp_path) < 1e-5
    assert error_of(tmp_path, tf32=True) < 1e-2


def test_nodes_on_the_cpu_are_told(tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("n", 4))
    h = b.add("NonZero", [x], "h")  # its output's size depends on values
    y = b.add("Gather", [b.add("Shape", [h], "s"), b.constant("i", np.array([1]))], "y")
    provider, outputs = run(b.graph([y, h], {}), {"x": random(2, 4)}, tmp_path)
    assert outputs["y"].tolist() == [8]
    assert provider.startswith(f"ONNX Runtime {ort.__version__}, CUDAExecutionProvider")
