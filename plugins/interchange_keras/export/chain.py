"""The calls of operations of Keras 3 that give the values of some nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interchange.graph import Array, Node
from interchange_keras.calls import Ref
from interchange_keras.export.made import CannotExport, node_of, reference
from interchange_keras.origin import Operation


def array_document(array: Array) -> dict[str, Any]:
    """An array among the arguments of a call, as Keras 3 writes it."""
    return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}


def slice_document(item: slice) -> dict[str, Any]:
    return {"class_name": "__slice__", "config": {"start": item.start, "stop": item.stop, "step": item.step}}


def operation_document(place: str, config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An operation; `place` is "numpy.Add", the module in keras.ops and the class."""
    module, _, class_name = place.rpartition(".")
    return {
        "module": module if module.startswith("keras") else f"keras.src.ops.{module}",
        "class_name": class_name,
        "config": {"name": name, **config},
        "registered_name": class_name,
        "name": name,
    }


class Chain:
    """The operations that give the outputs of one layer, made as they are asked for.

    Args:
        sources: where its inputs come from.
        writers: how each operator is written.
    """

    def __init__(self, operation: Operation, sources: Sequence[Ref], writers: Mapping[str, Writer]) -> None:
        self.documents: list[dict[str, Any]] = []
        self.used: set[int] = set()  # inputs
        self._operation = operation
        self._writers = writers
        self._makers = {output: node for node in operation.nodes for output in node.outputs}
        self._refs: dict[str, Ref] = {}
        for value, source in zip(operation.inputs, sources, strict=True):
            self._refs.setdefault(value, source)  # the same may be given twice

    # --- what is known ---

    def dtype(self, value: str) -> str:
        return self._operation.specs[value].dtype

    def shape(self, value: str) -> list[int | None]:
        """None for what is not known."""
        return [size if isinstance(size, int) else None for size in self._operation.specs[value].shape]

    def rank(self, value: str) -> int:
        return len(self._operation.specs[value].shape)

    def maker(self, value: str) -> Node | None:
        return self._makers.get(value)

    def is_known(self, value: str) -> bool:
        return value in self._operation.constants

    def known(self, value: str, what: str) -> Array:
        if not self.is_known(value):
            raise CannotExport(f"Keras 3 wants to know {what} beforehand")
        return self._operation.constants[value]

    def axes(self, node: Node, position: int = 1) -> list[int] | None:
        """The axes that an input holds; None where it is absent."""
        if len(node.inputs) <= position or not node.inputs[position]:
            return None
        rank = self.rank(node.inputs[0])
        return [int(axis) % rank for axis in self.known(node.inputs[position], "the axes").ravel()]

    # --- writing ---

    def output(self, value: str) -> Ref:
        """Where an output comes from: never from an input itself."""
        made = self.ref(value)
        return self.call("numpy.Copy", value) if value in self._operation.inputs or not self.documents else made

    def ref(self, value: str) -> Ref:
        """Where a value comes from; what makes it is written first."""
        if value in self._operation.inputs:
            self.used.add(self._operation.inputs.index(value))
        elif value not in self._refs:
            node = self._makers.get(value)
            if node is None or self.is_known(value):
                raise CannotExport("it gives something that no input changes")
            if node.op not in self._writers:
                raise CannotExport(f"Keras 3 has no operation for {node.op}")
            self._writers[node.op](self, node)
        return self._refs[value]

    def gives(self, value: str, made: Ref) -> None:
        self._refs[value] = made

    def argument(self, value: Any, is_alone: bool = True) -> Any:
        """A value as it stands among the arguments; `is_alone`: no tensor beside it says what dtype it has."""
        if isinstance(value, Ref):
            return reference(value)
        if isinstance(value, (list, tuple)):
            return [self.argument(item) for item in value]
        if not isinstance(value, str):
            return value
        if not self.is_known(value):
            return reference(self.ref(value))
        array = self._operation.constants[value]
        return array.item() if array.ndim == 0 and not is_alone else array_document(array)

    def call(self, place: str, *args: Any, outputs: Sequence[str] = (), **config: Any) -> Ref:
        """Appends a call; `outputs` are the values that it gives. Names of values, numbers, lists are arguments."""
        is_alone = all(isinstance(x, str) and self.is_known(x) for x in args)
        arguments = [self.argument(x, is_alone) for x in args]
        name = f"{place.rpartition('.')[2].lower()}_{len(self.documents)}"
        document = {**operation_document(place, config, name), "inbound_nodes": [node_of(arguments)]}
        self.documents.append(document)
        for i, value in enumerate(outputs):
            self.gives(value, Ref(name, 0, i))
        return Ref(name, 0, 0)


Writer = Callable[[Chain, Node], None]
