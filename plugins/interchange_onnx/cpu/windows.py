"""Convolutions, pools and Resize in float64: windows are cut out tap by tap, channels last, and multiplied as matrices.

A tap is one place of the kernel: what it sees at every step is a Slice of the padded input. All functions return None
where the rank, or a size that decides, is not known.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interchange import ops
from interchange.graph import Array
from interchange_onnx.cpu.writer import Writer
from interchange_onnx.same import TO_THE_END, Axis, transposed_pads


@dataclass(frozen=True, slots=True)
class Geometry:
    """The windows of an operator: one entry for each spatial axis; `pads` has the begins, then the ends."""

    kernel: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    pads: Sequence[int]
    auto_pad: str

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def reach(self) -> list[int]:
        """How many values a window spans."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]


def _geometry(kernel: Sequence[int], attributes: Mapping[str, Any]) -> Geometry:
    n = len(kernel)
    strides, dilations = (tuple(attributes.get(name) or (1,) * n) for name in ("strides", "dilations"))
    pads = tuple(attributes.get("pads") or (0,) * 2 * n)
    return Geometry(tuple(kernel), strides, dilations, pads, attributes.get("auto_pad") or "NOTSET")


def _kernel_of(e: Writer, w: str, layout: str) -> list[int] | None:
    shape = e.shape(w)
    spatial = (shape[:-2] if layout == "NHWC" else shape[2:]) if shape else ()
    known = [size for size in spatial if isinstance(size, int)]
    return known if known and len(known) == len(spatial) else None


# --- layouts --------------------------------------------------------------------------------------------------------


def channels_last(e: Writer, x: str, layout: str, rank: int) -> str:
    """x of so many spatial axes, and its channels last."""
    return x if layout == "NHWC" else e.add("Transpose", x, perm=(0, *range(2, rank + 2), 1))


def as_given(e: Writer, y: str, layout: str, rank: int) -> str:
    """What has its channels last, in that layout."""
    return y if layout == "NHWC" else e.add("Transpose", y, perm=(0, rank + 1, *range(1, rank + 1)))


def _kernel_last(e: Writer, w: str, layout: str, rank: int) -> str:
    """(*kernel, in / group, out) of a Conv, (*kernel, out / group, in) of a ConvTranspose."""
    return w if layout == "NHWC" else e.add("Transpose", w, perm=(*range(2, rank + 2), 1, 0))


# --- windows --------------------------------------------------------------------------------------------------------


def _padded(e: Writer, x: str, geometry: Geometry, value: float = 0.0) -> str:
    if geometry.auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        sizes = e.add("Shape", x, start=1, end=geometry.rank + 1)
        before = e.add("Mod", e.add("Sub", sizes, [1]), list(geometry.strides))
        total = e.add("Max", e.add("Sub", [reach - 1 for reach in geometry.reach], before), [0])
        small = e.add("Div", total, [2])
        parts = [small, e.add("Sub", total, small)]
        begin, end = parts if geometry.auto_pad == "SAME_UPPER" else reversed(parts)
        return e.add("Pad", x, e.add("Concat", [0], begin, [0, 0], end, [0], axis=0), e.number(value))
    if geometry.auto_pad == "VALID" or not any(geometry.pads):
        return x
    begins, ends = geometry.pads[: geometry.rank], geometry.pads[geometry.rank :]
    return e.add("Pad", x, [0, *begins, 0, 0, *ends, 0], e.number(value))


def _taps(e: Writer, x: str, geometry: Geometry, axes: Sequence[int]) -> list[str]:
    """What each place of the kernel sees along these spatial axes, in the order of the kernel's entries."""
    if all(geometry.kernel[i] == geometry.strides[i] == 1 for i in axes):
        return [x]
    taps = []
    for place in itertools.product(*(range(geometry.kernel[i]) for i in axes)):
        starts = [at * geometry.dilations[i] for at, i in zip(place, axes, strict=True)]
        ends = [start - geometry.reach[i] + 1 or TO_THE_END for start, i in zip(starts, axes, strict=True)]
        steps = [geometry.strides[i] for i in axes]
        taps.append(e.add("Slice", x, starts, ends, [i + 1 for i in axes], steps))
    return taps


def _summed(e: Writer, x: str, geometry: Geometry) -> str:
    """The sum of each window, axis after axis."""
    for axis in range(geometry.rank):
        taps = _taps(e, x, geometry, [axis])
        x = e.add("Sum", *taps) if len(taps) > 1 else taps[0]
    return x


