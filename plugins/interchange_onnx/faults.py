"""Known faults of runtimes that a graph can steer around without changing its meaning: one function each.

Each has a test that shows the right result under the runtime's defaults. An entry goes when no supported runtime
has the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from interchange.graph import Array, Dimension, Graph, Node, TensorSpec
from interchange_onnx.emitter import Emitter
from interchange_onnx.same import explicit_pads
from interchange_onnx.specs import specs_of


def no_pad_before_max_pool(graph: Graph) -> Graph:
    """ONNX Runtime moves `Pad` with zeros into the pads of a MaxPool after it, which are -inf (1.31.1; not 1.32.0).

    It does so unless the MaxPool has another `auto_pad` than NOTSET, or a second output.

    Given   y = MaxPool(Pad(x, …), kernel_shape=(3, 3))
    Result  y = MaxPool(Pad(x, …), kernel_shape=(3, 3), auto_pad="VALID")
    """
    if not any(node.op == "Pad" for node in graph.nodes):
        return graph
    names = _names(graph)

    def steer(node: Node) -> Node:
        if node.op != "MaxPool" or node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or len(node.outputs) > 1:
            return node
        if not any(node.attributes.get("pads") or ()) and not node.attributes.get("ceil_mode"):
            attributes = {name: value for name, value in node.attributes.items() if name != "pads"}
            return replace(node, attributes={**attributes, "auto_pad": "VALID"})
        return replace(node, outputs=(*node.outputs, _free(f"{node.outputs[0]}_indices", names)))

    return replace(graph, nodes=tuple(map(steer, graph.nodes)))


def time_before_batch(graph: Graph) -> Graph:
    """ONNX Runtime has no recurrent layers with the batch first (layout 1); older opsets have not either.

    Given   y = LSTM(x, w, r, layout=1)
    Result  x1 = Transpose(x, perm=(1, 0, 2)); y1 = LSTM(x1, w, r); y = Transpose(y1, perm=(2, 0, 1, 3))
    """
    if not any(_is_batch_first(node) for node in graph.nodes):
        return graph
    names = _names(graph)
    nodes: list[Node] = []

    def turned(name: str, node: Node) -> str:
        if not name:
            return ""
        fresh = _free(f"{name}_turned", names)
        nodes.append(Node("Transpose", (name,), (fresh,), {"perm": (1, 0, 2)}, node.source))
        return fresh

    for node in graph.nodes:
        if not _is_batch_first(node):
            nodes.append(node)
            continue
        inputs = tuple(turned(name, node) if i in BATCH_INPUTS else name for i, name in enumerate(node.inputs))
        outputs = tuple(_free(f"{name}_turned", names) if name else "" for name in node.outputs)
        attributes = {name: value for name, value in node.attributes.items() if name != "layout"}
        nodes.append(replace(node, inputs=inputs, outputs=outputs, attributes=attributes))
        for name, made, perm in zip(node.outputs, outputs, BACK, strict=False):
            if name:
                nodes.append(Node("Transpose", (made,), (name,), {"perm": perm}, node.source))
    return replace(graph, nodes=tuple(nodes))


BATCH_INPUTS = (0, 5, 6)  # X, initial_h, initial_c
BACK = ((2, 0, 1, 3), (1, 0, 2), (1, 0, 2))  # Y, Y_h, Y_c


def _is_batch_first(node: Node) -> bool:
    return node.op in ("RNN", "GRU", "LSTM") and node.attributes.get("layout") == 1


def _names(graph: Graph) -> set[str]:
    return {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}


def _free(name: str, names: set[str]) -> str:
    """The name, or one like it that is not in use; it is in use from now on."""
    while name in names:
        name += "_"
    names.add(name)
    return name


def masks_of_all_queries(graph: Graph) -> Graph:
    """ONNX Runtime (seen in 1.32.0) does not broadcast a mask of Attention along the queries: it refuses.

    Given   y = Attention(q, k, v, mask), mask: float32[2, 1, 1, 7]
    Result  mask1 = Expand(mask, Concat(Shape(q, start=1, end=2), 1)); y = Attention(q, k, v, mask1)
    """
    if not any(_has_mask(node) for node in graph.nodes):
        return graph
    e, specs = Emitter(graph), specs_of(graph)
    for node in graph.nodes:
        if _has_mask(node):
            q, mask = (specs.get(node.inputs[i]) for i in (0, MASK))
            if q is not None and mask is not None and len(mask.shape) > 1 and mask.shape[-2] == 1 != q.shape[-2]:
                e.begin(node)
                axis = len(q.shape) - 2
                queries = e.add("Shape", node.inputs[0], start=axis, end=axis + 1)
                whole = e.add("Expand", node.inputs[MASK], e.add("Concat", queries, [1], axis=0))
                node = replace(node, inputs=(*node.inputs[:MASK], whole, *node.inputs[MASK + 1 :]))
        e.nodes.append(node)
    return replace(graph, nodes=tuple(e.nodes), constants=e.constants)


MASK = 3  # which input of Attention


def _has_mask(node: Node) -> bool:
    return node.op == "Attention" and len(node.inputs) > MASK and bool(node.inputs[MASK])


def weights_without_sign(graph: Graph) -> Graph:
    """ONNX Runtime (seen in 1.32.0) adds pairs of products of uint8 with int8 in 16 bits on processors without VNNI.

    Sums that are too large are cut off, without a word. Where two weights are large enough for that, they become uint8;
    also those that ONNX Runtime will make integer products of, because both factors come from a DequantizeLinear.

    Given   y = MatMulInteger(x, w, x_zero, w_zero), w: int8, w_zero: int8
    Result  the same with w + 128 and w_zero + 128 as uint8
    """
    if not any(node.op in WEIGHTS for node in graph.nodes):
        return graph
    writer = _Unsigned(graph)
    for node in graph.nodes:
        writer.write(node)
    return replace(graph, nodes=tuple(writer.nodes), constants=writer.constants)


class _Unsigned:
    """What is known while the nodes are walked once."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = dict(graph.constants)
        self._specs = specs_of(graph)
        self._names = _names(graph)
        self._factors = _dequantized_factors(graph, self._specs)
        self._shifted: dict[str, str] = {}

    def write(self, node: Node) -> None:
        weight, zero = WEIGHTS.get(node.op, (0, 0))
        inputs = [*node.inputs, *[""] * (zero + 1 - len(node.inputs))]
        if zero and self._is_concerned(node, inputs[weight]):
            if not inputs[zero]:
                like = self._specs[inputs[1]].shape if node.op == "DequantizeLinear" else ()
                inputs[zero] = self._constant(f"{node.outputs[0]}_zero", np.zeros([int(d or 0) for d in like], np.int8))
            inputs[weight], inputs[zero] = self._shift(inputs[weight], node), self._shift(inputs[zero], node)
            node = replace(node, inputs=tuple(inputs))
        self.nodes.append(node)

    def _is_concerned(self, node: Node, weights: str) -> bool:
        known = self._specs.get(weights)
        if known is None or known.dtype != "int8" or not _may_overflow(self.constants.get(weights)):
            return False
        if node.op != "DequantizeLinear":
            return node.inputs[0] in self._specs and self._specs[node.inputs[0]].dtype == "uint8"
        scale = self._specs.get(node.inputs[1])
        return node.outputs[0] in self._factors and scale is not None and not any(map(_is_unknown, scale.shape))

    def _shift(self, name: str, node: Node) -> str:
        """The name of the value plus 128 as uint8."""
        if name in self._shifted:
            return self._shifted[name]
        if name in self.constants:
            array = (self.constants[name].astype(np.int16) + 128).astype(np.uint8)
            self._shifted[name] = self._constant(f"{name}_unsigned", array)
            return self._shifted[name]
        wide, total, done = (_free(f"{name}_{part}", self._names) for part in ("int32", "plus_128", "unsigned"))
        offset = self._constant(f"{name}_128", np.array(128, np.int32))
        self.nodes += [
            Node("Cast", (name,), (wide,), {"to": "int32"}, node.source),
            Node("Add", (wide, offset), (total,), {}, node.source),
            Node("Cast", (total,), (done,), {"to": "uint8"}, node.source),
        ]
        self._shifted[name] = done
        return done

    def _constant(self, wish: str, array: Array) -> str:
        name = _free(wish, self._names)
        self.constants[name] = array
        return name


