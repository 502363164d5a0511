"""Some of the random graphs of `fuzz`, each of which runs in a few milliseconds."""

from __future__ import annotations

import warnings

import pytest

from tests.numpy_runtime.fuzz import run

COUNT, BATCH = 300, 25


@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
def test_graphs(first: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NaN that a run was fed with on purpose
        for seed in range(first, first + BATCH):
            try:
                run(seed)
            except Exception as error:
                raise AssertionError(f"the graph of seed {seed}") from error
