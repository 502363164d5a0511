"""Starting: what is imported, options that every command has."""

from __future__ import annotations

import subprocess
import sys

import pytest

import interchange
from tests.cli.conftest import ROOT, Run

COMMANDS = ("convert", "verify", "run", "show", "plugins", "doctor", "explain")
HEAVY = ("numpy", "rich", "h5py", "onnx", "jinja2", "safetensors")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from interchange.cli import main; main(['--help']);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_convert_draws_nothing_with_rich(model: object) -> None:
    code = (
        "import sys; from interchange.cli import main;"
        f"code = main(['convert', {str(model)!r}, '--to', 'weights', '--force', '-o', {str(model)!r}]);"
        "print(code, [name for name in ('rich', 'onnx', 'jinja2') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 []"


def test_it_is_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "interchange", "explain", "IX101"], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout[:6]) == (0, b"IX101:")


def test_the_version(run: Run) -> None:
    assert run("--version").out == f"interchange {interchange.__version__}\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(run: Run, command: str, option: str) -> None:
    done = run(*filter(None, [command, option]))
    assert (done.code, done.err) == (0, "")
    for text in ("--json", "-q, --quiet", "-v, --verbose", "Usage: interchange"):
        assert text in done.out


def test_the_list_of_commands_is_not_cut_off(run: Run) -> None:
    assert "..." not in run("--help").out.partition("Commands:")[2]
    assert all(f"\n  {command} " in run("--help").out for command in COMMANDS)


def test_without_arguments_there_is_help_and_a_failure(run: Run) -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert "Usage: interchange" in done.err


@pytest.mark.parametrize("place", ["before", "after"])
def test_common_options_go_before_or_after_the_command(run: Run, place: str) -> None:
    done = run("--json", "explain", "IX101") if place == "before" else run("explain", "IX101", "--json")
    assert done.json["code"] == "IX101"


def test_help_and_version_stay_text(run: Run) -> None:
    assert run("--json", "--version").out == f"interchange {interchange.__version__}\n"
    assert run("--json", "--help").out == run("--help").out
