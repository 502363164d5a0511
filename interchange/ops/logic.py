"""Comparison and truth, element by element, with NumPy's broadcasting; the results are booleans."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import elementwise


@elementwise
def And(a, b):
    """Both are true."""
    return np.logical_and(a, b)


@elementwise
def Or(a, b):
    """At least one is true."""
    return np.logical_or(a, b)


@elementwise
def Xor(a, b):
    """Exactly one is true."""
    return np.logical_xor(a, b)


@elementwise
def Not(x):
    """x is false."""
    return np.logical_not(x)


@elementwise
def Equal(a, b):
    """a = b."""
    return np.equal(a, b).astype(bool)


@elementwise
def Greater(a, b):
    """a > b."""
    return a > b


@elementwise
def GreaterOrEqual(a, b):
    """a >= b."""
    return a >= b


@elementwise
def Less(a, b):
    """a < b."""
    return a < b


@elementwise
def LessOrEqual(a, b):
    """a <= b."""
    return a <= b
