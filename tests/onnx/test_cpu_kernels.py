"""float64 and bfloat16 in ONNX Runtime on the CPU: every row of the operator table that has a lowering."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter
from interchange_onnx.cpu import LOWERINGS, MOVES
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.builder import Builder
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from interchange.graph import dtype_of
from tests.onnx.test_rows import graph_of
from tests.ops.table import TABLE, f

KEPT = {"Resize": (1, 2)}  # inputs that stay float32


def in_dtype(row, dtype):
    kept = KEPT.get(row.op, ())
    inputs = (
        x if x is None or x.dtype != np.float32 or i in kept else x.astype(dtype_of(dtype))
        for i, x in enumerate(row.inputs)
    )
    return replace(row, inputs=tuple(inputs))


def is_left(row):
    """Whether the operator stays as it is, for which there is one error."""
    pads = row.attributes
    return (
        (row.op == "AveragePool" and pads.get("ceil_mode"))
        or (row.op == "ConvTranspose" and pads.get("output_shape"))
        or (row.op == "BatchNormalization" and pads.get("training_mode"))
        or pads.get("keep_aspect_ratio_policy", "stretch") != "stretch"
        or pads.get("coordinate_transformation_mode") == "tf_crop_and_resize"
        or (row.op == "LayerNormalization" and row.outputs > 1)
    )


def floats(rows):
    return [row for row in rows if any(x is not None and x.dtype == np.float32 for x in row.inputs)]


WIDE = [row for row in floats(TABLE) if row.op in LOWERINGS and not is_left(row)]


def run(graph, feeds, path, **options):
    OnnxExporter().save(graph, path, selftest=False, **options)
    with OnnxRuntimeBackend().open(path) as model:
        return model(feeds)


def assert_near(made, graph, feeds, rtol):
    for name, want in evaluate(graph, feeds).items():
        assert (made[name].dtype, made[name].shape) == (want.dtype, want.shape)
        want = want.astype(np.float64)
        largest = np.abs(want[np.isfinite(want)]).max(initial=1e-30)
        np.testing.assert_allclose(made[name].astype(np.float64), want, rtol=rtol, atol=rtol * largest)


def test_every_lowering_has_a_row():
    assert {row.op for row in WIDE} == set(LOWERINGS)


@pytest.mark.parametrize("row", WIDE, ids=str)
def test_float64(row, tmp_path):
    graph, feeds = graph_of(in_dtype(row, "float64"))
    path = tmp_path / "row.onnx"
    made = run(graph, feeds, path)
    assert_near(made, graph, feeds, 1e-14)
    if "NHWC" not in row.attributes.values():
        assert_near(evaluate(OnnxImporter().load(path), feeds), graph, feeds, 1e-14)


NARROW = [
    *(row for row in floats(TABLE) if row.op in ("Add", "Conv", "MatMul", "Gemm", "Where", "ReduceMean", "Split")),
    *(row for row in floats(TABLE) if row.op in ("Softmax", "LSTM", "MaxPool", "Pad", "Clip", "TopK", "Resize")),
]


@pytest.mark.parametrize("row", NARROW, ids=str)
def test_bfloat16(row, tmp_path):
    graph, feeds = graph_of(in_dtype(row, "bfloat16"))
    exact = row.op in ("Add", "Where", "Split", "MaxPool", "Pad", "Clip", "TopK")
    assert_near(run(graph, feeds, tmp_path / "row.onnx"), graph, feeds, 0 if exact else 2.0**-6)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_in_the_body_of_a_loop(dtype, tmp_path):
    b = Builder()
    x, start = b.input("x", dtype, (2, 7)), b.input("start", dtype, (2,))
    w = b.constant("w", np.array([0.5, -0.25]).astype(dtype_of(dtype)))
    state, entry = b.begin_body([("state", start, None), ("entry", x, 1)])
    now = b.add("LeakyRelu", [b.add("Sub", [b.add("Mul", [state, w], "a"), entry], "b")], "c", alpha=0.1)
    body = b.end_body([now, b.add("Elu", [now], "d")])
    names = b.add_many("Scan", [start, x], ["last", "every"], body=body, num_scan_inputs=1, scan_input_axes=[1])
    graph = b.graph(names, {})
    feeds = {"x": f(2, 7).astype(dtype_of(dtype)), "start": f(2).astype(dtype_of(dtype))}
    made = run(graph, feeds, tmp_path / "m.onnx")
    assert_near(made, graph, feeds, 1e-14 if dtype == "float64" else 2.0**-6)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_operators_are_written_as_they_are_if_asked_for(dtype, tmp_path):
    b = Builder()
    graph = b.graph([b.add("Elu", [b.input("x", dtype, (2, 3))], "y")], {})
    path = tmp_path / "m.onnx"
    OnnxExporter().save(graph, path, selftest=False, cpu_kernels=False)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Elu"]
    with pytest.raises(Unsupported, match="no kernel for Elu"), OnnxRuntimeBackend().open(path):
        pass


def test_float32_is_left_alone(tmp_path):
    b = Builder()
    graph = b.graph([b.add("Elu", [b.input("x", "float32", (2, 3))], "y")], {})
    OnnxExporter().save(graph, tmp_path / "m.onnx", selftest=False)
    assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node] == ["Elu"]


def test_constants_of_bfloat16_are_widened_once(tmp_path):
    b = Builder()
    w = b.constant("w", f(3, 5).astype(dtype_of("bfloat16")))
    x = b.input("x", "bfloat16", (2, 3))
    graph = b.graph([b.add("MatMul", [x, w], "y"), b.add("MatMul", [x, w], "z")], {})
    OnnxExporter().save(graph, tmp_path / "m.onnx", selftest=False)
    model = onnx.load(tmp_path / "m.onnx").graph
    assert [node.op_type for node in model.node] == ["Cast", "MatMul", "Cast", "MatMul", "Cast"]
    assert [tensor.data_type for tensor in model.initializer] == [onnx.TensorProto.FLOAT]


@pytest.mark.parametrize("row", [row for row in floats(TABLE) if row.op in MOVES and row.op != "Cast"], ids=str)
def test_moving_is_done_in_bfloat16(row, tmp_path):
    graph, feeds = graph_of(in_dtype(row, "bfloat16"))
    assert_near(run(graph, feeds, tmp_path / "m.onnx"), graph, feeds, 0)
    assert "Cast" not in [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_sizes_that_are_not_known(interpolation, tmp_path):
    """Whole repetitions need no sizes; weights do."""
    b = Builder()
    x = b.input("x", "float64", (None, None, 7, 3))
    scales = b.constant("scales", np.array([1, 2, 3, 1], np.float32))
    options = {"mode": interpolation, "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    graph = b.graph([b.add("Resize", [x, "", scales], "y", **options)], {})
    feeds = {"x": f(2, 11, 7, 3).astype(np.float64)}
    if interpolation == "nearest":
        assert_near(run(graph, feeds, tmp_path / "m.onnx"), graph, feeds, 0)
    else:
        with pytest.raises(Unsupported, match="no kernel for Resize"):
            run(graph, feeds, tmp_path / "m.onnx")


@pytest.mark.parametrize("op", ["Conv", "AveragePool"])
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_automatic_pads_of_sizes_that_are_not_known(op, auto_pad, tmp_path):
    b = Builder()
    x = b.input("x", "float64", (None, None, None, 3))
    options = {"auto_pad": auto_pad, "strides": [2, 3], "layout": "NHWC"}
    options |= {"kernel_shape": [3, 2]} if op == "AveragePool" else {}
    inputs = [x] if op == "AveragePool" else [x, b.constant("w", f(3, 2, 3, 5).astype(np.float64))]
    graph = b.graph([b.add(op, inputs, "y", **options)], {})
    for height, width in ((11, 7), (8, 9)):
        feeds = {"x": f(2, height, width, 3).astype(np.float64)}
        assert_near(run(graph, feeds, tmp_path / f"{height}.onnx"), graph, feeds, 1e-14)
