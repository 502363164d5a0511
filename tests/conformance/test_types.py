"""Every type that ONNX's schemas allow: each case of one node again, with each of the types of its inputs in turn."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from interchange_onnx.versions import PIN, schema_at
from onnx import TensorProto, defs, helper

from interchange import ops
from interchange.errors import BadInput
from interchange.evaluate import evaluate, infer
from interchange.graph import Graph, Node, TensorSpec, dtype_of
from tests.conformance.suite import cases

DOMAINS = ("", "ai.onnx.ml")
NOT_OPERATORS = ("Constant",)  # of a graph
DTYPES = {
    f"tensor({name.lower()})": "object" if name == "STRING" else helper.tensor_dtype_to_np_dtype(number).name
    for name, number in TensorProto.DataType.items()
    if number
}
# (operator, type variable, dtype) -> why a schema allows what has no meaning
MEANINGLESS = {
    ("BitCast", "T1", "complex128"): "no type of the other cases is as wide",
    ("Col2Im", "T", "object"): "texts cannot be added",
}


def test_every_operator_is_there():
    schemas = [schema for schema in defs.get_all_schemas() if schema.domain in DOMAINS and not schema.deprecated]
    names = {f"{s.domain}.{s.name}" if s.domain else s.name for s in schemas if s.since_version <= PIN}
    assert {name for name in names if not ops.exists(name)} == set(NOT_OPERATORS)


def with_dtype(array: np.ndarray, dtype: str) -> np.ndarray | None:
    """The values in another dtype; None where there is nothing like them."""
    if array.dtype.kind in "OU" and dtype != "object":
        return None
    if dtype == "object":
        return np.array([str(item) for item in array.ravel()], object).reshape(array.shape)
    target = dtype_of(dtype)
    with np.errstate(all="ignore"):
        return (np.abs(array) if target.kind == "u" or dtype.startswith("uint") else array).astype(target)


@functools.cache
def singles() -> Mapping[str, list[tuple[Node, dict[str, np.ndarray]]]]:
    """Operator -> nodes that are whole cases, of tensors only, with their inputs."""
    found: dict[str, list[tuple[Node, dict[str, np.ndarray]]]] = {}
    for case in cases("node").values():
        model = case.model()
        if len(model.graph.node) != 1 or model.graph.node[0].domain not in DOMAINS:
            continue
        try:
            graph = case.graph()
        except BadInput:
            continue
        if len(graph.nodes) != 1 or graph.nodes[0].bodies:
            continue
        inputs, _ = next(case.data())
        feeds = dict(zip(graph.inputs, inputs, strict=False)) | dict(graph.constants)
        if all(isinstance(value, np.ndarray) for value in feeds.values()):
            found.setdefault(graph.nodes[0].op, []).append((graph.nodes[0], feeds))
    return found


def members(formals: Sequence[Any], names: Sequence[str], variable: str) -> list[str]:
    """The names of the inputs or outputs of that type variable."""
    return [n for i, n in enumerate(names) if n and formals[min(i, len(formals) - 1)].type_str == variable]


def typed(op: str) -> Iterator[tuple[str, str, str]]:
    """Every (operator, type variable, dtype) for which there is a case."""
    for constraint in schema_at(op, PIN).type_constraints:
        for kind in constraint.allowed_type_strs:
            if kind in DTYPES and (op, constraint.type_param_str, DTYPES[kind]) not in MEANINGLESS:
                yield op, constraint.type_param_str, DTYPES[kind]


def computes(node: Node, feeds: Mapping[str, np.ndarray], variable: str, dtype: str) -> bool | Exception:
    """Whether the node makes what its schema and our inference say; False if the case does not have the variable."""
    schema = schema_at(node.op, PIN)
    changed = members(schema.inputs, node.inputs, variable)
    given = {name: with_dtype(value, dtype) if name in changed else value for name, value in feeds.items()}
    if not changed or any(value is None for value in given.values()):
        return False
    inputs = {name: TensorSpec(value.dtype.name, value.shape) for name, value in given.items()}
    outputs = tuple(name for name in node.outputs if name)
    try:
        graph = Graph(inputs, outputs, (node,), {})
        made, specs = evaluate(graph, given), infer(graph)
    except BadInput as error:
        return error
    own = members(schema.outputs, node.outputs, variable)
    for name, value in made.items():
        if isinstance(value, np.ndarray):
            assert specs[name].dtype == value.dtype.name
            assert name not in own or value.dtype.name == dtype
    return True


@pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("op", sorted(singles()))
def test_types(op):
    for _, variable, dtype in typed(op):
        refusals = []
        for node, feeds in singles()[op]:
            result = computes(node, feeds, variable, dtype)
            if result is True:
                refusals = []
                break
            if isinstance(result, BadInput):
                refusals.append(result)
        assert not refusals, f"{variable} {dtype}: {refusals[0]}"
