"""Export: the same numbers under ONNX Runtime, the lowest opset, deterministic bytes, names, external data."""

from __future__ import annotations

import json
import os

import numpy as np
import onnx
import pytest
from interchange_onnx import GOLDEN_KEY, OnnxExporter, OnnxImporter
from interchange_onnx.encode import lowered
from interchange_onnx.layout import channels_first
from interchange_onnx.versions import PIN
from interchange_onnxruntime import OnnxRuntimeBackend
from onnx import defs

from interchange import ops
from interchange.builder import Builder
from interchange.errors import BadInput, Unsupported
from interchange.evaluate import evaluate
from interchange.golden import case_inputs, check_case
from interchange.graph import Graph, Node, TensorSpec, equal
from tests.onnx.nets import channels_first_net, channels_last_net, random


def save(graph, tmp_path, **options):
    path = tmp_path / "model.onnx"
    OnnxExporter().save(graph, path, force=True, **options)
    return path


def run(path, feeds, **options):
    with OnnxRuntimeBackend().open(path, **options) as model:
        return model(feeds)


def small(op, *inputs, outputs=1, **attributes):
    """A graph of one node; arrays are constants, (dtype, shape) are inputs."""
    b = Builder()
    names = []
    for i, value in enumerate(inputs):
        if value is None:
            names.append("")
        elif isinstance(value, tuple):
            names.append(b.input(f"x{i}", *value))
        else:
            names.append(b.constant(f"c{i}", value))
    made = b.add_many(op, names, [f"y{i}" for i in range(outputs)], **attributes)
    return b.graph(made, {})


def opset_of(path):
    model = onnx.load(path, load_external_data=False)
    return model.opset_import[0].version


def test_the_pin_is_the_newest_opset_of_onnx():
    assert defs.onnx_opset_version() >= PIN


# --- layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(11, 7), (12, 9), (14, 8)])
@pytest.mark.parametrize("optimization", ["all", "disable"])
def test_channels_last_net(height, width, optimization, tmp_path):
    graph = channels_last_net(height=height, width=width)
    feeds = {"x": random(2, height, width, 3)}
    expected = evaluate(graph, feeds)
    for name, y in evaluate(channels_first(graph), feeds).items():
        np.testing.assert_allclose(y, expected[name], rtol=1e-5, atol=1e-5)
    outputs = run(save(graph, tmp_path), feeds, optimization=optimization)
    assert list(outputs) == list(expected)
    for name, y in outputs.items():
        np.testing.assert_allclose(y, expected[name], rtol=1e-4, atol=1e-5)


def test_few_transposes_are_left():
    nodes = channels_first(channels_last_net()).nodes
    transposed = [node.outputs[0] for node in nodes if node.op == "Transpose"]
    assert transposed == ["x_nchw", "avg", "small", "up"]


def test_constants_keep_their_names_and_kernels_are_turned():
    graph = channels_first(channels_last_net())
    assert graph.constants["kernel"].shape == (8, 3, 3, 2)
    assert graph.constants["tkernel"].shape == (16, 4, 3, 3)
    assert graph.constants["scale"].shape == (1, 8, 1, 1)


def test_a_graph_without_nhwc_is_left_alone():
    graph = channels_first_net()
    assert channels_first(graph) is graph


