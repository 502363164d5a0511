"""Writes models.tar.xz and outputs.npz: every row and model of rows.py, made, saved and run by real Keras 2 and 3.

    python tests/golden/keras/make.py        # where keras, tf_keras and tensorflow are installed

A model is saved as `<name>.k2.h5`, `<name>.k2.keras`, `<name>.k3.h5` or `<name>.k3.keras`; its outputs are
`<name>` (`<name>.k2` and `<name>.k3` where the two disagree by design) with `:0`, `:1` … for several.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import keras
import numpy as np
import tf_keras

sys.path.insert(0, str(Path(__file__).parent))
from rows import FIRST, MODELS, ROWS, Row, values

FRAMEWORKS = {"2": tf_keras, "3": keras}
HERE = Path(__file__).parent


def fill(model: Any) -> None:
    """Weights that every machine makes alike; positive where they are variances or counts."""
    for seed, variable in enumerate(model.weights):
        path = getattr(variable, "path", variable.name)
        weight = values(tuple(variable.shape), seed) * np.float32(0.5)
        if "variance" in path:
            weight = np.abs(weight) + np.float32(0.5)
        variable.assign(weight.astype(variable.dtype if isinstance(variable.dtype, str) else variable.dtype.name))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # Normalization works with values derived from its weights
            layer.finalize_state()


def build(K: Any, row: Row, data_format: str | None, shapes: Any) -> Any:
    K.backend.clear_session()
    inputs = [K.Input(shape, name=f"x{i}") for i, shape in enumerate(shapes)]
    layer = row.layer(K.layers, data_format) if data_format else row.layer(K.layers)
    model = K.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))
    fill(model)
    return model


def run(model: Any, feeds: list[np.ndarray]) -> list[np.ndarray]:
    outputs = model(feeds if len(feeds) > 1 else feeds[0], training=False)
    return [np.asarray(y) for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def row_model(K: Any, row: Row) -> tuple[Any, list[np.ndarray]]:
    """The model to save, and the truth."""
    feeds = [values((2, *shape), i) for i, shape in enumerate(row.shapes)]
    if not row.first:
        model = build(K, row, None, row.shapes)
        return model, run(model, feeds)
    truth = run(build(K, row, "channels_last", row.shapes), feeds)[0]
    order = FIRST[len(row.shapes[0])]
    shape = tuple(row.shapes[0][i - 1] for i in order[1:])
    return build(K, row, "channels_first", [shape]), [truth.transpose(order)]


def main() -> None:
    outputs: dict[str, np.ndarray] = {}
    files: dict[str, bytes] = {}

    def record(name: str, era: str, truth: list[np.ndarray], differs: bool) -> None:
        for i, array in enumerate(truth):
            key = f"{name}.k{era}:{i}" if differs else f"{name}:{i}"
            if key in outputs:
                np.testing.assert_allclose(outputs[key], array, rtol=2e-5, atol=2e-6, err_msg=key)
            outputs.setdefault(key, array)

    def save(name: str, era: str, model: Any, suffixes: tuple[str, ...]) -> None:
        for suffix in suffixes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"model{suffix}"
                model.save(path)
                files[f"{name}.k{era}{suffix}"] = path.read_bytes()

    for row in ROWS:
        for era in row.eras:
            model, truth = row_model(FRAMEWORKS[era], row)
            record(row.name, era, truth, row.differs)
            save(row.name, era, model, (".h5",) if era == "2" else (".keras",))
    for name, function in MODELS.items():
        for era, K in FRAMEWORKS.items():
            K.backend.clear_session()
            model = function(K)
            fill(model)
            shapes = [[2, *(9 if d is None else d for d in x.shape[1:])] for x in model.inputs]
            feeds = [values(tuple(shape), i) for i, shape in enumerate(shapes)]
            if name == "bytes_input":
                feeds = [np.abs(feeds[0] * 100).astype(np.uint8)]
            record(name, era, run(model, feeds), False)
            save(name, era, model, (".h5", ".keras"))

    np.savez_compressed(HERE / "outputs.npz", **outputs)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
