"""Preprocessing that is a function of numbers: bins, and categories as vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Layer, LayerFunction, called_with, weights

MOST_CATEGORIES = 1 << 24


def encoded(
    layer: Layer, x: str, mode: str, depth: int, dtype: str, counts: str | None = None, keeps_last: bool = False
) -> str:
    """Whole numbers as they are, or as vectors of `depth`; one outside of these is a vector of zeros.

    Args:
        mode: "int", "one_hot", "multi_hot" or "count"; the last two make one vector of the entries along axis 1, or of
            all entries of a vector.
        counts: how much each entry counts.
        keeps_last: "one_hot" keeps a last dimension of 1.
    """
    if mode == "int":
        return layer.cast(x, dtype)
    if mode not in ("one_hot", "multi_hot", "count"):
        layer.refuse(f"output_mode is {mode!r}")
    if not 0 < depth <= MOST_CATEGORIES:
        layer.reject(f"there are {depth} categories")
    number = layer.cast(x, "int64")
    rank = layer.rank(number)
    if mode == "one_hot":
        if rank > 1 and layer.shape(number)[-1] == 1 and not keeps_last:
            number = layer.add("Squeeze", number, [rank - 1])
        return layer.cast(_is_category(layer, number, depth), dtype)
    if rank == 2:
        return _scattered(layer, number, mode, depth, dtype, counts)
    y = layer.cast(_is_category(layer, number, depth), dtype)
    if counts is not None:
        y = layer.add("Mul", y, layer.add("Unsqueeze", counts, [rank]))
    return layer.add("ReduceMax" if mode == "multi_hot" else "ReduceSum", y, [min(rank - 1, 1)], keepdims=0)


def _is_category(layer: Layer, number: str, depth: int) -> str:
    categories = layer.constant("categories", np.arange(depth, dtype=np.int64))
    return layer.add("Equal", layer.add("Unsqueeze", number, [layer.rank(number)]), categories)


def _scattered(layer: Layer, number: str, mode: str, depth: int, dtype: str, counts: str | None) -> str:
    """Rows of entries as one vector each, without a vector for each entry. What is no category goes into one more."""
    is_known = layer.add("And", layer.add("GreaterOrEqual", number, 0), layer.add("Less", number, depth))
    places = layer.add("Where", is_known, number, depth)
    rows = layer.add("Concat", layer.add("Shape", number, start=0, end=1), [depth + 1], axis=0)
    zeros = layer.add("ConstantOfShape", rows, dtype=dtype)
    if counts is None or mode == "multi_hot":
        counts = layer.add("ConstantOfShape", layer.add("Shape", number), value=1, dtype=dtype)
    reduction = "none" if mode == "multi_hot" else "add"
    y = layer.add("ScatterElements", zeros, places, counts, axis=1, reduction=reduction)
    return layer.add("Slice", y, [0], [depth], [1])


@weights("?summary:!bin_boundaries")
def discretization(
    layer: Layer,
    x: str,
    *,
    bin_boundaries: Any = None,
    num_bins: int | None = None,
    epsilon: float = 0.01,
    output_mode: str = "int",
) -> str:
    """The number of boundaries that x is not below; they are float32. What `adapt` found is in the config of Keras 3;
    Keras 2 keeps a summary of the data. TensorFlow 2.4 wrote an infinite last boundary, and counted those that x is
    above.
    """
    bounds = _summarised(layer, num_bins) if bin_boundaries is None else np.asarray(bin_boundaries, np.float32)
    bounds = bounds.reshape(-1)
    x = x if layer.dtype(x) in ("float32", "float64") else layer.cast(x, "float32")
    limits = layer.cast(layer.constant("boundaries", bounds), layer.dtype(x))
    is_open = len(bounds) > 0 and np.isposinf(bounds[-1]) and (2, 4) <= layer.version < (2, 5)
    below = layer.add("LessOrEqual" if is_open else "Less", layer.add("Unsqueeze", x, [layer.rank(x)]), limits)
    reached = layer.cast(layer.add("Not", below), "int64")
    number = layer.add("ReduceSum", reached, [layer.rank(x)], keepdims=0)
    dtype = layer.compute_dtype
    if output_mode == "int":
        dtype = eras.dtype_of_bins(layer.version, dtype)
    keeps_last = eras.keeps_last_of_one(layer.version)
    return encoded(layer, number, output_mode, len(bounds) + 1, dtype, keeps_last=keeps_last)


def _summarised(layer: Layer, num_bins: int | None) -> Array:
    """The boundaries that a summary of the data gives."""
    if num_bins is None or not 0 < num_bins <= MOST_CATEGORIES:
        layer.reject(f"num_bins is {num_bins}, and there are no bin_boundaries")
    summary = layer.array("summary", (2, None))
    if not summary.size:
        layer.refuse("bin_boundaries are not in the file: the layer was not adapted")
    return bounds_of_summary(summary, num_bins)


def bounds_of_summary(summary: Array, num_bins: int) -> Array:
    """The boundaries of `num_bins` bins with as many values each, float32; summary (2, n): values, and how often."""
    values, counts = summary
    share = 1 / num_bins
    bounds: Array = values[:-1]
    if len(values) * share < 1:
        return bounds
    reached = counts.cumsum()
    wanted = share + np.arange(0.0, 1.0, share)
    bounds = np.interp(wanted, reached / reached[-1], values)[:-1].astype(np.float32)
    return bounds


@called_with("count_weights")
def category_encoding(
    layer: Layer, x: str, *, num_tokens: int, output_mode: str = "multi_hot", count_weights: Any = None
) -> str:
    """`count_weights`, of the shape of x, say how much each of its entries counts."""
    counts = None if count_weights is None else layer.cast(str(count_weights), layer.compute_dtype)
    keeps_last = eras.keeps_last_of_one(layer.version)
    return encoded(layer, x, output_mode, num_tokens, layer.compute_dtype, counts, keeps_last)


def feature(layer: Layer, x: str) -> str:
    """A column of a FeatureSpace as it is."""
    return x


def features(layer: Layer, *xs: str, axis: int = -1) -> str:
    """All columns of a FeatureSpace side by side."""
    return layer.add("Concat", *xs, axis=axis)


LAYERS: Mapping[str, LayerFunction] = {
    "CategoryEncoding": category_encoding,
    "Discretization": discretization,
    "TFDConcat": features,
    "TFDIdentity": feature,
}
