"""What an export knows of the values of a graph."""

from __future__ import annotations

from collections.abc import Mapping

from interchange.errors import InterchangeError
from interchange.evaluate import infer
from interchange.graph import Graph, TensorSpec


def specs_of(graph: Graph) -> Mapping[str, TensorSpec]:
    """Dtypes and shapes: of all values if they can be inferred, else of inputs and constants."""
    try:
        return infer(graph)
    except InterchangeError:
        constants = {name: TensorSpec(array.dtype.name, array.shape) for name, array in graph.constants.items()}
        return {**graph.inputs, **constants}
