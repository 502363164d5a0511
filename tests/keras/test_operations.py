"""The rarer operations of keras.ops compute what Keras computed (tests/golden/keras_ops)."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_keras.operations import OPERATIONS

import interchange
from interchange.evaluate import evaluate
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_ops"
_spec = importlib.util.spec_from_file_location("keras_ops_rows", GOLDEN / "rows.py")
assert _spec is not None
assert _spec.loader is not None
_rows = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _rows
_spec.loader.exec_module(_rows)
ROWS = _rows.ROWS

TRUTH = arrays_in(GOLDEN / "outputs.npz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("operations"))


def check(made, row):
    for i, value in enumerate(made):
        truth = TRUTH[f"{row.name}:{i}"]
        assert (value.dtype, value.shape) == (truth.dtype, truth.shape)
        np.testing.assert_allclose(value, truth, rtol=row.tolerance, atol=row.tolerance)
    assert f"{row.name}:{len(made)}" not in TRUTH


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row, folder):
    graph = KerasImporter().load(folder / f"{row.name}.keras")
    feeds = {f"x{i}": x for i, x in enumerate(row.inputs)}
    check(list(evaluate(graph, feeds).values()), row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_through_onnx_runtime(row, folder):
    pytest.importorskip("onnxruntime")
    graph = KerasImporter().load(folder / f"{row.name}.keras")
    with interchange.open(graph, backend="onnxruntime") as model:
        check(list(model({f"x{i}": x for i, x in enumerate(row.inputs)}).values()), row)


def test_every_operation_is_read_or_has_its_reason():
    """The table in docs/keras.md is complete, where Keras is installed to ask."""
    operation = pytest.importorskip("keras.src.ops.operation").Operation
    modules = [
        importlib.import_module(f"keras.src.ops.{m}")
        for m in ("core", "image", "linalg", "math", "nn", "numpy", "einops")
    ]
    classes = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, operation) and value.__module__ == module.__name__
    } - {"SegmentReduction"}  # what the four of them have in common
    text = (Path(__file__).parents[2] / "docs" / "keras.md").read_text("utf-8")
    table = text[text.index("## Operations") : text.index("## Eras")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall("`(.+?)`", row)}
    assert listed == classes - set(OPERATIONS)
