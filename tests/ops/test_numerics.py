"""What the rows do not show: accuracy to the last bits, and extreme values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interchange import ops


def test_erf_is_exact_to_the_last_bits_of_float64():
    x = np.concatenate([np.linspace(-7, 7, 20_001), [1e-300, 1e-12, 0.46875, 4.0, 30.0, np.inf, -np.inf]])
    np.testing.assert_allclose(ops.get("Erf")(x), [math.erf(value) for value in x], rtol=1e-15)
    assert np.signbit(ops.get("Erf")(np.array([-0.0])))


@pytest.mark.parametrize("op", ["Softplus", "Mish", "Sigmoid", "Swish", "Gelu", "Elu", "Selu", "Celu", "HardSwish"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_activations_do_not_overflow(op, dtype):
    x = np.array([-60_000, -1000, -100, 100, 1000, 60_000], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = ops.get(op)(x)
    assert np.isfinite(y[:3]).all()
    assert y.dtype == dtype


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_large_values(op):
    y = ops.get(op)(np.array([[1e4, 1e4, -1e4]], np.float32))
    expected = np.array([[0.5, 0.5, 0.0]]) if op == "Softmax" else np.array([[math.log(0.5)] * 2 + [-2e4]])
    np.testing.assert_allclose(y, expected, rtol=1e-4)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.data())
def test_conv_transpose_is_the_adjoint_of_conv(size, more, kernel, stride, dilation, data):
    """⟨Conv(x), y⟩ = ⟨x, ConvTranspose(y)⟩, for the input size that ConvTranspose assumes."""
    extent = (kernel - 1) * dilation + 1
    pads = (data.draw(st.integers(0, extent // 2)), data.draw(st.integers(0, extent // 2)))
    height = (size - 1) * stride + extent - sum(pads)
    if height < 1:
        return
    random = np.random.default_rng(size * 10 + more)
    x, y = random.normal(size=(2, 3, height, more)), random.normal(size=(2, 5, size, more))
    w = random.normal(size=(5, 3, kernel, 1))
    attributes = {"strides": (stride, 1), "dilations": (dilation, 1), "pads": (pads[0], 0, pads[1], 0)}
    forth = np.sum(ops.get("Conv")(x, w, **attributes) * y)
    back = np.sum(x * ops.get("ConvTranspose")(y, w, **attributes))
    np.testing.assert_allclose(forth, back, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_align_corners_keeps_both_ends(mode):
    x = np.random.default_rng(0).normal(size=(1, 1, 7))
    attributes = {"mode": mode, "coordinate_transformation_mode": "align_corners"}
    y = ops.get("Resize")(x, None, np.array([1, 1, 1.6]), **attributes)
    np.testing.assert_allclose(y[..., [0, -1]], x[..., [0, -1]])


def test_nearest_is_exact_where_a_coordinate_is_whole():
    """(9 + 0.5) * 7 / 19 - 0.5 is 3, however it is computed."""
    x = np.arange(7.0)
    y = ops.get("Resize")(x, None, None, np.array([19]), nearest_mode="ceil")
    assert y[9] == 3


def test_integers_wrap():
    assert ops.get("Add")(np.array([120], np.int8), np.array([10], np.int8)).tolist() == [-126]
    assert ops.get("ReduceSum")(np.full(3, 100, np.uint8)).tolist() == [300 % 256]


@pytest.mark.parametrize(
    ("x", "texts"),
    [
        (np.array([[1.5], [1e-7]], np.float32), [["1.5"], ["1e-07"]]),
        (np.array([1e-7, 2], np.float64), ["1e-07", "2.0"]),
        (np.array([-3, 7], np.int8), ["-3", "7"]),
        (np.array(["a", ""], object), ["a", ""]),
        (np.zeros((0, 3)), []),
    ],
)
def test_numbers_become_texts(x, texts):
    y = ops.get("Cast")(x, to="object")
    assert (y.dtype.kind, y.shape, y.tolist()) == ("O", x.shape, texts)
    assert all(type(value) is str for value in y.ravel())


def test_an_lstm_without_peepholes_does_not_look_at_an_infinite_state():
    """i and o are infinite, f is 0 and what is new -1: so c is -infinity, and h the output gate times tanh(c) = -1."""
    w, r = np.array([[[1], [1], [-1], [-1]]], np.float32), np.zeros((1, 4, 1), np.float32)
    x = np.full((1, 1, 1), np.inf, np.float32)
    unbounded = {"hidden_size": 1, "activations": ("Relu", "Tanh", "Tanh")}
    y, h, c = ops.get("LSTM")(x, w, r, **unbounded)
    assert [float(a.item()) for a in (y, h, c)] == [-np.inf] * 3
    with np.errstate(invalid="ignore"):
        _, h, _ = ops.get("LSTM")(x, w, r, p=np.zeros((1, 3), np.float32), **unbounded)
    assert np.isnan(h).all()


def test_faults_are_value_errors():
    x, w = np.zeros((1, 3, 5, 5), np.float32), np.zeros((4, 2, 3, 3), np.float32)
    for op in ("Conv", "ConvTranspose"):
        with pytest.raises(ValueError, match="channels do not fit"):
            ops.get(op)(x, w)
    with pytest.raises(ValueError, match="a window of 6 does not fit into 5"):
        ops.get("AveragePool")(x, kernel_shape=(6, 2))
    with pytest.raises(ValueError, match="auto_pad"):
        ops.get("MaxPool")(x, kernel_shape=(2, 2), auto_pad="same")
