"""Brings a model to the pinned opset, and its functions into its graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto, NodeProto, TensorProto, helper, inliner, shape_inference, version_converter

from interchange.errors import BadInput, Unsupported
from interchange_onnx.versions import PIN, Use, changed_since, schema_at

OWN_DOMAINS = ("", "ai.onnx")
UNCHANGED = ("Constant",)  # decode takes every version of it
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


def inlined(model: ModelProto, path: Path) -> ModelProto:
    """The model with the bodies of its functions where they are called.

    Raises:
        BadInput: (IX203) a function calls itself, or cannot be put in place.
    """
    if not model.functions:
        return model
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
    changed = sorted({proto.op_type for proto in model.graph.node if _has_changed(proto, opset)})
    if not changed:
        return model
    try:
        return _converted(model)
    except Exception as error:  # the converter's errors have no common base
        raise Unsupported(
            "IX301",
            f"The model cannot be lifted from opset {opset} to {PIN}.",
            where=str(path),
            why=[f"operators that have changed since: {', '.join(changed)}", *str(error).strip().splitlines()[:3]],
            next_step="Export the model again with a newer opset.",
        ) from error


def _drop_old_dropout(model: ModelProto, opset: int) -> None:
    """At inference it hands its input on."""
    for proto in model.graph.node:
        if opset < DROPOUT_WITH_INPUTS and proto.op_type == "Dropout" and len(_given(proto.output)) == 1:
            proto.op_type = "Identity"
            del proto.attribute[:], proto.output[1:]


def _has_changed(proto: NodeProto, opset: int) -> bool:
    if proto.domain not in OWN_DOMAINS or proto.op_type in UNCHANGED:
        return False
    schema = schema_at(proto.op_type, opset)
    if schema is None:
        return True
    attributes = {a.name: _plain(helper.get_attribute_value(a)) for a in proto.attribute}
    use = Use(proto.op_type, attributes, tuple(bool(name) for name in _given(proto.input)), len(_given(proto.output)))
    return changed_since(use, opset)


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


def _converted(model: ModelProto) -> ModelProto:
    """By ONNX's converter, which copies everything several times: so without the large constants."""
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
    converted = version_converter.convert_version(shape_inference.infer_shapes(bare), PIN)
    inputs = [value for value in converted.graph.input if value.name not in names or value.name in declared]
    result = ModelProto()
    result.CopyFrom(converted)
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
