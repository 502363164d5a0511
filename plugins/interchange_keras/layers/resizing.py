"""Pictures in another size, by every interpolation that Keras knows. The arithmetic is that of tf.image.resize."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Layer

# Keras's interpolation -> attributes of Resize
OPERATOR: Mapping[str, Mapping[str, str]] = {
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
}


def _lanczos(radius: float) -> Callable[[Array], Array]:
    def kernel(x: Array) -> Array:
        safe = np.where(x <= 1e-3, 1.0, x)
        y = radius * np.sin(np.pi * safe) * np.sin(np.pi * safe / radius) / (np.pi * safe) ** 2
        result: Array = np.where(x <= 1e-3, 1.0, np.where(x > radius, 0.0, y))
        return result

    return kernel


def _cubic(b: float, c: float) -> Callable[[Array], Array]:
    """D. Mitchell and A. Netravali, "Reconstruction filters in computer graphics" (1988); b = 0: R. Keys (1981)."""

    def kernel(x: Array) -> Array:
        near = ((12 - 9 * b - 6 * c) * x - 18 + 12 * b + 6 * c) * x * x + 6 - 2 * b
        far = (((-b - 6 * c) * x + 6 * b + 30 * c) * x - 12 * b - 48 * c) * x + 8 * b + 24 * c
        result: Array = np.where(x < 1, near, np.where(x < 2, far, 0.0)) / 6
        return result

    return kernel


def _gaussian(x: Array) -> Array:
    result: Array = np.where(x < 1.5, np.exp(-2 * x * x), 0.0)
    return result


def _triangle(x: Array) -> Array:
    result: Array = np.maximum(1 - x, 0)
    return result


# name -> (how far the kernel reaches, the kernel of a distance)
KERNELS: Mapping[str, tuple[float, Callable[[Array], Array]]] = {
    "bicubic": (2, _cubic(0, 0.5)),
    "bilinear": (1, _triangle),
    "gaussian": (1.5, _gaussian),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
}
INTERPOLATIONS = ("nearest", "area", *KERNELS)


def matrix(n: int, m: int, interpolation: str, *, antialias: bool = False) -> Array:
    """(outputs, inputs): how much of each of n inputs is in each of m outputs; float32."""
    if interpolation == "bicubic" and not antialias:
        return _tabulated_cubic(n, m)
    if interpolation == "area":
        return _area(n, m)
    radius, kernel = KERNELS[interpolation]
    wide = max(n / m, 1.0) if antialias else 1.0
    centres = (np.arange(m) + 0.5) * n / m
    begins = np.clip(np.ceil(centres - radius * wide - 0.5), 0, n - 1)
    ends = np.clip(np.floor(centres + radius * wide - 0.5), 0, n - 1)
    places = np.arange(n)
    weights = kernel(np.abs(places + 0.5 - centres[:, None]) / wide)
    weights = np.where((places >= begins[:, None]) & (places <= ends[:, None]), weights, 0.0)
    total = weights.sum(1, keepdims=True)
    result: Array = (weights / np.where(np.abs(total) < 1e-35, 1.0, total)).astype(np.float32)
    return result


def _area(n: int, m: int) -> Array:
    """How much of each output lies on each input."""
    begins = np.arange(m)[:, None] * n / m
    places = np.arange(n)
    shares = np.minimum(begins + n / m, places + 1) - np.maximum(begins, places)
    result: Array = (np.maximum(shares, 0) * m / n).astype(np.float32)
    return result


def _tabulated_cubic(n: int, m: int) -> Array:
    """TensorFlow takes the kernel from a table of 1024 steps; what lies outside of the picture does not count."""
    at = (np.arange(m, dtype=np.float32) + np.float32(0.5)) * np.float32(n / m) - np.float32(0.5)
    first = np.floor(at)
    steps = np.rint((at - first) * np.float32(1024)).astype(np.int64)
    weights = np.zeros((m, n))
    for tap, distance in ((-1, 1024 + steps), (0, steps), (1, 1024 - steps), (2, 2048 - steps)):
        index = first.astype(np.int64) + tap
        inside = (index >= 0) & (index < n)
        weights[np.arange(m)[inside], index[inside]] += KERNELS["bicubic"][1](distance[inside] / 1024)
    result: Array = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return result


def resized(
    layer: Layer,
    x: str,
    axes: Sequence[int],
    sizes: Sequence[int] | str | None,
    interpolation: str,
    *,
    factors: Sequence[int] = (),
    antialias: bool = False,
) -> str:
    """x with other sizes along two neighbouring axes: `sizes`, or `factors` times as large.

    Args:
        sizes: a value if the graph computes them.
    """
    rank = layer.rank(x)
    before = [layer.shape(x)[axis] for axis in layer.axes(x, axes)]
    if sizes is None and None not in before:
        sizes = [int(n or 0) * factor for n, factor in zip(before, factors, strict=True)]
    smooths = antialias and interpolation != "nearest"
    operator = dict(OPERATOR.get(interpolation, {}))
    if interpolation == "bilinear" and layer.class_name == "UpSampling2D":
        operator["coordinate_transformation_mode"] = eras.bilinear_sampling(layer.version, layer.backend)
        if not operator["coordinate_transformation_mode"]:
            layer.refuse("where this version of Keras takes bilinear samples is not in the file")
    if operator and not smooths:
        if sizes is None:
            scales = np.ones(rank, np.float32)
            scales[list(axes)] = factors
            return layer.add("Resize", x, None, scales, **operator)
        return layer.add(
            "Resize", x, None, None, sizes if isinstance(sizes, str) else list(sizes), axes=list(axes), **operator
        )
    if interpolation not in INTERPOLATIONS:
        layer.refuse(f"interpolation is {interpolation!r}", f"{', '.join(INTERPOLATIONS)} are supported")
    if sizes is None or isinstance(sizes, str) or None in before:
        layer.refuse(f"interpolation {interpolation!r} of pictures of unknown size")
    height, width = (
        matrix(int(n or 0), m, interpolation, antialias=antialias) for n, m in zip(before, sizes, strict=True)
    )
    return with_matrices(layer, x, axes, height, width)


def with_matrices(layer: Layer, x: str, axes: Sequence[int], height: Array, width: Array) -> str:
    """x with each row and each column a sum of those before: a matrix (outputs, inputs) for each of two axes."""
    rank = layer.rank(x)
    order = [axis for axis in range(rank) if axis not in axes] + list(axes)
    moved = order != list(range(rank))
    y = layer.add("Transpose", x, perm=order) if moved else x
    dtype = layer.dtype(y)
    y = layer.add("MatMul", layer.cast(layer.constant("rows", height), dtype), y)
    y = layer.add("MatMul", y, layer.cast(layer.constant("columns", np.ascontiguousarray(width.T)), dtype))
    return layer.add("Transpose", y, perm=[order.index(i) for i in range(rank)]) if moved else y
