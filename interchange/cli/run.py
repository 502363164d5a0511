"""`interchange run`: a model on some inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from interchange import api, plugins
from interchange.cli import inputs as input_files
from interchange.cli import options as plugin_options
from interchange.cli.console import Console, common_options, printable, table
from interchange.cli.convert import read_preprocessing
from interchange.cli.numpy_import import import_numpy
from interchange.cli.verify import refuse_existing
from interchange.errors import BadInput
from interchange.options import Shapes

if TYPE_CHECKING:
    from interchange.graph import Array, Graph

MOST_VALUES = 8
MOST_SAMPLES = 20
TOP = 3
AS_THEY_ARE = (
    "Note: the model does not say how pictures enter it, so their pixels went in as they are, unscaled. "
    "If it was trained on others: --preprocessing testset.toml"
)


@click.command("run")
@click.argument("model", metavar="MODEL")
@click.argument("files", metavar="INPUT…", nargs=-1, required=True)
@click.option(
    "--backend",
    metavar="NAME[:KEY=VALUE,…]",
    shell_complete=plugin_options.completion("backends"),
    help="What computes (default: numpy, or what runs the artifact).",
)
@plugin_options.shaping
@click.option("-o", "--output", metavar="FILE.npz", help="Write the outputs there.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@click.option("--preprocessing", metavar="TOML", help="A testset.toml that says how pictures enter the model.")
@common_options
@click.pass_obj
def run_command(
    console: Console,
    model: str,
    files: Sequence[str],
    backend: str | None,
    shapes: Shapes,
    output: str | None,
    force: bool,
    preprocessing: str | None,
) -> None:
    """Run MODEL and print its outputs.

    An INPUT is a .npy, .npz, .json or .csv file, or a picture: one for each input of the model, in its order, or as
    NAME=FILE. Several pictures are one batch.
    """
    refuse_existing(output, force=force)
    path = Path(model)
    name, options = plugin_options.named(backend or default_backend(path))
    runner: plugins.Backend = plugins.get("backends", name)
    if name == "numpy":
        import_numpy(starts_processes=False)
    graph = api.load(path, shapes=shapes) if shapes or plugins.recognise(path) else None
    metadata = dict(graph.metadata) if graph else {}
    metadata |= read_preprocessing(Path(preprocessing)) if preprocessing else {}
    with api.open(_to_open(path, graph, runner, has_shapes=bool(shapes)), backend=name, **options) as running:
        feeds = input_files.read(files, running.inputs, metadata)
        if "preprocessing" not in metadata and input_files.are_pictures(files, running.inputs):
            console.note(AS_THEY_ARE)
        outputs = running(feeds)
        provider = running.provider
    if output:
        _write(Path(output), outputs, force=force)
    labels = [printable(str(label)) for label in json.loads(metadata.get("labels", "[]"))]
    document = {
        "backend": name,
        "provider": provider,
        "outputs": [_as_json(key, array) for key, array in outputs.items()],
        "labels": labels,
    }
    if console.verbose:
        console.note(f"{name}: {provider}")
    console.answer(document, lambda: _lines(outputs, labels, [Path(file).name for file in files], output))


def default_backend(path: Path) -> str:
    """numpy for every model that an importer reads; else a backend for what an exporter wrote."""
    if plugins.recognise(path):
        return "numpy"
    kinds = [plugin.name for plugin in plugins.recognise(path, "exporters")]
    for plugin in plugins.installed("backends"):
        if not plugin.fault and not plugin.missing and plugin.get().artifact in kinds:
            return plugin.name
    plugins.importer_for(path)  # says what is wrong with the file
    raise AssertionError("unreachable")


def _to_open(path: Path, graph: Graph | None, runner: plugins.Backend, *, has_shapes: bool) -> Path | Graph:
    """The path if the backend runs it as it is, else the graph, so that the model is not read twice."""
    if graph is not None and has_shapes:
        return graph
    is_artifact = any(plugin.name == runner.artifact for plugin in plugins.recognise(path, "exporters"))
    return path if graph is None or is_artifact or runner.artifact == "source" else graph


def _write(path: Path, outputs: Mapping[str, Array], *, force: bool) -> None:
    import io

    import numpy as np

    from interchange.files import Artifact

    if path.suffix != ".npz":
        raise BadInput(
            "IX103", "Outputs are written as .npz.", where=str(path), next_step=f"-o {path.with_suffix('.npz')}"
        )
    buffer = io.BytesIO()
    np.savez(buffer, **dict(outputs))  # type: ignore[arg-type]
    with Artifact(force=force) as artifact:
        artifact.write(path, buffer.getvalue())


def _as_json(name: str, array: Array) -> dict[str, Any]:
    """NaN and infinities are strings, as strict JSON has no such numbers."""
    import numpy as np

    values = array.astype(np.float64) if array.dtype.name == "bfloat16" else array
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values.astype(object), values.astype(str))
    return {"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "values": values.tolist()}


# --- for people -----------------------------------------------------------------------------------------------------


def _lines(
    outputs: Mapping[str, Array], labels: Sequence[str], files: Sequence[str], written: str | None
) -> Iterator[str]:
    for name, array in outputs.items():
        shape = " × ".join(map(str, array.shape)) or "scalar"
        yield f"{click.style(printable(name), bold=True)}  {array.dtype.name} {shape}"
        scores = class_scores(array, labels)
        yield from _values(array) if scores is None else _classes(scores, labels, files)
    if written:
        yield f"written to {written}"


def class_scores(array: Array, labels: Sequence[str]) -> Array | None:
    """A score for each label and sample, if that is what an output holds; one number for two labels is the second's."""
    import numpy as np

    if array.ndim != 2 or not labels or array.dtype.kind != "f":
        return None
    if array.shape[1] == 1 and len(labels) == 2:
        return np.concatenate([1 - array, array], axis=1)
    return array if array.shape[1] == len(labels) else None


def _classes(scores: Array, labels: Sequence[str], files: Sequence[str]) -> list[str]:
    names = files if len(files) == len(scores) else [str(i) for i in range(len(scores))]
    rows = []
    for name, row in zip(names[:MOST_SAMPLES], scores, strict=False):
        best = (-row).argsort(kind="stable")[:TOP]
        rows.append((name, *(f"{labels[j]} {row[j]:.4f}" for j in best)))
    lines = table(("sample", "best", *[""] * (len(rows[0]) - 2)), rows) if rows else []
    return [*lines, *_more(len(scores) - MOST_SAMPLES, "samples")]


def _values(array: Array) -> list[str]:
    import numpy as np

    rows = array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(1, -1)
    lines = []
    for row in rows[:MOST_SAMPLES]:
        text = np.array2string(row[:MOST_VALUES], precision=6, separator=" ", max_line_width=200)[1:-1]
        lines.append(f"  {text}{' …' if row.size > MOST_VALUES else ''}".rstrip())
    return [*lines, *_more(len(rows) - MOST_SAMPLES, "samples")]


def _more(count: int, what: str) -> list[str]:
    return [f"  … and {count} {what} more; -o FILE.npz writes all"] if count > 0 else []
