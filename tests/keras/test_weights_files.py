"""Files that hold weights only, with the architecture from another file."""

from __future__ import annotations

import json
import sys
import zipfile

import h5py
import numpy as np
import pytest
from interchange_keras import KerasImporter

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate

rows = sys.modules["keras_rows"]
NAMES = ["sequential", "branches", "shared_layer", "nested_functional", "nested_sequential"]


def outputs(graph):
    shapes = [[2, *(9 if size is None else size for size in spec.shape[1:])] for spec in graph.inputs.values()]
    feeds = {
        name: rows.values(tuple(shape), i) for i, (name, shape) in enumerate(zip(graph.inputs, shapes, strict=True))
    }
    return list(evaluate(graph, feeds).values())


def old_style(source, folder, *, version=True):
    """What Keras 1 and 2 write with save_weights: the content of `model_weights` on the root."""
    weights, architecture = folder / "weights.h5", folder / "model.json"
    with h5py.File(source) as whole, h5py.File(weights, "w") as file:
        for name in whole["model_weights"]:
            whole.copy(whole["model_weights"][name], file, name)
        for name, value in whole["model_weights"].attrs.items():
            if version or name == "layer_names":
                file.attrs[name] = value
        document = json.loads(whole.attrs["model_config"])
        document |= {"keras_version": str(whole.attrs["keras_version"]), "backend": "tensorflow"}
        architecture.write_text(json.dumps(document))
    return weights, architecture


def young(source, folder):
    """What Keras 3 writes: the member of a .keras file, and its config."""
    weights, architecture = folder / "model.weights.h5", folder / "config.json"
    with zipfile.ZipFile(source) as archive:
        weights.write_bytes(archive.read("model.weights.h5"))
        architecture.write_bytes(archive.read("config.json"))
    return weights, architecture


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["k2.h5", "k3.h5", "k2.keras", "k3.keras"])
def test_weights_and_architecture(name, kind, golden, tmp_path):
    source = golden / f"{name}.{kind}"
    weights, architecture = (old_style if kind.endswith("h5") else young)(source, tmp_path)
    if kind == "k2.keras":  # its config.json names no version: to_json does
        document = json.loads(architecture.read_text())
        architecture.write_text(json.dumps(document | {"keras_version": "2.15.0", "backend": "tensorflow"}))
    graph = KerasImporter().load(weights, architecture=str(architecture))
    whole = KerasImporter().load(source)
    assert graph.metadata["format"] == ("keras-h5" if kind.endswith("h5") else "keras-weights")
    assert list(graph.inputs) == list(whole.inputs)
    for made, expected in zip(outputs(graph), outputs(whole), strict=True):
        np.testing.assert_array_equal(made, expected)


def test_the_architecture_may_come_from_a_whole_model_or_be_json_in_json(golden, tmp_path):
    weights, architecture = old_style(golden / "sequential.k2.h5", tmp_path)
    twice = tmp_path / "twice.json"
    twice.write_text(json.dumps(architecture.read_text()))
    expected = outputs(KerasImporter().load(golden / "sequential.k2.h5"))
    for other in (twice, golden / "sequential.k2.h5"):
        np.testing.assert_array_equal(outputs(KerasImporter().load(weights, architecture=str(other))), expected)


def test_the_version_comes_from_either_file(golden, tmp_path):
    weights, architecture = old_style(golden / "sequential.k2.h5", tmp_path, version=False)
    graph = KerasImporter().load(weights, architecture=str(architecture))
    assert graph.metadata["producer"].startswith("Keras 2.")
    document = json.loads(architecture.read_text())
    architecture.write_text(json.dumps({key: document[key] for key in ("class_name", "config")}))
    weights, _ = old_style(golden / "sequential.k2.h5", tmp_path)
    architecture.write_text(json.dumps({key: document[key] for key in ("class_name", "config")}))
    assert KerasImporter().load(weights, architecture=str(architecture)).metadata["producer"].startswith("Keras 2.")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "IX203"),
        ("[]", "IX203"),
        ('"no model"', "IX203"),
        ("{}", "IX203"),
        ('{"class_name": "Model", "config": {"layers": 1}}', "IX301"),
        (None, "IX101"),
        ('{"class_name": "Sequential", "config": [], "keras_version": "1.2.2"}', "IX203"),
    ],
)
def test_no_architecture(text, code, golden, tmp_path):
    weights, architecture = old_style(golden / "dense.k2.h5", tmp_path)
    if text is None:
        architecture.unlink()
    else:
        architecture.write_text(text)
    with pytest.raises(InterchangeError, match=code):
        KerasImporter().load(weights, architecture=str(architecture))


def test_other_weights(golden, tmp_path):
    weights, _ = old_style(golden / "dense.k2.h5", tmp_path)
    with pytest.raises(InterchangeError, match="IX207"):
        KerasImporter().load(weights, architecture=str(golden / "branches.k2.h5"))
    with pytest.raises(InterchangeError, match="--architecture"):
        KerasImporter().load(weights)
