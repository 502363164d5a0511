"""Running the command line in this process, and as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interchange
from interchange.cli import main
from tests.core.graphs import tiny

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, which must be a single line of JSON."""
        (line,) = self.out.splitlines()
        return json.loads(line)


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`interchange ARGUMENTS` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A weights file in the folder: tiny.safetensors."""
    return interchange.save(tiny(producer="a test"), tmp_path, to="weights")[0]


@pytest.fixture
def arrays(tmp_path: Path) -> tuple[Path, Path]:
    """Inputs for the model: x.npy and y.npy, two samples."""
    np.save(tmp_path / "x.npy", np.arange(8, dtype=np.float32).reshape(2, 4))
    np.save(tmp_path / "y.npy", np.ones((2, 3)))
    return tmp_path / "x.npy", tmp_path / "y.npy"


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """`interchange ARGUMENTS` as a process of its own."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins"), *filter(None, sys.path)])
    code = "import sys; from interchange.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    variables = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
