"""What a plan is, for people: which kernels, which operators without one, and how much memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from interchange.evaluate import probe_sizes
from interchange.graph import Graph
from interchange_numpy.model import NumpyModel


def describe(graph: Graph) -> dict[str, Any]:
    """The plan of a graph at the smallest shapes with which it runs, batch 1.

    Returns:
        shapes: name of input -> shape; kernels: kind of op -> how many; operators: the same of what runs without a
        kernel; steps; arena_bytes: all values and scratch memory; weights_bytes: the constants; packed_bytes: what the
        kernels made of them; peak_bytes: all of these. Where the shapes cannot be told before the run, "operators"
        holds all nodes and nothing is said of the arena.

    Raises:
        BadInput: (IX212) there are no sizes with which the graph runs.
    """
    model = NumpyModel(graph)
    shapes = probe_sizes(graph)
    plan = model.plan(shapes)
    weights = sum(array.nbytes for array in graph.constants.values())
    document: dict[str, Any] = {"shapes": {name: list(shape) for name, shape in shapes.items()}}
    if plan is None:
        return document | {
            "kernels": {},
            "operators": _counts(node.op for node in graph.nodes),
            "weights_bytes": weights,
        }
    without = {id(op) for op in plan.fallbacks}
    packed = model.packed_bytes
    return document | {
        "kernels": _counts(op.kind for op in plan.network.ops if id(op) not in without),
        "operators": _counts(node.op for op in plan.fallbacks for node in op.nodes),
        "steps": len(plan.steps),
        "arena_bytes": plan.arena_bytes,
        "weights_bytes": weights,
        "packed_bytes": packed,
        "peak_bytes": plan.arena_bytes + weights + packed,
    }


def _counts(kinds: Any) -> dict[str, int]:
    return dict(sorted(Counter(kinds).items(), key=lambda item: (-item[1], item[0])))
