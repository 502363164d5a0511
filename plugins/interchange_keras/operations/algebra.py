"""Functions of TensorFlow for tensors and matrices that are more than another name for an operation of keras.ops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations import shaping
from interchange_keras.operations.operands import (
    Operand,
    axes_of,
    floating,
    joined,
    tensor,
)


def strided_slice(
    layer: Layer,
    input_: Operand,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int] | None = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
) -> str:
    """x[begin:end:strides]; bit i of a mask concerns item i of these."""
    if any(
        isinstance(ends, Tensor) or any(isinstance(n, Tensor) for n in ends or ()) for ends in (begin, end, strides)
    ):
        layer.refuse("the ends of a slice that the graph computes")
    steps = [1] * len(begin) if strides is None else strides
    if not len(begin) == len(end) == len(steps):
        layer.reject("the ends of its slice are not of one length")
    items: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            items.append(...)
        elif new_axis_mask & bit:
            items.append(None)
        elif shrink_axis_mask & bit:
            items.append(int(first))
        else:
            start, stop = None if begin_mask & bit else int(first), None if end_mask & bit else int(last)
            items.append(slice(start, stop, int(step)))
    return shaping.get_item(layer, input_, items)


def tensordot(layer: Layer, a: Operand, b: Operand, axes: Any) -> str:
    """The sum of products along pairs of axes: those listed, or the last of `a` and the first of `b`."""
    x, y = joined(layer, a, b)
    if isinstance(axes, int):
        left, right = list(range(layer.rank(x) - axes, layer.rank(x))), list(range(axes))
    else:
        left, right = (axes_of(layer, value, given) for value, given in zip((x, y), axes, strict=True))
    if len(left) != len(right):
        layer.reject(f"axes are {axes}")
    letters = [chr(ord("a") + i) for i in range(layer.rank(x) + layer.rank(y))]
    of_x, of_y = letters[: layer.rank(x)], letters[layer.rank(x) :]
    for i, j in zip(left, right, strict=True):
        of_y[j] = of_x[i]
    kept = [c for i, c in enumerate(of_x) if i not in left] + [c for j, c in enumerate(of_y) if j not in right]
    return layer.add("Einsum", x, y, equation=f"{''.join(of_x)},{''.join(of_y)}->{''.join(kept)}")


def norm(
    layer: Layer,
    tensor: Operand,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    keep_dims: bool | None = None,
) -> str:
    """Along one axis or all of them as a vector; along two as a matrix."""
    x = floating(layer, tensor)
    options = {"keepdims": int(bool(keepdims or keep_dims))}
    pair = isinstance(axis, list) and len(axis) == 2
    if ord in ("euclidean", "fro") or (ord == 2 and not pair):
        if ord == "fro" and not pair:
            layer.refuse("the norm 'fro' of vectors")
        return layer.add("ReduceL2", x, axes_of(layer, x, axis), **options)
    if pair or isinstance(ord, str):
        layer.refuse(f"the norm {ord!r} of matrices")
    axes = axes_of(layer, x, axis)
    if ord == 1:
        return layer.add("ReduceL1", x, axes, **options)
    size = layer.add("Abs", x)
    if math.isinf(ord):
        return layer.add("ReduceMax", size, axes, **options)
    total = layer.add("ReduceSum", layer.add("Pow", size, float(ord)), axes, **options)
    return layer.add("Pow", total, 1 / float(ord))


def local_response_normalization(
    layer: Layer,
    input: Operand,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
) -> str:
    """x / (bias + alpha · the sum of x² over the channels up to `depth_radius` away)^beta."""
    x = floating(layer, input)
    size = 2 * int(depth_radius) + 1
    return layer.add("LRN", x, size=size, alpha=alpha * size, beta=float(beta), bias=float(bias), layout="NHWC")


def batch_flatten(layer: Layer, x: Operand) -> str:
    """All but the first dimension in one."""
    y = tensor(layer, x)
    sizes = layer.shape(y)[1:]
    return layer.add("Reshape", y, [0 if layer.rank(y) else 1, -1 if None in sizes else math.prod(map(int, sizes))])


def einsum(layer: Layer, equation: str, *inputs: Operand) -> str:
    return layer.add("Einsum", *joined(layer, *inputs), equation=equation.replace(" ", ""))


def euclidean_norm(layer: Layer, input_tensor: Operand, axis: Any = None, keepdims: bool = False) -> str:
    x = floating(layer, input_tensor)
    return layer.add("ReduceL2", x, axes_of(layer, x, axis), keepdims=int(bool(keepdims)))


FUNCTIONS: Mapping[str, LayerFunction] = {
    "strided_slice": strided_slice,
    **dict.fromkeys(("tensordot", "compat.v1.tensordot"), tensordot),
    **dict.fromkeys(("norm", "linalg.norm", "compat.v1.norm", "compat.v1.linalg.norm"), norm),
    **dict.fromkeys(
        ("nn.local_response_normalization", "nn.lrn", "compat.v1.nn.local_response_normalization", "compat.v1.nn.lrn"),
        local_response_normalization,
    ),
    "keras.backend.batch_flatten": batch_flatten,
    "math.reduce_euclidean_norm": euclidean_norm,
}
