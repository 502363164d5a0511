"""What the numbers of a report say, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from interchange.verifier import judge
from interchange.verifier.compare import NOTHING_COMPARED
from interchange.verifier.report import Report


def findings_of(report: Report) -> tuple[str, ...]:
    return tuple(_findings(report))


def _findings(report: Report) -> Iterator[str]:
    yield from _about_reference(report)
    yield from _not_compared(report)
    for backend in report.backends:
        if backend.status == "failed":
            continue
        flips = sum(decision.wrong for decision in backend.decisions)
        if flips:
            yield f"{backend.name} decides otherwise than the reference on {flips} sample{'s' if flips != 1 else ''}."
        for output in backend.outputs:
            if output.verdict == "suspicious":
                yield (
                    f"{backend.name}, {output.name}: {output.ratio:.3g} times the rounding floor is more than other "
                    "orders of summation give; a coarse approximation of a function, or a small mistake."
                )
    for name, layers in report.layers.guilty.items() if report.layers is not None else ():
        if layers:
            yield f"{name}: the error begins in {' and in '.join(layers[:3])}."
    wrong = any(backend.status in ("wrong", "suspicious") for backend in report.backends)
    if wrong and report.layers is None:
        yield "Run again with --layers to find the layer where the error begins."


def _not_compared(report: Report) -> Iterator[str]:
    """NaN and infinities that both sides have agree, but prove nothing."""
    counts: dict[str, int] = {}
    faults = {fault for backend in report.backends for fault in backend.faults}
    for backend in report.backends:
        for output in backend.outputs:
            counts[output.name] = max(counts.get(output.name, 0), output.not_finite)
    for name, count in counts.items():
        if f"output {name!r}: {NOTHING_COMPARED}" in faults:
            yield f"Output {name}: {NOTHING_COMPARED}; take other samples, or look at the model."
        elif count:
            yield (
                f"Output {name}: {count:,} value{'s are' if count != 1 else ' is'} NaN or infinite on both sides, "
                "which agrees but proves nothing about them."
            )


def _about_reference(report: Report) -> Iterator[str]:
    """If the reference is far from the oracle, the graph is not what the reference computes: the import is at fault."""
    if "rounding" not in report.tolerances:
        return
    judged = [output for backend in report.backends for output in backend.outputs]
    good = judged and all(o.oracle_error is not None for o in judged)
    floors = {output.name: output.floor for output in report.outputs}
    near = all(judge.ratio_of(o.oracle_error.max, floors[o.name]) <= judge.ROUNDING for o in judged if o.oracle_error)
    far = [output.ratio for output in report.reference.outputs if output.ratio > judge.ROUNDING]
    if good and near and far:
        yield (
            f"All backends agree with the float64 oracle, and {report.reference.title} is {max(far):,.0f} rounding "
            "floors away from it: look at the import (or at the recording), not at the backends."
        )
