"""Changes to a graph that leave what it computes, and after which more of it fits lanes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from interchange.graph import Array, Graph, Node

MONOTONE = ("Relu", "LeakyRelu", "Clip")
LAYERS = ("Conv", "Gemm", "MatMul")
KEEP_SCALES = ("Relu", "LeakyRelu", "MaxPool")  # f(2**n * x) == 2**n * f(x)
IN_LANES = (
    *LAYERS,
    *MONOTONE,
    "MaxPool",
    "AveragePool",
    "Add",
    "Flatten",
    "Reshape",
    "GlobalAveragePool",
    "ReduceMean",
)
UNEQUAL = 16.0  # how much larger some weights may be than others
MOST_POWER = 40


def uses_of(graph: Graph) -> Counter[str]:
    """How often each value is read, by nodes or as an output."""
    return Counter([*(name for node in graph.nodes for name in node.reads), *graph.outputs])


def folded(graph: Graph) -> Graph:
    """Batch normalisation, where it follows a convolution directly, goes into that one's weights."""
    uses, constants = uses_of(graph), dict(graph.constants)
    made = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
    nodes: list[Node | None] = list(graph.nodes)
    for i, node in enumerate(graph.nodes):
        place = made.get(node.inputs[0]) if node.op == "BatchNormalization" and node.inputs else None
        conv = nodes[place] if place is not None else None
        if conv is None or place is None or conv.op != "Conv" or uses[node.inputs[0]] != 1:
            continue
        given = [*conv.inputs[1:], *node.inputs[1:]]
        is_plain = not node.attributes.get("training_mode") and not any(node.outputs[1:])
        if not is_plain or any(name and name not in constants for name in given):
            continue
        gamma, beta, mean, variance = (np.asarray(constants[name], np.float64) for name in node.inputs[1:5])
        factor = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        kernel = constants[conv.inputs[1]]
        bias = constants[conv.inputs[2]] if len(conv.inputs) > 2 and conv.inputs[2] else np.zeros(1)
        along_last = conv.attributes.get("layout", "NCHW") == "NHWC"
        shaped = factor if along_last else factor.reshape(-1, *[1] * (kernel.ndim - 1))
        with np.errstate(all="ignore"):
            new_kernel = (kernel * shaped).astype(kernel.dtype)
            new_bias = ((bias - mean) * factor + beta).astype(kernel.dtype)
        if not (np.isfinite(new_kernel).all() and np.isfinite(new_bias).all()):
            continue
        names = [f"{conv.inputs[1]} folded", f"{conv.inputs[1]} bias"]
        constants |= dict(zip(names, (new_kernel, new_bias), strict=True))
        nodes[place] = None
        nodes[i] = replace(conv, inputs=(conv.inputs[0], *names), outputs=(node.outputs[0],))
        made[node.outputs[0]] = i
    return cleaned(graph, [node for node in nodes if node is not None], constants)


def clipped(graph: Graph) -> Graph:
    """A Relu and the Min with a number after it, as Keras writes ReLU6, become one Clip."""
    uses, constants = uses_of(graph), dict(graph.constants)
    made = {name: node for node in graph.nodes for name in node.outputs}
    gone: set[int] = set()
    nodes = []
    for node in graph.nodes:
        limit = next((constants[n] for n in node.inputs if n in constants and constants[n].size == 1), None)
        x = next((n for n in node.inputs if n in made and made[n].op == "Relu" and uses[n] == 1), None)
        if node.op != "Min" or len(node.inputs) != 2 or limit is None or x is None or not limit.reshape(()) > 0:
            nodes.append(node)
            continue
        names = [f"{node.outputs[0]} {side}" for side in ("low", "high")]
        constants |= dict(zip(names, (np.zeros((), limit.dtype), limit.reshape(())), strict=True))
        gone.add(id(made[x]))
        nodes.append(Node("Clip", (made[x].inputs[0], *names), node.outputs, {}, node.source))
    return cleaned(graph, [node for node in nodes if id(node) not in gone], constants)


