"""The layers: one function for each class, in a flat table for each module. See interchange_keras.layer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from interchange_keras.layer import LayerFunction
from interchange_keras.layers import activations, convolution, core, merging, normalization, pooling

MODULES = (core, activations, convolution, pooling, normalization, merging)

LAYERS: Mapping[str, LayerFunction] = MappingProxyType(
    {name: function for module in MODULES for name, function in module.LAYERS.items()}
)
ACTIVATIONS = activations.ACTIVATIONS
