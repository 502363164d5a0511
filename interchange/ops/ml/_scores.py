"""What classifiers and regressors of ai.onnx.ml share: the dtype of scores, their transforms, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def as_float(x: Array) -> Array:
    """x in float64 if it is that, else in float32."""
    return x.astype(np.float64 if x.dtype == np.float64 else np.float32, copy=False)


def matrix(x: Array) -> Array:
    """x as a float matrix, one row for each sample."""
    return as_float(x.reshape(1, -1) if x.ndim == 1 else x)


def _inverse_erf(x: Array) -> Array:
    """S. Winitzki, "A handy approximation for the error function and its inverse", 2008."""
    log = np.log((1 - x) * (1 + x))
    a = 2 / (np.pi * 0.147) + 0.5 * log
    y: Array = np.sign(x) * np.sqrt(np.sqrt(a * a - log / 0.147) - a)
    return y


def transformed(scores: Array, how: str) -> Array:
    """Scores as `post_transform` has them: "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO" or "PROBIT"."""
    if how == "NONE":
        return scores
    if how == "LOGISTIC":
        small = np.exp(-np.abs(scores))
        return np.where(scores >= 0, 1 / (1 + small), small / (1 + small)).astype(scores.dtype)
    if how == "PROBIT":
        return np.asarray(np.sqrt(2.0) * _inverse_erf(2 * scores - 1), scores.dtype)
    if how not in ("SOFTMAX", "SOFTMAX_ZERO"):
        raise ValueError(f"post_transform is {how!r}")
    largest = scores.max(-1, keepdims=True)
    powers = np.exp(scores - largest)
    if how == "SOFTMAX_ZERO":  # a score of 0 stays 0
        powers = np.where(np.abs(scores) > 1e-7, powers, scores * np.exp(-largest))
    total = powers.sum(-1, keepdims=True)
    return np.where(total == 0, 0.5, powers / np.where(total == 0, 1, total)).astype(scores.dtype)


def labelled(indices: Array, ints: Sequence[int] | None, strings: Sequence[str] | None) -> Array:
    """The labels at the indices; the indices themselves if there are no labels."""
    if strings:
        return np.array(list(strings), object)[indices]
    return np.array(ints, np.int64)[indices] if ints else indices.astype(np.int64)
