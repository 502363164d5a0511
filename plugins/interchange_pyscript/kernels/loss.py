"""Losses, as training computes them: how far scores are from the right classes."""

from __future__ import annotations

import math

from interchange_pyscript.kernels.activation import LogSoftmax
from interchange_pyscript.kernels.arithmetic import divide
from interchange_pyscript.kernels.tensor import Tensor, integers


def NegativeLogLikelihoodLoss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    """-x at the target class of each place, times the weight of the class; their mean, sum or all ("none")."""
    classes, unit = x.shape[1], math.prod(x.shape[2:])
    losses, weights = [], []
    for i, label in enumerate(integers(target)):
        if label == ignore_index:
            losses.append(0.0)
            continue
        if not -classes <= label < classes:
            raise ValueError(f"the class {label} is not one of {classes}")
        sample, place = divmod(i, unit)
        weights.append(1.0 if weight is None else weight.values[label])
        losses.append(-x.values[(sample * classes + label % classes) * unit + place] * weights[-1])
    if reduction == "none":
        return Tensor(losses, target.shape)
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction is {reduction!r}")
    return Tensor([sum(losses) if reduction == "sum" else divide(sum(losses), sum(weights))], ())


def SoftmaxCrossEntropyLoss(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> tuple[Tensor, Tensor]:
    """NegativeLogLikelihoodLoss of log(softmax(scores)), which is the second output."""
    log_probabilities = LogSoftmax(scores, axis=1)
    loss = NegativeLogLikelihoodLoss(log_probabilities, labels, weights, ignore_index=ignore_index, reduction=reduction)
    return loss, log_probabilities
