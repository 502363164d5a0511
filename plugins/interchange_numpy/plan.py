"""A network becomes a flat list of steps on preallocated arrays.

Kernels are chosen op by op in execution order, memory is laid out by liveness in one arena, then every kernel makes its
steps on the arrays that it got. What has no kernel, or a shape that depends on values, runs through the operators.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_numpy.arena import Storage, allocate, place
from interchange_numpy.kernel import Context, Kernel, Order, Step, c_order, copies, same_order
from interchange_numpy.kernels import CHOOSERS, preferred_order
from interchange_numpy.network import Network, Op
from interchange_numpy.operators import Objects, OperatorStep, owned
from interchange_numpy.passes import PASSES

# NumPy copies the operands of a strided loop through buffers if the loop is shorter than the buffer.
BUFFER_SIZE = 2048


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value lies: at the start of a storage, or the view `kernel` makes of the value `base`."""

    storage: int
    order: Order | None
    base: str = ""
    kernel: Kernel | None = None


@dataclass(frozen=True, slots=True)
class _Chosen:
    op: Op
    kernel: Kernel | None  # None: through the operators
    scratch: Mapping[str, int]  # key -> storage
    copied: Mapping[str, int]  # inputs that are copied into the order that the kernel wants -> storage


class Plan:
    """A network ready to run: one run at a time, whatever the number of threads that call it."""

    def __init__(self, network: Network) -> None:
        for improve in PASSES:
            improve(network)
        layout = _Layout(network)
        self.network = network
        self.arena_bytes = place(layout.storages)
        self.fallbacks = [chosen.op for chosen in layout.chosen if chosen.kernel is None]
        self._arena = allocate(self.arena_bytes)
        self._objects: Objects = {}
        self._lock = threading.Lock()
        self._arrays = _arrays(network, layout, self._arena)
        self.steps: list[Step] = list(_steps(layout, self._arrays, self._arena, self._objects))
        self._loads = [(name, self._arrays[name]) for name in network.inputs if name in self._arrays]
        self._object_inputs = [name for name in network.inputs if name not in self._arrays]

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by name, in memory of their own.

        Raises:
            BadInput: (IX212) an operator refuses its values.
            Misplanned: a value is not what inference said.
        """
        with self._lock:
            buffer_size = np.setbufsize(BUFFER_SIZE)
            try:
                with np.errstate(all="ignore"):
                    return self._run(feeds)
            finally:
                np.setbufsize(buffer_size)
                self._objects.clear()

    def _run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        for name, array in self._loads:
            np.copyto(array, feeds[name])
        for name in self._object_inputs:
            self._objects[name] = feeds[name]
        for function, arguments in self.steps:
            function(*arguments)
        return {name: self._output(name) for name in self.network.outputs}

    def _output(self, name: str) -> Any:
        if name in self._arrays:
            return np.array(self._arrays[name], order="C")
        return owned(self._objects[name])


class _Layout:
    """The kernels chosen for a network, and what memory each value takes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.storages: list[Storage] = []
        self.places: dict[str, _Place] = {}
        self.chosen: list[_Chosen] = []
        self._names: list[list[str]] = []  # of the values in each storage
        self._last = {name: i for i, op in enumerate(network.ops) for name in op.reads}
        self._last |= dict.fromkeys(network.outputs, len(network.ops))
        orders: dict[str, Order | None] = {}
        self._context = Context(network, orders)
        for name in network.inputs:
            if name in network.forms:
                orders[name] = preferred_order(name, network)
        kernels = [self._choose(op, orders) for op in network.ops]
        fast = {name for op, kernel in zip(network.ops, kernels, strict=True) if kernel for name in op.inputs}
        for name in network.inputs:
            if name in fast:
                self._place(name, 0, orders[name])
        for i, (op, kernel) in enumerate(zip(network.ops, kernels, strict=True)):
            self._lay_out(i, op, kernel, orders, fast)
        for storage, names in zip(self.storages, self._names, strict=True):
            storage.last = max([storage.last, *(self._last.get(name, 0) for name in names)])

    def _choose(self, op: Op, orders: dict[str, Order | None]) -> Kernel | None:
        """The kernel for an op, if there is one and all it touches is static; notes how its outputs lie."""
        kernel = None
        if all(not name or self.network.shape(name) is not None for name in (*op.inputs, *op.outputs)):
            chosen = (chooser(op, self._context) for chooser in CHOOSERS.get(op.kind, ()))
            kernel = next((kernel for kernel in chosen if kernel), None)
        for name in filter(None, op.outputs):
            shape = self.network.shape(name)
            if shape is not None:
                orders[name] = kernel.orders.get(name, c_order(len(shape))) if kernel else c_order(len(shape))
        return kernel

    def _lay_out(
        self, i: int, op: Op, kernel: Kernel | None, orders: Mapping[str, Order | None], fast: set[str]
    ) -> None:
        if kernel is None:
            for name in op.outputs:
                if name in fast:
                    self._place(name, i, orders[name])
            self.chosen.append(_Chosen(op, None, {}, {}))
            return
        if kernel.view is not None:
            base, name = op.inputs[0], op.outputs[0]
            if base in self.places:
                storage = self.places[base].storage
                self.places[name] = _Place(storage, orders[name], base, kernel)
                self._names[storage].append(name)
            else:  # of a constant
                self.places[name] = _Place(-1, orders[name], base, kernel)
            self.chosen.append(_Chosen(op, kernel, {}, {}))
            return
        self._overwrite(i, op, kernel, orders)
        for name in filter(None, op.outputs):
            if name not in self.places:
                self._place(name, i, orders[name])
        scratch = {key: self._store(_nbytes(*spec), i) for key, spec in kernel.scratch.items()}
        copied = {
            name: self._store(_nbytes(self._context.shape(name), self.network.dtype(name)), i)
            for name, order in kernel.wants.items()
            if not self._context.is_contiguous(name, order)
        }
        self.chosen.append(_Chosen(op, kernel, scratch, copied))

    def _overwrite(self, i: int, op: Op, kernel: Kernel, orders: Mapping[str, Order | None]) -> None:
        """Lets the first output take over the memory of an input that dies here."""
        name = op.outputs[0]
        for old in kernel.overwrites:
            had = self.places.get(old)
            if had is None or had.storage < 0 or had.order is None or orders[name] is None:
                continue
            fits = self.network.forms[old] == self.network.forms[name]
            fits = fits and same_order(self._context.shape(old), had.order, orders[name] or ())
            if fits and all(self._last.get(alias, -1) <= i for alias in self._names[had.storage]):
                whole = self.storages[had.storage].nbytes == _nbytes(self._context.shape(old), self.network.dtype(old))
                if whole:
                    self.places[name] = _Place(had.storage, orders[name])
                    self._names[had.storage].append(name)
                    return

    def _place(self, name: str, i: int, order: Order | None) -> None:
        storage = self._store(_nbytes(self._context.shape(name), self.network.dtype(name)), i)
        self._names[storage].append(name)
        self.places[name] = _Place(storage, order)

    def _store(self, nbytes: int, i: int) -> int:
        self.storages.append(Storage(nbytes, i, i))
        self._names.append([])
        return len(self.storages) - 1


