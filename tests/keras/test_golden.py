"""Every layer and model that real Keras 2 and 3 wrote (tests/golden/keras) computes what Keras computed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_keras.layers import ACTIVATIONS, LAYERS, applications, embedding, masking, recurrent

from interchange.evaluate import evaluate

rows = sys.modules["keras_rows"]

ROWS = [(row, era, ".h5" if era == "2" else ".keras") for row in rows.ROWS for era in row.eras]
MODELS = [(name, era, suffix) for name in rows.MODELS for era in "23" for suffix in (".h5", ".keras")]

# The names that Keras itself gives the inputs and outputs.
SIGNATURES = {
    "sequential.k2": (["conv2d_input"], ["dense_1"]),
    "sequential.k3": (["input_layer"], ["dense_1"]),
    "sequential_with_input": (["features"], ["dense"]),
    "sequential_nested.k2": (["inner_input"], ["dense_2"]),
    "branches": (["numbers", "image"], ["classes", "age"]),
    "shared_layer": (["a", "b"], ["difference", "twice"]),
    "nested_functional": (["a", "b"], ["sum"]),
    "nested_sequential": (["x"], ["head", "seq"]),
    "passed_through": (["x"], ["dropped", "y"]),
    "any_size": (["picture"], ["global_max_pooling2d"]),
    "bytes_input": (["pixels"], ["conv2d"]),
}


def close(made, expected):
    assert made.dtype == expected.dtype
    assert made.shape == expected.shape
    np.testing.assert_allclose(made, expected, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize(("row", "era", "suffix"), ROWS, ids=lambda v: getattr(v, "name", v))
def test_row(row, era, suffix, golden, truth):
    graph = KerasImporter().load(golden / f"{row.name}.k{era}{suffix}")
    feeds = [rows.values((2, *shape), i) for i, shape in enumerate(row.shapes)]
    if row.first:
        feeds = [feeds[0].transpose(rows.FIRST[len(row.shapes[0])])]
    (made,) = evaluate(graph, dict(zip(graph.inputs, feeds, strict=True))).values()
    expected = truth[f"{row.name}.k{era}:0" if row.differs else f"{row.name}:0"]
    close(made, np.ascontiguousarray(expected))
    assert "unused_weights" not in graph.metadata


@pytest.mark.parametrize(("name", "era", "suffix"), MODELS)
def test_model(name, era, suffix, golden, truth):
    graph = KerasImporter().load(golden / f"{name}.k{era}{suffix}")
    shapes = [[2, *(9 if size is None else size for size in spec.shape[1:])] for spec in graph.inputs.values()]
    feeds = [rows.values(tuple(shape), i) for i, shape in enumerate(shapes)]
    if name == "bytes_input":
        feeds = [np.abs(feeds[0] * 100).astype(np.uint8)]
    made = evaluate(graph, dict(zip(graph.inputs, feeds, strict=True)))
    for i, value in enumerate(made.values()):
        close(value, truth[f"{name}:{i}"])
    assert len(made) == sum(key.startswith(f"{name}:") for key in truth)
    signature = SIGNATURES.get(f"{name}.k{era}") or SIGNATURES.get(name)
    if signature:
        assert (list(graph.inputs), list(graph.outputs)) == signature
    assert graph.metadata["format"] == ("keras-h5" if suffix == ".h5" else "keras-zip")
    assert graph.metadata["producer"].startswith(f"Keras {era}.")


def test_values_are_named_after_layers(golden):
    graph = KerasImporter().load(golden / "nested_functional.k3.h5")
    made = [name for node in graph.nodes for name in node.outputs]
    assert made == [
        "inner/f1",
        "inner/bn",
        "inner/d2",
        "inner/f1/call_1",
        "inner/bn/call_1",
        "inner/d2/call_1",
        "d2",
        "sum",
    ]
    assert set(graph.constants) >= {"inner/f1/kernel", "inner/bn/moving_mean", "d2/bias"}
    assert len(graph.constants) == 2 + 4 + 2 + 2  # the weights of what is called twice are there once
    assert graph.nodes[0].source == "inner/f1 (Dense)"


@pytest.mark.parametrize("name", ["conv2d", "separable_conv2d", "dense", "conv1d_same"])
def test_kernels_enter_byte_for_byte(name, golden):
    import h5py

    path = golden / f"{name}.k2.h5"
    stored = []
    with h5py.File(path) as file:
        file["model_weights"].visititems(
            lambda _, item: stored.append(item[()].tobytes()) if hasattr(item, "dtype") else None
        )
    constants = KerasImporter().load(path).constants
    assert sorted(stored) == sorted(array.tobytes() for array in constants.values())


def test_every_layer_and_activation_has_a_row():
    text = " ".join(row.name for row in [*rows.ROWS, *sys.modules["keras_calls_rows"].ROWS]).replace("_", "")
    text += (Path(__file__).parents[1] / "golden/keras_preprocessing/rows.py").read_text("utf-8").lower()
    # tests/keras/test_keras1.py, test_golden_calls.py; and what no config can name
    elsewhere = {
        "merge",
        "crelu",
        "threshold",
        "highway",
        "maxoutdense",
        *("parametricsoftplus", "srelu"),  # test_old_kerases.py
        *("creluv2", "l2normalizev2", "logsoftmaxv2"),  # tf_nn_crelu and the like in tests/keras/test_versions.py
        *("tfdconcat", "tfdidentity"),  # within the FeatureSpaces of tests/keras/test_preprocessing.py
        *(name.lower() for name in (*embedding.LAYERS, *masking.LAYERS, *recurrent.LAYERS)),  # test_sequences.py
        *(name.lower() for name in applications.LAYERS),
    }
    covered = [name for name in (*LAYERS, *ACTIVATIONS) if name.lower().replace("_", "") not in elsewhere]
    assert [name for name in covered if name.lower().replace("_", "") not in text and name != "Activation"] == []
