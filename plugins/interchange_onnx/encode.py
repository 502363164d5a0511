"""Graph -> ModelProto."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    checker,
    helper,
    numpy_helper,
)

from interchange import __version__
from interchange.errors import BadInput, Unsupported
from interchange.golden import Case
from interchange.graph import Array, Graph, Node, TensorSpec, dtype_of, every_node, with_names
from interchange_onnx import GOLDEN_KEY, PRODUCER
from interchange_onnx.cpu import with_cpu_kernels
from interchange_onnx.faults import FAULTS
from interchange_onnx.layout import channels_first
from interchange_onnx.lift import converted
from interchange_onnx.own import RUNTIME_OPERATORS, inexpressible, own_operators
from interchange_onnx.protos import all_nodes
from interchange_onnx.specs import specs_of
from interchange_onnx.tensors import PACKED
from interchange_onnx.versions import (
    FLOOR,
    PIN,
    Use,
    axes_became_input,
    cannot_be_rewritten,
    default_of,
    lowest_opset,
    schema_at,
    with_axes_attribute,
)

LABEL_ENCODER = "ai.onnx.ml.LabelEncoder"
LOWEST_OPSET = 7  # what ONNX Runtime still reads
# What the checker of onnx 1.23.2 cannot do without, though it is the default.
EXPLICIT: Mapping[str, Mapping[str, Any]] = {
    "MeanVarianceNormalization": {"axes": (0, 2, 3)},
    "STFT": {"onesided": 1},
}
EXTERNAL_FROM = 1024  # smaller constants stay in the model file, where shape inference can see them
ALIGNMENT = 4096  # of constants in the second file, so that it can be memory-mapped


@dataclass(frozen=True, slots=True)
class External:
    """The second file: its name beside the model, and where in it each constant lies."""

    name: str
    offsets: Mapping[str, int]


def lowered(graph: Graph, *, cpu_kernels: bool = True) -> Graph:
    """The graph as ONNX and its runtimes need it: channels first, known faults avoided, no constant as an output.

    With `cpu_kernels`, also float64 and bfloat16 by operators that ONNX Runtime's CPU provider has kernels for.

    Raises:
        Unsupported: (IX303) all that ONNX cannot express, in one error.
    """
    graph = own_operators(graph)
    graph = with_cpu_kernels(graph) if cpu_kernels else graph
    problems = [*_node_problems(graph), *_dtype_problems(graph)]
    _raise_inexpressible(graph, problems)
    graph = _with_required_outputs(_constant_outputs_copied(channels_first(graph)))
    for steer in FAULTS:
        graph = steer(graph)
    read = {name for node in graph.nodes for name in node.reads}
    return replace(graph, constants={name: array for name, array in graph.constants.items() if name in read})


def offsets_of(constants: Mapping[str, Array]) -> dict[str, int]:
    """Where each large constant lies in the second file."""
    offsets: dict[str, int] = {}
    end = 0
    for name, array in constants.items():
        if array.nbytes >= EXTERNAL_FROM and array.dtype.kind != "O" and array.dtype.name not in PACKED:
            offsets[name] = end
            end = -(-(end + array.nbytes) // ALIGNMENT) * ALIGNMENT
    return offsets


def encode(graph: Graph, *, opset: int | None, case: Case | None, external: External | None = None) -> ModelProto:
    """The model of a lowered graph, in the lowest opset in which all of it has its meaning, or in `opset`.

    Raises:
        BadInput: (IX103) there is no such opset.
        Unsupported: (IX303) an operator of ONNX does not take what a node gives it; the graph cannot be written in
            that opset.
    """
    if opset is not None and (not isinstance(opset, int) or not LOWEST_OPSET <= opset <= PIN):
        why = f"it has to be from {LOWEST_OPSET} to {PIN}"
        raise BadInput("IX103", f"The opset {opset!r} cannot be written.", why=why)
    specs = specs_of(graph)  # without them an export is right too; see _declared
    _raise_inexpressible(graph, [problem for node in every_node(graph) for problem in _type_problems(node, specs)])
    uses = [_use(node, specs) for node in every_node(graph) if "." not in node.op]
    floor = min(opset or FLOOR, FLOOR)
    needs = [_lowest_opset(n, specs, graph.constants, floor) for n in every_node(graph) if "." not in n.op]
    needed = max([FLOOR if opset is None else LOWEST_OPSET, *needs])
    model = _model(graph, specs, needed if opset is None else max(opset, needed), case, external)
    if opset is None or opset >= needed:
        return model
    return _converted_down(model, opset, uses, needs)


def checkable(model: ModelProto) -> ModelProto:
    """The model as ONNX's checker wants it: it refuses outputs of unknown rank, which runtimes allow."""
    if all(output.type.tensor_type.HasField("shape") for output in model.graph.output):
        return model
    bare = ModelProto()
    bare.CopyFrom(model)
    del bare.graph.output[:]
    bare.graph.output.extend(o for o in model.graph.output if o.type.tensor_type.HasField("shape"))
    return bare


