"""Random numbers. The same `seed` gives the same numbers, though not those of another runtime."""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

from interchange_pyscript.kernels.elementwise import cast
from interchange_pyscript.kernels.tensor import Tensor, elementwise, lines


def drawn(draw: Callable[[], float], shape: Sequence[int], dtype: str | None) -> Tensor:
    """A tensor of that shape and type of what `draw` gives."""
    return Tensor([cast(draw(), dtype or "float32") for _ in range(math.prod(shape))], shape)


def RandomNormal(
    *, dtype: str = "float32", mean: float = 0.0, scale: float = 1.0, seed: float | None = None, shape: Sequence[int]
) -> Tensor:
    """Normally distributed numbers with that mean and standard deviation."""
    generator = random.Random(seed)
    return drawn(lambda: generator.gauss(mean, scale), shape, dtype)


def RandomUniform(
    *, dtype: str = "float32", high: float = 1.0, low: float = 0.0, seed: float | None = None, shape: Sequence[int]
) -> Tensor:
    """Numbers between `low` and `high`, all equally likely."""
    generator = random.Random(seed)
    return drawn(lambda: generator.uniform(low, high), shape, dtype)


def RandomNormalLike(
    x: Tensor, *, dtype: str | None = None, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> Tensor:
    """Normally distributed numbers in the shape of x."""
    generator = random.Random(seed)
    return drawn(lambda: generator.gauss(mean, scale), x.shape, dtype)


def RandomUniformLike(
    x: Tensor, *, dtype: str | None = None, high: float = 1.0, low: float = 0.0, seed: float | None = None
) -> Tensor:
    """Numbers between `low` and `high` in the shape of x, all equally likely."""
    generator = random.Random(seed)
    return drawn(lambda: generator.uniform(low, high), x.shape, dtype)


def Bernoulli(x: Tensor, *, dtype: str | None = None, seed: float | None = None) -> Tensor:
    """1 with the probability x, else 0."""
    generator = random.Random(seed)
    return elementwise(lambda chance: cast(generator.random() < chance, dtype or "float32"), x)


def Multinomial(x: Tensor, *, dtype: str = "int32", sample_size: int = 1, seed: float | None = None) -> Tensor:
    """`sample_size` classes drawn for each row of logarithms of probabilities, which need not add up to 1."""
    generator, picked = random.Random(seed), []
    for row in lines(x, [1]):
        limits = list(itertools.accumulate(math.exp(value - max(row)) for value in row))
        draws = [generator.random() * limits[-1] for _ in range(sample_size)]
        picked += [cast(min(bisect_right(limits, draw), len(row) - 1), dtype) for draw in draws]
    return Tensor(picked, (x.shape[0], sample_size))
