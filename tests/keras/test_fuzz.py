"""Damaged files, a few of those that tests/keras/fuzz.py makes: a load or one error, in bounded memory and time."""

from __future__ import annotations

import os

import pytest

from tests.keras.fuzz import PROCESS, in_a_child, run, seeds, trial

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no processes to fork")


def test_damaged_files(tmp_path):
    outcomes = list(run(80, 20_000, tmp_path))
    assert len(outcomes) > 60
    assert {outcome.what for _, _, outcome in outcomes} > {"loaded", "IX203"}
    assert [f"seed {number}: {name}: {outcome}" for number, name, outcome in outcomes if not outcome.is_well] == []


@pytest.mark.skipif(not (PROCESS / "clear_refs").exists(), reason="nothing tells the memory of a process")
def test_memory_is_seen():
    """Of the child alone, its peak: also where it was given back, and whatever this process held before."""

    def takes(size):
        return lambda: f"took {len(bytearray(b'x') * size)}"

    takes(120 << 20)()
    assert in_a_child(takes(100 << 20), 90 << 20).what == "memory"
    outcome = in_a_child(takes(100 << 20), 140 << 20)
    assert outcome.what == f"took {100 << 20}"
    assert 98 << 20 < outcome.memory < 140 << 20


def test_undamaged_files_load(tmp_path):
    """Weights alone, too, with their architecture."""
    for seed in seeds()[::5]:
        path, architecture = tmp_path / f"whole{os.path.splitext(seed.name)[1]}", tmp_path / "architecture.json"
        path.write_bytes(seed.data)
        architecture.write_bytes(seed.architecture or b"")
        assert trial(path, architecture if seed.architecture else None).what == "loaded", seed.name
