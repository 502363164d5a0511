"""What a plan is, for people: which kernels, which operators without one, and how much memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange.evaluate import probe_sizes
from interchange.graph import Graph, dtype_of
from interchange_numpy.model import NumpyModel
from interchange_numpy.plan import Plan

ROUNDS = 7


def describe(graph: Graph, *, timed: bool = False) -> dict[str, Any]:
    """The plan of a graph at the smallest shapes with which it runs, batch 1.

    Args:
        timed: run it on random inputs, too.

    Returns:
        shapes: name of input -> shape; kernels: kind of op -> how many; operators: the same of what runs without a
        kernel; steps; arena_bytes: all values and scratch memory; weights_bytes: the constants; packed_bytes: what the
        kernels made of them; peak_bytes: all of these. Where the shapes cannot be told before the run, "operators"
        holds all nodes and nothing is said of the arena. If timed and all inputs are numbers, also times: for each
        kernel in order its kind, source (the layer), shape, steps and ms, a median of CPU times.

    Raises:
        BadInput: (IX212) there are no sizes with which the graph runs.
    """
    model = NumpyModel(graph)
    shapes = probe_sizes(graph)
    plan = model.plan(shapes)
    weights = sum(array.nbytes for array in graph.constants.values())
    document: dict[str, Any] = {"shapes": {name: list(shape) for name, shape in shapes.items()}}
    if not isinstance(plan, Plan):  # one thread divides no batch, so there is none
        return document | {
            "kernels": {},
            "operators": _counts(node.op for node in graph.nodes),
            "weights_bytes": weights,
        }
    without = {id(op) for op in plan.fallbacks}
    packed = model.packed_bytes
    numbers = all(spec.kind == "tensor" and dtype_of(spec.dtype).kind in "fiub" for spec in graph.inputs.values())
    times = {"times": _times(plan, graph, shapes)} if timed and numbers else {}
    return document | {
        "kernels": _counts(op.kind for op in plan.network.ops if id(op) not in without),
        "operators": _counts(node.op for op in plan.fallbacks for node in op.nodes),
        "steps": len(plan.steps),
        "arena_bytes": plan.arena_bytes,
        "weights_bytes": weights,
        "packed_bytes": packed,
        "peak_bytes": plan.arena_bytes + weights + packed,
        **times,
    }


def _times(plan: Plan, graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    feeds = {name: rng.random(shape).astype(dtype_of(graph.inputs[name].dtype)) for name, shape in shapes.items()}
    rounds = [plan.timed(feeds, time.thread_time) for _ in range(ROUNDS)]
    entries = []
    for i, (op, span) in enumerate(plan.spans):
        entries.append(
            {
                "kind": op.kind,
                "source": next((node.source for node in op.nodes if node.source), op.outputs[0]),
                "shape": list(plan.network.shape(op.outputs[0]) or ()),
                "steps": span.stop - span.start,
                "ms": round(1e3 * float(np.median([sum(times[i]) for times in rounds])), 4),
            }
        )
    return entries


def _counts(kinds: Any) -> dict[str, int]:
    return dict(sorted(Counter(kinds).items(), key=lambda item: (-item[1], item[0])))
