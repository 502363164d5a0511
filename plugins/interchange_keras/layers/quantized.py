"""The quantised layers of Keras 3: weights of 8 or 4 bits, and what becomes of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from interchange.graph import Array, dtype_of
from interchange_keras.layer import Layer, LayerFunction, weights
from interchange_keras.layers.embedding import indices_of

EPSILON = 1e-7


def find(class_name: str, mode: str) -> LayerFunction | None:
    """The function of a layer quantised in a mode: "int8", "int4/128", "float8" …; None if there is none."""
    family, _, block = mode.partition("/")
    if family == "int4" and block in ("", "-1"):
        family = "int4 by channel"
    return QUANTISED.get((class_name, family))


def _unpacked(layer: Layer, packed: Array, size: int) -> Array:
    """4-bit integers out of bytes: two in each, the first in the low half, along the last axis."""
    if packed.dtype != np.int8 or packed.shape[-1] != (size + 1) // 2:
        layer.reject(f"the packed weight is {packed.dtype}{list(packed.shape)} for {size} columns")
    low, high = (packed << 4) >> 4, packed >> 4
    return np.stack([low, high], -1).reshape(*packed.shape[:-1], -1)[..., :size]


def _quantised(layer: Layer, x: str, axes: Any) -> tuple[str, str]:
    """Inputs as whole numbers from -127 to 127, and the factors that made them so: 127 / (max |x| + epsilon)."""
    largest = layer.add("ReduceMax", layer.add("Abs", x), list(axes), keepdims=1)
    scale = layer.add("Div", 127.0, layer.add("Add", largest, EPSILON))
    rounded = layer.add("Round", layer.add("Mul", x, scale))
    return layer.add("Clip", rounded, -127.0, 127.0), scale


def _quantises_inputs(layer: Layer, config: Any) -> bool:
    """Whether the inputs are quantised too, as without a config of its own."""
    if config is None:
        return True
    details = config.get("config") if isinstance(config, Mapping) else None
    if not isinstance(details, Mapping):
        layer.reject(f"quantization_config is {str(config)[:80]}")
    quantizer = details.get("activation_quantizer", "absent")
    if quantizer is None:
        return False
    inner = quantizer.get("config", {}) if isinstance(quantizer, Mapping) else {}
    is_usual = isinstance(quantizer, Mapping) and quantizer.get("class_name") == "AbsMaxQuantizer"
    if quantizer != "absent" and not (is_usual and list(inner.get("value_range", (-127, 127))) == [-127, 127]):
        layer.refuse(f"activation_quantizer is {str(quantizer)[:80]}")
    return True


def _finished(layer: Layer, y: str, use_bias: bool, units: int | None, activation: Any) -> str:
    if use_bias:
        y = layer.add("Add", y, layer.weight("bias", None if units is None else (units,)))
    return layer.activation(y, activation)


@weights("~kernel", "bias:use_bias", "~kernel_scale")
def dense_int8(
    layer: Layer,
    x: str,
    *,
    units: int,
    activation: Any = "linear",
    use_bias: bool = True,
    quantization_config: Any = None,
) -> str:
    """Whole numbers times whole numbers, in float32 exact up to 2²⁴, divided by both scales."""
    kernel = layer.array("kernel", (layer.shape(x)[-1], units))
    return _integer_product(layer, x, kernel, units, activation, use_bias, quantization_config)


def _integer_product(
    layer: Layer, x: str, kernel: Array, units: int, activation: Any, use_bias: bool, config: Any
) -> str:
    scale = layer.weight("kernel_scale", (units,))
    if _quantises_inputs(layer, config):
        x, factor = _quantised(layer, x, [-1])
        scale = layer.add("Mul", scale, factor)
    y = layer.add("MatMul", x, layer.constant("kernel", kernel.astype(np.float32)))
    return _finished(layer, layer.add("Div", y, scale), use_bias, units, activation)


@weights("~kernel", "bias:use_bias", "~kernel_scale")
def dense_int4_by_channel(
    layer: Layer,
    x: str,
    *,
    units: int,
    activation: Any = "linear",
    use_bias: bool = True,
    quantization_config: Any = None,
) -> str:
    kernel = _unpacked(layer, layer.array("kernel"), units)
    return _integer_product(layer, x, kernel, units, activation, use_bias, quantization_config)


@weights("~kernel", "bias:use_bias", "~kernel_scale", "~kernel_zero", "~g_idx")
def dense_int4(
    layer: Layer,
    x: str,
    *,
    units: int,
    activation: Any = "linear",
    use_bias: bool = True,
    quantization_config: Any = None,
) -> str:
    """(kernel - zero) * scale, both by groups of rows."""
    kernel = _unpacked(layer, layer.array("kernel"), units)
    kernel = _from_groups(layer, kernel, "kernel_scale", "kernel_zero", 0)
    y = layer.add("MatMul", x, layer.constant("kernel", kernel))
    return _finished(layer, y, use_bias, units, activation)


def _from_groups(layer: Layer, packed: Array, scale: str, zero: str, axis: int) -> Array:
    """Numbers out of integers with a scale and a zero for each group of places along an axis."""
    groups = layer.array("g_idx", (packed.shape[axis],)).astype(np.int64)
    scales, zeros = layer.array(scale), layer.array(zero)
    if groups.size and not (groups.min() >= 0 and groups.max() < scales.shape[axis]):
        layer.reject("a group has no scale")
    dtype = dtype_of(layer.compute_dtype)
    zeros = np.take(zeros, groups, axis).astype(dtype)
    result: Array = (packed.astype(dtype) - zeros) * np.take(scales, groups, axis).astype(dtype)
    return result


@weights(
    *("kernel", "bias:use_bias", "inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history"),
    *("outputs_grad_scale", "outputs_grad_amax_history"),
)
def dense_float8(
    layer: Layer,
    x: str,
    *,
    units: int,
    activation: Any = "linear",
    use_bias: bool = True,
    quantization_config: Any = None,
) -> str:
    """Inputs and kernel are rounded to 8 bits, float8_e4m3fn, and the product is an ordinary one."""
    kernel = layer.array("kernel", (layer.shape(x)[-1], units))
    y = layer.add("MatMul", *_in_8_bits(layer, x, kernel))
    return _with_short_bias(layer, y, (units,) if use_bias else None, activation)


def _with_short_bias(layer: Layer, y: str, shape: tuple[int, ...] | None, activation: Any) -> str:
    """Keras rounds the bias to bfloat16, for the sake of kernels that fuse it."""
    if shape is not None:
        bias = layer.array("bias", shape or None)
        bias = bias.astype(dtype_of("bfloat16")).astype(bias.dtype) if layer.compute_dtype == "float32" else bias
        y = layer.add("Add", y, layer.constant("bias", bias))
    return layer.activation(y, activation)


def _in_8_bits(layer: Layer, x: str, kernel: Array) -> tuple[str, str]:
    for name in ("inputs_amax_history", "kernel_amax_history", "outputs_grad_scale", "outputs_grad_amax_history"):
        layer.array(name)  # of training
    small = dtype_of("float8_e4m3fn")
    most = float(448)
    scale = layer.array("kernel_scale")
    rounded = np.clip(kernel / scale, -most, most).astype(small).astype(kernel.dtype) * scale
    factor = layer.weight("inputs_scale")
    x = layer.add("Clip", layer.add("Div", x, factor), -most, most)
    x = layer.add("Cast", layer.add("Cast", x, to="float8_e4m3fn"), to=layer.compute_dtype)
    return layer.add("Mul", x, factor), layer.constant("kernel", rounded)


# --- EinsumDense ----------------------------------------------------------------------------------------------------


def _terms(layer: Layer, equation: str, rank: int) -> tuple[str, str, str]:
    """The letters of the input, the kernel and the output; "..." stands for letters that nobody has used."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    first, comma, kernel = left.partition(",")
    if not (arrow and comma):
        layer.reject(f"the equation is {equation!r}")
    free = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in equation]
    dots = "".join(free[: rank - len(first.replace("...", ""))])
    return first.replace("...", dots), kernel, output.replace("...", dots)


