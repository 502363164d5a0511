"""A network becomes a flat list of steps on preallocated arrays.

Kernels are chosen op by op in execution order, memory is laid out by liveness in one arena, then every kernel makes its
steps on the arrays that it got. What has no kernel, or a shape that depends on values, runs through the operators.

A step is one call of NumPy on views that exist already: 0.6 µs beside its work on a Zen 4 (0.9 on Zen 1), where an
interpreter that looks up values and attributes by name takes 3.3 for each node and allocates its results. The 176 nodes
of ResNet50 become 56 ops and these 723 steps; EfficientNetB0 has 1238. Their plans are made in 0.4 and 0.2 s, most of
it for weights.
"""

from __future__ import annotations

import contextvars
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy.arena import Storage, place
from interchange_numpy.kernel import Context, Kernel, Order, Step, c_order, copies, same_order
from interchange_numpy.kernels import choosers, preferred_order
from interchange_numpy.network import Halo, Network, Op
from interchange_numpy.operators import Misplanned, Objects, OperatorStep, owned
from interchange_numpy.pages import allocate
from interchange_numpy.passes import PASSES
from interchange_numpy.threads import Workers, prepare, run_steps


class _Place(NamedTuple):
    """Where a value lies: at the start of a storage, or the view `kernel` makes of the value `base`."""

    storage: int
    order: Order
    base: str = ""
    kernel: Kernel | None = None


class _Chosen(NamedTuple):
    op: Op
    kernel: Kernel | None  # None: through the operators
    scratch: Mapping[tuple[str, int], int]  # key and thread -> storage
    copied: Mapping[str, int]  # inputs that are copied into the order that the kernel wants -> storage


