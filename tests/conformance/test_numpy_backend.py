"""The conformance suite through the compiled NumPy runtime, with the exceptions of the operators and no other."""

from __future__ import annotations

import pytest
from interchange_numpy.model import NumpyModel

from interchange.evaluate import widen
from tests.conformance.suite import Case, assert_same
from tests.conformance.test_onnx_backend import IN_FLOAT64, all_cases, is_excluded


@pytest.mark.parametrize("case", [case for case in all_cases() if not is_excluded(case.name)], ids=str)
def test_case(case: Case):
    in_float64 = case.name in IN_FLOAT64
    model = NumpyModel(widen(case.graph()) if in_float64 else case.graph())
    for inputs, expected in case.data():
        feeds = dict(zip(model.inputs, inputs, strict=False))
        for have, want in zip(model(feeds).values(), expected, strict=True):
            assert_same(have.astype(want.dtype) if in_float64 else have, want, case.rtol, case.atol)
