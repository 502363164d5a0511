"""What functional models of Keras 2 call between layers: functions of TensorFlow, by the names that the files hold.

`TFOpLambda` has {"function": "math.multiply"} and the arguments of the call, `SlicingOpLambda` a slice,
`TensorFlowOpLayer` (TensorFlow up to 2.3) the definition of a node: see `nodes`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras.layer import Layer, LayerFunction, Tensor, takes_calls_as_written
from interchange_keras.operations import algebra, elementwise, nn, pictures, reduction, shaping
from interchange_keras.operations.operands import (
    Operand,
    as_dtype,
    axes_of,
    floating,
    is_float,
    joined,
    tensor,
    vector,
)
from interchange_keras.options import integer

TABLE: Mapping[str, LayerFunction] = {
    name: function for module in (elementwise, shaping, reduction, nn) for name, function in module.OPERATIONS.items()
}


def _as(name: str, **renamed: str) -> LayerFunction:
    """The operation of keras.ops with that name, whose arguments TensorFlow calls otherwise."""
    function = TABLE[name]

    def call(layer: Layer, *args: Any, **options: Any) -> Any:
        return function(layer, *args, **{renamed.get(key, key): value for key, value in options.items()})

    return call


def _unary(name: str) -> LayerFunction:
    return _as(name)


def _binary(name: str) -> LayerFunction:
    return lambda layer, x, y: TABLE[name](layer, x, y)


def _division(layer: Layer, x: Operand, y: Operand) -> str:
    """Integers become float64, in TensorFlow."""
    a, b = joined(layer, x, y)
    if not is_float(layer.dtype(a)):
        a, b = (as_dtype(layer, Tensor(value), "float64") for value in (a, b))
    return layer.add("Div", a, b)


def _reduction(name: str) -> LayerFunction:
    return lambda layer, input_tensor, axis=None, keepdims=False: TABLE[name](
        layer, input_tensor, axis=axis, keepdims=bool(keepdims)
    )


def _arg(name: str) -> LayerFunction:
    def call(layer: Layer, input: Operand, axis: int = 0, output_type: Any = "int64") -> str:
        y = Tensor(TABLE[name](layer, input, axis=0 if axis is None else axis))
        return as_dtype(layer, y, elementwise.dtype_name(layer, output_type))

    return call


def _matmul(
    layer: Layer, a: Operand, b: Operand, transpose_a: bool = False, transpose_b: bool = False, **others: Any
) -> str:
    if any(others.values()):
        layer.refuse(f"matmul with {others}")
    x, y = joined(layer, a, b)
    for turn, value in ((transpose_a, x), (transpose_b, y)):
        if turn:
            turned = shaping.swapaxes(layer, Tensor(value), axis1=-2, axis2=-1)
            x, y = (turned, y) if value is x else (x, turned)
    return layer.add("MatMul", x, y)


def _shape(layer: Layer, input: Operand, out_type: Any = "int32") -> str:
    y = Tensor(layer.add("Shape", tensor(layer, input)))
    return as_dtype(layer, y, elementwise.dtype_name(layer, out_type))


def _split(layer: Layer, value: Operand, num_or_size_splits: Any, axis: int = 0) -> tuple[str, ...]:
    if isinstance(num_or_size_splits, int):
        return shaping.split(layer, value, indices_or_sections=num_or_size_splits, axis=axis)
    sizes = list(num_or_size_splits)
    x = tensor(layer, value)
    size = layer.shape(x)[layer.axes(x, [axis])[0]]
    if -1 in sizes and size is not None:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    return layer.add_many("Split", x, sizes, outputs=len(sizes), axis=axis % layer.rank(x))


def _gather(
    layer: Layer, params: Operand, indices: Operand, axis: Any = None, batch_dims: int = 0, **others: Any
) -> str:
    if batch_dims or any(value is not None for value in others.values()):
        layer.refuse("gather with batch_dims")
    return shaping.take(layer, params, indices, axis=0 if axis is None else axis)


def _one_hot(
    layer: Layer,
    indices: Operand,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
) -> str:
    if on_value not in (None, 1) or off_value not in (None, 0):
        layer.refuse("one_hot with other values than 0 and 1")
    name = "float32" if dtype is None else elementwise.dtype_name(layer, dtype)
    return shaping.one_hot(layer, indices, num_classes=depth, axis=-1 if axis is None else axis, dtype=name)


def _l2_normalize(layer: Layer, x: Operand, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> str:
    x = floating(layer, x)
    squares = layer.add("ReduceSumSquare", x, axes_of(layer, x, dim if axis is None else axis))
    return layer.add("Div", x, layer.add("Sqrt", layer.add("Max", squares, epsilon)))


def _add_n(layer: Layer, inputs: Sequence[Operand]) -> str:
    return layer.add("Sum", *joined(layer, *inputs))


def _pool(op: str) -> LayerFunction:
    def call(
        layer: Layer,
        value: Operand,
        ksize: Any,
        strides: Any,
        padding: str,
        data_format: str | None = None,
        **rest: Any,
    ) -> str:
        x = floating(layer, value)
        if data_format not in (None, "NHWC") or any(rest.values()):
            layer.refuse(f"data_format is {data_format}")

        def inner(given: Any) -> Any:
            given = given if isinstance(given, list) else [given]
            return given[1:-1] if len(given) == layer.rank(x) else given if len(given) > 1 else given[0]

        options = {"pool_size": inner(ksize), "strides": inner(strides), "padding": padding.lower()}
        result: str = nn.pool(op)(layer, Tensor(x), **options)
        return result

    return call


def _squared_difference(layer: Layer, x: Operand, y: Operand) -> str:
    distance = layer.add("Sub", *joined(layer, x, y))
    return layer.add("Mul", distance, distance)


def _sum_along(name: str) -> LayerFunction:
    def call(layer: Layer, x: Operand, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> str:
        x = tensor(layer, x)
        options = {"exclusive": integer(exclusive), "reverse": integer(reverse)}
        return layer.add(name, x, np.int64(axis % layer.rank(x)), **{k: v for k, v in options.items() if v})

    return call


def _pad(layer: Layer, tensor: Operand, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> str:
    if isinstance(paddings, Tensor):
        layer.refuse("a padding that the graph computes")
    return shaping.pad(layer, tensor, constant_values or None, pad_width=paddings, mode=mode.lower())


def _clip(layer: Layer, t: Operand, clip_value_min: Any, clip_value_max: Any) -> str:
    return elementwise.clip(layer, t, x_min=clip_value_min, x_max=clip_value_max)


def _expand(layer: Layer, input: Operand, axis: Any = None, dim: Any = None) -> str:
    return shaping.expand_dims(layer, input, axis=dim if axis is None else axis)


def _squeeze(layer: Layer, input: Operand, axis: Any = None, squeeze_dims: Any = None) -> str:
    axes = squeeze_dims if axis is None else axis
    return shaping.squeeze(layer, input, axis=axes or None)


def _transpose(layer: Layer, a: Operand, perm: Any = None, conjugate: bool = False) -> str:
    return shaping.transpose(layer, a, axes=perm)


def _softmax(name: str) -> LayerFunction:
    return lambda layer, logits, axis=None, dim=None: TABLE[name](layer, logits, axis=-1 if axis is None else axis)


def _leaky_relu(layer: Layer, features: Operand, alpha: float = 0.2) -> str:
    return layer.add("LeakyRelu", floating(layer, features), alpha=alpha)


def _gelu(layer: Layer, features: Operand, approximate: bool = False) -> str:
    return nn.gelu(layer, features, approximate=approximate)


def _silu(layer: Layer, features: Operand, beta: float = 1.0) -> str:
    x = floating(layer, features)
    return layer.add("Mul", x, layer.add("Sigmoid", x if beta == 1 else layer.add("Mul", x, float(beta))))


def _cast(layer: Layer, x: Operand, dtype: Any) -> str:
    return elementwise.cast(layer, x, dtype=dtype)


def _depth(op: str) -> LayerFunction:
    def call(layer: Layer, input: Operand, block_size: int, data_format: str = "NHWC") -> str:
        return layer.add(op, tensor(layer, input), blocksize=block_size, layout=data_format)

    return call


def _reshape(layer: Layer, tensor: Operand, shape: Any) -> str:
    return shaping.reshape(layer, tensor, newshape=shape)


def _top_k(layer: Layer, input: Operand, k: int = 1, sorted: bool = True, index_type: Any = None) -> tuple[str, ...]:
    return reduction.top_k(layer, input, k=k)


def _fill(value: float) -> LayerFunction:
    return lambda layer, input, dtype=None, optimize=True: elementwise.filled_like(value)(layer, input, dtype=dtype)


def _bias_add(layer: Layer, value: Operand, bias: Operand, data_format: str | None = None) -> str:
    if data_format not in (None, "NHWC", "channels_last"):
        layer.refuse(f"data_format is {data_format}")
    return elementwise.add(layer, value, bias)


def _round_to_int(name: str) -> LayerFunction:
    return lambda layer, x: TABLE[name](layer, x)


def _sizes(layer: Layer, dims: Any, value: Any) -> str:
    given = vector(layer, dims)
    return layer.add("Expand", tensor(layer, value), given if isinstance(given, str) else np.array(given))


_ELEMENTWISE = {
    "abs": "Absolute", "acos": "Arccos", "acosh": "Arccosh", "asin": "Arcsin", "asinh": "Arcsinh", "atan": "Arctan",
    "atanh": "Arctanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "expm1": "Expm1",
    "floor": "Floor", "is_finite": "Isfinite", "is_inf": "Isinf", "is_nan": "Isnan", "log": "Log", "log1p": "Log1p",
    "log_sigmoid": "LogSigmoid", "logical_not": "LogicalNot", "negative": "Negative", "reciprocal": "Reciprocal",
    "round": "Round", "rsqrt": "Rsqrt", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh",
    "softplus": "Softplus", "softsign": "Softsign", "sqrt": "Sqrt", "square": "Square", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
_PAIRS = {
    "add": "Add", "subtract": "Subtract", "multiply": "Multiply", "maximum": "Maximum", "minimum": "Minimum",
    "greater": "Greater", "greater_equal": "GreaterEqual", "less": "Less", "less_equal": "LessEqual",
    "equal": "Equal", "not_equal": "NotEqual", "logical_and": "LogicalAnd", "logical_or": "LogicalOr",
    "logical_xor": "LogicalXor", "floordiv": "FloorDivide", "floormod": "Mod", "pow": "Power", "atan2": "Arctan2",
    "divide_no_nan": "DivideNoNan", "sub": "Subtract", "mul": "Multiply", "floor_div": "FloorDivide",
}  # fmt: skip
_REDUCTIONS = {
    "sum": "Sum", "mean": "Mean", "max": "Max", "min": "Min", "prod": "Prod", "all": "All", "any": "Any",
    "std": "Std", "variance": "Var", "logsumexp": "Logsumexp",
}  # fmt: skip

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{f"math.{old}": _unary(new) for old, new in _ELEMENTWISE.items()},
    **{old: _unary(new) for old, new in _ELEMENTWISE.items()},
    **{f"math.{old}": _binary(new) for old, new in _PAIRS.items()},
    **{old: _binary(new) for old, new in _PAIRS.items()},
    **{f"__operators__.{old}": _binary(_PAIRS[old]) for old in ("add", "floordiv")},
    **{"compat.v1.floor_div": _binary("FloorDivide"), "compat.v1.div": _division},
    **{"__operators__.eq": _binary("Equal"), "__operators__.ne": _binary("NotEqual")},
    **dict.fromkeys(("math.truediv", "math.divide", "math.xdivy", "realdiv", "math.div"), _division),
    **{f"math.reduce_{old}": _reduction(new) for old, new in _REDUCTIONS.items()},
    **{f"reduce_{old}": _reduction(new) for old, new in _REDUCTIONS.items()},
    **{"math.argmax": _arg("Argmax"), "math.argmin": _arg("Argmin"), "argmax": _arg("Argmax")},
    **{"compat.v1.argmax": _arg("Argmax"), "linalg.matmul": _matmul, "matmul": _matmul},
    **dict.fromkeys(("shape", "compat.v1.shape"), _shape),
    **{"reshape": _reshape, "split": _split, "gather": _gather, "compat.v1.gather": _gather, "one_hot": _one_hot},
    **{"concat": lambda layer, values, axis: shaping.concatenate(layer, values, axis=axis)},
    **{"stack": lambda layer, values, axis=0: shaping.stack(layer, values, axis=axis)},
    **{"unstack": lambda layer, value, num=None, axis=0: shaping.unstack(layer, value, num=num, axis=axis)},
    **{"tile": lambda layer, input, multiples: shaping.tile(layer, input, repeats=multiples)},
    **{"broadcast_to": lambda layer, input, shape: shaping.broadcast_to(layer, input, shape=shape)},
    **{"where": lambda layer, condition, x=None, y=None: elementwise.where(layer, condition, x, y)},
    **{"reverse": lambda layer, tensor, axis: shaping.flip(layer, tensor, axis=axis)},
    **{"repeat": lambda layer, input, repeats, axis=None: shaping.repeat(layer, input, repeats=repeats, axis=axis)},
    **{"roll": lambda layer, input, shift, axis: shaping.roll(layer, input, shift=shift, axis=axis)},
    **{"expand_dims": _expand, "compat.v1.expand_dims": _expand, "squeeze": _squeeze, "compat.v1.squeeze": _squeeze},
    **{"transpose": _transpose, "compat.v1.transpose": _transpose, "cast": _cast, "clip_by_value": _clip},
    **{"pad": _pad, "compat.v1.pad": _pad, "fill": _sizes},
    **pictures.FUNCTIONS,
    **algebra.FUNCTIONS,
    **dict.fromkeys(("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize"), _l2_normalize),
    **{"math.add_n": _add_n, "add_n": _add_n, "math.squared_difference": _squared_difference},
    **{"math.cumsum": _sum_along("CumSum"), "cumsum": _sum_along("CumSum"), "math.cumprod": _sum_along("CumProd")},
    **dict.fromkeys(("nn.max_pool2d", "nn.max_pool", "nn.max_pool1d", "nn.max_pool3d"), _pool("MaxPool")),
    **dict.fromkeys(("nn.avg_pool2d", "nn.avg_pool", "nn.avg_pool1d", "nn.avg_pool3d"), _pool("AveragePool")),
    **dict.fromkeys(("compat.v1.nn.max_pool", "compat.v1.nn.max_pool2d"), _pool("MaxPool")),
    **dict.fromkeys(("compat.v1.nn.avg_pool", "compat.v1.nn.avg_pool2d"), _pool("AveragePool")),
    **dict.fromkeys(("nn.softmax", "math.softmax", "compat.v1.nn.softmax"), _softmax("Softmax")),
    **dict.fromkeys(("nn.log_softmax", "math.log_softmax"), _softmax("LogSoftmax")),
    **{f"nn.{name}": _unary(TABLE_NAME) for name, TABLE_NAME in
       (("relu", "Relu"), ("relu6", "Relu6"), ("elu", "Elu"), ("selu", "Selu"), ("softplus", "Softplus"),
        ("softsign", "Softsign"), ("sigmoid", "Sigmoid"), ("tanh", "Tanh"))},
    **{"nn.leaky_relu": _leaky_relu, "nn.gelu": _gelu, "nn.silu": _silu, "nn.swish": _silu, "nn.bias_add": _bias_add},
    **{"nn.depth_to_space": _depth("DepthToSpace"), "nn.space_to_depth": _depth("SpaceToDepth")},
    **{"compat.v1.depth_to_space": _depth("DepthToSpace"), "compat.v1.space_to_depth": _depth("SpaceToDepth")},
    **{"identity": _unary("Copy"), "stop_gradient": _unary("StopGradient"), "convert_to_tensor": _unary("Copy")},
    **{"zeros_like": _fill(0), "ones_like": _fill(1)},
    **{"compat.v1.zeros_like": _fill(0), "compat.v1.ones_like": _fill(1)},
    **{"math.top_k": _top_k, "nn.top_k": _top_k},
}  # fmt: skip


@takes_calls_as_written
def tf_op_lambda(layer: Layer, *args: Operand, function: str, **arguments: Any) -> Any:
    """A function of TensorFlow by its name in the module `tensorflow`."""
    found = FUNCTIONS.get(function.removeprefix("compat.v2."))
    if function == "einsum":
        layer.refuse("tf.einsum, whose inputs Keras 2 does not write down")
    if found is None:
        layer.refuse(f"it is tf.{function}", "export the model as a SavedModel and convert that")
    arguments.pop("name", None)
    signature = inspect.signature(found)
    try:
        signature.bind(layer, *args, **arguments)
    except TypeError as error:
        layer.refuse(f"tf.{function} is called with other arguments: {error}")
    return found(layer, *args, **arguments)


@takes_calls_as_written
def slicing_op_lambda(layer: Layer, x: Operand, *, function: str, slice_spec: Any = None) -> str:
    return shaping.get_item(layer, x, slice_spec)


LAYERS: Mapping[str, LayerFunction] = {"TFOpLambda": tf_op_lambda, "SlicingOpLambda": slicing_op_lambda}
