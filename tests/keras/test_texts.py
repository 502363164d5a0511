"""A classifier of texts end to end; vocabularies, where they are and where they are not."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_keras import KerasImporter
from interchange_keras.eras import parse_version
from interchange_keras.layer import Fault, Layer
from interchange_keras.layers.lookup import integer_lookup, string_lookup

import interchange
from interchange.builder import Builder
from interchange.cli import main
from interchange.errors import BadInput, InterchangeError, Unsupported
from interchange.evaluate import evaluate

FOLDER = Path(__file__).parent.parent / "golden" / "keras_text"
MODEL, TABLE = FOLDER / "reviews.keras", FOLDER / "reviews.csv"
VOCABULARY = "assets/layers/text_vectorization/vocabulary.txt"


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr()


def test_every_backend_gives_the_answers_of_keras(capsys):
    pytest.importorskip("onnxruntime")
    code, said = command(capsys, "verify", MODEL, TABLE, "--backend", "numpy", "--backend", "onnxruntime", "--json")
    assert code == 0, said.err
    report = json.loads(said.out)
    assert report["agreed"]
    assert "golden" in said.out


def test_texts_through_files(tmp_path, capsys):
    """Source, weights file and ONNX, and what is made of that again, give Keras's answers on a table and on arrays."""
    pytest.importorskip("onnxruntime")
    with np.load(FOLDER / "golden.npz") as stored:
        truth = stored["good"]
    weights, onnx, again = (tmp_path / name for name in ("a.safetensors", "a.onnx", "b.safetensors"))
    for source, kind, target in ((MODEL, "weights", weights), (MODEL, "onnx", onnx), (onnx, "weights", again)):
        assert command(capsys, "convert", source, "--to", kind, "-o", target)[0] == 0
    for model in (MODEL, weights, onnx, again):
        code, said = command(capsys, "run", model, TABLE, "--json")
        assert code == 0, said.err
        made = np.array(json.loads(said.out)["outputs"][0]["values"])
        np.testing.assert_allclose(made, truth, rtol=0, atol=1e-6)


def test_inputs_of_texts_for_run(tmp_path, capsys):
    graph = KerasImporter().load(MODEL)
    feeds = {"review": np.array([["boring, dull"]]), "author": np.array([["bot"]]), "stars": np.array([[2.0]])}
    (truth,) = evaluate(graph, feeds)["good"].ravel()
    (tmp_path / "review.csv").write_text('"boring, dull"\n')
    (tmp_path / "author.json").write_text('[["bot"]]')
    np.save(tmp_path / "stars.npy", feeds["stars"])
    np.savez(tmp_path / "all.npz", **feeds)
    parts = [tmp_path / "review.csv", f"author={tmp_path / 'author.json'}", f"stars={tmp_path / 'stars.npy'}"]
    for files in (parts, [tmp_path / "all.npz"]):
        code, said = command(capsys, "run", MODEL, *files, "--json")
        assert code == 0, said.err
        assert json.loads(said.out)["outputs"][0]["values"] == [[pytest.approx(truth, abs=1e-6)]]


def test_what_is_no_text_is_refused():
    graph = KerasImporter().load(MODEL)
    good = {"review": np.array([["a"]]), "author": np.array([["bot"]]), "stars": np.array([[2.0]])}
    for bad in (np.array([[1.0]]), np.array([[None]], object), np.array([["a"], [3]], object), np.array([[b"a"]])):
        with pytest.raises(BadInput, match=r"review.*(string|text)"):
            evaluate(graph, {**good, "review": bad})


# --- vocabularies ----------------------------------------------------------------------------------------------------


@pytest.fixture
def with_asset(tmp_path) -> Callable[..., Path]:
    """The model with another vocabulary, or none."""

    def change(content: bytes | None) -> Path:
        path: Path = tmp_path / "changed.keras"
        with zipfile.ZipFile(MODEL) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                data = content if name.endswith("vocabulary.txt") else old.read(name)
                if data is not None:
                    new.writestr(name, data)
        return path

    return change


def error_of(path: Path) -> InterchangeError:
    with pytest.raises(InterchangeError) as caught:
        KerasImporter().load(path)
    return caught.value


def test_a_vocabulary_of_another_system(with_asset):
    with zipfile.ZipFile(MODEL) as archive:
        data = archive.read(VOCABULARY)
    same, other = KerasImporter().load(with_asset(data.replace(b"\n", b"\r\n"))), KerasImporter().load(MODEL)
    assert same.nodes == other.nodes


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "vocabulary is not in the file"),
        (b"", "has 1 lines for 40 words"),
        (b"\n[UNK]\na\nb", "has 4 lines for 40 words"),
        (b"\xff\n" * 39, "is not UTF-8"),
        ("\n".join(["", "[UNK]", *["a"] * 38]).encode(), "holds a word twice"),
    ],
)
def test_a_vocabulary_that_is_none(with_asset, content, why):
    error = error_of(with_asset(content))
    assert error.code in ("IX301", "IX203")
    assert why in str(error)
    assert "words (TextVectorization)" in str(error)


def test_weights_alone_hold_no_vocabulary(tmp_path):
    """An architecture from JSON lacks the assets of the .keras file; with one of its own it has them."""
    with zipfile.ZipFile(MODEL) as archive:
        (tmp_path / "model.json").write_bytes(archive.read("config.json"))
        (tmp_path / "model.weights.h5").write_bytes(archive.read("model.weights.h5"))
    with pytest.raises(Unsupported, match="vocabulary is not in the file"):
        KerasImporter().load(tmp_path / "model.weights.h5", architecture=str(tmp_path / "model.json"))
    shutil.copy(MODEL, tmp_path / "copy.keras")
    KerasImporter().load(tmp_path / "copy.keras", architecture=str(tmp_path / "model.json"))


