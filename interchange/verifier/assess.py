"""Compares what one backend computed with the reference and with the oracle, batch by batch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from interchange.graph import Array
from interchange.testset import TestSet
from interchange.verifier import judge
from interchange.verifier.compare import (
    NOTHING_COMPARED,
    Errors,
    Tally,
    difference,
    merged_faults,
    not_finite,
    structure_faults,
)
from interchange.verifier.decisions import Decision, decide, flat, tie_margin
from interchange.verifier.process import Output, Run
from interchange.verifier.report import DecisionResult, Flip, OutputResult

MOST_FLIPS = 50


@dataclass(frozen=True)
class Reference:
    """What the backends are compared with: its outputs batch by batch, and how these must look."""

    name: str
    provider: str
    why: str
    load: Callable[[int], dict[str, Array]]
    signature: Callable[[int], Sequence[Output]]
    passed_over: tuple[tuple[str, str], ...] = ()
    errors: Mapping[str, float] = field(default_factory=dict)  # its own largest error against the oracle


@dataclass(frozen=True)
class Ground:
    """What every comparison of a verification shares."""

    testset: TestSet
    batches: tuple[tuple[int, int], ...]  # (first sample, number of samples)
    oracle: Run
    native: Run
    floors: Mapping[str, float]
    decisions: tuple[Decision, ...]
    labels: tuple[str, ...]
    rtol: float | None
    atol: float | None

    @property
    def blunt(self) -> bool:
        return self.rtol is not None or self.atol is not None


@dataclass(frozen=True)
class Assessment:
    faults: tuple[str, ...]
    outputs: tuple[OutputResult, ...]
    decisions: tuple[DecisionResult, ...]

    @property
    def status(self) -> str:
        return "failed" if self.faults else judge.worst([output.verdict for output in self.outputs])


def floors_of(oracle: Run, native: Run) -> dict[str, float]:
    """The rounding floor of every output over the whole test set."""
    floors: dict[str, float] = {}
    for index in range(len(native.batches)):
        exact, rounded = oracle.load(index), native.load(index)
        for output in native.batches[index]:
            floor = judge.floor_of(rounded[output.name], exact[output.name], output.dtype)
            floors[output.name] = max(floors.get(output.name, 0.0), floor)
    return floors


def assess(
    ground: Ground, reference: Reference, load: Callable[[int], dict[str, Array]], run: Run | None
) -> Assessment:
    """Compares all batches; `run` is None for the reference itself, whose form is not in question."""
    faults: Counter[str] = Counter(run.faults if run else ())
    tallies: dict[str, _OutputTally] = {}
    choices = [_DecisionTally(decision, ground) for decision in ground.decisions]
    for index, (start, count) in enumerate(ground.batches):
        got, want = load(index), reference.load(index)
        exact, native = ground.oracle.load(index), ground.native.load(index)
        signature = reference.signature(index)
        faults.update(structure_faults(run.batches[index], signature) if run else ())
        for output in signature:
            name = output.name
            if name not in got or got[name].shape != want[name].shape:
                continue  # a fault already; nothing is broadcast
            tally = tallies.setdefault(name, _OutputTally(ground))
            difference_faults = tally.add(got[name], want[name], exact.get(name), native.get(name), start, count)
            faults.update(f"output {name!r}: {fault}" for fault in difference_faults)
        for choice in choices:
            choice.add(got, want, start, count)
    whole = [f"output {name!r}: {fault}" for name, tally in tallies.items() for fault in tally.faults]
    return Assessment(
        faults=(*merged_faults(faults, len(ground.batches)), *whole),
        outputs=tuple(tally.result(name, ground, reference) for name, tally in tallies.items()),
        decisions=tuple(choice.result() for choice in choices if choice.total),
    )


class _OutputTally:
    """One output of one backend against reference and oracle."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._against_reference = Tally()
        self._against_oracle: Tally | None = Tally()
        self._outside = False
        self._count = 0
        self._not_finite = 0

    def add(
        self, got: Array, want: Array, exact: Array | None, native: Array | None, start: int, count: int
    ) -> tuple[str, ...]:
        found = difference(got, want, start)
        self._against_reference.add(found.errors, start, count)
        self._count += got.size
        self._not_finite += not_finite(got, want)
        if self._ground.blunt:
            rtol, atol = self._ground.rtol or 0.0, self._ground.atol or 0.0
            size = (
                np.abs(np.nan_to_num(want.astype(np.float64), posinf=0, neginf=0)) if want.dtype.kind in "fc" else 0.0
            )
            allowed = atol + rtol * size if want.dtype.kind in "fc" else 0.0
            self._outside |= bool((found.errors > allowed).any())
        if exact is None or native is None or exact.shape != got.shape or native.shape != got.shape:
            self._against_oracle = None
        elif self._against_oracle is not None and exact.dtype.kind in "fiub":
            # Where the model's own dtype overflows or gives another integer, only the reference can judge.
            judged = np.isfinite(exact) & np.isfinite(native) if exact.dtype.kind == "f" else exact == native
            self._against_oracle.add(np.where(judged, difference(got, exact, start).errors, 0.0), start, count)
        return found.faults

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the output as a whole."""
        nothing = self._count and self._not_finite == self._count
        return (NOTHING_COMPARED,) if nothing else ()

    def result(self, name: str, ground: Ground, reference: Reference) -> OutputResult:
        error = self._against_reference.errors()
        oracle_error = self._against_oracle.errors() if self._against_oracle else None
        floor = ground.floors.get(name, 0.0)
        own = max(error.max - judge.allowance(reference.errors.get(name, 0.0), floor), 0.0)
        ratio = max(judge.ratio_of(own, floor), judge.ratio_of(oracle_error.max, floor) if oracle_error else 0.0)
        verdict = judge.verdict_of(ratio)
        if ground.blunt:
            verdict = "outside" if self._outside else "within"
        return OutputResult(name, verdict, ratio, error, oracle_error, self._not_finite)


class _DecisionTally:
    """The decisions of one output of one backend against the reference's, and against the targets."""

    def __init__(self, decision: Decision, ground: Ground) -> None:
        self._decision = decision
        self._ground = ground
        self._flips: list[Flip] = []
        self._ties = 0
        self._same = 0
        self._hits: int | None = None
        self._distance = 0.0
        self.total = 0

    def add(self, got: Mapping[str, Array], want: Mapping[str, Array], start: int, count: int) -> None:
        name = self._decision.output
        comparable = name in got and name in want and got[name].shape == want[name].shape
        if not comparable or want[name].shape[:1] != (count,):
            return
        theirs, _ = decide(self._decision, got[name])
        ours, margins = decide(self._decision, want[name])
        differs = (theirs != ours).reshape(count, -1)
        self.total += count
        self._same += count - int(differs.any(axis=1).sum())
        allowed = judge.ROUNDING * self._ground.floors.get(name, 0.0)
        limit = tie_margin(self._decision, allowed)
        for row in np.flatnonzero(differs.any(axis=1)).tolist():
            margin = float(margins.reshape(count, -1)[row][differs[row]].max())
            tie = margin <= limit
            self._ties += tie
            if len(self._flips) < MOST_FLIPS:
                texts = [describe(self._decision, y[name][row], self._ground.labels) for y in (want, got)]
                sample = start + row
                self._flips.append(Flip(sample, self._ground.testset.name(sample), texts[0], texts[1], margin, tie))
        self._add_targets(theirs, got[name], start, count)

    def _add_targets(self, decided: Array, values: Array, start: int, count: int) -> None:
        targets = self._ground.testset.targets
        choice = flat(decided, count)
        if targets is None or choice is None or self._decision.output != self._ground.decisions[0].output:
            return
        if targets.dtype.kind != "i" and self._decision.kind != "round":
            return
        wanted = targets[start : start + count]
        self._hits = (self._hits or 0) + int((choice == np.rint(wanted)).sum())
        if self._decision.kind == "round":
            self._distance += float(np.abs(values.reshape(count).astype(np.float64) - wanted).sum())

    def result(self) -> DecisionResult:
        known = self._hits is not None
        return DecisionResult(
            output=self._decision.output,
            kind=self._decision.kind,
            total=self.total,
            same=self._same,
            ties=self._ties,
            flips=tuple(self._flips),
            accuracy=self._hits / self.total if self._hits is not None else None,
            mean_absolute_error=self._distance / self.total if known and self._decision.kind == "round" else None,
        )


def describe(decision: Decision, value: Array, labels: Sequence[str]) -> str:
    """What was inferred for one sample, in few characters: "dog 0.97", or "2.98" for a whole number."""
    if value.size > 1 and decision.kind != "argmax":
        return " ".join(f"{v:.2f}" for v in value.ravel()[:4].tolist()) + (" …" if value.size > 4 else "")
    if decision.kind == "argmax":
        if value.ndim != 1:
            return f"{value.shape} values"
        best = int(np.argmax(value))
        label = labels[best] if best < len(labels) else str(best)
        return f"{label} {float(value[best]):.2f}"
    number = float(value.reshape(-1)[0])
    if decision.kind == "threshold" and len(labels) == 2:
        return f"{labels[1]} {number:.2f}"
    return "NaN" if math.isnan(number) else f"{number:.2f}"


def error_maxima(results: Sequence[OutputResult]) -> dict[str, float]:
    return {result.name: result.oracle_error.max for result in results if result.oracle_error}


__all__ = ["Assessment", "Errors", "Ground", "Reference", "assess", "describe", "error_maxima", "floors_of"]
