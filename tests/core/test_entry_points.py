"""What is installed, found in folders, is what importlib.metadata finds."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from interchange import entry_points
from interchange.entry_points import EntryPoint

TEXT = """\
[console_scripts]
acme = acme:main

# the plugins
[interchange.importers]
 acme = acme:Importer.inner [extra]

[interchange.operators]
acme.ops=acme.operators
"""
WANT = [
    EntryPoint("importers", "acme", "acme:Importer.inner [extra]", "Acme.Net", "1.2"),
    EntryPoint("operators", "acme.ops", "acme.operators", "Acme.Net", "1.2"),
]


def distribution(site: Path, folder: str = "acme_net-1.2.dist-info", file: str = "METADATA") -> None:
    info = site / folder
    info.mkdir(parents=True)
    (info / file).write_text("Metadata-Version: 2.1\nName: Acme.Net\nVersion: 1.2\n\nName: not this\n")
    (info / "entry_points.txt").write_text(TEXT)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    return tmp_path / "site"


def added() -> list[EntryPoint]:
    return [entry for entry in entry_points.entry_points.__wrapped__() if entry.distribution != "interchange"]


def test_both_ways_find_the_same_here():
    assert entry_points._are_in_folders()
    in_folders = sorted(entry_points._in_folders())
    assert in_folders == sorted(entry_points._by_importlib())
    assert {entry.group for entry in in_folders} >= {"importers", "exporters", "backends"}


@pytest.mark.parametrize(
    ("folder", "file"), [("acme_net-1.2.dist-info", "METADATA"), ("Acme.Net.egg-info", "PKG-INFO")]
)
def test_a_package_in_a_folder(site, folder, file):
    distribution(site, folder, file)
    assert added() == WANT
    assert sorted(entry_points._by_importlib()) == sorted(entry_points._in_folders())


def test_of_two_versions_the_first_on_the_path_counts(site, monkeypatch):
    distribution(site)
    other = site.with_name("other")
    distribution(other, "Acme_Net-9.9.dist-info")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert added() == WANT


def test_a_package_in_a_zip_file_is_found(site, monkeypatch):
    distribution(site)
    archive = site.with_name("site.zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in site.rglob("*"):
            file.write(path, path.relative_to(site))
    monkeypatch.setattr(sys, "path", [str(archive), *sys.path[1:]])
    assert not entry_points._are_in_folders()
    assert added() == WANT


def test_another_finder_is_asked(monkeypatch):
    class Finder:
        @staticmethod
        def find_distributions(context=None):
            return ()

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    assert not entry_points._are_in_folders()


def test_loading_imports_what_is_named():
    assert EntryPoint("", "", "os.path:join", "", "").load() is sys.modules["os.path"].join
    assert EntryPoint("", "", "os.path : join.__name__ [extra]", "", "").load() == "join"
    assert EntryPoint("", "", "os.path", "", "").load() is sys.modules["os.path"]
    with pytest.raises(AttributeError):
        EntryPoint("", "", "os.path:nonsense", "", "").load()
