"""The entry points of installed packages, as `importlib.metadata` finds them, in a small part of its time.

`importlib.metadata` imports the package `email` and reads the metadata of every package. Here the folders of `sys.path`
are searched for `*.dist-info/entry_points.txt` (https://packaging.python.org/specifications/entry-points/), and the
metadata are read only of packages that have entry points of ours. Where packages can be elsewhere than in folders,
`importlib.metadata` is asked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import cache, reduce
from importlib import import_module
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

PREFIX = "interchange."
SUFFIXES = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """One entry point: `group` without "interchange.", and the package that it is from."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def load(self) -> Any:
        """Imports what it names: "module", or "module:attribute". Raises what the import raises."""
        module, _, attributes = self.value.partition("[")[0].partition(":")
        parts = filter(None, attributes.strip().split("."))
        return reduce(getattr, parts, import_module(module.strip()))


@cache
def entry_points() -> tuple[EntryPoint, ...]:
    """The entry points in groups that begin with "interchange."."""
    return tuple(_in_folders() if _are_in_folders() else _by_importlib())


def _are_in_folders() -> bool:
    others = [finder for finder in sys.meta_path if finder is not PathFinder and hasattr(finder, "find_distributions")]
    return not others and not any(os.path.isfile(path) or path.endswith(".egg") for path in sys.path)


def _by_importlib() -> Iterator[EntryPoint]:
    from importlib.metadata import distributions

    seen: set[str] = set()
    for distribution in distributions():
        name = distribution.name or ""  # None where its metadata are damaged
        if _normal(name) not in seen:
            seen.add(_normal(name))
            for entry in distribution.entry_points:
                if entry.group.startswith(PREFIX):
                    group = entry.group.removeprefix(PREFIX)
                    yield EntryPoint(group, entry.name, entry.value, name, distribution.version)


def _in_folders() -> Iterator[EntryPoint]:
    seen: set[str] = set()  # of a package that is there twice, the first is the one that is imported
    for folder in dict.fromkeys(path or "." for path in sys.path):
        try:
            names = [name for name in os.listdir(folder) if name.lower().endswith(SUFFIXES)]
        except OSError:
            continue
        for name in names:
            stem, version = os.path.splitext(name)[0].partition("-")[::2]
            if _normal(stem) not in seen:
                seen.add(_normal(stem))
                yield from _of_distribution(os.path.join(folder, name), stem, version)


def _normal(name: str) -> str:
    """The name of a package as all of its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_distribution(folder: str, name: str, version: str) -> Iterator[EntryPoint]:
    text = _text(os.path.join(folder, "entry_points.txt"))
    if f"[{PREFIX}" not in text:
        return
    for file in ("METADATA", "PKG-INFO"):
        header = _text(os.path.join(folder, file)).partition("\n\n")[0]
        told = dict(re.findall(r"^(Name|Version):[ \t]*(.*?)[ \t]*$", header, re.MULTILINE))
        name, version = told.get("Name", name), told.get("Version", version)
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line[1:].partition("]")[0]
        elif line and not line.startswith("#") and group.startswith(PREFIX):
            key, _, value = line.partition("=")
            yield EntryPoint(group.removeprefix(PREFIX), key.strip(), value.strip(), name, version)


def _text(path: str) -> str:
    """The content of a file; "" if it cannot be read, as importlib.metadata has it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
