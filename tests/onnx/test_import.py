"""Import: any opset, functions, external data, what is not supported, files made by an enemy."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_onnx import OnnxExporter, OnnxImporter
from interchange_onnx.versions import PIN
from interchange_onnxruntime import OnnxRuntimeBackend
from onnx import TensorProto, helper, numpy_helper

from interchange.errors import BadInput, InterchangeError, Unsupported
from interchange.evaluate import evaluate
from tests.onnx.nets import channels_first_net, random

FLOAT = TensorProto.FLOAT


def value(name, shape, elem_type=FLOAT):
    return helper.make_tensor_value_info(name, elem_type, shape)


def make(nodes, inputs, outputs, constants=(), opset=13, domains=(), **options):
    initializers = [numpy_helper.from_array(array, name) for name, array in dict(constants).items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=options.pop("ir_version", 8), **options)


def write(model, folder, name="m.onnx"):
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def load(model, folder):
    return OnnxImporter().load(write(model, folder))


def simple(op, shape=("n", 4), inputs=("x",), constants=(), opset=13, types=(FLOAT, FLOAT), **attributes):
    nodes = [helper.make_node(op, [*inputs], ["y"], name="n0", **attributes)]
    return make(nodes, [value("x", shape, types[0])], [value("y", None, types[1])], constants, opset)


# --- opsets ---------------------------------------------------------------------------------------------------------

STATISTICS = {name: np.abs(random(3)) for name in "gbmv"}
SEVEN = numpy_helper.from_array(np.array([7], np.int64))


@pytest.mark.parametrize(
    "model",
    [
        simple("Softmax", ("n", 3, 4, 5), opset=11, axis=1),
        simple("Softmax", ("n", 3, 4, 5), opset=11),
        simple("Softmax", ("n", 3, 4, 5), opset=12, axis=2),
        simple("LogSoftmax", ("n", 3, 4, 5), opset=9, axis=3),
        simple("ReduceMean", ("n", 3, 4, 5), opset=11, axes=[1, -1], keepdims=0),
        simple("ReduceSum", ("n", 3, 4, 5), opset=11, axes=[2]),
        simple("ReduceMax", ("n", 3, 4, 5), opset=13, axes=[2, 3]),
        simple("Squeeze", (2, 1, 4, 5), opset=11, axes=[1]),
        simple("Unsqueeze", ("n", 3, 4, 5), opset=11, axes=[0, 5]),
        simple("Clip", ("n", 3, 4, 5), opset=6, min=-0.5, max=0.25),
        simple("Pad", ("n", 3, 4, 5), opset=10, pads=[0, 0, 1, 2, 0, 0, 0, 1], value=1.5),
        simple("Slice", ("n", 3, 4, 5), opset=9, starts=[1, 0], ends=[3, -1], axes=[1, 2]),
        simple("Upsample", ("n", 3, 4, 5), opset=7, mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]),
        simple("Upsample", ("n", 3, 4, 5), ("x", "s"), {"s": np.array([1, 1, 2, 3], np.float32)}, opset=9),
        simple("Dropout", ("n", 3, 4, 5), opset=10, ratio=0.5),
        simple("BatchNormalization", ("n", 3, 4, 5), ("x", *"gbmv"), STATISTICS, opset=8),
        simple(
            "BatchNormalization", (2, 3), ("x", *"gbmv"), {k: np.abs(random(3)) for k in "gbmv"}, opset=7, spatial=1
        ),
        simple("PRelu", ("n", 3, 4, 5), ("x", "s"), {"s": random(5)}, opset=9),
        simple("AveragePool", ("n", 3, 4, 5), opset=7, kernel_shape=[2, 3], pads=[1, 0, 0, 1], count_include_pad=1),
        simple("MaxPool", ("n", 3, 4, 5), opset=8, kernel_shape=[2, 3], auto_pad="SAME_LOWER", strides=[2, 2]),
        simple("Flatten", ("n", 3, 4, 5), opset=8, axis=2),
        simple("Cast", ("n", 3, 4, 5), opset=9, types=(FLOAT, TensorProto.INT32), to=TensorProto.INT32),
        simple("Gemm", (6, 20), ("x", "w", "c"), {"w": random(20, 7), "c": random(7)}, opset=8),
        simple(
            "ConstantOfShape",
            (4,),
            opset=9,
            types=(TensorProto.INT64,) * 2,
            value=numpy_helper.from_array(np.array([7], np.int64)),
        ),
    ],
    ids=lambda model: f"{model.graph.node[0].op_type}-{model.opset_import[0].version}",
)
def test_old_opsets_keep_their_meaning(model, tmp_path):
    path = write(model, tmp_path)
    shape = [d.dim_value or 2 for d in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": random(*shape)}
    if model.graph.node[0].op_type == "ConstantOfShape":
        feeds = {"x": np.array([2, 3, 1, 2])}
    graph = OnnxImporter().load(path)
    assert list(graph.inputs) == ["x"]
    with OnnxRuntimeBackend().open(path, optimization="disable") as reference:
        expected = reference(feeds)
    np.testing.assert_allclose(evaluate(graph, feeds)["y"], expected["y"], rtol=1e-5, atol=1e-6)
    assert graph.metadata["opset"] == str(model.opset_import[0].version)


def test_large_constants_do_not_pass_through_the_converter(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Softmax", ["h"], ["y"], axis=1),
    ]
    model = make(nodes, [value("x", ("n", 40))], [value("y", None)], {"w": random(40, 50)}, opset=11)
    graph = load(model, tmp_path)
    assert list(graph.inputs) == ["x"]
    np.testing.assert_array_equal(graph.constants["w"], random(40, 50))
    assert evaluate(graph, {"x": random(2, 40)})["y"].shape == (2, 50)


def test_an_opset_of_the_future(tmp_path):
    with pytest.raises(Unsupported, match="opsets up to"):
        load(simple("Relu", opset=PIN + 1), tmp_path)


def test_foreign_domains_that_nothing_uses(tmp_path):
    model = make([helper.make_node("Relu", ["x"], ["y"])], [value("x", (2,))], [value("y", (2,))], domains=["com.acme"])
    assert load(model, tmp_path).nodes[0].op == "Relu"


@pytest.mark.parametrize("is_reversed", [False, True])
def test_many_nodes_in_any_order(is_reversed, tmp_path):
    """Nothing recurses or takes a time that grows faster than the file."""
    count = 20_000
    nodes = [helper.make_node("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    model = make(nodes[:: -1 if is_reversed else 1], [value("v0", (2,))], [value(f"v{count}", (2,))])
    graph = load(model, tmp_path)
    assert [node.outputs[0] for node in graph.nodes] == [f"v{i + 1}" for i in range(count)]


def test_nodes_in_a_circle(tmp_path):
    nodes = [helper.make_node("Add", ["x", "b"], ["a"], name="one"), helper.make_node("Neg", ["a"], ["b"], name="two")]
    with pytest.raises(BadInput, match="reads 'b', which nothing before it makes"):
        load(make(nodes, [value("x", (2,))], [value("b", (2,))]), tmp_path)


def test_a_loop_without_end_is_stopped(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Neg", ["a"], ["b"])],
        "body",
        [value("i", (), TensorProto.INT64), value("go", (), TensorProto.BOOL), value("a", (2,))],
        [value("on", (), TensorProto.BOOL), value("b", (2,))],
    )
    nodes = [helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body)]
    graph = load(make(nodes, [value("x", (2,))], [value("y", (2,))], {"yes": np.array(True)}), tmp_path)
    with pytest.raises(BadInput, match="more steps than are allowed"):
        evaluate(graph, {"x": np.ones(2, np.float32)}, most_steps=1000)


def test_an_operator_that_does_not_take_the_type(tmp_path):
    graph = load(simple("Relu", types=(TensorProto.BOOL, TensorProto.BOOL)), tmp_path)
    with pytest.raises(Unsupported, match="takes no bool"):
        OnnxExporter().save(graph, tmp_path / "again.onnx", selftest=False)


def test_complex_numbers(tmp_path):
    model = simple(
        "Concat", ("n", 4), ("x", "c"), {"c": np.array([[1 + 2j] * 3], np.complex64)}, types=(14, 14), axis=1
    )
    graph = load(model, tmp_path)
    x = (random(1, 4) + 1j * random(1, 4, seed=1)).astype(np.complex64)
    again = OnnxImporter().load(OnnxExporter().save(graph, tmp_path / "again.onnx", selftest=False)[0])
    for each in (graph, again):
        y = evaluate(each, {"x": x})["y"]
        np.testing.assert_array_equal(y, np.concatenate([x, graph.constants["c"]], 1))
        assert y.dtype == np.complex64


@pytest.mark.parametrize("dtype", ["int4", "uint4", "float4_e2m1fn", "float8_e4m3fn", "bfloat16", "int2", "uint2"])
def test_constants_of_few_bits(dtype, tmp_path):
    from interchange.graph import dtype_of

    array = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], np.float32).astype(dtype_of(dtype))
    tensor = numpy_helper.from_array(array, "c")
    nodes = [helper.make_node("Cast", ["c"], ["y"], to=FLOAT)]
    graph = helper.make_graph(nodes, "g", [], [value("y", (3, 3))], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)
    np.testing.assert_array_equal(evaluate(load(model, tmp_path), {})["y"], array.astype(np.float32))


# --- structure ------------------------------------------------------------------------------------------------------


def test_names_metadata_and_sources(tmp_path):
    model = simple("Relu")
    model.producer_name, model.producer_version = "acme", "1.2"
    helper.set_model_props(model, {"labels": '["a"]'})
    graph = OnnxImporter().load(write(model, tmp_path, "cat_net.onnx"))
    assert dict(graph.metadata) == {
        "name": "cat_net",
        "format": "onnx",
        "producer": "acme 1.2",
        "opset": "13",
        "labels": '["a"]',
    }
    assert (graph.nodes[0].source, graph.outputs) == ("n0 (Relu)", ("y",))
    assert graph.inputs["x"].shape == ("n", 4)


def test_constants_from_nodes_and_initializers_that_are_inputs(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(random(4))),
        helper.make_node("Constant", [], ["b"], value_floats=[1.0, 2.0, 3.0, 4.0]),
        helper.make_node("Constant", [], ["i"], value_int=1),
        helper.make_node("Add", ["x", "a"], ["h"]),
        helper.make_node("Add", ["h", "b"], ["k"]),
        helper.make_node("Add", ["k", "w"], ["m"]),
        helper.make_node("Unsqueeze", ["m", "i1"], ["y"]),
        helper.make_node("Reshape", ["i", "one"], ["i1"]),
    ]
    inputs = [value("x", ("n", 4)), value("w", (4,))]
    model = make(nodes, inputs, [value("y", None)], {"w": random(4), "one": np.array([1])})
    graph = load(model, tmp_path)  # its nodes are not in order, either
    assert list(graph.inputs) == ["x"]
    assert set(graph.constants) == {"a", "b", "i", "w", "one"}
    np.testing.assert_allclose(
        evaluate(graph, {"x": random(2, 4)})["y"], (random(2, 4) + 2 * random(4) + [1, 2, 3, 4])[:, None], rtol=1e-6
    )


def test_functions_are_put_in_place(tmp_path):
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    inner = [helper.make_node("Relu", ["a"], ["r"]), helper.make_node("Add", ["r", "b"], ["c"])]
    outer = [helper.make_node("Inner", ["a", "a"], ["h"], domain="mine"), helper.make_node("Neg", ["h"], ["c"])]
    functions = [
        helper.make_function("mine", "Inner", ["a", "b"], ["c"], inner, imports),
        helper.make_function("mine", "Outer", ["a"], ["c"], outer, imports),
    ]
    nodes = [helper.make_node("Outer", ["x"], ["y"], domain="mine")]
    graph = helper.make_graph(nodes, "g", [value("x", (3,))], [value("y", (3,))])
    model = helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=9)
    loaded = load(model, tmp_path)
    assert [node.op for node in loaded.nodes] == ["Relu", "Add", "Neg"]
    x = np.array([-1, 2, 3], np.float32)
    np.testing.assert_array_equal(evaluate(loaded, {"x": x})["y"], -(np.maximum(x, 0) + x))


def test_functions_that_call_each_other_in_a_circle(tmp_path):
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    functions = [
        helper.make_function(
            "mine", name, ["a"], ["c"], [helper.make_node(other, ["a"], ["c"], domain="mine")], imports
        )
        for name, other in (("A", "B"), ("B", "A"))
    ]
    graph = helper.make_graph(
        [helper.make_node("A", ["x"], ["y"], domain="mine")], "g", [value("x", (3,))], [value("y", (3,))]
    )
    model = helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=9)
    with pytest.raises(BadInput, match="IX203"):
        load(model, tmp_path)


# --- what is not supported ------------------------------------------------------------------------------------------


def test_all_that_is_not_supported_in_one_error(tmp_path):
    branch = helper.make_graph(
        [helper.make_node("Warp2", ["x"], ["b"], domain="com.acme")], "b", [], [value("b", None)]
    )
    nodes = [
        helper.make_node("Warp", ["x"], ["a"], name="w1", domain="com.acme"),
        helper.make_node("Warp", ["a"], ["b"], name="w2", domain="com.acme"),
        helper.make_node("If", ["flag"], ["c"], name="choice", then_branch=branch, else_branch=branch),  # as it is
        helper.make_node("Bogus", ["b"], ["y"], name="bogus"),
    ]
    inputs = [value("x", (2, 2)), value("flag", (), TensorProto.BOOL)]
    model = make(nodes, inputs, [value("y", None)], domains=["com.acme"])
    with pytest.raises(Unsupported) as error:
        load(model, tmp_path)
    text = str(error.value)
    assert error.value.code == "IX301"
    for part in ("com.acme.Warp: 2 time(s), 'w1', 'w2'", "Warp2", "Bogus"):
        assert part in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda m: m.graph.node[0].input.__setitem__(0, "nowhere"), "IX210"),
        (lambda m: m.graph.output[0].__setattr__("name", "nowhere"), "IX210"),
        (lambda m: m.graph.node.append(helper.make_node("Relu", ["y"], ["y"])), "IX210"),
        (lambda m: m.graph.node[0].input.__setitem__(0, "y"), "IX210"),
        (lambda m: m.graph.node[0].attribute.append(helper.make_attribute("bogus", 1)), "IX203"),
        (lambda m: m.graph.node[0].input.extend(["x"] * 9), "IX203"),
        (lambda m: m.graph.node[0].__setattr__("op_type", ""), "IX203"),
        (lambda m: m.ClearField("graph"), "IX203"),
        (lambda m: m.ClearField("opset_import"), "IX203"),
        (lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"), "IX301"),
        (lambda m: m.graph.input[0].type.tensor_type.__setattr__("elem_type", 0), "IX301"),
        (lambda m: m.graph.input[0].type.tensor_type.__setattr__("elem_type", 99), "IX301"),
        (lambda m: m.graph.ClearField("output"), "IX210"),
        (lambda m: m.graph.sparse_initializer.add(), "IX203"),
    ],
)
def test_models_that_are_wrong(change, code, tmp_path):
    model = simple("LeakyRelu", alpha=0.5)
    change(model)
    with pytest.raises(InterchangeError) as error:
        load(model, tmp_path)
    assert error.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.__setattr__("raw_data", t.raw_data[:-1]),
        lambda t: t.dims.__setitem__(0, -4),
        lambda t: t.dims.__setitem__(0, 2**40),
        lambda t: t.__setattr__("data_type", 0),
        lambda t: t.__setattr__("data_type", 99),
    ],
)
def test_tensors_that_are_damaged(change, tmp_path):
    model = simple("Add", inputs=("x", "w"), constants={"w": random(4)})
    change(model.graph.initializer[0])
    with pytest.raises(BadInput, match="IX203"):
        load(model, tmp_path)


# --- external data --------------------------------------------------------------------------------------------------


def external(location, offset=0, length=16):
    model = simple("Add", inputs=("x", "w"), constants={"w": random(4)})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, entry in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(entry))
    return model


def test_external_data_beside_the_model(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(bytes(8) + random(4).tobytes())
    graph = load(external("sub/w.bin", 8), tmp_path)
    np.testing.assert_array_equal(graph.constants["w"], random(4))


@pytest.mark.parametrize(
    "location",
    [
        "../w.bin",
        "sub/../../w.bin",
        "/etc/passwd",
        "",
        "C:\\w.bin",
        "..\\w.bin",
        "\\\\host\\w.bin",
        "link.bin",
        "dir/w.bin",
    ],
)
def test_external_data_outside_the_folder(location, tmp_path):
    (tmp_path / "w.bin").write_bytes(random(4).tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "dir").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="IX205"):
        load(external(location), folder)


@pytest.mark.parametrize(
    ("offset", "length"), [(8, 16), (-1, 16), (0, 12), (0, 2**62), (2**63, 16), ("x", 16), (0, "x")]
)
def test_external_data_that_does_not_fit(offset, length, tmp_path):
    (tmp_path / "w.bin").write_bytes(random(4).tobytes())
    with pytest.raises(BadInput, match="IX203"):
        load(external("w.bin", offset, length), tmp_path)


def test_external_data_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="there is no file"):
        load(external("w.bin"), tmp_path)


# --- recognising, and bytes that are anything -----------------------------------------------------------------------


def recognises(path):
    return OnnxImporter().recognises(path, path.read_bytes()[:4096])


def test_recognises_models_however_they_are_called(tmp_path):
    OnnxExporter().save(channels_first_net(), tmp_path / "a.onnx")
    (tmp_path / "a.onnx").rename(tmp_path / "a.bin")
    assert recognises(tmp_path / "a.bin")
    assert OnnxExporter().recognises(tmp_path / "a.bin", (tmp_path / "a.bin").read_bytes()[:4096])
    assert recognises(write(simple("Relu"), tmp_path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\x01\x12\x05\x0a\x03abc",  # a SavedModel: a version, then a message
        b"\x08\x08\x12\x04text\x1a\x01\x0a",
        b"\x08\x08",
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
        b"TFL3" * 4,
        b"\x08" + b"\xff" * 20,
        b'{"a": 1}',
        bytes(100),
    ],
)
def test_does_not_recognise_other_files(data, tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    assert not recognises(path)


def test_recognises_no_folder(tmp_path):
    assert not OnnxImporter().recognises(tmp_path, b"")
    assert not OnnxImporter().recognises(tmp_path / "none", b"\x08\x08")


MODEL = simple("LeakyRelu", alpha=0.5).SerializeToString()


@settings(max_examples=300, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, len(MODEL) - 1), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, len(MODEL)),
)
def test_damaged_bytes_never_end_in_a_traceback(edits, cut, tmp_path_factory):
    data = bytearray(MODEL)
    for at, byte in edits:
        data[at] = byte
    path = Path(tmp_path_factory.getbasetemp()) / "fuzz.onnx"
    path.write_bytes(data[: cut or None])
    recognises(path)
    with contextlib.suppress(InterchangeError):
        OnnxImporter().load(path)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes(data, tmp_path_factory):
    path = Path(tmp_path_factory.getbasetemp()) / "any.onnx"
    path.write_bytes(data)
    recognises(path)
    with pytest.raises(InterchangeError):
        OnnxImporter().load(path)


def test_an_unknown_option(tmp_path):
    with pytest.raises(BadInput, match="IX103"):
        OnnxImporter().load(write(simple("Relu"), tmp_path), bogus=1)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="IX101"):
        OnnxImporter().load(tmp_path / "none.onnx")


def test_nothing_is_written(tmp_path):
    load(simple("Softmax", opset=11), tmp_path)
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_onnx_is_not_imported_for_recognising():
    import subprocess
    import sys

    code = "import sys, interchange_onnx, interchange_onnx.sniff, interchange_onnxruntime; print('onnx' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
    assert onnx.__version__
