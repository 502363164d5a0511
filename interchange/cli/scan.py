"""`interchange scan`: what in a model file would be code elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from interchange import plugins
from interchange.cli import options as plugin_options
from interchange.cli.console import Console, common_options, printable, table
from interchange.errors import BadInput
from interchange.plugins import Code

SHOWN = 16  # characters of a digest


@click.command("scan")
@click.argument("model", metavar="FILE")
@click.option(
    "--from",
    "importer",
    metavar="IMPORTER",
    shell_complete=plugin_options.completion("importers"),
    help="The importer to use, whatever the file looks like.",
)
@common_options
@click.pass_obj
def scan_command(console: Console, model: str, importer: str | None) -> None:
    """List what in FILE would be code elsewhere.

    Bytecode, classes and functions that are not the framework's, pickles; with layer and digest. Nothing is executed.
    """
    path = Path(model)
    plugin = plugins.importer_for(path, importer)
    scan = getattr(plugin, "scan", None)
    if scan is None:
        raise BadInput("IX103", "The importer of this format does not look for code.", where=model)
    found: Sequence[Code] = list(scan(path))
    console.answer({"code": [code._asdict() for code in found]}, lambda: _lines(found))


def _lines(found: Sequence[Code]) -> Iterator[str]:
    if not found:
        yield "Nothing in it would be code."
        return
    rows = [(printable(c.layer) or "-", c.kind, printable(c.name), c.sha256[:SHOWN]) for c in found]
    yield from table(("layer", "kind", "name", "sha256"), rows)
