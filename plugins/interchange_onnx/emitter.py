"""Collects the nodes of a subgraph that stands for one node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from interchange.graph import Array, Body, Graph, Node, TensorSpec, every_node


class Emitter:
    """The nodes of all subgraphs, one after the other. Values get new names, like that of the first output replaced."""

    def __init__(self, graph: Graph) -> None:
        self._names = {*graph.inputs, *graph.constants}
        for node in every_node(graph):
            self._names.update(node.outputs, *(body.inputs for body in node.bodies.values()))
        self.constants: dict[str, Array] = dict(graph.constants)
        self.nodes: list[Node] = []
        self._made: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.source = ""
        self._stem = ""

    def begin(self, node: Node) -> None:
        self.source, self._stem = node.source, next(filter(None, node.outputs))

    def name(self, part: str) -> str:
        name, n = f"{self._stem}/{part}", 0
        while name in self._names:
            n += 1
            name = f"{self._stem}/{part}_{n}"
        self._names.add(name)
        return name

    def constant(self, value: Any) -> str:
        """An array of numbers, the same one for equal values."""
        array = np.asarray(value)
        key = (array.dtype.name, array.shape, repr(array.tolist()).encode())
        if key not in self._made:
            self._made[key] = self.name("constant")
            self.constants[self._made[key]] = array
        return self._made[key]

    def add(self, op: str, *inputs: Any, **attributes: Any) -> str:
        return self.add_many(op, *inputs, outputs=1, **attributes)[0]

    def add_many(self, op: str, *inputs: Any, outputs: int, **attributes: Any) -> tuple[str, ...]:
        names = tuple(x if isinstance(x, str) else self.constant(x) for x in inputs)
        made = tuple(self.name(op.rpartition(".")[2]) for _ in range(outputs))
        self.nodes.append(Node(op, names, made, attributes, self.source))
        return made

    def word(self, text: str) -> str:
        """One text, looked up: constants that are texts have no place in a weights file."""
        return self.text(self.constant(0), {0: text})

    def text(self, number: str, table: Mapping[int, str]) -> str:
        """The texts of integers; "" for those that are not in the table."""
        return self.add(
            "ai.onnx.ml.LabelEncoder",
            number,
            keys_int64s=tuple(table),
            values_strings=tuple(table.values()),
            default_string="",
        )

    def loop(self, count: str, state: str, step: Callable[[str, str], str]) -> str:
        """The state after `count` steps, each made of its number and the state before."""
        around, self.nodes = self.nodes, []
        names = [self.name(part) for part in ("step", "condition", "state")]
        result = step(names[0], names[2])
        goes_on = self.add("Identity", names[1])
        body = Body({name: TensorSpec("", ()) for name in names}, (goes_on, result), tuple(self.nodes))
        self.nodes = around
        made = self.name("Loop")
        self.nodes.append(Node("Loop", (count, "", state), (made,), {"body": body}, self.source))
        return made
