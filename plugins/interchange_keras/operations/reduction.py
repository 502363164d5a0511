"""Operations that reduce, sort, and multiply matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    as_int32,
    axes_of,
    axis_of,
    flat,
    floating,
    is_float,
    joined,
    tensor,
)
from interchange_keras.options import integer


def _summable(layer: Layer, x: Operand) -> str:
    """Sums of booleans and small integers are counted in 32 bits."""
    x = tensor(layer, x)
    wide = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
    return as_dtype(layer, Tensor(x), wide.get(layer.dtype(x), layer.dtype(x)))


def _reduction(op: str, prepare: Any) -> LayerFunction:
    def function(
        layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False, initial: Any = None, dtype: Any = None
    ) -> str:
        x = prepare(layer, x)
        if isinstance(dtype, str):
            x = as_dtype(layer, Tensor(x), dtype)
        y = _reduced(layer, op, x, axis, keepdims)
        if initial is not None:
            y = layer.add("Max" if op == "ReduceMax" else "Min", y, as_dtype(layer, initial, layer.dtype(y)))
        return y

    return function


def _reduced(layer: Layer, op: str, x: str, axis: Any, keepdims: bool) -> str:
    axes = axes_of(layer, x, axis)
    return layer.add(op, x, axes, keepdims=int(keepdims)) if axes else x


def _truth(op: str) -> LayerFunction:
    """all, any: the smallest or the largest of 0 and 1."""

    def function(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
        x = as_int32(layer, as_dtype(layer, x, "bool"))
        return layer.add("Cast", _reduced(layer, op, x, axis, keepdims), to="bool")

    return function


def variance(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    x = floating(layer, x)
    centred = layer.add("Sub", x, _reduced(layer, "ReduceMean", x, axis, True))
    return _reduced(layer, "ReduceMean", layer.add("Mul", centred, centred), axis, keepdims)


def deviation(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    return layer.add("Sqrt", variance(layer, x, axis=axis, keepdims=keepdims))


def moments(
    layer: Layer, x: Operand, *, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[str, ...]:
    mean = _reduced(layer, "ReduceMean", floating(layer, x), axes, keepdims)
    return mean, variance(layer, x, axis=axes, keepdims=keepdims)


def logsumexp(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    x = floating(layer, x)
    largest = _reduced(layer, "ReduceMax", x, axis, True)
    total = layer.add("Log", _reduced(layer, "ReduceSum", layer.add("Exp", layer.add("Sub", x, largest)), axis, True))
    y = layer.add("Add", total, largest)
    return y if keepdims else layer.add("Squeeze", y, axes_of(layer, x, axis))


def _extreme(op: str) -> LayerFunction:
    def function(layer: Layer, x: Operand, *, axis: int | None = None, keepdims: bool = False) -> str:
        x = tensor(layer, x)
        rank = layer.rank(x)
        y = flat(layer, x) if axis is None else x
        at = 0 if axis is None else axis_of(layer, x, axis)
        y = layer.add(op, y, axis=at, keepdims=integer(keepdims and axis is not None))
        if keepdims and axis is None:
            y = layer.add("Reshape", y, [1] * rank)
        return as_int32(layer, y)

    return function


def _cumulative(op: str) -> LayerFunction:
    def function(layer: Layer, x: Operand, *, axis: int | None = None, dtype: Any = None) -> str:
        x = _summable(layer, x)
        if isinstance(dtype, str):
            x = as_dtype(layer, Tensor(x), dtype)
        x, axis = (flat(layer, x), 0) if axis is None else (x, axis)
        return layer.add(op, x, np.int64(axis_of(layer, x, axis)))

    return function


def count_nonzero(layer: Layer, x: Operand, *, axis: Any = None) -> str:
    x = as_int32(layer, as_dtype(layer, x, "bool"))
    return _reduced(layer, "ReduceSum", x, axis, False)


def spread(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    x = tensor(layer, x)
    high, low = (_reduced(layer, op, x, axis, keepdims) for op in ("ReduceMax", "ReduceMin"))
    return layer.add("Sub", high, low)


def average(layer: Layer, x: Operand, weights: Operand = None, *, axis: Any = None) -> str:
    if weights is None:
        return _reduced(layer, "ReduceMean", floating(layer, x), axis, False)
    a, w = joined(layer, x, weights, floating=True)
    if layer.rank(w) != layer.rank(a):
        layer.refuse("weights of another rank")
    total = _reduced(layer, "ReduceSum", layer.add("Mul", a, w), axis, False)
    return layer.add("Div", total, _reduced(layer, "ReduceSum", w, axis, False))


def order(layer: Layer, x: str, axis: int, largest: int) -> tuple[str, str]:
    """The values along an axis in their order, and where each was; of equals the first comes first."""
    at = axis_of(layer, x, axis)
    size = layer.shape(x)[at]
    if size is None:
        layer.refuse("sorting along a dimension of unknown size")
    values, indices = layer.add_many("TopK", x, [size], outputs=2, axis=at, largest=largest)
    return values, indices


def sort(layer: Layer, x: Operand, *, axis: int = -1) -> str:
    return order(layer, tensor(layer, x), axis, 0)[0]


def argsort(layer: Layer, x: Operand, *, axis: int | None = -1) -> str:
    x = tensor(layer, x)
    x, axis = (flat(layer, x), 0) if axis is None else (x, axis)
    return as_int32(layer, order(layer, x, axis, 0)[1])


def top_k(layer: Layer, x: Operand, *, k: int, sorted: bool = True) -> tuple[str, ...]:
    x = tensor(layer, x)
    values, indices = layer.add_many("TopK", x, [k], outputs=2, axis=layer.rank(x) - 1)
    return values, as_int32(layer, indices)


def norm(layer: Layer, x: Operand, *, ord: Any = None, axis: Any = None, keepdims: bool = False) -> str:
    """Vectors: the sum (1), the root of the sum of squares (2), the largest ("inf"); matrices: Frobenius only."""
    x = floating(layer, x)
    axes = axes_of(layer, x, axis)
    if (ord in (None, "euclidean", 2) and (len(axes) == 1 or ord is None)) or ord == "fro":
        return layer.add("Sqrt", layer.add("ReduceSumSquare", x, axes, keepdims=int(keepdims)))
    if len(axes) == 1 and ord == 1:
        return layer.add("ReduceSum", layer.add("Abs", x), axes, keepdims=int(keepdims))
    layer.refuse(f"the norm {ord!r} over {len(axes)} axes")


def normalize(layer: Layer, x: Operand, *, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> str:
    """x divided by its norm along the axis, which is not smaller than epsilon.

    Keras 3.0 took axis and order for one another.
    """
    if (3,) <= layer.version < (3, 1):
        axis, order = order, axis
    x, epsilon = floating(layer, x), 1e-7 if epsilon is None else epsilon
    axes = axes_of(layer, x, axis)
    if order == 2:
        squares = layer.add("ReduceSumSquare", x, axes)
        return layer.add("Div", x, layer.add("Sqrt", layer.add("Max", squares, epsilon**2)))
    if order == 1:
        return layer.add("Div", x, layer.add("Max", layer.add("ReduceSum", layer.add("Abs", x), axes), epsilon))
    layer.refuse(f"order is {order!r}")


# --- products -------------------------------------------------------------------------------------------------------


def matmul(layer: Layer, x1: Operand, x2: Operand) -> str:
    return layer.add("MatMul", *joined(layer, x1, x2))


def dot(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2)
    if 0 in (layer.rank(a), layer.rank(b)):
        return layer.add("Mul", a, b)
    return tensordot(layer, Tensor(a), Tensor(b), axes=[[-1], [max(layer.rank(b) - 2, 0)]])


def tensordot(layer: Layer, x1: Operand, x2: Operand, *, axes: Any = 2) -> str:
    a, b = joined(layer, x1, x2)
    if isinstance(axes, int):
        axes = [list(range(layer.rank(a) - axes, layer.rank(a))), list(range(axes))]
    first, second = (
        axes_of(layer, x, pair if isinstance(pair, list) else [pair]) for x, pair in zip((a, b), axes, strict=True)
    )
    letters = "abcdefghijklmnopqrstuvwxyz"
    left = list(letters[: layer.rank(a)])
    right = list(letters[layer.rank(a) : layer.rank(a) + layer.rank(b)])
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    summed = {left[i] for i in first}
    result = "".join(c for c in left + right if c not in summed)
    return layer.add("Einsum", a, b, equation=f"{''.join(left)},{''.join(right)}->{result}")


def outer(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2)
    return layer.add("Mul", layer.add("Reshape", a, [-1, 1]), layer.add("Reshape", b, [1, -1]))


def inner(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2)
    return tensordot(layer, Tensor(a), Tensor(b), axes=[[-1], [-1]])


def vdot(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2)
    return layer.add("ReduceSum", layer.add("Mul", flat(layer, a), flat(layer, b)), [0], keepdims=0)


def einsum(layer: Layer, *operands: Operand, subscripts: str) -> str:
    equation = subscripts.replace(" ", "")
    xs = joined(layer, *operands)
    integers = None if is_float(layer.dtype(xs[0])) else layer.dtype(xs[0])
    y = layer.add("Einsum", *xs, equation=equation)
    return y if integers is None else as_dtype(layer, Tensor(y), integers)


def cross(
    layer: Layer, x1: Operand, x2: Operand, *, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> str:
    a, b = joined(layer, x1, x2)
    given = [axisa, axisb, axisc] if axis is None else [axis] * 3
    if layer.rank(a) != layer.rank(b) or len({layer.axes(a, [g])[0] for g in given}) != 1:
        layer.refuse("different axes")
    at = layer.axes(a, given[:1])[0]
    if layer.shape(a)[at] != 3 or layer.shape(b)[at] != 3:
        layer.refuse("vectors that have not three entries")

    def turned(x: str, by: list[int]) -> str:
        return layer.add("Gather", x, by, axis=at)

    one = layer.add("Mul", turned(a, [1, 2, 0]), turned(b, [2, 0, 1]))
    return layer.add("Sub", one, layer.add("Mul", turned(a, [2, 0, 1]), turned(b, [1, 2, 0])))


OPERATIONS: Mapping[str, LayerFunction] = {
    **{"Sum": _reduction("ReduceSum", _summable), "Prod": _reduction("ReduceProd", _summable)},
    **{"Mean": _reduction("ReduceMean", floating), "All": _truth("ReduceMin"), "Any": _truth("ReduceMax")},
    **dict.fromkeys(("Max", "Amax"), _reduction("ReduceMax", tensor)),
    **dict.fromkeys(("Min", "Amin"), _reduction("ReduceMin", tensor)),
    **{"Var": variance, "Std": deviation, "Moments": moments, "Logsumexp": logsumexp, "Ptp": spread},
    **{"Argmax": _extreme("ArgMax"), "Argmin": _extreme("ArgMin"), "CountNonzero": count_nonzero},
    **{"Cumsum": _cumulative("CumSum"), "Cumprod": _cumulative("CumProd"), "Average": average},
    **{"Sort": sort, "Argsort": argsort, "TopK": top_k, "Norm": norm, "Normalize": normalize},
    **{"Matmul": matmul, "Dot": dot, "Tensordot": tensordot, "Outer": outer, "Inner": inner, "Vdot": vdot},
    **{"Einsum": einsum, "Cross": cross},
}
