"""Activation functions on their own, in pieces that stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from interchange_numpy import activations
from interchange_numpy.kernel import Context, Kernel, Memory, Step
from interchange_numpy.network import Op

PIECE = 1 << 15  # elements, of which a function of several passes takes one piece at a time


def activation(op: Op, context: Context) -> Kernel | None:
    """An op "activation"."""
    x, y = op.inputs[0], op.outputs[0]
    function = op.attributes["activation"]
    shape, order = context.shape(x), context.order(x)
    whole = y in context.gapped or x in context.gapped or not function.scratch(1)
    size = int(np.prod(shape))
    piece = size if whole else min(size, PIECE)
    scratch = function.scratch(piece)

    def emit(memory: Memory) -> Iterator[Step]:
        source, out = memory[x].transpose(order), memory[y].transpose(order)
        spare = memory.scratch("temporary") if scratch else None
        if whole:
            yield from activations.steps(function, source, out, spare)
            return
        source, out = source.reshape(-1), out.reshape(-1)
        for first in range(0, size, PIECE):
            part = slice(first, min(first + PIECE, size))
            yield from activations.steps(function, source[part], out[part], spare)

    return Kernel(emit, scratch=scratch, orders={y: order}, overwrites=(x,))


KERNELS = {"activation": activation}
