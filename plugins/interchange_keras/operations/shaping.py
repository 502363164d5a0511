"""Operations on the form of tensors: indexing, joining, splitting, reordering."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    as_int32,
    axes_of,
    axis_of,
    flat,
    joined,
    tensor,
    vector,
)
from interchange_keras.options import array_of, integer

END = np.iinfo(np.int64).max


def get_item(layer: Layer, x: Operand, key: Any) -> str:
    """NumPy's indexing with integers, slices, None and …; with one list or tensor of integers, along its dimension."""
    x = tensor(layer, x)
    items = list(key) if isinstance(key, list) and (not key or any(not isinstance(k, int) for k in key)) else [key]
    if isinstance(key, list) and key and all(isinstance(k, int) for k in key):
        items = list(key)  # a tuple of integers, which JSON does not tell from a list
    dots = [i for i, item in enumerate(items) if item is ...]
    missing = layer.rank(x) - sum(item is not None and item is not ... for item in items)
    if missing < 0 or len(dots) > 1:
        layer.reject(f"{len(items)} indices for {layer.rank(x)} dimensions")
    at = dots[0] if dots else len(items)
    items = [*items[:at], *[slice(None)] * missing, *items[at + 1 :]]
    return _indexed(layer, x, items)


def _indexed(layer: Layer, x: str, items: Sequence[Any]) -> str:
    starts, ends, axes, steps, dropped, added = [], [], [], [], [], []
    gathers: list[tuple[int, Any]] = []
    axis, position = 0, 0
    for item in items:
        if item is None:
            added.append(position)
            position += 1
            continue
        if isinstance(item, slice):
            if any(isinstance(end, Tensor) for end in (item.start, item.stop)):
                x = _sliced(layer, x, axis, item)
            elif item != slice(None) and item != slice(None, None, 1):
                step = integer(item.step or 1)
                starts.append(item.start if item.start is not None else (0 if step > 0 else END))
                ends.append(item.stop if item.stop is not None else (END if step > 0 else -END))
                axes.append(axis)
                steps.append(step)
            position += 1
        elif isinstance(item, int) and not isinstance(item, bool):
            starts.append(item)
            ends.append(item + 1 if item != -1 else END)
            axes.append(axis)
            steps.append(1)
            dropped.append(axis)
        elif isinstance(item, (Tensor, list, np.ndarray)):
            if isinstance(item, Tensor) and layer.dtype(item) == "bool":
                layer.refuse("an index of booleans")
            gathers.append((axis, item))
            position += layer.rank(item) if isinstance(item, Tensor) else np.ndim(item)
        else:
            layer.refuse(f"the index {item!r}")
        axis += 1
    if len(gathers) > 1:
        layer.refuse("several tensors as indices")
    if axes:
        given = [starts, ends, axes] + ([steps] if any(step != 1 for step in steps) else [])
        x = layer.add("Slice", x, *given)
    for at, index in gathers:
        x = layer.add("Gather", x, as_dtype(layer, index, "int64"), axis=at)
        if len(gathers) and dropped and isinstance(index, Tensor) and layer.rank(index) != 1:
            layer.refuse("a tensor and integers as indices")
    if dropped:
        x = layer.add("Squeeze", x, dropped)
    return layer.add("Unsqueeze", x, added) if added else x


def _sliced(layer: Layer, x: str, axis: int, item: slice) -> str:
    """One slice whose ends the graph computes."""
    start = vector(layer, [0 if item.start is None else item.start])
    stop = vector(layer, [END if item.stop is None else item.stop])
    return layer.add("Slice", x, start, stop, [axis], [integer(item.step or 1)])


def reshape(layer: Layer, x: Operand, *, newshape: Any) -> str:
    x = tensor(layer, x)
    shape = vector(layer, newshape)
    if isinstance(shape, list):
        if 0 in shape:
            layer.refuse("a dimension of size 0")
        layer.check_size(math.prod(float(abs(size)) for size in shape))
    return layer.add("Reshape", x, shape)


