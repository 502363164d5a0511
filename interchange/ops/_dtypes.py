"""Dtypes by name, limits of dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np


def dtype_of(name: str) -> np.dtype[Any]:
    """The NumPy dtype with that name; `bfloat16` and the other small floats come from ml_dtypes."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return dtype


def lowest(dtype: np.dtype[Any]) -> Any:
    """The value below all others: -inf, the least integer, False."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def highest(dtype: np.dtype[Any]) -> Any:
    """The value above all others: inf, the largest integer, True."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).max
    return True if dtype.kind == "b" else np.inf
