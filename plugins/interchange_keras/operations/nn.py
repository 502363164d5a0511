"""Operations of neural networks: activations, pools, convolutions, attention, pictures."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction
from interchange_keras.layers import activations
from interchange_keras.layers.adaptive import pooled
from interchange_keras.layers.resizing import resized
from interchange_keras.layers.spatial import layout, spatial_axes, unless_one
from interchange_keras.operations.operands import Operand, as_dtype, axes_of, floating, joined
from interchange_keras.options import integer


def _activation(function: LayerFunction) -> LayerFunction:
    @functools.wraps(function)
    def operation(layer: Layer, x: Operand, **options: Any) -> str:
        result: str = function(layer, floating(layer, x), **options)
        return result

    return operation


def gelu(layer: Layer, x: Operand, *, approximate: bool = True) -> str:
    return activations.gelu(layer, floating(layer, x), approximate=approximate)


def softmax(layer: Layer, x: Operand, *, axis: Any = -1) -> str:
    x = floating(layer, x)
    return activations.softmax(layer, x, axis=tuple(axes_of(layer, x, axis)))


def log_softmax(layer: Layer, x: Operand, *, axis: Any = -1) -> str:
    x = floating(layer, x)
    axes = axes_of(layer, x, axis)
    return layer.add("LogSoftmax", x, axis=axes[0]) if len(axes) == 1 else layer.refuse(f"axis is {axis}")


def _each(value: Any, n: int) -> list[int]:
    return [integer(v) for v in value] if isinstance(value, (list, tuple)) else [integer(value)] * n


def _pads(layer: Layer, name: str) -> dict[str, Any]:
    if name not in ("valid", "same"):
        layer.refuse(f"padding is {name!r}")
    return {"auto_pad": "SAME_UPPER"} if name == "same" else {}


def pool(op: str) -> LayerFunction:
    def function(
        layer: Layer,
        inputs: Operand,
        *,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> str:
        x = floating(layer, inputs)
        n = layer.rank(x) - 2
        size = _each(pool_size, n)
        steps = unless_one(strides=_each(size if strides is None else strides, n))
        return layer.add(op, x, kernel_shape=size, layout=layout(layer, data_format), **steps, **_pads(layer, padding))

    return function


def _adaptive(maximum: bool) -> LayerFunction:
    def function(layer: Layer, inputs: Operand, *, output_size: Any, data_format: str | None = None) -> str:
        x = floating(layer, inputs)
        axes = spatial_axes(layer.rank(x) - 2, layout(layer, data_format))
        for axis, m in zip(axes, _each(output_size, len(axes)), strict=True):
            x = pooled(layer, x, axis, m, maximum=maximum)
        return x

    return function


def conv(
    layer: Layer,
    inputs: Operand,
    kernel: Operand,
    *,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> str:
    x, w = joined(layer, inputs, kernel, floating=True)
    n, order = layer.rank(x) - 2, layout(layer, data_format)
    if n < 1 or layer.rank(w) != n + 2:
        layer.reject(f"a kernel with {layer.rank(w)} dimensions for a value with {layer.rank(x)}")
    depth, per_group = layer.shape(x)[-1 if order == "NHWC" else 1], layer.shape(w)[-2]
    if depth is None or per_group is None or depth % per_group:
        layer.refuse(f"{depth} channels for a kernel of {per_group}")
    if order == "NCHW":
        w = layer.add("Transpose", w, perm=[n + 1, n, *range(n)])
    options: dict[str, Any] = dict(unless_one(strides=_each(strides, n), dilations=_each(dilation_rate, n)))
    if depth != per_group:
        options["group"] = depth // per_group
    return layer.add("Conv", x, w, layout=order, **options, **_pads(layer, padding))


def batch_norm(
    layer: Layer,
    x: Operand,
    mean: Operand,
    variance: Operand,
    offset: Operand = None,
    scale: Operand = None,
    *,
    axis: int,
    epsilon: float = 1e-3,
) -> str:
    x = floating(layer, x)
    at = axes_of(layer, x, axis)[0]
    shape = [-1, *[1] * (layer.rank(x) - 1 - at)]

    def shaped(value: Operand) -> str:
        return layer.add("Reshape", as_dtype(layer, value, layer.dtype(x)), shape)

    y = layer.add("Sub", x, shaped(mean))
    y = layer.add("Div", y, layer.add("Sqrt", layer.add("Add", shaped(variance), epsilon)))
    y = y if scale is None else layer.add("Mul", y, shaped(scale))
    return y if offset is None else layer.add("Add", y, shaped(offset))


def rms_norm(layer: Layer, x: Operand, scale: Operand = None, *, axis: Any = -1, epsilon: float | None = None) -> str:
    x = floating(layer, x)
    squares = layer.add("ReduceMean", layer.add("Mul", x, x), axes_of(layer, x, axis))
    y = layer.add("Div", x, layer.add("Sqrt", layer.add("Add", squares, 1e-7 if epsilon is None else epsilon)))
    return y if scale is None else layer.add("Mul", y, as_dtype(layer, scale, layer.dtype(y)))


def layer_norm(
    layer: Layer,
    x: Operand,
    gamma: Operand = None,
    beta: Operand = None,
    *,
    axis: Any = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> str:
    x = floating(layer, x)
    axes = axes_of(layer, x, axis)
    if rms_scaling or axes != list(range(axes[0], layer.rank(x))):
        layer.refuse(f"axis is {axis}")
    centred = layer.add("Sub", x, layer.add("ReduceMean", x, axes))
    squares = layer.add("ReduceMean", layer.add("Mul", centred, centred), axes)
    y = layer.add("Div", centred, layer.add("Sqrt", layer.add("Add", squares, 1e-7 if epsilon is None else epsilon)))
    y = y if gamma is None else layer.add("Mul", y, as_dtype(layer, gamma, layer.dtype(y)))
    return y if beta is None else layer.add("Add", y, as_dtype(layer, beta, layer.dtype(y)))


def dot_product_attention(
    layer: Layer,
    query: Operand,
    key: Operand,
    value: Operand,
    bias: Operand = None,
    mask: Operand = None,
    scale: Any = None,
    *,
    is_causal: bool = False,
    flash_attention: Any = None,
    attn_logits_soft_cap: float | None = None,
) -> str:
    """(batch, places, heads, size) each."""
    q, k, v = joined(layer, query, key, value, floating=True)
    if not layer.rank(q) == layer.rank(k) == layer.rank(v) == 4:
        layer.reject("queries, keys or values that have not four dimensions")
    size, heads, kept = layer.shape(q)[-1], layer.shape(q)[2], layer.shape(k)[2]
    if heads != kept or (is_causal and layer.shape(q)[1] is None):
        layer.refuse(f"{heads} heads of queries and {kept} of keys, or a causal mask of unknown size")
    q = layer.add(
        "Mul", layer.add("Transpose", q, perm=[0, 2, 1, 3]), 1 / math.sqrt(size or 1) if scale is None else scale
    )
    scores = layer.add("MatMul", q, layer.add("Transpose", k, perm=[0, 2, 3, 1]))
    if attn_logits_soft_cap:
        capped = layer.add("Tanh", layer.add("Div", scores, attn_logits_soft_cap))
        scores = layer.add("Mul", capped, attn_logits_soft_cap)
    if bias is not None:
        scores = layer.add("Add", scores, as_dtype(layer, bias, layer.dtype(scores)))
    if mask is not None:
        scores = layer.add("Where", as_dtype(layer, mask, "bool"), scores, -1e9)
    if is_causal:
        shape = [integer(n or 0) for n in layer.shape(scores)[-2:]]
        scores = layer.add("Where", np.tri(*shape, dtype=bool), scores, -1e9)
    y = layer.add("MatMul", layer.add("Softmax", scores, axis=-1), layer.add("Transpose", v, perm=[0, 2, 1, 3]))
    return layer.add("Transpose", y, perm=[0, 2, 1, 3])


# --- pictures -------------------------------------------------------------------------------------------------------


def resize(
    layer: Layer,
    images: Operand,
    *,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> str:
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        layer.refuse("crop_to_aspect_ratio or pad_to_aspect_ratio is true")
    x = floating(layer, images)
    last = layer.rank(x) - (3 if layout(layer, data_format) == "NHWC" else 2)
    return resized(layer, x, [last, last + 1], _each(size, 2), interpolation, antialias=antialias)


def grayscale(layer: Layer, images: Operand, *, data_format: str | None = None) -> str:
    x = floating(layer, images)
    axis = layer.rank(x) - (1 if layout(layer, data_format) == "NHWC" else 3)
    shares = np.array([0.2989, 0.587, 0.114], np.float32).reshape([-1] + [1] * (layer.rank(x) - 1 - axis))
    return layer.add("ReduceSum", layer.add("Mul", x, shares), [axis])


def _blocks(op: str) -> LayerFunction:
    def function(layer: Layer, x: Operand, *, block_size: int, data_format: str = "channels_last") -> str:
        return layer.add(op, floating(layer, x), blocksize=block_size, layout=layout(layer, data_format))

    return function


ACTIVATIONS = """
    Relu Relu6 Sigmoid SparseSigmoid Softplus Softsign SoftShrink SparsePlus Silu Squareplus LogSigmoid LeakyRelu
    HardSigmoid HardSilu Elu Selu Celu Glu TanhShrink HardTanh HardShrink Threshold Sparsemax
"""
OPERATIONS: Mapping[str, LayerFunction] = {
    **{
        name: _activation(activations.ACTIVATIONS[snake])
        for name in ACTIVATIONS.split()
        for snake in ["".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]]
    },
    **{"Gelu": gelu, "Softmax": softmax, "LogSoftmax": log_softmax, "HardSwish": _activation(activations.hard_silu)},
    **{"MaxPool": pool("MaxPool"), "AveragePool": pool("AveragePool"), "Conv": conv, "BatchNorm": batch_norm},
    **{"AdaptiveMaxPool": _adaptive(True), "AdaptiveAveragePool": _adaptive(False), "RMSNorm": rms_norm},
    **{"LayerNorm": layer_norm, "DotProductAttention": dot_product_attention, "Resize": resize},
    **{"RGBToGrayscale": grayscale, "DepthToSpace": _blocks("DepthToSpace"), "SpaceToDepth": _blocks("SpaceToDepth")},
}
