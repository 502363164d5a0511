"""What a verification found: frozen, complete, and the same whether it is printed, written as JSON or as a page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from interchange.verifier.compare import Errors

if TYPE_CHECKING:
    from rich.console import Group

VERSION = 1

OK = ("rounding", "within")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    name: str
    path: str
    format: str
    sha256: str
    parameters: int
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TestSetInfo:
    __test__ = False

    path: str
    kind: str
    sha256: str
    samples: int
    used: int
    labels: tuple[str, ...]
    targets: bool
    preprocessing: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputInfo:
    """An output of the model: its rounding floor and how it becomes a decision ("" if it does not)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    floor: float
    decision: str = ""
    decision_why: str = ""


@dataclass(frozen=True, slots=True)
class OutputResult:
    """One output of one backend. `ratio` is the larger of its two errors in floors, the reference's share taken off."""

    name: str
    verdict: str  # rounding | suspicious | wrong, or within | outside of the given tolerances
    ratio: float
    error: Errors  # against the reference
    oracle_error: Errors | None  # against the float64 oracle; None if the shapes differ
    not_finite: int = 0  # values that are NaN or infinite on both sides: they were not compared


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample on which backend and reference decide otherwise."""

    sample: int
    name: str
    reference: str
    backend: str
    margin: float  # how far the reference's value is from where the decision changes
    tie: bool  # the margin is within what rounding can do


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """Decisions of one output; accuracy where there are targets, the mean absolute error for whole numbers."""

    output: str
    kind: str
    total: int
    same: int
    ties: int
    flips: tuple[Flip, ...]  # the first ones, ties among them
    accuracy: float | None = None
    mean_absolute_error: float | None = None

    @property
    def wrong(self) -> int:
        """Flips that rounding does not explain."""
        return self.total - self.same - self.ties


@dataclass(frozen=True, slots=True)
class BackendResult:
    """A backend that was started.

    Args:
        status: rounding | suspicious | wrong | within | outside; failed: it crashed or its outputs cannot be compared.
        faults: why it failed, one line each.
        stderr: the end of what it printed, where it ended without an answer.
    """

    name: str
    options: Mapping[str, Any]
    provider: str
    status: str
    agreed: bool
    faults: tuple[str, ...] = ()
    outputs: tuple[OutputResult, ...] = ()
    decisions: tuple[DecisionResult, ...] = ()
    open_seconds: float = 0.0
    run_seconds: float = 0.0
    error: Mapping[str, Any] | None = None
    stderr: str = ""

    @property
    def ratio(self) -> float:
        return max((output.ratio for output in self.outputs), default=math.nan)


@dataclass(frozen=True, slots=True)
class ReferenceInfo:
    """What the backends were compared with, why, and how far it is itself from the oracle."""

    name: str
    provider: str
    why: str
    passed_over: tuple[tuple[str, str], ...]
    outputs: tuple[OutputResult, ...] = ()
    decisions: tuple[DecisionResult, ...] = ()

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return {"golden": "the recorded outputs", "float64": "the float64 oracle"}.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer of the worst sample: errors against the oracle, in units of the layer's own rounding floor."""

    layer: str
    value: str  # the layer's last value
    scale: float  # its largest magnitude
    own: float  # error of the layer alone in the model's dtype, given the oracle's inputs
    inherited: float  # error of the whole run in the model's dtype up to here
    backends: Mapping[str, float] = field(default_factory=dict)  # error of each backend up to here


@dataclass(frozen=True, slots=True)
class LayerReport:
    """Where an error begins: for each backend the layers that are wrong although all that they read is right."""

    sample: int
    sample_name: str
    rows: tuple[LayerRow, ...]
    guilty: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample to look at: what it is and what was inferred. `picture` is a PNG."""

    index: int
    name: str
    truth: str
    inferred: str
    wrong: bool
    differing: tuple[tuple[str, str], ...] = ()  # (backend, what it inferred)
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification.

    Args:
        agreed: every backend that was started gave the reference's answers.
        not_run: (backend, reason) of those that cannot be used here.
        tolerances: what was allowed: {"rounding": 16, "wrong": 256} floors, or {"rtol": …, "atol": …}.
        findings: what the numbers say, one sentence each.
    """

    agreed: bool
    model: ModelInfo
    testset: TestSetInfo
    reference: ReferenceInfo
    outputs: tuple[OutputInfo, ...]
    backends: tuple[BackendResult, ...]
    not_run: tuple[tuple[str, str], ...]
    tolerances: Mapping[str, float]
    environment: Mapping[str, str]
    command: str
    seconds: float
    findings: tuple[str, ...] = ()
    layers: LayerReport | None = None
    samples: tuple[Sample, ...] = ()

    @property
    def proven(self) -> str:
        """What was proven, in one plain sentence."""
        names = _listed([backend.name for backend in self.backends])
        count = f"{self.testset.used:,} sample{'s' if self.testset.used != 1 else ''}"
        if not self.agreed:
            bad = _listed([backend.name for backend in self.backends if not backend.agreed])
            return f"On {count}, {bad} did not give the answers of {self.reference.title}."
        how = (
            f"rounding can explain every difference (at most {max(b.ratio for b in self.backends):.3g} times its floor)"
            if "rounding" in self.tolerances
            else "every difference is within the tolerances given"
        )
        same = ", and every decision was the same" if any(backend.decisions for backend in self.backends) else ""
        ties = sum(decision.ties for backend in self.backends for decision in backend.decisions)
        same += f" but for {ties} tie{'s' if ties != 1 else ''}" if same and ties else ""
        return f"On {count}, {names} gave the answers of {self.reference.title}: {how}{same}."

    def to_json(self) -> dict[str, Any]:
        """The report as formats/report.md lays down; strict JSON, without the pictures."""
        document: dict[str, Any] = {"version": VERSION, "agreed": self.agreed, "proven": self.proven}
        return document | {
            f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self) if f.name != "agreed"
        }

    def to_table(self) -> Group:
        """The report for a terminal, to print with rich."""
        from interchange.verifier.table import table_of

        return table_of(self)

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from interchange.verifier.html import page_of

        page: str = page_of(self)
        return page

    def __str__(self) -> str:
        from interchange.verifier.table import text_of

        return text_of(self)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _plain(value: Any) -> Any:
    """Plain JSON: pairs become lists, a number that JSON lacks becomes text, pictures are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.name != "picture"]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value
