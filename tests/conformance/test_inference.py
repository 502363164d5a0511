"""Shape inference on the conformance suite: what it says of an output before a run is what the run makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interchange.errors import BadInput
from interchange.evaluate import evaluate, infer
from interchange.graph import TensorSpec
from tests.conformance.suite import Case
from tests.conformance.test_round_trip import small_cases

# A shape whose first size is computed and whose others are known is all unknown to us, and then nothing fits.
NOT_INFERRED = ("test_affine_grid_2d_expanded", "test_affine_grid_2d_align_corners_expanded")


@pytest.mark.parametrize("name", NOT_INFERRED)
def test_what_cannot_be_inferred_is_an_error(name: str) -> None:
    (case,) = (case for case in small_cases() if case.name == name)
    with pytest.raises(BadInput, match="IX212"):
        infer(case.graph())


@pytest.mark.parametrize("case", [case for case in small_cases() if case.name not in NOT_INFERRED], ids=str)
def test_case(case: Case) -> None:
    graph = case.graph()
    specs = infer(graph)
    for inputs, _ in case.data():
        feeds = dict(zip(graph.inputs, inputs, strict=False))
        sizes = {
            dimension: size
            for name, spec in graph.inputs.items()
            if isinstance(feeds[name], np.ndarray)
            for dimension, size in zip(spec.shape, feeds[name].shape, strict=True)
            if isinstance(dimension, str)
        }
        for name, value in evaluate(graph, feeds).items():
            assert_fits(value, specs[name], sizes)


def assert_fits(value: Any, spec: TensorSpec, sizes: dict[str, int]) -> None:
    if value is None or isinstance(value, dict):
        return
    if isinstance(value, list):
        for element in value:
            if spec.shape and not isinstance(element, dict):
                assert_fits(element, spec, sizes)
        return
    assert value.dtype.name == spec.dtype
    assert value.ndim == len(spec.shape)
    for size, dimension in zip(value.shape, spec.shape, strict=True):
        known = sizes.get(dimension) if isinstance(dimension, str) else dimension
        assert known in (None, size)
