"""Writes docs/errors.md, and the help texts in docs/cli.md: run it after a deliberate change.

python tests/cli/make_docs.py
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from interchange.cli import cli
from interchange.cli.about import EXIT_CODES
from interchange.errors import CODES

DOCS = Path(__file__).parents[2] / "docs"
WIDTH = 96

GROUPS = {
    "1": "The command line and files",
    "2": "The model, the inputs, the test set",
    "3": "Not supported",
    "4": "The environment",
    "9": "interchange itself",
}
INTRODUCTION = """# Errors

<!-- Written by tests/cli/make_docs.py from interchange/errors.py. -->

Every failure is one block: the code, what went wrong, where, why, and what to do next. `interchange explain IX101` says
what a code means. Codes do not change their meaning. With `--json` the same is one object on stdout:
`{"error": {"code", "what", "where", "why", "next", "exit_code"}}`. Codes with another prefix are a plugin's own.
"""


def errors_page() -> str:
    """docs/errors.md."""
    parts = [INTRODUCTION]
    for digit, title in GROUPS.items():
        rows = [f"| {code} | {meaning} |" for code, meaning in CODES.items() if code[2] == digit]
        parts += [f"## {title}: exit code {EXIT_CODES[digit]}\n", "| code | meaning |\n|---|---|", *rows, ""]
    return "\n".join(parts)


def help_text(name: str) -> str:
    """What `interchange NAME --help` prints at a fixed width."""
    parent = click.Context(cli, info_name="interchange") if name else None
    command = cli.get_command(parent, name) if parent else cli
    context = click.Context(
        command,
        info_name=name or "interchange",
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return command.get_help(context)


def cli_page(page: str) -> str:
    """docs/cli.md with every help text as it is now."""

    def current(found: re.Match[str]) -> str:
        return f"```help {found[1]}\n{help_text(found[1].removeprefix('interchange').strip())}\n```"

    return re.sub(r"```help (interchange[ \w]*)\n.*?\n```", current, page, flags=re.DOTALL)


if __name__ == "__main__":
    (DOCS / "errors.md").write_text(errors_page(), "utf-8")
    path = DOCS / "cli.md"
    path.write_text(cli_page(path.read_text("utf-8")), "utf-8")
