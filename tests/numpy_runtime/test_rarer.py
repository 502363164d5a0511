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


@pytest.mark.parametrize("power", [2.0, 0.5, -1.5, 3.0])
def test_a_power(power: float) -> None:
    sketch = Sketch()
    x = sketch.feed("x", np.linspace(0.1, 9, 3 * 7, dtype=F32).reshape(3, 7))
    check(sketch.finished(sketch.call("Pow", x, np.array(power, F32))), sketch.feeds)
