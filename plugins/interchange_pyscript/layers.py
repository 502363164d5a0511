"""The function `network` of a script: one line for each layer; graphs in attributes are functions within it."""

from __future__ import annotations

import textwrap
from collections import ChainMap, Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from interchange import ops
from interchange.graph import Array, Body, Graph, Node, TensorSpec
from interchange_pyscript.calls import (
    SMALL_FLOATS,
    Style,
    call_of,
    is_inline,
    with_weights_together,
)
from interchange_pyscript.text import WIDTH, Call, assignment, identifier, plain, quoted, wrapped

__all__ = ["Style", "network_text"]

SHORT = ("x", "y", "z")
TENSORS = (
    "Layers are operators of ONNX, whole: some branches serve other models. A Tensor has its numbers in one list and "
    "their shape; prepared(tensor, key, make) is make(), kept for the next call."
)
# What a line may have, and what the docstring of the function says of it then.
READING = (
    ("Gemm(", "Gemm is a dense layer. "),
    ('layout="NHWC"', "NHWC: the channels are the last dimension. "),
    (
        "noise=",
        "Layers on lanes (class Lanes) pack numbers side by side into one integer: bits, exponent and limit keep each "
        "in its lane, noise tells what rounding costs. ",
    ),
    ('*w("', "w(start, *ends) gives the weights of the names start + end. "),
)
BodySpecs = Mapping[int, Mapping[str, TensorSpec]]


class Statement(NamedTuple):
    """One line: an expression of one node or of several of the same layer, each in the next.

    `functions` are the lines of those that it calls: the graphs in its attributes.
    """

    nodes: list[Node]
    call: Call
    functions: list[str]

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.nodes[-1].outputs