def with_pads(graph: Graph) -> Graph:
    """A border of zeros around images goes into the convolution that reads it, or into the pool if nothing is negative.

    A MaxPool leaves its border out, which is the same as zeros where all else is at least 0 and no window is all of it.
    """
    uses, made = uses_of(graph), {name: node for node in graph.nodes for name in node.outputs}
    nodes: list[Node] = []
    gone: set[int] = set()
    for node in graph.nodes:
        pad = made.get(node.inputs[0]) if node.op in ("Conv", "MaxPool") and node.inputs else None
        if pad is not None and node.op == "MaxPool" and not _is_relu(made.get(pad.inputs[0])):
            pad = None
        pads = _zeros_around(pad, graph.constants) if pad is not None and uses[node.inputs[0]] == 1 else None
        explicit = node.attributes.get("auto_pad", "NOTSET") in ("NOTSET", "VALID")
        if pad is None or pads is None or not explicit:
            nodes.append(node)
            continue
        start = 1 if node.attributes.get("layout", "NCHW") == "NHWC" else 2
        inside = [pads[start], pads[start + 1], pads[4 + start], pads[5 + start]]
        kernel = node.attributes.get("kernel_shape", ())
        if sum(inside) != sum(pads) or (node.op == "MaxPool" and max(inside) >= min(kernel)):
            nodes.append(node)
            continue
        has_own = node.attributes.get("auto_pad") != "VALID" and node.attributes.get("pads")
        own = node.attributes["pads"] if has_own else (0, 0, 0, 0)
        gone.add(id(pad))
        kept = {key: value for key, value in node.attributes.items() if key != "auto_pad"}
        attributes = {**kept, "pads": [p + q for p, q in zip(own, inside, strict=True)]}
        nodes.append(replace(node, inputs=(pad.inputs[0], *node.inputs[1:]), attributes=attributes))
    return cleaned(graph, [node for node in nodes if id(node) not in gone], dict(graph.constants))


def _is_relu(node: Node | None) -> bool:
    return node is not None and node.op == "Relu"


def _zeros_around(pad: Node, constants: Mapping[str, Array]) -> list[int] | None:
    """The pads of a Pad of images with zeros."""
    if pad.op != "Pad" or pad.attributes.get("mode", "constant") != "constant" or any(pad.inputs[3:]):
        return None
    pads = constants.get(pad.inputs[1])
    value = constants.get(pad.inputs[2]) if len(pad.inputs) > 2 and pad.inputs[2] else np.zeros(1)
    if pads is None or pads.size != 8 or (pads < 0).any() or value is None or value.any():
        return None
    return [int(p) for p in pads]


