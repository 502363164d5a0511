"""Files as Keras 1 and Theano wrote them, made here in all the ways in which they can differ; what the real Keras 1
wrote is in test_old_kerases.py."""

# ruff: noqa: E501 (a case is read as a table)

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_keras.eras import KEYS

from interchange.errors import Unsupported
from interchange.evaluate import evaluate


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def write(path, config, weights, keras=None, backend=None):
    """`weights`: layer -> [(name, array)], in the order of the file."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        if keras:
            file.attrs["keras_version"] = keras
        if backend:
            file.attrs["backend"] = backend
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in weights]
        for layer, arrays in weights.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name, _ in arrays]
            for name, array in arrays:
                group[name] = array
    return path


def run(path, *feeds, **options):
    graph = KerasImporter().load(path, **options)
    return list(evaluate(graph, dict(zip(graph.inputs, feeds, strict=True))).values()), graph


def sequential(*layers):
    """A list, as Sequential's config was then."""
    return {"class_name": "Sequential", "config": [{"class_name": c, "config": config} for c, config in layers]}


def one(tmp_path, class_name, config, arrays, keras="2.15.0", backend="tensorflow", name="l"):
    model = sequential((class_name, {"name": name, "trainable": True, **config}))
    weights = {name: [(f"{name}_{i}:0", array) for i, array in enumerate(arrays)]}
    return write(tmp_path / f"{class_name}_{keras}.h5", model, weights, keras, backend)


