"""The fast style: the bounds of lanes, every kernel against the oracle, and inputs of every magnitude."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_pyscript import ScriptBackend, ScriptExporter, link
from interchange_pyscript.fast import FAST_KERNELS, LAST, bounds
from interchange_pyscript.fast.plan import plan
from interchange_pyscript.kernels import KERNELS
from interchange_pyscript.script import PROGRAM

import interchange
from interchange.builder import Builder
from interchange.errors import BadInput
from interchange.evaluate import evaluate, widen
from interchange.graph import Graph
from interchange.verifier import judge
from tests.pyscript.common import imported, interpreters, network, random, run

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


# --- the proof --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", ["normal", "one sign", "one large", "tiny", "huge"])
def test_no_lane_overflows_with_the_worst_input(kind, positive):
    """The worst input has the sign of each weight; together with the bias it stays where lanes can be looked at."""
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(3, 3, 7, 5))
    kernel = {
        "normal": kernel, "one sign": np.abs(kernel), "tiny": kernel * 1e-20, "huge": kernel * 1e20,
        "one large": np.where(np.arange(5) == 2, kernel * 1000, kernel),
    }[kind].astype(np.float32)  # fmt: skip
    bias = (rng.normal(size=5) * np.abs(kernel).max() * 50).astype(np.float32)
    for tile in (2, 4):
        u = bounds.transformed(kernel, tile)
        scale = bounds.scale_for(
            kernel,
            bias,
            bits=23,
            positive=positive,
            weights=u,
            rounding=bounds.rounding_gain(tile) * 7,
            most_exponent=200,
        )
        assert scale is not None
        numbers = bounds.whole(u, scale.exponent).astype(object)
        b, a = (matrices[tile, tile].astype(object) for matrices in (bounds.INPUT, bounds.OUTPUT))
        size = tile + 2
        for o in range(5):
            for i, j in ((0, 0), (tile - 1, tile - 1)):
                image = np.zeros((size, size, 7), object)
                signs = np.sign(kernel[..., o]).astype(int)
                image[i : i + 3, j : j + 3] = np.maximum(signs, 0) if positive else signs
                image = image * 2**scale.bits
                products = np.einsum("pi,qj,ijc->pqc", b, b, image).reshape(-1, 7) * numbers[..., o]
                y = a.dot(products.sum(1).reshape(size, size)).dot(a.T)
                most = abs(round(float(bias[o]) * 2.0 ** (scale.exponent + scale.limit)))
                assert max(abs(int(v)) for v in y.ravel()) + most <= bounds.ROOM


def test_what_cannot_be_proved_stays_plain():
    b = Builder()
    x = b.input("x", "float32", (1, 5, 6, 3))
    w = b.constant("w", np.full((3, 3, 3, 5), np.inf, np.float32))
    program = plan(b.graph([b.add("Conv", [x, w], "y", layout="NHWC")], {}))
    assert [node.op for node in program.nodes] == ["Conv"]


# --- layers against the oracle ----------------------------------------------------------------------------------------


def conv_graph(shape, kernel, bias=True, then=(), **attributes) -> Graph:
    """A convolution and what follows it: names of operators with their attributes."""
    b = Builder()
    x = b.input("x", "float32", ("batch", *shape))
    weights = [b.constant("conv/kernel", random(5, *kernel) / np.float32(np.prod(kernel[:-1])) ** 0.5)]
    if bias:
        out = kernel[-1] if attributes.get("layout") == "NHWC" else kernel[0]
        weights.append(b.constant("conv/bias", random(6, out) / 4))
    x = b.add("Conv", [x, *weights], "c", source="conv", **attributes)
    for i, (op, told) in enumerate(then):
        more = [b.constant("low", np.float32(0)), b.constant("high", np.float32(1.5))] if op == "Clip" else []
        x = b.add(op, [x, *more], f"v{i}", source=op, **told)
    return b.graph([x], {"name": "m"})


POOL = ("MaxPool", {"layout": "NHWC", "kernel_shape": [2, 2], "strides": [2, 2]})
ROWS = {
    "pixels 1x1": (conv_graph, (7, 5, 9), (1, 1, 9, 70), {}),
    "pixels 5x3 strided": (conv_graph, (13, 11, 5), (5, 3, 5, 66), {"strides": [3, 2], "pads": [2, 1, 0, 1]}),
    "pixels dilated": (conv_graph, (13, 11, 3), (3, 2, 3, 70), {"dilations": [2, 3]}),
    "pixels winograd": (conv_graph, (11, 7, 5), (3, 3, 5, 130), {"pads": [1, 1, 1, 1], "then": [("Relu", {}), POOL]}),
    "planes": (conv_graph, (37, 41, 3), (5, 5, 3, 4), {"pads": [2, 2, 2, 2], "strides": [2, 2]}),
    "planes pooled": (conv_graph, (27, 22, 1), (3, 3, 1, 6), {"pads": [0, 1, 1, 0], "then": [("Relu", {}), POOL]}),
    "planes pooled strided": (conv_graph, (38, 33, 1), (3, 2, 1, 4), {"strides": [2, 2], "then": [POOL]}),
    "depthwise pooled": (conv_graph, (13, 10, 6), (3, 3, 1, 12), {"group": 6, "then": [POOL]}),
    "planes winograd": (conv_graph, (45, 38, 3), (3, 3, 3, 5), {"then": [("LeakyRelu", {"alpha": 0.3}), POOL]}),
    "planes of fewer rows": (conv_graph, (40, 39, 3), (3, 3, 3, 5), {"pads": [1, 1, 1, 1], "then": [POOL]}),
    "planes same": (conv_graph, (45, 38, 3), (3, 3, 3, 5), {"auto_pad": "SAME_UPPER", "then": [("Clip", {})]}),
    "depthwise": (conv_graph, (11, 9, 6), (3, 3, 1, 12), {"group": 6, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "no bias": (conv_graph, (9, 8, 4), (2, 2, 4, 5), {"bias": False, "then": [("Relu", {})]}),
}  # fmt: skip


def computed(graph: Graph, tmp_path: Path, x: np.ndarray, name: str = "m") -> np.ndarray:
    """The output of the fast script."""
    script = ScriptExporter().save(graph, tmp_path / f"{name}.py", style="fast", force=True)[0]
    return np.asarray(imported(script).predict(x))


def floors(got: np.ndarray, graph: Graph, x: np.ndarray) -> float:
    """The error in floors, as the verifier has them; at least of what float32 resolves."""
    exact = next(iter(evaluate(widen(graph), {next(iter(graph.inputs)): x.astype(np.float64)}).values()))
    native = next(iter(evaluate(graph, {next(iter(graph.inputs)): x}).values()))
    assert got.shape == exact.shape
    assert np.isfinite(got).all()
    floor = judge.floor_of(native, exact, "float32")
    return float(np.abs(got - exact).max() / floor)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", ROWS)
def test_convolutions(name, layout, tmp_path):
    make, shape, kernel, told = ROWS[name]
    then = [(op, {**more, "layout": layout} if "layout" in more else more) for op, more in told.get("then", ())]
    if layout == "NCHW":
        shape, kernel = (shape[2], *shape[:2]), (kernel[3], kernel[2], *kernel[:2])
    graph = make(shape, kernel, **{**told, "then": then, "layout": layout})
    ops = [node.op for node in plan(graph).nodes]
    assert all(op.startswith(("Pixel", "Plane", "Winograd", "Lane")) for op in ops), ops
    x = random(8, 2, *shape)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


def test_the_exporter_chooses_every_way():
    ways = {
        node.op
        for make, shape, kernel, told in ROWS.values()
        for node in plan(make(shape, kernel, **{"layout": "NHWC", **told})).nodes
    }
    assert {"PixelConv", "WinogradConv", "PlaneConv", "PlaneWinograd"} <= ways


# --- whole networks ---------------------------------------------------------------------------------------------------


def classifier() -> Graph:
    return network()


def small_net(seed: int, size: tuple[int, int], channels: list[int], dense: int) -> Graph:
    """Convolutions with activations and pools, and a dense layer."""
    rng, b = np.random.default_rng(seed), Builder()
    x = b.input("image", "float32", ("batch", *size, channels[0]))
    for i, (inputs, outputs) in enumerate(pairwise(channels)):
        k = int(rng.choice([1, 3, 3, 5]))
        w = b.constant(
            f"k{i}",
            rng.normal(size=(k, k, inputs, outputs)).astype(np.float32) * np.float32((2 / (k * k * inputs)) ** 0.5),
        )
        bias = b.constant(
            f"b{i}", rng.normal(size=outputs).astype(np.float32) * np.float32(rng.choice([0.0, 0.1, 3.0]))
        )
        told = {"auto_pad": "SAME_UPPER", "strides": [int(rng.integers(1, 3))] * 2}
        x = b.add("Conv", [x, w, bias], f"c{i}", source=f"conv {i}", layout="NHWC", **told)
        op = str(rng.choice(["Relu", "LeakyRelu", "Tanh", "Relu"]))
        x = b.add(op, [x], f"a{i}", source=f"act {i}")
        if rng.random() < 0.5 and min(b.shape(x)[1:3]) > 1:
            x = b.add("MaxPool", [x], f"p{i}", source=f"pool {i}", layout="NHWC", kernel_shape=[2, 2], strides=[2, 2])
    x = b.add("Flatten", [x], "flat", source="flatten")
    features = int(np.prod(b.shape(x)[1:]))
    w = b.constant("dense", rng.normal(size=(features, dense)).astype(np.float32) / np.float32(features) ** 0.5)
    return b.graph(
        [b.add("Gemm", [x, w, b.constant("db", rng.normal(size=dense).astype(np.float32))], "y", source="dense")], {}
    )


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    size=st.tuples(st.integers(5, 24), st.integers(5, 24)),
    channels=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    magnitude=st.sampled_from([1.0, 1.0, 1e-3, 1e4]),
)
def test_random_networks_are_within_rounding(seed, size, channels, magnitude, tmp_path_factory):
    graph = small_net(seed, size, channels, 7)
    x = (np.random.default_rng(seed).normal(size=(2, *size, channels[0])) * magnitude).astype(np.float32)
    got = computed(graph, tmp_path_factory.mktemp("fast"), x)
    assert floors(got, graph, x) < judge.ROUNDING


def hot(x: np.ndarray) -> np.ndarray:
    y = np.zeros_like(x)
    y[:, 3, 4, 1] = 1e4
    return y


def noisy_hot(x: np.ndarray) -> np.ndarray:
    y = np.abs(x) / 4
    y[:, 0, 0, :] = -1e4
    return y.astype(np.float32)


MAGNITUDES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "1e-30": lambda x: x * np.float32(1e-30),
    "1e-6": lambda x: x * np.float32(1e-6),
    "1e6": lambda x: x * np.float32(1e6),
    "1e12": lambda x: x * np.float32(1e12),
    "1e30": lambda x: x * np.float32(1e30),
    "one hot pixel": hot,
    "a dark one among others": noisy_hot,
    "negative": lambda x: -np.abs(x),
    "alternating signs": lambda x: np.abs(x) * np.where(np.indices(x.shape).sum(0) % 2, 1, -1).astype(np.float32),
    "denormal": lambda x: x * np.float32(1e-42),
}


@pytest.fixture(scope="module")
def deep() -> Graph:
    """All orientations: planes, pixels, Winograd in both, a dense layer."""
    return small_net(11, (22, 19), [3, 8, 9, 70], 6)


@pytest.fixture(scope="module")
def deep_script(deep, tmp_path_factory):
    return imported(ScriptExporter().save(deep, tmp_path_factory.mktemp("deep") / "deep.py", style="fast")[0])


@pytest.mark.parametrize("kind", MAGNITUDES)
def test_inputs_of_every_magnitude(kind, deep, deep_script):
    x = MAGNITUDES[kind](random(9, 2, 22, 19, 3)).astype(np.float32)
    with np.errstate(all="ignore"):
        assert floors(np.asarray(deep_script.predict(x)), deep, x) < judge.ROUNDING


CUTS = {
    "relu": [("Relu", {})],
    "relu6": [("Clip", {})],
    "leaky": [("LeakyRelu", {"alpha": 0.001})],
    "pool": [("Relu", {}), POOL],
    "mean": [("Relu", {}), ("GlobalAveragePool", {"layout": "NHWC"})],
}


def cutting_graph(cut: str, out: int, deep: bool) -> Graph:
    """A layer after which nothing is left of positive numbers (of a Clip: 1.5), and what reads the rest."""
    sign = 1 if cut == "relu6" else -1
    kernel = sign * np.abs(random(5, 3, 3, 3, out)) / 5
    b = Builder()
    x = b.input("x", "float32", ("batch", 31, 29, 3))
    x = b.add("Conv", [x, b.constant("conv/kernel", kernel)], "c", source="conv", layout="NHWC")
    for i, (op, told) in enumerate(CUTS[cut]):
        more = [b.constant("low", np.float32(0)), b.constant("high", np.float32(1.5))] if op == "Clip" else []
        x = b.add(op, [x, *more], f"v{i}", source=op, **told)
    if deep and cut != "mean":
        w = b.constant("next", random(3, 3, 3, out, 5) / 5)
        x = b.add("Relu", [b.add("Conv", [x, w], "next_c", source="next", layout="NHWC")], "next_r", source="next")
    return b.graph([x], {})


def cut_image(seed: int, huge: float, share: float, lone: bool) -> np.ndarray:
    """Numbers most of which a cut takes away, and a few small ones (or just one window of them) that stay."""
    rng = np.random.default_rng(seed)
    stays = rng.random((1, 31, 29, 1)) < share
    if lone:
        stays = np.zeros((1, 31, 29, 1), bool)
        stays[:, 4:7, 6:9] = True
    small = -rng.random((1, 31, 29, 3))
    return np.where(stays, small, huge * (1 + rng.random((1, 31, 29, 3)))).astype(np.float32)


@settings(deadline=None, max_examples=15)
@given(
    cut=st.sampled_from(sorted(CUTS)),
    out=st.sampled_from([4, 70]),
    deep=st.booleans(),
    huge=st.sampled_from([1.0, 1e2, 1e4, 1e6, 1e9]),
    share=st.floats(0.0, 1.0),
    lone=st.booleans(),
    seed=st.integers(0, 99),
)
def test_what_is_cut_off_hides_nothing(cut, out, deep, huge, share, lone, seed, tmp_path_factory):
    """Small numbers among huge ones that an activation cuts off are all that later layers see."""
    graph, x = cutting_graph(cut, out, deep), cut_image(seed, huge, share, lone)
    if cut == "relu6":
        x = -x  # a Clip keeps the small ones, and the huge ones become its limit
    assert floors(computed(graph, tmp_path_factory.mktemp("fast"), x), graph, x) < judge.ROUNDING


def test_a_lone_window_among_what_is_cut_off(tmp_path):
    """The check is needed: without it the lanes' rounding of huge numbers is all that is left."""
    graph, x = cutting_graph("relu", 4, False), cut_image(1, 1e5, 0.0, True)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING
    script = tmp_path / "m.py"
    script.write_text(script.read_text().replace("DOUBTFUL = 2.0**-20", "DOUBTFUL = math.inf  # never"))
    assert floors(np.asarray(imported(script).predict(x)), graph, x) > judge.ROUNDING


