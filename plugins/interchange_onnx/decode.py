"""ModelProto -> Graph."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, helper

from interchange import ops
from interchange.errors import BadInput, Unsupported
from interchange.graph import Array, Body, Dimension, Graph, Node, TensorSpec, every_node
from interchange_onnx import GOLDEN_KEY, PRODUCER, microsoft
from interchange_onnx.lift import SCAN_WITHOUT_BATCH, inlined, lifted, opset_of
from interchange_onnx.protos import all_graphs, all_nodes, names_made
from interchange_onnx.tensors import dtype_name, sparse_to_array, to_array
from interchange_onnx.versions import PIN, schema_at

OWN_DOMAINS = ("", "ai.onnx")
TYPE_ATTRIBUTES = ("to", "dtype", "stash_type", "output_datatype", "output_dtype", "precision", "softmax_precision")
# Not operators of a graph, but known here: Constant becomes a constant, the others lifting replaces.
KNOWN_HERE = ("Constant", "Scatter", "Upsample")
LABEL_VALUES = ("ai.onnx.ml.LabelEncoder", "values_tensor")
MOST_NAMES = 5  # nodes named for each thing that is not supported


def read(path: Path) -> Graph:
    """See `OnnxImporter.load`."""
    model = _parse(path)
    for proto in all_nodes(model.graph):
        if proto.op_type in microsoft.IN_ONNX_DOMAIN and proto.domain in OWN_DOMAINS:
            proto.domain = microsoft.DOMAIN
    opset = opset_of(model, path)
    model = inlined(model, opset, path)
    _check_nodes(model, opset, path)
    _raise_unsupported(_unsupported(model, opset), path)
    written_for = opset
    model = lifted(model, opset, path)
    opset = opset_of(model, path)
    reader = _Reader(model, path)
    nodes = reader.nodes(model.graph, {})
    _raise_unsupported(_unknown_attributes(nodes), path)
    read_names = {name for node in nodes for name in node.reads} | {output.name for output in model.graph.output}
    return Graph(
        inputs={i.name: _spec(i, path) for i in model.graph.input if i.name not in reader.constants},
        outputs=tuple(output.name for output in model.graph.output),
        nodes=_in_order(nodes, {*reader.constants, *(i.name for i in model.graph.input)}),
        constants={name: array for name, array in reader.constants.items() if name in read_names},
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
    yield from (model.producer_name, model.producer_version)
    for entry in model.metadata_props:
        yield from (entry.key, entry.value)
    yield from (entry.domain for entry in model.opset_import)
    for graph in all_graphs(model.graph):
        yield graph.name
        for tensor in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)):
            yield tensor.name
            for entry in tensor.external_data:
                yield from (entry.key, entry.value)
        for value in (*graph.input, *graph.output):
            yield value.name
            yield from (dimension.dim_param for dimension in value.type.tensor_type.shape.dim)
    for function in model.functions:
        yield from (function.name, function.domain, *function.input, *function.output, *function.attribute)
        yield from (entry.domain for entry in function.opset_import)
    for proto in (*all_nodes(model.graph), *(proto for function in model.functions for proto in function.node)):
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
    faults = [fault for proto in all_nodes(model.graph) for fault in _node_faults(proto, opset)]
    if faults:
        raise _damaged(path, faults)


def _node_faults(proto: NodeProto, opset: int) -> Iterator[str]:
    where = f"node {_label(proto)} ({proto.op_type})"
    if not proto.op_type:
        yield f"{where} has no operator"
        return
    for attribute in proto.attribute:
        if attribute.ref_attr_name:
            yield f"{where}: attribute {attribute.name!r} refers to one of a function"
    schema = schema_at(proto.op_type, opset) if proto.domain in OWN_DOMAINS else None
    if schema is None:
        return
    for attribute in proto.attribute:
        expected = schema.attributes.get(attribute.name)
        if expected is None:
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
    for proto in all_nodes(model.graph):
        for reason in _node_reasons(proto, opset):
            found.setdefault(reason, []).append(_label(proto))
    for value in (*model.graph.input, *model.graph.output):
        if value.type.WhichOneof("value") in ("opaque_type", "sparse_tensor_type"):
            found.setdefault("value of a type that is no tensor", []).append(repr(value.name))
    return found


def _node_reasons(proto: NodeProto, opset: int) -> Iterator[str]:
    """Why a node is not supported; nothing if it is."""
    if any(attribute.type == AttributeProto.GRAPHS for attribute in proto.attribute):
        yield f"{proto.op_type} (holds lists of graphs)"
    elif proto.domain.startswith(microsoft.DOMAIN) and not ops.exists(f"{proto.domain}.{proto.op_type}"):
        yield from microsoft.faults(f"{proto.domain}.{proto.op_type}", [a.name for a in proto.attribute])
    elif proto.domain not in OWN_DOMAINS:
        name = f"{proto.domain}.{proto.op_type}"
        yield from () if ops.exists(name) else (name,)
    elif schema_at(proto.op_type, opset) is None:
        yield f"{proto.op_type} (no operator of opset {opset})"
    elif not ops.exists(proto.op_type) and proto.op_type not in KNOWN_HERE:
        yield proto.op_type


def _unknown_attributes(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """Attributes that ONNX has and our operators have not."""
    found: dict[str, list[str]] = {}
    known: dict[str, Sequence[str] | None] = {}  # the parameters of an operator; None if there is no such one
    for node in _with_inner(nodes):
        if node.op not in known:
            known[node.op] = tuple(inspect.signature(ops.get(node.op)).parameters) if ops.exists(node.op) else None
        for name in node.attributes:
            if name not in (known[node.op] or node.attributes):
                found.setdefault(f"{node.op} with the attribute {name!r}", []).append(repr(node.outputs[0]))
        if known[node.op] is None:
            found.setdefault(node.op, []).append(repr(node.outputs[0]))
    return found


def _with_inner(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for body in node.bodies.values():
            yield from every_node(body)


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


class _Reader:
    """Reads the nodes of a graph and of those within it. Constants of all of them come into one place.

    A name of a body that is in use anywhere else becomes another one, so that none hides another.
    """

    def __init__(self, model: ModelProto, path: Path) -> None:
        self.constants: dict[str, Array] = {}
        self._path = path
        self._is_own = model.producer_name == PRODUCER
        self._opset = opset_of(model, path)
        self._taken = names_made(model.graph)
        inputs = {i.name: _spec_or_nothing(i) for i in model.graph.input}
        self._known = microsoft.Known({name: spec for name, spec in inputs.items() if spec.dtype}, self.constants)

    def nodes(self, graph: GraphProto, scope: Mapping[str, str]) -> list[Node]:
        """The nodes; `scope` gives the names that differ from those in the file."""
        for tensor in graph.initializer:
            self._constant(scope.get(tensor.name, tensor.name), to_array(tensor, self._path.parent))
        for sparse in graph.sparse_initializer:
            self._constant(
                scope.get(sparse.values.name, sparse.values.name), sparse_to_array(sparse, self._path.parent)
            )
        protos = []
        for proto in graph.node:
            if proto.op_type == "Constant" and proto.domain in OWN_DOMAINS and proto.output:
                self._constant(scope.get(proto.output[0], proto.output[0]), _constant(proto, self._path))
            elif any(proto.output):
                protos.append(proto)
        return [node for proto in protos for node in self._lifted(self._node(proto, scope))]

    def _lifted(self, node: Node) -> list[Node]:
        """The node, or those of ONNX that stand for it."""
        nodes = microsoft.lift(node, self._known, self._free_name) if node.op in microsoft.LIFTS else [node]
        for each in nodes:
            self._known.add(each)
        return nodes

    def _constant(self, name: str, array: Array) -> None:
        if not name or name in self.constants:
            raise _damaged(self._path, f"there are two constants {name!r}" if name else "a constant has no name")
        self.constants[name] = array

    def _body(self, graph: GraphProto, scope: Mapping[str, str]) -> Body:
        inner = dict(scope)
        for name in sorted(names_made(graph)):
            inner[name] = self._free_name(name) if name else ""
        nodes = self.nodes(graph, inner)
        constants = {tensor.name for tensor in graph.initializer}
        inputs = {inner[i.name]: _spec_or_nothing(i) for i in graph.input if i.name not in constants}
        if len(inputs) + len(constants & {i.name for i in graph.input}) < len(graph.input):
            raise _damaged(self._path, f"an input of the graph {graph.name!r} is there twice")
        outputs = tuple(inner.get(output.name, output.name) for output in graph.output)
        made = {name for node in nodes for name in node.outputs}
        outside = {name for node in nodes for name in node.reads} - made
        return Body(inputs, outputs, _in_order(nodes, outside))

    def _free_name(self, wish: str) -> str:
        name, n = wish, 0
        while name in self._taken:
            n += 1
            name = f"{wish}_{n}"
        self._taken.add(name)
        return name

    def _node(self, proto: NodeProto, scope: Mapping[str, str]) -> Node:
        op = proto.op_type if proto.domain in OWN_DOMAINS else f"{proto.domain}.{proto.op_type}"
        title = f"{proto.name or next(filter(None, proto.output))} ({proto.op_type})"
        inputs = tuple(scope.get(name, name) for name in _without_trailing(proto.input))
        outputs = tuple(scope.get(name, name) for name in _without_trailing(proto.output))
        schema = None if "." in op else schema_at(op, PIN)
        attributes: dict[str, Any] = {}
        for attribute in proto.attribute:
            if attribute.type == AttributeProto.GRAPH:
                attributes[attribute.name] = self._body(attribute.g, scope)
            elif schema is None or attribute.name in (
                *schema.attributes,
                "directions",
            ):  # else of an old opset, and at its default
                attributes |= _attribute(op, attribute)
        node = Node(op, inputs, outputs, attributes, proto.doc_string if self._is_own else title)
        return self._batched_scan(node) if op == "Scan" and self._opset < SCAN_WITHOUT_BATCH else node

    def _batched_scan(self, node: Node) -> Node:
        """The first Scan, which had a batch before the steps, as a Scan over the batch of a Scan over the steps."""
        lengths, *inputs = node.inputs
        if lengths:
            raise Unsupported("IX301", "A Scan of opset 8 with sequences of different lengths.", where=node.source)
        attributes = {name: node.attributes[name] for name in ("body", "num_scan_inputs")}
        if "directions" in node.attributes:
            attributes["scan_input_directions"] = node.attributes["directions"]
        names = [self._free_name(f"{name}.sample") for name in inputs]
        outputs = [self._free_name(f"{name}.sample") for name in node.outputs]
        inner = Node("Scan", tuple(names), tuple(outputs), attributes, node.source)
        body = Body(dict.fromkeys(names, TensorSpec("", ())), tuple(outputs), (inner,))
        return Node("Scan", tuple(inputs), node.outputs, {"body": body, "num_scan_inputs": len(inputs)}, node.source)


def _constant(proto: NodeProto, path: Path) -> Array:
    if len(proto.attribute) != 1:
        raise _damaged(path, f"node {_label(proto)} (Constant) has {len(proto.attribute)} values instead of one")
    (attribute,) = proto.attribute
    if attribute.type == AttributeProto.TENSOR:
        return to_array(attribute.t, path.parent)
    if attribute.type == AttributeProto.SPARSE_TENSOR:
        return sparse_to_array(attribute.sparse_tensor, path.parent)
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


def _attribute(op: str, attribute: AttributeProto) -> dict[str, Any]:
    """An attribute of ONNX as those of our operators."""
    if attribute.type == AttributeProto.TENSOR and op == "ConstantOfShape":
        array = to_array(attribute.t, Path())
        if array.size != 1:
            raise BadInput("IX203", "The value of a ConstantOfShape is not one number.", where=attribute.name)
        return {"value": array.item(), "dtype": array.dtype.name}
    if attribute.type == AttributeProto.TENSOR:
        array = to_array(attribute.t, Path())
        dtype = {"dtype": array.dtype.name} if (op, attribute.name) == LABEL_VALUES else {}
        return {attribute.name: tuple(array.ravel().tolist()), **dtype}
    if attribute.type == AttributeProto.TYPE_PROTO:
        return {attribute.name: " ".join(str(attribute.tp).split())}
    value = _value(attribute)
    if attribute.type == AttributeProto.INT and attribute.name in TYPE_ATTRIBUTES:
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
    try:
        return _spec_of(value.type)
    except ValueError as error:
        raise Unsupported("IX301", f"The input {value.name!r} has {error}.", where=str(path)) from error


def _spec_of(kind: TypeProto, *, is_element: bool = False) -> TensorSpec:
    """Raises ValueError where there is nothing to say it with. The shape of elements of any rank is ()."""
    which = kind.WhichOneof("value")
    if which in ("sequence_type", "optional_type"):
        inner = _spec_of(getattr(kind, which).elem_type, is_element=True)
        name = which.removesuffix("_type")
        if (name, inner.kind) not in NESTED:
            raise ValueError(f"the unsupported type {name} of {inner.kind}")
        return replace(inner, kind=NESTED[name, inner.kind])
    if which == "map_type":
        return replace(_spec_of(kind.map_type.value_type, is_element=True), kind="map")
    tensor = kind.tensor_type
    if not tensor.HasField("shape") and not is_element:
        raise ValueError("no rank")
    try:
        return TensorSpec(dtype_name(tensor.elem_type), tuple(map(_dimension, tensor.shape.dim)))
    except ValueError as error:
        raise ValueError(f"an unsupported {error}") from error


# what holds what -> the kind of the value
NESTED = {
    ("sequence", "tensor"): "sequence",
    ("optional", "tensor"): "optional",
    ("optional", "sequence"): "optional sequence",
    ("sequence", "map"): "map",
}


def _spec_or_nothing(value: ValueInfoProto) -> TensorSpec:
    """Of the input of a body, of which a file need say nothing."""
    try:
        return _spec_of(value.type)
    except ValueError:
        return TensorSpec("", ())


def _dimension(dimension: Any) -> Dimension:
    """Names that begin with "?", and sizes below 0, are ways to say that nothing is known."""
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value) if dimension.dim_value >= 0 else None
    name = str(dimension.dim_param)
    return name if name and not name.startswith("?") else None


def _in_order(nodes: Sequence[Node], known: set[str]) -> tuple[Node, ...]:
    """The nodes in execution order: the file's, as far as it is one. What cannot be ordered comes last."""
    makers = {name: i for i, node in enumerate(nodes) for name in node.outputs if name and name not in known}
    reads = [
        {makers.get(name, i) for name in node.reads if name and name not in known} for i, node in enumerate(nodes)
    ]  # one that reads what nothing makes waits for itself
    readers: dict[int, list[int]] = {}
    for i, needed in enumerate(reads):
        for maker in needed:
            readers.setdefault(maker, []).append(i)
    missing = [len(needed) for needed in reads]
    ready = [i for i, count in enumerate(missing) if not count]
    order: list[int] = []
    while ready:
        i = heappop(ready)
        order.append(i)
        for reader in readers.get(i, ()):
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    done = set(order)
    return tuple(nodes[i] for i in (*order, *(i for i in range(len(nodes)) if i not in done)))
