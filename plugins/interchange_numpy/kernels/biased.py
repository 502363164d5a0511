"""A bias as one more row of the weights, where each row of what they multiply ends with a one.

The bias is added in the product, for 0.05 ns a number; added to a tile that has left the first cache it takes 0.2 to
0.3 ns (Zen 1). Columns of windows are copied anyway, so their ones are free; a 1x1 convolution has to copy its
input, which pays where it makes at least twice as many channels as it reads: 12544x16x96 takes 1.32 ms instead of 1.57.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from interchange.graph import Array
from interchange_numpy.gemm import Blocks, products
from interchange_numpy.kernel import Memory, Step
from interchange_numpy.network import Network
from interchange_numpy.tiles import Epilogue

FEWEST_ROWS = 32  # of a tile: below, another call takes longer than what it saves
FEWEST_TIMES = 2  # as many columns as the product's rows have, where those have to be copied


def pays(epilogue: Epilogue, blocks: Blocks | None, rows: int, network: Network) -> bool:
    """Whether the bias of a product of so many rows, that are copied anyway, should go into the weights.

    Not where products are cut into blocks: they take more time there, the addition less, and nobody has measured it.
    """
    return epilogue.bias is not None and blocks is None and rows >= FEWEST_ROWS and not network.precise


def with_bias(weight: Array, bias: Array | None) -> Array:
    """(inner, columns) with the bias, if it is one, as the last row."""
    return weight if bias is None else np.concatenate([weight, bias[None].astype(weight.dtype)])


def ones(memory: Memory, key: str, inner: int) -> Iterator[Step]:
    """Fills the ones of scratch memory of rows of `inner` numbers and a one, of each thread."""
    for thread in range(memory.workers.threads):
        rows = memory.worker(thread).scratch(key).reshape(-1, inner + 1)
        yield rows[:, inner].fill, (1,)


def product(rows: Array, a: Array, weight: Array, c: Array) -> Iterator[Step]:
    """c = a @ weights + bias, by way of the rows with ones."""
    rows = rows[: len(a)]
    yield np.copyto, (rows[:, :-1], a)
    yield from products(rows, weight, c, None)
