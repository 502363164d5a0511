"""Operations on the windows of a signal or picture: other convolutions, blurring, patches and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations.arranging import extract_sequences
from interchange_keras.operations.nn import conv
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    as_int32,
    axes_of,
    flat,
    floating,
    is_float,
    joined,
    tensor,
)
from interchange_keras.operations.reduction import OPERATIONS as REDUCTIONS
from interchange_keras.operations.shaping import diagonal
from interchange_keras.options import integer


def depthwise_conv(
    layer: Layer,
    inputs: Operand,
    kernel: Operand,
    *,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> str:
    """Each channel has kernels of its own: (*size, channels, kernels of each)."""
    x, w = joined(layer, inputs, kernel, floating=True)
    sizes = layer.shape(w)
    if None in sizes:
        layer.refuse("a kernel of unknown size")
    *size, channels, times = (integer(n or 0) for n in sizes)
    w = layer.add("Reshape", w, [*size, 1, channels * times])
    options = {"strides": strides, "padding": padding, "data_format": data_format, "dilation_rate": dilation_rate}
    return conv(layer, Tensor(x), Tensor(w), **options)


def separable_conv(
    layer: Layer,
    inputs: Operand,
    depthwise_kernel: Operand,
    pointwise_kernel: Operand,
    *,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> str:
    options = {"strides": strides, "padding": padding, "data_format": data_format, "dilation_rate": dilation_rate}
    y = depthwise_conv(layer, inputs, depthwise_kernel, **options)
    return conv(layer, Tensor(y), pointwise_kernel, data_format=data_format)


def _each(value: Any, n: int) -> list[int]:
    return [integer(item) for item in value] if isinstance(value, (list, tuple)) else [integer(value)] * n


def _windows(layer: Layer, x: str, kernel: Array, **options: Any) -> str:
    """The same kernels, (height, width, number), for each channel: (…, channels * number)."""
    channels = layer.shape(x)[-1]
    if channels is None:
        layer.refuse("an unknown number of channels")
    weights = np.repeat(kernel[:, :, None, :], channels, axis=2).astype(np.float32)
    return depthwise_conv(layer, Tensor(x), weights, **options)


def _picture(layer: Layer, images: Operand, data_format: str | None) -> str:
    x = floating(layer, images)
    if layer.rank(x) != 4 or data_format == "channels_first":
        layer.refuse("single pictures, or channels first")
    return x


def gaussian_blur(
    layer: Layer, images: Operand, *, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> str:
    """Rows with the second size and width of the curve, columns with the first."""
    x = _picture(layer, images, data_format)
    curves = []
    for size, width in zip(_each(kernel_size, 2), sigma, strict=True):
        layer.check_size(float(size) ** 2)
        places = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
        curve = np.exp(np.float32(-0.5) * (places / np.float32(width)) ** 2)
        curves.append(curve / curve.sum())
    kernel = np.outer(curves[1], curves[0]).reshape(len(curves[0]), len(curves[1]), 1)
    return _windows(layer, x, kernel, padding="same")


def sobel_edges(layer: Layer, images: Operand, *, data_format: str | None = None) -> str:
    """(…, channels, 2): how fast it grows downwards and to the right; the picture is mirrored at its edges."""
    x = _picture(layer, images, data_format)
    sizes = layer.shape(x)
    if None in sizes[1:]:
        layer.refuse("pictures of unknown size")
    down = np.outer([-1, 0, 1], [1, 2, 1])
    padded = layer.add("Pad", x, [1, 1, 1, 1], None, [1, 2], mode="reflect")
    y = _windows(layer, padded, np.stack([down, down.T], axis=-1))
    return layer.add("Reshape", y, [-1, *(integer(n or 0) for n in sizes[1:]), 2])


def correlate(layer: Layer, x1: Operand, x2: Operand, *, mode: str = "valid") -> str:
    """The products of a signal and another one that moves along it, summed."""
    a, b = joined(layer, x1, x2, floating=True)
    n, m = layer.shape(a)[0], layer.shape(b)[0]
    if n is None or m is None or layer.rank(a) != 1:
        layer.refuse("signals of unknown length")
    signal = layer.add("Reshape", a, [1, 1, n])
    kernel = layer.add("Reshape", b, [1, 1, m])
    pads = {} if mode == "valid" else {"pads": [m - 1, m - 1]}
    y = layer.add("Reshape", layer.add("Conv", signal, kernel, **pads), [-1])
    if mode != "same":
        return y
    length = max(n, m)
    start = (n + m - 1 - length) // 2
    return layer.add("Slice", y, [start], [start + length])


def unfold(layer: Layer, x: Operand, *, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> str:
    """(batch, channels, height, width) -> (batch, channels * window, windows)."""
    y = tensor(layer, x)
    if None in layer.shape(y)[1:]:
        layer.refuse("pictures of unknown size")
    channels, *picture = (integer(n or 0) for n in layer.shape(y)[1:])
    size, spread, pads, steps = (_each(value, 2) for value in (kernel_size, dilation, padding, stride))
    if any(pads):
        y = layer.add("Pad", y, [*pads, *pads], None, [2, 3])
    at = []
    for n, k, d, p, s in zip(picture, size, spread, pads, steps, strict=True):
        count = (n + 2 * p - d * (k - 1) - 1) // s + 1
        at.append(np.arange(k)[:, None] * d + np.arange(max(count, 0)) * s)
    layer.check_size(float(channels) * at[0].size * at[1].size)
    y = layer.add("Gather", y, at[0], axis=2)  # (batch, channels, k, places, width)
    y = layer.add("Gather", y, at[1], axis=4)  # (batch, channels, k, places, k, places)
    y = layer.add("Transpose", y, perm=[0, 1, 2, 4, 3, 5])
    return layer.add("Reshape", y, [-1, channels * math.prod(size), at[0].shape[1] * at[1].shape[1]])


def fold(
    layer: Layer,
    x: Operand,
    *,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> str:
    """The picture that is the sum of its windows: the way back from `unfold`."""
    y = floating(layer, x)
    size, spread, pads, steps = (_each(value, 2) for value in (kernel_size, dilation, padding, stride))
    image = _each(output_size, 2)
    layer.check_size(float(math.prod(image)))
    return layer.add("Col2Im", y, image, size, dilations=spread, pads=[*pads, *pads], strides=steps)


def rearrange(layer: Layer, tensor_: Operand, pattern: str, **axes_lengths: int) -> str:
    """einops: "b (h p) w -> b h (p w)" takes dimensions apart, reorders them, and joins them."""
    x = tensor(layer, tensor_)
    left, arrow, right = pattern.partition("->")
    before, after = _groups(layer, left), _groups(layer, right)
    names = [name for group in before for name in group]
    if not arrow or len(before) != layer.rank(x) or sorted(names) != sorted(n for group in after for n in group):
        layer.refuse(f"the pattern {pattern!r} for {layer.rank(x)} dimensions")
    sizes: dict[str, int | None] = {name: axes_lengths.get(name) for name in names}
    for group, size in zip(before, layer.shape(x), strict=True):
        unknown = [name for name in group if sizes[name] is None]
        if len(unknown) > 1:
            layer.refuse(f"the pattern {pattern!r} with several unknown sizes in one dimension")
        if unknown and size is not None:
            known = math.prod(integer(sizes[name] or 0) for name in group if name not in unknown)
            sizes[unknown[0]] = size // known if known else 0
    if any(len(group) != 1 for group in before):
        x = layer.add("Reshape", x, _shape(layer, [sizes[name] for name in names]))
    order = [names.index(name) for group in after for name in group]
    x = layer.add("Transpose", x, perm=order) if order != sorted(order) else x
    if all(len(group) == 1 for group in after):
        return x
    joined_sizes: list[int | None] = []
    for group in after:
        parts = [sizes[name] for name in group]
        joined_sizes.append(None if None in parts else math.prod(integer(part or 0) for part in parts))
    return layer.add("Reshape", x, _shape(layer, joined_sizes))


def _groups(layer: Layer, text: str) -> list[list[str]]:
    groups: list[list[str]] = []
    inside = False
    for token in text.replace("(", " ( ").replace(")", " ) ").split():
        if token in "()":
            if inside == (token == "("):
                layer.refuse(f"the pattern {text!r}")
            inside = token == "("
            groups += [[]] if inside else []
        elif not token.isidentifier():
            layer.refuse(f"the pattern {text!r}")
        elif inside:
            groups[-1].append(token)
        else:
            groups.append([token])
    return groups


def _shape(layer: Layer, sizes: Sequence[int | None]) -> list[int]:
    if sum(size is None for size in sizes) > 1:
        layer.refuse("several dimensions of unknown size")
    return [-1 if size is None else size for size in sizes]


def slice_update(layer: Layer, inputs: Operand, start_indices: Any, updates: Operand) -> str:
    """`updates` in the place of what is there from the start on, which is moved so that all of it is within."""
    x = tensor(layer, inputs)
    y = as_dtype(layer, updates, layer.dtype(x))
    if isinstance(start_indices, Tensor) or any(isinstance(i, Tensor) for i in start_indices):
        layer.refuse("a start that is computed")
    starts = [integer(start) for start in start_indices]
    for start, size, length in zip(starts, layer.shape(x), layer.shape(y), strict=True):
        if (size is None or length is None) and not (size is length and start == 0):
            layer.refuse("a dimension of unknown size")
    return _placed(layer, x, y, starts)


def _placed(layer: Layer, x: str, y: str, starts: Sequence[int]) -> str:
    """The rows of x around y along the dimensions in which y is smaller, the last such first."""
    smaller = [axis for axis, n in enumerate(layer.shape(y)) if n != layer.shape(x)[axis]]
    begins = {a: max(min(starts[a], (layer.shape(x)[a] or 0) - (layer.shape(y)[a] or 0)), 0) for a in smaller}
    ends = {a: begins[a] + (layer.shape(y)[a] or 0) for a in smaller}
    for at in reversed(smaller):
        others = [a for a in smaller if a < at]
        around = x
        if others:
            around = layer.add("Slice", x, [begins[a] for a in others], [ends[a] for a in others], others)
        parts = [y]
        if begins[at]:
            parts.insert(0, layer.add("Slice", around, [0], [begins[at]], [at]))
        if ends[at] < integer(layer.shape(x)[at] or 0):
            parts.append(layer.add("Slice", around, [ends[at]], [integer(layer.shape(x)[at] or 0)], [at]))
        y = layer.add("Concat", *parts, axis=at)
    return y


def diag(layer: Layer, x: Operand, *, k: int = 0) -> str:
    """The matrix with that diagonal; of a matrix its diagonal."""
    y = tensor(layer, x)
    if layer.rank(y) == 2:
        return diagonal(layer, Tensor(y), offset=k)
    n = layer.shape(y)[0]
    if layer.rank(y) != 1 or n is None:
        layer.refuse("a diagonal of unknown length")
    places = np.full((n + abs(k), n + abs(k)), n)
    places[np.arange(n) + max(-k, 0), np.arange(n) + max(k, 0)] = np.arange(n)
    longer = layer.add("Pad", y, [0, 1])
    return layer.add("Gather", longer, places, axis=0)


def diagflat(layer: Layer, x: Operand, *, k: int = 0) -> str:
    return diag(layer, Tensor(flat(layer, tensor(layer, x))), k=k)


def psnr(layer: Layer, x1: Operand, x2: Operand, *, max_val: float) -> str:
    """20 log10(max_val) - 10 log10(the mean square of the difference)."""
    difference = layer.add("Sub", *joined(layer, x1, x2, floating=True))
    error = layer.add("ReduceMean", layer.add("Mul", difference, difference), keepdims=0)
    return layer.add("Sub", 20 * math.log10(max_val), layer.add("Mul", layer.add("Log", error), 10 / math.log(10)))


def cdist(layer: Layer, x: Operand, y: Operand) -> str:
    """The distance of each row of x from each row of y."""
    a, b = joined(layer, x, y, floating=True)
    difference = layer.add("Sub", layer.add("Unsqueeze", a, [-2]), layer.add("Unsqueeze", b, [-3]))
    return layer.add("ReduceL2", difference, [-1], keepdims=0)


def corrcoef(layer: Layer, x: Operand) -> str:
    """Pearson's coefficients of the rows of a matrix."""
    y = floating(layer, x)
    if layer.rank(y) != 2:
        layer.refuse(f"a tensor with {layer.rank(y)} dimensions")
    centred = layer.add("Sub", y, layer.add("ReduceMean", y, [-1]))
    products = layer.add("MatMul", centred, layer.add("Transpose", centred, perm=[1, 0]))
    spread = layer.add("ReduceL2", centred, [-1])
    scale = layer.add("Mul", spread, layer.add("Transpose", spread, perm=[1, 0]))
    return layer.add("Clip", layer.add("Div", products, scale), -1.0, 1.0)


