"""Preprocessing that is a function of numbers: bins, and categories as vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction
from interchange_keras.precision import FLOATS

MOST_CATEGORIES = 1 << 24


def _encoded(layer: Layer, x: str, mode: str, depth: int, dtype: str) -> str:
    """Whole numbers as they are, or as vectors of `depth`; one outside of these is a vector of zeros."""
    if mode == "int":
        return layer.cast(x, dtype)
    if mode not in ("one_hot", "multi_hot", "count"):
        layer.refuse(f"output_mode is {mode!r}")
    if not 0 < depth <= MOST_CATEGORIES:
        layer.reject(f"there are {depth} categories")
    rank = layer.rank(x)
    if mode == "one_hot" and rank > 1 and layer.shape(x)[-1] == 1:
        x = layer.add("Squeeze", x, [rank - 1])
    elif mode != "one_hot" and rank != 2:
        layer.refuse(f"output_mode {mode!r} for an input with {rank} dimensions")
    categories = layer.constant("categories", np.arange(depth, dtype=np.int64))
    number = layer.add("Unsqueeze", layer.cast(x, "int64"), [layer.rank(x)])
    y = layer.cast(layer.add("Equal", number, categories), dtype)
    if mode == "one_hot":
        return y
    return layer.add("ReduceMax" if mode == "multi_hot" else "ReduceSum", y, [1], keepdims=0)


def discretization(
    layer: Layer,
    x: str,
    *,
    bin_boundaries: Any = None,
    num_bins: int | None = None,
    epsilon: float = 0.01,
    output_mode: str = "int",
) -> str:
    """The number of boundaries that x is not below; they are float32. What `adapt` found is in the config, too."""
    if not isinstance(bin_boundaries, list):
        layer.refuse("bin_boundaries are not in the file: the layer was not adapted")
    bounds = np.asarray(bin_boundaries, np.float32).reshape(-1)
    x = x if layer.dtype(x) in ("float32", "float64") else layer.cast(x, "float32")
    limits = layer.cast(layer.constant("boundaries", bounds), layer.dtype(x))
    below = layer.add("Less", layer.add("Unsqueeze", x, [layer.rank(x)]), limits)
    reached = layer.cast(layer.add("Not", below), "int64")
    number = layer.add("ReduceSum", reached, [layer.rank(x)], keepdims=0)
    dtype = layer.compute_dtype
    if output_mode == "int" and dtype in FLOATS:
        dtype = "int32"
    return _encoded(layer, number, output_mode, len(bounds) + 1, dtype)


def category_encoding(layer: Layer, x: str, *, num_tokens: int, output_mode: str = "multi_hot") -> str:
    return _encoded(layer, x, output_mode, num_tokens, layer.compute_dtype)


LAYERS: Mapping[str, LayerFunction] = {
    "CategoryEncoding": category_encoding,
    "Discretization": discretization,
}
