"""Layers that the architectures of keras.applications bring along; they are no part of keras.layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interchange_keras.layer import Layer, LayerFunction, weights


@weights("gamma")
def layer_scale(layer: Layer, x: str, *, init_values: Any = None, projection_dim: int) -> str:
    """ConvNeXt: each channel times a number."""
    return layer.add("Mul", x, layer.weight("gamma", (projection_dim,)))


def stochastic_depth(layer: Layer, x: str, *, drop_path_rate: float = 0.0) -> str:
    """ConvNeXt: leaves a branch out, in training."""
    return x


def custom_scale(layer: Layer, x: str, y: str, *, scale: float) -> str:
    """InceptionResNetV2: x + scale * y."""
    return layer.add("Add", x, layer.add("Mul", y, scale))


LAYERS: Mapping[str, LayerFunction] = {
    "CustomScaleLayer": custom_scale,
    "LayerScale": layer_scale,
    "StochasticDepth": stochastic_depth,
}
