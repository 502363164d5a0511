"""Damaged files, a few of those that tests/keras/fuzz.py makes: a load or one error, in bounded memory and time."""

from __future__ import annotations

import os

import pytest

from tests.keras.fuzz import run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no processes to fork")
def test_damaged_files(tmp_path):
    outcomes = list(run(80, 20_000, tmp_path))
    assert len(outcomes) > 60
    assert {outcome.what for _, _, outcome in outcomes} > {"loaded", "IX203"}
    assert [f"seed {number}: {name}: {outcome}" for number, name, outcome in outcomes if not outcome.is_well] == []
