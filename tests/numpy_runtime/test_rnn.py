"""Recurrent operators of the NumPy runtime against the operators, over all options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interchange_numpy.model import NumpyModel

from interchange.errors import BadInput
from interchange.evaluate import evaluate
from interchange.graph import Array, Graph, Node, TensorSpec
from tests.numpy_runtime.check import check

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
INPUTS = ("x", "w", "r", "b", "lengths", "h", "c")


def network(
    op: str, *, time: int = 7, batch: int = 3, depth: int = 5, hidden: int = 4, dtype: str = "float32", **options: Any
) -> tuple[Graph, dict[str, Array]]:
    """A graph of one recurrent op, and feeds. Options: lengths, b, h, c (is there one?), and the op's attributes."""
    rng = np.random.default_rng([GATES[op], time, batch, hidden])
    directions = 2 if options.get("direction") == "bidirectional" else 1
    gates, batch_first = GATES[op], options.get("layout", 0)
    there = {name: options.pop(name, False) for name in ("b", "lengths", "h", "c")}

    def random(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(dtype)

    constants = {"w": random(directions, gates * hidden, depth), "r": random(directions, gates * hidden, hidden) * 0.7}
    if there["b"]:
        constants["b"] = random(directions, 2 * gates * hidden)
    state = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    feeds = {"x": random(*(batch, time, depth) if batch_first else (time, batch, depth))}
    if there["lengths"]:
        feeds["lengths"] = rng.integers(0, time + 2, batch).astype(np.int32)
    feeds |= {name: random(*state) for name in ("h", "c") if there[name]}
    known = {**constants, **feeds}
    inputs = [name if name in known else "" for name in INPUTS]
    while not inputs[-1]:
        inputs.pop()
    outputs = ("y", "y_h", "y_c")[: 3 if op == "LSTM" else 2]
    specs = {name: TensorSpec(array.dtype.name, array.shape) for name, array in feeds.items()}
    node = Node(op, tuple(inputs), outputs, {**options, "hidden_size": hidden})
    return Graph(specs, outputs, (node,), constants), feeds


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("batch", [1, 3, 9])
@pytest.mark.parametrize("op", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"b": True},
        {"b": True, "lengths": True},
        {"b": True, "h": True, "c": True},
        {"b": True, "h": True, "c": True, "lengths": True, "layout": 1},
        {"b": True, "linear_before_reset": 1},
        {"linear_before_reset": 1, "lengths": True, "layout": 1},
        {"b": True, "dtype": "float64"},
        {"b": True, "hidden": 130, "time": 3},
        {"b": True, "hidden": 256, "time": 2},
        {"b": True, "time": 1, "hidden": 1},
    ],
)
def test_options(op: str, batch: int, direction: str, options: dict[str, Any]) -> None:
    options = dict(options)
    if op != "LSTM":
        options.pop("c", None)
    if op != "GRU":
        options.pop("linear_before_reset", None)
    check(*network(op, batch=batch, direction=direction, **options))


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("RNN", {"activations": ["Relu"]}),
        ("RNN", {"activations": ["Sigmoid"]}),
        ("RNN", {"activations": ["Affine"], "activation_alpha": [0.5], "activation_beta": [0.25]}),
        ("RNN", {"activations": ["HardSigmoid"]}),
        ("GRU", {"activations": ["HardSigmoid", "Tanh"], "activation_alpha": [0.3]}),
        ("GRU", {"activations": ["Sigmoid", "Relu"], "linear_before_reset": 1}),
        ("GRU", {"activations": ["hardsigmoid", "tanh"], "linear_before_reset": 1}),
        ("GRU", {"activations": ["Tanh", "Tanh"]}),
        ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}),
        ("LSTM", {"activations": ["Sigmoid", "Relu", "Relu"]}),
        ("LSTM", {"activations": ["Sigmoid", "Affine", "Affine"], "activation_alpha": [1.0, 1.0]}),
        ("LSTM", {"activations": ["Sigmoid", "Tanh", "Relu"]}),
    ],
)
def test_functions(op: str, attributes: dict[str, Any]) -> None:
    check(*network(op, b=True, lengths=True, **attributes))
    check(*network(op, b=True, batch=1, **attributes))


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("RNN", {"clip": 0.5}),
        ("RNN", {"activations": ["Elu"]}),
        ("LSTM", {"input_forget": 1}),
        ("LSTM", {"activations": ["Sigmoid", "Sigmoid", "Tanh"]}),
        ("GRU", {"activations": ["Sigmoid", "Tanh", "Sigmoid", "Relu"], "direction": "bidirectional"}),
        ("GRU", {"dtype": "float16"}),
    ],
)
def test_rare_options_run_through_the_operators(op: str, attributes: dict[str, Any]) -> None:
    graph, feeds = network(op, **attributes)
    plan = NumpyModel(graph).plan({name: array.shape for name, array in feeds.items()})
    assert plan is not None
    assert [node.op for node in plan.fallbacks[0].nodes] == [op]
    check(graph, feeds, fallbacks=1)


