"""Batch normalisation folded into the product before it: the same numbers, one node less."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_onnx.folding import batch_norm_folded

from interchange.evaluate import evaluate, widen
from interchange.graph import Graph, Node, TensorSpec
from tests.onnx.nets import random


def pair(op, shape, w, channels, *, layout, bias=True, norm=None, outputs=("y",), **attributes) -> Graph:
    """A product and the batch normalisation after it."""
    statistics = {
        name: np.abs(random(channels, seed=i)) + 0.1 for i, name in enumerate(("scale", "shift", "mean", "var"))
    }
    constants = {"w": w, **statistics} | ({"b": random(channels, seed=7)} if bias else {})
    spatial = {"layout": layout} if op.startswith("Conv") else {}
    nodes = (
        Node(op, ("x", "w", "b") if bias else ("x", "w"), ("h",), {**spatial, **attributes}, "product"),
        Node(
            "BatchNormalization",
            ("h", *statistics),
            ("y",),
            {"layout": layout, "epsilon": 0.01, **(norm or {})},
            "norm",
        ),
    )
    return Graph({"x": TensorSpec("float32", shape)}, outputs, nodes, constants)


FIRST, LAST = (2, 4, 11, 7), (2, 11, 7, 4)
FOLDED = {
    "Conv": pair("Conv", FIRST, random(6, 4, 3, 2), 6, layout="NCHW", pads=(1, 0, 0, 1)),
    "Conv, no bias": pair("Conv", FIRST, random(6, 4, 3, 2), 6, layout="NCHW", bias=False),
    "Conv, groups": pair("Conv", FIRST, random(6, 2, 3, 2), 6, layout="NCHW", group=2),
    "Conv, last": pair("Conv", LAST, random(3, 2, 4, 6), 6, layout="NHWC", strides=(2, 1)),
    "ConvTranspose": pair("ConvTranspose", FIRST, random(4, 5, 3, 2), 5, layout="NCHW", strides=(2, 1)),
    "ConvTranspose, groups": pair("ConvTranspose", FIRST, random(4, 3, 3, 2), 6, layout="NCHW", group=2),
    "ConvTranspose, last": pair("ConvTranspose", LAST, random(3, 2, 5, 4), 5, layout="NHWC"),
    "ConvTranspose, last, groups": pair("ConvTranspose", LAST, random(3, 2, 3, 4), 6, layout="NHWC", group=2),
    "Gemm": pair("Gemm", (2, 7), random(7, 5), 5, layout="NCHW", beta=0.5, alpha=2.0),
    "Gemm, turned": pair("Gemm", (2, 7), random(5, 7), 5, layout="NCHW", transB=1, bias=False),
    "MatMul": pair("MatMul", (2, 3, 7), random(7, 5), 5, layout="NHWC", bias=False),
}
NOT_FOLDED = {
    "read elsewhere": pair("Conv", FIRST, random(6, 4, 3, 2), 6, layout="NCHW", outputs=("y", "h")),
    "training": pair("Conv", FIRST, random(6, 4, 3, 2), 6, layout="NCHW", norm={"training_mode": 1}),
    "channels in the middle": pair("MatMul", (2, 5, 7), random(7, 5), 5, layout="NCHW", bias=False),
}


@pytest.mark.parametrize("name", FOLDED)
def test_folded(name):
    graph = FOLDED[name]
    folded = batch_norm_folded(graph)
    assert not any(node.op == "BatchNormalization" for node in folded.nodes)
    assert len(folded.constants) == 2
    (spec,) = graph.inputs.values()
    x = {"x": random(*spec.shape)}
    want, exact = evaluate(graph, x)["y"], evaluate(widen(graph), x)["y"]
    have = evaluate(folded, x)["y"]
    assert (have.dtype, have.shape) == (want.dtype, want.shape)
    np.testing.assert_allclose(have, exact, rtol=0, atol=2e-6 * np.abs(exact).max())


@pytest.mark.parametrize("name", NOT_FOLDED)
def test_not_folded(name):
    assert batch_norm_folded(NOT_FOLDED[name]).nodes == NOT_FOLDED[name].nodes


def test_a_chain_and_shared_weights():
    statistics = {name: np.abs(random(4, seed=i)) + 0.1 for i, name in enumerate(("scale", "shift", "mean", "var"))}
    nodes = []
    for i in range(3):
        nodes.append(Node("Conv", (f"x{i}" if i else "x", "w"), (f"h{i}",), {"pads": (1, 1, 1, 1)}))
        nodes.append(Node("BatchNormalization", (f"h{i}", *statistics), (f"x{i + 1}",)))
    graph = Graph({"x": TensorSpec("float32", FIRST)}, ("x3",), tuple(nodes), {"w": random(4, 4, 3, 3), **statistics})
    folded = batch_norm_folded(graph)
    assert [node.op for node in folded.nodes] == ["Conv"] * 3
    x = {"x": random(*FIRST)}
    np.testing.assert_allclose(evaluate(folded, x)["x3"], evaluate(graph, x)["x3"], rtol=1e-4, atol=1e-2)
