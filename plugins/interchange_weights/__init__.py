"""One file with the weights and the graph: a valid .safetensors whose metadata holds the graph as JSON.

formats/weights.md is the specification.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Graph

METADATA_KEY = "interchange"


class WeightsImporter:
    """Reads the weights file back."""

    requires: ClassVar[Mapping[str, str]] = {}

    def recognises(self, path: Path, head: bytes) -> bool:
        return is_weights_file(path, head)

    def load(self, path: Path, **options: Any) -> Graph:
        """The graph, with its constants memory-mapped.

        Raises:
            BadInput: (IX103) an unknown option; (IX203) the file is damaged; (IX210) the graph in it is malformed.
            Unsupported: (IX301) an operator is not installed.
        """
        from interchange_weights.format import read

        if options:
            from interchange.errors import BadInput

            raise BadInput("IX103", f"The importer 'weights' has no option {', '.join(options)}.")
        return read(path)


class WeightsExporter:
    """Writes the weights file."""

    requires: ClassVar[Mapping[str, str]] = {}
    suffix: ClassVar[str] = ".safetensors"

    def recognises(self, path: Path, head: bytes) -> bool:
        return is_weights_file(path, head)

    def save(self, graph: Graph, path: Path, *, force: bool = False, selftest: bool = True) -> list[Path]:
        """Writes the graph; the same graph gives the same bytes.

        Args:
            selftest: put a golden case into the file.
        """
        from interchange.files import Artifact
        from interchange_weights.format import write

        with Artifact(force=force) as artifact, artifact.open(path) as file:
            write(graph, file, selftest=selftest)
        return artifact.paths


def is_weights_file(path: Path, head: bytes) -> bool:
    """Whether a file is a .safetensors with a graph of ours in its metadata."""
    if head[8:9] != b"{":
        return False
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > path.stat().st_size:
            return False
        header = json.loads(file.read(size))
    return METADATA_KEY in header.get("__metadata__", {})
