"""Resizing by interpolation, one axis after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from interchange_pyscript.kernels.tensor import Tensor, axis_of, from_lines, integers, is_whole, lines


def source_coordinates(n: int, m: int, scale: float, mode: str, start: float, end: float) -> list[float]:
    """For each of m output places, where it lies among the n inputs."""
    if mode == "tf_crop_and_resize":
        if m == 1:
            return [0.5 * (start + end) * (n - 1)]
        return [start * (n - 1) + i * (end - start) * (n - 1) / (m - 1) for i in range(m)]
    if mode == "align_corners":
        return [i * (n - 1) / max(m - 1, 1) for i in range(m)]
    if mode == "asymmetric":
        return [i / scale for i in range(m)]
    if mode == "pytorch_half_pixel" and m == 1:
        return [0.0]
    if mode not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        raise ValueError(f"coordinate_transformation_mode is {mode!r}")
    offset = n / 2 * (1 - m / (n * scale)) if mode == "half_pixel_symmetric" else 0.0
    return [offset + (i + 0.5) / scale - 0.5 for i in range(m)]


def nearest(place: float, mode: str) -> int:
    """The input that stands for a place between inputs."""
    if mode == "round_prefer_floor":
        return math.ceil(place - 0.5)
    if mode == "round_prefer_ceil":
        return math.floor(place + 0.5)
    return math.floor(place) if mode == "floor" else math.ceil(place)


def cubic(t: float, a: float) -> float:
    """The weight of an input at distance t in cubic convolution (R. G. Keys, 1981)."""
    t = abs(t)
    if t <= 1:
        return ((a + 2) * t - (a + 3)) * t * t + 1
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a if t < 2 else 0.0


def blend(
    place: float, n: int, scale: float, mode: str, a: float, antialias: int, exclude_outside: int
) -> list[tuple[int, float]]:
    """(input, weight) of the inputs that make up one output."""
    stretch = min(scale, 1.0) if antialias else 1.0
    reach = math.ceil((1 if mode == "linear" else 2) / stretch)
    first = math.floor(place)
    parts = []
    for i in range(first + 1 - reach, first + reach + 1):
        distance = (i - place) * stretch
        weight = max(1 - abs(distance), 0.0) if mode == "linear" else cubic(distance, a)
        parts.append((i, 0.0 if exclude_outside and not 0 <= i < n else weight))
    total = sum(weight for _, weight in parts) if exclude_outside or antialias else 1.0
    return [(min(max(i, 0), n - 1), weight / total) for i, weight in parts]


def Resize(
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    """x with other sizes, given by `scales` or `sizes`: `mode` "nearest", "linear" or "cubic" along each axis."""
    chosen = [axis_of(x, axis) for axis in (range(len(x.shape)) if axes is None else axes)]
    before = [x.shape[axis] for axis in chosen]
    if scales is not None and len(scales.values):
        ratios = [float(scale) for scale in scales.values]
        after = [math.floor(n * ratio) for n, ratio in zip(before, ratios)]
    else:
        after = integers(sizes or Tensor([], (0,)))
        ratios = [m / n for n, m in zip(before, after)]
        if keep_aspect_ratio_policy != "stretch":
            pick = min if keep_aspect_ratio_policy == "not_larger" else max
            ratios = [pick(ratios)] * len(ratios)
            after = [math.floor(n * ratio + 0.5) for n, ratio in zip(before, ratios)]
    whole = is_whole(x) and mode != "nearest"
    crop = coordinate_transformation_mode == "tf_crop_and_resize"
    starts_and_ends = [0.0] * len(chosen) + [1.0] * len(chosen)
    if crop and roi is not None:
        starts_and_ends = list(roi.values)
    outside: list[tuple[int, list[bool]]] = []
    for i, (axis, n, m, ratio) in enumerate(zip(chosen, before, after, ratios)):
        start, end = starts_and_ends[i], starts_and_ends[i + len(chosen)]
        if n == m and ratio == 1 and (start, end) == (0.0, 1.0):
            continue
        places = source_coordinates(n, m, ratio, coordinate_transformation_mode, start, end)
        outside.append((axis, [crop and not 0 <= place <= n - 1 for place in places]))
        if mode == "nearest":
            indices = [min(max(nearest(place, nearest_mode), 0), n - 1) for place in places]
            rows = [[line[i] for i in indices] for line in lines(x, [axis])]
        else:
            settings = (n, ratio, mode, cubic_coeff_a, antialias, exclude_outside)
            blends = [blend(place, *settings) for place in places]
            rows = [[sum([line[i] * w for i, w in parts]) for parts in blends] for line in lines(x, [axis])]
        x = from_lines(rows, [m if k == axis else size for k, size in enumerate(x.shape)], axis)
    for axis, beyond in outside:
        if any(beyond):
            rows = [[extrapolation_value if out else v for v, out in zip(row, beyond)] for row in lines(x, [axis])]
            x = from_lines(rows, x.shape, axis)
    return Tensor([int(value) for value in x.values], x.shape) if whole else x
