"""Winograd's short convolutions (Lavin and Gray, 2015): tiles of 4 x 4 or 2 x 2 outputs of a 3 x 3 kernel.

A tile of inputs is transformed, multiplied place by place with the transformed kernel, summed over the channels, and
transformed back. That is 36 products for 16 outputs, or 16 for 4, instead of 9 for each. At the edge of an image, tiles
of 4 x 4 become shorter, with the same kernel: of the points 0, 1, -1, 2, -2 and infinity, at which the polynomials of
inputs and kernel are multiplied, they leave out -2, then 2, then -1, and bring factors of the kernel to their inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence


def input6(a: int, b: int, c: int, d: int, e: int, f: int) -> tuple[int, ...]:
    """The transform of six inputs in a row, for four outputs."""
    even, odd, more, half = e - (c << 2), d - (b << 2), e - c, (d - b) << 1
    return (a - c << 2) + more, even + odd, even - odd, more + half, more - half, f - d - (half << 1)


def output4(a: int, b: int, c: int, d: int, e: int, f: int) -> tuple[int, ...]:
    """Four outputs in a row, from six products."""
    p, q, r, s = b + c, b - c, d + e, d - e
    return a + p + r, q + (s << 1), p + (r << 2), q + (s << 3) + f


def input5(a: int, b: int, c: int, d: int, e: int) -> tuple[int, ...]:
    """Five inputs, for three outputs, with five places of the kernel for four."""
    half, fall = d - b, c - d
    return (a - c << 1) + half << 1, -3 * (fall + (b << 1)), (b - c << 1) - fall, half << 2, e - c - (half << 1)


def output3(a: int, b: int, c: int, d: int, f: int) -> tuple[int, ...]:
    """Three outputs in a row, from five products."""
    p = b + c
    return a + p + d, b - c + (d << 1), p + (d << 2) + f


def edge4(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """Four inputs, for two outputs, with four places of the kernel for four."""
    return a - c << 2, -3 * (b + c), 3 * (b - c), d - b


def edge2(a: int, b: int, c: int, f: int) -> tuple[int, ...]:
    """Two outputs in a row, from four products."""
    return a + b + c, b - c + f


def edge3(a: int, b: int, c: int) -> tuple[int, ...]:
    """Three inputs, for one output, with three places of the kernel for four."""
    return a - b << 2, -6 * b, c - b


def edge1(a: int, b: int, f: int) -> tuple[int, ...]:
    """One output, from three products."""
    return (a + b + f,)


def input4(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """The transform of four inputs in a row, for two outputs with a kernel for two."""
    return a - c, b + c, c - b, b - d


def output2(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """Two outputs in a row, from four products of a kernel for two."""
    return a + b + c, b - c - d


Step = Callable[..., "tuple[int, ...]"]

# By the outputs of a whole tile and of this one: the places of the kernel, the transforms of inputs and of products.
STEPS: dict[tuple[int, int], tuple[tuple[int, ...], Step, Step]] = {
    (4, 4): ((0, 1, 2, 3, 4, 5), input6, output4),
    (4, 3): ((0, 1, 2, 3, 5), input5, output3),
    (4, 2): ((0, 1, 2, 5), edge4, edge2),
    (4, 1): ((0, 1, 5), edge3, edge1),
    (2, 2): ((0, 1, 2, 3), input4, output2),
}


def tiles_of(tile: int, length: int) -> list[tuple[int, int]]:
    """Where the tiles of so many outputs begin, and how many outputs each has."""
    return [(start, min(tile, length - start) if tile == 4 else tile) for start in range(0, length, tile)]


def in_two_dimensions(down: Step, across: Step, grid: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """A transform of the columns, then of the rows."""
    columns = [down(*column) for column in zip(*grid)]
    return [across(*row) for row in zip(*columns)]
