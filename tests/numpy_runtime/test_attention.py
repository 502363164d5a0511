"""Attention, softmax, normalisation, GELU and erf of the NumPy runtime against the operators."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_numpy import exponential
from interchange_numpy.model import NumpyModel

from interchange.errors import BadInput
from interchange.evaluate import evaluate
from interchange.graph import Array, Graph, Node, TensorSpec
from tests.numpy_runtime.check import Sketch, check

RNG = np.random.default_rng(7)


def random(*shape: int, dtype: str = "float32", scale: float = 1.0) -> Array:
    return (RNG.standard_normal(shape) * scale).astype(dtype)


def single(op: str, *arrays: Array, constants: tuple[Array, ...] = (), **attributes: object) -> tuple[Graph, dict]:
    """A graph of one op, whose first inputs are fed."""
    feeds = {f"x{i}": array for i, array in enumerate(arrays)}
    known = {f"c{i}": array for i, array in enumerate(constants)}
    specs = {name: TensorSpec(array.dtype.name, array.shape) for name, array in feeds.items()}
    return Graph(specs, ("y",), (Node(op, (*feeds, *known), ("y",), attributes),), known), feeds


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4, 5), (1, 130), (70, 1, 3), (2, 40_000)])
@pytest.mark.parametrize(
    ("op", "attributes"), [("Erf", {}), ("Gelu", {}), ("Tanh", {}), ("Softmax", {}), ("LogSoftmax", {})]
)
def test_functions(op: str, attributes: dict, shape: tuple[int, ...]) -> None:
    check(*single(op, random(*shape, scale=3), **attributes))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_along_any_axis(axis: int, dtype: str) -> None:
    for op in ("Softmax", "LogSoftmax"):
        check(*single(op, random(3, 4, 5, dtype=dtype, scale=9), axis=axis))


@pytest.mark.parametrize("op", ["Erf", "Gelu", "Tanh"])
@pytest.mark.parametrize("values", [(1e-30, -1e-30, 1e-6, -3e-5), (-1e6, -300, -12, -6.1), (-1e6, 0.25, 8, 1e30)])
def test_relative_and_far_values(op: str, values: tuple[float, ...]) -> None:
    """Small values keep their digits; far out on the left GELU is exactly 0."""
    check(*single(op, np.resize(np.array(values, np.float32), 9000)))


@pytest.mark.parametrize("count", [1, 9, 1023])
def test_few_values_of_gelu_keep_their_digits(count: int) -> None:
    """Whatever their size: what multiplies them may make nothing else of them."""
    for size in (1e-3, 0.02, 0.3, 1.0):
        check(*single("Gelu", random(count, scale=size)))
        x = np.full(count, size, np.float32)
        check(*single("Gelu", x))


@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 5), -1), ((3, 4, 7), 1), ((3, 4, 7), -1), ((5, 1), -1), ((7,), 0), ((90, 700), -1)]
)
@pytest.mark.parametrize("bias", [True, False])
def test_layer_normalisation(shape: tuple[int, ...], axis: int, bias: bool) -> None:
    inner = shape[axis % len(shape) :]
    constants = (random(*inner), random(*inner)) if bias else (random(*inner),)
    check(*single("LayerNormalization", random(*shape) + 3, constants=constants, axis=axis, epsilon=1e-3))
    check(*single("LayerNormalization", random(*shape), random(*inner), axis=axis))
    check(*single("RMSNormalization", random(*shape) + 3, constants=constants[:1], axis=axis))


def heads(
    *, batch: int, count: int, queries: int, keys: int, size: int, depth: int, mask: str = "", scale: str = "Mul"
) -> tuple[Graph, dict[str, Array]]:
    """softmax(q k / √size) v as importers write it, with heads side by side in the inputs."""
    shapes = {"q": (queries, size), "k": (keys, size), "v": (keys, depth)}
    feeds = {name: random(batch, length, count * width) for name, (length, width) in shapes.items()}
    b = Sketch()
    parts = {}
    for name, (_, width) in shapes.items():
        x = b.call("Reshape", b.feed(name, feeds[name]), np.array([0, 0, count, width]))
        parts[name] = b.call("Transpose", x, perm=[0, 2, 1, 3])
    q = b.call(scale, parts["q"], np.float32(0.5)) if scale else parts["q"]
    scores = b.call("MatMul", q, b.call("Transpose", parts["k"], perm=[0, 1, 3, 2]))
    if mask == "where":
        scores = b.call("Where", b.feed("m", RNG.random((batch, 1, queries, keys)) < 0.7), scores, np.float32(-1e9))
    elif mask == "causal":
        scores = b.call("Where", np.tri(queries, keys, dtype=bool), scores, np.float32(-1e9))
    elif mask == "add":
        scores = b.call("Add", b.feed("m", random(batch, 1, 1, keys)), scores)
    y = b.call("MatMul", b.call("Softmax", scores), parts["v"])
    y = b.call("Reshape", b.call("Transpose", y, perm=[0, 2, 1, 3]), np.array([0, 0, count * depth]))
    return b.finished(y), b.feeds


@pytest.mark.parametrize("mask", ["", "where", "causal", "add"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"batch": 2, "count": 3, "queries": 5, "keys": 7, "size": 4, "depth": 6},
        {"batch": 1, "count": 1, "queries": 1, "keys": 3, "size": 1, "depth": 1},
        {"batch": 3, "count": 4, "queries": 150, "keys": 160, "size": 8, "depth": 5},  # several pieces
    ],
)
@pytest.mark.parametrize("scale", ["Mul", "Div", ""])
def test_heads(sizes: dict[str, int], mask: str, scale: str) -> None:
    graph, feeds = heads(**sizes, mask=mask, scale=scale)
    plan = NumpyModel(graph).plan({name: array.shape for name, array in feeds.items()})
    assert plan is not None
    assert "attention" in [op.kind for op in plan.network.ops]
    check(graph, feeds)


@pytest.mark.parametrize("spread", [0.3, 1, 30])
def test_heads_by_powers_of_two(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough scores for it, close together and so far apart that each row needs its own largest."""
    monkeypatch.setattr(exponential, "are_quick", lambda: True)
    graph, feeds = heads(batch=2, count=3, queries=70, keys=90, size=4, depth=6)
    feeds["q"] *= np.float32(spread)
    check(graph, feeds)


