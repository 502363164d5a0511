"""Attention, and what goes with it in transformers."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from interchange_pyscript.kernels.activation import Softmax
from interchange_pyscript.kernels.arithmetic import sigmoid
from interchange_pyscript.kernels.linear import MatMul
from interchange_pyscript.kernels.shaping import Concat, Gather, reshaped
from interchange_pyscript.kernels.tensor import (
    Tensor,
    elementwise,
    expanded,
    inner,
    integers,
    lines,
    padded,
    pairwise,
    transposed,
)


def heads_of(x: Tensor, count: int | None) -> Tensor:
    """(batch, length, heads * size) as (batch, heads, length, size); what has four dimensions is that already."""
    if len(x.shape) == 4:
        return x
    if not count:
        raise ValueError(f"the number of heads is missing for the shape {x.shape}")
    return transposed(reshaped(x, [*x.shape[:2], count, -1]), (0, 2, 1, 3))


def repeated_heads(x: Tensor, times: int) -> Tensor:
    """Every head `times` times, one after the other."""
    if times == 1:
        return x
    batch, heads, length, size = x.shape
    several = expanded(Tensor(x.values, (batch, heads, 1, length, size)), (batch, heads, times, length, size))
    return Tensor(several.values, (batch, heads * times, length, size))


def seen_keys(
    queries: int, keys: int, before: Sequence[int], ends: Sequence[int], is_causal: int, left: int, right: int
) -> Tensor:
    """0 where a query may see a key, -inf elsewhere, (batch or 1, 1, queries, keys).

    `before`: the number of keys before the queries, `ends`: of keys that count, for each sample.
    """
    values = []
    for first, end in zip(before, ends):
        for place in range(first, first + queries):
            low = place - left if left >= 0 else 0
            high = min(place if is_causal else end, place + right if right >= 0 else end, end - 1)
            values += [0.0 if low <= key <= high else -math.inf for key in range(keys)]
    return Tensor(values, (len(before), 1, queries, keys))


def with_mask(bias: Tensor, mask: Tensor | None) -> Tensor:
    """The bias plus a mask, which may be of booleans and may be too short for the keys."""
    if mask is None:
        return bias
    values = [(0.0 if v else -math.inf) if isinstance(v, bool) else v for v in mask.values]
    missing = bias.shape[-1] - mask.shape[-1]
    ends = [(0, 0)] * (len(mask.shape) - 1) + [(0, missing)]
    return pairwise(operator.add, bias, padded(Tensor(values, mask.shape), ends, -math.inf))


def masked_softmax(scores: Tensor, bias: Tensor) -> Tensor:
    """Softmax along the last axis; zeros where the bias leaves nothing."""
    length = scores.shape[-1]
    nothing = [max(row) == -math.inf for row in lines(expanded(bias, scores.shape), [3])]
    weights = Softmax(scores).values
    values = [0.0 if nothing[i // length] else value for i, value in enumerate(weights)]
    return Tensor(values, scores.shape)


def Attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    nonpad_kv_seqlen: Tensor | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    left_window_size: int = -1,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    right_window_size: int = -1,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """softmax(q @ k * scale + mask) @ v for each head; the keys and values with those of the past; the scores.

    The last output is, by `qk_matmul_output_mode`, the plain product, after `softcap`, with the mask, or the weights.
    A query that may see no key gives zeros.
    """
    is_packed = len(q.shape) == 3
    q, k, v = heads_of(q, q_num_heads), heads_of(k, kv_num_heads), heads_of(v, kv_num_heads)
    before = [0]
    if past_key is not None and past_value is not None:
        before = [past_key.shape[2]]
        k, v = Concat(past_key, k, axis=2), Concat(past_value, v, axis=2)
    elif past_key is not None or past_value is not None:
        raise ValueError("past_key and past_value come together")
    elif nonpad_kv_seqlen is not None:
        before = [length - q.shape[2] for length in integers(nonpad_kv_seqlen)]
    ends = [k.shape[2]] * len(before)
    if nonpad_kv_seqlen is not None:
        ends = integers(nonpad_kv_seqlen)
        before = before * len(ends) if len(before) == 1 else before
    seen = seen_keys(q.shape[2], k.shape[2], before, ends, is_causal, left_window_size, right_window_size)
    bias = with_mask(seen, attn_mask)
    times = q.shape[1] // k.shape[1]
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    keys = transposed(repeated_heads(k, times), (0, 1, 3, 2))
    scores = MatMul(elementwise(lambda value: value * factor, q), keys)
    capped = elementwise(lambda value: softcap * math.tanh(value / softcap), scores) if softcap else scores
    biased = pairwise(operator.add, capped, bias)
    weights = masked_softmax(biased, bias)
    y = MatMul(weights, repeated_heads(v, times))
    if is_packed:
        batch, _, length, _ = y.shape
        y = reshaped(transposed(y, (0, 2, 1, 3)), [batch, length, -1])
    return y, k, v, (scores, capped, biased, weights)[qk_matmul_output_mode]


def RotaryEmbedding(
    x: Tensor,
    cos_cache: Tensor,
    sin_cache: Tensor,
    position_ids: Tensor | None = None,
    *,
    interleaved: int = 0,
    num_heads: int | None = None,
    rotary_embedding_dim: int = 0,
) -> Tensor:
    """Turns pairs of values by angles that grow with the position, J. Su et al., "RoFormer", 2021.

    A pair are the first and second half of the first `rotary_embedding_dim` values (0: all), or neighbours.
    """
    y = heads_of(x, num_heads)
    if position_ids is not None:
        cos_cache, sin_cache = Gather(cos_cache, position_ids), Gather(sin_cache, position_ids)
    batch, heads, length, width = y.shape
    size = rotary_embedding_dim or width
    half = size // 2
    first, second = (range(0, size, 2), range(1, size, 2)) if interleaved else (range(half), range(half, size))
    values = list(y.values)
    for row in range(batch * heads * length):
        angle = (row // (heads * length) * length + row % length) * half
        for i, (a, b) in enumerate(zip(first, second)):
            p, q = y.values[row * width + a], y.values[row * width + b]
            cos, sin = cos_cache.values[angle + i], sin_cache.values[angle + i]
            values[row * width + a], values[row * width + b] = cos * p - sin * q, sin * p + cos * q
    turned = Tensor(values, y.shape)
    return turned if len(x.shape) == 4 else Tensor(transposed(turned, (0, 2, 1, 3)).values, x.shape)


def LinearAttention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    past_state: Tensor | None = None,
    decay: Tensor | None = None,
    beta: Tensor | None = None,
    *,
    chunk_size: int = 64,
    kv_num_heads: int,
    q_num_heads: int,
    scale: float = 0.0,
    update_rule: str = "gated_delta",
) -> tuple[Tensor, Tensor]:
    """Attention by a state S of each head, step by step: y = scale * q @ S; and the last state.

    S becomes S + k v' ("linear"), with exp(decay) * S for S ("gated"), with beta * (v - S k) for v ("delta"), or both.
    """
    if update_rule not in ("linear", "gated", "delta", "gated_delta"):
        raise ValueError(f"update_rule is {update_rule!r}")
    batch, steps, _ = query.shape
    times, depth, width = q_num_heads // kv_num_heads, key.shape[2] // kv_num_heads, value.shape[2] // kv_num_heads
    factor = scale or 1 / math.sqrt(depth)
    y = [0.0] * (batch * steps * q_num_heads * width)
    last: list[float] = []
    for n in range(batch * kv_num_heads):
        sample, head = divmod(n, kv_num_heads)
        flat = [0.0] * (depth * width) if past_state is None else past_state.values[n * depth * width :]
        state = [list(flat[i * width : (i + 1) * width]) for i in range(depth)]
        for t in range(steps):
            place = (sample * steps + t) * kv_num_heads + head
            k = key.values[place * depth : (place + 1) * depth]
            new = value.values[place * width : (place + 1) * width]
            if decay is not None and "gated" in update_rule:
                count = decay.shape[2] // kv_num_heads  # one for the head, or one for each row of its state
                gates = decay.values[place * count : (place + 1) * count]
                state = [[math.exp(gates[i % count]) * s for s in row] for i, row in enumerate(state)]
            if beta is not None and "delta" in update_rule:
                rate = expanded(beta, (batch, steps, kv_num_heads)).values[place]
                known = [inner(k, column) for column in zip(*state)]
                new = [rate * (fresh - old) for fresh, old in zip(new, known)]
            state = [[s + p * fresh for s, fresh in zip(row, new)] for row, p in zip(state, k)]
            for g in range(times):
                start = (sample * steps + t) * q_num_heads + head * times + g
                q = query.values[start * depth : (start + 1) * depth]
                y[start * width : (start + 1) * width] = [factor * inner(q, column) for column in zip(*state)]
        last += [s for row in state for s in row]
    return Tensor(y, (batch, steps, q_num_heads * width)), Tensor(last, (batch, kv_num_heads, depth, width))


def CausalConvWithState(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    past_state: Tensor | None = None,
    *,
    activation: str = "none",
) -> tuple[Tensor, Tensor]:
    """Each channel's convolution over the past only; and the end of the input, which is the next call's past."""
    if activation not in ("none", "silu", "swish"):
        raise ValueError(f"activation is {activation!r}")
    width, (batch, channels, length) = weight.shape[-1], x.shape
    past = past_state or Tensor([0.0] * (batch * channels * (width - 1)), (batch, channels, width - 1))
    values: list[float] = []
    ends: list[float] = []
    for i, line in enumerate(lines(Concat(past, x, axis=2), [2])):
        c = i % channels
        kernel, shift = weight.values[c * width : (c + 1) * width], 0.0 if bias is None else bias.values[c]
        made = [inner(line[t : t + width], kernel) + shift for t in range(length)]
        values += made if activation == "none" else [value * sigmoid(value) for value in made]
        ends += line[len(line) - (width - 1) :]
    return Tensor(values, x.shape), Tensor(ends, (batch, channels, width - 1))
