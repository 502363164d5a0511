"""Puts a script together: the model on top, below it the kernels and the program that it needs, as in their modules."""

from __future__ import annotations

import base64
import inspect
import json
import textwrap
import zlib
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from mmap import mmap
from typing import TYPE_CHECKING, Any, cast

import interchange
from interchange import ops
from interchange.errors import Unsupported
from interchange.evaluate import infer, infer_bodies
from interchange.graph import Graph, Node, TensorSpec, every_node
from interchange_pyscript import FAST as IN_FAST_STYLE
from interchange_pyscript import FOR_NUMPY, MARKER
from interchange_pyscript.calls import FLOATS, IN_FULL, INTEGERS, SMALL_FLOATS, TEXT, Style, is_in_full, returns_tuple
from interchange_pyscript.fast import FAST_KERNELS, LAST
from interchange_pyscript.kernels import KERNELS, control, elementwise, tensor, types
from interchange_pyscript.layers import network_text
from interchange_pyscript.link import Linked, Target, is_of_types, is_standard, link, merge_imports, names_in
from interchange_pyscript.text import literal, plain, quoted, wrapped

if TYPE_CHECKING:
    from interchange_pyscript.fast.plan import Program

# What the lines of a network may call besides operators, and the modules that define it.
HELPERS: Mapping[str, str] = {"Body": control.__name__, "Weights": tensor.__name__}
PLAIN_HELPERS: Mapping[str, str] = {
    **dict.fromkeys(("number", "vector"), tensor.__name__),
    **dict.fromkeys(("from_codes", "from_texts", "to_small_float", "to_texts"), types.__name__),
    "Cast": elementwise.__name__,
}
PROGRAM = tuple(
    f"interchange_pyscript.program.{module}"
    for module in (
        *("command", "workers", "model", "of_floats", "of_numbers"),
        *("arrays", "prepare", "pictures", "files", "weights", "numbers"),
    )
)
COMMAND, MODEL, ARRAY_MODEL = (f"interchange_pyscript.program.{module}" for module in ("command", "model", "arrays"))
# What stands for functions of the program where a model needs less of them: by what its inputs and outputs are.
OF_NUMBERS: Mapping[Target, Target] = {
    (f"interchange_pyscript.program.{module}", name): ("interchange_pyscript.program.of_numbers", name)
    for module, name in (
        ("command", "members_of"),
        ("command", "sequences_in"),
        ("model", "value_of"),
        ("files", "texts_of"),
    )
}
OF_FLOATS: Mapping[Target, Target] = {(MODEL, "typed"): ("interchange_pyscript.program.of_floats", "typed")}
LINE = 100  # characters of a line of embedded weights


class _NumpyFunctions(Mapping[str, Any]):
    """The functions of `interchange.ops`, those of third parties left out: their text may need anything."""

    def __getitem__(self, op: str) -> Any:
        if op not in self:
            raise KeyError(op)
        return ops.get(op)

    def __contains__(self, op: object) -> bool:
        return isinstance(op, str) and ops.exists(op) and ops.get(op).__module__.startswith("interchange.ops.")

    def __iter__(self) -> Iterator[str]:
        yield from ops.OPERATORS
        for domain, catalogue in ops.DOMAINS.items():
            yield from (f"{domain}.{name}" for name in catalogue)

    def __len__(self) -> int:
        return len(list(iter(self)))


def _on_lists(functions: Mapping[str, Any]) -> Style:
    return Style(
        functions, lambda op: functions[op].__annotations__["return"].startswith("tuple["), "Tensor", is_numpy=False
    )


PLAIN = _on_lists(KERNELS)
FAST = _on_lists(ChainMap(FAST_KERNELS, KERNELS))  # type: ignore[arg-type]
NUMPY = Style(_NumpyFunctions(), lambda op: ops.outputs_of(ops.get(op)) != 1, "np.ndarray", is_numpy=True)


