"""Rarer kernels of the NumPy runtime against the operators in float64."""

from __future__ import annotations

import numpy as np
import pytest

from tests.numpy_runtime.check import Sketch, check

RANDOM = np.random.default_rng(6)
F32 = np.float32


@pytest.mark.parametrize("pads", [[1, 0, 2, 3, 0, 1], [0, 2, 0, 0, 0, 4], [0, 0, 0, 0, 0, 0]], ids=str)
@pytest.mark.parametrize("mode", ["reflect", "edge"])
def test_a_mirrored_border(mode: str, pads: list[int]) -> None:
    sketch = Sketch()
    x = sketch.feed("x", RANDOM.standard_normal((4, 3, 7)).astype(F32))
    check(sketch.finished(sketch.call("Pad", x, pads, mode=mode)), sketch.feeds)


def test_a_mirror_that_is_too_small_is_left_to_the_operators() -> None:
    sketch = Sketch()
    x = sketch.feed("x", RANDOM.standard_normal((4, 3)).astype(F32))
    check(sketch.finished(sketch.call("Pad", x, [0, 2, 0, 5], mode="edge")), sketch.feeds, fallbacks=1)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.3}], ids=str)
@pytest.mark.parametrize("op", ["Elu", "Selu", "Celu"])
def test_what_decays_below_zero(op: str, options: dict[str, float]) -> None:
    sketch = Sketch()
    x = sketch.feed("x", np.linspace(-20, 9, 3 * 7 * 11, dtype=F32).reshape(3, 7, 11))
    check(sketch.finished(sketch.call(op, x, **options)), sketch.feeds)


@pytest.mark.parametrize("shape", [(0, 5), (2, 0, 3)], ids=str)
@pytest.mark.parametrize(
    "op", ["Elu", "Erf", "Exp", "Gelu", "HardSwish", "Mish", "Relu", "Sigmoid", "Softmax", "Softplus", "Swish", "Tanh"]
)
def test_of_nothing(op: str, shape: tuple[int, ...]) -> None:
    sketch = Sketch()
    x = sketch.feed("x", np.zeros(shape, F32))
    check(sketch.finished(sketch.call(op, x)), sketch.feeds, fallbacks=None)


@pytest.mark.parametrize("power", [2.0, 0.5, -1.5, 3.0])
def test_a_power(power: float) -> None:
    sketch = Sketch()
    x = sketch.feed("x", np.linspace(0.1, 9, 3 * 7, dtype=F32).reshape(3, 7))
    check(sketch.finished(sketch.call("Pow", x, np.array(power, F32))), sketch.feeds)


@pytest.mark.parametrize("options", [{}, {"largest": 0}, {"axis": 1}, {"axis": 0, "largest": 0}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_the_largest_of_equals(dtype: str, options: dict[str, int]) -> None:
    sketch = Sketch()
    x = sketch.feed("x", RANDOM.integers(-3, 4, (4, 6, 5)).astype(dtype))
    values, places = sketch.call("TopK", x, np.array([4]), outputs=2, **options)
    check(sketch.finished(values, places), sketch.feeds)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_whether_a_number_is_not_zero(dtype: str) -> None:
    sketch = Sketch()
    x = sketch.feed("x", np.array([[0, 0.25, -0.0], [-3, 1e-30, 7]]).astype(dtype))
    check(sketch.finished(sketch.call("Cast", x, to="bool")), sketch.feeds)
