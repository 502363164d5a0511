"""The report for a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from interchange.verifier.report import BackendResult, DecisionResult, LayerReport, OutputResult, Report

_STYLES = {
    "rounding": "green",
    "within": "green",
    "suspicious": "yellow",
    "wrong": "red",
    "outside": "red",
    "failed": "red",
}
_WIDTH = 120
_MOST_FLIPS = 5


def text_of(report: Report) -> str:
    """The report as plain text, without colours."""
    buffer = io.StringIO()
    Console(file=buffer, width=_WIDTH, no_color=True, highlight=False).print(table_of(report))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def table_of(report: Report) -> Group:
    """Verdict, one row for each backend, and below what needs words. Names from files are Text, never markup."""
    verdict = _text("AGREED", "bold green") if report.agreed else _text("DISAGREED", "bold red")
    reference = (
        f"{report.reference.name} ({report.reference.provider})" if report.reference.provider else report.reference.name
    )
    parts: list[RenderableType] = [
        Text.assemble(verdict, "  ", _text(report.proven)),
        _text(f"Reference: {reference}: {report.reference.why}."),
        *(_text(f"  not {name}: {why}", "dim") for name, why in report.reference.passed_over),
        _backends(report),
        _text(meaning_of(report), "dim"),
        *(_text(f"{b.name} was computed by {b.provider}.", "dim") for b in report.backends if b.provider),
        *(_text(line) for line in _details(report)),
    ]
    if report.not_run:
        parts.append(_text("Not run:"))
        parts += [_text(f"  {name}: {reason}", "dim") for name, reason in report.not_run]
    if report.layers is not None:
        parts.append(_layers(report.layers))
    parts += [_text(note) for note in (*report.testset.notes, *report.findings)]
    return Group(*parts)


def _text(text: str, style: str = "") -> Text:
    """Text as it is, never markup; control characters, which could steer the terminal, become visible."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text), style)


def _backends(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("backend", no_wrap=True)
    against_float64 = report.reference.name != "float64"
    for title in ("max error", *(["vs float64"] if against_float64 else []), "× floor"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for title in ("same decisions", "accuracy", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for backend in report.backends:
        style = _STYLES[backend.status] if backend.agreed or backend.status not in ("rounding", "within") else "red"
        verdict = backend.status if backend.agreed or style != "red" else f"{backend.status} ✗"
        table.add_row(
            _text(backend.name),
            largest(backend.outputs),
            *([largest_oracle(backend.outputs)] if against_float64 else []),
            number(backend.ratio),
            _text(verdict, style),
            "; ".join(decisions(d) for d in backend.decisions),
            accuracy(backend.decisions),
            f"{backend.run_seconds:.2f} s",
        )
    if report.reference.decisions:
        accurate = accuracy(report.reference.decisions)
        errors = ["", largest_oracle(report.reference.outputs)] if against_float64 else [""]
        table.add_row(_text(report.reference.name, "dim"), *errors, "", _text("reference", "dim"), "", accurate, "")
    return table


def meaning_of(report: Report) -> str:
    """What the columns of errors say, in a sentence."""
    if report.reference.name == "float64":
        return "max error: the largest difference from float64; × floor: the same in rounding floors."
    return (
        f"max error: the largest difference from {report.reference.title}; vs float64: that from the float64 run; × "
        "floor: the larger of the two in rounding floors, the reference's own rounding taken off the first."
    )


def largest(outputs: Sequence[OutputResult]) -> str:
    """The largest error against the reference."""
    return number(max((output.error.max for output in outputs), default=math.nan))


def largest_oracle(outputs: Sequence[OutputResult]) -> str:
    """The largest error against the oracle."""
    return number(max((o.oracle_error.max for o in outputs if o.oracle_error), default=math.nan))


def number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def decisions(decision: DecisionResult) -> str:
    ties = f" ({decision.ties} ties)" if decision.ties else ""
    return f"{decision.same}/{decision.total}{ties}"


def accuracy(found: tuple[DecisionResult, ...]) -> str:
    """The accuracy of the first output; for whole numbers also the mean absolute error."""
    if not found or found[0].accuracy is None:
        return ""
    off = f", MAE {found[0].mean_absolute_error:.3f}" if found[0].mean_absolute_error is not None else ""
    return f"{100 * found[0].accuracy:.2f} %{off}"


def _details(report: Report) -> Iterator[str]:
    for backend in report.backends:
        yield from (f"{backend.name}: {fault}" for fault in backend.faults)
        if not backend.agreed and len(backend.outputs) > 1:
            for output in backend.outputs:
                yield f"{backend.name}, {output.name}: {output.verdict}, {number(output.ratio)} × floor"
        yield from _worst(backend)
        yield from _flips(backend)


def _worst(backend: BackendResult) -> Iterator[str]:
    for output in backend.outputs:
        if output.verdict not in ("rounding", "within") and output.error.max:
            worst = ", ".join(f"{sample} ({error:.3g})" for sample, error in output.error.worst if error)
            yield f"{backend.name}, {output.name}: largest errors at samples {worst}"


def _flips(backend: BackendResult) -> Iterator[str]:
    for decision in backend.decisions:
        for flip in decision.flips[:_MOST_FLIPS]:
            kind = "tie" if flip.tie else "decides otherwise"
            yield f"{backend.name}: {kind} on {flip.name}: {flip.backend} instead of {flip.reference}"
        if len(decision.flips) > _MOST_FLIPS:
            yield f"{backend.name}: … and {decision.total - decision.same - _MOST_FLIPS} more"


def _layers(layers: LayerReport) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=_text(f"Layers, {layers.sample_name}"), title_justify="left")
    table.add_column("layer", overflow="fold")
    for title in ("largest", "own", "inherited"):
        table.add_column(title, justify="right")
    names = list(dict.fromkeys(name for row in layers.rows for name in row.backends))
    for name in names:
        table.add_column(_text(name), justify="right")
    for row in layers.rows:
        guilty = [name for name in names if row.layer in layers.guilty.get(name, ())]
        cells = [
            _text(number(row.backends.get(name, math.nan)), "bold red" if name in guilty else "") for name in names
        ]
        mark = _text(row.layer, "bold red" if guilty else "")
        table.add_row(mark, number(row.scale), number(row.own), number(row.inherited), *cells)
    return table
