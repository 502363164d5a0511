"""The graph: what every importer builds and every exporter reads.

Frozen: a pass returns a new graph. Construction checks everything and reports all faults in one error.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from interchange import ops
from interchange.errors import BadInput, EnvironmentLacks, Unsupported

Array = npt.NDArray[Any]
Dimension = int | str | None  # a size, a name for an unknown size ("batch"), or unknown

JSON_VERSION = 1
DEEPEST = 32  # graphs within graphs
TEXT = "string"  # what people call the dtype of texts, which NumPy calls object
KINDS = ("tensor", "sequence", "optional", "optional sequence", "map")


def dtype_of(name: str) -> np.dtype[Any]:
    """The NumPy dtype with that name; `bfloat16` and the other small numbers come from ml_dtypes.

    Raises:
        TypeError: there is none.
        EnvironmentLacks: (IX401) ml_dtypes is not installed.
    """
    if not re.fullmatch(r"bfloat16|float[468]_e\w+|u?int[24]", name):
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise EnvironmentLacks(
            "IX401", f"{name} needs the package ml_dtypes.", why=str(error), next_step="pip install ml_dtypes"
        ) from error
    if not hasattr(ml_dtypes, name):
        raise TypeError(f"data type {name!r} not understood")
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Element type (a NumPy dtype name) and shape of a value.

    Args:
        kind: one of `KINDS`. Of a "sequence" (a list of arrays) dtype and shape are those of its elements, () where
            they are of any rank; an "optional" value may be None; a "map" is a dict, or a list of dicts, whose values
            are of that dtype.
    """

    dtype: str
    shape: tuple[Dimension, ...]
    kind: str = "tensor"

    def __str__(self) -> str:
        dtype = TEXT if self.dtype == "object" else self.dtype
        tensor = f"{dtype or '?'}[{', '.join('?' if d is None else str(d) for d in self.shape)}]"
        return tensor if self.kind == "tensor" else f"{self.kind} of {tensor}"


@dataclass(frozen=True, slots=True)
class Node:
    """One call of an operator: ``outputs = op(*inputs, **attributes)``.

    Args:
        op: an operator of ONNX ("Conv"), or of a third party ("domain.Op").
        inputs: names of values; "" is an absent optional input.
        outputs: names of the values made; "" is an output nobody reads.
        attributes: ONNX's, with plain Python values: int, float, str, lists of them, or a Body.
        source: where it came from, such as "conv2d_3 (Conv2D)"; used by errors, reports and script comments.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "outputs", tuple(self.outputs))
        frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in self.attributes.items()}
        object.__setattr__(self, "attributes", MappingProxyType(frozen))

    @property
    def bodies(self) -> dict[str, Graph]:
        """The graphs among the attributes."""
        return {name: value for name, value in self.attributes.items() if isinstance(value, Graph)}

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of all values that the call reads: its inputs, and what its bodies take from the graphs around."""
        if not any(isinstance(value, Graph) for value in self.attributes.values()):
            return self.inputs
        return (*self.inputs, *dict.fromkeys(name for body in self.bodies.values() for name in body.captures))

    def __str__(self) -> str:
        arguments = [name or "None" for name in self.inputs]
        arguments += [f"{k}={v!r}" for k, v in self.attributes.items() if not isinstance(v, Graph)]
        arguments += [
            f"{k}=<graph of {len(v.nodes)} nodes>" for k, v in self.attributes.items() if isinstance(v, Graph)
        ]
        return f"{', '.join(name or '_' for name in self.outputs)} = {self.op}({', '.join(arguments)})"


