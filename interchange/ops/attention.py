"""Attention, and what goes with it in transformers."""

from __future__ import annotations

import math

import numpy as np

from interchange.ops._dtypes import dtype_of
from interchange.ops._shapes import Array, same_shape, shape_rule


def _heads(x, count):
    """(batch, length, heads * size) as (batch, heads, length, size); what has four dimensions is that already."""
    if x.ndim == 4:
        return x
    if not count:
        raise ValueError(f"the number of heads is missing for the shape {x.shape}")
    return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def _allowed(queries, keys, before, is_causal, left, right):
    """Which key each query may see, (batch or 1, 1, queries, keys); `before`: the number of keys before the queries."""
    key = np.arange(keys)
    place = np.reshape(before, (-1, 1, 1, 1)) + np.arange(queries)[:, None]
    allowed = np.ones((len(place), 1, queries, keys), bool)
    if is_causal:
        allowed &= key <= place
    if left >= 0:
        allowed &= key >= place - left
    if right >= 0:
        allowed &= key <= place + right
    return allowed


def _bias(dtype, allowed, mask):
    """0 where a query may see a key, -inf elsewhere; plus the mask where that is a number."""
    if mask is not None:
        mask = mask if mask.dtype == bool else mask.astype(dtype)
        missing = allowed.shape[-1] - mask.shape[-1]
        fill = False if mask.dtype == bool else -np.inf
        mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, missing)], constant_values=fill)
        allowed = allowed & mask if mask.dtype == bool else allowed
    bias = np.where(allowed, 0, -np.inf).astype(dtype)
    return bias if mask is None or mask.dtype == bool else bias + mask


def _masked_softmax(scores, bias):
    """Softmax along the last axis; zeros where the bias leaves nothing."""
    scores = scores - scores.max(-1, keepdims=True)
    powers = np.exp(scores)
    weights = powers / powers.sum(-1, keepdims=True)
    return np.where(np.isneginf(bias.max(-1, keepdims=True)), 0, weights).astype(weights.dtype)


