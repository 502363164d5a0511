"""Every architecture of keras.applications, and every model file of a folder, on the numpy backend: is the error
rounding, and how long does it take beside ONNX Runtime?

    python tests/benchmarks/every_model.py --record FILE [--peer-python PYTHON] [--applications [NAME …]]
        [--files FOLDER] [--rounds 7] [--again]

Architectures are made by the peer (a Python with Keras 3) as in `numpy_runtime.py`, with random weights that keep the
activations in bounds, and run at their usual size; files run with inputs of the smallest sizes that they take, 1 for
the batch. For each one

* the error against the float64 oracle in rounding floors, the verdict of the verifier, and ONNX Runtime's error;
* medians of CPU time with one thread, round by round in turn with ONNX Runtime, and of the ratio of each round.

Each model is measured in a process of its own and appended to the record at once; what is in the record is not measured
again without --again. At the end the table of all that is recorded, the slowest first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from interchange import load, save
from interchange.errors import InterchangeError
from interchange.evaluate import evaluate, probe_sizes, widen
from interchange.golden import case_input
from interchange.graph import Array, Graph
from interchange.verifier.judge import RANK, floor_of, ratio_of, verdict_of
from tests.benchmarks.applications import LIST
from tests.benchmarks.numpy_runtime import MAKE, interleaved

SUFFIXES = (".h5", ".hdf5", ".keras", ".onnx")
MINUTES = 20  # for one model


@dataclass
class Row:
    """What was measured of one model; times in ms. `fault`: why it was not measured."""

    name: str
    kind: str  # "architecture" or "file"
    shapes: str = ""
    numpy_ms: float = 0.0
    ort_ms: float = 0.0
    ratio: float = 0.0
    low: float = 0.0
    high: float = 0.0
    floors: float = 0.0
    ort_floors: float = 0.0
    verdict: str = ""
    without_kernel: int = 0
    fault: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, required=True, metavar="FILE")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with Keras 3")
    parser.add_argument("--applications", nargs="*", metavar="NAME", help="all of them where none is named")
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="every model file below it")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(asdict(measured(*options.one, options))))
        return
    known = recorded(options.record)
    for kind, name in wanted(options):
        if name in known and not options.again:
            continue
        command = [sys.executable, "-m", "tests.benchmarks.every_model", "--record", str(options.record)]
        command += ["--peer-python", options.peer_python, "--rounds", str(options.rounds)]
        if options.files:
            command += ["--files", str(options.files)]
        row = in_a_process([*command, "--one", kind, name], Row(name, kind))
        with options.record.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        print(cells(row), flush=True)
    print(*report(list(recorded(options.record).values())), sep="\n")


def wanted(options: argparse.Namespace) -> list[tuple[str, str]]:
    models = []
    names = options.applications
    if names is not None and not names:
        command = [options.peer_python, "-c", LIST]
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    models += [("architecture", name) for name in names or ()]
    if options.files:
        paths = sorted(path for path in options.files.rglob("*") if path.suffix in SUFFIXES)
        models += [("file", str(path.relative_to(options.files))) for path in paths]
    return models


def recorded(path: Path) -> dict[str, Row]:
    """The last row of each model in a record."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {row.name: row for row in (Row(**json.loads(line)) for line in lines)}


def in_a_process(command: Sequence[str], row: Row) -> Row:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, timeout=60 * MINUTES, check=False
        )
    except subprocess.TimeoutExpired:
        row.fault = f"more than {MINUTES} minutes"
        return row
    if done.returncode:
        row.fault = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1][:200]
        return row
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def measured(kind: str, name: str, options: argparse.Namespace) -> Row:
    row = Row(name, kind)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras") if kind == "architecture" else options.files / name
        if kind == "architecture":
            subprocess.run([options.peer_python, "-c", MAKE, name, str(path)], check=True, capture_output=True)
        try:
            graph = load(path)
            save(graph, Path(folder, "model.onnx"), to="onnx")
        except InterchangeError as error:
            row.fault = str(error).splitlines()[0]
            return row
        feeds = feeds_of(graph)
        if feeds is None:
            row.fault = "texts"
            return row
        return compared(row, graph, feeds, str(Path(folder, "model.onnx")), options.rounds)


