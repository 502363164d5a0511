"""Pooling: one value for each window, or for each image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from interchange_pyscript.kernels.spatial import extents_of, resolve_pads, window_counts
from interchange_pyscript.kernels.tensor import (
    Tensor,
    channels_last,
    from_channels_last,
    integers,
    padded,
    steps_of,
)


def largest(values: Sequence[float]) -> float:
    """The largest value; NaN if any is NaN."""
    return next(filter(math.isnan, values), max(values)) if math.isnan(sum(values)) else max(values)


def spans_of(
    sizes: Sequence[int],
    kernel: Sequence[int],
    auto_pad: str,
    ceil_mode: int,
    dilations: Sequence[int] | None,
    pads: Sequence[int] | None,
    strides: Sequence[int] | None,
    keep_border: int = 0,
) -> list[list[list[int]]]:
    """For each spatial dimension and window the indices that it sees; those in the padding if `keep_border`."""
    dilations, strides = dilations or [1] * len(sizes), strides or [1] * len(sizes)
    extents = extents_of(kernel, dilations)
    borders = resolve_pads(sizes, extents, strides, auto_pad, pads)
    ceil_mode = ceil_mode and auto_pad in ("NOTSET", "")
    spans = []
    counts = window_counts(sizes, extents, strides, borders, bool(ceil_mode))
    for size, extent, dilation, stride, (before, after), count in zip(
        sizes, extents, dilations, strides, borders, counts
    ):
        low, high = (-before, size + after) if keep_border else (0, size)
        starts = [i * stride - before for i in range(count)]
        spans.append([[i for i in range(s, s + extent, dilation) if low <= i < high] for s in starts])
    return spans


def pooled(x: Tensor, spans: Sequence[Sequence[Sequence[int]]], function: Callable[[Sequence[float]], float]) -> Tensor:
    """`function` of each window of each channel; a window is a list of values."""
    result: list[float] = []
    for pixels in windows_of(x, spans):
        result += map(function, zip(*pixels))
    return Tensor(result, [x.shape[0], *map(len, spans), x.shape[-1]])


def windows_of(x: Tensor, spans: Sequence[Sequence[Sequence[int]]]) -> Iterator[list[Sequence[float]]]:
    """The pixels of each window: their values for all channels."""
    channels, values = x.shape[-1], x.values
    image, *steps, _ = steps_of(x.shape)
    for corner in range(0, x.shape[0] * image, max(image, 1)):
        for window in product(*spans):
            places = [corner]
            for indices, step in zip(window, steps):
                places = [place + i * step for place in places for i in indices]
            yield [values[place : place + channels] for place in places]


def MaxPool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
    layout: str = "NCHW",
) -> Tensor:
    """The largest value of each window."""
    x = channels_last(x, layout)
    spans = spans_of(x.shape[1:-1], kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    if any(map(math.isnan, x.values)):
        return from_channels_last(pooled(x, spans, largest), layout)
    channels = x.shape[-1]
    result = [0.0] * (x.shape[0] * math.prod(map(len, spans)) * channels)
    for place, pixels in zip(range(0, len(result), max(channels, 1)), windows_of(x, spans)):
        highest = list(pixels[0])
        for pixel in pixels[1:]:
            for c, value in enumerate(pixel):
                if value > highest[c]:  # noqa: PLR1730 - max() takes longer
                    highest[c] = value
        result[place : place + channels] = highest
    return from_channels_last(Tensor(result, [x.shape[0], *map(len, spans), channels]), layout)


def max_pool_with_indices(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
    layout: str = "NCHW",
) -> tuple[Tensor, Tensor]:
    """MaxPool, and where each largest value is: an index into the flattened channels-first input.

    `storage_order` 1 counts the spatial dimensions column by column.
    """
    x = channels_last(x, layout)
    batch, *sizes, channels = x.shape
    spans = spans_of(sizes, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    units = steps_of(sizes[::-1])[::-1] if storage_order else steps_of(sizes)
    count, (image, *steps, _) = math.prod(sizes), steps_of(x.shape)
    values, indices = [], []
    for n in range(batch):
        for window in product(*spans):
            places = list(product(*window))
            flat = [sum(i * step for i, step in zip(place, steps)) for place in places]
            for c in range(channels):
                seen = [x.values[n * image + place + c] for place in flat]
                best = seen.index(max(seen))
                values.append(largest(seen))
                where = sum(i * unit for i, unit in zip(places[best], units))
                indices.append((n * channels + c) * count + where)
    shape = [batch, *map(len, spans), channels]
    return from_channels_last(Tensor(values, shape), layout), from_channels_last(Tensor(indices, shape), layout)


def MaxUnpool(
    x: Tensor,
    i: Tensor,
    output_shape: Tensor | None = None,
    *,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The values of a MaxPool where they came from, which its second output says, and 0 elsewhere."""
    rank = len(kernel_shape)
    edges, steps = pads or [0] * (2 * rank), strides or [1] * rank
    sizes = [
        (n - 1) * step + size - edges[axis] - edges[rank + axis]
        for axis, (n, size, step) in enumerate(zip(x.shape[2:], kernel_shape, steps))
    ]
    shape = [*x.shape[:2], *sizes]
    values = [0.0] * math.prod(shape)
    for place, value in zip(integers(i), x.values):
        values[place] = value
    y = Tensor(values, shape)
    if output_shape is None:
        return y
    return padded(y, [(0, want - have) for want, have in zip(integers(output_shape), shape)], 0.0)


