"""A graph at given input shapes: constants folded, the shape of every value known. What passes rewrite."""

from __future__ import annotations

import mmap
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from interchange.evaluate import infer_node
from interchange.graph import Array, Graph, Node, dtype_of
from interchange.unknown import RULES, Unknown
from interchange_numpy.branches import branch_of
from interchange_numpy.pages import Shelf

__all__ = ["Network", "Op", "Unknown", "Weights", "lower"]

# What makes other values each time.
RANDOM = frozenset(
    ("Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)
MOST_COPIED = 1 << 25  # bytes of constants that need no preparation and are copied all the same, into large pages
MOST_FOLDED = 1 << 20  # bytes that folding may make where the inputs are smaller
DATA_SIZES = (5, 10)  # told for sizes that depend on values; what changes from one to the other is not static


class Halo(NamedTuple):
    """Zeros around a value in memory, for a kernel that reads beyond its edge.

    Args:
        pads: (before, after) for each axis of the value.
        order: how the value with its zeros lies in memory.
    """

    pads: tuple[tuple[int, int], ...]
    order: tuple[int, ...]


class Op(NamedTuple):
    """What one kernel computes: a node of the graph, or several that a pass has put together.

    Args:
        kind: the operator, or a name in lower case for what a pass made ("gelu").
        inputs, outputs: names of values; "" is an absent one.
        attributes: for the kernel.
        nodes: the nodes that it stands for, in order. Without a kernel for `kind` they run one by one through the
            operators, so a pass never has to care whether there is one.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    nodes: tuple[Node, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """All names that a run reads: the inputs, and what the nodes read that none of them makes."""
        made = {name for node in self.nodes for name in node.outputs}
        from_nodes = (name for node in self.nodes for name in node.reads if name not in made)
        return tuple(dict.fromkeys(name for name in (*self.inputs, *from_nodes) if name))


class Weights:
    """Constants as the kernels want them, made once for all plans of a model.

    Args:
        constants: of the graph. What lies in their memory is copied from there as long as that is not too much.
    """

    def __init__(self, constants: Iterable[Array]) -> None:
        self._own = {_address(array) for array in constants}
        self._may_copy = MOST_COPIED
        self._packed: dict[tuple[Any, ...], Array] = {}
        self._shelf = Shelf()

    def packed(self, key: tuple[Any, ...], make: Callable[[], Array]) -> Array:
        """The array of that key, which says of which constant and how; `make` makes it the first time."""
        if key not in self._packed:
            self._packed[key] = self._kept(make())
        return self._packed[key]

    def _kept(self, made: Array) -> Array:
        is_own = _address(made) in self._own
        if is_own and made.nbytes > self._may_copy:
            return made
        kept = self._shelf.put(made)
        if is_own and kept is not made:
            self._may_copy -= made.nbytes
        return kept

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays that do not lie in the constants' memory."""
        return sum(array.nbytes for array in self._packed.values() if _address(array) not in self._own)


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def release(constants: Iterable[Array]) -> None:
    """Lets go of the memory of constants that are mapped files; what is read again comes from there again."""
    maps = {}
    for array in constants:
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, memoryview):
            base = base.obj
        if isinstance(base, mmap.mmap):
            maps[id(base)] = base
    for each in maps.values():
        if hasattr(each, "madvise"):  # not on Windows
            each.madvise(mmap.MADV_DONTNEED)


@dataclass(slots=True)
class Network:
    """Ops in execution order and what is known of the values.

    Args:
        ops: passes replace this list.
        constants: name -> array; known values that no op makes.
        forms: dtype and shape of every other tensor whose shape does not depend on values. A name that is neither here
            nor a constant is made and read by operators only.
        inputs, outputs: the graph's.
        stored: the constants that are the graph's own, the same at all shapes.
        precise: nothing may be computed in another order than the operators do.
        threads: how many may work on the tiles of a kernel.
        weights: where packed constants are kept.
        halos: by name of the value.
    """

    ops: list[Op]
    constants: dict[str, Array]
    forms: dict[str, Unknown]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: Weights
    stored: Set[str] = frozenset()
    precise: bool = False
    halos: dict[str, Halo] = field(default_factory=dict)
    threads: int = 1

    def readers(self) -> Counter[str]:
        """How many ops read each value; being an output of the graph counts as one more."""
        counts = Counter(name for op in self.ops for name in op.reads)
        counts.update(self.outputs)
        return counts

    def is_float32(self, *names: str) -> bool:
        """Whether these values are tensors of float32 of static shape, or constants of float32."""
        return all(self.dtype(name) == np.float32 for name in names)

    def dtype(self, name: str) -> np.dtype[Any] | None:
        known = self.constants.get(name, self.forms.get(name))
        return None if known is None else known.dtype

    def shape(self, name: str) -> tuple[int, ...] | None:
        known = self.constants.get(name, self.forms.get(name))
        return None if known is None else tuple(known.shape)

    def packed(self, name: str, how: tuple[Any, ...], make: Callable[[], Array]) -> Array:
        """What `make` makes of a constant, kept for all plans; `how` says what that is, with all that it depends on.

        A constant that was folded may be another one at other shapes, so its content is part of the key.
        """
        if name in self.stored:
            return self.weights.packed((name, *how), make)
        import hashlib  # takes its time, and few networks fold what they pack

        content = hashlib.sha256(self.constants[name].tobytes()).digest()
        return self.weights.packed((name, content, *how), make)

    def scalar(self, name: str) -> float | None:
        """The number in a constant of one element; None for anything else."""
        constant = self.constants.get(name)
        return float(constant.reshape(())) if constant is not None and constant.size == 1 else None


def lower(graph: Graph, shapes: Mapping[str, tuple[int, ...]], *, precise: bool = False, weights: Weights) -> Network:
    """The network of a graph whose tensor inputs have these shapes.

    Raises:
        BadInput: (IX212) the shapes cannot be told without running the graph.
    """
    constants: dict[str, Array] = dict(graph.constants)
    known: dict[str, Any] = dict(constants)
    for name, spec in graph.inputs.items():
        known[name] = Unknown(dtype_of(spec.dtype), tuple(shapes.get(name, ())), spec.kind)
    ops: list[Op] = []
    nodes, dynamic = _settled(graph, known)
    for node in nodes:
        known.update(zip(node.outputs, _inferred(node, known, DATA_SIZES[0]), strict=False))
        if all(isinstance(known[name], np.ndarray) and name not in dynamic for name in node.outputs if name):
            constants.update((name, known[name]) for name in node.outputs if name)
        else:
            ops.append(Op(node.op, node.inputs, node.outputs, node.attributes, (node,)))
    forms = {
        name: Unknown(value.dtype, value.shape)
        for name, value in known.items()
        if name and name not in constants and name not in dynamic and is_plain(value)
    }
    return Network(ops, constants, forms, tuple(graph.inputs), graph.outputs, weights, graph.constants.keys(), precise)


def is_plain(value: Any) -> bool:
    """Whether this is a tensor that memory can hold: no sequence, no texts."""
    is_tensor = isinstance(value, np.ndarray) or (isinstance(value, Unknown) and value.kind == "tensor")
    return is_tensor and value.dtype.kind not in "OU"


def _settled(graph: Graph, given: Mapping[str, Any]) -> tuple[Sequence[Node], Set[str]]:
    """The nodes, with the branches that the shapes decide in the place of their If; and the values whose shape depends
    on other values, with all that is made of them.

    Those are found by inferring twice with different sizes for what nobody knows.
    """
    if not any(node.op in RULES or node.bodies for node in graph.nodes):
        return graph.nodes, set()
    found: set[str] = set()
    small, large = dict(given), dict(given)
    names = {*given, *(name for node in graph.nodes for name in node.outputs)}
    waiting, nodes = deque(graph.nodes), []
    while waiting:
        node = waiting.popleft()
        if node.op == "If" and node.inputs[0] not in found and isinstance(small[node.inputs[0]], np.ndarray):
            branch = branch_of(node, small[node.inputs[0]], names)
            if branch is not None:
                waiting.extendleft(reversed(branch))
                continue
        nodes.append(node)
        for known, size in ((small, DATA_SIZES[0]), (large, DATA_SIZES[1])):
            known.update(zip(node.outputs, _inferred(node, known, size), strict=False))
        spread = any(name in found for name in node.reads)
        found.update(name for name in node.outputs if spread or not _same(small.get(name), large.get(name)))
    found.discard("")
    return nodes, found


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a is b or (a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and bool(a == b)


def _inferred(node: Node, known: Mapping[str, Any], data_size: int) -> Sequence[Any]:
    """What is known of a node's outputs; values only where they are worth to be kept."""
    if any(isinstance(known[name], Unknown) for name in node.reads if name):
        return infer_node(node, known, data_size)
    if node.op in RANDOM or node.bodies:
        inputs = {name: _forgotten(known[name]) for name in node.reads if name}
        return [_forgotten(value) for value in infer_node(node, inputs, data_size)] if inputs else _shapes_only(node)
    made = infer_node(node, known, data_size)
    read = sum(known[name].nbytes for name in node.reads if name and isinstance(known[name], np.ndarray))
    if sum(value.nbytes for value in made if isinstance(value, np.ndarray)) > MOST_FOLDED + 2 * read:
        return [_forgotten(value) for value in made]
    return made


def _shapes_only(node: Node) -> Sequence[Any]:
    return [_forgotten(value) for value in infer_node(node, {}, DATA_SIZES[0])]


def _forgotten(value: Any) -> Any:
    return Unknown(value.dtype, value.shape) if isinstance(value, np.ndarray) else value


def merged(kind: str, ops: Sequence[Op], inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Op:
    """One op in place of several, which are in execution order."""
    nodes = tuple(node for op in ops for node in op.nodes)
    return Op(kind, tuple(inputs), tuple(outputs), attributes, nodes)
