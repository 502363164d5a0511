"""`interchange plugins` and `interchange explain`: what is installed, and what an error code means."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click

from interchange import plugins
from interchange.cli.console import Console, common_options, table
from interchange.errors import CODES, BadInput

EXIT_CODES = {"1": 2, "2": 2, "3": 3, "4": 4, "9": 4}  # by the first digit of a code


@click.command("plugins")
@common_options
@click.pass_obj
def plugins_command(console: Console) -> None:
    """List the plugins that are installed.

    Ours and others', and why one cannot be used.
    """
    groups = {group: [describe(plugin) for plugin in plugins.installed(group)] for group in plugins.CONTRACTS}
    console.answer(groups, lambda: _lines(groups))


def describe(plugin: plugins.Plugin) -> dict[str, Any]:
    """A plugin as JSON; `why` is "" if it can be used."""
    why = f"broken: {plugin.fault}" if plugin.fault else ""
    raising = plugins.recognising_fault(plugin)
    if raising:
        why = f"broken: {raising}"
    elif plugin.missing:
        why = f"needs: pip install {shlex.join(plugin.missing)}"
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "target": plugin.value,
        "usable": not why,
        "why": why,
    }


def _lines(groups: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    rows = [
        (
            group.replace("_", " ").removesuffix("s"),
            entry["name"],
            f"{entry['distribution']} {entry['version']}",
            _state(entry),
        )
        for group, entries in groups.items()
        for entry in entries
    ]
    if not rows:
        yield "No plugins are installed, not even interchange's own: is it installed with pip?"
        return
    yield from table(("kind", "name", "from", "state"), rows)


def _state(entry: dict[str, Any]) -> str:
    if entry["usable"]:
        return "usable"
    return click.style(entry["why"], fg="red" if entry["why"].startswith("broken") else "yellow")


@click.command("explain")
@click.argument("code", required=False)
@common_options
@click.pass_obj
def explain_command(console: Console, code: str | None) -> None:
    """Say what an error CODE means.

    Without one, list all codes.
    """
    if code is None:
        console.answer(dict(CODES), lambda: table(("code", "meaning"), list(CODES.items())))
        return
    code = code.upper()
    if code not in CODES:
        prefix = "Codes with another prefix than IX are explained by the plugin that they come from."
        raise BadInput("IX103", f"There is no error code {code}.", why=prefix, next_step="interchange explain")
    document = {"code": code, "meaning": CODES[code], "exit_code": EXIT_CODES[code[2]]}
    console.answer(document, lambda: (f"{code}: {CODES[code]}", f"exit code {document['exit_code']}"))
