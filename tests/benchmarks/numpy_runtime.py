"""The numpy backend against ONNX Runtime, onnx.reference and Keras: CPU time, memory, errors.

    python tests/benchmarks/numpy_runtime.py [--models FOLDER] [--peer-python PYTHON] [--only NAME …] [--rounds 15]
        [--keras] [--reference] [--markdown FILE] [--plot FILE.svg]

The peer (a Python with Keras 3) makes the models that FOLDER does not hold yet: the small network, architectures of
`keras.applications` at their usual sizes, with random weights that keep the activations in bounds; recurrent networks
and transformers are in `sequences.py`. Each is converted to the weights file and to ONNX, and run in turn, round by
round, in this one process with one thread: the numbers are medians of CPU time, and of the ratio of each round with its
quartiles. The error is the largest difference from the float64 oracle divided by its largest output, for both.
`--keras` times `predict_on_batch` in the peer's process. Memory is that of a process of its own, above what its
imports take.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

# name -> (sample shape, batches)
WORKLOADS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "small": ((32, 32, 3), (1, 32)),
    "ResNet50": ((224, 224, 3), (1,)),
    "VGG16": ((224, 224, 3), (1,)),
    "MobileNetV2": ((224, 224, 3), (1,)),
    "EfficientNetB0": ((224, 224, 3), (1,)),
    "MobileNetV3Small": ((224, 224, 3), (1,)),
    "DenseNet121": ((224, 224, 3), (1,)),
    "InceptionV3": ((299, 299, 3), (1,)),
    "Xception": ((299, 299, 3), (1,)),
    "NASNetMobile": ((224, 224, 3), (1,)),
    "ConvNeXtTiny": ((224, 224, 3), (1,)),
}

MAKE = """
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras, numpy as np
from keras import layers as L
name, path = sys.argv[1:]
def small():
    x = i = L.Input((32, 32, 3))
    for filters in (32, 64, 128):
        x = L.MaxPooling2D()(L.Conv2D(filters, 3, padding="same", activation="relu")(x))
    x = L.Dense(128, activation="relu")(L.Flatten()(x))
    return keras.Model(i, L.Dense(10, activation="softmax")(x))
if name == "small":
    model = small()
elif name == "VGG16":
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
else:
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
rng = np.random.default_rng(0)
for variable in model.variables:
    shape, leaf = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
    if variable.dtype != "float32" or name == "small":
        continue
    if leaf in ("gamma", "moving_variance", "variance"):
        value = rng.uniform(0.5, 1.5, shape)
    elif len(shape) > 1:
        rows = np.prod(shape[:-2] if "depthwise" in variable.path else shape[:-1])
        value = rng.normal(0, np.sqrt(2 / max(rows, 1)), shape)
    else:
        value = rng.normal(0, 0.1, shape)
    variable.assign(value.astype("float32"))
model.save(path)
"""

KERAS = """
import os, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
import keras, numpy as np
model = keras.models.load_model(sys.argv[1], compile=False)
x = np.random.default_rng(1).uniform(0, 1, eval(sys.argv[2])).astype("float32")
model.predict_on_batch(x)
times = []
for _ in range(int(sys.argv[3])):
    start = time.process_time(); model.predict_on_batch(x); times.append(time.process_time() - start)
print(1e3 * np.median(times))
"""

MEMORY = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
def now():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e3
kind, path, shape = sys.argv[1], sys.argv[2], eval(sys.argv[3])
x = np.random.default_rng(1).uniform(0, 1, shape).astype("float32")
if kind == "numpy":
    import interchange_numpy.model, interchange_weights.format
    from pathlib import Path
    before = now()
    model = interchange_numpy.model.NumpyModel(interchange_weights.format.read(Path(path)))
    feeds = {next(iter(model.inputs)): x}
    run = lambda: model(feeds)
else:
    import onnxruntime
    options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1
    before = now()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    run = lambda: session.run(None, {session.get_inputs()[0].name: x})
run(); run()
print(max(peak(), now()) - before, now() - before)
"""


@dataclass
class Row:
    """What was measured of one network at one batch size; times in ms, memory in MB above the imports."""

    name: str
    batch: int
    numpy_ms: float = 0.0
    ort_ms: float = 0.0
    ratio: float = 0.0
    low: float = 0.0
    high: float = 0.0
    compile_s: float = 0.0
    error: float = 0.0
    ort_error: float = 0.0
    numpy_mb: float = 0.0
    numpy_peak_mb: float = 0.0
    ort_mb: float = 0.0
    keras_ms: float | None = None
    reference_ms: float | None = None
    without_kernel: int = 0


def main() -> None:
    arguments = parse()
    folder = Path(arguments.models)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"sgemm of 1024³: {sgemm():.1f} GF/s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    rows = []
    for name in arguments.only or WORKLOADS:
        path = made(folder, name, arguments.peer_python)
        shape, batches = WORKLOADS[name]
        for batch in batches:
            rows.append(measure(path, name, (batch, *shape), arguments))
            print(json.dumps({k: round(v, 8) if isinstance(v, float) else v for k, v in asdict(rows[-1]).items()}))
    print(f"median ratio to ONNX Runtime: {np.median([row.ratio for row in rows]):.2f}")
    if arguments.markdown:
        Path(arguments.markdown).write_text(table(rows))
    if arguments.plot:
        Path(arguments.plot).write_text(plot(rows))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", default=Path(tempfile.gettempdir(), "interchange-benchmarks"), type=Path)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--only", nargs="*", choices=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--markdown")
    parser.add_argument("--plot")
    return parser.parse_args()


