"""Rows that versions of Keras 3 computed differently, from the files that they wrote (tests/golden/keras_versions)."""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasExporter, KerasImporter

import interchange
from interchange.errors import Unsupported
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_versions"
with tarfile.open(GOLDEN / "keras3.tar.xz") as _archive:
    FILES = {entry.name: _archive.extractfile(entry).read() for entry in _archive}
TRUTH = arrays_in(GOLDEN / "keras3.npz")
ROWS = {case.name: case for case in sys.modules["keras_versions_make"].cases("3")}

REFUSED = {
    r"calls\.up_sampling2d_bilinear_first@keras-3\.[01]\..*": "took the sizes",
    r"versions\.u?int\d+_up_sampling_bilinear.*": "is not known",
    r"preprocessing\.resizing_uint8_bicubic@keras-3\.[0-5]\..*": "may leave their range",
}
ONE = re.compile(r".*resizing_uint8@.*")  # halves, and what sums to a whole number, may fall to either side


def opened(name, folder):
    path = folder / "model.keras"
    path.write_bytes(FILES[name])
    graph = KerasImporter().load(path)
    feeds = {f"x{i}": x.astype(object) if x.dtype.kind == "U" else x for i, x in enumerate(ROWS[row_of(name)].feeds())}
    return graph, {key: feeds[key if len(feeds) > 1 else "x0"] for key in graph.inputs}


def row_of(name):
    return name.partition("@")[0]


def why_refused(name):
    return next((why for names, why in REFUSED.items() if re.fullmatch(names, name)), None)


def check(name, made):
    stem = name.removesuffix(".keras")
    assert len(made) == sum(key.rpartition(":")[0] == stem for key in TRUTH)
    for i, value in enumerate(made):
        known = TRUTH[f"{stem}:{i}"]
        assert (value.dtype, value.shape) == (known.dtype, known.shape)
        if ONE.match(name):
            off = np.abs(value.astype(int) - known)
            assert off.max() <= 1
            assert (off > 0).mean() < 0.05
        else:
            np.testing.assert_allclose(value, known, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("name", FILES)
def test_file(name, tmp_path):
    if why := why_refused(name):
        with pytest.raises(Unsupported, match=why):
            opened(name, tmp_path)
        return
    graph, feeds = opened(name, tmp_path)
    check(name, list(evaluate(graph, feeds).values()))
    assert "unused_weights" not in graph.metadata


@pytest.mark.parametrize("name", [name for name in FILES if not why_refused(name)])
def test_file_in_onnxruntime(name, tmp_path):
    pytest.importorskip("onnxruntime")
    graph, feeds = opened(name, tmp_path)
    with interchange.open(graph, backend="onnxruntime") as model:
        check(name, list(model(feeds).values()))


@pytest.mark.parametrize("name", [name for name in FILES if not why_refused(name)])
def test_written_for_today_it_computes_the_same_or_is_refused(name, tmp_path):
    graph, feeds = opened(name, tmp_path)
    try:
        KerasExporter().save(graph, tmp_path / "new.keras")
    except Unsupported as error:
        if error.code == "IX303":
            return
        raise
    again = KerasImporter().load(tmp_path / "new.keras")
    if row_of(name) != "versions.unit_normalization_small":  # of vectors shorter than 1e-6; docs/keras.md
        check(name, list(evaluate(again, dict(zip(again.inputs, feeds.values(), strict=True))).values()))


def test_what_is_there():
    rows = {row_of(name) for name in FILES}
    assert {"sequences.masks_maximum", "versions.unit_normalization_small", "versions.mask_concatenate"} <= rows
    assert len({name.partition("@")[2] for name in FILES}) >= 4
    assert len([name for name in FILES if not why_refused(name)]) > 30
