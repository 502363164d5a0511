"""`TensorFlowOpLayer`: an operation of TensorFlow 2.0 to 2.3 between layers, as the definition of a node of its graph.

The file holds it as JSON: {"op": "Transpose", "input": [...], "attr": {"T": {"type": "DT_FLOAT"}, ...}}, and the inputs
that are constants by their position. One row for each operation; the names of its inputs and attributes are those of
TensorFlow's op registry. docs/keras.md says what is read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interchange_keras.layer import Fault, Layer, LayerFunction, Tensor, takes_calls_as_written
from interchange_keras.operations import algebra, nn, pictures, reduction, shaping
from interchange_keras.operations.operands import Operand, as_dtype, joined, tensor
from interchange_keras.operations.tensorflow import FUNCTIONS
from interchange_keras.options import array_of, integer, misfit

TYPES: Mapping[str, str] = {
    "DT_BOOL": "bool",
    "DT_DOUBLE": "float64",
    "DT_FLOAT": "float32",
    "DT_HALF": "float16",
    "DT_BFLOAT16": "bfloat16",
    **{f"DT_{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
MOST_INPUTS = 1000
MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


@dataclass(frozen=True, slots=True)
class Node:
    """The definition of a node: its operation, how many inputs it has, and its attributes in plain values."""

    op: str
    inputs: int
    attributes: Mapping[str, Any]

    def flag(self, name: str) -> bool:
        return bool(self.attributes.get(name, False))

    def number(self, name: str, default: int = 0) -> int:
        return integer(self.attributes.get(name, default))

    def sizes(self, name: str) -> list[int]:
        return [integer(size) for size in array_of(self.attributes.get(name, ())).ravel()]

    def text(self, name: str, default: str = "") -> str:
        return str(self.attributes.get(name, default))


def read_node(document: Any) -> Node:
    """The JSON of a NodeDef. Raises Fault where it is none."""
    if not isinstance(document, Mapping) or not isinstance(document.get("op"), str):
        raise Fault("IX301", "its node_def is not JSON, as TensorFlow 2.0 to 2.3 write it")
    inputs, attributes = document.get("input", []), document.get("attr", {})
    if not isinstance(inputs, list) or not isinstance(attributes, Mapping) or len(inputs) > MOST_INPUTS:
        raise Fault("IX203", "its node_def makes no sense")
    count = sum(not str(name).startswith("^") for name in inputs)  # others say only what comes before
    return Node(document["op"], count, {str(key): _attribute(value) for key, value in attributes.items()})


def _attribute(value: Any) -> Any:
    """An AttrValue out of the wrapping that says its kind; whole numbers are texts in protobuf's JSON."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((kind, content),) = value.items()
    if kind != "list":
        return _plain(kind, content)
    lists = content.items() if isinstance(content, Mapping) else ()
    return [_plain(of, item) for of, items in lists if isinstance(items, list) for item in items]


def _plain(kind: str, content: Any) -> Any:
    try:
        match kind:
            case "type":
                return TYPES.get(str(content), str(content))
            case "i":
                return integer(content)
            case "f":
                return float(content)
            case "s":
                return base64.b64decode(str(content), validate=True).decode("utf-8", "replace")
    except (ValueError, TypeError, binascii.Error) as error:
        raise Fault("IX203", f"its node_def holds {str(content)[:80]!r} for a value of kind {kind!r}") from error
    return content


# --- the operations -------------------------------------------------------------------------------------------------

Operation = Callable[[Layer, Node, Sequence[Operand]], Any]


