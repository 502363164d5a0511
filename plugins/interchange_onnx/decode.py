"""ModelProto -> Graph."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from interchange import ops
from interchange.errors import BadInput, Unsupported
from interchange.graph import Array, Dimension, Graph, Node, TensorSpec
from interchange_onnx import GOLDEN_KEY, PRODUCER
from interchange_onnx.lift import inlined, lifted, opset_of
from interchange_onnx.tensors import dtype_name, to_array
from interchange_onnx.versions import PIN, schema_at

OWN_DOMAINS = ("", "ai.onnx")
TYPE_ATTRIBUTES = ("to", "dtype", "stash_type", "output_datatype", "output_dtype", "precision", "softmax_precision")
# Not operators of a graph, but known here: Constant becomes a constant, the others lifting replaces.
KNOWN_HERE = ("Constant", "Scatter", "Upsample")
SUBGRAPHS = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
MOST_NAMES = 5  # nodes named for each thing that is not supported


def read(path: Path) -> Graph:
    """See `OnnxImporter.load`."""
    model = _parse(path)
    opset = opset_of(model, path)
    model = inlined(model, opset, path)
    _check_nodes(model, opset, path)
    _raise_unsupported(_unsupported(model, opset), path)
    written_for = opset
    model = lifted(model, opset, path)
    opset = opset_of(model, path)
    is_own = model.producer_name == PRODUCER
    constants = _constants(model, path)
    nodes = [_node(proto, is_own) for proto in model.graph.node if proto.op_type != "Constant" and any(proto.output)]
    _raise_unsupported(_unknown_attributes(nodes), path)
    read_names = {name for node in nodes for name in node.inputs} | {output.name for output in model.graph.output}
    return Graph(
        inputs={i.name: _spec(i, path) for i in model.graph.input if i.name not in constants},
        outputs=tuple(output.name for output in model.graph.output),
        nodes=_in_order(nodes, {*constants, *(i.name for i in model.graph.input)}),
        constants={name: array for name, array in constants.items() if name in read_names},
        metadata=_metadata(model, written_for, path),
    )


def _parse(path: Path) -> ModelProto:
    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise BadInput(
            "IX101", "The path cannot be read.", where=str(path), why=error.strerror or str(error)
        ) from error
    except Exception as error:  # of protobuf, whose errors are ValueErrors in some versions and in others not
        raise _damaged(path, str(error)) from error
    if not model.HasField("graph"):
        raise _damaged(path, "there is no graph in it")
    if any(isinstance(text, bytes) for text in _texts(model)):  # so protobuf gives what is not UTF-8
        raise _damaged(path, "a name in it is not text")
    return model


def _texts(model: ModelProto) -> Iterator[str | bytes]:
    """Everything in a model that is read as text."""
    yield from (model.producer_name, model.producer_version, model.graph.name)
    for entry in model.metadata_props:
        yield from (entry.key, entry.value)
    for tensor in model.graph.initializer:
        yield tensor.name
        for entry in tensor.external_data:
            yield from (entry.key, entry.value)
    for value in (*model.graph.input, *model.graph.output):
        yield value.name
        yield from (dimension.dim_param for dimension in value.type.tensor_type.shape.dim)
    for function in model.functions:
        yield from (function.name, function.domain, *function.input, *function.output, *function.attribute)
        yield from (entry.domain for entry in function.opset_import)
    yield from (entry.domain for entry in model.opset_import)
    for proto in (*model.graph.node, *(proto for function in model.functions for proto in function.node)):
        yield from (proto.name, proto.op_type, proto.domain, proto.doc_string, *proto.input, *proto.output)
        yield from (attribute.name for attribute in proto.attribute)


def _damaged(path: Path, why: str | Iterable[str]) -> BadInput:
    return BadInput("IX203", "This is not a whole ONNX model.", where=str(path), why=why)


def _metadata(model: ModelProto, opset: int, path: Path) -> dict[str, str]:
    properties = {entry.key: entry.value for entry in model.metadata_props if entry.key != GOLDEN_KEY}
    is_own = model.producer_name == PRODUCER
    return {
        **properties,
        "name": (model.graph.name if is_own else "") or path.stem,
        "format": "onnx",
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "opset": str(opset),
    }


# --- what is wrong, what is not supported ---------------------------------------------------------------------------


def _check_nodes(model: ModelProto, opset: int, path: Path) -> None:
    """Looks at each node of ONNX's own domain: what comes later relies on attributes having their types."""
    faults = [fault for proto in model.graph.node for fault in _node_faults(proto, opset)]
    if faults:
        raise _damaged(path, faults)