# --- tables ----------------------------------------------------------------------------------------------------------


def made(function: Any, x: np.ndarray, version: str = "3.15.1", **options: Any) -> np.ndarray:
    """What a layer function makes of x."""
    builder = Builder()
    layer = Layer("l", "L", version=parse_version(version), backend="tensorflow", builder=builder, arrays={})
    builder.input("x", x.dtype.name, ("batch", *x.shape[1:]))
    y = function(layer, "x", **options)
    result: np.ndarray = evaluate(builder.graph([y], {}), {"x": x})[y]
    return result


WORDS = st.text(st.sampled_from("abéÉ日 "), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(WORDS.filter(bool), min_size=1, max_size=6, unique=True),
    st.lists(WORDS, min_size=1, max_size=8),
    st.integers(1, 3),
    st.sampled_from([None, "", "mask"]),
)
def test_a_table_and_its_inverse(vocabulary, words, oov, mask):
    x = np.array([*words, None], object)[:-1]
    options: dict[str, Any] = {"vocabulary": vocabulary, "mask_token": mask, "num_oov_indices": oov}
    numbers = made(string_lookup, x, **options)
    start = oov + (mask is not None)
    for word, number in zip(words, numbers.tolist(), strict=True):
        if word == mask:
            assert number == 0
        elif word in vocabulary:
            assert number == start + vocabulary.index(word)
        else:
            assert start - oov <= number < start
    back = made(string_lookup, numbers, invert=True, oov_token="?", **options)
    expected = [w if w in vocabulary else mask if w == mask else "?" for w in words]
    assert back.tolist() == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(-9, 9) | st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=8),
)
def test_vectors_are_counts_of_numbers(vocabulary, values):
    x = np.array([values], np.int64)
    numbers = made(integer_lookup, x, vocabulary=vocabulary)
    counts = made(integer_lookup, x, vocabulary=vocabulary, output_mode="count")
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts[0], np.bincount(numbers[0], minlength=len(vocabulary) + 1))
    flags = made(integer_lookup, x, vocabulary=vocabulary, output_mode="multi_hot")
    np.testing.assert_array_equal(flags, np.minimum(counts, 1))
    each = made(integer_lookup, x, vocabulary=vocabulary, output_mode="one_hot")
    np.testing.assert_array_equal(each.sum(1), counts)


@pytest.mark.parametrize("mode", ["int", "count"])
def test_without_a_place_for_unknown_words_they_are_an_error(mode):
    known, unknown = np.array([["a", "b"]], object), np.array([["a", "x"]], object)
    options: dict[str, Any] = {"vocabulary": ["a", "b"], "num_oov_indices": 0, "mask_token": "", "output_mode": mode}
    made(string_lookup, known, **options)
    with pytest.raises(BadInput, match="Gather cannot compute"):
        made(string_lookup, unknown, **options)


def test_what_an_old_version_did_with_masks_is_not_guessed():
    x = np.array([["a", ""]], object)
    options: dict[str, Any] = {"vocabulary": ["a"], "mask_token": ""}
    assert made(string_lookup, x, "2.4.0", **options).tolist() == [[2, 0]]
    with pytest.raises(Fault, match="not certain"):
        made(string_lookup, x, "2.4.0", output_mode="multi_hot", **options)


def test_a_vocabulary_in_a_file_elsewhere_is_not_read(tmp_path):
    (tmp_path / "words.txt").write_text("a\n")
    with pytest.raises(Fault, match="in another file"):
        made(string_lookup, np.array([["a"]], object), vocabulary=str(tmp_path / "words.txt"))


def test_names_of_an_old_version(tmp_path):
    """tf.keras 2.3 … 2.5 wrote other names of options, and `binary` for `multi_hot`."""
    graph = interchange.load(_old(tmp_path, "CategoryEncoding", {"max_tokens": 4, "output_mode": "binary"}))
    (y,) = evaluate(graph, {"x": np.array([[0, 2, 2]], np.int64)}).values()
    assert y.tolist() == [[1, 0, 1, 0]]
    graph = interchange.load(_old(tmp_path, "Discretization", {"bins": [0.0, 2.0]}))
    (y,) = evaluate(graph, {"x": np.array([[-1, 0, 5]], np.int64)}).values()
    assert y.tolist() == [[0, 1, 2]]
    config = {"max_values": None, "num_oov_indices": 1, "mask_value": 0, "oov_value": -1, "vocabulary": [7, 9]}
    graph = interchange.load(_old(tmp_path, "IntegerLookup", config))
    (y,) = evaluate(graph, {"x": np.array([[9, 0, 1]], np.int64)}).values()
    assert y.tolist() == [[3, 0, 1]]


def _old(folder: Path, class_name: str, config: dict[str, Any]) -> Path:
    import h5py

    first = {"name": "x", "batch_input_shape": [None, 3], "dtype": "int64", "sparse": False, "ragged": False}
    layers = [
        {"class_name": "InputLayer", "config": first},
        {"class_name": class_name, "config": {"name": "l", "trainable": True, "dtype": "float32", **config}},
    ]
    document = {"class_name": "Sequential", "config": {"name": "old", "layers": layers}}
    path = folder / f"{class_name}.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(document)
        file.attrs["keras_version"] = "2.4.0"
        file.attrs["backend"] = "tensorflow"
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"l"])
        file["model_weights"].create_group("l").attrs["weight_names"] = np.array([], "S1")
    return path
