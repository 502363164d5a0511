"""Random numbers.

The same `seed` gives the same numbers, though not those of another runtime; without one they are others each time.
"""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import dtype_of


def _generator(seed):
    """NumPy's generator; the seed of ONNX is a float."""
    return np.random.default_rng(None if seed is None else np.frombuffer(np.float32(seed).tobytes(), np.uint32)[0])


def RandomNormal(*, dtype="float32", mean=0.0, scale=1.0, seed=None, shape):
    """Normally distributed numbers with that mean and standard deviation."""
    return _generator(seed).normal(mean, scale, shape).astype(dtype_of(dtype))


def RandomUniform(*, dtype="float32", high=1.0, low=0.0, seed=None, shape):
    """Numbers between `low` and `high`, all equally likely."""
    return _generator(seed).uniform(low, high, shape).astype(dtype_of(dtype))


def RandomNormalLike(x, *, dtype=None, mean=0.0, scale=1.0, seed=None):
    """Normally distributed numbers in the shape of x."""
    return _generator(seed).normal(mean, scale, x.shape).astype(x.dtype if dtype is None else dtype_of(dtype))


def RandomUniformLike(x, *, dtype=None, high=1.0, low=0.0, seed=None):
    """Numbers between `low` and `high` in the shape of x, all equally likely."""
    return _generator(seed).uniform(low, high, x.shape).astype(x.dtype if dtype is None else dtype_of(dtype))


def Bernoulli(x, *, dtype=None, seed=None):
    """1 with the probability x, else 0."""
    return (_generator(seed).random(x.shape) < x).astype(x.dtype if dtype is None else dtype_of(dtype))


def Multinomial(x, *, dtype="int32", sample_size=1, seed=None):
    """`sample_size` classes drawn for each row of logarithms of probabilities, which need not add up to 1."""
    powers = np.exp((x - x.max(1, keepdims=True)).astype(np.float64))
    limits = np.cumsum(powers / powers.sum(1, keepdims=True), 1)
    draws = _generator(seed).random((len(x), sample_size))
    return np.minimum((draws[:, :, None] >= limits[:, None]).sum(2), x.shape[1] - 1).astype(dtype_of(dtype))
