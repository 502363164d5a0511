"""Threads of the numpy backend on convolutional networks: wall clock, in turn with one thread; ONNX Runtime likewise.

    python -m tests.benchmarks.threads [--threads 2] [--only NAME:BATCH …] [--rounds 15] [--markdown FILE]
        [--models FOLDER] [--peer-python PYTHON]

The models are those of `numpy_runtime.py`. Ratios are of neighbouring calls, with their quartiles. What the cores give
at best is measured, too: as many processes as threads, each with one thread and a batch of its own, side by side; they
share nothing but the machine. A machine that does anything else spoils all of these numbers: look at the load.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from tests.benchmarks.numpy_runtime import WORKLOADS, made

CASES = ("small:32", "ResNet50:1", "VGG16:1", "MobileNetV2:1", "MobileNetV2:2")
SIDE_BY_SIDE = 6  # rounds of processes


def main() -> None:
    arguments = parse()
    if arguments.child:
        serve(*json.loads(arguments.child))
        return
    folder = Path(arguments.models)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in arguments.only:
        name, batch = case.split(":")
        path = made(folder, name, arguments.peer_python)
        rows.append(
            {"network": name, "batch": int(batch), **measure(path, (int(batch), *WORKLOADS[name][0]), arguments)}
        )
        print(json.dumps(rows[-1]), flush=True)
    if arguments.markdown:
        Path(arguments.markdown).write_text(table(rows, arguments.threads))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=CASES)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--models", default=Path(tempfile.gettempdir(), "interchange-benchmarks"), type=Path)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--markdown")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def call(path: Path, shape: tuple[int, ...], threads: int) -> tuple[Callable[[], Any], str]:
    """One call of the numpy backend, and what its threads share: a batch or tiles."""
    from interchange_numpy.batches import BatchPlan
    from interchange_numpy.model import NumpyModel
    from interchange_weights.format import read

    model = NumpyModel(read(path.with_suffix(".safetensors")), threads=threads)
    feeds = feeds_of(next(iter(model.inputs)), shape)
    plan = model.plan({name: x.shape for name, x in feeds.items()})
    return lambda: model(feeds), "batch" if isinstance(plan, BatchPlan) else "tiles"


def peer(path: Path, shape: tuple[int, ...], threads: int) -> Callable[[], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path.with_suffix(".onnx")), options, providers=["CPUExecutionProvider"])
    feeds = feeds_of(session.get_inputs()[0].name, shape)
    return lambda: session.run(None, feeds)


def feeds_of(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {name: np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)}


def measure(path: Path, shape: tuple[int, ...], arguments: argparse.Namespace) -> dict[str, Any]:
    one, _ = call(path, shape, 1)
    several, shared = call(path, shape, arguments.threads)
    count = max(1, int(0.05 / wall(one, 2)))
    times = in_turn((one, several), count, arguments.rounds)
    limit = side_by_side(path, shape, arguments.threads, count)
    # after the others: its threads wait busily for a while
    peers = in_turn([peer(path, shape, threads) for threads in (1, arguments.threads)], count, arguments.rounds)
    quartiles = np.quantile(times[:, 0] / times[:, 1], (0.25, 0.5, 0.75))
    return {
        "shared": shared,
        "ms": (1e3 * np.median(times, axis=0)).round(2).tolist(),
        "ratio": quartiles.round(3).tolist(),
        "limit": round(limit, 3),
        "peer": round(float(np.median(peers[:, 0] / peers[:, 1])), 3),
        "load": round(os.getloadavg()[0], 2),
    }


def in_turn(functions: Sequence[Callable[[], Any]], count: int, rounds: int) -> Any:
    """Seconds of a call: (rounds, functions)."""
    for function in functions:
        function()
    return np.array([[wall(function, count) for function in functions] for _ in range(rounds)])


def wall(function: Callable[[], Any], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        function()
    return (time.perf_counter() - start) / count


def side_by_side(path: Path, shape: tuple[int, ...], processes: int, count: int) -> float:
    """How many times as much as one process several of them do in the same time."""
    command = [sys.executable, "-m", "tests.benchmarks.threads", "--child", json.dumps([str(path), shape, 2 * count])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen(command, text=True, **pipes) for _ in range(processes)]  # type: ignore[call-overload]

    def times(some: Sequence[Any]) -> list[float]:
        for child in some:
            child.stdin.write("go\n")
            child.stdin.flush()
        return [float(child.stdout.readline()) for child in some]

    times(children)  # all have read their files
    rounds = [(times(children[:1])[0], np.mean(times(children))) for _ in range(SIDE_BY_SIDE)]
    for child in children:
        child.communicate()
    return processes * float(np.median([alone / together for alone, together in rounds]))


def serve(path: str, shape: Sequence[int], count: int) -> None:
    """Answers each line with the time of so many calls with one thread."""
    function, _ = call(Path(path), tuple(shape), 1)
    function()
    for _ in sys.stdin:
        print(wall(function, count), flush=True)


def table(rows: Sequence[dict[str, Any]], threads: int) -> str:
    lines = [
        f"| network | batch | shared | 1 thread ms | {threads} threads ms | times as fast (quartiles) | processes | "
        "ONNX Runtime | load |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        low, ratio, high = r["ratio"]
        lines.append(
            f"| {r['network']} | {r['batch']} | {r['shared']} | {r['ms'][0]:.1f} | {r['ms'][1]:.1f} | "
            f"**{ratio:.2f}** ({low:.2f}–{high:.2f}) | {r['limit']:.2f} | {r['peer']:.2f} | {r['load']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
