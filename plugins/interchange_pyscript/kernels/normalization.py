"""Normalisation: values shifted and scaled by statistics of their neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle

from interchange_pyscript.kernels.arithmetic import divide, power, square_root
from interchange_pyscript.kernels.tensor import (
    Tensor,
    axis_of,
    channels_last,
    elementwise,
    from_channels_last,
    from_lines,
    lines,
    pairwise,
    transposed,
)


def BatchNormalization(
    x: Tensor,
    scale: Tensor,
    b: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    layout: str = "NCHW",
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + b, channel by channel."""
    x = channels_last(x, layout)
    factors = [divide(s, square_root(v + epsilon)) for s, v in zip(scale.values, variance.values)]
    channels = cycle(zip(mean.values, factors, b.values))
    values = [(value - m) * factor + shift for value, (m, factor, shift) in zip(x.values, channels)]
    return from_channels_last(Tensor(values, x.shape), layout)


def batch_normalization_in_training(
    x: Tensor,
    scale: Tensor,
    b: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    layout: str = "NCHW",
) -> tuple[Tensor, Tensor, Tensor]:
    """BatchNormalization, and the mean and variance to keep.

    With `training_mode` 1 the statistics are those of the batch, and the running ones move towards them.
    """
    running = [mean, variance]
    if training_mode:
        channels = x.shape[-1] if layout == "NHWC" else x.shape[1]
        columns = [channels_last(x, layout).values[c::channels] for c in range(channels)]
        means = [sum(column) / len(column) for column in columns]
        variances = [sum([(v - m) ** 2 for v in column]) / len(column) for column, m in zip(columns, means)]
        mean, variance = Tensor(means, mean.shape), Tensor(variances, variance.shape)
        running = [
            pairwise(lambda old, new: old * momentum + new * (1 - momentum), old, new)
            for old, new in zip(running, (mean, variance))
        ]
    return (BatchNormalization(x, scale, b, mean, variance, epsilon=epsilon, layout=layout), *running)  # type: ignore[return-value]


def standardised(values: Sequence[float], epsilon: float) -> tuple[list[float], float, float]:
    """The values with mean 0 and variance 1, their mean, and what they were multiplied by."""
    mean = sum(values) / max(len(values), 1)
    variance = sum([(value - mean) ** 2 for value in values]) / max(len(values), 1)
    inverse = divide(1.0, square_root(variance + epsilon))
    return [(value - mean) * inverse for value in values], mean, inverse


def InstanceNormalization(
    x: Tensor, scale: Tensor, b: Tensor, *, epsilon: float = 1e-5, layout: str = "NCHW"
) -> Tensor:
    """Each image's channels to mean 0 and variance 1 over the spatial dimensions; times scale, plus b."""
    x = channels_last(x, layout)
    first = transposed(x, [0, len(x.shape) - 1, *range(1, len(x.shape) - 1)])
    rows = lines(first, range(2, len(first.shape)))
    result = []
    for row, s, shift in zip(rows, cycle(scale.values), cycle(b.values)):
        result += [value * s + shift for value in standardised(row, epsilon)[0]]
    y = Tensor(result, first.shape)
    return from_channels_last(channels_last(y, "NCHW"), layout)


def LayerNormalization(
    x: Tensor,
    scale: Tensor,
    b: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: str = "float32",
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean 0 and variance 1 over the dimensions from `axis` on; times scale, plus b; the mean; 1 / deviation."""
    axis = axis_of(x, axis)
    parts = [standardised(row, epsilon) for row in lines(x, range(axis, len(x.shape)))]
    y = pairwise(lambda p, q: p * q, Tensor([v for values, _, _ in parts for v in values], x.shape), scale)
    shape = [*x.shape[:axis], *(1 for _ in x.shape[axis:])]
    means = Tensor([mean for _, mean, _ in parts], shape)
    inverses = Tensor([inverse for _, _, inverse in parts], shape)
    return (y if b is None else pairwise(lambda p, q: p + q, y, b)), means, inverses


def RMSNormalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: str = "float32"
) -> Tensor:
    """x / sqrt(mean of x**2 + epsilon) over the dimensions from `axis` on; times scale."""
    values: list[float] = []
    for row in lines(x, range(axis_of(x, axis), len(x.shape))):
        deviation = square_root(sum([value * value for value in row]) / max(len(row), 1) + epsilon)
        values += [divide(value, deviation) for value in row]
    return pairwise(lambda p, q: p * q, Tensor(values, x.shape), scale)


def GroupNormalization(
    x: Tensor,
    scale: Tensor,
    b: Tensor,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: str = "float32",
    layout: str = "NCHW",
) -> Tensor:
    """Groups of neighbouring channels of each image to mean 0 and variance 1; times scale, plus b."""
    x = channels_last(x, layout)
    first = transposed(x, [0, len(x.shape) - 1, *range(1, len(x.shape) - 1)])
    rows = lines(Tensor(first.values, (x.shape[0] * num_groups, math.prod(x.shape[1:]) // num_groups)), (1,))
    values = [value for row in rows for value in standardised(row, epsilon)[0]]
    y = channels_last(Tensor(values, first.shape), "NCHW")
    channels = cycle(zip(scale.values, b.values))
    values = [value * s + shift for value, (s, shift) in zip(y.values, channels)]
    return from_channels_last(Tensor(values, y.shape), layout)


def LRN(
    x: Tensor, *, size: int, alpha: float = 0.0001, beta: float = 0.75, bias: float = 1.0, layout: str = "NCHW"
) -> Tensor:
    """x / (bias + alpha / size * sum of x**2 over the `size` nearest channels)**beta."""
    x = channels_last(x, layout)
    before, values = (size - 1) // 2, []
    for row in lines(x, [len(x.shape) - 1]):
        squares = [value * value for value in row]
        for i, value in enumerate(row):
            total = sum(squares[max(i - before, 0) : i + size - before])
            values.append(divide(value, power(bias + alpha / size * total, beta)))
    return from_channels_last(Tensor(values, x.shape), layout)


def LpNormalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """x divided by its norm along `axis`, |x| summed (`p` 1) or Euclidean (`p` 2); 0 where the norm is 0."""
    axis, rows = axis_of(x, axis), []
    for row in lines(x, [axis]):
        norm = sum(map(abs, row)) if p == 1 else square_root(sum([value * value for value in row]))
        rows.append([divide(value, norm) if norm else 0.0 for value in row])
    return from_lines(rows, x.shape, axis)


def MeanVarianceNormalization(x: Tensor, *, axes: Sequence[int] = (0, 2, 3)) -> Tensor:
    """(x - mean) / (standard deviation + 1e-9) over `axes`."""
    gone = [axis_of(x, axis) for axis in axes]
    means, deviations = [], []
    for row in lines(x, gone):
        mean = sum(row) / max(len(row), 1)
        means.append(mean)
        deviations.append(square_root(sum([(value - mean) ** 2 for value in row]) / max(len(row), 1)) + 1e-9)
    shape = [1 if axis in gone else size for axis, size in enumerate(x.shape)]
    shifted = pairwise(lambda p, q: p - q, x, Tensor(means, shape))
    return pairwise(divide, elementwise(float, shifted), Tensor(deviations, shape))
