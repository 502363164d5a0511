"""Chooses for every layer how lanes compute it, and writes its constants; layers without a way stay plain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from interchange.evaluate import infer
from interchange.graph import Array, Graph, Node, TensorSpec

from interchange_pyscript.fast import bounds
from interchange_pyscript.fast.bounds import DIGIT, Scale
from interchange_pyscript.fast.costs import Shape, cost_of
from interchange_pyscript.fast.rewrite import clipped, equalised, folded, pooled_first, with_pads
from interchange_pyscript.kernels.spatial import resolve_pads, window_counts

PEAK = 8.0  # how much larger the largest number of a sample usually is than most, for choosing bits
NOISE = 6e-7  # of a layer's output, relative: what float32 has
FEWEST = 4  # outputs of a dense layer in lanes
SPATIAL = ("AveragePool", "GlobalAveragePool", "MaxPool")  # operators with a layout of their own
# Recurrent layers: how many gates and states they have, and their usual activation functions.
GATES = {"LSTM": (4, 2, ("sigmoid", "tanh", "tanh")), "GRU": (3, 1, ("sigmoid", "tanh"))}


@dataclass(frozen=True)
class Program:
    """What a script in the fast style computes: like a graph, with nodes that are kernels of lanes."""

    inputs: Mapping[str, TensorSpec]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    specs: Mapping[str, TensorSpec]
    graph: Graph  # with the constants of lanes, for the weights file


@dataclass(frozen=True)
class Form:
    """What is known of a value in lanes: pixels or planes, and whether nothing is negative."""

    planes: bool = False
    positive: bool = False


@dataclass(frozen=True)
class Way:
    """One way to compute a layer: a kernel with its constants."""

    op: str
    rows: Array
    scale: Scale
    planes: bool = False
    tile: int = 0


def plan(graph: Graph) -> Program:
    """The program of a graph."""
    graph = pooled_first(equalised(folded(with_pads(clipped(graph)))))
    planner = Planner(graph, dict(infer(graph)))
    for node in graph.nodes:
        planner.add(node)
    constants = {**graph.constants, **planner.constants}
    read = {name for node in planner.nodes for name in node.reads} | set(graph.outputs)
    constants = {name: array for name, array in constants.items() if name in read}
    stored = replace(graph, constants={**graph.constants, **constants})
    nodes = tuple(planner.nodes)
    return Program(graph.inputs, graph.outputs, nodes, constants, planner.specs, stored)


@dataclass
class Planner:
    """Goes through a graph and collects the program."""

    graph: Graph
    specs: dict[str, TensorSpec]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)  # a flattened value -> what it is made of
    waiting: dict[str, int] = field(default_factory=dict)  # a value -> the LeakyRelu whose bits its reader decides

    def add(self, node: Node) -> None:
        """Adds a node, in lanes where there is a way."""
        handler = {
            "Conv": self.convolution,
            "Gemm": self.dense,
            "MatMul": self.dense,
            "Relu": self.relu,
            "Clip": self.clip,
            "LeakyRelu": self.leaky_relu,
            "MaxPool": self.max_pool,
            "AveragePool": self.average_pool,
            "Add": self.sum,
            "Flatten": self.flatten,
            "Reshape": self.flatten,
            "GlobalAveragePool": self.mean,
            "ReduceMean": self.mean,
        }.get(node.op)
        if node.op in GATES:
            handler = self.recurrent
        elif len(node.outputs) != 1:
            handler = None
        if handler is None or not handler(node):
            self.nodes.append(node)

    # --- layers with weights ------------------------------------------------------------------------------------------

    def convolution(self, node: Node) -> bool:
        """Conv with constant weights over images of known sizes."""
        x, shapes = node.inputs[0], self.image(node.inputs[0], node)
        weights = [self.graph.constants.get(name) for name in node.inputs[1:] if name]
        if shapes is None or any(w is None or w.dtype != np.float32 for w in weights) or weights[0].ndim != 4:  # type: ignore[union-attr]
            return False
        layout = node.attributes.get("layout", "NCHW")
        kernel = np.asarray(weights[0])
        kernel = kernel if layout == "NHWC" else kernel.transpose(2, 3, 1, 0)
        bias = np.asarray(weights[1]) if len(weights) > 1 else None
        group = node.attributes.get("group", 1)
        strides = tuple(node.attributes.get("strides") or (1, 1))
        dilations = tuple(node.attributes.get("dilations") or (1, 1))
        extents = [(size - 1) * d + 1 for size, d in zip(kernel.shape, dilations, strict=False)]
        auto_pad = node.attributes.get("auto_pad", "NOTSET")
        borders = resolve_pads(shapes, extents, strides, auto_pad, node.attributes.get("pads"))
        pads = (borders[0][0], borders[1][0], borders[0][1], borders[1][1])
        if self.is_pooled_by_twos(node):
            pads = without_odd_edge(shapes, extents, strides, pads)
        if group != 1 and (kernel.shape[2] != 1 or strides[0] != strides[1] or dilations != (1, 1)):
            return False
        form = self.forms.get(x, Form())
        halved = self.is_halved(node.outputs[0])
        shape = Shape(
            shapes, kernel.shape, strides, dilations, pads, form.planes, x in self.forms, form.positive, halved
        )
        ways = list(ways_of(kernel, bias, shape, group))
        if not ways:
            return False
        way = min(ways, key=lambda way: cost_of(way.op, way.tile, shape, group))
        attributes: dict[str, Any] = {"tile": way.tile} if way.op == "WinogradConv" else {}
        attributes |= self.constants_of(x, way.scale)
        if "Winograd" not in way.op:
            attributes |= {"strides": strides} if strides != (1, 1) else {}
        if way.op == "PixelConv" and dilations != (1, 1):
            attributes["dilations"] = dilations
        if way.op == "PlaneConv" and group != 1:
            attributes["group"] = group
        if way.op == "PlaneConv" and halved:
            attributes["phases"] = 2
        attributes |= {"pads": pads} if any(pads) else {}
        self.emit(node, way, kernel, Form(way.planes), attributes, layout)
        (batch, *_), outputs = self.specs[node.outputs[0]].shape, kernel.shape[3]
        made = (*shape.outputs, outputs) if layout == "NHWC" else (outputs, *shape.outputs)
        self.specs[node.outputs[0]] = replace(self.specs[node.outputs[0]], shape=(batch, *made))
        return True

    def dense(self, node: Node) -> bool:
        """Gemm or MatMul of rows of numbers with a constant matrix."""
        x, weights = node.inputs[0], [self.graph.constants.get(name) for name in node.inputs[1:] if name]
        told = {k: node.attributes.get(k, v) for k, v in (("alpha", 1.0), ("beta", 1.0), ("transA", 0))}
        if told != {"alpha": 1.0, "beta": 1.0, "transA": 0} or any(w is None or w.dtype != np.float32 for w in weights):
            return False
        kernel = np.asarray(weights[0])
        if kernel.ndim != 2 or len(self.specs[x].shape) != 2:
            return False
        kernel = kernel.T if node.attributes.get("transB") else kernel
        bias = np.asarray(weights[1]) if len(weights) > 1 else None
        if bias is not None and bias.size != kernel.shape[1]:
            return False
        if kernel.shape[1] < FEWEST:
            return kernel.size > 0 and self.few(node, kernel)
        source = self.same.get(x, x)
        form = self.forms.get(source, Form())
        scale = balanced(kernel, bias, form.positive, kernel, 0.5 * kernel.shape[0], 1.0, 28, 60)
        if scale is None:
            return False
        if source != x:
            kernel = self.in_order(source, kernel)
        way = Way("PixelDense", bounds.packed_rows(bounds.whole(kernel, scale.exponent)), scale)
        node = replace(node, inputs=(source, *node.inputs[1:]))
        self.emit(node, way, kernel, Form(), self.constants_of(source, scale), "NHWC")
        return True

    def few(self, node: Node, kernel: Array) -> bool:
        """A dense layer of so few outputs that lanes would not pay."""
        given = [node.inputs[0], *self.as_used(node, kernel)]
        self.nodes.append(Node("FloatDense", tuple(given), node.outputs, {}, node.source))
        return True

    def in_order(self, source: str, kernel: Array) -> Array:
        """The rows of a matrix for features of an image as lanes have them: channels last."""
        if self.layout_of(source) != "NCHW":
            return kernel
        c, h, w = (int(size) for size in self.specs[source].shape[1:])  # type: ignore[arg-type]  # known: see flatten
        return kernel.reshape(c, h, w, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)

    def recurrent(self, node: Node) -> bool:
        """LSTM and GRU with their usual activation functions, whose weights are constants."""
        count, states, names = GATES[node.op]
        told = node.attributes
        usual = tuple(name.lower() for name in told.get("activations") or ())
        inputs = [*node.inputs, *[""] * 8][: 6 + states]
        w, r, b = (self.graph.constants.get(name) for name in inputs[1:4])
        is_plain = not (told.get("clip") or told.get("input_forget") or told.get("activation_alpha"))
        is_plain = is_plain and not (inputs[4] or any(node.inputs[5 + states :]) or (inputs[3] and b is None))
        if not is_plain or w is None or r is None:
            return False
        if usual not in ((), names, names * 2) or w.dtype != np.float32 or w.shape[1] != count * r.shape[2]:
            return False
        exponents = bounds.gate_exponents(w, r, b)
        if exponents is None:
            return False
        rows = []
        for name, weights, exponent in zip(inputs[1:3], (w, r), exponents, strict=True):
            numbers = bounds.whole(weights, exponent).transpose(0, 2, 1).reshape(-1, weights.shape[1])
            rows.append(self.constant(f"{name} lanes", bounds.packed_rows(numbers)))
        kept = {key: told[key] for key in ("direction", "layout", "linear_before_reset") if key in told}
        given = (*inputs[:4], *inputs[5 : 5 + states], *rows)
        outputs = (*node.outputs, *[""] * (1 + states))[: 1 + states]
        self.nodes.append(Node(f"Gates{node.op}", given, outputs, {"exponents": exponents, **kept}, node.source))
        return True

    def emit(self, node: Node, way: Way, kernel: Array, form: Form, attributes: Mapping[str, Any], layout: str) -> None:
        """Adds the call of a layer and its weights in lanes."""
        name, bias = self.as_used(node, kernel)
        rows = self.constant(f"{node.inputs[1]} lanes", way.rows)
        attributes = {**attributes, **({"layout": layout} if layout != "NHWC" else {})}
        self.nodes.append(Node(way.op, (node.inputs[0], name, bias, rows), node.outputs, attributes, node.source))
        self.forms[node.outputs[0]] = form

    def as_used(self, node: Node, kernel: Array) -> tuple[str, str]:
        """The names of a kernel in the order that layers in floats take, and of its bias, "" if there is none."""
        name, bias = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else ""
        if not np.shares_memory(kernel, self.graph.constants[name]) or not kernel.flags.c_contiguous:
            name = self.constant(f"{node.inputs[1]} as used", np.ascontiguousarray(kernel))
        if bias and self.graph.constants[bias].ndim != 1:
            bias = self.constant(f"{bias} flat", self.graph.constants[bias].ravel())
        return name, bias

    def constant(self, wish: str, array: Array) -> str:
        """A new constant, under that name or one like it."""
        name, n = wish, 1
        while name in self.constants or name in self.graph.constants:
            n += 1
            name = f"{wish} {n}"
        self.constants[name] = array
        return name

    def constants_of(self, x: str, scale: Scale) -> dict[str, Any]:
        """A scale as attributes; a LeakyRelu before this layer takes its bits over."""
        if x in self.waiting:
            before = self.nodes[self.waiting[x]]
            self.nodes[self.waiting.pop(x)] = replace(before, attributes={**before.attributes, "bits": scale.bits})
        told: dict[str, Any] = {
            "bits": scale.bits,
            "exponent": scale.exponent,
            "limit": scale.limit,
            "noise": scale.noise,
        }
        return told if scale.even else {**told, "even": False}

    # --- layers without -----------------------------------------------------------------------------------------------

    def pointwise(self, node: Node, op: str, positive: bool, attributes: Mapping[str, Any], x: str = "") -> bool:
        """Adds a layer on lanes, if its input is in lanes, and in its layout if it has one."""
        x = x or node.inputs[0]
        if x not in self.forms:
            return False
        if node.op in SPATIAL and node.attributes.get("layout", "NCHW") != self.layout_of(x):
            return False
        form, layout = self.forms[x], self.layout_of(x)
        told = {**attributes, **({"layout": layout} if layout != "NHWC" else {})}
        self.nodes.append(Node(op, (x,), node.outputs, told, node.source))
        self.forms[node.outputs[0]] = replace(form, positive=positive)
        return True

    def layout_of(self, x: str) -> str:
        """The layout of a value in lanes: that of the layers which made it."""
        maker = next((n for n in reversed(self.nodes) if x in n.outputs), None)
        return str(maker.attributes.get("layout", "NHWC")) if maker else "NHWC"

    def relu(self, node: Node) -> bool:
        return self.pointwise(node, "LaneRelu", True, {})

    def leaky_relu(self, node: Node) -> bool:
        alpha = node.attributes.get("alpha", 0.01)
        if not 0 <= alpha <= 1 or not self.pointwise(node, "LaneLeakyRelu", False, {"alpha": alpha, "bits": 28}):
            return False
        self.waiting[node.outputs[0]] = len(self.nodes) - 1
        return True

    def clip(self, node: Node) -> bool:
        limits = [self.graph.constants.get(name) for name in node.inputs[1:]]
        if len(limits) != 2 or any(v is None or v.size != 1 for v in limits):
            return False
        low, high = (float(v) for v in limits)  # type: ignore[arg-type]
        return low == 0 < high < 1e30 and self.pointwise(node, "LaneClip", True, {"high": high})

    def max_pool(self, node: Node) -> bool:
        told = node.attributes
        shapes = self.image(node.inputs[0], node)
        if shapes is None or told.get("ceil_mode") or told.get("storage_order") or len(told["kernel_shape"]) != 2:
            return False
        if told.get("dilations") and set(told["dilations"]) != {1}:
            return False
        kernel, strides = told["kernel_shape"], told.get("strides") or (1, 1)
        borders = resolve_pads(shapes, kernel, strides, told.get("auto_pad", "NOTSET"), told.get("pads"))
        pads = (borders[0][0], borders[1][0], borders[0][1], borders[1][1])
        if any(pad >= size for pad, size in zip(pads, (*kernel, *kernel), strict=True)):
            return False
        positive = self.forms.get(node.inputs[0], Form()).positive
        attributes = {"kernel_shape": tuple(kernel), "strides": tuple(strides), **({"pads": pads} if any(pads) else {})}
        if not self.pointwise(node, "LaneMaxPool", positive, attributes):
            return False
        form = self.forms[node.outputs[0]]
        stays = tuple(kernel) == tuple(strides) == (2, 2) and not any(pads)
        self.forms[node.outputs[0]] = replace(form, planes=form.planes and stays)
        return True

    def average_pool(self, node: Node) -> bool:
        """Pools of 2 x 2 without a border."""
        told, shapes = node.attributes, self.image(node.inputs[0], node)
        sizes = {tuple(told["kernel_shape"]), tuple(told.get("strides") or (1, 1))}
        has_more = any(told.get("pads") or ()) or told.get("ceil_mode") or {*(told.get("dilations") or ())} - {1}
        if shapes is None or sizes != {(2, 2)} or has_more:
            return False
        if any(size % 2 for size in shapes):
            return False
        return self.pointwise(node, "LaneAveragePool", self.forms.get(node.inputs[0], Form()).positive, {})

    def sum(self, node: Node) -> bool:
        a, b = node.inputs
        if a not in self.forms or b not in self.forms or self.specs[a] != self.specs[b]:
            return False
        if self.layout_of(a) != self.layout_of(b):
            return False
        layout = self.layout_of(a)
        self.nodes.append(
            Node("LaneAdd", (a, b), node.outputs, {"layout": layout} if layout != "NHWC" else {}, node.source)
        )
        one, other = self.forms[a], self.forms[b]
        self.forms[node.outputs[0]] = Form(one.planes and other.planes, one.positive and other.positive)
        return True

    def flatten(self, node: Node) -> bool:
        """Left out where lanes go into dense layers, which take any shape."""
        x, y = node.inputs[0], node.outputs[0]
        before, after = self.specs[x].shape, self.specs[y].shape
        if x not in self.forms or len(before) != 4 or len(after) != 2 or before[0] != after[0]:
            return False
        readers = [n for n in self.graph.nodes if y in n.reads]
        if y in self.graph.outputs or not all(self.is_dense(n, y) for n in readers):
            return False
        if not all(isinstance(size, int) for size in before[1:]):
            return False
        self.same[y] = x
        return True

    def is_dense(self, node: Node, x: str) -> bool:
        """Whether `dense` will take a node that reads x."""
        trial = replace(self, nodes=[], constants={}, forms={}, same={}, waiting={})
        is_first = node.op in ("Gemm", "MatMul") and node.inputs.count(x) == 1 and node.inputs[0] == x
        return is_first and trial.dense(node) and trial.nodes[0].op == "PixelDense"

    def mean(self, node: Node) -> bool:
        x = node.inputs[0]
        if x not in self.forms or len(self.specs[x].shape) != 4:
            return False
        keeps, layout = 1, self.layout_of(x)
        if node.op == "ReduceMean":
            axes = self.graph.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
            wanted = {1, 2} if layout == "NHWC" else {2, 3}
            if axes is None or {int(axis) % 4 for axis in axes} != wanted:
                return False
            keeps = node.attributes.get("keepdims", 1)
        if not self.pointwise(node, "LaneMean", False, {} if keeps else {"keepdims": 0}):
            return False
        del self.forms[node.outputs[0]]
        return True

    def is_halved(self, x: str) -> bool:
        """Whether a pool of 2 x 2 reads an image."""
        readers = [n for n in self.graph.nodes if x in n.reads]
        return any(n.op in ("MaxPool", "AveragePool") and n.attributes["kernel_shape"] == (2, 2) for n in readers)

    def is_pooled_by_twos(self, node: Node) -> bool:
        """Whether all that reads a convolution are pools of 2 x 2 that leave an odd last row or column out."""

        def leaves_out(pool: Node) -> bool:
            told = pool.attributes  # the second output of a MaxPool counts the places of the whole image
            is_two = pool.op in ("MaxPool", "AveragePool") and {told["kernel_shape"], told.get("strides")} == {(2, 2)}
            has_more = any(told.get("pads") or ()) or told.get("ceil_mode") or {*(told.get("dilations") or ())} - {1}
            is_valid = (
                told.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and not any(pool.outputs[1:]) and not has_more
            )
            return is_two and is_valid and told.get("layout", "NCHW") == node.attributes.get("layout", "NCHW")

        x = node.outputs[0]
        readers = [n for n in self.graph.nodes if x in n.reads]
        return bool(readers) and x not in self.graph.outputs and all(map(leaves_out, readers))

    def image(self, x: str, node: Node) -> tuple[int, int] | None:
        """Height and width of an image, where they are known and it is of float32."""
        shape = self.specs[x].shape
        if len(shape) != 4 or self.specs[x].dtype != "float32":
            return None
        height, width = shape[1:3] if node.attributes.get("layout", "NCHW") == "NHWC" else shape[2:4]
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def without_odd_edge(
    sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int], pads: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Pads with which a convolution makes an even number of rows and columns: one less where it is odd."""
    (top, left, *after) = pads
    for axis, before in enumerate((top, left)):
        (count,) = window_counts([sizes[axis]], [extents[axis]], [strides[axis]], [(before, after[axis])])
        after[axis] -= strides[axis] if count % 2 and count > 1 else 0
    return top, left, after[0], after[1]


