"""`interchange verify`: the exported artifacts against one reference, on a test set."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from interchange import api
from interchange.cli import options as plugin_options
from interchange.cli.console import Console, common_options, is_terminal, rendered
from interchange.errors import BadInput
from interchange.options import Shapes

if TYPE_CHECKING:
    from interchange.verifier.report import Report

DIFFER = 1


@click.command("verify")
@click.argument("model", metavar="MODEL")
@click.argument("testset", metavar="TESTSET")
@click.option(
    "--backend",
    "backends",
    metavar="NAME[:KEY=VALUE,…]",
    multiple=True,
    shell_complete=plugin_options.completion("backends"),
    help="A backend to run; several may be given (default: all that can be used here).",
)
@plugin_options.shaping
@click.option("--rtol", type=float, metavar="X", help="Relative tolerance, instead of the rounding floor.")
@click.option("--atol", type=float, metavar="X", help="Absolute tolerance, instead of the rounding floor.")
@click.option("--reference", metavar="NAME", help="What to compare with: golden, float64 or a backend.")
@click.option("--layers", is_flag=True, help="Look for the guilty layer: replay each one.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use the first N samples only.")
@click.option("--batch-size", type=click.IntRange(min=1), metavar="N", help="Samples at once (default: 32).")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes at once (default: one for each core).")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="End a backend that is silent for so long (default: 600)."
)
@click.option("--html", "html_file", metavar="FILE", help="Write the report as one HTML page.")
@click.option("--open", "open_page", is_flag=True, help="Show that page in the browser.")
@click.option("--report", "json_file", metavar="FILE", help="Write the report as JSON.")
@click.option("--force", is_flag=True, help="Replace report files that exist.")
@common_options
@click.pass_obj
def verify_command(
    console: Console,
    model: str,
    testset: str,
    backends: Sequence[str],
    shapes: Shapes,
    rtol: float | None,
    atol: float | None,
    reference: str | None,
    layers: bool,
    limit: int | None,
    batch_size: int | None,
    jobs: int | None,
    timeout: float | None,
    html_file: str | None,
    open_page: bool,
    json_file: str | None,
    force: bool,
) -> int:
    """Prove that the backends agree on a test set.

    Runs every backend on TESTSET and compares each with one reference.
    MODEL is a model file, or an artifact. The exit code is 0 if all agree, 1 if one differs.
    """
    if open_page and not html_file:
        raise BadInput("IX103", "--open shows the page that --html writes.", next_step="Add --html FILE.")
    for file in (html_file, json_file):
        refuse_existing(file, force=force)
    given = {
        "rtol": rtol,
        "atol": atol,
        "reference": reference,
        "limit": limit,
        "batch_size": batch_size,
        "jobs": jobs,
        "timeout": timeout,
        "layers": layers or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    with console.progress() as step:
        source = api.load(model, shapes=shapes) if shapes else model
        report = api.verify(source, testset, backends=list(backends) or None, progress=step, **options)
    document = report.to_json()
    if html_file:
        write_file(html_file, report.to_html(), force=force)
    if json_file:
        write_file(json_file, json.dumps(document, indent=1, allow_nan=False) + "\n", force=force)
    console.answer(document, lambda: _lines(report))
    if html_file and open_page and not show_page(Path(html_file)):
        console.note(f"No browser could be started; the page is {html_file}")
    return 0 if report.agreed else DIFFER


def _lines(report: Report) -> list[str]:
    return rendered(report.to_table()) if is_terminal(sys.stdout) else str(report).split("\n")


def show_page(path: Path) -> bool:
    """Opens a page in the user's browser; whether there is one."""
    import webbrowser

    return webbrowser.open(path.resolve().as_uri())


def refuse_existing(file: str | None, *, force: bool) -> None:
    """Finds out before the work whether its result could be written."""
    if file == "":
        raise BadInput("IX103", "The name of the file to write is empty.")
    if file and Path(file).exists() and not force:
        raise BadInput("IX102", "The file exists already.", where=file, next_step="Add --force to replace it.")


def write_file(file: str, text: str, *, force: bool) -> None:
    from interchange.files import Artifact

    with Artifact(force=force) as artifact:
        artifact.write(Path(file), text.encode())
