"""Recurrent networks and a transformer block: the NumPy runtime against ONNX Runtime, and other peers.

    python tests/benchmarks/sequences.py [--rounds N] [--only NAME …] [--products] [--reference] [--keras]

One thread everywhere. Each round runs every peer once, in turn; what is compared is CPU time, because other programs
disturb it less: medians of the rounds, and the quartiles of the rounds' ratios to ONNX Runtime. `--products` adds what
the matrix products of the plan take alone, `--reference` onnx.reference, `--keras` Keras's predict_on_batch of the same
architecture where Keras is installed.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from interchange_numpy.kernel import Step
from interchange_numpy.model import NumpyModel
from interchange_numpy.plan import Plan
from interchange_numpy.threads import run_steps
from interchange_onnx import OnnxExporter
from threadpoolctl import threadpool_limits

from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from interchange.graph import Graph

RNG = np.random.default_rng(0)
STEPS, DEPTH, HIDDEN = 100, 64, 128
LENGTH, WIDTH, HEADS, INNER = 128, 256, 8, 1024


def _random(*shape: int) -> Any:
    return (RNG.standard_normal(shape) / np.sqrt(shape[-2] if len(shape) > 1 else 4)).astype(np.float32)


class _Net(Builder):
    def call(self, op: str, *inputs: Any, **attributes: Any) -> str:
        names = [x if isinstance(x, str) else self.constant("c", x) for x in inputs]
        return self.add(op, names, op.lower(), **attributes)


def recurrent(op: str, direction: str, *, masked: bool = False) -> Graph:
    """(batch, time, depth) -> (batch, time, hidden), as Keras's layer is imported."""
    net, gates, directions = _Net(), {"LSTM": 4, "GRU": 3}[op], 2 if direction == "bidirectional" else 1
    x = net.call("Transpose", net.input("x", "float32", ("batch", STEPS, DEPTH)), perm=[1, 0, 2])
    w = _random(directions, gates * HIDDEN, DEPTH)
    r = _random(directions, gates * HIDDEN, HIDDEN)
    inputs = [x, *(net.constant(n, a) for n, a in (("w", w), ("r", r), ("b", _random(directions, 2 * gates * HIDDEN))))]
    if masked:
        inputs.append(net.input("lengths", "int32", ("batch",)))
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    outputs = ("y", "y_h", "y_c")[: 3 if op == "LSTM" else 2]
    y = net.add_many(op, inputs, outputs, direction=direction, hidden_size=HIDDEN, **more)[0]
    y = net.call("Transpose", y, perm=[2, 0, 1, 3])
    y = net.call("Reshape", y, np.array([0, 0, directions * HIDDEN]))
    return net.graph((y,), {})


def transformer() -> Graph:
    """Self-attention and a feed-forward layer, each with a residual and a layer normalisation after it."""
    net = _Net()
    x = net.input("x", "float32", ("batch", LENGTH, WIDTH))
    size = WIDTH // HEADS

    def dense(x: str, rows: int, columns: int) -> str:
        return net.call("Add", net.call("MatMul", x, _random(rows, columns)), _random(columns))

    def heads(x: str) -> str:
        return net.call("Transpose", net.call("Reshape", x, np.array([0, 0, HEADS, size])), perm=[0, 2, 1, 3])

    def normalised(x: str) -> str:
        return net.call("LayerNormalization", x, _random(WIDTH), _random(WIDTH), axis=-1, epsilon=1e-5)

    q, k, v = (heads(dense(x, WIDTH, WIDTH)) for _ in range(3))
    q = net.call("Mul", q, np.float32(size**-0.5))
    scores = net.call("MatMul", q, net.call("Transpose", k, perm=[0, 1, 3, 2]))
    y = net.call("MatMul", net.call("Softmax", scores, axis=-1), v)
    y = net.call("Reshape", net.call("Transpose", y, perm=[0, 2, 1, 3]), np.array([0, 0, WIDTH]))
    y = normalised(net.call("Add", x, dense(y, WIDTH, WIDTH)))
    inner = net.call("Gelu", dense(y, WIDTH, INNER))
    return net.graph((normalised(net.call("Add", y, dense(inner, INNER, WIDTH))),), {})


def _one_thread_for_tensorflow() -> None:
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def _keras_recurrent(name: str) -> Any:
    from keras import Sequential, layers

    if name == "lstm":
        return Sequential([layers.Input((STEPS, DEPTH)), layers.LSTM(HIDDEN, return_sequences=True)])
    layer = layers.Bidirectional(layers.GRU(HIDDEN, return_sequences=True))
    return Sequential([layers.Input((STEPS, DEPTH)), layer])