def _convolved(e: Writer, x: str, w: str, b: str | None, geometry: Geometry, group: int) -> str:
    """x is (batch, *spatial, in), padded; w (*kernel, in / group, out)."""
    places, spatial = int(np.prod(geometry.kernel)), geometry.rank
    taps = _taps(e, x, geometry, range(spatial))
    if group == 1:
        columns = e.add("Concat", *taps, axis=-1) if len(taps) > 1 else taps[0]
        size = e.add("Shape", w, start=spatial + 1)
        y = e.add("MatMul", columns, e.add("Reshape", w, e.add("Concat", [-1], size, axis=0)))
    else:
        like = [0] * (spatial + 1)
        taps = [e.add("Reshape", tap, [*like, group, 1, -1]) for tap in taps]
        columns = e.add("Concat", *taps, axis=-1) if len(taps) > 1 else taps[0]
        each = e.add("Shape", w, start=spatial, end=spatial + 1)
        parted = e.add("Reshape", w, e.add("Concat", [places], each, [group, -1], axis=0))
        turned = e.add("Transpose", parted, perm=(2, 0, 1, 3))  # (group, places, in / group, out / group)
        rows = e.add("Concat", [group], e.add("Mul", each, [places]), [-1], axis=0)
        y = e.add("MatMul", columns, e.add("Reshape", turned, rows))
        y = e.add("Reshape", y, [*like, -1])
    return y if b is None else e.add("Add", y, b)


def conv(
    e: Writer, x: str, w: str, b: str | None = None, *, group: int = 1, layout: str = "NCHW", **attributes: Any
) -> str | None:
    kernel = _kernel_of(e, w, layout)
    if kernel is None:
        return None
    geometry = _geometry(kernel, attributes)
    x = _padded(e, channels_last(e, x, layout, geometry.rank), geometry)
    y = _convolved(e, x, _kernel_last(e, w, layout, geometry.rank), b, geometry, group)
    return as_given(e, y, layout, geometry.rank)


def conv_transpose(
    e: Writer,
    x: str,
    w: str,
    b: str | None = None,
    *,
    group: int = 1,
    layout: str = "NCHW",
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    **attributes: Any,
) -> str | None:
    """The convolution with the kernel turned round, of the input with stride - 1 zeros between its values."""
    kernel = _kernel_of(e, w, layout)
    if kernel is None or output_shape:
        return None
    geometry = _geometry(kernel, attributes)
    n, rest = geometry.rank, [reach - 1 for reach in geometry.reach]
    pads, extra = _transposed_pads(geometry, output_padding or (0,) * n)
    x = channels_last(e, x, layout, n)
    for axis in range(1, n + 1):
        x = _spread(e, x, axis, geometry.strides[axis - 1], n + 2)
    begins = [more - pad for more, pad in zip(rest, pads[:n], strict=True)]
    ends = [
        more - pad + out - (stride - 1)
        for more, pad, out, stride in zip(rest, pads[n:], extra, geometry.strides, strict=True)
    ]
    x = e.add("Pad", x, [0, *begins, 0, 0, *ends, 0], e.number(0))
    w = _kernel_last(e, w, layout, n)  # (*kernel, out / group, in)
    turned = e.add("Slice", w, [-1] * n, [-TO_THE_END] * n, list(range(n)), [-1] * n)
    w = e.add("Transpose", turned, perm=(*range(n), n + 1, n))
    if group > 1:  # (*kernel, in, out / group) -> (*kernel, in / group, out)
        out = e.add("Shape", w, start=n + 1)
        parted = e.add("Reshape", w, e.add("Concat", [0] * n, [group, -1], out, axis=0))
        turned = e.add("Transpose", parted, perm=(*range(n), n + 1, n, n + 2))
        w = e.add("Reshape", turned, [*[0] * (n + 1), -1])
    ones = (1,) * n
    y = _convolved(e, x, w, b, Geometry(geometry.kernel, ones, geometry.dilations, (), "VALID"), group)
    return as_given(e, y, layout, n)


