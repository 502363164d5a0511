"""Attention with its projections, masks and states.

Masks hold 1 for what may be seen. They become what ONNX Runtime makes of them, numbers that are added to the scores:
0, and `mask_filter_value` where nothing may be seen.
"""

from __future__ import annotations

from interchange_onnx.microsoft.activation import plus
from interchange_onnx.microsoft.expansion import Expansion
from interchange_onnx.microsoft.quantized import integer_product

FILTER = -10000.0


def _key_mask(at: Expansion, mask: str, like: str, total: str, filter_value: float, batch: int | None) -> str:
    """What is added to the scores (batch, heads, queries, keys) for a mask of keys; `total`: how many keys, a list."""
    rank = at.rank(mask, "mask")
    if rank == 1:
        spec = at.spec(mask)
        if spec is not None and batch is not None and spec.shape[0] != batch:
            raise at.unsupported("a mask of several numbers for each sequence, begins and ends of padding")
        keys = at.add("Range", at.constant(0), at.add("Squeeze", total), at.constant(1))
        lengths = at.add("Unsqueeze", at.add("Cast", mask, to="int64"), at.constant([1]))
        allowed, axes = at.add("Less", keys, lengths), [1, 2]
    elif rank in (2, 3):
        allowed, axes = at.add("Cast", mask, to="bool"), [1, 2] if rank == 2 else [1]
    else:
        raise at.unsupported(f"a mask of {rank} dimensions")
    bias = at.add("Where", allowed, at.number(0, like), at.number(filter_value, like))
    return at.add("Unsqueeze", bias, at.constant(axes))


def _attend(
    at: Expansion,
    q: str,
    k: str,
    v: str,
    heads: int,
    *,
    mask: str,
    bias: str,
    past_key: str,
    past_value: str,
    filter_value: float,
    scale: float | None,
    unidirectional: int,
) -> tuple[str, str, str]:
    """Attention on what is projected already, (batch, length, heads * size); the keys and values with the past."""
    if mask:
        total = at.size(k, 1)
        if past_key:
            total = at.add("Add", total, at.size(past_key, 2))
        spec = at.spec(q)
        batch = None if spec is None else spec.shape[0]
        bias = plus(at, _key_mask(at, mask, q, total, filter_value, batch), bias)
    y, present_key, present_value = at.add_many(
        "Attention",
        3,
        q,
        k,
        v,
        bias,
        past_key,
        past_value,
        q_num_heads=heads,
        kv_num_heads=heads,
        is_causal=unidirectional,
        scale=scale or None,
    )
    return y, present_key, present_value


def _self_attention(
    at: Expansion,
    projected: str,
    heads: int,
    sizes: tuple[int, ...],
    mask: str,
    past: str,
    bias: str,
    *,
    filter_value: float,
    scale: float | None,
    unidirectional: int,
) -> tuple[str, ...]:
    """Attention of Q, K and V that are beside each other; past and present are keys and values in one tensor."""
    if sizes:
        q, k, v = at.add_many("Split", 3, projected, at.constant(sizes), axis=2)
    else:
        q, k, v = at.add_many("Split", 3, projected, axis=2, num_outputs=3)
    past_key = past_value = ""
    if past:
        past_key, past_value = (at.add("Gather", past, at.constant(i), axis=0) for i in range(2))
    y, key, value = _attend(
        at,
        q,
        k,
        v,
        heads,
        mask=mask,
        bias=bias,
        past_key=past_key,
        past_value=past_value,
        filter_value=filter_value,
        scale=scale,
        unidirectional=unidirectional,
    )
    if len(at.node.outputs) < 2:
        return (y,)
    first = at.constant([0])
    return y, at.add("Concat", at.add("Unsqueeze", key, first), at.add("Unsqueeze", value, first), axis=0)


def Attention(
    at: Expansion,
    x: str,
    weights: str,
    bias: str = "",
    mask_index: str = "",
    past: str = "",
    attention_bias: str = "",
    *,
    num_heads: int,
    do_rotary: int = 0,
    mask_filter_value: float = FILTER,
    past_present_share_buffer: int = 0,
    qkv_hidden_sizes: tuple[int, ...] = (),
    rotary_embedding_dim: int = 0,
    scale: float | None = None,
    unidirectional: int = 0,
) -> tuple[str, ...]:
    """Attention of x @ weights + bias, in which Q, K and V are beside each other; the keys and values."""
    if do_rotary or past_present_share_buffer:
        raise at.unsupported("do_rotary" if do_rotary else "past_present_share_buffer")
    return _self_attention(
        at,
        plus(at, at.add("MatMul", x, weights), bias),
        num_heads,
        qkv_hidden_sizes,
        mask_index,
        past,
        attention_bias,
        filter_value=mask_filter_value,
        scale=scale,
        unidirectional=unidirectional,
    )