class Plan:
    """A network ready to run: one run at a time, whatever the number of threads that call it."""

    def __init__(self, network: Network, workers: Workers | None = None) -> None:
        for improve in PASSES:
            improve(network)
        layout = _Layout(network)
        workers = workers or Workers(1)
        workers.settle_blas()
        self.network = network
        self.arena_bytes = place(layout.storages)
        self.fallbacks = [chosen.op for chosen in layout.chosen if chosen.kernel is None]
        self._arena = allocate(self.arena_bytes)
        self._objects: Objects = {}
        self._lock = threading.Lock()
        self._context = contextvars.Context()  # where NumPy is set as the steps want it, once for all runs
        self._context.run(prepare)
        arrays = _arrays(network, layout, self._arena)
        self._arrays = arrays.values
        self.steps: list[Step] = []
        for name in filter(arrays.padded.__contains__, network.inputs):
            self.steps += _border(arrays.padded[name], network.halos[name])
        self.spans: list[tuple[Op, slice]] = []  # which of the steps compute which op
        for op, steps in _steps(layout, arrays, self._arena, self._objects, workers):
            first = len(self.steps)
            self.steps += steps
            self.spans.append((op, slice(first, len(self.steps))))
        self._loads = [(name, self._arrays[name]) for name in network.inputs if name in self._arrays]
        self._object_inputs = [name for name in network.inputs if name not in self._arrays]

    def run(self, feeds: Mapping[str, Any], into: Mapping[str, Array] | None = None) -> dict[str, Any]:
        """The outputs by name, in memory of their own.

        Args:
            into: memory for the outputs that is there, where all of them are tensors of static shape.

        Raises:
            BadInput: (IX212) an operator refuses its values.
            Misplanned: a value is not what inference said.
        """
        with self._lock:
            return self._context.run(self._run, feeds, run_steps, into or {})

    def timed(self, feeds: Mapping[str, Any], clock: Callable[[], float]) -> list[list[float]]:
        """How long each step took, by op in the order of `spans`. Raises as `run` does."""
        times: list[float] = []

        def run_and_time(steps: Sequence[Step]) -> None:
            for function, arguments in steps:
                start = clock()
                function(*arguments)
                times.append(clock() - start)

        with self._lock:
            self._context.run(self._run, feeds, run_and_time, {})
        return [times[span] for _, span in self.spans]

    def _run(
        self, feeds: Mapping[str, Any], run_all: Callable[[Sequence[Step]], None], into: Mapping[str, Array]
    ) -> dict[str, Any]:
        try:
            for name, array in self._loads:
                np.copyto(array, feeds[name])
            for name in self._object_inputs:
                self._objects[name] = feeds[name]
            run_all(self.steps)
            for name, array in into.items():
                value = self._arrays[name] if name in self._arrays else self._objects[name]
                if (value.shape, value.dtype) != (array.shape, array.dtype):  # an operator's: nobody has looked at it
                    raise Misplanned(f"{name} is {value.dtype}{list(value.shape)}")
                np.copyto(array, value)
            return dict(into) or {name: self._output(name) for name in self.network.outputs}
        finally:
            self._objects.clear()

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
        orders: dict[str, Order] = {}
        self._gapped = set(network.halos)
        self.context = Context(network, orders, self._gapped)
        for name in network.inputs:
            if name in network.forms:
                halo = network.halos.get(name)
                orders[name] = halo.order if halo else preferred_order(name, network)
        kernels = [self._choose(op, orders) for op in network.ops]
        fast = {name for op, kernel in zip(network.ops, kernels, strict=True) if kernel for name in op.inputs}
        for name in network.inputs:
            if name in fast:
                self._place(name, 0, orders[name])
        for i, (op, kernel) in enumerate(zip(network.ops, kernels, strict=True)):
            self._lay_out(i, op, kernel, orders, fast)
        for storage, names in zip(self.storages, self._names, strict=True):
            storage.last = max([storage.last, *(self._last.get(name, 0) for name in names)])

    def last_read(self, name: str) -> int:
        """The index of the op that reads a value last; the number of ops for outputs, -1 for what nobody reads."""
        return self._last.get(name, -1)

    def _choose(self, op: Op, orders: dict[str, Order]) -> Kernel | None:
        """The kernel for an op, if there is one and all it touches is static; notes how its outputs lie."""
        kernel = None
        if all(not name or self.network.shape(name) is not None for name in (*op.inputs, *op.outputs)):
            found = (choose(op, self.context) for choose in choosers(op.kind))
            kernel = next((kernel for kernel in found if kernel), None)
        for name in filter(None, op.outputs):
            shape = self.network.shape(name)
            if shape is not None:
                order = kernel.orders.get(name, c_order(len(shape))) if kernel else c_order(len(shape))
                orders[name] = self.network.halos[name].order if name in self.network.halos else order
        if kernel and (kernel.gaps or (kernel.view and op.inputs[0] in self._gapped)):
            self._gapped.add(op.outputs[0])
        return kernel

    def _lay_out(self, i: int, op: Op, kernel: Kernel | None, orders: Mapping[str, Order], fast: set[str]) -> None:
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
        scratch = {
            (key, thread): self._store(_nbytes(*spec), i)
            for key, spec in kernel.scratch.items()
            for thread in range(self.network.threads if key in kernel.private else 1)
        }
        copied = {
            name: self._store(_nbytes(self.context.shape(name), self.network.dtype(name)), i)
            for name, order in kernel.wants.items()
            if not self.context.is_contiguous(name, order)
        }
        self.chosen.append(_Chosen(op, kernel, scratch, copied))

    def _overwrite(self, i: int, op: Op, kernel: Kernel, orders: Mapping[str, Order]) -> None:
        """Lets the first output take over the memory of an input that dies here."""
        name = op.outputs[0]
        for old in kernel.overwrites:
            had = self.places.get(old)
            if had is None or had.storage < 0 or {old, name} & self._gapped:
                continue
            fits = self.network.forms[old] == self.network.forms[name]
            fits = fits and same_order(self.context.shape(old), had.order, orders[name])
            if fits and all(self._last.get(alias, -1) <= i for alias in self._names[had.storage]):
                whole = self.storages[had.storage].nbytes == _nbytes(self.context.shape(old), self.network.dtype(old))
                if whole:
                    self.places[name] = _Place(had.storage, orders[name])
                    self._names[had.storage].append(name)
                    return

    def _place(self, name: str, i: int, order: Order) -> None:
        shape = _padded_shape(self.context.shape(name), self.network.halos.get(name))
        storage = self._store(_nbytes(shape, self.network.dtype(name)), i)
        self._names[storage].append(name)
        self.places[name] = _Place(storage, order)

    def _store(self, nbytes: int, i: int) -> int:
        self.storages.append(Storage(nbytes, i, i))
        self._names.append([])
        return len(self.storages) - 1


def _padded_shape(shape: tuple[int, ...], halo: Halo | None) -> tuple[int, ...]:
    if halo is None:
        return shape
    return tuple(before + n + after for n, (before, after) in zip(shape, halo.pads, strict=True))


