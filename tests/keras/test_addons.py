"""What TensorFlow Addons wrote and computed (tests/golden/keras_addons)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter

import interchange
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_addons"
_spec = importlib.util.spec_from_file_location("keras_addons_rows", GOLDEN / "rows.py")
assert _spec is not None
assert _spec.loader is not None
_rows = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _rows
_spec.loader.exec_module(_rows)

TRUTH = arrays_in(GOLDEN / "outputs.npz")
REFUSED = ("activation_sparsemax", "spectral_normalization", "weight_normalization")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("addons"))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", [name for name in _rows.ROWS if name not in REFUSED])
def test_row(name, suffix, folder):
    graph = KerasImporter().load(folder / f"{name}{suffix}")
    x = _rows.values((2, *_rows.ROWS[name][0]))
    feeds = {next(iter(graph.inputs)): x}
    made = [next(iter(evaluate(graph, feeds).values()))]
    if suffix == ".h5":
        pytest.importorskip("onnxruntime")
        with interchange.open(graph, backend="onnxruntime") as model:
            made.append(next(iter(model(feeds).values())))
    for y in made:
        assert (y.dtype, y.shape) == (np.float32, TRUTH[name].shape)
        np.testing.assert_allclose(y, TRUTH[name], rtol=1e-5, atol=5e-6)
    assert "unused_weights" not in graph.metadata


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name, folder):
    with pytest.raises(Unsupported, match=r"Addons>|no function for this class"):
        KerasImporter().load(folder / f"{name}.h5")
