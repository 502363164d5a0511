"""Known faults of runtimes that a graph can steer around without changing its meaning: one function each.

Each has a test that shows the right result under the runtime's defaults. An entry goes when no supported runtime
has the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from interchange.graph import Graph, Node


def no_pad_before_max_pool(graph: Graph) -> Graph:
    """ONNX Runtime (seen in 1.31.1) moves `Pad` with zeros into the pads of a MaxPool after it, which are -inf.

    It does so unless the MaxPool has another `auto_pad` than NOTSET, or a second output.

    Given   y = MaxPool(Pad(x, …), kernel_shape=(3, 3))
    Result  y = MaxPool(Pad(x, …), kernel_shape=(3, 3), auto_pad="VALID")
    """
    if not any(node.op == "Pad" for node in graph.nodes):
        return graph
    names = {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}

    def steer(node: Node) -> Node:
        if node.op != "MaxPool" or node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or len(node.outputs) > 1:
            return node
        if not any(node.attributes.get("pads") or ()) and not node.attributes.get("ceil_mode"):
            attributes = {name: value for name, value in node.attributes.items() if name != "pads"}
            return replace(node, attributes={**attributes, "auto_pad": "VALID"})
        indices = f"{node.outputs[0]}_indices"
        while indices in names:
            indices += "_"
        names.add(indices)
        return replace(node, outputs=(*node.outputs, indices))

    return replace(graph, nodes=tuple(map(steer, graph.nodes)))


FAULTS: Sequence[Callable[[Graph], Graph]] = (no_pad_before_max_pool,)
