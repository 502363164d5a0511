"""What goes into weights (factors, biases, the preparation of images), and where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interchange_numpy import exponential, gemm, model, network, pages
from interchange_numpy.kernels import biased
from interchange_numpy.model import NumpyModel
from interchange_numpy.network import Op
from interchange_numpy.plan import Plan

from interchange.graph import Array, Graph
from tests.numpy_runtime.check import Sketch, check, undivided

RNG = np.random.default_rng(11)


def random(*shape: int, scale: float = 1.0) -> Array:
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def ops_of(graph: Graph, feeds: dict[str, Array], *, precise: bool = False) -> list[Op]:
    plan = NumpyModel(graph).plan({name: array.shape for name, array in feeds.items()}, precise=precise)
    assert isinstance(plan, Plan)
    return plan.network.ops


@pytest.mark.parametrize("order", ["C", "F", "gaps", "other"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "float64"])
def test_shelf(dtype: str, order: str) -> None:
    """A copy is the same in all but its place, which begins at a cache line."""
    shelf = pages.Shelf()
    for shape in ((3, 5, 7), (1,), (70, 90), (2, 1, 3)):
        array = RNG.integers(-100, 100, shape).astype(dtype)
        if order == "F":
            array = np.asfortranarray(array)
        elif order == "gaps":
            array = np.repeat(array, 2, axis=-1)[..., ::2]
        elif order == "other":
            array = array.swapaxes(0, -1).copy().swapaxes(0, -1)
        made = shelf.put(array)
        np.testing.assert_array_equal(made, array, strict=True)
        if array.flags.c_contiguous or array.flags.f_contiguous:
            assert made.flags.c_contiguous == array.flags.c_contiguous
            assert made.__array_interface__["data"][0] % pages.LINE == 0
            assert not np.may_share_memory(made, array)


def test_a_shelf_begins_another_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BLOCK", 1024)
    monkeypatch.setattr(pages, "MOST_SHARED", 512)
    shelf, arrays = pages.Shelf(), [random(n) for n in (100, 120, 3, 128, 129)]
    kept = [shelf.put(array) for array in arrays]
    assert [made is array for made, array in zip(kept, arrays, strict=True)] == [False] * 4 + [True]
    for made, array in zip(kept, arrays, strict=True):
        np.testing.assert_array_equal(made, array)


@pytest.mark.parametrize("nbytes", [1, 1000, pages.WORTH, pages.LARGE + 1])
def test_allocate(nbytes: int) -> None:
    block = pages.allocate(nbytes)
    assert block.shape == (nbytes,)
    assert block.__array_interface__["data"][0] % (pages.LARGE if nbytes >= pages.WORTH else pages.LINE) == 0


@pytest.mark.parametrize(("most", "copied"), [(64 * 80 * 4 - 1, 0), (64 * 80 * 4, 64 * 80 * 4)])
@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_weight_without_a_factor_is_copied_only_within_limits(
    factor: float, most: int, copied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "MOST_COPIED", most)
    net = Sketch()
    x = net.feed("x", random(9, 64))
    y = net.call("Add", net.call("MatMul", x, random(64, 80)), np.float32(0.5))
    graph = net.finished(y if factor == 1 else net.call("Mul", y, np.full(80, factor, np.float32)))
    check(graph, net.feeds)
    made = NumpyModel(graph)
    made(net.feeds)
    assert made.packed_bytes == (copied if factor == 1 else 64 * 80 * 4)


CONVOLUTIONS = [  # images, height, width, channels, filters, kernel, attributes, whether the bias is in the weights
    (2, 11, 7, 3, 5, (3, 2), {}, True),
    (1, 13, 9, 4, 6, (5, 5), {"strides": [2, 1], "pads": [1, 0, 2, 1]}, True),
    (2, 11, 7, 3, 8, (1, 1), {}, True),
    (3, 11, 7, 3, 8, (1, 1), {"strides": [2, 1]}, True),
    (2, 11, 7, 5, 8, (1, 1), {}, False),  # too few filters
    (1, 4, 5, 3, 8, (1, 1), {}, False),  # too few rows
]


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("following", ["", "Relu", "residual", "padded"])
@pytest.mark.parametrize("threads", [1, 2])
def test_biases_of_convolutions(
    case: tuple[Any, ...], following: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemm, "likes_blocks", lambda: False)
    monkeypatch.setattr(model, "batch_plan", undivided)
    taken: list[bool] = []
    pays = biased.pays

    def noted(*given: Any) -> bool:
        taken.append(pays(*given))
        return taken[-1]

    monkeypatch.setattr(biased, "pays", noted)
    n, height, width, channels, filters, kernel, attributes, has_bias = case
    net = Sketch()
    x = net.feed("x", random(n, height, width, channels))
    w, b = random(*kernel, channels, filters), random(filters, scale=3)
    y = net.call("Conv", x, w, b, layout="NHWC", **attributes)
    if following == "Relu":
        y = net.call("Relu", y)
    elif following == "residual":
        y = net.call("Add", y, net.call("Neg", net.call("Conv", x, w, layout="NHWC", **attributes)))
    elif following == "padded":  # the output has a border of zeros in memory
        y = net.call("Conv", y, random(3, 3, 1, filters), layout="NHWC", pads=[1, 1, 1, 1], group=filters)
    graph = net.finished(y)
    check(graph, net.feeds)
    assert any(taken) == has_bias
    again = NumpyModel(graph, threads=threads)
    alone = NumpyModel(graph)
    for _ in range(2):
        made = again(net.feeds)[y]
        np.testing.assert_allclose(made, alone(net.feeds)[y], rtol=1e-5, atol=1e-5, strict=True)


@pytest.mark.parametrize(("rows", "columns", "has_bias"), [(33, 11, True), (3, 11, False), (33, 9, False)])
def test_biases_of_products(rows: int, columns: int, has_bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm, "likes_blocks", lambda: False)
    net = Sketch()
    x = net.feed("x", random(2, rows, 5))
    y = net.call("Add", net.call("MatMul", x, random(5, columns)), random(columns, scale=9))
    graph = net.finished(net.call("Tanh", y))
    check(graph, net.feeds)
    made = NumpyModel(graph)
    made(net.feeds)
    assert made.packed_bytes == 4 * columns * (5 + has_bias)


def block(*, factor: str, mask: str = "", keys: int = 7) -> tuple[Graph, dict[str, Array]]:
    """Self-attention of 3 heads of size 4, with weights, biases, and the factor where importers write it."""
    net = Sketch()
    x, memory = net.feed("x", random(2, 5, 6)), net.feed("memory", random(2, keys, 6))

    def heads(name: str, perm: list[int]) -> str:
        y = net.call("Add", net.call("MatMul", name, random(6, 12)), random(12))
        return str(net.call("Transpose", net.call("Reshape", y, np.array([0, 0, 3, 4])), perm=perm))

    q, k, v = heads(x, [0, 2, 1, 3]), heads(memory, [0, 2, 3, 1]), heads(memory, [0, 2, 1, 3])
    if factor == "before":
        q = net.call("Mul", q, np.float32(0.5))
    scores = net.call("MatMul", q, k)
    if factor == "after":
        scores = net.call("Div", scores, np.float32(2))
    if mask:
        scores = net.call("Add", scores, net.feed("mask", random(2, 1, 1, keys, scale=5)))
    y = net.call("MatMul", net.call("Softmax", scores), v)
    return net.finished(y), net.feeds


@pytest.mark.parametrize("mask", ["", "add"])
@pytest.mark.parametrize("factor", ["", "before", "after"])
@pytest.mark.parametrize("powers", [True, False])
def test_the_factor_of_scores_is_in_the_weights(
    factor: str, mask: str, powers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exponential, "are_quick", lambda: powers)
    monkeypatch.setattr(exponential, "LEAST", 1)
    graph, feeds = block(factor=factor, mask=mask)
    ops = ops_of(graph, feeds)
    assert "Mul" not in [op.kind for op in ops]
    (attention,) = (op for op in ops if op.kind == "attention")
    assert attention.attributes["is_scaled"]
    check(graph, feeds)


def test_queries_that_something_else_reads_stay_as_they_are() -> None:
    graph, feeds = block(factor="before")
    (product,) = (node for node in graph.nodes if node.op == "MatMul" and "x" in node.inputs)
    graph = Graph(graph.inputs, (*graph.outputs, product.outputs[0]), graph.nodes, graph.constants)
    assert not any(op.attributes.get("is_scaled") for op in ops_of(graph, feeds))
    check(graph, feeds)


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        ([("Mul", (1 / 255,)), ("Sub", (0.4, 0.5, 0.6)), ("Div", (0.2, 0.3, 0.25))], ["affine"]),
        ([("Div", (127.5,)), ("Sub", (1.0,)), ("Relu", ())], ["affine"]),
        ([("Add", (1.0, 2.0, -3.0)), ("Mul", (0.5,))], ["affine"]),
        ([("Sub", (120.0, 110.0, 100.0)), ("Mul", (1.0,))], ["Sub", "Mul"]),  # whose difference may be exact
        ([("Mul", (0.5, 1.5, 2.5))], ["Mul"]),
    ],
)
@pytest.mark.parametrize("shape", [(2, 11, 7, 3), (1, 9, 32, 3)])
@pytest.mark.parametrize("padded", [True, False])
def test_preparation_of_images(
    steps: list[tuple[str, tuple[float, ...]]], kinds: list[str], shape: tuple[int, ...], padded: bool
) -> None:
    net = Sketch()
    y = net.feed("x", RNG.integers(0, 256, shape).astype(np.float32))
    for op, numbers in steps:
        y = net.call(op, y, *(np.array(n, np.float32) for n in ([numbers] if numbers else [])))
    y = net.call("Conv", y, random(3, 2, 3, 4), layout="NHWC", pads=[1, 0, 1, 1] if padded else [0, 0, 0, 0])
    graph = net.finished(y)
    assert [op.kind for op in ops_of(graph, net.feeds)] == [*kinds, "conv"]
    assert "affine" not in [op.kind for op in ops_of(graph, net.feeds, precise=True)]
    check(graph, net.feeds)
