"""The layers: one function for each class, in a flat table for each module. See interchange_keras.layer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from interchange_keras.layer import LayerFunction, slots_of
from interchange_keras.layers import (
    activations,
    adaptive,
    applications,
    attention,
    convolution,
    core,
    einsum,
    embedding,
    masking,
    merging,
    normalization,
    pooling,
    preprocessing,
    random,
    recurrent,
    transposed,
)

MODULES = (
    *(core, activations, convolution, transposed, pooling, adaptive, normalization, merging, einsum, attention),
    *(random, preprocessing, applications, embedding, masking, recurrent),
)

LAYERS: Mapping[str, LayerFunction] = MappingProxyType(
    {name: function for module in MODULES for name, function in module.LAYERS.items()}
)
ACTIVATIONS = activations.ACTIVATIONS


def table() -> str:
    """The layers as a Markdown table: docs/keras.md holds it, and a test keeps it there."""
    from interchange_keras.options import keywords

    rows: dict[LayerFunction, list[str]] = {}
    for name, function in LAYERS.items():
        rows.setdefault(function, []).append(name)
    lines = ["| layers | options | weights |", "|---|---|---|"]
    for function, names in rows.items():
        options = ", ".join(f"`{name}`" for name in keywords(function)[0])
        weights = ", ".join(f"`{slot.name}`" for slot in slots_of(function))
        lines.append(f"| {', '.join(names)} | {options} | {weights} |")
    return "\n".join(lines)
