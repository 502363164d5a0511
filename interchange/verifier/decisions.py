"""From outputs to decisions: which class, above or below the threshold, which whole number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array, Graph, Node
from interchange.testset import TestSet

THRESHOLD = 0.5
_TRANSPARENT = ("Identity", "Cast", "Reshape", "Squeeze")


@dataclass(frozen=True, slots=True)
class Decision:
    """How an output becomes a decision, and where that is known from. `axis` is that of the classes."""

    output: str
    kind: str  # argmax | threshold | round
    why: str
    axis: int = -1


def decisions_of(graph: Graph, testset: TestSet, shapes: dict[str, tuple[int, ...]]) -> tuple[Decision, ...]:
    """The decisions of all outputs; what the test set or the model says belongs to the first output.

    Args:
        shapes: of the outputs of one batch.

    Raises:
        BadInput: (IX221) the decision, the labels or the targets do not fit the output.
    """
    found = []
    for position, output in enumerate(graph.outputs):
        stated = (
            (testset.decision, "testset.toml") if testset.decision else (graph.metadata.get("decision"), "the model")
        )
        kind, why = (
            stated if position == 0 and stated[0] else _derived(graph, output, testset, shapes[output], position)
        )
        axis = _softmax_axis(graph, output, len(shapes[output])) if kind == "argmax" else -1
        if kind in ("argmax", "threshold", "round") and shapes[output]:
            found.append(Decision(output, kind, why, axis))
    faults = list(_faults(found, graph.outputs[0], testset, shapes))
    if faults:
        raise BadInput("IX221", "The test set does not fit the model.", where=str(testset.path), why=faults)
    return tuple(found)


def labels_of(graph: Graph, testset: TestSet) -> tuple[str, ...]:
    """The names of the classes: the test set's, else the model's."""
    if testset.labels:
        return testset.labels
    try:
        labels = json.loads(graph.metadata.get("labels", "[]"))
    except ValueError:
        return ()
    return tuple(map(str, labels)) if isinstance(labels, list) else ()


def _maker(graph: Graph, output: str) -> Node | None:
    """The node that makes an output, looking through nodes that only change its form."""
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    node = makers.get(output)
    while node is not None and node.op in _TRANSPARENT:
        node = makers.get(node.inputs[0])
    return node


def _derived(
    graph: Graph, output: str, testset: TestSet, shape: tuple[int, ...], position: int
) -> tuple[str | None, str]:
    maker = _maker(graph, output)
    single = int(np.prod(shape[1:])) == 1
    if maker is not None and maker.op in ("Softmax", "LogSoftmax") and not single:
        return "argmax", f"made by {maker.op}"
    if maker is not None and maker.op == "Sigmoid":
        return "threshold", "made by Sigmoid"
    if position or testset.targets is None or testset.targets.dtype.kind != "i":
        return None, ""
    return ("round", "one output and whole targets") if single else ("argmax", "several outputs and whole targets")


def _softmax_axis(graph: Graph, output: str, rank: int) -> int:
    """The axis of the classes where a Softmax makes the output in this very form, else the last."""
    node = next((n for n in graph.nodes if output in n.outputs), None)
    axis = int(node.attributes.get("axis", -1)) if node is not None and node.op in ("Softmax", "LogSoftmax") else -1
    return axis - rank if axis >= 0 else axis


def _faults(found: list[Decision], first: str, testset: TestSet, shapes: dict[str, tuple[int, ...]]) -> Iterator[str]:
    for decision in found:
        if decision.output != first:
            continue
        single = int(np.prod(shapes[first][1:])) == 1
        if decision.kind == "threshold" and single and testset.labels and len(testset.labels) != 2:
            yield f"there are {len(testset.labels)} labels; a threshold tells two apart"
        if (
            decision.kind == "threshold"
            and single
            and testset.targets is not None
            and testset.targets.dtype.kind == "i"
        ):
            yield from (
                f"the target of sample {i} is {t}; the output {first!r} tells 0 and 1 apart"
                for i, t in enumerate(testset.targets.tolist())
                if t not in (0, 1)
            )
        if decision.kind != "argmax":
            continue
        classes = shapes[first][decision.axis]
        if classes == 1:
            yield f"the decision is argmax ({decision.why}), but the output {first!r} has one value only"
        elif testset.labels and len(testset.labels) != classes:
            yield f"there are {len(testset.labels)} labels; the output {first!r} has {classes} classes"
        elif testset.targets is not None and testset.targets.dtype.kind == "i":
            targets = testset.targets.tolist()
            yield from (
                f"the target of sample {i} is {t}; the output {first!r} has {classes} classes"
                for i, t in enumerate(targets)
                if not 0 <= t < classes
            )


def decide(decision: Decision, y: Array) -> tuple[Array, Array]:
    """(decisions, margins): the margin is how far a value is from where the decision changes."""
    wide = y.astype(np.float64)
    if decision.kind == "argmax":
        ordered = np.sort(wide, axis=decision.axis)
        top, second = ordered.take(-1, axis=decision.axis), ordered.take(-2, axis=decision.axis)
        return np.asarray(wide.argmax(axis=decision.axis)), np.asarray(top - second)
    if decision.kind == "threshold":
        return (wide > THRESHOLD).astype(np.int64), np.abs(wide - THRESHOLD)
    nearest = np.rint(wide)
    return np.nan_to_num(nearest), 0.5 - np.abs(wide - nearest)


def tie_margin(decision: Decision, allowed: float) -> float:
    """The margin up to which rounding alone can change a decision, if each value may be off by `allowed`."""
    return 2 * allowed if decision.kind == "argmax" else allowed  # two classes can move against each other


def flat(array: Array, samples: int) -> Array | None:
    """One value for each sample, or None if there are several."""
    return array.reshape(samples) if array.size == samples and array.shape[:1] == (samples,) else None
