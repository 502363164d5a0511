"""Winograd's short convolutions (Lavin and Gray, 2015): tiles of 4 x 4 or 2 x 2 outputs of a 3 x 3 kernel.

A tile of inputs is transformed, multiplied place by place with the transformed kernel, summed over the channels, and
transformed back. That is 36 products for 16 outputs, or 16 for 4, instead of 9 for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def input6(a: int, b: int, c: int, d: int, e: int, f: int) -> tuple[int, ...]:
    """The transform of six inputs in a row, for four outputs."""
    even, odd, more, half = e - (c << 2), d - (b << 2), e - c, (d - b) << 1
    return (a - c << 2) + e - c, even + odd, even - odd, more + half, more - half, (b - d << 2) + f - d


def output4(a: int, b: int, c: int, d: int, e: int, f: int) -> tuple[int, ...]:
    """Four outputs in a row, from six products."""
    p, q, r, s = b + c, b - c, d + e, d - e
    return a + p + r, q + (s << 1), p + (r << 2), q + (s << 3) + f


def input4(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """The transform of four inputs in a row, for two outputs."""
    return a - c, b + c, c - b, b - d


def output2(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """Two outputs in a row, from four products."""
    return a + b + c, b - c - d


Step = Callable[..., "tuple[int, ...]"]


def steps_for(tile: int) -> tuple[Step, Step]:
    """The transforms of inputs and of products, for tiles of 4 x 4 or of 2 x 2 outputs."""
    return (input6, output4) if tile == 4 else (input4, output2)


def in_two_dimensions(step: Step, grid: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """A transform of the columns, then of the rows."""
    columns = [step(*column) for column in zip(*grid)]
    return [step(*row) for row in zip(*columns)]
