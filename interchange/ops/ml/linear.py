"""Linear models and support vector machines."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import Array
from interchange.ops.ml._scores import labelled, matrix, transformed


def LinearRegressor(x, *, coefficients=None, intercepts=None, post_transform="NONE", targets=1):
    """x @ coefficientsᵀ + intercepts."""
    x = matrix(x)
    y = x @ np.array(coefficients, x.dtype).reshape(targets, -1).T
    return transformed(y if not intercepts else y + np.array(intercepts, x.dtype), post_transform)


def LinearClassifier(
    x,
    *,
    classlabels_ints=None,
    classlabels_strings=None,
    coefficients,
    intercepts=None,
    multi_class=0,
    post_transform="NONE",
) -> tuple[Array, Array]:
    """The label with the highest score x @ coefficientsᵀ + intercepts, and the scores.

    A single score for two labels is that of the second, its negative that of the first.
    """
    x = matrix(x)
    scores = x @ np.array(coefficients, x.dtype).reshape(-1, x.shape[1]).T
    scores = scores if not intercepts else scores + np.array(intercepts, x.dtype)
    labels = classlabels_strings or classlabels_ints or ()
    if scores.shape[1] == 1 and len(labels) == 2:
        scores = np.concatenate([-scores, scores], 1)
    y = transformed(scores, post_transform)
    if scores.shape[1] > 1:
        return labelled(y.argmax(1), classlabels_ints, classlabels_strings), y
    is_positive = y[:, 0] > (0 if post_transform == "NONE" else 0.5)
    if classlabels_strings:
        return np.where(is_positive, classlabels_strings[0], "").astype(object), y
    return np.where(is_positive, labels[0] if labels else 1, 0).astype(np.int64), y


def _kernel(x, vectors, kind, parameters):
    """The kernel of each row of x with each vector; `parameters` are gamma, coef0 and degree."""
    gamma, coef0, degree = parameters or (0.0, 0.0, 0.0)
    if kind == "RBF":
        distances = np.square(x[:, None] - vectors).sum(-1)
        return np.exp(-x.dtype.type(gamma) * distances)
    products = x @ vectors.T
    if kind == "LINEAR":
        return products
    if kind not in ("POLY", "SIGMOID"):
        raise ValueError(f"kernel_type is {kind!r}")
    products = products * x.dtype.type(gamma) + x.dtype.type(coef0)
    return np.tanh(products) if kind == "SIGMOID" else products ** int(degree)


def SVMRegressor(
    x,
    *,
    coefficients=None,
    kernel_params=None,
    kernel_type="LINEAR",
    n_supports=0,
    one_class=0,
    post_transform="NONE",
    rho=None,
    support_vectors=None,
):
    """The sum of coefficients times kernels with the support vectors, plus rho; `one_class`: its sign."""
    x = matrix(x)
    coefficients = np.array(coefficients, x.dtype)
    if n_supports:
        vectors = np.array(support_vectors, x.dtype).reshape(n_supports, -1)
        y = _kernel(x, vectors, kernel_type, kernel_params) @ coefficients
    else:
        y = x @ coefficients
    y = (y + x.dtype.type(rho[0]))[:, None]
    return np.where(y > 0, 1, -1).astype(x.dtype) if one_class else transformed(y, post_transform)


def _pairwise(kernels, coefficients, counts, rho):
    """(scores, votes) of each pair of classes, as LIBSVM has them."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    parts = [slice(start, start + count) for start, count in zip(starts, counts, strict=False)]
    scores: list[Array] = []
    votes = np.zeros((len(kernels), len(counts)), kernels.dtype)
    for i in range(len(counts)):
        for j in range(i + 1, len(counts)):
            first = kernels[:, parts[i]] @ coefficients[j - 1, parts[i]]
            second = kernels[:, parts[j]] @ coefficients[i, parts[j]]
            score = first + second + kernels.dtype.type(rho[len(scores)])
            scores.append(score)
            votes[:, i] += score > 0
            votes[:, j] += score <= 0
    return np.stack(scores, 1), votes


def _coupled(pairs):
    """Class probabilities from those of pairs: T.-F. Wu, C.-J. Lin, R. Weng, JMLR 5 (2004), algorithm 2."""
    k = len(pairs)
    off = 1 - np.eye(k)
    q = np.diag((np.square(pairs) * off).sum(0)) - pairs * pairs.T * off
    p = np.full(k, 1 / k)
    for _ in range(max(100, k)):
        qp = q @ p
        total = p @ qp
        if np.abs(qp - total).max() < 0.005 / k:
            break
        for t in range(k):
            step = (total - qp[t]) / q[t, t]
            p[t] += step
            total = (total + step * (step * q[t, t] + 2 * qp[t])) / (1 + step) ** 2
            qp = (qp + step * q[:, t]) / (1 + step)
            p /= 1 + step
    return p


def _probabilities(scores, k, prob_a, prob_b):
    """J. Platt's sigmoid for each pair of classes, then coupled."""
    wide = scores.astype(np.float64) * prob_a + prob_b
    chances = np.clip(transformed(-wide, "LOGISTIC"), 1e-7, 1 - 1e-7)
    upper = np.triu_indices(k, 1)
    rows = []
    for chance in chances:
        pairs = np.zeros((k, k))
        pairs[upper] = chance
        pairs.T[upper] = 1 - chance
        rows.append(_coupled(pairs))
    return np.array(rows).reshape(-1, k)


def SVMClassifier(
    x,
    *,
    classlabels_ints=None,
    classlabels_strings=None,
    coefficients=None,
    kernel_params=None,
    kernel_type="LINEAR",
    post_transform="NONE",
    prob_a=None,
    prob_b=None,
    rho=None,
    support_vectors=None,
    vectors_per_class=None,
) -> tuple[Array, Array]:
    """The label, and its scores: probabilities where `prob_a` and `prob_b` are given, else those of pairs of classes.

    Without support vectors it is a linear classifier. A single score is that of the second label.
    """
    x = matrix(x)
    labels = classlabels_strings or classlabels_ints or ()
    k = max(len(labels), 1)
    coefficients = np.array(coefficients, x.dtype)
    if vectors_per_class:
        count = sum(vectors_per_class)
        vectors = np.array(support_vectors, x.dtype).reshape(count, -1)
        kernels = _kernel(x, vectors, kernel_type, kernel_params)
        scores, chosen = _pairwise(kernels, coefficients.reshape(-1, count), vectors_per_class, rho)
        if prob_a:
            scores = _probabilities(scores, k, np.array(prob_a), np.array(prob_b)).astype(x.dtype)
    else:
        scores = chosen = x @ coefficients.reshape(k, -1).T + x.dtype.type(rho[0])
    if scores.shape[1] == 1 and len(labels) == 2:
        scores = np.concatenate([-scores, scores], 1)
    best = chosen.argmax(1)
    if chosen.shape[1] == 1:
        best = (chosen[:, 0] > 0).astype(int)
    return labelled(best, classlabels_ints, classlabels_strings), transformed(scores, post_transform)
