"""Inputs of every dtype against real Keras 2 and 3 (tests/golden/keras_inputs): the same numbers in the same dtype, or
one error that says that it is not known; never numbers in another precision.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasExporter, KerasImporter
from interchange_keras.dtypes import RULES
from interchange_keras.layers import random

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_inputs"
HALF_PIXEL, ASYMMETRIC = [0, 0.25, 0.75, 1], [0, 0.5, 1, 1]
TRUTH = arrays_in(GOLDEN / "outputs.npz")
# tests/golden/keras_preprocessing
PICTURES = ("AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "RandomCrop", "Resizing")
# Keras 3 gives whole numbers back where these are called, as in tests/golden/keras_preprocessing, but float32 where the
# model predicts, as here.
PREDICTED = ("RandomBrightness", "RandomContrast")
FILES = sorted({key.rpartition(":")[0] for key in TRUTH})


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("keras_inputs"))


def test_every_file(folder):
    wrong, refused = {}, Counter()
    for name in FILES:
        feeds = [TRUTH[key] for key in sorted(TRUTH) if key.startswith(f"{name}:x")]
        try:
            graph = KerasImporter().load(folder / name)
        except InterchangeError as error:
            if error.code != "IX301" or "is not known" not in str(error):
                wrong[name] = str(error)
            refused[name.partition(".")[0]] += 1
            continue
        (made,) = evaluate(graph, dict(zip(graph.inputs, feeds, strict=True))).values()
        expected = TRUTH[f"{name}:y0"]
        if name.startswith(PREDICTED) and ".k3." in name:
            made = made.astype(expected.dtype)
        if made.dtype != expected.dtype or made.shape != expected.shape:
            wrong[name] = f"{made.dtype}{made.shape} instead of {expected.dtype}{expected.shape}"
        elif not np.allclose(made.astype("f8"), expected.astype("f8"), rtol=2e-5, atol=1e-5):
            wrong[name] = "other numbers"
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())
    decided = {name for rule in RULES for name in rule.classes.split()}
    print(dict(refused))
    assert sum(refused.values()) < len(FILES) / 5
    elsewhere = {"UpSampling2D/bicubic", "ReversibleEmbedding", *PICTURES, *random.LAYERS, "TFDConcat", "TFDIdentity"}
    elsewhere |= {"Dot", "ThresholdedReLU"}  # tests/golden/keras_versions
    assert {name.partition(".")[0].replace("-", "/") for name in FILES} >= decided - elsewhere


def test_unknown(folder):
    name = "LayerNormalization.int32.k3.keras"
    with pytest.raises(InterchangeError, match="an input of int32 is not known"):
        KerasImporter().load(folder / name)


@pytest.mark.parametrize(
    ("version", "backend", "samples"),
    [
        ("2.15.0", "tensorflow", HALF_PIXEL),
        ("2.3.0-tf", "tensorflow", HALF_PIXEL),
        ("2.2.4", "tensorflow", ASYMMETRIC),
        ("2.3.1", "tensorflow", ASYMMETRIC),
        ("2.2.4", "theano", None),
        ("2.2.4-tf", "tensorflow", HALF_PIXEL),
        ("2.2.4-tf without ragged", "tensorflow", HALF_PIXEL),  # as 2.0 writes; 1.14 never wrote `interpolation`
    ],
)
def test_bilinear_samples(version, backend, samples, edited):
    """[0, 1] twice as wide: [0, ¼, ¾, 1], or with the samples at the pixels' corners [0, ½, 1, 1]."""

    def change(document):
        first, layer = document["config"]["layers"]
        first["config"]["batch_input_shape"] = [None, 1, 2, 1]
        layer["config"]["size"] = [1, 2]
        if "without" in version:
            del first["config"]["ragged"]

    def sign(file):
        file.attrs["keras_version"], file.attrs["backend"] = version.partition(" ")[0], backend

    path = edited("up_sampling2d_bilinear.k2.h5", config=change, file=sign)
    if samples is None:
        with pytest.raises(InterchangeError, match="bilinear"):
            KerasImporter().load(path)
        return
    graph = KerasImporter().load(path)
    feed = np.array([0, 1], np.float32).reshape(1, 1, 2, 1)
    (made,) = evaluate(graph, dict.fromkeys(graph.inputs, feed)).values()

    np.testing.assert_allclose(made.ravel(), samples, atol=1e-6)


def test_the_way_back(folder, tmp_path):
    """What is written as a file of Keras 3 gives the same numbers in the same dtype; else it is refused."""
    wrong: dict[str, str] = {}
    refused: set[tuple[str, str]] = set()
    for name in FILES:
        feeds = [TRUTH[key] for key in sorted(TRUTH) if key.startswith(f"{name}:x")]
        try:
            graph = KerasImporter().load(folder / name)
        except InterchangeError:
            continue
        try:
            (path,) = KerasExporter().save(graph, tmp_path / f"{name}.keras")
        except InterchangeError as error:
            refused.add((name.partition(".")[0], error.code))
            continue
        (expected,) = evaluate(graph, dict(zip(graph.inputs, feeds, strict=True))).values()
        again = KerasImporter().load(path)
        (made,) = evaluate(again, dict(zip(again.inputs, feeds, strict=True))).values()
        if (made.dtype, made.shape) != (expected.dtype, expected.shape):
            wrong[name] = f"{made.dtype}{made.shape} instead of {expected.dtype}{expected.shape}"
        elif not np.allclose(made.astype("f8"), expected.astype("f8"), rtol=2e-5, atol=1e-5):
            wrong[name] = "other numbers"
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())
    averages = {f"GlobalAveragePooling{n}D" for n in (1, 2, 3)}
    others = {"LayerNormalization", "Multiply", "UnitNormalization", "UpSampling2D-bilinear"}
    assert refused == {(name, "IX303") for name in (*averages, *others)}