# Operator -> which inputs are the weights and their zero point.
WEIGHTS = {"DequantizeLinear": (0, 2), "MatMulInteger": (1, 3), "QLinearMatMul": (3, 5), "QLinearConv": (3, 5)}
PRODUCTS = ("Conv", "Gemm", "MatMul")


def _may_overflow(weights: Array | None) -> bool:
    """Whether 255 times the sum of the two largest weights is no int16; None: they are not known."""
    if weights is None:
        return True
    return weights.size > 0 and 2 * 255 * int(np.abs(weights.astype(int)).max()) > np.iinfo(np.int16).max


def _is_unknown(dimension: Dimension) -> bool:
    return not isinstance(dimension, int)


def _dequantized_factors(graph: Graph, specs: Mapping[str, TensorSpec]) -> set[str]:
    """Values from a DequantizeLinear that are multiplied with real values of uint8."""
    made = {node.outputs[0]: node for node in graph.nodes if node.op == "DequantizeLinear"}
    found: set[str] = set()
    for node in graph.nodes:
        if node.op in PRODUCTS and node.inputs[0] in made and node.inputs[1] in made:
            x = specs.get(made[node.inputs[0]].inputs[0])
            if x is not None and x.dtype == "uint8":
                found.add(node.inputs[1])
    return found


