"""The one departure in substance: op(x, layout="NHWC") is op on the same image with its channels at axis 1."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interchange import ops
from tests.ops.table import TABLE, Row

SPATIAL = [
    name
    for name, function in ops.OPERATORS.items()
    if "layout" in (parameters := inspect.signature(function).parameters) and parameters["layout"].default == "NCHW"
]


def to_nhwc(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 1 else x


def to_hwio(w: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(w, (0, 1), (-1, -2))) if w.ndim > 2 else w


def call(row: Row, x: np.ndarray, others: tuple, layout: str) -> tuple[np.ndarray, ...]:
    made = ops.get(row.op)(x, *others, **{**row.attributes, "layout": layout})
    return made if isinstance(made, tuple) else (made,)


@pytest.mark.parametrize("op", SPATIAL)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_channels_last_is_channels_first(op, data):
    row = data.draw(st.sampled_from([row for row in TABLE if row.op == op]))
    batch = data.draw(st.integers(1, 3))
    times = data.draw(st.tuples(*(st.integers(1, 2) for _ in row.inputs[0].shape[2:])))
    seed = data.draw(st.integers(0, 2**32 - 1))
    x, *others = row.inputs
    shape = (batch, x.shape[1], *(size * n for size, n in zip(x.shape[2:], times, strict=True)))
    x = (5 * np.random.default_rng(seed).normal(size=shape)).astype(x.dtype)
    first = call(row, x, tuple(others), "NCHW")
    last = call(row, to_nhwc(x), tuple(map(to_hwio, others)), "NHWC")
    for want, have in zip(first, last, strict=True):
        assert have.dtype == want.dtype
        np.testing.assert_allclose(have, to_nhwc(want), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op", [op for op in SPATIAL if hasattr(ops.get(op), "shape_rule")])
def test_shape_rule_knows_the_layout(op):
    for row in (row for row in TABLE if row.op == op):
        x, *others = row.inputs
        others = tuple(map(to_hwio, others))
        (made, *_) = call(row, to_nhwc(x), others, "NHWC")
        assert ops.get(op).shape_rule(to_nhwc(x), *others, **row.attributes, layout="NHWC") == made.shape
