"""Builds a graph call by call; what an importer holds in its hand. Knows the shape of every value at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from interchange.errors import BadInput
from interchange.evaluate import DATA_SIZES, Partial, Unknown, infer_node
from interchange.graph import Array, Body, Dimension, Graph, Node, TensorSpec, dtype_of

# Unknown dimensions are followed at these two pairs of sizes (batch, other): where they agree, the size is known.
_SIZES = ((2, 64), (3, 128))


class Builder:
    """Collects inputs, constants and nodes; `graph` makes the frozen, checked Graph.

    Raises (from `add`):
        BadInput: (IX212) the operator refuses these shapes.
        KeyError: the operator does not exist; importers look before they add.
    """

    def __init__(self) -> None:
        self._inputs: dict[str, TensorSpec] = {}
        self._constants: dict[str, Array] = {}
        self._nodes: list[Node] = []
        self._values: tuple[dict[str, Partial], dict[str, Partial]] = ({}, {})
        self._around: list[tuple[list[Node], tuple[str, ...]]] = []  # the graphs around, and the inputs of the body

    def input(self, name: str, dtype: str, shape: Sequence[Dimension]) -> str:
        """Declares a graph input; inputs keep the order of the calls."""
        self._inputs[name] = TensorSpec(dtype, tuple(shape))
        for values, (batch, other) in zip(self._values, _SIZES, strict=True):
            sizes = (d if isinstance(d, int) else batch if axis == 0 else other for axis, d in enumerate(shape))
            values[name] = Unknown(dtype_of(dtype), tuple(sizes))
        return name

    def constant(self, name: str, array: Any) -> str:
        """Declares a constant under `name`, or under a free name like it; the same array again is the same constant."""
        array = np.asarray(array)
        if self._constants.get(name) is array:
            return name
        name = self.free_name(name)
        self._constants[name] = array
        for values in self._values:
            values[name] = array
        return name

    def add(self, op: str, inputs: Sequence[str], output: str, *, source: str = "", **attributes: Any) -> str:
        """Appends a call with one output named `output`, or a free name like it; returns that name."""
        return self.add_many(op, inputs, [output], source=source, **attributes)[0]

    def add_many(
        self, op: str, inputs: Sequence[str], outputs: Sequence[str], *, source: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Appends a call with several outputs ("" for one that nobody needs); returns their names."""
        names: list[str] = []
        for output in outputs:
            names.append(self.free_name(output, taken=names) if output else "")
        node = Node(op, tuple(inputs), tuple(names), attributes, source)
        for values, size in zip(self._values, DATA_SIZES, strict=True):
            values.update(zip(names, infer_node(node, values, size), strict=False))
        self._nodes.append(node)
        return node.outputs

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes so far; of the body, where one has begun."""
        return self._nodes

    def rename(self, value: str, name: str) -> str:
        """Gives a value that a node made another name, which must be free; returns it. Cheap for one made just now.

        Raises:
            BadInput: (IX210) there is no such value.
        """
        if name == value:
            return name
        if name in self._values[0]:
            raise ValueError(f"the name {name!r} is taken")
        self._check_made([value])
        for values in self._values:
            values[name] = values.pop(value)
        for i in range(len(self._nodes) - 1, -1, -1):
            node = self._nodes[i]
            inputs = tuple(name if x == value else x for x in node.inputs)
            outputs = tuple(name if x == value else x for x in node.outputs)
            self._nodes[i] = replace(node, inputs=inputs, outputs=outputs)
            if value in node.outputs:
                break
        return name

    def _check_made(self, values: Sequence[str]) -> None:
        """Raises BadInput for what is not the name of a value; a function of a plugin may return anything."""
        strange = [value for value in values if not isinstance(value, str) or value not in self._values[0]]
        if strange:
            why = [f"{value!r} is not the name of a value that was added" for value in strange]
            raise BadInput("IX210", "The graph is not well formed.", why=why)

    def shape(self, value: str) -> tuple[int | None, ...]:
        """The shape of a value, None where it depends on an unknown dimension."""
        one, two = (values[value].shape for values in self._values)
        return tuple(a if a == b else None for a, b in zip(one, two, strict=True))

    def rank(self, value: str) -> int:
        return len(self._values[0][value].shape)

    def dtype(self, value: str) -> str:
        return str(self._values[0][value].dtype.name)

    def known(self, value: str) -> Array | None:
        """The elements of a value where they do not depend on any input, else None."""
        one, two = (values[value] for values in self._values)
        if isinstance(one, Unknown) or isinstance(two, Unknown):
            return None
        return one if one is two or np.array_equal(one, two) else None

    def free_name(self, wish: str, taken: Sequence[str] = ()) -> str:
        """`wish`, or `wish_1`, `wish_2` … if it is in use."""
        name, n = wish, 0
        while name in self._values[0] or name in taken:
            n += 1
            name = f"{wish}_{n}"
        return name

    def begin_body(self, inputs: Sequence[tuple[str, str, int | None]]) -> tuple[str, ...]:
        """Begins a graph for an attribute, as of Scan: what is added until `end_body` is in it.

        Args:
            inputs: for each a name, a value that it is like, and an axis of that which it lacks.

        Returns:
            The names of the body's inputs.
        """
        names: list[str] = []
        for wish, like, axis in inputs:
            names.append(self.free_name(wish, taken=names))
            for values in self._values:
                shape = list(values[like].shape)
                if axis is not None:
                    shape.pop(axis)
                values[names[-1]] = Unknown(values[like].dtype, tuple(shape))
        self._around.append((self._nodes, tuple(names)))
        self._nodes = []
        return tuple(names)

    def end_body(self, outputs: Sequence[str]) -> Body:
        """Ends what `begin_body` began."""
        nodes = self._nodes
        self._nodes, names = self._around.pop()
        return Body({name: TensorSpec("", ()) for name in names}, tuple(outputs), tuple(nodes))

    def graph(self, outputs: Sequence[str], metadata: Mapping[str, str], make: Callable[..., Graph] = Graph) -> Graph:
        """The graph, with the nodes and constants that no output needs left out; `make` is a class like Graph.

        Raises:
            BadInput: (IX210) an output was never made, or the graph is not well formed.
        """
        self._check_made(outputs)
        read, nodes = set(outputs), []
        for node in reversed(self._nodes):
            if not read.isdisjoint(node.outputs):
                read.update(node.reads)
                nodes.append(node)
        read.discard("")
        constants = {name: array for name, array in self._constants.items() if name in read}
        return make(self._inputs, tuple(outputs), tuple(reversed(nodes)), constants, metadata)
