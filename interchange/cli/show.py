"""`interchange show`: what is in a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from interchange import api, plugins
from interchange.cli import options as plugin_options
from interchange.cli.console import Console, common_options, printable, size_text, table
from interchange.errors import BadInput
from interchange.options import Options, Shapes

if TYPE_CHECKING:
    from interchange.graph import Graph, TensorSpec

# Metadata that the summary shows under its own name, or that is too long for a line.
_ELSEWHERE = ("name", "labels", "layers", "preprocessing", "unused_weights")
_MOST_LABELS = 8
_MOST_TIMES = 25


@click.command("show")
@click.argument("model", metavar="MODEL")
@plugin_options.importing
@plugin_options.shaping
@click.option("--nodes", is_flag=True, help="The graph, call by call.")
@click.option("--weights", is_flag=True, help="Every constant: shape, type, smallest and largest value.")
@click.option("--plan", is_flag=True, help="How the numpy backend computes it, and with how much memory.")
@click.option(
    "--time", "timed", is_flag=True, help="The plan, and how long each of its kernels takes, the slowest first."
)
@common_options
@click.pass_obj
def show_command(
    console: Console,
    model: str,
    importer: str | None,
    shapes: Shapes,
    nodes: bool,
    weights: bool,
    plan: bool,
    timed: bool,
    import_options: Options,
) -> None:
    """Show what is in MODEL.

    Its layers with shapes and parameters, inputs and outputs, and what wrote it.
    """
    graph = api.load(model, format=importer, shapes=shapes, **import_options)
    document = summary(graph, nodes=nodes, weights=weights)
    if plan or timed:
        document["plan"] = plugins.get("backends", "numpy").plan(graph, timed=timed)
    console.answer(document, lambda: _lines(graph, document))


def summary(graph: Graph, *, nodes: bool = False, weights: bool = False) -> dict[str, Any]:
    """What `show --json` prints."""
    shapes = _shapes(graph)
    document: dict[str, Any] = {
        "name": graph.name,
        "metadata": dict(graph.metadata),
        "inputs": [{"name": n, "dtype": s.dtype, "shape": list(s.shape)} for n, s in graph.inputs.items()],
        "outputs": [{"name": n, **_spec_entry(shapes.get(n))} for n in graph.outputs],
        "layers": layers(graph, shapes),
        "operators": _operators(graph),
        "parameters": graph.parameters,
        "bytes": sum(array.nbytes for array in graph.constants.values()),
    }
    if nodes:
        document["graph"] = graph.to_json()
    if weights:
        document["weights"] = [_weight_entry(name, array) for name, array in graph.constants.items()]
    return document


def _shapes(graph: Graph) -> Mapping[str, TensorSpec]:
    """The shape of every value, as far as it can be told."""
    from interchange.evaluate import infer

    try:
        return infer(graph)
    except BadInput:
        return graph.inputs


def _spec_entry(spec: TensorSpec | None) -> dict[str, Any]:
    return {"dtype": spec.dtype, "shape": list(spec.shape)} if spec else {"dtype": None, "shape": None}


def _operators(graph: Graph) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in graph.nodes:
        counts[node.op] = counts.get(node.op, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def layers(graph: Graph, shapes: Mapping[str, TensorSpec]) -> list[dict[str, Any]]:
    """The nodes by the layer that they came from; a constant counts for the first layer that reads it."""
    from interchange.graph import is_weight

    grouped: dict[str, dict[str, Any]] = {}
    counted: set[str] = set()
    for node in graph.nodes:
        source = node.source or f"{next(filter(None, node.outputs), '')} ({node.op})"
        layer = grouped.setdefault(source, {"source": source, "operators": [], "parameters": 0})
        layer["operators"].append(node.op)
        layer["output"] = _spec_entry(shapes.get(node.outputs[0]))
        read = [name for name in node.inputs if name in graph.constants and name not in counted]
        layer["parameters"] += sum(
            graph.constants[name].size for name in dict.fromkeys(read) if is_weight(graph.constants[name])
        )
        counted.update(read)
    return list(grouped.values())


def _weight_entry(name: str, array: Any) -> dict[str, Any]:
    import numpy as np

    entry = {"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "bytes": array.nbytes}
    if array.dtype.kind in "iufb" and array.size and np.isfinite(array).all():
        entry |= {"min": float(array.min()), "max": float(array.max())}
    return entry


# --- for people -----------------------------------------------------------------------------------------------------


def _lines(graph: Graph, document: Mapping[str, Any]) -> Iterator[str]:
    yield click.style(printable(graph.name), bold=True)
    yield from _facts(document)
    yield ""
    if "graph" in document:
        yield from map(printable, str(graph).split("\n"))
    else:
        yield from _layer_table(document["layers"])
    if "weights" in document:
        yield ""
        yield from _weight_table(document["weights"])
    yield ""
    counts = ", ".join(f"{n} {op}" for op, n in document["operators"].items())
    yield f"{len(document['layers'])} layers, {len(graph.nodes)} operators ({counts})"
    yield f"{document['parameters']:,} parameters, {size_text(document['bytes'])}"
    if "plan" in document:
        yield ""
        yield from _plan_lines(document["plan"])


def _plan_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    shapes = ", ".join(f"{printable(name)} {_shape_text(shape)}" for name, shape in plan["shapes"].items())
    yield f"on NumPy, for {shapes}:"
    yield f"  kernels: {_counts_text(plan['kernels'])}"
    yield f"  operators without a kernel: {_counts_text(plan['operators'])}"
    if "peak_bytes" in plan:
        parts = ("weights_bytes", "weights"), ("packed_bytes", "prepared weights"), ("arena_bytes", "values")
        memory = " + ".join(f"{size_text(plan[key])} {name}" for key, name in parts)
        yield f"  {plan['steps']} steps; peak memory {size_text(plan['peak_bytes'])} = {memory}"
    if "times" in plan:
        yield ""
        yield from _time_table(plan["times"])


def _time_table(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    total = sum(entry["ms"] for entry in entries)
    rows = [
        (
            entry["kind"],
            printable(entry["source"]),
            _shape_text(entry["shape"]),
            str(entry["steps"]),
            f"{entry['ms']:.3f}",
            f"{100 * entry['ms'] / max(total, 1e-9):.1f} %",
        )
        for entry in sorted(entries, key=lambda entry: -entry["ms"])[:_MOST_TIMES]
    ]
    rows.append(("", "all", "", str(sum(entry["steps"] for entry in entries)), f"{total:.3f}", ""))
    return table(("kernel", "layer", "output", "steps", "ms", "share"), rows, right=(3, 4, 5))


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "none"


def _facts(document: Mapping[str, Any]) -> Iterator[str]:
    metadata = document["metadata"]
    facts = [(name, text) for name, text in metadata.items() if name not in _ELSEWHERE and "\n" not in text]
    facts += [("input", _value_text(entry)) for entry in document["inputs"]]
    facts += [("output", _value_text(entry)) for entry in document["outputs"]]
    if "labels" in metadata:
        facts.append(("labels", _labels_text(metadata["labels"])))
    if "preprocessing" in metadata:
        facts.append(("preprocessing", metadata["preprocessing"]))
    width = max(len(name) for name, _ in facts) if facts else 0
    for name, text in facts:
        yield f"{click.style(printable(name).ljust(width), dim=True)}  {printable(text)}"


def _value_text(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}: {_spec_text(entry)}"


def _spec_text(entry: Mapping[str, Any]) -> str:
    if entry["shape"] is None:
        return "unknown"
    from interchange.graph import TEXT

    kind = TEXT if entry["dtype"] == "object" else entry["dtype"]
    return f"{kind} {_shape_text(entry['shape'])}"


def _shape_text(shape: Sequence[Any] | None) -> str:
    if shape is None:
        return "unknown"
    return " × ".join("?" if size is None else str(size) for size in shape) or "scalar"


def _labels_text(text: str) -> str:
    import json

    labels = [str(label) for label in json.loads(text)]
    more = f", … ({len(labels)} in all)" if len(labels) > _MOST_LABELS else ""
    return ", ".join(labels[:_MOST_LABELS]) + more


def _layer_table(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (
            printable(entry["source"]),
            "unknown" if entry["output"]["shape"] is None else _shape_text(entry["output"]["shape"]),
            f"{entry['parameters']:,}" if entry["parameters"] else "",
        )
        for entry in entries
    ]
    return table(("layer", "output", "parameters"), rows, right=(2,))


def _weight_table(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (
            printable(entry["name"]),
            f"{entry['dtype']} {_shape_text(entry['shape'])}",
            f"{entry['min']:.4g}" if "min" in entry else "",
            f"{entry['max']:.4g}" if "max" in entry else "",
        )
        for entry in entries
    ]
    return table(("weight", "type and shape", "min", "max"), rows, right=(2, 3))
