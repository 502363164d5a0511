"""Where outputs of Resize lie among its inputs, and what they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np


def resize_plan(shape: Any, scales: Any, sizes: Any, axes: Any, policy: str) -> list[tuple[int, int, int, float]]:
    """(axis, input size, output size, width) for each axis to be resized.

    The width is the output size before it was rounded, input size * scale; coordinates follow from it.
    """
    axes = range(len(shape)) if axes is None else [axis % len(shape) for axis in axes]
    before = [shape[axis] for axis in axes]
    if scales is not None and scales.size:
        widths = [n * float(scale) for n, scale in zip(before, scales, strict=True)]
        after = [int(np.floor(width)) for width in widths]
    else:
        widths = after = [int(size) for size in sizes]
        if policy != "stretch":
            scales = [m / n for n, m in zip(before, after, strict=True)]
            widths = [n * (min(scales) if policy == "not_larger" else max(scales)) for n in before]
            after = [int(np.floor(width + 0.5)) for width in widths]
    return list(zip(axes, before, after, widths, strict=True))


def source_coordinates(n: int, m: int, width: float, mode: str, start: float, end: float) -> Any:
    """For each of m output places, where it lies among the n inputs. Exact before the one division."""
    places = np.arange(m, dtype=np.float64)
    if mode == "align_corners":
        return places * (n - 1) / max(m - 1, 1)
    if mode == "asymmetric":
        return places * n / width
    if mode == "tf_crop_and_resize":
        if m == 1:
            return places + 0.5 * (start + end) * (n - 1)
        return start * (n - 1) + places * (end - start) * (n - 1) / (m - 1)
    if mode == "pytorch_half_pixel" and m == 1:
        return places
    if mode not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        raise ValueError(f"coordinate_transformation_mode is {mode!r}")
    offset = n / 2 * (1 - m / width) if mode == "half_pixel_symmetric" else 0.0
    return offset + (places + 0.5) * n / width - 0.5


def nearest_places(coordinates: Any, mode: str) -> Any:
    """Whole coordinates, as `nearest_mode` says."""
    if mode == "round_prefer_floor":
        return np.ceil(coordinates - 0.5)
    if mode == "round_prefer_ceil":
        return np.floor(coordinates + 0.5)
    if mode not in ("floor", "ceil"):
        raise ValueError(f"nearest_mode is {mode!r}")
    return np.floor(coordinates) if mode == "floor" else np.ceil(coordinates)


def _linear_kernel(t):
    return np.maximum(1 - np.abs(t), 0)


def _cubic_kernel(t, a):
    """R. G. Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 4."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def taps_of(
    coordinates: Any, n: int, scale: float, mode: str, cubic_coeff_a: float, antialias: int, exclude_outside: int
) -> Any:
    """(indices, weights) of the inputs that make up each output, both (outputs, taps)."""
    radius = 1 if mode == "linear" else 2
    stretch = min(scale, 1.0) if antialias else 1.0
    reach = int(np.ceil(radius / stretch))
    indices = np.floor(coordinates)[:, None] + np.arange(1 - reach, reach + 1)
    distance = (indices - coordinates[:, None]) * stretch
    weights = _linear_kernel(distance) if mode == "linear" else _cubic_kernel(distance, cubic_coeff_a)
    if exclude_outside:
        weights = np.where((indices >= 0) & (indices < n), weights, 0)
    if exclude_outside or antialias:
        weights = weights / weights.sum(1, keepdims=True)
    return np.clip(indices, 0, n - 1).astype(int), weights
