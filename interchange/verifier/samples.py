"""The samples that a report shows: what each is, what was inferred, and who saw it otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from interchange.errors import InterchangeError
from interchange.graph import Array
from interchange.testset import pictures
from interchange.verifier.assess import Ground, Reference, describe
from interchange.verifier.decisions import Decision, decide, flat
from interchange.verifier.process import Run
from interchange.verifier.report import BackendResult, Sample

MOST_SAMPLES = 50
MOST_DIFFERING = 10  # samples beyond the first ones that are shown because backends differ on them
_THUMBNAIL = 128


def samples_of(
    ground: Ground, reference: Reference, runs: Mapping[str, Run], results: Sequence[BackendResult], most: int
) -> tuple[Sample, ...]:
    """The first samples, and some more on which backends differ."""
    used = sum(count for _, count in ground.batches)
    flipped = sorted({flip.sample for r in results for d in r.decisions for flip in d.flips if flip.sample >= most})
    wanted = {*range(min(most, used)), *flipped[: MOST_DIFFERING if most else 0]}
    decision = ground.decisions[0] if ground.decisions else None
    shown: list[Sample] = []
    for index, (start, count) in enumerate(ground.batches):
        rows = [row for row in range(count) if start + row in wanted]
        if not rows:
            continue
        values = reference.load(index)
        others = {label: run.load(index) for label, run in runs.items() if run.error is None}
        shown += [_sample(ground, decision, start + row, row, count, values, others) for row in rows]
    return tuple(shown)


def _sample(
    ground: Ground,
    decision: Decision | None,
    i: int,
    row: int,
    count: int,
    values: Mapping[str, Array],
    others: Mapping[str, Mapping[str, Array]],
) -> Sample:
    truth = _truth(ground, i)
    inferred, wrong, differing = _values(next(iter(values.values())), row, count), False, []
    if decision is not None and values[decision.output].shape[:1] == (count,):
        value = values[decision.output][row : row + 1]
        inferred = describe(decision, value[0], ground.labels)
        decided = decide(decision, value)[0]
        wrong = _misses(ground, decision, i, decided)
        for label, outputs in others.items():
            other = outputs.get(decision.output)
            if other is None or other.shape != values[decision.output].shape:
                continue
            if (decide(decision, other[row : row + 1])[0] != decided).any():
                differing.append((label, describe(decision, other[row], ground.labels)))
    return Sample(i, ground.testset.name(i), truth, inferred, wrong, tuple(differing), _thumbnail(ground, i))


def _values(array: Array, row: int, count: int) -> str:
    """The first output's values, for a model that decides nothing."""
    if array.shape[:1] != (count,) or array.dtype.kind not in "iubf":
        return ""
    flat_values = array[row].ravel()
    return " ".join(f"{value:.4g}" for value in flat_values[:4].tolist()) + (" …" if flat_values.size > 4 else "")


def _truth(ground: Ground, i: int) -> str:
    if ground.testset.targets is None:
        return ""
    target = ground.testset.targets[i]
    if target.dtype.kind == "i":
        return ground.labels[target] if 0 <= target < len(ground.labels) else str(target)
    return f"{float(target):g}"


def _misses(ground: Ground, decision: Decision, i: int, decided: Array) -> bool:
    """Whether the decision for a sample is not its target."""
    targets, choice = ground.testset.targets, flat(decided, 1)
    if targets is None or choice is None or (targets.dtype.kind != "i" and decision.kind != "round"):
        return False
    return bool(choice[0] != np.rint(targets[i]))


def _thumbnail(ground: Ground, i: int) -> bytes | None:
    """A small PNG of the sample; None if it is not a picture or Pillow is not installed."""
    try:
        pixels = ground.testset.picture(i)
        return None if pixels is None else pictures.thumbnail_png(pixels, _THUMBNAIL)
    except InterchangeError:
        return None