REGULAR = {
    "init": "glorot_uniform",
    "W_regularizer": None,
    "b_regularizer": None,
    "W_constraint": None,
    "b_constraint": None,
}
CASES = {
    "Convolution2D": (
        {
            **REGULAR, "batch_input_shape": [None, 11, 7, 3], "nb_filter": 5, "nb_row": 3, "nb_col": 2, "border_mode": "same",
            "subsample": [2, 1], "dim_ordering": "tf", "bias": True, "activation": "relu", "input_dtype": "float32",
        },
        "Conv2D",
        {"batch_input_shape": [None, 11, 7, 3], "filters": 5, "kernel_size": [3, 2], "padding": "same", "strides": [2, 1], "activation": "relu"},
        lambda: ([values(3, 2, 3, 5), values(5, seed=1)],) * 2,
    ),
    "Convolution2D with th": (
        {
            **REGULAR, "batch_input_shape": [None, 3, 11, 7], "nb_filter": 5, "nb_row": 3, "nb_col": 2, "border_mode": "valid",
            "subsample": [1, 1], "dim_ordering": "th", "bias": True, "activation": "linear",
        },
        "Conv2D",
        {"batch_input_shape": [None, 3, 11, 7], "filters": 5, "kernel_size": [3, 2], "data_format": "channels_first"},
        lambda: ([(k := values(3, 2, 3, 5)).transpose(3, 2, 0, 1), values(5, seed=1)], [k, values(5, seed=1)]),
    ),
    "AtrousConvolution2D": (
        {
            **REGULAR, "batch_input_shape": [None, 11, 7, 3], "nb_filter": 5, "nb_row": 3, "nb_col": 2, "border_mode": "same",
            "subsample": [1, 1], "dim_ordering": "tf", "bias": False, "activation": "linear", "atrous_rate": [2, 2],
        },
        "Conv2D",
        {"batch_input_shape": [None, 11, 7, 3], "filters": 5, "kernel_size": [3, 2], "padding": "same", "dilation_rate": 2, "use_bias": False},
        lambda: ([values(3, 2, 3, 5)],) * 2,
    ),
    "Convolution1D": (
        {
            **REGULAR, "batch_input_shape": [None, 11, 3], "nb_filter": 5, "filter_length": 4, "border_mode": "same",
            "subsample_length": 2, "bias": True, "activation": "tanh", "input_dim": 3, "input_length": 11,
        },
        "Conv1D",
        {"batch_input_shape": [None, 11, 3], "filters": 5, "kernel_size": 4, "padding": "same", "strides": 2, "activation": "tanh"},
        lambda: ([(k := values(4, 3, 5))[:, None], values(5, seed=1)], [k, values(5, seed=1)]),
    ),
    "Convolution1D of 1.0": (
        {
            **REGULAR, "batch_input_shape": [None, 11, 3], "nb_filter": 5, "filter_length": 4, "border_mode": "valid",
            "subsample_length": 1, "bias": True, "activation": "tanh",
        },
        "Conv1D",
        {"batch_input_shape": [None, 11, 3], "filters": 5, "kernel_size": 4, "activation": "tanh"},
        lambda: ([(k := values(4, 3, 5))[:, None].transpose(3, 2, 0, 1), values(5, seed=1)], [k, values(5, seed=1)]),
    ),
    "Dense": (
        {**REGULAR, "batch_input_shape": [None, 5], "output_dim": 4, "input_dim": 5, "bias": True, "activation": "hard_sigmoid", "activity_regularizer": None},
        "Dense",
        {"batch_input_shape": [None, 5], "units": 4, "activation": "hard_sigmoid"},
        lambda: ([values(5, 4), values(4, seed=1)],) * 2,
    ),
    "BatchNormalization": (
        {
            "batch_input_shape": [None, 11, 7, 3], "mode": 0, "axis": -1, "epsilon": 0.001, "momentum": 0.99,
            "gamma_regularizer": None, "beta_regularizer": None, "beta_init": "zero", "gamma_init": "one",
        },
        "BatchNormalization",
        {"batch_input_shape": [None, 11, 7, 3], "axis": [3], "epsilon": 0.001},
        lambda: ([values(3), values(3, seed=1), values(3, seed=2), np.abs(values(3, seed=3))],) * 2,
    ),
    "MaxPooling1D": (
        {"batch_input_shape": [None, 11, 3], "pool_length": 3, "stride": 2, "border_mode": "same"},
        "MaxPooling1D",
        {"batch_input_shape": [None, 11, 3], "pool_size": 3, "strides": 2, "padding": "same"},
        lambda: ([], []),
    ),
    "AveragePooling2D": (
        {"batch_input_shape": [None, 11, 7, 3], "pool_size": [3, 2], "strides": [2, 2], "border_mode": "valid", "dim_ordering": "tf"},
        "AveragePooling2D",
        {"batch_input_shape": [None, 11, 7, 3], "pool_size": [3, 2], "strides": [2, 2]},
        lambda: ([], []),
    ),
    "UpSampling1D": (
        {"batch_input_shape": [None, 11, 3], "length": 3},
        "UpSampling1D",
        {"batch_input_shape": [None, 11, 3], "size": 3},
        lambda: ([], []),
    ),
    "ZeroPadding2D": (
        {"batch_input_shape": [None, 11, 7, 3], "padding": {"top_pad": 1, "bottom_pad": 0, "left_pad": 2, "right_pad": 3}, "dim_ordering": "tf"},
        "ZeroPadding2D",
        {"batch_input_shape": [None, 11, 7, 3], "padding": [[1, 0], [2, 3]]},
        lambda: ([], []),
    ),
    "Dropout": (
        {"batch_input_shape": [None, 5], "p": 0.4},
        "Dropout",
        {"batch_input_shape": [None, 5], "rate": 0.4},
        lambda: ([], []),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_keras_1_layer(case, tmp_path):
    old, modern_class, modern, weights = CASES[case]
    before, after = weights()
    class_name = case.split()[0]
    feed = values(2, *old["batch_input_shape"][1:], seed=9)
    (made,), graph = run(one(tmp_path, class_name, old, before, keras=None, backend=None), feed)
    (expected,), _ = run(one(tmp_path, modern_class, modern, after), feed)
    np.testing.assert_array_equal(made, expected)
    told = ", backend tensorflow" if before else ""  # by the names of the weights
    assert graph.metadata["producer"] == f"Keras, version not recorded{told}"
    assert list(graph.inputs) == ["l_input"]
    assert "unused_weights" not in graph.metadata


def test_every_old_option_is_tested():
    written = {key for old, *_ in CASES.values() for key in old}
    others = {"dim_ordering", "kernel_dim1", "kernel_dim2", "kernel_dim3", "sigma", "alpha"}
    others |= {"layer", "consume_less", "inner_activation"}  # test_sequences.py
    others |= {"bins", "max_tokens", "output_mode", "max_values", "mask_value", "oov_value"}  # test_texts.py
    assert {key for row in KEYS for key in row.old.split()} <= written | others


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", "max", "concat"])
def test_merge_at_the_start_of_a_sequential(mode, tmp_path):
    """Two branches; Keras 1 gave every layer of the branches a group of its own."""

    def dense(name, size):
        return {"class_name": "Dense", "config": {"name": name, "batch_input_shape": [None, size], "output_dim": 4}}

    branches = [
        {"class_name": "Sequential", "config": [dense("a", 5)]},
        {"class_name": "Sequential", "config": [dense("b", 3)]},
    ]
    merge = {"name": "merge_1", "mode": mode, "concat_axis": -1, "dot_axes": -1, "mode_type": "raw", "layers": branches}
    model = sequential(("Merge", merge), ("Activation", {"name": "act", "activation": "tanh"}))
    a, b, bias = values(5, 4), values(3, 4, seed=1), np.zeros(4, np.float32)
    weights = {"a": [("a_W", a), ("a_b", bias)], "b": [("b_W", b), ("b_b", bias)], "act": []}
    path = write(tmp_path / "merge.h5", model, weights)
    x, y = values(2, 5, seed=2), values(2, 3, seed=3)
    (made,), graph = run(path, x, y)
    both = [x @ a, y @ b]
    merged = {
        "sum": lambda: both[0] + both[1],
        "mul": lambda: both[0] * both[1],
        "ave": lambda: (both[0] + both[1]) / 2,
        "max": lambda: np.maximum(*both),
        "concat": lambda: np.concatenate(both, axis=-1),
    }[mode]()
    np.testing.assert_allclose(made, np.tanh(merged), rtol=1e-5, atol=1e-6)
    assert list(graph.inputs) == ["a_input", "b_input"]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(3, 2), (4, 5)])
