"""Convolutions."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from interchange_pyscript.kernels.linear import Linear, weights_by_output
from interchange_pyscript.kernels.spatial import extents_of, resolve_pads, window_counts
from interchange_pyscript.kernels.tensor import (
    Tensor,
    channels_last,
    from_channels_last,
    inner,
    offsets,
    padded,
    prepared,
    steps_of,
    strided,
    transposed,
)


def kernel_hwio(w: Tensor, layout: str) -> Tensor:
    """The kernel as (*kernel, in, out); in the layout NCHW it is (out, in, *kernel)."""
    return w if layout == "NHWC" else transposed(w, [*range(2, len(w.shape)), 1, 0])


def Conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    layout: str = "NCHW",
) -> Tensor:
    """Slides the kernel over the input: each output is the dot product of a window and a filter.

    With channels last: x is (batch, *sizes, channels), w (*kernel, channels / group, filters), the result (batch,
    *counts, filters). In the flat list of a padded x, `corners` are the places where windows begin, and `taps` how far
    from there the numbers under the kernel are, channel 0 of each: for images of 28 x 28 x 1 and a kernel of 3 x 3 the
    corners are 0, 1, 2 ... 25, 28, 29 ..., the taps 0, 1, 2, 28, 29, 30, 56, 57, 58.
    """
    x, w = channels_last(x, layout), prepared(w, layout, lambda: kernel_hwio(w, layout))
    *kernel, channels, filters = w.shape
    if x.shape[-1] != channels * group or filters % group:
        raise ValueError(f"{x.shape[-1]} channels do not fit the kernel {w.shape} in {group} group(s)")
    dilations, strides = dilations or [1] * len(kernel), strides or [1] * len(kernel)
    extents = extents_of(kernel, dilations)
    borders = resolve_pads(x.shape[1:-1], extents, strides, auto_pad, pads)
    counts = window_counts(x.shape[1:-1], extents, strides, borders)
    x = padded(x, [(0, 0), *borders, (0, 0)], 0.0)
    per_image, *steps, _ = steps_of(x.shape)
    corners = offsets([x.shape[0], *counts], [per_image, *(step * stride for step, stride in zip(steps, strides))])
    taps = offsets(kernel, [step * dilation for step, dilation in zip(steps, dilations)])
    bias = [0.0] * filters if b is None else b.values
    convolve = depthwise if channels == 1 < group else windowed
    values = convolve(x.values, w, bias, corners, taps, group)
    return from_channels_last(Tensor(values, [x.shape[0], *counts, filters]), layout)


def windowed(
    values: Sequence[float],
    w: Tensor,
    bias: Sequence[float],
    corners: Sequence[int],
    taps: Sequence[int],
    group: int,
) -> list[float]:
    """The usual convolution: every window as one list of numbers, multiplied with all filters (of its group)."""
    channels, per_group = w.shape[-2], w.shape[-1] // group
    rows = prepared(w, "rows", lambda: weights_by_output(w))
    parts = [slice(g * per_group, (g + 1) * per_group) for g in range(group)]
    linears = prepared(w, ("linears", group), lambda: [Linear(rows[part]) for part in parts])
    biases = [list(bias[part]) for part in parts]
    runs = [[tap, tap + channels] for tap in taps[:1]]  # [begin, end], counted from the corner
    for tap in taps[1:]:
        if tap == runs[-1][1] and group == 1:
            runs[-1][1] += channels  # neighbours in the list: cut out together
        else:
            runs.append([tap, tap + channels])
    result, place = [0.0] * (len(corners) * w.shape[-1]), 0  # PyPy fills a list faster than it makes one longer
    for corner in corners:
        for g, (linear, own_bias) in enumerate(zip(linears, biases)):
            start = corner + g * channels
            window: list[float] = []
            for begin, end in runs:
                window += values[start + begin : start + end]
            result[place : place + per_group] = linear(window, own_bias)
            place += per_group
    return result


def depthwise(
    values: Sequence[float],
    w: Tensor,
    bias: Sequence[float],
    corners: Sequence[int],
    taps: Sequence[int],
    group: int,
) -> list[float]:
    """As many groups as channels: every channel has filters of its own, and no window is summed over channels."""
    if sys.implementation.name == "pypy":
        return depthwise_in_loops(values, w, bias, corners, taps, group)
    dot = getattr(math, "sumprod", inner)  # sumprod: from Python 3.12 on
    rows = prepared(w, "rows", lambda: weights_by_output(w))
    multiplier = len(rows) // group
    result: list[float] = []
    for corner in corners:
        windows = zip(*[values[corner + tap : corner + tap + group] for tap in taps])
        if multiplier > 1:
            windows = (window for window in windows for _ in range(multiplier))  # type: ignore[assignment]
        result += [dot(window, row) + b for window, row, b in zip(windows, rows, bias)]
    return result


def depthwise_in_loops(
    values: Sequence[float],
    w: Tensor,
    bias: Sequence[float],
    corners: Sequence[int],
    taps: Sequence[int],
    group: int,
) -> list[float]:
    """The same, tap by tap: what PyPy's compiler makes fast."""
    filters = w.shape[-1]
    multiplier, result = filters // group, list(bias) * len(corners)
    starts = range(0, len(w.values), filters)
    weights = prepared(w, "taps", lambda: [list(w.values[i : i + filters]) for i in starts])
    for first in range(multiplier):  # of the filters of a channel
        for place, corner in zip(range(0, len(result), filters), corners):
            for tap, row in zip(taps, weights):
                start, channel, output = corner + tap, 0, first
                while channel < group:
                    result[place + output] += values[start + channel] * row[output]
                    channel, output = channel + 1, output + multiplier
    return result


