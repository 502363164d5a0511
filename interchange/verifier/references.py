"""Chooses the one reference: the source framework, recorded outputs of it, or the float64 oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interchange import plugins
from interchange.errors import BadInput, InterchangeError
from interchange.graph import Array
from interchange.verifier.assess import Ground, Reference
from interchange.verifier.names import BackendName, Options, parse
from interchange.verifier.names import backend as find_backend
from interchange.verifier.process import Output, Run
from interchange.verifier.session import Session

GOLDEN, FLOAT64, ORACLE = "golden", "float64", "oracle"  # the last two are the same
NO_BACKENDS = (GOLDEN, FLOAT64, ORACLE)


@dataclass(frozen=True)
class Choice:
    """The reference, and the run behind it if it is a backend (which then need not run again)."""

    reference: Reference
    backend: BackendName | None = None
    run: Run | None = None


def choose(
    session: Session, ground: Ground, wish: str | None, options: Options, named: Sequence[BackendName] = ()
) -> Choice:
    """The reference asked for, or the first one that can be had; none of the backends named, which would be itself.

    Raises:
        BadInput: (IX103) there are no golden outputs though they were asked for; (IX221) they do not fit the model.
        InterchangeError: the backend asked for cannot run.
    """
    if wish is not None:
        return _forced(session, ground, wish, options)
    passed: list[tuple[str, str]] = []
    for plugin in _frameworks(session):
        if plugin.fault or plugin.missing:
            passed.append((plugin.name, plugin.fault or f"missing: {', '.join(plugin.missing)}"))
            continue
        name = parse(plugin.name, options)
        if is_among(name, named):
            passed.append((plugin.name, "it is among the backends to compare"))
            continue
        run = session.run_backend(name, session.artifact("source"))
        if run.error is None:
            why = "the framework that the model comes from is installed and opens the file"
            return Choice(_of_run(name.label, run, why, ()), name, run)
        passed.append((plugin.name, str(run.error).splitlines()[0]))
    if not passed:
        reason = "the model was given as a graph" if session.source is None else "the file is of no installed framework"
        passed.append(("source framework", reason))
    if ground.testset.golden:
        why = "the test set holds recorded outputs of the source framework"
        return Choice(_golden(ground, tuple(session.graph.outputs), why, tuple(passed)))
    passed.append((GOLDEN, "the test set holds no recorded outputs"))
    return Choice(oracle(ground, "nothing nearer to the source is at hand", tuple(passed)))


def is_among(name: BackendName, others: Sequence[BackendName]) -> bool:
    """Whether the same backend with the same options is in a list, however it is written."""
    return any((name.target, dict(name.options)) == (other.target, dict(other.options)) for other in others)


def _frameworks(session: Session) -> list[plugins.Plugin]:
    """Backends that run the model file itself, in the framework that wrote it: named as the file's importer."""
    candidates = [p for p in plugins.installed("backends") if session.opens_source(p.name) and not p.shadowed_by]
    return [p for p in candidates if p.fault or getattr(p._loaded[0], "artifact", "") == "source"]


def _forced(session: Session, ground: Ground, wish: str, options: Options) -> Choice:
    why = "it was asked for"
    if wish in (FLOAT64, ORACLE):
        return Choice(oracle(ground, why, ()))
    if wish == GOLDEN:
        return Choice(_golden(ground, tuple(session.graph.outputs), why, ()))
    name = parse(wish, options)
    runner = find_backend(name.target)
    if runner.artifact == "source" and not session.opens_source(name.target) and ":" not in name.target:
        raise BadInput(
            "IX103", f"The reference {wish!r} cannot open the model.", where=str(session.source or "a graph")
        )
    run = session.run_backend(name, session.artifact(runner.artifact))
    if run.error is not None:
        raise run.error
    return Choice(_of_run(name.label, run, why, ()), name, run)


def _of_run(label: str, run: Run, why: str, passed: tuple[tuple[str, str], ...]) -> Reference:
    return Reference(label, run.provider, why, run.load, lambda index: run.batches[index], passed)


def oracle(ground: Ground, why: str, passed: tuple[tuple[str, str], ...]) -> Reference:
    """The graph in float64; its outputs must look as in the model's own dtypes.

    Where these overflow, and for outputs that are not floats, what they give is what is wanted.
    """

    def load(index: int) -> dict[str, Array]:
        exact, native = ground.oracle.load(index), ground.native.load(index)
        return {name: _within_range(exact[name], native[name]) for name in native}

    def signature(index: int) -> tuple[Output, ...]:
        return ground.native.batches[index]

    return Reference(FLOAT64, ground.oracle.provider, why, load, signature, passed)


def _within_range(exact: Array, native: Array) -> Array:
    if native.dtype.kind != "f" or exact.shape != native.shape:
        return native
    return np.where(np.isfinite(native), exact, native)


def _golden(ground: Ground, outputs: tuple[str, ...], why: str, passed: tuple[tuple[str, str], ...]) -> Reference:
    golden = ground.testset.golden
    faults = [f"there is no recorded output {name!r}" for name in outputs if name not in golden]
    faults += [
        f"{name!r} is recorded, but the model's outputs are {', '.join(outputs)}"
        for name in golden
        if name not in outputs
    ]
    if not golden:
        raise BadInput("IX103", "The test set holds no recorded outputs.", where=str(ground.testset.path))
    if faults:
        raise BadInput(
            "IX221", "The recorded outputs do not fit the model.", where=str(ground.testset.path), why=faults
        )

    def load(index: int) -> dict[str, Array]:
        start, count = ground.batches[index]
        return {name: golden[name][start : start + count] for name in outputs}

    def signature(index: int) -> tuple[Output, ...]:
        # The dtype is the model's: recordings are often kept in another precision.
        dtypes = {output.name: output.dtype for output in ground.native.batches[index]}
        return tuple(Output(name, dtypes[name], tuple(array.shape)) for name, array in load(index).items())

    return Reference(GOLDEN, "recorded", why, load, signature, passed)


def reason_of(error: InterchangeError) -> str:
    """An error in one line, for a list of what was not run."""
    if not error.why:
        return f"{error.code}: {error.what}"
    return f"{error.code}: {error.what.removesuffix('.')}: {'; '.join(error.why)}"
