"""What the real versions of tf.keras from TensorFlow 1.13 on wrote and computed (tests/golden/keras_versions)."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
from interchange_keras import KerasExporter, KerasImporter

import interchange
from interchange.errors import BadInput, InterchangeError, Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_versions"


def _module(name):
    spec = importlib.util.spec_from_file_location(f"keras_versions_{name}", GOLDEN / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rows():
    rows = _module("rows")
    _module("functions").fill(rows.row, rows.values, rows.PICTURE)
    return {row.name: row for row in rows.ROWS}


ROWS = _rows()
with tarfile.open(GOLDEN / "models.tar.xz") as _archive:
    FILES = {entry.name: _archive.extractfile(entry).read() for entry in _archive}
TRUTH = arrays_in(GOLDEN / "outputs.npz")
SAME = json.loads(str(TRUTH.pop("same")))  # file -> the first one with these outputs

# Rows that are refused, in all versions or in some, and what is said. Anything else must be right.
REFUSED: Mapping[str, str] = {
    r"int32_prelu(_after_flip)?": "input of .* is not known",
    r"int32_dot(_after_flip)?": "four dimensions",
    r"uint8_global_average(_after_flip)?": "input of uint8 is not known",  # its sum overflowed before TensorFlow 2.3
    r"call_einsum": "does not write down",
    r"mask_(bidirectional|bidirectional_pooled|zero_output)": "zeros for masked steps",
    r"mask_softmax(_of_scores)?": "Softmax layer with a mask",
    r"normalization_constant_column": "a variance of 0",
    r"category_encoding_tf-idf_max_tokens": "output_mode is",
    r"text_\w+|(string|integer)_lookup_adapted": "its vocabulary is not in the file",
}


def load(name, folder, **options):
    path = folder / f"model{Path(name).suffix}"
    path.write_bytes(FILES[name])
    row = ROWS[name.partition("@")[0]]
    refusal = None
    try:
        graph = KerasImporter().load(path, **options)
    except InterchangeError as error:
        refusal = error
    if refusal is not None:
        said = next((why for names, why in REFUSED.items() if re.fullmatch(names, row.name)), None)
        assert said is not None, refusal
        assert re.search(said, str(refusal)), refusal
        assert isinstance(refusal, Unsupported) or refusal.code == "IX207"
        return None, {}
    feeds = {f"x{i}": x.astype(object) if x.dtype.kind == "U" else x for i, x in enumerate(row.feeds())}
    return graph, {key: feeds[key if len(feeds) > 1 else "x0"] for key in graph.inputs}


def check(name, made):
    stem = SAME[name.removesuffix(Path(name).suffix)]
    assert len(made) == sum(key.rpartition(":")[0] == stem for key in TRUTH)
    for i, value in enumerate(made):
        known = TRUTH[f"{stem}:{i}"]
        if known.dtype.kind == "U":
            assert value.astype(str).tolist() == known.tolist()
            continue
        assert (value.dtype, value.shape) == (known.dtype, known.shape)
        np.testing.assert_allclose(value, known, rtol=1e-4, atol=2e-5)


# Rows that some version computes otherwise than the next, all of them; a third of the others.
CHANGED = re.compile(
    ".*(up_sampling_bilinear|crop|hashing|discretization|normalization|mask_|leaky|slope|global_average).*"
)
TRIED = [name for i, name in enumerate(FILES) if i % 3 == 0 or CHANGED.match(name)]


@pytest.mark.parametrize("name", TRIED)
def test_file(name, tmp_path):
    graph, feeds = load(name, tmp_path)
    if graph is not None:
        with np.errstate(all="ignore"):
            check(name, list(evaluate(graph, feeds).values()))
        assert "unused_weights" not in graph.metadata


FLOATS = [name for name in FILES if ROWS[name.partition("@")[0]].inputs[0].dtype == np.float32]
FLOATS = [name for name in FLOATS if "constant_column" not in name]


@pytest.mark.parametrize("name", FLOATS[::12])
def test_file_in_onnxruntime(name, tmp_path):
    pytest.importorskip("onnxruntime")
    graph, feeds = load(name, tmp_path)
    if graph is not None:
        with interchange.open(graph, backend="onnxruntime") as model:
            check(name, list(model(feeds).values()))


def test_few_are_refused():
    refused = [name for name in FILES if any(re.fullmatch(row, name.partition("@")[0]) for row in REFUSED)]
    assert len(refused) < len(FILES) / 7
    assert len({name.partition("@")[2] for name in FILES}) >= 8


SETTLED = [
    name
    for name in FILES
    if re.fullmatch(
        r"(mask_(bidirectional(_pooled)?|zero_output)@tf-2\.1\..*"
        r"|(mask_softmax(_of_scores)?|normalization_constant_column)@tf-2\.[34]\..*"
        r"|int32_dot(_after_flip)?@tf-(1|2\.0)\..*)",
        name,
    )
]


@pytest.mark.parametrize("name", SETTLED)
def test_the_tensorflow_that_wrote_it_settles_it(name, tmp_path):
    path = tmp_path / f"untold{Path(name).suffix}"
    path.write_bytes(FILES[name])
    with pytest.raises(Unsupported, match=r"--import-option tensorflow=\d\.\d+ or \d\.\d"):
        KerasImporter().load(path)
    tensorflow = re.search(r"@tf-([\d.]+)\.(h5|keras)$", name).group(1)
    graph, feeds = load(name, tmp_path, tensorflow=tensorflow)
    with np.errstate(all="ignore"):
        check(name, list(evaluate(graph, feeds).values()))


def test_some_are_settled():
    assert len(SETTLED) >= 6


def _edited(name, folder, change=None, version=None):
    """The file with other options of its recurrent layers, or of another version."""
    content = io.BytesIO(FILES[name])
    with h5py.File(content, "r+") as file:
        document = json.loads(file.attrs["model_config"])
        for layer in document["config"]["layers"]:
            inner = layer["config"].get("layer", layer)
            if inner["class_name"] == "LSTM":
                inner["config"].update(change or {})
        file.attrs["model_config"] = json.dumps(document)
        file.attrs["keras_version"] = version or file.attrs["keras_version"]
    path = folder / f"edited{Path(name).suffix}"
    path.write_bytes(content.getvalue())
    return path


def _masked_steps(path, **options):
    """What a Bidirectional gives behind the last step that counts."""
    graph = KerasImporter().load(path, **options)
    tokens = np.array([[1, 2, 3, 0, 0, 0]] * 4, np.int32)
    (made,) = evaluate(graph, {next(iter(graph.inputs)): tokens}).values()
    return made[:, 3:, :3]


FUSED = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True, "implementation": 2}


@pytest.mark.parametrize(
    ("tensorflow", "change", "zeros"),
    [
        ("2.0.4", {}, False),
        ("2.0.4", {"implementation": 1}, False),  # a fused kernel does not ask for it
        ("2.0.4", {"unroll": True}, True),  # no fused kernel does these
        ("2.0.4", {"recurrent_dropout": 0.2}, True),
        ("2.1.4", {"recurrent_dropout": 0.2}, True),
        ("1.15.5", FUSED, True),  # TensorFlow 1 has no fused kernel behind an LSTM
    ],
)
def test_only_layers_that_could_be_fused_forgot_zeros(tensorflow, change, zeros, tmp_path):
    made = _masked_steps(_edited(f"mask_bidirectional@tf-{tensorflow}.h5", tmp_path, change))
    assert bool((made == 0).all()) is zeros


def test_what_tensorflow_2_2_made_of_masked_steps(tmp_path):
    path = _edited("mask_bidirectional@tf-2.1.4.h5", tmp_path)
    assert (_masked_steps(path, tensorflow="2.2") == 0).all()
    assert (_masked_steps(path, tensorflow="2.1.0") != 0).all()


@pytest.mark.parametrize(("version", "same"), [("2.2.4", "tf-1.13.2"), ("2.3.1", "tf-2.0.4")])
def test_what_a_product_of_pictures_was_before_keras_2_3(version, same, tmp_path):
    graph = KerasImporter().load(_edited("int32_dot@tf-1.13.2.h5", tmp_path, version=version))
    check(f"int32_dot@{same}.h5", list(evaluate(graph, {"x0": ROWS["int32_dot"].inputs[0]}).values()))


@pytest.mark.parametrize(
    ("version", "tensorflow", "why"),
    [
        ("2.3.0-tf", "2.3", "TensorFlow 2.1, 2.2"),
        ("2.3.0", "2.1", "needs it not"),  # that of Keras itself
        ("2.3.0-tf", "2", "TensorFlow 2.1, 2.2"),
        ("2.2.4-tf", "1.15", "it is of TensorFlow 2"),
    ],
)
def test_a_tensorflow_that_cannot_have_written_it(version, tensorflow, why, tmp_path):
    path = _edited("mask_bidirectional@tf-2.1.4.h5", tmp_path, version=version)
    with pytest.raises(BadInput, match=why):
        KerasImporter().load(path, tensorflow=tensorflow)


@pytest.mark.parametrize(
    ("name", "version", "why"),
    [
        ("mask_bidirectional@tf-2.0.4.h5", None, "what becomes of masks"),
        ("mask_zero_output@tf-2.0.4.h5", None, "what becomes of masks"),
        ("mask_bidirectional@tf-2.3.4.h5", "2.2.4", "what becomes of masks"),  # of Keras itself
        ("bidirectional_LSTM@tf-2.3.4.h5", "2.2.4", None),  # without a mask
        ("mask_bidirectional@tf-2.3.4.h5", None, None),
        ("mask_gru_reset_after@tf-2.0.4.h5", None, None),
    ],
)
def test_masked_steps_are_not_written_for_keras_3_as_something_else(name, version, why, tmp_path):
    graph = KerasImporter().load(_edited(name, tmp_path, version=version))
    if why is not None:
        with pytest.raises(Unsupported, match=why):
            KerasExporter().save(graph, tmp_path / "again.keras")
        return
    KerasExporter().save(graph, tmp_path / "again.keras")
    again = KerasImporter().load(tmp_path / "again.keras")
    (feed,) = ROWS[name.partition("@")[0]].feeds()
    made, known = (next(iter(evaluate(g, dict.fromkeys(g.inputs, feed)).values())) for g in (again, graph))
    np.testing.assert_allclose(made, known, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "era"),
    [
        ("hashing@tf-2.3.4.h5", "Keras 2; Hashing: the salt was not used"),
        ("mask_bidirectional@tf-2.0.4.h5", "Keras 2; Bidirectional: a fused kernel made no zeros for masked steps"),
        ("mask_bidirectional@tf-2.3.4.h5", "Keras 2; nothing in it means something else today"),
        ("mask_gru_reset_after@tf-2.0.4.h5", "Keras 2; nothing in it means something else today"),
        ("center_crop_uint8@tf-2.3.4.h5", "Keras 2; CenterCrop: whole numbers stay what they are"),
    ],
)
def test_the_era_says_what_that_version_computed_otherwise(name, era, tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(FILES[name])
    assert KerasImporter().load(path).metadata["era"] == era
