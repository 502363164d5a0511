"""Normalisations with sums before."""

from __future__ import annotations

import numpy as np

from interchange_onnx.microsoft.activation import activated, plus
from interchange_onnx.microsoft.expansion import Expansion

EPSILON = 9.999999960041972e-13  # 1e-12 as a float32: the default of the attributes


def SkipLayerNormalization(
    at: Expansion, x: str, skip: str, gamma: str, beta: str = "", bias: str = "", *, epsilon: float = EPSILON
) -> tuple[str, ...]:
    """LayerNormalization(x + skip + bias), the mean, 1 / deviation, and the sum."""
    total = plus(at, x, skip, bias)
    y, mean, inverse = at.add_many("LayerNormalization", 3, total, gamma, beta, axis=-1, epsilon=epsilon)
    return y, mean, inverse, total


def SimplifiedLayerNormalization(
    at: Expansion, x: str, scale: str, *, axis: int = -1, epsilon: float = 1e-5, stash_type: str = "float32"
) -> str:
    """RMSNormalization."""
    return at.add("RMSNormalization", x, scale, axis=axis, epsilon=epsilon, stash_type=stash_type)


def SkipSimplifiedLayerNormalization(
    at: Expansion, x: str, skip: str, gamma: str, bias: str = "", *, epsilon: float = EPSILON
) -> tuple[str, ...]:
    """RMSNormalization(x + skip + bias); and as the fourth output the sum."""
    total = plus(at, x, skip, bias)
    return at.add("RMSNormalization", total, gamma, axis=-1, epsilon=epsilon), "", "", total


def EmbedLayerNormalization(
    at: Expansion,
    input_ids: str,
    segment_ids: str,
    word_embedding: str,
    position_embedding: str,
    segment_embedding: str = "",
    gamma: str = "",
    beta: str = "",
    mask: str = "",
    position_ids: str = "",
    *,
    epsilon: float = EPSILON,
    mask_index_type: int = 0,
) -> tuple[str, ...]:
    """LayerNormalization of the sum of the embeddings of words, positions and segments; mask sums; the sum."""
    total = at.add("Gather", word_embedding, input_ids)
    if position_ids:
        positions = at.add("Gather", position_embedding, position_ids)
    else:
        length = at.size(input_ids, 1)
        positions = at.add("Slice", position_embedding, at.constant([0]), length, at.constant([0]))
    total = at.add("Add", total, positions)
    if segment_ids:
        total = at.add("Add", total, at.add("Gather", segment_embedding, segment_ids))
    y = at.add("LayerNormalization", total, gamma, beta, axis=-1, epsilon=epsilon)
    if mask:
        counts = at.add("ReduceSum", at.add("Cast", mask, to="int32"), at.constant([1]), keepdims=0)
    else:
        counts = at.add("Expand", at.constant(0, np.int32), at.size(input_ids, 0))
    return y, counts, total


def _group_norm(
    at: Expansion, x: str, gamma: str, beta: str, activation: int, channels_last: int, epsilon: float, groups: int
) -> str:
    if activation not in (0, 1):
        raise at.unsupported(f"activation={activation}")
    layout = "NHWC" if channels_last else "NCHW"
    dtype = at.dtype(x, "X").name
    y = at.add(
        "GroupNormalization",
        x,
        *(at.add("Cast", name, to=dtype) for name in (gamma, beta)),
        num_groups=groups,
        epsilon=epsilon,
        layout=layout,
    )
    return at.add("Mul", y, activated(at, y, "Sigmoid")) if activation else y


def GroupNorm(
    at: Expansion,
    x: str,
    gamma: str,
    beta: str,
    *,
    activation: int,
    groups: int,
    channels_last: int = 1,
    epsilon: float = 1e-5,
) -> str:
    """GroupNormalization, with `activation` 1 y * sigmoid(y) of it."""
    return _group_norm(at, x, gamma, beta, activation, channels_last, epsilon, groups)
