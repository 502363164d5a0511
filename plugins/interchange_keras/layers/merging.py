"""Layers with several inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interchange_keras import eras
from interchange_keras.layer import Ints, Layer, LayerFunction


def _same_rank(layer: Layer, xs: tuple[str, ...]) -> list[str]:
    """Keras fills up the inputs of lower rank with dimensions of size 1 after the batch."""
    rank = max(map(layer.rank, xs))
    missing = [rank - layer.rank(x) for x in xs]
    return [layer.add("Unsqueeze", x, list(range(1, n + 1))) if n else x for x, n in zip(xs, missing, strict=True)]


def add(layer: Layer, *xs: str) -> str:
    return layer.add("Add" if len(xs) == 2 else "Sum", *_same_rank(layer, xs))


def subtract(layer: Layer, x: str, y: str) -> str:
    return layer.add("Sub", *_same_rank(layer, (x, y)))


def multiply(layer: Layer, *xs: str) -> str:
    """Since Keras 3.4 steps that do not count are 1, and 0 where no input counts."""
    xs = tuple(_same_rank(layer, xs))
    masks = _wide_masks(layer, xs)
    first, *others = (layer.add("Where", m, x, 1.0) if m else x for x, m in zip(xs, masks, strict=True))
    for other in others:
        first = layer.add("Mul", first, other)
    if None in masks:
        return first
    return layer.add("Where", _either(layer, masks), first, 0.0)


def average(layer: Layer, *xs: str) -> str:
    """The sum of integers is one, which may overflow; TensorFlow divides those of 8 and 16 bits in float32."""
    if layer.is_float(xs[0]):
        return layer.add("Mean", *_same_rank(layer, xs))
    dtype = layer.dtype(xs[0])
    wide = dtype if dtype in ("int32", "int64") else "int32"
    first, *others = (layer.cast(x, wide) for x in _same_rank(layer, xs))
    for other in others:
        first = layer.add("Add", first, other)
    total = layer.cast(layer.cast(first, dtype), "float64" if dtype in ("int32", "int64") else "float32")
    return layer.add("Div", total, float(len(xs)))


def maximum(layer: Layer, *xs: str) -> str:
    return _extreme(layer, "Max", xs)


def minimum(layer: Layer, *xs: str) -> str:
    return _extreme(layer, "Min", xs)


def _extreme(layer: Layer, op: str, xs: tuple[str, ...]) -> str:
    """Since Keras 3.4 only the steps that count are compared: one that does not is replaced by what there is so far."""
    xs = tuple(_same_rank(layer, xs))
    masks = _wide_masks(layer, xs)
    if not any(masks):
        return layer.add(op, *xs)
    (y, so_far), *others = zip(xs, masks, strict=True)
    for x, mask in others:
        x = layer.add("Where", mask, x, y) if mask else x
        y = layer.add("Where", so_far, y, x) if so_far else y
        so_far = layer.add("Or", so_far, mask) if so_far and mask else None
        y = layer.add(op, y, x)
    return y


def _wide_masks(layer: Layer, xs: tuple[str, ...]) -> list[str | None]:
    """Since Keras 3.4: the masks of the inputs, with a last dimension; before they did not matter here."""
    if eras.merges_masks(layer.version) != "any" or len(layer.masks) != len(xs):
        return [None] * len(xs)
    return [layer.add("Unsqueeze", mask, [-1]) if mask else None for mask in layer.masks]


def _either(layer: Layer, masks: Sequence[str | None]) -> str:
    first, *others = (mask for mask in masks if mask is not None)
    for other in others:
        first = layer.add("Or", first, other)
    return first


def concatenate(layer: Layer, *xs: str, axis: int = -1) -> str:
    return layer.add("Concat", *xs, axis=axis)


def dot(layer: Layer, x: str, y: str, *, axes: Ints, normalize: bool = False) -> str:
    """The product summed over one axis of each input, sample by sample; never without a feature dimension."""
    axes = axes * 2 if len(axes) == 1 else axes
    ranks = layer.rank(x), layer.rank(y)
    if len(axes) != 2 or min(ranks) < 2 or max(ranks) > 4:
        layer.refuse(f"axes {list(axes)} of inputs with {ranks[0]} and {ranks[1]} dimensions")
    a, b = layer.axes(x, axes[:1])[0], layer.axes(y, axes[1:])[0]
    if 0 in (a, b):
        layer.refuse("axis 0, the batch")
    if normalize:
        x, y = (_unit(layer, value, axis) for value, axis in ((x, a), (y, b)))
    if max(ranks) > 3 and (old := eras.multiplies_matrices(layer.version, layer.backend)) is not False:
        if old is None:
            why = "a product of four dimensions, which not all versions and backends computed alike"
            layer.refuse(why, eras.ask_tensorflow(layer.version))
        if min(ranks) < 4:
            layer.refuse(f"inputs with {ranks[0]} and {ranks[1]} dimensions in this version of Keras")
        x = x if a == 3 else layer.add("Transpose", x, perm=[0, 1, 3, 2])  # any other axis is taken for the third
        y = layer.add("Transpose", y, perm=[0, 1, 3, 2]) if b == 3 else y
        return layer.add("MatMul", x, y)
    left, right = "nabc"[: ranks[0]], "nxyz"[: ranks[1]]
    right = right.replace(right[b], left[a])
    result = "n" + "".join(c for c in left[1:] + right[1:] if c != left[a])
    z = layer.add("Einsum", x, y, equation=f"{left},{right}->{result}")
    return layer.add("Unsqueeze", z, [1]) if len(result) == 1 else z


def _unit(layer: Layer, x: str, axis: int) -> str:
    squares = layer.add("Max", layer.add("ReduceSumSquare", x, [axis]), 1e-12)
    return layer.add("Div", x, layer.add("Sqrt", squares))


# Keras 1: one layer with a mode.
MODES: Mapping[str, LayerFunction] = {"sum": add, "mul": multiply, "ave": average, "max": maximum}


def merge(
    layer: Layer,
    *xs: str,
    mode: str = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_shape_type: Any = None,
    output_mask: Any = None,
    output_mask_type: Any = None,
    arguments: Any = None,
    layers: Any = None,
) -> str:
    """`layers` are the branches of a Sequential that begins with it; the walk over the model has run them."""
    if mode == "concat":
        return concatenate(layer, *xs, axis=concat_axis)
    if mode in ("dot", "cos"):
        if len(xs) != 2:
            layer.reject(f"mode {mode!r} of {len(xs)} inputs")
        return _dot_of_keras_1(layer, *xs, mode=mode, axes=dot_axes)
    if mode not in MODES:
        layer.refuse(f"mode is {mode!r}", f"{', '.join((*MODES, 'concat', 'dot', 'cos'))} are supported")
    merged: str = MODES[mode](layer, *xs)
    return merged


def _dot_of_keras_1(layer: Layer, x: str, y: str, *, mode: str, axes: Any) -> str:
    """The cosine divides by the roots of the products of x and y with themselves, and has a dimension more."""
    pair = tuple(int(axis) for axis in axes) if isinstance(axes, list) else (int(axes),)
    product = dot(layer, x, y, axes=pair)
    if mode == "dot":
        return product
    first, second = pair * 2 if len(pair) == 1 else pair
    squares = layer.add("Mul", dot(layer, x, x, axes=(first,)), dot(layer, y, y, axes=(second,)))
    return layer.add("Unsqueeze", layer.add("Div", product, layer.add("Max", layer.add("Sqrt", squares), 1e-7)), [1])


LAYERS: Mapping[str, LayerFunction] = {
    "Add": add,
    "Average": average,
    "Concatenate": concatenate,
    "Dot": dot,
    "Maximum": maximum,
    "Merge": merge,
    "Minimum": minimum,
    "Multiply": multiply,
    "Subtract": subtract,
}