def test_a_constant_in_two_forms():
    b = Builder()
    x = b.input("x", "float32", ("n", 3, 9, 2))
    k = b.constant("k", random(2, 2, 2, 2))
    y = b.add("Conv", [x, k], "y", layout="NHWC")
    z = b.add("Conv", [y, k], "z")  # as it is, too
    graph = b.graph([z], {})
    feeds = {"x": random(2, 3, 9, 2)}
    np.testing.assert_allclose(
        evaluate(channels_first(graph), feeds)["z"], evaluate(graph, feeds)["z"], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("rank", [3, 5])
def test_one_and_three_spatial_dimensions(rank, tmp_path):
    b = Builder()
    spatial = (9, 8, 7)[: rank - 2]
    x = b.input("x", "float32", ("n", *spatial, 3))
    h = b.add("Conv", [x, b.constant("k", random(*(2,) * (rank - 2), 3, 4))], "h", layout="NHWC")
    h = b.add("MaxPool", [h], "p", kernel_shape=(2,) * (rank - 2), layout="NHWC")
    y = b.add("GlobalAveragePool", [h], "y", layout="NHWC")
    graph = b.graph([y, h], {})
    feeds = {"x": random(2, *spatial, 3)}
    outputs = run(save(graph, tmp_path), feeds)
    for name, want in evaluate(graph, feeds).items():
        np.testing.assert_allclose(outputs[name], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("axes_first", [True, False])
def test_one_constant_as_starts_and_as_axes(axes_first, dtype, tmp_path):
    b = Builder()
    x = b.input("x", "float32", (3, 5, 4, 2))
    pooled = b.add("MaxPool", [x], "pooled", kernel_shape=(1, 1), layout="NHWC")
    shared = b.constant("shared", np.array([1, 2], dtype))
    zero, ends = b.constant("zero", np.array([0, 1], dtype)), b.constant("ends", np.array([9, 9], dtype))
    slices = [([pooled, zero, ends, shared], "with_axes"), ([pooled, shared, ends], "without_axes")]
    for inputs, name in slices if axes_first else slices[::-1]:
        b.add("Slice", inputs, name)
    graph = b.graph(["with_axes", "without_axes"], {})
    feeds = {"x": random(3, 5, 4, 2)}
    outputs = run(save(graph, tmp_path), feeds)
    again = evaluate(OnnxImporter().load(tmp_path / "model.onnx"), feeds)
    for name, want in evaluate(graph, feeds).items():
        np.testing.assert_array_equal(outputs[name], want)
        np.testing.assert_array_equal(again[name], want)


def test_a_rank_that_cannot_be_found_out(tmp_path, monkeypatch):
    def fail(graph):
        raise BadInput("IX211", "The shapes do not fit.")

    monkeypatch.setattr("interchange_onnx.specs.infer", fail)
    nodes = (
        Node("Reshape", ("x", "shape"), ("h",)),
        Node("GlobalAveragePool", ("h",), ("y",), {"layout": "NHWC"}, "gap"),
    )
    inputs = {"x": TensorSpec("float32", (2, 8)), "shape": TensorSpec("int64", (4,))}
    with pytest.raises(Unsupported, match="`interchange show`"):
        save(Graph(inputs, ("y",), nodes), tmp_path, selftest=False)


# --- round trip -----------------------------------------------------------------------------------------------------


def test_a_channels_first_graph_comes_back(tmp_path):
    graph = channels_first_net()
    again = OnnxImporter().load(save(graph, tmp_path))
    assert equal(graph, again)
    assert again.metadata["name"] == "net"
    assert again.metadata["format"] == "onnx"


def test_a_channels_last_graph_computes_the_same(tmp_path):
    graph = channels_last_net()
    again = OnnxImporter().load(save(graph, tmp_path))
    feeds = {"x": random(2, 11, 7, 3)}
    assert again.metadata["labels"] == graph.metadata["labels"]
    assert equal(again, OnnxImporter().load(save(again, tmp_path)))
    for name, y in evaluate(again, feeds).items():
        np.testing.assert_allclose(y, evaluate(graph, feeds)[name], rtol=1e-5, atol=1e-5)


def test_same_bytes_each_time(tmp_path):
    one = save(channels_last_net(), tmp_path).read_bytes()
    assert one == save(channels_last_net(), tmp_path).read_bytes()


def test_golden_case_in_the_file(tmp_path):
    path = save(channels_last_net(), tmp_path)
    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    case = json.loads(properties[GOLDEN_KEY])
    assert check_case(case, run(path, case_inputs(case))) == []
    assert GOLDEN_KEY not in OnnxImporter().load(path).metadata
    without = onnx.load(save(channels_last_net(), tmp_path, selftest=False))
    assert GOLDEN_KEY not in {entry.key for entry in without.metadata_props}


def test_outputs_have_shapes_and_names_of_dimensions(tmp_path):
    model = onnx.load(save(channels_first_net(), tmp_path))
    (output,) = model.graph.output
    batch, classes = output.type.tensor_type.shape.dim
    assert (batch.dim_param, classes.dim_value) == ("batch", 4)
    assert [node.name for node in model.graph.node] == ["conv", "act", "gap", "flat", "y"]
    assert model.graph.node[0].doc_string == "conv (Conv)"


# --- opsets ---------------------------------------------------------------------------------------------------------

IMAGE = ("float32", ("n", 3, 8, 8))


@pytest.mark.parametrize(
    ("graph", "opset"),
    [
        (small("Relu", IMAGE), 13),
        (small("Softmax", IMAGE, axis=1), 13),
        (small("Resize", IMAGE, None, np.array([1, 1, 2, 2], np.float32)), 13),
        (small("Resize", IMAGE, None, np.array([2, 2], np.float32), axes=(2, 3)), 18),
        (small("Resize", IMAGE, None, np.array([1, 1, 2, 2], np.float32), antialias=0), 13),
        (small("Resize", IMAGE, None, np.array([1, 1, 0.5, 0.5], np.float32), mode="linear", antialias=1), 18),
        (small("ReduceMean", IMAGE), 13),
        (small("ReduceMean", IMAGE, np.array([2, 3])), 13),
        (small("ReduceL1", IMAGE, np.array([2, 3]), keepdims=0), 13),
        (small("ReduceMax", IMAGE, np.array([-1]), noop_with_empty_axes=1), 13),
        (small("ReduceMax", IMAGE, np.zeros(0, np.int64)), 13),
        (small("ReduceMax", IMAGE, np.zeros(0, np.int64), noop_with_empty_axes=1), 18),
        (small("ReduceMax", ("bool", ("n", 3, 8, 8)), np.array([1])), 20),
        (small("ReduceMin", IMAGE, ("int64", (2,))), 18),
        (small("ReduceSum", IMAGE, np.array([2, 3])), 13),
        (small("AveragePool", IMAGE, kernel_shape=(3, 3)), 13),
        (small("AveragePool", IMAGE, kernel_shape=(3, 3), dilations=(1, 2)), 19),
        (small("AveragePool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1), 22),
        (small("MaxPool", IMAGE, kernel_shape=(3, 3), ceil_mode=1), 22),
        (small("GroupNormalization", IMAGE, np.ones(3, "f4"), np.zeros(3, "f4"), num_groups=3), 21),
        (small("LayerNormalization", IMAGE, np.ones(8, "f4"), np.zeros(8, "f4")), 17),
        (small("Gelu", IMAGE), 20),
        (small("Mish", IMAGE), 18),
        (small("HardSwish", IMAGE), 14),
        (small("Pad", IMAGE, np.array([0, 0, 1, 1, 0, 0, 1, 1])), 13),
        (small("Pad", IMAGE, np.array([1, 1, 1, 1]), None, np.array([2, 3])), 18),
        (small("Pad", IMAGE, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="wrap"), 19),
        (small("Cast", IMAGE, to="int32"), 13),
        (small("Cast", IMAGE, to="float8_e4m3fn"), 19),
        (small("Equal", IMAGE, IMAGE), 13),
        (small("Reshape", IMAGE, np.array([0, -1])), 13),
        (small("Reshape", IMAGE, np.array([0, -1]), allowzero=0), 13),
        (small("Add", ("int8", (3,)), ("int8", (3,))), 14),
        (small("Add", ("int32", (3,)), ("int32", (3,))), 13),
        (small("Relu", ("int32", (3,))), 14),
        (small("Split", IMAGE, outputs=2, axis=2, num_outputs=2), 18),
        (small("Split", IMAGE, np.array([3, 5]), outputs=2, axis=2), 13),
        (small("Shape", IMAGE, start=1), 15),
        (small("BatchNormalization", IMAGE, *(np.ones(3, "f4"),) * 4), 13),
        (small("Mod", IMAGE, IMAGE, fmod=1), 13),
        (small("Mod", IMAGE, IMAGE), 28),
        (small("Trilu", IMAGE), 14),
        (small("Swish", IMAGE), 24),
    ],
    ids=lambda value: str(value.nodes[-1])[:60] if isinstance(value, Graph) else str(value),
)
def test_lowest_opset(graph, opset, tmp_path):
    assert opset_of(save(graph, tmp_path)) == opset


def test_the_opset_of_a_model_is_the_highest_that_a_node_needs(tmp_path):
    b = Builder()
    h = b.add("Relu", [b.input("x", "float32", (2, 3))], "h")
    y = b.add("Gelu", [h], "y")
    path = save(b.graph([y], {}), tmp_path)
    assert (opset_of(path), onnx.load(path).ir_version) == (20, 9)


@pytest.mark.parametrize("opset", [11, 13, 15, 18, 21, 25])
def test_a_chosen_opset(opset, tmp_path):
    graph = channels_first_net()
    path = save(graph, tmp_path, opset=opset)
    assert opset_of(path) == opset
    feeds = {"x": random(2, 3, 11, 7)}
    np.testing.assert_allclose(run(path, feeds)["y"], evaluate(graph, feeds)["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("external_over", [10**9, 0])
def test_a_lower_opset_by_rewriting(external_over, tmp_path):
    b = Builder()
    h = b.add(
        "Conv", [b.input("x", "float32", ("n", 11, 9, 3)), b.constant("k", random(3, 3, 3, 50))], "h", layout="NHWC"
    )
    y = b.add("ReduceMean", [h, b.constant("axes", np.array([1, 2]))], "y", keepdims=0)
    graph = b.graph([y], {"name": "net", "labels": "[]"})
    path = save(graph, tmp_path, opset=13, external_over=external_over)
    model = onnx.load(path)
    assert (opset_of(path), model.ir_version, model.producer_name) == (13, 7, "interchange")
    assert {entry.key for entry in model.metadata_props} == {"name", "labels", GOLDEN_KEY}
    feeds = {"x": random(2, 11, 9, 3)}
    np.testing.assert_allclose(run(path, feeds)["y"], evaluate(graph, feeds)["y"], rtol=1e-5, atol=1e-5)
    assert OnnxImporter().load(path).outputs == ("y",)


REDUCTIONS = sorted(op for op in ops.OPERATORS if op.startswith("Reduce"))


@pytest.mark.parametrize(
    ("op", "opset", "axes", "attributes"),
    [
        *((op, 13, (-1, 1), {"keepdims": 0}) for op in REDUCTIONS),
        ("ReduceMean", 13, (), {}),
        ("ReduceSum", 11, (2,), {}),
        ("Squeeze", 11, (1,), {}),
        ("Unsqueeze", 11, (1, -1), {}),
    ],
)
def test_axes_are_attributes_in_opsets_that_want_them_so(op, opset, axes, attributes, tmp_path):
    x = np.abs(random(2, 1, 5, 7)) if op == "Squeeze" else np.abs(random(2, 3, 5, 7))
    node = Node(op, ("x", "axes"), ("y",), attributes)
    graph = Graph({"x": TensorSpec("float32", ("n", *x.shape[1:]))}, ("y",), (node,), {"axes": np.array(axes, int)})
    path = save(graph, tmp_path, opset=opset)
    model = onnx.load(path)
    assert opset_of(path) == opset
    assert [len(proto.input) for proto in model.graph.node] == [2 if op == "ReduceSum" and opset == 13 else 1]
    expected = evaluate(graph, {"x": x})["y"]
    np.testing.assert_allclose(run(path, {"x": x})["y"], expected, rtol=1e-5)
    again = OnnxImporter().load(path)
    np.testing.assert_array_equal(evaluate(again, {"x": x})["y"], expected)
    assert [(node.op, dict(node.attributes)) for node in again.nodes] == [(op, attributes)]


def test_an_opset_that_cannot_be_had_names_the_operators(tmp_path):
    with pytest.raises(Unsupported) as error:
        save(small("Gelu", IMAGE), tmp_path, opset=15)
    assert error.value.code == "IX303"
    assert "Gelu needs opset 20" in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("graph", "opset"),
    [
        (small("GroupNormalization", IMAGE, np.ones(3, "f4"), np.zeros(3, "f4"), num_groups=3), 18),
        (small("AveragePool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1), 18),
        (small("Mod", IMAGE, IMAGE), 25),
        (small("Pad", IMAGE, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="wrap"), 13),
        (small("Resize", IMAGE, None, np.array([1, 1, 0.5, 0.5], np.float32), mode="linear", antialias=1), 13),
        (small("Swish", IMAGE), 13),
    ],
    ids=lambda value: value.nodes[-1].op if isinstance(value, Graph) else str(value),
)
def test_no_opset_in_which_it_would_mean_something_else(graph, opset, tmp_path):
    with pytest.raises(Unsupported, match="IX303"):
        save(graph, tmp_path, opset=opset)


@pytest.mark.parametrize("opset", [0, 6, 29, "13", 13.5])
def test_an_opset_that_is_none(opset, tmp_path):
    with pytest.raises(BadInput, match="IX103"):
        save(small("Relu", IMAGE), tmp_path, opset=opset)


# --- names, signatures, what cannot be written ----------------------------------------------------------------------

HOSTILE = [
    "",
    " ",
    "a b",
    'x"; import os',
    "../../etc/passwd",
    "\x00",
    "\n",
    "名前",
    "a" * 5000,
    "{0}",
    "%s",
    "😀",
    "0",
]


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_names_stay_as_they_are(name, tmp_path):
    b = Builder()
    x = b.input(name, "float32", (name, 2))
    y = b.add(
        "Conv",
        [
            b.add("Unsqueeze", [x, b.constant(name + "c", np.array([1]))], name + "1"),
            b.constant(name + "k", random(1, 2, 4)),
        ],
        name + "y",
        layout="NHWC",
        source=name,
    )
    graph = b.graph([y], {"name": name, name: name})
    path = save(graph, tmp_path)
    feeds = {name: random(3, 2)}
    assert list(run(path, feeds)) == [name + "y"]
    again = OnnxImporter().load(path)
    assert list(again.inputs) == [name]
    assert again.outputs == (name + "y",)


def test_outputs_that_nothing_computes(tmp_path):
    constant = random(3)
    graph = Graph({"x": TensorSpec("float32", ("n",))}, ("x", "c"), (), {"c": constant})
    outputs = run(save(graph, tmp_path), {"x": random(4)})
    assert list(outputs) == ["x", "c"]
    np.testing.assert_array_equal(outputs["x"], random(4))
    np.testing.assert_array_equal(outputs["c"], constant)


def test_all_that_onnx_lacks_in_one_error(tmp_path, monkeypatch):
    from interchange import ops

    monkeypatch.setattr(ops, "exists", lambda op: True)
    monkeypatch.setattr(ops, "call_faults", lambda *call: ())
    nodes = (Node("acme.Warp", ("x",), ("a",), {}, "warp_1"), Node("Frobnicate", ("a",), ("b",), {}, "frob"))
    graph = Graph({"x": TensorSpec("float32", (2,))}, ("b",), nodes)
    with pytest.raises(Unsupported) as error:
        OnnxExporter().save(graph, tmp_path / "m.onnx", selftest=False)
    assert error.value.code == "IX303"
    assert "warp_1: acme.Warp" in str(error.value)
    assert "frob: Frobnicate" in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["int64", "int8", "bool"])
@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        ("Conv", [(1, 2, 5), (3, 2, 2)]),
        ("BatchNormalization", [(2, 3), *[(3,)] * 4]),
        ("Softmax", [(2, 3)]),
        ("Sigmoid", [(2, 3)]),
    ],
)
def test_a_dtype_that_an_operator_of_onnx_does_not_take(op, shapes, dtype, tmp_path):
    names = tuple(f"x{i}" for i in range(len(shapes)))
    constants = {name: np.ones(shape, dtype) for name, shape in zip(names[1:], shapes[1:], strict=True)}
    graph = Graph({"x0": TensorSpec(dtype, shapes[0])}, ("y",), (Node(op, names, ("y",), {}, "layer"),), constants)
    with pytest.raises(Unsupported) as error:
        save(graph, tmp_path)
    assert error.value.code == "IX303"
    assert f"layer: {op} of ONNX takes no {dtype}" in str(error.value)
    assert "report" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_inputs_of_different_dtypes(tmp_path):
    nodes = (Node("Gemm", ("x", "w"), ("y",), {}, "dense"),)
    graph = Graph({"x": TensorSpec("float64", (2, 3))}, ("y",), nodes, {"w": random(3, 4)})
    with pytest.raises(Unsupported) as error:
        save(graph, tmp_path)
    assert error.value.code == "IX303"
    assert "dense: Gemm of ONNX takes inputs of one dtype, and these are float64, float32" in str(error.value)


def test_an_existing_file_is_kept(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_text("mine")
    with pytest.raises(BadInput, match="IX102"):
        OnnxExporter().save(small("Relu", IMAGE), path)
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_a_graph_whose_shapes_cannot_be_inferred(tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("n", 4))
    shape = b.input("shape", "int64", (2,))
    graph = Graph(
        {"x": TensorSpec("float32", ("n", 4)), "shape": TensorSpec("int64", (2,))},
        ("y",),
        (Node("Reshape", (x, shape), ("y",)),),
    )
    path = save(graph, tmp_path, selftest=False)
    assert run(path, {"x": random(2, 4), "shape": np.array([4, 2])})["y"].shape == (4, 2)


# --- external data --------------------------------------------------------------------------------------------------


def _is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def test_external_data(tmp_path):
    graph = channels_last_net()
    feeds = {"x": random(2, 11, 7, 3)}
    paths = OnnxExporter().save(graph, tmp_path / "m.onnx", external_over=0)
    assert [path.name for path in paths] == ["m.onnx", "m.onnx.data"]
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.data"]
    outputs = run(paths[0], feeds)
    again = OnnxImporter().load(paths[0])
    assert any(_is_mapped(array) for array in again.constants.values())
    for name, want in evaluate(graph, feeds).items():
        np.testing.assert_allclose(outputs[name], want, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(evaluate(again, feeds)[name], want, rtol=1e-4, atol=1e-5)
    first = [path.read_bytes() for path in paths]
    OnnxExporter().save(graph, tmp_path / "m.onnx", external_over=0, force=True)
    assert first == [path.read_bytes() for path in paths]


# --- faults of runtimes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    "pool", [{}, {"pads": (1, 1, 1, 1)}, {"ceil_mode": 1, "strides": (2, 2)}, {"auto_pad": "SAME_UPPER"}]
)
def test_zeros_padded_before_a_max_pool_stay_zeros(pool, layout, tmp_path):
    b = Builder()
    x = b.input("x", "float32", (1, 6, 7, 2) if layout == "NHWC" else (1, 2, 6, 7))
    pads = [0, 1, 1, 0] * 2 if layout == "NHWC" else [0, 0, 1, 1] * 2
    h = b.add("Pad", [x, b.constant("pads", np.array(pads))], "h")
    y = b.add("MaxPool", [h], "y", kernel_shape=(3, 3), layout=layout, **pool)
    graph = b.graph([y], {})
    feeds = {"x": -np.ones(tuple(graph.inputs["x"].shape), np.float32)}
    want = evaluate(graph, feeds)["y"]
    assert (want == 0).any()
    np.testing.assert_array_equal(run(save(graph, tmp_path), feeds)["y"], want)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
def test_dilations_with_automatic_pads(op, auto_pad, tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("n", 9, None, 3))
    common = {"layout": "NHWC", "auto_pad": auto_pad, "dilations": (2, 2)}
    if op == "Conv":
        y = b.add(op, [x, b.constant("k", random(3, 4, 3, 2))], "y", **common)
    else:
        y = b.add(op, [x], "y", kernel_shape=(3, 4), **common)
    graph = b.graph([y], {})
    feeds = {"x": random(2, 9, 8, 3)}
    want = evaluate(graph, feeds)["y"]
    np.testing.assert_allclose(run(save(graph, tmp_path), feeds)["y"], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool"])
def test_automatic_pads_of_all_sizes(op, auto_pad, is_known, tmp_path):
    """Sizes 5 to 20 by kernels 1 to 4 by strides 1 to 5; where the sizes are known, as many models."""
    for kernel, stride, size in np.ndindex(4, 5, 1 if not is_known else 16):
        width = size + 5 if is_known else None
        b = Builder()
        x = b.input("x", "float32", (1, 2, width))
        common = {"auto_pad": auto_pad, "strides": (stride + 1,)}
        if "Conv" in op:
            y = b.add(op, [x, b.constant("k", random(2, 2, kernel + 1))], "y", **common)
        else:
            y = b.add(op, [x], "y", kernel_shape=(kernel + 1,), **common)
        graph = b.graph([y], {})
        path = save(graph, tmp_path, selftest=False)
        with OnnxRuntimeBackend().open(path) as model:
            for n in [width] if is_known else range(5, 21):
                feeds = {"x": random(1, 2, n)}
                want = evaluate(graph, feeds)["y"]
                np.testing.assert_allclose(model(feeds)["y"], want, rtol=1e-5, atol=1e-5, err_msg=str(common))


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("height", [11, None])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 2)])
def test_automatic_pads_that_differ_by_axis(dilations, height, auto_pad, tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("n", height, None, 2))
    common = {"layout": "NHWC", "auto_pad": auto_pad, "strides": (2, 7), "dilations": dilations}
    conv = b.add("Conv", [x, b.constant("k", random(4, 3, 2, 3))], "conv", **common)
    pool, where = b.add_many("MaxPool", [x], ["pool", "where"], kernel_shape=(4, 3), **common)
    mean = b.add("AveragePool", [x], "mean", kernel_shape=(3, 3), count_include_pad=1, **common)
    graph = b.graph([conv, pool, where, mean], {})
    path = save(graph, tmp_path)
    for width in range(6, 21):
        feeds = {"x": random(2, 11, width, 2)}
        outputs = run(path, feeds)
        for name, want in evaluate(graph, feeds).items():
            if name == "where":  # channels first: another numbering
                continue
            np.testing.assert_allclose(outputs[name], want, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("op", "gates", "outputs"), [("RNN", 1, 2), ("GRU", 3, 2), ("LSTM", 4, 3)])
def test_recurrent_layers_with_the_batch_first(op, gates, outputs, tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("batch", 5, 3))
    w, r = b.constant("w", random(1, 4 * gates, 3)), b.constant("r", random(1, 4 * gates, 4))
    h0 = b.input("h0", "float32", ("batch", 1, 4))
    made = b.add_many(op, [x, w, r, "", "", h0], [f"y{i}" for i in range(outputs)], hidden_size=4, layout=1)
    graph = b.graph(made, {})
    feeds = {"x": random(2, 5, 3), "h0": random(2, 1, 4)}
    path = save(graph, tmp_path)
    assert opset_of(path) == 13
    outputs = run(path, feeds)
    for name, want in evaluate(graph, feeds).items():
        np.testing.assert_allclose(outputs[name], want, rtol=1e-5, atol=1e-5)


def test_lowered_graphs_have_no_layout():
    assert all("layout" not in node.attributes for node in lowered(channels_last_net()).nodes)
