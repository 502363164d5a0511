"""Layers that are called in their own ways, and what is no layer (tests/golden/keras_calls), against real Keras."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from interchange_keras import KerasImporter

from interchange.evaluate import evaluate
from tests.keras.archives import unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_calls"


ROWS = [*sys.modules["keras_calls_rows"].ROWS, *sys.modules["keras_calls_rows"].OPTIONS]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras_calls")
    for table in ("models", "options"):
        unpacked(GOLDEN / f"{table}.tar.xz", folder)
    return folder


@pytest.fixture(scope="module")
def truth():
    with np.load(GOLDEN / "outputs.npz") as models, np.load(GOLDEN / "options.npz") as options:
        return {**models, **options}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize(
    ("row", "era"), [(row, era) for row in ROWS for era in row.eras], ids=lambda v: getattr(v, "name", v)
)
def test_row(row, era, suffix, files, truth):
    path = files / f"{row.name}.k{era}{suffix}"
    if not path.exists():  # Keras itself cannot write it in this format
        assert (files / f"{row.name}.k{era}{'.h5' if suffix == '.keras' else '.keras'}").exists()
        return
    graph = KerasImporter().load(path)
    feeds = {f"x{i}": feed for i, feed in enumerate(row.feeds())}
    made = list(evaluate(graph, {name: feeds[name] for name in graph.inputs}).values())
    for i, value in enumerate(made):
        expected = truth[f"{row.name}.k{era}:{i}"]
        assert (value.dtype, value.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(value, expected, rtol=row.tolerance, atol=row.tolerance / 4)
    assert f"{row.name}.k{era}:{len(made)}" not in truth
    assert "unused_weights" not in graph.metadata


# --- what nobody can write any more, or what is no layer of Keras: files made here ----------------------------------


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def load(tmp_path, keras, layers, weights, **options):
    """A functional model of `layers`: (name, class, config, names of what it reads); the last one is the output."""
    documents = [
        {
            "class_name": c,
            "name": name,
            "config": {"name": name, **config},
            "inbound_nodes": [[[x, 0, 0] for x in reads]],
        }
        for name, c, config, reads in layers
    ]
    for document in documents:
        document["inbound_nodes"] = [node for node in document["inbound_nodes"] if node]
    inputs = [[name, 0, 0] for name, c, _, _ in layers if c == "InputLayer"]
    config = {"name": "m", "layers": documents, "input_layers": inputs, "output_layers": [[layers[-1][0], 0, 0]]}
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": config})
        file.attrs["keras_version"] = keras
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name, *_ in layers]
        for name, *_ in layers:
            arrays = weights.get(name, [])
            root.create_group(name).attrs["weight_names"] = [f"{name}_{i}".encode() for i in range(len(arrays))]
            for i, array in enumerate(arrays):
                root[name][f"{name}_{i}"] = array
    return KerasImporter().load(path, **options)


def run(graph, *feeds):
    return next(iter(evaluate(graph, dict(zip(graph.inputs, feeds, strict=True))).values()))


def given(name, *shape):
    return (name, "InputLayer", {"batch_input_shape": [None, *shape]}, [])


def test_highway(tmp_path):
    x, w, carry, b, b_carry = (
        values(2, 4),
        values(4, 4, seed=1),
        values(4, 4, seed=2),
        values(4, seed=3),
        values(4, seed=4),
    )
    config = {"activation": "tanh", "init": "glorot_uniform", "bias": True, "input_dim": 4, "W_regularizer": None}
    graph = load(tmp_path, "1.2.2", [given("x", 4), ("y", "Highway", config, ["x"])], {"y": [w, carry, b, b_carry]})
    gate = 1 / (1 + np.exp(-(x @ carry + b_carry)))
    np.testing.assert_allclose(run(graph, x), np.tanh(x @ w + b) * gate + (1 - gate) * x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_maxout_dense(tmp_path, bias):
    x, w, b = values(2, 4), values(3, 4, 5, seed=1), values(3, 5, seed=2)
    config = {"output_dim": 5, "nb_feature": 3, "bias": bias, "init": "glorot_uniform", "input_dim": 4}
    graph = load(
        tmp_path, "1.2.2", [given("x", 4), ("y", "MaxoutDense", config, ["x"])], {"y": [w, b] if bias else [w]}
    )
    expected = (np.einsum("bi,fio->bfo", x, w) + (b if bias else 0)).max(1)
    np.testing.assert_allclose(run(graph, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["dot", "cos"])
def test_products_of_merge(tmp_path, mode):
    x, y = values(2, 4, 3), values(2, 4, 3, seed=1)
    config = {"mode": mode, "dot_axes": [2, 2], "concat_axis": -1}
    graph = load(tmp_path, "1.2.2", [given("x", 4, 3), given("y", 4, 3), ("m", "Merge", config, ["x", "y"])], {})
    expected = np.einsum("bik,bjk->bij", x, y)
    if mode == "cos":  # divided by the products of x and y with themselves, where they make sense
        squares = np.einsum("bik,bjk->bij", x, x) * np.einsum("bik,bjk->bij", y, y)
        with np.errstate(invalid="ignore"):
            expected = (expected / np.maximum(np.sqrt(squares), 1e-7))[:, None]
    np.testing.assert_allclose(run(graph, x, y), expected, rtol=1e-4, atol=1e-6)


def test_kernel_of_a_transposed_convolution_of_keras_1(tmp_path):
    x, kernel, b = values(1, 5, 4, 3), values(3, 2, 3, 6, seed=1), values(6, seed=2)  # (rows, columns, in, out)
    size = {"filters": 6, "kernel_size": [3, 2], "strides": [2, 2]}
    new = load(
        tmp_path,
        "2.2.0",
        [given("x", 5, 4, 3), ("y", "Conv2DTranspose", size, ["x"])],
        {"y": [kernel.transpose(0, 1, 3, 2), b]},
    )
    config = {
        "nb_filter": 6,
        "nb_row": 3,
        "nb_col": 2,
        "subsample": [2, 2],
        "border_mode": "valid",
        "dim_ordering": "tf",
        "bias": True,
        "output_shape": [None, 11, 8, 6],
    }
    layers = [given("x", 5, 4, 3), ("y", "Deconvolution2D", config, ["x"])]
    old = load(tmp_path, "1.2.2", layers, {"y": [kernel, b]}, backend="tensorflow")
    np.testing.assert_array_equal(run(old, x), run(new, x))


def test_layers_of_applications(tmp_path):
    x, y, gamma = values(2, 4, 3), values(2, 4, 3, seed=1), values(3, seed=2)
    layers = [
        given("x", 4, 3),
        given("y", 4, 3),
        ("scale", "LayerScale", {"init_values": 1e-6, "projection_dim": 3}, ["y"]),
        ("drop", "StochasticDepth", {"drop_path_rate": 0.1}, ["scale"]),
        ("sum", "CustomScaleLayer", {"scale": 0.17}, ["x", "drop"]),
    ]
    np.testing.assert_allclose(
        run(load(tmp_path, "2.15.0", layers, {"scale": [gamma]}), x, y), x + 0.17 * gamma * y, rtol=1e-5
    )


@pytest.mark.parametrize("tied", [True, False])
def test_reversible_embedding(tmp_path, tied):
    indices, table, back = np.array([[0, 3, 2, 6]], np.int32), values(7, 5), values(5, 7, seed=1)
    config = {"input_dim": 7, "output_dim": 5, "tie_weights": tied, "logit_soft_cap": 2.0, "dtype": "float32"}
    config |= {"mask_zero": False, "trainable": True, "reverse_dtype": None}

    def tensor(name, shape, call):
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, 0], "shape": shape}}

    calls = [
        {"args": [tensor("x", [None, 4], 0)], "kwargs": {}},
        {"args": [tensor("e", [None, 4, 5], 0)], "kwargs": {"reverse": True}},
    ]
    layers = [
        ("x", "InputLayer", {"batch_shape": [None, 4], "dtype": "int32"}, []),
        ("e", "ReversibleEmbedding", config, calls),
    ]
    document = {
        "name": "m",
        "layers": [
            {"class_name": c, "name": name, "config": {"name": name, **given}, "inbound_nodes": nodes}
            for name, c, given, nodes in layers
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["e", 1, 0]],
    }
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": document})
        file.attrs["keras_version"] = "3.15.1"
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [b"x", b"e"]
        root.create_group("x").attrs["weight_names"] = []
        weights = {"e/embeddings": table} if tied else {"e/embeddings": table, "e/reverse_embeddings": back}
        root.create_group("e").attrs["weight_names"] = [name.encode() for name in weights]
        for name, array in weights.items():
            root["e"][name] = array
    expected = np.tanh(table[indices] @ (table.T if tied else back) / 2) * 2
    np.testing.assert_allclose(run(KerasImporter().load(path), indices), expected, rtol=1e-5, atol=1e-6)


def test_heads_see_masks_since_2_10(files, tmp_path):
    """Before that version MultiHeadAttention ignored the masks of its inputs, and they ended at it."""
    made = {}
    for version in ("2.9.0", "2.10.0"):
        path = tmp_path / f"{version}.h5"
        path.write_bytes((files / "mask_through_multi_head_attention.k2.h5").read_bytes())
        with h5py.File(path, "r+") as file:
            file.attrs["keras_version"] = version
        made[version] = KerasImporter().load(path)
    assert made["2.9.0"].metadata["masks_ended"] == '["multi_head_attention"]'
    assert "masks_ended" not in made["2.10.0"].metadata
    assert not any(node.op == "Where" for node in made["2.9.0"].nodes)
