"""What Keras 1.0 to 2.3 saved and computed, on TensorFlow 1 and Theano: tests/golden/keras_old, made by themselves."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasExporter, KerasImporter

import interchange
from interchange.errors import InterchangeError, Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_old"
ROWS = {major: sys.modules[f"keras_old_rows{major}"].T.names() for major in "12"}
MADE = json.loads((GOLDEN / "made.json").read_text())
FILES: dict[str, list[str]] = defaultdict(list)  # "1/conv2d_same_th" -> "1.2.2.theano" …
for _who, _made in MADE.items():
    for _name in _made["kept"]:
        FILES[f"{_who[0]}/{_name}"].append(_who)

# What cannot be known from a file of Keras 1.1 and 1.2: the version of Theano.
REFUSED = {
    f"conv3d_{what}_{ordering}.{version}.theano": "depends on the version of Theano"
    for what in ("same", "even")
    for ordering in ("tf", "th")
    for version in ("1.1.2", "1.2.2")
}

ALONE = tuple(f"1/{kind}{n}d" for kind in ("cropping", "upsampling", "zero_padding") for n in (2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return unpacked(GOLDEN / "saved.tar.xz", tmp_path_factory.mktemp("keras_old"))


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    return arrays_in(GOLDEN / "outputs.npz")


def expected(truth, row, who):
    """What that Keras computed, under the row's own name where it is what all of them did."""
    found = []
    while (key := f"{row}.{who}:{len(found)}") in truth or (key := f"{row}:{len(found)}") in truth:
        found.append(truth[key])
    return found


def options_for(row, path):
    """What a file of Keras 1 does not hold: the dim_ordering of some layers, where one is all that there is; the
    backend, where there are no weights. Its architecture, where it could save weights only."""
    options = {}
    if row.startswith(ALONE):
        options["data_format"] = "channels_first" if row.endswith("_th") else "channels_last"
    if row.startswith("1/") and "_pool" in row:
        options["backend"] = path.stem.rpartition(".")[2]
    if path.with_suffix(".json").exists():
        options["architecture"] = path.with_suffix(".json")
    return options


@pytest.mark.parametrize("row", FILES)
def test_row(row, folder, truth):
    major, name = row.split("/")
    feeds = [feed.array(i) for i, feed in enumerate(ROWS[major][name].feeds)]
    for who in FILES[row]:
        path = folder / f"{name}.{who}.h5"
        if f"{name}.{who}" in REFUSED:
            with pytest.raises(Unsupported) as refused:
                KerasImporter().load(path)
            assert REFUSED[f"{name}.{who}"] in str(refused.value.why)
            continue
        graph = KerasImporter().load(path, **options_for(row, path))
        made = list(evaluate(graph, dict(zip(graph.inputs, feeds, strict=True))).values())
        known = expected(truth, row, who)
        assert len(made) == len(known) > 0
        for value, array in zip(made, known, strict=True):
            assert (value.shape, value.dtype) == (array.shape, array.dtype), who
            np.testing.assert_allclose(value, array, rtol=2e-5, atol=5e-6, err_msg=who)
        assert "unused_weights" not in graph.metadata, who
        version, backend = who.rsplit(".", 1)
        writer = f"Keras {version}" if who != "1.0.0.theano" else "Keras, version not recorded"  # since 1.0.5
        assert graph.metadata["producer"] in (f"{writer}, backend {backend}", writer), who


@pytest.mark.parametrize("row", [row for row in FILES if row.startswith(ALONE)])
def test_a_dim_ordering_that_nothing_tells(row, folder):
    """With the wrong one there would be other numbers, and no error."""
    with pytest.raises(Unsupported, match="cannot be converted") as refused:
        KerasImporter().load(folder / f"{row[2:]}.{FILES[row][-1]}.h5")
    assert "data_format=channels_first" in str(refused.value)


