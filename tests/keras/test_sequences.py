"""Recurrent layers, embeddings, TimeDistributed and masks against real Keras 2 and 3 (tests/golden/keras_sequences)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_keras import KerasImporter
from interchange_keras.layers.cells import GATES, from_cudnn, onnx_weights

import interchange
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_sequences"

rows = sys.modules["keras_sequence_rows"]

CASES = [(row, era, suffix) for row in rows.ROWS for era in row.eras for suffix in (".h5", ".keras")]
BY_NAME = {row.name: row for row in rows.ROWS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("keras_sequences"))


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    return arrays_in(GOLDEN / "outputs.npz")


def expected(truth, row, era):
    prefix = f"{row.name}.k{era}:" if row.differs else f"{row.name}:"
    return [
        truth[key] for key in sorted((k for k in truth if k.startswith(prefix)), key=lambda k: int(k[len(prefix) :]))
    ]


@pytest.mark.parametrize(("row", "era", "suffix"), CASES, ids=lambda v: getattr(v, "name", v))
def test_row(row, era, suffix, folder, truth):
    graph = KerasImporter().load(folder / f"{row.name}.k{era}{suffix}")
    made = list(evaluate(graph, dict(zip(graph.inputs, row.arrays(), strict=True))).values())
    known = expected(truth, row, era)
    assert len(made) == len(known)
    for value, array in zip(made, known, strict=True):
        assert value.shape == array.shape
        assert value.dtype == array.dtype
        np.testing.assert_allclose(value, array, rtol=2e-5, atol=3e-6)
    assert "unused_weights" not in graph.metadata


# --- masks against a slow reference ---------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slow(kind, x, mask, kernel, recurrent, bias, *, backwards):
    """One sample, one step at a time: outputs in the order of the steps of x, and the last states."""
    units = recurrent.shape[0]
    h, c, output = np.zeros(units), np.zeros(units), np.zeros(units)
    outputs = np.zeros((len(x), units))
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        if mask[t]:
            if kind == "SimpleRNN":
                h = np.tanh(x[t] @ kernel + h @ recurrent + bias)
            elif kind == "LSTM":
                i, f, g, o = np.split(x[t] @ kernel + h @ recurrent + bias, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            else:
                (xz, xr, xh), (hz, hr, hh) = np.split(x[t] @ kernel + bias[0], 3), np.split(h @ recurrent + bias[1], 3)
                z = sigmoid(xz + hz)
                h = z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh)
            output = h
        outputs[t] = output
    return outputs, [h, c] if kind == "LSTM" else [h]


@pytest.fixture(scope="module")
def masked_layers(folder):
    """kind -> graph of a Masking and a bidirectional layer that returns sequences, and its weights."""
    import h5py

    made = {}
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        path = folder / f"bidirectional_{kind.lower()}_masked.k2.h5"
        with h5py.File(path) as file:
            group = file["model_weights/bidirectional"]
            weights = [group[name][()].astype(np.float64) for name in group.attrs["weight_names"]]
        made[kind] = KerasImporter().load(path), weights
    return made


@settings(deadline=None, max_examples=25)
@given(masks=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=5))
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_any_padding(kind, masks, masked_layers):
    graph, weights = masked_layers[kind]
    mask = np.array(masks)
    x = rows.values((len(mask), 7, 5)) * mask[..., None]
    y, *states = evaluate(graph, {"x0": x.astype(np.float32)}).values()
    for sample in range(len(mask)):
        ahead, ahead_states = slow(kind, x[sample], mask[sample], *weights[:3], backwards=False)
        back, back_states = slow(kind, x[sample], mask[sample], *weights[3:], backwards=True)
        expected_y = np.concatenate([ahead, back], axis=-1) * mask[sample][:, None]  # zeros where padded
        np.testing.assert_allclose(y[sample], expected_y, atol=2e-6)
        for state, known in zip(states, [*ahead_states, *back_states], strict=True):
            np.testing.assert_allclose(state[sample], known, atol=2e-6)


# --- weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_gates_are_reordered(kind):
    """Each gate's numbers are its letter's; the letters say the order."""
    keras, onnx = {"SimpleRNN": ("h", "h"), "LSTM": ("ifco", "iofc"), "GRU": ("zrh", "zrh")}[kind]
    assert len(GATES[kind]) == len(keras)
    numbers = {letter: float(i + 1) for i, letter in enumerate(keras)}
    columns = np.concatenate([np.full(2, numbers[letter], np.float32) for letter in keras])
    w, r, b = onnx_weights(kind, np.tile(columns, (3, 1)), np.tile(columns, (2, 1)), columns)
    rows_of_onnx = np.concatenate([np.full(2, numbers[letter], np.float32) for letter in onnx])
    assert w.tolist() == np.tile(rows_of_onnx[:, None], (1, 3)).tolist()
    assert r.tolist() == np.tile(rows_of_onnx[:, None], (1, 2)).tolist()
    assert b.tolist() == [*rows_of_onnx, *np.zeros(len(columns))]
    _, _, both = onnx_weights(kind, np.tile(columns, (3, 1)), np.tile(columns, (2, 1)), np.stack([columns, -columns]))
    assert both.tolist() == [*rows_of_onnx, *-rows_of_onnx]


def test_cudnn_keeps_gates_transposed():
    """What Keras itself does when a layer for the CPU reads such a file, written out element by element."""
    kernel, recurrent = np.arange(24.0).reshape(3, 8), np.arange(16.0).reshape(2, 8)
    made, again, bias = from_cudnn("LSTM", kernel, recurrent, np.arange(16.0))
    for gate in range(4):
        ours, stored = made[:, 2 * gate : 2 * gate + 2], kernel[:, 2 * gate : 2 * gate + 2]
        for unit in range(2):
            for feature in range(3):
                position = unit * 3 + feature  # CuDNN: (units, features), row by row
                assert ours[feature, unit] == stored.ravel()[position]
        assert (again[:, 2 * gate : 2 * gate + 2] == recurrent[:, 2 * gate : 2 * gate + 2].T).all()
    assert bias.tolist() == [i + i + 8.0 for i in range(8)]
    assert from_cudnn("GRU", np.zeros((3, 6)), np.zeros((2, 6)), np.arange(12.0))[2].shape == (2, 6)


# --- Keras 1 --------------------------------------------------------------------------------------------------------


def write(path, version, config, arrays, class_name):
    import h5py

    config = {"name": "l", "batch_input_shape": [None, 7, 5], **config}
    layers = [{"class_name": class_name, "config": config}]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": layers})
        file.attrs["keras_version"] = version
        group = file.create_group("model_weights/l")
        file["model_weights"].attrs["layer_names"] = [b"l"]
        group.attrs["weight_names"] = [f"l_{i}".encode() for i in range(len(arrays))]
        for i, array in enumerate(arrays):
            group[f"l_{i}"] = array
    return path


@pytest.mark.parametrize("is_bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_keras_1_keeps_gates_apart(kind, is_bidirectional, tmp_path):
    """The same layer as Keras 1 wrote it, as Keras 1 wrote it with consume_less "gpu", and as Keras 2 did."""
    order = {"SimpleRNN": "h", "LSTM": "icfo", "GRU": "zrh"}[kind]
    young = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "zrh"}[kind]
    old, fused = [], []
    for direction in range(1 + is_bidirectional):
        gates = {
            letter: [
                rows.values(shape, seed + 9 * direction) * 0.3
                for seed, shape in enumerate([(5, 4), (4, 4), (4,)], 3 * n)
            ]
            for n, letter in enumerate(order)
        }
        old += [array for letter in order for array in gates[letter]]
        fused += [np.concatenate([gates[letter][part] for letter in young], axis=-1) for part in range(3)]
    options = {"output_dim": 4, "inner_activation": "hard_sigmoid", "activation": "tanh", "inner_init": "orthogonal"}
    options |= {"return_sequences": True, "dropout_W": 0.0, "stateful": False, "input_length": 7, "unroll": False}

    def wrapped(config):
        return {"layer": {"class_name": kind, "config": config}, "merge_mode": "concat"} if is_bidirectional else config

    class_name = "Bidirectional" if is_bidirectional else kind
    files = [
        write(tmp_path / "old.h5", "1.2.2", wrapped({**options, "consume_less": "mem"}), old, class_name),
        write(tmp_path / "fused.h5", "1.2.2", wrapped({**options, "consume_less": "gpu"}), fused, class_name),
        write(
            tmp_path / "young.h5",
            "2.2.4",
            wrapped(
                {"units": 4, "recurrent_activation": "hard_sigmoid", "activation": "tanh", "return_sequences": True}
            ),
            fused,
            class_name,
        ),
    ]
    made = []
    for path in files:
        graph = KerasImporter().load(path)
        assert "unused_weights" not in graph.metadata
        (value,) = evaluate(graph, {next(iter(graph.inputs)): rows.values((2, 7, 5))}).values()
        made.append(value)
    assert made[0].shape == (2, 7, 8 if is_bidirectional else 4)
    assert (made[0] == made[1]).all()
    assert (made[0] == made[2]).all()


# --- other backends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_onnxruntime(row, folder):
    """What the operators say is what ONNX Runtime computes."""
    pytest.importorskip("onnxruntime")
    graph = KerasImporter().load(folder / f"{row.name}.k{row.eras[0]}.keras")
    feeds = dict(zip(graph.inputs, row.arrays(), strict=True))
    with interchange.open(graph, backend="onnxruntime") as model:
        made = model(feeds)
    for name, value in evaluate(graph, feeds).items():
        np.testing.assert_allclose(made[name], value, rtol=2e-5, atol=5e-6)


def test_unread_masks_leave_no_nodes(folder):
    graph = KerasImporter().load(folder / "embedding_mask_unused.k2.h5")
    assert [node.op for node in graph.nodes] == ["Gather", "Flatten"]
    assert graph.metadata["masks_ended"] == '["flatten"]'


def test_a_softmax_layer_does_not_lose_its_mask(tmp_path):
    layers = [
        {"class_name": "Masking", "config": {"name": "mask", "batch_input_shape": [None, 7, 3], "mask_value": 0.0}},
        {"class_name": "Softmax", "config": {"name": "soft", "axis": -1}},
    ]
    path = tmp_path / "masked.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.9.0"
        file.attrs["backend"] = "tensorflow"
        config = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = [b"mask", b"soft"]
        for name in ("mask", "soft"):
            file["model_weights"].create_group(name).attrs["weight_names"] = []
    with pytest.raises(Unsupported, match="a Softmax layer with a mask of fewer dimensions"):
        interchange.load(path)
