"""Operators that move elements and compute nothing: shapes, slices, gathers, pads."""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import dtype_of
from interchange.ops._shapes import Array, same_shape, shape_rule
from interchange.ops._spatial import channels_last, from_channels_last


def Reshape(x, shape, *, allowzero=0):
    """The elements in another shape: -1 is what is left, 0 the size that x has there (with `allowzero` 1: zero)."""
    sizes = [int(size) for size in shape]
    return x.reshape([x.shape[i] if size == 0 and not allowzero else size for i, size in enumerate(sizes)])


def Flatten(x, *, axis=1):
    """A matrix: the dimensions before `axis` are its rows, those from it on its columns."""
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis], dtype=int)), int(np.prod(x.shape[axis:], dtype=int)))


def Transpose(x, *, perm=None):
    """The dimensions in the order `perm`; without it in reverse."""
    return x.transpose(perm)


def Squeeze(x, axes=None):
    """Without the dimensions of size 1 that `axes` names; all of them if it is absent."""
    return x.squeeze(None if axes is None else tuple(int(axis) for axis in axes.ravel()))


def Unsqueeze(x, axes):
    """With new dimensions of size 1, which are `axes` of the result."""
    return np.expand_dims(x, tuple(int(axis) for axis in axes.ravel()))


def Concat(*xs, axis):
    """All inputs, one after the other along `axis`."""
    return np.concatenate(xs, axis)


def Split(x, split=None, *, axis=0, num_outputs=None) -> tuple[Array, ...]:
    """Parts along `axis`, of the sizes `split`, or `num_outputs` equal ones (the last may be smaller)."""
    if split is None:
        size = -(-x.shape[axis] // num_outputs)
        split = np.minimum(size, x.shape[axis] - size * np.arange(num_outputs))
    if int(np.sum(split)) != x.shape[axis]:
        raise ValueError(f"parts of {list(map(int, split))} do not add up to the size {x.shape[axis]}")
    return tuple(np.split(x, np.cumsum(split)[:-1], axis))


def Slice(x, starts, ends, axes=None, steps=None):
    """x[start:end:step] along each of `axes`, with Python's meaning of negative and large numbers."""
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), int) if steps is None else steps
    cut = [slice(None)] * x.ndim
    for axis, *bounds in zip(axes, starts, ends, steps, strict=True):
        cut[axis] = slice(*map(int, bounds))
    return x[tuple(cut)]


def Gather(x, indices, *, axis=0):
    """The entries along `axis` that `indices` names; its shape takes the place of that dimension."""
    return np.take(x, indices, axis)


@shape_rule(lambda x, indices, **_: indices.shape)
def GatherElements(x, indices, *, axis=0):
    """y[i, j …] = x[i, indices[i, j …] …]: the index replaces the coordinate on `axis`."""
    inside = tuple(slice(None) if i == axis % x.ndim else slice(size) for i, size in enumerate(indices.shape))
    return np.take_along_axis(x[inside], indices, axis)


def GatherND(x, indices, *, batch_dims=0):
    """The slices of x that begin with the coordinates in the rows of `indices`; the first `batch_dims` axes pair up."""
    batch = np.ogrid[tuple(slice(size) for size in indices.shape[:batch_dims])] if batch_dims else ()
    more = (1,) * (indices.ndim - 1 - batch_dims)
    batch = tuple(index.reshape(index.shape + more) for index in batch)
    return x[(*batch, *np.moveaxis(indices, -1, 0))]


def _scatter(x, where, updates, reduction):
    """A copy of x with the updates put in, or combined with what is there."""
    combine = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    y = x.copy()
    if reduction == "none":
        y[where] = updates
    else:
        combine[reduction].at(y, where, updates)
    return y


def ScatterElements(x, indices, updates, *, axis=0, reduction="none"):
    """x with y[i, indices[i, j …] …] = updates[i, j …]; `reduction` "add", "mul", "max", "min" combines instead."""
    where = list(np.indices(indices.shape, sparse=True))
    where[axis] = indices
    return _scatter(x, tuple(where), updates, reduction)


def ScatterND(x, indices, updates, *, reduction="none"):
    """x with the slices replaced that GatherND would take; `reduction` combines instead, as in ScatterElements."""
    return _scatter(x, tuple(np.moveaxis(indices, -1, 0)), updates, reduction)


def Expand(x, shape):
    """x repeated to the shape that it and `shape` broadcast to."""
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(int(size) for size in shape)))


def Tile(x, repeats):
    """x repeated along each dimension."""
    return np.tile(x, tuple(int(n) for n in repeats))


def Pad(x, pads, constant_value=None, axes=None, *, mode="constant"):
    """Entries added (negative: cut) at both ends of `axes`: a constant, or `mode` "reflect", "edge", "wrap"."""
    axes = range(x.ndim) if axes is None else [int(axis) % x.ndim for axis in axes]
    widths = [(0, 0)] * x.ndim
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        widths[axis] = (int(begin), int(end))
    x = x[tuple(slice(max(-begin, 0), size - max(-end, 0)) for (begin, end), size in zip(widths, x.shape, strict=True))]
    widths = [(max(begin, 0), max(end, 0)) for begin, end in widths]
    if mode != "constant":
        return np.pad(x, widths, mode=mode)
    value = 0 if constant_value is None else constant_value.item()
    return np.pad(x, widths, constant_values=value)


def Shape(x, *, start=0, end=None):
    """The sizes of the dimensions from `start` to `end`."""
    return np.array(x.shape[start:end], np.int64)


