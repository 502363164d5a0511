"""Batches that threads divide among themselves, and those that they must not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from interchange_numpy import tiles
from interchange_numpy.batches import BatchPlan
from interchange_numpy.model import NumpyModel
from interchange_numpy.operators import Misplanned
from interchange_numpy.plan import Plan

from interchange.evaluate import evaluate
from tests.numpy_runtime.check import Sketch

F32 = np.float32
RNG = np.random.default_rng(0)
SIZES = (6, 11, 7)  # of an image
Body = Callable[[Sketch, str], str]


def random(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(F32)


def convolution(net: Sketch, x: str) -> str:
    return str(net.call("Conv", x, random(5, 6, 3, 2), random(5), strides=[2, 1], pads=[1, 0, 0, 1]))


def classifier(net: Sketch, x: str) -> str:
    flat = net.call("Flatten", net.call("MaxPool", convolution(net, x), kernel_shape=[2, 3], strides=[2, 2]))
    return str(net.call("Softmax", net.call("Gemm", flat, random(30, 4), random(1, 4))))


def joined(net: Sketch, x: str) -> str:
    small = net.call("ReduceMean", x, np.array([2, 3]))
    return str(net.call("Concat", net.call("Mul", x, small), net.call("PRelu", x, random(6, 1, 1)), axis=2))


def moved(net: Sketch, x: str) -> str:
    last = net.call("Transpose", x, perm=[0, 3, 1, 2])
    flat = net.call("Reshape", last, np.array([0, -1]))
    return str(net.call("MatMul", net.call("Add", flat, random(462)), random(462, 3)))


def resized(net: Sketch, x: str) -> str:
    larger = net.call("Resize", x, "", np.array([1, 1, 2, 3], F32))
    cut = net.call("Slice", larger, np.array([2]), np.array([17]), np.array([2]))
    return str(net.call("Pad", cut, np.array([0, 1, 0, 0, 0, 2, 3, 0])))


def normalised(net: Sketch, x: str) -> str:
    value = net.call("BatchNormalization", x, *(np.abs(random(6)) + F32(0.5) for _ in range(4)))
    return str(net.call("LayerNormalization", value, random(7), axis=-1))


def by_itself(net: Sketch, x: str) -> str:
    return str(net.call("MatMul", convolution(net, x), net.call("Transpose", convolution(net, x), perm=[0, 1, 3, 2])))


DIVIDED: dict[str, Body] = {
    f.__name__: f for f in (convolution, classifier, joined, moved, resized, normalised, by_itself)
}

WHOLE: dict[str, Body] = {
    "softmax of the batch": lambda net, x: net.call("Softmax", x, axis=0),
    "mean of the batch": lambda net, x: net.call("Sub", x, net.call("ReduceMean", x, np.array([-4]))),
    "one after the other": lambda net, x: net.call("Concat", x, x, axis=0),
    "another axis first": lambda net, x: net.call("Transpose", x, perm=[1, 0, 2, 3]),
    "rows of several images": lambda net, x: net.call("Reshape", x, np.array([-1, 7])),
    "a number for each image": lambda net, x: net.call("Add", x, random(4, 1, 1, 1)),
    "the size of the batch": lambda net, x: net.call(
        "Mul", x, net.call("Cast", net.call("Slice", net.call("Shape", x), np.array([0]), np.array([1])), to="float32")
    ),
    "statistics of the batch": lambda net, x: net.call(
        "BatchNormalization", x, *(np.ones(6, F32) for _ in range(4)), training_mode=1, outputs=3
    )[0],
    "images in other places": lambda net, x: net.call("Pad", x, np.array([1, 0, 0, 0, -1, 0, 0, 0])),
    "images in between": lambda net, x: net.call("Resize", x, "", np.array([1.2, 1, 1, 1], F32), mode="linear"),
    "some images": lambda net, x: net.call("Slice", x, np.array([1]), np.array([4]), np.array([0])),
}


def compiled(
    body: Body, batch: int, threads: int, *, any_batch: bool = True
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The plan, what the model makes of random inputs, and what the operators make of them."""
    net = Sketch()
    graph = net.finished(body(net, net.feed("x", random(batch, *SIZES), ("batch" if any_batch else batch, *SIZES))))
    model = NumpyModel(graph, threads=threads)
    made = model(net.feeds)
    return model.plan({"x": net.feeds["x"].shape}), made, evaluate(graph, net.feeds)


