"""The report as one page: no script, nothing loaded from elsewhere, every foreign string escaped."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

from interchange.verifier import judge
from interchange.verifier.report import BackendResult, OutputResult, Report, Sample
from interchange.verifier.table import accuracy, decisions, largest, largest_oracle, meaning_of, number

_WORDS = {
    "rounding": "rounding only",
    "within": "within tolerance",
    "suspicious": "suspicious",
    "wrong": "wrong",
    "outside": "outside tolerance",
    "failed": "failed",
}
_COLOURS = {"rounding": "good", "within": "good", "suspicious": "doubt"}  # CSS classes; "bad" otherwise


def page_of(report: Report) -> str:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "decisions": decisions, "accuracy": accuracy, "seconds": seconds}
    environment.filters |= {"largest": largest, "largest_oracle": largest_oracle}
    template = environment.from_string(files("interchange.verifier").joinpath("page.html.jinja").read_text("utf-8"))
    return template.render(
        report=report,
        plot=plot_of(report),
        meaning=meaning_of(report),
        cards=[card_of(sample) for sample in report.samples],
        pictures=any(sample.picture for sample in report.samples),
        figures=list(figures_of(report)),
        word=_WORDS,
        colour=colour_of,
        flips=[(b, d, flip) for b in report.backends for d in b.decisions for flip in d.flips],
    )


def colour_of(backend: BackendResult) -> str:
    """The CSS class of a backend's verdict; flips are bad whatever the errors are."""
    known = _COLOURS.get(backend.status, "bad")
    return known if backend.agreed or known != "good" else "bad"


def seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def figures_of(report: Report) -> Iterator[tuple[str, str, str]]:
    """The key figures under the verdict: (number, what, remark)."""
    used, total = report.testset.used, report.testset.samples
    yield f"{used:,}", "samples", "the whole test set" if used == total else f"of {total:,} in the test set"
    good = sum(backend.agreed for backend in report.backends)
    yield f"{good} / {len(report.backends)}", "backends agree", f"with {report.reference.title}"
    ratios = [backend.ratio for backend in report.backends if backend.outputs]
    if ratios and "rounding" in report.tolerances:
        yield f"{number(max(ratios))} ×", "the rounding floor", f"at most; up to {judge.ROUNDING:g} × is rounding"
    found = [backend.decisions[0] for backend in report.backends if backend.decisions]
    if found:
        same, total = sum(d.same for d in found), sum(d.total for d in found)
        everyone = len(found) == len(report.backends)
        remark = f"as {report.reference.title}" if everyone else "of the backends that answered"
        yield f"{same:,} / {total:,}", "same decisions", remark
    if report.reference.decisions and report.reference.decisions[0].accuracy is not None:
        yield f"{100 * report.reference.decisions[0].accuracy:.2f} %", "right answers", f"of {report.reference.title}"


# --- the plot -------------------------------------------------------------------------------------------------------

_LEFT, _RIGHT, _TOP, _ROW = 250.0, 900.0, 34.0, 30.0


@dataclass(frozen=True, slots=True)
class PlotRow:
    label: str
    title: str
    y: float
    colour: str
    x: float | None  # of the largest error; None: there is nothing to compare
    x_mean: float
    text: str
    x_text: float
    beyond: bool  # off the scale


@dataclass(frozen=True, slots=True)
class Plot:
    """Errors in rounding floors on a logarithmic axis; all coordinates ready for SVG."""

    width: float
    height: float
    bottom: float
    rows: tuple[PlotRow, ...]
    ticks: tuple[tuple[float, str], ...]
    zones: tuple[tuple[float, float, str, str], ...]  # x, width, class, title


def plot_of(report: Report) -> Plot | None:
    floors = {output.name: output.floor for output in report.outputs}
    if not any(floors.values()) or not report.backends:
        return None
    entries = [(b, o) for b in report.backends for o in (b.outputs or (None,))]
    ratios = [o.ratio for _, o in entries if o is not None and math.isfinite(o.ratio)]
    high = max(3.5, math.log10(max([*ratios, 1.0])) + 0.4)
    low = -2.0

    def x(ratio: float) -> float:
        place = (math.log10(ratio) - low) / (high - low) if ratio > 0 else 0.0
        return round(_LEFT + min(max(place, 0.0), 1.0) * (_RIGHT - _LEFT), 1)

    several = len(report.outputs) > 1
    rows = tuple(
        _row(backend, output, floors, x, _TOP + _ROW * (i + 0.5), several)
        for i, (backend, output) in enumerate(entries)
    )
    bottom = _TOP + _ROW * len(rows)
    ticks = tuple((x(10.0**power), f"{10.0**power:g}") for power in range(math.ceil(low), math.floor(high) + 1))
    edges = [10**low, judge.ROUNDING, judge.WRONG, 10**high]
    names = (("good", "rounding"), ("doubt", "suspicious"), ("bad", "wrong"))
    zones = tuple(
        (x(a), round(x(b) - x(a), 1), css, name) for (a, b), (css, name) in zip(pairwise(edges), names, strict=True)
    )
    return Plot(_RIGHT + 90, bottom + 44, bottom, rows, ticks, zones if "rounding" in report.tolerances else ())


def _row(
    backend: BackendResult,
    output: OutputResult | None,
    floors: dict[str, float],
    x: object,
    y: float,
    several: bool,
) -> PlotRow:
    assert callable(x)
    name = f"{backend.name} · {output.name}" if output and several else backend.name
    label = name if len(name) <= 34 else f"{name[:33]}…"
    if output is None:
        return PlotRow(label, name, y, "bad", None, 0.0, "no answer to compare", 0.0, False)
    mean = judge.ratio_of(output.error.mean, floors.get(output.name, 0.0))
    title = f"{name}: largest {number(output.ratio)} ×, mean {number(mean)} × the rounding floor"
    beyond = not math.isfinite(output.ratio)
    css = _COLOURS.get(output.verdict, "bad")
    where = x(10.0**9 if beyond else output.ratio)
    one = x(1.0)
    x_text = one + 8 if one - 60 < where < one else where + 12  # not across the line at 1 ×
    return PlotRow(label, title, y, css, where, x(min(mean, 10.0**9)), f"{number(output.ratio)} ×", x_text, beyond)


# --- samples --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """A sample as the page shows it: "true (inferred)", red where that is wrong or where backends differ."""

    title: str
    name: str
    bad: bool
    notes: tuple[str, ...]
    picture: str  # a data URL; "" for none
    sample: Sample


def card_of(sample: Sample) -> Card:
    inferred = f"({sample.inferred})" if sample.inferred else ""
    title = " ".join(filter(None, [sample.truth, inferred])) or sample.name
    picture = "data:image/png;base64," + base64.b64encode(sample.picture).decode() if sample.picture else ""
    notes = tuple(f"{backend}: {other}" for backend, other in sample.differing)
    return Card(title, sample.name, sample.wrong or bool(notes), notes, picture, sample)