def test_theano_flips_kernels(padding, size, tmp_path):
    """Theano's convolution is one; TensorFlow's is a cross-correlation. "same" pads alike whatever the size is."""
    config = {
        "batch_input_shape": [None, 11, 7, 3],
        "filters": 5,
        "kernel_size": list(size),
        "padding": padding,
        "use_bias": False,
    }
    kernel = values(*size, 3, 5)
    x = values(2, 11, 7, 3, seed=1)
    (made,), _ = run(one(tmp_path, "Conv2D", config, [kernel], "2.0.5", "theano"), x)
    begin, end = [k // 2 for k in size], [(k - 1) // 2 for k in size]
    if padding == "same":
        x = np.pad(x, ((0, 0), (begin[0], end[0]), (begin[1], end[1]), (0, 0)))
    valid = {**config, "batch_input_shape": [None, *x.shape[1:]], "padding": "valid"}
    (expected,), _ = run(one(tmp_path, "Conv2D", valid, [kernel[::-1, ::-1]], "2.0.5", "tensorflow"), x)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)
    (told,), _ = run(
        one(tmp_path, "Conv2D", config, [kernel], "2.0.5", None), values(2, 11, 7, 3, seed=1), backend="theano"
    )
    np.testing.assert_array_equal(told, made)


def test_names_that_keras_made_unique_are_matched_by_position(tmp_path):
    """A layer "d" whose weights are called "d_1_1/…", and groups whose names are not the layers'."""
    model = sequential(
        ("Dense", {"name": "d", "batch_input_shape": [None, 5], "units": 4}), ("Dense", {"name": "e", "units": 3})
    )
    arrays = [values(5, 4), values(4, seed=1), values(4, 3, seed=2), values(3, seed=3)]
    weights = {
        "d": [("d_1_1/kernel:0", arrays[0]), ("d_1_1/bias:0", arrays[1])],
        "e": [("e_1/kernel:0", arrays[2]), ("e_1/bias:0", arrays[3])],
    }
    x = values(2, 5, seed=9)
    expected = (x @ arrays[0] + arrays[1]) @ arrays[2] + arrays[3]
    for names in (("d", "e"), ("z", "a")):
        renamed = dict(zip(names, weights.values(), strict=True))
        (made,), _ = run(write(tmp_path / f"{names[0]}.h5", model, renamed, "2.0.9", "tensorflow"), x)
        np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("class_name", "options", "arrays", "keras", "refused"),
    [
        ("Conv2D", {"filters": 5, "kernel_size": [3, 2], "padding": "same"}, [(3, 2, 3, 5)], "2.2.4", ""),
        ("Conv2D", {"filters": 5, "kernel_size": [3, 2], "strides": [2, 1]}, [(3, 2, 3, 5)], "2.2.4", ""),
        (
            "Conv2D",
            {"filters": 5, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same"},
            [(3, 2, 3, 5)],
            "2.2.4",
            "strides",
        ),
        (
            "Conv2D",
            {"filters": 5, "kernel_size": [3, 2], "dilation_rate": [2, 2]},
            [(3, 2, 3, 5)],
            "2.0.9",
            "dilation_rate",
        ),
        ("DepthwiseConv2D", {"kernel_size": [3, 2], "depth_multiplier": 2}, [(3, 2, 3, 2)], "2.2.4", ""),
        (
            "DepthwiseConv2D",
            {"kernel_size": [3, 2], "depth_multiplier": 2, "padding": "same"},
            [(3, 2, 3, 2)],
            "2.2.4",
            "depthwise",
        ),
    ],
)
def test_what_cntk_computed_otherwise_is_refused(class_name, options, arrays, keras, refused, tmp_path):
    """... unless the user says to read the options as they stand; what agrees is read as ever."""
    config = {"batch_input_shape": [None, 11, 7, 3], "use_bias": False, **options}
    path = one(tmp_path, class_name, config, [values(*shape) for shape in arrays], keras, "cntk")
    x = values(2, 11, 7, 3, seed=1)
    (told,), _ = run(path, x, backend="tensorflow")
    if refused:
        with pytest.raises(Unsupported, match=refused) as raised:
            run(path, x)
        assert raised.value.code == "IX301"
        assert "backend=tensorflow" in str(raised.value)
    else:
        np.testing.assert_array_equal(run(path, x)[0][0], told)


