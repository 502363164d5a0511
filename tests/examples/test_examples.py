"""The four examples, end to end: every backend on the test set, the same decision on every sample, the accuracy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import interchange
from interchange.graph import equal

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ACCURACY = {"dots": 0.90, "cats_dogs": 0.95, "digits": 0.98, "clouds": 0.95}  # at least
SUFFIXES = ("h5", "keras")
# The plain script takes tenths of a second for an image of `dots`: a few samples here, all of them by hand.
FEW = 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ACCURACY)
def test_all_samples(name: str, suffix: str) -> None:
    folder = EXAMPLES / name
    report = interchange.verify(folder / f"{name}.{suffix}", folder / "testset", backends=["numpy", "onnxruntime"])
    assert report.agreed, str(report)
    assert [result.name for result in report.backends] == ["numpy", "onnxruntime"]
    for result in report.backends:
        assert result.status == "rounding"
        (decision,) = result.decisions
        assert decision.same == decision.total == report.testset.samples
        assert decision.accuracy is not None
        assert decision.accuracy >= ACCURACY[name]


@pytest.mark.parametrize("name", ACCURACY)
def test_scripts_on_some_samples(name: str) -> None:
    folder = EXAMPLES / name
    report = interchange.verify(
        folder / f"{name}.h5", folder / "testset", backends=["pyscript", "pyscript-numpy"], limit=FEW
    )
    assert report.agreed, str(report)
    assert [(r.status, r.decisions[0].same) for r in report.backends] == [("rounding", FEW)] * 2


@pytest.mark.parametrize("name", ACCURACY)
def test_both_formats_hold_the_same_network(name: str) -> None:
    old, new = (interchange.load(EXAMPLES / name / f"{name}.{suffix}") for suffix in SUFFIXES)
    assert equal(old, new)


@pytest.mark.parametrize("name", ACCURACY)
def test_sources_are_their_scripts(name: str) -> None:
    folder = EXAMPLES / name
    with np.load(folder / "testset" / "golden.npz") as golden:
        assert list(golden) == list(interchange.load(folder / f"{name}.h5").outputs)
    assert (folder / "train.py").is_file()
    assert f"docs/examples/{name}/{name}.h5" in (folder / "README.md").read_text()


def test_all_together_are_small() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.rglob("*") if path.is_file()) < 12_000_000


def test_conversion_imports_no_framework(tmp_path: Path) -> None:
    model = EXAMPLES / "cats_dogs" / "cats_dogs.h5"
    code = (
        "import sys, interchange\n"
        f"graph = interchange.load({str(model)!r})\n"
        f"interchange.save(graph, {str(tmp_path)!r}, to='pyscript')\n"
        "assert not {'tensorflow', 'keras', 'tf_keras', 'torch', 'jax', 'onnx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cats_dogs.py", "cats_dogs.safetensors"]
