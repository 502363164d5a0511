"""Activation functions."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import elementwise


@elementwise
def Relu(x):
    """max(x, 0)."""
    return np.maximum(x, np.zeros((), x.dtype))


@elementwise
def LeakyRelu(x, *, alpha=0.01):
    """x where x >= 0, alpha * x elsewhere."""
    return np.where(x >= 0, x, x.dtype.type(alpha) * x)


@elementwise
def Sigmoid(x):
    """1 / (1 + exp(-x)), computed from exp(-|x|) so that nothing overflows."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def Softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`, the largest entry subtracted first."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)