def resized_axes_last(graph: Graph) -> Graph:
    """ONNX Runtime on CUDA (seen in 1.31.1) interpolates other axes than the last two wrongly, without a word.

    The attribute `axes` goes: where ONNX Runtime moves a Transpose past a Resize, it forgets that sizes belong to axes.

    Given   y = Resize(x, "", "", sizes, axes=(1, 2), mode="linear"), x: float32[2, 11, 7, 3]
    Result  x1 = Transpose(x, perm=(0, 3, 1, 2)); sizes1 = Concat(Shape(x1, end=2), sizes)
            y1 = Resize(x1, "", "", sizes1, mode="linear"); y = Transpose(y1, perm=(0, 2, 3, 1))
    """
    if not any(_interpolates(node) for node in graph.nodes):
        return graph
    e, specs = Emitter(graph), specs_of(graph)
    for node in graph.nodes:
        x = specs.get(node.inputs[0]) if _interpolates(node) else None
        perm = _axes_last(node.attributes["axes"], len(x.shape)) if x is not None else ()
        if list(perm) == sorted(perm):
            e.nodes.append(node)
            continue
        e.begin(node)
        given = len(node.inputs) - 1  # the scales, or the sizes
        count = len(perm) - len(node.attributes["axes"])
        turned = e.add("Transpose", node.inputs[0], perm=perm)
        kept = e.add("Shape", turned, end=count) if given == SIZES else np.ones(count, np.float32)
        whole = e.add("Concat", kept, node.inputs[given], axis=0)
        attributes = {name: value for name, value in node.attributes.items() if name != "axes"}
        made = e.add("Resize", turned, *node.inputs[1:given], whole, **attributes)
        e.nodes.append(
            Node("Transpose", (made,), node.outputs, {"perm": tuple(map(int, np.argsort(perm)))}, node.source)
        )
    return replace(graph, nodes=tuple(e.nodes), constants=e.constants)


SIZES = 3  # which input of Resize


def _interpolates(node: Node) -> bool:
    """Whether it computes means along `axes`, and nothing else depends on these."""
    has_roi = len(node.inputs) > 1 and bool(node.inputs[1])
    stretches = node.attributes.get("keep_aspect_ratio_policy", "stretch") == "stretch"
    means = node.op == "Resize" and node.attributes.get("mode", "nearest") != "nearest"
    return means and "axes" in node.attributes and stretches and not has_roi


def _axes_last(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    last = [axis % rank for axis in axes]
    return (*(axis for axis in range(rank) if axis not in last), *last)


FAULTS: Sequence[Callable[[Graph], Graph]] = (
    explicit_pads,
    no_pad_before_max_pool,
    time_before_batch,
    masks_of_all_queries,
    weights_without_sign,
    resized_axes_last,
)
