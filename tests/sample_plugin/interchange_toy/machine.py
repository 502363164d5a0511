"""Computes a .toy network, on its own: nothing here knows about graphs or operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from interchange.graph import TensorSpec

from interchange_toy.text import Network

Array = np.ndarray[Any, Any]


class ToyMachine:
    """A network, ready to be called."""

    provider = "toy machine 0.3"

    def __init__(self, network: Network, *, slowly: bool) -> None:
        self._network, self._slowly = network, slowly

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return {self._network.input: TensorSpec("float32", ("batch", self._network.features))}

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        x = feeds[self._network.input]
        y = np.concatenate([self._compute(row[None]) for row in x]) if self._slowly else self._compute(x)
        return {self._network.output: y}

    def _compute(self, x: Array) -> Array:
        for verb, numbers, _ in self._network.steps:
            values = np.array(numbers, np.float32)
            match verb:
                case "dense":
                    matrix = values[1:].reshape(-1, int(numbers[0]))
                    x = np.add.reduce([x[:, i, None] * row for i, row in enumerate(matrix)])
                case "bias":
                    x = x + values
                case "scale2":
                    x = np.ldexp(x, int(numbers[0]))
                case "relu":
                    x = np.where(x > 0, x, np.float32(0))
        return x