def test_an_lstm_of_cntk_is_refused_wherever_it_is(tmp_path):
    lstm = {"name": "r", "units": 4, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": False}
    arrays = [values(5, 16), values(4, 16)]
    both = {"layer": {"class_name": "LSTM", "config": lstm}, "merge_mode": "sum"}
    for class_name, config, weights in (("LSTM", lstm, arrays), ("Bidirectional", both, arrays * 2)):
        config = {**config, "name": "l", "batch_input_shape": [None, 7, 5]}
        path = one(tmp_path, class_name, config, weights, "2.2.4", "cntk")
        with pytest.raises(Unsupported, match="LSTM that is not unrolled"):
            KerasImporter().load(path)
        KerasImporter().load(one(tmp_path, class_name, config, weights, "2.0.9", "cntk"))
        KerasImporter().load(path, backend="tensorflow")


def test_keras_1_with_names_that_tell_no_backend(tmp_path):
    """Whether a convolution's kernels are flipped must be told then."""
    config = {"nb_filter": 5, "nb_row": 3, "nb_col": 2, "dim_ordering": "tf", "bias": False}
    model = sequential(("Convolution2D", {"name": "l", "batch_input_shape": [None, 11, 7, 3], **config}))
    path = write(tmp_path / "m.h5", model, {"l": [("param_0", values(3, 2, 3, 5))]}, "1.2.2")
    with pytest.raises(Unsupported, match="kernels are flipped") as raised:
        KerasImporter().load(path)
    assert "backend=theano" in str(raised.value)
    x = values(2, 11, 7, 3, seed=1)
    (theano,), _ = run(path, x, backend="theano")
    (tensorflow,), _ = run(path, x, backend="tensorflow")
    assert np.abs(theano - tensorflow).max() > 0.1