def Size(x):
    """The number of elements."""
    return np.array(x.size, np.int64)


def ConstantOfShape(shape, *, value=0.0, dtype="float32"):
    """A tensor of that shape, filled with `value`."""
    return np.full([int(size) for size in shape], value, dtype_of(dtype))


def Range(start, limit, delta, *, stash_type="float32"):
    """start, start + delta, … as long as limit is not reached; small floats are computed in `stash_type`."""
    dtype = start.dtype
    start, limit, delta = (x.reshape(()) for x in (start, limit, delta))
    if dtype.kind not in "iu":
        wide = np.promote_types(dtype, dtype_of(stash_type))
        start, limit, delta = start.astype(wide), limit.astype(wide), delta.astype(wide)
    count = max(int(np.ceil((limit - start) / delta)), 0)
    return (start + np.arange(count).astype(start.dtype) * delta).astype(dtype)


def OneHot(indices, depth, values, *, axis=-1):
    """values[1] at each index along a new dimension of size `depth`, values[0] elsewhere; -1 is the last."""
    depth = int(depth.item())
    axis = axis % (indices.ndim + 1)
    places = np.arange(depth).reshape((depth,) + (1,) * (indices.ndim - axis))
    indices = np.expand_dims(np.where(indices < 0, indices + depth, indices), axis)
    return np.where(indices == places, values[1:2], values[0:1])


def DepthToSpace(x, *, blocksize, mode="DCR", layout="NCHW"):
    """Channels become blocks of pixels; with `mode` "DCR" the new channel varies fastest, with "CRD" slowest."""
    x = channels_last(x, layout)
    batch, *sizes, channels = x.shape
    n, new = len(sizes), channels // blocksize ** len(sizes)
    block = (blocksize,) * n
    x = x.reshape(batch, *sizes, *((*block, new) if mode == "DCR" else (new, *block)))
    first = 1 + n if mode == "DCR" else 2 + n
    pairs = [axis for i in range(n) for axis in (1 + i, first + i)]
    x = x.transpose(0, *pairs, 1 + 2 * n if mode == "DCR" else 1 + n)
    return from_channels_last(x.reshape(batch, *(size * blocksize for size in sizes), new), layout)


def SpaceToDepth(x, *, blocksize, mode="DCR", layout="NCHW"):
    """Blocks of pixels become channels; the inverse of DepthToSpace with the same `mode`."""
    x = channels_last(x, layout)
    batch, *sizes, channels = x.shape
    n = len(sizes)
    x = x.reshape(batch, *(part for size in sizes for part in (size // blocksize, blocksize)), channels)
    places, blocks = range(1, 2 * n, 2), range(2, 2 * n + 1, 2)
    x = x.transpose(0, *places, *((*blocks, 2 * n + 1) if mode == "DCR" else (2 * n + 1, *blocks)))
    return from_channels_last(x.reshape(batch, *(size // blocksize for size in sizes), -1), layout)


def Trilu(x, k=None, *, upper=1):
    """The upper (or lower) triangle of the last two dimensions, from the k-th diagonal on; 0 elsewhere."""
    k = 0 if k is None else int(k.item())
    return np.triu(x, k) if upper else np.tril(x, k)


def EyeLike(x, *, dtype=None, k=0):
    """1 on the k-th diagonal and 0 elsewhere, in the shape of x."""
    rows, columns = x.shape
    return np.eye(rows, columns, k, x.dtype if dtype is None else dtype_of(dtype))


def ReverseSequence(x, sequence_lens, *, batch_axis=1, time_axis=0):
    """The first `sequence_lens[i]` steps of sample i in reverse order, the rest as it is."""
    steps = np.arange(x.shape[time_axis])
    lengths = sequence_lens[:, None]
    order = np.where(steps < lengths, lengths - 1 - steps, steps)  # (batch, time)
    moved = np.moveaxis(x, (batch_axis, time_axis), (0, 1))
    moved = moved[np.arange(len(order))[:, None], order]
    return np.moveaxis(moved, (0, 1), (batch_axis, time_axis))


def NonZero(x):
    """The coordinates of all elements that are not 0: one row for each dimension."""
    return np.array(np.nonzero(x), np.int64)


def Compress(x, condition, *, axis=None):
    """The entries along `axis` (without it: of the flattened x) where the condition holds."""
    return np.compress(condition, x, axis)


def Unique(x, *, axis=None, sorted=1) -> tuple[Array, Array, Array, Array]:
    """The different values (or entries along `axis`), where each is first, which one each entry is, how often it is.

    `sorted` 0 keeps the order in which they first come.
    """
    y, first, inverse, counts = np.unique(x, True, True, True, axis)
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(first)
        y, first, counts = np.take(y, order, axis or 0), first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    return y, first, inverse, counts


@shape_rule(same_shape)
def TensorScatter(past_cache, update, write_indices=None, *, axis=-2, mode="linear"):
    """The cache with each sample's update written from its index on along `axis`; "circular" goes on at the start."""
    if mode not in ("linear", "circular"):
        raise ValueError(f"mode is {mode!r}")
    y, new = np.moveaxis(past_cache, axis, 1).copy(), np.moveaxis(update, axis, 1)
    starts = np.zeros(len(y), int) if write_indices is None else write_indices
    places = starts[:, None] + np.arange(new.shape[1])
    if mode == "circular":
        places = places % y.shape[1]
    y[np.arange(len(y))[:, None], places] = new
    return np.moveaxis(y, 1, axis)