def transpose(layer: Layer, x: Operand, *, axes: Any = None) -> str:
    x = tensor(layer, x)
    order = list(reversed(range(layer.rank(x)))) if axes is None else [a % layer.rank(x) for a in axes]
    return layer.add("Transpose", x, perm=order)


def swapaxes(layer: Layer, x: Operand, *, axis1: int, axis2: int) -> str:
    x = tensor(layer, x)
    order = list(range(layer.rank(x)))
    one, other = layer.axes(x, [axis1, axis2])
    order[one], order[other] = order[other], order[one]
    return layer.add("Transpose", x, perm=order)


def moveaxis(layer: Layer, x: Operand, *, source: Any, destination: Any) -> str:
    x = tensor(layer, x)
    before, after = axes_of(layer, x, source), axes_of(layer, x, destination)
    order = [axis for axis in range(layer.rank(x)) if axis not in before]
    for to, axis in sorted(zip(after, before, strict=True)):
        order.insert(to, axis)
    return layer.add("Transpose", x, perm=order)


def expand_dims(layer: Layer, x: Operand, *, axis: Any) -> str:
    return layer.add("Unsqueeze", tensor(layer, x), axis if isinstance(axis, list) else [axis])


def squeeze(layer: Layer, x: Operand, *, axis: Any = None) -> str:
    x = tensor(layer, x)
    if axis is None:
        axis = [i for i, size in enumerate(layer.shape(x)) if size == 1]
    return layer.add("Squeeze", x, axes_of(layer, x, axis)) if axis != [] else x


def concatenate(layer: Layer, xs: Sequence[Operand], *, axis: int = 0) -> str:
    return layer.add("Concat", *joined(layer, *xs), axis=axis)


def stack(layer: Layer, x: Sequence[Operand], *, axis: int = 0) -> str:
    return layer.add("Concat", *(layer.add("Unsqueeze", part, [axis]) for part in joined(layer, *x)), axis=axis)


def _stacked(axis: int, rank: int) -> LayerFunction:
    """vstack, hstack, dstack: joined along an axis, after they have got that many dimensions."""

    def function(layer: Layer, xs: Sequence[Operand]) -> str:
        parts = joined(layer, *xs)
        have = layer.rank(parts[0])
        if have < rank:
            layer.refuse(f"inputs of rank {have}")
        return layer.add("Concat", *parts, axis=axis)

    return function


def split(layer: Layer, x: Operand, *, indices_or_sections: Any, axis: int = 0) -> tuple[str, ...]:
    x = tensor(layer, x)
    at = axis_of(layer, x, axis)
    size = layer.shape(x)[at]
    if isinstance(indices_or_sections, int):
        parts = indices_or_sections
        if parts < 1 or (size or 0) % parts:
            layer.reject(f"{size} entries in {parts} parts")
        return layer.add_many("Split", x, outputs=parts, axis=at, num_outputs=parts)
    if size is None:
        layer.refuse("a split of a dimension of unknown size")
    cuts = [0, *(min(max(i + size if i < 0 else i, 0), size) for i in indices_or_sections), size]
    lengths = [b - a for a, b in itertools.pairwise(cuts)]
    return layer.add_many("Split", x, lengths, outputs=len(lengths), axis=at)


def unstack(layer: Layer, x: Operand, *, num: int | None = None, axis: int = 0) -> tuple[str, ...]:
    x = tensor(layer, x)
    at = axis_of(layer, x, axis)
    count = num or layer.shape(x)[at]
    if count is None:
        layer.refuse("a dimension of unknown size")
    parts = layer.add_many("Split", x, outputs=count, axis=at, num_outputs=count)
    return tuple(layer.add("Squeeze", part, [at]) for part in parts)


def take(layer: Layer, x: Operand, indices: Operand, *, axis: int | None = None) -> str:
    x = tensor(layer, x)
    if axis is None:
        x, axis = flat(layer, x), 0
    return layer.add("Gather", x, as_dtype(layer, indices, "int64"), axis=axis % layer.rank(x))


