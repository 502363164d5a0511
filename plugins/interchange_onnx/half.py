"""A graph that computes in float16, for files of half the size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from interchange import ops
from interchange.errors import BadInput
from interchange.evaluate import Unknown, infer, infer_node
from interchange.graph import Array, Graph, Node, TensorSpec, dtype_of
from interchange_onnx.versions import PIN, schema_at

KEPT = ("QuantizeLinear",)  # whose scales are too fine for float16
DTYPES = ("to", "dtype", "output_dtype")  # attributes that decide about what a node makes
SIZE = 64  # taken for dimensions that are not known
LARGEST = float(np.finfo(np.float16).max)


def in_float16(graph: Graph) -> Graph:
    """The graph with constants and computation in float16 where they are float32; inputs and outputs stay as they are.

    A value is float16 if it depends on an input of float32 and the operator takes float16. What is computed from
    integers alone, such as sizes, stays float32, as float16 has no whole numbers above 2048. Bodies of If, Loop and
    Scan stay in float32. Constants beyond the range of float16 become its largest number.

    Given   y = MatMul(x, w), x: float32, w: float32
    Result  x_float16 = Cast(x); y_float16 = MatMul(x_float16, w), w: float16; y = Cast(y_float16)

    Raises:
        BadInput: (IX212) the shapes of the graph do not fit.
    """
    writer = _Writer(graph, infer(graph))
    for node in graph.nodes:
        writer.write(node)
    return writer.finish()


class _Writer:
    """What is known while the nodes are walked once. A value may exist in two forms, float32 under its own name."""

    def __init__(self, graph: Graph, specs: Mapping[str, TensorSpec]) -> None:
        self._graph = graph
        self._specs = specs
        self._nodes: list[Node] = []
        self._constants: dict[str, Array] = dict(graph.constants)
        self._half: dict[str, str] = {}  # value -> name of its form in float16
        self._only_half: set[str] = set()
        self._data = {name for name, spec in graph.inputs.items() if _is_wide(spec)}
        self._names = {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}

    def write(self, node: Node) -> None:
        made = self._in_half(node) if self._is_data(node) else None
        if made is None:
            for name in node.reads:
                self._wide(name)
            self._nodes.append(node)
            return
        changed, dtypes = made
        outputs = []
        for name, dtype in zip(node.outputs, dtypes, strict=False):
            if name and dtype == np.float16 and _is_wide(self._specs[name]):
                self._half[name] = self._free(f"{name}_float16")
                self._only_half.add(name)
                self._data.add(name)
                outputs.append(self._half[name])
            else:
                outputs.append(name)
        self._nodes.append(replace(changed, outputs=tuple(outputs)))

    def finish(self) -> Graph:
        for name in self._graph.outputs:
            self._wide(name)
        read = {name for node in self._nodes for name in node.reads} | set(self._graph.outputs)
        names = {self._half[name]: name for name in self._graph.constants if name in self._half and name not in read}
        constants = {names.get(name, name): array for name, array in self._constants.items() if name in read}
        nodes = [replace(n, inputs=tuple(names.get(name, name) for name in n.inputs)) for n in self._nodes]
        return replace(self._graph, nodes=tuple(nodes), constants=constants)

    def _is_data(self, node: Node) -> bool:
        is_plain = not node.bodies and "." not in node.op and node.op not in KEPT
        return is_plain and any(name in self._data for name in node.inputs)

    def _in_half(self, node: Node) -> tuple[Node, Sequence[np.dtype]] | None:
        """The node on inputs in float16 and the dtypes of what it makes; None if its operator does not take them."""
        schema = schema_at(node.op, PIN)
        if schema is None:
            return None
        formals = [schema.inputs[min(i, len(schema.inputs) - 1)] for i in range(len(node.inputs))]
        turned = [
            bool(name) and _is_wide(self._specs[name]) and "tensor(float16)" in formal.types
            for name, formal in zip(node.inputs, formals, strict=True)
        ]
        if not any(turn and name in self._data for turn, name in zip(turned, node.inputs, strict=True)):
            return None
        changed = replace(node, attributes=_in_half(node))
        values = {
            name: self._partial(name, in_half=turn) for name, turn in zip(node.inputs, turned, strict=True) if name
        }
        try:
            dtypes = [getattr(value, "dtype", np.dtype(object)) for value in infer_node(changed, values)]
        except BadInput:
            return None
        inputs = tuple(
            self._in_float16(name) if turn else self._wide(name) for name, turn in zip(node.inputs, turned, strict=True)
        )
        return replace(changed, inputs=inputs), dtypes

    def _partial(self, name: str, *, in_half: bool) -> Unknown | Array:
        """What is known of an input; sizes that are not known are small."""
        if name in self._graph.constants:
            array = self._graph.constants[name]
            return _rounded(array) if in_half else array
        spec = self._specs[name]
        shape = tuple(d if isinstance(d, int) else SIZE for d in spec.shape)
        return Unknown(np.dtype(np.float16) if in_half else dtype_of(spec.dtype), shape, spec.kind)

    def _in_float16(self, name: str) -> str:
        if name in self._half:
            return self._half[name]
        self._half[name] = self._free(f"{name}_float16")
        if name in self._constants:
            self._constants[self._half[name]] = _rounded(self._constants[name])
        else:
            self._nodes.append(Node("Cast", (name,), (self._half[name],), {"to": "float16"}, "float16"))
        return self._half[name]

    def _wide(self, name: str) -> str:
        if name in self._only_half:
            self._only_half.remove(name)
            self._nodes.append(Node("Cast", (self._half[name],), (name,), {"to": "float32"}, "float16"))
        return name

    def _free(self, wish: str) -> str:
        while wish in self._names:
            wish += "_"
        self._names.add(wish)
        return wish


def _is_wide(spec: TensorSpec) -> bool:
    return spec.dtype == "float32" and spec.kind == "tensor"


def _in_half(node: Node) -> dict[str, object]:
    """The attributes of a node, with float16 where they say float32."""
    defaults = {name: value for name, value in ops.defaults_of(node.op).items() if name in DTYPES}
    given = {**{name: value for name, value in defaults.items() if value == "float32"}, **node.attributes}
    return {name: "float16" if name in DTYPES and value == "float32" else value for name, value in given.items()}


def _rounded(array: Array) -> Array:
    """The array in float16; finite numbers stay finite."""
    return np.where(np.isfinite(array), np.clip(array, -LARGEST, LARGEST), array).astype(np.float16)
