"""Every row of the operator table, exported and run: what ONNX Runtime computes is what the operator computes."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter
from interchange_onnxruntime import OnnxRuntimeBackend
from onnx.reference import ReferenceEvaluator

from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec
from tests.ops.table import TABLE, Row

CONSTANT_FROM = 1  # all inputs but the first are constants, as in trained networks


def graph_of(row: Row, *, constant_from: int = CONSTANT_FROM, **attributes) -> tuple[Graph, dict[str, np.ndarray]]:
    names = tuple(f"x{i}" if x is not None else "" for i, x in enumerate(row.inputs))
    values = {f"x{i}": x for i, x in enumerate(row.inputs) if x is not None}
    feeds = {name: x for i, (name, x) in enumerate(values.items()) if i < constant_from}
    node = Node(row.op, names, tuple(f"y{i}" for i in range(row.outputs)), {**row.attributes, **attributes}, row.op)
    inputs = {name: TensorSpec(x.dtype.name, x.shape) for name, x in feeds.items()}
    constants = {name: x for name, x in values.items() if name not in feeds}
    return Graph(inputs, node.outputs, (node,), constants), feeds


def run_onnx(path, feeds):
    """The outputs by ONNX Runtime, or by ONNX's reference where ONNX Runtime lacks the kernel or the opset."""
    try:
        if any(x.dtype.kind not in "fiubO" for x in feeds.values()):
            raise Unsupported("IX301", "ONNX Runtime's Python binding does not take this dtype.")
        with OnnxRuntimeBackend().open(path) as model:
            return model(feeds)
    except Unsupported:
        evaluator = ReferenceEvaluator(str(path))
        return dict(zip(evaluator.output_names, evaluator.run(None, feeds), strict=True))


def assert_same(actual, expected, rtol=1e-4, atol=1e-5):
    assert list(actual) == list(expected)
    for name, want in expected.items():
        have = np.asarray(actual[name])
        if want.dtype.kind not in "fiubO":  # ONNX Runtime gives the bits of small floats
            have = have.view(want.dtype) if have.dtype != want.dtype else have
            have, want = have.astype(np.float32), want.astype(np.float32)
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(have, want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("constant_from", [1, 9], ids=["constants", "inputs"])
@pytest.mark.parametrize("row", TABLE, ids=str)
def test_row(row, constant_from, tmp_path):
    graph, feeds = graph_of(row, constant_from=constant_from)
    selftest = constant_from == 1  # the rule of golden inputs makes no sense of axes and sizes
    (path,) = OnnxExporter().save(graph, tmp_path / "row.onnx", selftest=selftest)
    assert_same(run_onnx(path, feeds), evaluate(graph, feeds))
    if "NHWC" not in row.attributes.values():
        again = OnnxImporter().load(path)
        assert_same(evaluate(again, feeds), evaluate(graph, feeds), rtol=1e-6, atol=1e-7)
