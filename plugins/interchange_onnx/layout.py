"""Channels last -> channels first: ONNX knows only the latter.

Every value may exist in two forms. An operator with layout "NHWC" reads and makes the channels-first form; operators
that do not care (element-wise ones, Concat, Pad …) stay in the form in which their inputs are, and a Transpose is
written only where a form is missing. So in a chain of convolutions nothing is transposed but its two ends.

Given   y = Conv(x, w, layout="NHWC"); z = Relu(y); return z
Result  x1 = Transpose(x, perm=(0, 3, 1, 2)); y1 = Conv(x1, w'); z1 = Relu(y1); z = Transpose(z1, perm=(0, 2, 3, 1))
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from interchange import ops
from interchange.errors import Unsupported
from interchange.graph import Array, Graph, Node
from interchange_onnx.specs import specs_of

KERNELS = ("Conv", "ConvTranspose")  # the second input is a kernel, (*spatial, in, out)
SAME_RANK = {"MaxPool": 2}  # how many outputs have the layout; of all others it is the first
ONE_AXIS = ("Concat", "Softmax", "LogSoftmax", "Hardmax", "LpNormalization", "Split")


def channels_first(graph: Graph) -> Graph:
    """The same computation without any layout "NHWC"; the graph itself if it has none.

    Raises:
        Unsupported: (IX303) the rank of a value that has to be transposed cannot be found out.
    """
    if not any(_is_spatial(node) for node in graph.nodes):
        plain = [_without_layout(node) for node in graph.nodes]
        return graph if plain == list(graph.nodes) else replace(graph, nodes=tuple(plain))
    lowering = _Lowering(graph)
    for node in graph.nodes:
        lowering.lower(node)
    return lowering.finish()


def to_first(rank: int) -> tuple[int, ...]:
    """The permutation from channels last to channels first."""
    return (0, rank - 1, *range(1, rank - 1))


def to_last(rank: int) -> tuple[int, ...]:
    """The permutation from channels first to channels last."""
    return (0, *range(2, rank), 1)


def _is_spatial(node: Node) -> bool:
    return node.attributes.get("layout") == "NHWC"


def _without_layout(node: Node) -> Node:
    """The RNNs have an attribute `layout` too, a number, which is ONNX's own."""
    if not isinstance(node.attributes.get("layout"), str):
        return node
    return replace(node, attributes={k: v for k, v in node.attributes.items() if k != "layout"})


