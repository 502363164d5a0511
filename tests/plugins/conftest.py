"""Installing plugins for a test: a distribution on the path, as pip would leave it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interchange import ops, plugins

Install = Callable[[str, str, str], None]


def forget() -> None:
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