def test_more_steps_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interchange_numpy.kernels.rnn.CHUNK", 3 * 2 * 4 * 3 * 4)
    for op in GATES:
        for lengths in (False, True):
            check(*network(op, time=11, b=True, lengths=lengths, direction="bidirectional"))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [(1, 0, 2), (0, 0, 0), (5, 5, 5)])
def test_chunks_in_which_all_have_ended(
    monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, ...], direction: str
) -> None:
    monkeypatch.setattr("interchange_numpy.kernels.rnn.CHUNK", 3 * 2 * 4 * 3 * 4)
    for op in GATES:
        graph, feeds = network(op, time=11, b=True, h=True, c=op == "LSTM", lengths=True, direction=direction)
        check(graph, {**feeds, "lengths": np.array(lengths, np.int32)})


def test_constant_lengths_of_all_steps_are_no_lengths() -> None:
    graph, feeds = network("LSTM", lengths=True)
    full = np.full_like(feeds.pop("lengths"), 7)
    inputs = {name: spec for name, spec in graph.inputs.items() if name != "lengths"}
    check(Graph(inputs, graph.outputs, graph.nodes, {**graph.constants, "lengths": full}), feeds)


def test_nan_and_infinity_stay_in_their_sample() -> None:
    graph, feeds = network("LSTM", b=True, direction="bidirectional")
    feeds["x"][2, 1, 3], feeds["x"][4, 0, 0] = np.nan, np.inf
    made, want = NumpyModel(graph)(feeds), evaluate(graph, feeds)
    for name in graph.outputs:
        np.testing.assert_allclose(made[name], want[name], rtol=1e-4, atol=1e-6)
        assert np.isfinite(made[name]).any()


def test_weights_of_another_size_are_an_error_of_the_operator() -> None:
    graph, feeds = network("LSTM", b=True)
    constants = {**graph.constants, "w": graph.constants["w"][:, :, :-1]}
    with pytest.raises(BadInput, match="LSTM cannot compute"):
        NumpyModel(Graph(graph.inputs, graph.outputs, graph.nodes, constants))(feeds)


@pytest.mark.parametrize("linear", [0, 1])
@pytest.mark.parametrize("activations", [["Relu", "Tanh"], ["Relu", "Relu"], ["Affine", "Tanh"]])
def test_states_that_overflow(activations: list[str], linear: int) -> None:
    """What grows without bound is infinite or NaN where it is so in the operators, and finite nowhere else."""
    alpha = {"activation_alpha": [3.0]} if "Affine" in activations else {}
    graph, feeds = network("GRU", time=64, activations=activations, linear_before_reset=linear, **alpha)
    constants = {name: array * 40 for name, array in graph.constants.items()}
    graph = Graph(graph.inputs, graph.outputs, graph.nodes, constants)
    with np.errstate(all="ignore"):
        made, known = NumpyModel(graph)(feeds), evaluate(graph, feeds)
    assert not np.isfinite(known["y"]).all()
    np.testing.assert_array_equal(np.isnan(made["y"]), np.isnan(known["y"]))
    np.testing.assert_array_equal(np.isinf(made["y"]), np.isinf(known["y"]))
