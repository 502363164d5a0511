"""The truth that the operators are held against: ONNX Runtime, or ONNX's reference where that has no kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import defs, helper
from onnx.reference import ReferenceEvaluator

from interchange.graph import dtype_of

TYPE_ATTRIBUTES = ("to", "dtype", "stash_type")
# The newest that ONNX Runtime has kernels for, and one at which the operators that it does not renew have theirs.
RUNTIME_OPSETS = (25, 21)
# On processors without VNNI ONNX Runtime cuts off their sums; see weights_without_sign in interchange_onnx.faults.
CUT_OFF = ("MatMulInteger", "QLinearConv", "QLinearMatMul")


def onnx_type(dtype: np.dtype[Any] | str) -> int:
    return helper.np_dtype_to_tensor_dtype(dtype_of(dtype) if isinstance(dtype, str) else dtype)


def model_of(
    op: str, inputs: Sequence[np.ndarray | None], attributes: Mapping[str, Any], outputs: int, opset: int
) -> onnx.ModelProto:
    """A model of that one node, in ONNX's own layout."""
    attributes = dict(attributes)
    if op == "ConstantOfShape":
        dtype = dtype_of(attributes.pop("dtype", "float32"))
        value = np.array([attributes.pop("value", 0)], dtype)
        attributes["value"] = onnx.numpy_helper.from_array(value)
    for name in TYPE_ATTRIBUTES:
        if name in attributes:
            attributes[name] = onnx_type(attributes[name])
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, **attributes)
    graph = helper.make_graph(
        [node],
        "row",
        [
            helper.make_tensor_value_info(name, onnx_type(x.dtype), x.shape)
            for name, x in zip(names, inputs, strict=True)
            if x is not None
        ],
        [helper.make_empty_tensor_value_info(name) for name in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def truth(
    op: str, inputs: Sequence[np.ndarray | None], attributes: Mapping[str, Any], outputs: int
) -> list[np.ndarray]:
    """What the operator makes of the inputs."""
    feeds = {f"x{i}": x for i, x in enumerate(inputs) if x is not None}
    since = defs.get_schema(op).since_version
    for opset in () if op in CUT_OFF else RUNTIME_OPSETS:
        try:
            return _runtime(model_of(op, inputs, attributes, outputs, min(since, opset)), feeds)
        except Exception:  # no kernel, or not with these types or attributes
            continue
    return ReferenceEvaluator(model_of(op, inputs, attributes, outputs, since)).run(None, feeds)


def _runtime(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is refused here is answered by the reference
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)
