"""Masking: makes a mask out of the values. See interchange_keras.masks for what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interchange_keras.layer import Layer, LayerFunction


def masking(layer: Layer, x: str, *, mask_value: float = 0.0) -> str:
    """A step all of whose features have this value does not count; what it holds becomes 0."""
    value = layer.constant("mask_value", np.array(mask_value, layer.dtype(x)))
    others = layer.add("Not", layer.add("Equal", x, value))
    counted = layer.add("ReduceMax", layer.add("Cast", others, to="float32"), [-1], keepdims=0)
    mask = layer.add("Cast", counted, to="bool")
    layer.give_masks(mask)
    return layer.add("Where", layer.add("Unsqueeze", mask, [-1]), x, 0.0)


LAYERS: Mapping[str, LayerFunction] = {"Masking": masking}