@pytest.mark.parametrize("bias", [1e4, 1e8, "one", "growing"])
@pytest.mark.parametrize("magnitude", [1e-6, 1.0, 1e4])
def test_huge_biases(bias, magnitude, tmp_path):
    graph = conv_graph((9, 8, 4), (3, 3, 4, 6), layout="NHWC", then=[("Relu", {})])
    many = {"one": np.eye(6)[2] * 1e6, "growing": 10.0 ** np.arange(6)}.get(str(bias), np.full(6, bias))
    changed = {**graph.constants, "conv/bias": many.astype(np.float32)}
    graph = Graph(graph.inputs, graph.outputs, graph.nodes, changed, graph.metadata)
    x = random(4, 2, 9, 8, 4) * np.float32(magnitude)
    got = computed(graph, tmp_path, x)
    exact = evaluate(widen(graph), {"x": x.astype(np.float64)})[graph.outputs[0]]
    native = evaluate(graph, {"x": x})[graph.outputs[0]]
    for channel in range(6):  # each by itself: a large one must not hide a small one
        floor = judge.floor_of(native[..., channel], exact[..., channel], "float32")
        assert np.abs(got - exact)[..., channel].max() <= judge.ROUNDING * floor, channel


def test_features_of_mixed_scales(tmp_path):
    b, rng = Builder(), np.random.default_rng(12)
    scales = 10.0 ** np.linspace(-3, 6, 16)
    x = b.input("x", "float32", ("batch", 16))
    w = b.constant("w", (rng.normal(size=(16, 9)) / scales[:, None]).astype(np.float32))
    x = b.add(
        "Relu", [b.add("Gemm", [x, w, b.constant("b", random(3, 9))], "h", source="hidden")], "r", source="hidden"
    )
    y = b.add("Gemm", [x, b.constant("v", random(2, 9, 5))], "y", source="out")
    graph = b.graph([y], {})
    x = (rng.normal(size=(3, 16)) * scales).astype(np.float32)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


