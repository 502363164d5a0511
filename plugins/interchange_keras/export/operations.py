"""What a model of any era calls between its layers, in operations of Keras 3 (keras.ops).

TensorFlow's functions, as the files of Keras 2 hold them, have been read as operators of the graph; here these become
operations (`operators`). What one layer of the old file stands for is one operation, or a functional model of several,
so that its name and its outputs stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import TensorSpec
from interchange_keras.architecture import LayerEntry
from interchange_keras.calls import Call, Input, Ref
from interchange_keras.export.chain import Chain, array_document, operation_document, slice_document
from interchange_keras.export.made import CannotExport, document_of_model, node_of, reference
from interchange_keras.export.operators import WRITERS
from interchange_keras.origin import Operation


def written(entry: LayerEntry, operations: Sequence[Operation]) -> dict[str, Any]:
    """What computes the same as a function that is called between layers, with its calls.

    Args:
        operations: what each of its calls has become.

    Raises:
        CannotExport: Keras 3 has no operation for something in it, in words.
    """
    name = entry.name
    try:
        made = [_written(name, operation, call) for operation, call in zip(operations, entry.calls, strict=True)]
    except CannotExport:
        if not entry.module:
            raise
        return _as_it_was(entry)
    document = made[0][0]
    if any(other != document for other, _ in made):
        raise CannotExport("its calls are different functions")
    return {**document, "name": name, "inbound_nodes": [node for _, node in made]}


def _as_it_was(entry: LayerEntry) -> dict[str, Any]:
    """An operation of an earlier Keras 3."""
    place = f"{entry.module}.{entry.class_name.rpartition('.')[2]}"
    nodes = []
    for call in entry.calls:
        args = [argument(value, call) for value in call.positional]
        nodes.append(node_of(args, {key: argument(value, call) for key, value in call.kwargs.items()}))
    document = operation_document(place, {**entry.config, "name": entry.name}, entry.name)
    return {**document, "name": entry.name, "inbound_nodes": nodes}


def argument(value: Any, call: Call) -> Any:
    """An argument of a call, as Keras 3 writes it."""
    match value:
        case Input():
            return reference(call.inputs[value.number])
        case list() | tuple():
            return [argument(item, call) for item in value]
        case slice():
            return slice_document(slice(*(argument(n, call) for n in (value.start, value.stop, value.step))))
        case np.ndarray():
            return array_document(value)
        case Mapping():
            return {key: argument(item, call) for key, item in value.items()}
    return {"class_name": "__ellipsis__", "config": {}} if value is ... else value


def sources(document: Any) -> list[str]:
    """The layers that make the tensors in the arguments of calls."""
    if isinstance(document, Mapping):
        if document.get("class_name") == "__keras_tensor__":
            return [document["config"]["keras_history"][0]]
        return [name for item in document.values() for name in sources(item)]
    if isinstance(document, list):
        return [name for item in document for name in sources(item)]
    return []


def _written(name: str, operation: Operation, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """One operation, or a model of several; and its call."""
    chain = Chain(operation, [Ref(f"x{i}", 0, 0) for i in range(len(operation.inputs))], WRITERS)
    outputs = [chain.output(value) for value in operation.outputs]
    used = sorted(chain.used)
    if not used:
        raise CannotExport("what it gives depends on no input")
    if len(chain.documents) == 1 and outputs == [Ref(outputs[0].layer, 0, i) for i in range(len(outputs))]:
        alone = Chain(operation, call.inputs, WRITERS)
        alone.output(operation.outputs[0])
        (document,) = alone.documents
        (node,) = document.pop("inbound_nodes")
        return {**document, "config": {**document["config"], "name": name}, "name": name}, node
    layers = [_input(f"x{i}", operation.specs[operation.inputs[i]]) for i in used]
    model = document_of_model(name, [*layers, *chain.documents], [f"x{i}" for i in used], outputs)
    tensors = [reference(call.inputs[i]) for i in used]
    return model, node_of([tensors if len(tensors) > 1 else tensors[0]])


def _input(name: str, spec: TensorSpec) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else None for size in spec.shape]
    config = {"batch_shape": shape, "dtype": spec.dtype, "sparse": False, "name": name}
    document = {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}
    return {**document, "name": name, "inbound_nodes": []}
