"""Small networks that several tests export."""

from __future__ import annotations

import numpy as np

from interchange.builder import Builder
from interchange.graph import Graph


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def channels_last_net(**image: int) -> Graph:
    """Every way in which the layout pass lets values through, or turns them: odd sizes, branches, constants."""
    height, width = image.get("height", 11), image.get("width", 7)
    b = Builder()
    c = b.constant
    x = b.input("x", "float32", ("batch", height, width, 3))
    h = b.add(
        "Conv",
        [x, c("kernel", random(3, 2, 3, 8)), c("bias", random(8))],
        "conv",
        layout="NHWC",
        strides=(2, 1),
        auto_pad="SAME_UPPER",
        source="conv (Conv2D)",
    )
    statistics = [c(name, np.abs(random(8, seed=i)) + 0.1) for i, name in enumerate(("gamma", "beta", "mean", "var"))]
    h = b.add("BatchNormalization", [h, *statistics], "bn", layout="NHWC", epsilon=1e-3)
    skip = b.add("Relu", [h], "relu")
    h = b.add("Pad", [skip, c("pads", np.array([0, 1, 2, 0, 0, 1, 0, 0]))], "pad")
    h = b.add("MaxPool", [h], "pool", kernel_shape=(3, 3), layout="NHWC")
    h = b.add("Mul", [h, c("scale", random(8))], "mul")
    h = b.add("Add", [h, c("shift", random(1, 1, 1, 8))], "shifted")
    cut = b.add(
        "Slice", [skip, c("starts", np.array([0, 1])), c("ends", np.array([5, 6])), c("axes", np.array([1, 2]))], "cut"
    )
    top = b.add("Slice", [h, c("s0", np.array([0, 0, 0])), c("e5", np.array([99, 5, 5]))], "top")
    h = b.add("Concat", [top, cut], "cat", axis=3)
    h = b.add("Conv", [h, c("depthwise", random(3, 3, 1, 16))], "dw", layout="NHWC", group=16, pads=(1, 1, 1, 1))
    h = b.add("PRelu", [h, c("slope", random(1, 1, 16))], "prelu")
    h = b.add("Resize", [h, "", c("scales", np.array([1, 2, 2, 1], np.float32))], "up", mode="linear")
    up = b.add("ConvTranspose", [h, c("tkernel", random(3, 3, 4, 16))], "tconv", layout="NHWC", strides=(2, 2))
    attention = b.add("Softmax", [up], "attention", axis=-1)
    squeezed = b.add("ReduceMean", [attention, c("hw", np.array([1, 2]))], "gap", keepdims=1)
    h = b.add("Mul", [attention, squeezed], "gated")
    parts = b.add_many("Split", [h, c("parts", np.array([1, 3]))], ["small", "large"], axis=3)
    h = b.add("ReduceMax", [parts[1], c("minus", np.array([-2, -3]))], "rmax", keepdims=0)
    h = b.add("Flatten", [b.add("AveragePool", [parts[1]], "avg", kernel_shape=(2, 2), layout="NHWC")], "flat")
    y = b.add("MatMul", [h, c("w", random(b.shape("flat")[1], 5))], "logits")
    return b.graph([y, "rmax", "small", "up"], {"name": "net", "labels": '["a", "b"]'})


def channels_first_net() -> Graph:
    b = Builder()
    c = b.constant
    x = b.input("x", "float32", ("batch", 3, 11, 7))
    h = b.add("Conv", [x, c("w", random(5, 3, 3, 2)), c("b", random(5))], "conv", strides=(2, 1), source="conv (Conv)")
    h = b.add("LeakyRelu", [h], "act", alpha=0.25)
    h = b.add("GlobalAveragePool", [h], "gap")
    h = b.add("Flatten", [h], "flat")
    y = b.add("Gemm", [h, c("dense", random(4, 5)), c("dense_b", random(4))], "y", transB=1)
    return b.graph([y], {"name": "net"})
