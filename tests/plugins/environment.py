"""An environment with interchange and the sample plugin in it, installed by pip as a user would."""

from __future__ import annotations

import importlib.util
import os
import site
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "sample_plugin"

BROKEN = {
    "interchange_cracked": ("import a_module_that_nobody_has", "importers", "cracked = interchange_cracked:Importer"),
    "interchange_crooked": (
        "class Exporter:\n    suffix = '.c'\n",
        "exporters",
        "crooked = interchange_crooked:Exporter",
    ),
    "interchange_copied": (
        "class Importer:\n    def recognises(self, path, head): return True\n    def load(self, path): ...\n",
        "importers",
        "weights = interchange_copied:Importer",
    ),
    "interchange_crashing": (
        "class Importer:\n    def recognises(self, path, head): return head[99999]\n    def load(self, path): ...\n",
        "importers",
        "crashing = interchange_crashing:Importer",
    ),
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("[Ll]ib/**/site-packages")
        return found

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment."""
        program = self.programs / command[0]
        variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        variables |= {"PATH": os.pathsep.join([str(self.programs), variables["PATH"]]), "PYTHONUTF8": "1"}
        return subprocess.run(
            [str(program), *command[1:]], cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8"
        )


def create(folder: Path, projects: Sequence[Path]) -> Environment:
    """An environment with these projects; everything else comes from the one that runs the tests, without network."""
    has_pip = importlib.util.find_spec("pip") is not None
    options = ["--without-pip"] if has_pip else []
    subprocess.run([sys.executable, "-m", "venv", *options, str(folder)], check=True)
    environment = Environment(folder)
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (environment.packages / "zz_parent.pth").write_text("".join(lines))
    python = str(environment.programs / "python")
    pip = [sys.executable, "-m", "pip", "--python", python] if has_pip else [python, "-m", "pip"]
    install = [*pip, "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", *map(str, projects)]
    subprocess.run([*install, "--disable-pip-version-check"], check=True)
    return environment


def add_broken(environment: Environment) -> None:
    """Plugins that do not work, each in its own way."""
    for name, (text, group, entry_point) in BROKEN.items():
        (environment.packages / f"{name}.py").write_text(text)
        info = environment.packages / f"{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[interchange.{group}]\n{entry_point}\n")
