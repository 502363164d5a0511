"""What all processes of one verification share: a temporary folder, the feeds in it, and the artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
    """

    folder: Path
    graph: Graph
    source: Path | None
    formats: tuple[str, ...]
    feeds: tuple[Path, ...]
    timeout: float
    progress: Progress

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
        weights = self.folder / "graph" / "graph.safetensors"
        if not weights.is_file():
            api.save(self.graph, weights, to="weights", selftest=False)
        return self._run(kind, label, weights, None)

    def run_backend(self, name: BackendName, artifact: Path) -> Run:
        return self._run("backend", name.label, artifact, name)

    def _run(self, kind: str, label: str, artifact: Path, name: BackendName | None) -> Run:
        number = len(list(self.folder.glob("run*")))
        total = len(self.feeds)
        self.progress(label, 0, total)
        return process.run(
            self.folder / f"run{number}",
            kind=kind,
            artifact=artifact,
            feeds=self.feeds,
            inputs=tuple(self.graph.inputs),
            backend=name.target if name else "",
            options=name.options if name else {},
            timeout=self.timeout,
            progress=lambda done: self.progress(label, done, total),
        )