def check(model: ModelProto | str) -> None:
    """Checks a model, or the file of one.

    Raises:
        Unsupported: (IX303) the checker of ONNX refuses it.
    """
    try:
        checker.check_model(model, full_check=True)
    except Exception as error:  # the checker's own errors, and those of shape inference, have no common base
        raise Unsupported(
            "IX303",
            "The checker of ONNX refuses the exported model.",
            why=str(error).strip().splitlines() or type(error).__name__,
            next_step="Please report it with the model, if you can share it.",
        ) from error


# --- what cannot be expressed ---------------------------------------------------------------------------------------


def _node_problems(graph: Graph) -> Iterator[str]:
    inside = {id(node) for outer in graph.nodes for body in outer.bodies.values() for node in every_node(body)}
    own = dict(inexpressible(graph))
    for node in every_node(graph):
        where = node.source or node.outputs[0]
        if why := own.get(id(node)):
            yield f"{where}: {why}"
            continue
        if node.op in RUNTIME_OPERATORS and id(node) not in inside:
            continue
        schema = schema_at(node.op, PIN)
        if schema is None:
            yield f"{where}: {node.op} is not an operator of ONNX"
            continue
        if id(node) in inside and node.attributes.get("layout") == "NHWC":
            yield f"{where}: {node.op} with its channels last in a graph within the graph"
        for name in node.attributes:
            if name not in schema.attributes and not _is_departure(node.op, name):
                yield f"{where}: {node.op} of ONNX has no attribute {name!r}"


def _is_departure(op: str, attribute: str) -> bool:
    """Whether an attribute is one that this graph has and ONNX has not."""
    return attribute == "layout" or (op in ("ConstantOfShape", LABEL_ENCODER) and attribute == "dtype")


def _dtype_problems(graph: Graph) -> Iterator[str]:
    dtypes = {spec.dtype: f"input {name!r}" for name, spec in graph.inputs.items()}
    dtypes |= {array.dtype.name: f"constant {name!r}" for name, array in graph.constants.items()}
    for dtype, where in dtypes.items():
        try:
            elem_type(dtype)
        except (KeyError, ValueError):
            yield f"{where}: ONNX has no element type {dtype}"


def _type_problems(node: Node, specs: Mapping[str, TensorSpec]) -> Iterator[str]:
    """Inputs that the operator does not take at the pin, as far as their types are known."""
    schema = schema_at(node.op, PIN)
    if schema is None or not schema.inputs:
        return
    where = f"{node.source or node.outputs[0]}: {node.op} of ONNX"
    bound: dict[str, dict[str, str]] = {}  # type variable -> types -> dtypes
    refused: dict[str, None] = {}
    for i, name in enumerate(node.inputs):
        formal, spec = schema.inputs[min(i, len(schema.inputs) - 1)], specs.get(name)
        kind = _type_name(spec) if spec is not None else ""
        if spec is None or not kind:
            continue
        if kind not in formal.types:
            refused[f"{where} takes no {spec.dtype}{'' if spec.kind == 'tensor' else f' {spec.kind}'}"] = None
        elif formal.is_homogeneous:
            bound.setdefault(formal.type_str, {})[kind] = spec.dtype
    yield from refused
    for dtypes in bound.values():
        if len(dtypes) > 1:
            yield f"{where} takes inputs of one dtype, and these are {', '.join(dtypes.values())}"