def _pair(layer: Layer, x: Any) -> str:
    """(…, 2): real and imaginary parts."""
    parts = joined(layer, *x, floating=True)
    return layer.add("Concat", *(layer.add("Unsqueeze", part, [-1]) for part in parts), axis=-1)


def _parts(layer: Layer, pairs: str) -> tuple[str, str]:
    real, imaginary = (layer.add("Gather", pairs, np.asarray(i, np.int64), axis=-1) for i in (0, 1))
    return real, imaginary


def _transform(inverse: int) -> LayerFunction:
    """Of pictures of complex numbers, (real, imaginary) each."""

    def function(layer: Layer, x: Any) -> tuple[str, str]:
        pairs = _pair(layer, x)
        for axis in (-2, -3):
            pairs = layer.add("DFT", pairs, None, np.asarray(axis, np.int64), **({"inverse": 1} if inverse else {}))
        return _parts(layer, pairs)

    return function


def irfft(layer: Layer, x: Any, *, fft_length: int | None = None) -> str:
    """The real signal of a transform without what follows from symmetry."""
    pairs = _pair(layer, x)
    size = layer.shape(pairs)[-2]
    if size is None:
        layer.refuse("a transform of unknown length")
    length = 2 * (size - 1) if fft_length is None else fft_length
    layer.check_size(float(length))
    needed, axis = length // 2 + 1, layer.rank(pairs) - 2
    if needed > size:
        pairs = layer.add("Pad", pairs, [0, needed - size], None, [axis])
    elif needed < size:
        pairs = layer.add("Slice", pairs, [0], [needed], [axis])
    made = layer.add("DFT", pairs, np.asarray(length, np.int64), np.asarray(-2, np.int64), inverse=1, onesided=1)
    return layer.add("Squeeze", made, [-1])


