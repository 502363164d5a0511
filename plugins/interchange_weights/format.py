"""Graph <-> bytes of a .safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from interchange.errors import BadInput, Unsupported
from interchange.golden import make_case
from interchange.graph import Array, Graph
from interchange_weights import METADATA_KEY


def to_bytes(graph: Graph, *, selftest: bool = True) -> bytes:
    """The file's bytes, always the same for a graph: the library sorts tensors; its order of metadata is not fixed, so
    all of it is one entry.

    Raises:
        Unsupported: (IX303) a constant has a type that the format lacks.
    """
    document = {"version": 1, "graph": graph.to_json(), "golden": make_case(graph) if selftest else None}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    tensors = {name: np.asarray(array, order="C") for name, array in graph.constants.items()}
    try:
        return bytes(save(tensors, {METADATA_KEY: text}))
    except SafetensorError as error:
        some = [f"{name!r} is {array.dtype.name}" for name, array in tensors.items() if array.dtype.kind not in "iufb"]
        raise Unsupported("IX303", "A weights file cannot hold these constants.", why=[*some, str(error)]) from error


def read(path: Path) -> Graph:
    """The graph in a weights file.

    Raises:
        BadInput: (IX203) the file is damaged; (IX210) the graph in it is not well formed.
        Unsupported: (IX301) an operator is not installed.
    """
    document, constants = _read(path)
    return Graph.from_json(document.get("graph"), constants)


def read_case(path: Path) -> dict[str, Any] | None:
    """The golden case in a weights file, or None. Raises BadInput (IX203) if the file is damaged."""
    case: dict[str, Any] | None = _read(path)[0].get("golden")
    return case


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        with safe_open(path, framework="np") as file:
            constants: dict[str, Array] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            document = json.loads((file.metadata() or {})[METADATA_KEY])
        if document["version"] != 1:
            raise ValueError(f"version {document['version']!r}; this release reads version 1")
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise BadInput(
            "IX203",
            "This is not a whole weights file.",
            where=str(path),
            why=str(error) or type(error).__name__,
            next_step="Convert the original model again.",
        ) from error
    return document, constants
