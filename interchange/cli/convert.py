"""`interchange convert`: a model file becomes one or more artifacts, all of them or none."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from interchange import api, plugins
from interchange.cli import options as plugin_options
from interchange.cli.console import Console, common_options, size_text
from interchange.cli.numpy_import import import_numpy
from interchange.errors import BadInput, EnvironmentLacks
from interchange.options import Options, Shapes, share_out

if TYPE_CHECKING:
    from interchange.graph import Graph


@click.command("convert")
@click.argument("source", metavar="SRC")
@click.option(
    "--to",
    "targets",
    metavar="EXPORTER",
    required=True,
    multiple=True,
    shell_complete=plugin_options.completion("exporters"),
    help="weights, pyscript, onnx or a plugin's; may be given several times.",
)
@plugin_options.importing
@plugin_options.shaping
@click.option("-o", "--output", metavar="DST", default=".", help="A file, or a folder (default: this one).")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--style", type=click.Choice(["plain", "fast"]), help="pyscript: code to read, or packed integers.")
@click.option("--numpy", "use_numpy", is_flag=True, help="pyscript: a script that uses NumPy.")
@click.option("--embed", is_flag=True, help="pyscript: put the weights into the script.")
@click.option("--opset", type=int, metavar="N", help="onnx: the opset to write.")
@click.option("--target-ort", metavar="VERSION", help="onnx: what this release of ONNX Runtime reads.")
@click.option("--dtype", metavar="DTYPE", help="onnx: float16, to compute in half of the bits.")
@click.option("--no-selftest", is_flag=True, help="Leave out the small test that every artifact carries.")
@click.option("--option", "texts", metavar="KEY=VALUE", multiple=True, help="Any option of an exporter; value as JSON.")
@click.option(
    "--preprocessing", metavar="TOML", help="A testset.toml, whose labels and preprocessing go into the artifact."
)
@common_options
@click.pass_obj
def convert_command(
    console: Console,
    source: str,
    targets: Sequence[str],
    importer: str | None,
    shapes: Shapes,
    output: str,
    force: bool,
    style: str | None,
    use_numpy: bool,
    embed: bool,
    opset: int | None,
    target_ort: str | None,
    dtype: str | None,
    no_selftest: bool,
    texts: Sequence[str],
    import_options: Options,
    preprocessing: str | None,
) -> None:
    """Convert the model SRC to other formats.

    SRC is a file or a folder. Lists the files written. Nothing that exists is replaced without --force, and if anything
    fails, nothing is written.
    """
    flags = {
        "style": style,
        "numpy": use_numpy or None,
        "embed": embed or None,
        "opset": opset,
        "target_ort": target_ort,
        "dtype": dtype,
        "selftest": False if no_selftest else None,
    }
    options = plugin_options.parse(texts) | {name: value for name, value in flags.items() if value is not None}
    targets = list(dict.fromkeys(targets))
    exporters: dict[str, plugins.Exporter] = {name: plugins.get("exporters", name) for name in targets}
    shares = share_out(options, {name: exporter.save for name, exporter in exporters.items()})
    paths = destinations(output, Path(source).resolve().stem, exporters, force=force)
    metadata = read_preprocessing(Path(preprocessing)) if preprocessing else {}

    import_numpy()
    graph = api.load(source, format=importer, shapes=shapes, **import_options).with_metadata(**metadata)
    written = save_all(graph, paths, exporters, shares, force=force)

    artifacts = [
        {"to": name, "files": [{"path": str(path), "bytes": path.stat().st_size} for path in files]}
        for name, files in written.items()
    ]
    console.answer({"source": source, "artifacts": artifacts}, lambda: () if console.quiet else list_files(written))


def list_files(written: Mapping[str, Sequence[Path]]) -> Iterable[str]:
    rows = [(str(path), size_text(path.stat().st_size)) for files in written.values() for path in files]
    rows = list(dict.fromkeys(rows))
    names, sizes = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, size in rows:
        yield f"{click.style(name, bold=True)}{' ' * (names - len(name))}  {size.rjust(sizes)}"


# --- where to -------------------------------------------------------------------------------------------------------


def destinations(output: str, stem: str, exporters: Mapping[str, plugins.Exporter], *, force: bool) -> dict[str, Path]:
    """The main file of each artifact.

    Raises:
        BadInput: (IX102) one exists; (IX103) `output` is a file's name that does not fit what is written.
    """
    from interchange.files import target_path

    if not output:
        raise BadInput("IX103", "-o names neither a file nor a folder.", next_step="For this folder, write -o .")
    folder = Path(output)
    is_file = not output.endswith(("/", os.sep)) and not folder.is_dir()
    suffixes = {exporter.suffix for exporter in exporters.values()}
    if is_file and len(exporters) > 1 and folder.suffix in suffixes:
        raise BadInput(
            "IX103", "-o names a file, but there are several targets.", where=output, next_step="Name a folder: -o out/"
        )
    if is_file and folder.suffix not in suffixes and re.fullmatch(r"\.[A-Za-z]\w{0,11}", folder.suffix):
        raise BadInput(
            "IX103",
            f"-o {folder.name} does not fit --to {', '.join(exporters)}.",
            where=output,
            why=f"that artifact's file ends in {', '.join(sorted(suffixes))}",
            next_step=f"For a folder of that name, write {output}/",
        )
    paths = {name: target_path(folder, exporter.suffix, stem) for name, exporter in exporters.items()}
    in_the_way = [str(path) for path in paths.values() if path.exists()]
    if in_the_way and not force:
        raise BadInput(
            "IX102", "The file exists already.", where=", ".join(in_the_way), next_step="Add --force to replace it."
        )
    return paths


def save_all(
    graph: Graph,
    paths: Mapping[str, Path],
    exporters: Mapping[str, plugins.Exporter],
    options: Mapping[str, Mapping[str, Any]],
    *,
    force: bool,
) -> dict[str, list[Path]]:
    """Writes every artifact beside its place first, and moves all of them at the end.

    Raises:
        BadInput: (IX102) a file exists; (IX105) not writable, or two artifacts have a file of the same name.
        Unsupported: (IX303) an exporter cannot express something in the graph.
        EnvironmentLacks: (IX403) an exporter does not return the files that it wrote.
    """
    from shutil import rmtree

    from interchange.files import Artifact

    folder = next(iter(paths.values())).parent
    staging = _staging(folder)
    try:
        written: dict[str, list[Path]] = {}
        with Artifact(force=force) as artifact:
            placed: dict[Path, tuple[str, Path]] = {}
            for name, path in paths.items():
                made = exporters[name].save(graph, staging / name / path.name, **options[name])
                _check_written(name, made, staging / name)
                written[name] = [folder / file.relative_to(staging / name) for file in made]
                for file, target in zip(made, written[name], strict=True):
                    if target not in placed:
                        placed[target] = (name, artifact.reserve(target))
                        os.replace(file, placed[target][1])
                    elif placed[target][1].read_bytes() != file.read_bytes():
                        raise _clash(target, placed[target][0], name)
        return written
    finally:
        rmtree(staging, ignore_errors=True)


def _check_written(exporter: str, files: Sequence[Path], folder: Path) -> None:
    strange = [str(file) for file in files if not file.is_relative_to(folder) or not file.is_file()]
    if strange or not files:
        why = f"it says that it wrote {', '.join(strange) or 'nothing'}"
        raise EnvironmentLacks("IX403", f"The exporter {exporter!r} does not keep its contract.", why=why)


def _staging(folder: Path) -> Path:
    """A new folder on the file system of `folder`, which may not exist yet."""
    import tempfile

    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    try:
        return Path(tempfile.mkdtemp(prefix=".interchange-", dir=nearest))
    except OSError as error:
        raise BadInput("IX105", "The target cannot be written.", where=str(folder), why=str(error)) from error


def _clash(target: Path, one: str, other: str) -> BadInput:
    return BadInput(
        "IX105",
        f"Two targets write a file of the same name: {one} and {other}.",
        where=str(target),
        next_step="Convert to each in a run of its own, into different folders.",
    )


# --- preprocessing --------------------------------------------------------------------------------------------------


def read_preprocessing(path: Path) -> dict[str, str]:
    """The metadata entries that a testset.toml gives a graph: labels, decision and preprocessing.

    Raises:
        BadInput: (IX220) it cannot be read.
    """
    import tomllib

    from interchange.testset import settings

    path = path / settings.FILE if path.is_dir() else path
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput("IX220", "The preprocessing cannot be read.", where=str(path), why=_reason(error)) from error
    if path.name == settings.FILE:
        settings.read(path.parent)  # finds every fault in it
    texts = {"labels": json.dumps(document["labels"])} if "labels" in document else {}
    texts |= {"decision": str(document["decision"])} if "decision" in document else {}
    texts |= {"preprocessing": json.dumps(document["input"])} if "input" in document else {}
    if not texts:
        why = "no labels, no decision and no [input]"
        raise BadInput("IX220", "There is no preprocessing in this file.", where=str(path), why=why)
    return texts


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
