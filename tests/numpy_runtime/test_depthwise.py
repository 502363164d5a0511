"""Depthwise convolutions with stride 2: taps in pairs of columns, and what lies beyond the last tap has no weight."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_numpy import tiles
from interchange_numpy.model import NumpyModel

from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec
from tests.numpy_runtime.check import check

F32 = np.float32
CHANNELS = 6

# height and width, kernel, strides, pads
CASES = [
    ((11, 16), (3, 3), (2, 2), (0, 0, 1, 1)),
    ((11, 17), (3, 3), (2, 2), (1, 1, 1, 1)),
    ((9, 20), (5, 5), (2, 2), (1, 2, 2, 1)),
    ((10, 19), (2, 2), (1, 2), (0, 0, 0, 0)),
    ((7, 18), (1, 3), (3, 2), (0, 0, 0, 0)),  # the last column is read by no tap
    ((12, 9), (3, 4), (2, 2), (1, 2, 0, 3)),
    ((8, 22), (3, 1), (2, 2), (1, 0, 1, 0)),
]


def _graph(case, layout: str, rng: np.random.Generator) -> Graph:
    size, kernel, strides, pads = case
    nhwc = layout == "NHWC"
    shape = (2, *size, CHANNELS) if nhwc else (2, CHANNELS, *size)
    weight = rng.standard_normal((*kernel, 1, CHANNELS) if nhwc else (CHANNELS, 1, *kernel)).astype(F32)
    constants = {"w": weight, "b": rng.standard_normal(CHANNELS).astype(F32)}
    attributes = {"group": CHANNELS, "layout": layout, "strides": strides, "pads": pads}
    nodes = (Node("Abs", ("x",), ("a",), {}), Node("Conv", ("a", "w", "b"), ("y",), attributes))
    return Graph({"x": TensorSpec("float32", shape)}, ("y",), nodes, constants)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("case", CASES)
def test_stride_two(case, layout, monkeypatch):
    monkeypatch.setattr(tiles, "LEAST_SHARED", 1000)
    rng = np.random.default_rng(1)
    graph = _graph(case, layout, rng)
    x = rng.standard_normal(graph.inputs["x"].shape).astype(F32)
    check(graph, {"x": x})
    one, several = NumpyModel(graph)({"x": x})["y"], NumpyModel(graph, threads=3)({"x": x})["y"]
    np.testing.assert_allclose(several, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("case", CASES)
def test_what_no_tap_reads_spreads_nowhere(case, bad):
    rng = np.random.default_rng(2)
    graph = _graph(case, "NHWC", rng)
    x = rng.standard_normal(graph.inputs["x"].shape).astype(F32)
    x[:, :, -1] = bad
    have, want = NumpyModel(graph)({"x": x})["y"], evaluate(graph, {"x": x})["y"]
    np.testing.assert_array_equal(np.isfinite(have), np.isfinite(want))
