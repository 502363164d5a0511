"""Operators that move nothing: their output is a view of the input, and costs no step."""

from __future__ import annotations

from collections.abc import Callable

from interchange.graph import Array
from interchange_numpy.kernel import Context, Kernel, Order, c_order, copies
from interchange_numpy.network import Op


def reshaped(op: Op, context: Context) -> Kernel | None:
    """Reshape, Flatten, Squeeze, Unsqueeze: a view, unless the elements must change places."""
    x, y = op.inputs[0], op.outputs[0]
    old, new, order = context.shape(x), context.shape(y), context.order(x)
    if context.is_contiguous(x):
        return Kernel(view=_reshape(new), orders={y: c_order(len(new))})
    if [n for n in old if n != 1] == [n for n in new if n != 1]:
        return Kernel(view=_reshape(new), orders={y: _moved(order, old, new)})
    return Kernel(lambda memory: copies(memory[y].reshape(old), memory[x]))


def _reshape(shape: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda x: x.reshape(shape)


def _moved(order: Order, old: tuple[int, ...], new: tuple[int, ...]) -> Order:
    """The order after axes of size 1 have come or gone."""
    axes = dict(zip((i for i, n in enumerate(old) if n != 1), (i for i, n in enumerate(new) if n != 1), strict=True))
    return (*(i for i, n in enumerate(new) if n == 1), *(axes[i] for i in order if i in axes))


def transposed(op: Op, context: Context) -> Kernel | None:
    x, y = op.inputs[0], op.outputs[0]
    rank, order = len(context.shape(x)), context.order(x)
    perm = tuple(axis % rank for axis in op.attributes.get("perm") or reversed(range(rank)))
    return Kernel(view=lambda array: array.transpose(perm), orders={y: tuple(perm.index(axis) for axis in order)})


def same(op: Op, context: Context) -> Kernel | None:
    x, y = op.inputs[0], op.outputs[0]
    return Kernel(view=lambda array: array.view(), orders={y: context.order(x)})


KERNELS = {
    "Reshape": reshaped,
    "Flatten": reshaped,
    "Squeeze": reshaped,
    "Unsqueeze": reshaped,
    "Transpose": transposed,
    "Identity": same,
}