@pytest.mark.parametrize(
    ("scores", "is_quick"),
    [
        ((-3.4, 0.0, 2.5, 7.5), True),
        ((-70.0, -60.5, -31.25, -10.1), True),
        ((1000.5, 1001.5, 1060.2), True),
        ((0.0, 60.5), False),
        ((2.0e6, 2.0e6), False),
        ((1.0, np.nan), False),
        ((-np.inf, 1.0), False),
        ((np.inf, np.inf), False),
    ],
)
def test_powers_of_two(scores: tuple[float, ...], is_quick: bool) -> None:
    x = np.resize(np.array(scores, np.float32), exponential.PIECE + 5)
    want = exponential.FACTOR * np.exp2(x.astype(np.float64) - np.ceil(max(scores))) if is_quick else -x
    step, arguments = exponential.softmax_powers(x, np.empty(*exponential.work(x.size)), [(np.negative, (x, x))])
    with np.errstate(all="ignore"):
        step(*arguments)
    np.testing.assert_allclose(x, want, rtol=8e-7)


def test_weights_that_are_an_output_are_made() -> None:
    graph, feeds = heads(batch=2, count=3, queries=5, keys=7, size=4, depth=6)
    (softmax,) = (node for node in graph.nodes if node.op == "Softmax")
    check(Graph(graph.inputs, (*graph.outputs, softmax.outputs[0]), graph.nodes, graph.constants), feeds)


