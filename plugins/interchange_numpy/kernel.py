"""What a kernel is: steps on memory that somebody else has planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from interchange.graph import Array
from interchange_numpy.network import Network, Op

Step = tuple[Callable[..., Any], tuple[Any, ...]]  # run as function(*arguments)
Order = tuple[int, ...]  # the axes of a value from the outermost to the innermost in memory
Scratch = tuple[tuple[int, ...], Any]  # shape and dtype


class Memory(Protocol):
    """The arrays of one op, all of them there when its steps are made and in the same place in each run."""

    def __getitem__(self, name: str) -> Array:
        """The value of that name, in its logical shape whatever its order in memory; constants too."""
        ...

    def scratch(self, key: str) -> Array:
        """C-contiguous memory for this op alone, with anything in it."""
        ...


@dataclass(frozen=True, slots=True)
class Kernel:
    """How one op is computed.

    Args:
        emit: makes the steps; it is called once for each plan, and must not read values.
        scratch: memory that the steps need, by key: (shape, dtype).
        orders: how the outputs lie in memory, by name; C order where nothing is said.
        wants: inputs that must be contiguous in this order; they are copied into it where they are not.
        overwrites: an input whose memory the first output takes over, if nothing reads it later and it has the same
            shape, dtype and order.
        view: the output is this view of the first input, in the order `orders` says (None: in no order, strided);
            `emit` is not called.
    """

    emit: Callable[[Memory], Iterable[Step]] = lambda memory: ()
    scratch: Mapping[str, Scratch] = field(default_factory=dict)
    orders: Mapping[str, Order | None] = field(default_factory=dict)
    wants: Mapping[str, Order] = field(default_factory=dict)
    overwrites: tuple[str, ...] = ()
    view: Callable[[Array], Array] | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a chooser may look at: the network, and the order in memory of every value that is made already."""

    network: Network
    orders: Mapping[str, Order | None]

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self.network.shape(name)
        assert shape is not None
        return shape

    def order(self, name: str) -> Order | None:
        """The order of a value in memory; None where it is a view with gaps."""
        if name in self.network.constants:
            return c_order(self.network.constants[name].ndim)
        return self.orders[name]

    def is_contiguous(self, name: str, order: Order | None = None) -> bool:
        """Whether a value lies in memory in that order, C order by default; axes of size 1 do not count."""
        shape, have = self.shape(name), self.order(name)
        want = c_order(len(shape)) if order is None else order
        return have is not None and same_order(shape, have, want)


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
