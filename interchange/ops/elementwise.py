"""Arithmetic, element by element, with NumPy's broadcasting."""

from __future__ import annotations

import functools

import numpy as np

from interchange.ops._shapes import elementwise


@elementwise
def Add(a, b):
    """a + b."""
    return a + b


@elementwise
def Max(*xs):
    """The largest of all inputs; NaN if any is NaN."""
    return functools.reduce(np.maximum, xs)
