"""Known faults of runtimes that a graph can steer around without changing its meaning: one function each.

Each has a test that shows the right result under the runtime's defaults. An entry goes when no supported runtime
has the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from interchange.graph import Graph, Node
from interchange_onnx.same import explicit_pads


def no_pad_before_max_pool(graph: Graph) -> Graph:
    """ONNX Runtime (seen in 1.31.1) moves `Pad` with zeros into the pads of a MaxPool after it, which are -inf.

    It does so unless the MaxPool has another `auto_pad` than NOTSET, or a second output.

    Given   y = MaxPool(Pad(x, …), kernel_shape=(3, 3))
    Result  y = MaxPool(Pad(x, …), kernel_shape=(3, 3), auto_pad="VALID")
    """
    if not any(node.op == "Pad" for node in graph.nodes):
        return graph
    names = _names(graph)

    def steer(node: Node) -> Node:
        if node.op != "MaxPool" or node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or len(node.outputs) > 1:
            return node
        if not any(node.attributes.get("pads") or ()) and not node.attributes.get("ceil_mode"):
            attributes = {name: value for name, value in node.attributes.items() if name != "pads"}
            return replace(node, attributes={**attributes, "auto_pad": "VALID"})
        return replace(node, outputs=(*node.outputs, _free(f"{node.outputs[0]}_indices", names)))

    return replace(graph, nodes=tuple(map(steer, graph.nodes)))


def time_before_batch(graph: Graph) -> Graph:
    """ONNX Runtime has no recurrent layers with the batch first (layout 1); older opsets have not either.

    Given   y = LSTM(x, w, r, layout=1)
    Result  x1 = Transpose(x, perm=(1, 0, 2)); y1 = LSTM(x1, w, r); y = Transpose(y1, perm=(2, 0, 1, 3))
    """
    if not any(_is_batch_first(node) for node in graph.nodes):
        return graph
    names = _names(graph)
    nodes: list[Node] = []

    def turned(name: str, node: Node) -> str:
        if not name:
            return ""
        fresh = _free(f"{name}_turned", names)
        nodes.append(Node("Transpose", (name,), (fresh,), {"perm": (1, 0, 2)}, node.source))
        return fresh

    for node in graph.nodes:
        if not _is_batch_first(node):
            nodes.append(node)
            continue
        inputs = tuple(turned(name, node) if i in BATCH_INPUTS else name for i, name in enumerate(node.inputs))
        outputs = tuple(_free(f"{name}_turned", names) if name else "" for name in node.outputs)
        attributes = {name: value for name, value in node.attributes.items() if name != "layout"}
        nodes.append(replace(node, inputs=inputs, outputs=outputs, attributes=attributes))
        for name, made, perm in zip(node.outputs, outputs, BACK, strict=False):
            if name:
                nodes.append(Node("Transpose", (made,), (name,), {"perm": perm}, node.source))
    return replace(graph, nodes=tuple(nodes))


BATCH_INPUTS = (0, 5, 6)  # X, initial_h, initial_c
BACK = ((2, 0, 1, 3), (1, 0, 2), (1, 0, 2))  # Y, Y_h, Y_c


def _is_batch_first(node: Node) -> bool:
    return node.op in ("RNN", "GRU", "LSTM") and node.attributes.get("layout") == 1


def _names(graph: Graph) -> set[str]:
    return {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}


def _free(name: str, names: set[str]) -> str:
    """The name, or one like it that is not in use; it is in use from now on."""
    while name in names:
        name += "_"
    names.add(name)
    return name


FAULTS: Sequence[Callable[[Graph], Graph]] = (
    explicit_pads,
    no_pad_before_max_pool,
    time_before_batch,
)
