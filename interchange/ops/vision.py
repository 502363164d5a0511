"""Pictures: sampling at free coordinates, regions, boxes, decoding."""

from __future__ import annotations

import itertools
import math

import numpy as np

from interchange.ops._sampling import reflected, sample
from interchange.ops._shapes import shape_rule


def _places(size, align_corners):
    """The coordinates of `size` points from -1 to 1, the corners included or half a step inside."""
    if align_corners:
        return np.linspace(-1, 1, size) if size > 1 else np.zeros(size)
    return (2 * np.arange(size) + 1) / size - 1


def AffineGrid(theta, size, *, align_corners=0):
    """The coordinates, x first, at which an image is to be sampled to turn it by the matrices theta (GridSample)."""
    sizes = [int(n) for n in size[2:]]
    axes = np.meshgrid(*(_places(n, align_corners) for n in sizes), indexing="ij")
    points = np.stack([*reversed(axes), np.ones(sizes)], -1)
    return np.einsum("...k,njk->n...j", points, theta.astype(np.float64)).astype(theta.dtype)


@shape_rule(lambda x, grid, **_: (*x.shape[:2], *grid.shape[1:-1]))
def GridSample(x, grid, *, align_corners=0, mode="linear", padding_mode="zeros"):
    """The image at the coordinates of the grid, x first, from -1 to 1: `mode` "nearest", "linear" or "cubic".

    `padding_mode` says what is outside: "zeros", the "border" or the "reflection".
    """
    if mode not in ("nearest", "linear", "cubic") or padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"mode is {mode!r}, padding_mode is {padding_mode!r}")
    y = np.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    for i, places in enumerate(grid.astype(np.float64)):
        at = []
        for axis, size in enumerate(x.shape[2:]):
            place = places[..., -1 - axis]
            place = (place + 1) / 2 * (size - 1) if align_corners else ((place + 1) * size - 1) / 2
            if mode != "cubic" and padding_mode == "border":
                place = np.clip(place, 0, size - 1)
            if mode != "cubic" and padding_mode == "reflection":
                place = np.clip(reflected(place, size, align_corners), 0, size - 1)
            at.append(place)
        y[i] = sample(x[i], at, mode, padding_mode, align_corners)
    return y


