"""Networks from public repositories; skipped where they are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.evaluate import evaluate
from interchange.golden import case_input
from interchange.graph import every_node

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
NMP = MODELS / "basic-pitch/icassp_2022/nmp.onnx"
ULTRA_LIGHT = MODELS / "Ultra-Light-Fast-Generic-Face-Detector-1MB/models/onnx/version-RFB-320.onnx"
SILERO = MODELS / "silero-vad/silero_vad_16k_op15.onnx"


def present(path):
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    return path


def recognises(path):
    with path.open("rb") as file:
        return OnnxImporter().recognises(path, file.read(4096))


@pytest.mark.parametrize(
    ("path", "tolerance"), [(NMP, 1e-4), (ULTRA_LIGHT, 1e-5)], ids=lambda v: getattr(v, "name", "")
)
def test_computes_what_the_file_computes(path, tolerance, tmp_path):
    assert recognises(present(path))
    graph = OnnxImporter().load(path)
    shapes = {n: tuple(d if isinstance(d, int) else 2 for d in s.shape) for n, s in graph.inputs.items()}
    feeds = {name: case_input(k, "float32", shape) for k, (name, shape) in enumerate(shapes.items())}
    with OnnxRuntimeBackend().open(path) as original:
        expected = original(feeds)
    OnnxExporter().save(graph, tmp_path / "again.onnx", selftest=False)
    with OnnxRuntimeBackend().open(tmp_path / "again.onnx") as model:
        exported = model(feeds)
    computed = evaluate(graph, feeds)
    assert list(computed) == list(expected) == list(exported)
    for name, want in expected.items():
        np.testing.assert_allclose(computed[name], want, rtol=0, atol=tolerance)
        np.testing.assert_allclose(exported[name], want, rtol=0, atol=1e-6)


@pytest.mark.parametrize("path", [NMP, ULTRA_LIGHT, SILERO], ids=lambda path: path.name)
def test_what_the_optimiser_of_onnx_runtime_makes_of_them(path, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(present(path)), options, providers=["CPUExecutionProvider"])
    before, after = OnnxImporter().load(path), OnnxImporter().load(tmp_path / "optimised.onnx")
    sizes = {name: tuple(d if isinstance(d, int) else 2 for d in spec.shape) for name, spec in before.inputs.items()}
    if path is SILERO:
        sizes["input"] = (2, 512)
    feeds = {name: case_input(k, "float32", shape) for k, (name, shape) in enumerate(sizes.items())}
    if path is SILERO:
        feeds["sr"] = np.array(16000)
    for want, have in zip(evaluate(before, feeds).values(), evaluate(after, feeds).values(), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-4)


def test_control_flow_comes_in_and_runs_as_in_onnx_runtime():
    assert recognises(present(SILERO))
    graph = OnnxImporter().load(SILERO)
    assert sum(node.op == "If" for node in every_node(graph)) >= 3
    rng = np.random.default_rng(0)
    for rate, length in ((16000, 512), (8000, 256)):
        feeds = {
            "input": rng.normal(0, 0.1, (1, length)).astype(np.float32),
            "state": np.zeros((2, 1, 128), np.float32),
            "sr": np.array(rate),
        }
        session = onnxruntime.InferenceSession(SILERO, providers=["CPUExecutionProvider"])
        expected = session.run(None, feeds)
        for have, want in zip(evaluate(graph, feeds).values(), expected, strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["nmp/saved_model.pb", "nmp.tflite", "nmp.mlpackage/Data/com.apple.CoreML/model.mlmodel"]
)
def test_other_formats_of_the_same_model_are_not_taken_for_onnx(name):
    assert not recognises(present(NMP.parent / name))
