"""What convolutions and pools share: layouts, padding, windows. Bodies are written channels last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pads = tuple[tuple[int, int], ...]


def channels_last(x: Array, layout: str) -> Array:
    """A view of `x` with its channels last; `layout` is that of `x`."""
    return x if layout == "NHWC" else np.moveaxis(x, 1, -1)


def from_channels_last(y: Array, layout: str) -> Array:
    """A view of the channels-last `y` in `layout`."""
    return y if layout == "NHWC" else np.moveaxis(y, -1, 1)


def in_layout(shape: Sequence[int], layout: str) -> tuple[int, ...]:
    """The channels-last `shape` as it is in `layout`."""
    return tuple(shape) if layout == "NHWC" else (shape[0], shape[-1], *shape[1:-1])


def kernel_hwio(w: Array, layout: str) -> Array:
    """A view of the kernel with its spatial dimensions first: (out, in, *kernel) becomes (*kernel, in, out)."""
    return w if layout == "NHWC" else np.moveaxis(w, (0, 1), (-1, -2))


def window(kernel: Sequence[int], dilations: Sequence[int]) -> tuple[int, ...]:
    """The extent of a dilated kernel."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))


def resolve_pads(
    sizes: Sequence[int], extent: Sequence[int], strides: Sequence[int], auto_pad: str, pads: Sequence[int] | None
) -> Pads:
    """(begin, end) for each spatial dimension, from ONNX's `pads` or `auto_pad`.

    SAME_UPPER is TensorFlow's "same": the output has ceil(size / stride) entries and the odd pad is at the end.
    """
    n = len(sizes)
    if auto_pad in ("NOTSET", ""):
        flat = tuple(pads) if pads else (0,) * (2 * n)
        return tuple(zip(flat[:n], flat[n:], strict=True))
    if auto_pad == "VALID":
        return ((0, 0),) * n
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"auto_pad is {auto_pad!r}")
    result = []
    for size, width, stride in zip(sizes, extent, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + width - size, 0)
        small, large = total // 2, total - total // 2
        result.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return tuple(result)


def output_sizes(
    sizes: Sequence[int], extent: Sequence[int], strides: Sequence[int], pads: Pads, *, ceil_mode: bool = False
) -> tuple[int, ...]:
    """How many windows fit along each spatial dimension; with `ceil_mode` the last may hang over the end."""
    result = []
    for size, width, stride, (begin, end) in zip(sizes, extent, strides, pads, strict=True):
        room = size + begin + end - width
        count = (-(-room // stride) if ceil_mode else room // stride) + 1
        if ceil_mode and (count - 1) * stride >= size + begin:
            count -= 1  # a window may not start in the padding at the end (ONNX, as PyTorch)
        if count < 1:
            raise ValueError(f"a window of {width} does not fit into {size} with padding {begin} and {end}")
        result.append(count)
    return tuple(result)


def pad_spatial(x: Array, pads: Sequence[tuple[int, int]], value: Any = 0) -> Array:
    """Channels-last `x` with its spatial dimensions padded by a constant."""
    if not any(map(any, pads)):
        return x
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)


def tap(
    x: Array, offset: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """The view of padded channels-last `x` that one kernel position sees: (batch, *sizes, channels)."""
    spatial = (
        slice(o * d, o * d + max(s * (n - 1) + 1, 0), s)
        for o, n, s, d in zip(offset, sizes, strides, dilations, strict=True)
    )
    return x[(slice(None), *spatial)]


def transposed_geometry(
    x: Any,
    w: Any,
    group: int,
    auto_pad: str,
    dilations: Any,
    output_padding: Any,
    output_shape: Any,
    pads: Any,
    strides: Any,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Begin pads, output sizes, strides and dilations of a transposed convolution; `w` is (*kernel, out, in)."""
    rank = x.ndim - 2
    if x.shape[-1] != w.shape[-1] or w.shape[-1] % group or w.ndim != x.ndim:
        raise ValueError(f"{x.shape[-1]} channels do not fit the kernel {w.shape} in {group} group(s)")
    strides, dilations = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
    extra, extent = tuple(output_padding or (0,) * rank), window(w.shape[:-2], dilations)
    sizes = x.shape[1:-1]
    full = tuple(s * (n - 1) + e + k for s, n, e, k in zip(strides, sizes, extra, extent, strict=True))
    if auto_pad in ("SAME_UPPER", "SAME_LOWER") and not output_shape:
        output_shape = tuple(n * s for n, s in zip(sizes, strides, strict=True))
    if output_shape:
        wanted = tuple(output_shape)[-rank:]
        surplus = tuple(max(f - n, 0) for f, n in zip(full, wanted, strict=True))
        begins = tuple(n // 2 if auto_pad == "SAME_UPPER" else n - n // 2 for n in surplus)
        return begins, wanted, strides, dilations
    pads = resolve_pads(sizes, extent, strides, auto_pad, pads)
    wanted = tuple(f - begin - end for f, (begin, end) in zip(full, pads, strict=True))
    if min(wanted) < 1:
        raise ValueError(f"the padding {pads} leaves nothing of {full}")
    return tuple(begin for begin, _ in pads), wanted, strides, dilations
