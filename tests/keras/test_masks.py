"""Padding of every pattern, in front, in the middle and at the end: the numbers of real Keras 2 and 3.

tests/golden/keras_calls/masks.py makes many samples for each layer that uses a mask; where Keras is installed it is
asked about other patterns, too.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_keras import KerasImporter

import interchange
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked
from tests.keras.test_plugin import _environment

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_calls"
ROWS = sys.modules["keras_calls_rows"].MASKS
CASES = [f"{row.name}.k{era}.keras" for row in ROWS for era in row.eras]
TIME = 7


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    folder = unpacked(GOLDEN / "masks.tar.xz", tmp_path_factory.mktemp("masks"))
    return {path.name: KerasImporter().load(path) for path in sorted(folder.iterdir())}, folder


@pytest.fixture(scope="module")
def truth():
    return arrays_in(GOLDEN / "masks.npz")


def close(made, known):
    assert (made.dtype, made.shape) == (known.dtype, known.shape)
    np.testing.assert_allclose(made, known, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", ["numpy", "onnxruntime"])
def test_recorded(name, backend, graphs, truth):
    if backend == "onnxruntime":
        pytest.importorskip("onnxruntime")
    graph = graphs[0][name]
    (tokens,) = next(row for row in ROWS if name.startswith(f"{row.name}.")).feeds()
    assert {int(count) for count in (tokens == 0).sum(1)} == set(range(TIME + 1))  # how many steps are padding
    with interchange.open(graph, backend=backend) as model:
        made = list(model(dict.fromkeys(graph.inputs, tokens)).values())
    for i, value in enumerate(made):
        close(value, truth[f"{name.removesuffix('.keras')}:{i}"])
    assert f"{name.removesuffix('.keras')}:{len(made)}" not in truth


@settings(deadline=None, max_examples=15)
@given(masks=st.lists(st.lists(st.booleans(), min_size=TIME, max_size=TIME), min_size=2, max_size=6))
@pytest.mark.parametrize("name", [case for case in CASES if "max_pooling" not in case])
def test_samples_do_not_see_each_other(name, masks, graphs):
    """A batch of patterns gives what each of its samples gives alone; a layer that confused them would not."""
    graph = graphs[0][name]
    counts = np.array(masks)
    tokens = ((np.arange(counts.size).reshape(counts.shape) * 3 % 5 + 1) * counts).astype(np.int32)
    together = evaluate(graph, dict.fromkeys(graph.inputs, tokens))
    for i in range(len(tokens)):
        for key, alone in evaluate(graph, dict.fromkeys(graph.inputs, tokens[i : i + 1])).items():
            np.testing.assert_allclose(together[key][i : i + 1], alone, rtol=2e-5, atol=3e-6)


HAS_KERAS = all(importlib.util.find_spec(name) is not None for name in ("keras", "tf_keras", "tensorflow"))


@pytest.mark.skipif(not HAS_KERAS, reason="Keras 2 and 3 are not installed")
def test_other_patterns_in_keras(graphs):
    """All in one process of its own: TensorFlow stays out of this one."""
    program = """
import sys
from pathlib import Path
import keras, tf_keras, numpy as np
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.keras")):
    K = tf_keras if ".k2." in path.name else keras
    model = K.models.load_model(path, compile=False)
    with np.load(path.with_suffix(".npz")) as stored:
        made = model(stored["tokens"], training=False)
        made = made if isinstance(made, (list, tuple)) else [made]
        for i, value in enumerate(made):
            np.testing.assert_allclose(np.asarray(value), stored[f"y{i}"], rtol=1e-4, atol=1e-5, err_msg=path.name)
"""
    made, folder = graphs
    rng = np.random.default_rng(1)
    for name in CASES:
        tokens = (rng.integers(1, 6, (100, TIME)) * (rng.random((100, TIME)) < rng.random((100, 1)))).astype(np.int32)
        outputs = evaluate(made[name], dict.fromkeys(made[name].inputs, tokens))
        arrays = {f"y{i}": value for i, value in enumerate(outputs.values())}
        np.savez((folder / name).with_suffix(".npz"), tokens=tokens, **arrays)
    environment = {**_environment(), "TF_USE_LEGACY_KERAS": "1"}
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=environment)