def AveragePool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    layout: str = "NCHW",
) -> Tensor:
    """The mean of each window; zeros of the padding count only if `count_include_pad` is 1."""
    x = channels_last(x, layout)
    spans = spans_of(x.shape[1:-1], kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    total = pooled(x, spans, sum)
    counted = spans_of(
        x.shape[1:-1], kernel_shape, auto_pad, ceil_mode, dilations, pads, strides, keep_border=count_include_pad
    )
    counts = [math.prod(map(len, window)) for window in product(*counted)] * x.shape[0]
    sizes = (count for count in counts for _ in range(x.shape[-1]))
    means = [value / size for value, size in zip(total.values, sizes)]
    return from_channels_last(Tensor(means, total.shape), layout)


def LpPool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    p: int = 2,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    layout: str = "NCHW",
) -> Tensor:
    """The p-norm of each window: the p-th root of the sum of |x|**p."""
    x = channels_last(x, layout)
    spans = spans_of(x.shape[1:-1], kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    return from_channels_last(pooled(x, spans, lambda window: norm(window, p)), layout)


def norm(values: Sequence[float], p: int) -> float:
    """The p-th root of the sum of |v|**p."""
    total = sum(abs(value) ** p for value in values)
    return float(total ** (1 / p))


def whole_image(x: Tensor, function: Callable[[Sequence[float]], float], layout: str) -> Tensor:
    """`function` of each channel of each image."""
    x = channels_last(x, layout)
    spans = [[list(range(size))] for size in x.shape[1:-1]]
    return from_channels_last(pooled(x, spans, function), layout)


def GlobalAveragePool(x: Tensor, *, layout: str = "NCHW") -> Tensor:
    """The mean over all spatial dimensions, which become 1."""
    return whole_image(x, lambda values: sum(values) / len(values), layout)


def GlobalMaxPool(x: Tensor, *, layout: str = "NCHW") -> Tensor:
    """The largest value over all spatial dimensions, which become 1."""
    return whole_image(x, largest, layout)


def GlobalLpPool(x: Tensor, *, p: int = 2, layout: str = "NCHW") -> Tensor:
    """The p-norm over all spatial dimensions, which become 1."""
    return whole_image(x, lambda values: norm(values, p), layout)