def _attention_shape(q, k, v, *_, q_num_heads=None, kv_num_heads=None, **__):
    if q.ndim == 4:
        return (*q.shape[:-1], v.shape[-1])
    return (*q.shape[:-1], q_num_heads * (v.shape[-1] // kv_num_heads))


@shape_rule(_attention_shape)
def Attention(
    q,
    k,
    v,
    attn_mask=None,
    past_key=None,
    past_value=None,
    nonpad_kv_seqlen=None,
    *,
    is_causal=0,
    kv_num_heads=None,
    left_window_size=-1,
    q_num_heads=None,
    qk_matmul_output_mode=0,
    right_window_size=-1,
    scale=None,
    softcap=0.0,
    softmax_precision=None,
) -> tuple[Array, Array, Array, Array]:
    """softmax(q @ k * scale + mask) @ v for each head; the keys and values with those of the past; the scores.

    The last output is, by `qk_matmul_output_mode`, the plain product, after `softcap`, with the mask, or the weights.
    Computed in `softmax_precision` where that is wider. A query that may see no key gives zeros.
    """
    is_packed = q.ndim == 3
    q, k, v = _heads(q, q_num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    if (past_key is None) != (past_value is None):
        raise ValueError("past_key and past_value come together")
    before = 0
    if past_key is not None:
        before = past_key.shape[2]
        k, v = np.concatenate([past_key, k], 2), np.concatenate([past_value, v], 2)
    elif nonpad_kv_seqlen is not None:
        before = nonpad_kv_seqlen - q.shape[2]
    allowed = _allowed(q.shape[2], k.shape[2], before, is_causal, left_window_size, right_window_size)
    if nonpad_kv_seqlen is not None:
        allowed = allowed & (np.arange(k.shape[2]) < nonpad_kv_seqlen[:, None, None, None])
    bias = _bias(q.dtype, allowed, attn_mask)
    times = q.shape[1] // k.shape[1]
    root = q.dtype.type(math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else scale))
    scores = np.matmul(q * root, np.repeat(k, times, 1).swapaxes(-1, -2) * root).astype(q.dtype)
    shown = [scores]
    if softcap:
        scores = (softcap * np.tanh(scores / softcap)).astype(q.dtype)
    biased = scores + bias
    wide = biased.dtype if softmax_precision is None else np.promote_types(biased.dtype, dtype_of(softmax_precision))
    weights = _masked_softmax(biased.astype(wide), bias).astype(q.dtype)
    shown += [scores, biased, weights]
    y = np.matmul(weights, np.repeat(v, times, 1)).astype(q.dtype)
    if is_packed:
        y = y.swapaxes(1, 2).reshape(y.shape[0], y.shape[2], -1)
    return y, k, v, shown[qk_matmul_output_mode]


@shape_rule(same_shape)
def RotaryEmbedding(
    x, cos_cache, sin_cache, position_ids=None, *, interleaved=0, num_heads=None, rotary_embedding_dim=0
):
    """Turns pairs of values by angles that grow with the position, J. Su et al., "RoFormer", 2021.

    A pair are the first and second half of the first `rotary_embedding_dim` values (0: all), or neighbours.
    """
    y = _heads(x, num_heads)
    if position_ids is not None:
        cos_cache, sin_cache = cos_cache[position_ids], sin_cache[position_ids]
    cos, sin = cos_cache[:, None], sin_cache[:, None]  # (batch, 1, length, pairs)
    size = rotary_embedding_dim or y.shape[-1]
    turned, rest = y[..., :size], y[..., size:]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
    else:
        a, b = turned[..., : size // 2], turned[..., size // 2 :]
    pairs = [cos * a - sin * b, sin * a + cos * b]
    turned = np.stack(pairs, -1).reshape(turned.shape) if interleaved else np.concatenate(pairs, -1)
    y = np.concatenate([turned, rest], -1)
    return y if x.ndim == 4 else y.swapaxes(1, 2).reshape(x.shape)


def LinearAttention(
    query,
    key,
    value,
    past_state=None,
    decay=None,
    beta=None,
    *,
    chunk_size=64,
    kv_num_heads,
    q_num_heads,
    scale=0.0,
    update_rule="gated_delta",
) -> tuple[Array, Array]:
    """Attention by a state S of each head, step by step: y = scale * q @ S; and the last state.

    S becomes S + k vᵀ ("linear"), with exp(decay) * S for S ("gated"), with beta * (v - S k) for v ("delta"), or both.
    """
    if update_rule not in ("linear", "gated", "delta", "gated_delta"):
        raise ValueError(f"update_rule is {update_rule!r}")
    wide = np.promote_types(query.dtype, np.float32)
    batch, steps, _ = query.shape
    q, k, v = (
        x.astype(wide).reshape(batch, steps, heads, -1)
        for x, heads in ((query, q_num_heads), (key, kv_num_heads), (value, kv_num_heads))
    )
    q = q.reshape(batch, steps, kv_num_heads, q_num_heads // kv_num_heads, -1)
    factor = scale or 1 / math.sqrt(k.shape[-1])
    gates = np.exp(decay.astype(wide).reshape(batch, steps, kv_num_heads, -1)) if "gated" in update_rule else None
    rates = np.broadcast_to(beta, (batch, steps, kv_num_heads)).astype(wide) if "delta" in update_rule else None
    if past_state is None:
        state = np.zeros((batch, kv_num_heads, k.shape[-1], v.shape[-1]), wide)
    else:
        state = past_state.astype(wide)
    y = np.empty((*q.shape[:-1], v.shape[-1]), wide)
    for t in range(steps):
        if gates is not None:
            state = gates[:, t, :, :, None] * state
        new = v[:, t]
        if rates is not None:
            new = rates[:, t, :, None] * (new - np.einsum("bhkv,bhk->bhv", state, k[:, t]))
        state = state + k[:, t, :, :, None] * new[:, :, None]
        y[:, t] = factor * np.matmul(q[:, t], state)
    kept = query.dtype if past_state is None else past_state.dtype
    return y.reshape(batch, steps, -1).astype(query.dtype), state.astype(kept)


def CausalConvWithState(x, weight, bias=None, past_state=None, *, activation="none") -> tuple[Array, Array]:
    """Each channel's convolution over the past only; and the end of the input, which is the next call's past."""
    width = weight.shape[-1]
    if activation not in ("none", "silu", "swish"):
        raise ValueError(f"activation is {activation!r}")
    past = np.zeros((*x.shape[:2], width - 1), x.dtype) if past_state is None else past_state
    padded = np.concatenate([past, x], -1)
    wide = padded.astype(np.promote_types(x.dtype, np.float32))
    y = sum(wide[..., i : i + x.shape[-1]] * weight[:, 0, i, None].astype(wide.dtype) for i in range(width))
    y = y if bias is None else y + bias[:, None].astype(wide.dtype)
    y = y if activation == "none" else y / (1 + np.exp(-y))
    return y.astype(x.dtype), padded[..., padded.shape[-1] - (width - 1) :]
