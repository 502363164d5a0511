"""docs/cli.md and docs/errors.md say what is so."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from interchange.cli import COMMANDS
from tests.cli.conftest import Run
from tests.cli.make_docs import DOCS, cli_page, errors_page

PAGE = (DOCS / "cli.md").read_text("utf-8")
EXAMPLE = DOCS / "examples" / "digits"


def test_the_errors_are_current() -> None:
    assert (DOCS / "errors.md").read_text("utf-8") == errors_page(), "run python tests/cli/make_docs.py"


def test_the_help_texts_are_current() -> None:
    assert cli_page(PAGE) == PAGE, "run python tests/cli/make_docs.py"


def test_every_command_is_described() -> None:
    for name in COMMANDS:
        assert f"\n## {name}\n" in PAGE
        assert f"```help interchange {name}\n" in PAGE


def test_commands_print_what_the_page_says(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    image = pytest.importorskip("PIL.Image")
    shutil.copy(EXAMPLE / "digits.h5", tmp_path)
    shutil.copytree(EXAMPLE / "testset", tmp_path / "testset")
    image.fromarray(seven(tmp_path / "testset")).save(tmp_path / "picture.png")
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    commands = [part for block in blocks for part in re.split(r"^\$ interchange ", block, flags=re.MULTILINE)[1:]]
    assert len(commands) > 10
    for command, _, output in (part.partition("\n") for part in commands):
        done = run(*shlex.split(command))
        printed = done.out + done.err
        pattern = ".*".join(map(re.escape, squeezed(output).split("…")))
        assert re.fullmatch(pattern, squeezed(printed), re.DOTALL), f"$ interchange {command}\n{printed}"


def seven(testset: Path) -> object:
    """The first picture of the test set that shows a seven."""
    from interchange import load
    from interchange.testset import load as load_testset

    samples = load_testset(testset, load(EXAMPLE / "digits.h5").inputs)
    assert samples.targets is not None
    return samples.picture(samples.targets.tolist().index(7))


def squeezed(text: str) -> str:
    """The text with columns of any width; a "…" in the page stands for anything, so one that is printed is dots."""
    return re.sub(" *\n", "\n", re.sub(" +", " ", text.replace(", … (", ", ... (")))