def take_along_axis(layer: Layer, x: Operand, indices: Operand, *, axis: int | None = None) -> str:
    x, index = tensor(layer, x), as_dtype(layer, indices, "int64")
    if axis is None:
        x, index, axis = flat(layer, x), flat(layer, index), 0
    return layer.add("GatherElements", x, index, axis=axis % layer.rank(x))


def pad(layer: Layer, x: Operand, constant_values: Any = None, *, pad_width: Any, mode: str = "constant") -> str:
    x = tensor(layer, x)
    pairs = np.broadcast_to(array_of(pad_width, np.int64), (layer.rank(x), 2))
    if mode not in ("constant", "reflect", "symmetric") or (pairs < 0).any():
        layer.refuse(f"mode is {mode!r}, the padding {pairs.tolist()}")
    layer.check_size(math.prod(float(s or 64) + p.sum() for s, p in zip(layer.shape(x), pairs, strict=True)))
    if mode == "symmetric":
        return _mirrored(layer, x, pairs.tolist())
    given = [] if constant_values is None else [as_dtype(layer, constant_values, layer.dtype(x))]
    return layer.add("Pad", x, pairs.T.ravel(), *given, **({} if mode == "constant" else {"mode": mode}))


def _mirrored(layer: Layer, x: str, pairs: Sequence[Sequence[int]]) -> str:
    """Padded with what is beside the edge, itself included, in reverse."""
    for axis, (before, after) in enumerate(pairs):
        size = layer.shape(x)[axis]
        if size is not None and max(before, after) > size:
            layer.reject(f"{before} and {after} to be mirrored of {size}")
        parts = [x]
        if before:
            parts.insert(0, layer.add("Slice", x, [before - 1], [-END], [axis], [-1]))
        if after:
            parts.append(layer.add("Slice", x, [-1], [-after - 1], [axis], [-1]))
        x = layer.add("Concat", *parts, axis=axis) if len(parts) > 1 else x
    return x


def tile(layer: Layer, x: Operand, *, repeats: Any) -> str:
    x = tensor(layer, x)
    counts = vector(layer, repeats)
    if isinstance(counts, list):
        counts = [1] * (layer.rank(x) - len(counts)) + counts
        if len(counts) > layer.rank(x):
            x = layer.add("Unsqueeze", x, list(range(len(counts) - layer.rank(x))))
        layer.check_size(math.prod(map(float, counts)) * math.prod(float(s or 64) for s in layer.shape(x)))
    return layer.add("Tile", x, counts)


def repeat(layer: Layer, x: Operand, *, repeats: Any, axis: int | None = None) -> str:
    x = tensor(layer, x)
    if axis is None:
        x, axis = flat(layer, x), 0
    at = axis_of(layer, x, axis)
    counts = [integer(count) for count in (repeats if isinstance(repeats, list) else [repeats])]
    size = layer.shape(x)[at]
    layer.check_size(float(sum(counts)) * (size or 64))
    if len(counts) == 1 and counts[0] > 0:
        copies = layer.add("Unsqueeze", x, [at + 1])
        ones = [1] * (layer.rank(x) + 1)
        ones[at + 1] = counts[0]
        shape = [0] * at + [-1] + [1] * (layer.rank(x) - at - 1)
        spread = layer.add("Tile", copies, ones)
        if size is not None:
            shape[at] = size * counts[0]
        known = list(layer.shape(x)[at + 1 :])
        if None in known and size is None:
            layer.refuse("several dimensions of unknown size")
        shape[at + 1 :] = [-1 if n is None else n for n in known]
        if shape.count(-1) > 1:
            layer.refuse("several dimensions of unknown size")
        return layer.add("Reshape", spread, shape)
    if size is None or len(counts) != size:
        layer.refuse("different counts for a dimension of unknown size")
    return layer.add("Gather", x, np.repeat(np.arange(size), counts), axis=at)


def flip(layer: Layer, x: Operand, *, axis: Any = None) -> str:
    x = tensor(layer, x)
    axes = axes_of(layer, x, axis)
    return layer.add("Slice", x, [-1] * len(axes), [-END] * len(axes), axes, [-1] * len(axes))


