"""On a terminal: tables, colours and progress; plain lines for CI and simple terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
CODE = "import sys; from interchange.cli import main; sys.exit(main())"


def on_terminal(*arguments: object, **environment: str) -> str:
    """What `interchange ARGUMENTS` shows on a terminal of 100 columns, stdout and stderr together."""
    import pty

    reader, terminal = pty.openpty()
    variables = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")}
    variables |= {"TERM": "xterm-256color", "COLUMNS": "100", "PYTHONUTF8": "1", **environment}
    command = [sys.executable, "-c", CODE, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=terminal, stderr=terminal)
    os.close(terminal)
    parts = []
    while part := read(reader):
        parts.append(part)
    process.wait()
    return b"".join(parts).decode()


def read(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except OSError:  # how a terminal says that nobody writes any more
        return b""


def test_tables_are_drawn(model: Path) -> None:
    shown = on_terminal("show", model)
    assert "───" in shown
    assert "\x1b[1m" in shown
    assert "dense (Dense)" in shown


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}])
def test_plain_lines_elsewhere(model: Path, environment: dict[str, str]) -> None:
    shown = on_terminal("show", model, **environment)
    assert "\x1b" not in shown
    assert "───" not in shown


def test_colours_can_be_refused(tmp_path: Path) -> None:
    assert "\x1b[31m" in on_terminal("show", tmp_path / "nothing")
    assert "\x1b" not in on_terminal("show", tmp_path / "nothing", NO_COLOR="1")


def test_progress_is_shown_and_goes_away(model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", x=np.ones((4, 4)), y=np.ones((4, 3)))
    verify = ("verify", model, tmp_path / "inputs.npz", "--backend", "numpy")
    assert "━━" in on_terminal(*verify)
    assert "━━" not in on_terminal(*verify, "--quiet")
    answer = on_terminal(*verify, "--json")
    assert answer.startswith("{")
    assert answer.count("\n") == 1


def test_a_model_cannot_steer_the_terminal(tmp_path: Path) -> None:
    import interchange
    from interchange.graph import Graph, Node, TensorSpec

    node = Node("Relu", ("x",), ("y\x1b[2J",), {}, "[bold]x[/] \x1b]0;title\x07")
    graph = Graph({"x": TensorSpec("float32", ("n", 3))}, ("y\x1b[2J",), (node,), {}, {"name": "n\x1b[2J"})
    (path,) = interchange.save(graph, tmp_path / "m.safetensors", to="weights")
    shown = on_terminal("show", path) + on_terminal("show", path, "--nodes") + on_terminal("run", path, path)
    np.savez(tmp_path / "inputs.npz", x=np.ones((2, 3)))
    shown += on_terminal("verify", path, tmp_path / "inputs.npz", "--backend", "numpy")
    assert "\x1b[2J" not in shown
    assert "\x1b]0;" not in shown
    assert "[bold]x[/]" in shown
