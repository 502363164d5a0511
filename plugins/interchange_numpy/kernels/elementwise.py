"""Element by element: one ufunc each, with `out=`, in the order in memory of the largest operand.

A constant with a number for each channel makes inner loops as short as there are channels, 2.4 ns an element for the
three of a picture. So it is repeated along whole rows of pixels: 0.2 ns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Order, Step, c_order, larger, smaller
from interchange_numpy.network import Op

FLOATS = ("float32", "float64")
NUMBERS = (*FLOATS, "int32", "int64")
SHORT = 64  # channels


def order_like_operands(op: Op, context: Context) -> Order | None:
    """The order of the first operand that has the shape of the output; None if there is none."""
    shape = context.shape(op.outputs[0])
    computed = (name for name in op.inputs if name and name not in context.network.constants)
    return next((context.order(name) for name in computed if context.shape(name) == shape), None)


def elementwise(call: Callable[..., Step], dtypes: tuple[str, ...], inputs: int = 0) -> Chooser:
    """A chooser for operators that are one call on operands of one dtype.

    Args:
        call: makes it from the operands, the last of which is the output.
        inputs: how many there must be; 0 for any number.
    """

    def choose(op: Op, context: Context) -> Kernel | None:
        y = op.outputs[0]
        if len({context.network.dtype(name) for name in (*op.inputs, y)}) != 1:
            return None
        if str(context.network.dtype(y)) not in dtypes or (inputs and len(op.inputs) != inputs):
            return None

        order = order_like_operands(op, context)

        def emit(memory: Memory) -> Iterator[Step]:
            operands = [memory[name] for name in (*op.inputs, y)]
            are_constants = [name in context.network.constants for name in (*op.inputs, y)]
            yield call(*with_long_rows(operands, are_constants, order or c_order(operands[-1].ndim)))

        return Kernel(emit, orders={} if order is None else {y: order}, overwrites=op.inputs)

    return choose


def ufunc(function: Callable[..., Any], dtypes: tuple[str, ...] = FLOATS) -> Chooser:
    """A chooser for operators that are one ufunc on operands of one dtype."""
    return elementwise(lambda *operands: (function, operands), dtypes)


def with_long_rows(operands: Sequence[Array], are_constants: Sequence[bool], order: Order) -> list[Array]:
    """The operands, the last of which is the output, with the two innermost axes as one where that is possible.

    Args:
        order: how all that are no constants lie in memory.
    """
    out = operands[-1]
    if out.ndim < 2 or not any(are_constants) or out.shape[order[-1]] >= SHORT or out.size == 0:
        return list(operands)
    made = []
    for array, is_constant in zip(operands, are_constants, strict=True):
        if is_constant and array.size > 1:
            extended = array.reshape((1,) * (out.ndim - array.ndim) + array.shape).transpose(order)
            if extended.size != extended.shape[-1]:
                return list(operands)
            made.append(np.tile(extended.reshape(-1), out.shape[order[-2]]))
        elif array.size == 1:
            made.append(array.reshape(()))
        else:
            seen = array.transpose(order) if array.shape == out.shape else array
            pixel, item = seen.strides[-2:]
            if array.shape != out.shape or pixel != item * seen.shape[-1]:
                return list(operands)
            made.append(
                as_strided(seen, (*seen.shape[:-2], seen.shape[-2] * seen.shape[-1]), (*seen.strides[:-2], item))
            )
    return made


def condition(function: Callable[..., Any], dtypes: tuple[str, ...] = NUMBERS) -> Chooser:
    """A chooser for operators that are one ufunc from operands of one dtype to bool."""

    def choose(op: Op, context: Context) -> Kernel | None:
        found = {str(context.network.dtype(name)) for name in op.inputs}
        if len(found) != 1 or not found <= set(dtypes):
            return None

        def emit(memory: Memory) -> Iterator[Step]:
            yield function, (*(memory[name] for name in op.inputs), memory[op.outputs[0]])

        return Kernel(emit)

    return choose


KERNELS: dict[str, Chooser] = {
    "Add": ufunc(np.add, NUMBERS),
    "Sub": ufunc(np.subtract, NUMBERS),
    "Mul": ufunc(np.multiply, NUMBERS),
    "Max": elementwise(larger, NUMBERS, inputs=2),
    "Min": elementwise(smaller, NUMBERS, inputs=2),
    "Pow": ufunc(np.power),
    "Equal": condition(np.equal),
    "Less": condition(np.less),
    "LessOrEqual": condition(np.less_equal),
    "Greater": condition(np.greater),
    "GreaterOrEqual": condition(np.greater_equal),
    "And": condition(np.logical_and, ("bool",)),
    "Or": condition(np.logical_or, ("bool",)),
    "Xor": condition(np.logical_xor, ("bool",)),
    "Not": condition(np.logical_not, ("bool",)),
    "Div": ufunc(np.divide),
    "Neg": ufunc(np.negative),
    "Abs": ufunc(np.absolute),
    "Sqrt": ufunc(np.sqrt),
    "Reciprocal": ufunc(np.reciprocal),
    "Exp": ufunc(np.exp),
    "Log": ufunc(np.log),
    "Floor": ufunc(np.floor),
    "Ceil": ufunc(np.ceil),
    "Round": ufunc(np.rint),
    "Sin": ufunc(np.sin),
    "Cos": ufunc(np.cos),
}
