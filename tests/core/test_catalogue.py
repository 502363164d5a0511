"""Tables whose modules are imported when a name is looked for."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
from interchange_keras.layers import LAYERS
from interchange_keras.operations import FUNCTION_LAYERS, OPERATIONS
from interchange_pyscript.kernels import KERNELS

from interchange import ops
from interchange.catalogue import Catalogue

CATALOGUES = {
    "operators": ops.OPERATORS,
    **ops.DOMAINS,
    "layers": LAYERS,
    "operations": OPERATIONS,
    "function layers": FUNCTION_LAYERS,
    "kernels": KERNELS,
}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A catalogue of two modules, of which the first says that it is imported; the second cannot be imported."""
    (tmp_path / "first_of_toy.py").write_text("TABLE = {'a': 1, 'b': 2}")
    (tmp_path / "second_of_toy.py").write_text("raise ImportError('the second is imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return Catalogue(["first_of_toy", "second_of_toy"], lambda module: module.TABLE)


def test_nothing_is_imported_before_a_name_is_looked_for(toy):
    assert "first_of_toy" not in sys.modules
    assert toy["b"] == 2
    assert "first_of_toy" in sys.modules


def test_the_search_ends_at_the_first_that_has_the_name(toy):
    assert ("a" in toy, toy["a"]) == (True, 1)
    with pytest.raises(ImportError, match="the second is imported"):
        toy.get("c")


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_every_name_is_in_one_module(catalogue):
    assert len(catalogue) == len(set(catalogue)) > 0
    assert "Nonsense" not in catalogue
    with pytest.raises(KeyError):
        catalogue["Nonsense"]


@pytest.mark.parametrize("catalogue", [ops.OPERATORS, KERNELS], ids=["operators", "kernels"])
def test_every_module_with_operators_is_listed(catalogue):
    """Operators in a module that nobody lists would not exist."""
    package = catalogue.modules[0].rpartition(".")[0]
    names = {path.stem for path in Path(sys.modules[package].__file__).parent.glob("*.py") if path.stem[0] != "_"}
    listed = {module for each in CATALOGUES.values() for module in each.modules}
    with_operators = {f"{package}.{name}" for name in names if ops.functions_of(import_module(f"{package}.{name}"))}
    assert with_operators <= listed