@weights("~kernel", "bias:bias_axes", "~kernel_scale")
def einsum_dense_int8(
    layer: Layer,
    x: str,
    *,
    equation: str,
    output_shape: Any,
    activation: Any = None,
    bias_axes: str | None = None,
    quantization_config: Any = None,
) -> str:
    """As Dense; inputs are scaled along the axes that the product sums over."""
    first, second, output = _terms(layer, equation, layer.rank(x))
    kernel = layer.array("kernel")
    scale = layer.weight("kernel_scale")
    if _quantises_inputs(layer, quantization_config):
        summed = [i for i, letter in enumerate(first) if letter not in output]
        x, factor = _quantised(layer, x, summed)
        scale = layer.add("Mul", _aligned(layer, factor, first, output), scale)
    whole = layer.constant("kernel", kernel.astype(np.float32))
    y = layer.add("Einsum", x, whole, equation=f"{first},{second}->{output}")
    return _finished(layer, layer.add("Div", y, scale), bool(bias_axes), None, activation)


@weights(
    *("kernel", "bias:bias_axes", "inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history"),
    *("outputs_grad_scale", "outputs_grad_amax_history"),
)
def einsum_dense_float8(
    layer: Layer,
    x: str,
    *,
    equation: str,
    output_shape: Any,
    activation: Any = None,
    bias_axes: str | None = None,
    quantization_config: Any = None,
) -> str:
    first, second, output = _terms(layer, equation, layer.rank(x))
    y = layer.add("Einsum", *_in_8_bits(layer, x, layer.array("kernel")), equation=f"{first},{second}->{output}")
    return _with_short_bias(layer, y, () if bias_axes else None, activation)


