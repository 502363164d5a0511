"""The function `network` of a script: one line for each layer."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from interchange import ops
from interchange.graph import Array, Graph, Node, TensorSpec
from interchange_pyscript.text import WIDTH, Call, assignment, identifier, literal, plain, quoted, wrapped

MOST_INLINE = 8
SHORT = ("x", "y", "z")

# Attributes that say nothing when all their numbers are these; models often spell them out.
NEUTRAL: Mapping[str, int] = {"strides": 1, "dilations": 1, "pads": 0, "output_padding": 0}

# Integers have no limit in the plain style, so what can leave the range of a type is cast back to it.
CAN_OVERFLOW = frozenset(
    {"Abs", "Add", "BitShift", "BitwiseNot", "CumProd", "CumSum", "Gemm", "MatMul", "Mul", "Neg", "Pow", "Range"}
    | {"ReduceL1", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Sub", "Sum"}
)
UNLIMITED = ("int64", "bool")


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


class Statement(NamedTuple):
    """One line: an expression of one node or of several of the same layer, each in the next."""

    nodes: list[Node]
    call: Call

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.nodes[-1].outputs


def network_text(graph: Graph, style: Style, specs: Mapping[str, TensorSpec], taken: Collection[str]) -> list[str]:
    """The lines of the function. `taken` are the names that the script uses otherwise."""
    reserved = {"w", *taken}
    names: dict[str, str] = {}
    for name in graph.inputs:
        names[name] = "x" if len(graph.inputs) == 1 else identifier(name, {*reserved, *names.values()})
    parameters = [f"{names[name]}: {style.value_type}" for name in graph.inputs]
    parameters.append("w: Weights")
    lines = wrapped(parameters, "def network(", f") -> dict[str, {style.value_type}]:", 0)
    lines.append(
        '    """The model, layer by layer; comments have the name of the layer and the shape of its result."""'
    )
    for targets, statement in _named(graph, style, names, reserved, specs):
        lines += _with_comment(targets, statement, specs)
    results = [f"{quoted(name)}: {_value(name, names, graph, style)}" for name in graph.outputs]
    return [*lines, *wrapped(results, "return {", "}", 4)]


def _value(name: str, names: Mapping[str, str], graph: Graph, style: Style) -> str | Call:
    """A value as text: None, a variable, a small constant, or weights by their name."""
    if not name:
        return "None"
    if name in names:
        return names[name]
    array = graph.constants[name]
    is_small = array.ndim <= 1 and 0 < array.size <= MOST_INLINE and array.dtype.kind in "iu"
    is_number = array.ndim == 0 and array.dtype.kind in "fiub" and bool(np.isfinite(array))
    return style.constant(array) if is_small or is_number else f"w[{quoted(name)}]"


def _named(
    graph: Graph, style: Style, names: dict[str, str], reserved: set[str], specs: Mapping[str, TensorSpec]
) -> Iterator[tuple[str, Statement]]:
    """(variables, statement) in order; `names` holds the variables of all values on the way.

    A result is called x where no later line needs the x before, else y or z, and after its layer where these are taken.
    """
    groups = list(_groups(graph, style, specs))
    last_use = {name: i for i, nodes in enumerate(groups) for node in nodes for name in node.inputs}
    last_use |= dict.fromkeys(graph.outputs, len(groups))
    for i, nodes in enumerate(groups):
        call = _chain(nodes, graph, style, names, specs)
        statement = Statement(nodes, call if len(str(call)) <= WIDTH - 8 else _with_weights_together(call))
        for name in [name for name in names if last_use.get(name, -1) <= i]:
            del names[name]
        targets = []
        for output in statement.outputs:
            if last_use.get(output, -1) <= i:
                targets.append("_")
                continue
            in_use = {*reserved, *names.values()}
            wish = statement.nodes[-1].source.partition(" ")[0] or output
            free = [short for short in SHORT if short not in in_use]
            names[output] = free[0] if free and sum(map(bool, statement.outputs)) == 1 else identifier(wish, in_use)
            targets.append(names[output])
        if len(targets) > 1:
            returned = ops.outputs_of(ops.get(statement.nodes[-1].op)) or len(targets)
            targets += ["_"] * (returned - len(targets))
        if any(target != "_" for target in targets):
            yield ", ".join(targets), statement


def _groups(graph: Graph, style: Style, specs: Mapping[str, TensorSpec]) -> Iterator[list[Node]]:
    """The nodes, those of a layer together that fit into one expression: each is used by the next alone."""
    uses = Counter(name for node in graph.nodes for name in node.inputs)
    uses.update(graph.outputs)
    group: list[Node] = []
    for node in graph.nodes:
        previous = group[-1] if group else None
        follows = (
            previous is not None
            and previous.source == node.source != ""
            and len([name for name in previous.outputs if name]) == 1
            and uses[previous.outputs[0]] == node.inputs.count(previous.outputs[0]) == 1
        )
        if follows and len(str(_chain([*group, node], graph, style, None, specs))) <= WIDTH - 8:
            group.append(node)
            continue
        if group:
            yield group
        group = [node]
    if group:
        yield group


class _AnyName(dict[str, str]):
    """Variables that are not named yet, for measuring; most will be called x."""

    def __init__(self, graph: Graph) -> None:
        self.constants = graph.constants

    def __contains__(self, name: object) -> bool:
        return name not in self.constants

    def __missing__(self, name: str) -> str:
        return "x"


def _chain(
    nodes: Sequence[Node],
    graph: Graph,
    style: Style,
    names: Mapping[str, str] | None,
    specs: Mapping[str, TensorSpec],
) -> Call:
    """The expression of nodes of which each is an argument of the next."""
    known = _AnyName(graph) if names is None else names
    inner: dict[str, str | Call] = {}
    call = Call("", ())
    for position, node in enumerate(nodes):
        arguments = [("", inner[name] if name in inner else _value(name, known, graph, style)) for name in node.inputs]
        arguments += [(f"{name}=", literal(value)) for name, value in _told(node, style)]
        spec = specs.get(node.outputs[0])
        call = Call(node.op, tuple(arguments))
        if not style.is_numpy and node.op == "CastLike" and spec:
            call = Call("Cast", (arguments[0], ("to=", quoted(spec.dtype))))
        if style.returns_tuple(node.op) and len(node.outputs) == 1:
            call = Call(node.op, tuple(arguments), "[0]")
        if not style.is_numpy and node.op in CAN_OVERFLOW and spec and _is_narrow(spec.dtype):
            call = Call("Cast", (("", call), ("to=", quoted(spec.dtype))))
        if position < len(nodes) - 1:
            inner = {node.outputs[0]: call}
    return call


def _with_weights_together(call: Call) -> Call:
    """A long call with `*w("layer/", "a", "b", "c")` for three or more weights of a layer that follow each other."""
    arguments: list[tuple[str, str | Call]] = []
    for (prefix, weights), group in itertools.groupby(call.arguments, _prefix_of):
        members = list(group)
        if weights and len(members) > 2:
            names = [ast.literal_eval(str(value)[2:-1])[len(prefix) :] for _, value in members]
            members = [("", Call("*w", tuple(("", quoted(name)) for name in (prefix, *names))))]
        arguments += [
            (word, _with_weights_together(v) if isinstance(v, Call) and v.function != "*w" else v)
            for word, v in members
        ]
    return call._replace(arguments=tuple(arguments))


def _prefix_of(argument: tuple[str, str | Call]) -> tuple[str, bool]:
    """What the names of weights of one layer begin with, and whether the argument is a weight."""
    word, value = argument
    if word or not isinstance(value, str) or not value.startswith("w["):
        return "", False
    layer, slash, _ = str(ast.literal_eval(value[2:-1])).rpartition("/")
    return layer + slash, bool(slash)


def _is_narrow(dtype: str) -> bool:
    return "int" in dtype and dtype not in UNLIMITED


def _told(node: Node, style: Style) -> list[tuple[str, Any]]:
    """The attributes worth writing: those that differ from the default."""
    defaults = {name: p.default for name, p in inspect.signature(style.functions[node.op]).parameters.items()}
    told = {name: value for name, value in node.attributes.items() if name in defaults}
    if told.get("auto_pad") == "VALID" and not told.get("pads"):
        del told["auto_pad"]
    return [
        (name, told[name])
        for name, default in defaults.items()
        if name in told
        and not _same(told[name], default)
        and not (default is None and name in NEUTRAL and set(told[name]) == {NEUTRAL[name]})
    ]


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _with_comment(targets: str, statement: Statement, specs: Mapping[str, TensorSpec]) -> list[str]:
    """The lines of a statement; the comment is at the end of the line where it fits, else above."""
    shapes = [_shape(specs[name]) for name in statement.outputs if name in specs]
    source = plain(statement.nodes[-1].source)
    comment = "  # " + " ".join([*([f"{source}:"] if source else []), ", ".join(shapes)]) if shapes or source else ""
    lines = assignment(targets, statement.call, indent=4)
    if len(lines) == 1 and len(lines[0] + comment) <= WIDTH:
        return [(lines[0] + comment).rstrip()]
    return [f"    {comment.strip()[: WIDTH - 4]}".rstrip(), *lines]


def _shape(spec: TensorSpec) -> str:
    """The sizes, without that of the batch where any will do."""
    shape = spec.shape if spec.shape and isinstance(spec.shape[0], int) else spec.shape[1:]
    return " x ".join(plain(str(size)) if size is not None else "?" for size in shape) or "one number"
