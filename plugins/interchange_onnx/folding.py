"""Batch normalisation folded into the product before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from interchange import ops
from interchange.graph import Array, Graph, Node, every_node

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def batch_norm_folded(graph: Graph) -> Graph:
    """The graph without the batch normalisations that follow a product with constant weights, and nothing else reads.

    Computed in float64 and rounded once. The product takes over the name of what the normalisation made.

    Given   h = Conv(x, w, b); y = BatchNormalization(h, scale, shift, mean, variance)
    Result  y = Conv(x, w', b'), w' = w * f, b' = (b - mean) * f + shift, f = scale / √(variance + epsilon)
    """
    if not any(node.op == "BatchNormalization" for node in graph.nodes):
        return graph
    readers = Counter(name for node in every_node(graph) for name in node.inputs)
    readers.update(name for body in _bodies(graph) for name in body.outputs)
    readers.update(graph.outputs)
    places = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
    nodes: list[Node | None] = list(graph.nodes)
    constants = dict(graph.constants)
    names = {*graph.inputs, *constants, *places}
    for i, norm in enumerate(graph.nodes):
        place = places.get(norm.inputs[0], -1) if norm.op == "BatchNormalization" else -1
        product = nodes[place] if place >= 0 else None
        if product is None or product.op not in PRODUCTS or readers[norm.inputs[0]] != 1:
            continue
        folded = _folded(product, norm, constants)
        if folded is None:
            continue
        weights, bias = folded
        made = norm.outputs[0]
        w, b = (_free(f"{made}_{part}", names) for part in ("weights", "bias"))
        constants[w], constants[b] = weights, bias
        if product.op == "MatMul":  # which has no bias
            nodes[place] = replace(product, inputs=(product.inputs[0], w))
            nodes[i] = Node("Add", (norm.inputs[0], b), (made,), {}, norm.source)
            continue
        attributes = {name: value for name, value in product.attributes.items() if name != "beta"}
        nodes[place] = None
        nodes[i] = replace(product, inputs=(product.inputs[0], w, b), outputs=(made,), attributes=attributes)
    kept = tuple(node for node in nodes if node is not None)
    read = {name for node in kept for name in node.reads} | set(graph.outputs)
    return replace(graph, nodes=kept, constants={n: a for n, a in constants.items() if n in read})


def _free(name: str, names: set[str]) -> str:
    while name in names:
        name += "_"
    names.add(name)
    return name


def _bodies(graph: Graph) -> list[Graph]:
    return [body for node in every_node(graph) for body in node.bodies.values()]


def _folded(product: Node, norm: Node, constants: Mapping[str, Array]) -> tuple[Array, Array] | None:
    """The new weights and the new bias; None where the two nodes cannot become one."""
    if norm.attributes.get("training_mode") or any(norm.outputs[1:]):
        return None
    w = constants.get(product.inputs[1])
    b_name = product.inputs[2] if len(product.inputs) > 2 else ""
    b = constants.get(b_name)
    parameters = [constants.get(name) for name in norm.inputs[1:5]]
    if w is None or (b_name and b is None) or any(array is None for array in parameters) or w.dtype.kind != "f":
        return None
    scale, shift, mean, variance = (array.astype(np.float64) for array in parameters if array is not None)
    epsilon = norm.attributes.get("epsilon", ops.defaults_of("BatchNormalization")["epsilon"])
    factor = scale / np.sqrt(variance + epsilon)
    per_weight = _per_weight(product, norm, w, factor)
    if per_weight is None or (b is not None and b.size not in (1, factor.size)):
        return None
    old = np.zeros(()) if b is None else b.astype(np.float64).reshape(-1) * product.attributes.get("beta", 1.0)
    return (w * per_weight).astype(w.dtype), ((old - mean) * factor + shift).astype(w.dtype)


def _per_weight(product: Node, norm: Node, w: Array, factor: Array) -> Array | None:
    """The factor of each weight, in a shape that broadcasts to that of the weights; None if it does not fit them."""
    is_last, norm_is_last = (node.attributes.get("layout") == "NHWC" for node in (product, norm))
    if product.op in ("Gemm", "MatMul"):
        is_turned = bool(product.attributes.get("transB"))
        fits = w.ndim == 2 and w.shape[0 if is_turned else 1] == factor.size
        if not fits or (product.op == "MatMul" and not norm_is_last):
            return None
        return factor[:, None] if is_turned else factor
    if is_last != norm_is_last:
        return None
    if product.op == "Conv":
        axis = w.ndim - 1 if is_last else 0
        return factor.reshape([-1 if i == axis else 1 for i in range(w.ndim)])
    groups = product.attributes.get("group", 1)
    inputs = w.shape[-1] if is_last else w.shape[0]
    table = np.repeat(factor.reshape(groups, -1), inputs // groups, 0)  # (in, out / group)
    ones = (1,) * (w.ndim - 2)
    return table.T.reshape(*ones, *table.T.shape) if is_last else table.reshape(*table.shape, *ones)