def stft(
    layer: Layer,
    x: Operand,
    *,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[str, str]:
    """The transform of each part of a signal, under a window in the middle of `fft_length` places."""
    y = floating(layer, x)
    before = (fft_length - sequence_length) // 2
    if before < 0 or sequence_length < 1:
        layer.reject(f"sequences of {sequence_length} for transforms of {fft_length}")
    layer.check_size(float(fft_length))
    if center:
        half = fft_length // 2
        y = layer.add("Pad", y, [half, half], None, [layer.rank(y) - 1], mode="reflect")
    frames = extract_sequences(layer, Tensor(y), sequence_length=fft_length, sequence_stride=sequence_stride)
    weights = np.zeros(fft_length, np.float32)
    weights[before : before + sequence_length] = _window(layer, window, sequence_length)
    pairs = layer.add("Unsqueeze", layer.add("Mul", frames, weights), [-1])
    return _parts(layer, layer.add("DFT", pairs, None, np.asarray(-2, np.int64), onesided=1))


def _window(layer: Layer, window: Any, n: int) -> Array:
    """Of one period; None is a box."""
    if window is None:
        return np.ones(n, np.float32)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            layer.refuse(f"window is {window!r}")
        middle = 0.5 if window == "hann" else 0.54
        even = 1 - n % 2  # TensorFlow takes odd lengths as they are
        turns = np.arange(n) / (n + even - 1) if n > 1 else np.full(n, 0.5)
        return (middle - (1 - middle) * np.cos(2 * np.pi * turns)).astype(np.float32)
    if np.shape(window) != (n,):
        layer.reject(f"a window of {np.shape(window)} for sequences of {n}")
    return np.asarray(window, np.float32)


def scatter(layer: Layer, indices: Operand, values: Operand, *, shape: Any) -> str:
    """Zeros with the values added at the indices."""
    y = tensor(layer, values)
    sizes = [integer(n) for n in shape]
    layer.check_size(float(math.prod(sizes)))
    zeros = layer.add("Expand", as_dtype(layer, np.asarray(0), layer.dtype(y)), sizes)
    return layer.add("ScatterND", zeros, as_dtype(layer, indices, "int64"), y, reduction="add")


def linspace(
    layer: Layer,
    start: Operand,
    stop: Operand,
    *,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> str:
    """`num` numbers from start to stop, which is the last of them if it is an endpoint."""
    if retstep or dtype is not None or num < 1:
        layer.refuse(f"retstep is {retstep}, dtype {dtype}, num {num}")
    layer.check_size(float(num))
    a, b = joined(layer, start, stop, floating=True)
    shares = np.arange(num) / max(num - 1 if endpoint else num, 1)
    rank = max(layer.rank(a), layer.rank(b))
    at = axis % (rank + 1)
    a, b = (layer.add("Unsqueeze", x, [at - rank - 1]) for x in (a, b))
    share = shares.reshape([-1] + [1] * (rank - at))
    return layer.add("Add", a, layer.add("Mul", layer.add("Sub", b, a), as_dtype(layer, share, layer.dtype(a))))


def _extreme_without_nan(name: str, worst: float) -> LayerFunction:
    """The place of the largest or smallest number; -1 where there is none."""

    def function(layer: Layer, x: Operand, *, axis: int | None = None, keepdims: bool = False) -> str:
        y = tensor(layer, x)
        if not is_float(layer.dtype(y)):
            return str(REDUCTIONS[name](layer, Tensor(y), axis=axis, keepdims=keepdims))
        is_nan = layer.add("IsNaN", y)
        place = REDUCTIONS[name](layer, Tensor(layer.add("Where", is_nan, worst, y)), axis=axis, keepdims=keepdims)
        none = layer.add("ReduceMin", as_int32(layer, is_nan), axes_of(layer, y, axis), keepdims=int(keepdims))
        return layer.add("Where", layer.add("Cast", none, to="bool"), as_dtype(layer, -1, "int32"), place)

    return function


OPERATIONS: Mapping[str, LayerFunction] = {
    **{"DepthwiseConv": depthwise_conv, "SeparableConv": separable_conv},
    **{"GaussianBlur": gaussian_blur, "SobelEdges": sobel_edges, "Correlate": correlate, "Unfold": unfold},
    **{"Fold": fold, "Rearrange": rearrange, "SliceUpdate": slice_update, "Diag": diag, "Diagflat": diagflat},
    **{"PSNR": psnr, "CDist": cdist, "Corrcoef": corrcoef, "FFT2": _transform(0), "IFFT2": _transform(1)},
    **{"IRFFT": irfft, "STFT": stft, "Scatter": scatter, "Linspace": linspace},
    **{"Nanargmax": _extreme_without_nan("Argmax", -math.inf), "Nanargmin": _extreme_without_nan("Argmin", math.inf)},
}
