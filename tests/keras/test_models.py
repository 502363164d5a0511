"""Trained models of other people, where they are at hand (beside the repository): they load and meet the predictions
that were recorded with them, or are refused in one error.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_keras.layers import LAYERS

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate, trace

FOLDER = Path(__file__).parents[3] / "shared" / "models"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the models are not here")

RECORDS = "_inputs_and_outputs.h5"
FILES = sorted(
    path
    for path in FOLDER.glob("**/*")
    if path.suffix in (".h5", ".hdf5", ".keras") and not path.name.endswith(RECORDS)
)


def test_every_file_loads_or_is_refused():
    counts: Counter[str] = Counter()
    refused: list[str] = []
    for path in FILES:
        try:
            KerasImporter().load(path)
            counts["loaded"] += 1
        except InterchangeError as error:
            counts[error.code] += 1
            refused += [reason for reason in error.why if error.code == "IX301"]
    print(dict(counts))
    known = [reason for reason in refused if any(f"({name})" in reason for name in LAYERS)]
    assert not known, known
    assert counts["loaded"] >= 129
    assert set(counts) <= {"loaded", "IX204", "IX301"}


RECORDED = [path for path in FILES if path.with_name(path.name.replace("_model.h5", RECORDS)) != path]
RECORDED = [path for path in RECORDED if path.with_name(path.name.replace("_model.h5", RECORDS)).exists()]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_predictions(path):
    graph = KerasImporter().load(path)
    with h5py.File(path.with_name(path.name.replace("_model.h5", RECORDS))) as record:
        made = evaluate(graph, {name: data[()] for name, data in record["inputs"].items()})
        assert set(made) == set(record["predictions"])
        for name, data in record["predictions"].items():
            np.testing.assert_allclose(made[name], data[()], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_activations(path):
    """What each layer computed there, by its name."""
    graph = KerasImporter().load(path)
    with h5py.File(path.with_name(path.name.replace("_model.h5", RECORDS))) as record:
        made = trace(graph, {name: data[()] for name, data in record["inputs"].items()})
        known = {name: data[()] for name, data in record["activations"].items()}
    assert known
    for name, array in known.items():
        assert (made[name].shape, made[name].dtype) == (array.shape, array.dtype), name
        np.testing.assert_allclose(made[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


def test_recorded_models_are_many():
    assert len(RECORDED) >= 27
