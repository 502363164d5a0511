"""Every failure is one block with a code, or one JSON object; never a traceback."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interchange
from interchange import api
from interchange.cli import as_block
from tests.cli.conftest import ROOT, Run, process
from tests.core.graphs import tiny

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
    "a target without a name": (["convert", "tiny.safetensors", "--to", "weights", "-o", ""], "IX103", 2),
    "a report without a name": (["verify", "tiny.safetensors", "x.npy", "--html", ""], "IX103", 2),
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
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under nohup\n"
        "api.load = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(main(['show', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_termination_cleans_up(tmp_path: Path, name: str) -> None:
    """Of the process itself, of the worker, and of what that started; nothing stays in the temporary folder."""
    slow = (
        "import subprocess, sys, tempfile, time\n"
        "class Slow:\n"
        "    artifact = 'weights'\n"
        "    def open(self, artifact):\n"
        "        tempfile.mkdtemp()\n"
        "        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"        open({str(tmp_path / 'started')!r}, 'w').write(str(child.pid))\n"
        "        time.sleep(60)\n"
    )
    (tmp_path / "slow.py").write_text(slow)
    interchange.save(tiny(), tmp_path / "m.safetensors", to="weights")
    np.savez(tmp_path / "t.npz", x=np.ones((2, 4)), y=np.ones((2, 3)))
    (tmp_path / "tmp").mkdir()
    code = (
        f"import signal, sys; signal.signal(signal.{name}, signal.SIG_DFL)\n"
        "from interchange.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "verify", "m.safetensors", "t.npz", "--backend", "slow:Slow"]
    variables = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    variables["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(ROOT), *filter(None, sys.path)])
    process = subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    started = tmp_path / "started"
    wait_for(lambda: started.exists() and bool(started.read_text()))
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + getattr(signal, name)
    assert errors.decode().splitlines()[-1] == "Terminated."
    assert list((tmp_path / "tmp").iterdir()) == []
    wait_for(lambda: not is_running(int(started.read_text())))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether there is such a process, but for one that only waits to be asked how it ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")
@pytest.mark.parametrize("arguments", [["explain"], ["explain", "--json"]])
@pytest.mark.parametrize("target", ["&-", "/dev/full"])
def test_a_stdout_that_cannot_be_written(arguments: list[str], target: str) -> None:
    if target == "/dev/full" and not Path(target).exists():
        pytest.skip("there is no /dev/full")
    done = redirected(arguments, f">{target}")
    assert done.returncode == 2
    assert done.stdout == ""
    if "--json" in arguments:
        assert json.loads(done.stderr)["error"]["code"] == "IX105"
    else:
        assert done.stderr.startswith("IX105: The output cannot be written.")
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")
def test_a_stderr_that_cannot_be_written_is_no_error() -> None:
    assert redirected(["explain", "IX101"], "2>&-").returncode == 0
    assert redirected(["explain", "IX999"], "2>&-").returncode == 2
    if Path("/dev/full").exists():
        assert redirected(["explain", "IX999"], "2>/dev/full").returncode == 2
        assert redirected(["--help"], ">/dev/full").stderr.startswith("IX105")


def redirected(arguments: list[str], redirection: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from interchange.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(f"{shlex.join(command)} {redirection}", shell=True, cwd=ROOT, capture_output=True, text=True)


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
