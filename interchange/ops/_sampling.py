"""Values between the points of a grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def reflected(at: Array, size: int, align_corners: int) -> Array:
    """Coordinates mirrored at the ends: the first and last point, or half a step outside of them."""
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    if high <= low:
        return np.zeros_like(at)
    turn = 2 * (high - low)
    away = np.mod(at - low, turn)
    return np.minimum(away, turn - away) + low


def taps(at: Array, mode: str) -> tuple[Array, Array]:
    """(indices, weights) of the points on one axis that make up a value, both (taps, …); cubic with a = -0.75."""
    if mode == "nearest":
        return np.rint(at)[None], np.ones((1, *at.shape))
    first = np.floor(at)
    t = at - first
    if mode == "linear":
        return np.stack([first, first + 1]), np.stack([1 - t, t])
    a = -0.75
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
    return np.stack([first - 1, first, first + 1, first + 2]), np.stack([far[0], near[0], near[1], far[1]])


def sample(x: Array, at: Sequence[Array], mode: str, padding: str, align_corners: int) -> Array:
    """The values of x, (channels, *spatial), at coordinates, one array for each axis: (channels, *at[0].shape).

    `padding` says what is outside: "zeros", the "border" or the "reflection".
    """
    plans = []
    for axis, coordinates in enumerate(at):
        size = x.shape[1 + axis]
        indices, weights = taps(coordinates, mode)
        if padding == "reflection":
            indices = np.rint(reflected(indices, size, align_corners))
        elif padding == "zeros":
            weights = np.where((indices >= 0) & (indices < size), weights, 0)
        plans.append((np.clip(indices, 0, size - 1).astype(int), weights))
    wide = np.promote_types(x.dtype, np.float32) if x.dtype.kind in "fVc" else np.dtype(np.float64)
    y = np.zeros((x.shape[0], *at[0].shape), wide)
    for choice in itertools.product(*(range(len(indices)) for indices, _ in plans)):
        where = tuple(indices[k] for (indices, _), k in zip(plans, choice, strict=True))
        weight = 1.0
        for (_, weights), k in zip(plans, choice, strict=True):
            weight = weight * weights[k]
        y += x[(slice(None), *where)].astype(wide) * np.asarray(weight).astype(wide)
    return y