class Block(NamedTuple):
    """The lines of one function: of the model, or of a graph in an attribute.

    `names` holds the variables of all values on the way, `kinds` what each variable was used for: a variable is either
    of a tensor or of something else. `positions` are those of nodes in the weights file.
    """

    graph: Graph
    constants: Mapping[str, Array]
    style: Style
    specs: Mapping[str, TensorSpec]
    bodies: BodySpecs
    reserved: set[str]
    names: dict[str, str]
    kinds: dict[str, str]
    positions: Mapping[int, int]
    indent: int

    def parameters(self) -> list[str]:
        """Names the inputs."""
        for name, spec in self.graph.inputs.items():
            kind = _kind(self.specs.get(name, spec))
            is_alone = len(self.graph.inputs) == 1 and kind == "tensor" and "x" not in self.names.values()
            self.names[name] = "x" if is_alone else self._identifier(name, kind)
            self.kinds[self.names[name]] = kind
        types = {name: _type(self.specs.get(name, spec), self.style) for name, spec in self.graph.inputs.items()}
        return [f"{self.names[name]}: {types[name]}" for name in self.graph.inputs]

    def lines(self) -> Iterator[str]:
        """All statements, in order."""
        around = set(self.names) - set(self.graph.inputs)
        for targets, statement in self._named(around):
            yield from statement.functions
            yield from self._with_comment(targets, statement)

    def value(self, name: str) -> str | Call:
        """A value as text."""
        return _value(name, self.names, self.constants, self.style)

    def _identifier(self, wish: str, kind: str) -> str:
        others = {variable for variable, used in self.kinds.items() if used != kind}
        return identifier(wish, {*self.reserved, *self.names.values(), *others})

    def _named(self, around: Collection[str]) -> Iterator[tuple[str, Statement]]:
        """(variables, statement) in order.

        A result is called x where no later line needs the x before, else y or z, and after its layer where these are
        taken. Values `around` the graph keep their variables.
        """
        groups = list(self._groups())
        last_use = {name: i for i, nodes in enumerate(groups) for node in nodes for name in node.reads}
        last_use |= dict.fromkeys((*self.graph.outputs, *around), len(groups))
        for i, nodes in enumerate(groups):
            functions, bodies = self._functions(nodes[0])
            call = _chain(nodes, self, self.names, bodies)
            call = call if len(str(call)) <= WIDTH - 4 - self.indent else with_weights_together(call)
            statement = Statement(nodes, call, functions)
            for name in [name for name in self.names if last_use.get(name, -1) <= i]:
                del self.names[name]
            targets = [self._target(output, statement, last_use.get(output, -1) > i) for output in statement.outputs]
            if len(targets) > 1:
                targets += ["_"] * (_output_count(nodes[-1], self.style) - len(targets))
            if any(target != "_" for target in targets):
                yield ", ".join(targets), statement

    def _target(self, output: str, statement: Statement, is_used: bool) -> str:
        if not is_used:
            return "_"
        kind = _kind(self.specs.get(output))
        taken = {*self.reserved, *self.names.values(), *(v for v, used in self.kinds.items() if used != kind)}
        free = [short for short in SHORT if short not in taken]
        is_only = sum(map(bool, statement.outputs)) == 1
        wish = statement.nodes[-1].source.partition(" ")[0] or output
        self.names[output] = free[0] if free and is_only and kind == "tensor" else identifier(wish, taken)
        self.kinds[self.names[output]] = kind
        return self.names[output]

    def _functions(self, node: Node) -> tuple[list[str], dict[str, Call]]:
        """The graphs in the attributes of a node: the lines of their functions, and what the call says of them."""
        lines: list[str] = []
        calls: dict[str, Call] = {}
        for attribute, body in node.bodies.items():
            layer = node.source.partition(" ")[0] or node.op.rpartition(".")[2]
            function = identifier(f"{layer}_{attribute}", {*self.reserved, *self.names.values(), *self.kinds})
            self.reserved.add(function)
            block = Block(
                body,
                self.constants,
                self.style,
                ChainMap(dict(self.bodies.get(id(body), {})), self.specs),  # type: ignore[arg-type]
                self.bodies,
                self.reserved | set(self.names.values()),
                dict(self.names),
                dict(self.kinds),
                {},
                self.indent + 4,
            )
            parameters = block.parameters()
            start = f"{' ' * self.indent}def {function}"
            lines += wrapped(parameters, f"def {function}(", ") -> tuple[Any, ...]:", self.indent)
            if not parameters:
                lines[-1] = f"{start}() -> tuple[Any, ...]:"
            lines += block.lines()
            values = [str(block.value(name)) for name in body.outputs]
            lines += _returned(values, self.indent + 4)
            lines += [""]
            calls[attribute] = Call("Body", (("", function), ("", str(len(body.outputs)))))
        return ["", *lines] if lines else [], calls

    def _groups(self) -> Iterator[list[Node]]:
        """The nodes, those of a layer together that fit into one expression: each is used by the next alone."""
        uses = Counter(name for node in self.graph.nodes for name in node.reads)
        uses.update(self.graph.outputs)
        group: list[Node] = []
        for node in self.graph.nodes:
            previous = group[-1] if group else None
            follows = (
                previous is not None
                and not (node.bodies or previous.bodies)
                and previous.source == node.source != ""
                and len([name for name in previous.outputs if name]) == 1
                and uses[previous.outputs[0]] == node.inputs.count(previous.outputs[0]) == 1
            )
            if follows and len(str(_chain([*group, node], self, None, {}))) <= WIDTH - 4 - self.indent:
                group.append(node)
                continue
            if group:
                yield group
            group = [node]
        if group:
            yield group

    def _with_comment(self, targets: str, statement: Statement) -> list[str]:
        """The lines of a statement; the comment is at the end of the line where it fits, else above."""
        shapes = [_shape(self.specs[name]) for name in statement.outputs if name in self.specs]
        shapes = [] if isinstance(self.graph, Body) else shapes  # in a body sizes are not known
        source = plain(statement.nodes[-1].source)
        comment = "  # " + " ".join([*([f"{source}:" if shapes else source] if source else []), ", ".join(shapes)])
        comment = comment.rstrip() if shapes or source else ""
        lines = assignment(targets, statement.call, self.indent)
        if len(lines) == 1 and len(lines[0] + comment) <= WIDTH:
            return [(lines[0] + comment).rstrip()]
        if not comment:
            return lines
        return [f"{' ' * self.indent}{comment.strip()[: WIDTH - self.indent]}".rstrip(), *lines]


