"""Files of any era, written as .keras files of Keras 3: read again they compute the same, and Keras 3 agrees."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasExporter, KerasImporter
from interchange_keras.export.keras3 import OPTIONS

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate
from interchange.graph import Graph
from tests.keras.test_golden_calls import given, load, values
from tests.keras.test_plugin import _environment

rows = sys.modules["keras_rows"]
OLD = [f"{row.name}.k{era}{'.h5' if era == '2' else '.keras'}" for row in rows.ROWS for era in row.eras]
MODELS = [f"{name}.k{era}{suffix}" for name in rows.MODELS for era in "23" for suffix in (".h5", ".keras")]


def feeds_of(graph):
    shapes = [[2, *(9 if size is None else size for size in spec.shape[1:])] for spec in graph.inputs.values()]
    arrays = [rows.values(tuple(shape), i) for i, shape in enumerate(shapes)]
    return {
        name: (np.abs(array) * 2).astype(spec.dtype) if spec.dtype != "float32" else array
        for (name, spec), array in zip(graph.inputs.items(), arrays, strict=True)
    }


@pytest.mark.parametrize("name", [*OLD, *MODELS])
def test_written_and_read_again(name, golden, tmp_path):
    graph = KerasImporter().load(golden / name)
    if name.startswith("activation_layer_object"):
        with pytest.raises(InterchangeError, match="IX303"):
            KerasExporter().save(graph, tmp_path / "new.keras")
        return
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    again = KerasImporter().load(path)
    assert again.metadata["producer"].startswith("Keras 3.")
    assert "unused_weights" not in again.metadata
    assert len(again.inputs) == len(graph.inputs)
    assert list(again.outputs) == list(graph.outputs)
    feeds = feeds_of(graph)
    expected = evaluate(graph, feeds)
    made = evaluate(again, dict(zip(again.inputs, feeds.values(), strict=True)))
    for output in expected:
        np.testing.assert_allclose(made[output], expected[output], rtol=2e-5, atol=3e-6)


OPTIONS_TABLE = Path(__file__).parent.parent / "golden" / "keras_calls" / "options.tar.xz"
WRITTEN = (
    *(
        "rnn_lstm_plain",
        "rnn_stacked_states",
        "rnn_list_sequences",
        "gru_cell",
        "lstm_cell",
        "dense_lora",
        "einsum_lora",
    ),
    *("spectral_conv2d", "spectral_dense_rank_3", "spectral_distributed", "group_query_masks", "multi_head_one"),
    *("bidirectional_lstm_go_backwards", "bidirectional_mixed_sum", "time_distributed_sequential"),
)
REFUSED = {
    "spectral_embedding.k2.keras": "whole numbers",
    "mask_through_attention.k2.keras": "what becomes of masks",
    "stacked_cells.k3.keras": "Keras 3 has no such layer",
}


def stored(name):
    with tarfile.open(OPTIONS_TABLE) as archive:
        return archive.extractfile(name).read()


@pytest.mark.parametrize("name", WRITTEN)
def test_layers_with_parts_are_written(name, tmp_path):
    row = next(row for row in sys.modules["keras_calls_rows"].OPTIONS if row.name == name)
    for era in row.eras:
        (tmp_path / "old.keras").write_bytes(stored(f"{name}.k{era}.keras"))
        graph = KerasImporter().load(tmp_path / "old.keras")
        (path,) = KerasExporter().save(graph, tmp_path / f"new{era}.keras")
        again = KerasImporter().load(path)
        assert "unused_weights" not in again.metadata
        feeds = {f"x{i}": array for i, array in enumerate(row.feeds())}
        expected = evaluate(graph, {key: feeds[key] for key in graph.inputs})
        made = evaluate(again, {key: feeds[key] for key in again.inputs})
        for value, known in zip(made.values(), expected.values(), strict=True):
            np.testing.assert_allclose(value, known, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_what_would_be_another_model_is_refused(name, why, tmp_path):
    (tmp_path / "old.keras").write_bytes(stored(name))
    graph = KerasImporter().load(tmp_path / "old.keras")
    with pytest.raises(InterchangeError, match="IX303") as caught:
        KerasExporter().save(graph, tmp_path / "new.keras")
    assert why in caught.value.why[0]
    assert not (tmp_path / "new.keras").exists()


def test_the_same_model_gives_the_same_bytes(golden, tmp_path):
    graph = KerasImporter().load(golden / "branches.k2.h5")
    written = [KerasExporter().save(graph, tmp_path / f"{i}.keras")[0].read_bytes() for i in range(2)]
    assert written[0] == written[1]
    with zipfile.ZipFile(tmp_path / "0.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("config.json"))["class_name"] == "Functional"


# --- channels first, which TensorFlow's convolutions on a CPU do not take ---

KERNEL, BIAS = values(3, 2, 3, 5, seed=1), values(5, seed=2)
CELL = [values(2, 2, 3, 16, seed=3), values(2, 2, 4, 16, seed=4), values(16, seed=5)]
OTHER_CELL = [values(*array.shape, seed=6 + i) for i, array in enumerate(CELL)]
CONVOLUTION = {"filters": 5, "kernel_size": [3, 2], "strides": [2, 1], "data_format": "channels_first"}


def recurrent(**options):
    config = {"name": "cell", "filters": 4, "kernel_size": [2, 2], "data_format": "channels_first", **options}
    return {"layer": {"class_name": "ConvLSTM2D", "config": config}}


FIRST = {
    "names": (
        (3, 11, 7),
        [("y", "Conv2D", CONVOLUTION), ("y.1", "Activation", {"activation": "relu"})],
        [KERNEL, BIAS],
    ),
    "distributed": (
        (4, 3, 11, 7),
        [
            (
                "y",
                "TimeDistributed",
                {"layer": {"class_name": "Conv2D", "config": {"name": "c", "activation": "softmax", **CONVOLUTION}}},
            )
        ],
        [KERNEL, BIAS],
    ),
    **{
        f"bidirectional {mode} {returns}": (
            (4, 3, 6, 5),
            [("y", "Bidirectional", {"merge_mode": mode, **recurrent(return_sequences=returns)})],
            [*CELL, *OTHER_CELL],
        )
        for mode in ("concat", "sum", "ave", "mul")
        for returns in (False, True)
    },
}


def channels_first(name, folder):
    shape, layers, arrays = FIRST[name]
    reads = ["x", *(layer for layer, _, _ in layers)]
    entries = [given("x", *shape), *((*layer, [x]) for layer, x in zip(layers, reads, strict=False))]
    return load(folder, "2.3.1", entries, {"y": arrays}), {"x": values(2, *shape)}


@pytest.mark.parametrize("name", FIRST)
def test_channels_first_become_last(name, tmp_path):
    graph, feeds = channels_first(name, tmp_path)
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    with zipfile.ZipFile(path) as archive:
        assert "channels_first" not in archive.read("config.json").decode()
    again = KerasImporter().load(path)
    (expected,), (made,) = evaluate(graph, feeds).values(), evaluate(again, feeds).values()
    assert made.shape == expected.shape
    np.testing.assert_allclose(made, expected, rtol=2e-5, atol=3e-6)


def test_a_graph_from_elsewhere_is_refused(golden, tmp_path):
    graph = KerasImporter().load(golden / "dense.k2.h5")
    plain = Graph(graph.inputs, graph.outputs, graph.nodes, graph.constants, graph.metadata)
    with pytest.raises(InterchangeError, match="IX303"):
        KerasExporter().save(plain, tmp_path / "new.keras")
    assert not list(tmp_path.iterdir())


def test_a_layer_that_keras_3_does_not_have_is_refused(golden, tmp_path, edited):
    def custom(document):
        document["config"]["layers"][-1]["class_name"] = "Mine"

    path = edited("activation_relu.k2.h5", config=custom)
    graph = KerasImporter().load(path, layers={"Mine": lambda layer, x, **options: layer.add("Relu", x)})
    with pytest.raises(InterchangeError, match="IX303") as caught:
        KerasExporter().save(graph, tmp_path / "new.keras")
    assert "Mine" in caught.value.why[0]


def test_the_metadata_keep_the_memory(golden, tmp_path):
    graph = KerasImporter().load(golden / "dense.k2.h5").with_metadata(name="other")
    assert KerasExporter().save(graph, tmp_path / "new.keras")


HAS_KERAS = importlib.util.find_spec("keras") is not None and importlib.util.find_spec("tensorflow") is not None


@pytest.mark.skipif(HAS_KERAS, reason="Keras is installed, and says so itself")
def test_the_table_of_options_is_plausible():
    assert {"units", "use_bias"} <= OPTIONS["Dense"]
    assert "groups" not in OPTIONS["DepthwiseConv2D"]
    assert "ThresholdedReLU" not in OPTIONS


# Keras opens each .keras file of a folder, and computes what the .npz beside it says.
PROGRAM = """
import sys
import tarfile
from pathlib import Path
import keras, numpy as np
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    with np.load(path.with_suffix(".npz")) as stored:
        feeds = [stored[f"x{i}"] for i in range(len(stored.files)) if f"x{i}" in stored.files]
        expected = [stored[f"y{i}"] for i in range(len(stored.files)) if f"y{i}" in stored.files]
    model = keras.models.load_model(path, compile=False)
    made = keras.tree.flatten(model(feeds if len(feeds) > 1 else feeds[0], training=False))
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), other, rtol=1e-4, atol=1e-5, err_msg=path.name)
"""


@pytest.mark.skipif(not HAS_KERAS, reason="Keras is not installed")
def test_keras_opens_them(golden, tmp_path):
    """All in one process of its own: TensorFlow stays out of this one."""
    for name in [*OLD[::5], *MODELS]:
        if "depthwise_conv2d_channels_first" in name:
            continue
        graph = KerasImporter().load(golden / name)
        try:
            (path,) = KerasExporter().save(graph, tmp_path / f"{name}.keras")
        except InterchangeError:
            continue
        feeds = feeds_of(graph)
        made = evaluate(graph, feeds)
        arrays = {f"x{i}": x for i, x in enumerate(feeds.values())} | {f"y{i}": y for i, y in enumerate(made.values())}
        np.savez(path.with_suffix(".npz"), **arrays)
    for i, name in enumerate(FIRST):
        graph, feeds = channels_first(name, tmp_path)
        (path,) = KerasExporter().save(graph, tmp_path / f"first{i}.keras")
        np.savez(path.with_suffix(".npz"), x0=feeds["x"], y0=next(iter(evaluate(graph, feeds).values())))
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, env=_environment())
