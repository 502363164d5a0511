"""Embedding."""

from __future__ import annotations

from collections.abc import Mapping

from interchange_keras.layer import Layer, LayerFunction, called_with, weights
from interchange_keras.layers.lora import adapted
from interchange_keras.precision import FLOATS


@weights("embeddings", "-lora_embeddings_a:lora_rank", "-lora_embeddings_b:lora_rank")
def embedding(
    layer: Layer,
    x: str,
    *,
    input_dim: int | None = None,
    output_dim: int,
    mask_zero: bool = False,
    lora_rank: int | None = None,
    lora_alpha: float | None = None,
) -> str:
    """A row of the table for each index. `mask_zero` is a matter of the mask alone (interchange_keras.masks)."""
    table = adapted(layer, "embeddings", lora_rank, lora_alpha, (input_dim, output_dim))
    return layer.add("Gather", layer.constant("embeddings", table), indices_of(layer, x))


def indices_of(layer: Layer, x: str) -> str:
    """Indices as Gather takes them."""
    return x if layer.dtype(x) in ("int32", "int64") else layer.add("Cast", x, to="int32")


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
    """The way there is an Embedding; the way back a product with the table, or with another one, and has no mask."""
    if not reverse:
        return embedding(layer, x, input_dim=input_dim, output_dim=output_dim)
    layer.give_masks(None)
    if tie_weights:
        table = layer.array("embeddings", (input_dim, output_dim)).T
    else:
        table = layer.array("reverse_embeddings", (output_dim, input_dim))
    back = layer.constant("reverse_embeddings", table)
    if reverse_dtype is not None:
        if reverse_dtype not in FLOATS:
            layer.refuse(f"reverse_dtype is {reverse_dtype!r}")
        x, back = layer.cast(x, reverse_dtype), layer.cast(back, reverse_dtype)
    y = layer.add("MatMul", x, back)
    if logit_soft_cap is None:
        return y
    return layer.add("Mul", layer.add("Tanh", layer.add("Div", y, logit_soft_cap)), logit_soft_cap)


LAYERS: Mapping[str, LayerFunction] = {"Embedding": embedding, "ReversibleEmbedding": reversible_embedding}
