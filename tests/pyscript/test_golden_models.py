"""Every file that real Keras wrote (tests/golden) as a plain script: equal to the float64 oracle within 1e-9.

Where Keras 2 and 3 wrote a row, or both of its formats, the newest is taken. The script's functions run here, as they
are emitted; that whole scripts run in a bare interpreter is tested in test_scripts.py.
"""

from __future__ import annotations

import functools
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_pyscript.kernels.tensor import Tensor, Weights
from interchange_pyscript.layers import network_text
from interchange_pyscript.program.numbers import numbers_of
from interchange_pyscript.script import PLAIN, faults_of, homes_of, linked_parts

from interchange.errors import BadInput, InterchangeError
from interchange.evaluate import evaluate, infer, infer_bodies, widen
from interchange.golden import RANDOM, case_input
from interchange.graph import Graph, every_node

GOLDEN = Path(__file__).parent.parent / "golden"
BATCH = 2
TEXTS = ("a", "b c", "", "The quick Brown fox.", "5")


def newest(archive: Path) -> list[str]:
    """One file for each row of an archive: of the newest Keras, .keras rather than .h5."""
    with tarfile.open(archive) as files:
        found = sorted(name for name in files.getnames() if name.endswith((".h5", ".keras")))
    return list({re.sub(r"(\.k\d)?\.\w+$", "", name): name for name in found}.values())


FILES = [(archive.parent.name, name) for archive in sorted(GOLDEN.glob("*/models.tar.xz")) for name in newest(archive)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("golden")
    for archive in GOLDEN.glob("*/models.tar.xz"):
        with tarfile.open(archive) as files:
            files.extractall(path / archive.parent.name, filter="data")
    return path


def feeds_of(graph: Graph) -> dict[str, np.ndarray]:
    """Inputs by the rule of the golden case; where sizes are open, small ones that differ."""
    feeds = {}
    for k, (name, spec) in enumerate(graph.inputs.items()):
        sizes = [size if isinstance(size, int) else (BATCH if i == 0 else 9) for i, size in enumerate(spec.shape)]
        if spec.dtype == "object":
            feeds[name] = np.resize(np.array(TEXTS, object), sizes)
        else:
            feeds[name] = case_input(k, spec.dtype, tuple(sizes))
    return feeds


@functools.cache
def functions(operators: frozenset[str]) -> dict[str, Any]:
    """What a script with these operators defines."""
    linked = linked_parts(homes_of(operators, PLAIN), PLAIN, program=False)
    names: dict[str, Any] = {"__name__": "script"}
    exec(
        compile("\n".join(["from __future__ import annotations", *linked.imports, linked.text]), "script", "exec"),
        names,
    )
    return names


def tensor(array: np.ndarray) -> Tensor:
    if array.dtype.kind == "O":
        return Tensor(array.ravel().tolist(), array.shape)
    return Tensor(numbers_of(array.tobytes(), array.dtype.name), array.shape)


def computed(graph: Graph, feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    specs = infer(graph)
    assert not list(faults_of(graph, PLAIN, specs))
    names = dict(functions(frozenset(node.op for node in every_node(graph))))
    text = "\n".join(network_text(graph, PLAIN, specs, {*names, "predict", "MODEL"}, infer_bodies(graph)))
    exec(compile("from __future__ import annotations\n" + text, "network", "exec"), names)
    weights = Weights({name: tensor(array) for name, array in graph.constants.items()})
    made: dict[str, Any] = names["network"](*[tensor(feeds[name]) for name in graph.inputs], weights)
    return made


@pytest.mark.parametrize(("group", "name"), FILES)
def test_file(group, name, folder):
    try:
        graph = KerasImporter().load(folder / group / name)
    except InterchangeError:
        pytest.skip("refused by the importer, with its own tests")
    if any(node.op in RANDOM for node in every_node(graph)):
        pytest.skip("makes random numbers")
    feeds = feeds_of(graph)
    try:
        want = evaluate(widen(graph), feeds)
    except BadInput:  # a text that a vocabulary lacks; sizes that do not go together
        with pytest.raises(ValueError, match=r"is beyond|do not fit"):
            computed(graph, feeds)
        return
    for output, tensor in computed(graph, feeds).items():
        expected = np.asarray(want[output])
        assert tensor.shape == expected.shape
        if expected.dtype.kind == "O":
            assert list(tensor.values) == expected.ravel().tolist()
            continue
        got = np.array(tensor.values, expected.dtype).reshape(expected.shape)
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0) if expected.dtype.kind == "f" else 0
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * scale)
