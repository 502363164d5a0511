"""The Python API: load, save, open, verify. The command line is a thin layer over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interchange import options as plugin_options
from interchange import plugins

if TYPE_CHECKING:
    from interchange.errors import BadInput
    from interchange.graph import Array, Graph, TensorSpec
    from interchange.verifier.report import Report

PathLike = str | Path


def load(
    path: PathLike,
    *,
    format: str | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    **options: Any,
) -> Graph:
    """Reads a model file or folder; which format it is, its content tells.

    Args:
        path: a Keras .h5 or .keras, a SavedModel folder, an .onnx, a .safetensors of ours, or what plugins know.
        format: the importer to use whatever the content looks like ("keras").
        shapes: of inputs by name, for dimensions that the model leaves open ({"x": (1, 224, 224, 3)}).
        options: options of that importer.

    Raises:
        BadInput, Unsupported, EnvironmentLacks: see their codes; all problems of the model in one error.
    """
    path = _path(path, "model")
    importer = plugins.importer_for(path, format)
    plugin_options.check(options, format or type(importer).__name__, importer.load)
    graph = importer.load(path, **options)
    if shapes:
        from interchange.shapes import with_shapes

        graph = with_shapes(graph, shapes)
    return graph if "name" in graph.metadata else graph.with_metadata(name=path.stem)


def save(graph: Graph, path: PathLike, *, to: str, force: bool = False, **options: Any) -> list[Path]:
    """Writes an artifact and returns the paths written, the main file first.

    Args:
        path: the main file if it has the exporter's suffix, else a folder, in which the model's name is used.
        to: an exporter ("weights", "pyscript", "onnx", or a plugin's).
        force: replace files that exist.
        options: options of that exporter.

    Raises:
        BadInput: (IX102) a file exists; (IX103) an unknown option; (IX104) no such exporter; (IX105) not writable.
        Unsupported: (IX303) the exporter cannot express something in the graph; all such things in one error.
    """
    from interchange.files import target_path
    from interchange.graph import Graph

    if not isinstance(graph, Graph):
        raise _of_wrong_type("graph", graph, "a Graph, as load() returns it,")
    path = _path(path, "path")
    exporter: plugins.Exporter = plugins.get("exporters", to)
    plugin_options.check(options, to, exporter.save)
    return exporter.save(graph, target_path(path, exporter.suffix, graph.name), force=force, **options)


@contextmanager
def open(model: PathLike | Graph, *, backend: str = "numpy", **options: Any) -> Iterator[OpenModel]:
    """A model ready to run; a model file or Graph is converted first to the artifact that the backend runs.

    with interchange.open("model.h5", backend="onnxruntime") as m:
        outputs = m(x)                       # dict: name -> ndarray

    Raises:
        BadInput, Unsupported, EnvironmentLacks: as `load`, `save` and the backend do.
    """
    runner: plugins.Backend = plugins.get("backends", backend)
    plugin_options.check(options, backend, runner.open)
    with _artifact(model, runner.artifact) as artifact, runner.open(artifact, **options) as running:
        opened = OpenModel(running)
        try:
            yield opened
        finally:
            opened.closed = True


@contextmanager
def _artifact(model: PathLike | Graph, kind: str) -> Iterator[Path]:
    """What the exporter `kind` writes: the model itself if it is that, else a file for as long as it is used."""
    from interchange.graph import Graph

    if isinstance(model, Graph):
        graph = model
    else:
        path = _path(model, "model")
        if kind == "source" or any(plugin.name == kind for plugin in plugins.recognise(path, "exporters")):
            yield path
            return
        graph = load(path)
    from tempfile import TemporaryDirectory  # imports shutil and random

    with TemporaryDirectory(prefix="interchange-") as folder:
        yield save(graph, folder, to=kind)[0]


def _path(value: Any, what: str) -> Path:
    """An argument that names a file or folder.

    Raises:
        BadInput: (IX101) no path can look so; (IX103) it is something else.
    """
    from interchange.errors import BadInput

    if not isinstance(value, (str, Path)):
        raise _of_wrong_type(what, value, "a path")
    if "\0" in str(value):
        raise BadInput("IX101", "The path cannot be read.", where=repr(str(value)), why="it contains a null character")
    return Path(value)


def _of_wrong_type(what: str, value: Any, wanted: str) -> BadInput:
    from interchange.errors import BadInput

    return BadInput("IX103", f"{what} is a {type(value).__name__}; {wanted} is wanted.")


class OpenModel:
    """A running model. Call it with a mapping of inputs by name, or with the inputs in the model's order."""

    def __init__(self, model: plugins.Model) -> None:
        self._model = model
        self.closed = False

    @property
    def provider(self) -> str:
        """What computes, in the backend's words."""
        return self._model.provider

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """The model's inputs, in its order."""
        return self._model.inputs

    def __call__(self, *inputs: Any) -> dict[str, Array]:
        """The outputs by name.

        Raises:
            BadInput: (IX103) the model is closed; (IX211) the inputs do not fit it.
        """
        from interchange.errors import BadInput
        from interchange.evaluate import conform

        if self.closed:
            raise BadInput("IX103", "The model is closed.", next_step="Call it within the `with` block that opened it.")
        if len(inputs) == 1 and isinstance(inputs[0], Mapping):
            return self._model(conform(self.inputs, inputs[0]))
        if len(inputs) != len(self.inputs):
            raise BadInput("IX211", f"The model has {len(self.inputs)} input(s), {len(inputs)} were given.")
        return self._model(conform(self.inputs, dict(zip(self.inputs, inputs, strict=True))))


def verify(
    model: PathLike | Graph,
    testset: PathLike,
    *,
    backends: str | Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Report:
    """Runs every backend on the test set, each in its own process, and compares with one reference.

    Args:
        model: a model file, or a Graph.
        testset: a file or folder with samples (formats/testset.md).
        backends: names of backends, or one name; by default all that can be used here.
        progress: called with (what, done, total).
        options: rtol, atol, reference, layers, limit … see interchange.verifier.run.

    Returns:
        the report: `report.agreed`, `report.to_json()`, `report.to_html()`.
    """
    from interchange.graph import Graph
    from interchange.verifier.run import verify as run

    if not isinstance(model, Graph):
        model = _path(model, "model")
    chosen = [backends] if isinstance(backends, str) else backends
    plugin_options.check(options, "verify", run)
    return run(model, _path(testset, "testset"), backends=chosen, progress=progress, **options)
