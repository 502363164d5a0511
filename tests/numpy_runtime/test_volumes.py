"""Convolutions and pools in three dimensions: the NumPy runtime against the operators in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.numpy_runtime.check import Sketch, check

RANDOM = np.random.default_rng(5)
F32 = np.float32


def volume(layout: str, channels: int = 3) -> np.ndarray:
    x = RANDOM.standard_normal((2, 7, 6, 9, channels)).astype(F32)
    return x if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, -1, 1))


CONVOLUTIONS: list[dict[str, Any]] = [
    {},
    {"auto_pad": "SAME_UPPER"},
    {"pads": [1, 0, 2, 0, 1, 1]},
    {"strides": [2, 1, 3], "auto_pad": "SAME_UPPER"},
    {"dilations": [2, 1, 2]},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_convolution(layout: str, bias: bool, options: dict[str, Any]) -> None:
    sketch = Sketch()
    x = sketch.feed("x", volume(layout))
    kernel = RANDOM.standard_normal((3, 2, 4, 3, 5)).astype(F32)
    weight = kernel if layout == "NHWC" else np.ascontiguousarray(kernel.transpose(4, 3, 0, 1, 2))
    more = [RANDOM.standard_normal(5).astype(F32)] if bias else []
    y = sketch.call("Relu", sketch.call("Conv", x, weight, *more, layout=layout, **options))
    check(sketch.finished(y), sketch.feeds)


def test_convolution_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interchange_numpy.kernels.volumes.COLUMNS", 2000)
    test_convolution("NCHW", True, {"pads": [1, 0, 2, 0, 1, 1]})


POOLS: list[dict[str, Any]] = [
    {},
    {"strides": [2, 1, 3]},
    {"pads": [1, 0, 2, 0, 1, 1], "strides": [1, 2, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2, 2]},
]


@pytest.mark.parametrize("options", POOLS, ids=str)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_pool(op: str, layout: str, options: dict[str, Any]) -> None:
    sketch = Sketch()
    x = sketch.feed("x", volume(layout))
    y = sketch.call(op, x, kernel_shape=[2, 3, 4], layout=layout, **options)
    check(sketch.finished(y), sketch.feeds)


def test_a_mean_that_counts_its_padding() -> None:
    sketch = Sketch()
    x = sketch.feed("x", volume("NCHW"))
    y = sketch.call("AveragePool", x, kernel_shape=[2, 1, 3], pads=[1, 0, 2, 0, 0, 1], count_include_pad=1)
    check(sketch.finished(y), sketch.feeds)
