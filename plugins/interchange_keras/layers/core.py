"""Dense, shapes, and the layers that do nothing at inference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Ints, Layer, LayerFunction, weights
from interchange_keras.layers.lora import adapted
from interchange_keras.precision import INTEGERS


@weights("kernel", "bias:use_bias", "-lora_kernel_a:lora_rank", "-lora_kernel_b:lora_rank")
def dense(
    layer: Layer,
    x: str,
    *,
    units: int,
    activation: Any = "linear",
    use_bias: bool = True,
    lora_rank: int | None = None,
    lora_alpha: float | None = None,
) -> str:
    layer.axes(x, [-1])
    kernel = layer.constant("kernel", adapted(layer, "kernel", lora_rank, lora_alpha, (layer.shape(x)[-1], units)))
    bias = layer.weight("bias", (units,)) if use_bias else None
    if layer.rank(x) == 2:
        y = layer.add("Gemm", x, kernel, bias) if bias else layer.add("Gemm", x, kernel)
    else:
        y = layer.add("MatMul", x, kernel)
        y = layer.add("Add", y, bias) if bias else y
    return layer.activation(y, activation)


def flatten(layer: Layer, x: str, *, data_format: str | None = None) -> str:
    """To (batch, features). With channels first the channels go last before, so that weights fit both formats."""
    rank = layer.rank(x)
    if rank == 1:
        return layer.add("Unsqueeze", x, [1])
    if data_format == "channels_first" and rank > 2:
        x = layer.add("Transpose", x, perm=[0, *range(2, rank), 1])
    return x if rank == 2 else layer.add("Flatten", x, axis=1)


def reshape(layer: Layer, x: str, *, target_shape: Ints) -> str:
    sizes = [size for size in target_shape if size != -1]
    if len(target_shape) - len(sizes) > 1 or any(size < 0 for size in sizes):
        layer.reject(f"target_shape is {list(target_shape)}")
    known = [size for size in layer.shape(x)[1:] if size is not None]
    if len(known) == layer.rank(x) - 1:
        elements, asked = math.prod(known), math.prod(sizes)
        if elements != asked and (len(sizes) == len(target_shape) or asked == 0 or elements % asked):
            layer.reject(f"{list(known)} cannot be reshaped to {list(target_shape)}")
    if 0 in sizes:
        layer.refuse("target_shape holds a 0")
    return layer.add("Reshape", x, [0, *target_shape])


def permute(layer: Layer, x: str, *, dims: Ints) -> str:
    if sorted(dims) != list(range(1, layer.rank(x))):
        layer.reject(f"dims {list(dims)} do not fit an input with {layer.rank(x)} dimensions")
    return layer.add("Transpose", x, perm=[0, *dims])


def repeat_vector(layer: Layer, x: str, *, n: int) -> str:
    layer.check_size(n * float(layer.shape(x)[-1] or 1))
    return layer.add("Expand", layer.add("Unsqueeze", x, [1]), [1, n, 1])


def rescaling(layer: Layer, x: str, *, scale: Any, offset: Any = 0.0) -> str:
    """In the dtype of its policy, which may be one of integers: it casts both numbers to that, too."""
    kind = layer.compute_dtype if layer.compute_dtype in INTEGERS else "float32"
    scaled = layer.add("Mul", layer.cast(x, layer.compute_dtype), np.asarray(scale, np.float32).astype(kind))
    return layer.add("Add", scaled, np.asarray(offset, np.float32).astype(kind)) if np.any(offset) else scaled


def identity(layer: Layer, x: str) -> str:
    return x


def dropout(layer: Layer, x: str, *, rate: float = 0.0, noise_shape: Any = None, data_format: Any = None) -> str:
    return x


def gaussian_noise(layer: Layer, x: str, *, stddev: float = 0.0) -> str:
    return x


def activity_regularization(layer: Layer, x: str, *, l1: float = 0.0, l2: float = 0.0) -> str:
    return x


LAYERS: Mapping[str, LayerFunction] = {
    "ActivityRegularization": activity_regularization,
    "AlphaDropout": dropout,
    "Dense": dense,
    "Dropout": dropout,
    "Flatten": flatten,
    "GaussianDropout": dropout,
    "GaussianNoise": gaussian_noise,
    "Identity": identity,
    "Permute": permute,
    "RepeatVector": repeat_vector,
    "Rescaling": rescaling,
    "Reshape": reshape,
    "SpatialDropout1D": dropout,
    "SpatialDropout2D": dropout,
    "SpatialDropout3D": dropout,
}
