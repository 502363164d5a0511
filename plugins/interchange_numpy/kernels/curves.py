"""Tanh, Erf, Gelu, Elu and its kin: functions of single elements that take many passes, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from interchange.graph import Array
from interchange_numpy.functions import ERF, PIECE, erf, gelu, gelu_work, pieces, tanh, tanh_work
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Order, Scratch, Step, larger, smaller
from interchange_numpy.network import Op

SELU = (1.67326319217681884765625, 1.05070102214813232421875)  # alpha and gamma where the model says nothing


def in_one_dimension(array: Array, order: Order) -> Array:
    """A view of an array that is contiguous in that order."""
    return array.transpose(order).reshape(-1)


def _kernel(
    op: Op,
    context: Context,
    scratch: Mapping[str, Scratch],
    steps: Callable[[Array, Array, Memory], Iterator[Step]],
) -> Kernel:
    x, y = op.inputs[0], op.outputs[0]
    order = context.order(x)

    def emit(memory: Memory) -> Iterator[Step]:
        return steps(in_one_dimension(memory[x], order), in_one_dimension(memory[y], order), memory)

    return Kernel(emit, scratch, orders={y: order}, wants={x: order}, overwrites=(x,))


def choose_tanh(op: Op, context: Context) -> Kernel | None:
    dtype = context.network.dtype(op.inputs[0])
    if dtype not in (np.float32, np.float64):
        return None
    scratch = tanh_work(int(np.prod(context.shape(op.inputs[0]))), dtype, precise=context.network.precise)

    def steps(x: Array, y: Array, memory: Memory) -> Iterator[Step]:
        return tanh(x, y, memory.scratch("tanh") if scratch else None)

    return _kernel(op, context, scratch, steps)


def _by_pieces(
    op: Op,
    context: Context,
    work: Callable[[int], Scratch],
    function: Callable[[Array, Array, Array], Iterator[Step]],
) -> Kernel | None:
    """The kernel of a function in float32 that needs memory; None where the operators have to compute it."""
    if context.network.precise or not context.network.is_float32(op.inputs[0]):
        return None
    scratch = {"work": work(min(PIECE, max(1, int(np.prod(context.shape(op.inputs[0]))))))}

    def steps(x: Array, y: Array, memory: Memory) -> Iterator[Step]:
        for piece in pieces(x.size):
            yield from function(x[piece], y[piece], memory.scratch("work"))

    return _kernel(op, context, scratch, steps)


def choose_erf(op: Op, context: Context) -> Kernel | None:
    return _by_pieces(op, context, ERF.work, erf)


def choose_gelu(op: Op, context: Context) -> Kernel | None:
    if op.attributes.get("approximate", "none") != "none":
        return None
    return _by_pieces(op, context, gelu_work, gelu)


def decaying(op: Op, context: Context) -> Kernel | None:
    """Elu, Selu, Celu: x above 0, below it alpha * (exp(x) - 1), all of it times gamma."""
    x = op.inputs[0]
    size = int(np.prod(context.shape(x)))
    if not context.network.is_float32(x, op.outputs[0]) or size == 0:
        return None
    usual = SELU if op.kind == "Selu" else (1.0, 1.0)
    alpha, gamma = (np.float32(op.attributes.get(n, v)) for n, v in zip(("alpha", "gamma"), usual, strict=True))
    divisor = alpha if op.kind == "Celu" else np.float32(1)
    zero = np.zeros((), np.float32)

    def steps(x: Array, y: Array, memory: Memory) -> Iterator[Step]:
        for at in pieces(size):
            work, seen, out = memory.scratch("work")[: at.stop - at.start], x[at], y[at]
            yield smaller(seen, zero, work)
            if divisor != 1:
                yield np.divide, (work, divisor, work)
            yield np.expm1, (work, work)
            if alpha != 1:
                yield np.multiply, (work, alpha, work)
            yield larger(seen, zero, out)
            yield np.add, (out, work, out)
            if gamma != 1:
                yield np.multiply, (out, gamma, out)

    return _kernel(op, context, {"work": ((min(PIECE, size),), np.float32)}, steps)


KERNELS: Mapping[str, Chooser] = {
    "Celu": decaying,
    "Elu": decaying,
    "Erf": choose_erf,
    "Gelu": choose_gelu,
    "Selu": decaying,
    "Tanh": choose_tanh,
}
