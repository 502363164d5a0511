"""`interchange doctor`: what works here, what is broken, what is missing."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

import interchange
from interchange import plugins
from interchange.cli.about import describe
from interchange.cli.console import Console, common_options, printable, table
from interchange.plugins import ABSENT, BROKEN, WORKS, Finding

BROKEN_HERE = 4  # the exit code
PATIENCE = 120.0  # seconds for the import of a package
COLOURS = {WORKS: "green", ABSENT: "yellow", BROKEN: "red"}


@click.command("doctor")
@common_options
@click.pass_obj
def doctor_command(console: Console) -> int:
    """Say what works here, what is broken and what is missing.

    Imports every package that a plugin needs, and lets each backend try its devices. What is not installed is no
    failure; the exit code is 4 if something is installed and does not work.
    """
    import platform

    entries = [(group, p) for group in plugins.CONTRACTS for p in plugins.installed(group)]
    packages = {finding.name: finding for finding in _packages(p for _, p in entries)}
    states = [_plugin(group, plugin, packages) for group, plugin in entries]
    findings = [
        (plugin.name, finding)
        for group, plugin in entries
        if group == "backends" and not plugin.fault
        for finding in _diagnosis(plugin, packages)
    ]
    all_states = [*(f.state for f in packages.values()), *(s["state"] for s in states), *(f.state for _, f in findings)]
    document = {
        "interchange": interchange.__version__,
        "python": platform.python_version(),
        "interpreter": sys.executable,
        "platform": platform.platform(),
        "packages": [finding._asdict() for finding in packages.values()],
        "plugins": states,
        "findings": [{"backend": backend, **finding._asdict()} for backend, finding in findings],
        "works": BROKEN not in all_states,
    }
    console.answer(document, lambda: _lines(document))
    return 0 if document["works"] else BROKEN_HERE


def _requires(plugin: plugins.Plugin) -> Mapping[str, str]:
    """Module -> what to pip install for it."""
    requires = getattr(None if plugin.fault else plugin.loaded, "requires", {})
    return requires if isinstance(requires, Mapping) else {}


def _packages(installed: Iterable[plugins.Plugin]) -> Iterator[Finding]:
    """What the plugins need, by the name of the module."""
    wanted = {module: package for plugin in installed for module, package in _requires(plugin).items()}
    from importlib.metadata import packages_distributions, version

    distributions = packages_distributions()
    for module, package in sorted(wanted.items()):
        names = sorted(set(distributions.get(module.partition(".")[0], ())))
        what = ", ".join(f"{name} {version(name)}" for name in names)
        try:
            is_there = importlib.util.find_spec(module) is not None
        except (ImportError, ValueError):
            is_there = False
        if not is_there:
            yield Finding(module, ABSENT, what, f"pip install {package}")
            continue
        fault = import_fault(module)
        yield Finding(
            module, BROKEN if fault else WORKS, fault or what, f"Reinstall {what or module}." if fault else ""
        )


def import_fault(module: str) -> str:
    """Why a module cannot be imported, tried in a process of its own, which may die of it; "" if it can."""
    import subprocess

    command = [sys.executable, "-c", f"import {module}"]
    path = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, "PYTHONPATH": path}
        )
    except subprocess.TimeoutExpired:
        return f"no end of importing it after {PATIENCE:.0f} s"
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"importing it ends Python with exit code {done.returncode}"])[-1]


def _plugin(group: str, plugin: plugins.Plugin, packages: Mapping[str, Finding]) -> dict[str, Any]:
    """A plugin, its state and the packages that it needs."""
    described = describe(plugin)
    broken = [module for module in _requires(plugin) if packages[module].state == BROKEN]
    state = BROKEN if described["why"].startswith("broken") or broken else WORKS if described["usable"] else ABSENT
    why = described["why"] or "".join(f"broken: {module}" for module in broken[:1])
    return {
        "group": group,
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": state,
        "detail": why,
        "needs": list(_requires(plugin)),
    }


def _diagnosis(plugin: plugins.Plugin, packages: Mapping[str, Finding]) -> Iterator[Finding]:
    """What the backend says of itself, if it says anything and its packages can be imported."""
    diagnose = getattr(plugin.loaded, "diagnose", None)
    if diagnose is None or any(packages[module].state == BROKEN for module in _requires(plugin)):
        return
    try:
        yield from diagnose()
    except Exception as error:  # a stranger's method
        yield Finding("diagnose()", BROKEN, f"{type(error).__name__}: {error}", f"Update {plugin.distribution}.")


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"interchange {document['interchange']}, Python {document['python']}, {document['platform']}"
    yield f"interpreter {document['interpreter']}"
    yield ""
    rows = [("package", entry["name"], *_state(entry)) for entry in document["packages"]]
    rows += [
        (entry["group"].replace("_", " ").removesuffix("s"), entry["name"], *_state(entry))
        for entry in document["plugins"]
    ]
    rows += [(entry["backend"], entry["name"], *_state(entry)) for entry in document["findings"]]
    yield from table(("kind", "name", "state", ""), rows)
    steps = [
        entry["next_step"]
        for entry in (*document["packages"], *document["findings"])
        if entry["next_step"] and entry["state"] == BROKEN
    ]
    yield ""
    yield from (f"next: {printable(step)}" for step in dict.fromkeys(steps))
    yield "All that is installed works." if document["works"] else "Something that is installed does not work."


def _state(entry: Mapping[str, Any]) -> tuple[str, str]:
    detail = entry["detail"] or (entry.get("next_step", "") if entry["state"] == ABSENT else "")
    return click.style(entry["state"], fg=COLOURS.get(entry["state"])), printable(detail)
