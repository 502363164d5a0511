"""Layers in floats, where lanes would not pay or cannot hold the numbers of a sample.

Shorter than the operators for every rank, layout and number of groups, which Python would read for nothing: few samples
come here. An image is a batch of one, channels last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain

from interchange_pyscript.kernels.linear import weights_by_output
from interchange_pyscript.kernels.pooling import largest
from interchange_pyscript.kernels.spatial import window_counts
from interchange_pyscript.kernels.tensor import Tensor, inner, prepared


def FloatDense(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """A dense layer: the product of rows of numbers and a matrix, and the bias."""
    (size, outputs), dot = w.shape, getattr(math, "sumprod", inner)  # sumprod: from Python 3.12 on
    if x.shape[-1] != size:
        raise ValueError(f"matrices of the shapes {x.shape} and {w.shape} do not fit")
    weights = prepared(w, "rows", lambda: weights_by_output(w))
    bias = [0.0] * outputs if b is None else b.values
    rows = [x.values[i : i + size] for i in range(0, len(x.values), size)]
    return Tensor(
        [dot(row, by_output) + c for row in rows for by_output, c in zip(weights, bias)], (len(rows), outputs)
    )


def float_conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    pads: Sequence[int],
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
) -> Tensor:
    """A convolution with a kernel (height, width, in, out), of one group or with a group for each channel."""
    (*kernel, channels, outputs), dot = w.shape, getattr(math, "sumprod", inner)
    if x.shape[3] != channels * group:
        raise ValueError(f"{x.shape[3]} channels do not fit the kernel {w.shape} in {group} group(s)")
    weights = prepared(w, "rows", lambda: weights_by_output(w))
    bias = [0.0] * outputs if b is None else b.values
    counts, windows = windows_in(x, kernel, pads, strides, dilations, 0.0)
    values: list[float] = []
    for window in windows:
        if group == 1:
            seen = [tuple(chain.from_iterable(window))] * outputs
        else:
            seen = [channel for channel in zip(*window) for _ in range(outputs // group)]
        values += [dot(numbers, row) + c for numbers, row, c in zip(seen, weights, bias)]
    return Tensor(values, (1, *counts, outputs))


def float_max_pool(x: Tensor, kernel: Sequence[int], pads: Sequence[int], strides: Sequence[int]) -> Tensor:
    """The largest value of each window; NaN if any is NaN."""
    counts, windows = windows_in(x, kernel, pads, strides, (1, 1), -math.inf)
    values = [largest(seen) for window in windows for seen in zip(*window)]
    return Tensor(values, (1, *counts, x.shape[3]))


def windows_in(
    x: Tensor,
    kernel: Sequence[int],
    pads: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    beyond: float,
) -> tuple[list[int], Iterator[list[Sequence[float]]]]:
    """How many windows of an image there are, and the pixels of each; `beyond` is around the image."""
    (_, height, width, channels), (top, left, bottom, right), values = x.shape, pads, x.values
    border: list[Sequence[float]] = [[beyond] * channels]
    image: list[Sequence[float]] = [values[i : i + channels] for i in range(0, len(values), channels)]
    rows = [border * left + image[i : i + width] + border * right for i in range(0, height * width, width)]
    empty = [border * (left + width + right)]
    rows = empty * top + rows + empty * bottom
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, dilations)]
    counts = window_counts((height, width), extents, strides, [(top, bottom), (left, right)])
    (down, across), (i_step, j_step) = strides, dilations
    windows = (
        [pixel for row in rows[i : i + extents[0] : i_step] for pixel in row[j : j + extents[1] : j_step]]
        for i in range(0, counts[0] * down, down)
        for j in range(0, counts[1] * across, across)
    )
    return counts, windows
