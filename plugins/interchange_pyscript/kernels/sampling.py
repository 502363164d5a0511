"""Values between the points of a grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from interchange_pyscript.kernels.tensor import steps_of


def reflected(place: float, size: int, align_corners: int) -> float:
    """A coordinate mirrored at the ends: the first and last point, or half a step outside of them."""
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    if high <= low:
        return 0.0
    away = (place - low) % (2 * (high - low))
    return min(away, 2 * (high - low) - away) + low


def taps(place: float, mode: str) -> list[tuple[int, float]]:
    """(index, weight) of the points on one axis that make up a value; cubic with a = -0.75 (R. G. Keys, 1981)."""
    if mode == "nearest":
        return [(round(place), 1.0)]
    first = math.floor(place)
    t = place - first
    if mode == "linear":
        return [(first, 1 - t), (first + 1, t)]
    a = -0.75
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
    return list(zip(range(first - 1, first + 3), (far[0], near[0], near[1], far[1])))


def sample_plan(
    places: Sequence[float], sizes: Sequence[int], mode: str, padding: str, align_corners: int
) -> list[tuple[int, float]]:
    """(place in the flat image, weight) of the points that make up the value at a coordinate.

    `padding` says what is outside: "zeros", the "border" or the "reflection".
    """
    axes = []
    for place, size, step in zip(places, sizes, steps_of(sizes)):
        points = []
        for index, weight in taps(place if math.isfinite(place) else -2.0 * size, mode):
            if padding == "reflection":
                index = round(reflected(index, size, align_corners))
            if padding != "zeros" or 0 <= index < size:
                points.append((min(max(index, 0), size - 1) * step, weight))
        axes.append(points)
    return [(sum(p for p, _ in each), math.prod(w for _, w in each)) for each in itertools.product(*axes)]
