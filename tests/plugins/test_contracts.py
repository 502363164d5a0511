"""Plugins that keep their contract, and those that do not: named in one line, harming nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interchange import api, ops, plugins
from interchange.errors import BadInput, EnvironmentLacks
from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec
from tests.core.graphs import tiny
from tests.plugins.conftest import Install

GOOD = """
class Importer:
    requires = {}
    def recognises(self, path, head): return head.startswith(b"ACME")
    def load(self, path): raise NotImplementedError

class Exporter:
    requires = {}
    suffix = ".acme"
    def recognises(self, path, head): return head.startswith(b"ACME")
    def save(self, graph, path, *, force=False): return [path]

class Backend:
    requires = {}
    artifact = "acme"
    def open(self, artifact): raise NotImplementedError
"""

IMPORTER = "[interchange.importers]\nacme = acme:{}\n"
EXPORTER = "[interchange.exporters]\nacme = acme:{}\n"
BACKEND = "[interchange.backends]\nacme = acme:{}\n"

# the module's text, its entry points, what is wrong
BROKEN = {
    "a module that cannot be imported": ("import nowhere", IMPORTER.format("A"), "No module named 'nowhere'"),
    "a syntax error": ("class A(:", IMPORTER.format("A"), "SyntaxError: "),
    "an error on import": ("raise RuntimeError('first\\nsecond')", IMPORTER.format("A"), "RuntimeError: first"),
    "an error without a message": ("raise RuntimeError", IMPORTER.format("A"), "RuntimeError"),
    "a module that exits": ("raise SystemExit('bye')", IMPORTER.format("A"), "SystemExit: bye"),
    "a class that is not there": (GOOD, IMPORTER.format("Missing"), "has no attribute 'Missing'"),
    "no class": ("A = 3", IMPORTER.format("A"), "not a class"),
    "no methods": (
        "class A: pass",
        IMPORTER.format("A"),
        "no method recognises(path, head); no method load(path)",
    ),
    "other parameters": (
        "class A:\n def recognises(self, file): pass\n def load(self, path): pass",
        IMPORTER.format("A"),
        "recognises() does not take 'path', 'head'",
    ),
    "a method without a signature": (
        "class A:\n recognises = dict.fromkeys\n load = type",
        IMPORTER.format("A"),
        "",
    ),
    "no suffix": (GOOD.replace('suffix = ".acme"', ""), EXPORTER.format("Exporter"), "no attribute 'suffix'"),
    "no force": (GOOD.replace(", *, force=False", ""), EXPORTER.format("Exporter"), "save() does not take 'force'"),
    "no artifact": (GOOD.replace('artifact = "acme"', ""), BACKEND.format("Backend"), "no attribute 'artifact'"),
    "constructor arguments": (
        GOOD + "\nclass B(Backend):\n def __init__(self, device): pass",
        BACKEND.format("B"),
        "TypeError: B.__init__() missing 1 required positional argument: 'device'",
    ),
    "a constructor that raises": (
        GOOD + "\nclass B(Backend):\n def __init__(self): raise OSError('no device')",
        BACKEND.format("B"),
        "OSError: no device",
    ),
    "operators that are no module": ("A = 3", "[interchange.operators]\nacme = acme:A\n", "not a module"),
    "a layer that is no function": ("A = 3", "[interchange.keras_layers]\nacme = acme:A\n", "not a function"),
}


def of_acme() -> plugins.Plugin:
    (plugin,) = [p for group in plugins.CONTRACTS for p in plugins.installed(group) if p.distribution == "acme"]
    return plugin


@pytest.mark.parametrize(("text", "entry_points", "fault"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_in_one_line(
    install: Install, tmp_path: Path, text: str, entry_points: str, fault: str
) -> None:
    install("acme", text, entry_points)
    plugin = of_acme()
    assert fault in plugin.fault
    assert plugin.fault
    assert "\n" not in plugin.fault
    with pytest.raises(EnvironmentLacks) as caught:
        plugin.get()
    assert caught.value.code == "IX403"
    assert "acme 1.2" in caught.value.where
    (path,) = api.save(tiny(), tmp_path, to="weights")
    assert api.load(path).name == "tiny"


def test_a_plugin_that_keeps_its_contract(install: Install, tmp_path: Path) -> None:
    install("acme", GOOD, IMPORTER.format("Importer") + EXPORTER.format("Exporter") + BACKEND.format("Backend"))
    for group in ("importers", "exporters", "backends"):
        (plugin,) = [p for p in plugins.installed(group) if p.name == "acme"]
        assert (plugin.fault, plugin.missing, plugin.version) == ("", (), "1.2")
        assert plugins.recognising_fault(plugin) == ""
    file = tmp_path / "model"
    file.write_bytes(b"ACME 1")
    assert [p.name for p in plugins.recognise(file)] == ["acme"]
    assert [p.name for p in plugins.recognise(file, "exporters")] == ["acme"]


def test_options_may_take_the_place_of_force(install: Install) -> None:
    install("acme", GOOD.replace("*, force=False", "**options"), EXPORTER.format("Exporter"))
    assert of_acme().fault == ""


def test_a_name_that_is_taken(install: Install, tmp_path: Path) -> None:
    install("acme", GOOD, "[interchange.importers]\nweights = acme:Importer\n")
    install("beta", GOOD, "[interchange.importers]\nformat = beta:Importer\n")
    install("gamma", GOOD, "[interchange.importers]\nformat = gamma:Importer\n")
    faults = {p.distribution: p.fault for p in plugins.installed("importers") if p.distribution != "interchange"}
    assert faults == {
        "acme": "the name 'weights' is taken by interchange",
        "beta": "",
        "gamma": "the name 'format' is taken by beta",
    }
    assert type(plugins.get("importers", "weights")).__module__ == "interchange_weights"


def test_a_plugin_that_raises_does_not_recognise(install: Install, tmp_path: Path) -> None:
    raising = GOOD.replace('return head.startswith(b"ACME")', "return 1 / 0", 1)
    install("acme", raising, IMPORTER.format("Importer"))
    (path,) = api.save(tiny(), tmp_path, to="weights")
    assert [p.name for p in plugins.recognise(path)] == ["weights"]
    assert plugins.recognising_fault(of_acme()) == "recognises() raises ZeroDivisionError: division by zero"


def test_missing_packages_are_named_with_the_command(install: Install) -> None:
    requires = "requires = {'nowhere': 'nowhere>=2', 'nowhere.inner': 'acme[inner]', 'json': 'json'}"
    install("acme", GOOD.replace("requires = {}", requires, 1), IMPORTER.format("Importer"))
    assert of_acme().fault == ""
    assert of_acme().missing == ("nowhere>=2", "acme[inner]")
    with pytest.raises(EnvironmentLacks) as caught:
        of_acme().get()
    assert caught.value.code == "IX401"
    assert caught.value.next_step == "pip install 'nowhere>=2' 'acme[inner]'"


# --- choosing -------------------------------------------------------------------------------------------------------


def test_our_own_come_first_and_nothing_is_imported(install: Install) -> None:
    install("acme", "raise AssertionError('imported')", IMPORTER.format("A"))
    names = [p.distribution for p in plugins.installed("importers")]
    assert names[-1] == "acme"
    assert set(names[:-1]) == {"interchange"}


def test_nobody_knows_the_content(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"not a model")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    whys = []
    for name in ("x.h5", "empty", "folder"):
        with pytest.raises(BadInput) as caught:
            plugins.importer_for(tmp_path / name)
        assert caught.value.code == "IX201"
        whys += caught.value.why
    assert whys == ["the file begins with b'not a model'", "the file is empty", "an empty folder"]


def test_two_know_the_content(install: Install, tmp_path: Path) -> None:
    install("acme", GOOD.replace('head.startswith(b"ACME")', "True"), IMPORTER.format("Importer"))
    (path,) = api.save(tiny(), tmp_path, to="weights")
    with pytest.raises(BadInput) as caught:
        plugins.importer_for(path)
    assert caught.value.code == "IX202"
    assert caught.value.why == ("weights (interchange), acme (acme)",)
    assert api.load(path, format="weights").name == "tiny"


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    for importer in (None, "weights"):
        with pytest.raises(BadInput, match="IX101"):
            plugins.importer_for(tmp_path / "nothing", importer)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(BadInput) as caught:
        plugins.get("exporters", "punchcards")
    assert caught.value.code == "IX104"
    assert caught.value.what == "There is no exporter 'punchcards'."
    assert "weights" in caught.value.why[0]
    assert plugins.find("exporters", "punchcards") is None


# --- operators ------------------------------------------------------------------------------------------------------


OPERATORS = """
from os.path import join as Join

def Twice(x, *, plus=0.0):
    return 2 * x + plus

def helper(x): ...
"""


def test_an_operator_of_a_third_party(install: Install) -> None:
    install("acme", OPERATORS, "[interchange.operators]\nacme = acme\n")
    assert [ops.exists(name) for name in ("acme.Twice", "acme.helper", "acme.Join", "acme.", "other.Twice")] == [
        True,
        False,
        False,
        False,
        False,
    ]
    node = Node("acme.Twice", ("x",), ("y",), {"plus": 1.0})
    graph = Graph({"x": TensorSpec("float32", (2,))}, ("y",), (node,))
    assert evaluate(graph, {"x": np.array([1, 2])})["y"].tolist() == [3, 5]
    with pytest.raises(BadInput, match="no attribute 'minus'"):
        Graph(graph.inputs, ("y",), (Node("acme.Twice", ("x",), ("y",), {"minus": 1}),))
