"""What a lift of this package has at hand: it adds nodes, and may ask what is known of the values that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from interchange.errors import BadInput, Unsupported
from interchange.evaluate import Partial, Unknown, infer_node
from interchange.graph import Array, Dimension, Node, TensorSpec, dtype_of

BATCH_SIZE, OTHER_SIZE = 2, 64  # tried for dimensions that are not known


class Known:
    """What is known of the values of a graph so far; it is found out when somebody asks."""

    def __init__(self, inputs: Mapping[str, TensorSpec], constants: dict[str, Array]) -> None:
        self.constants = constants  # those of the importer, which new ones join
        self._values: dict[str, Partial] = {}
        self._waiting: list[Node] = []
        for name, spec in inputs.items():
            sizes = (
                d if isinstance(d, int) else OTHER_SIZE if axis else BATCH_SIZE for axis, d in enumerate(spec.shape)
            )
            self._values[name] = Unknown(dtype_of(spec.dtype), tuple(sizes), spec.kind)

    def add(self, node: Node) -> None:
        """Takes the next node of the graph."""
        self._waiting.append(node)

    def value(self, name: str) -> Unknown | None:
        """Dtype and shape; a size that the file does not tell is one that was tried. None if nothing is known."""
        for node in self._waiting:
            values = {**self.constants, **self._values}
            try:
                self._values.update(zip(node.outputs, infer_node(node, values), strict=False))
            except (BadInput, KeyError):  # it does not fit these sizes, or reads what is not known
                continue
        self._waiting.clear()
        value = self.constants.get(name, self._values.get(name))
        return Unknown(value.dtype, value.shape) if isinstance(value, (np.ndarray, Unknown)) else None


def _size(dimension: Dimension, axis: int) -> int:
    if isinstance(dimension, int):
        return dimension
    return OTHER_SIZE if axis else BATCH_SIZE


class Expansion:
    """The nodes that take the place of one; `free_name` gives names that are not in use."""

    def __init__(self, node: Node, known: Known, free_name: Callable[[str], str]) -> None:
        self.node = node
        self.nodes: list[Node] = []
        self._known = known
        self._free_name = free_name

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output, and returns its name; "" is an absent input."""
        return self.add_many(op, 1, *inputs, **attributes)[0]

    def add_many(self, op: str, count: int, *inputs: str, **attributes: Any) -> tuple[str, ...]:
        """Adds a node with several outputs."""
        kept = list(inputs)
        while kept and not kept[-1]:
            kept.pop()
        names = tuple(self._free_name(f"{self.node.outputs[0] or self.node.op}.{op}") for _ in range(count))
        given = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(Node(op, tuple(kept), names, given, self.node.source))
        return names

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        name = self._free_name(f"{self.node.outputs[0] or self.node.op}.constant")
        self._known.constants[name] = np.asarray(values, dtype)
        return name

    def number(self, value: float, like: str) -> str:
        """A number in the dtype of another value."""
        spec = self.spec(like)
        if spec is None:
            return self.add("CastLike", self.constant(value, np.float32), like)
        return self.constant(value, spec.dtype)

    def value_of(self, name: str) -> Array | None:
        """The values of a constant; None for everything else."""
        return self._known.constants.get(name)

    def constant_of(self, name: str, what: str) -> Array:
        """The values of an input that has to be a constant."""
        array = self.value_of(name)
        if array is None:
            raise self.unsupported(f"the input {what!r} is no constant")
        return array

    def spec(self, name: str) -> Unknown | None:
        """Dtype and shape of a value; None if they are not known."""
        for node in self.nodes:
            self._known.add(node)
        self.nodes, done = [], self.nodes
        spec = self._known.value(name)
        self.nodes = done
        return spec

    def rank(self, name: str, what: str) -> int:
        spec = self.spec(name)
        if spec is None:
            raise self.unsupported(f"the number of dimensions of the input {what!r} is not known")
        return spec.ndim

    def dtype(self, name: str, what: str) -> np.dtype[Any]:
        spec = self.spec(name)
        if spec is None:
            raise self.unsupported(f"the dtype of the input {what!r} is not known")
        return spec.dtype

    def size(self, name: str, axis: int) -> str:
        """A dimension of a value, as a list of one number."""
        return self.add("Shape", name, start=axis, end=axis + 1)

    def unsupported(self, why: str) -> Unsupported:
        return Unsupported(
            "IX301",
            f"{self.node.op} is not supported as it is used here.",
            where=self.node.source,
            why=why,
            next_step="Import the model from which ONNX Runtime made this one.",
        )

    def finish(self, made: Sequence[str]) -> list[Node]:
        """The nodes, with the outputs under the names that the replaced node gives them."""
        wanted = self.node.outputs
        for place, name in enumerate(wanted):
            if name and (place >= len(made) or not made[place]):
                raise self.unsupported(f"its output {place} is read")
        own = {name for node in self.nodes for name in node.outputs}
        new: dict[str, str] = {}
        for name, value in zip(wanted, made, strict=False):
            if name and value in own and value not in new:
                new[value] = name
            elif name:
                self.nodes.append(Node("Identity", (value,), (name,), {}, self.node.source))
        return [
            Node(
                node.op,
                tuple(new.get(name, name) for name in node.inputs),
                tuple(new.get(name, name) for name in node.outputs),
                node.attributes,
                node.source,
            )
            for node in self.nodes
        ]
