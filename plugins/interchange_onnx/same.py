"""Automatic pads (`auto_pad` SAME_…) written out where runtimes get them wrong.

ONNX Runtime (seen in 1.31.1) computes negative pads where the stride is larger than the window: convolutions are then
wrong, pools fail, and a transposed convolution makes too little, as ONNX's own shape inference says. With dilations it
refuses convolutions, and its pools forget the dilations.

Of n values, a window of k and a stride of s, the last window begins at value n - r, where r is from 1 to s, and the
pads are max(k - r, 0) in sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interchange.graph import Array, Dimension, Graph, Node
from interchange_onnx.specs import specs_of

POOLS = ("MaxPool", "AveragePool", "LpPool")
CONVOLUTIONS = ("Conv", "ConvTranspose")
TO_THE_END = np.iinfo(np.int64).max
SPATIAL = 2  # the first spatial axis, channels first


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis: the size, if it is known, the window with its dilation, the stride."""

    size: Dimension
    window: int
    stride: int
    is_upper: bool

    def split(self, total: int) -> tuple[int, int]:
        """Pads at the beginning and the end."""
        small, large = total // 2, total - total // 2
        return (small, large) if self.is_upper else (large, small)

    def fixed(self) -> tuple[int, int] | None:
        """Pads that mean the same as the automatic ones; None if they depend on a size that is not known."""
        if isinstance(self.size, int):
            return self.split(max(self.window - 1 - (self.size - 1) % self.stride, 0))
        if self.stride == 1:
            return self.split(self.window - 1)
        if self.window == 1 or (self.window == 2 and self.is_upper):
            return (0, self.window - 1)  # nothing reads more of the end than the last window
        return None


def explicit_pads(graph: Graph) -> Graph:
    """Writes the pads out; where they depend on a size that is not known, every window is computed and some are taken.

    Given   y = MaxPool(x, kernel_shape=(3,), strides=(4,), auto_pad="SAME_UPPER"), x: float32[n, 2, 10]
    Result  y = MaxPool(x, kernel_shape=(3,), strides=(4,), pads=(0, 1))

    Given   the same, x: float32[n, 2, None]
    Result  all = MaxPool(x, kernel_shape=(3,), strides=(1,), pads=(1, 1))
            y = Slice(all, starts=1 - max(2 - (size - 1) % 4, 0) / 2, steps=4)
    """
    if not any(node.attributes.get("auto_pad", "NOTSET")[:4] == "SAME" for node in graph.nodes):
        return graph
    writer = _Writer(graph)
    for node in graph.nodes:
        writer.write(node)
    return replace(graph, nodes=tuple(writer.nodes), constants=writer.constants)


