"""Normalisation: values shifted and scaled by statistics of their neighbours."""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import dtype_of
from interchange.ops._shapes import Array, same_shape, shape_rule
from interchange.ops._spatial import channels_last, from_channels_last


@shape_rule(same_shape)
def BatchNormalization(
    x, scale, b, mean, variance, *, epsilon=1e-5, momentum=0.9, training_mode=0, layout="NCHW"
) -> tuple[Array, Array, Array]:
    """(x - mean) / √(variance + epsilon) * scale + b, channel by channel; then the mean and variance to keep.

    With `training_mode` 1 the statistics are those of the batch, and the running ones move towards them.
    """
    x = channels_last(x, layout)
    running_mean, running_variance = mean, variance
    if training_mode:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes, dtype=mean.dtype), x.var(axes, dtype=variance.dtype)
        running_mean = (running_mean * momentum + mean * (1 - momentum)).astype(mean.dtype)
        running_variance = (running_variance * momentum + variance * (1 - momentum)).astype(variance.dtype)
    y = (x - mean) * (scale / np.sqrt(variance + epsilon)) + b
    return from_channels_last(y.astype(x.dtype), layout), running_mean, running_variance


def _standardised(x, axes, epsilon):
    """x with mean 0 and variance 1 over `axes`; the mean; 1 / √(variance + epsilon)."""
    mean = x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(np.square(x - mean).mean(axes, keepdims=True) + x.dtype.type(epsilon))
    return (x - mean) * inverse, mean, inverse


@shape_rule(same_shape)
def InstanceNormalization(x, scale, b, *, epsilon=1e-5, layout="NCHW"):
    """Each image's channels to mean 0 and variance 1 over the spatial dimensions; times scale, plus b."""
    x = channels_last(x, layout)
    y, _, _ = _standardised(x, tuple(range(1, x.ndim - 1)), epsilon)
    return from_channels_last(y * scale + b, layout)


@shape_rule(same_shape)
def LayerNormalization(x, scale, b=None, *, axis=-1, epsilon=1e-5, stash_type="float32") -> tuple[Array, Array, Array]:
    """Mean 0 and variance 1 over the dimensions from `axis` on; times scale, plus b; the mean; 1 / deviation.

    Computed in `stash_type` where that is wider than x.
    """
    wide = x.astype(np.promote_types(x.dtype, dtype_of(stash_type)))
    y, mean, inverse = _standardised(wide, tuple(range(axis % x.ndim, x.ndim)), epsilon)
    y = y.astype(x.dtype) * scale
    return (y if b is None else y + b), mean, inverse


def RMSNormalization(x, scale, *, axis=-1, epsilon=1e-5, stash_type="float32"):
    """x / √(mean of x² + epsilon) over the dimensions from `axis` on; times scale, in the dtype of scale.

    Computed in `stash_type` where that is wider than x.
    """
    wide = x.astype(np.promote_types(x.dtype, dtype_of(stash_type)))
    axes = tuple(range(axis % x.ndim, x.ndim))
    y = wide / np.sqrt(np.square(wide).mean(axes, keepdims=True) + epsilon)
    return y.astype(x.dtype).astype(scale.dtype) * scale


@shape_rule(same_shape)
def GroupNormalization(x, scale, b, *, num_groups, epsilon=1e-5, stash_type="float32", layout="NCHW"):
    """Groups of neighbouring channels of each image to mean 0 and variance 1; times scale, plus b.

    Computed in `stash_type` where that is wider than x.
    """
    x = channels_last(x, layout)
    grouped = x.reshape(*x.shape[:-1], num_groups, -1)
    grouped = grouped.astype(np.promote_types(x.dtype, dtype_of(stash_type)))
    y, _, _ = _standardised(grouped, (*range(1, x.ndim - 1), x.ndim), epsilon)
    return from_channels_last(y.reshape(x.shape).astype(x.dtype) * scale + b, layout)


@shape_rule(same_shape)
def LRN(x, *, size, alpha=0.0001, beta=0.75, bias=1.0, layout="NCHW"):
    """x / (bias + alpha / size * sum of x² over the `size` nearest channels)^beta."""
    x = channels_last(x, layout)
    before, channels = (size - 1) // 2, x.shape[-1]
    squares = np.pad(x * x, ((0, 0),) * (x.ndim - 1) + ((before, size - 1 - before),))
    total = sum(squares[..., i : i + channels] for i in range(size))
    return from_channels_last((x / (bias + alpha / size * total) ** beta).astype(x.dtype), layout)


@shape_rule(same_shape)
def LpNormalization(x, *, axis=-1, p=2):
    """x divided by its norm along `axis`, |x| summed (`p` 1) or Euclidean (`p` 2); 0 where the norm is 0."""
    norm = np.abs(x).sum(axis, keepdims=True) if p == 1 else np.sqrt(np.square(x).sum(axis, keepdims=True))
    return np.where(norm == 0, np.zeros((), x.dtype), x / norm)


@shape_rule(same_shape)
def MeanVarianceNormalization(x, *, axes=(0, 2, 3)):
    """(x - mean) / (standard deviation + 1e-9) over `axes`."""
    axes = tuple(axes)
    y = (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + 1e-9)
    return y.astype(x.dtype)
