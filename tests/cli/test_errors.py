"""Every failure is one block with a code, or one JSON object; never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interchange import api
from interchange.cli import as_block
from tests.cli.conftest import ROOT, Run, process

# arguments -> code of the error, exit code
MISTAKES = {
    "no such command": (["frobnicate"], "IX100", 2),
    "no such option": (["show", "--frobnicate", "x"], "IX100", 2),
    "a missing argument": (["show"], "IX100", 2),
    "a missing option": (["convert", "x"], "IX100", 2),
    "a value of the wrong kind": (["verify", "x", "y", "--limit", "many"], "IX100", 2),
    "a value out of range": (["verify", "x", "y", "--limit", "0"], "IX100", 2),
    "a file that is not there": (["show", "nothing.h5"], "IX101", 2),
    "a file of no format": (["show", "text.txt"], "IX201", 2),
    "an empty file": (["show", "empty"], "IX201", 2),
    "an empty folder": (["show", "folder"], "IX201", 2),
    "no such importer": (["show", "text.txt", "--from", "punchcards"], "IX104", 2),
    "no such exporter": (["convert", "tiny.safetensors", "--to", "punchcards"], "IX104", 2),
    "no such backend": (["run", "tiny.safetensors", "x.npy", "--backend", "abacus"], "IX104", 2),
    "no such code": (["explain", "IX999"], "IX103", 2),
    "an option without a value": (["convert", "tiny.safetensors", "--to", "weights", "--option", "a"], "IX103", 2),
    "an input that is not there": (["run", "tiny.safetensors", "nothing.npy"], "IX101", 2),
    "a damaged model": (["show", "half.safetensors", "--from", "weights"], "IX203", 2),
}


@pytest.fixture(autouse=True)
def files(model: Path, arrays: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no model")
    (tmp_path / "empty").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "half.safetensors").write_bytes(model.read_bytes()[:200])


@pytest.mark.parametrize(("arguments", "code", "exit_code"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_block(run: Run, arguments: list[str], code: str, exit_code: int) -> None:
    done = run(*arguments)
    assert done.code == exit_code
    assert done.out == ""
    assert done.err.startswith(f"{code}: ")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("arguments", "code", "exit_code"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_object(run: Run, arguments: list[str], code: str, exit_code: int) -> None:
    done = run(*arguments, "--json")
    assert (done.code, done.err) == (exit_code, "")
    assert set(done.json) == {"error"}
    assert done.json["error"]["code"] == code
    assert done.json["error"]["exit_code"] == exit_code


def test_a_typing_error_says_what_was_meant(run: Run) -> None:
    assert "convert" in run("conver").err
    assert "next:  interchange show --help" in run("show", "--weight", "x").err


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(api, "load", load)


def test_our_own_errors_are_one_block_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(ZeroDivisionError("division by zero"), monkeypatch)
    done = run("show", "tiny.safetensors")
    assert done.code == 4
    assert done.err.splitlines() == [
        "IX901: An error inside interchange itself.",
        f"  where: test_errors.py:{failing.__code__.co_firstlineno + 2}, in load",
        "  why:   ZeroDivisionError: division by zero",
        "  next:  Run again with -v for the traceback, and please report it.",
    ]
    assert "Traceback" in run("show", "tiny.safetensors", "-v").err
    assert run("show", "tiny.safetensors", "--json").json["error"]["code"] == "IX901"


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (ModuleNotFoundError("No module named 'h5py'", name="h5py"), "IX401", 4),
        (ModuleNotFoundError("No module named 'interchange.x'", name="interchange.x"), "IX901", 4),
        (PermissionError(13, "Permission denied", "m.h5"), "IX101", 2),
        (MemoryError(), "IX206", 2),
        (RecursionError("too deep"), "IX901", 4),
        (ValueError("\n".join(["several", "lines"])), "IX901", 4),
    ],
)
def test_other_exceptions_are_blocks(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, exit_code: int
) -> None:
    failing(error, monkeypatch)
    done = run("show", "tiny.safetensors")
    assert (done.code, done.err.split(":")[0]) == (exit_code, code)
    assert as_block(error).code == code


def test_an_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(KeyboardInterrupt(), monkeypatch)
    done = run("show", "tiny.safetensors")
    assert (done.code, done.out, done.err.strip()) == (130, "", "Interrupted.")
    assert run("show", "tiny.safetensors", "--json").json["error"]["exit_code"] == 130


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_real_interruption(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, interchange.api as api; from interchange.cli import main\n"
        "api.load = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(main(['show', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert signal.SIGINT
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("arguments", [["explain"], ["explain", "--json"], ["plugins"], ["--help"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    code = "import sys; from interchange.cli import main; sys.exit(main())"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_any_terminal_can_show_it(model: Path) -> None:
    done = process("show", model, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "float32 batch x 4" in done.stdout


def test_errors_go_through_any_encoding(tmp_path: Path) -> None:
    done = process("show", tmp_path / "größe.h5", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.startswith("IX101")
