"""On CUDA: the same numbers as the operators compute, in full float32. Only where ONNX Runtime has CUDA.

The operator table, ONNX's conformance suite and small networks. A case that ONNX Runtime's own CPU kernels fail, too,
says nothing about CUDA and counts as an expected failure; what CUDA alone gets wrong is listed in FAULTS.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from interchange_onnx import OnnxExporter
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.builder import Builder
from interchange.errors import Unsupported
from interchange.evaluate import evaluate, widen
from tests.conformance.suite import SUITES, assert_same, cases
from tests.conformance.test_onnx_backend import is_excluded
from tests.onnx.nets import channels_first_net, channels_last_net, random
from tests.onnx.test_rows import assert_same as assert_row_same
from tests.onnx.test_rows import graph_of
from tests.ops.table import TABLE

ort = pytest.importorskip("onnxruntime")
if "CUDAExecutionProvider" not in ort.get_available_providers():
    pytest.skip("ONNX Runtime without CUDA", allow_module_level=True)

# Pattern of names of rows and conformance cases -> what ONNX Runtime 1.31.1 does on CUDA.
FAULTS = {
    r"Pow\(": "a power of integers is cut off, not rounded: 2 for 2.9999",
    r"Sign\(": "the sign of NaN is 0",
    r"Reduce.*noop_with_empty_axes": "without axes it is the identity",
    "test_reduce_log_sum(_exp)?_empty_set$": "the logarithm of an empty sum is 0, not -inf",
    r"(Quantize|Dequantize)Linear.*block_size|test_(de)?quantizelinear_blocked": "it refuses blocks",
    r"MatMulInteger\(": "it refuses a zero point for each column",
    "(test_)?[Aa]ttention.*qk_matmul": "it refuses what it cannot return",
    "test_attention.*_expanded": "a row that is masked throughout is NaN",
    r"Resize\(.*linear.*tf_crop_and_resize": "it takes no part of the picture",
    "test_(einsum|scan9)_scalar": "it refuses scalars",
}


def run(graph, feeds, tmp_path, *, provider="cuda", selftest=False, **options):
    path = tmp_path / "m.onnx"
    OnnxExporter().save(graph, path, force=True, selftest=selftest)
    with OnnxRuntimeBackend().open(path, provider=provider, **options) as model:
        return model.provider, model(feeds)


def judge(name, graph, sets, tmp_path, same):
    """`same(outputs, wanted)` has to hold on CUDA for each of (feeds, wanted), unless it does not on the CPU either."""
    for feeds, wanted in sets:
        try:
            same(run(graph, feeds, tmp_path)[1], wanted)
        except Unsupported as error:
            pytest.skip(f"{error.code}: {error.what}")
        except Exception as fault:
            try:
                same(run(graph, feeds, tmp_path, provider="cpu")[1], wanted)
            except Exception:
                pytest.xfail(f"on the CPU, too: {fault!r:.200}")
            if reason := next((why for pattern, why in FAULTS.items() if re.match(pattern, name)), None):
                pytest.xfail(reason)
            raise


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_row(row, tmp_path):
    graph, feeds = graph_of(row)
    judge(str(row), graph, [(feeds, evaluate(graph, feeds))], tmp_path, assert_row_same)


@pytest.mark.parametrize(
    "case", [case for suite in SUITES for case in cases(suite).values() if not is_excluded(case.name)], ids=str
)
def test_conformance(case, tmp_path):
    def same(outputs, wanted):
        assert len(outputs) == len(wanted)
        for have, want in zip(outputs.values(), wanted, strict=True):
            half = getattr(want, "dtype", None) == np.float16  # one step of float16: it adds in another order
            assert_same(have, want, max(case.rtol, 2e-3 if half else 1e-4), max(case.atol, 1e-5))

    graph = case.graph()
    sets = [(dict(zip(graph.inputs, inputs, strict=False)), wanted) for inputs, wanted in case.data()]
    judge(case.name, graph, sets, tmp_path, same)


@pytest.mark.parametrize(
    ("graph", "shape"), [(channels_first_net(), (2, 3, 11, 7)), (channels_last_net(), (2, 11, 7, 3))]
)
def test_convolutional_nets(graph, shape, tmp_path):
    feeds = {"x": random(*shape)}
    provider, outputs = run(graph, feeds, tmp_path, selftest=True)
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