def _nbytes(shape: Sequence[int], dtype: Any) -> int:
    return math.prod(shape) * int(np.dtype(dtype).itemsize)


# --- arrays and steps -----------------------------------------------------------------------------------------------


class _Arrays(NamedTuple):
    """The static values in the arena, and the constants, by name; `padded` are those that have a halo, with it."""

    values: dict[str, Array]
    padded: dict[str, Array]


def _arrays(network: Network, layout: _Layout, arena: Array) -> _Arrays:
    values: dict[str, Array] = dict(network.constants)
    padded: dict[str, Array] = {}
    for name, where in layout.places.items():
        if where.kernel is not None and where.kernel.view is not None:
            values[name] = where.kernel.view(values[where.base])
            if where.storage >= 0 and values[name].size and not np.may_share_memory(values[name], arena):
                raise AssertionError(f"{name} is no view of {where.base}")
            continue
        form, halo = network.forms[name], network.halos.get(name)
        shape = _padded_shape(form.shape, halo)
        values[name] = _array(arena, layout.storages[where.storage], shape, form.dtype, where.order)
        if halo is not None:
            padded[name] = values[name]
            inside = zip(form.shape, halo.pads, strict=True)
            values[name] = values[name][tuple(slice(before, before + n) for n, (before, _) in inside)]
    return _Arrays(values, padded)


def _border(padded: Array, halo: Halo) -> Iterator[Step]:
    """Fills the zeros around a value."""
    rest = padded
    for axis in halo.order:
        before, after = halo.pads[axis]
        at: tuple[slice, ...] = (slice(None),) * axis
        end = rest.shape[axis] - after
        for part in (slice(0, before), slice(end, None)):
            if rest[(*at, part)].size:
                yield rest[(*at, part)].fill, (0,)
        rest = rest[(*at, slice(before, end))]


def _array(arena: Array, storage: Storage, shape: tuple[int, ...], dtype: Any, order: Order) -> Array:
    block = arena[storage.offset : storage.offset + _nbytes(shape, dtype)].view(dtype)
    array: Array = block.reshape([shape[axis] for axis in order])
    return array.transpose([order.index(axis) for axis in range(len(order))])


class _Memory:
    """The arrays of one op."""

    def __init__(
        self,
        arrays: _Arrays,
        copied: Mapping[str, Array],
        scratch: Mapping[tuple[str, int], Array],
        workers: Workers,
        thread: int = 0,
    ) -> None:
        self._arrays = arrays
        self._copied = copied
        self._scratch = scratch
        self._thread = thread
        self.workers = workers

    def __getitem__(self, name: str) -> Array:
        return self._copied[name] if name in self._copied else self._arrays.values[name]

    def padded(self, name: str) -> Array:
        return self._arrays.padded[name]

    def scratch(self, key: str) -> Array:
        return self._scratch[key, self._thread if (key, self._thread) in self._scratch else 0]

    def worker(self, i: int) -> _Memory:
        return _Memory(self._arrays, self._copied, self._scratch, self.workers, i)


def _steps(
    layout: _Layout, arrays: _Arrays, arena: Array, objects: Objects, workers: Workers
) -> Iterator[tuple[Op, list[Step]]]:
    """The steps of each op."""
    network = layout.network
    for i, chosen in enumerate(layout.chosen):
        op, kernel = chosen.op, chosen.kernel
        steps: list[Step] = []
        for name in filter(arrays.padded.__contains__, op.outputs):
            steps += _border(arrays.padded[name], network.halos[name])
        if kernel is None:
            forgotten = [n for n in op.reads if n not in arrays.values and layout.last_read(n) == i]
            steps.append((OperatorStep(op, arrays.values, arena, objects, forgotten), ()))
        elif kernel.view is None:
            copied = {}
            for name, index in chosen.copied.items():
                form = (layout.context.shape(name), network.dtype(name))
                copied[name] = _array(arena, layout.storages[index], *form, kernel.wants[name])
                steps += copies(copied[name], arrays.values[name])
            scratch = {
                (key, thread): _array(
                    arena, layout.storages[index], *kernel.scratch[key], c_order(len(kernel.scratch[key][0]))
                )
                for (key, thread), index in chosen.scratch.items()
            }
            steps += kernel.emit(_Memory(arrays, copied, scratch, workers))
        yield op, steps