def _raise_inexpressible(graph: Graph, problems: Sequence[str]) -> None:
    if problems:
        raise Unsupported(
            "IX303",
            f"ONNX cannot express {len(problems)} thing(s) in this graph.",
            where=graph.name,
            why=problems,
            next_step="Other exporters may: `interchange plugins` lists them.",
        )


def _constant_outputs_copied(graph: Graph) -> Graph:
    """Runtimes want outputs that are computed.

    Given   return c, a constant
    Result  c = Identity(c_value); return c
    """
    wanted = [name for name in graph.outputs if name in graph.constants]
    if not wanted:
        return graph
    names = {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}
    fresh: dict[str, str] = {}
    for name in wanted:
        fresh[name] = f"{name}_value"
        while fresh[name] in names:
            fresh[name] += "_"
        names.add(fresh[name])
    nodes = [with_names(node, fresh) for node in graph.nodes]
    nodes += [Node("Identity", (value,), (name,)) for name, value in fresh.items()]
    constants = {fresh.get(name, name): array for name, array in graph.constants.items()}
    return replace(graph, nodes=tuple(nodes), constants=constants)


def _with_required_outputs(graph: Graph) -> Graph:
    """ONNX demands a name for some outputs that a graph leaves out because nobody reads them."""
    names = {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}
    nodes = []
    for node in graph.nodes:
        schema = schema_at(node.op, PIN)
        missing = (0 if schema is None else schema.min_output) - len(node.outputs)
        more = [f"{node.outputs[0]}_output_{len(node.outputs) + i}" for i in range(missing)]
        nodes.append(replace(node, outputs=(*node.outputs, *more)) if more and names.isdisjoint(more) else node)
    return replace(graph, nodes=tuple(nodes))


# --- opsets ---------------------------------------------------------------------------------------------------------


def _use(node: Node, specs: Mapping[str, TensorSpec]) -> Use:
    inputs = _without_trailing(node.inputs)
    dtypes = (_type_name(specs[name]) if name in specs else "" for name in (*inputs, *node.outputs))
    attributes = {name: _comparable(value) for name, value in _attributes(node).items()}
    outputs = len(_without_trailing(node.outputs))
    return Use(node.op, attributes, tuple(bool(name) for name in inputs), outputs, tuple(dtypes))


def _comparable(value: Any) -> Any:
    """A value as the defaults of schemas are."""
    if isinstance(value, tuple):
        return tuple(map(_comparable, value))
    return float(np.float32(value)) if isinstance(value, float) else value


def _type_name(spec: TensorSpec) -> str:
    """The type as the schemas write it; "" for maps, and where ONNX has none."""
    try:
        name = f"tensor({TensorProto.DataType.Name(elem_type(spec.dtype)).lower()})"
    except (KeyError, TypeError, ValueError):
        return ""
    name = f"seq({name})" if spec.kind.endswith("sequence") else name
    name = f"optional({name})" if spec.kind.startswith("optional") else name
    return "" if spec.kind == "map" else name


def _lowest_opset(node: Node, specs: Mapping[str, TensorSpec], constants: Mapping[str, Array], floor: int) -> int:
    """The lowest opset that can say what the node says, be it with its axes as an attribute."""
    use = _use(node, specs)
    lowest = lowest_opset(use, floor)
    if lowest != axes_became_input(node.op):
        return lowest
    axes = _constant_axes(node.inputs, constants)
    old = None if axes is None else with_axes_attribute(use, axes)
    return lowest if old is None else lowest_opset(old, floor, lowest - 1)


