"""Linear models and support vector machines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from interchange_pyscript.kernels.arithmetic import clip, sigmoid
from interchange_pyscript.kernels.ml.scores import (
    Rows,
    first_largest,
    from_rows,
    labels_at,
    rows_of_samples,
    transformed_scores,
)
from interchange_pyscript.kernels.tensor import Tensor, inner


def linear_scores(rows: Rows, coefficients: Sequence[float], intercepts: Sequence[float], count: int) -> Rows:
    """row . coefficients + intercept for each of `count` classes or targets."""
    size = len(coefficients) // count
    weights = [coefficients[i * size : (i + 1) * size] for i in range(count)]
    return [[inner(row, w) + shift for w, shift in zip(weights, intercepts or [0.0] * count)] for row in rows]


def LinearRegressor(
    x: Tensor,
    *,
    coefficients: Sequence[float] | None = None,
    intercepts: Sequence[float] | None = None,
    post_transform: str = "NONE",
    targets: int = 1,
) -> Tensor:
    """x . coefficients + intercepts."""
    scores = linear_scores(rows_of_samples(x), coefficients or (), intercepts or (), targets)
    return from_rows([transformed_scores(row, post_transform) for row in scores], targets)


def LinearClassifier(
    x: Tensor,
    *,
    classlabels_ints: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None,
    coefficients: Sequence[float],
    intercepts: Sequence[float] | None = None,
    multi_class: int = 0,
    post_transform: str = "NONE",
) -> tuple[Tensor, Tensor]:
    """The label with the highest score x . coefficients + intercepts, and the scores.

    A single score for two labels is that of the second, its negative that of the first.
    """
    count = len(coefficients) // x.shape[-1]
    scores = linear_scores(rows_of_samples(x), coefficients, intercepts or (), count)
    labels: Sequence[Any] = classlabels_strings or classlabels_ints or ()
    if count == 1 and len(labels) == 2:
        scores, count = [[-row[0], row[0]] for row in scores], 2
    y = [transformed_scores(row, post_transform) for row in scores]
    if count > 1:
        chosen = labels_at([first_largest(row) for row in y], classlabels_ints, classlabels_strings)
    else:
        limit, nothing = (0 if post_transform == "NONE" else 0.5), "" if classlabels_strings else 0
        found: list[Any] = [(labels[0] if labels else 1) if row[0] > limit else nothing for row in y]
        chosen = Tensor(found, (len(found),))
    return chosen, from_rows(y, count)


def kernel_values(
    row: Sequence[float], vectors: Sequence[Sequence[float]], kind: str, parameters: Sequence[float] | None
) -> list[float]:
    """The kernel of a sample with each vector; `parameters` are gamma, coef0 and degree."""
    gamma, coef0, degree = parameters or (0.0, 0.0, 0.0)
    if kind == "RBF":
        return [math.exp(-gamma * sum((p - q) ** 2 for p, q in zip(row, vector))) for vector in vectors]
    products = [inner(row, vector) for vector in vectors]
    if kind == "LINEAR":
        return products
    if kind == "SIGMOID":
        return [math.tanh(product * gamma + coef0) for product in products]
    if kind != "POLY":
        raise ValueError(f"kernel_type is {kind!r}")
    return [(product * gamma + coef0) ** int(degree) for product in products]


def support_vectors_of(numbers: Sequence[float] | None, count: int) -> list[Sequence[float]]:
    """The support vectors from one flat list."""
    flat = numbers or ()
    size = len(flat) // count
    return [flat[i * size : (i + 1) * size] for i in range(count)]


def SVMRegressor(
    x: Tensor,
    *,
    coefficients: Sequence[float] | None = None,
    kernel_params: Sequence[float] | None = None,
    kernel_type: str = "LINEAR",
    n_supports: int = 0,
    one_class: int = 0,
    post_transform: str = "NONE",
    rho: Sequence[float] | None = None,
    support_vectors: Sequence[float] | None = None,
) -> Tensor:
    """The sum of coefficients times kernels with the support vectors, plus rho; `one_class`: its sign."""
    rows = rows_of_samples(x)
    if n_supports:
        vectors = support_vectors_of(support_vectors, n_supports)
        rows = [kernel_values(row, vectors, kernel_type, kernel_params) for row in rows]
    scores = [inner(row, coefficients or ()) + (rho or (0.0,))[0] for row in rows]
    if one_class:
        return Tensor([1.0 if score > 0 else -1.0 for score in scores], (len(scores), 1))
    return Tensor([transformed_scores([score], post_transform)[0] for score in scores], (len(scores), 1))


def pair_scores(
    kernels: Sequence[float], coefficients: Sequence[Sequence[float]], counts: Sequence[int], rho: Sequence[float]
) -> tuple[list[float], list[float]]:
    """(scores, votes) of each pair of classes, as LIBSVM has them."""
    ends = list(itertools.accumulate(counts))
    parts = [slice(end - count, end) for end, count in zip(ends, counts)]
    scores: list[float] = []
    votes = [0.0] * len(counts)
    for i, j in itertools.combinations(range(len(counts)), 2):
        first = inner(kernels[parts[i]], coefficients[j - 1][parts[i]])
        second = inner(kernels[parts[j]], coefficients[i][parts[j]])
        scores.append(first + second + rho[len(scores)])
        votes[i if scores[-1] > 0 else j] += 1
    return scores, votes


def coupled(chances: Sequence[float], k: int) -> list[float]:
    """Class probabilities from those of pairs: T.-F. Wu, C.-J. Lin, R. Weng, JMLR 5 (2004), algorithm 2."""
    pairs = [[0.0] * k for _ in range(k)]
    for chance, (i, j) in zip(chances, itertools.combinations(range(k), 2)):
        pairs[i][j], pairs[j][i] = chance, 1 - chance
    q = [[-pairs[i][j] * pairs[j][i] for j in range(k)] for i in range(k)]
    for i in range(k):
        q[i][i] = sum(pairs[j][i] ** 2 for j in range(k) if j != i)
    p = [1 / k] * k
    for _ in range(max(100, k)):
        qp = [inner(row, p) for row in q]
        total = inner(p, qp)
        if max(abs(value - total) for value in qp) < 0.005 / k:
            break
        for t in range(k):
            step = (total - qp[t]) / q[t][t]
            p[t] += step
            total = (total + step * (step * q[t][t] + 2 * qp[t])) / (1 + step) ** 2
            qp = [(value + step * row[t]) / (1 + step) for value, row in zip(qp, q)]
            p = [value / (1 + step) for value in p]
    return p


def SVMClassifier(
    x: Tensor,
    *,
    classlabels_ints: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None,
    coefficients: Sequence[float] | None = None,
    kernel_params: Sequence[float] | None = None,
    kernel_type: str = "LINEAR",
    post_transform: str = "NONE",
    prob_a: Sequence[float] | None = None,
    prob_b: Sequence[float] | None = None,
    rho: Sequence[float] | None = None,
    support_vectors: Sequence[float] | None = None,
    vectors_per_class: Sequence[int] | None = None,
) -> tuple[Tensor, Tensor]:
    """The label, and its scores: probabilities where `prob_a` and `prob_b` are given, else those of pairs of classes.

    Without support vectors it is a linear classifier. A single score is that of the second label.
    """
    labels: Sequence[Any] = classlabels_strings or classlabels_ints or ()
    k, flat, shifts = max(len(labels), 1), coefficients or (), rho or (0.0,)
    rows, scores, votes = rows_of_samples(x), [], []
    if not vectors_per_class:
        scores = votes = linear_scores(rows, flat, [shifts[0]] * k, k)
    else:
        count = sum(vectors_per_class)
        vectors = support_vectors_of(support_vectors, count)
        factors = [flat[i : i + count] for i in range(0, len(flat), count)]
        for row in rows:
            kernels = kernel_values(row, vectors, kernel_type, kernel_params)
            score, chosen = pair_scores(kernels, factors, vectors_per_class, shifts)
            if prob_a and prob_b:
                sigmoids = [sigmoid(-(value * a + b)) for value, a, b in zip(score, prob_a, prob_b)]
                score = coupled([clip(value, 1e-7, 1 - 1e-7) for value in sigmoids], k)
            scores.append(score)
            votes.append(chosen)
    best = [first_largest(row) if len(row) > 1 else int(row[0] > 0) for row in votes]
    if scores and len(scores[0]) == 1 and len(labels) == 2:
        scores = [[-row[0], row[0]] for row in scores]
    y = [transformed_scores(row, post_transform) for row in scores]
    return labels_at(best, classlabels_ints, classlabels_strings), from_rows(y, len(y[0]) if y else k)
