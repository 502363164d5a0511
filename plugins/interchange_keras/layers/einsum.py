"""Products of tensors that an equation describes, and Keras 1's layers of products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interchange_keras.eras import Version
from interchange_keras.layer import Layer, LayerFunction, weights, weights_by
from interchange_keras.layers.lora import adapted


@weights("kernel", "bias:bias_axes", "-lora_kernel_a:lora_rank", "-lora_kernel_b:lora_rank")
def einsum_dense(
    layer: Layer,
    x: str,
    *,
    equation: str,
    output_shape: Any,
    activation: Any = None,
    bias_axes: str | None = None,
    lora_rank: int | None = None,
    lora_alpha: float | None = None,
) -> str:
    """The shapes of the weights say what `output_shape` said."""
    kernel = adapted(layer, "kernel", lora_rank, lora_alpha)
    inputs, arrow, _ = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow or len(terms) != 2 or len(terms[1]) != kernel.ndim or "." in terms[1]:
        layer.reject(f"the equation {equation!r} does not fit a kernel of the shape {list(kernel.shape)}")
    y = layer.add("Einsum", x, layer.constant("kernel", kernel), equation=equation.replace(" ", ""))
    if bias_axes:
        y = layer.add("Add", y, layer.weight("bias"))
    return layer.activation(y, activation)


# --- Keras 1 --------------------------------------------------------------------------------------------------------


def _weights_of_highway(class_name: str, options: Mapping[str, Any], version: Version) -> list[str]:
    if not options["use_bias"]:
        return ["W", "W_carry"]
    return ["W", "W_carry", "b", "b_carry"] if version >= (1, 2) else ["W", "b", "W_carry", "b_carry"]


@weights_by(_weights_of_highway, shown=("W", "W_carry", "b", "b_carry"))
def highway(
    layer: Layer, x: str, *, activation: Any = "linear", use_bias: bool = True, transform_bias: Any = None
) -> str:
    """g * activation(x @ W + b) + (1 - g) * x with the gate g = sigmoid(x @ W_carry + b_carry)."""
    size = layer.shape(x)[-1]

    def product(part: str) -> str:
        inputs = [x, layer.weight(f"W{part}", (size, size)), *([layer.weight(f"b{part}", (size,))] if use_bias else [])]
        return layer.add("Gemm", *inputs)

    gate = layer.add("Sigmoid", product("_carry"))
    y = layer.activation(product(""), activation)
    return layer.add("Add", layer.add("Mul", y, gate), layer.add("Mul", layer.add("Sub", 1.0, gate), x))


@weights("W", "b:use_bias")
def maxout_dense(layer: Layer, x: str, *, units: int, nb_feature: int = 4, use_bias: bool = True) -> str:
    """The largest of several linear functions of x."""
    kernel = layer.array("W", (nb_feature, layer.shape(x)[-1], units))
    flat = kernel.transpose(1, 0, 2).reshape(kernel.shape[1], nb_feature * units)
    y = layer.add("MatMul", x, layer.constant("W", flat))
    if use_bias:
        y = layer.add("Add", y, layer.constant("b", layer.array("b", (nb_feature, units)).reshape(-1)))
    return layer.add("ReduceMax", layer.add("Reshape", y, [0, nb_feature, units]), [1], keepdims=0)


LAYERS: Mapping[str, LayerFunction] = {
    "EinsumDense": einsum_dense,
    "Highway": highway,
    "MaxoutDense": maxout_dense,
}