def roll(layer: Layer, x: Operand, *, shift: Any, axis: Any = None) -> str:
    whole = tensor(layer, x)
    y = flat(layer, whole) if axis is None else whole
    axes = [0] if axis is None else axes_of(layer, y, axis)
    shifts = shift if isinstance(shift, list) else [shift] * len(axes)
    for at, by in zip(axes, shifts, strict=True):
        size = layer.shape(y)[at]
        cut = -by if size is None else (-by) % max(size, 1)
        if cut:
            end = layer.add("Slice", y, [cut], [END], [at])
            y = layer.add("Concat", end, layer.add("Slice", y, [0], [cut], [at]), axis=at)
    return layer.add("Reshape", y, layer.add("Shape", whole)) if axis is None else y


def broadcast_to(layer: Layer, x: Operand, *, shape: Any) -> str:
    sizes: Any = vector(layer, shape)
    return layer.add(
        "Expand", tensor(layer, x), [1 if n == -1 else n for n in sizes] if isinstance(sizes, list) else sizes
    )


def ravel(layer: Layer, x: Operand) -> str:
    return layer.add("Reshape", tensor(layer, x), [-1])


def triangle(upper: int) -> LayerFunction:
    return lambda layer, x, *, k=0: layer.add("Trilu", tensor(layer, x), np.array(k, np.int64), upper=upper)


def one_hot(
    layer: Layer, x: Operand, *, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> str:
    """Indices outside of the classes, negative ones too, give zeros."""
    layer.check_size(float(num_classes))
    name = dtype if isinstance(dtype, str) else "float32"
    index = layer.add("Unsqueeze", as_dtype(layer, x, "int64"), [axis if axis >= 0 else layer.rank(tensor(layer, x))])
    rank = layer.rank(index)
    at = axis if axis >= 0 else rank - 1
    classes = np.arange(num_classes).reshape([-1] + [1] * (rank - 1 - at))
    return layer.add("Cast", layer.add("Equal", index, classes), to=name)


def diagonal(layer: Layer, x: Operand, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> str:
    x = tensor(layer, x)
    a, b = axes_of(layer, x, [axis1, axis2])
    order = [i for i in range(layer.rank(x)) if i not in (a, b)] + [a, b]
    n, m = layer.shape(x)[a], layer.shape(x)[b]
    if n is None or m is None:
        layer.refuse("the diagonal of dimensions of unknown size")
    places = [i * m + i + offset for i in range(n) if 0 <= i + offset < m]
    y = layer.add("Transpose", x, perm=order)
    y = layer.add("Reshape", y, [0] * (layer.rank(x) - 2) + [n * m])
    return layer.add("Gather", y, places, axis=layer.rank(x) - 2)


def size_of(layer: Layer, x: Operand) -> str:
    return as_int32(layer, layer.add("Size", tensor(layer, x)))


OPERATIONS: Mapping[str, LayerFunction] = {
    **{"GetItem": get_item, "Reshape": reshape, "Transpose": transpose, "Swapaxes": swapaxes, "Moveaxis": moveaxis},
    **{"ExpandDims": expand_dims, "Squeeze": squeeze, "Concatenate": concatenate, "Stack": stack, "Split": split},
    **{"ArraySplit": split, "Hstack": _stacked(1, 2), "Vstack": _stacked(0, 2), "Dstack": _stacked(2, 3)},
    **{"Unstack": unstack, "Take": take, "TakeAlongAxis": take_along_axis, "Pad": pad, "Tile": tile},
    **{"Repeat": repeat, "Flip": flip, "Fliplr": lambda layer, x: flip(layer, x, axis=1)},
    **{"Flipud": lambda layer, x: flip(layer, x, axis=0), "Roll": roll, "BroadcastTo": broadcast_to, "Ravel": ravel},
    **{"Tril": triangle(0), "Triu": triangle(1), "OneHot": one_hot, "Diagonal": diagonal, "Size": size_of},
}
