"""What a kernel is: steps on memory that somebody else has planned."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

from interchange.graph import Array
from interchange_numpy.network import Network, Op

Step = tuple[Callable[..., Any], tuple[Any, ...]]  # run as function(*arguments)
Order = tuple[int, ...]  # the axes of a value from the outermost to the innermost in memory
Scratch = tuple[tuple[int, ...], Any]  # shape and dtype
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Workers(Protocol):
    """Threads for groups of steps that do not depend on each other."""

    @property
    def threads(self) -> int: ...

    def run(self, first: Sequence[Step], others: Sequence[Sequence[Step]]) -> None:
        """Runs all groups and returns when they are done."""
        ...


class Memory(Protocol):
    """The arrays of one op, all of them there when its steps are made and in the same place in each run."""

    def __getitem__(self, name: str) -> Array:
        """The value of that name, in its logical shape whatever its order in memory; constants too."""
        ...

    def padded(self, name: str) -> Array:
        """The value with the border of zeros that `Network.halos` gives it."""
        ...

    def scratch(self, key: str) -> Array:
        """C-contiguous memory for this op alone, with anything in it."""
        ...

    def worker(self, i: int) -> Memory:
        """The same arrays, with the scratch of thread i for the keys that the kernel calls private."""
        ...

    @property
    def workers(self) -> Workers:
        """The threads that the steps of tiles may run in."""
        ...


class Kernel(NamedTuple):
    """How one op is computed.

    Args:
        emit: makes the steps; it is called once for each plan, and must not read values.
        scratch: memory that the steps need, by key: (shape, dtype).
        private: keys of scratch that each thread needs for itself; see `tiles.in_parallel`.
        orders: how the outputs lie in memory, by name; C order where nothing is said.
        wants: inputs that must be contiguous in this order; they are copied into it where they are not.
        overwrites: an input whose memory the first output takes over, if nothing reads it later and it has the same
            shape, dtype and order.
        view: the output is this view of the first input, in the order that `orders` says; `emit` is not called.
        gaps: the view leaves elements out, so it is not contiguous.
    """

    emit: Callable[[Memory], Iterable[Step]] = lambda memory: ()
    scratch: Mapping[str, Scratch] = NOTHING
    private: Set[str] = frozenset()
    orders: Mapping[str, Order] = NOTHING
    wants: Mapping[str, Order] = NOTHING
    overwrites: tuple[str, ...] = ()
    view: Callable[[Array], Array] | None = None
    gaps: bool = False


class Context(NamedTuple):
    """What a chooser may look at: the network, and how every value lies in memory that is made already.

    Args:
        orders: by name, the outputs of the op itself not yet.
        gapped: values that are not contiguous: they have a halo, or are views that leave something out.
    """

    network: Network
    orders: Mapping[str, Order]
    gapped: Set[str]

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self.network.shape(name)
        assert shape is not None
        return shape

    def order(self, name: str) -> Order:
        """The axes of a value from the outermost to the innermost in memory."""
        if name in self.network.constants:
            return c_order(self.network.constants[name].ndim)
        return self.orders[name]

    def is_contiguous(self, name: str, order: Order | None = None) -> bool:
        """Whether a value lies in memory in that order, C order by default, without gaps; axes of size 1 are nowhere.

        Of an output of the op itself only the gaps are known.
        """
        if name in self.gapped:
            return False
        shape = self.shape(name)
        want = c_order(len(shape)) if order is None else order
        return same_order(shape, self.order(name), want)

    def order_as_read(self, name: str) -> Order:
        """The order in which a value becomes contiguous by the transposition that reads it; C order if none does.

        The last axis stays the innermost.
        """
        reading = [op for op in self.network.ops if name in op.reads]
        rank = len(self.shape(name))
        perm = reading[0].attributes.get("perm") if len(reading) == 1 and reading[0].kind == "Transpose" else None
        order = tuple(axis % rank for axis in perm) if perm else c_order(rank)
        return order if order[-1] == rank - 1 else c_order(rank)


Chooser = Callable[[Op, Context], Kernel | None]  # None: not this op; another chooser or the operators then


def c_order(rank: int) -> Order:
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """The order of an NCHW value whose channels are innermost."""
    return (0, *range(2, rank), 1)


def same_order(shape: tuple[int, ...], a: Order, b: Order) -> bool:
    """Whether two orders are the same in memory; axes of size 1 are nowhere."""
    return [i for i in a if shape[i] != 1] == [i for i in b if shape[i] != 1]


def copies(destination: Array, source: Array) -> Iterator[Step]:
    yield np.copyto, (destination, source)


def larger(a: Array, b: Array, out: Array) -> Step:
    """out = max(a, b); np.maximum takes `out` by name only."""
    return functools.partial(np.maximum, a, b, out=out), ()


def smaller(a: Array, b: Array, out: Array) -> Step:
    return functools.partial(np.minimum, a, b, out=out), ()
