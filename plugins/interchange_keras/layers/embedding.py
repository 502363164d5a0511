"""Embedding."""

from __future__ import annotations

from collections.abc import Mapping

from interchange_keras.layer import Layer, LayerFunction, called_with, weights


@weights("embeddings")
def embedding(layer: Layer, x: str, *, input_dim: int | None = None, output_dim: int, mask_zero: bool = False) -> str:
    """A row of the table for each index. `mask_zero` is a matter of the mask alone (interchange_keras.masks)."""
    table = layer.weight("embeddings", (input_dim, output_dim))
    indices = x if layer.dtype(x) in ("int32", "int64") else layer.add("Cast", x, to="int32")
    return layer.add("Gather", table, indices)


@weights("embeddings", "reverse_embeddings:!tie_weights")
@called_with("reverse")
def reversible_embedding(
    layer: Layer,
    x: str,
    *,
    input_dim: int,
    output_dim: int,
    mask_zero: bool = False,
    tie_weights: bool = True,
    reverse_dtype: str | None = None,
    logit_soft_cap: float | None = None,
    reverse: bool = False,
) -> str:
    """The way there is an Embedding; the way back a product with the table, or with another one."""
    if mask_zero or reverse_dtype not in (None, "float32"):
        layer.refuse(f"mask_zero is {mask_zero}, reverse_dtype {reverse_dtype!r}")
    if not reverse:
        return embedding(layer, x, input_dim=input_dim, output_dim=output_dim)
    if tie_weights:
        table = layer.array("embeddings", (input_dim, output_dim)).T
    else:
        table = layer.array("reverse_embeddings", (output_dim, input_dim))
    y = layer.add("MatMul", x, layer.constant("reverse_embeddings", table))
    if logit_soft_cap is None:
        return y
    return layer.add("Mul", layer.add("Tanh", layer.add("Div", y, logit_soft_cap)), logit_soft_cap)


LAYERS: Mapping[str, LayerFunction] = {"Embedding": embedding, "ReversibleEmbedding": reversible_embedding}
