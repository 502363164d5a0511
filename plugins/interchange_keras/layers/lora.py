"""Low-rank adaptation: what Keras 3 has trained beside a frozen weight.

E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021). A .keras file holds the weight with the
product already added, an .h5 file holds the parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interchange.graph import Array
from interchange_keras.layer import Layer


def adapted(
    layer: Layer, name: str, rank: int | None, alpha: float | None, shape: Sequence[int | None] | None = None
) -> Array:
    """The weight with alpha / rank * a @ b, computed where Keras computes it: in the dtype of the weight."""
    weight = layer.array(name, shape)
    if not rank or not layer.has(f"lora_{name}_a"):
        return weight
    a = layer.array(f"lora_{name}_a", (*weight.shape[:-1], rank))
    b = layer.array(f"lora_{name}_b", (rank, weight.shape[-1]))
    factor = weight.dtype.type((rank if alpha is None else alpha) / rank)
    result: Array = weight + factor * np.matmul(a, b)
    return result
