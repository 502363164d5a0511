"""Activation functions."""

from __future__ import annotations

import math

import numpy as np

from interchange.ops._erf import erf
from interchange.ops._shapes import elementwise, same_shape, shape_rule


@elementwise
def Relu(x):
    """max(x, 0)."""
    return np.maximum(x, np.zeros((), x.dtype))


@elementwise
def LeakyRelu(x, *, alpha=0.01):
    """x where x >= 0, alpha * x elsewhere."""
    return np.where(x >= 0, x, x.dtype.type(alpha) * x)


@elementwise
def PRelu(x, slope):
    """x where x >= 0, slope * x elsewhere; the slope is broadcast to x."""
    return np.where(x >= 0, x, slope * x)


@elementwise
def ThresholdedRelu(x, *, alpha=1.0):
    """x where x > alpha, 0 elsewhere."""
    return np.where(x > alpha, x, np.zeros((), x.dtype))


@elementwise
def Elu(x, *, alpha=1.0):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))


@elementwise
def Selu(x, *, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875):
    """gamma * x where x > 0, gamma * alpha * (exp(x) - 1) elsewhere."""
    y = np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))
    return x.dtype.type(gamma) * y


@elementwise
def Celu(x, *, alpha=1.0):
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    alpha = x.dtype.type(alpha)
    return np.maximum(x, 0) + np.minimum(alpha * np.expm1(np.minimum(x / alpha, 0)), 0)


def _sigmoid(x):
    """1 / (1 + exp(-x)), computed from exp(-|x|) so that nothing overflows."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


@elementwise
def Sigmoid(x):
    """1 / (1 + exp(-x))."""
    return _sigmoid(x)


@elementwise
def Swish(x, *, alpha=1.0):
    """x / (1 + exp(-alpha * x)); also called SiLU."""
    return x * _sigmoid(x.dtype.type(alpha) * x)


@elementwise
def SwiGLU(a, b, *, alpha=1.0):
    """Swish(a) * b, N. Shazeer, "GLU variants improve transformer", 2020."""
    return a * _sigmoid(a.dtype.type(alpha) * a) * b


@elementwise
def HardSigmoid(x, *, alpha=0.2, beta=0.5):
    """alpha * x + beta, limited to 0 … 1."""
    return np.clip(alpha * x + beta, 0, 1).astype(x.dtype)


@elementwise
def HardSwish(x):
    """x times (x / 6 + 0.5 limited to 0 … 1)."""
    return (x * np.clip(x / 6 + 0.5, 0, 1)).astype(x.dtype)


def _softplus(x):
    """log(1 + exp(x)), computed from exp(-|x|) so that nothing overflows."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@elementwise
def Softplus(x):
    """log(1 + exp(x))."""
    return _softplus(x)


@elementwise
def Mish(x):
    """x * tanh(log(1 + exp(x)))."""
    return x * np.tanh(_softplus(x))


@elementwise
def Softsign(x):
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))


@elementwise
def Gelu(x, *, approximate="none"):
    """x / 2 * (1 + erf(x / √2)); with `approximate` "tanh", x / 2 * (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate is {approximate!r}")
    if approximate == "tanh":
        factor = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
    else:
        factor = erf(x * math.sqrt(0.5))
    return (0.5 * x * (1 + factor)).astype(x.dtype)


@elementwise
def Shrink(x, *, bias=0.0, lambd=0.5):
    """x + bias where x < -lambd, x - bias where x > lambd, 0 elsewhere."""
    y = np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))
    return y.astype(x.dtype)


@shape_rule(same_shape)
def Softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`, the largest entry subtracted first."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


@shape_rule(same_shape)
def LogSoftmax(x, *, axis=-1):
    """x - log(sum(exp(x))) along `axis`, the largest entry subtracted first."""
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


@shape_rule(same_shape)
def Hardmax(x, *, axis=-1):
    """1 at the first largest entry along `axis`, 0 elsewhere."""
    y = np.zeros_like(x)
    np.put_along_axis(y, np.expand_dims(x.argmax(axis), axis), 1, axis)
    return y