def ConvTranspose(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    layout: str = "NCHW",
) -> Tensor:
    """The gradient of Conv: each input adds its multiple of the kernel to the window that it stands for."""
    x, w = channels_last(x, layout), prepared(w, layout, lambda: kernel_hwio(w, layout))
    batch, *places, channels = x.shape
    *kernel, outputs, inputs = w.shape
    if channels != inputs or channels % group:
        raise ValueError(f"{channels} channels do not fit the kernel {w.shape} in {group} group(s)")
    rank = len(places)
    dilations, strides = dilations or [1] * rank, strides or [1] * rank
    extents = extents_of(kernel, dilations)
    reach = [stride * (size - 1) + extent for stride, size, extent in zip(strides, places, extents)]
    full = [size + extra for size, extra in zip(reach, output_padding or [0] * rank)]
    if auto_pad in ("SAME_UPPER", "SAME_LOWER") and not output_shape:
        output_shape = [size * stride for size, stride in zip(places, strides)]
    if output_shape:
        sizes = list(output_shape)[-rank:]
        surplus = [max(size - wanted, 0) for size, wanted in zip(full, sizes)]
        begins = [n // 2 if auto_pad == "SAME_UPPER" else n - n // 2 for n in surplus]
    else:
        borders = resolve_pads(places, extents, strides, auto_pad, pads)
        sizes = [size - before - after for size, (before, after) in zip(full, borders)]
        begins = [before for before, _ in borders]
    canvas = [batch, *(max(n, begin + size) for n, begin, size in zip(reach, begins, sizes)), outputs * group]
    image, *steps, _ = steps_of(canvas)
    corners = offsets([batch, *places], [image, *(step * stride for step, stride in zip(steps, strides))])
    taps = offsets(kernel, [step * dilation for step, dilation in zip(steps, dilations)])
    # One matrix for each group: an input pixel -> its multiple of the whole kernel.
    per_group = channels // group
    rows = [w.values[i : i + inputs] for i in range(0, len(w.values), inputs)]
    parts = [slice(g * per_group, (g + 1) * per_group) for g in range(group)]
    linears = prepared(w, ("back", group), lambda: [Linear([tuple(row[part]) for row in rows]) for part in parts])
    values, nothing = [0.0] * math.prod(canvas), [0.0] * len(rows)
    for i, corner in enumerate(corners):
        for g, (linear, part) in enumerate(zip(linears, parts)):
            multiples = linear(x.values[i * channels + part.start : i * channels + part.stop], nothing)
            for t, tap in enumerate(taps):
                start = corner + tap + g * outputs
                more = multiples[t * outputs : (t + 1) * outputs]
                values[start : start + outputs] = [v + m for v, m in zip(values[start : start + outputs], more)]
    begin = sum(step * begin for step, begin in zip(steps, begins))
    shape = [batch, *sizes, outputs * group]
    values = strided(values, shape, [image, *steps, 1], begin)
    if b is not None:
        values = [v + c for v, c in zip(values, list(b.values) * (len(values) // max(len(b.values), 1)))]
    return from_channels_last(Tensor(values, shape), layout)
