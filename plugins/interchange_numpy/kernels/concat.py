"""Concat: every part is copied into its place in the output, which lies in the order of the first part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from interchange_numpy.kernel import Context, Kernel, Memory, Step
from interchange_numpy.network import Op


def choose(op: Op, context: Context) -> Kernel | None:
    y = op.outputs[0]
    rank = len(context.shape(y))
    axis = op.attributes["axis"] % rank
    if len({context.network.dtype(name) for name in (*op.inputs, y)}) != 1:
        return None
    first = next((name for name in op.inputs if name not in context.network.constants), op.inputs[0])

    def emit(memory: Memory) -> Iterator[Step]:
        out, start = memory[y], 0
        for name in op.inputs:
            part = memory[name]
            end = start + part.shape[axis]
            yield np.copyto, (out[(*(slice(None),) * axis, slice(start, end))], part)
            start = end

    return Kernel(emit, orders={y: context.order(first)})


KERNELS = {"Concat": choose}