@dataclass(frozen=True, slots=True)
class Graph:
    """A network: nodes in execution order, the constants that they read, and the signature.

    Args:
        inputs: name -> TensorSpec, in the source's order.
        outputs: names of values, in the source's order.
        nodes: in execution order.
        constants: name -> array; may be memory-mapped. Read-only views are kept, nothing is copied.
        metadata: str -> str: "name", "format", "producer", "labels" (JSON list), "decision" …

    Raises:
        Unsupported: (IX301) an operator is not installed.
        BadInput: (IX210) any other fault: undefined or repeated names, a call that does not fit its operator.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", tuple(self.outputs))
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "inputs", MappingProxyType(dict(self.inputs)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        constants = {name: _read_only(array) for name, array in self.constants.items()}
        object.__setattr__(self, "constants", MappingProxyType(constants))
        self._validate()

    def _validate(self) -> None:
        _check(self)

    @property
    def captures(self) -> tuple[str, ...]:
        """The names that are read here and made in a graph around; none in a whole graph."""
        return ()

    @property
    def name(self) -> str:
        return self.metadata.get("name", "model")

    @property
    def parameters(self) -> int:
        """The number of elements in all constants that are weights."""
        return sum(array.size for array in self.constants.values() if is_weight(array))

    def __str__(self) -> str:
        return "\n".join(_lines(self, self.name))

    def with_metadata(self, **entries: str) -> Graph:
        """The same graph with these metadata entries added or replaced."""
        return replace(self, metadata={**self.metadata, **entries})

    def to_json(self) -> dict[str, Any]:
        """All but the constants' values, as formats/graph.md lays down."""
        return {
            "version": JSON_VERSION,
            "inputs": [_spec_to_json(name, spec) for name, spec in self.inputs.items()],
            "outputs": list(self.outputs),
            "nodes": [_node_to_json(node) for node in self.nodes],
            "constants": list(self.constants),
            "metadata": dict(self.metadata),
        }

    @staticmethod
    def from_json(document: Any, constants: Mapping[str, Array]) -> Graph:
        """Reads what `to_json` writes; `constants` holds the arrays by name.

        Raises:
            BadInput: (IX210) the document is not of this form, or an array is missing.
            Unsupported: (IX301) an operator is not installed.
        """
        try:
            if document["version"] != JSON_VERSION:
                raise ValueError(f"version {document['version']!r}; this release reads version {JSON_VERSION}")
            names = [entry["name"] for entry in document["inputs"]]
            if len(set(names)) < len(names):
                raise ValueError(f"an input's name is there twice: {', '.join(map(repr, names))}")
            missing = [name for name in document["constants"] if name not in constants]
            if missing:
                raise ValueError(f"no values for the constants {', '.join(map(repr, missing))}")
            return Graph(
                inputs={e["name"]: _spec_from_json(e) for e in document["inputs"]},
                outputs=tuple(document["outputs"]),
                nodes=tuple(map(_node_from_json, document["nodes"])),
                constants={name: constants[name] for name in document["constants"]},
                metadata=document["metadata"],
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BadInput("IX210", "The graph JSON cannot be read.", why=f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Body(Graph):
    """A graph in an attribute: a branch of an If, the body of a Loop.

    It is called by position, so the specs of its inputs say nothing that is needed: their dtype is "" where nothing is
    known. It may read every name that is known where it is called, has no constants of its own, and is checked together
    with the graph that it is part of.
    """

    _captures: tuple[str, ...] = field(init=False, repr=False, compare=False, default=())

    def _validate(self) -> None:
        known = {"", *self.inputs}
        captured: dict[str, None] = {}
        for node in self.nodes:
            captured.update(dict.fromkeys(name for name in node.reads if name not in known))
            known.update(node.outputs)
        captured.update(dict.fromkeys(name for name in self.outputs if name not in known))
        object.__setattr__(self, "_captures", tuple(captured))

    @property
    def captures(self) -> tuple[str, ...]:
        return self._captures


def every_node(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph and of all bodies within it."""
    for node in graph.nodes:
        yield node
        for body in node.bodies.values():
            yield from every_node(body)


def with_names(node: Node, names: Mapping[str, str]) -> Node:
    """The node that reads other values: `names` holds their old and new names. Its outputs keep theirs."""
    attributes = {
        name: _body_with_names(v, names) if isinstance(v, Graph) else v for name, v in node.attributes.items()
    }
    return replace(node, inputs=tuple(names.get(name, name) for name in node.inputs), attributes=attributes)


def _body_with_names(body: Graph, names: Mapping[str, str]) -> Graph:
    captured = {name: new for name, new in names.items() if name in body.captures}
    if not captured:
        return body
    nodes = tuple(with_names(node, captured) for node in body.nodes)
    return replace(body, nodes=nodes, outputs=tuple(captured.get(name, name) for name in body.outputs))


def _lines(graph: Graph, title: str) -> Iterator[str]:
    """The graph as a program; bodies are indented below the line of their node."""
    yield f"{title}({', '.join(f'{name}: {spec}' for name, spec in graph.inputs.items())}):"
    for name, array in graph.constants.items():
        yield f"    {name}: {TensorSpec(array.dtype.name, array.shape)}"
    source = ""
    for node in graph.nodes:
        yield f"    {node}{f'  # {node.source}' if node.source != source else ''}"
        source = node.source
        for name, body in node.bodies.items():
            yield from (f"        {line}" for line in _lines(body, name))
    yield f"    return {', '.join(graph.outputs)}"


def is_weight(array: Array) -> bool:
    """Whether a constant is a parameter of the network, rather than axes or a shape for an operator."""
    return array.ndim > 1 or array.dtype != np.int64


def equal(a: Graph, b: Graph) -> bool:
    """Whether two graphs are the same to the byte, metadata aside."""
    return (
        dict(a.inputs) == dict(b.inputs)
        and a.outputs == b.outputs
        and list(map(_node_to_json, a.nodes)) == list(map(_node_to_json, b.nodes))
        and set(a.constants) == set(b.constants)
        and all(_same_array(array, b.constants[name]) for name, array in a.constants.items())
    )


def _same_array(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _read_only(array: Array) -> Array:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


# --- checking -------------------------------------------------------------------------------------------------------


def _check(graph: Graph) -> None:
    if _is_too_deep(graph):
        raise BadInput("IX210", f"The graph holds graphs more than {DEEPEST} deep.", where=graph.name)
    unknown = [
        f"{node.source or node.outputs[0]}: no operator {node.op}"
        for node in every_node(graph)
        if not ops.exists(node.op)
    ]
    if unknown:
        raise Unsupported(
            "IX301",
            f"The graph uses {len(unknown)} operator(s) that are not installed.",
            where=graph.name,
            why=unknown,
            next_step="`interchange plugins` lists what is installed; an operator can come from a plugin.",
        )
    known = {"", *graph.inputs, *graph.constants}
    repeated = (f"output {name!r} is listed {n} times" for name, n in Counter(graph.outputs).items() if n > 1)
    faults = [
        *_input_faults(graph),
        *_constant_faults(graph),
        *_text_faults(graph),
        *_node_faults(graph, known),
        *repeated,
    ]
    if faults:
        raise BadInput("IX210", "The graph is not well formed.", where=graph.name, why=faults)


def _is_too_deep(graph: Graph) -> bool:
    level = {id(graph): graph}
    for _ in range(DEEPEST):
        level = {id(body): body for each in level.values() for node in each.nodes for body in node.bodies.values()}
    return bool(level)


def _input_faults(graph: Graph) -> Iterable[str]:
    for name, spec in graph.inputs.items():
        if not name:
            yield "an input has no name"
        if name in graph.constants:
            yield f"{name!r} is an input and a constant"
        if not _is_dtype_name(spec.dtype):
            yield f"input {name!r} has the unknown dtype {spec.dtype!r}"
        if spec.kind not in KINDS:
            yield f"input {name!r} is of the unknown kind {spec.kind!r}"
        for dimension in spec.shape:
            if isinstance(dimension, bool) or not isinstance(dimension, (int, str, type(None))):
                yield f"input {name!r} has the dimension {dimension!r}"
            elif isinstance(dimension, int) and dimension < 0:
                yield f"input {name!r} has the negative dimension {dimension}"


def _is_dtype_name(name: Any) -> bool:
    """Whether this is a dtype's own name; NumPy also takes "f4" and ">f4" and the platform's "long"."""
    try:
        dtype = dtype_of(name)
    except (TypeError, ValueError):
        return False
    return dtype.kind not in "biufcV" or dtype.name == name


def _text_faults(graph: Graph) -> Iterable[str]:
    """Names that no file can hold: half of a UTF-16 pair is no text."""
    texts = [*graph.inputs, *graph.constants, *graph.outputs, *graph.metadata, *map(str, graph.metadata.values())]
    texts += [t for node in every_node(graph) for t in (node.source, *node.inputs, *node.outputs, *node.attributes)]
    if "".join(texts).isascii():
        return
    for text in dict.fromkeys(texts):
        try:
            text.encode()
        except UnicodeEncodeError:
            yield f"{text!r} is not text that UTF-8 can hold"


def _constant_faults(graph: Graph) -> Iterable[str]:
    for name in graph.constants:
        if not name:
            yield "a constant has no name"
    yield from (
        f"metadata {name!r} is {text!r}, not a string"
        for name, text in graph.metadata.items()
        if not isinstance(text, str)
    )


def _node_faults(graph: Graph, known: set[str]) -> Iterator[str]:
    """Faults of the nodes and outputs; `known` are the names that may be read, and none of which may be made again."""
    for node in graph.nodes:
        where = node.source or str(node)
        yield from (
            f"{where}: reads {name!r}, which nothing before it makes" for name in node.inputs if name not in known
        )
        yield from (f"{where}: makes {name!r}, which exists already" for name in node.outputs if name and name in known)
        yield from (f"{where}: makes {name!r} {n} times" for name, n in Counter(node.outputs).items() if name and n > 1)
        yield from (
            f"{where}: the attribute {name!r} is {value!r} ({type(value).__name__}), not a plain Python value"
            for name, value in node.attributes.items()
            if not _is_plain(value)
        )
        yield from (
            f"{where}: {fault}" for fault in ops.call_faults(node.op, node.inputs, len(node.outputs), node.attributes)
        )
        for name, body in node.bodies.items():
            yield from (f"{where}: {name}: {fault}" for fault in _body_faults(body, known))
        known.update(node.outputs)
    if not graph.outputs:
        yield "the graph has no outputs"
    yield from (
        f"output {name!r} is made by nothing" for name in dict.fromkeys(graph.outputs) if name not in known or not name
    )


def _body_faults(body: Graph, known: set[str]) -> Iterator[str]:
    if not isinstance(body, Body):
        yield "this is a whole graph, not a Body"
    if body.constants:
        yield "a body has no constants of its own; they belong to the outermost graph"
    yield from ("an input has no name" for name in body.inputs if not name)
    yield from (f"the input {name!r} has the name of a value outside" for name in body.inputs if name and name in known)
    yield from _node_faults(body, known | body.inputs.keys())


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str, Graph))


# --- JSON -----------------------------------------------------------------------------------------------------------


def _spec_to_json(name: str, spec: TensorSpec) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "dtype": spec.dtype, "shape": list(spec.shape)}
    return entry if spec.kind == "tensor" else {**entry, "kind": spec.kind}


def _spec_from_json(entry: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(entry["dtype"], tuple(entry["shape"]), entry.get("kind", "tensor"))


def _node_to_json(node: Node) -> dict[str, Any]:
    entry: dict[str, Any] = {"op": node.op, "inputs": list(node.inputs), "outputs": list(node.outputs)}
    if node.attributes:
        entry["attributes"] = {name: _attribute_to_json(value) for name, value in node.attributes.items()}
    if node.source:
        entry["source"] = node.source
    return entry


def _node_from_json(entry: Mapping[str, Any]) -> Node:
    attributes = {name: _attribute_from_json(value) for name, value in entry.get("attributes", {}).items()}
    return Node(entry["op"], tuple(entry["inputs"]), tuple(entry["outputs"]), attributes, entry.get("source", ""))


def _body_to_json(body: Graph) -> dict[str, Any]:
    return {
        "inputs": [_spec_to_json(name, spec) for name, spec in body.inputs.items()],
        "outputs": list(body.outputs),
        "nodes": [_node_to_json(node) for node in body.nodes],
    }


def _body_from_json(document: Mapping[str, Any]) -> Body:
    names = [entry["name"] for entry in document["inputs"]]
    if len(set(names)) < len(names):
        raise ValueError(f"an input's name is there twice: {', '.join(map(repr, names))}")
    return Body(
        inputs={entry["name"]: _spec_from_json(entry) for entry in document["inputs"]},
        outputs=tuple(document["outputs"]),
        nodes=tuple(map(_node_from_json, document["nodes"])),
    )


def _attribute_to_json(value: Any) -> Any:
    """Strict JSON has no NaN and no infinity, so these are {"float": "nan"}."""
    if isinstance(value, Graph):
        return {"graph": _body_to_json(value)}
    if isinstance(value, (tuple, list)):
        return [_attribute_to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"an attribute cannot be a {type(value).__name__}")


def _attribute_from_json(value: Any) -> Any:
    if isinstance(value, Mapping) and "graph" in value:
        return _body_from_json(value["graph"])
    if isinstance(value, Mapping):
        return float(value["float"])
    if isinstance(value, list):
        return tuple(map(_attribute_from_json, value))
    return value
