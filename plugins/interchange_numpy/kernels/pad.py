"""Pad: the middle is copied, the border filled, or copied from the middle one axis after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Context, Kernel, Memory, Step
from interchange_numpy.network import Op


def choose(op: Op, context: Context) -> Kernel | None:
    x, y, constants = op.inputs[0], op.outputs[0], context.network.constants
    known = all(name in constants for name in op.inputs[1:] if name)
    mode = op.attributes.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect") or not known:
        return None
    shape = context.shape(x)
    rank = len(shape)
    pads = constants[op.inputs[1]].ravel()
    axes = constants[op.inputs[3]].ravel() if len(op.inputs) > 3 and op.inputs[3] else np.arange(rank)
    before = {int(axis) % rank: int(pads[k]) for k, axis in enumerate(axes)}
    after = {int(axis) % rank: int(pads[len(axes) + k]) for k, axis in enumerate(axes)}
    if not shape or min(pads, default=0) < 0 or context.network.dtype(x) != context.network.dtype(y):
        return None
    if mode != "constant":
        if any(max(before.get(axis, 0), after.get(axis, 0)) >= n for axis, n in enumerate(shape)):
            return None  # more than there is to be mirrored
        return Kernel(lambda memory: _mirrored(memory[x], memory[y], before, after, mode), orders={y: context.order(x)})
    value = constants[op.inputs[2]].reshape(()) if len(op.inputs) > 2 and op.inputs[2] else 0

    def emit(memory: Memory) -> Iterator[Step]:
        rest = memory[y]
        for axis in range(rank):
            at: tuple[slice, ...] = (slice(None),) * axis
            first, end = before.get(axis, 0), rest.shape[axis] - after.get(axis, 0)
            for part in (slice(0, first), slice(end, None)):
                if rest[(*at, part)].size:
                    yield rest[(*at, part)].fill, (value,)
            rest = rest[(*at, slice(first, end))]
        yield np.copyto, (rest, memory[x])

    return Kernel(emit, orders={y: context.order(x)})


def _mirrored(x: Array, y: Array, before: Mapping[int, int], after: Mapping[int, int], mode: str) -> Iterator[Step]:
    """Along each axis the border takes what is beside the edge, in reverse, or the edge itself."""
    inside = [slice(before.get(axis, 0), before.get(axis, 0) + n) for axis, n in enumerate(x.shape)]
    yield np.copyto, (y[tuple(inside)], x)
    for axis, part in enumerate(inside):
        others = (slice(None),) * axis
        rest = tuple(inside[axis + 1 :])  # the axes after this one have no border yet
        first, end = part.start, part.stop
        line = y[(*others, slice(None), *rest)]
        line = line.transpose(axis, *(i for i in range(y.ndim) if i != axis))
        if first:
            source = line[first + 1 : 2 * first + 1][::-1] if mode == "reflect" else line[first : first + 1]
            yield np.copyto, (line[:first], source)
        if end < y.shape[axis]:
            width = y.shape[axis] - end
            source = line[end - 1 - width : end - 1][::-1] if mode == "reflect" else line[end - 1 : end]
            yield np.copyto, (line[end:], source)


KERNELS = {"Pad": choose}