def script_text(
    graph: Graph, stem: str, weights_file: bytes | mmap, *, numpy: bool, embed: bool, program: Program | None = None
) -> str:
    """The script for a graph whose weights file has these bytes; in the fast style with the program of that graph.

    Raises:
        Unsupported: (IX303) the graph has something that a script cannot express; all such things in one error.
    """
    style = NUMPY if numpy else PLAIN
    specs: Mapping[str, TensorSpec] = infer(graph)
    faults = list(faults_of(graph, style, specs))
    if faults:
        raise Unsupported(
            "IX303",
            f"The exporter 'pyscript{'-numpy' if numpy else ''}' cannot express everything in this model.",
            where=graph.name,
            why=list(dict.fromkeys(faults)),
            next_step="Choose another target, or replace the layers.",
        )
    listing = graph
    if program is not None:  # which has all that is read of a graph here
        style, specs, listing = FAST, program.specs, cast(Graph, program)
    homes = homes_of({node.op for node in every_node(listing)}, style)
    instead = shorter_parts(graph, specs)
    everything = linked_parts(homes, style, instead)
    taken = {*everything.names, "np", "predict", "network", "MODEL"}
    kind = FOR_NUMPY if numpy else IN_FAST_STYLE if program else ""
    stored = program.graph if program else graph
    network = network_text(listing, style, specs, taken, infer_bodies(graph), stored.nodes)
    used = names_in("\n".join(network))
    linked = linked_parts({name: home for name, home in homes.items() if name in used}, style, instead)
    parts = [
        [f"{MARKER} by interchange {interchange.__version__}{kind}"],
        _docstring(graph, stem, specs, style, embed),
        [""],
        _imports(linked, style),
        _version_check(stem, style),
        ["", ""],
        network,
        ["", ""],
        _predict(graph),
        ["", ""],
        (linked if numpy else linked.without_types).text.split("\n"),
        ["", ""],
        _model(graph, stem, specs, weights_file, style, embed),
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


# --- what a script cannot express -----------------------------------------------------------------------------------


def faults_of(graph: Graph, style: Style, specs: Mapping[str, TensorSpec]) -> Iterator[str]:
    """Everything in a graph that a script of that style cannot express, with its layer."""
    dtypes = {*FLOATS, *INTEGERS, *SMALL_FLOATS, "bool", TEXT}
    if style.is_numpy:  # what NumPy has by itself
        dtypes -= {"bfloat16", "int2", "uint2", "int4", "uint4", *SMALL_FLOATS}
    for name, spec in graph.inputs.items():
        if spec.dtype not in dtypes or spec.kind == "map":
            yield f"input {name!r}: the type {spec}"
    for name, array in graph.constants.items():
        if array.dtype.name not in dtypes:
            yield f"weights {name!r}: the type {array.dtype.name}"
    for node in every_node(graph):
        where = node.source or str(node)
        yield from (f"{where}: {fault}" for fault in _node_faults(node, style))
    for node in graph.nodes:
        for name in node.outputs:
            if name in specs and specs[name].dtype not in dtypes:
                yield f"{node.source or str(node)}: the type {specs[name].dtype}"


def _node_faults(node: Node, style: Style) -> Iterator[str]:
    if node.op not in style.functions:
        yield f"the operator {node.op}"
        return
    known, defaults = _parameters(style.functions[node.op]), _parameters(ops.get(node.op))
    for name, value in node.attributes.items():
        if name not in known and value != defaults[name] and not is_in_full(node, style):
            yield f"{node.op} with {name}={value!r}"
    if len(node.outputs) > 1 and not returns_tuple(node, style):
        yield f"{node.op} with {len(node.outputs)} outputs"


def _parameters(function: Any) -> Mapping[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


# --- the parts of the text ------------------------------------------------------------------------------------------


def homes_of(operators: Collection[str], style: Style) -> dict[str, str]:
    """What the lines of a network with these operators may call, each with the module that defines it."""
    homes = dict(HELPERS if style.is_numpy else {**HELPERS, **PLAIN_HELPERS})
    for op in sorted(operators):
        home = style.functions[op].__module__
        homes[op.rpartition(".")[2]] = home
        if op in IN_FULL and not style.is_numpy:
            homes[IN_FULL[op]] = home
    return homes


def shorter_parts(graph: Graph, specs: Mapping[str, TensorSpec]) -> Mapping[Target, Target]:
    """What stands for functions of the program in the script of that graph, as in `link`."""
    if any(specs[name].kind != "tensor" or specs[name].dtype == TEXT for name in (*graph.inputs, *graph.outputs)):
        return {}
    are_floats = all("float" in specs[name].dtype for name in graph.inputs)
    return {**OF_NUMBERS, **(OF_FLOATS if are_floats else {})}


def linked_parts(
    homes: Mapping[str, str], style: Style, instead: Mapping[Target, Target] | None = None, *, program: bool = True
) -> Linked:
    """The functions that the network calls, and the program around it."""
    order = [
        *(sorted({*homes.values()}) if style.is_numpy else ()),
        *FAST_KERNELS.modules,
        *KERNELS.modules,
        *LAST,
        *PROGRAM,
    ]
    targets = {(home, name) for name, home in {**homes, "Weights": HELPERS["Weights"]}.items()}
    if program:
        targets |= {(COMMAND, "command_line"), (ARRAY_MODEL, "ArrayModel") if style.is_numpy else (MODEL, "Model")}
    own, without = ("interchange", "interchange_pyscript"), ("elementwise", "shape_rule")
    return link(targets, order, own=own, without=without, instead=instead)


def _imports(linked: Linked, style: Style) -> list[str]:
    needed = ["import sys", "from typing import Any"]
    if style.is_numpy:
        needed.append("import numpy as np")
    lines = [line for line in merge_imports([*linked.imports, *needed]) if "__future__" not in line]
    start = ["from __future__ import annotations", ""]
    if style.is_numpy:
        others = [line for line in lines if not is_standard(line)]
        return [*start, *filter(is_standard, lines), "", *others]
    # The modules typing and collections.abc take Python longer than a small network does.
    types = [line for line in lines if is_of_types(line.rpartition(" import ")[0])]
    checking = [
        "",
        "TYPE_CHECKING = False",
        "if TYPE_CHECKING:  # Python does not come here",
        *(f"    {t}" for t in types),
    ]
    return [*start, *(line for line in lines if line not in types), *checking]


def _version_check(stem: str, style: Style) -> list[str]:
    """One line for a Python that is too old, in syntax that it understands."""
    major, minor = (3, 11) if style.is_numpy else (3, 9)
    return [
        "",
        f"if sys.version_info < ({major}, {minor}):  # noqa: UP036",
        f'    sys.exit("{stem}.py needs Python {major}.{minor} or newer")',
    ]


def _docstring(graph: Graph, stem: str, specs: Mapping[str, TensorSpec], style: Style, embed: bool) -> list[str]:
    """What the model is and how to use it."""
    needs = "on NumPy (Python 3.11 or newer)" if style.is_numpy else "in plain Python (3.9 or newer, nothing else)"
    lines = [f'"""{plain(graph.name) or "A model"}: a neural network {needs}.', ""]
    for title, names in (("Inputs", list(graph.inputs)), ("Outputs", list(graph.outputs))):
        lines.append(f"{title}:")
        for name in names:
            sizes = ", ".join("?" if size is None else plain(str(size)) for size in specs[name].shape)
            lines.append(f"    {plain(name) or '(no name)'}: {_type_text(specs[name])} [{sizes}]")
    arguments = "x" if len(graph.inputs) == 1 else ", ".join(f"x{i + 1}" for i in range(len(graph.inputs)))
    several = "a dictionary of such lists by name" if len(graph.outputs) > 1 else "nested lists"
    count = f"{graph.parameters:,} numbers, {'at the end of this file' if embed else f'in {stem}.safetensors'}"
    source = [graph.metadata.get(key, "") for key in ("format", "producer")]
    origin = plain(", ".join(part for part in source if part))
    lines += [
        "",
        "Use it from Python:",
        "",
        f"    from {stem} import predict",
        f"    y = predict({arguments})  # nested lists of the shapes above in, {several} out",
        "",
        "or from a shell:",
        "",
        f"    python {stem}.py {'image.png' if _takes_images(graph) else 'input.csv'}",
        f"    python {stem}.py input.npy --output outputs.npz",
        f"    python {stem}.py --selftest",
        "",
        f"The weights: {count}." + (f" Made from: {origin}." if origin else ""),
        '"""',
    ]
    return [part for line in lines for part in (textwrap.wrap(line, 118, subsequent_indent="    ") or [""])]


def _takes_images(graph: Graph) -> bool:
    shapes = [spec.shape for spec in graph.inputs.values()]
    is_image = len(shapes) == 1 and len(shapes[0]) == 4 and {shapes[0][1], shapes[0][3]} & {1, 3}
    return bool(is_image) or "preprocessing" in graph.metadata


def _predict(graph: Graph) -> list[str]:
    several = "a dictionary of nested lists by name" if len(graph.outputs) > 1 else "the output as nested lists"
    return [
        "def predict(*inputs: Any) -> Any:",
        f'    """Computes {several}, from nested lists (or arrays) of the model\'s shapes, batch included.',
        "",
        "    Raises ValueError if an input does not fit, or if the weights are missing or damaged.",
        '    """',
        "    return MODEL.predict(inputs)",
    ]


def _signature(specs: Mapping[str, TensorSpec], names: Sequence[str]) -> list[str]:
    return [f"{quoted(name)}: {literal((_type_text(specs[name]), tuple(specs[name].shape)))}" for name in names]


def _type_text(spec: TensorSpec) -> str:
    """Such as "float32" or "sequence of float32"."""
    return spec.dtype if spec.kind == "tensor" else f"{spec.kind} of {spec.dtype}"


def _model(
    graph: Graph, stem: str, specs: Mapping[str, TensorSpec], weights_file: bytes | mmap, style: Style, embed: bool
) -> list[str]:
    """The object with the signature and the weights, and the call of the command line."""
    source = quoted(f"{stem}.safetensors")
    lines: list[str] = []
    if embed:
        text = base64.b85encode(zlib.compress(weights_file, 9)).decode()
        rows = [text[i : i + LINE] for i in range(0, len(text), LINE)]
        lines = ['WEIGHTS = """', *rows, '"""', ""]
        source = "WEIGHTS"
    labels, preprocessing = _metadata(graph)
    lines += [
        f"MODEL = {'ArrayModel' if style.is_numpy else 'Model'}(",
        f"    name={quoted(stem)},",
        "    network=network,",
        *_keyword(wrapped(_signature(specs, list(graph.inputs)), "inputs={", "}", 4)),
        *_keyword(wrapped(_signature(specs, list(graph.outputs)), "outputs={", "}", 4)),
        f"    weights={source},",
        f"    checksum={zlib.crc32(weights_file)},",
    ]
    if labels:
        lines += _keyword(wrapped([quoted(label) for label in labels], "labels=[", "]", 4))
    if preprocessing is not None:
        entries = [f"{quoted(key)}: {literal(value)}" for key, value in preprocessing.items()]
        lines += _keyword(wrapped(entries, "preprocessing={", "}", 4))
    return [
        *lines,
        ")",
        "",
        'if __name__ == "__main__":',
        "    sys.exit(command_line(MODEL, sys.argv[1:], str(__doc__)))",
    ]


def _keyword(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1] + ","]


def _metadata(graph: Graph) -> tuple[list[str], dict[str, Any] | None]:
    """Labels and preprocessing; what is not of the agreed form is left out."""
    try:
        labels = [str(label) for label in json.loads(graph.metadata.get("labels", "[]"))]
    except (ValueError, TypeError):
        labels = []
    try:
        preprocessing = json.loads(graph.metadata.get("preprocessing", "null"))
        literal(preprocessing)
    except (ValueError, TypeError):
        preprocessing = None
    return labels, preprocessing if isinstance(preprocessing, dict) else None
