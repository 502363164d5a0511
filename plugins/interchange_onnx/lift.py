"""Brings a model to the pinned opset, and its functions into its graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, inliner, shape_inference, version_converter

from interchange import ops
from interchange.errors import BadInput, Unsupported
from interchange_onnx.protos import all_graphs, all_nodes, names_made, names_read
from interchange_onnx.versions import PIN, Use, axes_became_input, changed_since, lowest_opset, schema_at

OWN_DOMAINS = ("", "ai.onnx")
UNCHANGED = ("Constant",)  # decode takes every version of it
PRELU_BROADCASTS = 7  # before, a slope of shape (C,) was one for each channel
SCAN_WITHOUT_BATCH = 9
DROPOUT_WITH_INPUTS = 12  # before, a file did not say whether it is for training: it never is
SMALL = 1024  # elements of a constant that the converter may need to know, such as axes


def opset_of(model: ModelProto, path: Path) -> int:
    """The opset of ONNX's own operators.

    Raises:
        BadInput: (IX203) the model does not say.
        Unsupported: (IX301) it is newer than the pin.
    """
    versions = [entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS]
    uses_onnx = any(proto.domain in OWN_DOMAINS for proto in model.graph.node)
    if not versions:
        if uses_onnx and model.ir_version >= 3:
            raise BadInput("IX203", "This is not a whole ONNX model.", where=str(path), why="it does not say its opset")
        return 1 if uses_onnx else PIN
    if versions[0] > PIN:
        raise Unsupported(
            "IX301", f"The model is of opset {versions[0]}.", where=str(path), why=f"opsets up to {PIN} are supported"
        )
    return max(int(versions[0]), 1)


def inlined(model: ModelProto, opset: int, path: Path) -> ModelProto:
    """The model with the bodies of functions where they are called: its own, and those that ONNX defines for operators.

    Raises:
        BadInput: (IX203) a function calls itself, or cannot be put in place.
    """
    if model.functions:
        model = _with_bodies(model, path)
    used = {proto.op_type for proto in model.graph.node if proto.domain in OWN_DOMAINS}
    defined = [("", op) for op in sorted(used) if not ops.exists(op) and _has_body(op, opset)]
    if not defined:
        return model
    for proto in model.graph.node:
        if ("", proto.op_type) in defined and proto.domain in OWN_DOMAINS:
            _add_defaults(proto, opset)
    try:
        return inliner.inline_selected_functions(model, defined, inline_schema_functions=True)
    except Exception:  # the inliner's errors have no common base; what is left is listed as unsupported
        return model


def _has_body(op: str, opset: int) -> bool:
    schema = schema_at(op, opset)
    return schema is not None and bool(schema.has_function or schema.has_context_dependent_function)


def _add_defaults(proto: NodeProto, opset: int) -> None:
    """The inliner takes an attribute that is not given for one that the body must do without."""
    schema = schema_at(proto.op_type, opset)
    given = {attribute.name for attribute in proto.attribute}
    defaults = {} if schema is None else schema.attributes
    proto.attribute.extend(
        attribute.default_value
        for name, attribute in defaults.items()
        if name not in given and attribute.default_value.type
    )


def _with_bodies(model: ModelProto, path: Path) -> ModelProto:
    """The model without functions of its own."""
    bodies = {(f.domain, f.name): {(n.domain, n.op_type) for n in f.node} for f in model.functions}
    while bodies:  # without cycles, one after the other calls no function any more
        leaves = [name for name, called in bodies.items() if not called & bodies.keys()]
        if not leaves:
            names = ", ".join(sorted(f"{domain}.{name}" for domain, name in bodies))
            raise BadInput("IX203", "Functions in the model call each other in a circle.", where=str(path), why=names)
        for name in leaves:
            del bodies[name]
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the inliner's errors have no common base
        raise BadInput(
            "IX203", "The functions in the model cannot be put in place.", where=str(path), why=str(error)
        ) from error


def lifted(model: ModelProto, opset: int, path: Path) -> ModelProto:
    """A model that means at the pin what the given one means at its opset: itself, where no operator has changed.

    Raises:
        Unsupported: (IX301) an operator has changed, and ONNX's converter cannot rewrite it.
    """
    _drop_old_dropout(model, opset)
    concerned = [proto for proto in all_nodes(model.graph) if _has_changed(proto, opset)]
    changed = sorted({proto.op_type for proto in concerned})
    if not changed:
        return model
    outside = {proto.op_type for proto in model.graph.node if _has_changed(proto, opset)}
    if all(_moves_axes(proto, opset) for proto in concerned):
        _axes_as_inputs(model, opset)
        return _at_pin(model)
    try:
        if any(_is_batched_scan(proto, opset) for proto in all_nodes(model.graph)):
            raise ValueError("the first version of Scan is taken only where nothing else has to be lifted")
        _widen_old_slopes(model, opset)
        if len(changed) > len(outside) or any(_has_changed(p, opset) for p in all_nodes(model.graph, inner_only=True)):
            _lift_bodies(model)
        return _with_axis_of_dft(converted(model, PIN)) if outside else _at_pin(model)
    except Exception as error:  # the converter's errors have no common base
        raise Unsupported(
            "IX301",
            f"The model cannot be lifted from opset {opset} to {PIN}.",
            where=str(path),
            why=[f"operators that have changed since: {', '.join(changed)}", *str(error).strip().splitlines()[:3]],
            next_step="Export the model again with a newer opset.",
        ) from error


def _moves_axes(proto: NodeProto, opset: int) -> bool:
    """Whether all that has changed is that the axes are an input now."""
    version = axes_became_input(proto.op_type)
    if version <= opset or len(proto.input) != 1:
        return False
    old = _use(proto)
    new = Use(old.op, {n: v for n, v in old.attributes.items() if n != "axes"}, (True, True), old.outputs)
    return lowest_opset(old, opset, version - 1) <= opset and not changed_since(new, version)


def _axes_as_inputs(model: ModelProto, opset: int) -> None:
    """Writes the axes, where they are an attribute, as constants; ONNX's converter would rewrite the whole model."""
    taken = {name for graph in all_graphs(model.graph) for name in names_made(graph)}
    for proto in all_nodes(model.graph):
        if not _has_changed(proto, opset):
            continue
        axes = [axis for attribute in proto.attribute if attribute.name == "axes" for axis in attribute.ints]
        kept = [attribute for attribute in proto.attribute if attribute.name != "axes"]
        del proto.attribute[:]
        proto.attribute.extend(kept)
        name = f"{proto.output[0]}.axes"
        while name in taken:
            name += "_"
        taken.add(name)
        proto.input.append(name)
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(axes)], axes))


