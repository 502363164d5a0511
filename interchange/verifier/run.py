"""`verify`: the road from a model and a test set to a report."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import math
import platform
import shlex
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from interchange import api, plugins, testset
from interchange import options as plugin_options
from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported
from interchange.graph import Graph
from interchange.testset import TestSet
from interchange.verifier import judge, process
from interchange.verifier.assess import Assessment, Ground, Reference, assess, error_maxima, floors_of
from interchange.verifier.decisions import decisions_of, labels_of
from interchange.verifier.findings import findings_of
from interchange.verifier.names import BackendName, Options, backend, parse, parse_all
from interchange.verifier.process import Run
from interchange.verifier.references import NO_BACKENDS, Choice, choose, is_among, reason_of
from interchange.verifier.report import BackendResult, ModelInfo, OutputInfo, ReferenceInfo, Report, TestSetInfo
from interchange.verifier.samples import MOST_SAMPLES, samples_of
from interchange.verifier.session import Session
from interchange.verifier.side_by_side import cores, results

NotRun = tuple[tuple[str, str], ...]

_PACKAGES = ("interchange", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "keras", "tensorflow", "pillow")


def verify(
    model: str | Path | Graph,
    testset: str | Path,
    *,
    backends: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    reference: str | None = None,
    layers: bool = False,
    limit: int | None = None,
    batch_size: int = 32,
    backend_options: Options | None = None,
    timeout: float = process.TIMEOUT,
    show: int = MOST_SAMPLES,
    jobs: int | None = None,
) -> Report:
    """Runs every backend on a test set, each in its own process, and compares with one reference.

    Args:
        model: a model file, or a Graph.
        testset: a file or folder, see formats/testset.md.
        backends: "name", "name:key=value,…" or, for development, "module:Class"; by default all that can be used here.
        progress: called with (what, batches done, batches in all).
        rtol, atol: blunt tolerances |a - b| <= atol + rtol * |b| that replace the judgement by rounding floors.
        reference: "golden", "float64" or a backend; by default the source framework, else golden, else float64.
        layers: find the layer where the error begins.
        limit: only the first samples.
        batch_size: samples at once; a model with a fixed batch size has its own.
        backend_options: name -> options of that backend.
        timeout: seconds without a sign of life after which a backend is ended.
        show: how many samples the report shows.
        jobs: how many processes run at once; by default as many as there are cores. What is computed does not depend on
            it, but each of several takes longer than it would alone.

    Raises:
        BadInput: (IX103) an argument; (IX220, IX221) the test set; what `load` raises.
        EnvironmentLacks: a backend that was named cannot be had, or none can.
        Unsupported: (IX303) the artifact for a backend that was named cannot be written.
    """
    started = time.perf_counter()
    jobs = cores() if jobs is None else jobs
    _check_arguments(rtol, atol, limit, batch_size, timeout, jobs)
    options = backend_options or {}
    named = parse_all(backends, options) if backends is not None else None
    for name in named or ():
        # What cannot be used is said before hours of work.
        plugin_options.check(name.options, name.label, backend(name.target).open)
    if reference is not None and named and reference not in NO_BACKENDS and is_among(parse(reference, options), named):
        what = f"The backend {reference!r} would be compared with itself."
        raise BadInput("IX103", what, next_step="Choose another reference, or leave it out of the backends.")
    source = None if isinstance(model, Graph) else Path(model)
    graph = model if isinstance(model, Graph) else api.load(model)
    samples = _load_testset(testset, graph)
    used = len(samples) if limit is None else min(limit, len(samples))
    with TemporaryDirectory(prefix="interchange-verify-") as folder:
        session, batches = _session(Path(folder), graph, source, samples, used, batch_size, timeout, progress)
        ground = _ground(session, samples, batches, rtol, atol, jobs)
        choice = choose(session, ground, reference, options, named or ())
        own = assess(ground, choice.reference, choice.reference.load, None)
        judged = dataclasses.replace(choice.reference, errors=error_maxima(own.outputs))
        contended, runs, not_run = _contend(session, ground, judged, choice, named, options, jobs)
        report = Report(
            agreed=all(result.agreed for result in contended),
            model=_model_info(session),
            testset=_testset_info(samples, used, ground.labels),
            reference=_reference_info(judged, own),
            outputs=_outputs(ground),
            backends=contended,
            not_run=not_run,
            tolerances=_tolerances(ground),
            environment=_environment(),
            command=_command(source, testset, contended, named, ground, reference, limit, layers),
            seconds=0.0,
            samples=samples_of(ground, judged, runs, contended, show),
        )
        if layers:
            from interchange.verifier.layers import layers_of

            report = dataclasses.replace(report, layers=layers_of(session, samples, report, options))
    report = dataclasses.replace(report, findings=findings_of(report))
    return dataclasses.replace(report, seconds=time.perf_counter() - started)


def _check_arguments(
    rtol: float | None, atol: float | None, limit: int | None, batch_size: int, timeout: float, jobs: int
) -> None:
    faults = [
        f"{name} is {value}, not a finite number from 0 on"
        for name, value in (("rtol", rtol), ("atol", atol))
        if value is not None and not (value >= 0 and math.isfinite(value))
    ]
    counts = {"limit": 1 if limit is None else limit, "batch_size": batch_size, "jobs": jobs}
    faults += [f"{name} is {count}, not at least 1" for name, count in counts.items() if count < 1]
    faults += [] if timeout > 0 else [f"timeout is {timeout}, not above 0"]
    if faults:
        raise BadInput("IX103", "An option has a value that cannot be used.", why=faults)


def _load_testset(path: str | Path, graph: Graph) -> TestSet:
    return testset.load(path, graph.inputs)


def _session(
    folder: Path,
    graph: Graph,
    source: Path | None,
    samples: TestSet,
    used: int,
    batch_size: int,
    timeout: float,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[Session, tuple[tuple[int, int], ...]]:
    """Writes the feeds of every batch once, so that all backends get the same."""
    size = _batch_size(graph, samples, used, batch_size)
    lock = Lock()

    def report(what: str, done: int, total: int) -> None:
        with lock:  # processes run side by side
            if progress is not None:
                progress(what, done, total)

    total = -(-used // size)
    (folder / "feeds").mkdir()
    feeds, batches = [], []
    for index, (start, arrays) in enumerate(samples.batches(size, used)):
        report("test set", index, total)
        feeds.append(process.write_feeds(folder / "feeds", index, arrays))
        batches.append((start, min(size, used - start)))
    report("test set", total, total)
    formats = tuple(plugin.name for plugin in plugins.recognise(source)) if source else ()
    session = Session(folder, graph, source, formats, tuple(feeds), timeout, report)
    return session, tuple(batches)


def _batch_size(graph: Graph, samples: TestSet, used: int, wish: int) -> int:
    """The size asked for, or the one that is fixed in the model."""
    fixed = {spec.shape[0] for spec in graph.inputs.values() if spec.shape and isinstance(spec.shape[0], int)}
    sizes = [size for size in fixed if isinstance(size, int) and size > 0]
    if not sizes:
        return wish
    if used % sizes[0]:
        raise BadInput(
            "IX221",
            f"The model takes batches of exactly {sizes[0]}; {used} samples cannot be divided so.",
            where=str(samples.path),
            next_step=f"--limit {used - used % sizes[0]} leaves the last {used % sizes[0]} out."
            if used > sizes[0]
            else "",
        )
    return sizes[0]


def _ground(
    session: Session,
    samples: TestSet,
    batches: tuple[tuple[int, int], ...],
    rtol: float | None,
    atol: float | None,
    jobs: int,
) -> Ground:
    """Runs the graph in float64 and in its own dtypes: the measure for everything that follows."""
    session.weights()  # before both want them
    kinds = (("oracle", "float64 oracle"), ("native", "rounding floor"))
    calls = [functools.partial(session.run_graph, kind, label) for kind, label in kinds]
    oracle, native = results(calls, jobs, session.stop)
    for run in (oracle, native):
        if run.error is not None:
            raise run.error
    shapes = {output.name: output.shape for output in native.batches[0]}
    return Ground(
        testset=samples,
        batches=batches,
        oracle=oracle,
        native=native,
        floors=floors_of(oracle, native),
        decisions=decisions_of(session.graph, samples, shapes),
        labels=labels_of(session.graph, samples),
        rtol=rtol,
        atol=atol,
    )


# --- backends -------------------------------------------------------------------------------------------------------


def _contend(
    session: Session,
    ground: Ground,
    reference: Reference,
    choice: Choice,
    named: tuple[BackendName, ...] | None,
    options: Options,
    jobs: int,
) -> tuple[tuple[BackendResult, ...], dict[str, Run], NotRun]:
    """Runs and assesses all backends.

    Raises:
        InterchangeError: one that was named cannot be used, or none can.
    """
    candidates, not_run = (named, []) if named is not None else _usable(session, choice, options)
    starts = [_prepared(session, name, must=named is not None) for name in candidates]
    judged: list[BackendResult] = []
    runs: dict[str, Run] = {}
    with contextlib.closing(results(starts, jobs, session.stop)) as finished:
        for name, run in zip(candidates, finished, strict=True):
            if run.error is not None and not run.opened and _cannot_be_had(run.error):
                if named is not None:
                    raise run.error
                not_run.append((name.label, reason_of(run.error)))
                continue
            runs[name.label] = run
            judged.append(_result(ground, reference, name, run))
    if not judged:
        raise EnvironmentLacks(
            "IX401",
            "No backend can run this model here.",
            why=[f"{name}: {reason}" for name, reason in not_run],
            next_step="`interchange plugins` says what is missing for each.",
        )
    return tuple(judged), runs, tuple(not_run)


def _cannot_be_had(error: InterchangeError) -> bool:
    """Whether an error before the first batch says that a backend cannot be had here, rather than that it is wrong."""
    ended = error.code == "IX404"  # it was there, and ended without an answer
    return (isinstance(error, (Unsupported, EnvironmentLacks)) and not ended) or error.code in ("IX103", "IX104")


def _usable(
    session: Session, choice: Choice, options: Options
) -> tuple[tuple[BackendName, ...], list[tuple[str, str]]]:
    """All installed backends that can be used; the reference need not agree with itself."""
    names, not_run = [], []
    for plugin in plugins.installed("backends"):
        if choice.backend is not None and choice.backend.target == plugin.name:
            continue
        try:
            runner = plugin.get()
        except EnvironmentLacks as error:
            not_run.append((plugin.name, reason_of(error)))
            continue
        if runner.artifact == "source" and not session.opens_source(plugin.name):
            not_run.append((plugin.name, "it runs files of its own framework only"))
            continue
        names.append(BackendName(plugin.name, plugin.name, options.get(plugin.name, {})))
    return tuple(names), not_run


def _prepared(session: Session, name: BackendName, *, must: bool) -> Callable[[], Run]:
    """What runs a backend; its artifact is written already. If that fails, it `must` not, or the run has that error."""
    try:
        runner = backend(name.target)
        if runner.artifact == "source" and not session.opens_source(name.target) and ":" not in name.target:
            what = f"The backend {name.label!r} runs files of its own framework only."
            raise BadInput("IX103", what, where=str(session.source or "a graph"))
        return functools.partial(session.run_backend, name, _artifact(session, runner.artifact))
    except InterchangeError as error:
        if must:
            raise
        return functools.partial(Run, session.folder, error=error)


def _artifact(session: Session, kind: str) -> Path:
    try:
        return session.artifact(kind)
    except InterchangeError:
        raise
    except Exception as error:  # an exporter's own mistake is a failure of that backend, not of the others
        what = f"The exporter {kind!r} raised {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise EnvironmentLacks("IX404", what) from error


def _result(ground: Ground, reference: Reference, name: BackendName, run: Run) -> BackendResult:
    base = BackendResult(
        name=name.label,
        options=name.options,
        provider=run.provider,
        status="failed",
        agreed=False,
        open_seconds=run.open_seconds,
        run_seconds=run.run_seconds,
    )
    if run.error is not None:
        faults = (run.error.what, *(f"{reason}" for reason in run.error.why))
        where = f" ({run.error.where})" if run.error.where else ""
        return dataclasses.replace(
            base, faults=(faults[0] + where, *faults[1:]), error=run.error.to_json(), stderr=run.stderr
        )
    found = assess(ground, reference, run.load, run)
    flips = sum(decision.wrong for decision in found.decisions)
    return dataclasses.replace(
        base,
        status=found.status,
        agreed=found.status in ("rounding", "within") and not flips,
        faults=found.faults,
        outputs=found.outputs,
        decisions=found.decisions,
    )


# --- what surrounds the result --------------------------------------------------------------------------------------


def _model_info(session: Session) -> ModelInfo:
    graph = session.graph
    if session.source is not None:
        digest = testset.digest_of(session.source) if session.source.is_dir() else _sha256(session.source)
    else:
        digest = _sha256(session.artifact("weights"))
    return ModelInfo(
        name=graph.name,
        path=str(session.source or ""),
        format=", ".join(session.formats) or "graph",
        sha256=digest,
        parameters=graph.parameters,
        inputs={name: str(spec) for name, spec in graph.inputs.items()},
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _testset_info(samples: TestSet, used: int, labels: tuple[str, ...]) -> TestSetInfo:
    return TestSetInfo(
        path=str(samples.path),
        kind=samples.kind,
        sha256=samples.digest(),
        samples=len(samples),
        used=used,
        labels=labels,
        targets=samples.targets is not None,
        preprocessing={name: samples.described(name) for name in samples.preprocessing},
        notes=samples.notes,
    )


def _reference_info(reference: Reference, own: Assessment) -> ReferenceInfo:
    return ReferenceInfo(
        reference.name, reference.provider, reference.why, reference.passed_over, own.outputs, own.decisions
    )


def _outputs(ground: Ground) -> tuple[OutputInfo, ...]:
    decisions = {decision.output: decision for decision in ground.decisions}
    infos = []
    for output in ground.native.batches[0]:
        decision = decisions.get(output.name)
        kind, why = (decision.kind, decision.why) if decision else ("", "")
        infos.append(OutputInfo(output.name, output.dtype, output.shape[1:], ground.floors[output.name], kind, why))
    return tuple(infos)


def _tolerances(ground: Ground) -> dict[str, float]:
    if ground.blunt:
        return {"rtol": ground.rtol or 0.0, "atol": ground.atol or 0.0}
    return {"rounding": judge.ROUNDING, "wrong": judge.WRONG}


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _command(
    source: Path | None,
    testset: str | Path,
    results: Sequence[BackendResult],
    named: tuple[BackendName, ...] | None,
    ground: Ground,
    reference: str | None,
    limit: int | None,
    layers: bool,
) -> str:
    """The command line that gives this report again; "" if the model was given as a Graph."""
    if source is None:
        return ""
    words = ["interchange", "verify", str(source), str(testset)]
    for result in results if named is not None else ():
        words += ["--backend", result.name]
    for option, value in (
        ("--reference", reference),
        ("--rtol", ground.rtol),
        ("--atol", ground.atol),
        ("--limit", limit),
    ):
        words += [] if value is None else [option, str(value)]
    return shlex.join([*words, *(["--layers"] if layers else [])])
