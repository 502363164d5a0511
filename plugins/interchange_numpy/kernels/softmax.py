"""Softmax and LogSoftmax, the largest entry of each row subtracted first; sums of contiguous rows by BLAS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Order, Scratch, Step
from interchange_numpy.network import Op


def choose(op: Op, context: Context) -> Kernel | None:
    x, y = op.inputs[0], op.outputs[0]
    network = context.network
    if network.dtype(x) not in (np.float32, np.float64):
        return None
    shape = context.shape(x)
    if not shape or 0 in shape:
        return None
    axis = op.attributes.get("axis", -1) % len(shape)
    order = context.order(x)
    row = tuple(1 if i == axis else n for i, n in enumerate(shape))
    scratch: dict[str, Scratch] = {"row": (row, network.dtype(x))}
    if op.kind == "LogSoftmax":
        scratch["powers"] = (tuple(shape[i] for i in order), network.dtype(x))
    by_blas = order[-1] == axis and not network.precise

    def emit(memory: Memory) -> Iterator[Step]:
        result, extremes = memory[y], memory.scratch("row")
        yield np.maximum.reduce, (memory[x], axis, None, extremes, True)
        yield np.subtract, (memory[x], extremes, result)
        if op.kind == "Softmax":
            yield np.exp, (result, result)
            yield from _sums(result, axis, extremes, order, by_blas)
            yield np.divide, (result, extremes, result)
            return
        powers = memory.scratch("powers").transpose([order.index(i) for i in range(len(order))])
        yield np.exp, (result, powers)
        yield from _sums(powers, axis, extremes, order, by_blas)
        yield np.log, (extremes, extremes)
        yield np.subtract, (result, extremes, result)

    return Kernel(emit, scratch, orders={y: order}, overwrites=(x,))


def _sums(x: Array, axis: int, sums: Array, order: Order, by_blas: bool) -> Iterator[Step]:
    """The sums along the axis."""
    if by_blas:
        rows = x.transpose(order).reshape(-1, x.shape[axis])
        into = sums.transpose(order).reshape(-1)
        if np.may_share_memory(into, sums):
            yield rows.dot, (np.ones(x.shape[axis], x.dtype), into)
            return
    yield np.add.reduce, (x, axis, None, sums, True)


KERNELS: Mapping[str, Chooser] = {"Softmax": choose, "LogSoftmax": choose}
