"""Dropout, which in training is random."""

from __future__ import annotations

import random

from interchange_pyscript.kernels.tensor import Tensor, is_whole


def generator_of(seed: int | None) -> random.Random:
    """Mersenne Twister; with a seed the one of M. Matsumoto, T. Nishimura, 1998, which NumPy's RandomState has too."""
    generator = random.Random()
    if seed is not None:
        words = [seed & 0xFFFFFFFF]
        for i in range(1, 624):
            words.append((1812433253 * (words[-1] ^ (words[-1] >> 30)) + i) & 0xFFFFFFFF)
        generator.setstate((3, (*words, 624), None))
    return generator


def Dropout(
    x: Tensor, ratio: Tensor | None = None, training_mode: Tensor | None = None, *, seed: int | None = None
) -> tuple[Tensor, Tensor]:
    """x and all true. In training: 0 with the probability `ratio`, x / (1 - ratio) elsewhere; and where that is."""
    share = 0.5 if ratio is None else ratio.values[0]
    if training_mode is None or not training_mode.values[0] or share == 0:
        return x, Tensor([True] * len(x.values), x.shape)
    generator, zero = generator_of(seed), 0 if is_whole(x) else 0.0
    kept = [generator.random() >= share for _ in x.values]
    values = [value / (1 - share) if keep else zero for value, keep in zip(x.values, kept)]
    return Tensor(values, x.shape), Tensor(kept, x.shape)