def test_minus_infinity_in_a_mask() -> None:
    graph, feeds = heads(batch=2, count=3, queries=5, keys=7, size=4, depth=6, mask="add")
    feeds["m"][0, :, :, 2:] = -np.inf
    check(graph, feeds, fallbacks=None)
    feeds["m"][1] = -np.inf  # nothing is left: NaN, as the operators have it
    made, want = NumpyModel(graph)(feeds), evaluate(graph, feeds)
    for name in graph.outputs:
        np.testing.assert_allclose(made[name], want[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("mask", ["", "float", "bool", "causal", "causal and float"])
def test_operator(packed: bool, mask: str) -> None:
    batch, count, queries, keys, size, depth = 2, 3, 5, 7, 4, 6
    shapes = [(batch, count, length, width) for length, width in ((queries, size), (keys, size), (keys, depth))]
    arrays = [random(*shape) for shape in shapes]
    if packed:
        arrays = [np.ascontiguousarray(x.swapaxes(1, 2)).reshape(batch, x.shape[2], -1) for x in arrays]
    if "float" in mask:
        arrays.append(random(batch, 1, queries, keys))
    if mask == "bool":
        arrays.append(RNG.random((queries, keys)) < 0.6)
        arrays[-1][2] = False  # a query that sees nothing gives zeros
    attributes = {"is_causal": int("causal" in mask), "scale": 0.3}
    attributes |= {"q_num_heads": count, "kv_num_heads": count} if packed else {}
    check(*single("Attention", *arrays, **attributes))


@pytest.mark.parametrize("attributes", [{"softcap": 2.0}, {"left_window_size": 1}, {"qk_matmul_output_mode": 1}])
def test_rare_attention_runs_through_the_operators(attributes: dict) -> None:
    check(*single("Attention", random(2, 3, 5, 4), random(2, 3, 7, 4), random(2, 3, 7, 6), **attributes), fallbacks=1)


def test_what_is_out_of_range_is_an_error_of_the_operator() -> None:
    graph, feeds = single("Gather", random(3, 4), np.array([0, 3]))
    model = NumpyModel(graph)
    with pytest.raises(BadInput, match="Gather cannot compute"):
        model(feeds)
    feeds["x1"] = np.array([-1, 2])
    np.testing.assert_array_equal(model(feeds)["y"], feeds["x0"][[2, 2]])


@pytest.mark.parametrize("form", ["(x (1 + e)) / 2", "(x / 2) (1 + e)", "x ((1 + e) / 2)"])
@pytest.mark.parametrize("scale", [("Div", 2**0.5), ("Mul", 0.5**0.5)])
def test_gelu_as_converters_write_it(form: str, scale: tuple[str, float]) -> None:
    b, half = Sketch(), np.float32(0.5)
    x = b.call("Neg", b.feed("x", random(3, 70, 50, scale=3)))
    one = b.call("Add", b.call("Erf", b.call(scale[0], x, np.float32(scale[1]))), np.float32(1))
    if form[0] == "x":
        y = b.call("Mul", x, b.call("Mul", one, half))
    elif "x / 2" in form:
        y = b.call("Mul", b.call("Mul", half, x), one)
    else:
        y = b.call("Mul", b.call("Mul", x, one), half)
    graph = b.finished(y)
    plan = NumpyModel(graph).plan({"x": (3, 70, 50)})
    assert plan is not None
    assert [op.kind for op in plan.network.ops] == ["Neg", "Gelu"]
    check(graph, b.feeds)


def test_a_function_that_is_nearly_gelu_is_not_taken_for_it() -> None:
    b = Sketch()
    x = b.feed("x", random(3, 70))
    one = b.call("Add", b.call("Erf", b.call("Mul", x, np.float32(0.7))), np.float32(1))
    check(b.finished(b.call("Mul", b.call("Mul", x, one), np.float32(0.5))), b.feeds)
    b = Sketch()
    x = b.feed("x", random(3, 70))
    one = b.call("Add", b.call("Erf", b.call("Mul", x, np.float32(0.5**0.5))), np.float32(1))
    check(b.finished(b.call("Mul", b.call("Mul", x, one), np.float32(0.5)), one), b.feeds)
