"""What classifiers and regressors share: rows of samples, transforms of scores, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from interchange_pyscript.kernels.arithmetic import exponential, logarithm, sigmoid, square_root
from interchange_pyscript.kernels.tensor import Tensor, lines

Rows = list[list[float]]


def rows_of_samples(x: Tensor) -> Rows:
    """The samples as lists of floats; a vector is one sample."""
    return [list(map(float, row)) for row in lines(x, [len(x.shape) - 1])]


def from_rows(rows: Sequence[Sequence[float]], width: int) -> Tensor:
    """A matrix of rows of that many numbers."""
    return Tensor([value for row in rows for value in row], (len(rows), width))


def inverse_erf(x: float) -> float:
    """S. Winitzki, "A handy approximation for the error function and its inverse", 2008."""
    log = logarithm((1 - x) * (1 + x))
    a = 2 / (math.pi * 0.147) + 0.5 * log
    return math.copysign(square_root(square_root(a * a - log / 0.147) - a), x)


def transformed_scores(scores: Sequence[float], how: str) -> list[float]:
    """The scores of a sample as `post_transform` has them: NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO or PROBIT."""
    if how == "NONE":
        return list(scores)
    if how == "LOGISTIC":
        return list(map(sigmoid, scores))
    if how == "PROBIT":
        return [math.sqrt(2.0) * inverse_erf(2 * score - 1) for score in scores]
    if how not in ("SOFTMAX", "SOFTMAX_ZERO"):
        raise ValueError(f"post_transform is {how!r}")
    largest = max(scores)
    powers = [exponential(score - largest) for score in scores]
    if how == "SOFTMAX_ZERO":  # a score of 0 stays 0
        powers = [p if abs(s) > 1e-7 else s * exponential(-largest) for p, s in zip(powers, scores)]
    total = sum(powers)
    return [power / total if total else 0.5 for power in powers]


def labels_at(indices: Sequence[int], ints: Sequence[int] | None, strings: Sequence[str] | None) -> Tensor:
    """The labels at the indices; the indices themselves if there are no labels."""
    labels: Sequence[Any] = strings or ints or ()
    return Tensor([labels[i] for i in indices] if labels else list(indices), (len(indices),))


def first_largest(values: Sequence[float]) -> int:
    """Where the largest value is, the first of equals."""
    return max(range(len(values)), key=values.__getitem__)
