"""What the lowerings of float64 write with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from interchange.graph import Array, Dimension, Graph, TensorSpec
from interchange_onnx.emitter import Emitter


class Writer(Emitter):
    """An emitter that knows the shapes of the values that the graph has already."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.specs: Mapping[str, TensorSpec] = {}

    def shape(self, name: str) -> Sequence[Dimension] | None:
        """The shape of a value of the graph; None if it is not known, or rank 0, which says the same."""
        spec = self.specs.get(name)
        return spec.shape or None if spec is not None else None

    def weight(self, wish: str, array: Array) -> str:
        """A constant of its own, however large."""
        name = self.name(wish.rpartition("/")[2])
        self.constants[name] = array
        return name

    def number(self, value: float) -> str:
        """A number of float64."""
        return self.constant(np.float64(value))
