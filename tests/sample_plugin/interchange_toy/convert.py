"""Network <-> Graph."""

from __future__ import annotations

import numpy as np
from interchange.builder import Builder
from interchange.errors import Unsupported
from interchange.graph import Array, Graph, Node

from interchange_toy.text import Network


def to_graph(network: Network) -> Graph:
    """The graph of a network. Raises BadInput (IX212) where a step does not fit the one before it."""
    b = Builder()
    x = b.input(network.input, "float32", ("batch", network.features))
    for verb, numbers, source in network.steps:
        match verb:
            case "dense":
                kernel = np.array(numbers[1:], np.float32).reshape(-1, int(numbers[0]))
                x = b.add("MatMul", [x, b.constant(f"{source}/kernel", kernel)], source, source=source)
            case "bias":
                bias = np.array(numbers, np.float32)
                x = b.add("Add", [x, b.constant(f"{source}/bias", bias)], source, source=source)
            case "scale2":
                x = b.add("toy.Scale2", [x], source, source=source, power=int(numbers[0]))
            case "relu":
                x = b.add("Relu", [x], source, source=source)
    y = b.add("Identity", [x], network.output, source=f"{network.output} (output)")
    return b.graph([y], {"format": "toy 1", "producer": "interchange-toy"})


def from_graph(graph: Graph) -> Network:
    """The network of a graph.

    Raises:
        Unsupported: (IX303) the graph has something that .toy cannot say; all of it in one error.
    """
    faults = list(_shape_faults(graph))
    steps = []
    last = next(iter(graph.inputs))
    for node in graph.nodes:
        step = _step(node, graph, last)
        if step is None:
            faults.append(f"{node.source or node}: .toy has nothing like it")
        elif step[0]:
            steps.append((step[0], step[1], node.source))
        last = node.outputs[0]
    if faults:
        raise Unsupported("IX303", "A .toy file cannot hold this model.", where=graph.name, why=faults)
    ((name, spec),) = graph.inputs.items()
    return Network(_word(name), int(spec.shape[1] or 0), tuple(steps), _word(graph.outputs[0]))


def _shape_faults(graph: Graph) -> list[str]:
    (*others, spec) = graph.inputs.values()
    faults = ["it has several inputs or outputs"] if others or len(graph.outputs) > 1 else []
    if len(spec.shape) != 2 or not isinstance(spec.shape[1], int) or spec.dtype != "float32":
        faults.append(f"its input is {spec}, not float32[batch, features]")
    return faults


def _step(node: Node, graph: Graph, last: str) -> tuple[str, tuple[float, ...]] | None:
    """Verb and numbers of a node that continues the chain; "" is a step that does nothing."""
    if node.inputs[0] != last:
        return None
    constant = graph.constants.get(node.inputs[1]) if len(node.inputs) == 2 else None
    if constant is not None and constant.dtype != np.float32:
        return None
    match node.op:
        case "Identity":
            return "", ()
        case "Relu":
            return "relu", ()
        case "toy.Scale2" if isinstance(node.attributes.get("power", 1), int):
            return "scale2", (float(node.attributes.get("power", 1)),)
        case "MatMul" if constant is not None and constant.ndim == 2:
            return "dense", (float(constant.shape[1]), *_floats(constant))
        case "Add" if constant is not None and constant.ndim == 1:
            return "bias", _floats(constant)
    return None


def _floats(array: Array) -> tuple[float, ...]:
    """The shortest numbers that are these in float32: 0.1, not 0.10000000149011612."""
    return tuple(float(str(value)) for value in array.ravel())


def _word(name: str) -> str:
    return "_".join(name.split()) or "value"
