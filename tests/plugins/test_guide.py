"""docs/writing-a-plugin.md: every line of code is the sample package's, every command prints what the page says."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from interchange.plugins import ATTRIBUTES, CONTRACTS
from tests.plugins.environment import ROOT, SAMPLE, Environment

PAGE = (ROOT / "docs" / "writing-a-plugin.md").read_text("utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced block; `file` is what follows the language."""

    language: str
    file: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
CODE = [block for block in BLOCKS if block.language in ("python", "toml")]


def test_every_block_is_of_a_known_kind() -> None:
    assert {block.language for block in BLOCKS} == {"python", "toml", "text", "console"}
    assert PAGE.count("```") == 2 * len(BLOCKS)
    assert all(block.file for block in BLOCKS if block.language != "console")


@pytest.mark.parametrize("block", CODE, ids=[f"{block.file}:{block.text.splitlines()[0]}" for block in CODE])
def test_code_is_in_the_package(block: Block) -> None:
    assert f"\n{block.text}" in "\n" + (SAMPLE / block.file).read_text("utf-8")


def test_commands_print_what_the_page_says(environment: Environment, tmp_path: Path) -> None:
    for block in BLOCKS:
        if block.language == "text":
            (tmp_path / block.file).write_text(block.text)
        if block.language == "console":
            for command, output in commands(block.text):
                check(environment, tmp_path, command, output)


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with its output."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def check(environment: Environment, folder: Path, command: str, output: str) -> None:
    """Runs a command; "…" in the output stands for anything."""
    if command == "pip install interchange-toy":
        return
    done = environment.run(*shlex.split(command), cwd=folder)
    printed = done.stdout + done.stderr
    pattern = ".*".join(map(re.escape, squeezed(output).split("…")))
    assert re.fullmatch(pattern, squeezed(printed), re.DOTALL), f"$ {command}\n{printed}"


def squeezed(text: str) -> str:
    """The text with columns of any width: another plugin may have a longer name."""
    return re.sub(" *\n", "\n", re.sub(" +", " ", text))


def test_the_table_of_contracts_is_complete() -> None:
    for group, methods in CONTRACTS.items():
        (row,) = re.findall(rf"^\| `interchange\.{group}` .*$", PAGE, re.MULTILINE)
        for method, parameters in methods.items():
            assert f"`{method}({', '.join(parameters)}" in row.replace("*, ", ""), (group, method)
        for attribute in ATTRIBUTES.get(group, ()):
            assert f"`{attribute}`" in row