def _bounds(shape, kernel, strides, pads, dilations):
    rank = len(shape)
    strides, dilations, pads = strides or (1,) * rank, dilations or (1,) * rank, pads or (0,) * (2 * rank)
    sizes = [
        (n + pads[i] + pads[rank + i] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i, n in enumerate(shape)
    ]
    return sizes, strides, pads, dilations


def _deform_conv_shape(x, w, offset, *_, strides=None, pads=None, dilations=None, **__):
    sizes, *_ = _bounds(x.shape[2:], w.shape[2:], strides, pads, dilations)
    return (x.shape[0], w.shape[0], *sizes)


@shape_rule(_deform_conv_shape)
def DeformConv(
    x,
    w,
    offset,
    b=None,
    mask=None,
    *,
    dilations=None,
    group=1,
    kernel_shape=None,
    offset_group=1,
    pads=None,
    strides=None,
):
    """Conv whose windows are read at places moved by `offset`, and times `mask`, J. Dai et al., 2017; X. Zhu, 2019."""
    kernel = w.shape[2:]
    sizes, strides, pads, dilations = _bounds(x.shape[2:], kernel, strides, pads, dilations)
    rank, points = len(kernel), math.prod(kernel)
    offset = offset.reshape(len(x), offset_group, points, rank, *sizes).astype(np.float64)
    mask = None if mask is None else mask.reshape(len(x), offset_group, points, *sizes)
    starts = np.meshgrid(*(np.arange(n) * s - p for n, s, p in zip(sizes, strides, pads, strict=False)), indexing="ij")
    steps = np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij"), -1).reshape(points, rank) * dilations
    per_offset, per_group = x.shape[1] // offset_group, x.shape[1] // group
    y = np.empty((len(x), w.shape[0], *sizes), x.dtype)
    for i, image in enumerate(x):
        columns = []
        for g in range(offset_group):
            at = [starts[a] + steps[:, a].reshape(-1, *(1,) * rank) + offset[i, g, :, a] for a in range(rank)]
            seen = sample(image[g * per_offset : (g + 1) * per_offset], at, "linear", "zeros", 0)
            columns.append(seen if mask is None else seen * mask[i, g])
        seen = np.concatenate(columns).reshape(group, per_group * points, -1)
        y[i] = np.matmul(w.reshape(group, -1, per_group * points), seen).reshape(y.shape[1:])
    return y if b is None else y + b.reshape(-1, *(1,) * rank)


def _col2im_geometry(x, image_shape, block_shape, dilations, pads, strides):
    image, block = [int(n) for n in image_shape], [int(n) for n in block_shape]
    sizes, strides, pads, dilations = _bounds(image, block, strides, pads, dilations)
    return image, block, sizes, strides, pads, dilations


def Col2Im(x, image_shape, block_shape, *, dilations=None, pads=None, strides=None):
    """The image that is the sum of its blocks, which are the columns of x: (batch, channels * block, blocks)."""
    image, block, sizes, strides, pads, dilations = _col2im_geometry(
        x, image_shape, block_shape, dilations, pads, strides
    )
    rank = len(image)
    columns = x.reshape(len(x), -1, *block, *sizes)
    canvas = [n + pads[i] + pads[rank + i] for i, n in enumerate(image)]
    y = np.zeros((*columns.shape[:2], *canvas), x.dtype)
    for at in np.ndindex(*block):
        spots = (
            slice(a * d, a * d + s * (n - 1) + 1, s) for a, d, s, n in zip(at, dilations, strides, sizes, strict=True)
        )
        where = (slice(None), slice(None), *spots)
        y[where] += columns[(slice(None), slice(None), *at)]
    inside = (slice(pads[i], pads[i] + n) for i, n in enumerate(image))
    return y[(slice(None), slice(None), *inside)]


def CenterCropPad(x, shape, *, axes=None):
    """x cut, or padded with zeros, at both ends of `axes` alike to that shape; an odd one more at the end."""
    axes = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes]
    for axis, size in zip(axes, shape.tolist(), strict=True):
        have = x.shape[axis]
        if size < have:
            start = (have - size) // 2
            x = np.take(x, np.arange(start, start + size), axis)
        elif size > have:
            before = (size - have) // 2
            x = np.pad(x, [(before, size - have - before) if i == axis else (0, 0) for i in range(x.ndim)])
    return x


def _corners(boxes, center_point_box):
    """Boxes as (low y, low x, high y, high x); given are two corners, or (x, y, width, height) around the centre."""
    if center_point_box:
        x, y, width, height = np.moveaxis(boxes, -1, 0)
        return np.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], -1)
    a, b = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(a, b), np.maximum(a, b)], -1)


