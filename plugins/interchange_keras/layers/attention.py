"""Attention."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras.eras import heads_see_masks, softmax_of_masked
from interchange_keras.layer import Ints, Layer, LayerFunction, called_with, weights
from interchange_keras.layers.activations import hidden


def _softmax(layer: Layer, scores: str, mask: str | None, *, zeros: bool = False) -> str:
    """Where nothing counts the shares are equal, or with `zeros` 0."""
    if mask is None:
        return layer.add("Softmax", scores, axis=-1)
    shares = layer.add("Softmax", layer.add("Where", mask, scores, hidden(layer)), axis=-1)
    return layer.add("Where", mask, shares, 0.0) if zeros else shares


def _and(layer: Layer, masks: Sequence[str | None]) -> str | None:
    """Where all masks hold that are there."""
    joined = None
    for mask in masks:
        if mask is not None:
            joined = mask if joined is None else layer.add("And", joined, mask)
    return joined


def _bool(layer: Layer, mask: str) -> str:
    return mask if layer.dtype(mask) == "bool" else layer.add("Cast", mask, to="bool")


def _expanded(layer: Layer, mask: str | None, axis: int) -> str | None:
    return None if mask is None else layer.add("Unsqueeze", _bool(layer, mask), [axis])


def _places(layer: Layer, x: str, axis: int, column: bool) -> str:
    """0, 1, 2 … along an axis of x, as a row or a column."""
    size = layer.shape(x)[axis]
    if size is not None:
        return layer.constant("places", np.arange(size).reshape((-1, 1) if column else (1, -1)))
    count = layer.add("Squeeze", layer.add("Shape", x, start=axis, end=axis + 1), [0])
    return layer.add("Unsqueeze", layer.add("Range", np.int64(0), count, np.int64(1)), [1 if column else 0])


def _causal(layer: Layer, query: str, value: str, axes: tuple[int, int] = (1, 1)) -> str:
    """(queries, values): whether the value is not later than the query."""
    rows, columns = _places(layer, query, axes[0], True), _places(layer, value, axes[1], False)
    return layer.add("GreaterOrEqual", rows, columns)


def _window(layer: Layer, query: str, value: str, width: int) -> str:
    """(queries, values): whether the value is less than `width` places away from the query."""
    rows, columns = _places(layer, query, 1, True), _places(layer, value, 1, False)
    return layer.add("Less", layer.add("Abs", layer.add("Sub", rows, columns)), np.int64(width))


# --- Attention, AdditiveAttention -----------------------------------------------------------------------------------


def _apply(
    layer: Layer, query: str, value: str, scores: str, causal: bool, masks: Sequence[str | None], with_scores: bool
) -> str | tuple[str, ...]:
    """softmax(scores) @ value; queries that are masked give 0."""
    query_mask, value_mask = [*masks, None, None][:2]
    rank = layer.rank(scores)
    mask = _and(
        layer,
        [
            _expanded(layer, value_mask, -2),
            _causal(layer, scores, scores, (rank - 2, rank - 1)) if causal else None,
        ],
    )
    shares = _softmax(layer, scores, mask)
    y = layer.add("MatMul", shares, value)
    if query_mask is not None:
        y = layer.add("Where", _expanded(layer, query_mask, -1), y, 0.0)
    return (y, shares) if with_scores else y


def _masks(layer: Layer, given: Any) -> list[str | None]:
    """The masks of the inputs: those of the call, else those that came with the inputs."""
    if given is not None:
        return [mask if isinstance(mask, str) else None for mask in given]
    return list(layer.masks[:2])


@weights("scale:use_scale", "concat_score_weight:score_mode=concat")
@called_with("mask", "return_attention_scores", "use_causal_mask")
def attention(
    layer: Layer,
    query: str,
    value: str,
    key: str | None = None,
    *,
    use_scale: bool = False,
    score_mode: str = "dot",
    dropout: float = 0.0,
    causal: bool = False,
    mask: Any = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> str | tuple[str, ...]:
    """`causal` was an option of the layer up to TensorFlow 2.10."""
    key = key or value
    if score_mode == "dot":
        last = layer.rank(key) - 1
        scores = layer.add("MatMul", query, layer.add("Transpose", key, perm=[*range(last - 1), last, last - 1]))
        if use_scale:
            scores = layer.add("Mul", scores, layer.weight("scale", ()))
    elif score_mode == "concat":
        summed = layer.add("Add", layer.add("Unsqueeze", query, [-2]), layer.add("Unsqueeze", key, [-3]))
        if use_scale:
            summed = layer.add("Mul", summed, layer.weight("scale", ()))
        scores = layer.add("ReduceSum", layer.add("Tanh", summed), [-1], keepdims=0)
        scores = layer.add("Mul", scores, layer.weight("concat_score_weight", ()))
    else:
        layer.reject(f"score_mode is {score_mode!r}")
    masks = _masks(layer, mask)
    return _apply(layer, query, value, scores, causal or use_causal_mask, masks, return_attention_scores)


@weights("scale:use_scale")
@called_with("mask", "return_attention_scores", "use_causal_mask")
def additive_attention(
    layer: Layer,
    query: str,
    value: str,
    key: str | None = None,
    *,
    use_scale: bool = True,
    dropout: float = 0.0,
    causal: bool = False,
    mask: Any = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> str | tuple[str, ...]:
    """The scores are the sums of scale * tanh(query + key)."""
    summed = layer.add("Add", layer.add("Unsqueeze", query, [-2]), layer.add("Unsqueeze", key or value, [-3]))
    summed = layer.add("Tanh", summed)
    if use_scale:
        summed = layer.add("Mul", summed, layer.weight("scale", (layer.shape(query)[-1],)))
    scores = layer.add("ReduceSum", summed, [-1], keepdims=0)
    masks = _masks(layer, mask)
    return _apply(layer, query, value, scores, causal or use_causal_mask, masks, return_attention_scores)


# --- many heads -----------------------------------------------------------------------------------------------------


def _projected(layer: Layer, x: str, part: str, heads: int, size: int, use_bias: bool) -> str:
    """x (…, features) -> (…, heads, size)."""
    kernel = layer.array(f"{part}/kernel", (layer.shape(x)[-1], heads, size))
    y = layer.add("MatMul", x, layer.constant(f"{part}/kernel", kernel.reshape(len(kernel), -1)))
    if use_bias:
        bias = layer.array(f"{part}/bias", (heads, size))
        y = layer.add("Add", y, layer.constant(f"{part}/bias", bias.reshape(-1)))
    return layer.add("Reshape", y, [0] * (layer.rank(x) - 1) + [heads, size])


def _output(layer: Layer, x: str, sizes: Sequence[int], use_bias: bool) -> str:
    """(…, heads, size) -> (…, *sizes)."""
    heads, size = (int(extent or 0) for extent in layer.shape(x)[-2:])
    kernel = layer.array("output_dense/kernel", (heads, size, *sizes))
    kept = [0] * (layer.rank(x) - 2)
    y = layer.add("Reshape", x, [*kept, heads * size])
    y = layer.add("MatMul", y, layer.constant("output_dense/kernel", kernel.reshape(heads * size, -1)))
    if use_bias:
        bias = layer.array("output_dense/bias", tuple(sizes))
        y = layer.add("Add", y, layer.constant("output_dense/bias", bias.reshape(-1)))
    return y if len(sizes) == 1 else layer.add("Reshape", y, [*kept, *sizes])


def _attention_mask(
    layer: Layer,
    query: str,
    value: str,
    own: Mapping[str, Any],
    attention_mask: Any,
    causal: bool,
    window: int | None,
) -> str | None:
    """The masks of the call and those that came with the inputs; the query's own rows do not matter in the end,
    but Keras masks them, and a row without anything is the mean of all values."""
    came = [*(layer.masks if heads_see_masks(layer.version) else ()), None, None, None][:3]
    masks = dict(zip(("query_mask", "value_mask", "key_mask"), came, strict=True))
    masks |= {name: mask for name, mask in own.items() if mask is not None}
    return _and(
        layer,
        [
            _bool(layer, attention_mask) if attention_mask is not None else None,
            _expanded(layer, masks["query_mask"], -1),
            _expanded(layer, masks["value_mask"], -2),
            _expanded(layer, masks["key_mask"], -2),
            _causal(layer, query, value) if causal else None,
            _window(layer, query, value, window) if window is not None else None,
        ],
    )


_PROJECTIONS = ("query_dense", "key_dense", "gate_dense", "value_dense", "output_dense")
_OPTIONS = {"gate_dense": "use_gate"}


def _slots() -> list[str]:
    slots = []
    for part in _PROJECTIONS:
        option = _OPTIONS.get(part)
        slots.append(f"{part}/kernel:{option}" if option else f"{part}/kernel")
        slots.append(f"{part}/bias:{option}&use_bias" if option else f"{part}/bias:use_bias")
    return slots


_CALLED = (
    *("value", "key", "query_mask", "value_mask", "key_mask"),
    *("attention_mask", "return_attention_scores", "use_causal_mask"),
)


@weights(*_slots())
@called_with(*_CALLED)
def multi_head_attention(
    layer: Layer,
    query: str,
    value: str = "",
    key: str = "",
    *masks: str,
    num_heads: int,
    key_dim: int,
    value_dim: int | None = None,
    dropout: float = 0.0,
    use_bias: bool = True,
    output_shape: Ints | None = None,
    attention_axes: Ints | None = None,
    use_gate: bool = False,
    flash_attention: Any = None,
    sliding_window: int | None = None,
    query_shape: Any = None,
    key_shape: Any = None,
    value_shape: Any = None,
    softmax_robust_masking: Any = None,
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> str | tuple[str, ...]:
    if not value or masks:
        layer.refuse("a call with other arguments by position than query, value and key")
    key = key or value
    rank = layer.rank(query)
    axes = sorted(layer.axes(query, attention_axes)) if attention_axes else list(range(1, rank - 1))
    if len({rank, layer.rank(value), layer.rank(key)}) > 1 or {0, rank - 1} & set(axes):
        layer.refuse(f"attention over the axes {axes} of inputs of different ranks")
    depth = value_dim or key_dim
    q = _projected(layer, query, "query_dense", num_heads, key_dim, use_bias)
    k = _projected(layer, key, "key_dense", num_heads, key_dim, use_bias)
    v = _projected(layer, value, "value_dense", num_heads, depth, use_bias)
    q = layer.add("Mul", q, 1 / math.sqrt(key_dim))
    mask = _attention_mask(
        layer,
        query,
        value,
        {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask},
        attention_mask,
        use_causal_mask,
        sliding_window,
    )
    others = [axis for axis in range(rank - 1) if axis not in axes]
    order = [*others, rank - 1, *axes, rank]  # (batch, others, heads, places, size)
    flat = [0] * (len(others) + 1)
    many = len(axes) > 1
    q, k, v = (layer.add("Transpose", x, perm=order) for x in (q, k, v))
    if many:
        if mask is not None:
            layer.refuse("a mask for attention over several axes")
        q, k, v = (layer.add("Reshape", x, [*flat, -1, size]) for x, size in ((q, key_dim), (k, key_dim), (v, depth)))
    last = len(flat) + 1
    scores = layer.add("MatMul", q, layer.add("Transpose", k, perm=[*range(last - 1), last, last - 1]))
    if mask is not None:  # (batch, queries, values), or with heads
        missing = layer.rank(scores) - layer.rank(mask)
        mask = layer.add("Unsqueeze", mask, [-3 - i for i in range(missing)]) if missing > 0 else mask
    is_layer = dropout > 0 or return_attention_scores or rank != 3
    shares = _softmax(layer, scores, mask, zeros=is_layer and softmax_of_masked(layer.version) == "zeros")
    y = layer.add("MatMul", shares, v)
    if many:
        sizes = [layer.shape(query)[axis] for axis in axes]
        if None in sizes[1:]:
            layer.refuse("attention over several axes of unknown size")
        y = layer.add("Reshape", y, [*flat, -1, *sizes[1:], depth])
    y = layer.add("Transpose", y, perm=[order.index(i) for i in range(rank + 1)])
    y = _gated(layer, query, y, num_heads, depth, use_bias) if use_gate else y
    features = layer.shape(query)[-1]
    y = _output(layer, y, output_shape or (features or 0,), use_bias)
    if not return_attention_scores:
        return y
    if many:
        layer.refuse("return_attention_scores with attention over several axes")
    return y, shares


def _gated(layer: Layer, query: str, y: str, heads: int, size: int, use_bias: bool) -> str:
    gate = layer.add("Sigmoid", _projected(layer, query, "gate_dense", heads, size, use_bias))
    return layer.add("Mul", y, gate)


@weights(*_slots())
@called_with(*_CALLED)
def group_query_attention(
    layer: Layer,
    query: str,
    value: str = "",
    key: str = "",
    *masks: str,
    head_dim: int,
    num_query_heads: int,
    num_key_value_heads: int,
    dropout: float = 0.0,
    use_bias: bool = True,
    use_gate: bool = False,
    flash_attention: Any = None,
    sliding_window: int | None = None,
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> str | tuple[str, ...]:
    """Several heads of queries share one of keys and values."""
    if not value or masks:
        layer.refuse("a call with other arguments by position than query, value and key")
    if num_key_value_heads < 1 or num_query_heads % num_key_value_heads:
        layer.reject(f"{num_query_heads} heads of queries for {num_key_value_heads} of keys")
    repeats = num_query_heads // num_key_value_heads
    q = _projected(layer, query, "query_dense", num_query_heads, head_dim, use_bias)
    k = _projected(layer, key or value, "key_dense", num_key_value_heads, head_dim, use_bias)
    v = _projected(layer, value, "value_dense", num_key_value_heads, head_dim, use_bias)
    q = layer.add("Mul", layer.add("Transpose", q, perm=[0, 2, 1, 3]), 1 / math.sqrt(head_dim))
    spread = np.repeat(np.arange(num_key_value_heads), repeats)
    k = layer.add("Transpose", k, perm=[0, 2, 3, 1])
    v = layer.add("Transpose", v, perm=[0, 2, 1, 3])
    if repeats > 1:
        k, v = (layer.add("Gather", x, spread, axis=1) for x in (k, v))
    own = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask}
    mask = _attention_mask(layer, query, value, own, attention_mask, use_causal_mask, sliding_window)
    scores = layer.add("MatMul", q, k)
    if mask is not None and layer.rank(mask) == 3:
        mask = layer.add("Unsqueeze", mask, [1])
    is_layer = dropout > 0 or return_attention_scores
    shares = _softmax(layer, scores, mask, zeros=is_layer and softmax_of_masked(layer.version) == "zeros")
    y = layer.add("Transpose", layer.add("MatMul", shares, v), perm=[0, 2, 1, 3])
    y = _gated(layer, query, y, num_query_heads, head_dim, use_bias) if use_gate else y
    y = _output(layer, y, (layer.shape(query)[-1] or 0,), use_bias)
    return (y, shares) if return_attention_scores else y


LAYERS: Mapping[str, LayerFunction] = {
    "AdditiveAttention": additive_attention,
    "Attention": attention,
    "GroupedQueryAttention": group_query_attention,
    "GroupQueryAttention": group_query_attention,
    "MultiHeadAttention": multi_head_attention,
}
