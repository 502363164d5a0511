"""Runs the weights file on NumPy, through the operators of `interchange.ops`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Array, Graph, TensorSpec
    from interchange.plugins import Model


class NumpyBackend:
    """The weights file on NumPy."""

    requires: ClassVar[Mapping[str, str]] = {}
    artifact: ClassVar[str] = "weights"

    @contextmanager
    def open(self, artifact: Path) -> Iterator[Model]:
        """Reads the weights file. Raises as its importer does."""
        from interchange_weights.format import read

        yield NumpyModel(read(artifact))


class NumpyModel:
    """A graph ready to run."""

    def __init__(self, graph: Graph) -> None:
        import numpy as np

        self._graph = graph
        self.provider = f"NumPy {np.__version__}"

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return self._graph.inputs

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name. Raises as `interchange.evaluate.evaluate` does."""
        from interchange.evaluate import evaluate

        return evaluate(self._graph, feeds)