@pytest.fixture(autouse=True)
def _share_all(monkeypatch):
    monkeypatch.setattr(tiles, "LEAST_SHARED", 0)


@pytest.mark.parametrize(("batch", "threads"), [(2, 2), (6, 3), (5, 2)])
@pytest.mark.parametrize("body", DIVIDED.values(), ids=DIVIDED)
def test_threads_take_images_of_their_own(body, batch, threads):
    plan, made, want = compiled(body, batch, threads)
    assert isinstance(plan, BatchPlan)
    assert len(plan.plans) == threads
    for name, array in want.items():
        assert (made[name].dtype, made[name].shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(made[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_what_mixes_images_stays_whole(body):
    plan, made, want = compiled(body, 4, 2, any_batch=False)
    assert not isinstance(plan, BatchPlan)
    for name, array in want.items():
        assert (made[name].dtype, made[name].shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(made[name], array, rtol=1e-4, atol=1e-5)


def test_a_batch_along_the_channels_stays_whole():
    def body(net: Sketch, x: str) -> str:
        sums, each = (net.call("ReduceSum", x, np.array(axes), keepdims=0) for axes in ([2, 3], [1, 2, 3]))
        return str(net.call("Add", sums, each))

    plan, made, want = compiled(body, 6, 6, any_batch=False)  # of one image the shapes would fit
    assert not isinstance(plan, BatchPlan)
    for name, array in want.items():
        np.testing.assert_allclose(made[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch", "threads", "least"), [(1, 2, 0), (3, 2, 0), (4, 3, 0), (4, 2, 10**6), (4, 1, 0)])
def test_a_batch_is_divided_only_where_that_is_a_gain(batch, threads, least, monkeypatch):
    monkeypatch.setattr(tiles, "LEAST_SHARED", least)
    assert not isinstance(compiled(convolution, batch, threads)[0], BatchPlan)


def test_what_a_part_makes_infinite_is_computed_again():
    def body(net: Sketch, x: str) -> str:
        return str(net.call("Exp", net.call("Mul", convolution(net, x), F32(200))))

    with np.errstate(over="ignore"):
        plan, made, want = compiled(body, 4, 2)
    assert isinstance(plan, BatchPlan)
    for name, array in want.items():
        assert np.isinf(array).any()
        np.testing.assert_array_equal(np.isinf(made[name]), np.isinf(array))


def test_several_callers_at_once():
    net = Sketch()
    graph = net.finished(classifier(net, net.feed("x", random(4, *SIZES))))
    model = NumpyModel(graph, threads=2)
    inputs = [random(4, *SIZES) for _ in range(12)]
    want = [evaluate(graph, {"x": x}) for x in inputs]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda x: model({"x": x}), inputs))
    for have, right in zip(made, want, strict=True):
        for name, array in right.items():
            np.testing.assert_allclose(have[name], array, rtol=1e-4, atol=1e-5)


def test_an_output_of_another_shape_is_not_stretched():
    net = Sketch()
    graph = net.finished(net.call("Sum", net.feed("x", random(1, 5)), random(1, 5), random(1, 5)))
    plan = NumpyModel(graph).plan({"x": (1, 5)})
    assert isinstance(plan, Plan)
    with pytest.raises(Misplanned, match=r"float32\[1, 5\]"):
        plan.run(net.feeds, dict.fromkeys(graph.outputs, np.empty((3, 5), F32)))
