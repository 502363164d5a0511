"""Whole processes that answer once: `interchange run` against bare scripts with ONNX Runtime and NumPy.

    python tests/benchmarks/cold_run.py [--rounds 15] [--model docs/examples/cats_dogs/cats_dogs.h5]

The model is converted to the weights file and to ONNX first. Each round starts every process once, in turn; what is
compared is CPU time of the whole process and its threads, medians and the quartiles of the ratios to ONNX Runtime's.
Python may write its .pyc files, as it does where interchange is installed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import interchange

BARE = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(session.run(None, {session.get_inputs()[0].name: numpy.load(sys.argv[2])}))
"""
CATS_DOGS = Path(__file__).parents[2] / "docs" / "examples" / "cats_dogs" / "cats_dogs.h5"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--model", type=Path, default=CATS_DOGS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        graph = interchange.load(arguments.model)
        weights = interchange.save(graph, folder, to="weights")[0]
        onnx = interchange.save(graph, folder, to="onnx")[0]
        (spec,) = graph.inputs.values()
        shape = [size if isinstance(size, int) else 1 for size in spec.shape]
        x = folder / "x.npy"
        np.save(x, np.random.default_rng(0).uniform(0, 1, shape).astype(spec.dtype))
        run = [sys.executable, "-m", "interchange", "run"]
        seconds = measure(
            {
                "ONNX Runtime, bare script": [sys.executable, "-c", BARE, str(onnx), str(x)],
                "interchange run": [*run, str(weights), str(x)],
                "interchange run --backend onnxruntime": [*run, str(onnx), str(x), "--backend", "onnxruntime"],
                "import numpy": [sys.executable, "-c", "import numpy"],
            },
            arguments.rounds,
        )
    peer = next(iter(seconds.values()))
    for name, times in seconds.items():
        low, middle, high = np.quantile(times / peer, (0.25, 0.5, 0.75))
        print(f"{name}: {np.median(times):.3f} s, {middle:.2f} ({low:.2f}-{high:.2f}) of the bare script")


def measure(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, np.ndarray]:
    """CPU seconds of each process, round by round in turn, after one round that is not counted."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            before = _children()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            seconds[name].append(_children() - before)
    return {name: np.array(times[1:]) for name, times in seconds.items()}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
