"""What passes put together, on graphs that are made for it: sizes all differ, both layouts, against float64."""

from __future__ import annotations

import mmap
import time
from typing import Any

import numpy as np
import pytest
from interchange_numpy import squaring, tiles
from interchange_numpy.kernels import resize
from interchange_numpy.model import NumpyModel
from interchange_numpy.plan import Plan
from interchange_weights.format import read, write

from interchange.evaluate import evaluate, widen
from interchange.graph import Array, Graph, Node, TensorSpec
from tests.numpy_runtime.check import undivided

F32 = np.float32
Shape = tuple[int, ...]


class Builder:
    """A graph, call by call; names are given."""

    def __init__(self) -> None:
        self.inputs: dict[str, TensorSpec] = {}
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def input(self, name: str, dtype: str, shape: Shape) -> str:
        self.inputs[name] = TensorSpec(dtype, shape)
        return name

    def constant(self, array: Array) -> str:
        self.constants[f"c{len(self.constants)}"] = array
        return f"c{len(self.constants) - 1}"

    def op(self, op: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(Node(op, inputs, (f"v{len(self.nodes)}",), attributes))
        return self.nodes[-1].outputs[0]

    def graph(self, outputs: list[str]) -> Graph:
        return Graph(self.inputs, tuple(outputs), tuple(self.nodes), self.constants)


def plan_of(model: NumpyModel, x: Array, *, precise: bool = False) -> Plan:
    plan = model.plan({"x": x.shape}, precise=precise)
    assert isinstance(plan, Plan)
    return plan


def kinds(plan: Plan) -> list[str]:
    return [op.kind for op in plan.network.ops]


def assert_close(graph: Graph, x: Array, **options: Any) -> NumpyModel:
    """Twice in a row the same, of the right dtype and shape, and within rounding of float64."""
    model = NumpyModel(graph, **options)
    (name,) = graph.outputs
    truth = evaluate(widen(graph), {"x": x})[name]
    floor = np.abs(evaluate(graph, {"x": x})[name] - truth).max()
    first, second = model({"x": x})[name], model({"x": x})[name]
    assert (first.dtype, first.shape) == (F32, truth.shape)
    assert np.array_equal(first, second)
    assert np.abs(first - truth).max() <= 8 * floor + 4e-6 * np.abs(truth).max()
    return model


def shaped(nhwc: bool, n: int, h: int, w: int, c: int) -> Shape:
    return (n, h, w, c) if nhwc else (n, c, h, w)


def convolution(b: Builder, x: str, kernel: Shape, rng: Any, *, nhwc: bool, bias: bool = True, **more: Any) -> str:
    kh, kw, inner, filters = kernel
    weight = rng.standard_normal(kernel) / np.sqrt(kh * kw * inner)
    weight = weight if nhwc else weight.transpose(3, 2, 0, 1)
    names = [b.constant(weight.astype(F32))] + ([b.constant(rng.standard_normal(filters).astype(F32))] if bias else [])
    return b.op("Conv", x, *names, layout="NHWC" if nhwc else "NCHW", **more)


POOLED = [  # images, height, width, channels, filters, kernel, strides: columns, F(2), F(4), odd edges
    (2, 11, 7, 3, 5, (3, 2), (1, 1)),
    (1, 13, 18, 4, 6, (3, 3), (2, 1)),
    (2, 9, 8, 16, 20, (3, 3), (1, 1)),
    (1, 23, 19, 17, 16, (3, 3), (1, 1)),
    (3, 16, 32, 16, 18, (3, 3), (1, 1)),
]


@pytest.mark.parametrize("nhwc", [True, False])
@pytest.mark.parametrize("activation", ["", "Relu", "Tanh"])
@pytest.mark.parametrize("case", POOLED)
def test_pools_of_four(case, activation, nhwc, monkeypatch):
    monkeypatch.setattr("interchange_numpy.model.batch_plan", undivided)
    monkeypatch.setattr(tiles, "LEAST_SHARED", 1000)
    n, h, w, channels, filters, kernel, strides = case
    rng = np.random.default_rng(h)
    b = Builder()
    value = b.input("x", "float32", shaped(nhwc, n, h, w, channels))
    value = convolution(b, value, (*kernel, channels, filters), rng, nhwc=nhwc, strides=strides, auto_pad="SAME_UPPER")
    value = b.op(activation, value) if activation else value
    layout = "NHWC" if nhwc else "NCHW"
    value = b.op("MaxPool", value, kernel_shape=(2, 2), strides=(2, 2), layout=layout)
    graph = b.graph([value])
    x = rng.standard_normal(shaped(nhwc, n, h, w, channels)).astype(F32)
    for threads in (1, 2):
        model = assert_close(graph, x, threads=threads)
        assert kinds(plan_of(model, x)) == ["conv"]
    precise = assert_close(graph, x, precise=True)
    assert kinds(plan_of(precise, x, precise=True)) == ["conv"]
    x[0, 1, 2, 1] = np.nan
    with np.errstate(all="ignore"):
        expected = evaluate(graph, {"x": x})[value]
    np.testing.assert_array_equal(np.isnan(precise({"x": x})[value]), np.isnan(expected))


@pytest.mark.parametrize("nhwc", [True, False])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(("n", "threads"), [(1, 1), (3, 1), (2, 2)])
def test_squeeze_and_excitation(n, threads, residual, nhwc, monkeypatch):
    monkeypatch.setattr("interchange_numpy.model.batch_plan", undivided)
    monkeypatch.setattr(tiles, "LEAST_SHARED", 1000)
    rng = np.random.default_rng(n)
    b = Builder()
    first = b.input("x", "float32", shaped(nhwc, n, 9, 7, 12))
    axes = b.constant(np.array([1, 2] if nhwc else [2, 3], np.int64))
    mean = b.op("ReduceMean", first, axes, keepdims=1)
    factors = b.op("Sigmoid", convolution(b, mean, (1, 1, 12, 12), rng, nhwc=nhwc))
    value = convolution(b, b.op("Mul", factors, first), (1, 1, 12, 12), rng, nhwc=nhwc)
    value = b.op("Add", first, value) if residual else value
    graph = b.graph([value])
    x = rng.standard_normal(shaped(nhwc, n, 9, 7, 12)).astype(F32)
    model = assert_close(graph, x, threads=threads)
    assert "Mul" not in kinds(plan_of(model, x))
    assert "Mul" in kinds(plan_of(model, x, precise=True))


@pytest.mark.parametrize("nhwc", [True, False])
@pytest.mark.parametrize("op", ["Sub", "Div", "Mul", "Add"])
def test_a_number_for_each_channel(op, nhwc):
    """The same numbers to the last bit, into a border of zeros or not."""
    rng = np.random.default_rng(5)
    numbers = rng.random(3) + 0.5
    for padded in (False, True):
        b = Builder()
        value = b.input("x", "float32", shaped(nhwc, 2, 11, 7, 3))
        constant = b.constant(numbers.astype(F32) if nhwc else numbers.astype(F32).reshape(3, 1, 1))
        value = b.op(op, value, constant)
        if padded:
            value = convolution(b, value, (3, 2, 3, 5), rng, nhwc=nhwc, pads=(1, 0, 2, 1))
        graph = b.graph([value])
        x = rng.standard_normal(shaped(nhwc, 2, 11, 7, 3)).astype(F32)
        if padded:
            assert_close(graph, x)
        else:
            np.testing.assert_array_equal(NumpyModel(graph)({"x": x})[value], evaluate(graph, {"x": x})[value])


def test_swish_by_squaring():
    """Within 1e-6 of max(1, |x|) everywhere, 0 and x at the ends, and NaN stays NaN."""
    x = np.concatenate([np.linspace(-130, 130, 99_991), [-1e30, 1e30, -0.0]]).astype(F32)
    out, e, work = (np.empty_like(x) for _ in range(3))

    def swish(z):
        with np.errstate(all="ignore"):
            for function, arguments in squaring.swish(z, out[: z.size], e[: z.size], work[: z.size]):
                function(*arguments)
        return out[: z.size]

    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        truth = wide / (1 + np.exp(-wide))
    assert np.all(np.abs(swish((wide * squaring.SCALE).astype(F32)) - truth) <= 1e-6 * np.maximum(1, np.abs(wide)))
    assert np.isnan(swish(np.full(7, np.nan, F32))).all()


@pytest.mark.parametrize("kind", ["Swish", "HardSwish"])
@pytest.mark.parametrize("nhwc", [True, False])
def test_scaled_activations(kind, nhwc, monkeypatch):
    """Their factors go into the weights, with and without a bias, and not where a residual is added before them."""
    monkeypatch.setattr(squaring, "is_exp_slow", lambda: True)
    monkeypatch.setattr(squaring, "LEAST", 100)
    rng = np.random.default_rng(3)
    b = Builder()
    x = b.input("x", "float32", shaped(nhwc, 2, 11, 7, 3))
    value = b.op(kind, convolution(b, x, (3, 2, 3, 5), rng, nhwc=nhwc))
    value = b.op(kind, convolution(b, value, (1, 1, 5, 4), rng, nhwc=nhwc))
    other = convolution(b, value, (1, 1, 4, 4), rng, nhwc=nhwc)
    graph = b.graph([b.op(kind, b.op("Add", other, value))])
    plan = NumpyModel(graph).plan({"x": graph.inputs["x"].shape})
    assert plan is not None
    kinds = [op.attributes["activation"].kind for op in plan.network.ops if op.kind == "conv"]
    assert kinds == [f"Scaled{kind}", f"Scaled{kind}", kind]
    assert_close(graph, rng.standard_normal(shaped(nhwc, 2, 11, 7, 3)).astype(F32))


def test_weights_stay_in_the_file(tmp_path):
    """The constants are the mapped file, before and after its pages have been let go of."""
    rng = np.random.default_rng(0)
    b = Builder()
    value = b.input("x", "float32", (2, 11, 7, 3))
    value = convolution(b, value, (3, 2, 3, 5), rng, nhwc=True)
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        write(b.graph([value]), file, selftest=False)
    graph = read(path)
    for constant in graph.constants.values():
        base: Any = constant
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(getattr(base, "obj", base), mmap.mmap)
    x = rng.standard_normal((2, 11, 7, 3)).astype(F32)
    model = assert_close(graph, x)
    x[1, 3, 2, 1] = np.inf  # a precise plan reads the weights again
    np.testing.assert_array_equal(model({"x": x})[value], evaluate(graph, {"x": x})[value])


def test_timed():
    """A time for each step, by op; the values are those of a run."""
    rng = np.random.default_rng(1)
    b = Builder()
    value = b.input("x", "float32", (2, 11, 7, 3))
    value = b.op("Softmax", convolution(b, value, (3, 2, 3, 5), rng, nhwc=True))
    x = rng.standard_normal((2, 11, 7, 3)).astype(F32)
    plan = plan_of(NumpyModel(b.graph([value])), x)
    times = plan.timed({"x": x}, time.perf_counter)
    assert [op.kind for op, _ in plan.spans] == ["conv", "Softmax"]
    assert [len(of_op) for of_op in times] == [span.stop - span.start for _, span in plan.spans]
    assert all(seconds >= 0 for of_op in times for seconds in of_op)


TRANSPOSED = [  # kernel, strides, more: apart, overlapping, cut, with gaps
    ((2, 3), (2, 3), {}),
    ((3, 2), (2, 1), {"auto_pad": "SAME_UPPER"}),
    ((3, 4), (1, 3), {"pads": (1, 0, 2, 1), "output_padding": (0, 1)}),
    ((2, 2), (3, 2), {"dilations": (2, 1)}),
    ((1, 3), (2, 2), {"output_shape": (13, 15)}),
]


@pytest.mark.parametrize("nhwc", [True, False])
@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolution(case, nhwc, monkeypatch):
    monkeypatch.setattr("interchange_numpy.model.batch_plan", undivided)
    monkeypatch.setattr(tiles, "LEAST_SHARED", 100)
    kernel, strides, more = case
    rng = np.random.default_rng(2)
    b = Builder()
    value = b.input("x", "float32", shaped(nhwc, 2, 6, 7, 5))
    weight = rng.standard_normal((*kernel, 4, 5)).astype(F32)
    weight = weight if nhwc else weight.transpose(3, 2, 0, 1)
    names = b.constant(weight), b.constant(rng.standard_normal(4).astype(F32))
    layout = "NHWC" if nhwc else "NCHW"
    value = b.op("ConvTranspose", value, *names, strides=strides, layout=layout, **more)
    statistics = [b.constant(rng.random(4).astype(F32) + F32(0.5)) for _ in range(4)]
    value = b.op("Swish", b.op("BatchNormalization", value, *statistics, layout=layout))
    graph = b.graph([value])
    x = rng.standard_normal(shaped(nhwc, 2, 6, 7, 5)).astype(F32)
    for threads in (1, 2):
        assert kinds(plan_of(assert_close(graph, x, threads=threads), x)) == ["transposed"]
    assert_close(graph, x, precise=True)


RESIZED = [  # mode, transformation, scales, more
    ("nearest", "asymmetric", (2, 3), {"nearest_mode": "floor"}),
    ("nearest", "half_pixel", (1.7, 0.6), {}),
    ("linear", "half_pixel", (2, 3), {}),
    ("linear", "align_corners", (0.5, 1.4), {"antialias": 1}),
    ("linear", "pytorch_half_pixel", (1, 2), {}),
    ("cubic", "half_pixel", (2, 0.7), {"exclude_outside": 1}),
    ("cubic", "asymmetric", (3, 4), {}),
    ("linear", "asymmetric", (4, 2), {}),
]


@pytest.mark.parametrize("nhwc", [True, False])
@pytest.mark.parametrize("case", RESIZED)
def test_resize(case, nhwc):
    """The numbers of the operator to the last bit, before a convolution and on its own."""
    mode, transformation, scales, more = case
    rng = np.random.default_rng(3)
    b = Builder()
    value = b.input("x", "float32", shaped(nhwc, 2, 11, 7, 3))
    value = b.op("Abs", convolution(b, value, (3, 2, 3, 5), rng, nhwc=nhwc))
    both = (1, *scales, 1) if nhwc else (1, 1, *scales)
    name = b.constant(np.array(both, F32))
    value = b.op("Resize", value, "", name, mode=mode, coordinate_transformation_mode=transformation, **more)
    x = rng.standard_normal(shaped(nhwc, 2, 11, 7, 3)).astype(F32)
    graph = b.graph([value])
    model = assert_close(graph, x)
    assert not plan_of(model, x).fallbacks
    alone = Graph(
        {"v1": TensorSpec("float32", shaped(nhwc, 2, 9, 6, 5))}, (value,), tuple(b.nodes[2:]), {name: b.constants[name]}
    )
    z = rng.standard_normal(shaped(nhwc, 2, 9, 6, 5)).astype(F32)
    np.testing.assert_array_equal(NumpyModel(alone)({"v1": z})[value], evaluate(alone, {"v1": z})[value])


@pytest.mark.parametrize("piece", [1, 40, 300])
@pytest.mark.parametrize("nhwc", [True, False])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_resize_in_pieces(mode, nhwc, piece, monkeypatch):
    """Bands of rows, and rows cut where they are long, read what is beside them; to the last bit."""
    monkeypatch.setattr(resize, "PIECE", piece)
    monkeypatch.setattr(resize, "LONG_ROW", 6)
    b = Builder()
    value = b.input("x", "float32", shaped(nhwc, 2, 9, 7, 3))
    scales = b.constant(np.array((1, 2, 4, 1) if nhwc else (1, 1, 2, 4), F32))
    value = b.op("Resize", value, "", scales, mode=mode, coordinate_transformation_mode="half_pixel")
    graph, x = b.graph([value]), np.random.default_rng(5).standard_normal(shaped(nhwc, 2, 9, 7, 3)).astype(F32)
    np.testing.assert_array_equal(NumpyModel(graph)({"x": x})[value], evaluate(graph, {"x": x})[value])
