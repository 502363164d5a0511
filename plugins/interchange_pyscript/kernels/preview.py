"""The domain ai.onnx.preview: operators that ONNX tries out."""

from __future__ import annotations

import math

from interchange_pyscript.kernels.activation import Softmax
from interchange_pyscript.kernels.attention import repeated_heads
from interchange_pyscript.kernels.control import Body
from interchange_pyscript.kernels.linear import MatMul
from interchange_pyscript.kernels.tensor import Tensor, elementwise, transposed


def FlexAttention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    prob_mod: Body | None = None,
    scale: float | None = None,
    score_mod: Body | None = None,
    softmax_precision: str | None = None,
) -> Tensor:
    """softmax(score_mod(q @ k * scale)) @ v for each head; `prob_mod` changes the weights. Both are graphs."""
    times = q.shape[1] // k.shape[1]
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    keys = transposed(repeated_heads(k, times), (0, 1, 3, 2))
    scores = MatMul(elementwise(lambda value: value * factor, q), keys)
    if score_mod is not None:
        (scores,) = score_mod(scores)
    weights = Softmax(scores)
    if prob_mod is not None:
        (weights,) = prob_mod(weights)
    return MatMul(weights, repeated_heads(v, times))
