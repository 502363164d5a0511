"""The domain ai.onnx.preview: operators that ONNX tries out."""

from __future__ import annotations

import math

import numpy as np

from interchange.ops._dtypes import dtype_of


def FlexAttention(q, k, v, *, prob_mod=None, scale=None, score_mod=None, softmax_precision=None):
    """softmax(score_mod(q @ k * scale)) @ v for each head; `prob_mod` changes the weights. Both are graphs."""
    wide = np.promote_types(q.dtype, np.float32 if softmax_precision is None else dtype_of(softmax_precision))
    times = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, times, 1), np.repeat(v, times, 1)
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = np.matmul(q.astype(wide), k.swapaxes(-1, -2).astype(wide)) * wide.type(factor)
    if score_mod is not None:
        (scores,) = score_mod(scores)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    weights = powers / powers.sum(-1, keepdims=True)
    if prob_mod is not None:
        (weights,) = prob_mod(weights)
    return np.matmul(weights, v.astype(wide)).astype(q.dtype)
