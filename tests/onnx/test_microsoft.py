"""Operators of com.microsoft: what their lifts compute is what ONNX Runtime computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter, microsoft
from interchange_onnxruntime import OnnxRuntimeBackend
from onnx import helper, numpy_helper

from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec
from tests.onnx.nets import random


def q(*shape: int, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng([seed, *shape]).integers(limits.min, limits.max, shape, dtype, endpoint=True)


def weights(*shape: int) -> np.ndarray:
    """Of seven bits: on some processors ONNX Runtime's sums of products with eight overflow."""
    return q(*shape, dtype=np.int8) // 2


def scale(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def zero(value: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.array(value, dtype)


def mask(*rows: int, total: int) -> np.ndarray:
    return (np.arange(total) < np.array(rows)[:, None]).astype(np.int32)


@dataclass(frozen=True)
class Row:
    """One node; the first input is fed, the others are constants. `steps`: how far integers may be off."""

    op: str
    inputs: tuple[Any, ...]
    outputs: tuple[str, ...] = ("y",)
    attributes: dict[str, Any] = field(default_factory=dict)
    fed: int = 1
    steps: int = 0
    domain: str = "com.microsoft"

    def __str__(self) -> str:
        return "-".join([self.op, *(f"{k}={v}".replace(" ", "") for k, v in self.attributes.items())])


def row(op: str, *inputs: Any, outputs: int | tuple[str, ...] = 1, fed: int = 1, steps: int = 0, **attributes) -> Row:
    names = ("y", "z", "u", "v")[:outputs] if isinstance(outputs, int) else outputs
    return Row(op, inputs, names, attributes, fed, steps)


X, Y = random(2, 5, 7), random(2, 7, 3)
IMAGE, KERNEL = random(2, 3, 11, 7), random(5, 3, 3, 2)
HIDDEN = random(2, 5, 12)
QKV = (random(12, 36), random(36))
PAST = random(2, 2, 3, 4, 4)
TEXTS = np.array([["añb", ""], ["日 \n", "e\u0301"], ["", "👍"]], object)
CHARACTERS = {"mark": 0, "mincharnum": 1, "pad_value": "", "separators": [""]}
QX = (q(2, 3, 11, 7), scale(0.03), zero(120))
QY = (q(1, 3, 1, 7, seed=1), scale(0.07), zero(90))
ROWS = [
    # products
    row("FusedMatMul", X, Y, alpha=0.125),
    row("FusedMatMul", random(2, 7, 5), Y, transA=1),
    row("FusedMatMul", X, random(2, 3, 7), transB=1, alpha=2.0),
    row("FusedMatMul", random(5, 2, 7), random(7, 2, 3), transBatchA=1, transBatchB=1),
    row("FusedMatMul", random(7, 2, 5), random(3, 2, 7), transBatchA=1, transA=1, transBatchB=1, transB=1),
    row("TransposeMatMul", X, random(2, 3, 7), transB=1),
    row("FusedGemm", random(5, 7), random(7, 3), random(3), activation="Relu"),
    row("FusedGemm", random(7, 5), random(3, 7), random(3), transA=1, transB=1, alpha=0.5, beta=2.0, activation="Tanh"),
    row("FusedGemm", random(5, 7), random(7, 3), random(3), activation="LeakyRelu", activation_alpha=0.3),
    row("FusedConv", IMAGE, KERNEL, random(5), activation="Relu", strides=[2, 1], pads=[1, 0, 0, 1]),
    row("FusedConv", IMAGE, KERNEL, None, random(2, 5, 9, 6), activation="Relu"),
    row("FusedConv", IMAGE, KERNEL, random(5), activation="Clip", activation_params=[-0.5, 1.5]),
    row("FusedConv", IMAGE, KERNEL, random(5), activation="LeakyRelu", activation_params=[0.2]),
    row("FusedConv", IMAGE, KERNEL, random(5), activation="HardSigmoid", activation_params=[0.3, 0.4]),
    row("FusedConv", random(2, 4, 9), random(6, 2, 3), random(6), activation="Sigmoid", group=2, dilations=[2]),
    row("NhwcMaxPool", q(2, 11, 7, 3, dtype=np.int8), kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1]),
    # activations
    row("Gelu", X),
    row("FastGelu", X, random(7)),
    row("FastGelu", X),
    row("BiasGelu", X, random(7)),
    row("QuickGelu", X),
    row("QuickGelu", X, alpha=1.0),
    # normalisation
    row("SkipLayerNormalization", X, random(2, 5, 7, seed=1), random(7), random(7, seed=1), random(7, seed=2)),
    row("SkipLayerNormalization", X, random(5, 7), random(7), outputs=("y", "", "", "sum"), epsilon=0.01),
    row("SkipSimplifiedLayerNormalization", X, random(2, 5, 7, seed=1), random(7), outputs=("y", "", "", "sum")),
    row("SkipSimplifiedLayerNormalization", X, random(2, 5, 7, seed=1), random(7), random(7, seed=2), epsilon=0.01),
    Row("SimplifiedLayerNormalization", (X, random(7)), attributes={"epsilon": 0.01}, domain=""),
    row(
        "EmbedLayerNormalization",
        q(2, 5).astype(np.int32) % 11,
        q(2, 5, seed=1).astype(np.int32) % 2,
        *(random(11, 8), random(6, 8), random(2, 8), random(8), random(8, seed=1), mask(5, 3, total=5)),
        outputs=("y", "z", "sum"),
        epsilon=0.01,
    ),
    row(
        "EmbedLayerNormalization",
        *(q(2, 5).astype(np.int32) % 11, None, random(11, 8), random(6, 8), None, random(8), random(8, seed=1), None),
        (q(2, 5, seed=2) % 6).astype(np.int32),
        outputs=2,
    ),
    # attention
    row("Attention", HIDDEN, *QKV, num_heads=3),
    row("Attention", HIDDEN, *QKV, mask(5, 3, total=5), num_heads=3, unidirectional=1),
    row("Attention", HIDDEN, *QKV, np.array([5, 2], np.int32), num_heads=3, scale=0.3),
    row("Attention", HIDDEN, *QKV, mask(9, 7, total=9), PAST, num_heads=3, outputs=2, unidirectional=1),
    row("Attention", HIDDEN, *QKV, None, None, random(2, 3, 5, 5), num_heads=3),
    row("Attention", HIDDEN, random(12, 30), random(30), num_heads=3, qkv_hidden_sizes=[12, 12, 6]),
    row("MultiHeadAttention", HIDDEN, random(2, 7, 12), random(2, 7, 6), num_heads=3),
    row("MultiHeadAttention", HIDDEN, random(2, 7, 12), random(2, 7, 6), random(30), mask(7, 2, total=7), num_heads=3),
    row("MultiHeadAttention", HIDDEN, random(2, 3, 7, 4), random(2, 3, 7, 4, seed=1), num_heads=3),
    row(
        *("MultiHeadAttention", HIDDEN, random(2, 5, 12, seed=1), random(2, 5, 12, seed=2), None, None),
        *(random(1, 3, 5, 9), random(2, 3, 4, 4), random(2, 3, 4, 4, seed=1)),
        num_heads=3,
        outputs=3,
    ),
    row(
        *("QAttention", q(2, 5, 12), weights(12, 36), random(36), scale(0.02), scale(0.01)),
        *(mask(5, 3, total=5), zero(100), zero(0, np.int8)),
        num_heads=3,
    ),
    row("RotaryEmbedding", HIDDEN, np.array([3]), random(10, 2), random(10, 2, seed=1)),
    row("RotaryEmbedding", HIDDEN, q(2, 5).astype(np.int64) % 10, random(10, 2), random(10, 2, seed=1), interleaved=1),
    row("RotaryEmbedding", random(2, 3, 5, 4), np.array([1]), random(10, 2), random(10, 2, seed=1)),
    row(
        *("RotaryEmbedding", random(2, 3, 5, 8), np.array([1]), random(10, 2), random(10, 2, seed=1)),
        rotary_embedding_dim=4,
        num_heads=3,
    ),
    # quantised
    row("QuantizeLinear", IMAGE, scale(0.02), zero(120)),
    row("QuantizeLinear", IMAGE, np.array([0.1, 0.2, 0.3], np.float32), np.array([0, 3, 9], np.int8), axis=1),
    row("DequantizeLinear", *QX),
    row("QLinearAdd", *QX, *QY, scale(0.05), zero(100), steps=1),
    row("QLinearMul", *QX, *QY, scale(0.05), zero(100), steps=1),
    row("QLinearAdd", q(2, 7), scale(0.03), zero(0), q(7), scale(0.1), zero(0), scale(0.2), steps=1),
    row("QLinearSigmoid", *QX, scale(1 / 256), zero(0), steps=1),
    row("QLinearLeakyRelu", *QX, scale(0.02), zero(90), alpha=0.2, steps=1),
    row("QLinearAveragePool", *QX, scale(0.02), zero(90), kernel_shape=[3, 2], pads=[1, 0, 0, 1], steps=1),
    row(
        *("QLinearAveragePool", q(2, 11, 7, 3), *QX[1:], scale(0.02), zero(90)),
        kernel_shape=[3, 2],
        channels_last=1,
        steps=1,
    ),
    row("QLinearGlobalAveragePool", *QX, scale(0.02), zero(90), steps=1),
    row("QLinearGlobalAveragePool", q(2, 11, 7, 3), *QX[1:], scale(0.02), zero(90), channels_last=1, steps=1),
    row("QLinearSoftmax", q(3, 7), scale(0.1), zero(9), scale(1 / 256), zero(0), opset=13, axis=-1, steps=1),
    row("QLinearConcat", scale(0.05), zero(100), *QX, q(2, 4, 11, 7), scale(0.1), zero(7), axis=1, fed=3, steps=1),
    row(
        *("QLinearWhere", random(3, 5) > 0, q(3, 5), scale(0.1), zero(3), q(5), scale(0.2), zero(9)),
        *(scale(0.15), zero(100)),
        steps=1,
    ),
    row(
        *("QLinearConv", q(2, 11, 7, 3), scale(0.02), zero(100), weights(5, 3, 3, 2), scale(0.01)),
        *(zero(0, np.int8), scale(0.3), zero(120), np.arange(5, dtype=np.int32)),
        channels_last=1,
        strides=[2, 1],
        steps=1,
    ),
    row("QGemm", q(5, 7), scale(0.1), zero(3), q(7, 3), scale(0.02), zero(100)),
    row(
        *("QGemm", q(5, 7), scale(0.1), zero(3), weights(3, 7), np.array([0.01, 0.02, 0.03], np.float32)),
        *(np.zeros(3, np.int8), np.array([5, 7, 9], np.int32), scale(0.5), zero(90)),
        transB=1,
        alpha=0.5,
        steps=1,
    ),
    row("DynamicQuantizeMatMul", X, q(7, 3), scale(0.02), zero(100), random(3)),
    row("DynamicQuantizeMatMul", X, weights(7, 3), np.array([0.1, 0.2, 0.3], np.float32)),
    row("MatMulIntegerToFloat", q(5, 7), q(7, 3), scale(0.1), scale(0.02), zero(100), zero(90), random(3)),
    row("MatMulIntegerToFloat", q(5, 7), weights(7, 3), scale(0.1), np.array([0.1, 0.2, 0.3], np.float32)),
    row("MatMulNBits", random(2, 40), q(3, 3, 8), random(9), K=40, N=3, bits=4, block_size=16),
    row("MatMulNBits", random(2, 40), q(3, 3, 8), random(9), q(6), K=40, N=3, bits=4, block_size=16),
    row("MatMulNBits", random(2, 40), q(3, 3, 16), random(9), q(9), K=40, N=3, bits=8, block_size=16),
    row("MatMulNBits", random(2, 40), q(3, 3, 4), random(9), q(3), K=40, N=3, bits=2, block_size=16),
    # others
    row("Pad", random(3, 5), np.array([0, 2, 1, 0]), np.array([1.5], np.float32)),
    row("ExpandDims", random(3, 5), np.array(-1, np.int32)),
    row("GatherND", random(3, 5, 2), np.array([[1, 2], [0, 4]], np.int32)),
    row("Range", scale(1), scale(7), scale(1.5)),
    row("Range", np.array([2]), np.array([7])),
    row("Trilu", random(2, 3, 5), np.array(1), upper=0),
    row("Unique", np.array([2, 1, 1, 3, 4, 3], np.float32), outputs=3),
    row("GridSample", random(2, 3, 5, 7), 0.9 * np.tanh(random(2, 4, 6, 2)), mode="bicubic", align_corners=1),
    # texts
    row("Tokenizer", TEXTS, **CHARACTERS),
    row("Tokenizer", np.array(["", ""], object), **CHARACTERS),
]
# Lifts of operators for which ONNX Runtime has kernels on other processors only: each by what it says of them.
PACKED_QKV, PACKED_KV = random(2, 5, 3, 3, 4), random(2, 7, 3, 2, 4)


def conv(x, w, b, strides):
    x = np.moveaxis(x, -1, 1)
    graph = Graph(
        {"x": TensorSpec("float32", x.shape)},
        ("y",),
        (Node("Conv", ("x", "w", "b"), ("y",), {"strides": strides}),),
        {"w": w, "b": b},
    )
    return np.moveaxis(evaluate(graph, {"x": x})["y"], 1, -1)


def attention(q, k, v, factor):
    """Of (batch, length, heads, size)."""
    scores = np.einsum("bqhs,bkhs->bhqk", q, k) * factor
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    y = np.einsum("bhqk,bkhs->bqhs", powers / powers.sum(-1, keepdims=True), v)
    return y.reshape(*y.shape[:2], -1)


def erf(x):
    return np.vectorize(math.erf)(x)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def group_norm(x, gamma, beta, groups):
    parts = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    parts = (parts - parts.mean((1, 3), keepdims=True)) / np.sqrt(parts.var((1, 3), keepdims=True) + 1e-5)
    y = parts.reshape(x.shape) * gamma + beta
    return y / (1 + np.exp(-y))


WITHOUT_KERNEL = [
    (row("BiasAdd", X, random(7), random(2, 5, 7, seed=1)), lambda x, b, s: x + b + s),
    (row("BiasDropout", X, random(7), random(2, 5, 7, seed=1)), lambda x, b, s: x + b + s),
    (row("BitmaskDropout", X), lambda x: x),
    (
        row("BiasSplitGelu", random(2, 5, 6), random(6)),
        lambda x, b: (x + b)[..., :3] * (x + b)[..., 3:] * 0.5 * (1 + erf((x + b)[..., 3:] / np.sqrt(2))),
    ),
    (
        row("BiasSoftmax", random(2, 3, 5, 7), random(2, 1, 1, 7), axis=3, is_inner_broadcast=1),
        lambda x, bias: softmax(x + bias),
    ),
    (
        row("SwiGLU", X, random(2, 5, 7, seed=1), activation_alpha=1.5, activation_beta=1.0, limit=0.7),
        lambda g, u: np.minimum(g, 0.7) / (1 + np.exp(-1.5 * np.minimum(g, 0.7))) * (np.clip(u, -0.7, 0.7) + 1),
    ),
    (row("GemmFastGelu", X, random(7, 3), random(3)), lambda x, w, b: gelu_tanh(x @ w + b)),
    (
        row("FusedMatMulActivation", X, Y, alpha=0.5, activation="Relu"),
        lambda a, b: np.maximum(0.5 * a @ b, 0),
    ),
    (
        row("NhwcConv", random(2, 11, 7, 3), KERNEL, random(5), strides=[2, 1]),
        lambda x, w, b: conv(x, w, b, (2, 1)),
    ),
    (
        row("NhwcFusedConv", random(2, 11, 7, 3), KERNEL, random(5), activation="Relu", strides=[2, 1]),
        lambda x, w, b: np.maximum(conv(x, w, b, (2, 1)), 0),
    ),
    (
        row("NhwcFusedConv", random(2, 11, 7, 3), KERNEL, random(5), random(2, 9, 6, 5), activation="Tanh"),
        lambda x, w, b, z: np.tanh(conv(x, w, b, (1, 1)) + z),
    ),
    (
        row("GroupNorm", random(2, 5, 7, 6), random(6), random(6, seed=1), groups=3, activation=1, channels_last=1),
        lambda x, gamma, beta: group_norm(x, gamma, beta, 3),
    ),
    (row("MultiHeadAttention", PACKED_QKV, num_heads=3), lambda x: attention(*np.moveaxis(x, 3, 0), 0.5)),
    (
        row("MultiHeadAttention", HIDDEN, PACKED_KV, num_heads=3, scale=0.4),
        lambda x, packed: attention(x.reshape(2, 5, 3, 4), *np.moveaxis(packed, 3, 0), 0.4),
    ),
    (
        row("MulInteger", q(3, 5), zero(7), q(5), zero(250)),
        lambda a, za, b, zb: (a.astype(np.int32) - za) * (b.astype(np.int32) - zb),
    ),
    (
        row("ReduceSumInteger", q(3, 5, 7), axes=[0, 2], keepdims=1),
        lambda x: x.astype(np.int32).sum((0, 2), keepdims=True, dtype=np.int32),
    ),
    (
        row("QLinearReduceMean", *QX, scale(0.02), zero(90), axes=[2, 3], keepdims=0, steps=1),
        lambda x, s, z, t, u: np.rint((x - 120.0).mean((2, 3)) * s / t + 90).clip(0, 255).astype(np.uint8),
    ),
    (
        row("ConvTransposeWithDynamicPads", random(1, 1, 1, 5), random(1, 1, 1, 1), np.array([0, 1, 0, 2])),
        lambda x, w, pads: (x * w)[..., 1:3],
    ),
]


def model_of(row: Row, *, opset: int = 21) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(row.inputs)]
    values = {name: np.asarray(x) for name, x in zip(names, row.inputs, strict=True) if name}
    feeds = dict(list(values.items())[: row.fed])
    node = helper.make_node(row.op, names, row.outputs, "node", domain=row.domain, **row.attributes)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in feeds.items()
    ]
    constants = [numpy_helper.from_array(x, name) for name, x in values.items() if name not in feeds]
    outputs = [onnx.ValueInfoProto(name=name) for name in row.outputs if name]
    graph = helper.make_graph([node], "g", inputs, outputs, constants)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10), feeds


