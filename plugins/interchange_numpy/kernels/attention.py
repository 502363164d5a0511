"""Attention: softmax(scale * q k + mask) v, some heads at a time, so that their scores stay in the cache.

Heads are views: a row of q, k or v may lie anywhere. The largest score of each row is subtracted before the
exponential; or, where that is slow and there is no mask, powers of two are taken without looking at each row
(`exponential.py`), and q is scaled for them. The sums are products with ones, and the division by them is done on the
result, which is shorter than the scores, for all heads at once. The result lies as its reader wants it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy import exponential
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Scratch, Step, c_order
from interchange_numpy.network import Op
from interchange_numpy.probe import clip
from interchange_numpy.tiles import cuts

PIECE = 1 << 16  # scores at a time: 256 KB
LOG2_E = math.log2(math.e)


class Heads(NamedTuple):
    """One call. Arrays are (batch, heads, …, …), k is (…, size, keys).

    Args:
        where: a condition, and `fill` what a score becomes where it does not hold.
        add: what is added to the scores.
        zeros: whether a row whose largest score is -inf gives zeros instead of NaN.
        powers: whether the softmax is taken of powers of two; not of scores that are masked.
    """

    q: Array
    k: Array
    v: Array
    y: Array
    scale: float = 1.0
    where: Array | None = None
    fill: float = 0.0
    add: Array | None = None
    zeros: bool = False
    powers: bool = False


def takes_powers(batch: int, heads: int, queries: int, keys: int) -> bool:
    """Whether a softmax without a mask is taken of powers of two, for which q is multiplied by LOG2_E more."""
    scores = min(batch * heads, _together(queries, keys)) * queries * keys
    return scores >= exponential.LEAST and exponential.are_quick()


def sizes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Batch, heads and queries of an array (batch, heads, queries, …), or without heads."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 4 else (shape[0], 1, shape[1])


def _together(queries: int, keys: int) -> int:
    """How many heads are computed together: of one entry of the batch, or all of several entries."""
    return max(1, PIECE // (queries * keys))


def scratch(batch: int, heads: int, queries: int, keys: int, size: int, *, masked: bool) -> dict[str, Scratch]:
    """The memory that `steps` need; there is some for powers of two where they pay."""
    together = _together(queries, keys)
    rows = min(batch * heads, together) * queries
    whole = min(batch, max(1, together // heads)) * heads * queries
    needed: dict[str, Scratch] = {
        "q": ((rows * size,), np.dtype(np.float32)),
        "scores": ((rows * keys,), np.dtype(np.float32)),
        "sums": ((whole,), np.dtype(np.float32)),
    }
    if masked:
        needed["masked"] = ((batch * heads * queries * keys,), np.dtype(bool))
    elif takes_powers(batch, heads, queries, keys):
        needed["powers"] = exponential.work(rows * keys)
    return needed


def steps(call: Heads, memory: Memory) -> Iterator[Step]:
    """`call.y` is computed. Masks are of the scores' full shape, by strides of 0 where they are not."""
    batch, heads, queries, keys = *call.q.shape[:3], call.k.shape[-1]
    masked = None
    if call.where is not None:
        masked = _inverse_place(call.where, memory.scratch("masked"))
        yield np.logical_not, (call.where, masked)
        masked = np.broadcast_to(masked, (batch, heads, queries, keys))
    together = _together(queries, keys)
    for b in cuts(batch, max(1, together // heads)):
        shape = (b.stop - b.start, heads, queries)
        sums = memory.scratch("sums")[: math.prod(shape)].reshape(shape)
        for h in cuts(heads, together):
            yield from _piece(call, memory, (b, h), sums[:, h], None if masked is None else masked[b, h])
        if call.zeros:
            yield clip(), (sums, np.finfo(np.float32).tiny, np.float32(np.inf), sums)
        yield np.reciprocal, (sums, sums)
        y = call.y[b]
        order = sorted(range(4), key=lambda axis: -y.strides[axis])  # in which NumPy takes half as long
        factors = sums[..., None].transpose(order)
        yield np.multiply, (y.transpose(order), factors, y.transpose(order))


def _inverse_place(where: Array, memory: Array) -> Array:
    """Memory for a condition of that shape; axes along which it is the same have size 1."""
    return memory[: where.size].reshape(where.shape)


def _piece(call: Heads, memory: Memory, part: tuple[slice, slice], sums: Array, masked: Array | None) -> Iterator[Step]:
    """The scores' powers times v, and the sums of the powers of each row."""
    q, k, v, y = (array[part] for array in (call.q, call.k, call.v, call.y))
    shape = (*q.shape[:-1], k.shape[-1])
    rows, keys = math.prod(shape[:-1]), shape[-1]
    flat = memory.scratch("scores")[: rows * keys]
    scores, largest = flat.reshape(shape), sums.reshape(rows)
    column = largest.reshape(*shape[:-1], 1)
    if call.scale != 1:
        scaled = memory.scratch("q")[: q.size].reshape(q.shape)
        yield np.multiply, (q, np.array(call.scale, np.float32), scaled)
        q = scaled
    yield np.matmul, (q, k, scores)
    if call.add is not None:
        yield np.add, (scores, call.add[part], scores)
    if masked is not None:
        yield np.copyto, (scores, np.float32(call.fill), "same_kind", masked)
    by_rows: list[Step] = [(np.maximum.reduce, (scores, -1, None, largest.reshape(shape[:-1])))]
    if call.zeros:
        by_rows.append((clip(), (largest, np.finfo(np.float32).min, np.float32(np.inf), largest)))
    by_rows.append((np.subtract, (scores, column, scores)))
    by_rows.append((np.exp2 if call.powers else np.exp, (flat, flat)))
    if call.powers:
        yield exponential.softmax_powers(flat, memory.scratch("powers"), by_rows)
    else:
        yield from by_rows
    yield flat.reshape(rows, keys).dot, (np.ones(keys, np.float32), largest)
    yield np.matmul, (scores, v, y)


def fused(op: Op, context: Context) -> Kernel | None:
    """The op of the pass of that name: q, k, v, where, add; attributes scale, fill, and is_scaled (`queries.py`)."""
    q, k, v, where, add = op.inputs
    shape = (*context.shape(q)[:-1], context.shape(k)[-1])

    def four(array: Array) -> Array:
        return array if array.ndim == 4 else array[:, None]

    def full(array: Array) -> Array:
        return four(np.broadcast_to(array, shape))

    def condition(array: Array) -> Array:
        """With the four axes of the scores, each whole or of size 1."""
        array = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
        return four(array)

    batch, heads, queries = sizes(shape)
    needed = scratch(batch, heads, queries, shape[-1], context.shape(q)[-1], masked=bool(where or add))
    scale = 1.0 if op.attributes.get("is_scaled") else _scale(op.attributes["scale"], needed)

    def emit(memory: Memory) -> Iterator[Step]:
        call = Heads(
            four(memory[q]),
            four(memory[k]),
            four(memory[v]),
            four(memory[op.outputs[0]]),
            scale=scale,
            where=condition(memory[where]) if where else None,
            fill=op.attributes["fill"],
            add=full(memory[add]) if add else None,
            powers="powers" in needed,
        )
        return steps(call, memory)

    return Kernel(emit, needed, orders={op.outputs[0]: context.order_as_read(op.outputs[0])})


def _scale(scale: float, needed: Mapping[str, Scratch]) -> float:
    """What q is multiplied by."""
    return scale * LOG2_E if "powers" in needed else scale


def operator(op: Op, context: Context) -> Kernel | None:
    """ONNX's Attention, without past keys, windows and caps: (batch, heads, length, size), or heads side by side."""
    q, k, v, mask = (*op.inputs, "")[:4]
    a, network, y = op.attributes, context.network, op.outputs[0]
    if any(op.inputs[4:]) or any(op.outputs[1:]) or a.get("softcap") or network.precise:
        return None
    if a.get("left_window_size", -1) >= 0 or a.get("right_window_size", -1) >= 0 or a.get("softmax_precision"):
        return None
    shapes = [_heads_shape(context.shape(name), a.get(count)) for name, count in zip((q, k, v), _COUNTS, strict=True)]
    (batch, heads, queries, size), (_, _, keys, _), _ = shapes
    if not network.is_float32(q, k, v, y) or 0 in (*shapes[0], *shapes[1], *shapes[2]):
        return None
    if shapes[1] != (batch, heads, keys, size) or shapes[2][:3] != (batch, heads, keys):
        return None
    if mask and (context.shape(mask)[-1] != keys or network.dtype(mask) not in (np.float32, np.bool_)):
        return None
    causal = np.tri(queries, keys, dtype=bool) if a.get("is_causal") else None
    is_bool = bool(mask) and network.dtype(mask) == np.bool_
    if causal is not None and is_bool:
        return None
    scale = a.get("scale")
    whole = (batch, heads, queries, keys)
    needed = scratch(batch, heads, queries, keys, size, masked=bool(mask) or causal is not None)

    def emit(memory: Memory) -> Iterator[Step]:
        given = memory[mask] if mask else None
        where = given if is_bool else causal
        call = Heads(
            _as_heads(memory[q], shapes[0]),
            _as_heads(memory[k], shapes[1]).swapaxes(-1, -2),
            _as_heads(memory[v], shapes[2]),
            _as_heads(memory[y], (batch, heads, queries, shapes[2][3])),
            scale=_scale(size**-0.5 if scale is None else scale, needed),
            where=None if where is None else where.reshape((1,) * (4 - where.ndim) + where.shape),
            fill=-math.inf,
            add=None if given is None or is_bool else np.broadcast_to(given, whole),
            zeros=bool(mask),
            powers="powers" in needed,
        )
        return steps(call, memory)

    wants = {name: c_order(3) for name in (q, k, v) if len(context.shape(name)) == 3}
    return Kernel(emit, needed, wants=wants)


_COUNTS = ("q_num_heads", "kv_num_heads", "kv_num_heads")


def _heads_shape(shape: tuple[int, ...], count: int | None) -> tuple[int, int, int, int]:
    if len(shape) == 4:
        return (shape[0], shape[1], shape[2], shape[3])
    return (shape[0], count or 1, shape[1], shape[2] // (count or 1))


def _as_heads(x: Array, shape: tuple[int, int, int, int]) -> Array:
    """The value as (batch, heads, length, size), a view."""
    if x.ndim == 4:
        return x
    batch, heads, length, size = shape
    return x.reshape(batch, length, heads, size).swapaxes(1, 2)


KERNELS: Mapping[str, Chooser] = {"attention": fused, "Attention": operator}
