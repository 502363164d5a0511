"""Recurrent operators of the NumPy runtime against the operators, over all options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interchange_numpy.kernels import rnn
from interchange_numpy.model import NumpyModel
from interchange_numpy.plan import Plan

from interchange.errors import BadInput
from interchange.evaluate import evaluate
from interchange.graph import Array, Graph, Node, TensorSpec
from tests.numpy_runtime.check import Sketch, check

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


def layers(
    op: str, *units: int, time: int = 7, batch: int = 1, dtype: str = "float32", bias: bool = True, **attributes: Any
) -> tuple[Sketch, str]:
    """Layers one on the other, batch first between them, as Keras's are imported; the name of what the last makes."""
    rng = np.random.default_rng([*units, time, batch])
    net, gates, depth = Sketch(), GATES[op], 3
    y = net.feed("x", rng.standard_normal((batch, time, depth)).astype(dtype))
    for hidden in units:
        y = net.call("Transpose", y, perm=[1, 0, 2])
        shapes = [(1, gates * hidden, depth), (1, gates * hidden, hidden), (1, 2 * gates * hidden)]
        weights = [rng.standard_normal(shape).astype(dtype) * 0.7 for shape in shapes[: 3 if bias else 2]]
        y, *_ = net.call(op, y, *weights, outputs=3 if op == "LSTM" else 2, hidden_size=hidden, **attributes)
        y, depth = net.call("Squeeze", y, np.array([1])), hidden
        y = net.call("Transpose", y, perm=[1, 0, 2])
    return net, y


def recurrent_ops(net: Sketch, graph: Graph) -> list[Any]:
    plan = NumpyModel(graph).plan({name: array.shape for name, array in net.feeds.items()})
    assert isinstance(plan, Plan)
    return [op for op in plan.network.ops if op.kind in GATES]


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(("time", "chunk"), [(7, 1 << 16), (7, 1), (8, 300), (1, 1 << 16)])
@pytest.mark.parametrize(
    ("op", "options"),
    [("LSTM", {}), ("LSTM", {"batch": 3, "bias": False}), ("LSTM", {"dtype": "float64"}), ("RNN", {"batch": 2}),
     ("RNN", {"activations": ["Relu"]}), ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]})],
)  # fmt: skip
def test_a_layer_on_another(
    op: str, options: dict[str, Any], time: int, chunk: int, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One op, and the same; the sequence or the last states of the upper layer are outputs."""
    monkeypatch.setattr(rnn, "CHUNK", chunk)
    net, y = layers(op, 5, 4, time=time, direction=direction, **options)
    graph = net.finished(y)
    (one,) = recurrent_ops(net, graph)
    assert one.attributes["units_above"] == 4
    check(graph, net.feeds)
    upper = [node for node in graph.nodes if node.op == op][-1]
    last = Graph(graph.inputs, upper.outputs[1:], graph.nodes, graph.constants)
    (one,) = recurrent_ops(net, last)
    assert one.attributes["units_above"] == 4
    check(last, net.feeds)


def test_several_layers() -> None:
    net, y = layers("LSTM", 5, 4, 6, 3, 2, batch=2)
    graph = net.finished(y)
    assert [op.attributes.get("units_above") for op in recurrent_ops(net, graph)] == [4, 3, None]
    check(graph, net.feeds)


@pytest.mark.parametrize(
    "why", ["many units", "another reads it", "its state is read", "other functions", "another order"]
)
def test_layers_that_stay_apart(why: str) -> None:
    units = (90, 80) if why == "many units" else (5, 4)
    net, y = layers("LSTM", *units, batch=5)
    graph = net.finished(y)
    lower, upper = (node for node in graph.nodes if node.op == "LSTM")
    nodes, outputs = list(graph.nodes), graph.outputs
    if why == "another reads it":
        outputs = (*outputs, lower.outputs[0])
    elif why == "its state is read":
        outputs = (*outputs, lower.outputs[2])
    elif why == "other functions":
        changed = {**upper.attributes, "activations": ("Sigmoid", "Tanh", "Relu")}
        nodes[nodes.index(upper)] = Node("LSTM", upper.inputs, upper.outputs, changed)
    elif why == "another order":  # the upper layer runs along the batch
        i = nodes.index(upper) - 1
        nodes[i] = Node("Transpose", nodes[i].inputs, nodes[i].outputs, {"perm": (0, 1, 2)})
        nodes = nodes[: i + 2]
        outputs = upper.outputs[:1]
    graph = Graph(graph.inputs, outputs, tuple(nodes), graph.constants)
    assert len(recurrent_ops(net, graph)) == 2
    check(graph, net.feeds)
