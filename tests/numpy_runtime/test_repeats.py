"""What is computed once although the graph says it twice, and what is not."""

from __future__ import annotations

import numpy as np
from interchange_numpy.model import NumpyModel

from tests.numpy_runtime.check import Sketch, check

RNG = np.random.default_rng(3)


def kinds(net: Sketch, *outputs: str) -> list[str]:
    plan = NumpyModel(net.finished(*outputs)).plan({name: array.shape for name, array in net.feeds.items()})
    assert plan is not None
    return sorted(op.kind for op in plan.network.ops)


def masked_twice() -> tuple[Sketch, list[str]]:
    """Steps gathered by a mask as importers write it, twice, with constants of other names."""
    net = Sketch()
    x = net.feed("x", RNG.standard_normal((2, 7, 5)).astype(np.float32), ("batch", 7, 5))
    mask = net.feed("mask", RNG.integers(0, 2, (2, 7)), ("batch", 7))
    gathered = []
    for _ in range(2):
        running = net.call("CumSum", mask, np.array(1))
        key = net.call("Max", net.call("Sub", net.call("Mul", mask, np.array([7])), np.arange(7)), np.array([-3]))
        _, indices = net.call("TopK", net.call("Add", key, running), np.array([7]), outputs=2, axis=1)
        gathered.append(net.call("GatherND", x, net.call("Unsqueeze", indices, np.array([2])), batch_dims=1))
    return net, gathered


def test_the_same_twice_is_computed_once():
    net, (a, b) = masked_twice()
    y = net.call("Concat", a, net.call("Neg", b), axis=-1)
    assert kinds(net, y) == sorted(
        ("CumSum", "Mul", "Sub", "Max", "Add", "TopK", "Unsqueeze", "GatherND", "Neg", "Concat")
    )
    check(net.finished(y), net.feeds, fallbacks=1)  # TopK


def test_outputs_of_the_graph_keep_their_names():
    net, (a, b) = masked_twice()
    graph = net.finished(a, b)
    check(graph, net.feeds, fallbacks=1)
    made = NumpyModel(graph)(net.feeds)
    assert list(made) == [a, b]
    np.testing.assert_array_equal(made[a], made[b])


def test_other_attributes_constants_and_random_numbers_are_not_the_same():
    net = Sketch()
    x = net.feed("x", RNG.standard_normal((3, 5)).astype(np.float32))
    scaled = [net.call("LeakyRelu", x, alpha=alpha) for alpha in (0.1, 0.2)]
    moved = [net.call("Add", x, np.full(5, number, np.float32)) for number in (1, 2)]
    drawn = [net.call("RandomNormalLike", x) for _ in range(2)]
    graph = net.finished(net.call("Concat", *scaled, *moved, axis=0), net.call("Sub", *drawn))
    made = list(NumpyModel(graph)(net.feeds).values())
    leaky = [np.where(net.feeds["x"] < 0, np.float32(alpha) * net.feeds["x"], net.feeds["x"]) for alpha in (0.1, 0.2)]
    np.testing.assert_allclose(made[0], np.concatenate([*leaky, net.feeds["x"] + 1, net.feeds["x"] + 2]), rtol=1e-6)
    assert made[1].any()


def test_what_a_body_reads_keeps_its_name():
    net = Sketch()
    x = net.feed("x", RNG.standard_normal((3, 5)).astype(np.float32))
    flag = net.feed("flag", np.array(True))
    a, b = (net.call("Tanh", x) for _ in range(2))
    bodies = []
    for op in ("Neg", "Abs"):
        net.begin_body([])
        bodies.append(net.end_body([net.call(op, b)]))
    y = net.call("If", flag, then_branch=bodies[0], else_branch=bodies[1])
    check(net.finished(net.call("Add", y, a)), net.feeds, fallbacks=None)
