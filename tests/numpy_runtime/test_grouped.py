"""Convolutions in groups, and depthwise ones with several filters for a channel: no operator computes them."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_numpy import tiles
from interchange_numpy.model import NumpyModel

from interchange.graph import Graph, Node, TensorSpec
from tests.numpy_runtime.check import check

F32 = np.float32

# groups, channels, filters, kernel, other attributes
CASES = {
    "three": (3, 6, 9, (3, 2), {"strides": (2, 1), "pads": (1, 0, 2, 1)}),
    "pointwise": (2, 8, 6, (1, 1), {}),
    "dilated": (5, 10, 5, (2, 3), {"dilations": (2, 1), "auto_pad": "SAME_UPPER"}),
    "two filters a channel": (4, 4, 8, (3, 3), {"pads": (1, 1, 1, 1)}),
    "together": (6, 54, 12, (2, 3), {"strides": (1, 2), "pads": (0, 1, 1, 2)}),
    "all together": (4, 24, 8, (3, 1), {"dilations": (2, 1), "auto_pad": "SAME_LOWER"}),
    "wide": (2, 40, 6, (3, 2), {}),
    "wide pointwise": (3, 60, 12, (1, 1), {"strides": (2, 1)}),
    "a line": (2, 4, 6, (5,), {"strides": (2,), "pads": (1, 3)}),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("case", CASES)
def test_groups(case, layout, threads, monkeypatch):
    monkeypatch.setattr(tiles, "LEAST_SHARED", 1000)
    groups, channels, filters, kernel, attributes = CASES[case]
    rng = np.random.default_rng(len(case))
    nhwc, places = layout == "NHWC", (11, 7)[-len(kernel) :]
    shape = (2, *places, channels) if nhwc else (2, channels, *places)
    weight = rng.standard_normal((*kernel, channels // groups, filters)).astype(F32)
    if not nhwc:
        weight = weight.transpose(-1, -2, *range(len(kernel)))
    constants = {"w": np.ascontiguousarray(weight), "b": rng.standard_normal(filters).astype(F32)}
    conv = Node("Conv", ("x", "w", "b"), ("y",), {"group": groups, "layout": layout, **attributes})
    graph = Graph({"x": TensorSpec("float32", shape)}, ("z",), (conv, Node("Relu", ("y",), ("z",), {})), constants)
    feeds = {"x": rng.standard_normal(shape).astype(F32)}
    check(graph, feeds)
    one, several = NumpyModel(graph)(feeds), NumpyModel(graph, threads=threads)(feeds)
    np.testing.assert_allclose(several["z"], one["z"], rtol=1e-5, atol=1e-5)
    precise = NumpyModel(graph, precise=True)
    np.testing.assert_allclose(precise(feeds)["z"], one["z"], rtol=1e-5, atol=1e-5)