def _aligned(layer: Layer, factor: str, letters: str, output: str) -> str:
    """A factor with the axes of the input, 1 where it is summed, as one with the axes of the output."""
    kept = [letter for letter in letters if letter in output]
    summed = [i for i, letter in enumerate(letters) if letter not in output]
    factor = layer.add("Squeeze", factor, summed) if summed else factor
    order = [kept.index(letter) for letter in output if letter in kept]
    factor = layer.add("Transpose", factor, perm=order) if order != sorted(order) else factor
    added = [i for i, letter in enumerate(output) if letter not in kept]
    return layer.add("Unsqueeze", factor, added) if added else factor


# --- Embedding ------------------------------------------------------------------------------------------------------


@weights("~embeddings", "~embeddings_scale")
def embedding_int8(
    layer: Layer,
    x: str,
    *,
    input_dim: int,
    output_dim: int,
    mask_zero: bool = False,
    quantization_config: Any = None,
) -> str:
    table = layer.array("embeddings", (input_dim, output_dim)).astype(dtype_of(layer.compute_dtype))
    return _scaled_rows(layer, x, table)


def _scaled_rows(layer: Layer, x: str, table: Array) -> str:
    scaled = table / layer.array("embeddings_scale", (len(table),))[:, None]
    return layer.add("Gather", layer.constant("embeddings", scaled), indices_of(layer, x))


@weights("~embeddings", "~embeddings_scale")
def embedding_int4_by_channel(
    layer: Layer,
    x: str,
    *,
    input_dim: int,
    output_dim: int,
    mask_zero: bool = False,
    quantization_config: Any = None,
) -> str:
    table = _unpacked(layer, layer.array("embeddings"), output_dim)
    return _scaled_rows(layer, x, table.astype(dtype_of(layer.compute_dtype)))


@weights("~embeddings", "~embeddings_scale", "~embeddings_zero", "~g_idx")
def embedding_int4(
    layer: Layer,
    x: str,
    *,
    input_dim: int,
    output_dim: int,
    mask_zero: bool = False,
    quantization_config: Any = None,
) -> str:
    table = _unpacked(layer, layer.array("embeddings"), output_dim)
    table = _from_groups(layer, table, "embeddings_scale", "embeddings_zero", -1)
    return layer.add("Gather", layer.constant("embeddings", table), indices_of(layer, x))


Function = Callable[..., Any]
QUANTISED: Mapping[tuple[str, str], Function] = {
    ("Dense", "int8"): dense_int8,
    ("Dense", "int4"): dense_int4,
    ("Dense", "int4 by channel"): dense_int4_by_channel,
    ("Dense", "float8"): dense_float8,
    ("EinsumDense", "int8"): einsum_dense_int8,
    ("EinsumDense", "float8"): einsum_dense_float8,
    ("Embedding", "int8"): embedding_int8,
    ("Embedding", "int4"): embedding_int4,
    ("Embedding", "int4 by channel"): embedding_int4_by_channel,
}
