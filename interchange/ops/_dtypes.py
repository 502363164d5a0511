"""Dtypes by name, limits of dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np


def dtype_of(name: str) -> np.dtype[Any]:
    """The NumPy dtype with that name; `bfloat16` and the other small numbers come from ml_dtypes."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return dtype


def is_dtype_name(name: str) -> bool:
    """Whether `dtype_of` knows the name."""
    try:
        dtype_of(name)
    except (TypeError, AttributeError):
        return False
    return True


def limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The smallest and the largest finite value; those of int4 and the like come from ml_dtypes."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    if dtype.kind == "f" and dtype.itemsize > 1:
        return np.finfo(dtype).min, np.finfo(dtype).max
    import ml_dtypes

    info = ml_dtypes.iinfo(dtype) if "int" in dtype.name else ml_dtypes.finfo(dtype)
    return info.min, info.max


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
