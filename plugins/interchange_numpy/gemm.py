"""Matrix products by one np.matmul, with the right matrix prepared once.

In one piece the BLAS packs both matrices; where it has kernels for small matrices that need no packing
(`likes_blocks`), the product is cut into blocks of at most a million multiplications inside the same call, through 4-D
views of the same memory: 3136x64x64 then runs at 111 GF/s instead of 92, 49x512x2048 at 106 instead of 76 (Zen 4,
OpenBLAS 0.3.31).
On AVX2 there are no such kernels, and nothing is cut (32 GF/s in one piece, 28 in blocks); but what packing costs there
makes few rows faster one by one: 2x256x1024 takes 48 µs as two rows, 125 in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from interchange.graph import Array
from interchange_numpy.kernel import Step
from interchange_numpy.probe import likes_blocks

MOST_MULTIPLICATIONS = 1_000_000  # OpenBLAS takes its kernels for small matrices up to this
FEWEST_ROWS = 6  # below, a block is no gain
MOST_ROWS = 56
ENOUGH_ROWS = 14  # blocks are made narrower until they can have so many
MOST_SINGLE = 7  # rows that are multiplied one by one
FEWEST_COLUMNS = 64  # of a matrix for which that pays
MOST_READ = 1 << 20  # bytes of a matrix that each of these rows reads again


class Blocks(NamedTuple):
    """The sizes of the blocks of the product's rows and columns."""

    rows: int
    columns: int


def blocks_for(rows: int, inner: int, columns: int) -> Blocks | None:
    """How (rows, inner) @ (inner, columns) is cut; None: not at all. Depends on the number of rows only if few."""
    if not likes_blocks() or rows < FEWEST_ROWS:
        return None
    width = columns if columns <= 96 else next((n for n in (64, 48, 96, 32, 80, 16) if columns % n == 0), 0)
    while width and width % 32 == 0 and ENOUGH_ROWS * width * inner > MOST_MULTIPLICATIONS:
        width //= 2
    if not width:
        return None
    height = min(rows, MOST_ROWS, MOST_MULTIPLICATIONS // (inner * width))
    return Blocks(height, width) if height >= FEWEST_ROWS else None


def are_single(rows: int) -> bool:
    """Whether so few rows are better multiplied one by one: vector by matrix, in one call."""
    return 1 < rows <= MOST_SINGLE and not likes_blocks()


def vector_by_matrix(a: Array, b: Array, c: Array) -> Step:
    """c = a @ b. The method saves half a microsecond of np.dot and np.matmul, but copies a matrix with gaps."""
    return (a.dot, (b, c)) if b.flags.c_contiguous else (np.matmul, (a, b, c))


def pack(b: Array, blocks: Blocks | None) -> Array:
    """(inner, columns) -> (columns / width, inner, width), or C-contiguous as it is."""
    if blocks is None:
        return np.ascontiguousarray(b)
    inner, columns = b.shape
    return np.ascontiguousarray(b.reshape(inner, columns // blocks.columns, blocks.columns).transpose(1, 0, 2))


def products(a: Array, packed: Array, c: Array, blocks: Blocks | None) -> Iterator[Step]:
    """c = a @ b; rows of `a` and `c` may lie apart."""
    if blocks is None:
        columns = packed.shape[1]
        if are_single(len(a)) and columns >= FEWEST_COLUMNS and packed.nbytes <= MOST_READ:
            yield np.matmul, (a[:, None], packed, c[:, None])
        else:
            yield np.matmul, (a, packed, c)
        return
    rows, inner = a.shape
    height, width = min(blocks.rows, rows), blocks.columns
    count, rest = divmod(rows, height)
    (a_row, a_item), (c_row, c_item) = a.strides, c.strides
    across = len(packed)
    left = as_strided(a, (across, count, height, inner), (0, height * a_row, a_row, a_item))
    out = as_strided(c, (across, count, height, width), (width * c_item, height * c_row, c_row, c_item))
    yield np.matmul, (left, packed[:, None], out)
    if rest:
        bottom = as_strided(c[count * height :], (across, rest, width), (width * c_item, c_row, c_item))
        yield np.matmul, (a[count * height :][None], packed, bottom)
