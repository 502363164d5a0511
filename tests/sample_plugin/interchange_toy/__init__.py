"""interchange reads, writes and runs .toy networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Graph
    from interchange.plugins import Model
    from interchange.testset import Samples


class ToyImporter:
    """A .toy file becomes a Graph."""

    requires: ClassVar[Mapping[str, str]] = {}

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(b"toy 1\n")

    def load(self, path: Path) -> Graph:
        """Reads the network. Raises BadInput (TOY1) with every faulty line at once."""
        from interchange_toy.convert import to_graph
        from interchange_toy.text import read

        return to_graph(read(path))


class ToyExporter:
    """A Graph becomes a .toy file."""

    requires: ClassVar[Mapping[str, str]] = {}
    suffix: ClassVar[str] = ".toy"

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(b"toy 1\n")

    def save(self, graph: Graph, path: Path, *, force: bool = False, comment: str = "") -> list[Path]:
        """Writes the network.

        Args:
            comment: a line for the top of the file.

        Raises:
            Unsupported: (IX303) the graph has something that .toy cannot say; all of it in one error.
        """
        from interchange.files import Artifact

        from interchange_toy.convert import from_graph
        from interchange_toy.text import write

        text = write(from_graph(graph), comment)
        with Artifact(force=force) as artifact:
            artifact.write(path, text.encode())
        return artifact.paths


class ToyBackend:
    """Runs what ToyExporter writes."""

    requires: ClassVar[Mapping[str, str]] = {}
    artifact: ClassVar[str] = "toy"

    @contextmanager
    def open(self, artifact: Path, *, slowly: bool = False) -> Iterator[Model]:
        """Loads the file.

        Args:
            slowly: compute one sample after the other.
        """
        from interchange_toy.machine import ToyMachine
        from interchange_toy.text import read

        yield ToyMachine(read(artifact), slowly=slowly)


class ToySamples:
    """A test set: a line with numbers for each sample, and after a bar the right class."""

    requires: ClassVar[Mapping[str, str]] = {}

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(b"toy samples\n")

    def load(self, path: Path) -> Samples:
        import numpy as np
        from interchange.testset import Samples

        lines = [line.partition("|") for line in path.read_text("utf-8").splitlines()[1:] if line.strip()]
        values = np.array([[float(word) for word in numbers.split()] for numbers, _, _ in lines], np.float32)
        targets = np.array([int(target) for _, _, target in lines], np.int64)
        return Samples("toy samples", len(lines), arrays={"": values}, targets=targets)