class _Lowering:
    """What is known while the nodes are walked once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._specs = specs_of(graph)
        self._ranks = {name: len(spec.shape) for name, spec in self._specs.items()}
        self._nodes: list[Node] = []
        self._constants: dict[str, Array] = dict(graph.constants)
        self._first: dict[str, str] = {}  # value -> name of its channels-first form
        self._pending: set[str] = set()  # values that have no other form so far
        self._derived: dict[tuple[str, str], str] = {}  # (constant, form) -> name
        self._names = {*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)}

    def lower(self, node: Node) -> None:
        if _is_spatial(node) or self._is_resize_of_last(node):
            self._lower_spatial(node)
        elif not self._pass(node):
            for name in node.reads[len(node.inputs) :]:
                self._as_is(name)
            self._append(_without_layout(node), [self._as_is(name) for name in node.inputs], node.outputs)

    def finish(self) -> Graph:
        for name in self._graph.outputs:
            self._as_is(name)
        nodes = self._with_old_names()
        read = {name for node in nodes for name in node.reads} | set(self._graph.outputs)
        constants = {name: array for name, array in self._constants.items() if name in read}
        return replace(self._graph, nodes=tuple(nodes), constants=constants)

    def _with_old_names(self) -> list[Node]:
        """A constant that only its new form is left of keeps its name."""
        read = {name for node in self._nodes for name in node.reads} | set(self._graph.outputs)
        forms: dict[str, list[str]] = {}
        for (base, _), name in self._derived.items():
            forms.setdefault(base, []).append(name)
        renamed = {names[0]: base for base, names in forms.items() if len(names) == 1 and base not in read}
        for name, base in renamed.items():
            self._constants[base] = self._constants.pop(name)
        return [replace(n, inputs=tuple(renamed.get(name, name) for name in n.inputs)) for n in self._nodes]

    # --- the forms of a value ---------------------------------------------------------------------------------------

    def _rank(self, name: str, node: Node) -> int:
        if name in self._ranks:
            return self._ranks[name]
        kernel = self._ranks.get(node.inputs[1]) if node.op in KERNELS else None
        if kernel or "kernel_shape" in node.attributes:
            return kernel or len(node.attributes["kernel_shape"]) + 2
        raise Unsupported(
            "IX303",
            "The ONNX exporter has to transpose a value whose rank it cannot find out.",
            where=node.source or str(node),
            why=f"the shapes of the graph cannot be inferred, so that of {name!r} is unknown",
            next_step="`interchange show` shows where the shapes do not fit.",
        )

    def _as_is(self, name: str) -> str:
        """The value itself, transposed back if it exists only channels first."""
        if name in self._pending:
            self._pending.remove(name)
            perm = {"perm": to_last(self._ranks[name])}
            self._nodes.append(Node("Transpose", (self._first[name],), (name,), perm, "layout"))
        return name

    def _in_first(self, name: str, rank: int) -> str:
        """The channels-first form of a value."""
        if name in self._constants:
            return self._derive(name, "nchw", np.transpose(self._constants[name], to_first(rank)))
        if name not in self._first:
            self._first[name] = self._free_name(f"{name}_nchw")
            perm = {"perm": to_first(rank)}
            self._nodes.append(Node("Transpose", (name,), (self._first[name],), perm, "layout"))
        return self._first[name]

    def _kernel(self, name: str, rank: int) -> str:
        """A kernel (*spatial, in, out) as (out, in, *spatial)."""
        perm = (rank - 1, rank - 2, *range(rank - 2))
        if name in self._constants:
            return self._derive(name, "oihw", np.transpose(self._constants[name], perm))
        turned = self._free_name(f"{name}_oihw")
        self._nodes.append(Node("Transpose", (self._as_is(name),), (turned,), {"perm": perm}, "layout"))
        return turned

    def _derive(self, name: str, form: str, array: Array) -> str:
        if (name, form) not in self._derived:
            self._derived[name, form] = self._free_name(f"{name}_{form}")
            self._constants[self._derived[name, form]] = array  # a view: the writer copies one at a time
        return self._derived[name, form]

    def _free_name(self, wish: str) -> str:
        name, n = wish, 0
        while name in self._names:
            n += 1
            name = f"{wish}_{n}"
        self._names.add(name)
        return name

    def _append(self, node: Node, inputs: list[str], outputs: tuple[str, ...], **attributes: Any) -> None:
        self._nodes.append(
            replace(node, inputs=tuple(inputs), outputs=outputs, attributes={**node.attributes, **attributes})
        )

    def _make_first(self, names: tuple[str, ...], rank: int) -> tuple[str, ...]:
        """Names for the channels-first forms of values that are about to be made in that form."""
        for name in filter(None, names):
            self._ranks[name] = rank
            self._first[name] = self._free_name(f"{name}_nchw")
            self._pending.add(name)
        return tuple(self._first[name] if name else "" for name in names)

    # --- nodes ------------------------------------------------------------------------------------------------------

    def _lower_spatial(self, node: Node) -> None:
        rank = self._rank(node.inputs[0], node)
        if node.op == "Resize":
            self._pass(node, force=True)
            return
        inputs = [self._in_first(node.inputs[0], rank), *map(self._as_is, node.inputs[1:])]
        if node.op in KERNELS:
            inputs[1] = self._kernel(node.inputs[1], rank)
        n = SAME_RANK.get(node.op, 1)
        self._append(_without_layout(node), inputs, (*self._make_first(node.outputs[:n], rank), *node.outputs[n:]))

    def _is_resize_of_last(self, node: Node) -> bool:
        """Runtimes interpolate only channels first (ONNX Runtime: "cubic"), or are slow otherwise."""
        if node.op != "Resize" or node.attributes.get("mode", "nearest") == "nearest" or "axes" in node.attributes:
            return False
        spec = self._specs.get(node.inputs[0])
        if spec is None or len(spec.shape) < 4 or not self._movable_inputs(node):
            return False
        scales, sizes = (self._constants.get(name) for name in (*node.inputs[2:4], "", "")[:2])
        if scales is not None and scales.size:
            return bool(scales[-1] == 1 and scales[1] != 1)
        return sizes is not None and bool(sizes[-1] == spec.shape[-1] and sizes[1] != spec.shape[1])

    def _movable_inputs(self, node: Node) -> bool:
        return all(not name or name in self._constants for name in node.inputs[1:])

    def _pass(self, node: Node, *, force: bool = False) -> bool:
        """Writes a node on channels-first forms if its inputs are there and its operator allows it."""
        ranks = {self._ranks[name] for name in node.inputs if name in self._first}
        first_pending = any(name in self._pending for name in node.inputs)
        if force:
            ranks = {self._rank(node.inputs[0], node)}
        elif len(ranks) != 1 or not first_pending:
            return False
        (rank,) = ranks
        node = _without_layout(node)
        if getattr(ops.get(node.op), "is_elementwise", False):
            return self._pass_elementwise(node, rank)
        if node.op in ONE_AXIS:
            return self._pass_one_axis(node, rank)
        if node.op.startswith("Reduce"):
            return self._pass_reduction(node, rank)
        if node.op == "Slice":
            return self._pass_slice(node, rank)
        if node.op == "Pad":
            return self._pass_pad(node, rank)
        return node.op == "Resize" and self._pass_resize(node, rank)

    def _pass_elementwise(self, node: Node, rank: int) -> bool:
        inputs = []
        for name in node.inputs:
            if not name or self._ranks.get(name) == 0:
                inputs.append(name)
            elif name in self._constants:
                inputs.append(self._broadcast_constant(name, rank))
            elif name in self._first:
                inputs.append(self._first[name])
            else:
                return False
        self._append(node, inputs, self._make_first(node.outputs, rank))
        return True

    def _broadcast_constant(self, name: str, rank: int) -> str:
        """A constant that is broadcast against a value of that rank, turned with it."""
        array = self._constants[name]
        if array.size == 1 and array.ndim <= rank:
            return name
        full = array.reshape((1,) * (rank - array.ndim) + array.shape)
        return self._derive(name, f"nchw{rank}" if array.ndim < rank else "nchw", np.transpose(full, to_first(rank)))

    def _pass_one_axis(self, node: Node, rank: int) -> bool:
        moved = 1 if node.op == "Split" else len(node.inputs)
        inputs = node.inputs[:moved]
        if not all(name in self._first or name in self._constants for name in inputs):
            return False
        axis = _moved_axis(node.attributes.get("axis", 0 if node.op == "Split" else -1), rank)
        turned = [self._in_first(name, rank) for name in inputs]
        self._append(
            node, [*turned, *map(self._as_is, node.inputs[moved:])], self._make_first(node.outputs, rank), axis=axis
        )
        return True

    def _pass_reduction(self, node: Node, rank: int) -> bool:
        axes = self._constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if axes is None or axes.size == 0:
            return False
        gone = sorted(_moved_axis(axis, rank) for axis in axes.ravel())
        kept = [_moved_axis(axis, rank) for axis in range(rank) if _moved_axis(axis, rank) not in gone]
        inputs = [
            self._first[node.inputs[0]],
            self._derive(node.inputs[1], f"reduced{rank}", np.array(gone, axes.dtype)),
        ]
        if node.attributes.get("keepdims", 1):
            self._append(node, inputs, self._make_first(node.outputs, rank))
            return True
        if kept != sorted(kept):
            return False
        self._append(node, inputs, node.outputs)  # what is left is in the same order in both forms
        return True

    def _pass_slice(self, node: Node, rank: int) -> bool:
        if not self._movable_inputs(node):
            return False
        starts, ends = node.inputs[1:3]
        given = node.inputs[3] if len(node.inputs) > 3 else ""
        axes = self._constants[given] if given else np.arange(self._constants[starts].size)
        moved = np.array([_moved_axis(axis, rank) for axis in axes.ravel().tolist()], self._constants[starts].dtype)
        turned = self._derive(given or starts, f"axes{rank}" if given else f"axes_of_starts{rank}", moved)
        self._append(
            node,
            [self._first[node.inputs[0]], starts, ends, turned, *node.inputs[4:]],
            self._make_first(node.outputs, rank),
        )
        return True

    def _pass_pad(self, node: Node, rank: int) -> bool:
        if not self._movable_inputs(node):
            return False
        inputs = [self._first[node.inputs[0]], *node.inputs[1:]]
        if len(inputs) > 3 and inputs[3]:
            axes = self._constants[inputs[3]]
            moved = np.array([_moved_axis(axis, rank) for axis in axes.ravel()], axes.dtype)
            inputs[3] = self._derive(inputs[3], f"axes{rank}", moved)
        else:
            inputs[1] = self._turn_pairs(inputs[1], rank)
        self._append(node, inputs, self._make_first(node.outputs, rank))
        return True

    def _pass_resize(self, node: Node, rank: int) -> bool:
        if not self._movable_inputs(node):
            return False
        inputs = [self._in_first(node.inputs[0], rank), *node.inputs[1:]]
        if "axes" in node.attributes:
            axes = tuple(_moved_axis(axis, rank) for axis in node.attributes["axes"])
            self._append(node, inputs, self._make_first(node.outputs, rank), axes=axes)
            return True
        for i, name in enumerate(inputs[1:], 1):
            array = self._constants.get(name)
            if array is None or array.size == 0:
                continue
            inputs[i] = (
                self._turn_pairs(name, rank)
                if array.size == 2 * rank
                else self._derive(name, "sizes", array[list(to_first(rank))])
            )
        self._append(node, inputs, self._make_first(node.outputs, rank))
        return True

    def _turn_pairs(self, name: str, rank: int) -> str:
        """Begins of all axes, then ends of all axes, in the other order of axes."""
        pairs = self._constants[name].reshape(2, rank)
        return self._derive(name, "pairs", pairs[:, to_first(rank)].ravel())


def _moved_axis(axis: int, rank: int) -> int:
    """Where an axis of the channels-last form is in the channels-first one."""
    return to_first(rank).index(int(axis) % rank)
