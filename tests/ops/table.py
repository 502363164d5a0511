"""The rows that every statement of an operator must agree on: inputs and attributes, one row for each way of use.

Sizes all differ (batch 2, images 11 × 7, 3 → 5 channels), kernels, strides and pads are asymmetric, so that mixed-up
axes cannot pass. To add an operator, add its function and a row.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Row:
    """One call: `inputs` may hold None for an absent one; `outputs` counts those that are compared."""

    op: str
    inputs: tuple[Array | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1

    def __str__(self) -> str:
        shapes = (
            "-" if x is None else "x".join(map(str, x.shape)) or "scalar"
            for x in self.inputs
            if x is None or x.ndim < 9
        )
        return ",".join([f"{self.op}({' '.join(shapes)})", *(f"{k}={v}" for k, v in self.attributes.items())])


def row(op: str, *inputs: Array | None, outputs: int = 1, **attributes: Any) -> Row:
    return Row(op, inputs, attributes, outputs)


def _random(kind: str, shape: tuple[int, ...]) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{kind}{shape}".encode()))


def f(*shape: int) -> Array:
    """Normally distributed float32."""
    return _random("f", shape).normal(size=shape).astype(np.float32)


def u(*shape: int, low: float = 0.1, high: float = 2.0) -> Array:
    """Float32 between two limits."""
    return _random(f"u{low}{high}", shape).uniform(low, high, shape).astype(np.float32)


def n(*shape: int, low: int = -9, high: int = 10, dtype: str = "int32") -> Array:
    """Integers from `low` to `high` - 1."""
    return _random(f"n{low}{high}", shape).integers(low, high, shape).astype(dtype)


def b(*shape: int) -> Array:
    """Booleans."""
    return _random("b", shape).random(shape) < 0.5


def i(*values: int) -> Array:
    """A vector of int64."""
    return np.array(values, np.int64)


def s(value: Any, dtype: str = "int64") -> Array:
    """A scalar."""
    return np.array(value, dtype)


SPECIAL = np.array([-np.inf, -1e30, -90, -3.5, -2.5, -0.5, -0.0, 0, 0.5, 1, 2.5, 90, 1e30, np.inf, np.nan], np.float32)
IMAGE = f(2, 3, 11, 7)
TIES = np.array([[3, 1, 3, 0, 3], [2, 2, 1, 2, 0]], np.float32)

ELEMENTWISE = [
    *(row(op, f(2, 3, 7), f(3, 1)) for op in ("Add", "Sub", "Mul", "Div")),
    *(row(op, n(2, 3, 7), n(3, 1, low=1)) for op in ("Add", "Sub", "Mul", "Div", "Mod")),
    row("Div", n(5, 7), n(7, low=-4, high=-1)),
    row("Mod", n(2, 3, 7), n(3, 1, low=-9, high=-1)),
    row("Mod", n(5, 7), n(5, 7, low=1), fmod=1),
    row("Mod", f(2, 3, 7), f(3, 1), fmod=1),
    row("Pow", u(2, 3, 7), f(3, 1)),
    row("Pow", f(5, 7), n(7, low=0, high=4)),
    row("Pow", n(5, 7), n(7, low=0, high=4)),
    *(row(op, SPECIAL) for op in ("Neg", "Abs", "Sqrt", "Exp", "Log", "Floor", "Ceil", "Round", "Sign", "Tanh", "Erf")),
    *(row(op, n(5, 7)) for op in ("Neg", "Abs", "Sign")),
    *(
        row(op, f(2, 3, 7))
        for op in ("Reciprocal", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Erf")
    ),
    *(row(op, u(2, 3, 7, low=-0.99, high=0.99)) for op in ("Asin", "Acos", "Atanh")),
    row("Acosh", u(2, 3, 7, low=1, high=9)),
    *(row(op, f(2, 3, 7), f(3, 1), f(7)) for op in ("Max", "Min", "Sum", "Mean")),
    *(row(op, f(2, 3, 7)) for op in ("Max", "Min", "Sum", "Mean", "Identity")),
    *(row(op, n(5, 7), n(7)) for op in ("Max", "Min")),
    row("Max", SPECIAL, SPECIAL[::-1].copy()),
    row("Clip", f(5, 7), s(-0.5, "float32"), s(1, "float32")),
    row("Clip", f(5, 7), None, s(0.25, "float32")),
    row("Clip", f(5, 7), s(0.5, "float32")),
    row("Clip", n(5, 7), s(3, "int32"), s(-3, "int32")),
    *(row("Cast", 50 * f(5, 7), to=to) for to in ("float16", "float64", "int32", "int8", "bool", "bfloat16")),
    *(row("Cast", n(5, 7, low=-500, high=500), to=to) for to in ("float32", "int64", "int8", "uint8", "bool")),
    row("Cast", b(5, 7), to="float32"),
    row("CastLike", 50 * f(5, 7), n(1)),
    row("Dropout", f(5, 7), s(0.5, "float32"), outputs=2),
    row("Dropout", f(5, 7)),
    row("IsNaN", SPECIAL),
    row("IsInf", SPECIAL),
    row("IsInf", SPECIAL, detect_negative=0),
    row("IsInf", SPECIAL, detect_positive=0),
    row("BitShift", n(5, 7, low=0, dtype="uint8"), n(7, low=0, high=4, dtype="uint8"), direction="LEFT"),
    row("BitShift", n(5, 7, low=0, dtype="uint32"), n(7, low=0, high=4, dtype="uint32"), direction="RIGHT"),
    *(row(op, n(5, 7), n(7)) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    row("BitwiseNot", n(5, 7)),
    row("Where", b(3, 7), f(2, 3, 7), f(3, 1)),
]

LOGIC = [
    *(row(op, b(2, 3, 7), b(3, 1)) for op in ("And", "Or", "Xor")),
    row("Not", b(5, 7)),
    *(row(op, n(2, 3, 7), n(3, 1)) for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
    *(row(op, SPECIAL, SPECIAL[::-1].copy()) for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
]

ACTIVATION = [
    *(
        row(op, x)
        for op in ("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "Swish", "HardSigmoid", "HardSwish")
        for x in (f(2, 3, 7), SPECIAL[1:-2])
    ),
    *(
        row(op, x)
        for op in ("Softplus", "Mish", "Softsign", "Gelu", "Shrink", "ThresholdedRelu")
        for x in (f(2, 3, 7), SPECIAL[1:-2])
    ),
    row("LeakyRelu", f(5, 7), alpha=0.3),
    row("PRelu", f(2, 3, 7), f(3, 1)),
    row("ThresholdedRelu", f(5, 7), alpha=0.25),
    row("Elu", f(5, 7), alpha=0.7),
    row("Selu", f(5, 7), alpha=1.5, gamma=1.25),
    row("Celu", f(5, 7), alpha=2.5),
    row("Swish", f(5, 7), alpha=1.7),
    row("HardSigmoid", f(5, 7), alpha=0.4, beta=0.6),
    row("Gelu", f(5, 7), approximate="tanh"),
    row("Shrink", f(5, 7), bias=0.4, lambd=0.6),
    *(row(op, f(2, 3, 7)) for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(row(op, f(2, 3, 7), axis=1) for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(row(op, 1000 * f(5, 7), axis=0) for op in ("Softmax", "LogSoftmax")),
    row("Hardmax", TIES),
]

LINEAR = [
    row("MatMul", f(5, 3), f(3, 7)),
    row("MatMul", f(2, 1, 5, 3), f(4, 3, 7)),
    row("MatMul", f(3), f(2, 3, 7)),
    row("MatMul", f(2, 5, 3), f(3)),
    row("MatMul", n(5, 3), n(3, 7)),
    row("Gemm", f(5, 3), f(3, 7)),
    row("Gemm", f(5, 3), f(7, 3), f(7), transB=1),
    row("Gemm", f(3, 5), f(3, 7), f(5, 1), transA=1, alpha=0.5, beta=2.0),
    row("Einsum", f(2, 5, 3), f(2, 3, 7), equation="bij, bjk -> bik"),
    row("Einsum", f(2, 3, 5, 7), equation="...ij->...ji"),
    row("Einsum", f(5, 5), equation="ii"),
    row("Einsum", f(3, 5), f(5, 7), f(7, 2), equation="ab,bc,cd"),
    row("Einsum", f(4, 2, 3), f(2, 7), equation="...ab,ac->...c"),
]

CONVOLUTION = [
    row("Conv", f(2, 3, 11), f(5, 3, 3)),
    row("Conv", IMAGE, f(5, 3, 3, 2), f(5)),
    row("Conv", IMAGE, f(5, 3, 3, 2), f(5), strides=(2, 1), pads=(1, 0, 2, 1)),
    row("Conv", IMAGE, f(5, 3, 3, 2), kernel_shape=(3, 2), strides=(3, 2), dilations=(2, 3), auto_pad="VALID"),
    *(
        row("Conv", IMAGE, f(5, 3, *kernel), strides=strides, auto_pad=auto_pad)
        for kernel in ((3, 2), (4, 5))
        for strides in ((2, 1), (3, 2))
        for auto_pad in ("SAME_UPPER", "SAME_LOWER")
    ),
    row("Conv", f(2, 6, 11, 7), f(9, 2, 3, 2), f(9), group=3, strides=(1, 2)),
    row("Conv", f(2, 3, 11, 7), f(6, 1, 3, 2), f(6), group=3, dilations=(2, 1)),
    row("Conv", f(2, 3, 11, 7), f(3, 1, 3, 2), group=3, auto_pad="SAME_UPPER", strides=(2, 2)),
    row("Conv", IMAGE, f(5, 3, 1, 1), f(5)),
    row("Conv", f(2, 3, 6, 7, 5), f(4, 3, 3, 2, 1), f(4), strides=(2, 1, 1), pads=(0, 1, 0, 1, 0, 2)),
    row("ConvTranspose", f(2, 3, 11), f(3, 5, 3), f(5), strides=(2,)),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 2)),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 2), f(5), strides=(2, 3), pads=(1, 0, 2, 1)),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 2), strides=(2, 3), output_padding=(1, 2), dilations=(2, 1)),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 2), strides=(2, 3), output_shape=(21, 22)),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 2), strides=(2, 3), output_shape=(20, 19), auto_pad="SAME_UPPER"),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 4), strides=(2, 1), auto_pad="SAME_UPPER"),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 4), strides=(2, 3), auto_pad="SAME_LOWER"),
    row("ConvTranspose", IMAGE, f(3, 5, 3, 4), strides=(2, 3), auto_pad="VALID"),
    row("ConvTranspose", f(2, 6, 5, 7), f(6, 4, 3, 2), f(8), group=2, strides=(2, 1)),
    row("ConvTranspose", f(2, 3, 4, 7, 5), f(3, 2, 3, 2, 1), f(2), strides=(2, 1, 3), pads=(0, 1, 0, 1, 0, 0)),
]

_POOLS = [
    {"kernel_shape": (3, 2)},
    {"kernel_shape": (3, 2), "strides": (2, 3), "pads": (1, 0, 2, 1)},
    {"kernel_shape": (2, 3), "strides": (3, 2), "ceil_mode": 1},
    {"kernel_shape": (4, 3), "strides": (3, 2), "pads": (1, 1, 1, 1), "ceil_mode": 1},
    {"kernel_shape": (3, 2), "strides": (2, 1), "auto_pad": "SAME_UPPER"},
    {"kernel_shape": (2, 4), "strides": (1, 3), "auto_pad": "SAME_LOWER"},
    {"kernel_shape": (3, 2), "strides": (2, 1), "auto_pad": "VALID"},
    {"kernel_shape": (3, 2), "strides": (2, 1), "dilations": (2, 3)},
]

POOLING = [
    *(row("MaxPool", IMAGE, outputs=2, **attributes) for attributes in _POOLS),
    *(row(op, IMAGE, **attributes) for op in ("AveragePool", "LpPool") for attributes in _POOLS),
    *(row("AveragePool", IMAGE, count_include_pad=1, **attributes) for attributes in _POOLS[1:6]),
    row("MaxPool", IMAGE, kernel_shape=(3, 2), strides=(2, 1), storage_order=1, outputs=2),
    row("MaxPool", n(2, 3, 11, 7, dtype="int8"), kernel_shape=(3, 2), pads=(1, 0, 2, 1)),
    row("LpPool", IMAGE, kernel_shape=(3, 2), p=3, pads=(1, 0, 2, 1)),
    *(row(op, f(2, 3, 11), kernel_shape=(3,), strides=(2,)) for op in ("MaxPool", "AveragePool", "LpPool")),
    *(row(op, f(2, 3, 6, 7, 5), kernel_shape=(3, 2, 1), pads=(1, 0, 0, 0, 1, 0)) for op in ("MaxPool", "AveragePool")),
    *(
        row(op, x)
        for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
        for x in (f(2, 3, 11), IMAGE, f(2, 3, 6, 7, 5))
    ),
    row("GlobalLpPool", IMAGE, p=3),
]

NORMALIZATION = [
    row("BatchNormalization", IMAGE, f(3), f(3), f(3), u(3)),
    row("BatchNormalization", f(5, 7), f(7), f(7), f(7), u(7), epsilon=0.01),
    row("BatchNormalization", f(2, 3, 6, 7, 5), f(3), f(3), f(3), u(3)),
    row("BatchNormalization", IMAGE, f(3), f(3), f(3), u(3), training_mode=1, momentum=0.7, outputs=3),
    row("InstanceNormalization", f(2, 3, 11), f(3), f(3)),
    row("InstanceNormalization", IMAGE, f(3), f(3), epsilon=0.01),
    row("LayerNormalization", f(2, 3, 7), f(7), f(7)),
    row("LayerNormalization", IMAGE, f(3, 11, 7), axis=1, epsilon=0.01, outputs=3),
    row("GroupNormalization", f(2, 6, 11, 7), f(6), f(6), num_groups=3),
    row("GroupNormalization", f(2, 6, 5), f(6), f(6), num_groups=1, epsilon=0.01),
    row("RMSNormalization", f(2, 3, 7), f(7)),
    row("RMSNormalization", IMAGE, f(11, 7), axis=-2, epsilon=0.01),
    row("LRN", f(2, 7, 5, 4), size=3),
    # ONNX Runtime takes odd sizes only, and ONNX's reference takes the batch for the channels, so here they are as many
    row("LRN", f(5, 5, 7, 4), size=4, alpha=0.2, beta=0.6, bias=1.5),
    row("LpNormalization", f(2, 3, 7)),
    row("LpNormalization", f(2, 3, 7), axis=1, p=1),
    row("LpNormalization", np.zeros((2, 3), np.float32)),
    row("MeanVarianceNormalization", IMAGE),
    row("MeanVarianceNormalization", IMAGE, axes=(1, 3)),
]

_REDUCE = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2")
_REDUCE_POSITIVE = ("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")

REDUCTION = [
    *(row(op, u(2, 3, 7, 5), i(1, -1)) for op in (*_REDUCE, *_REDUCE_POSITIVE)),
    *(row(op, u(2, 3, 7), i(1), keepdims=0) for op in (*_REDUCE, *_REDUCE_POSITIVE)),
    *(row(op, u(2, 3, 7)) for op in (*_REDUCE, *_REDUCE_POSITIVE)),
    *(row(op, u(2, 3, 7), i(), noop_with_empty_axes=1) for op in (*_REDUCE, *_REDUCE_POSITIVE)),
    *(row(op, n(2, 3, 7), i(0, 2)) for op in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare")),
    *(row(op, np.zeros((2, 0, 7), np.float32), i(1)) for op in ("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin")),
    *(row(op, b(5, 7), i(1)) for op in ("ReduceMax", "ReduceMin")),
    row("ReduceLogSumExp", 1000 * f(5, 7), i(0)),
    *(row(op, f(2, 3, 7), axis=1) for op in ("ArgMax", "ArgMin")),
    *(row(op, TIES, axis=-1, keepdims=0) for op in ("ArgMax", "ArgMin")),
    *(row(op, TIES, axis=-1, select_last_index=1) for op in ("ArgMax", "ArgMin")),
    *(
        row(op, f(2, 3, 7), s(1), exclusive=exclusive, reverse=reverse)
        for op in ("CumSum", "CumProd")
        for exclusive in (0, 1)
        for reverse in (0, 1)
    ),
    row("CumSum", n(5, 7), s(-1)),
    row("TopK", f(2, 3, 7), i(3), outputs=2),
    row("TopK", f(2, 7, 3), i(2), axis=1, largest=0, outputs=2),
    row("TopK", TIES, i(4), outputs=2),
]

_INDICES = np.array([[0, 2, -1], [1, 1, 0]], np.int64)
_UNIQUE = np.array([[0, 2, 1, 0, 2, 1, 0], [2, 1, 0, 1, 0, 2, 1]], np.int64)

SHAPING = [
    row("Reshape", f(2, 3, 7), i(-1, 3)),
    row("Reshape", f(2, 3, 7), i(0, -1)),
    row("Reshape", np.zeros((2, 0, 7), np.float32), i(7, 0, 2), allowzero=1),
    *(row("Flatten", f(2, 3, 5, 7), axis=axis) for axis in (0, 1, 2, 4, -1)),
    row("Transpose", f(2, 3, 7)),
    row("Transpose", f(2, 3, 5, 7), perm=(0, 3, 1, 2)),
    row("Squeeze", f(2, 1, 7, 1)),
    row("Squeeze", f(2, 1, 7, 1), i(-1)),
    row("Unsqueeze", f(2, 7), i(1, -1)),
    row("Concat", f(2, 3, 7), f(2, 5, 7), f(2, 1, 7), axis=1),
    row("Concat", f(2, 3, 7), axis=-1),
    row("Split", f(2, 7), i(3, 0, 4), axis=1, outputs=3),
    row("Split", f(7, 2), num_outputs=3, outputs=3),
    row("Slice", f(2, 11, 7), i(1, -5), i(9, 100), i(1, -1), i(3, 1)),
    row("Slice", f(11, 7), i(-1, 5), i(-100, 0), i(0, 1), i(-2, -1)),
    row("Slice", f(11, 7), i(2), i(5)),
    row("Gather", f(5, 3, 7), _INDICES),
    row("Gather", f(5, 3, 7), s(-1), axis=1),
    row("GatherElements", f(5, 3), _INDICES),
    row("GatherElements", f(2, 7), _INDICES, axis=1),
    row("GatherND", f(5, 3, 7), np.array([[0, 2], [-1, 1]], np.int64)),
    row("GatherND", f(2, 3, 7), np.array([[1], [0]], np.int64), batch_dims=1),
    row("GatherND", f(2, 3, 7, 5), np.array([[[1], [0], [6]], [[2], [2], [1]]], np.int64), batch_dims=2),
    row("ScatterElements", f(5, 7), _UNIQUE, f(2, 7)),
    *(
        row("ScatterElements", f(5, 3), _INDICES, f(2, 3), axis=1, reduction=how)
        for how in ("add", "mul", "max", "min")
    ),
    row("ScatterND", f(5, 3, 7), np.array([[0, 2], [3, 1]], np.int64), f(2, 7)),
    *(
        row("ScatterND", f(5, 3), np.array([[1], [1]], np.int64), f(2, 3), reduction=how)
        for how in ("add", "mul", "max")
    ),
    row("Expand", f(3, 1), i(2, 1, 7)),
    row("Tile", f(2, 3), i(3, 2)),
    *(row("Pad", f(2, 5, 7), i(0, 1, 2, 0, 3, 1), mode=mode) for mode in ("constant", "reflect", "edge", "wrap")),
    row("Pad", f(2, 5, 7), i(1, 2), s(0.5, "float32"), i(-1)),
    row("Pad", f(2, 5, 7), i(-1, 2, 2, -3), None, i(1, 2)),
    row("Pad", n(2, 5), i(0, 1, 0, 1), s(4, "int32")),
    row("Shape", f(2, 3, 7)),
    row("Shape", f(2, 3, 5, 7), start=1, end=-1),
    row("Size", f(2, 3, 7)),
    row("ConstantOfShape", i(2, 3)),
    row("ConstantOfShape", i(2, 3), value=7, dtype="int64"),
    row("Range", s(1, "float32"), s(9.5, "float32"), s(1.5, "float32")),
    row("Range", s(9), s(-2), s(-3)),
    row("OneHot", n(2, 3, low=-4, high=9, dtype="int64"), s(5), np.array([0.25, 4], np.float32)),
    row("OneHot", n(2, 3, low=0, high=5, dtype="int64"), i(5), np.array([1, 7]), axis=1),
    *(row("DepthToSpace", f(2, 12, 5, 7), blocksize=2, mode=mode) for mode in ("DCR", "CRD")),
    row("SpaceToDepth", f(2, 3, 6, 9), blocksize=3),
    row("SpaceToDepth", f(2, 3, 6, 9), blocksize=3, mode="CRD"),
    row("Trilu", f(2, 5, 7)),
    row("Trilu", f(5, 7), s(-1), upper=0),
    row("Trilu", f(7, 5), s(2)),
    row("EyeLike", f(5, 7)),
    row("EyeLike", f(5, 7), k=2, dtype="int32"),
    row("ReverseSequence", f(7, 3, 2), i(2, 7, 1)),
    row("ReverseSequence", f(3, 7, 2), i(2, 7, 1), batch_axis=0, time_axis=1),
    row("NonZero", n(3, 7, low=-1, high=2)),
    row("Compress", f(3, 7), np.array([True, False, True])),
    row("Compress", f(3, 7), np.array([False, True, True, False]), axis=1),
]

_SCALES = np.array([1, 1, 2.5, 0.6], np.float32)
_HALF = np.array([1, 1, 0.6, 0.45], np.float32)
_MODES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")

RESIZE = [
    *(
        row("Resize", IMAGE, None, None, i(2, 3, 16, 5), mode=mode, coordinate_transformation_mode=transform)
        for mode in ("nearest", "linear", "cubic")
        for transform in _MODES
    ),
    *(row("Resize", IMAGE, None, _SCALES, mode=mode) for mode in ("nearest", "linear", "cubic")),
    *(
        row(
            "Resize", IMAGE, None, None, i(2, 3, 22, 14), nearest_mode=mode, coordinate_transformation_mode="asymmetric"
        )
        for mode in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    *(row("Resize", IMAGE, None, _HALF, mode=mode, antialias=1) for mode in ("linear", "cubic")),
    row("Resize", IMAGE, None, _HALF, mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5),
    row("Resize", IMAGE, None, None, i(16, 5), axes=(2, 3), mode="linear"),
    *(
        row("Resize", IMAGE, None, None, i(16, 9), axes=(2, 3), mode="linear", keep_aspect_ratio_policy=policy)
        for policy in ("not_larger", "not_smaller")
    ),
    row(
        "Resize",
        IMAGE,
        np.array([0, 0, 0.25, -0.1, 1, 1, 0.75, 1.2], np.float32),
        None,
        i(2, 3, 6, 9),
        mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=5.0,
    ),
]

_SEQUENCE = f(5, 3, 4)  # 5 steps, batch 3, 4 values; hidden size 2
_LENGTHS = np.array([5, 2, 3], np.int32)


def _recurrent(gates: int, directions: int = 1) -> tuple[Array, Array, Array]:
    return f(directions, 2 * gates, 4), f(directions, 2 * gates, 2), f(directions, 4 * gates)


def _batch_first(x: Array) -> Array:
    return np.ascontiguousarray(np.swapaxes(x, 0, 1))


_RNNS = (("RNN", 1, 2), ("GRU", 3, 2), ("LSTM", 4, 3))  # operator, gates, outputs

RNN = [
    *(row(op, _SEQUENCE, *_recurrent(gates)[:2], hidden_size=2, outputs=n) for op, gates, n in _RNNS),
    *(
        row(op, _SEQUENCE, *_recurrent(gates), _LENGTHS, f(1, 3, 2), hidden_size=2, direction=direction, outputs=n)
        for op, gates, n in _RNNS
        for direction in ("forward", "reverse")
    ),
    *(
        row(
            op,
            _SEQUENCE,
            *_recurrent(gates, 2),
            _LENGTHS,
            f(2, 3, 2),
            hidden_size=2,
            direction="bidirectional",
            outputs=n,
        )
        for op, gates, n in _RNNS
    ),
    *(
        row(op, _batch_first(_SEQUENCE), *_recurrent(gates), None, f(3, 1, 2), hidden_size=2, layout=1, outputs=n)
        for op, gates, n in _RNNS
    ),
    *(
        row("RNN", _SEQUENCE, *_recurrent(1), hidden_size=2, activations=(name,), outputs=2)
        for name in ("Relu", "Sigmoid", "LeakyRelu", "HardSigmoid", "Elu")
    ),
    *(  # for these ONNX Runtime has defaults of its own
        row(
            "RNN",
            _SEQUENCE,
            *_recurrent(1),
            hidden_size=2,
            activations=(name,),
            activation_alpha=[0.3],
            activation_beta=[0.4],
        )
        for name in ("Affine", "ThresholdedRelu", "ScaledTanh")
    ),
    *(row("RNN", _SEQUENCE, *_recurrent(1), hidden_size=2, activations=(name,)) for name in ("Softsign", "Softplus")),
    row(
        "RNN",
        _SEQUENCE,
        *_recurrent(1, 2),
        hidden_size=2,
        direction="bidirectional",
        activations=("Relu", "HardSigmoid"),
        activation_alpha=(0.3,),
        activation_beta=(0.4,),
    ),
    row("GRU", _SEQUENCE, *_recurrent(3), hidden_size=2, linear_before_reset=1, outputs=2),
    row("GRU", _SEQUENCE, *_recurrent(3), hidden_size=2, activations=("HardSigmoid", "Relu"), clip=0.7, outputs=2),
    row("LSTM", _SEQUENCE, *_recurrent(4), _LENGTHS, f(1, 3, 2), f(1, 3, 2), f(1, 6), hidden_size=2, outputs=3),
    row("LSTM", _SEQUENCE, *_recurrent(4), hidden_size=2, input_forget=1, outputs=3),
    row("LSTM", _SEQUENCE, *_recurrent(4), hidden_size=2, clip=0.5, outputs=3),
    row("LSTM", _SEQUENCE, *_recurrent(4), hidden_size=2, activations=("HardSigmoid", "Relu", "Softsign"), outputs=3),
]

_Q = n(2, 3, 11, 7, low=0, high=256, dtype="uint8")
_QW = n(5, 3, 3, 2, low=-128, high=128, dtype="int8")

QUANTIZATION = [
    row("QuantizeLinear", 50 * f(2, 3, 7), s(0.5, "float32"), s(128, "uint8")),
    row("QuantizeLinear", 50 * f(2, 3, 7), s(0.5, "float32")),
    row("QuantizeLinear", 50 * f(2, 3, 7), u(3), n(3, dtype="int8"), axis=1),
    row("QuantizeLinear", 50 * f(5, 7), u(5, 4), n(5, 4, dtype="int8"), axis=1, block_size=2),
    row("DequantizeLinear", _Q, s(0.5, "float32"), s(128, "uint8")),
    row("DequantizeLinear", _QW, u(3), n(3, dtype="int8"), axis=1),
    row("DequantizeLinear", n(5, 7, dtype="int8"), u(3, 7), n(3, 7, dtype="int8"), axis=0, block_size=2),
    row("DequantizeLinear", n(5, 7), s(0.25, "float32")),
    row("DynamicQuantizeLinear", f(5, 7), outputs=3),
    row("MatMulInteger", n(2, 5, 7, dtype="uint8", low=0, high=256), n(7, 3, dtype="int8"), s(12, "uint8")),
    row("MatMulInteger", n(5, 7, dtype="int8"), n(7, 3, dtype="int8"), None, n(3, dtype="int8")),
    row("ConvInteger", _Q, n(5, 3, 3, 2, low=0, high=256, dtype="uint8"), s(7, "uint8"), pads=(1, 0, 2, 1)),
    row(
        "QLinearConv",
        *(_Q, s(0.02, "float32"), s(7, "uint8"), _QW, u(5), np.zeros(5, np.int8), s(4, "float32"), s(3, "uint8")),
        n(5),
        strides=(2, 1),
        pads=(1, 0, 2, 1),
    ),
    row(
        "QLinearMatMul",
        *(n(5, 7, dtype="int8"), s(0.5, "float32"), s(1, "int8")),
        *(n(7, 3, dtype="int8"), s(0.25, "float32"), s(-2, "int8"), s(3, "float32"), s(4, "int8")),
    ),
]

_QKV = (f(2, 4, 5, 6), f(2, 2, 7, 6), f(2, 2, 7, 3))

ATTENTION = [
    row("Attention", *_QKV),
    row("Attention", *_QKV, b(5, 7), scale=0.3, outputs=3),
    row("Attention", *_QKV, f(2, 1, 5, 7), softcap=2.0, is_causal=1, outputs=4, qk_matmul_output_mode=3),
    row("Attention", f(2, 5, 12), f(2, 7, 6), f(2, 7, 4), q_num_heads=4, kv_num_heads=2),
    row("Attention", f(2, 2, 5, 6), f(2, 2, 3, 6), f(2, 2, 3, 6), None, f(2, 2, 4, 6), f(2, 2, 4, 6), outputs=3),
    row("RotaryEmbedding", f(2, 3, 5, 8), f(11, 4), f(11, 4), n(2, 5, low=0, high=11, dtype="int64")),
    row("RotaryEmbedding", f(2, 5, 24), f(2, 5, 2), f(2, 5, 2), num_heads=3, rotary_embedding_dim=4, interleaved=1),
    row(
        "LinearAttention",
        f(2, 5, 12),
        f(2, 5, 6),
        f(2, 5, 4),
        q_num_heads=4,
        kv_num_heads=2,
        update_rule="linear",
        outputs=2,
    ),
    row(
        "LinearAttention",
        *(f(2, 5, 12), f(2, 5, 6), f(2, 5, 4), f(2, 2, 3, 2), -u(2, 5, 2), u(2, 5, 2, high=0.9)),
        q_num_heads=4,
        kv_num_heads=2,
        outputs=2,
    ),
    row("CausalConvWithState", f(2, 3, 7), f(3, 1, 4), outputs=2),
    row("CausalConvWithState", f(2, 3, 2), f(3, 1, 4), f(3), f(2, 3, 3), activation="silu", outputs=2),
    row("SwiGLU", f(5, 7), f(5, 7), alpha=1.5),
]

SIGNAL = [
    row("DFT", f(2, 11, 1)),
    row("DFT", f(2, 11, 7, 2), s(8), s(1), inverse=1),
    row("DFT", f(2, 11, 1), s(16), onesided=1),
    row("STFT", f(2, 64, 1), s(8), u(16), onesided=1),  # said, because ONNX infers shapes as if the default were 0
    row("STFT", f(2, 64, 1), s(5), None, s(16), onesided=0),
    *(row(op, s(11), periodic=periodic) for op in ("HannWindow", "HammingWindow") for periodic in (0, 1)),
    row("BlackmanWindow", s(11)),
    row("MelWeightMatrix", s(8), s(16), s(8192), s(0, "float32"), s(4096, "float32")),
]

_GRID = u(2, 5, 4, 2, low=-1.3, high=1.3)
_BOXES = np.sort(u(2, 9, 4, low=0, high=1).reshape(2, 9, 2, 2), axis=2).reshape(2, 9, 4)
_ROIS = np.array([[0.5, 1, 6, 9.5], [1, 2, 3, 4], [-1, -2, 5, 12]], np.float32)

VISION = [
    *(row("AffineGrid", f(2, 2, 3), i(2, 3, 5, 4), align_corners=corners) for corners in (0, 1)),
    row("AffineGrid", f(2, 3, 4), i(2, 3, 5, 4, 6)),
    *(
        row("GridSample", IMAGE, _GRID, mode=mode, padding_mode=padding, align_corners=corners)
        for mode in ("linear", "nearest", "cubic")
        for padding in ("zeros", "border", "reflection")
        for corners in (0, 1)
    ),
    row("GridSample", f(2, 3, 5, 6, 7), u(2, 3, 4, 5, 3, low=-1.3, high=1.3)),
    row("DeformConv", f(2, 4, 6, 5), f(6, 2, 3, 2), f(2, 24, 5, 4), group=2, offset_group=2, pads=(1, 0, 0, 0)),
    row(
        "DeformConv",
        *(f(2, 3, 6, 5), f(4, 3, 2, 2), f(2, 8, 3, 4), f(4), u(2, 4, 3, 4)),
        strides=(2, 1),
        pads=(0, 0, 0, 0),
    ),
    row("Col2Im", f(2, 18, 16), i(6, 5), i(3, 2)),
    row("Col2Im", f(2, 4, 16), i(8, 7), i(2, 2), pads=(0, 1, 1, 0), strides=(2, 2), dilations=(1, 1)),
    row("CenterCropPad", f(5, 8, 3), i(8, 5), axes=(0, 1)),
    row("CenterCropPad", f(5, 8), i(4, 11)),
    row("NonMaxSuppression", _BOXES, f(2, 3, 9), i(4), u(1, low=0.3, high=0.4), s([0.0], "float32")),
    row("NonMaxSuppression", u(2, 9, 4), f(2, 3, 9), i(2), s([0.5], "float32"), center_point_box=1),
    *(
        row("RoiAlign", IMAGE, _ROIS, i(1, 0, 1), mode=mode, output_height=4, output_width=3, sampling_ratio=ratio)
        for mode in ("avg", "max")
        for ratio in (0, 2)
    ),
    row("RoiAlign", IMAGE, _ROIS, i(1, 0, 1), spatial_scale=0.5, coordinate_transformation_mode="output_half_pixel"),
    row(
        "MaxRoiPool", IMAGE, np.hstack([[[1], [0], [1]], np.maximum(_ROIS, 0)]).astype(np.float32), pooled_shape=(3, 2)
    ),
    row("MaxUnpool", f(1, 1, 2, 2), np.array([[[[5, 7], [13, 15]]]]), kernel_shape=(2, 2), strides=(2, 2)),
]

LOSS = [
    *(row("NegativeLogLikelihoodLoss", f(3, 5), i(1, 0, 4), u(5), reduction=how) for how in ("mean", "sum", "none")),
    row("NegativeLogLikelihoodLoss", f(2, 5, 3), n(2, 3, low=0, high=5, dtype="int64"), ignore_index=2),
    row("SoftmaxCrossEntropyLoss", f(3, 5), i(1, 0, 4), u(5), outputs=2),
    row("SoftmaxCrossEntropyLoss", f(2, 5, 3), n(2, 3, low=0, high=5, dtype="int64"), ignore_index=2, reduction="sum"),
]

OTHERS = [
    row("Det", f(2, 3, 4, 4)),
    row("BitCast", n(5, 7), to="uint32"),
    row("Unique", n(3, 7, low=0, high=5, dtype="int64"), outputs=4),
    row("Unique", n(5, 3, low=0, high=2, dtype="int64"), axis=0, outputs=4),
    row("Unique", n(11, low=0, high=5, dtype="int64"), sorted=0, outputs=4),
    row("TensorScatter", f(2, 3, 11, 7), f(2, 3, 4, 7), i(3, 5)),
    row("TensorScatter", f(2, 11, 7), f(2, 4, 7), i(9, 5), axis=1, mode="circular"),
]

TABLE = [
    *ELEMENTWISE,
    *LOGIC,
    *ACTIVATION,
    *LINEAR,
    *CONVOLUTION,
    *POOLING,
    *NORMALIZATION,
    *REDUCTION,
    *SHAPING,
    *RESIZE,
    *RNN,
    *QUANTIZATION,
    *ATTENTION,
    *SIGNAL,
    *VISION,
    *LOSS,
    *OTHERS,
]

# Operators that no row can hold; ONNX's own cases cover them (tests/conformance).
_RANDOM = "makes random numbers"
_TEXT = "takes text"
_NO_TENSORS = "takes or makes sequences, optional values or graphs"
WITHOUT_ROWS = {
    **dict.fromkeys(("If", "Loop", "Scan", "SequenceMap"), _NO_TENSORS),
    **dict.fromkeys(("SequenceEmpty", "SequenceConstruct", "SequenceLength", "SequenceAt"), _NO_TENSORS),
    **dict.fromkeys(("SequenceInsert", "SequenceErase", "SplitToSequence", "ConcatFromSequence"), _NO_TENSORS),
    **dict.fromkeys(("Optional", "OptionalHasElement", "OptionalGetElement"), _NO_TENSORS),
    **dict.fromkeys(("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _RANDOM),
    **dict.fromkeys(("Bernoulli", "Multinomial"), _RANDOM),
    **dict.fromkeys(("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"), _TEXT),
    "ImageDecoder": "takes the bytes of a picture's file",
}
