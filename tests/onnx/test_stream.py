"""Writing a model constant after constant gives the bytes that protobuf makes of the whole."""

from __future__ import annotations

import io

import numpy as np
import onnx
import pytest
from interchange_onnx.encode import External, checkable, encode, lowered, offsets_of
from interchange_onnx.stream import checkable_without, write_model

from interchange.golden import make_case
from interchange.graph import Graph, Node, TensorSpec


def graph() -> Graph:
    """Large and small constants of several dtypes, in several memory orders."""
    random = np.random.default_rng(5)
    kernel = random.standard_normal((3, 5, 16, 24)).astype(np.float32)
    return Graph(
        inputs={"x": TensorSpec("float32", ("batch", 11, 13, 16))},
        outputs=("y", "table"),
        nodes=(
            Node("Conv", ("x", "kernel", "bias"), ("c",), {"layout": "NHWC", "auto_pad": "SAME_UPPER"}),
            Node("Reshape", ("c", "shape"), ("flat",)),
            Node("MatMul", ("flat", "matrix"), ("y",)),
            Node("Gather", ("large", "rows"), ("table",)),
        ),
        constants={
            "kernel": kernel,
            "bias": random.standard_normal(24).astype(np.float32),
            "shape": np.array([-1, 24]),
            "matrix": np.asfortranarray(random.standard_normal((24, 19)).astype(np.float32)),
            "large": random.integers(-5, 5, (150, 3)),
            "rows": np.array([7, 149]),
        },
        metadata={"name": "net", "labels": '["ä", "b"]'},
    )


@pytest.mark.parametrize("with_case", [True, False])
def test_the_bytes_are_those_of_protobuf(with_case):
    whole = lowered(graph())
    case = make_case(graph()) if with_case else None
    large = {name: whole.constants[name] for name in offsets_of(whole.constants)}
    assert 0 < len(large) < len(whole.constants)
    light = encode(whole, opset=None, case=case, external=External("", dict.fromkeys(large, 0)))
    file = io.BytesIO()
    write_model(light, large, file)
    want = encode(whole, opset=None, case=case)
    assert file.getvalue() == want.SerializeToString(deterministic=True)
    onnx.checker.check_model(onnx.load_from_string(file.getvalue()), full_check=True)


def test_the_checker_sees_types_and_shapes_of_what_is_not_there():
    whole = lowered(graph())
    large = {name: whole.constants[name] for name in offsets_of(whole.constants)}
    light = checkable_without(
        encode(whole, opset=None, case=None, external=External("", dict.fromkeys(large, 0))), large
    )
    assert light.ByteSize() < 2000
    onnx.checker.check_model(checkable(light), full_check=True)
    wrong = next(value for value in light.graph.input if value.name == "matrix")
    wrong.type.tensor_type.shape.dim[0].dim_value = 23
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.checker.check_model(checkable(light), full_check=True)
