"""Resize: along one axis after the other, what each output is made of taken whole, times its weight.

The rows (or columns) of each tap are gathered by `take` with mode "clip", the only one that does not check and buffer,
as in the operator and with its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from interchange.graph import Array
from interchange.ops._resizing import nearest_places, resize_plan, source_coordinates, taps_of
from interchange_numpy.kernel import Context, Kernel, Memory, Step
from interchange_numpy.network import Op
from interchange_numpy.tiles import LONG_ROW


class Axis(NamedTuple):
    """The taps along one axis: (taps, outputs) indices, and their weights unless there is one tap of weight 1."""

    axis: int
    indices: Array
    weights: Array | None


def choose(op: Op, context: Context) -> Kernel | None:
    network, x, y = context.network, op.inputs[0], op.outputs[0]
    axes = _axes(op, context) if network.is_float32(x, y) and y not in context.gapped else None
    if not axes or 0 in context.shape(y):
        return None
    order = context.order(x)
    shape = [context.shape(x)[axis] for axis in order]
    between = []  # the shapes after each axis, in memory
    for axis in axes:
        shape[order.index(axis.axis)] = axis.indices.shape[1]
        between.append(tuple(shape))
    largest = max(map(math.prod, between))
    scratch = {"tap": ((largest,), np.float32)} if any(axis.weights is not None for axis in axes) else {}
    if len(axes) > 1:
        scratch["between"] = ((max(map(math.prod, between[:-1])),), np.float32)
        if len(axes) > 2:
            scratch["other"] = scratch["between"]

    def emit(memory: Memory) -> Iterator[Step]:
        value, out = memory[x].transpose(order), memory[y].transpose(order)
        for i, axis in enumerate(axes):
            into = out
            if i < len(axes) - 1:
                into = memory.scratch("other" if i % 2 else "between")[: math.prod(between[i])].reshape(between[i])
            yield from _along(axis, order.index(axis.axis), value, into, memory)
            value = into

    return Kernel(emit, scratch=scratch, orders={y: order}, wants={x: order})


def _axes(op: Op, context: Context) -> list[Axis] | None:
    """The axes that change; None where the operator has to do it."""
    a, constants = op.attributes, context.network.constants
    if any(name and name not in constants for name in op.inputs[1:]):
        return None
    transformation = a.get("coordinate_transformation_mode", "half_pixel")
    mode = a.get("mode", "nearest")
    if transformation == "tf_crop_and_resize" or mode not in ("nearest", "linear", "cubic"):
        return None
    _, scales, sizes = (*(constants.get(name) for name in op.inputs[1:]), None, None, None)[:3]
    policy = a.get("keep_aspect_ratio_policy", "stretch")
    axes: list[Axis] = []
    for axis, n, m, width in resize_plan(context.shape(op.inputs[0]), scales, sizes, a.get("axes"), policy):
        if n == width:
            continue
        at = source_coordinates(n, m, width, transformation, 0.0, 1.0)
        if mode == "nearest":
            nearest = np.clip(nearest_places(at, a.get("nearest_mode", "round_prefer_floor")), 0, n - 1).astype(np.intp)
            axes.append(Axis(axis, nearest[None], None))
            continue
        options = (a.get("cubic_coeff_a", -0.75), a.get("antialias", 0), a.get("exclude_outside", 0))
        indices, weights = taps_of(at, n, width / n, mode, *options)
        axes.append(Axis(axis, indices.T.astype(np.intp), weights.T.astype(np.float32)))
    # the last first where it makes no difference, for then whole rows are copied along the others
    return axes[::-1] if mode == "nearest" else axes


def _along(axis: Axis, place: int, value: Array, out: Array, memory: Memory) -> Iterator[Step]:
    """The weighted sum of the taps along the axis that is at this place in memory."""
    for i, indices in enumerate(axis.indices):
        into = out if i == 0 else memory.scratch("tap")[: out.size].reshape(out.shape)
        yield value.take, (indices, place, into, "clip")
        if axis.weights is not None:
            inner = math.prod(out.shape[place + 1 :])
            length = out.shape[place]
            weights: Array = axis.weights[i][:, None]
            rows: Array = into.reshape(-1, length, inner)
            if inner < LONG_ROW:  # repeated, so that the inner loop is long
                weights, rows = weights.repeat(inner)[None], into.reshape(-1, length * inner)
            yield np.multiply, (rows, weights, rows)
        if i:
            yield np.add, (out, into, out)


KERNELS = {"Resize": choose}