def feeds_of(graph: Graph) -> Mapping[str, Array] | None:
    """Those of the golden case; None where there are texts among them."""
    if any(spec.dtype in ("str", "object") or spec.kind != "tensor" for spec in graph.inputs.values()):
        return None
    shapes = probe_sizes(graph)
    return {n: case_input(k, s.dtype, tuple(shapes[n])) for k, (n, s) in enumerate(graph.inputs.items())}


def compared(row: Row, graph: Graph, feeds: Mapping[str, Array], onnx: str, rounds: int) -> Row:
    import onnxruntime
    from interchange_numpy.model import NumpyModel

    model = NumpyModel(graph)
    row.shapes = ", ".join("×".join(map(str, x.shape)) for x in feeds.values())
    plan = model.plan({name: x.shape for name, x in feeds.items()})
    row.without_kernel = len(plan.fallbacks) if plan else len(graph.nodes)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(onnx, settings, providers=["CPUExecutionProvider"])
    theirs = dict(zip([i.name for i in session.get_inputs()], feeds.values(), strict=True))
    times = interleaved([lambda: model(feeds), lambda: session.run(None, theirs)], rounds)
    row.numpy_ms, row.ort_ms = (1e3 * float(np.median(t)) for t in times)
    row.low, row.ratio, row.high = (float(q) for q in np.quantile(times[0] / times[1], (0.25, 0.5, 0.75)))
    outputs = [model(feeds), dict(zip(graph.outputs, session.run(None, theirs), strict=True))]
    row.floors, row.ort_floors = errors(outputs, evaluate(graph, feeds), evaluate(widen(graph), feeds))
    row.verdict = verdict_of(row.floors)
    return row


def errors(
    outputs: Sequence[Mapping[str, Any]], native: Mapping[str, Any], exact: Mapping[str, Any]
) -> tuple[float, ...]:
    """The largest error of each in rounding floors; infinite where what does not round differs."""
    largest = []
    for made in outputs:
        worst = 0.0
        for name, want in native.items():
            got, true = np.asarray(made[name]), exact[name]
            floor = floor_of(want, true, want.dtype.name)
            finite = np.isfinite(want) & np.isfinite(got) if floor else np.ones(want.shape, bool)
            same = (got.dtype, got.shape) == (want.dtype, want.shape) and np.array_equal(
                got[~finite], want[~finite], equal_nan=True
            )
            error = float(np.abs(got[finite].astype("float64") - true[finite]).max(initial=0)) if same else np.inf
            worst = max(worst, ratio_of(error, floor))
        largest.append(worst)
    return tuple(largest)


def cells(row: Row) -> str:
    if row.fault:
        return f"| {row.name} | {row.fault} |"
    ratio = f"**{row.ratio:.2f}** ({row.low:.2f}–{row.high:.2f})"
    error = f"{row.floors:.2f}, {row.ort_floors:.2f}"
    return f"| {row.name} | {row.shapes} | {row.ort_ms:.2f} | {row.numpy_ms:.2f} | {ratio} | {error} | {row.verdict} |"


def report(rows: Sequence[Row]) -> list[str]:
    """A table for each kind, the slowest first, with what holds for all of it."""
    lines = []
    for kind in ("architecture", "file"):
        ran = sorted((row for row in rows if row.kind == kind and not row.fault), key=lambda row: -row.ratio)
        refused = [row for row in rows if row.kind == kind and row.fault]
        if not ran:
            continue
        worst = max((row.verdict for row in ran), key=RANK.__getitem__)
        ratios = [row.ratio for row in ran]
        lines += ["", "| model | input | ORT ms | NumPy ms | ratio (quartiles) | error in floors, ORT's | verdict |"]
        lines += ["|---|---|---|---|---|---|---|", *map(cells, ran), *map(cells, refused), ""]
        lines.append(
            f"{len(ran)} of kind {kind}: worst verdict {worst}, ratio median {statistics.median(ratios):.2f}, "
            f"{sum(ratio > 3 for ratio in ratios)} above 3; {len(refused)} not measured"
        )
    return lines


if __name__ == "__main__":
    main()
