"""Ops without a kernel: their nodes through the operators of `interchange.ops`, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.evaluate import run
from interchange.graph import Array
from interchange_numpy.network import Op

Objects = dict[str, Any]  # values outside the arena: of unknown shape, sequences, texts …


class Misplanned(Exception):
    """A value is not what inference said; the plan is of no use, the operators are."""


class OperatorStep:
    """Runs the nodes of an op, on arrays of the arena and on objects."""

    def __init__(
        self, op: Op, arrays: Mapping[str, Array], arena: Array, objects: Objects, forgotten: Sequence[str]
    ) -> None:
        self._nodes = op.nodes
        self._static = {name: _read_only(arrays[name]) for name in op.reads if name in arrays}
        self._dynamic = [name for name in op.reads if name not in arrays]
        self._into = {name: arrays[name] for name in op.outputs if name in arrays}
        self._objects_made = [name for name in op.outputs if name and name not in arrays]
        self._arena = arena
        self._objects = objects
        self._forgotten = forgotten

    def __call__(self) -> None:
        values = dict(self._static)
        values.update((name, self._objects[name]) for name in self._dynamic)
        for node in self._nodes:
            values.update(zip(node.outputs, run(node, values), strict=False))
        for name, array in self._into.items():
            if values[name].shape != array.shape or values[name].dtype != array.dtype:
                raise Misplanned(f"{name} is {values[name].dtype}{list(values[name].shape)}")
            np.copyto(array, values[name])
        for name in self._objects_made:
            self._objects[name] = _outside(values[name], self._arena)
        for name in self._forgotten:
            self._objects.pop(name, None)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _outside(value: Any, arena: Array) -> Any:
    """The value, copied where it lies in the arena, whose memory will hold something else soon."""
    if isinstance(value, np.ndarray):
        return value.copy() if np.may_share_memory(value, arena) else value
    if isinstance(value, list):
        return [_outside(item, arena) for item in value]
    return value


def owned(value: Any) -> Any:
    """The value in memory that nobody else has: no input, no constant, no view."""
    if isinstance(value, np.ndarray):
        return np.array(value, order="C")
    if isinstance(value, list):
        return [owned(item) for item in value]
    return value
