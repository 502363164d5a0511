"""Comparing arrays and forms; adding up errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from interchange.verifier import judge
from interchange.verifier.compare import Tally, difference, structure_faults
from interchange.verifier.decisions import Decision, decide, tie_margin
from interchange.verifier.process import Output

FLOATS = arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(width=32))


@given(FLOATS)
def test_nothing_differs_from_itself(x: Any) -> None:
    found = difference(x, x.copy(), 0)
    assert found.faults == ()
    assert not found.errors.any()


@given(FLOATS, st.data())
def test_one_changed_value_is_seen(x: Any, draw: Any) -> None:
    row, column = (draw.draw(st.integers(0, size - 1)) for size in x.shape)
    other = x.copy()
    value = draw.draw(st.floats(width=32))
    other[row, column] = value
    found = difference(other, x, 0)
    a, b = float(other[row, column]), float(x[row, column])
    same = a == b or (np.isnan(a) and np.isnan(b))
    assert bool(found.errors[row, column]) != same
    assert bool(found.faults) == (not same and not (np.isfinite(a) and np.isfinite(b)))
    assert np.isfinite(found.errors).sum() >= x.size - 1


@given(FLOATS, st.sampled_from([1, 2, 5, 7, 32]))
def test_errors_do_not_depend_on_the_batches(x: Any, size: int) -> None:
    errors = np.abs(np.nan_to_num(x.astype(np.float64), posinf=1, neginf=1))
    whole, parts = Tally(), Tally()
    whole.add(errors, 0, len(errors))
    for start in range(0, len(errors), size):
        parts.add(errors[start : start + size], start, len(errors[start : start + size]))
    a, b = whole.errors(), parts.errors()
    assert (a.max, a.worst) == (b.max, b.worst)
    assert a.mean == pytest.approx(b.mean)
    assert a.rms == pytest.approx(b.rms)


@pytest.mark.parametrize(
    ("got", "want", "error"),
    [
        (np.array([3]), np.array([3]), 0.0),
        (np.array([2**62 + 1]), np.array([2**62]), 1.0),
        (np.array([True]), np.array([False]), 1.0),
        (np.array(["a"]), np.array(["b"]), 1.0),
        (np.array([1 + 2j]), np.array([1 + 1j]), 1.0),
        (np.array([np.inf]), np.array([np.inf]), 0.0),
        (np.array([np.inf]), np.array([-np.inf]), np.inf),
        (np.array([1.0]), np.array([np.nan]), np.inf),
        (np.array(1.5), np.array(1.0), 0.5),
        (np.zeros((0, 3)), np.zeros((0, 3)), 0.0),
    ],
)
def test_differences(got: Any, want: Any, error: float) -> None:
    assert difference(got, want, 0).errors.max(initial=0.0) == error


def test_a_fault_names_sample_and_position() -> None:
    want = np.zeros((4, 2, 3), np.float32)
    got = want.copy()
    got[2, 1, 0] = np.nan
    assert difference(got, want, 32).faults == ("nan against 0.0 at sample 34, position [1, 0]",)


def test_all_faults_of_the_form_at_once() -> None:
    want = [Output("a", "float32", (3, 1)), Output("b", "float32", (3,)), Output("c", "int64", (3,))]
    got = [Output("b", "float64", (3, 1)), Output("a", "float32", (3,)), Output("d", "int64", (3,))]
    assert len(list(structure_faults(got, want))) == 5
    assert list(structure_faults(want, want)) == []


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (0.0, "rounding"),
        (16.0, "rounding"),
        (16.1, "suspicious"),
        (256.0, "suspicious"),
        (257.0, "wrong"),
        (np.inf, "wrong"),
    ],
)
def test_verdicts(ratio: float, verdict: str) -> None:
    assert judge.verdict_of(ratio) == verdict


def test_floor_is_that_of_the_dtype() -> None:
    one = np.ones(3)
    assert judge.floor_of(one.astype(np.float32), one, "float32") == 2.0**-23
    assert judge.floor_of(one.astype(np.float16), one, "float16") == 2.0**-10
    assert judge.floor_of(np.ones(3, np.int64), np.ones(3, np.int64), "int64") == 0.0
    assert judge.floor_of(np.zeros(3, np.float32), np.zeros(3), "float32") > 0.0
    assert judge.ratio_of(1.0, 0.0) == np.inf


def test_decisions() -> None:
    y = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]])
    best, margin = decide(Decision("y", "argmax", ""), y)
    assert best.tolist() == [1, 0]
    np.testing.assert_allclose(margin, [0.5, 0.0])
    above, margin = decide(Decision("y", "threshold", ""), np.array([[0.5], [0.51]]))
    assert above.tolist() == [[0], [1]]
    np.testing.assert_allclose(margin, [[0.0], [0.01]])
    whole, margin = decide(Decision("y", "round", ""), np.array([[2.98], [2.5], [-0.4]]))
    assert whole.tolist() == [[3], [2], [0]]
    np.testing.assert_allclose(margin, [[0.48], [0.0], [0.1]])


def test_segmentation_is_decided_along_the_axis_of_the_classes() -> None:
    y = np.zeros((2, 3, 4, 5))
    y[:, 2] = 1
    assert decide(Decision("y", "argmax", "", axis=-3), y)[0].shape == (2, 4, 5)
    assert tie_margin(Decision("y", "argmax", ""), 1.0) == 2.0
