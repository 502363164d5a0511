"""What convolutions and pools share: padding and windows. Everything is counted channels last."""

from __future__ import annotations

from collections.abc import Sequence


def same_pads(size: int, extent: int, stride: int, odd_first: bool) -> tuple[int, int]:
    """Padding with which the output has ceil(size / stride) entries."""
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    small, large = total // 2, total - total // 2
    return (large, small) if odd_first else (small, large)


def resolve_pads(
    sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int], auto_pad: str, pads: Sequence[int] | None
) -> list[tuple[int, int]]:
    """(before, after) for each spatial dimension, from ONNX's `pads` or `auto_pad`."""
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        odd_first = auto_pad == "SAME_LOWER"
        return [same_pads(*each, odd_first) for each in zip(sizes, extents, strides)]
    if auto_pad == "VALID" or not pads:
        return [(0, 0) for _ in sizes]
    return list(zip(pads[: len(sizes)], pads[len(sizes) :]))


def extents_of(kernel: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """The sizes of a dilated kernel."""
    return [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations)]


def window_counts(
    sizes: Sequence[int],
    extents: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    ceil_mode: bool = False,
) -> list[int]:
    """How many windows fit along each spatial dimension; with `ceil_mode` the last may hang over the end."""
    counts = []
    for size, extent, stride, (before, after) in zip(sizes, extents, strides, pads):
        room = size + before + after - extent
        count = (-(-room // stride) if ceil_mode else room // stride) + 1
        if ceil_mode and (count - 1) * stride >= size + before:
            count -= 1  # a window may not start in the padding at the end
        counts.append(max(count, 0))
    return counts
