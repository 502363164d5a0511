"""What the scripts are measured against: their own network with other kernels. Standard library only, Python 3.9, PyPy.

    python tests/benchmarks/pyscript_peers.py FOLDER [--rounds 7]

times the variants in turn and prints JSON; `pyscript.py` makes the folder and calls this for other interpreters.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from operator import mul
from pathlib import Path
from typing import Any

Variant = Callable[[], Any]


def imported(path: Path, name: str) -> Any:
    """A script as a module, anew for every name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nested(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """A flat list as nested ones."""
    for size in reversed(shape[1:]):
        values = [values[i : i + size] for i in range(0, len(values), size)]
    return values


# --- kernels of nested loops ----------------------------------------------------------------------------------------


def naive(script: Any) -> None:
    """Replaces convolutions, matrix products, pooling and LSTM of a script by nested loops."""
    tensor = script.Tensor

    def conv(x, w, b=None, *, group=1, strides=None, pads=None, auto_pad="", layout="NHWC", **_):  # type: ignore[no-untyped-def]
        assert layout == "NHWC"
        size, (batch, height, width, _) = w.shape, x.shape
        rows, columns, channels, filters = size
        dy, dx = strides or (1, 1)
        top, left, bottom, right = pads or (0, 0, 0, 0)
        if auto_pad == "SAME_UPPER":
            down, across = (
                max((-(-height // dy) - 1) * dy + rows - height, 0),
                max((-(-width // dx) - 1) * dx + columns - width, 0),
            )
            top, left, bottom, right = down // 2, across // 2, down - down // 2, across - across // 2
        tall, wide = (height + top + bottom - rows) // dy + 1, (width + left + right - columns) // dx + 1
        images, kernel = nested(list(x.values), x.shape), nested(list(w.values), size)
        bias = [0.0] * filters if b is None else list(b.values)
        result = []
        for n in range(batch):
            for y in range(tall):
                for x0 in range(wide):
                    for o in range(filters):
                        total = bias[o]
                        first = o // (filters // group) * channels
                        for i in range(rows):
                            iy = y * dy + i - top
                            if iy < 0 or iy >= height:
                                continue
                            for j in range(columns):
                                ix = x0 * dx + j - left
                                if ix < 0 or ix >= width:
                                    continue
                                pixel, weights = images[n][iy][ix], kernel[i][j]
                                for c in range(channels):
                                    total += pixel[first + c] * weights[c][o]
                        result.append(total)
        return tensor(result, (batch, tall, wide, filters))

    def matmul(a, b):  # type: ignore[no-untyped-def]
        length, outputs = b.shape
        count = len(a.values) // length
        values, weights = list(a.values), nested(list(b.values), b.shape)
        result = []
        for i in range(count):
            row = values[i * length : (i + 1) * length]
            for o in range(outputs):
                total = 0.0
                for k in range(length):
                    total += row[k] * weights[k][o]
                result.append(total)
        return tensor(result, (*a.shape[:-1], outputs))

    def gemm(a, b, c=None, *, transB=0, **_):  # type: ignore[no-untyped-def]
        y = matmul(a, script.transposed(b, (1, 0)) if transB else b)
        return y if c is None else script.pairwise(lambda p, q: p + q, y, c)

    def max_pool(x, *, kernel_shape, strides=None, auto_pad="", pads=None, **_):  # type: ignore[no-untyped-def]
        (batch, height, width, channels), (rows, columns) = x.shape, kernel_shape
        dy, dx = strides or (1, 1)
        same = auto_pad == "SAME_UPPER"
        tall = -(-height // dy) if same else (height - rows) // dy + 1
        wide = -(-width // dx) if same else (width - columns) // dx + 1
        result = []
        for n in range(batch):
            for y in range(tall):
                for x0 in range(wide):
                    for c in range(channels):
                        best = -math.inf
                        for iy in range(y * dy, min(y * dy + rows, height)):
                            for ix in range(x0 * dx, min(x0 * dx + columns, width)):
                                value = x.values[((n * height + iy) * width + ix) * channels + c]
                                if value > best:
                                    best = value
                        result.append(best)
        return tensor(result, (batch, tall, wide, channels))

    def lstm(x, w, r, b, *_, hidden_size=None, layout=0, **__):  # type: ignore[no-untyped-def]
        batch, time_, size = x.shape if layout else (x.shape[1], x.shape[0], x.shape[2])
        assert batch == 1
        hidden = r.shape[-1]
        values, wx, wh, bias = list(x.values), list(w.values), list(r.values), list(b.values)
        h, c, rows = [0.0] * hidden, [0.0] * hidden, []
        for t in range(time_):
            gates = []
            for g in range(4 * hidden):
                total = bias[g] + bias[4 * hidden + g]
                for k in range(size):
                    total += values[t * size + k] * wx[g * size + k]
                for k in range(hidden):
                    total += h[k] * wh[g * hidden + k]
                gates.append(total)
            for k in range(hidden):
                i, o, f = (1 / (1 + math.exp(-gates[part * hidden + k])) for part in range(3))
                c[k] = f * c[k] + i * math.tanh(gates[3 * hidden + k])
                h[k] = o * math.tanh(c[k])
            rows += h
        y = tensor(rows, (1, time_, 1, hidden) if layout else (time_, 1, 1, hidden))
        return y, tensor(h, (1, 1, hidden)), tensor(c, (1, 1, hidden))

    script.Conv, script.MatMul, script.Gemm, script.MaxPool, script.LSTM = conv, matmul, gemm, max_pool, lstm


# --- the common idiom -----------------------------------------------------------------------------------------------


def sum_map(script: Any) -> None:
    """Replaces the dot product of a script by sum(map(mul, ...)) over windows (im2col)."""

    class Linear:
        def __init__(self, rows: Sequence[tuple[float, ...]]) -> None:
            self.rows = rows

        def __call__(self, x: Sequence[float], bias: Sequence[float]) -> list[float]:
            return [sum(map(mul, x, row)) + b for row, b in zip(self.rows, bias)]  # noqa: B905

    script.Linear = Linear


# --- timing ---------------------------------------------------------------------------------------------------------


def variants_of(folder: Path) -> dict[str, Variant]:
    """The scripts of a folder and their peers, ready to be called with the folder's input."""
    sample = json.loads((folder / "x.json").read_text())
    ready: dict[str, Variant] = {}
    for name, style, change in (
        ("naive", "plain", naive),
        ("sum(map(mul))", "plain", sum_map),
        ("plain", "plain", None),
        ("fast", "fast", None),
    ):
        path = folder / style / "model.py"
        if not path.exists():
            continue
        script = imported(path, f"{style}_{len(ready)}")
        if change is not None:
            change(script)
        ready[name] = lambda script=script: script.predict(sample)  # type: ignore[misc]
    return ready


def seconds(run: Variant, least: float) -> float:
    """CPU seconds of one call, from as many as take `least` seconds."""
    calls, start = 0, time.process_time()
    while True:
        run()
        calls += 1
        taken = time.process_time() - start
        if taken >= least:
            return taken / calls


def measured(variants: Mapping[str, Variant], rounds: int) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """The CPU seconds of every variant in every round, in turn, and what each computes. A first call is not counted."""
    results = {name: run() for name, run in variants.items()}
    if hasattr(sys, "pypy_version_info"):
        for _ in range(5):
            results = {name: run() for name, run in variants.items()}
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            times[name].append(seconds(run, 0.02))
    return times, results


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times, _ = measured(variants_of(options.folder), options.rounds)
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
