"""Transposed convolutions, and convolutions whose kernel is another one at each place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Ints, Layer, LayerFunction, weights
from interchange_keras.layers.spatial import (
    channels,
    cut_as_theano,
    dimensions,
    layout,
    per_dimension,
    spatial_axes,
    unless_one,
)


@weights("kernel", "bias:use_bias")
def conv_transpose(
    layer: Layer,
    x: str,
    *,
    filters: int,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    output_padding: Ints | None = None,
    data_format: str | None = None,
    dilation_rate: Ints = (1,),
    groups: int = 1,
    activation: Any = "linear",
    use_bias: bool = True,
    output_shape: Any = None,
) -> str:
    """The kernel is (*size, out, in). `groups` stands in files of Keras 2 and is 1 there; `output_shape` in those of
    Keras 1, and the strides may leave open by how much it is larger than what they make.
    """
    n, order = dimensions(layer, x), layout(layer, data_format)
    size = per_dimension(layer, kernel_size, n, "kernel_size")
    kernel = layer.array("kernel", (*size, filters, channels(layer, x, order)))
    bias = layer.weight("bias", (filters,)) if use_bias else None
    if output_shape is not None:
        output_padding = _extra_of_keras_1(layer, x, order, size, strides, padding, output_shape)
    extra = None if output_padding is None else per_dimension(layer, output_padding, n, "output_padding", least=0)
    if groups != 1:
        layer.refuse(f"groups is {groups}")
    y = transposed(layer, x, kernel, bias, order, strides, padding, extra, dilation_rate)
    return layer.activation(y, activation)


def _extra_of_keras_1(
    layer: Layer, x: str, order: str, size: Sequence[int], strides: Ints, padding: str, wanted: Any
) -> Ints:
    """The output_padding that gives the output the shape that Keras 1 asks for."""
    n = len(size)
    axes = spatial_axes(n, order)
    steps = per_dimension(layer, strides, n, "strides")
    known, asked = [layer.shape(x)[axis] for axis in axes], [wanted[axis] for axis in axes]
    if None in known or not all(isinstance(m, int) for m in asked):
        layer.refuse("the size of its input or output is not known")
    cut = [k // 2 * 2 if padding == "same" else 0 for k in size]
    return tuple(
        m - ((int(i or 0) - 1) * s + k - c) for m, i, s, k, c in zip(asked, known, steps, size, cut, strict=True)
    )


def transposed(
    layer: Layer,
    x: str,
    kernel: Array,
    bias: str | None,
    order: str,
    strides: Ints,
    padding: str,
    output_padding: Sequence[int] | None,
    dilation_rate: Ints,
) -> str:
    """The operator, padded as Keras does it: how much is cut off does not depend on the size of the input."""
    n = kernel.ndim - 2
    steps = per_dimension(layer, strides, n, "strides")
    dilations = per_dimension(layer, dilation_rate, n, "dilation_rate")
    if padding not in ("valid", "same"):
        layer.refuse(f"padding is {padding!r}")
    begins, ends, extras = [], [], []
    for i, (k, s, d) in enumerate(zip(kernel.shape, steps, dilations, strict=False)):
        reach = (k - 1) * d + 1
        if output_padding is not None and padding == "same" and eras.FLIPS_KERNELS.get(layer.backend):
            begins.append(reach // 2)  # whatever the size of the output is
            ends.append(max(reach // 2 - output_padding[i], 0))
            extras.append(max(output_padding[i] - reach // 2, 0))
            continue
        if output_padding is not None:
            surplus = (reach // 2 * 2 if padding == "same" else 0) - output_padding[i]
        else:  # the output is strides times as large; with "valid" never smaller than what the kernel reaches
            surplus = reach - s if padding == "same" else min(reach - s, 0)
        begins.append(max(surplus, 0) // 2)
        ends.append(max(surplus, 0) - max(surplus, 0) // 2)
        extras.append(max(-surplus, 0))
    if eras.FLIPS_KERNELS.get(layer.backend):
        kernel = np.ascontiguousarray(np.flip(kernel, tuple(range(n))))
    if order == "NCHW":
        kernel = np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1)))
    attributes: dict[str, Any] = dict(unless_one(strides=steps, dilations=dilations))
    attributes |= {"pads": [*begins, *ends]} if any((*begins, *ends)) else {}
    attributes |= {"output_padding": extras} if any(extras) else {}
    inputs = [x, layer.constant("kernel", kernel), *([bias] if bias else [])]
    y = layer.add("ConvTranspose", *inputs, layout=order, **attributes)
    if padding == "same" and eras.FLIPS_KERNELS.get(layer.backend):
        sizes = kernel.shape[2:] if order == "NCHW" else kernel.shape[:n]
        even = [i for i, size in enumerate(sizes) if size % 2 == 0]
        return cut_as_theano(layer, y, x, [spatial_axes(n, order)[i] for i in even], [steps[i] for i in even])
    return y


# --- locally connected, up to Keras 2 -------------------------------------------------------------------------------


@weights("kernel", "bias:use_bias")
def locally_connected(
    layer: Layer,
    x: str,
    *,
    filters: int,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    data_format: str | None = None,
    activation: Any = "linear",
    use_bias: bool = True,
    implementation: int = 1,
) -> str:
    """`implementation` says in which form the kernel is in the file: patches (1), a matrix (2), its entries (3)."""
    n, order = dimensions(layer, x), layout(layer, data_format)
    size = per_dimension(layer, kernel_size, n, "kernel_size")
    steps = per_dimension(layer, strides, n, "strides")
    depth = channels(layer, x, order)
    known = [layer.shape(x)[axis] for axis in spatial_axes(n, order)]
    inputs = [size for size in known if size is not None]
    if len(inputs) < n:
        layer.refuse("the size of its input is not known")
    if padding not in ("valid", "same") or (padding == "same" and implementation == 1):
        layer.reject(f"padding is {padding!r}")
    pad = padding == "same"
    places = [(i + s - 1) // s if pad else (i - k) // s + 1 for i, k, s in zip(inputs, size, steps, strict=True)]
    if min(places) < 1:
        layer.reject(f"its input of {inputs} is smaller than its kernel")
    last = order == "NHWC"
    shape = [*places, filters] if last else [filters, *places]
    layer.check_size(float(math.prod(inputs)) * math.prod(places) if implementation > 1 else math.prod(shape))
    windows = [
        np.array([_window(p, k, s, pad) for p in range(count)]) for count, k, s in zip(places, size, steps, strict=True)
    ]
    if implementation == 1:
        y = _patches(layer, x, windows, inputs, depth, filters, last)
    else:
        matrix = (_matrix if implementation == 2 else _sparse)(layer, windows, inputs, depth, filters, last)
        y = layer.add("MatMul", layer.add("Flatten", x, axis=1), layer.constant("kernel", matrix))
    y = layer.add("Reshape", y, [0, *shape])
    if use_bias:
        bias = layer.array("bias", (*places, filters))
        y = layer.add("Add", y, layer.constant("bias", bias.reshape(shape)))  # not transposed, in Keras neither
    return layer.activation(y, activation)


def _window(place: int, size: int, stride: int, same: bool) -> list[int]:
    """The entries that a place sees; with "same" some lie outside. (Keras does not look at the input's size for it.)"""
    first = place * stride - (size // 2 if same else 0)
    return list(range(first, first + size))


def _patches(
    layer: Layer, x: str, windows: Sequence[Array], inputs: Sequence[int], depth: int, filters: int, last: bool
) -> str:
    """(batch, places, patch) times (places, patch, filters), place by place; the file keeps the kernel like that."""
    spatial = np.ravel_multi_index([np.ravel(w) for w in np.meshgrid(*windows, indexing="ij")], tuple(inputs))
    counts, sizes = zip(*(w.shape for w in windows), strict=True)
    n = len(counts)
    each = spatial.reshape([extent for pair in zip(counts, sizes, strict=True) for extent in pair])
    each = each.transpose([*range(0, 2 * n, 2), *range(1, 2 * n, 2)]).reshape(math.prod(counts), math.prod(sizes))
    feature = np.arange(depth)
    indices = each[:, :, None] * depth + feature if last else feature[:, None] * math.prod(inputs) + each[:, None, :]
    indices = indices.reshape(len(each), -1)
    kernel = layer.weight("kernel", (*indices.shape, filters))
    patches = layer.add("Gather", layer.add("Flatten", x, axis=1), indices, axis=1)
    y = layer.add("MatMul", layer.add("Unsqueeze", patches, [2]), kernel)
    y = layer.add("Squeeze", y, [2])
    return y if last else layer.add("Transpose", y, perm=[0, 2, 1])


def _pairs(windows: Sequence[Array], inputs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(place, entry) for all places and the entries inside that each sees, both flat."""
    counts = tuple(len(window) for window in windows)
    for place in itertools.product(*map(range, counts)):
        seen = (window[p] for window, p in zip(windows, place, strict=True))
        inside = (
            [int(entry) for entry in entries if 0 <= entry < size] for entries, size in zip(seen, inputs, strict=True)
        )
        for entry in itertools.product(*inside):
            yield (
                int(np.ravel_multi_index(place, counts)),
                int(np.ravel_multi_index(entry, tuple(inputs))),
            )


def _matrix(
    layer: Layer, windows: Sequence[Array], inputs: Sequence[int], depth: int, filters: int, last: bool
) -> Array:
    """The kernel is the whole matrix; what joins an entry with a place that does not see it does not count."""
    counts = [len(window) for window in windows]
    inside, outside = math.prod(inputs), math.prod(counts)
    shape = (*inputs, depth, *counts, filters) if last else (depth, *inputs, filters, *counts)
    kernel = layer.array("kernel", shape)
    seen = np.zeros((inside, outside), kernel.dtype)
    for place, entry in _pairs(windows, inputs):
        seen[entry, place] = 1
    if last:
        joined = kernel.reshape(inside, depth, outside, filters) * seen[:, None, :, None]
    else:
        joined = kernel.reshape(depth, inside, filters, outside) * seen[None, :, None, :]
    return np.ascontiguousarray(joined.reshape(inside * depth, outside * filters))


def _sparse(
    layer: Layer, windows: Sequence[Array], inputs: Sequence[int], depth: int, filters: int, last: bool
) -> Array:
    """The kernel holds the entries of the matrix that count, in the order of (output, input)."""
    inside, outside = math.prod(inputs), math.prod(len(window) for window in windows)
    rows, columns = [], []
    for place, entry in _pairs(windows, inputs):
        for f in range(filters):
            for c in range(depth):
                rows.append(place * filters + f if last else f * outside + place)
                columns.append(entry * depth + c if last else c * inside + entry)
    order = np.lexsort((columns, rows))
    values = layer.array("kernel", (len(rows),))
    matrix = np.zeros((inside * depth, outside * filters), values.dtype)
    matrix[np.array(columns)[order], np.array(rows)[order]] = values
    return matrix


LAYERS: Mapping[str, LayerFunction] = {
    **{f"Conv{n}DTranspose": conv_transpose for n in (1, 2, 3)},
    **{f"LocallyConnected{n}D": locally_connected for n in (1, 2)},
}