def _constant_axes(inputs: Sequence[str], constants: Mapping[str, Array]) -> tuple[int, ...] | None:
    """The second input of an operator, if it is constant."""
    if len(inputs) < 2 or inputs[1] not in constants:
        return None
    return tuple(constants[inputs[1]].ravel().tolist())


def _write_axes_as_attributes(graph: GraphProto, opset: int, constants: Mapping[str, Array]) -> None:
    """Turns constant axes into attributes where the opset wants them so."""
    for proto in all_nodes(graph):
        if proto.domain or opset >= axes_became_input(proto.op_type):
            continue  # before the second input is looked at, which may be all the weights of a layer
        axes = _constant_axes(proto.input, constants)
        if axes is not None:
            del proto.input[1]
            kept = [attribute for attribute in proto.attribute if attribute.name != "noop_with_empty_axes"]
            del proto.attribute[:]
            proto.attribute.extend([*kept, helper.make_attribute("axes", axes)] if axes else kept)


def _converted_down(model: ModelProto, opset: int, uses: Sequence[Use], needs: Sequence[int]) -> ModelProto:
    """The model in an opset that does not have all of its operators as they are."""
    in_the_way = sorted({(use.op, need) for use, need in zip(uses, needs, strict=True) if need > opset})
    why = [f"{op} needs opset {need}" for op, need in in_the_way]
    holds_graphs = any(attribute.HasField("g") for proto in model.graph.node for attribute in proto.attribute)
    try:
        lower = (
            None if holds_graphs or any(cannot_be_rewritten(use, opset) for use in uses) else converted(model, opset)
        )
    except Exception as error:  # the converter's own errors have no common base
        lower, why = None, [*why, *str(error).strip().splitlines()[:1]]
    if lower is None:
        raise Unsupported(
            "IX303",
            f"The model cannot be written in opset {opset}.",
            where=model.graph.name,
            why=why,
            next_step=f"Without the option it is written in opset {max(need for _, need in in_the_way)}.",
        )
    lower.ir_version = helper.find_min_ir_version_for(lower.opset_import, ignore_unknown=True)
    return lower


# --- writing --------------------------------------------------------------------------------------------------------


def _model(
    graph: Graph, specs: Mapping[str, TensorSpec], opset: int, case: Case | None, external: External | None
) -> ModelProto:
    imports = [helper.make_opsetid("", opset)]
    others: dict[str, int] = {}
    for node in every_node(graph):
        domain = node.op.rpartition(".")[0]
        if node.op in RUNTIME_OPERATORS:
            others[RUNTIME_OPERATORS[node.op].domain] = 1
        elif domain:
            others[domain] = max(others.get(domain, 1), lowest_opset(_use(node, specs), 1))
    imports += [helper.make_opsetid(domain, version) for domain, version in others.items()]
    ir_version = helper.find_min_ir_version_for(imports, ignore_unknown=True)
    model = ModelProto(ir_version=ir_version, producer_name=PRODUCER, producer_version=__version__)
    model.opset_import.extend(imports)
    model.graph.name = graph.name
    versions = {"": opset, **others}
    model.graph.node.extend(_node(node, versions, specs) for node in graph.nodes)
    model.graph.value_info.extend(
        _value_info(node.outputs[0], RUNTIME_OPERATORS[node.op].output)
        for node in graph.nodes
        if node.op in RUNTIME_OPERATORS
    )
    _write_axes_as_attributes(model.graph, opset, graph.constants)
    read = {name for proto in all_nodes(model.graph) for name in proto.input}
    model.graph.input.extend(_value_info(name, spec) for name, spec in graph.inputs.items())
    model.graph.initializer.extend(
        _tensor(name, array, external) for name, array in graph.constants.items() if name in read
    )
    model.graph.output.extend(_declared(name, specs, model) for name in graph.outputs)
    for key, value in graph.metadata.items():
        model.metadata_props.add(key=key, value=value)
    if case is not None:
        model.metadata_props.add(key=GOLDEN_KEY, value=json.dumps(case, separators=(",", ":"), allow_nan=False))
    return model


