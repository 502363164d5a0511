"""Operators that move elements: slices are views, all else is copied to where it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from interchange import ops
from interchange.evaluate import run
from interchange.graph import Array, Node
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Step, c_order
from interchange_numpy.network import Op

WHOLE = "biu"  # kinds of dtypes: bool and integers


def sliced(op: Op, context: Context) -> Kernel | None:
    """A view of the input, if the slices are constant."""
    x, y = op.inputs[0], op.outputs[0]
    known = [context.network.constants.get(name) for name in op.inputs[1:] if name]
    if any(array is None for array in known) or "" in op.inputs:
        return None
    return Kernel(view=lambda array: ops.get("Slice")(array, *known), orders={y: context.order(x)}, gaps=True)


def split(op: Op, context: Context) -> Kernel | None:
    x, outputs = op.inputs[0], [name for name in op.outputs if name]
    if len(outputs) < len(op.outputs):
        return None
    axis = op.attributes.get("axis", 0) % len(context.shape(x))
    ends = np.cumsum([context.shape(name)[axis] for name in outputs])[:-1]

    def emit(memory: Memory) -> Iterator[Step]:
        for name, part in zip(outputs, np.split(memory[x], ends, axis), strict=True):
            yield np.copyto, (memory[name], part)

    return Kernel(emit, orders=dict.fromkeys(outputs, context.order(x)))


def joined(op: Op, context: Context) -> Kernel | None:
    y = op.outputs[0]
    axis = op.attributes["axis"] % len(context.shape(y))
    ends = np.cumsum([context.shape(name)[axis] for name in op.inputs])[:-1]

    def emit(memory: Memory) -> Iterator[Step]:
        for name, part in zip(op.inputs, np.split(memory[y], ends, axis), strict=True):
            if part.size:
                yield np.copyto, (part, memory[name])

    computed = [name for name in op.inputs if name not in context.network.constants]
    return Kernel(emit, orders={y: context.order(computed[0])})


def chosen(op: Op, context: Context) -> Kernel | None:
    """Where."""
    condition, a, b = op.inputs
    y = op.outputs[0]
    if len({context.network.dtype(name) for name in (a, b, y)}) > 1:
        return None
    shape = context.shape(y)
    order = next((context.order(name) for name in (a, b) if context.shape(name) == shape), c_order(len(shape)))

    def emit(memory: Memory) -> Iterator[Step]:
        yield np.copyto, (memory[y], memory[b])
        yield np.copyto, (memory[y], memory[a], "same_kind", memory[condition])

    return Kernel(emit, orders={y: order})


def cast(op: Op, context: Context) -> Kernel | None:
    """Between bool and integers, from these and float32 and float64 to float32 and float64, and from all to bool."""
    x, y = op.inputs[0], op.outputs[0]
    old, new = context.network.dtype(x), context.network.dtype(y)
    floats = (np.float32, np.float64)
    if old in floats and new == np.bool_:
        return Kernel(lambda memory: [(np.not_equal, (memory[x], 0, memory[y]))], orders={y: context.order(x)})
    if old is None or new is None or not (old.kind in WHOLE or (old in floats and new in floats)):
        return None
    if not (new.kind in WHOLE or new in floats):
        return None

    def emit(memory: Memory) -> Iterator[Step]:
        yield np.copyto, (memory[y], memory[x], "unsafe")

    return Kernel(emit, orders={y: context.order(x)})


def expanded(op: Op, context: Context) -> Kernel | None:
    x, y = op.inputs[0], op.outputs[0]

    def emit(memory: Memory) -> Iterator[Step]:
        yield np.copyto, (memory[y], memory[x])

    return Kernel(emit)


def gathered(op: Op, context: Context) -> Kernel | None:
    """Slices of x along an axis, by numbers that may count from the end."""
    x, indices, y = op.inputs[0], op.inputs[1], op.outputs[0]
    axis = op.attributes.get("axis", 0) % len(context.shape(x))
    size, known = context.shape(x)[axis], context.network.constants.get(indices)

    def emit(memory: Memory) -> Iterator[Step]:
        if known is not None and known.size and -size <= known.min() and known.max() < size:
            yield np.take, (memory[x], known % size, axis, memory[y], "clip")
        else:
            yield _take, (op.nodes[0], memory[x], memory[indices], axis, memory[y])

    return Kernel(emit, wants={x: c_order(len(context.shape(x)))})


def _take(node: Node, x: Array, indices: Array, axis: int, y: Array) -> None:
    """np.take, where the indices are in range; raises what the operator raises where not."""
    if indices.size and indices.min() >= 0 and indices.max() < x.shape[axis]:
        np.take(x, indices, axis, y, "clip")
    else:
        np.copyto(y, run(node, dict(zip(node.inputs, (x, indices), strict=True)))[0])


def gathered_in_batches(op: Op, context: Context) -> Kernel | None:
    """GatherND of single numbers along the second axis, each sample by its own."""
    (x, indices), y = op.inputs, op.outputs[0]
    if op.attributes.get("batch_dims", 0) != 1 or context.shape(indices)[-1] != 1:
        return None
    if len(context.shape(indices)) != 3 or 0 in (*context.shape(x), *context.shape(indices)):
        return None
    samples, size = context.shape(x)[:2]
    first = np.arange(0, samples * size, size)[:, None]

    def emit(memory: Memory) -> Iterator[Step]:
        rows = memory[x].reshape(samples * size, *memory[x].shape[2:])
        yield _take_rows, (op.nodes[0], memory[x], memory[indices], rows, first, memory.scratch("rows"), memory[y])

    wants = {name: c_order(len(context.shape(name))) for name in (x, indices)}
    return Kernel(emit, scratch={"rows": (context.shape(indices)[:2], np.dtype(np.int64))}, wants=wants)


def _take_rows(node: Node, x: Array, indices: Array, rows: Array, first: Array, which: Array, y: Array) -> None:
    if indices.min() >= 0 and indices.max() < x.shape[1]:
        np.add(indices[..., 0], first, which)
        np.take(rows, which, 0, y, "clip")
    else:
        np.copyto(y, run(node, dict(zip(node.inputs, (x, indices), strict=True)))[0])


def topmost(op: Op, context: Context) -> Kernel | None:
    """The k largest or smallest, if k is constant; of equals the first comes first."""
    a, x = op.attributes, op.inputs[0]
    k = context.network.constants.get(op.inputs[1])
    if k is None or k.size != 1 or not all(op.outputs):
        return None
    axis, count, largest = a.get("axis", -1) % len(context.shape(x)), int(k.reshape(())), bool(a.get("largest", 1))

    def emit(memory: Memory) -> Iterator[Step]:
        yield _top, (memory[x], axis, count, largest, *(memory[name] for name in op.outputs))

    return Kernel(emit)


def _top(x: Array, axis: int, count: int, largest: bool, values: Array, places: Array) -> None:
    """Backwards for the largest, so that a stable sort leaves equals in their order."""
    back = (slice(None),) * axis + (slice(None, None, -1),)
    order = np.argsort(x[back], axis, kind="stable")[back] if largest else np.argsort(x, axis, kind="stable")
    order = order[(slice(None),) * axis + (slice(count),)]
    np.copyto(places, x.shape[axis] - 1 - order if largest else order)
    np.copyto(values, np.take_along_axis(x, places, axis))


KERNELS: Mapping[str, Chooser] = {
    "Slice": sliced,
    "Split": split,
    "Concat": joined,
    "Where": chosen,
    "Cast": cast,
    "Expand": expanded,
    "Gather": gathered,
    "GatherND": gathered_in_batches,
    "TopK": topmost,
}
