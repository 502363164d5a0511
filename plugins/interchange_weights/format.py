"""Graph <-> bytes of a .safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from interchange.errors import BadInput
from interchange.golden import make_case
from interchange.graph import Array, Graph
from interchange_weights import GOLDEN_KEY, GRAPH_KEY


def to_bytes(graph: Graph, *, selftest: bool = True) -> bytes:
    """The file's bytes. Deterministic: tensors in the order of the library (dtype size, then name), JSON without blanks."""
    metadata = {GRAPH_KEY: dumps(graph.to_json())}
    case = make_case(graph) if selftest else None
    if case is not None:
        metadata[GOLDEN_KEY] = dumps(case)
    return bytes(save({name: np.ascontiguousarray(array) for name, array in graph.constants.items()}, metadata))


def read(path: Path) -> Graph:
    """The graph in a weights file.

    Raises:
        BadInput: (IX203) the file is damaged; (IX210) the graph in it is not well formed.
        Unsupported: (IX301) an operator is not installed.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            constants: dict[str, Array] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        document = json.loads(metadata[GRAPH_KEY])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BadInput(
            "IX203",
            "This is not a whole weights file.",
            where=str(path),
            why=str(error) or type(error).__name__,
            next_step="Convert the original model again.",
        ) from error
    return Graph.from_json(document, constants)


def read_case(path: Path) -> dict[str, Any] | None:
    """The golden case in a weights file, or None."""
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
    case: dict[str, Any] | None = json.loads(metadata[GOLDEN_KEY]) if GOLDEN_KEY in metadata else None
    return case


def dumps(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
