"""Resizing by interpolation, one axis after the other."""

from __future__ import annotations

import numpy as np

from interchange.ops._resizing import nearest_places, resize_plan, source_coordinates, taps_of
from interchange.ops._shapes import shape_rule


def _resize_shape(x, roi=None, scales=None, sizes=None, *, axes=None, keep_aspect_ratio_policy="stretch", **_):
    shape = list(x.shape)
    for axis, _before, after, _width in resize_plan(x.shape, scales, sizes, axes, keep_aspect_ratio_policy):
        shape[axis] = after
    return tuple(shape)


def _interpolate(x, axis, indices, weights):
    """The weighted sum of the entries of x along `axis` that `indices` names."""
    along = (-1,) + (1,) * (x.ndim - 1 - axis)
    parts = (
        np.take(x, index, axis) * weight.astype(x.dtype).reshape(along)
        for index, weight in zip(indices.T, weights.T, strict=True)
    )
    return sum(parts)


@shape_rule(_resize_shape)
def Resize(
    x,
    roi=None,
    scales=None,
    sizes=None,
    *,
    antialias=0,
    axes=None,
    coordinate_transformation_mode="half_pixel",
    cubic_coeff_a=-0.75,
    exclude_outside=0,
    extrapolation_value=0.0,
    keep_aspect_ratio_policy="stretch",
    mode="nearest",
    nearest_mode="round_prefer_floor",
):
    """x with other sizes, given by `scales` or `sizes`: `mode` "nearest", "linear" or "cubic" along each axis.

    `coordinate_transformation_mode` says where an output lies among the inputs; "tf_crop_and_resize" cuts `roi` out
    (starts, then ends, as fractions) and sets what lies outside to `extrapolation_value`.
    """
    if mode not in ("nearest", "linear", "cubic"):
        raise ValueError(f"mode is {mode!r}")
    crop = coordinate_transformation_mode == "tf_crop_and_resize"
    plan = resize_plan(x.shape, scales, sizes, axes, keep_aspect_ratio_policy)
    integers = x.dtype if x.dtype.kind in "iu" and mode != "nearest" else None
    y = x if integers is None else x.astype(np.float64)
    outside = []
    for i, (axis, n, m, width) in enumerate(plan):
        start, end = (float(roi[i]), float(roi[i + len(plan)])) if crop else (0.0, 1.0)
        if n == width and (start, end) == (0.0, 1.0):
            continue
        at = source_coordinates(n, m, width, coordinate_transformation_mode, start, end)
        if crop:
            outside.append(((at < 0) | (at > n - 1)).reshape((-1,) + (1,) * (x.ndim - 1 - axis)))
        if mode == "nearest":
            y = np.take(y, np.clip(nearest_places(at, nearest_mode), 0, n - 1).astype(int), axis)
        else:
            y = _interpolate(y, axis, *taps_of(at, n, width / n, mode, cubic_coeff_a, antialias, exclude_outside))
    for mask in outside:
        y = np.where(mask, np.array(extrapolation_value, y.dtype), y)
    if integers is None:
        return y
    limits = np.iinfo(integers)
    return np.clip(y, limits.min, limits.max).astype(integers)
