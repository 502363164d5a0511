"""The Keras layer `toy>Scale2`."""

from __future__ import annotations

from interchange_keras.layer import Layer


def scale2(layer: Layer, x: str, *, power: int = 1) -> str:
    """`power` is the layer's only option; any other key of its config that matters is an error by itself."""
    return layer.add("toy.Scale2", x, power=power)