@pytest.mark.parametrize("name", ["planes winograd", "pixels winograd", "depthwise pooled"])
def test_odd_edges_that_a_pool_leaves_out_are_not_computed(name, tmp_path):
    """In lanes, and plainly: by a layer that lanes cannot serve, and anew where a lone spot had hidden the rest."""
    make, shape, kernel, told = ROWS[name]
    graph = make(shape, kernel, layout="NHWC", **{**told, "then": [POOL, ("Relu", {})]})
    conv = plan(graph).nodes[0]
    assert min(conv.attributes["pads"]) < told.get("pads", [0])[0]
    x = random(8, 4, *shape)
    x[1, 0, 0, 0] = 1e5
    x[2, -1, -1, 0] = np.inf
    x[3, 0, 0, 0] = -1e5
    got, want = computed(graph, tmp_path, x), evaluate(graph, {"x": x})[graph.outputs[0]]
    np.testing.assert_allclose(got[2], want[2], rtol=2e-5, atol=1e-5)
    assert floors(got[[0, 1, 3]], graph, x[[0, 1, 3]]) < judge.ROUNDING


def test_places_of_the_largest_count_the_whole_image(tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("batch", 13, 9, 5))
    y = b.add("Conv", [x, b.constant("w", random(5, 3, 3, 5, 7))], "c", source="conv", layout="NHWC")
    outputs = b.add_many("MaxPool", [y], ["largest", "places"], source="pool", **POOL[1])
    graph, x = b.graph(outputs, {}), random(8, 2, 13, 9, 5)
    script = ScriptExporter().save(graph, tmp_path / "m.py", style="fast", force=True)[0]
    got, want = imported(script).predict(x), evaluate(graph, {"x": x})
    np.testing.assert_array_equal(got[outputs[1]], want[outputs[1]])
    np.testing.assert_allclose(got[outputs[0]], want[outputs[0]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_lanes_cannot_hold_is_computed_plainly(strange, deep, tmp_path):
    x = random(9, 2, 22, 19, 3)
    x[1, 5, 6, 0] = strange
    plain = imported(ScriptExporter().save(deep, tmp_path / "plain.py")[0]).predict(x)
    got = np.asarray(imported(ScriptExporter().save(deep, tmp_path / "fast.py", style="fast")[0]).predict(x))
    np.testing.assert_array_equal(np.isfinite(got[1]), np.isfinite(plain[1]))
    np.testing.assert_allclose(got, plain, rtol=1e-5, atol=1e-5)


def test_relu6_and_borders_as_keras_writes_them(tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("batch", 9, 8, 5))
    pads = b.constant("pads", np.array([0, 0, 1, 0, 0, 1, 2, 0]))
    x = b.add("Pad", [x, pads], "padded", source="pad")
    w = b.constant("w", random(5, 3, 3, 1, 5))
    x = b.add("Conv", [x, w], "c", source="depthwise", layout="NHWC", group=5, strides=[2, 2])
    x = b.add("Min", [b.add("Relu", [x], "r"), b.constant("six", np.float32(1.5))], "r6", source="relu")
    graph = b.graph([x], {})
    assert [node.op for node in plan(graph).nodes] == ["PlaneConv", "LaneClip"]
    x = random(4, 2, 9, 8, 5)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


def test_border_before_a_pool(tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("batch", 9, 8, 5))
    x = b.add("Conv", [x, b.constant("w", random(5, 1, 1, 5, 6))], "c", source="conv", layout="NHWC")
    x = b.add("Relu", [x], "r", source="conv")
    x = b.add("Pad", [x, b.constant("pads", np.array([0, 1, 1, 0, 0, 1, 1, 0]))], "padded", source="pad")
    x = b.add("MaxPool", [x], "p", source="pool", layout="NHWC", kernel_shape=[3, 3], strides=[2, 2])
    graph = b.graph([x], {})
    assert [node.op for node in plan(graph).nodes][1:] == ["LaneMaxPool", "LaneRelu"]
    x = random(4, 2, 9, 8, 5)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


@pytest.mark.parametrize("kernel", [(1, 1, 5, 6), (1, 1, 5, 70), (3, 3, 5, 6)])
def test_average_pool_and_sum(kernel, tmp_path):
    """In pixels, planes and phases."""
    b = Builder()
    x = b.input("x", "float32", ("batch", 46, 36, 5))
    w, v = b.constant("w", random(5, *kernel)), b.constant("v", random(6, *kernel) / 9)
    branches = [b.add("Conv", [x, name], f"c{name}", source="conv", layout="NHWC") for name in (w, v)]
    halves = [
        b.add("AveragePool", [y], f"p{y}", source="pool", layout="NHWC", kernel_shape=[2, 2], strides=[2, 2])
        for y in branches
    ]
    x = b.add("GlobalAveragePool", [b.add("Add", halves, "sum", source="add")], "mean", source="mean", layout="NHWC")
    graph = b.graph([x], {})
    ops = [node.op for node in plan(graph).nodes]
    assert ops[2:] == ["LaneAveragePool", "LaneAveragePool", "LaneAdd", "LaneMean"], ops
    x = random(4, 2, 46, 36, 5)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


@pytest.mark.parametrize("pool", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("outputs", [4, 70])
def test_pools_after_sums(pool, outputs, tmp_path):
    """One term is halved by a pool, the other by its strides: their sum has no phases, which a pool needs."""
    b, told = Builder(), {"layout": "NHWC", "kernel_shape": [2, 2], "strides": [2, 2]}
    x = b.input("x", "float32", ("batch", 36, 44, 3))
    w, v = (b.constant(name, random(seed, 3, 3, 3, outputs) / 5) for name, seed in (("w", 5), ("v", 6)))
    one = b.add("Conv", [x, w], "one", source="one", layout="NHWC", auto_pad="SAME_UPPER")
    one = b.add("MaxPool", [one], "halved", source="pool", **told)
    other = b.add("Conv", [x, v], "other", source="other", layout="NHWC", auto_pad="SAME_UPPER", strides=[2, 2])
    x = b.add(pool, [b.add("Add", [one, other], "sum", source="add")], "y", source="last", **told)
    graph = b.graph([x], {})
    assert [node.op for node in plan(graph).nodes][-2:] == ["LaneAdd", f"Lane{pool}"]
    x = random(4, 2, 36, 44, 3)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


def test_layouts_may_change_within_a_network(tmp_path):
    """What is channels last to one layer may be channels first to the next; lanes know which they are."""
    b = Builder()
    x = b.input("x", "float32", ("batch", 8, 8, 8))
    x = b.add("Conv", [x, b.constant("w", random(5, 1, 1, 8, 8))], "c", source="last", layout="NHWC")
    x = b.add("MaxPool", [x], "p", source="pool", kernel_shape=[2, 2], strides=[1, 1])
    x = b.add("Conv", [b.add("Relu", [x], "r"), b.constant("v", random(6, 6, 8, 2, 2))], "d", source="first")
    graph = b.graph([x], {})
    x = random(4, 2, 8, 8, 8)
    assert floors(computed(graph, tmp_path, x), graph, x) < judge.ROUNDING


# --- recurrent layers -------------------------------------------------------------------------------------------------


def recurrent_graph(op: str, direction: str, states: bool, **attributes) -> Graph:
    """7 steps of 5 features, 2 samples, 6 units."""
    b, gates, directions = Builder(), {"LSTM": 4, "GRU": 3}[op], 2 if direction == "bidirectional" else 1
    x = b.input("x", "float32", (7, 2, 5))
    shapes = ((directions, gates * 6, 5), (directions, gates * 6, 6), (directions, 2 * gates * 6))
    given = [
        x,
        *(b.constant(name, random(i, *shape) / 2) for i, (name, shape) in enumerate(zip("wrb", shapes, strict=True))),
    ]
    names = ["y", "h", "c"][: 3 if op == "LSTM" else 2]
    if states:
        initial = np.tanh(random(9, directions, 2, 6)).astype(np.float32)
        given += ["", *(b.constant(name, initial) for name in names[1:])]
        names = [f"{name}_" for name in names]
    outputs = b.add_many(op, given, names, source="cell", direction=direction, hidden_size=6, **attributes)
    return b.graph(outputs, {})


@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", ["LSTM", "GRU", "GRU after"])
def test_recurrent_layers(op, direction, states, tmp_path):
    told = {"linear_before_reset": 1} if op == "GRU after" else {}
    graph = recurrent_graph(op.split()[0], direction, states, **told)
    assert [node.op for node in plan(graph).nodes] == [f"Gates{op.split()[0]}"]
    script = imported(ScriptExporter().save(graph, tmp_path / "m.py", style="fast")[0])
    for magnitude in (1.0, 0.0, 1e-30, 30.0, 1e30):
        x = (random(8, 7, 2, 5) * magnitude).astype(np.float32)
        exact, native = evaluate(widen(graph), {"x": x.astype(np.float64)}), evaluate(graph, {"x": x})
        got = script.predict(x)
        for name in graph.outputs:
            floor = judge.floor_of(native[name], exact[name], "float32")
            assert np.abs(np.asarray(got[name]) - exact[name]).max() <= judge.ROUNDING * floor, (name, magnitude)


# --- scripts ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> Path:
    return ScriptExporter().save(classifier(), tmp_path_factory.mktemp("fast") / "small.py", style="fast")[0]


@pytest.mark.parametrize("name", interpreters())
def test_every_interpreter_computes_the_same(name, script):
    graph, x = classifier(), random(3, 3, 11, 9, 3)
    with ScriptBackend().open(script, python=interpreters()[name]) as model:
        assert floors(model({"image": x})["classes"], graph, x) < judge.ROUNDING
    done = run(script, "--selftest", python=interpreters()[name])
    assert (done.returncode, done.stderr) == (0, "")


def test_formatted_typed_and_clean(script):
    folder = str(Path(sys.executable).parent)
    tools = {tool: shutil.which(tool) or shutil.which(tool, path=folder) for tool in ("ruff", "mypy")}
    alone = ["--isolated", "--no-cache"]
    commands = {
        "ruff": [["check", "--target-version", "py39", *alone], ["format", "--check", "--line-length", "120", *alone]],
        "mypy": [["--strict", "--no-incremental", "--config-file="]],
    }  # fmt: skip
    for tool, path in tools.items():
        if path is None:
            pytest.skip(f"{tool} is not installed")
        for command in commands[tool]:
            done = subprocess.run([path, *command, script.name], capture_output=True, text=True, cwd=script.parent)
            assert done.returncode == 0, done.stdout
    assert max(map(len, script.read_text(encoding="ascii").splitlines())) <= 120


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    one, two = (
        [p.read_bytes() for p in ScriptExporter().save(classifier(), tmp_path / n / "m.py", style="fast")] for n in "ab"
    )
    assert one == two


def test_weights_file_is_still_a_model(script):
    x = random(3, 3, 11, 9, 3)
    got = evaluate(interchange.load(script.with_suffix(".safetensors")), {"image": x})["classes"]
    np.testing.assert_allclose(got, evaluate(classifier(), {"image": x})["classes"], rtol=1e-5)


def test_embedded(tmp_path):
    lonely = ScriptExporter().save(classifier(), tmp_path / "m.py", style="fast", embed=True)[0]
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]
    assert run(lonely, "--selftest").returncode == 0


@pytest.mark.parametrize("options", [{"style": "quick"}, {"style": "fast", "numpy": True}])
def test_other_styles_are_refused(options, tmp_path):
    with pytest.raises(BadInput, match="IX103"):
        ScriptExporter().save(classifier(), tmp_path / "m.py", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cats_dogs", "digits", "dots", "clouds"])
def test_examples(name):
    folder = EXAMPLES / name
    report = interchange.verify(folder / f"{name}.h5", folder / "testset", backends=["pyscript-fast"], limit=3)
    assert report.agreed, str(report)
    assert [(r.status, r.decisions[0].same) for r in report.backends] == [("rounding", 3)]


def test_names_are_told_apart():
    """A script is one module: no name of the kernels of lanes may be one that other parts define or import."""
    own = [link.parse(module) for module in (*FAST_KERNELS.modules, *LAST)]
    defined = [name for module in own for name in module.definitions]
    assert len(set(defined)) == len(defined)
    for other in (*KERNELS.modules, *PROGRAM):
        module = link.parse(other)
        foreign = {
            n for n, s in module.imports.items() if not (getattr(s, "module", "") or "").startswith("interchange")
        }
        assert not {*module.definitions, *foreign} & set(defined), other
