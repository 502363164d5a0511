"""Which opsets mean the same by a node.

ONNX keeps the schema of every version of an operator. A step from one version to the next leaves a node's meaning
alone if what the node uses is in both: its attributes (one that is missing must be at its default), its inputs, its
dtypes. What the schemas do not tell, because only the text changed, is in `CHANGES`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

PIN = 28  # the opset whose meaning the operators of the graph have
FLOOR = 13  # from 2020; what is older brings no reader and loses dtypes

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """What a node uses of its operator.

    Args:
        attributes: those that are given, in ONNX's own types.
        inputs, outputs: how many, and which are there.
        dtypes: of the inputs, then of the outputs, as ONNX writes them ("tensor(float)"); "" where unknown.
    """

    op: str
    attributes: Attributes
    inputs: tuple[bool, ...]
    outputs: int
    dtypes: tuple[str, ...] = ()


def _always(use: Use) -> bool:
    return True


def _has(name: str, *values: Any) -> Callable[[Use], bool]:
    return lambda use: use.attributes.get(name) in values


def _auto_pads(use: Use) -> bool:
    return use.attributes.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in use.attributes


# (operator, version) -> whether a node means something else from that version on than before, though schemas agree.
CHANGES: Mapping[tuple[str, int], Callable[[Use], bool]] = MappingProxyType(
    {
        ("AveragePool", 19): _has("ceil_mode", 1),  # what hangs over the end no longer counts as padding
        ("AveragePool", 22): _has("ceil_mode", 1),  # no window starts in the padding at the end
        ("LpPool", 22): _has("ceil_mode", 1),
        ("MaxPool", 22): _has("ceil_mode", 1),
        ("BatchNormalization", 7): _always,  # before, the default was training
        ("ConvTranspose", 11): _auto_pads,  # SAME_UPPER and SAME_LOWER changed places
        ("DFT", 20): _always,  # the axis became an input, with another default
        ("GRU", 7): _always,  # outputs were optional by an attribute
        ("LSTM", 7): _always,
        ("RNN", 7): _always,
        ("GridSample", 20): _always,  # other names for the modes
        ("GroupNormalization", 21): _always,  # scale and bias by channel, before by group
        ("Mod", 28): lambda use: use.attributes.get("fmod", 0) == 0 and _is_float(use),
        ("PRelu", 7): _always,  # a slope of shape (C,) was one for each channel
        ("Pad", 19): _has("mode", "wrap"),
        ("Resize", 13): _has("coordinate_transformation_mode", "tf_half_pixel_for_nn"),
        ("Resize", 19): _has("coordinate_transformation_mode", "half_pixel_symmetric"),
        ("RoiAlign", 16): lambda use: use.attributes.get("coordinate_transformation_mode") != "output_half_pixel",
        ("ScatterElements", 18): _has("reduction", "max", "min"),
        ("ScatterND", 18): _has("reduction", "max", "min"),
        ("Split", 18): lambda use: len(use.inputs) < 2,  # since then it has to be said that the parts are equal
        ("Hardmax", 13): lambda use: use.attributes.get("axis") != -1,  # before, all dimensions from `axis` on
        ("LogSoftmax", 13): lambda use: use.attributes.get("axis") != -1,
        ("Softmax", 13): lambda use: use.attributes.get("axis") != -1,
    }
)
# Of these the operators that ONNX's converter rewrites; by the others it is silent, and what it makes is wrong.
REWRITTEN = ("Hardmax", "LogSoftmax", "Softmax", "Split")
# (operator, version) whose inputs got new names and nothing else.
RENAMED_INPUTS = frozenset({("BatchNormalization", 14)})


def _is_float(use: Use) -> bool:
    return any("float" in dtype or "double" in dtype for dtype in use.dtypes)


@functools.cache
def history(op: str) -> Sequence[Any]:
    """The schemas of an operator of ONNX up to the pin, oldest first; none if there is no such operator.

    Operators of ONNX's other domains are named "ai.onnx.ml.Scaler"; their opsets have numbers of their own.
    """
    import onnx.defs

    assert onnx.defs.onnx_opset_version() >= PIN, "onnx is older than the pinned opset"
    domain, _, name = op.rpartition(".")
    schemas: list[Any] = []
    version = PIN
    while version > 0:  # backwards, one by one: to ask for all schemas takes as long as a small conversion
        try:
            schema = onnx.defs.get_schema(name, version, domain)
        except onnx.defs.SchemaError:
            break
        schemas.insert(0, schema)
        version = schema.since_version - 1
    return tuple(schemas)


@functools.cache
def schema_at(op: str, opset: int) -> Any | None:
    """The schema that holds in an opset; None if the operator is not there (or no longer)."""
    known = [schema for schema in history(op) if schema.since_version <= opset]
    return known[-1] if known and not known[-1].deprecated else None


def lowest_opset(use: Use, floor: int = FLOOR, newest: int = PIN) -> int:
    """The lowest opset, but not below `floor`, from which on to `newest` the node means what it means there."""
    values = tuple(use.attributes.items())
    if all(isinstance(value, (int, float, str, tuple)) for _, value in values):
        return _lowest_opset(use.op, values, use.inputs, use.outputs, use.dtypes, floor, newest)
    return _find_lowest_opset(use, floor, newest)  # with tensors or graphs


@functools.lru_cache(4096)  # networks repeat themselves
def _lowest_opset(
    op: str,
    attributes: tuple[tuple[str, Any], ...],
    inputs: tuple[bool, ...],
    outputs: int,
    dtypes: tuple[str, ...],
    floor: int,
    newest: int,
) -> int:
    return _find_lowest_opset(Use(op, dict(attributes), inputs, outputs, dtypes), floor, newest)


def _find_lowest_opset(use: Use, floor: int, newest: int) -> int:
    lowest = newest
    schemas = [schema for schema in history(use.op) if not schema.deprecated and schema.since_version <= newest]
    for upper, lower in zip(reversed(schemas), [*reversed(schemas[:-1]), None], strict=True):
        lowest = upper.since_version
        if lowest <= floor or lower is None or not same_meaning(lower, upper, use):
            break
    return max(lowest, floor)


@functools.cache
def axes_became_input(op: str) -> int:
    """The version of an operator from which on its axes are an input, where they were an attribute; 0 if there is none.

    Nothing else may have changed in its inputs, as in Slice.
    """
    for lower, upper in itertools.pairwise(history(op)):
        inputs = [formal.name for formal in lower.inputs]
        if "axes" in lower.attributes and [formal.name for formal in upper.inputs] == [*inputs, "axes"]:
            return int(upper.since_version)
    return 0


def with_axes_attribute(use: Use, axes: tuple[int, ...]) -> Use | None:
    """The use as it was before the axes became an input; None if it had no such form."""
    is_noop = bool(use.attributes.get("noop_with_empty_axes")) and not axes
    version = axes_became_input(use.op)
    if not version or is_noop:
        return None
    attributes = {name: value for name, value in use.attributes.items() if name != "noop_with_empty_axes"}
    if axes:
        attributes["axes"] = axes
    dtypes = (*use.dtypes[:1], *use.dtypes[len(use.inputs) :])
    old = Use(use.op, attributes, use.inputs[:1], use.outputs, dtypes)
    schema = schema_at(use.op, version - 1)
    return old if schema is not None and _allows(schema, old) else None


def cannot_be_rewritten(use: Use, opset: int) -> bool:
    """Whether ONNX's converter would take the node to that older opset without a word, and with another meaning."""
    changes = [change for (op, version), change in CHANGES.items() if op == use.op and version > opset]
    return use.op not in REWRITTEN and any(change(use) for change in changes)


