"""float64 and bfloat16 by operators that ONNX Runtime has kernels for on the CPU (seen in 1.32.0).

An operator without a kernel for float64, or whose attributes or statistics are float32 there, becomes a subgraph of
operators that have one, and computes in float64 throughout: `LOWERINGS`, one function each, with the operator's own
signature. Of bfloat16 there are kernels for little but moving data, so the others compute in float32, and each result
is rounded to bfloat16: as a processor computes that has no arithmetic for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from interchange.errors import InterchangeError
from interchange.evaluate import infer_bodies
from interchange.graph import Graph, Node, TensorSpec, every_node
from interchange_onnx.cpu import activation, normalization, recurrent, windows
from interchange_onnx.cpu.writer import Writer
from interchange_onnx.specs import specs_of

RARE = ("float64", "bfloat16")
DTYPES = ("to", "dtype", "output_dtype")  # attributes that decide about what a node makes
# Operators with kernels for bfloat16, and those that only hold others.
MOVES = (
    *("Cast", "Concat", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Reshape", "Shape", "Slice"),
    *("Split", "Squeeze", "Transpose", "Unsqueeze", "If", "Loop", "Scan"),
)
Lowering = Callable[..., str | tuple[str, ...] | None]
LOWERINGS: Mapping[str, Lowering] = {
    **activation.LOWERINGS,
    **normalization.LOWERINGS,
    **recurrent.LOWERINGS,
    **windows.LOWERINGS,
}


def with_cpu_kernels(graph: Graph) -> Graph:
    """The same computation without the operators that have no kernels; the graph itself if it has no such floats.

    Given   y = LeakyRelu(x, alpha=0.1), x: float64
    Result  y = Where(GreaterOrEqual(x, 0), x, Mul(x, 0.1))

    Given   y = Add(x, z), x: bfloat16, z: bfloat16
    Result  y = Cast(Add(Cast(x), Cast(z)), to="bfloat16")
    """
    if not any(dtype in RARE for dtype in _dtypes(graph)):
        return graph
    try:
        in_bodies = infer_bodies(graph)
    except InterchangeError:
        in_bodies = {}
    writer = Writer(graph)
    nodes = _written(graph, {**specs_of(graph)}, {}, writer, in_bodies)
    return replace(graph, nodes=nodes, constants=writer.constants)


def _dtypes(graph: Graph) -> Iterator[object]:
    yield from (spec.dtype for spec in graph.inputs.values())
    yield from (array.dtype.name for array in graph.constants.values())
    yield from (node.attributes.get(name) for node in every_node(graph) for name in DTYPES)


def _written(
    graph: Graph,
    specs: Mapping[str, TensorSpec],
    wide: Mapping[str, str],
    writer: Writer,
    in_bodies: Mapping[int, Mapping[str, TensorSpec]],
) -> tuple[Node, ...]:
    """The nodes of a graph or body. `wide` holds the names in float32 of values of bfloat16, as far as there are."""
    around, writer.nodes = writer.nodes, []
    wide = dict(wide)
    for node in graph.nodes:
        writer.begin(node)
        bodies = {
            name: replace(body, nodes=_written(body, {**specs, **in_bodies.get(id(body), {})}, wide, writer, in_bodies))
            for name, body in node.bodies.items()
        }
        node = replace(node, attributes={**node.attributes, **bodies})
        dtypes = {specs[name].dtype for name in (*node.inputs, *node.outputs) if name in specs}
        if "bfloat16" in dtypes and node.op not in MOVES:
            _in_float32(node, specs, wide, writer)
        elif "float64" not in dtypes or not _in_float64(node, specs, writer):
            writer.nodes.append(node)
    nodes, writer.nodes = tuple(writer.nodes), around
    return nodes


def _in_float64(node: Node, specs: Mapping[str, TensorSpec], writer: Writer) -> bool:
    """Writes the subgraph of a node, if there is one."""
    lower = LOWERINGS.get(node.op)
    if lower is None:
        return False
    writer.specs = specs
    before = len(writer.nodes)
    made = lower(writer, *(name or None for name in node.inputs), **node.attributes)
    values = (made,) if isinstance(made, str) else made or ()
    if any(node.outputs[len(values) :]):  # what the lowering does not make is read
        del writer.nodes[before:]
        return False
    pairs = zip(node.outputs, values, strict=False)
    writer.nodes += [Node("Identity", (value,), (name,), {}, node.source) for name, value in pairs if name]
    return True


def _in_float32(node: Node, specs: Mapping[str, TensorSpec], wide: dict[str, str], writer: Writer) -> None:
    """Writes a node that computes in float32, and rounds what it makes."""

    def is_narrow(name: str) -> bool:
        return name in specs and specs[name].dtype == "bfloat16" and specs[name].kind == "tensor"

    def widened(name: str) -> str:
        if not is_narrow(name):
            return name
        if name not in wide:
            array = writer.constants.get(name)
            constant = None if array is None else writer.weight(f"{name}_float32", array.astype(np.float32))
            wide[name] = constant or writer.add("Cast", name, to="float32")
        return wide[name]

    inputs = tuple(map(widened, node.inputs))
    attributes = {k: "float32" if k in DTYPES and v == "bfloat16" else v for k, v in node.attributes.items()}
    outputs = tuple(writer.name("float32") if is_narrow(name) else name for name in node.outputs)
    writer.nodes.append(replace(node, inputs=inputs, outputs=outputs, attributes=attributes))
    for name, made in zip(node.outputs, outputs, strict=True):
        if name != made:
            writer.nodes.append(Node("Cast", (made,), (name,), {"to": "bfloat16"}, node.source))