def _node(node: Node, versions: Mapping[str, int], specs: Mapping[str, TensorSpec]) -> NodeProto:
    domain, _, op = node.op.rpartition(".")
    proto = NodeProto(op_type=op, domain=domain, name=next(filter(None, node.outputs)), doc_string=node.source)
    proto.input.extend(_without_trailing(node.inputs))
    proto.output.extend(_without_trailing(node.outputs))
    if node.op in RUNTIME_OPERATORS:
        known = RUNTIME_OPERATORS[node.op]
        proto.domain, proto.op_type = known.domain, known.name
        proto.attribute.extend(helper.make_attribute(name, value) for name, value in known.attributes.items())
        return proto
    pinned, schema = schema_at(node.op, PIN), schema_at(node.op, versions[domain])
    assert pinned is not None
    assert schema is not None
    for name, value in _attributes(node).items():
        kept = name in schema.attributes or _comparable(value) != default_of(pinned.attributes[name])
        if isinstance(value, Graph):
            graph = _body(_with_types(node, value, specs), f"{node.outputs[0]}.{name}", versions, specs)
            if node.op == "SequenceMap":
                _type_elements([*graph.input, *graph.output], [*node.inputs, *node.outputs], specs)
            proto.attribute.append(helper.make_attribute(name, graph))
        elif kept and value is not None and pinned.attributes[name].type.name == "TENSOR":
            tensor = value if isinstance(value, TensorProto) else _list_tensor(node, name, value, specs)
            proto.attribute.append(helper.make_attribute(name, tensor))
        elif kept and value is not None:
            proto.attribute.append(_attribute(name, value, pinned.attributes[name].type))
    return proto


def _body(body: Graph, name: str, versions: Mapping[str, int], specs: Mapping[str, TensorSpec]) -> GraphProto:
    """A graph in an attribute. Each of its outputs has to be made in it, once."""
    proto = GraphProto(name=name)
    for value, spec in body.inputs.items():
        proto.input.append(_value_info(value, spec) if spec.dtype else ValueInfoProto(name=value))
    proto.node.extend(_node(node, versions, specs) for node in body.nodes)
    made = {output for node in body.nodes for output in node.outputs}
    for i, output in enumerate(body.outputs):
        if output not in made:
            fresh = f"{name}.{i}.{output}"
            proto.node.append(NodeProto(op_type="Identity", input=[output], output=[fresh]))
            output = fresh
        made.discard(output)
        proto.output.append(ValueInfoProto(name=output))
    return proto


def _with_types(node: Node, body: Graph, specs: Mapping[str, TensorSpec]) -> Graph:
    """The body with what its node tells of the types of its inputs; ONNX Runtime does not do without."""
    told: list[TensorSpec | None] = [None] * len(body.inputs)
    if node.op == "Loop":
        told[:2] = [TensorSpec("int64", ()), TensorSpec("bool", ())]
    inputs = {
        name: spec if spec.dtype else known or spec
        for (name, spec), known in zip(body.inputs.items(), told, strict=False)
    }
    return replace(body, inputs=inputs)


def _type_elements(values: Sequence[ValueInfoProto], sequences: Sequence[str], specs: Mapping[str, TensorSpec]) -> None:
    """Gives the inputs and outputs of a body the element types of the sequences that its node takes and makes."""
    for value, name in zip(values, sequences, strict=False):
        if name in specs:
            value.type.CopyFrom(helper.make_tensor_type_proto(elem_type(specs[name].dtype), None))


def _list_tensor(node: Node, name: str, values: Sequence[Any], specs: Mapping[str, TensorSpec]) -> TensorProto:
    """The tensor that an attribute of ONNX is where ours is a list."""
    dtype = specs[node.inputs[0]].dtype if node.inputs[0] in specs else "float32"
    if name == "nodes_modes":
        dtype = "uint8"
    elif name in ("values_tensor", "default_tensor"):
        dtype = node.attributes.get("dtype", "float32")
    return numpy_helper.from_array(np.array(values, dtype_of(dtype)), "")