def _overlap(box, boxes):
    """Intersection over union of one box with others."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = np.maximum(sides, 0).prod(1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - common
    return np.where(union > 0, common / np.where(union > 0, union, 1), 0)


def NonMaxSuppression(
    boxes, scores, max_output_boxes_per_class=None, iou_threshold=None, score_threshold=None, *, center_point_box=0
):
    """(batch, class, box) of the boxes kept: the best of each class, without those that overlap a better one more.

    Only scores above `score_threshold` count; without `max_output_boxes_per_class` nothing is kept.
    """
    most = 0 if max_output_boxes_per_class is None else int(max_output_boxes_per_class.item())
    limit = 0.0 if iou_threshold is None else iou_threshold.item()
    corners = _corners(boxes, center_point_box)
    kept = []
    for batch, label in np.ndindex(*scores.shape[:2]):
        score = scores[batch, label]
        order = np.argsort(-score, kind="stable")
        order = order if score_threshold is None else order[score[order] > score_threshold.item()]
        found = 0
        while order.size and found < most:
            best, order = order[0], order[1:]
            kept.append((batch, label, best))
            order = order[_overlap(corners[batch, best], corners[batch, order]) <= limit]
            found += 1
    return np.array(kept, np.int64).reshape(-1, 3)


def _roi_align_shape(x, rois, batch_indices, *, output_height=1, output_width=1, **_):
    return (len(rois), x.shape[1], output_height, output_width)


@shape_rule(_roi_align_shape)
def RoiAlign(
    x,
    rois,
    batch_indices,
    *,
    coordinate_transformation_mode="half_pixel",
    mode="avg",
    output_height=1,
    output_width=1,
    sampling_ratio=0,
    spatial_scale=1.0,
):
    """Each region as `output_height` × `output_width` bins: mean or max of points inside, K. He, "Mask R-CNN", 2017.

    With `mode` "max" each point gives the largest of its four weighted neighbours. A `sampling_ratio` of 0 takes as
    many points in a bin as it has pixels.
    """
    if mode not in ("avg", "max"):
        raise ValueError(f"mode is {mode!r}")
    shift = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    y = np.zeros((len(rois), x.shape[1], output_height, output_width), x.dtype)
    for i, (roi, batch) in enumerate(zip(rois.astype(np.float64), batch_indices, strict=True)):
        x1, y1, x2, y2 = roi * spatial_scale - shift
        lengths = [y2 - y1, x2 - x1]
        if not shift:
            lengths = [max(length, 1.0) for length in lengths]
        bins = [lengths[0] / output_height, lengths[1] / output_width]
        points = [sampling_ratio if sampling_ratio > 0 else max(math.ceil(size), 0) for size in bins]
        if 0 in points:
            continue
        axes = [
            start + (np.arange(n * k) + 0.5) * size / k
            for start, n, k, size in zip((y1, x1), (output_height, output_width), points, bins, strict=True)
        ]
        plans = [_roi_taps(at, size) for at, size in zip(axes, x.shape[2:], strict=True)]
        corners = [
            x[int(batch)][:, rows[:, None], columns] * (weights[:, None] * others).astype(x.dtype)
            for (rows, weights), (columns, others) in itertools.product(*plans)
        ]
        seen = sum(corners) if mode == "avg" else np.maximum.reduce(corners)
        seen = seen.reshape(-1, output_height, points[0], output_width, points[1])
        y[i] = seen.mean((2, 4)) if mode == "avg" else seen.max((2, 4))
    return y


def _roi_taps(at, size):
    """The two neighbours of each coordinate and their weights; nothing beyond one pixel outside."""
    inside = (at >= -1) & (at <= size)
    at = np.maximum(at, 0)
    low = np.minimum(np.floor(at).astype(int), size - 1)
    t = np.where(low >= size - 1, 0, at - low)
    return [(low, (1 - t) * inside), (np.minimum(low + 1, size - 1), t * inside)]


@shape_rule(lambda x, rois, *, pooled_shape, **_: (len(rois), x.shape[1], *pooled_shape))
def MaxRoiPool(x, rois, *, pooled_shape, spatial_scale=1.0):
    """The maximum of each bin of each region (batch, x1, y1, x2, y2), R. Girshick, "Fast R-CNN", 2015."""
    height, width = x.shape[2:]
    y = np.zeros((len(rois), x.shape[1], *pooled_shape), x.dtype)
    for i, (batch, *corners) in enumerate(rois):
        x1, y1, x2, y2 = (math.floor(float(corner) * spatial_scale + 0.5) for corner in corners)
        for row, column in np.ndindex(*pooled_shape):
            rows = _bin(row, pooled_shape[0], y1, y2, height)
            columns = _bin(column, pooled_shape[1], x1, x2, width)
            seen = x[int(batch), :, rows, columns]
            if seen.size:
                y[i, :, row, column] = seen.max((1, 2))
    return y


def _bin(k, count, start, end, size):
    """The pixels of the k-th of `count` bins from start to end."""
    width = max(end - start + 1, 1) / count
    low, high = math.floor(k * width) + start, math.ceil((k + 1) * width) + start
    return slice(min(max(low, 0), size), min(max(high, 0), size))


def ImageDecoder(encoded_stream, *, pixel_format="RGB"):
    """The picture in a file's bytes (JPEG, PNG, BMP, WebP …), by Pillow: "RGB", "BGR" or "Grayscale"."""
    import io

    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError("ImageDecoder needs the package pillow") from error
    if pixel_format not in ("RGB", "BGR", "Grayscale"):
        raise ValueError(f"pixel_format is {pixel_format!r}")
    try:
        image = Image.open(io.BytesIO(encoded_stream.tobytes()))
        pixels = np.asarray(image.convert("L" if pixel_format == "Grayscale" else "RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"this is no picture: {error}") from error
    if pixel_format == "Grayscale":
        return pixels[..., None]
    return pixels[..., ::-1] if pixel_format == "BGR" else pixels
