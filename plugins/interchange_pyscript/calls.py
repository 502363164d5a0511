"""One node of a graph as a call in a script: its arguments, and what its types ask for."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from interchange.graph import Array, Graph, Node, TensorSpec
from interchange_pyscript.text import Call, literal, quoted

MOST_INLINE = 8  # elements of a constant
LONG_ATTRIBUTE = 16  # elements of an attribute that is read from the weights file instead

# Attributes that say nothing when all their numbers are these; models often spell them out.
NEUTRAL: Mapping[str, int] = {"strides": 1, "dilations": 1, "pads": 0, "output_padding": 0}

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = tuple(f"{sign}int{bits}" for bits in (2, 4, 8, 16, 32, 64) for sign in ("", "u"))
SMALL_FLOATS = (
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
    "float4_e2m1fn",
)
TEXT = "object"

# Integers have no limit in the plain style, so what can leave the range of a type is cast back to it.
CAN_OVERFLOW = frozenset(
    {"Abs", "Add", "BitShift", "BitwiseNot", "CumProd", "CumSum", "Div", "Einsum", "Gemm", "MatMul", "Mul", "Neg"}
    | {"Pow", "ReduceL1", "ReduceL2", "ReduceProd", "ReduceSum", "ReduceSumSquare", "ScatterElements", "ScatterND"}
    | {"Sub", "Sum"}
)

# What an operator is called where more is asked of it than its first output in inference.
IN_FULL: Mapping[str, str] = {
    "MaxPool": "max_pool_with_indices",
    "BatchNormalization": "batch_normalization_in_training",
}


class Style(NamedTuple):
    """How a script computes: on lists or on NumPy arrays.

    `functions` are its operators; `returns_tuple` tells those with several outputs.
    """

    functions: Mapping[str, Callable[..., Any]]
    returns_tuple: Callable[[str], bool]
    value_type: str
    is_numpy: bool

    def constant(self, array: Array) -> Call:
        """A small constant as text."""
        values = [array.item()] if array.ndim == 0 else array.tolist()
        if self.is_numpy:
            content = literal(values if array.ndim else values[0])
            return Call("np.array", (("", content), ("", quoted(array.dtype.name))))
        return Call("vector" if array.ndim else "number", tuple(("", literal(value)) for value in values))


def is_in_full(node: Node, style: Style) -> bool:
    """Whether a node asks for more than the usual function gives."""
    several = len([name for name in node.outputs if name]) > 1
    return not style.is_numpy and node.op in IN_FULL and (several or bool(node.attributes.get("training_mode")))


def function_name(node: Node, style: Style) -> str:
    """What a script calls an operator: its name without the domain."""
    return IN_FULL[node.op] if is_in_full(node, style) else node.op.rpartition(".")[2]


def returns_tuple(node: Node, style: Style) -> bool:
    return is_in_full(node, style) or style.returns_tuple(node.op)


def is_inline(array: Array) -> bool:
    """Whether a constant is written into the line that reads it."""
    is_small = array.ndim <= 1 and 0 < array.size <= MOST_INLINE and array.dtype.kind in "iu"
    is_number = array.ndim == 0 and array.dtype.kind in "fiub" and bool(np.isfinite(array))
    return is_small or is_number


def call_of(
    node: Node,
    arguments: list[tuple[str, str | Call]],
    style: Style,
    specs: Mapping[str, TensorSpec],
    position: int | None,
) -> Call:
    """The call of a node's function, in the types of the graph.

    Args:
        arguments: the inputs as text.
        position: that of the node in the graph, if its long attributes can be read from the weights file.
    """
    told = _told(node, style, specs)
    long = [name for name, value in told if position is not None and _is_long(value)]
    arguments = [*arguments, *((f"{name}=", literal(value)) for name, value in told if name not in long)]
    if long:
        arguments.append(("", Call("**w.attributes", (("", str(position)), *(("", quoted(name)) for name in long)))))
    if style.is_numpy:
        call = Call(function_name(node, style), tuple(arguments))
    elif node.op in ("Cast", "CastLike"):
        call = _cast(node, arguments, specs)
    else:
        call = Call(function_name(node, style), tuple(arguments))
    if returns_tuple(node, style) and len(node.outputs) == 1:
        return call._replace(suffix="[0]")
    spec = specs.get(node.outputs[0])
    if not style.is_numpy and node.op in CAN_OVERFLOW and spec and spec.dtype in INTEGERS:
        return Call("Cast", (("", call), ("to=", quoted(spec.dtype))))
    return call


def _is_long(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > LONG_ATTRIBUTE


def _cast(node: Node, arguments: list[tuple[str, str | Call]], specs: Mapping[str, TensorSpec]) -> Call:
    """A Cast, or what it is for texts and small floats."""
    target, source = specs.get(node.outputs[0]), specs.get(node.inputs[0])
    to = str(node.attributes.get("to") or (target.dtype if target else "float32"))
    given = arguments[0]
    if source and source.dtype == TEXT and to != TEXT:
        given = ("", Call("from_texts", (given,)))
    if to in SMALL_FLOATS:
        options = [(word, value) for word, value in arguments if word in ("saturate=", "round_mode=")]
        return Call("to_small_float", (given, ("", quoted(to)), *options))
    if to == TEXT:
        return Call("to_texts", (given, ("", quoted(source.dtype if source else "float64"))))
    return Call("Cast", (given, ("to=", quoted(to))))


def _told(node: Node, style: Style, specs: Mapping[str, TensorSpec]) -> list[tuple[str, Any]]:
    """The attributes worth writing: those that differ from the default, and the types that a kernel wants to know."""
    defaults = {name: p.default for name, p in inspect.signature(style.functions[node.op]).parameters.items()}
    if is_in_full(node, style) and "training_mode" in node.attributes:
        defaults["training_mode"] = 0
    told = {name: value for name, value in node.attributes.items() if name in defaults and not isinstance(value, Graph)}
    if told.get("auto_pad") == "VALID" and not told.get("pads"):
        del told["auto_pad"]
    if not style.is_numpy:
        if node.op == "Optional":
            told.pop("type", None)  # it says nothing that is computed
        types = {"input_dtype": (*node.inputs, "")[0], "output_dtype": node.outputs[0], "dtype": node.outputs[0]}
        for name, value in types.items():
            spec = specs.get(value)
            if name in defaults and told.get(name) is None and spec and spec.kind == "tensor":
                is_needed = defaults[name] is inspect.Parameter.empty
                if is_needed or spec.dtype not in FLOATS:  # a float is what a function makes by itself
                    told[name] = spec.dtype
    return [
        (name, told[name])
        for name, default in defaults.items()
        if name in told
        and not _same(told[name], default)
        and not (default is None and name in NEUTRAL and set(told[name]) == {NEUTRAL[name]})
    ]


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def with_weights_together(call: Call) -> Call:
    """A long call with `*w("layer/", "a", "b", "c")` for three or more weights of a layer that follow each other."""
    arguments: list[tuple[str, str | Call]] = []
    for (prefix, weights), group in itertools.groupby(call.arguments, _prefix_of):
        members = list(group)
        if weights and len(members) > 2:
            names = [ast.literal_eval(str(value)[2:-1])[len(prefix) :] for _, value in members]
            members = [("", Call("*w", tuple(("", quoted(name)) for name in (prefix, *names))))]
        arguments += [
            (word, with_weights_together(v) if isinstance(v, Call) and v.function != "*w" else v) for word, v in members
        ]
    return call._replace(arguments=tuple(arguments))


def _prefix_of(argument: tuple[str, str | Call]) -> tuple[str, bool]:
    """What the names of weights of one layer begin with, and whether the argument is a weight."""
    word, value = argument
    if word or not isinstance(value, str) or not value.startswith("w["):
        return "", False
    layer, slash, _ = str(ast.literal_eval(value[2:-1])).rpartition("/")
    return layer + slash, bool(slash)