def pooled_first(graph: Graph) -> Graph:
    """A monotone activation and the MaxPool that follows it change places: it then has fewer numbers to look at."""
    uses, made = uses_of(graph), {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
    nodes = list(graph.nodes)
    for i, pool in enumerate(graph.nodes):
        place = made.get(pool.inputs[0]) if pool.op == "MaxPool" and len(pool.outputs) == 1 else None
        if place is None or nodes[place].op not in MONOTONE or uses[pool.inputs[0]] != 1:
            continue
        activation = nodes[place]
        if activation.attributes.get("alpha", 0.0) < 0 or any(n not in graph.constants for n in activation.inputs[1:]):
            continue
        between = f"{pool.outputs[0]} before {activation.op}"
        nodes[place] = replace(pool, inputs=(activation.inputs[0],), outputs=(between,))
        nodes[i] = replace(activation, inputs=(between, *activation.inputs[1:]), outputs=pool.outputs)
        made[pool.outputs[0]] = i
    return cleaned(graph, nodes, dict(graph.constants))


def equalised(graph: Graph) -> Graph:
    """Channels that a layer reads get powers of two with which its weights for all of them are about equally large.

    Lanes have one unit for a whole sample. A feature of large numbers and small weights would leave few digits to one
    of small numbers and large weights; so scaled, the digits are where they count. The layer before takes the powers
    into its weights; where there is none, the input is multiplied. Powers of two change no digit of a float.
    """
    uses, constants, nodes = uses_of(graph), dict(graph.constants), list(graph.nodes)
    made = {name: i for i, node in enumerate(nodes) for name in node.outputs}
    before: dict[int, Node] = {}
    for i in range(len(nodes)):
        powers = _powers(nodes[i], constants)
        if powers is None:
            continue
        x = nodes[i].inputs[0]
        while x in made and uses[x] == 1 and nodes[made[x]].op in KEEP_SCALES:
            x = nodes[made[x]].inputs[0]
        maker = nodes[made[x]] if x in made else None
        if maker is None or maker.op not in IN_LANES:
            name = f"{nodes[i].inputs[1]} scale of inputs"
            is_last = nodes[i].op != "Conv" or _is_last(nodes[i])
            constants[name] = np.ldexp(np.float32(1), powers if is_last else powers.reshape(-1, 1, 1))
            scaled = f"{nodes[i].inputs[0]} for {nodes[i].outputs[0]}"
            before[i] = Node("Mul", (nodes[i].inputs[0], name), (scaled,), {}, nodes[i].source)
            nodes[i] = replace(nodes[i], inputs=(scaled, *nodes[i].inputs[1:]))
        elif uses[x] == 1 and _has_constant_weights(maker, constants):
            nodes[made[x]] = _with_powers(maker, powers, constants, of_inputs=False)
        else:
            continue
        nodes[i] = _with_powers(nodes[i], -powers, constants, of_inputs=True)
    ordered = [n for i, node in enumerate(nodes) for n in ([before[i]] if i in before else []) + [node]]
    return cleaned(graph, ordered, constants)


def _has_constant_weights(node: Node, constants: Mapping[str, Array]) -> bool:
    given = [constants.get(name) for name in node.inputs[1:] if name]
    is_flat = node.op != "MatMul" and node.attributes.get("alpha", 1.0) == node.attributes.get("beta", 1.0) == 1.0
    return node.op in LAYERS and is_flat and all(w is not None and w.dtype == np.float32 for w in given) and bool(given)


def _is_last(node: Node) -> bool:
    """Whether a kernel has its inputs and outputs as its last dimensions, in this order."""
    if node.op == "Conv":
        return bool(node.attributes.get("layout", "NCHW") == "NHWC")
    return not node.attributes.get("transB")


def _axis(node: Node, *, of_inputs: bool) -> int:
    """The dimension of a kernel that counts its inputs or outputs."""
    return (-2 if of_inputs else -1) if _is_last(node) else (1 if of_inputs else 0)


def _powers(node: Node, constants: Mapping[str, Array]) -> Array | None:
    """The exponents for the inputs of a layer; None if its weights for all of them are of about one size."""
    is_mixing = node.op in LAYERS and node.attributes.get("group", 1) == 1 and not node.attributes.get("transA")
    kernel = constants.get(node.inputs[1]) if is_mixing else None
    if kernel is None or kernel.dtype != np.float32 or kernel.ndim != (4 if node.op == "Conv" else 2):
        return None
    by_input = np.moveaxis(kernel, _axis(node, of_inputs=True), 0).astype(np.float64)
    sizes = np.sqrt(np.square(by_input).sum(axis=tuple(range(1, kernel.ndim))))
    largest = sizes.max(initial=0.0)
    if not np.isfinite(largest) or largest == 0 or sizes[sizes > 0].min() * UNEQUAL >= largest:
        return None
    exponents = np.frexp(np.where(sizes > 0, sizes, largest) / largest)[1]
    powers: Array = np.clip(exponents, -MOST_POWER, 0)
    return powers


def _with_powers(node: Node, powers: Array, constants: dict[str, Array], *, of_inputs: bool) -> Node:
    """A layer whose weights for its inputs or outputs are multiplied with powers of two."""
    names = list(node.inputs)
    kernel, axis = constants[names[1]], _axis(node, of_inputs=of_inputs)
    shape = [1] * kernel.ndim
    shape[axis] = -1
    names[1] = f"{names[1].removesuffix(' equalised')} equalised"
    constants[names[1]] = np.ldexp(kernel, powers.reshape(shape))
    if not of_inputs and len(names) > 2 and names[2]:
        bias, names[2] = constants[names[2]], f"{names[2].removesuffix(' equalised')} equalised"
        constants[names[2]] = np.ldexp(bias, powers)
    return replace(node, inputs=tuple(names))


def cleaned(graph: Graph, nodes: list[Node], constants: dict[str, Array]) -> Graph:
    """The graph with these nodes and those of the constants that they read."""
    read = {name for node in nodes for name in node.reads} | set(graph.outputs)
    kept = {name: array for name, array in constants.items() if name in read}
    return replace(graph, nodes=tuple(nodes), constants=kept)
