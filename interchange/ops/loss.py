"""Losses, as training computes them: how far scores are from the right classes."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import Array


def _loss(log_probabilities, target, weight, ignore_index, reduction):
    """-log probability of the target class, weighted; all of them, or their sum or weighted mean."""
    dtype = log_probabilities.dtype
    kept = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    classes = np.where(kept, target, 0)
    picked = np.take_along_axis(log_probabilities, np.expand_dims(classes, 1), 1).squeeze(1)
    weights = kept.astype(dtype) if weight is None else np.where(kept, weight[classes], 0).astype(dtype)
    loss = -picked * weights
    if reduction == "none":
        return loss
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction is {reduction!r}")
    return (loss.sum() if reduction == "sum" else loss.sum() / weights.sum()).astype(dtype)


def NegativeLogLikelihoodLoss(x, target, weight=None, *, ignore_index=None, reduction="mean"):
    """-x at the target class of each place, times the weight of the class; their mean, sum or all ("none")."""
    return _loss(x, target, weight, ignore_index, reduction)


def SoftmaxCrossEntropyLoss(
    scores, labels, weights=None, *, ignore_index=None, reduction="mean"
) -> tuple[Array, Array]:
    """NegativeLogLikelihoodLoss of log(softmax(scores)), which is the second output."""
    shifted = scores - scores.max(1, keepdims=True)
    log_probabilities = (shifted - np.log(np.exp(shifted).sum(1, keepdims=True))).astype(scores.dtype)
    return _loss(log_probabilities, labels, weights, ignore_index, reduction), log_probabilities