def _attributes(node: Node) -> dict[str, Any]:
    """The node's attributes with ONNX's own names and types."""
    given = {
        **EXPLICIT.get(node.op, {}),
        **{name: value for name, value in node.attributes.items() if value is not None},
    }
    if isinstance(given.get("layout"), str):
        del given["layout"]
    if node.op == "ConstantOfShape":
        dtype, value = given.pop("dtype", "float32"), given.pop("value", 0.0)
        return {"value": numpy_helper.from_array(np.array([value]).astype(dtype_of(dtype)), "")}
    if node.op == LABEL_ENCODER:
        given.pop("dtype", None)
    schema = schema_at(node.op, PIN)
    assert schema is not None
    types = {name for name, value in given.items() if isinstance(value, str) and _is_int(schema.attributes[name])}
    return {name: elem_type(value) if name in types else value for name, value in given.items()}


def _is_int(attribute: Any) -> bool:
    return bool(attribute.type.name == "INT")


def _attribute(name: str, value: Any, kind: Any) -> AttributeProto:
    """An attribute of the type that the schema says: 1 for a float is 1.0, an empty list has a type."""
    proto = AttributeProto(name=name, type=AttributeProto.AttributeType.Value(kind.name))
    if kind.name == "FLOAT":
        proto.f = float(value)
    elif kind.name == "INT":
        proto.i = int(value)
    elif kind.name == "STRING":
        proto.s = value.encode()
    elif kind.name == "TYPE_PROTO":
        from google.protobuf import text_format  # type: ignore[import-untyped]

        text_format.Parse(value, proto.tp)
    elif kind.name == "FLOATS":
        proto.floats.extend(map(float, value))
    elif kind.name == "INTS":
        proto.ints.extend(map(int, value))
    else:
        proto.strings.extend(item.encode() for item in value)
    return proto


def elem_type(dtype: str) -> int:
    """ONNX's number of a NumPy dtype name.

    Raises:
        KeyError, ValueError: there is none.
    """
    return int(helper.np_dtype_to_tensor_dtype(dtype_of(dtype)))


def _without_trailing(names: Sequence[str]) -> list[str]:
    """The names without the absent ones at the end."""
    kept = list(names)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _tensor(name: str, array: Array, external: External | None) -> TensorProto:
    if external is None or name not in external.offsets:
        return numpy_helper.from_array(np.asarray(array, order="C"), name)
    proto = TensorProto(name=name, data_type=elem_type(array.dtype.name), dims=array.shape)
    proto.data_location = TensorProto.EXTERNAL
    place = {"location": external.name, "offset": external.offsets[name], "length": array.nbytes}
    for key, value in place.items():
        proto.external_data.add(key=key, value=str(value))
    return proto


def _value_info(name: str, spec: TensorSpec) -> ValueInfoProto:
    is_any = spec.kind != "tensor" and not spec.shape
    kind = helper.make_tensor_type_proto(elem_type(spec.dtype), None if is_any else list(spec.shape))
    if spec.kind.endswith("sequence"):
        kind = helper.make_sequence_type_proto(kind)
    if spec.kind.startswith("optional"):
        kind = helper.make_optional_type_proto(kind)
    return helper.make_value_info(name, kind)


def _declared(name: str, specs: Mapping[str, TensorSpec], model: ModelProto) -> ValueInfoProto:
    """An output with its type; where the graph's own inference has failed, with what ONNX's finds."""
    if name in specs:
        return _value_info(name, specs[name])
    from onnx import shape_inference

    bare = ModelProto()
    bare.CopyFrom(model)
    del bare.graph.output[:]
    bare.graph.output.add(name=name)
    found = shape_inference.infer_shapes(bare).graph
    typed = [value for value in (*found.output, *found.value_info) if value.name == name and value.HasField("type")]
    return typed[0] if typed else ValueInfoProto(name=name)