def assert_same(have, want, steps=0):
    assert list(have) == list(want)
    for name, value in want.items():
        assert have[name].shape == value.shape
        assert have[name].dtype == (np.float32 if value.dtype == np.float64 else value.dtype)
        if value.dtype.kind == "O":
            assert have[name].tolist() == value.tolist()
            continue
        is_float = value.dtype.kind == "f"
        np.testing.assert_allclose(
            have[name].astype(np.float64), value.astype(np.float64), *((1e-5, 1e-5) if is_float else (0, steps))
        )


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_lift(row, tmp_path):
    model, feeds = model_of(row)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    graph = OnnxImporter().load(path)
    assert not any(node.op.startswith("com.microsoft") for node in graph.nodes)
    assert {node.source for node in graph.nodes} == {f"node ({row.op})"}
    assert_same(evaluate(graph, feeds), expected, row.steps)
    again = OnnxExporter().save(graph, tmp_path / "again.onnx")[0]
    try:
        with OnnxRuntimeBackend().open(again) as exported:
            assert_same(exported(feeds), expected, row.steps)
    except Unsupported as error:
        pytest.skip(f"the operators compute it; {error.what}")


@pytest.mark.parametrize(("row", "meaning"), WITHOUT_KERNEL, ids=[str(row) for row, _ in WITHOUT_KERNEL])
def test_lift_without_kernel(row, meaning, tmp_path):
    model, feeds = model_of(row)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert_same(evaluate(OnnxImporter().load(path), feeds), {"y": meaning(*row.inputs)}, row.steps)


