"""Pictures made fit for a network: another size, a part of them, other contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras import eras
from interchange_keras.layer import Layer, LayerFunction
from interchange_keras.layers.resizing import resized
from interchange_keras.precision import FLOATS

MOST_PIXELS = 1 << 16  # along one axis


def _spatial(layer: Layer, x: str, data_format: str | None) -> tuple[int, int]:
    """The axes of height and width."""
    if layer.rank(x) != 4:
        layer.refuse(f"its input has {layer.rank(x)} dimensions instead of 4")
    return (2, 3) if data_format == "channels_first" else (1, 2)


def _check(layer: Layer, height: int, width: int) -> None:
    if not (0 < height <= MOST_PIXELS and 0 < width <= MOST_PIXELS):
        layer.reject(f"pictures of {height} × {width}")


def _sizes(layer: Layer, x: str, axes: tuple[int, int]) -> tuple[int, int]:
    """Height and width, where both are known."""
    height, width = (layer.shape(x)[axis] for axis in axes)
    if height is None or width is None or not height * width:
        layer.refuse("the size of its pictures is not known")
    return height, width


def _cut(layer: Layer, x: str, axes: tuple[int, int], starts: Sequence[int], sizes: Sequence[int]) -> str:
    if [layer.shape(x)[axis] for axis in axes] == list(sizes):
        return x
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    return layer.add("Slice", x, list(starts), ends, list(axes))


def _largest(layer: Layer, x: str, axes: tuple[int, int], height: int, width: int) -> str:
    """The largest part in the middle that has the shape of height × width."""
    have = _sizes(layer, x, axes)
    wanted = have[1] * height // width, have[0] * width // height
    sizes = [max(min(n, m), 1) for n, m in zip(have, wanted, strict=True)]
    return _cut(layer, x, axes, [(n - m) // 2 for n, m in zip(have, sizes, strict=True)], sizes)


def _surrounded(layer: Layer, x: str, axes: tuple[int, int], height: int, width: int, value: float) -> str:
    """With as much on both sides as makes the shape that of height × width, or almost."""
    have = _sizes(layer, x, axes)
    wanted = have[1] * height // width, have[0] * width // height
    pads = [max(m - n, 0) // 2 for n, m in zip(have, wanted, strict=True)]
    if not any(pads):
        return x
    if not layer.is_float(x) and value % 1:
        layer.reject(f"fill_value is {value} for pictures of {layer.dtype(x)}")
    for pad in pads:
        layer.check_size(2 * pad)
    fill = layer.cast(layer.constant("fill_value", np.asarray(value, np.float32)), layer.dtype(x))
    return layer.add("Pad", x, [*pads, *pads], fill, list(axes))


def _resized(layer: Layer, x: str, axes: tuple[int, int], height: int, width: int, how: str, antialias: bool) -> str:
    """Nearest neighbours keep their dtype; all else is computed in float32."""
    x = x if how == "nearest" else layer.cast(x, "float32")
    return resized(layer, x, axes, (height, width), how, antialias=antialias)


def resizing(
    layer: Layer,
    x: str,
    *,
    height: int,
    width: int,
    interpolation: str = "bilinear",
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    antialias: bool = False,
    data_format: str | None = None,
) -> str:
    """In Keras 3 integers stay integers: since 3.6 rounded, before that cut off."""
    _check(layer, height, width)
    if fill_mode != "constant":
        layer.refuse(f"fill_mode is {fill_mode!r}")
    axes, how, dtype = _spatial(layer, x, data_format), interpolation.lower(), layer.dtype(x)
    if crop_to_aspect_ratio:
        x = _largest(layer, x, axes, height, width)
    elif pad_to_aspect_ratio:
        x = _surrounded(layer, x, axes, height, width, fill_value)
    y = _resized(layer, x, axes, height, width, how, antialias)
    if eras.resizes_to_float32(layer.version):
        given = layer.compute_dtype if dtype in FLOATS else dtype
        return layer.cast(y, given if how == "nearest" else "float32")
    if layer.version < (3,):
        return layer.cast(y, layer.compute_dtype)
    if layer.version >= (3, 6) or dtype in FLOATS:
        return _saturated(layer, y, dtype)
    if layer.dtype(y) != dtype and how not in ("bilinear", "area"):
        layer.refuse(f"integers with the interpolation {how!r}, which may leave their range")
    return layer.cast(y, dtype)


def _saturated(layer: Layer, x: str, dtype: str) -> str:
    """The values in another dtype; what is too large or small for it becomes its limit."""
    if layer.dtype(x) == dtype or dtype in ("float32", "float64", "bfloat16"):
        return layer.cast(x, dtype)
    limits = np.finfo(dtype) if dtype == "float16" else np.iinfo(dtype)
    x = x if dtype == "float16" else layer.add("Round", x)
    low, high = (layer.constant(part, np.asarray(float(v), np.float64)) for part, v in _named(limits.min, limits.max))
    return layer.cast(layer.add("Clip", x, layer.cast(low, layer.dtype(x)), layer.cast(high, layer.dtype(x))), dtype)


def _named(low: Any, high: Any) -> Sequence[tuple[str, Any]]:
    return ("lowest", low), ("highest", high)


def center_crop(layer: Layer, x: str, *, height: int, width: int, data_format: str | None = None) -> str:
    """The middle; of a picture that is smaller its largest part of that shape, made larger."""
    _check(layer, height, width)
    axes = _spatial(layer, x, data_format)
    have = _sizes(layer, x, axes)
    x = x if layer.version < (2, 8) else layer.cast(x, layer.compute_dtype)
    if have[0] >= height and have[1] >= width:
        starts = [(n - m) // 2 for n, m in zip(have, (height, width), strict=True)]
        return _cut(layer, x, axes, starts, (height, width))
    if layer.version < (2, 8):
        layer.refuse(f"pictures of {have[0]} × {have[1]}, which this version of Keras did not enlarge, or otherwise")
    return _fitted(layer, x, axes, height, width)


def _fitted(layer: Layer, x: str, axes: tuple[int, int], height: int, width: int) -> str:
    """`smart_resize` of Keras."""
    x = _largest(layer, x, axes, height, width)
    y = _resized(layer, x, axes, height, width, "bilinear", False)
    return layer.cast(y, layer.compute_dtype) if layer.version < (3,) else y


def random_crop(layer: Layer, x: str, *, height: int, width: int, data_format: str | None = None) -> str:
    """Nothing at inference, since Keras 3.8. Before 3.6 the largest part of that shape, resized; in between a part
    that begins where that one does, but is of that size. Before 2.7 the middle of what was resized to cover that shape.
    """
    if layer.version >= (3, 8):
        return x
    _check(layer, height, width)
    axes = _spatial(layer, x, data_format)
    x = layer.cast(x, layer.compute_dtype)
    if layer.version < (2, 7):
        return _covering(layer, x, axes, height, width)
    if layer.version < (3, 6):
        return _fitted(layer, x, axes, height, width)
    have = _sizes(layer, x, axes)
    largest = [
        max(min(n, m), 1) for n, m in zip(have, (have[1] * height // width, have[0] * width // height), strict=True)
    ]
    starts = [(n - m) // 2 for n, m in zip(have, largest, strict=True)]
    sizes = [min(m, n - start) for n, m, start in zip(have, (height, width), starts, strict=True)]
    y = _cut(layer, x, axes, starts, sizes)
    return (
        y
        if sizes == [height, width]
        else layer.cast(_resized(layer, y, axes, height, width, "bilinear", False), layer.compute_dtype)
    )


def _covering(layer: Layer, x: str, axes: tuple[int, int], height: int, width: int) -> str:
    """Resized until the shorter side fits; then the middle. Sizes are cut off to whole numbers."""
    have = _sizes(layer, x, axes)
    is_high = have[0] / have[1] > height / width
    sizes = (int(width * have[0] / have[1]), width) if is_high else (height, int(height * have[1] / have[0]))
    if sizes[0] < height or sizes[1] < width:
        layer.reject(f"pictures of {have[0]} × {have[1]} cannot be made to cover {height} × {width}")
    y = _resized(layer, x, axes, *sizes, "bilinear", False)
    starts = [(n - m) // 2 for n, m in zip(sizes, (height, width), strict=True)]
    return _cut(layer, y, axes, starts, (height, width))


# --- contrasts -------------------------------------------------------------------------------------------------------


def _range(layer: Layer, value_range: Any) -> tuple[float, float]:
    if (
        not isinstance(value_range, list)
        or len(value_range) != 2
        or not all(type(v) in (int, float) for v in value_range)
    ):
        layer.reject(f"value_range is {str(value_range)[:80]}")
    return float(value_range[0]), float(value_range[1])


def _in_range(layer: Layer, x: str, have: tuple[float, float], wanted: tuple[float, float]) -> str:
    """What lies from have[0] to have[1] as what lies from wanted[0] to wanted[1]."""
    if have == wanted:
        return x
    y = layer.add("Div", layer.add("Sub", x, have[0]), have[1] - have[0])
    return layer.add("Add", layer.add("Mul", y, wanted[1] - wanted[0]), wanted[0])


def auto_contrast(layer: Layer, x: str, *, value_range: Any = None, data_format: str | None = None) -> str:
    """Along axes 1 and 2 from the least to the greatest value; where these are one, as it is."""
    if layer.rank(x) != 4:
        layer.refuse(f"its input has {layer.rank(x)} dimensions instead of 4")
    given = sorted(_range(layer, [0, 255] if value_range is None else value_range))
    limits, whole = (given[0], given[1]), (0.0, 255.0)
    y = _in_range(layer, x, limits, whole)
    low, high = (layer.add(op, y, [1, 2]) for op in ("ReduceMin", "ReduceMax"))
    scale = layer.add("Div", 255.0, layer.add("Sub", high, low))
    offset = layer.add("Mul", layer.add("Neg", low), scale)
    y = layer.add("Clip", layer.add("Add", layer.add("Mul", y, scale), offset), 0.0, 255.0)
    y = _in_range(layer, y, whole, limits)
    return layer.add("Where", layer.add("IsNaN", y), x, y)


def clahe(
    layer: Layer,
    x: str,
    *,
    value_range: Any = None,
    clip_limit: float = 4.0,
    tile_grid_size: Any = None,
    data_format: str | None = None,
) -> str:
    """Contrast-limited adaptive histogram equalisation: each value's rank among those of its tile, mixed with those
    that it has in the neighbouring tiles (K. Zuiderveld, Graphics Gems IV, 1994), as Keras 3.15 computes it.
    """
    axes = _spatial(layer, x, data_format)
    height, width = _sizes(layer, x, axes)
    grid = [8, 8] if tile_grid_size is None else tile_grid_size
    if not isinstance(grid, list) or len(grid) != 2 or not all(type(n) is int and 0 < n < 1 << 12 for n in grid):
        layer.reject(f"tile_grid_size is {str(grid)[:80]}")
    limits, whole, dtype = _range(layer, [0, 255] if value_range is None else value_range), (0.0, 255.0), layer.dtype(x)
    y = layer.add("Transpose", x, perm=[0, 2, 3, 1]) if axes == (2, 3) else x
    channels = layer.shape(y)[3]
    if channels is None:
        layer.refuse("the number of channels of its input is not known")
    y = _in_range(layer, layer.cast(y, "float32"), limits, whole)
    tiles = [-(-height // grid[0]), -(-width // grid[1])]
    padded = y
    for axis, n, tile, count in zip((1, 2), (height, width), tiles, grid, strict=True):
        if tile * count > n:
            mirrored = np.pad(np.arange(n, dtype=np.int64), (0, tile * count - n), mode="symmetric")
            padded = layer.add("Gather", padded, layer.constant("mirrored", mirrored), axis=axis)
    value = layer.cast(layer.add("Clip", padded, 0.0, 255.0), "int64")
    ranks = _ranks(layer, value, grid, tiles, channels, clip_limit)
    mixed = _between(layer, value, ranks, grid, tiles, channels)
    y = _in_range(layer, _cut(layer, mixed, (1, 2), (0, 0), (height, width)), whole, limits)
    y = layer.cast(y, dtype)
    return layer.add("Transpose", y, perm=[0, 3, 1, 2]) if axes == (2, 3) else y


def _ranks(layer: Layer, value: str, grid: list[int], tiles: list[int], channels: int, clip_limit: float) -> str:
    """For each tile, channel and value how many are below: (batch, rows, columns, channels, 256), from 0 to 255."""
    pixels = tiles[0] * tiles[1]
    apart = layer.add("Reshape", value, [0, grid[0], tiles[0], grid[1], tiles[1], channels])
    apart = layer.add("Transpose", apart, perm=[0, 1, 3, 5, 2, 4])
    apart = layer.add("Reshape", apart, [0, grid[0], grid[1], channels, pixels])
    shape = layer.add("Concat", layer.add("Shape", apart, end=-1), [256], axis=0)
    zeros = layer.add("ConstantOfShape", shape, dtype="float32")
    ones = layer.add("ConstantOfShape", layer.add("Shape", apart), value=1, dtype="float32")
    counts = layer.add("ScatterElements", zeros, apart, ones, axis=4, reduction="add")
    if clip_limit > 0:
        clipped = layer.add("Clip", counts, 0.0, clip_limit * pixels / 256)
        excess = layer.add("ReduceSum", layer.add("Sub", counts, clipped), [4])
        counts = layer.add("Add", clipped, layer.add("Div", excess, 256.0))
    below = layer.add("CumSum", counts, np.asarray(4, np.int64))
    least = layer.add("ReduceMin", below, [4])
    rest = layer.add("Sub", float(pixels), least)
    rest = layer.add("Where", layer.add("Equal", rest, 0.0), 1.0, rest)
    ranks = layer.add("Div", layer.add("Mul", layer.add("Sub", below, least), 255.0), rest)
    return layer.add("Clip", ranks, 0.0, 255.0)


def _between(layer: Layer, value: str, ranks: str, grid: list[int], tiles: list[int], channels: int) -> str:
    """Each pixel's rank in the four tiles around it, by its distance from their middles."""
    sizes = [tile * count for tile, count in zip(tiles, grid, strict=True)]
    lower, share = [], []
    for size, tile in zip(sizes, tiles, strict=True):
        at = (np.arange(size, dtype=np.float32) - np.float32(tile / 2)) / np.float32(tile)
        lower.append(np.floor(at).astype(np.int64))
        share.append(at - np.floor(at))
    flat = layer.add("Reshape", ranks, [0, grid[0] * grid[1] * channels * 256])
    corners = []
    for down in (0, 1):
        row = np.clip(lower[0] + down, 0, grid[0] - 1)[:, None, None]
        for right in (0, 1):
            column = np.clip(lower[1] + right, 0, grid[1] - 1)[:, None]
            begin = ((row * grid[1] + column) * channels + np.arange(channels)) * 256
            place = layer.add(
                "Reshape", layer.add("Add", value, layer.constant("tile", begin)), [0, sizes[0] * sizes[1] * channels]
            )
            corner = layer.add("GatherElements", flat, place, axis=1)
            corners.append(layer.add("Reshape", corner, [0, *sizes, channels]))
    across = share[1].reshape(-1, 1)
    top, bottom = (_mixed(layer, corners[i], corners[i + 1], across) for i in (0, 2))
    return _mixed(layer, top, bottom, share[0].reshape(-1, 1, 1))


def _mixed(layer: Layer, first: str, second: str, share: Any) -> str:
    one = layer.add("Mul", first, layer.constant("rest", (1 - share).astype(np.float32)))
    return layer.add("Add", one, layer.add("Mul", second, layer.constant("share", share.astype(np.float32))))


LAYERS: Mapping[str, LayerFunction] = {
    "AutoContrast": auto_contrast,
    "CenterCrop": center_crop,
    "ContrastLimitedAdaptiveHistogramEqualization": clahe,
    "RandomCrop": random_crop,
    "Resizing": resizing,
}
