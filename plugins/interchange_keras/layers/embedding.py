"""Embedding."""

from __future__ import annotations

from collections.abc import Mapping

from interchange_keras.layer import Layer, LayerFunction, weights


@weights("embeddings")
def embedding(layer: Layer, x: str, *, input_dim: int | None = None, output_dim: int, mask_zero: bool = False) -> str:
    """A row of the table for each index. `mask_zero` is a matter of the mask alone (interchange_keras.masks)."""
    table = layer.weight("embeddings", (input_dim, output_dim))
    indices = x if layer.dtype(x) in ("int32", "int64") else layer.add("Cast", x, to="int32")
    return layer.add("Gather", table, indices)


LAYERS: Mapping[str, LayerFunction] = {"Embedding": embedding}
