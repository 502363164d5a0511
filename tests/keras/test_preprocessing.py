"""Preprocessing layers compute what Keras computed (tests/golden/keras_preprocessing)."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_keras.export.made import CannotExport, Made
from interchange_keras.export.preprocessing import finish

import interchange
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked
from tests.keras.test_plugin import _environment

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


# What ONNX cannot express, so that the export is an error: it hashes no texts.
HASHES_TEXTS = (
    *("crossing_int", "crossing_one_hot", "crossing_three", "hashing_int32_out", "hashing_long_text"),
    *("hashing_one_column", "hashing_text", "hashing_text_mask", "hashing_text_salt"),
    *("hashing_text_salts", "hashing_vector", "string_lookup_salt"),
    *(f"string_lookup_{mode}_oov" for mode in ("int", "one_hot", "multi_hot", "count")),
)
YOUNGEST = {row: name for name in sorted(TRUTH) for row in [name.rpartition(".")[0]]}  # of each row one era


@pytest.mark.parametrize("name", YOUNGEST.values())
def test_row_through_onnx_runtime(name, folder):
    pytest.importorskip("onnxruntime")
    row = ROWS[name.rpartition(".")[0]]
    graph = KerasImporter().load(folder / f"{name}.keras")
    if row.name in HASHES_TEXTS:
        with pytest.raises(Unsupported, match="cannot hash texts"), interchange.open(graph, backend="onnxruntime"):
            pass
        return
    with interchange.open(graph, backend="onnxruntime") as model:
        (made,) = model(feeds_of(row)).values()
    check(made, TRUTH[name], row.tolerance)


# What is written as a file of Keras 3, of both eras: lookups, hashes, bins, texts, sounds.
WRITTEN = [
    name
    for name in sorted(TRUTH)
    if name.startswith(
        (
            *("category_", "crossing_", "discretization_", "hashing_", "integer_lookup_", "string_lookup_", "text_"),
            *("mel", "stft_", "auto_contrast", "Equalization_", "MaxNumBoundingBoxes_", "RandomCrop_"),
        )
    )
    and name not in ("crossing_three.k2", "RandomCrop_float32_2.k2", "RandomCrop_uint8_2.k2")
]
HAS_KERAS = importlib.util.find_spec("keras") is not None and importlib.util.find_spec("tensorflow") is not None


@pytest.mark.parametrize("name", WRITTEN)
def test_the_way_back(name, folder, tmp_path):
    """What is written computes what the Keras of the era computed: values, dtype and shape."""
    row = ROWS[name.rpartition(".")[0]]
    (new,) = interchange.save(KerasImporter().load(folder / f"{name}.keras"), tmp_path / "new.keras", to="keras")
    (made,) = evaluate(KerasImporter().load(new), feeds_of(row)).values()
    check(made, TRUTH[name], row.tolerance)


@pytest.mark.skipif(not HAS_KERAS, reason="Keras is not installed")
def test_keras_opens_what_is_written(folder, tmp_path):
    """Keras 3 itself computes the same, in one process of its own: every third file, and all that hold weights."""
    program = """
import sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    with np.load(path.with_suffix(".npz")) as stored:
        feeds = [stored[f"x{i}"] for i in range(len(stored.files) - 2)]
        truth, tolerance = stored["y"], float(stored["tolerance"])
    feeds = [tf.constant(x.tolist() if x.dtype.kind == "U" else x) for x in feeds]
    model = keras.models.load_model(path, compile=False)
    made = np.asarray(model(feeds if len(feeds) > 1 else feeds[0], training=False))
    if truth.dtype.kind == "U":
        made = np.array([text.decode() for text in made.ravel()]).reshape(made.shape)
        np.testing.assert_array_equal(made, truth, err_msg=path.name)
        continue
    assert made.dtype == truth.dtype, path.name
    np.testing.assert_allclose(
        made, truth, rtol=0, atol=tolerance * max(1, np.abs(truth).max(initial=0)), err_msg=path.name
    )