def test_the_backend_of_a_file_of_keras_1_is_in_its_weights_names(folder, truth):
    """And whoever knows better can say so."""
    feeds = {"x0": ROWS["1"]["conv2d_plain_th"].feeds[0].array(0)}
    made = {}
    for who, given in (("1.2.2.theano", ""), ("1.2.2.theano", "theano"), ("1.2.2.theano", "tensorflow")):
        graph = KerasImporter().load(folder / f"conv2d_plain_th.{who}.h5", **({"backend": given} if given else {}))
        (made[given],) = evaluate(graph, feeds).values()
    assert (made[""] == made["theano"]).all()
    assert np.abs(made["theano"] - made["tensorflow"]).max() > 1


@pytest.mark.parametrize("row", FILES)
def test_onnxruntime(row, folder):
    """What the operators say is what ONNX Runtime computes."""
    pytest.importorskip("onnxruntime")
    major, name = row.split("/")
    who = FILES[row][-1]
    if f"{name}.{who}" in REFUSED:
        who = FILES[row][0]
    path = folder / f"{name}.{who}.h5"
    graph = KerasImporter().load(path, **options_for(row, path))
    feeds = [feed.array(i) for i, feed in enumerate(ROWS[major][name].feeds)]
    named = dict(zip(graph.inputs, feeds, strict=True))
    with interchange.open(graph, backend="onnxruntime") as model:
        made = model(named)
    for output, value in evaluate(graph, named).items():
        np.testing.assert_allclose(made[output], value, rtol=2e-5, atol=1e-5)


def made_table():
    """What docs/keras.md says of the files."""
    lines = ["| Keras | backend | rows | files |", "|---|---|---|---|"]
    for who, made in sorted(MADE.items(), key=lambda item: [*map(int, item[0].split(".")[:3]), item[0]]):
        version, backend = who.rsplit(".", 1)
        lines.append(f"| {version} | {backend} | {made['rows']} | {len(made['kept'])} |")
    return "\n".join(lines) + "\n"


def test_the_documentation_says_what_was_made():
    assert made_table() in (GOLDEN.parents[2] / "docs" / "keras.md").read_text("utf-8")


def test_what_keras_1_did_not_save_is_said(folder):
    said = KerasImporter().load(folder / "conv_lstm_back_tf.1.2.2.tensorflow.h5").metadata["era"]
    assert "ConvLSTM2D: strides was not saved, 1 is taken" in said
    said = KerasImporter().load(folder / "conv_lstm_back_last.2.3.1.tensorflow.h5").metadata["era"]
    assert "not saved" not in said


# A fifth of the rows, and layers whose weights or meaning have changed most.
BACK = [row for i, row in enumerate(FILES) if i % 5 == 0 or "conv_lstm" in row or "upsampling" in row]


@pytest.mark.parametrize("row", BACK)
def test_the_way_back(row, folder, truth, tmp_path):
    """What is written as a file of Keras 3 computes what that Keras computed; else it is refused."""
    major, name = row.split("/")
    who = FILES[row][-1]
    path = folder / f"{name}.{who}.h5"
    if f"{name}.{who}" in REFUSED:
        return
    graph = KerasImporter().load(path, **options_for(row, path))
    try:
        (new,) = KerasExporter().save(graph, tmp_path / "new.keras")
    except InterchangeError as error:
        why = error.code
        assert not list(tmp_path.iterdir())
    else:
        why = ""
        feeds = [feed.array(i) for i, feed in enumerate(ROWS[major][name].feeds)]
        again = KerasImporter().load(new)
        made = list(evaluate(again, dict(zip(again.inputs, feeds, strict=True))).values())
        for value, known in zip(made, expected(truth, row, who), strict=True):
            assert (value.dtype, value.shape) == (known.dtype, known.shape)
            np.testing.assert_allclose(value, known, rtol=1e-4, atol=1e-5)
    assert why in ("", "IX303")
    assert not why or "lstm" not in name or "state" in name or who.endswith("theano")