def _function(name: str, **attributes: str) -> Operation:
    """A function of `tensorflow.FUNCTIONS` with the same inputs; attributes become its arguments, by name."""
    function = FUNCTIONS[name]

    def call(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
        given = {new: node.attributes[old] for old, new in attributes.items() if node.attributes.get(old) is not None}
        if why := misfit(function, xs, given):
            layer.reject(why)
        return function(layer, *xs, **given)

    return call


def _reduction(name: str) -> Operation:
    function = FUNCTIONS[f"math.reduce_{name}"]
    return lambda layer, node, xs: function(layer, xs[0], axis=xs[1], keepdims=node.flag("keep_dims"))


def _all_inputs(name: str) -> Operation:
    """A function that takes its inputs as one list."""
    function = FUNCTIONS[name]
    return lambda layer, node, xs: function(layer, list(xs))


def _batch_matmul(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    turns = {"transpose_a": node.flag("adj_x"), "transpose_b": node.flag("adj_y")}
    return FUNCTIONS["matmul"](layer, *xs, **turns)


def _number(layer: Layer, x: Operand, what: str) -> int:
    if isinstance(x, Tensor) or np.size(x) != 1:
        layer.refuse(f"{what} that the graph computes")
    return integer(np.ravel(x)[0])


def _numbers(layer: Layer, x: Operand, what: str) -> list[int]:
    if isinstance(x, Tensor):
        layer.refuse(f"{what} that the graph computes")
    return [integer(item) for item in np.ravel(x)]


def _concat(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return shaping.concatenate(layer, xs[:-1], axis=_number(layer, xs[-1], "an axis"))


def _split(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return shaping.split(
        layer, xs[1], indices_or_sections=node.number("num_split", 1), axis=_number(layer, xs[0], "an axis")
    )


def _split_by_sizes(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    sizes = _numbers(layer, xs[1], "sizes")
    return FUNCTIONS["split"](layer, xs[0], sizes, axis=_number(layer, xs[2], "an axis"))


def _strided_slice(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    begin, end, strides = (_numbers(layer, x, "the ends of a slice") for x in xs[1:4])
    masks = [node.number(name) for name in MASKS]
    return algebra.strided_slice(layer, xs[0], begin, end, strides, *masks)


def _slice(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    begin, size = _numbers(layer, xs[1], "the begin of a slice"), _numbers(layer, xs[2], "the size of a slice")
    ends = [np.iinfo(np.int64).max if n == -1 else first + n for first, n in zip(begin, size, strict=True)]
    return layer.add("Slice", tensor(layer, xs[0]), begin, ends, list(range(len(begin))))


def _squeeze(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return shaping.squeeze(layer, xs[0], axis=node.sizes("squeeze_dims") or None)


def _cumulative(name: str) -> Operation:
    def call(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
        options = {key: node.flag(key) for key in ("exclusive", "reverse")}
        return FUNCTIONS[name](layer, xs[0], axis=_number(layer, xs[1], "an axis"), **options)

    return call


def _gather(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return FUNCTIONS["gather"](
        layer, xs[0], xs[1], axis=_number(layer, xs[2], "an axis"), batch_dims=node.number("batch_dims")
    )


def _gather_nd(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return layer.add("GatherND", tensor(layer, xs[0]), as_dtype(layer, xs[1], "int64"))


def _select(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    """`Select`, the older one, spreads a vector of conditions over rows."""
    condition, (x, y) = as_dtype(layer, xs[0], "bool"), joined(layer, *xs[1:])
    missing = layer.rank(x) - layer.rank(condition)
    if node.op == "Select" and missing > 0:
        condition = layer.add("Unsqueeze", condition, list(range(-missing, 0)))
    return layer.add("Where", condition, x, y)


def _pad(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    value = xs[2] if len(xs) > 2 else 0
    mode = node.text("mode", "CONSTANT").lower()
    return FUNCTIONS["pad"](layer, xs[0], xs[1], mode=mode, constant_values=value)


def _one_hot(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    on, off = (None if isinstance(x, Tensor) else np.ravel(x)[0] for x in xs[2:4])
    if (on, off) != (1, 0):
        layer.refuse("one_hot with other values than 0 and 1")
    dtype = node.text("T", "float32")
    depth = _number(layer, xs[1], "a depth")
    return FUNCTIONS["one_hot"](layer, xs[0], depth, axis=node.number("axis", -1), dtype=dtype)


def _top_k(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    if not isinstance(xs[1], Tensor):
        return FUNCTIONS["math.top_k"](layer, xs[0], k=_number(layer, xs[1], "k"))
    k, x = layer.add("Reshape", as_dtype(layer, xs[1], "int64"), [1]), tensor(layer, xs[0])
    values, places = layer.add_many("TopK", x, k, outputs=2, axis=layer.rank(x) - 1)
    return values, as_dtype(layer, Tensor(places), "int32")


def _resize(name: str) -> Operation:
    def call(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
        options = {key: node.flag(key) for key in ("align_corners", "half_pixel_centers")}
        size = xs[1] if isinstance(xs[1], Tensor) else _numbers(layer, xs[1], "a size")
        return FUNCTIONS[f"compat.v1.image.{name}"](layer, xs[0], size, **options)

    return call


def _roll(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return shaping.roll(layer, xs[0], shift=_numbers(layer, xs[1], "a shift"), axis=_numbers(layer, xs[2], "an axis"))


def _einsum(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return reduction.einsum(layer, *xs, subscripts=node.text("equation"))


def _lrn(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    defaults = {"depth_radius": 5, "bias": 1.0, "alpha": 1.0, "beta": 0.5}
    return algebra.local_response_normalization(
        layer, xs[0], **{name: node.attributes.get(name, default) for name, default in defaults.items()}
    )


def _band_part(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return algebra.band_part(layer, xs[0], *(_number(layer, x, "the width of a band") for x in xs[1:3]))


def _depthwise(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    spread = _window(layer, node, "dilations") if node.sizes("dilations") else 1
    return algebra.depthwise_conv2d(
        layer, xs[0], xs[1], _window(layer, node, "strides"), node.text("padding"), None, spread
    )


def _patches(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    sizes, strides, rates = (node.sizes(name) for name in ("ksizes", "strides", "rates"))
    return pictures.extract_patches(layer, xs[0], sizes, strides, rates, node.text("padding"))


def _contrast(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    if isinstance(xs[1], Tensor):
        layer.refuse("a contrast that the graph computes")
    return pictures.adjust_contrast(layer, xs[0], float(np.ravel(xs[1])[0]))


def _each_as_it_is(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return tuple(tensor(layer, x) for x in xs)


def _window(layer: Layer, node: Node, name: str) -> list[int]:
    sizes = node.sizes(name)
    if node.text("data_format", "NHWC") not in ("NHWC", "NDHWC") or {*sizes[:1], *sizes[-1:]} != {1}:
        layer.refuse(f"{name} is {sizes}, data_format {node.text('data_format')}")
    return sizes[1:-1]


def _pool(op: str) -> Operation:
    def call(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
        options = {"pool_size": _window(layer, node, "ksize"), "strides": _window(layer, node, "strides")}
        return nn.pool(op)(layer, xs[0], **options, padding=node.text("padding").lower())

    return call


def _conv(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    dilations = _window(layer, node, "dilations") if node.sizes("dilations") else 1
    strides, padding = _window(layer, node, "strides"), node.text("padding").lower()
    return nn.conv(layer, xs[0], xs[1], strides=strides, padding=padding, dilation_rate=dilations)


def _blocks(name: str) -> Operation:
    def call(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
        data_format = node.text("data_format", "NHWC")
        return FUNCTIONS[name](layer, xs[0], node.number("block_size", 1), data_format=data_format)

    return call


def _unpack(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return shaping.unstack(layer, xs[0], num=node.number("num") or None, axis=node.number("axis"))


def _pack(layer: Layer, node: Node, xs: Sequence[Operand]) -> Any:
    return shaping.stack(layer, xs, axis=node.number("axis"))


def _constant_axis(name: str) -> Operation:
    """The second input is an axis, or a shape."""
    function = FUNCTIONS[name]
    return lambda layer, node, xs: function(layer, xs[0], xs[1])


_UNARY = {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Asin": "asin", "Asinh": "asinh", "Atan": "atan", "Atanh": "atanh",
    "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Erf": "erf", "Exp": "exp", "Expm1": "expm1", "Floor": "floor",
    "IsFinite": "is_finite", "IsInf": "is_inf", "IsNan": "is_nan", "Log": "log", "Log1p": "log1p",
    "LogicalNot": "logical_not", "Neg": "negative", "Inv": "reciprocal", "Reciprocal": "reciprocal", "Round": "round",
    "Rint": "round", "Rsqrt": "rsqrt", "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin", "Sinh": "sinh",
    "Softplus": "softplus", "Softsign": "softsign", "Sqrt": "sqrt", "Square": "square", "Tan": "tan", "Tanh": "tanh",
    "Relu": "nn.relu", "Relu6": "nn.relu6", "Elu": "nn.elu", "Selu": "nn.selu", "Softmax": "nn.softmax",
    "LogSoftmax": "nn.log_softmax", "Identity": "identity", "StopGradient": "stop_gradient", "ZerosLike": "zeros_like",
    "OnesLike": "ones_like", "Erfc": "math.erfc",
}  # fmt: skip
_BINARY = {
    "Add": "add", "AddV2": "add", "Sub": "subtract", "Mul": "multiply", "Maximum": "maximum", "Minimum": "minimum",
    "Greater": "greater", "GreaterEqual": "greater_equal", "Less": "less", "LessEqual": "less_equal", "Equal": "equal",
    "NotEqual": "not_equal", "LogicalAnd": "logical_and", "LogicalOr": "logical_or", "FloorDiv": "floordiv",
    "FloorMod": "floormod", "Pow": "pow", "Atan2": "atan2", "DivNoNan": "divide_no_nan", "RealDiv": "realdiv",
    "SquaredDifference": "math.squared_difference", "MulNoNan": "math.multiply_no_nan", "Xlogy": "math.xlogy",
}  # fmt: skip

NODES: Mapping[str, Operation] = {
    **{op: _function(name) for op, name in (*_UNARY.items(), *_BINARY.items())},
    **{op: _reduction(op.lower()) for op in ("Sum", "Mean", "Max", "Min", "Prod", "All", "Any")},
    "AdjustContrastv2": _contrast,
    "AddN": _all_inputs("add_n"),
    "ArgMax": _function("argmax", output_type="output_type"),
    "ArgMin": _function("math.argmin", output_type="output_type"),
    "AvgPool": _pool("AveragePool"),
    "AvgPool3D": _pool("AveragePool"),
    "BatchMatMul": _batch_matmul,
    "BatchMatMulV2": _batch_matmul,
    "BiasAdd": _function("nn.bias_add", data_format="data_format"),
    "BroadcastTo": _constant_axis("broadcast_to"),
    "Cast": _function("cast", DstT="dtype"),
    "ClipByValue": _function("clip_by_value"),
    "ConcatV2": _concat,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "Cumprod": _cumulative("math.cumprod"),
    "Cumsum": _cumulative("math.cumsum"),
    "DepthwiseConv2dNative": _depthwise,
    "DepthToSpace": _blocks("nn.depth_to_space"),
    "Einsum": _einsum,
    "EuclideanNorm": lambda layer, node, xs: algebra.euclidean_norm(layer, xs[0], xs[1], node.flag("keep_dims")),
    "ExtractImagePatches": _patches,
    "ExpandDims": lambda layer, node, xs: shaping.expand_dims(layer, xs[0], axis=_number(layer, xs[1], "an axis")),
    "Fill": _function("fill"),
    "GatherNd": _gather_nd,
    "GatherV2": _gather,
    "HSVToRGB": _function("image.hsv_to_rgb"),
    "IdentityN": _each_as_it_is,
    "L2Loss": _function("nn.l2_loss"),
    "LRN": _lrn,
    "LeakyRelu": _function("nn.leaky_relu", alpha="alpha"),
    "MatMul": _function("matmul", transpose_a="transpose_a", transpose_b="transpose_b"),
    "MatrixBandPart": _band_part,
    "MatrixDiagPart": _function("linalg.diag_part"),
    "MaxPool": _pool("MaxPool"),
    "MaxPool3D": _pool("MaxPool"),
    "MirrorPad": _pad,
    "OneHot": _one_hot,
    "Pack": _pack,
    "Pad": _pad,
    "PadV2": _pad,
    "RGBToHSV": _function("image.rgb_to_hsv"),
    "Range": _function("range"),
    "Reshape": _constant_axis("reshape"),
    "ResizeBicubic": _resize("resize_bicubic"),
    "ResizeBilinear": _resize("resize_bilinear"),
    "ResizeNearestNeighbor": _resize("resize_nearest_neighbor"),
    "ReverseV2": lambda layer, node, xs: shaping.flip(layer, xs[0], axis=_numbers(layer, xs[1], "axes")),
    "Roll": _roll,
    "Select": _select,
    "SelectV2": _select,
    "Shape": _function("shape", out_type="out_type"),
    "Size": lambda layer, node, xs: shaping.size_of(layer, xs[0]),
    "Slice": _slice,
    "SpaceToDepth": _blocks("nn.space_to_depth"),
    "Split": _split,
    "SplitV": _split_by_sizes,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": _constant_axis("tile"),
    "TopKV2": _top_k,
    "Transpose": lambda layer, node, xs: shaping.transpose(layer, xs[0], axes=_numbers(layer, xs[1], "axes")),
    "Unpack": _unpack,
}


@takes_calls_as_written
def tensorflow_op_layer(layer: Layer, *args: Any, node_def: Any, constants: Any = None) -> Any:
    """The inputs that are constants stand at their positions among the others."""
    node = read_node(node_def)
    operation = NODES.get(node.op)
    if operation is None:
        layer.refuse(f"it is TensorFlow's operation {node.op}", "export the model as a SavedModel and convert that")
    xs: list[Any] = list(args[0]) if len(args) == 1 and isinstance(args[0], list) else list(args)
    given = constants if isinstance(constants, Mapping) else {}
    for position in sorted(integer(key) for key in given):
        xs.insert(position, _constant(given[str(position)]))
    if len(xs) != node.inputs:
        layer.reject(f"its operation {node.op} has {node.inputs} inputs, it is called with {len(xs)}")
    return operation(layer, node, xs)


def _constant(value: Any) -> Any:
    """A list or a number; some versions note that it was an array."""
    if isinstance(value, Mapping):
        config = value.get("config")
        return value.get("value", config.get("value") if isinstance(config, Mapping) else None)
    return value


LAYERS: Mapping[str, LayerFunction] = {"TensorFlowOpLayer": tensorflow_op_layer}
