"""Models on a GPU through ONNX Runtime: time beside the CPU of the same machine, and the error of each.

    python tests/benchmarks/cuda.py MODEL … [--batches 1 32] [--rounds 15] [--json FILE]

Each file that interchange reads is run with the same random inputs by the backend `onnxruntime`: on the CPU with the
threads that ONNX Runtime chooses, on CUDA in float32, and on CUDA with TensorFloat-32 allowed. The roads are taken in
turn, round by round; times are medians of wall-clock time for one call, with the copies to the device and back. The
error is the largest difference from the operators in float64, divided by the largest output (of the first two samples).
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import interchange
from interchange.evaluate import evaluate, widen
from interchange.graph import Graph

ROADS = {
    "cpu": {"provider": "cpu"},
    "cuda": {"provider": "cuda"},
    "cuda, tf32": {"provider": "cuda", "tf32": True},
}


def inputs_of(graph: Graph, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {name: [batch, *(11 if d is None or isinstance(d, str) else d for d in spec.shape[1:])]
              for name, spec in graph.inputs.items()}  # fmt: skip
    return {name: rng.uniform(0, 1, shape).astype(graph.inputs[name].dtype) for name, shape in shapes.items()}


def error_of(outputs: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> float:
    return max(
        float(np.abs(outputs[name][: len(y)] - y).max() / max(np.abs(y).max(), 1e-300)) for name, y in exact.items()
    )


def measured(path: Path, batches: list[int], rounds: int) -> list[dict[str, object]]:
    graph = interchange.load(path)
    exact = evaluate(widen(graph), inputs_of(graph, 2))
    rows: list[dict[str, object]] = []
    with ExitStack() as stack:
        models = {
            road: stack.enter_context(interchange.open(path, backend="onnxruntime", **options))
            for road, options in ROADS.items()
        }
        errors = {road: error_of(model(inputs_of(graph, 2)), exact) for road, model in models.items()}
        for batch in batches:
            feeds = inputs_of(graph, batch)
            times: dict[str, list[float]] = {road: [] for road in models}
            for turn in range(rounds + 2):
                for road, model in models.items():
                    start = time.perf_counter()
                    model(feeds)
                    if turn > 1:  # the first calls choose kernels and take memory
                        times[road].append(time.perf_counter() - start)
            ms = {road: 1e3 * float(np.median(taken)) for road, taken in times.items()}
            rows.append({"model": path.stem, "batch": batch, "ms": ms, "error": errors})
        rows[0]["provider"] = models["cuda"].provider
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    print("| model | batch | CPU ms | CUDA ms | with TF32 | CPU / CUDA | error: CPU | CUDA | with TF32 |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = []
    for path in arguments.models:
        for row in measured(path, arguments.batches, arguments.rounds):
            rows.append(row)
            ms, error = row["ms"], row["error"]
            times = " | ".join(f"{ms[road]:.2f}" for road in ROADS)
            errors = " | ".join(f"{error[road]:.1e}" for road in ROADS)
            print(
                f"| {row['model']} | {row['batch']} | {times} | {ms['cpu'] / ms['cuda']:.1f} | {errors} |", flush=True
            )
            if "provider" in row:
                print(f"  {row['provider']}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
