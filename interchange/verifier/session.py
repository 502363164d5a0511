"""What all processes of one verification share: a temporary folder, the feeds in it, and the artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from threading import Event

from interchange import api, plugins
from interchange.graph import Graph
from interchange.verifier import process
from interchange.verifier.names import BackendName
from interchange.verifier.process import Run

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Session:
    """The surroundings of a verification.

    Args:
        folder: temporary.
        source: the model file; None if a Graph was given.
        formats: the importers that recognise the model file.
        feeds: one file for each batch.
        stop: when it is set, the processes under way are ended.
    """

    folder: Path
    graph: Graph
    source: Path | None
    formats: tuple[str, ...]
    feeds: tuple[Path, ...]
    timeout: float
    progress: Progress
    stop: Event = field(default_factory=Event)

    def artifact(self, kind: str) -> Path:
        """The artifact of that exporter: the model file if it is one, else written once.

        Raises:
            InterchangeError: the exporter cannot write it.
        """
        if self.source is not None and (
            kind == "source" or any(plugin.name == kind for plugin in plugins.recognise(self.source, "exporters"))
        ):
            return self.source
        folder = self.folder / "artifacts" / kind
        if folder.is_dir():
            return Path((folder / "main.txt").read_text("utf-8"))
        made = api.save(self.graph, folder, to=kind)[0]
        (folder / "main.txt").write_text(str(made), "utf-8")
        return made

    def opens_source(self, name: str) -> bool:
        """Whether a backend that runs model files as they are knows this one: the importer of its name does."""
        return self.source is not None and name in self.formats

    def run_graph(self, kind: str, label: str) -> Run:
        """Runs the graph itself: "oracle" or "native"."""
        return self._run(kind, label, self.weights(), None)

    def weights(self) -> Path:
        """The graph in a file, written once."""
        weights = self.folder / "graph" / "graph.safetensors"
        if not weights.is_file():
            api.save(self.graph, weights, to="weights", selftest=False)
        return weights

    def run_backend(self, name: BackendName, artifact: Path) -> Run:
        return self._run("backend", name.label, artifact, name)

    def _run(self, kind: str, label: str, artifact: Path, name: BackendName | None) -> Run:
        total = len(self.feeds)
        self.progress(label, 0, total)
        return process.run(
            Path(mkdtemp(prefix="run-", dir=self.folder), "files"),
            kind=kind,
            artifact=artifact,
            feeds=self.feeds,
            inputs=tuple(self.graph.inputs),
            backend=name.target if name else "",
            options=name.options if name else {},
            timeout=self.timeout,
            progress=lambda done: self.progress(label, done, total),
            stop=self.stop,
        )