class _Writer:
    """What is known while the nodes are walked once."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = dict(graph.constants)
        self._specs = specs_of(graph)
        self._names = {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}

    def write(self, node: Node) -> None:
        axes = self._axes(node)
        dilations = node.attributes.get("dilations") or (1,)
        if not axes or (max(dilations) == 1 and all(axis.stride <= axis.window for axis in axes)):
            self.nodes.append(node)
        elif node.op == "ConvTranspose":
            self.nodes.append(_transposed(node, axes))
        else:
            self._write_fixed_or_sliced(node, axes)

    def _axes(self, node: Node) -> Sequence[Axis]:
        """The spatial axes of a node with automatic pads; none if its kernel is not known."""
        auto_pad = node.attributes.get("auto_pad", "NOTSET")
        if node.op not in (*POOLS, *CONVOLUTIONS) or auto_pad[:4] != "SAME" or node.attributes.get("output_shape"):
            return ()
        kernel = node.attributes.get("kernel_shape")
        if not kernel and node.op in CONVOLUTIONS and node.inputs[1] in self._specs:
            kernel = self._specs[node.inputs[1]].shape[SPATIAL:]
        if not kernel or not all(isinstance(size, int) for size in kernel):
            return ()
        ones = (1,) * len(kernel)
        strides, dilations = node.attributes.get("strides") or ones, node.attributes.get("dilations") or ones
        spec = self._specs.get(node.inputs[0])
        sizes = spec.shape[SPATIAL:] if spec else (None,) * len(kernel)
        return [
            Axis(size, (k - 1) * dilation + 1, stride, auto_pad == "SAME_UPPER")
            for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True)
        ]

    def _write_fixed_or_sliced(self, node: Node, axes: Sequence[Axis]) -> None:
        fixed = [axis.fixed() for axis in axes]
        moving = {i: axis for i, axis in enumerate(axes) if fixed[i] is None}
        pads = [pair or axis.split(axis.window - 1) for pair, axis in zip(fixed, axes, strict=True)]
        strides = tuple(1 if i in moving else axis.stride for i, axis in enumerate(axes))
        explicit = _with_pads(node, pads, strides=strides)
        if not moving:
            self.nodes.append(explicit)
            return
        starts = self._starts(node, moving, [pads[i][0] for i in moving])
        every = tuple(self._free(f"{name}_every") if name else "" for name in node.outputs)
        self.nodes.append(replace(explicit, outputs=every))
        where = self._constant(f"{node.outputs[0]}_axes", [i + SPATIAL for i in moving])
        ends = self._constant(f"{node.outputs[0]}_ends", [TO_THE_END] * len(moving))
        steps = self._constant(f"{node.outputs[0]}_steps", [axis.stride for axis in moving.values()])
        for name, whole in zip(node.outputs, every, strict=True):
            if name:
                self.nodes.append(Node("Slice", (whole, starts, ends, where, steps), (name,), {}, node.source))

    def _starts(self, node: Node, moving: Mapping[int, Axis], begins: Sequence[int]) -> str:
        """Where the first window is: the pads at the beginning are less than `begins` by so many."""
        prefix = node.outputs[0]

        def add(op: str, *inputs: str, **attributes: Any) -> str:
            name = self._free(f"{prefix}_start")
            self.nodes.append(Node(op, inputs, (name,), attributes, node.source))
            return name

        def numbers(values: Sequence[int]) -> str:
            return self._constant(f"{prefix}_number", values)

        strides = numbers([axis.stride for axis in moving.values()])
        reach = numbers([axis.window - 1 for axis in moving.values()])
        sizes = add("Gather", add("Shape", node.inputs[0]), numbers([i + SPATIAL for i in moving]))
        surplus = add("Mod", add("Sub", sizes, numbers([1])), strides)
        total = add("Max", add("Sub", reach, surplus), numbers([0]))
        if node.attributes["auto_pad"] == "SAME_LOWER":
            total = add("Add", total, numbers([1]))
        return add("Sub", numbers(begins), add("Div", total, numbers([2])))

    def _constant(self, wish: str, values: Sequence[int]) -> str:
        name = self._free(wish)
        self.constants[name] = np.array(values, np.int64)
        return name

    def _free(self, wish: str) -> str:
        name, n = wish, 0
        while name in self._names:
            n += 1
            name = f"{wish}_{n}"
        self._names.add(name)
        return name


def _transposed(node: Node, axes: Sequence[Axis]) -> Node:
    """A transposed convolution makes stride × size values, whatever the size: so its pads do not depend on it.

    Given   y = ConvTranspose(x, w, strides=(4,), auto_pad="SAME_UPPER"), w: float32[2, 5, 3]
    Result  y = ConvTranspose(x, w, strides=(4,), pads=(0, 0), output_padding=(1,))
    """
    pads, padding = transposed_pads(axes, node.attributes.get("output_padding") or (0,) * len(axes))
    return _with_pads(node, pads, **({"output_padding": padding} if any(padding) else {}))


def transposed_pads(axes: Sequence[Axis], extra: Sequence[int]) -> tuple[list[tuple[int, int]], tuple[int, ...]]:
    """The pads of each axis of a transposed convolution, and its output padding; `extra` is the one given."""
    surplus = [axis.window + more - axis.stride for axis, more in zip(axes, extra, strict=True)]
    pads = [axis.split(max(n, 0)) for axis, n in zip(axes, surplus, strict=True)]
    return pads, tuple(more - min(n, 0) for more, n in zip(extra, surplus, strict=True))


def _with_pads(node: Node, pads: Sequence[tuple[int, int]], **attributes: Any) -> Node:
    kept = {name: value for name, value in node.attributes.items() if name != "auto_pad"}
    flat = (*(begin for begin, _ in pads), *(end for _, end in pads))
    return replace(node, attributes={**kept, **attributes, "pads": flat})
