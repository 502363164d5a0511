"""Foreign names in a script are data: whatever a layer, a tensor or a label is called, the code is ours alone."""

from __future__ import annotations

import ast
import functools
import json
import keyword
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from interchange_pyscript import ScriptBackend, ScriptExporter
from interchange_pyscript.script import script_text
from interchange_pyscript.text import Call, assignment, identifier, literal, plain, quoted
from interchange_weights.format import to_bytes

from interchange.evaluate import evaluate, widen
from interchange.graph import Graph, Node, TensorSpec
from tests.pyscript.common import imported

HOSTILE = [
    '"); import os #',
    "'); import os #",
    '"""\nimport os\n"""',
    "x\nimport os",
    "x\rimport os",
    "x\u2028import os\x0cimport os\x85import os",
    "\\",
    '\\"',
    "\\N{BULLET}",
    "{__import__('os')}",
    "%s %d",
    "\u202egnirts\u202c",
    "é€😀",
    "class",
    "None",
    "print",
    "w",
    "x",
    "np",
    "MODEL",
    "network",
    "Tensor",
    "_",
    "__name__",
    "",
    " ",
    "a" * 500,
    "\0",
]


def graph_named(name: str, labels: str = "[]") -> Graph:
    """A network in which everything is called so, as far as names may be equal."""
    name = name or " "
    return Graph(
        inputs={
            name: TensorSpec("float32", (f"{name}batch", 3)),
            f"{name}2": TensorSpec("float32", (f"{name}batch", 3)),
        },
        outputs=(f"{name}out", f"{name}a"),
        nodes=(
            Node("Add", (name, f"{name}w"), (f"{name}a",), {}, name),
            Node("Relu", (f"{name}a",), (f"{name}b",), {}, name),
            Node("Sub", (f"{name}b", f"{name}2"), (f"{name}c",), {}, f"{name} (Sub)"),
            Node("Mul", (f"{name}c", f"{name}a"), (f"{name}out",), {}, f"{name}3"),
        ),
        constants={f"{name}w": np.arange(3, dtype=np.float32)},
        metadata={"name": name, "producer": name, "labels": labels, "preprocessing": json.dumps({"colour": name})},
    )


def skeleton(text: str) -> list[str]:
    """The program without its constants, identifiers that we make up, and comments."""
    tree = ast.parse(text)
    network = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "network")
    kinds = [type(node).__name__ for node in ast.walk(network)]
    rest = [ast.dump(node) for node in tree.body if node is not network and not _is_ours_with_names(node)]
    return [*kinds, *rest]


def _is_ours_with_names(node: ast.stmt) -> bool:
    """The docstring, `predict` and MODEL."""
    assigned = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "MODEL"
    return isinstance(node, ast.Expr) or assigned


@functools.cache
def tame_skeleton() -> list[str]:
    tame = graph_named("tame", json.dumps(["tame", "tame"]))
    return skeleton(script_text(tame, "model", to_bytes(tame), numpy=False, embed=False))


def check(name: str) -> None:
    graph = graph_named(name, json.dumps([name, name]))
    text = script_text(graph, "model", to_bytes(graph), numpy=False, embed=False)
    assert text.isascii()
    assert skeleton(text) == tame_skeleton()
    assert [
        type(node).__name__ for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))
    ].count("Import") == len(re.findall("^ *import ", text, re.MULTILINE))
    model = ast.parse(text).body[-2]
    assert isinstance(model, ast.Assign)
    assert isinstance(model.value, ast.Call)
    values = {k.arg: k.value for k in model.value.keywords}
    assert list(ast.literal_eval(values["inputs"])) == list(graph.inputs)
    assert list(ast.literal_eval(values["outputs"])) == list(graph.outputs)
    assert ast.literal_eval(values["labels"]) == [name, name]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name(name):
    check(name)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example("\"'\"'\\")
def test_any_name(name):
    check(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_runs(name, tmp_path):
    graph = graph_named(name)
    feeds = {n: np.array([[1, -2, 3]], np.float32) * (i + 1) for i, n in enumerate(graph.inputs)}
    module = imported(ScriptExporter().save(graph, tmp_path / "model.py")[0])
    got = module.predict(*feeds.values())
    for output, want in evaluate(widen(graph), feeds).items():
        np.testing.assert_allclose(got[output], want)


def test_backend_with_hostile_names(tmp_path):
    graph = graph_named('../"\n\0é')
    script = ScriptExporter().save(graph, tmp_path / "model.py")[0]
    feeds = {n: np.array([[1, -2, 3]], np.float32) * (i + 1) for i, n in enumerate(graph.inputs)}
    with ScriptBackend().open(script) as model:
        got = model(feeds)
    for output, want in evaluate(graph, feeds).items():
        np.testing.assert_allclose(got[output], want)


def test_variables_are_named_after_layers():
    graph = graph_named("dense")
    text = script_text(graph, "model", to_bytes(graph), numpy=False, embed=False)
    assert "def network(dense: Tensor, dense2: Tensor, w: Weights)" in text


@given(st.text(), st.sets(st.sampled_from(["v", "x", "a", "print_"])))
@example("class", set())
@example("print", {"print_"})
def test_identifier(wish, taken):
    name = identifier(wish, taken)
    assert name.isidentifier()
    assert name.isascii()
    assert not keyword.iskeyword(name)
    assert name not in taken
    assert not hasattr(__builtins__, name)


@given(st.text())
@example("\"'")
def test_quoted(text):
    assert ast.literal_eval(quoted(text)) == text
    assert quoted(text).isascii()
    assert "\n" not in quoted(text)


@given(st.text())
def test_plain(text):
    kept = plain(text)
    assert kept.isascii()
    assert kept.isprintable() or not kept
    assert not set('"\\\n') & set(kept)


ATOMS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())


@given(
    st.recursive(ATOMS, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner))
)
def test_literal(value):
    assert eval(literal(value), {"__builtins__": {"float": float}}) == value


@given(st.text("ab", min_size=1, max_size=30), st.lists(st.text("xyz", min_size=1, max_size=60), max_size=6))
def test_assignment_is_formatted_and_complete(function, arguments):
    call = Call(function, tuple(("", argument) for argument in arguments), "[0]")
    lines = assignment("x", Call("Outer", (("", call), ("axis=", "1"))), 0)
    assert ast.dump(ast.parse("\n".join(lines))) == ast.dump(
        ast.parse(f"x = Outer({function}({', '.join(arguments)})[0], axis=1)")
    )
    assert all(len(line) <= 120 for line in lines)
