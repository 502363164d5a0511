"""The layers: one function for each class, in a flat table for each module. See interchange_keras.layer."""

from __future__ import annotations

from interchange.catalogue import Catalogue
from interchange_keras.layer import LayerFunction, slots_of
from interchange_keras.layers.activations import ACTIVATIONS

__all__ = ["ACTIVATIONS", "ADDONS", "LAYERS", "table"]

# A module is imported when the first of its layers is met, so those with the most common ones come first.
MODULES = (
    *("core", "activations", "convolution", "pooling", "normalization", "merging", "embedding", "recurrent", "masking"),
    *("transposed", "attention", "adaptive", "preprocessing", "random", "einsum", "applications"),
    *("lookup", "text", "pictures", "spectrograms"),
)

LAYERS: Catalogue[LayerFunction] = Catalogue(
    [f"{__name__}.{module}" for module in MODULES], lambda module: module.LAYERS
)

# Of TensorFlow Addons, by registered names.
ADDONS: Catalogue[LayerFunction] = Catalogue([f"{__name__}.addons"], lambda module: module.LAYERS)


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