def _transposed_pads(geometry: Geometry, extra: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The pads and the output padding of a transposed convolution. Automatic ones make stride × size values."""
    if geometry.auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return geometry.pads, extra
    is_upper = geometry.auto_pad == "SAME_UPPER"
    axes = [Axis(None, k, s, is_upper) for k, s in zip(geometry.reach, geometry.strides, strict=True)]
    pads, padding = transposed_pads(axes, extra)
    return [*(begin for begin, _ in pads), *(end for _, end in pads)], padding


def _spread(e: Writer, x: str, axis: int, stride: int, rank: int) -> str:
    """x with stride - 1 zeros after each entry along an axis."""
    if stride == 1:
        return x
    wide = e.add("Pad", e.add("Unsqueeze", x, [axis + 1]), _after(axis + 1, stride - 1, rank + 1), e.number(0))
    return e.add("Reshape", wide, _merged(e, x, axis))


def _after(axis: int, count: int, rank: int) -> list[int]:
    """Pads at the end of one axis."""
    return [count if i == rank + axis else 0 for i in range(2 * rank)]


def _merged(e: Writer, x: str, axis: int) -> str:
    """The shape of x with -1 for an axis."""
    parts = [e.add("Shape", x, start=0, end=axis)] if axis else []
    return e.add("Concat", *parts, [-1], e.add("Shape", x, start=axis + 1), axis=0)


def average_pool(
    e: Writer,
    x: str,
    *,
    kernel_shape: Sequence[int],
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    layout: str = "NCHW",
    **attributes: Any,
) -> str | None:
    if ceil_mode:
        return None
    geometry = _geometry(kernel_shape, attributes)
    n = geometry.rank
    x = channels_last(e, x, layout, n)
    total = _summed(e, _padded(e, x, geometry), geometry)
    if geometry.auto_pad == "VALID" or (geometry.auto_pad == "NOTSET" and not any(geometry.pads)) or count_include_pad:
        count = e.number(float(np.prod(kernel_shape)))
    else:
        sizes = e.add("Concat", [1], e.add("Shape", x, start=1, end=n + 1), [1], axis=0)
        count = _summed(e, _padded(e, e.add("Expand", e.number(1), sizes), geometry), geometry)
    return as_given(e, e.add("Div", total, count), layout, n)


def _global(reduction: str) -> Callable[..., str | None]:
    def lower(e: Writer, x: str, *, layout: str = "NCHW") -> str | None:
        shape = e.shape(x)
        if shape is None:
            return None
        axes = range(1, len(shape) - 1) if layout == "NHWC" else range(2, len(shape))
        return e.add(reduction, x, list(axes)) if axes else x

    return lower


# --- Resize ---------------------------------------------------------------------------------------------------------


LARGEST = 4096  # size of an axis


def resize(
    e: Writer,
    x: str,
    roi: str | None = None,
    scales: str | None = None,
    sizes: str | None = None,
    *,
    axes: Sequence[int] | None = None,
    **attributes: Any,
) -> str | None:
    """Along each axis the sum of entries times weights, which the operator itself says when it resizes an identity."""
    shape = e.shape(x)
    asked = e.constants.get(scales or sizes or "")
    is_crop = attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    if shape is None or asked is None or is_crop or attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return None
    for axis, value in zip(axes or range(len(shape)), asked.ravel(), strict=True):
        axis, size = axis % len(shape), shape[axis]
        if value == (1 if scales else size):
            continue
        made = None
        if isinstance(size, int) and size <= LARGEST:
            weights = _resized(np.eye(size), 1, value, scales, attributes)
            made = _weighted(e, x, axis, weights, len(shape) - 1 - axis)
        elif scales and _repeats(value, attributes):
            made = _repeated(e, x, axis, int(value), len(shape))
        if made is None:
            return None
        x = made
    return x


def _resized(x: Array, axis: int, value: Any, scales: str | None, attributes: Mapping[str, Any]) -> Array:
    asked = np.array([value], np.float32 if scales else np.int64)
    where = {"scales": asked} if scales else {"sizes": asked}
    made: Array = ops.get("Resize")(x, **where, axes=[axis], **attributes)
    return made


def _weighted(e: Writer, x: str, axis: int, weights: Array, behind: int) -> str:
    """The sums along an axis, `behind` others, that each column of (size, new size) says; weight 0 is not read."""
    count = max(int((weights != 0).sum(0).max(initial=0)), 1)
    order = np.argsort(weights == 0, axis=0, kind="stable")[:count]  # the places that count come first
    first = order[:1]
    parts = []
    for places, factors in zip(order, np.take_along_axis(weights, order, 0), strict=True):
        part = e.add("Gather", x, np.where(factors != 0, places, first[0]), axis=axis)
        if (factors != 1).any():
            part = e.add("Mul", part, factors.reshape(-1, *(1,) * behind))
        parts.append(part)
    return e.add("Sum", *parts) if count > 1 else parts[0]


def _repeats(scale: float, attributes: Mapping[str, Any]) -> bool:
    """Whether each entry is repeated so often, whatever the size."""
    few = np.arange(7.0)
    is_whole = scale == int(scale) >= 1 and attributes.get("mode", "nearest") == "nearest"
    return is_whole and bool((_resized(few, 0, scale, "scales", attributes) == np.repeat(few, int(scale))).all())


def _repeated(e: Writer, x: str, axis: int, count: int, rank: int) -> str:
    ones = [count if i == axis + 1 else 1 for i in range(rank + 1)]
    return e.add("Reshape", e.add("Expand", e.add("Unsqueeze", x, [axis + 1]), ones), _merged(e, x, axis))


LOWERINGS: Mapping[str, Callable[..., str | None]] = {
    "AveragePool": average_pool,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": _global("ReduceMean"),
    "GlobalMaxPool": _global("ReduceMax"),
    "Resize": resize,
}
