"""Operators that move numbers and compute nothing: shapes, slices, gathers, pads."""

from __future__ import annotations

import math
from collections.abc import Sequence

from interchange_pyscript.kernels.elementwise import cast
from interchange_pyscript.kernels.tensor import (
    Tensor,
    axis_of,
    broadcast_shape,
    channels_last,
    entries,
    expanded,
    from_channels_last,
    integers,
    is_whole,
    moved,
    offsets,
    padded,
    steps_of,
    strided,
    transposed,
    vector,
)


def reshaped(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """The elements in another shape; one size may be -1: what is left."""
    known = math.prod(size for size in sizes if size != -1)
    shape = [len(x.values) // max(known, 1) if size == -1 else size for size in sizes]
    if math.prod(shape) != len(x.values):
        raise ValueError(f"{len(x.values)} numbers do not fit the shape {tuple(sizes)}")
    return Tensor(x.values, shape)


def Reshape(x: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    """The elements in another shape: -1 is what is left, 0 the size that x has there (with `allowzero` 1: zero)."""
    sizes = integers(shape)
    return reshaped(x, [x.shape[i] if size == 0 and not allowzero else size for i, size in enumerate(sizes)])


def Flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """A matrix: the dimensions before `axis` are its rows, those from it on its columns."""
    axis = axis + len(x.shape) if axis < 0 else axis
    return Tensor(x.values, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def Transpose(x: Tensor, *, perm: Sequence[int] | None = None) -> Tensor:
    """The dimensions in the order `perm`; without it in reverse."""
    return transposed(x, perm or range(len(x.shape) - 1, -1, -1))


def Squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Without the dimensions of size 1 that `axes` names; all of them if it is absent."""
    sizes = enumerate(x.shape)
    if axes is None:
        return Tensor(x.values, [size for _, size in sizes if size != 1])
    gone = [axis_of(x, axis) for axis in integers(axes)]
    return Tensor(x.values, [size for axis, size in sizes if axis not in gone])


def Unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    """With new dimensions of size 1, which are `axes` of the result."""
    rank = len(x.shape) + len(axes.values)
    new, sizes = [axis % rank for axis in integers(axes)], iter(x.shape)
    return Tensor(x.values, [1 if axis in new else next(sizes) for axis in range(rank)])


def Concat(*xs: Tensor, axis: int) -> Tensor:
    """All inputs, one after the other along `axis`."""
    axis = axis_of(xs[0], axis)
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    blocks = [(x.values, math.prod(x.shape[axis:])) for x in xs]
    rows = range(math.prod(shape[:axis]))
    return Tensor([v for i in rows for values, size in blocks for v in values[i * size : (i + 1) * size]], shape)


def Split(
    x: Tensor, split: Tensor | None = None, *, axis: int = 0, num_outputs: int | None = None
) -> tuple[Tensor, ...]:
    """Parts along `axis`, of the sizes `split`, or `num_outputs` equal ones (the last may be smaller)."""
    axis = axis_of(x, axis)
    size = x.shape[axis]
    if split is None:
        each = -(-size // (num_outputs or 1))
        sizes = [max(min(each, size - i * each), 0) for i in range(num_outputs or 1)]
    else:
        sizes = integers(split)
    if sum(sizes) != size:
        raise ValueError(f"parts of {sizes} do not add up to the size {size}")
    steps, parts = steps_of(x.shape), []
    for i, part in enumerate(sizes):
        shape = [*x.shape[:axis], part, *x.shape[axis + 1 :]]
        parts.append(Tensor(strided(x.values, shape, steps, sum(sizes[:i]) * steps[axis]), shape))
    return tuple(parts)


def Slice(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None) -> Tensor:
    """x[start:end:step] along each of `axes`, with Python's meaning of negative and large numbers."""
    places = integers(axes) if axes is not None else list(range(len(starts.values)))
    strides = integers(steps) if steps is not None else [1] * len(places)
    ranges = [range(size) for size in x.shape]
    for axis, start, end, step in zip(places, integers(starts), integers(ends), strides):
        ranges[axis_of(x, axis)] = range(x.shape[axis])[start:end:step]
    shape = [len(indices) for indices in ranges]
    if math.prod(shape) == 0:
        return Tensor([], shape)
    units = steps_of(x.shape)
    begin = sum(indices.start * unit for indices, unit in zip(ranges, units))
    return Tensor(strided(x.values, shape, [r.step * unit for r, unit in zip(ranges, units)], begin), shape)


def Gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """The entries along `axis` that `indices` names; its shape takes the place of that dimension."""
    axis = axis_of(x, axis)
    size, unit = x.shape[axis], math.prod(x.shape[axis + 1 :])
    places = integers(indices)
    wrong = [place for place in places if not -size <= place < size]
    if wrong:
        raise ValueError(f"the index {wrong[0]} is beyond the {size} entries of axis {axis}")
    starts = [(outer * size + place % size) * unit for outer in range(math.prod(x.shape[:axis])) for place in places]
    values = [value for start in starts for value in x.values[start : start + unit]]
    return Tensor(values, [*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


def GatherElements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """y[i, j, ...] = x[i, indices[i, j, ...], ...]: the index replaces the coordinate on `axis`."""
    axis, steps = axis_of(x, axis), steps_of(x.shape)
    others = [0 if i == axis else step for i, step in enumerate(steps)]
    places = zip(offsets(indices.shape, others), integers(indices))
    return Tensor([x.values[place + index % x.shape[axis] * steps[axis]] for place, index in places], indices.shape)


def GatherND(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """The slices of x that begin with the coordinates in the rows of `indices`; the first `batch_dims` axes pair up."""
    depth = indices.shape[-1]
    steps, places = steps_of(x.shape), integers(indices)
    unit = math.prod(x.shape[batch_dims + depth :])
    batches, per_batch = math.prod(x.shape[:batch_dims]), math.prod(indices.shape[batch_dims:])
    values: list[float] = []
    for i in range(0, len(places), depth):
        start = i // per_batch * (len(x.values) // batches)
        for k, place in enumerate(places[i : i + depth]):
            start += place % x.shape[batch_dims + k] * steps[batch_dims + k]
        values += x.values[start : start + unit]
    return Tensor(values, [*indices.shape[:-1], *x.shape[batch_dims + depth :]])


def Expand(x: Tensor, shape: Tensor) -> Tensor:
    """x repeated to the shape that it and `shape` broadcast to."""
    return expanded(x, broadcast_shape(x.shape, integers(shape)))


def Tile(x: Tensor, repeats: Tensor) -> Tensor:
    """x repeated along each dimension."""
    for axis, count in enumerate(integers(repeats)):
        x = Concat(*[x] * count, axis=axis) if count else Slice(x, Tensor([0], (1,)), Tensor([0], (1,)))
    return x


def Pad(
    x: Tensor, pads: Tensor, constant_value: Tensor | None = None, axes: Tensor | None = None, *, mode: str = "constant"
) -> Tensor:
    """Entries added (negative: cut) at both ends of `axes`: a constant, or `mode` "reflect", "edge", "wrap"."""
    chosen = list(range(len(x.shape))) if axes is None else [axis_of(x, axis) for axis in integers(axes)]
    sizes = integers(pads)
    widths = [(0, 0)] * len(x.shape)
    for axis, begin, end in zip(chosen, sizes, sizes[len(chosen) :]):
        widths[axis] = (begin, end)
    kept = [(max(-begin, 0), size - max(-end, 0)) for (begin, end), size in zip(widths, x.shape)]
    shape, steps = [max(end - begin, 0) for begin, end in kept], steps_of(x.shape)
    start = sum(begin * step for (begin, _), step in zip(kept, steps))
    x = Tensor(strided(x.values, shape, steps, start) if math.prod(shape) else [], shape)
    widths = [(max(begin, 0), max(end, 0)) for begin, end in widths]
    if mode == "constant":
        zero = 0 if is_whole(x) else 0.0
        return padded(x, widths, zero if constant_value is None else constant_value.values[0])
    for axis, (begin, end) in enumerate(widths):
        if begin or end:
            places = [mirrored(i, x.shape[axis], mode) for i in range(-begin, x.shape[axis] + end)]
            x = Gather(x, Tensor(places, (len(places),)), axis=axis)
    return x


def mirrored(i: int, size: int, mode: str) -> int:
    """The entry that stands at place i, which may be before the first or after the last."""
    if mode == "edge":
        return min(max(i, 0), size - 1)
    if mode == "wrap":
        return i % size
    if mode != "reflect":
        raise ValueError(f"mode is {mode!r}")
    i %= max(2 * size - 2, 1)
    return min(i, 2 * size - 2 - i) if size > 1 else 0


def Shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of the dimensions from `start` to `end`."""
    sizes = x.shape[start:end]
    return Tensor(sizes, (len(sizes),))


def Size(x: Tensor) -> Tensor:
    """The number of elements."""
    return Tensor([len(x.values)], ())


def ConstantOfShape(shape: Tensor, *, value: float = 0.0, dtype: str = "float32") -> Tensor:
    """A tensor of that shape, filled with `value`."""
    sizes = integers(shape)
    return Tensor([cast(value, dtype)] * math.prod(sizes), sizes)


def Range(start: Tensor, limit: Tensor, delta: Tensor, *, stash_type: str = "float32") -> Tensor:
    """start, start + delta, and so on, as long as limit is not reached."""
    first, last, step = start.values[0], limit.values[0], delta.values[0]
    count = max(math.ceil((last - first) / step), 0)
    return Tensor([first + i * step for i in range(count)], (count,))


def OneHot(indices: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    """values[1] at each index along a new dimension of size `depth`, values[0] elsewhere; -1 is the last."""
    size, (off, on) = int(depth.values[0]), values.values
    rank = len(indices.shape)
    axis = axis % (rank + 1)
    rows = [place + size if place < 0 else place for place in indices.values]
    last = Tensor([on if i == row else off for row in rows for i in range(size)], (*indices.shape, size))
    return transposed(last, [*range(axis), rank, *range(axis, rank)])


def DepthToSpace(x: Tensor, *, blocksize: int, mode: str = "DCR", layout: str = "NCHW") -> Tensor:
    """Channels become blocks of pixels; with `mode` "DCR" the new channel varies fastest, with "CRD" slowest."""
    x = channels_last(x, layout)
    batch, *sizes, channels = x.shape
    rank = len(sizes)
    new, block = channels // blocksize**rank, [blocksize] * rank
    x = reshaped(x, [batch, *sizes, *([*block, new] if mode == "DCR" else [new, *block])])
    first = 1 + rank if mode == "DCR" else 2 + rank
    pairs = [axis for i in range(rank) for axis in (1 + i, first + i)]
    x = transposed(x, [0, *pairs, 1 + 2 * rank if mode == "DCR" else 1 + rank])
    return from_channels_last(reshaped(x, [batch, *(size * blocksize for size in sizes), new]), layout)


def SpaceToDepth(x: Tensor, *, blocksize: int, mode: str = "DCR", layout: str = "NCHW") -> Tensor:
    """Blocks of pixels become channels; the inverse of DepthToSpace with the same `mode`."""
    x = channels_last(x, layout)
    batch, *sizes, channels = x.shape
    rank = len(sizes)
    x = reshaped(x, [batch, *(part for size in sizes for part in (size // blocksize, blocksize)), channels])
    places, blocks = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
    x = transposed(x, [0, *places, *([*blocks, 2 * rank + 1] if mode == "DCR" else [2 * rank + 1, *blocks])])
    shape = [batch, *(size // blocksize for size in sizes), channels * blocksize**rank]
    return from_channels_last(reshaped(x, shape), layout)


def Trilu(x: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    """The upper (or lower) triangle of the last two dimensions, from the k-th diagonal on; 0 elsewhere."""
    shift = 0 if k is None else int(k.values[0])
    rows, columns = x.shape[-2:]
    zero = 0 if is_whole(x) else 0.0
    values = []
    for i, value in enumerate(x.values):
        diagonal = i % columns - i // columns % rows
        values.append(value if (diagonal >= shift if upper else diagonal <= shift) else zero)
    return Tensor(values, x.shape)


def EyeLike(x: Tensor, *, dtype: str | None = None, k: int = 0) -> Tensor:
    """1 on the k-th diagonal and 0 elsewhere, in the shape of x."""
    rows, columns = x.shape
    diagonal = [column - row == k for row in range(rows) for column in range(columns)]
    return Tensor([cast(value, dtype or ("int64" if is_whole(x) else "float64")) for value in diagonal], x.shape)


def ReverseSequence(x: Tensor, sequence_lens: Tensor, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    """The first `sequence_lens[i]` steps of sample i in reverse order, the rest as it is."""
    rest = [axis for axis in range(len(x.shape)) if axis not in (batch_axis, time_axis)]
    order = [batch_axis, time_axis, *rest]
    moved = transposed(x, order)
    unit, steps = math.prod(moved.shape[2:]), moved.shape[1]
    values: list[float] = []
    for i, length in enumerate(integers(sequence_lens)):
        for step in range(steps):
            place = i * steps + (length - 1 - step if step < length else step)
            values += moved.values[place * unit : (place + 1) * unit]
    return transposed(Tensor(values, moved.shape), [order.index(axis) for axis in range(len(order))])


def NonZero(x: Tensor) -> Tensor:
    """The coordinates of all elements that are not 0: one row for each dimension."""
    places = [i for i, value in enumerate(x.values) if value]
    axes = list(zip(x.shape, steps_of(x.shape)))
    return Tensor([place // step % size for size, step in axes for place in places], (len(axes), len(places)))


def Compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    """The entries along `axis` (without it: of the flattened x) where the condition holds."""
    places = [i for i, holds in enumerate(condition.values) if holds]
    flat = Tensor(x.values, (len(x.values),)) if axis is None else x
    return Gather(flat, Tensor(places, (len(places),)), axis=axis or 0)


def ScatterElements(x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none") -> Tensor:
    """x with y[i, indices[i, j, ...], ...] = updates[i, j, ...]; `reduction` combines instead."""
    axis, steps = axis_of(x, axis), steps_of(x.shape)
    others = [0 if i == axis else step for i, step in enumerate(steps)]
    values = list(x.values)
    for place, index, update in zip(offsets(indices.shape, others), integers(indices), updates.values):
        where = place + index % x.shape[axis] * steps[axis]
        values[where] = combined(values[where], update, reduction)
    return Tensor(values, x.shape)


def ScatterND(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    """x with the slices replaced that GatherND would take; `reduction` combines instead."""
    depth, steps, places = indices.shape[-1], steps_of(x.shape), integers(indices)
    unit, values = math.prod(x.shape[depth:]), list(x.values)
    for i in range(math.prod(indices.shape[:-1])):
        row = places[i * depth : (i + 1) * depth]
        start = sum(place % size * step for place, size, step in zip(row, x.shape, steps))
        for k in range(unit):
            values[start + k] = combined(values[start + k], updates.values[i * unit + k], reduction)
    return Tensor(values, x.shape)


def combined(old: float, new: float, reduction: str) -> float:
    """What a scattered value leaves at its place."""
    if reduction == "none":
        return new
    results = {"add": old + new, "mul": old * new, "max": max(old, new), "min": min(old, new)}
    return results[reduction]


def Unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The different values (or entries along `axis`), where each is first, which one each entry is, how often it is.

    `sorted` 0 keeps the order in which they first come.
    """
    flat = Tensor(x.values, (len(x.values),)) if axis is None else x
    place = axis_of(flat, axis or 0)
    keys = [tuple(entry.values) for entry in entries(flat, place)]
    first: dict[tuple[float, ...], int] = {}
    for i, key in enumerate(keys):
        first.setdefault(key, i)
    order = list(first)
    if sorted:
        order.sort()
    numbers = {key: i for i, key in enumerate(order)}
    starts = vector(*(first[key] for key in order))
    counts = [0] * len(order)
    for key in keys:
        counts[numbers[key]] += 1
    return Gather(flat, starts, axis=place), starts, vector(*(numbers[key] for key in keys)), vector(*counts)


def TensorScatter(
    past_cache: Tensor, update: Tensor, write_indices: Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    """The cache with each sample's update written from its index on along `axis`; "circular" goes on at the start."""
    if mode not in ("linear", "circular"):
        raise ValueError(f"mode is {mode!r}")
    cache, new = moved(past_cache, axis, 1), moved(update, axis, 1)
    starts = [0] * cache.shape[0] if write_indices is None else integers(write_indices)
    size, unit, values = cache.shape[1], math.prod(cache.shape[2:]), list(cache.values)
    for sample, start in enumerate(starts):
        for i in range(new.shape[1]):
            place = (start + i) % size if mode == "circular" else start + i
            if not 0 <= place < size:
                raise ValueError(f"the index {place} is beyond the {size} entries of axis {axis}")
            source, target = (sample * new.shape[1] + i) * unit, (sample * size + place) * unit
            values[target : target + unit] = new.values[source : source + unit]
    return moved(Tensor(values, cache.shape), 1, axis)
