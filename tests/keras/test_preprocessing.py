"""Preprocessing layers compute what Keras computed (tests/golden/keras_preprocessing)."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter

import interchange
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_preprocessing"
_spec = importlib.util.spec_from_file_location("keras_preprocessing_rows", GOLDEN / "rows.py")
assert _spec is not None
assert _spec.loader is not None
_rows = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _rows
_spec.loader.exec_module(_rows)
ROWS = {row.name: row for row in _rows.ROWS}

TRUTH = arrays_in(GOLDEN / "outputs.npz")
with tarfile.open(GOLDEN / "models.tar.xz") as archive:
    FILES = archive.getnames()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("preprocessing"))


def feeds_of(row):
    return {f"x{i}": x.astype(object) if x.dtype.kind == "U" else x for i, x in enumerate(row.inputs)}


def check(made, truth, tolerance):
    assert made.shape == truth.shape
    if truth.dtype.kind == "U":
        np.testing.assert_array_equal(made.astype(str), truth)
        return
    assert made.dtype == truth.dtype
    np.testing.assert_allclose(made, truth, rtol=0, atol=tolerance * max(1.0, float(np.abs(truth).max(initial=0))))


@pytest.mark.parametrize("file", FILES)
def test_row(file, folder):
    name = file.rpartition(".")[0]
    row = ROWS[name.rpartition(".")[0]]
    if row.adapted and file.endswith(".h5"):  # Keras writes no vocabulary into it
        with pytest.raises(Unsupported, match="vocabulary is not in the file"):
            KerasImporter().load(folder / file)
        return
    graph = KerasImporter().load(folder / file)
    (made,) = evaluate(graph, feeds_of(row)).values()
    check(made, TRUTH[name], row.tolerance)


# What ONNX cannot express, so that the export is an error: it hashes no texts, and does not cut them into characters.
HASHES_TEXTS = (
    *("crossing_int", "crossing_one_hot", "crossing_three", "hashing_int32_out", "hashing_long_text"),
    *("hashing_one_column", "hashing_text", "hashing_text_mask", "hashing_text_one_bin", "hashing_text_salt"),
    *("hashing_text_salts", "hashing_vector", "string_lookup_salt"),
    *(f"string_lookup_{mode}_oov" for mode in ("int", "one_hot", "multi_hot", "count")),
)
CUTS_CHARACTERS = tuple(
    f"text_{standardize}_character"
    for standardize in ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
)
YOUNGEST = {row: name for name in sorted(TRUTH) for row in [name.rpartition(".")[0]]}  # of each row one era


@pytest.mark.parametrize("name", YOUNGEST.values())
def test_row_through_onnx_runtime(name, folder):
    pytest.importorskip("onnxruntime")
    row = ROWS[name.rpartition(".")[0]]
    graph = KerasImporter().load(folder / f"{name}.keras")
    if row.name in HASHES_TEXTS or row.name in CUTS_CHARACTERS:
        why = "cannot hash texts" if row.name in HASHES_TEXTS else "apart into characters"
        with pytest.raises(Unsupported, match=why), interchange.open(graph, backend="onnxruntime"):
            pass
        return
    with interchange.open(graph, backend="onnxruntime") as model:
        (made,) = model(feeds_of(row)).values()
    check(made, TRUTH[name], row.tolerance)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("string_lookup_int.k3", "Keras 3 has it, but it is not written"),
        ("text_length.k2", "Keras 3 has it, but it is not written"),
        ("resizing_gaussian.k2", "no interpolation 'gaussian'"),
        ("RandomShear_float32.k3", "does not open what it writes"),
        ("RandomHeight_uint8_2.k2", "Keras 3 has no such layer"),
        ("pipeline.k3", "the shapes within a Pipeline"),
    ],
)
def test_what_the_way_back_lacks_is_said(name, why, folder, tmp_path):
    with pytest.raises(Unsupported, match=why):
        interchange.save(KerasImporter().load(folder / f"{name}.keras"), tmp_path / "new.keras", to="keras")
    assert not list(tmp_path.iterdir())


def test_integers_that_old_versions_made_floats_of_stay_floats(folder, tmp_path):
    """Keras 3 leaves them integers, so what is written makes floats of them first."""
    graph = KerasImporter().load(folder / "resizing_uint8.k2.keras")
    (new,) = interchange.save(graph, tmp_path / "new.keras", to="keras")
    feeds = feeds_of(ROWS["resizing_uint8"])
    (made,) = evaluate(KerasImporter().load(new), feeds).values()
    check(made, TRUTH["resizing_uint8.k2"], 1e-4)
