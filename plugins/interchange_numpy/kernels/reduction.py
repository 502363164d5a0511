"""Sums, means and extremes along constant axes, running sums: one call of a ufunc each, as in the operators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Step
from interchange_numpy.network import Op

UFUNCS: Mapping[str, np.ufunc] = {
    "ReduceSum": np.add,
    "ReduceMean": np.add,
    "ReduceMax": np.maximum,
    "ReduceMin": np.minimum,
}


def choose(op: Op, context: Context) -> Kernel | None:
    x, y, network = op.inputs[0], op.outputs[0], context.network
    axes = network.constants.get(op.inputs[1]) if len(op.inputs) > 1 else None
    shape, dtype = context.shape(x), network.dtype(x)
    if axes is None or not axes.size or 0 in shape or dtype != network.dtype(y):
        return None
    if dtype not in (np.float32, np.float64) and (dtype != np.int64 or op.kind == "ReduceMean"):
        return None
    reduced = tuple(int(axis) % len(shape) for axis in axes)
    count = math.prod(shape[axis] for axis in reduced)
    keep = bool(op.attributes.get("keepdims", 1))

    def emit(memory: Memory) -> Iterator[Step]:
        yield UFUNCS[op.kind].reduce, (memory[x], reduced, None, memory[y], keep)
        if op.kind == "ReduceMean":
            yield np.divide, (memory[y], np.array(count, dtype), memory[y])

    return Kernel(emit)


def running_sum(op: Op, context: Context) -> Kernel | None:
    """CumSum from the start on, each entry included."""
    (x, axis), y, network = op.inputs, op.outputs[0], context.network
    known, dtype = network.constants.get(axis), network.dtype(x)
    if known is None or known.size != 1 or op.attributes.get("exclusive") or op.attributes.get("reverse"):
        return None
    if dtype not in (np.float32, np.float64, np.int32, np.int64) or network.dtype(y) != dtype:
        return None
    along = int(known.item())
    if not -len(context.shape(x)) <= along < len(context.shape(x)):
        return None

    def emit(memory: Memory) -> Iterator[Step]:
        yield np.add.accumulate, (memory[x], along, dtype, memory[y])

    return Kernel(emit)


KERNELS: Mapping[str, Chooser] = {**dict.fromkeys(UFUNCS, choose), "CumSum": running_sum}
