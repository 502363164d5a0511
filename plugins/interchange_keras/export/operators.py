"""Operators of the graph as operations of Keras 3 (keras.ops): one function for each, in `WRITERS`.

An operation that computes something else than the operator, or that Keras does not have, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import Node
from interchange_keras.calls import Ref
from interchange_keras.export.chain import Chain, Writer, array_document, slice_document
from interchange_keras.export.made import CannotExport
from interchange_keras.layers.resizing import OPERATOR
from interchange_keras.precision import FLOATS

SUMMED = (*FLOATS, "int32", "int64", "uint32", "uint64")  # Keras sums other integers up in a wider dtype
FURTHEST = 1 << 30  # beyond any size: an end of a slice that means "to the end"


def _same(place: str, *options: str, **renamed: str) -> Writer:
    """An operation with the same inputs; `options` are attributes that it has, too, or has under another name."""

    def write(chain: Chain, node: Node) -> None:
        names = {**{name: name for name in options}, **renamed}
        if unknown := [name for name in node.attributes if name not in names]:
            raise CannotExport(f"Keras 3 has no {node.op} with {', '.join(unknown)}")
        config = {new: node.attributes[old] for old, new in names.items() if old in node.attributes}
        chain.call(place, *node.inputs, outputs=node.outputs, **config)

    return write


def _folded(place: str) -> Writer:
    """An operator of any number of inputs as calls of two."""

    def write(chain: Chain, node: Node) -> None:
        made: Any = node.inputs[0]
        for value in node.inputs[1:]:
            made = chain.call(place, made, value)
        chain.gives(node.outputs[0], made if isinstance(made, Ref) else chain.ref(made))

    return write


def _divide(chain: Chain, node: Node) -> None:
    if chain.dtype(node.outputs[0]) not in FLOATS:
        raise CannotExport("Keras 3 divides integers in another way")
    chain.call("numpy.TrueDivide", *node.inputs, outputs=node.outputs)


def _cast(chain: Chain, node: Node) -> None:
    chain.call("core.Cast", node.inputs[0], outputs=node.outputs, dtype=node.attributes["to"])


def _identity(chain: Chain, node: Node) -> None:
    chain.gives(node.outputs[0], chain.ref(node.inputs[0]))


def _clip(chain: Chain, node: Node) -> None:
    x, lowest, highest = (*node.inputs, "", "")[:3]
    made: Any = x
    for place, limit in (("numpy.Maximum", lowest), ("numpy.Minimum", highest)):
        made = chain.call(place, made, limit) if limit else made
    chain.gives(node.outputs[0], made if isinstance(made, Ref) else chain.ref(made))


def _leaky(chain: Chain, node: Node) -> None:
    slope = node.attributes.get("alpha", 0.01)
    chain.call("nn.LeakyRelu", node.inputs[0], outputs=node.outputs, negative_slope=slope)


def _gelu(chain: Chain, node: Node) -> None:
    is_tanh = node.attributes.get("approximate", "none") == "tanh"
    chain.call("nn.Gelu", node.inputs[0], outputs=node.outputs, approximate=is_tanh)


# --- form ------------------------------------------------------------------------------------------------------------


def _transpose(chain: Chain, node: Node) -> None:
    order = node.attributes.get("perm") or list(reversed(range(chain.rank(node.inputs[0]))))
    chain.call("numpy.Transpose", node.inputs[0], outputs=node.outputs, axes=list(order))


def _reshape(chain: Chain, node: Node) -> None:
    """Whatever computed the shape: where all of it but one size is known, Keras finds that one out."""
    shape = chain.shape(node.outputs[0])
    if shape.count(None) > 1:
        raise CannotExport("Keras 3 wants to know a shape but for one size")
    sizes = [-1 if size is None else size for size in shape]
    chain.call("numpy.Reshape", node.inputs[0], outputs=node.outputs, newshape=sizes)


def _squeeze(chain: Chain, node: Node) -> None:
    axes = chain.axes(node)
    if axes is None or 0 in axes:  # which Keras takes for the batch, of any size
        _reshape(chain, node)
    else:
        chain.call("numpy.Squeeze", node.inputs[0], outputs=node.outputs, axis=axes)


def _unsqueeze(chain: Chain, node: Node) -> None:
    rank = chain.rank(node.outputs[0])
    made: Any = node.inputs[0]
    for axis in sorted(int(axis) % rank for axis in chain.known(node.inputs[1], "the axes").ravel()):
        made = chain.call("numpy.ExpandDims", made, axis=axis)
    chain.gives(node.outputs[0], made)


def _concat(chain: Chain, node: Node) -> None:
    chain.call("numpy.Concatenate", list(node.inputs), outputs=node.outputs, axis=node.attributes["axis"])


def _slice(chain: Chain, node: Node) -> None:
    x, *given = node.inputs
    starts, ends, axes, steps = (
        [int(n) for n in chain.known(name, "the ends of a slice").ravel()] if name else None
        for name in (*given, "", "")[:4]
    )
    assert starts is not None
    assert ends is not None
    rank = chain.rank(x)
    key = [slice(None)] * rank
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis, step = i if axes is None else axes[i] % rank, 1 if steps is None else steps[i]
        first: int | None = start
        last: int | None = None if abs(end) >= FURTHEST else end
        if abs(start) >= FURTHEST:
            if (start > 0) == (step > 0):
                raise CannotExport("Keras 3 has no such slice")
            first = None
        key[axis] = slice(first, last, step)
    chain.call("numpy.GetItem", x, [slice_document(item) for item in key], outputs=node.outputs)


def _split(chain: Chain, node: Node) -> None:
    axis = node.attributes.get("axis", 0) % chain.rank(node.inputs[0])
    sizes = [chain.shape(value)[axis] for value in node.outputs]
    if None in sizes:
        raise CannotExport("Keras 3 wants to know the sizes of the parts beforehand")
    places = np.cumsum([size or 0 for size in sizes])[:-1].tolist()
    chain.call("numpy.Split", node.inputs[0], outputs=node.outputs, indices_or_sections=places, axis=axis)


def _expand(chain: Chain, node: Node) -> None:
    """To a shape with the batch in it, by a product with ones: it leaves every number as it is."""
    before, after = chain.shape(node.inputs[0]), chain.shape(node.outputs[0])
    like = _like(chain, node)
    if like and chain.is_known(node.inputs[0]) and not before:
        number = chain.known(node.inputs[0], "a number").item()
        chain.call("numpy.FullLike", like, number, outputs=node.outputs, dtype=chain.dtype(node.outputs[0]))
        return
    if None not in after:
        chain.call("numpy.BroadcastTo", node.inputs[0], outputs=node.outputs, shape=after)
        return
    grows = len(after) > len(before) or any(size == 1 for size, new in zip(before, after, strict=True) if new is None)
    dtype = chain.dtype(node.inputs[0])
    if grows or after.count(None) > 1 or after[0] is not None or dtype == "bool":
        raise CannotExport("Keras 3 wants to know a shape beforehand")
    ones = np.ones([1, *(size or 1 for size in after[1:])], np.float32 if dtype in FLOATS else dtype)
    chain.call("numpy.Multiply", node.inputs[0], array_document(ones.astype(dtype)), outputs=node.outputs)


def _like(chain: Chain, node: Node) -> str:
    """The value that an input is the shape of; "" where it is none."""
    shape = chain.maker(node.inputs[1])
    while shape is not None and shape.op in ("Cast", "Identity"):
        shape = chain.maker(shape.inputs[0])
    return shape.inputs[0] if shape is not None and shape.op == "Shape" and not shape.attributes else ""


def _trilu(chain: Chain, node: Node) -> None:
    k = int(chain.known(node.inputs[1], "the diagonal")) if len(node.inputs) > 1 else 0
    place = "numpy.Triu" if node.attributes.get("upper", 1) else "numpy.Tril"
    chain.call(place, node.inputs[0], outputs=node.outputs, k=k)


def _tile(chain: Chain, node: Node) -> None:
    repeats = chain.known(node.inputs[1], "the repeats").tolist()
    chain.call("numpy.Tile", node.inputs[0], outputs=node.outputs, repeats=repeats)


def _pad(chain: Chain, node: Node) -> None:
    x, pads, value, axes = (*node.inputs, "", "")[:4]
    mode = node.attributes.get("mode", "constant")
    ends = chain.known(pads, "the padding").tolist()
    if mode not in ("constant", "reflect") or axes or min(ends, default=0) < 0:
        raise CannotExport(f"Keras 3 has no such padding ({mode})")
    half = len(ends) // 2
    width = [list(pair) for pair in zip(ends[:half], ends[half:], strict=True)]
    number = float(chain.known(value, "what is padded with")) if value else 0.0
    filled = [number] if mode == "constant" and number else []
    chain.call("numpy.Pad", x, *filled, outputs=node.outputs, pad_width=width, mode=mode)


def _along(place: str) -> Writer:
    """With an axis."""

    def write(chain: Chain, node: Node) -> None:
        chain.call(place, *node.inputs, outputs=node.outputs, axis=node.attributes.get("axis", 0))

    return write


def _depth_to_space(chain: Chain, node: Node) -> None:
    """Channels (block, block, new) become blocks of pixels."""
    height, width, channels, block = _blocks(chain, node)
    inner = channels // block**2
    apart = chain.call("numpy.Reshape", node.inputs[0], newshape=[-1, height, width, block, block, inner])
    turned = chain.call("numpy.Transpose", apart, axes=[0, 1, 3, 2, 4, 5])
    size = [-1, height * block, width * block, inner]
    chain.call("numpy.Reshape", turned, outputs=node.outputs, newshape=size)


def _space_to_depth(chain: Chain, node: Node) -> None:
    height, width, channels, block = _blocks(chain, node)
    rows, columns = height // block, width // block
    apart = chain.call("numpy.Reshape", node.inputs[0], newshape=[-1, rows, block, columns, block, channels])
    turned = chain.call("numpy.Transpose", apart, axes=[0, 1, 3, 2, 4, 5])
    chain.call("numpy.Reshape", turned, outputs=node.outputs, newshape=[-1, rows, columns, channels * block**2])


def _blocks(chain: Chain, node: Node) -> tuple[int, int, int, int]:
    _, height, width, channels = chain.shape(node.inputs[0])
    if height is None or width is None or channels is None or node.attributes.get("mode", "DCR") != "DCR":
        raise CannotExport("Keras 3 wants to know the size of the picture beforehand")
    if node.attributes.get("layout") != "NHWC":
        raise CannotExport(f"{node.op} of pictures with channels first")
    return height, width, channels, node.attributes["blocksize"]


# --- sums, products, order -------------------------------------------------------------------------------------------


def _reduced(place: str, dtypes: Sequence[str] = SUMMED, before: str = "", after: str = "") -> Writer:
    """A reduction; `before` and `after` are operations on what it takes and gives."""

    def write(chain: Chain, node: Node) -> None:
        dtype = chain.dtype(node.inputs[0])
        if dtype not in dtypes or (node.attributes.get("noop_with_empty_axes") and chain.axes(node) is None):
            raise CannotExport(f"Keras 3 has no such {node.op} of {dtype}")
        x: Any = chain.call(before, node.inputs[0]) if before else node.inputs[0]
        is_kept = bool(node.attributes.get("keepdims", 1))
        made = chain.call(place, x, axis=chain.axes(node), keepdims=is_kept)
        chain.gives(node.outputs[0], chain.call(after, made) if after else made)

    return write


def _extreme(place: str, of_truth: str) -> Writer:
    """The largest or smallest; of truth values whether any, or all, are true."""

    def write(chain: Chain, node: Node) -> None:
        is_bool = chain.dtype(node.inputs[0]) == "bool"
        _reduced(of_truth if is_bool else place, (*SUMMED, "bool", "int8", "int16", "uint8", "uint16"))(chain, node)

    return write


def _place_of(place: str) -> Writer:
    def write(chain: Chain, node: Node) -> None:
        if node.attributes.get("select_last_index"):
            raise CannotExport(f"Keras 3 has no {node.op} of the last place")
        axis, is_kept = node.attributes.get("axis", 0), bool(node.attributes.get("keepdims", 1))
        found = chain.call(place, node.inputs[0], axis=axis, keepdims=is_kept)
        chain.call("core.Cast", found, outputs=node.outputs, dtype="int64")

    return write


def _top(chain: Chain, node: Node) -> None:
    k = chain.known(node.inputs[1], "how many are asked for").ravel()
    axis = node.attributes.get("axis", -1) % chain.rank(node.inputs[0])
    if axis != chain.rank(node.inputs[0]) - 1 or not node.attributes.get("largest", 1):
        raise CannotExport("Keras 3 finds the largest along the last axis only")
    found = chain.call("math.TopK", node.inputs[0], k=int(k[0]), sorted=True)
    values, places = (*node.outputs, "")[:2]
    chain.gives(values, found)
    if places:
        chain.call("core.Cast", found._replace(tensor=1), outputs=[places], dtype="int64")


def _cumulative(place: str) -> Writer:
    def write(chain: Chain, node: Node) -> None:
        if node.attributes.get("exclusive") or node.attributes.get("reverse"):
            raise CannotExport(f"Keras 3 has no exclusive or reverse {node.op}")
        if chain.dtype(node.inputs[0]) not in SUMMED:
            raise CannotExport(f"Keras 3 has no such {node.op} of {chain.dtype(node.inputs[0])}")
        axis = int(chain.known(node.inputs[1], "the axis").ravel()[0])
        chain.call(place, node.inputs[0], outputs=node.outputs, axis=axis)

    return write


def _einsum(chain: Chain, node: Node) -> None:
    chain.call("numpy.Einsum", *node.inputs, outputs=node.outputs, subscripts=node.attributes["equation"])


# --- pictures --------------------------------------------------------------------------------------------------------


def _window(chain: Chain, node: Node) -> dict[str, Any]:
    """Strides and padding of a convolution or pool with channels last."""
    known = ("kernel_shape", "strides", "auto_pad", "layout", "dilations", "group")
    pads = node.attributes.get("auto_pad", "NOTSET")
    unknown = [name for name in node.attributes if name not in known]
    if unknown or node.attributes.get("layout") != "NHWC" or pads not in ("NOTSET", "VALID", "SAME_UPPER"):
        raise CannotExport(f"Keras 3 has no such {node.op}")
    strides = node.attributes.get("strides") or [1] * (chain.rank(node.inputs[0]) - 2)
    padding = "same" if pads == "SAME_UPPER" else "valid"
    return {"strides": list(strides), "padding": padding, "data_format": "channels_last"}


def _pool(place: str) -> Writer:
    def write(chain: Chain, node: Node) -> None:
        size = list(node.attributes["kernel_shape"])
        chain.call(place, node.inputs[0], outputs=node.outputs, pool_size=size, **_window(chain, node))

    return write


def _conv(chain: Chain, node: Node) -> None:
    if len(node.inputs) > 2:
        raise CannotExport("Keras 3 has no such Conv")
    x, kernel = node.inputs
    options: dict[str, Any] = {"dilation_rate": list(node.attributes.get("dilations") or [1] * (chain.rank(x) - 2))}
    options |= _window(chain, node)
    groups = node.attributes.get("group", 1)
    if groups == 1:
        chain.call("nn.Conv", x, kernel, outputs=node.outputs, **options)
        return
    weights = chain.known(kernel, "a kernel of groups")
    if groups != chain.shape(x)[-1] or weights.shape[-2] != 1:
        raise CannotExport("Keras 3 has no convolution of groups between layers")
    for name in ("strides", "dilation_rate"):  # of a file, a list, of which Keras 3.15 makes no tuple
        if len(set(options[name])) > 1:
            raise CannotExport(f"Keras 3 reads no such {name}")
        options[name] = options[name][0]
    of_each = weights.reshape(*weights.shape[:-2], groups, -1)
    chain.call("nn.DepthwiseConv", x, array_document(of_each), outputs=node.outputs, **options)


def _resize(chain: Chain, node: Node) -> None:
    x, _, _, sizes = (*node.inputs, "", "", "")[:4]
    given = {name: value for name, value in node.attributes.items() if name != "axes"}
    names = [name for name, attributes in OPERATOR.items() if attributes == given]
    if not names or not sizes or list(node.attributes.get("axes") or ()) != [1, 2] or chain.rank(x) != 4:
        raise CannotExport("Keras 3 resizes pictures in other ways")
    size = [int(n) for n in chain.known(sizes, "the size of a picture").ravel()]
    options = {"interpolation": names[0], "data_format": "channels_last"}
    chain.call("image.Resize", x, outputs=node.outputs, size=size, **options)


_PLAIN = {
    "Abs": "numpy.Absolute", "Acos": "numpy.Arccos", "Acosh": "numpy.Arccosh", "And": "numpy.LogicalAnd",
    "Asin": "numpy.Arcsin", "Asinh": "numpy.Arcsinh", "Atan": "numpy.Arctan", "Atanh": "numpy.Arctanh",
    "BitwiseAnd": "numpy.BitwiseAnd", "BitwiseOr": "numpy.BitwiseOr", "BitwiseXor": "numpy.BitwiseXor",
    "Add": "numpy.Add", "Ceil": "numpy.Ceil", "Cos": "numpy.Cos", "Cosh": "numpy.Cosh", "Equal": "numpy.Equal",
    "Erf": "math.Erf", "Exp": "numpy.Exp", "Floor": "numpy.Floor", "Greater": "numpy.Greater",
    "GreaterOrEqual": "numpy.GreaterEqual", "IsInf": "numpy.Isinf", "IsNaN": "numpy.Isnan", "Less": "numpy.Less",
    "LessOrEqual": "numpy.LessEqual", "Log": "numpy.Log", "MatMul": "numpy.Matmul", "Mod": "numpy.Mod",
    "Mul": "numpy.Multiply", "Neg": "numpy.Negative", "Not": "numpy.LogicalNot", "Or": "numpy.LogicalOr",
    "Pow": "numpy.Power", "Reciprocal": "numpy.Reciprocal", "Relu": "nn.Relu", "Round": "numpy.Round",
    "Sigmoid": "nn.Sigmoid", "Sign": "numpy.Sign", "Sin": "numpy.Sin", "Sinh": "numpy.Sinh",
    "Softplus": "nn.Softplus", "Softsign": "nn.Softsign", "Sqrt": "numpy.Sqrt", "Sub": "numpy.Subtract",
    "Tan": "numpy.Tan", "Tanh": "numpy.Tanh", "Where": "numpy.Where", "Xor": "numpy.LogicalXor",
}  # fmt: skip

WRITERS: Mapping[str, Writer] = {
    **{op: _same(place) for op, place in _PLAIN.items()},
    "ArgMax": _place_of("numpy.Argmax"),
    "ArgMin": _place_of("numpy.Argmin"),
    "AveragePool": _pool("nn.AveragePool"),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Celu": _same("nn.Celu", "alpha"),
    "CumProd": _cumulative("numpy.Cumprod"),
    "CumSum": _cumulative("numpy.Cumsum"),
    "DepthToSpace": _depth_to_space,
    "Div": _divide,
    "Einsum": _einsum,
    "Elu": _same("nn.Elu", "alpha"),
    "Expand": _expand,
    "Gather": _along("numpy.Take"),
    "GatherElements": _along("numpy.TakeAlongAxis"),
    "Gelu": _gelu,
    "Identity": _identity,
    "LeakyRelu": _leaky,
    "LogSoftmax": _same("nn.LogSoftmax", "axis"),
    "Max": _folded("numpy.Maximum"),
    "MaxPool": _pool("nn.MaxPool"),
    "Min": _folded("numpy.Minimum"),
    "Pad": _pad,
    "ReduceL1": _reduced("numpy.Sum", FLOATS, before="numpy.Absolute"),
    "ReduceL2": _reduced("numpy.Sum", FLOATS, before="numpy.Square", after="numpy.Sqrt"),
    "ReduceLogSumExp": _reduced("math.Logsumexp", FLOATS),
    "ReduceMax": _extreme("numpy.Max", "numpy.Any"),
    "ReduceMean": _reduced("numpy.Mean", FLOATS),
    "ReduceMin": _extreme("numpy.Min", "numpy.All"),
    "ReduceProd": _reduced("numpy.Prod"),
    "ReduceSum": _reduced("numpy.Sum"),
    "ReduceSumSquare": _reduced("numpy.Sum", before="numpy.Square"),
    "Reshape": _reshape,
    "Resize": _resize,
    "Selu": _same("nn.Selu"),
    "Slice": _slice,
    "Softmax": _same("nn.Softmax", "axis"),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sum": _folded("numpy.Add"),
    "Tile": _tile,
    "TopK": _top,
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
}
