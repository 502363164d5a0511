"""Reductions: one value for each line, plane … of a tensor; and what runs along an axis.

The Reduce operators take `axes` as an input. Without axes, or with none in it, all dimensions are reduced, or none if
`noop_with_empty_axes` is 1; `keepdims` 0 drops the dimensions reduced.
"""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import highest, lowest
from interchange.ops._shapes import Array, same_shape, shape_rule


def _axes(x, axes, noop):
    """The axes to reduce, as a tuple."""
    if axes is None or axes.size == 0:
        return () if noop else tuple(range(x.ndim))
    return tuple(int(axis) % x.ndim for axis in axes.ravel())


def _reduced_shape(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    gone = _axes(x, axes, noop_with_empty_axes)
    return tuple(1 if i in gone else size for i, size in enumerate(x.shape) if keepdims or i not in gone)


@shape_rule(_reduced_shape)
def ReduceSum(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The sum."""
    return x.sum(_axes(x, axes, noop_with_empty_axes), dtype=x.dtype, keepdims=bool(keepdims))


@shape_rule(_reduced_shape)
def ReduceMean(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The mean."""
    return x.mean(_axes(x, axes, noop_with_empty_axes), keepdims=bool(keepdims)).astype(x.dtype)


@shape_rule(_reduced_shape)
def ReduceMax(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The largest value; of nothing, the lowest that the dtype has."""
    return x.max(_axes(x, axes, noop_with_empty_axes), keepdims=bool(keepdims), initial=lowest(x.dtype))


@shape_rule(_reduced_shape)
def ReduceMin(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The smallest value; of nothing, the highest that the dtype has."""
    return x.min(_axes(x, axes, noop_with_empty_axes), keepdims=bool(keepdims), initial=highest(x.dtype))


@shape_rule(_reduced_shape)
def ReduceProd(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The product."""
    return x.prod(_axes(x, axes, noop_with_empty_axes), dtype=x.dtype, keepdims=bool(keepdims))


@shape_rule(_reduced_shape)
def ReduceL1(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The sum of |x|."""
    return np.abs(x).sum(_axes(x, axes, noop_with_empty_axes), dtype=x.dtype, keepdims=bool(keepdims))


@shape_rule(_reduced_shape)
def ReduceL2(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The square root of the sum of x²."""
    total = np.square(x).sum(_axes(x, axes, noop_with_empty_axes), dtype=x.dtype, keepdims=bool(keepdims))
    return np.sqrt(total).astype(x.dtype)


@shape_rule(_reduced_shape)
def ReduceSumSquare(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The sum of x²."""
    return np.square(x).sum(_axes(x, axes, noop_with_empty_axes), dtype=x.dtype, keepdims=bool(keepdims))


@shape_rule(_reduced_shape)
def ReduceLogSum(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """The logarithm of the sum."""
    return np.log(x.sum(_axes(x, axes, noop_with_empty_axes), keepdims=bool(keepdims))).astype(x.dtype)


@shape_rule(_reduced_shape)
def ReduceLogSumExp(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    """log(sum(exp(x))), the largest entry subtracted first."""
    axes = _axes(x, axes, noop_with_empty_axes)
    largest = x.max(axes, keepdims=True, initial=lowest(x.dtype))
    largest = np.where(np.isfinite(largest), largest, 0)
    y = np.log(np.exp(x - largest).sum(axes, keepdims=True)) + largest
    return (y if keepdims else y.squeeze(axes)).astype(x.dtype)


def _arg(find, x, axis, keepdims, select_last_index):
    """`find` (np.argmax or np.argmin) along an axis, from the end if the last of equals is wanted."""
    if not select_last_index:
        return find(x, axis, keepdims=bool(keepdims))
    return x.shape[axis] - 1 - find(np.flip(x, axis), axis, keepdims=bool(keepdims))


def ArgMax(x, *, axis=0, keepdims=1, select_last_index=0):
    """The index of the largest value along `axis`, the first or the last of equals."""
    return _arg(np.argmax, x, axis, keepdims, select_last_index)


def ArgMin(x, *, axis=0, keepdims=1, select_last_index=0):
    """The index of the smallest value along `axis`, the first or the last of equals."""
    return _arg(np.argmin, x, axis, keepdims, select_last_index)


def _cumulate(accumulate, neutral, x, axis, exclusive, reverse):
    """Sums or products up to each entry along an axis, the entry itself left out if `exclusive`."""
    x = np.moveaxis(x, int(axis.item()), -1)
    x = x[..., ::-1] if reverse else x
    if exclusive:
        x = np.concatenate([np.full_like(x[..., :1], neutral), x[..., :-1]], axis=-1)
    y = accumulate(x, axis=-1, dtype=x.dtype)
    return np.moveaxis(y[..., ::-1] if reverse else y, -1, int(axis.item()))


@shape_rule(same_shape)
def CumSum(x, axis, *, exclusive=0, reverse=0):
    """The sum of the entries up to each one along `axis`; `exclusive`: without itself, `reverse`: from the end."""
    return _cumulate(np.cumsum, 0, x, axis, exclusive, reverse)


@shape_rule(same_shape)
def CumProd(x, axis, *, exclusive=0, reverse=0):
    """The product of the entries up to each one along `axis`; `exclusive`: without itself, `reverse`: from the end."""
    return _cumulate(np.cumprod, 1, x, axis, exclusive, reverse)


def TopK(x, k, *, axis=-1, largest=1, sorted=1) -> tuple[Array, Array]:
    """The k largest or smallest values along `axis` and their indices; of equals the first comes first."""
    if largest:
        order = np.flip(x.shape[axis] - 1 - np.argsort(np.flip(x, axis), axis, stable=True), axis)
    else:
        order = np.argsort(x, axis, stable=True)
    indices = np.take(order, np.arange(int(k.item())), axis)
    return np.take_along_axis(x, indices, axis), indices