def QAttention(
    at: Expansion,
    x: str,
    weight: str,
    bias: str,
    input_scale: str,
    weight_scale: str,
    mask_index: str = "",
    input_zero_point: str = "",
    weight_zero_point: str = "",
    past: str = "",
    *,
    num_heads: int,
    do_rotary: int = 0,
    mask_filter_value: float = FILTER,
    past_present_share_buffer: int = 0,
    scale: float | None = None,
    unidirectional: int = 0,
) -> tuple[str, ...]:
    """Attention, with the projection in integers."""
    if do_rotary or past_present_share_buffer:
        raise at.unsupported("do_rotary" if do_rotary else "past_present_share_buffer")
    product = integer_product(at, x, weight, input_scale, weight_scale, input_zero_point, weight_zero_point)
    return _self_attention(
        at,
        at.add("Add", product, bias),
        num_heads,
        (),
        mask_index,
        past,
        "",
        filter_value=mask_filter_value,
        scale=scale,
        unidirectional=unidirectional,
    )


def _unpacked(at: Expansion, packed: str, count: int) -> list[str]:
    """The parts of (batch, length, heads, parts, size), each (batch, length, heads * size)."""
    parts = at.add_many("Split", count, packed, axis=3, num_outputs=count)
    return [at.add("Reshape", part, at.constant([0, 0, -1])) for part in parts]


def _joined_heads(at: Expansion, x: str) -> str:
    """(batch, heads, length, size) as (batch, length, heads * size)."""
    return at.add("Reshape", at.add("Transpose", x, perm=(0, 2, 1, 3)), at.constant([0, 0, -1]))


def MultiHeadAttention(
    at: Expansion,
    query: str,
    key: str = "",
    value: str = "",
    bias: str = "",
    key_padding_mask: str = "",
    attention_bias: str = "",
    past_key: str = "",
    past_value: str = "",
    *,
    num_heads: int,
    mask_filter_value: float = FILTER,
    scale: float | None = None,
    unidirectional: int = 0,
) -> tuple[str, ...]:
    """Attention of a query and of keys and values, to each of which its part of `bias` is added; keys and values."""
    if not key:
        query, key, value = _unpacked(at, query, 3)
    elif not value:
        key, value = _unpacked(at, key, 2)
    elif at.rank(key, "key") == 4:
        key, value = _joined_heads(at, key), _joined_heads(at, value)
    if bias:
        width = at.size(query, 2)
        sizes = at.add("Concat", width, width, at.size(value, 2), axis=0)
        parts = at.add_many("Split", 3, bias, sizes, axis=0)
        query, key, value = (at.add("Add", x, b) for x, b in zip((query, key, value), parts, strict=True))
    return _attend(
        at,
        query,
        key,
        value,
        num_heads,
        mask=key_padding_mask,
        bias=attention_bias,
        past_key=past_key,
        past_value=past_value,
        filter_value=mask_filter_value,
        scale=scale,
        unidirectional=unidirectional,
    )


def RotaryEmbedding(
    at: Expansion,
    x: str,
    position_ids: str,
    cos_cache: str,
    sin_cache: str,
    *,
    interleaved: int = 0,
    is_packed_batching: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    scale: float = 1.0,
) -> str:
    """RotaryEmbedding; a single position is that of the first token."""
    if is_packed_batching or scale != 1:
        raise at.unsupported("is_packed_batching" if is_packed_batching else f"scale={scale}")
    rank = at.rank(x, "input")
    if rank == 3 and not num_heads:
        spec, caches = at.spec(x), at.spec(cos_cache)
        assert spec is not None
        if caches is None:
            raise at.unsupported("the number of heads is not known")
        num_heads = spec.shape[-1] // (2 * caches.shape[-1])
    if at.rank(position_ids, "position_ids") == 1:
        batch, length = at.size(x, 0), at.size(x, rank - 2)
        places = at.add("Range", at.constant(0), at.add("Squeeze", length), at.constant(1))
        shape = at.add("Concat", batch, length, axis=0)
        position_ids = at.add("Expand", at.add("Add", places, position_ids), shape)
    return at.add(
        "RotaryEmbedding",
        x,
        cos_cache,
        sin_cache,
        position_ids,
        interleaved=interleaved,
        num_heads=num_heads or None,
        rotary_embedding_dim=rotary_embedding_dim,
    )