def network_text(
    graph: Graph,
    style: Style,
    specs: Mapping[str, TensorSpec],
    taken: Collection[str],
    bodies: BodySpecs | None = None,
    in_file: Sequence[Node] = (),
) -> list[str]:
    """The lines of the function.

    Args:
        specs: dtype and shape of every value.
        taken: the names that the script uses otherwise.
        bodies: the specs of values within graphs in attributes, by the `id` of these graphs.
        in_file: the nodes that the weights file has, from which long attributes are read.
    """
    positions = {id(node): i for i, node in enumerate(in_file)}
    block = Block(graph, graph.constants, style, specs, bodies or {}, {"w", *taken}, {}, {}, positions, 4)
    parameters = [*block.parameters(), "w: Weights"]
    is_mixed = any(_kind(specs.get(name)) != "tensor" for name in graph.outputs)
    lines = wrapped(parameters, "def network(", f") -> dict[str, {'Any' if is_mixed else style.value_type}]:", 0)
    body: list[str] = []
    for name, spec in graph.inputs.items() if not style.is_numpy else ():
        if spec.dtype in SMALL_FLOATS and spec.kind == "tensor":
            variable = block.names[name]
            body += assignment(variable, Call("to_small_float", (("", variable), ("", quoted(spec.dtype)))), 4)
    body += block.lines()
    results = [f"{quoted(name)}: {block.value(name)}" for name in graph.outputs]
    return [*lines, *_network_docstring("\n".join(body), style), *body, *wrapped(results, "return {", "}", 4)]


def _network_docstring(body: str, style: Style) -> list[str]:
    """What the lines of the function are, and of what they say that which a reader may not know."""
    words = "The model, layer by layer; comments have the name of the layer and the shape of its result."
    notes = "" if style.is_numpy else f"{TENSORS} "
    notes += "".join(explained for mark, explained in READING if mark in body)
    if not notes:
        return [f'    """{words}"""']
    return [
        f'    """{words}',
        "",
        *textwrap.wrap(notes, 118, initial_indent="    ", subsequent_indent="    "),
        '    """',
    ]


def _returned(values: Sequence[str], indent: int) -> list[str]:
    whole = f"{' ' * indent}return {', '.join(values) if len(values) > 1 else f'({values[0]},)'}"
    if values and len(whole) <= WIDTH:
        return [whole]
    return wrapped(values, "return (", ")", indent)


def _kind(spec: TensorSpec | None) -> str:
    return spec.kind if spec else "tensor"


def _type(spec: TensorSpec, style: Style) -> str:
    """The annotation of a parameter."""
    return {"tensor": style.value_type, "sequence": f"list[{style.value_type}]"}.get(spec.kind, "Any")


def _value(name: str, names: Mapping[str, str], constants: Mapping[str, Array], style: Style) -> str | Call:
    """A value as text: None, a variable, a small constant, or weights by their name."""
    if not name:
        return "None"
    if name in names:
        return names[name]
    array = constants[name]
    if is_inline(array):
        return style.constant(array)
    weights = f"w[{quoted(name)}]"
    if not style.is_numpy and array.dtype.name in SMALL_FLOATS:
        return Call("from_codes", (("", weights), ("", quoted(array.dtype.name))))
    return weights


def _output_count(node: Node, style: Style) -> int:
    """How many values the function of a node returns."""
    if node.bodies:
        body = next(iter(node.bodies.values()))
        return len(body.outputs) - (node.op == "Loop")
    return (ops.outputs_of(ops.get(node.op)) if ops.exists(node.op) else None) or len(node.outputs)


class _AnyName(dict[str, str]):
    """Variables that are not named yet, for measuring; most will be called x."""

    def __init__(self, constants: Mapping[str, Array]) -> None:
        self.constants = constants

    def __contains__(self, name: object) -> bool:
        return name not in self.constants

    def __missing__(self, name: str) -> str:
        return "x"


def _chain(nodes: Sequence[Node], block: Block, names: Mapping[str, str] | None, bodies: Mapping[str, Call]) -> Call:
    """The expression of nodes of which each is an argument of the next."""
    known = _AnyName(block.constants) if names is None else names
    inner: dict[str, str | Call] = {}
    call = Call("", ())
    for position, node in enumerate(nodes):
        arguments = [
            ("", inner[name] if name in inner else _value(name, known, block.constants, block.style))
            for name in node.inputs
        ]
        arguments += [(f"{name}=", body) for name, body in bodies.items()]
        call = call_of(node, arguments, block.style, block.specs, block.positions.get(id(node)))
        if position < len(nodes) - 1:
            inner = {node.outputs[0]: call}
    return call


def _shape(spec: TensorSpec) -> str:
    """The sizes, without that of the batch where any will do."""
    if spec.kind != "tensor":
        return f"a{'n' * spec.kind.startswith('o')} {spec.kind}"
    shape = spec.shape if spec.shape and isinstance(spec.shape[0], int) else spec.shape[1:]
    return " x ".join(plain(str(size)) if size is not None else "?" for size in shape) or "one number"
