"""Pad with a constant: the border is filled, the middle copied."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from interchange_numpy.kernel import Context, Kernel, Memory, Step
from interchange_numpy.network import Op


def choose(op: Op, context: Context) -> Kernel | None:
    x, y, constants = op.inputs[0], op.outputs[0], context.network.constants
    known = all(name in constants for name in op.inputs[1:] if name)
    if op.attributes.get("mode", "constant") != "constant" or not known:
        return None
    shape = context.shape(x)
    rank = len(shape)
    pads = constants[op.inputs[1]].ravel()
    axes = constants[op.inputs[3]].ravel() if len(op.inputs) > 3 and op.inputs[3] else np.arange(rank)
    before = {int(axis) % rank: int(pads[k]) for k, axis in enumerate(axes)}
    after = {int(axis) % rank: int(pads[len(axes) + k]) for k, axis in enumerate(axes)}
    if not shape or min(pads, default=0) < 0 or context.network.dtype(x) != context.network.dtype(y):
        return None
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


KERNELS = {"Pad": choose}
