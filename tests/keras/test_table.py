"""The table of layers: what real Keras 2 and 3 computed, held against the NumPy backend and ONNX Runtime, and counted.

A case is one model of one or a few calls: its layers and options are those of its file. The tables are in
tests/golden/keras*; tests/golden/keras_calls/classes.json says which classes and options Keras 3 has.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from interchange_keras import KerasImporter

import interchange
from tests.keras.archives import arrays_in

GOLDEN = Path(__file__).parent.parent / "golden"
LAYERS: Mapping[str, Any] = json.loads((GOLDEN / "keras_calls" / "classes.json").read_text("utf-8"))


@dataclass(frozen=True)
class Case:
    """One file of a table, what goes in, and what Keras got out."""

    name: str
    file: str
    table: str
    feeds: Callable[[], list[np.ndarray]]
    truth: str
    tolerance: float = 2e-5


def _keras() -> Iterator[Case]:
    rows = sys.modules["keras_rows"]
    for row in rows.ROWS:
        for era in row.eras:

            def feeds(row: Any = row) -> list[np.ndarray]:
                arrays = [rows.values((2, *shape), i) for i, shape in enumerate(row.shapes)]
                return [arrays[0].transpose(rows.FIRST[len(row.shapes[0])])] if row.first else arrays

            truth = f"{row.name}.k{era}" if row.differs else row.name
            yield Case(row.name, f"{row.name}.k{era}.{'h5' if era == '2' else 'keras'}", "keras/models", feeds, truth)


def _calls() -> Iterator[Case]:
    tables = sys.modules["keras_calls_rows"]
    for table, rows in (("models", tables.ROWS), ("options", tables.OPTIONS)):
        for row in rows:
            for era in row.eras:
                name = f"{row.name}.k{era}"
                yield Case(row.name, f"{name}.keras", f"keras_calls/{table}", row.feeds, name, row.tolerance)


def _sequences() -> Iterator[Case]:
    for row in sys.modules["keras_sequence_rows"].ROWS:
        for era in row.eras:
            truth = f"{row.name}.k{era}" if row.differs else row.name
            yield Case(row.name, f"{row.name}.k{era}.keras", "keras_sequences/models", row.arrays, truth)


CASES = [*_keras(), *_calls(), *_sequences()]


@cache
def files(table: str) -> dict[str, bytes]:
    with tarfile.open(GOLDEN / f"{table}.tar.xz") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


@cache
def truths(table: str) -> dict[str, np.ndarray]:
    folder, _, name = table.partition("/")
    return arrays_in(GOLDEN / folder / f"{'outputs' if name == 'models' else name}.npz")


def content(case: Case) -> tuple[str, bytes]:
    """The name and the bytes of the file; Keras cannot write each model in both formats."""
    held = files(case.table)
    name = case.file if case.file in held else case.file.replace(".keras", ".h5")
    return name, held[name]


# Other tests run all of them with the operators, of which the NumPy backend is made; here a fourth is enough.
RUNS = [*(("onnxruntime", case) for case in CASES), *(("numpy", case) for case in CASES[::4])]


@pytest.mark.parametrize(("backend", "case"), RUNS, ids=lambda value: getattr(value, "file", value))
def test_case(case, backend, tmp_path):
    if backend == "onnxruntime":
        pytest.importorskip("onnxruntime")
    name, data = content(case)
    (tmp_path / name).write_bytes(data)
    graph = KerasImporter().load(tmp_path / name)
    assert "unused_weights" not in graph.metadata
    feeds = {f"x{i}": array for i, array in enumerate(case.feeds())}
    with interchange.open(graph, backend=backend) as model:
        made = list(
            model(
                {name: feeds[name] for name in graph.inputs}
                if len(feeds) > 1
                else dict(zip(graph.inputs, feeds.values(), strict=True))
            ).values()
        )
    expected = truths(case.table)
    for i, value in enumerate(made):
        known = expected[f"{case.truth}:{i}"]
        assert (value.dtype, value.shape) == (known.dtype, known.shape)
        np.testing.assert_allclose(value, known, rtol=2 * case.tolerance, atol=case.tolerance / 2)
    assert f"{case.truth}:{len(made)}" not in expected


# --- what the table covers ------------------------------------------------------------------------------------------

# Classes of Keras 3 without a case here, and why.
WITHOUT: Mapping[str, str] = {
    **dict.fromkeys(("Layer", "Wrapper", "InputSpec"), "nobody's model holds one: bases of others, and a description"),
    "InputLayer": "in every model",
    "Lambda": "code: tests/keras/test_foreign_code.py",
    **dict.fromkeys(
        ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
        "a program of another framework, which no file of Keras holds",
    ),
}
# Options that say nothing about inference, or that the files of every case show.
ALWAYS = (
    *("name", "dtype", "trainable", "seed", "autocast", "activity_regularizer"),
    *("_initializer", "_regularizer", "_constraint"),
)


def _layers(document: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Class and config of every layer in an architecture."""
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            if isinstance(item.get("class_name"), str) and isinstance(item.get("config"), Mapping):
                yield item["class_name"], item["config"]
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _architecture(name: str, data: bytes) -> Any:
    if name.endswith(".keras"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return json.loads(archive.read("config.json"))
    with h5py.File(io.BytesIO(data)) as file:
        return json.loads(file.attrs["model_config"])


@pytest.fixture(scope="module")
def seen():
    """class -> option -> the values that it has in the files of Keras 3; without options the classes that only
    tests/golden/keras_preprocessing has (tests/keras/test_preprocessing.py)."""
    found: dict[str, dict[str, list[Any]]] = {}
    for path in sorted((GOLDEN / "keras_preprocessing").glob("*.tar.xz")):
        for name, data in _members(path):
            found |= {class_name: {} for class_name, _ in _layers(_architecture(name, data))}
    for name, data in map(content, CASES):
        for class_name, config in _layers(_architecture(name, data)):
            options = found.setdefault(class_name, {})
            if ".k3." in name:
                for key, value in config.items():
                    options.setdefault(key, []).append(value)
    return found


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.name.endswith((".keras", ".h5")):
                yield entry.name, archive.extractfile(entry).read()


def test_every_class_has_a_case_or_a_reason(seen):
    missing = {name for name, entry in LAYERS.items() if not {name, *entry["names"]} & (set(seen) | set(WITHOUT))}
    assert not missing


def test_every_option_has_a_case_or_a_reason(seen):
    missing = {}
    for name, entry in LAYERS.items():
        options = seen.get(name)
        if not options or name.startswith(TRAINING):
            continue
        never = [
            key
            for key, default in entry["parameters"].items()
            if not key.endswith(ALWAYS)
            and not any(value != default for value in options.get(key, []))
            and key not in UNSEEN.get(name, ())
        ]
        if never:
            missing[name] = never
    assert not missing


def test_the_table_is_large(seen):
    classes = {name for name in seen if name in LAYERS or name in KERAS_2_ONLY}
    print(f"{len(CASES)} cases over {len(classes)} classes")
    assert len(CASES) >= 771


KERAS_2_ONLY = frozenset({"LocallyConnected1D", "LocallyConnected2D", "ThresholdedReLU", "RandomHeight", "RandomWidth"})
# Layers that do nothing at inference, whatever their options.
TRAINING = ("Random", "AugMix", "RandAugment", "CutMix", "MixUp")
# Options that no case shows: those that Keras does not write into files; that TensorFlow has no kernels for on a CPU;
# of quantised layers (tests/golden/keras_precision); of kernels for GPUs; and InputLayer's, which is in every model.
UNSEEN: Mapping[str, tuple[str, ...]] = {
    "Bidirectional": ("weights",),
    "Conv2DTranspose": ("dilation_rate",),
    "Conv3DTranspose": ("dilation_rate",),
    "Dense": ("quantization_config",),
    "EinsumDense": ("gptq_unpacked_column_size", "quantization_config"),
    "Embedding": ("quantization_config", "weights"),
    "GRU": ("use_cudnn",),
    "InputLayer": ("batch_size", "input_tensor", "optional", "shape"),
    "LSTM": ("use_cudnn",),
    "MultiHeadAttention": ("flash_attention",),
}