def test_every_lift_has_a_row():
    tested = {f"com.microsoft.{row.op}" for row in (*ROWS, *(row for row, _ in WITHOUT_KERNEL))}
    assert tested == set(microsoft.LIFTS)


# --- what is refused ------------------------------------------------------------------------------------------------

REFUSED = [
    (row("Inverse", random(3, 3)), "com.microsoft.Inverse: 1 time"),
    (Row("Conv", (IMAGE, KERNEL), domain="com.microsoft.nchwc"), "save the model at the level 'extended'"),
    (row("Attention", HIDDEN, *QKV, num_heads=3, do_rotary=1), "do_rotary"),
    (row("FastGelu", X, random(7), gamma=1.0), "with the attribute 'gamma'"),
    (row("FusedMatMul", X), "missing a required argument"),
    (Row("SimplifiedLayerNormalization", (X, random(7)), ("y", "inverse"), domain=""), "its output 1 is read"),
    (row("FusedConv", IMAGE, KERNEL, activation="Mish"), "the activation 'Mish'"),
    (row("Tokenizer", TEXTS, **{**CHARACTERS, "separators": [" "]}), "does not take texts apart into characters"),
    (row("Tokenizer", TEXTS, **{**CHARACTERS, "mark": 1}), "mark=1"),
    (row("Tokenizer", TEXTS, **{**CHARACTERS, "pad_value": "#"}), "pad_value='#'"),
    (row("MatMulNBits", random(2, 40), q(3, 3, 8), random(9), K=40, N=3, bits=5, block_size=16), "bits=5"),
    (row("MatMulNBits", random(2, 40), q(3, 3, 7), random(9), K=40, N=3, block_size=16), "B holds 63 bytes"),
    (row("MatMulNBits", random(2, 40), q(3, 3, 8), random(9), K=40, N=3, block_size=16, fed=2), "'B' is no constant"),
]


@pytest.mark.parametrize(("row", "why"), REFUSED, ids=[f"{row}: {why}" for row, why in REFUSED])
def test_what_cannot_be_lifted_is_one_error(row, why, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model_of(row)[0].SerializeToString())
    with pytest.raises(Unsupported, match=why) as caught:
        OnnxImporter().load(path)
    assert caught.value.code == "IX301"
