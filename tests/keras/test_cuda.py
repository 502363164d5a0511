"""Layers and models that real Keras 2 and 3 wrote, run on CUDA: what Keras computed. Only where CUDA is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_onnx import OnnxExporter
from interchange_onnxruntime import OnnxRuntimeBackend

from interchange.errors import Unsupported
from tests.keras.archives import arrays_in, unpacked
from tests.keras.test_sequences import expected

ort = pytest.importorskip("onnxruntime")
if "CUDAExecutionProvider" not in ort.get_available_providers():
    pytest.skip("ONNX Runtime without CUDA", allow_module_level=True)

SEQUENCES = Path(__file__).parent.parent / "golden" / "keras_sequences"
layers, sequences = sys.modules["keras_rows"], sys.modules["keras_sequence_rows"]


def run(path, feeds, tmp_path, **options):
    graph = KerasImporter().load(path)
    given = {name: x.astype(spec.dtype) for (name, spec), x in zip(graph.inputs.items(), feeds, strict=True)}
    OnnxExporter().save(graph, tmp_path / "m.onnx", selftest=False)
    try:
        with OnnxRuntimeBackend().open(tmp_path / "m.onnx", provider="cuda", **options) as model:
            return list(model(given).values())
    except Unsupported as error:
        pytest.skip(f"{error.code}: {error.what}")


def assert_close(made, known):
    assert (made.dtype, made.shape) == (known.dtype, known.shape)
    np.testing.assert_allclose(made, known, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("row", layers.ROWS, ids=lambda row: row.name)
def test_layer(row, golden, truth, tmp_path):
    era = row.eras[-1]
    feeds = [layers.values((2, *shape), i) for i, shape in enumerate(row.shapes)]
    if row.first:
        feeds = [feeds[0].transpose(layers.FIRST[len(row.shapes[0])])]
    (made,) = run(golden / f"{row.name}.k{era}{'.h5' if era == '2' else '.keras'}", feeds, tmp_path)
    known = truth[f"{row.name}.k{era}:0" if row.differs else f"{row.name}:0"]
    assert_close(made, np.ascontiguousarray(known))


@pytest.fixture(scope="module")
def sequence_files(tmp_path_factory):
    return unpacked(SEQUENCES / "models.tar.xz", tmp_path_factory.mktemp("keras_sequences"))


@pytest.fixture(scope="module")
def sequence_truth():
    return arrays_in(SEQUENCES / "outputs.npz")


@pytest.mark.parametrize("row", sequences.ROWS, ids=lambda row: row.name)
def test_sequence(row, sequence_files, sequence_truth, tmp_path):
    era = row.eras[-1]
    made = run(sequence_files / f"{row.name}.k{era}.keras", row.arrays(), tmp_path)
    known = expected(sequence_truth, row, era)
    assert len(made) == len(known)
    for one, other in zip(made, known, strict=True):
        assert_close(one, other)