# --- the ways to compute a convolution --------------------------------------------------------------------------------


def ways_of(kernel: Array, bias: Array | None, shape: Shape, group: int) -> Iterator[Way]:
    """All ways in which a kernel (height, width, in, out) fits lanes with the precision of float32."""
    size, positive = kernel.shape[0] * kernel.shape[1] * kernel.shape[2], shape.positive
    if shape.dilations == (1, 1) and shape.strides[0] == shape.strides[1]:
        digit = DIGIT - math.frexp(float(np.abs(kernel).max(initial=0.0)))[1]
        scale = balanced(kernel, bias, positive, kernel, 0.5 * size, 1.0, 28, digit)
        if scale is not None:
            numbers = bounds.whole(kernel, scale.exponent)
            # For each output the weights channel by channel, as `neighbours` are.
            rows = numbers.transpose(3, 2, 0, 1).reshape(kernel.shape[3], -1)
            yield Way("PlaneConv", rows.astype(np.int32), scale, planes=True)
    if group != 1:
        return
    scale = balanced(kernel, bias, positive, kernel, 0.5 * size, 1.0, 28, 60)
    if scale is not None:
        numbers = bounds.whole(kernel, scale.exponent).reshape(-1, kernel.shape[3])
        yield Way("PixelConv", bounds.packed_rows(numbers), scale)
    if kernel.shape[:2] != (3, 3) or shape.strides != (1, 1) or shape.dilations != (1, 1):
        return
    for tile in (4, 2):
        u = bounds.transformed(kernel, tile)
        rounding = bounds.rounding_gain(tile) * kernel.shape[2]
        digit = DIGIT - math.frexp(float(np.abs(u).max(initial=0.0)))[1]
        most = {(4, False): 23, (4, True): 24, (2, False): 28, (2, True): 28}[tile, positive]
        scale = balanced(kernel, bias, positive, u, rounding, bounds.noise_gain(tile), most, 60)
        if scale is not None:
            numbers = bounds.whole(u, scale.exponent).reshape(-1, kernel.shape[3])
            yield Way("WinogradConv", bounds.packed_rows(numbers), scale, tile=tile)
        if tile == 4:
            scale = balanced(kernel, bias, positive, u, rounding, bounds.noise_gain(tile), 28, digit)
            if scale is not None:
                rows = bounds.whole(u, scale.exponent).transpose(2, 0, 1).reshape(kernel.shape[3], -1)
                yield Way("PlaneWinograd", rows.astype(np.int32), scale, planes=True)


def balanced(
    kernel: Array,
    bias: Array | None,
    positive: bool,
    weights: Array,
    rounding: float,
    noise_gain: float,
    most_bits: int,
    most_exponent: int,
) -> Scale | None:
    """The scale with the least noise, of inputs and weights together; None where that is more than float32 has."""
    typical = float(np.sqrt(np.mean(np.square(np.asarray(kernel, np.float64))))) if kernel.size else 0.0
    best, least = None, NOISE
    for bits in range(20, most_bits + 1):
        scale = bounds.scale_for(
            kernel, bias, bits=bits, positive=positive, weights=weights, rounding=rounding, most_exponent=most_exponent
        )
        if scale is None:
            continue
        noise = 0.29 * math.hypot(PEAK / 2.0**bits, noise_gain / (typical * 2.0**scale.exponent))
        if noise < least:
            best, least = scale, noise
    if best is None:
        return None
    rows = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])
    of_inputs = math.sqrt(np.square(rows).sum(0).max()) * 2.0**best.exponent
    of_weights = noise_gain * math.sqrt(len(rows)) * 2.0**best.bits / PEAK
    return replace(best, noise=math.ceil(math.log2(0.29 * math.hypot(of_inputs, of_weights))))
