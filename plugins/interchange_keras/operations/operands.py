"""What operations are called with: values of the graph and plain numbers, brought to one dtype as Keras does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interchange.graph import dtype_of
from interchange_keras.layer import Layer, Tensor
from interchange_keras.options import array_of, integer

Operand = Any  # a Tensor, a number, a list of numbers, an array

FLOATS = ("float16", "bfloat16", "float32", "float64")


def is_float(dtype: str) -> bool:
    return dtype in FLOATS


def common_dtype(layer: Layer, *xs: Operand, floating: bool = False) -> str:
    """The dtype of the result; plain numbers follow the tensors, but make a float of integers if they are floats.

    Args:
        floating: integers become float32, as for a division.
    """
    tensors = [
        layer.dtype(x) if isinstance(x, Tensor) else x.dtype.name for x in xs if isinstance(x, (Tensor, np.ndarray))
    ]
    plain = [array_of(x).dtype.kind for x in xs if not isinstance(x, (Tensor, np.ndarray))]
    floats = [dtype for dtype in tensors if is_float(dtype)]
    if floats:
        if len(set(floats)) == 1:
            return floats[0]
        return "float64" if "float64" in floats else "float32"
    integers = [np.dtype(dtype) for dtype in tensors if dtype != "bool"]
    if "f" in plain or floating:
        return "float32"
    if integers:
        joined = np.result_type(*integers)
        return "float32" if joined.kind == "f" else str(joined.name)
    return "int32" if "i" in plain else "bool"


def as_dtype(layer: Layer, x: Operand, dtype: str) -> str:
    """An operand as a value of that dtype."""
    if isinstance(x, Tensor):
        return x if layer.dtype(x) == dtype else Tensor(layer.add("Cast", x, to=dtype))
    return Tensor(layer.constant("value", array_of(x, dtype_of(dtype))))


def joined(layer: Layer, *xs: Operand, floating: bool = False) -> list[str]:
    """The operands in their common dtype."""
    dtype = common_dtype(layer, *xs, floating=floating)
    return [as_dtype(layer, x, dtype) for x in xs]


def floating(layer: Layer, x: Operand) -> str:
    return joined(layer, x, floating=True)[0]


def tensor(layer: Layer, x: Operand) -> str:
    """An operand as a value of its own dtype."""
    return as_dtype(layer, x, common_dtype(layer, x))


def axes_of(layer: Layer, x: str, axis: Any) -> list[int]:
    """All axes for None, else those given."""
    if axis is None:
        return list(range(layer.rank(x)))
    given = [integer(a) for a in axis] if isinstance(axis, (list, tuple)) else [integer(axis)]
    return layer.axes(x, given)


def axis_of(layer: Layer, x: str, axis: Any) -> int:
    (one,) = layer.axes(x, [integer(axis)])
    return one


def vector(layer: Layer, items: Any) -> Any:
    """A list of integers, some of which may be values of the graph, as an int64 vector."""
    if isinstance(items, Tensor):
        return as_dtype(layer, items, "int64")
    given = items if isinstance(items, (list, tuple)) else [items]
    if not any(isinstance(item, Tensor) for item in given):
        return [-1 if item is None else integer(item) for item in given]
    parts = []
    for item in given:
        if not isinstance(item, Tensor):
            parts.append(layer.constant("size", array_of([-1 if item is None else item], np.int64)))
            continue
        size = as_dtype(layer, item, "int64")
        parts.append(size if layer.rank(item) == 1 else layer.add("Reshape", size, [1]))
    return Tensor(layer.add("Concat", *parts, axis=0))


def sizes(layer: Layer, x: str) -> list[int]:
    """The shape of a value, which must be known but for the batch; -1 for that."""
    shape = list(layer.shape(x))
    if None in shape[1:]:
        layer.refuse("the shape of its input is not known")
    return [-1 if size is None else size for size in shape]


def as_int32(layer: Layer, x: str) -> str:
    return as_dtype(layer, Tensor(x), "int32")


def flat(layer: Layer, x: str) -> str:
    return x if layer.rank(x) == 1 else layer.add("Reshape", x, [-1])


def tensors(layer: Layer, xs: Sequence[Operand]) -> list[str]:
    """The tensors of a list, in one dtype."""
    return joined(layer, *xs)
