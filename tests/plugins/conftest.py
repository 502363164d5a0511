"""Installing plugins: for one test on the path, and an environment with the sample plugin for all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interchange import ops, plugins
from interchange.entry_points import entry_points as all_entry_points
from tests.plugins.environment import ROOT, SAMPLE, Environment, add_broken, create

Install = Callable[[str, str, str], None]


def forget() -> None:
    all_entry_points.cache_clear()
    plugins.installed.cache_clear()
    ops._of_domain.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """A function that installs a distribution of one module: (module name, its text, its entry points)."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def put(name: str, text: str, entry_points: str) -> None:
        installed.append(name)
        (site / f"{name}.py").write_text(text)
        info = site / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(entry_points)
        forget()

    installed: list[str] = []
    yield put
    for name in installed:
        sys.modules.pop(name, None)
    monkeypatch.undo()
    forget()


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """interchange, the sample plugin and broken ones, installed."""
    pytest.importorskip("hatchling")
    made = create(tmp_path_factory.mktemp("environment") / "venv", [ROOT, SAMPLE])
    add_broken(made)
    return made
