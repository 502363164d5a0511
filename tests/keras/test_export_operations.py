"""What is called between layers, written in operations of Keras 3: read again it computes what Keras computed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasExporter, KerasImporter

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked
from tests.keras.test_export import PROGRAM
from tests.keras.test_golden_calls import given, load, values
from tests.keras.test_operations import ROWS as RARE
from tests.keras.test_plugin import _environment

GOLDEN = Path(__file__).parent.parent / "golden"
calls = sys.modules["keras_calls_rows"]
# Each row once or twice: as TensorFlow's functions, which only Keras 2 writes, and as operations of an .h5 file, which
# does not say where in Keras they are.
NAMES = {f"{row.name}.k{era}.h5": row for row in (*calls.ROWS, *calls.OPTIONS) for era in row.eras}
REFUSED: Mapping[str, str] = {
    r"(tf|node)_resize_old": "resizes pictures in other ways",
    r"ops_(arg)?sort_(axis|f|i)": "the last axis only",
    r"node_cumsum": "no exclusive or reverse CumSum",
    r"ops_size_[if]": "no operation for Size",
    r"ops_(hard_sigmoid|hard_silu|sparse_sigmoid)_f": "no operation for HardSigmoid",
    r"ops_(hard|soft)_shrink_f": "no operation for Shrink",
    r"node_integers": "divides integers in another way",
    r"ops_nan_to_num_f": "no IsInf with detect_positive",
    r"mask_into_product\.k2": "what becomes of masks",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras_calls")
    for table in ("models", "options"):
        unpacked(GOLDEN / "keras_calls" / f"{table}.tar.xz", folder)
    return unpacked(GOLDEN / "keras_ops" / "models.tar.xz", folder)


@pytest.fixture(scope="module")
def truth():
    return arrays_in(GOLDEN / "keras_calls" / "outputs.npz") | arrays_in(GOLDEN / "keras_calls" / "options.npz")


def check(path, feeds, expected, tolerance):
    """That the file computes these outputs: values, dtypes and shapes."""
    made = list(evaluate(KerasImporter().load(path), feeds).values())
    assert len(made) == len(expected)
    for value, known in zip(made, expected, strict=True):
        assert (value.dtype, value.shape) == (known.dtype, known.shape)
        np.testing.assert_allclose(value, known, rtol=tolerance, atol=tolerance / 4)


def refusal(row, era):
    return next((why for key, why in REFUSED.items() if re.fullmatch(rf"({key})(\.k\d)?", f"{row.name}.k{era}")), "")


@pytest.mark.parametrize("name", NAMES)
def test_row(name, folder, truth, tmp_path):
    row, era = NAMES[name], name.rpartition(".k")[2][0]
    if not (folder / name).exists():
        name = name.replace(".h5", ".keras")
    graph = KerasImporter().load(folder / name)
    if not graph.origin.operations:
        return
    why = refusal(row, era) if name.endswith(".h5") else ""
    if why:
        with pytest.raises(InterchangeError, match="IX303") as caught:
            KerasExporter().save(graph, tmp_path / "new.keras")
        assert any(why in each for each in caught.value.why)
        return
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    feeds = {f"x{i}": feed for i, feed in enumerate(row.feeds())}
    expected = [truth[f"{row.name}.k{era}:{i}"] for i in range(len(graph.outputs))]
    check(path, {key: feeds[key] for key in graph.inputs}, expected, row.tolerance)
    assert list(KerasImporter().load(path).outputs) == [output.replace("/", "_") for output in graph.outputs]


@pytest.mark.parametrize("row", RARE, ids=lambda row: row.name)
def test_operation_of_keras_3(row, folder, tmp_path):
    """What has no form of its own goes back as it was, as a .keras file says where in Keras it is."""
    graph = KerasImporter().load(folder / f"{row.name}.keras")
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    feeds = {f"x{i}": x for i, x in enumerate(row.inputs)}
    check(path, feeds, list(evaluate(graph, feeds).values()), 1e-6)


def _layers_of(path):
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("config.json"))
    return [(layer["class_name"], layer["name"]) for layer in document["config"]["layers"]]


def test_a_shape_that_keras_2_computed_is_not_written(folder, tmp_path):
    """Keras 3 knows all sizes but that of the batch, which it finds out."""
    graph = KerasImporter().load(folder / "tf_reshape_by_shape.k2.h5")
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    assert [name for name, _ in _layers_of(path)] == ["InputLayer", "Reshape"]


def test_one_operation_is_one_and_several_are_a_model(folder, tmp_path):
    for name, classes in (("tf_nn.relu_f", ["Relu"]), ("tf_l2_normalize", ["Functional"])):
        graph = KerasImporter().load(folder / f"{name}.k2.h5")
        (path,) = KerasExporter().save(graph, tmp_path / f"{name}.keras")
        assert [each for each, _ in _layers_of(path)] == ["InputLayer", *classes]


def test_names_with_a_slash_get_another_one(tmp_path):
    dense = {"layer": {"class_name": "Dense", "config": {"name": "in/side", "units": 4, "use_bias": False}}}
    layers = [
        given("x", 3, 4),
        ("a/b", "Activation", {"activation": "tanh"}, ["x"]),
        ("a_b", "Activation", {"activation": "linear"}, ["a/b"]),
        ("a/b/c", "TimeDistributed", dense, ["a_b"]),
        ("a_b/c", "Activation", {"activation": "relu"}, ["a/b/c"]),
    ]
    graph = load(tmp_path, "2.3.1", layers, {"a/b/c": [np.eye(4, dtype=np.float32)]})
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    assert [name for _, name in _layers_of(path)] == ["x", "a_b_", "a_b", "a_b_c", "a_b_c_"]
    with zipfile.ZipFile(path) as archive:
        assert not re.search(r'"(name|keras_history)": \[?"[^"]*/', archive.read("config.json").decode())
    x = values(2, 3, 4)
    check(path, {"x": x}, [np.maximum(np.tanh(x), 0)], 1e-6)


def test_a_word_like_the_name_of_a_layer_stays(tmp_path):
    texts = {"vocabulary": ["a/b", "c"], "mask_token": None, "num_oov_indices": 1, "oov_token": "[UNK]"}
    words = ("x", "InputLayer", {"batch_input_shape": [None, 2], "dtype": "string"}, [])
    graph = load(tmp_path, "2.11.0", [words, ("a/b", "StringLookup", texts, ["x"])], {})
    (path,) = KerasExporter().save(graph, tmp_path / "new.keras")
    check(path, {"x": np.array([["c", "a/b"]], object)}, [np.array([[2, 1]])], 0)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_keras_opens_them(folder, tmp_path):
    """A part of them, in one process of its own: TensorFlow stays out of this one."""
    for name, row in list(NAMES.items())[::6]:
        if not (folder / name).exists() or refusal(row, name.rpartition(".k")[2][0]):
            continue
        graph = KerasImporter().load(folder / name)
        if graph.origin.operations:
            (path,) = KerasExporter().save(graph, tmp_path / f"{name}.keras")
            feeds = {f"x{i}": feed for i, feed in enumerate(row.feeds())}
            made = evaluate(graph, {key: feeds[key] for key in graph.inputs})
            arrays = {f"x{i}": feeds[key] for i, key in enumerate(graph.inputs)}
            np.savez(path.with_suffix(".npz"), **arrays, **{f"y{i}": y for i, y in enumerate(made.values())})
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, env=_environment())