"""
    for name in sorted({*WRITTEN[::3], *(name for name in WRITTEN if "tf_idf" in name or "stft" in name)}):
        row = ROWS[name.rpartition(".")[0]]
        interchange.save(KerasImporter().load(folder / f"{name}.keras"), tmp_path / f"{name}.keras", to="keras")
        feeds = {f"x{i}": x for i, x in enumerate(row.inputs)}
        np.savez(tmp_path / f"{name}.npz", y=TRUTH[name], tolerance=row.tolerance, **feeds)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=_environment())


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"vocabulary": []}, "its vocabulary is empty"),
        ({"vocabulary": ["a", ""], "mask_token": ""}, "the mask token '' is one of its words"),
        ({"vocabulary": ["a", "?"], "oov_token": "?", "invert": True}, "'\\?', is one of its words"),
        ({"vocabulary": ["a", "b"], "max_tokens": 2}, "it has 3 words, more than max_tokens = 2"),
        ({"vocabulary": ["a", "b\0"]}, "ends with a null character"),
    ],
)
def test_vocabularies_that_keras_would_not_take(config, why):
    made = Made("StringLookup", dict(config))
    with pytest.raises(CannotExport, match=why):
        finish(made, {}, {}, (3, 15, 1), "float32")


def test_words_with_ends_of_lines_of_other_scripts_stay_whole(folder, tmp_path):
    """They go into the config: of a file of words, Keras 3 would make others."""
    words = ["a\x85b", "c\u2028d", "e\x0cf"]
    source = tmp_path / "old.keras"
    with zipfile.ZipFile(folder / "string_lookup_int_adapted.k3.keras") as old, zipfile.ZipFile(source, "w") as new:
        for name in old.namelist():
            is_words = name.endswith("vocabulary.txt")
            new.writestr(name, "\n".join(["[UNK]", *words]).encode() if is_words else old.read(name))
    (path,) = interchange.save(KerasImporter().load(source), tmp_path / "new.keras", to="keras")
    with zipfile.ZipFile(path) as archive:
        layer = json.loads(archive.read("config.json"))["config"]["layers"][1]
    assert layer["config"]["vocabulary"] == ["[UNK]", *words]
    (made,) = evaluate(KerasImporter().load(path), {"x0": np.array([[*words, "x"]], object)}).values()
    assert made.tolist() == [[1, 2, 3, 0]]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crossing_three.k2", "other than the two inputs that Keras 3 takes"),
        ("random_crop_wider.k2", "crops and resizes at inference"),
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


@pytest.mark.parametrize(
    ("name", "before", "since"),
    [
        ("discretization_int", "int64", "int32"),
        ("hashing_int32_out", "int64", "int32"),
        ("resizing_bicubic_float16", "float32", "float16"),
        ("resizing_bilinear_float16", "float32", "float16"),
        ("resizing_nearest_float16", "float16", "float16"),
        ("resizing_uint8_nearest", "uint8", "float32"),
    ],
)
def test_dtypes_before_2_8(name, before, since, folder, tmp_path):
    """As TensorFlow 2.6.5 and 2.10.1 gave them, for these models of theirs."""
    for version, dtype in (("2.6.0", before), ("2.10.0", since)):
        path = shutil.copy(folder / f"{name}.k2.h5", tmp_path / f"{version}.h5")
        with h5py.File(path, "r+") as file:
            file.attrs["keras_version"] = version
            if name == "discretization_int":  # before 2.8 a layer of bins had the usual dtype
                file.attrs["model_config"] = file.attrs["model_config"].replace('"int64"', '"float32"')
        (made,) = evaluate(KerasImporter().load(path), feeds_of(ROWS[name])).values()
        assert made.dtype == dtype


def test_dtypes_before_2_8_go_to_keras_3():
    bins = Made("Discretization", {"bin_boundaries": [0.0, 1.0]})
    finish(bins, {}, {}, (2, 6), "float32")
    assert [(name, config["dtype"]["config"]["name"]) for name, config in bins.after] == [("Rescaling", "int64")]
    hashes = Made("Hashing", {"num_bins": 7, "output_mode": "int"})
    finish(hashes, {}, {}, (2, 6), "int32")
    assert hashes.config["dtype"]["config"]["name"] == "int64"