def _lift_bodies(model: ModelProto) -> None:
    """ONNX's converter leaves graphs in attributes as they are: so each is converted as a model of its own."""
    inferred = shape_inference.infer_shapes(model)
    types: dict[str, ValueInfoProto] = {}
    for graph in all_graphs(inferred.graph):
        for tensor in graph.initializer:
            types[tensor.name] = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        types |= {value.name: value for value in (*graph.input, *graph.value_info, *graph.output)}
    for graph in reversed(all_graphs(model.graph)[1:]):
        own = {value.name for value in graph.input}
        outside = sorted(names_read(graph) - names_made(graph))
        bare = ModelProto(ir_version=max(model.ir_version, 4))
        bare.opset_import.extend(model.opset_import)
        bare.graph.CopyFrom(graph)
        bare.graph.input.extend(types[name] for name in outside if name in types)
        inputs = {value.name: value for value in graph.input}
        converted_graph = version_converter.convert_version(shape_inference.infer_shapes(bare), PIN).graph
        graph.CopyFrom(converted_graph)
        del graph.input[:]
        graph.input.extend(inputs[value.name] for value in converted_graph.input if value.name in own)


def _is_batched_scan(proto: NodeProto, opset: int) -> bool:
    """Decode takes this one too; ONNX's converter takes the batch out of the model's inputs."""
    return proto.op_type == "Scan" and opset < SCAN_WITHOUT_BATCH


def _at_pin(model: ModelProto) -> ModelProto:
    """The model, all of whose nodes mean at the pin what they mean at its opset."""
    for entry in model.opset_import:
        if entry.domain in OWN_DOMAINS:
            entry.version = PIN
    return model


