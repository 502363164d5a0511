"""Pictures: sampling at free coordinates, regions, boxes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from interchange_pyscript.kernels.linear import MatMul
from interchange_pyscript.kernels.sampling import reflected, sample_plan
from interchange_pyscript.kernels.shaping import Gather, reshaped
from interchange_pyscript.kernels.tensor import (
    Tensor,
    axis_of,
    integers,
    is_whole,
    offsets,
    padded,
    pairwise,
    stacked,
    steps_of,
    vector,
)


def grid_places(size: int, align_corners: int) -> list[float]:
    """The coordinates of `size` points from -1 to 1, the corners included or half a step inside."""
    if align_corners:
        return [2 * i / (size - 1) - 1 for i in range(size)] if size > 1 else [0.0] * size
    return [(2 * i + 1) / size - 1 for i in range(size)]


def AffineGrid(theta: Tensor, size: Tensor, *, align_corners: int = 0) -> Tensor:
    """The coordinates, x first, at which an image is to be sampled to turn it by the matrices theta (GridSample)."""
    sizes = integers(size)[2:]
    rank = len(sizes)
    points = [(*place[::-1], 1.0) for place in itertools.product(*(grid_places(n, align_corners) for n in sizes))]
    values = []
    for n in range(theta.shape[0]):
        start = n * rank * (rank + 1)
        rows = [theta.values[start + j * (rank + 1) : start + (j + 1) * (rank + 1)] for j in range(rank)]
        values += [sum(p * q for p, q in zip(point, row)) for point in points for row in rows]
    return Tensor(values, (theta.shape[0], *sizes, rank))


def GridSample(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Tensor:
    """The image at the coordinates of the grid, x first, from -1 to 1: `mode` "nearest", "linear" or "cubic".

    `padding_mode` says what is outside: "zeros", the "border" or the "reflection".
    """
    if mode not in ("nearest", "linear", "cubic") or padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"mode is {mode!r}, padding_mode is {padding_mode!r}")
    sizes, rank = x.shape[2:], len(x.shape) - 2
    count, unit = math.prod(grid.shape[1:-1]), math.prod(sizes)

    def pixel(coordinate: float, size: int) -> float:
        place = (coordinate + 1) / 2 * (size - 1) if align_corners else ((coordinate + 1) * size - 1) / 2
        if mode == "cubic" or padding_mode == "zeros" or not math.isfinite(place):
            return place
        place = reflected(place, size, align_corners) if padding_mode == "reflection" else place
        return min(max(place, 0.0), size - 1.0)

    values: list[float] = []
    for n in range(x.shape[0]):
        plans = []
        for k in range(n * count, (n + 1) * count):
            at = grid.values[k * rank : (k + 1) * rank][::-1]
            places = [pixel(coordinate, size) for coordinate, size in zip(at, sizes)]
            plans.append(sample_plan(places, sizes, mode, padding_mode, align_corners))
        for start in range(n * x.shape[1] * unit, (n + 1) * x.shape[1] * unit, max(unit, 1)):
            values += [sum([x.values[start + p] * w for p, w in plan], 0.0) for plan in plans]
    return Tensor(values, (*x.shape[:2], *grid.shape[1:-1]))


def window_sizes(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int] | None,
    pads: Sequence[int] | None,
    dilations: Sequence[int] | None,
) -> tuple[list[int], Sequence[int], Sequence[int], Sequence[int]]:
    """The number of windows along each axis; strides, pads and dilations with their defaults."""
    rank = len(sizes)
    strides, dilations, pads = strides or [1] * rank, dilations or [1] * rank, pads or [0] * (2 * rank)
    counts = [
        (n + pads[i] + pads[rank + i] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i, n in enumerate(sizes)
    ]
    return counts, strides, pads, dilations


def DeformConv(
    x: Tensor,
    w: Tensor,
    offset: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    offset_group: int = 1,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Conv whose windows are read at places moved by `offset`, and times `mask`, J. Dai et al., 2017; X. Zhu, 2019."""
    batch, channels, *sizes = x.shape
    kernel, rank, unit = w.shape[2:], len(sizes), math.prod(sizes)
    counts, strides, pads, dilations = window_sizes(sizes, kernel, strides, pads, dilations)
    points, windows = math.prod(kernel), math.prod(counts)
    starts = list(itertools.product(*([i * s - p for i in range(n)] for n, s, p in zip(counts, strides, pads))))
    steps = list(itertools.product(*([i * d for i in range(k)] for k, d in zip(kernel, dilations))))
    per_offset, per_group = channels // offset_group, channels // group
    filters = Tensor(w.values, (group, w.shape[0] // group, per_group * points))
    images = []
    for n in range(batch):
        columns: list[float] = []
        for g in range(offset_group):
            first = (n * offset_group + g) * points
            plans = []
            for k in range(points * windows):
                point, window = divmod(k, windows)
                moves = [offset.values[((first + point) * rank + a) * windows + window] for a in range(rank)]
                at = [start + step + move for start, step, move in zip(starts[window], steps[point], moves)]
                factor = 1.0 if mask is None else mask.values[(first + point) * windows + window]
                plans.append([(p, f * factor) for p, f in sample_plan(at, sizes, "linear", "zeros", 0)])
            for c in range(g * per_offset, (g + 1) * per_offset):
                start = (n * channels + c) * unit
                columns += [sum([x.values[start + p] * f for p, f in plan], 0.0) for plan in plans]
        seen = Tensor(columns, (group, per_group * points, windows))
        images.append(reshaped(MatMul(filters, seen), [w.shape[0], *counts]))
    y = stacked(images, 0)
    if b is None:
        return y
    return pairwise(lambda p, q: p + q, y, Tensor(b.values, (len(b.values), *(1 for _ in counts))))


def Col2Im(
    x: Tensor,
    image_shape: Tensor,
    block_shape: Tensor,
    *,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The image that is the sum of its blocks, which are the columns of x: (batch, channels * block, blocks)."""
    image, block = integers(image_shape), integers(block_shape)
    counts, strides, pads, dilations = window_sizes(image, block, strides, pads, dilations)
    points, windows, rank = math.prod(block), math.prod(counts), len(image)
    canvas = [n + pads[i] + pads[rank + i] for i, n in enumerate(image)]
    units = steps_of(canvas)
    inside = offsets(image, units)
    corner = sum(pads[i] * unit for i, unit in enumerate(units))
    starts = offsets(counts, [s * unit for s, unit in zip(strides, units)])
    steps = offsets(block, [d * unit for d, unit in zip(dilations, units)])
    values: list[float] = []
    for place in range(0, len(x.values), points * windows):
        total = [0 if is_whole(x) else 0.0] * math.prod(canvas)
        for k, value in enumerate(x.values[place : place + points * windows]):
            total[steps[k // windows] + starts[k % windows]] += value
        values += [total[corner + i] for i in inside]
    return Tensor(values, (x.shape[0], x.shape[1] // points, *image))


def CenterCropPad(x: Tensor, shape: Tensor, *, axes: Sequence[int] | None = None) -> Tensor:
    """x cut, or padded with zeros, at both ends of `axes` alike to that shape; an odd one more at the end."""
    for place, size in zip(range(len(x.shape)) if axes is None else axes, integers(shape)):
        axis = axis_of(x, place)
        have = x.shape[axis]
        if size < have:
            start = (have - size) // 2
            x = Gather(x, vector(*range(start, start + size)), axis=axis)
        elif size > have:
            before = (size - have) // 2
            ends = [(before, size - have - before) if i == axis else (0, 0) for i in range(len(x.shape))]
            x = padded(x, ends, 0 if is_whole(x) else 0.0)
    return x


def corners_of(box: Sequence[float], center_point_box: int) -> tuple[float, float, float, float]:
    """(low y, low x, high y, high x) of a box: two corners, or (x, y, width, height) around the centre."""
    if center_point_box:
        x, y, width, height = box
        return y - height / 2, x - width / 2, y + height / 2, x + width / 2
    y1, x1, y2, x2 = box
    return min(y1, y2), min(x1, x2), max(y1, y2), max(x1, x2)


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    common = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union > 0 else 0.0


def NonMaxSuppression(
    boxes: Tensor,
    scores: Tensor,
    max_output_boxes_per_class: Tensor | None = None,
    iou_threshold: Tensor | None = None,
    score_threshold: Tensor | None = None,
    *,
    center_point_box: int = 0,
) -> Tensor:
    """(batch, class, box) of the boxes kept: the best of each class, without those that overlap a better one more.

    Only scores above `score_threshold` count; without `max_output_boxes_per_class` nothing is kept.
    """
    most = 0 if max_output_boxes_per_class is None else integers(max_output_boxes_per_class)[0]
    limit = 0.0 if iou_threshold is None else iou_threshold.values[0]
    least = -math.inf if score_threshold is None else score_threshold.values[0]
    batch, classes, count = scores.shape
    corners = [corners_of(boxes.values[i : i + 4], center_point_box) for i in range(0, len(boxes.values), 4)]
    kept: list[int] = []
    for n in range(batch):
        places = corners[n * count : (n + 1) * count]
        for label in range(classes):
            row = scores.values[(n * classes + label) * count : (n * classes + label + 1) * count]
            order = sorted(
                (i for i in range(count) if score_threshold is None or row[i] > least), key=lambda i: -row[i]
            )
            found = 0
            while order and found < most:
                best, *order = order
                kept += (n, label, best)
                order = [i for i in order if overlap(places[best], places[i]) <= limit]
                found += 1
    return Tensor(kept, (len(kept) // 3, 3))


def RoiAlign(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    """Each region as `output_height` x `output_width` bins: mean or max of points inside, K. He, "Mask R-CNN", 2017.

    With `mode` "max" each point gives the largest of its four weighted neighbours. A `sampling_ratio` of 0 takes as
    many points in a bin as it has pixels.
    """
    if mode not in ("avg", "max"):
        raise ValueError(f"mode is {mode!r}")
    _, channels, *sizes = x.shape
    shift, unit = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0, math.prod(sizes)
    bins, values = (output_height, output_width), []
    for i, sample in enumerate(integers(batch_indices)):
        x1, y1, x2, y2 = (corner * spatial_scale - shift for corner in rois.values[4 * i : 4 * i + 4])
        lengths = [y2 - y1, x2 - x1]
        lengths = lengths if shift else [max(length, 1.0) for length in lengths]
        plans: list[list[list[tuple[int, float]]]] = []
        for start, length, count, size, step in zip((y1, x1), lengths, bins, sizes, (sizes[1], 1)):
            each = length / count
            points = sampling_ratio if sampling_ratio > 0 else max(math.ceil(each), 0)
            at = [start + (k + 0.5) * each / points for k in range(count * points)]
            taken = [roi_taps(place, size, step) for place in at]
            plans.append([[tap for pair in taken[k * points : (k + 1) * points] for tap in pair] for k in range(count)])
        for c in range(channels):
            first = (sample * channels + c) * unit
            for row, column in itertools.product(*plans):
                seen = [x.values[first + p + q] * (f * g) for p, f in row for q, g in column]
                if mode == "max":
                    values.append(max(seen, default=0.0))
                else:
                    values.append(4 * sum(seen) / len(seen) if seen else 0.0)
    return Tensor(values, (len(batch_indices.values), channels, output_height, output_width))


def roi_taps(place: float, size: int, step: int) -> list[tuple[int, float]]:
    """The two neighbours of a coordinate and their weights; nothing beyond one pixel outside."""
    inside = 1.0 if -1 <= place <= size else 0.0
    place = max(place, 0.0)
    low = min(math.floor(place), size - 1)
    t = 0.0 if low >= size - 1 else place - low
    return [(low * step, (1 - t) * inside), (min(low + 1, size - 1) * step, t * inside)]


def MaxRoiPool(x: Tensor, rois: Tensor, *, pooled_shape: Sequence[int], spatial_scale: float = 1.0) -> Tensor:
    """The maximum of each bin of each region (batch, x1, y1, x2, y2), R. Girshick, "Fast R-CNN", 2015."""
    _, channels, height, width = x.shape
    values = []
    for i in range(rois.shape[0]):
        sample, *corners = rois.values[5 * i : 5 * i + 5]
        x1, y1, x2, y2 = (math.floor(corner * spatial_scale + 0.5) for corner in corners)
        rows = [roi_bin(k, pooled_shape[0], y1, y2, height) for k in range(pooled_shape[0])]
        columns = [roi_bin(k, pooled_shape[1], x1, x2, width) for k in range(pooled_shape[1])]
        for c in range(channels):
            first = (int(sample) * channels + c) * height * width
            for down, along in itertools.product(rows, columns):
                values.append(max([x.values[first + r * width + q] for r in down for q in along], default=0.0))
    return Tensor(values, (rois.shape[0], channels, *pooled_shape))


def roi_bin(k: int, count: int, start: int, end: int, size: int) -> range:
    """The pixels of the k-th of `count` bins from start to end."""
    width = max(end - start + 1, 1) / count
    low, high = math.floor(k * width) + start, math.ceil((k + 1) * width) + start
    return range(min(max(low, 0), size), min(max(high, 0), size))