def changed_since(use: Use, opset: int) -> bool:
    """Whether the node, written for that opset, means something else at the pin, or nothing."""
    schemas = [schema for schema in history(use.op) if schema.since_version > opset]
    current = schema_at(use.op, opset)
    if current is None:
        return True
    for upper in schemas:
        if upper.deprecated or not same_meaning(current, upper, use):
            return True
        current = upper
    return False


def same_meaning(lower: Any, upper: Any, use: Use) -> bool:
    """Whether a node means the same by two successive schemas of its operator."""
    change = CHANGES.get((use.op, upper.since_version))
    if change is not None and change(use):
        return False
    if not all(_same_attribute(lower, upper, name, use) for name in {*lower.attributes, *upper.attributes}):
        return False
    if use.outputs > min(lower.max_output, upper.max_output):
        return False
    return _same_inputs(lower, upper, use) and all(_allows(schema, use) for schema in (lower, upper))


def _same_attribute(lower: Any, upper: Any, name: str, use: Use) -> bool:
    have = [schema.attributes[name] for schema in (lower, upper) if name in schema.attributes]
    if len(have) == 2 and have[0].type != have[1].type:
        return False
    if len(have) == 2:
        return name in use.attributes or default_of(have[0]) == default_of(have[1])
    if have[0].required:
        return False
    return name not in use.attributes or use.attributes[name] == default_of(have[0])


def default_of(attribute: Any) -> Any:
    """The default of a schema's attribute in Python's types; None if it has none."""
    from onnx import helper

    if not attribute.default_value.type:
        return None
    value = helper.get_attribute_value(attribute.default_value)
    if isinstance(value, bytes):
        return value.decode()
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _same_inputs(lower: Any, upper: Any, use: Use) -> bool:
    n = len(use.inputs)
    if n < max(lower.min_input, upper.min_input) or n > min(lower.max_input, upper.max_input):
        return False
    if (use.op, upper.since_version) in RENAMED_INPUTS:
        return True
    return [i.name for i in lower.inputs[:n]] == [i.name for i in upper.inputs[:n]]


def _allows(schema: Any, use: Use) -> bool:
    """Whether a schema takes and makes the dtypes, as far as they are known."""
    n = len(use.inputs)
    sides = ((schema.inputs, use.dtypes[:n]), (schema.outputs, use.dtypes[n:]))
    return all(
        not dtype or dtype in formals[min(i, len(formals) - 1)].types
        for formals, dtypes in sides
        for i, dtype in enumerate(dtypes)
    )
