"""Rarer operations on numbers: with NaN left out, in order, along segments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations import reduction
from interchange_keras.operations.elementwise import cast, dtype_name, logaddexp
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

# --- element by element ----------------------------------------------------------------------------------------------


def angle(layer: Layer, x: Operand) -> str:
    """Of real numbers: half a turn below 0."""
    y = floating(layer, x)
    half, none = (as_dtype(layer, np.asarray(turn), layer.dtype(y)) for turn in (math.pi, 0.0))
    return layer.add("Where", layer.add("Less", y, 0.0), half, none)


def cbrt(layer: Layer, x: Operand) -> str:
    y = floating(layer, x)
    return layer.add("Mul", layer.add("Sign", y), layer.add("Pow", layer.add("Abs", y), 1 / 3))


def heaviside(layer: Layer, x1: Operand, x2: Operand) -> str:
    """0 below 0, x2 at 0, 1 above."""
    a, b = joined(layer, x1, x2, floating=True)
    y = layer.add("Where", layer.add("Equal", a, 0.0), b, layer.add("Relu", layer.add("Sign", a)))
    return layer.add("Where", layer.add("IsNaN", a), a, y)


def _shift(direction: str) -> LayerFunction:
    """Bits of integers to the left, or to the right with the sign kept: a product or a quotient of a power of two."""

    def function(layer: Layer, x1: Operand, x2: Operand) -> str:
        a, b = joined(layer, x1, x2)
        if layer.dtype(a) not in ("int32", "int64"):
            layer.refuse(f"shifts of {layer.dtype(a)}")
        factor = layer.add("Cast", layer.add("Pow", 2.0, layer.add("Cast", b, to="float64")), to=layer.dtype(a))
        if direction == "LEFT":
            return layer.add("Mul", a, factor)
        return layer.add("Div", layer.add("Sub", a, layer.add("Mod", a, factor)), factor)

    return function


def _one_of(pick: str) -> LayerFunction:
    """The larger or smaller of two, or the one that is not NaN."""

    def function(layer: Layer, x1: Operand, x2: Operand) -> str:
        a, b = joined(layer, x1, x2)
        if not is_float(layer.dtype(a)):
            return layer.add(pick, a, b)
        y = layer.add("Where", layer.add("IsNaN", b), a, layer.add(pick, a, b))
        return layer.add("Where", layer.add("IsNaN", a), b, y)

    return function


def imag(layer: Layer, x: Operand) -> str:
    y = tensor(layer, x)
    return layer.add("ConstantOfShape", layer.add("Shape", y), dtype=layer.dtype(y))


def isclose(
    layer: Layer, x1: Operand, x2: Operand, rtol: float = 1e-5, atol: float = 1e-8, *, equal_nan: bool = False
) -> str:
    """Integers have to be equal. Of infinities Keras on TensorFlow says what the arithmetic gives."""
    a, b = joined(layer, x1, x2)
    if not is_float(layer.dtype(a)):
        return layer.add("Equal", a, b)
    distance = layer.add("Abs", layer.add("Sub", a, b))
    near = layer.add("LessOrEqual", distance, layer.add("Add", layer.add("Mul", layer.add("Abs", b), rtol), atol))
    if not equal_nan:
        return near
    return layer.add("Or", near, layer.add("And", layer.add("IsNaN", a), layer.add("IsNaN", b)))


def allclose(
    layer: Layer, x1: Operand, x2: Operand, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> str:
    """Here infinities are close to themselves alone."""
    a, b = joined(layer, x1, x2)
    near = isclose(layer, Tensor(a), Tensor(b), rtol, atol, equal_nan=equal_nan)
    if is_float(layer.dtype(a)):
        infinite = layer.add("Or", layer.add("IsInf", a), layer.add("IsInf", b))
        near = layer.add("Or", layer.add("And", near, layer.add("Not", infinite)), layer.add("Equal", a, b))
    return layer.add("Cast", layer.add("ReduceMin", as_int32(layer, near), keepdims=0), to="bool")


def _infinite(**sides: int) -> LayerFunction:
    return lambda layer, x: layer.add("IsInf", floating(layer, x), **sides)


def isreal(layer: Layer, x: Operand) -> str:
    return layer.add("ConstantOfShape", layer.add("Shape", tensor(layer, x)), value=1, dtype="bool")


def ldexp(layer: Layer, x1: Operand, x2: Operand) -> str:
    """x1 · 2^x2"""
    a, b = joined(layer, x1, x2, floating=True)
    return layer.add("Mul", a, layer.add("Pow", 2.0, b))


def logaddexp2(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2, floating=True)
    scaled = (Tensor(layer.add("Mul", x, math.log(2))) for x in (a, b))
    return layer.add("Div", logaddexp(layer, *scaled), math.log(2))


def saturate_cast(layer: Layer, x: Operand, *, dtype: Any) -> str:
    """What is too large or small for the dtype becomes its limit."""
    y, name = tensor(layer, x), dtype_name(layer, dtype)
    if not name.lstrip("u").startswith("int"):
        return cast(layer, Tensor(y), dtype=dtype)
    limits = np.iinfo(name)
    if not is_float(layer.dtype(y)) or limits.bits > 32:
        layer.refuse(f"from {layer.dtype(y)} to {name}")
    wide = as_dtype(layer, Tensor(y), "float64")
    return layer.add("Cast", layer.add("Clip", wide, float(limits.min), float(limits.max)), to=name)


def signbit(layer: Layer, x: Operand) -> str:
    """-0 is below 0: its reciprocal is -∞."""
    y = tensor(layer, x)
    below = layer.add("Less", y, layer.add("Sub", y, y)) if not is_float(layer.dtype(y)) else layer.add("Less", y, 0.0)
    if not is_float(layer.dtype(y)):
        return below
    return layer.add("Or", below, layer.add("Less", layer.add("Reciprocal", y), 0.0))


def sinc(layer: Layer, x: Operand) -> str:
    y = layer.add("Mul", floating(layer, x), math.pi)
    is_zero = layer.add("Equal", y, 0.0)
    safe = layer.add("Where", is_zero, 1.0, y)
    return layer.add("Where", is_zero, 1.0, layer.add("Div", layer.add("Sin", safe), safe))


def erfc(layer: Layer, x: Operand) -> str:
    return layer.add("Sub", 1.0, layer.add("Erf", floating(layer, x)))


def select(layer: Layer, conditions: list[Operand], choices: list[Operand], default: Operand = 0) -> str:
    """The first choice whose condition holds."""
    *values, y = joined(layer, *choices, default)
    for condition, value in reversed(list(zip(conditions, values, strict=True))):
        y = layer.add("Where", as_dtype(layer, condition, "bool"), value, y)
    return y


def isin(layer: Layer, x1: Operand, x2: Operand, *, assume_unique: bool = False, invert: bool = False) -> str:
    a, b = joined(layer, x1, x2)
    equal = layer.add("Equal", layer.add("Unsqueeze", a, [-1]), flat(layer, b))
    found = layer.add("Cast", layer.add("ReduceMax", as_int32(layer, equal), [-1], keepdims=0), to="bool")
    return layer.add("Not", found) if invert else found


# --- without NaN -----------------------------------------------------------------------------------------------------


def _filled(layer: Layer, x: Operand, value: float) -> str:
    y = tensor(layer, x)
    return layer.add("Where", layer.add("IsNaN", y), value, y) if is_float(layer.dtype(y)) else y


def _without(name: str, value: float) -> LayerFunction:
    """A reduction in which NaN is a number that changes nothing."""
    function = reduction.OPERATIONS[name]

    def reduced(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
        return str(function(layer, Tensor(_filled(layer, x, value)), axis=axis, keepdims=keepdims))

    return reduced


def _running_without(name: str, value: float) -> LayerFunction:
    function = reduction.OPERATIONS[name]

    def summed(layer: Layer, x: Operand, *, axis: int | None = None, dtype: Any = None) -> str:
        return str(function(layer, Tensor(_filled(layer, x, value)), axis=axis, dtype=dtype))

    return summed


def _extreme_without(name: str, value: float) -> LayerFunction:
    """The largest or smallest number; NaN where there is none."""

    def function(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
        y = tensor(layer, x)
        found = reduction.OPERATIONS[name](layer, Tensor(_filled(layer, x, value)), axis=axis, keepdims=keepdims)
        if not is_float(layer.dtype(y)):
            return str(found)
        is_nan = reduction.OPERATIONS["All"](layer, Tensor(layer.add("IsNaN", y)), axis=axis, keepdims=keepdims)
        return layer.add("Where", is_nan, math.nan, found)

    return function


def _count(layer: Layer, y: str, axis: Any, keepdims: bool) -> str:
    number = layer.add("Cast", layer.add("Not", layer.add("IsNaN", y)), to=layer.dtype(y))
    return layer.add("ReduceSum", number, axes_of(layer, y, axis), keepdims=int(keepdims))


def nanmean(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    y = floating(layer, x)
    total = layer.add("ReduceSum", _filled(layer, Tensor(y), 0.0), axes_of(layer, y, axis), keepdims=int(keepdims))
    return layer.add("Div", total, _count(layer, y, axis, keepdims))


def nanvar(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    y = floating(layer, x)
    centred = layer.add("Sub", y, nanmean(layer, Tensor(y), axis=axis, keepdims=True))
    return nanmean(layer, Tensor(layer.add("Mul", centred, centred)), axis=axis, keepdims=keepdims)


def nanstd(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    return layer.add("Sqrt", nanvar(layer, x, axis=axis, keepdims=keepdims))


# --- order -----------------------------------------------------------------------------------------------------------


def quantile(
    layer: Layer, x: Operand, q: Any, *, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> str:
    """Between the two nearest of the sorted values; several q are a first dimension."""
    if isinstance(q, Tensor):
        layer.refuse("quantiles that are computed")
    y, at, before = _lined_up(layer, x, axis)
    n = layer.shape(y)[-1]
    if n is None or n < 1:
        layer.refuse("quantiles along a dimension of unknown size")
    ordered = layer.add_many("TopK", y, [n], outputs=2, largest=0)[0]
    shares = np.asarray(q, np.float64)
    if shares.size == 0 or not ((shares >= 0) & (shares <= 1)).all():
        layer.reject(f"q is {q}")
    if method != "linear":  # which is what Keras 3.15 on TensorFlow computes all the same
        layer.refuse(f"method is {method!r}")
    places = shares.reshape(-1) * (n - 1)
    first, second = (
        layer.add("Gather", ordered, whole(places).astype(np.int64), axis=-1) for whole in (np.floor, np.ceil)
    )
    weight = as_dtype(layer, places - np.floor(places), layer.dtype(y))
    result = layer.add("Add", first, layer.add("Mul", layer.add("Sub", second, first), weight))
    rank = layer.rank(result)
    result = layer.add("Transpose", result, perm=[rank - 1, *range(rank - 1)]) if rank > 1 else result
    if keepdims:
        result = layer.add("Unsqueeze", result, [1 + axis_ for axis_ in (at if axis is not None else range(before))])
    return result if shares.ndim else layer.add("Squeeze", result, [0])


def _lined_up(layer: Layer, x: Operand, axis: Any) -> tuple[str, list[int], int]:
    """The values of the axes given as one last dimension, the axes, and how many dimensions there were."""
    y = floating(layer, x)
    rank = layer.rank(y)
    at = sorted(axes_of(layer, y, axis))
    if len(at) == rank:
        return layer.add("Reshape", y, [-1]), at, rank
    y = layer.add("Transpose", y, perm=[i for i in range(rank) if i not in at] + at)
    if len(at) > 1:
        y = layer.add("Reshape", y, [0] * (rank - len(at)) + [-1])
    return y, at, rank


def percentile(
    layer: Layer, x: Operand, q: Any, *, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> str:
    share = q if isinstance(q, Tensor) else (np.asarray(q, np.float64) / 100).tolist()
    return quantile(layer, x, share, axis=axis, method=method, keepdims=keepdims)


def nanquantile(
    layer: Layer, x: Operand, q: Any, *, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> str:
    """Of the numbers among the values, which each have to be sorted and counted; NaN where there is none."""
    if isinstance(q, Tensor) or np.ndim(q) or method != "linear":
        layer.refuse(f"q is {q}, method {method!r}")
    if not 0 <= float(q) <= 1:
        layer.reject(f"q is {q}")
    y, at, before = _lined_up(layer, x, axis)
    n = layer.shape(y)[-1]
    if n is None or n < 1:
        layer.refuse("quantiles along a dimension of unknown size")
    is_nan = layer.add("IsNaN", y)
    ordered = layer.add_many("TopK", layer.add("Where", is_nan, math.inf, y), [n], outputs=2, largest=0)[0]
    count = layer.add("ReduceSum", layer.add("Cast", layer.add("Not", is_nan), to="float64"), [-1])
    place = layer.add("Mul", layer.add("Max", layer.add("Sub", count, 1.0), 0.0), np.asarray(q, np.float64))
    below = layer.add("Floor", place)
    first, second = (
        layer.add("GatherElements", ordered, layer.add("Cast", whole, to="int64"), axis=-1)
        for whole in (below, layer.add("Ceil", place))
    )
    share = as_dtype(layer, Tensor(layer.add("Sub", place, below)), layer.dtype(y))
    between = layer.add("Add", first, layer.add("Mul", layer.add("Sub", second, first), share))
    result = layer.add("Squeeze", layer.add("Where", layer.add("Equal", count, 0.0), math.nan, between), [-1])
    if not keepdims:
        return result
    return layer.add("Unsqueeze", result, at if axis is not None else list(range(before)))


def nanpercentile(
    layer: Layer, x: Operand, q: Any, *, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> str:
    share = q if isinstance(q, Tensor) or np.ndim(q) else float(q) / 100
    return nanquantile(layer, x, share, axis=axis, method=method, keepdims=keepdims)


def nanmedian(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    return nanquantile(layer, x, 0.5, axis=axis, keepdims=keepdims)


def median(layer: Layer, x: Operand, *, axis: Any = None, keepdims: bool = False) -> str:
    return quantile(layer, x, 0.5, axis=axis, keepdims=keepdims)


def searchsorted(layer: Layer, sequence: Operand, values: Operand, *, side: str = "left") -> str:
    """How many entries of a sorted sequence are below each value ("left"), or not above ("right")."""
    a, v = joined(layer, sequence, values)
    if layer.rank(a) != 1:
        layer.refuse("sequences of several dimensions")
    wide = layer.add("Unsqueeze", v, [-1])
    below = layer.add("Less", a, wide) if side == "left" else layer.add("LessOrEqual", a, wide)
    return layer.add("ReduceSum", as_int32(layer, below), [-1], keepdims=0)


def digitize(layer: Layer, x: Operand, bins: Operand) -> str:
    return searchsorted(layer, bins, x, side="right")


def in_top_k(layer: Layer, targets: Operand, predictions: Operand, *, k: int) -> str:
    """Whether fewer than k predictions are above that of the target, which has to be a finite number."""
    p = floating(layer, predictions)
    classes = layer.shape(p)[-1]
    if classes is None:
        layer.refuse("an unknown number of classes")
    target = as_dtype(layer, targets, "int64")
    known = layer.add("And", layer.add("GreaterOrEqual", target, 0), layer.add("Less", target, classes))
    place = layer.add("Unsqueeze", layer.add("Where", known, target, 0), [-1])
    own = layer.add("GatherElements", p, place, axis=-1)
    above = layer.add("ReduceSum", as_int32(layer, layer.add("Greater", p, own)), [-1], keepdims=0)
    number = layer.add("Not", layer.add("Or", layer.add("IsNaN", own), layer.add("IsInf", own)))
    fits = layer.add("And", known, layer.add("Squeeze", number, [-1]))
    return layer.add("And", fits, layer.add("Less", above, layer.constant("k", np.asarray(k, np.int32))))


# --- segments --------------------------------------------------------------------------------------------------------


def _segments(reduce: str, neutral: Any) -> LayerFunction:
    """The rows of each segment together, into as many rows as there are segments."""

    def function(
        layer: Layer, data: Operand, segment_ids: Operand, *, num_segments: int | None = None, sorted: bool = False
    ) -> str:
        x = tensor(layer, data)
        if num_segments is None:
            layer.refuse("a number of segments that depends on the values")
        layer.check_size(float(num_segments))
        dtype = layer.dtype(x)
        limits: Any = np.finfo(dtype) if is_float(dtype) else np.iinfo(dtype)
        start = {"least": limits.min, "largest": limits.max}.get(neutral, neutral)
        index = as_dtype(layer, segment_ids, "int64")
        known = layer.add("And", layer.add("GreaterOrEqual", index, 0), layer.add("Less", index, num_segments))
        place = layer.add("Unsqueeze", layer.add("Where", known, index, num_segments), [-1])
        rows = layer.add("Concat", [num_segments + 1], layer.add("Shape", x, start=1), axis=0)
        begin = layer.add("Expand", as_dtype(layer, np.asarray(start, dtype), dtype), rows)
        return layer.add("Slice", layer.add("ScatterND", begin, place, x, reduction=reduce), [0], [num_segments], [0])

    return function


OPERATIONS: Mapping[str, LayerFunction] = {
    **{"Angle": angle, "Cbrt": cbrt, "Heaviside": heaviside, "Imag": imag, "Isclose": isclose, "AllClose": allclose},
    **dict.fromkeys(("BitwiseLeftShift", "LeftShift"), _shift("LEFT")),
    **dict.fromkeys(("BitwiseRightShift", "RightShift"), _shift("RIGHT")),
    **{"Fmax": _one_of("Max"), "Fmin": _one_of("Min"), "Isreal": isreal, "Ldexp": ldexp, "Logaddexp2": logaddexp2},
    **{"Isposinf": _infinite(detect_negative=0), "Isneginf": _infinite(detect_positive=0)},
    **{"SaturateCast": saturate_cast, "Signbit": signbit, "Sinc": sinc, "Erfc": erfc, "Select": select, "IsIn": isin},
    **{"Nansum": _without("Sum", 0.0), "Nanprod": _without("Prod", 1.0), "Nancumsum": _running_without("Cumsum", 0.0)},
    **{"Nancumprod": _running_without("Cumprod", 1.0), "Nanmean": nanmean, "Nanvar": nanvar, "Nanstd": nanstd},
    **{"Nanmax": _extreme_without("Max", -math.inf), "Nanmin": _extreme_without("Min", math.inf)},
    **{"Nanquantile": nanquantile, "Nanpercentile": nanpercentile, "Nanmedian": nanmedian},
    **{"Quantile": quantile, "Percentile": percentile, "Median": median, "SearchSorted": searchsorted},
    **{"Digitize": digitize, "InTopK": in_top_k},
    **{"SegmentSum": _segments("add", 0), "SegmentProd": _segments("mul", 1)},
    **{"SegmentMax": _segments("max", "least"), "SegmentMin": _segments("min", "largest")},
}