def _node_faults(proto: NodeProto, opset: int) -> Iterator[str]:
    where = f"node {_label(proto)} ({proto.op_type})"
    if not proto.op_type:
        yield f"{where} has no operator"
        return
    schema = schema_at(proto.op_type, opset) if proto.domain in OWN_DOMAINS else None
    if schema is None:
        return
    for attribute in proto.attribute:
        expected = schema.attributes.get(attribute.name)
        if attribute.ref_attr_name:
            yield f"{where}: attribute {attribute.name!r} refers to one of a function"
        elif expected is None:
            yield f"{where}: there is no attribute {attribute.name!r} in opset {opset}"
        elif expected.type.name != AttributeProto.AttributeType.Name(attribute.type):
            yield f"{where}: attribute {attribute.name!r} is not of the type {expected.type.name}"
    given = {attribute.name for attribute in proto.attribute}
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in given:
            yield f"{where}: the attribute {name!r} is missing"
    if not schema.min_input <= len(proto.input) <= schema.max_input:
        yield f"{where}: {len(proto.input)} inputs"
    if not schema.min_output <= len(proto.output) <= schema.max_output:
        yield f"{where}: {len(proto.output)} outputs"


def _unsupported(model: ModelProto, opset: int) -> dict[str, list[str]]:
    """What of the model is not supported -> the names of the nodes concerned."""
    found: dict[str, list[str]] = {}
    for proto in model.graph.node:
        reason = _node_reason(proto, opset)
        if reason:
            found.setdefault(reason, []).append(_label(proto))
    for sparse in model.graph.sparse_initializer:
        found.setdefault("sparse tensor", []).append(repr(sparse.values.name))
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.WhichOneof("value")
        if kind not in ("tensor_type", None):
            found.setdefault(f"value of {kind.replace('_', ' ')}", []).append(repr(value.name))
    return found


def _node_reason(proto: NodeProto, opset: int) -> str:
    """Why a node is not supported; "" if it is."""
    if any(attribute.type in SUBGRAPHS for attribute in proto.attribute):
        return f"{proto.op_type} (holds graphs of its own)"
    if proto.domain not in OWN_DOMAINS:
        name = f"{proto.domain}.{proto.op_type}"
        return "" if ops.exists(name) else name
    if any(attribute.type == AttributeProto.SPARSE_TENSOR for attribute in proto.attribute):
        return f"{proto.op_type} (sparse)"
    if schema_at(proto.op_type, opset) is None:
        return f"{proto.op_type} (no operator of opset {opset})"
    return "" if ops.exists(proto.op_type) or proto.op_type in KNOWN_HERE else proto.op_type


