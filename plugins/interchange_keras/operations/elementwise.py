"""Arithmetic, comparison and truth, element by element."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    common_dtype,
    floating,
    is_float,
    joined,
    tensor,
)


def _unary(op: str) -> LayerFunction:
    return lambda layer, x: layer.add(op, floating(layer, x))


def _of_any(op: str) -> LayerFunction:
    return lambda layer, x: layer.add(op, tensor(layer, x))


def _binary(op: str, *, as_float: bool = False) -> LayerFunction:
    return lambda layer, x1, x2: layer.add(op, *joined(layer, x1, x2, floating=as_float))


def _logical(op: str) -> LayerFunction:
    return lambda layer, x1, x2: layer.add(op, as_dtype(layer, x1, "bool"), as_dtype(layer, x2, "bool"))


def _scaled(op: str, factor: float) -> LayerFunction:
    """op(x) * factor"""
    return lambda layer, x: layer.add("Mul", layer.add(op, floating(layer, x)), factor)


def _whole(op: str) -> LayerFunction:
    """Rounding: integers stay what they are, in value; Keras makes floats of them."""
    return lambda layer, x: layer.add(op, floating(layer, x))


def multiply(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2)
    return layer.add("And" if layer.dtype(a) == "bool" else "Mul", a, b)


def add(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2)
    return layer.add("Or" if layer.dtype(a) == "bool" else "Add", a, b)


def floor_divide(layer: Layer, x1: Operand, x2: Operand) -> str:
    """⌊x1 / x2⌋; of integers exact: the rest has the sign of x2."""
    a, b = joined(layer, x1, x2)
    if is_float(layer.dtype(a)):
        return layer.add("Floor", layer.add("Div", a, b))
    return layer.add("Div", layer.add("Sub", a, layer.add("Mod", a, b)), b)


def mod(layer: Layer, x1: Operand, x2: Operand) -> str:
    """The rest with the sign of x2."""
    a, b = joined(layer, x1, x2)
    if not is_float(layer.dtype(a)):
        return layer.add("Mod", a, b)
    return layer.add("Sub", a, layer.add("Mul", b, layer.add("Floor", layer.add("Div", a, b))))


def fmod(layer: Layer, x1: Operand, x2: Operand) -> str:
    return layer.add("Mod", *joined(layer, x1, x2), fmod=1)


def divide_no_nan(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2, floating=True)
    none = layer.add("Equal", b, 0.0)
    return layer.add("Where", none, 0.0, layer.add("Div", a, layer.add("Where", none, 1.0, b)))


def negative(layer: Layer, x: Operand) -> str:
    return layer.add("Neg", tensor(layer, x))


def square(layer: Layer, x: Operand) -> str:
    x = tensor(layer, x)
    x = as_dtype(layer, Tensor(x), "int32") if layer.dtype(x) == "bool" else x
    return layer.add("Mul", x, x)


def rsqrt(layer: Layer, x: Operand) -> str:
    return layer.add("Reciprocal", layer.add("Sqrt", floating(layer, x)))


def log1p(layer: Layer, x: Operand) -> str:
    return layer.add("Log", layer.add("Add", floating(layer, x), 1.0))


def expm1(layer: Layer, x: Operand) -> str:
    return layer.add("Sub", layer.add("Exp", floating(layer, x)), 1.0)


def exp2(layer: Layer, x: Operand) -> str:
    return layer.add("Exp", layer.add("Mul", floating(layer, x), math.log(2)))


def clip(layer: Layer, x: Operand, *, x_min: Any, x_max: Any) -> str:
    low, high = (
        layer.constant("limit", np.asarray(limit)) if not isinstance(limit, Tensor) else limit
        for limit in (x_min, x_max)
    )
    dtype = common_dtype(layer, x, *(limit for limit in (x_min, x_max)))
    y = as_dtype(layer, x, dtype if dtype != "bool" else "int32")
    low, high = (as_dtype(layer, limit, layer.dtype(y)) for limit in (x_min, x_max))
    return layer.add("Min", layer.add("Max", y, low), high)


def round_(layer: Layer, x: Operand, *, decimals: int = 0) -> str:
    y = tensor(layer, x)
    if not is_float(layer.dtype(y)):
        if decimals < 0:
            layer.refuse("rounding of integers to tens")
        return y
    if decimals == 0:
        return layer.add("Round", y)
    return layer.add("Div", layer.add("Round", layer.add("Mul", y, 10.0**decimals)), 10.0**decimals)


def trunc(layer: Layer, x: Operand) -> str:
    y = tensor(layer, x)
    if not is_float(layer.dtype(y)):
        return y
    return layer.add("Where", layer.add("Less", y, 0.0), layer.add("Ceil", y), layer.add("Floor", y))


def arctan2(layer: Layer, x1: Operand, x2: Operand) -> str:
    """The angle of the point (x2, x1)."""
    y, x = joined(layer, x1, x2, floating=True)
    angle = layer.add("Atan", layer.add("Div", y, layer.add("Where", layer.add("Equal", x, 0.0), 1.0, x)))
    half = layer.add("Where", layer.add("Less", y, 0.0), -math.pi, math.pi)
    turned = layer.add("Where", layer.add("Less", x, 0.0), layer.add("Add", angle, half), angle)
    upright = layer.add("Mul", layer.add("Sign", y), math.pi / 2)
    return layer.add("Where", layer.add("Equal", x, 0.0), upright, turned)


def logaddexp(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2, floating=True)
    distance = layer.add("Neg", layer.add("Abs", layer.add("Sub", a, b)))
    return layer.add("Add", layer.add("Max", a, b), layer.add("Softplus", distance))


def hypot(layer: Layer, x1: Operand, x2: Operand) -> str:
    a, b = joined(layer, x1, x2, floating=True)
    return layer.add("Sqrt", layer.add("Add", layer.add("Mul", a, a), layer.add("Mul", b, b)))


def not_equal(layer: Layer, x1: Operand, x2: Operand) -> str:
    return layer.add("Not", layer.add("Equal", *joined(layer, x1, x2)))


def isfinite(layer: Layer, x: Operand) -> str:
    y = floating(layer, x)
    return layer.add("Not", layer.add("Or", layer.add("IsInf", y), layer.add("IsNaN", y)))


def logical_not(layer: Layer, x: Operand) -> str:
    return layer.add("Not", as_dtype(layer, x, "bool"))


def where(layer: Layer, condition: Operand, x1: Operand = None, x2: Operand = None) -> str:
    if x1 is None or x2 is None:
        layer.refuse("where without values")
    return layer.add("Where", as_dtype(layer, condition, "bool"), *joined(layer, x1, x2))


def cast(layer: Layer, x: Operand, *, dtype: Any) -> str:
    """Bool as a target is "not 0"; a cast to what it is already does nothing."""
    x = tensor(layer, x)
    return as_dtype(layer, Tensor(x), dtype_name(layer, dtype))


def dtype_name(layer: Layer, dtype: Any) -> str:
    if isinstance(dtype, Mapping):
        dtype = dtype.get("config", {}).get("name")
    if not isinstance(dtype, str):
        layer.reject(f"dtype is {dtype!r}")
    return {"float": "float32", "int": "int32"}.get(dtype, dtype)


def nan_to_num(layer: Layer, x: Operand, *, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> str:
    y = floating(layer, x)
    limits = np.finfo(np.float32)
    y = layer.add("Where", layer.add("IsNaN", y), float(nan), y)
    high = layer.add("IsInf", y, detect_negative=0)
    y = layer.add("Where", high, float(limits.max if posinf is None else posinf), y)
    low = layer.add("IsInf", y, detect_positive=0)
    return layer.add("Where", low, float(limits.min if neginf is None else neginf), y)


def unchanged(layer: Layer, x: Operand) -> str:
    return tensor(layer, x)


def convert(layer: Layer, x: Operand, *, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> str:
    return tensor(layer, x) if dtype is None else cast(layer, x, dtype=dtype)


def power(layer: Layer, x1: Operand, x2: Operand) -> str:
    return layer.add("Pow", *joined(layer, x1, x2))


def filled_like(value: float | None) -> LayerFunction:
    """A tensor of the shape of another, and of its dtype unless the operation says another one."""

    def function(layer: Layer, x: Operand, fill_value: Any = value, *, dtype: Any = None) -> str:
        x = tensor(layer, x)
        name = layer.dtype(x) if dtype is None else dtype_name(layer, dtype)
        return layer.add("Expand", as_dtype(layer, fill_value, name), layer.add("Shape", x))

    return function


OPERATIONS: Mapping[str, LayerFunction] = {
    **dict.fromkeys(("Absolute", "Abs", "Fabs"), _of_any("Abs")),
    **{"Arccos": _unary("Acos"), "Arccosh": _unary("Acosh"), "Arcsin": _unary("Asin"), "Arcsinh": _unary("Asinh")},
    **{"Arctan": _unary("Atan"), "Arctanh": _unary("Atanh"), "Ceil": _whole("Ceil"), "Floor": _whole("Floor")},
    **{name: _unary(name) for name in ("Cos", "Cosh", "Erf", "Exp", "Log", "Sin", "Sinh", "Sqrt", "Tan", "Tanh")},
    **{"Log2": _scaled("Log", 1 / math.log(2)), "Log10": _scaled("Log", 1 / math.log(10))},
    **{"Deg2rad": _scaled("Identity", math.pi / 180), "Rad2deg": _scaled("Identity", 180 / math.pi)},
    **{"Isinf": _unary("IsInf"), "Isnan": _unary("IsNaN"), "Reciprocal": _unary("Reciprocal"), "Sign": _of_any("Sign")},
    **dict.fromkeys(("Divide", "TrueDivide"), _binary("Div", as_float=True)),
    **{"Subtract": _binary("Sub"), "Maximum": _binary("Max"), "Minimum": _binary("Min")},
    **{"Equal": _binary("Equal"), "Greater": _binary("Greater"), "GreaterEqual": _binary("GreaterOrEqual")},
    **{"Less": _binary("Less"), "LessEqual": _binary("LessOrEqual"), "NotEqual": not_equal},
    **{"LogicalAnd": _logical("And"), "LogicalOr": _logical("Or"), "LogicalXor": _logical("Xor")},
    **{"BitwiseAnd": _binary("BitwiseAnd"), "BitwiseOr": _binary("BitwiseOr"), "BitwiseXor": _binary("BitwiseXor")},
    **dict.fromkeys(("BitwiseNot", "BitwiseInvert"), _of_any("BitwiseNot")),
    **{"Add": add, "Multiply": multiply, "FloorDivide": floor_divide, "Mod": mod, "Fmod": fmod, "Power": power},
    **{"DivideNoNan": divide_no_nan, "Negative": negative, "Square": square, "Rsqrt": rsqrt, "Log1p": log1p},
    **{"Expm1": expm1, "Exp2": exp2, "Clip": clip, "Round": round_, "Trunc": trunc, "Arctan2": arctan2},
    **{"Logaddexp": logaddexp, "Hypot": hypot, "Isfinite": isfinite, "LogicalNot": logical_not, "Where": where},
    **{"Cast": cast, "NanToNum": nan_to_num, "ConvertToTensor": convert},
    **dict.fromkeys(("Copy", "StopGradient", "Conj", "Conjugate", "Real"), unchanged),
    **{"OnesLike": filled_like(1), "ZerosLike": filled_like(0), "FullLike": filled_like(None)},
}