def _keras_transformer() -> Any:
    from keras import Input, Model, layers

    x = Input((LENGTH, WIDTH))
    y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x)
    y = layers.LayerNormalization()(x + y)
    z = layers.Dense(WIDTH)(layers.Dense(INNER, activation="gelu")(y))
    return Model(x, layers.LayerNormalization()(y + z))


# name -> graph, batch sizes, the same in Keras
WORKLOADS: dict[str, tuple[Callable[[], Graph], tuple[int, ...], Callable[[], Any] | None]] = {
    "lstm": (lambda: recurrent("LSTM", "forward"), (1, 32), lambda: _keras_recurrent("lstm")),
    "bi-gru": (lambda: recurrent("GRU", "bidirectional"), (1, 32), lambda: _keras_recurrent("bi-gru")),
    "lstm-lengths": (lambda: recurrent("LSTM", "forward", masked=True), (1, 32), None),
    "transformer": (transformer, (1, 8), _keras_transformer),
}


def feeds_for(graph: Graph, batch: int) -> dict[str, Any]:
    shape = (batch, *graph.inputs["x"].shape[1:])
    feeds: dict[str, Any] = {"x": RNG.standard_normal(shape).astype(np.float32)}
    if "lengths" in graph.inputs:
        feeds["lengths"] = RNG.integers(STEPS // 2, STEPS + 1, batch).astype(np.int32)
    return feeds


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def measure(peers: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Any]:
    """The CPU seconds of each peer, round by round in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for call in peers.values():
        call()
    for _ in range(rounds):
        for name, call in peers.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    return {name: np.array(times) for name, times in seconds.items()}


def products_of(plan: Plan) -> list[Step]:
    """The steps of a plan that multiply matrices; products with a few coefficients of a polynomial are none."""

    def is_product(function: Any) -> bool:
        return function in (np.matmul, getattr(np, "vecmat", None)) or (
            getattr(function, "__name__", "") == "dot" and function.__self__.size >= 32
        )

    return [step for step in plan.steps if is_product(step[0])]


def compare(name: str, batch: int, graph: Graph, path: Path, keras: Any, options: argparse.Namespace) -> None:
    feeds = feeds_for(graph, batch)
    ort, model = session(path), NumpyModel(graph)
    start = time.process_time()
    plan = model.plan({name: array.shape for name, array in feeds.items()})
    planned = time.process_time() - start
    assert plan is not None
    peers: dict[str, Callable[[], Any]] = {
        "ORT": lambda: ort.run(None, feeds),
        "NumPy": lambda: model(feeds),
        "operators": lambda: evaluate(graph, feeds),
    }
    if options.products:
        peers["products"] = functools.partial(run_steps, products_of(plan))
    if options.reference:
        reference = onnx.reference.ReferenceEvaluator(onnx.load(path))
        peers["onnx.reference"] = lambda: reference.run(None, feeds)
    if keras is not None:
        peers["Keras"] = lambda: keras.predict_on_batch(feeds["x"])
    seconds = measure(peers, options.rounds)
    (made,), (exact,) = model(feeds).values(), evaluate(widen(graph), feeds).values()
    error = np.abs(made - exact).max() / np.abs(exact).max()
    row = [f"{name} b{batch}"]
    for peer, times in seconds.items():
        low, middle, high = np.quantile(times / seconds["ORT"], (0.25, 0.5, 0.75))
        ratio = "" if peer == "ORT" else f" = {middle:.2f} ({low:.2f}-{high:.2f})"
        row.append(f"{peer} {np.median(times) * 1e3:.2f} ms{ratio}")
    row.append(f"plan {planned * 1e3:.0f} ms, {plan.arena_bytes / 1e6:.1f} MB, error {error:.1e}")
    print("; ".join(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="*", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--products", action="store_true")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--keras", action="store_true")
    options = parser.parse_args()
    if options.keras:
        _one_thread_for_tensorflow()
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for name in options.only:
            make, batches, keras_model = WORKLOADS[name]
            graph, path = make(), Path(folder) / f"{name}.onnx"
            OnnxExporter().save(graph, path)
            keras = keras_model() if options.keras and keras_model else None
            for batch in batches:
                compare(name, batch, graph, path, keras, options)


if __name__ == "__main__":
    main()