def _nbytes(shape: Sequence[int], dtype: Any) -> int:
    return math.prod(shape) * int(np.dtype(dtype).itemsize)


# --- arrays and steps -----------------------------------------------------------------------------------------------


def _arrays(network: Network, layout: _Layout, arena: Array) -> dict[str, Array]:
    """All static values in the arena, and the constants, by name."""
    arrays: dict[str, Array] = dict(network.constants)
    for name, where in layout.places.items():
        if where.kernel is not None and where.kernel.view is not None:
            arrays[name] = where.kernel.view(arrays[where.base])
            if where.storage >= 0 and arrays[name].size and not np.may_share_memory(arrays[name], arena):
                raise AssertionError(f"{name} is no view of {where.base}")
        else:
            form = network.forms[name]
            order = where.order or c_order(form.ndim)
            arrays[name] = _array(arena, layout.storages[where.storage], form.shape, form.dtype, order)
    return arrays


def _array(arena: Array, storage: Storage, shape: tuple[int, ...], dtype: Any, order: Order) -> Array:
    block = arena[storage.offset : storage.offset + _nbytes(shape, dtype)].view(dtype)
    array: Array = block.reshape([shape[axis] for axis in order])
    return array.transpose([order.index(axis) for axis in range(len(order))])


class _Memory:
    """The arrays of one op."""

    def __init__(self, arrays: Mapping[str, Array], copied: Mapping[str, Array], scratch: Mapping[str, Array]) -> None:
        self._arrays = arrays
        self._copied = copied
        self._scratch = scratch

    def __getitem__(self, name: str) -> Array:
        return self._copied[name] if name in self._copied else self._arrays[name]

    def scratch(self, key: str) -> Array:
        return self._scratch[key]


def _steps(layout: _Layout, arrays: Mapping[str, Array], arena: Array, objects: Objects) -> Iterator[Step]:
    network = layout.network
    for i, chosen in enumerate(layout.chosen):
        op, kernel = chosen.op, chosen.kernel
        if kernel is None:
            forgotten = [n for n in op.reads if n not in arrays and layout._last.get(n) == i]
            yield OperatorStep(op, arrays, arena, objects, forgotten), ()
            continue
        if kernel.view is not None:
            continue
        copied = {}
        for name, index in chosen.copied.items():
            form = (layout._context.shape(name), network.dtype(name))
            copied[name] = _array(arena, layout.storages[index], *form, kernel.wants[name])
            yield from copies(copied[name], arrays[name])
        scratch = {
            key: _array(arena, layout.storages[index], *kernel.scratch[key], c_order(len(kernel.scratch[key][0])))
            for key, index in chosen.scratch.items()
        }
        yield from kernel.emit(_Memory(arrays, copied, scratch))