def _unknown_attributes(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """Attributes that ONNX has and our operators have not."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        known = inspect.signature(ops.get(node.op)).parameters if ops.exists(node.op) else node.attributes
        for name in node.attributes:
            if name not in known:
                found.setdefault(f"{node.op} with the attribute {name!r}", []).append(repr(node.outputs[0]))
        if not ops.exists(node.op):
            found.setdefault(node.op, []).append(repr(node.outputs[0]))
    return found


def _raise_unsupported(found: Mapping[str, Sequence[str]], path: Path) -> None:
    if not found:
        return
    lines = []
    for reason, names in sorted(found.items()):
        more = " …" if len(names) > MOST_NAMES else ""
        lines.append(f"{reason}: {len(names)} time(s), {', '.join(names[:MOST_NAMES])}{more}")
    raise Unsupported(
        "IX301",
        f"The model uses {len(found)} thing(s) that are not supported.",
        where=str(path),
        why=lines,
        next_step="docs/operators.md lists what is supported; an operator can come from a plugin.",
    )


def _label(proto: NodeProto) -> str:
    return repr(proto.name or next(filter(None, proto.output), ""))


# --- reading --------------------------------------------------------------------------------------------------------


def _constants(model: ModelProto, path: Path) -> dict[str, Array]:
    constants: dict[str, Array] = {}
    for tensor in model.graph.initializer:
        if not tensor.name or tensor.name in constants:
            raise _damaged(
                path, f"there are two constants {tensor.name!r}" if tensor.name else "a constant has no name"
            )
        constants[tensor.name] = to_array(tensor, path.parent)
    for proto in model.graph.node:
        if proto.op_type == "Constant" and proto.domain in OWN_DOMAINS and proto.output:
            if proto.output[0] in constants:
                raise _damaged(path, f"there are two constants {proto.output[0]!r}")
            constants[proto.output[0]] = _constant(proto, path)
    return constants


def _constant(proto: NodeProto, path: Path) -> Array:
    if len(proto.attribute) != 1:
        raise _damaged(path, f"node {_label(proto)} (Constant) has {len(proto.attribute)} values instead of one")
    (attribute,) = proto.attribute
    if attribute.type == AttributeProto.TENSOR:
        return to_array(attribute.t, path.parent)
    value = _value(attribute)
    if "string" in attribute.name:
        return np.array(value, object)
    return np.array(value, np.float32 if "float" in attribute.name else np.int64)


def _value(attribute: AttributeProto) -> Any:
    """An attribute in Python's types."""
    value = helper.get_attribute_value(attribute)
    if attribute.type == AttributeProto.STRING:
        return value.decode(errors="replace")
    if attribute.type == AttributeProto.STRINGS:
        return tuple(item.decode(errors="replace") for item in value)
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else value


def _node(proto: NodeProto, is_own: bool) -> Node:
    op = proto.op_type if proto.domain in OWN_DOMAINS else f"{proto.domain}.{proto.op_type}"
    source = proto.doc_string if is_own else f"{proto.name or next(filter(None, proto.output))} ({proto.op_type})"
    inputs, outputs = _without_trailing(proto.input), _without_trailing(proto.output)
    schema = schema_at(op, PIN)
    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        if schema is None or attribute.name in schema.attributes:  # else of an old opset, and at its default
            attributes |= _attribute(op, attribute)
    return Node(op, inputs, outputs, attributes, source)


def _attribute(op: str, attribute: AttributeProto) -> dict[str, Any]:
    """An attribute of ONNX as those of our operators."""
    if attribute.type == AttributeProto.TENSOR and op == "ConstantOfShape":
        array = to_array(attribute.t, Path())
        if array.size != 1:
            raise BadInput("IX203", "The value of a ConstantOfShape is not one number.", where=attribute.name)
        return {"value": array.item(), "dtype": array.dtype.name}
    value = _value(attribute)
    if attribute.type == AttributeProto.INT and attribute.name in TYPE_ATTRIBUTES and "." not in op:
        if value == TensorProto.UNDEFINED:  # "as the inputs", the same as not to say it
            return {}
        try:
            return {attribute.name: dtype_name(value)}
        except ValueError as error:
            raise Unsupported("IX301", f"{op}: {error} is not supported.", where=attribute.name) from error
    return {attribute.name: value}


def _without_trailing(names: Sequence[str]) -> tuple[str, ...]:
    """The names without the absent ones at the end."""
    kept = list(names)
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)


def _spec(value: ValueInfoProto, path: Path) -> TensorSpec:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise Unsupported("IX301", "An input of the model has no rank.", where=f"{path}: {value.name}")
    try:
        dtype = dtype_name(tensor.elem_type)
    except ValueError as error:
        raise Unsupported("IX301", f"The input {value.name!r} has an unsupported {error}.", where=str(path)) from error
    return TensorSpec(dtype, tuple(map(_dimension, tensor.shape.dim)))


def _dimension(dimension: Any) -> Dimension:
    """Names that begin with "?", and sizes below 0, are ways to say that nothing is known."""
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value) if dimension.dim_value >= 0 else None
    name = str(dimension.dim_param)
    return name if name and not name.startswith("?") else None


def _in_order(nodes: Sequence[Node], known: set[str]) -> tuple[Node, ...]:
    """The nodes in execution order: the file's, if it is one. What cannot be ordered comes last."""
    ready, waiting = [], list(nodes)
    known = {"", *known}
    while waiting:
        later = []
        for node in waiting:
            if known.issuperset(node.inputs):
                ready.append(node)
                known.update(node.outputs)
            else:
                later.append(node)
        if len(later) == len(waiting):
            break
        waiting = later
    return (*ready, *waiting)
