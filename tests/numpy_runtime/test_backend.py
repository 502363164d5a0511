"""The options of the numpy backend."""

from __future__ import annotations

import importlib
import threading

import numpy as np
import pytest
from interchange_numpy.kernels import KINDS
from interchange_numpy.model import NumpyModel
from interchange_numpy.threads import Workers
from interchange_numpy.tiles import ALIGNED, cuts
from threadpoolctl import threadpool_info

import interchange
from interchange.errors import BadInput
from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec
from tests.core.graphs import tiny
from tests.numpy_runtime.check import Sketch, check


@pytest.mark.parametrize("options", [{}, {"precise": True}, {"threads": 2}, {"threads": 3, "precise": True}])
def test_the_options_change_no_answer(options):
    graph = tiny()
    rng = np.random.default_rng(0)
    feeds = {name: rng.standard_normal((5, spec.shape[-1])).astype(spec.dtype) for name, spec in graph.inputs.items()}
    with interchange.open(graph, backend="numpy", **options) as model:
        outputs = model(feeds)
    want = evaluate(graph, feeds)
    assert list(outputs) == list(want)
    for name, array in want.items():
        assert (outputs[name].dtype, outputs[name].shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(outputs[name], array, rtol=1e-5, atol=1e-6)


def test_threads_hand_on_what_they_raise_and_end_with_their_workers():
    def fail() -> None:
        raise ValueError("in a thread")

    before = set(threading.enumerate())
    workers, seen = Workers(3), []
    own = set(threading.enumerate()) - before
    assert len(own) == 2
    with pytest.raises(ValueError, match="in a thread"):
        workers.run([(seen.append, (1,))], [[(fail, ())], [(seen.append, (2,))]])
    workers.run([(seen.append, (3,))], [[(seen.append, (4,))], [(seen.append, (5,))]])
    assert sorted(seen) == [1, 2, 3, 4, 5]
    del workers
    for thread in own:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(("count", "most", "threads"), [(7, 7, 2), (7, 2, 2), (100, 15, 2), (1000, 300, 3), (5, 1, 8)])
def test_threads_get_parts_of_the_same_size(count, most, threads):
    parts = list(cuts(count, most, threads))
    sizes = [part.stop - part.start for part in parts]
    assert [i for part in parts for i in range(count)[part]] == list(range(count))
    assert max(sizes) <= most
    assert len(parts) in (1, count) or len(parts) % threads == 0
    assert max(sizes) - min(sizes) <= 2 * ALIGNED


def test_the_blas_is_held_at_one_thread_while_a_model_is_open(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)

    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with interchange.open(tiny(), backend="numpy"):
        assert set(threads()) <= {1}
    assert threads() == before


def test_what_a_kernel_refuses_the_operators_compute_or_explain(monkeypatch):
    def refuse(plan, feeds):
        raise ValueError("shapes do not fit")

    monkeypatch.setattr("interchange_numpy.plan.Plan.run", refuse)
    graph = tiny()
    feeds = {name: np.ones((5, spec.shape[-1]), spec.dtype) for name, spec in graph.inputs.items()}
    with interchange.open(graph, backend="numpy") as model:
        for name, array in model(feeds).items():
            np.testing.assert_array_equal(array, evaluate(graph, feeds)[name])
    picking = Graph(
        {"x": TensorSpec("float32", (5, 3)), "i": TensorSpec("int64", (2,))},
        ("y",),
        (Node("Gather", ("x", "i"), ("y",), {}, "pick"),),
    )
    with (
        interchange.open(picking, backend="numpy") as model,
        pytest.raises(BadInput, match=r"(?s)IX212.*pick.*out of bounds"),
    ):
        model({"x": np.ones((5, 3), np.float32), "i": np.array([1, 9])})


def test_no_threads_are_an_error():
    with pytest.raises(BadInput, match="IX103"), interchange.open(tiny(), backend="numpy", threads=0):
        pass


@pytest.mark.parametrize("name", KINDS)
def test_the_table_says_what_each_file_computes(name):
    assert KINDS[name] == tuple(importlib.import_module(f"interchange_numpy.kernels.{name}").KERNELS)


def test_a_plan_is_described():
    from interchange_numpy import NumpyBackend

    plan = NumpyBackend().plan(tiny())
    assert plan["peak_bytes"] == plan["arena_bytes"] + plan["weights_bytes"] + plan["packed_bytes"]
    assert plan["operators"] == {}


def test_a_batch_norm_for_another_number_of_channels_is_refused_as_the_operators_do():
    vector = np.ones(64, np.float32)
    constants = dict.fromkeys(("scale", "bias", "mean", "variance"), vector)
    graph = Graph(
        {"x": TensorSpec("float32", ("batch", "channels", 5))},
        ("y",),
        (Node("BatchNormalization", ("x", *constants), ("y",), {}, "norm"),),
        constants,
    )
    model = NumpyModel(graph)
    assert model({"x": np.zeros((2, 64, 5), np.float32)})["y"].shape == (2, 64, 5)
    with pytest.raises(BadInput, match=r"(?s)IX212.*norm"):
        model({"x": np.zeros((3, 7, 5), np.float32)})


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("columns", [5, 80])
def test_few_rows_by_a_constant_matrix(rows, columns):
    rng = np.random.default_rng(rows)
    net = Sketch()
    x = net.feed("x", rng.standard_normal((rows, 96)).astype(np.float32))
    y = net.call("MatMul", x, rng.standard_normal((96, columns)).astype(np.float32))
    y = net.call("Relu", net.call("Add", y, rng.standard_normal(columns).astype(np.float32)))
    check(net.finished(y), net.feeds)