def _drop_old_dropout(model: ModelProto, opset: int) -> None:
    """At inference it hands its input on; a mask that nobody reads is not made."""
    if opset >= DROPOUT_WITH_INPUTS:
        return
    read = {name for proto in model.graph.node for name in proto.input} | {value.name for value in model.graph.output}
    for proto in model.graph.node:
        if proto.op_type == "Dropout" and proto.output and not read.intersection(proto.output[1:]):
            proto.op_type = "Identity"
            del proto.attribute[:], proto.output[1:]


def _widen_old_slopes(model: ModelProto, opset: int) -> None:
    """The slopes of PRelu as (C, 1, …): the converter leaves this to us, and says nothing."""
    if opset >= PRELU_BROADCASTS or not any(proto.op_type == "PRelu" for proto in model.graph.node):
        return
    known = shape_inference.infer_shapes(model).graph
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in (*known.input, *known.value_info, *known.output)}
    slopes = {tensor.name: tensor for tensor in model.graph.initializer}
    for proto in model.graph.node:
        slope = slopes.get(proto.input[1]) if proto.op_type == "PRelu" else None
        if slope is not None and len(slope.dims) == 1 and slope.dims[0] > 1:
            slope.dims.extend([1] * (ranks.get(proto.input[0], 2) - 2))
    declared = [value for value in model.graph.input if value.name not in slopes]
    del model.graph.input[:]
    model.graph.input.extend(declared)


def _with_axis_of_dft(model: ModelProto) -> ModelProto:
    """The axis of DFT, an attribute before opset 20, as an input: the converter leaves it where it is."""
    for i, proto in enumerate(model.graph.node):
        if proto.op_type != "DFT" or len(proto.input) > 2:
            continue
        axis = next((attribute.i for attribute in proto.attribute if attribute.name == "axis"), 1)
        kept = [attribute for attribute in proto.attribute if attribute.name != "axis"]
        del proto.attribute[:]
        proto.attribute.extend(kept)
        name = f"interchange_dft_axis_{i}"
        proto.input.extend(["", name][len(proto.input) - 1 :])
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [], [axis]))
    return model


def _has_changed(proto: NodeProto, opset: int) -> bool:
    if proto.domain not in OWN_DOMAINS or proto.op_type in UNCHANGED or _is_batched_scan(proto, opset):
        return False
    schema = schema_at(proto.op_type, opset)
    if schema is None:
        return True
    return changed_since(_use(proto), opset)


def _use(proto: NodeProto) -> Use:
    attributes = {a.name: _plain(helper.get_attribute_value(a)) for a in proto.attribute}
    return Use(proto.op_type, attributes, tuple(bool(name) for name in _given(proto.input)), len(_given(proto.output)))


def _plain(value: object) -> object:
    """A value as the defaults of schemas are."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _given(names: Sequence[str]) -> Sequence[str]:
    kept = list(names)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def converted(model: ModelProto, opset: int) -> ModelProto:
    """The model in another opset, by ONNX's converter. It copies everything several times, so not the large constants.

    Raises:
        Exception: of many kinds, if an operator cannot be rewritten.
    """
    large = [tensor for tensor in model.graph.initializer if _is_large(tensor)]
    small = [tensor for tensor in model.graph.initializer if not _is_large(tensor)]
    names = {tensor.name for tensor in large}
    declared = {value.name for value in model.graph.input}
    bare = ModelProto(ir_version=max(model.ir_version, 4))
    bare.opset_import.extend(model.opset_import)
    bare.graph.CopyFrom(_without_initializers(model))
    bare.graph.initializer.extend(small)
    bare.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in large
        if tensor.name not in declared
    )
    result: ModelProto = version_converter.convert_version(shape_inference.infer_shapes(bare), opset)
    inputs = [value for value in result.graph.input if value.name not in names or value.name in declared]
    del result.graph.input[:]
    result.graph.input.extend(inputs)
    result.graph.initializer.extend(large)
    result.producer_name, result.producer_version = model.producer_name, model.producer_version
    result.metadata_props.extend(model.metadata_props)
    return result


def _is_large(tensor: TensorProto) -> bool:
    size = 1
    for dimension in tensor.dims:
        size *= dimension
    return size > SMALL or tensor.data_location == TensorProto.EXTERNAL


def _without_initializers(model: ModelProto) -> object:
    graph = type(model.graph)(name=model.graph.name)
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    return graph
