"""Preprocessing layers compute what Keras computed (tests/golden/keras_preprocessing)."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter

import interchange
from interchange.evaluate import evaluate

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_preprocessing"
with np.load(GOLDEN / "outputs.npz") as stored:
    TRUTH = dict(stored)
NAMES = [name for name in TRUTH if not name.startswith("x:")]


@pytest.mark.parametrize("name", NAMES)
def test_row(name, tmp_path):
    with tarfile.open(GOLDEN / "models.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    graph = KerasImporter().load(tmp_path / f"{name}{'.h5' if name.endswith('k2') else '.keras'}")
    feeds = dict.fromkeys(graph.inputs, TRUTH[f"x:{name}"])
    (made,) = evaluate(graph, feeds).values()
    assert made.dtype == TRUTH[name].dtype
    np.testing.assert_array_equal(made, TRUTH[name])
    pytest.importorskip("onnxruntime")
    with interchange.open(graph, backend="onnxruntime") as model:
        (made,) = model(feeds).values()
    np.testing.assert_array_equal(made, TRUTH[name])