def made(folder: Path, name: str, peer: str) -> Path:
    """The .keras file; beside it lie .safetensors and .onnx."""
    import interchange

    path = folder / f"{name}.keras"
    if not path.exists():
        subprocess.run([peer, "-c", MAKE, name, str(path)], check=True, capture_output=True)
    if not path.with_suffix(".onnx").exists():
        graph = interchange.load(path)
        interchange.save(graph, path.with_suffix(".safetensors"), to="weights", force=True, selftest=False)
        interchange.save(graph, path.with_suffix(".onnx"), to="onnx", force=True)
    return path


def measure(path: Path, name: str, shape: tuple[int, ...], arguments: argparse.Namespace) -> Row:
    import onnxruntime
    from interchange_numpy.model import NumpyModel
    from interchange_weights.format import read

    from interchange.evaluate import evaluate, widen

    graph = read(path.with_suffix(".safetensors"))
    x = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
    model = NumpyModel(graph)
    feeds = {next(iter(model.inputs)): x}
    row = Row(name, shape[0])
    start = time.process_time()
    plan = model.plan({n: a.shape for n, a in feeds.items()})
    row.compile_s = time.process_time() - start
    row.without_kernel = len(plan.fallbacks) if plan else len(graph.nodes)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    onnx = str(path.with_suffix(".onnx"))
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    ort_feeds = {session.get_inputs()[0].name: x}
    (ours,), (theirs,) = model(feeds).values(), session.run(None, ort_feeds)
    if x.size <= 1 << 19:  # the oracle takes its time
        (truth,) = evaluate(widen(graph), feeds).values()
        row.error, row.ort_error = (float(np.abs(y - truth).max() / np.abs(truth).max()) for y in (ours, theirs))
    times = interleaved([lambda: model(feeds), lambda: session.run(None, ort_feeds)], arguments.rounds)
    row.numpy_ms, row.ort_ms = (1e3 * float(np.median(t)) for t in times)
    row.low, row.ratio, row.high = (float(q) for q in np.quantile(times[0] / times[1], (0.25, 0.5, 0.75)))
    row.numpy_peak_mb, row.numpy_mb = memory("numpy", str(path.with_suffix(".safetensors")), shape)
    row.ort_mb = memory("ort", onnx, shape)[1]
    if arguments.reference:
        from onnx.reference import ReferenceEvaluator

        reference = ReferenceEvaluator(onnx)
        row.reference_ms = 1e3 * float(np.median(interleaved([lambda: reference.run(None, ort_feeds)], 1)))
    if arguments.keras:
        command = [arguments.peer_python, "-c", KERAS, str(path), str(shape), str(arguments.rounds)]
        row.keras_ms = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    return row


def interleaved(functions: Sequence[Callable[[], Any]], rounds: int) -> list[np.ndarray]:
    """CPU times of each, in turn; as many calls at a time as take 20 ms."""
    calls = []
    for function in functions:
        function()
        start = time.process_time()
        function()
        calls.append(max(1, int(0.02 / max(time.process_time() - start, 1e-5))))
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, count, into in zip(functions, calls, times, strict=True):
            start = time.process_time()
            for _ in range(count):
                function()
            into.append((time.process_time() - start) / count)
    return [np.array(t) for t in times]


def memory(kind: str, path: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """(largest, at the end) resident memory in MB of a process that loads and runs it, above its imports."""
    command = [sys.executable, "-c", MEMORY, kind, path, str(shape)]
    largest, end = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(largest), float(end)


def sgemm() -> float:
    a = np.ones((1024, 1024), np.float32)
    out = np.empty_like(a)
    (times,) = interleaved([lambda: np.matmul(a, a, out)], 5)
    return float(2 * 1024**3 / times.min() / 1e9)


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| network | batch | ORT ms | NumPy ms | ratio (quartiles) | error, ORT's | compile s | MB, peak, ORT's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        errors = f"{r.error:.1e}, {r.ort_error:.1e}" if r.error else "–"
        ratio = f"**{r.ratio:.2f}** ({r.low:.2f}–{r.high:.2f})"
        lines.append(
            f"| {r.name} | {r.batch} | {r.ort_ms:.2f} | {r.numpy_ms:.2f} | {ratio} | {errors} | {r.compile_s:.2f} | "
            f"{r.numpy_mb:.0f}, {r.numpy_peak_mb:.0f}, {r.ort_mb:.0f} |"
        )
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Row]) -> str:
    """The ratios as bars, with a line at 1: SVG."""
    left, height, scale = 170, 22, 160
    most = max(row.ratio for row in rows)
    width, tall = left + int(scale * most) + 60, height * len(rows) + 30
    size = f'width="{width}" height="{tall}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    parts.append(f'<rect width="{width}" height="{tall}" fill="white"/>')
    for i, row in enumerate(rows):
        y = 8 + i * height
        parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{row.name}, batch {row.batch}</text>')
        parts.append(f'<rect x="{left}" y="{y}" width="{row.ratio * scale:.0f}" height="{height - 8}" fill="#4878a8"/>')
        parts.append(f'<text x="{left + row.ratio * scale + 5:.0f}" y="{y + 12}">{row.ratio:.2f}</text>')
    end = 8 + len(rows) * height
    one = left + scale
    parts.append(f'<line x1="{one}" y1="2" x2="{one}" y2="{end}" stroke="#c04040" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{one}" y="{end + 14}" text-anchor="middle">ONNX Runtime = 1</text></svg>')
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
