"""Branches of If in the NumPy runtime: those that the shapes decide have kernels like everything else."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_numpy.model import NumpyModel

from interchange.evaluate import evaluate
from interchange.graph import Body, Node
from tests.numpy_runtime.check import Sketch, check

RANDOM = np.random.default_rng(6)
F32 = np.float32


def _branches() -> tuple[Body, Body]:
    then_branch = Body({}, ("kept",), (Node("Relu", ("x",), ("inner",)), Node("Neg", ("inner",), ("kept",))))
    else_branch = Body({}, ("other",), (Node("Exp", ("x",), ("other",)),))
    return then_branch, else_branch


@pytest.mark.parametrize("rows", [2, 3])
def test_a_branch_that_the_shape_decides_has_kernels(rows: int) -> None:
    sketch = Sketch()
    x = sketch.feed("x", RANDOM.standard_normal((rows, 5)).astype(F32), ("rows", 5))
    size = sketch.call("Gather", sketch.call("Shape", x), np.array(0))
    condition = sketch.call("Equal", size, np.array(2))
    then_branch, else_branch = _branches()
    y = sketch.call("If", condition, then_branch=then_branch, else_branch=else_branch)
    check(sketch.finished(sketch.call("Relu", y)), sketch.feeds, fallbacks=None)
    plan = NumpyModel(sketch.finished(y)).plan({"x": (rows, 5)})
    assert plan is not None
    assert "If" not in {op.kind for op in plan.fallbacks}


def test_a_branch_that_a_value_decides_is_chosen_in_each_run() -> None:
    sketch = Sketch()
    sketch.feed("x", RANDOM.standard_normal((2, 5)).astype(F32))
    condition = sketch.feed("condition", np.array(True))
    then_branch, else_branch = _branches()
    y = sketch.call("If", condition, then_branch=then_branch, else_branch=else_branch)
    model = NumpyModel(sketch.finished(y))
    for chosen in (True, False, True):
        feeds = {**sketch.feeds, "condition": np.array(chosen)}
        (made,) = model(feeds).values()
        (want,) = evaluate(sketch.finished(y), feeds).values()
        np.testing.assert_allclose(made, want, rtol=1e-6)


def test_a_name_that_both_ifs_use_is_left_to_the_operators() -> None:
    sketch = Sketch()
    x = sketch.feed("x", RANDOM.standard_normal((2, 5)).astype(F32), ("rows", 5))
    size = sketch.call("Gather", sketch.call("Shape", x), np.array(0))
    condition = sketch.call("Equal", size, np.array(2))
    then_branch, else_branch = _branches()
    first, second = (sketch.call("If", condition, then_branch=then_branch, else_branch=else_branch) for _ in range(2))
    check(sketch.finished(sketch.call("Add", first, second)), sketch.feeds, fallbacks=1)
