"""Networks of convolutions, pools and products in the NumPy runtime against the operators in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interchange_numpy import activations, gemm, squaring, tiles
from interchange_numpy.model import NumpyModel
from interchange_numpy.plan import Plan

from interchange.evaluate import evaluate, widen, with_floats
from interchange.graph import Array, Graph, Node, TensorSpec
from tests.numpy_runtime.check import undivided

ACTIVATIONS = ("", "Relu", "Clip", "Swish", "Sigmoid", "LeakyRelu", "HardSwish", "Tanh", "HardSigmoid")
F32 = np.float32


def network(seed: int) -> tuple[Graph, Array]:
    """A graph of one to four convolutions with all that may follow them, and an input; sizes all differ."""
    rng = np.random.default_rng(seed)
    nhwc = bool(rng.integers(2))
    layout = "NHWC" if nhwc else "NCHW"
    channels = int(rng.choice([1, 3, 5, 16, 24]))
    n, h, w = int(rng.integers(1, 4)), int(rng.integers(6, 31)), int(rng.integers(6, 31))
    nodes: list[Node] = []
    constants: dict[str, Array] = {"low": np.array(0, F32), "high": np.array(6, F32)}
    value = "x"

    def add(op: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(Node(op, tuple(inputs), (f"v{len(nodes)}",), attributes))
        return nodes[-1].outputs[0]

    def constant(array: Any) -> str:
        constants[f"c{len(constants)}"] = np.asarray(array, F32)
        return f"c{len(constants) - 1}"

    for _ in range(int(rng.integers(1, 5))):
        depthwise = rng.random() < 0.3
        filters = channels if depthwise else int(rng.choice([5, 16, 20, 33]))
        kernel = [(1, 1), (3, 3), (3, 3), (5, 5), (2, 3), (3, 1)][rng.integers(6)]
        strides = (1, 1) if rng.random() < 0.7 else (int(rng.integers(1, 3)), 2)
        inner = 1 if depthwise else channels
        shape = (*kernel, inner, filters) if nhwc else (filters, inner, *kernel)
        weight = constant(rng.standard_normal(shape) / np.sqrt(np.prod(kernel) * inner))
        bias = [constant(rng.standard_normal(filters))] if rng.random() < 0.5 else []
        padding = (
            {"auto_pad": "SAME_UPPER"} if rng.random() < 0.5 else {"pads": [int(p) for p in rng.integers(0, 3, 4)]}
        )
        group = channels if depthwise else 1
        if rng.random() < 0.2:
            statistics = [constant(rng.random(channels) + 0.5) for _ in range(4)]
            value = add("BatchNormalization", [value, *statistics], layout=layout)
            value = add("Relu", [value]) if rng.random() < 0.5 else value
        before, kept = value, filters == channels and strides == (1, 1) and "auto_pad" in padding
        value = add("Conv", [value, weight, *bias], strides=strides, group=group, layout=layout, **padding)
        channels = filters
        if rng.random() < 0.4:
            statistics = [constant(rng.random(channels) + 0.5) for _ in range(4)]
            value = add("BatchNormalization", [value, *statistics], layout=layout)
        if kept and rng.random() < 0.7:
            value = add("Add", [before, value])
        activation = str(rng.choice(ACTIVATIONS))
        if activation:
            value = add(activation, [value, "low", "high"] if activation == "Clip" else [value])
        if kept and rng.random() < 0.3:
            value = add("Concat", [before, value], axis=-1 if nhwc else 1)
            channels *= 2
        if rng.random() < 0.3:
            op, window = str(rng.choice(["MaxPool", "AveragePool"])), (int(rng.integers(1, 4)), 2)
            value = add(op, [value], kernel_shape=window, strides=(2, 1), auto_pad="SAME_UPPER", layout=layout)
    if rng.random() < 0.5:
        value = add("GlobalAveragePool", [value], layout=layout)
        value = add("Flatten", [value])
        value = add("Gemm", [value, constant(rng.standard_normal((channels, 7))), constant(rng.standard_normal(7))])
        value = add("Softmax", [value])
    first = channels_read(nodes, constants, nhwc)
    x = (n, h, w, first) if nhwc else (n, first, h, w)
    used = {name for node in nodes for name in node.inputs}
    constants = {name: array for name, array in constants.items() if name in used}
    graph = Graph({"x": TensorSpec("float32", x)}, (value,), tuple(nodes), constants)
    return graph, rng.standard_normal(x).astype(F32)


def channels_read(nodes: list[Node], constants: dict[str, Array], nhwc: bool) -> int:
    conv = next(node for node in nodes if node.op == "Conv")
    return int(constants[conv.inputs[1]].shape[-2 if nhwc else 1] * conv.attributes["group"])


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(("precise", "threads"), [(False, 1), (True, 1), (False, 3)])
def test_the_same_as_the_operators(seed, precise, threads, monkeypatch):
    """On machines of all kinds, as far as `probe.py` tells them apart."""
    monkeypatch.setattr("interchange_numpy.model.batch_plan", undivided)
    monkeypatch.setattr(tiles, "LEAST_SHARED", 1000)
    monkeypatch.setattr(gemm, "likes_blocks", lambda: seed % 2 == 1)
    monkeypatch.setattr(activations, "likes_exp2", lambda: seed % 4 > 1)
    monkeypatch.setattr(squaring, "is_exp_slow", lambda: seed % 3 > 0)
    monkeypatch.setattr(squaring, "LEAST", 100)
    graph, x = network(seed)
    (name,) = graph.outputs
    truth = evaluate(widen(graph), {"x": x})[name]
    floor = np.abs(evaluate(graph, {"x": x})[name] - truth).max()
    model = NumpyModel(graph, precise=precise, threads=threads)
    kept = x.copy()
    first, second = model({"x": x})[name], model({"x": x})[name]
    assert np.array_equal(x, kept)
    assert (first.dtype, first.shape) == (F32, truth.shape)
    assert np.array_equal(first, second)
    assert np.abs(first - truth).max() <= 8 * floor + 4e-6 * np.abs(truth).max()
    plan = model.plan({"x": x.shape}, precise=precise)
    assert isinstance(plan, Plan)
    assert precise or not plan.fallbacks


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_not_finite_spreads_as_in_the_operators(bad, seed):
    graph, x = network(seed)
    (name,) = graph.outputs
    x[(0, *(n // 2 for n in x.shape[1:]))] = bad
    want, have = evaluate(graph, {"x": x})[name], NumpyModel(graph)({"x": x})[name]
    assert np.array_equal(np.isnan(want), np.isnan(have))
    assert np.array_equal(np.isinf(want), np.isinf(have))


def test_infinity_that_arises_inside():
    """The input is finite; what overflows within Winograd's tile must not spread over it."""
    rng = np.random.default_rng(0)
    x = np.ones((1, 16, 24, 26), F32)
    x[0, 3, 11, 12] = 3e38
    weight = np.abs(rng.standard_normal((18, 16, 3, 3))).astype(F32) * 10
    conv = Node("Conv", ("x", "w"), ("y",), {"pads": (1, 1, 1, 1)})
    graph = Graph({"x": TensorSpec("float32", x.shape)}, ("y",), (conv,), {"w": weight})
    want, have = evaluate(graph, {"x": x})["y"], NumpyModel(graph)({"x": x})["y"]
    assert np.isinf(want).any()
    assert np.array_equal(np.isfinite(want), np.isfinite(have))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_run_through_the_operators(dtype):
    graph, x = network(3)
    (name,) = graph.outputs
    other = with_floats(graph, dtype)
    have, want = NumpyModel(other)({"x": x.astype(dtype)})[name], evaluate(other, {"x": x.astype(dtype)})[name]
    assert have.dtype == want.dtype
    np.testing.assert_array_equal(have, want)


def test_a_plan_for_each_shape_and_outputs_of_their_own():
    weight = np.ones((3, 3, 2, 4), F32)
    conv = Node("Conv", ("x", "w"), ("y",), {"layout": "NHWC", "auto_pad": "SAME_UPPER"})
    graph = Graph({"x": TensorSpec("float32", ("batch", None, None, 2))}, ("y",), (conv,), {"w": weight})
    model = NumpyModel(graph)
    results = []
    for n in range(1, 12):
        x = np.random.default_rng(n).standard_normal((n, 4 + n, 15, 2)).astype(F32)
        results.append((model({"x": x})["y"], evaluate(graph, {"x": x})["y"]))
    for have, want in results:
        np.testing.assert_allclose(have, want, atol=1e-5)
