"""LayerNormalization and RMSNormalization without temporaries: sums by BLAS, rows in pieces that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Step, c_order
from interchange_numpy.network import Op
from interchange_numpy.tiles import together_of

PIECE = 1 << 15  # elements


def choose(op: Op, context: Context) -> Kernel | None:
    network = context.network
    x, scale, b = (*op.inputs, "")[:3]
    shape = context.shape(x)
    axis = op.attributes.get("axis", -1) % len(shape) if shape else 0
    size, count = math.prod(shape[axis:]), math.prod(shape[:axis])
    if network.precise or not network.is_float32(*(name for name in (x, scale, b) if name)) or 0 in (size, count):
        return None
    if any(op.outputs[1:]) or any(network.shape(name) != shape[axis:] for name in (scale, b) if name):
        return None
    if op.attributes.get("stash_type", "float32") != "float32":
        return None
    rows = min(count, max(1, PIECE // size))
    factors = {name: network.constants.get(name) for name in (scale, b) if name}

    def emit(memory: Memory) -> Iterator[Step]:
        source, result = memory[x].reshape(count, size), memory[op.outputs[0]].reshape(count, size)
        for start in range(0, count, rows):
            part = slice(start, min(start + rows, count))
            yield from _standardise(op, source[part], result[part], memory)
            for name, function in ((scale, np.multiply), (b, np.add)):
                if name:
                    known = factors[name]
                    vector = memory[name] if known is None else known
                    yield _along_rows(function, result[part], vector.reshape(-1), is_constant=known is not None)

    scratch = {
        "squares": ((rows, size), np.dtype(np.float32)),
        "sums": ((rows,), np.dtype(np.float32)),
    }
    return Kernel(emit, scratch, wants={x: c_order(len(shape))}, overwrites=(x,))


def _standardise(op: Op, x: Array, y: Array, memory: Memory) -> Iterator[Step]:
    """y is x, less its mean (of a layer normalisation), with squares whose mean is 1."""
    sums, squares = memory.scratch("sums")[: len(x)], memory.scratch("squares")[: len(x)]
    size, centred = x.shape[1], x
    share = np.full(size, 1 / size, np.float32)
    if op.kind == "LayerNormalization":
        # The mean of what is left, too: that of equal numbers is off by a rounding, and the deviation there is 0.
        for old in (x, y):
            yield old.dot, (share, sums)
            yield np.subtract, (old, sums[:, None], y)
        centred = y
    yield np.multiply, (centred, centred, squares)
    yield squares.dot, (share, sums)
    yield np.add, (sums, np.float32(op.attributes.get("epsilon", 1e-5)), sums)
    yield np.sqrt, (sums, sums)
    yield np.reciprocal, (sums, sums)
    yield np.multiply, (centred, sums[:, None], y)


def _along_rows(function: np.ufunc, y: Array, vector: Array, *, is_constant: bool) -> Step:
    """y = function(y, vector) for each row of y."""
    repeat = together_of(len(y), len(vector)) if is_constant else 1
    long = y.reshape(len(y) // repeat, repeat * len(vector))
    return function, (long, np.tile(vector, repeat) if repeat > 1 else vector, long)


KERNELS: Mapping[str, Chooser] = {"LayerNormalization": choose, "RMSNormalization": choose}
