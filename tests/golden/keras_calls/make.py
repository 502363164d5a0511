"""Writes NAME.tar.xz and NAME.npz: every row of a table here, made, saved and run by real Keras 2 and 3.

    python tests/golden/keras_calls/make.py models       # where keras, tf_keras and tensorflow are installed
    python tests/golden/keras_calls/make.py options
    python tests/golden/keras_calls/make.py masks

"models" are rows.py and operations.py, the others are in the modules of their names. A model is saved as
`<name>.k2.h5`, `<name>.k2.keras`, `<name>.k3.h5` and `<name>.k3.keras`; its outputs are `<name>.k2:0` and so on. A
second argument is the beginning of the names of the rows that are made, a third a folder to write to instead.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
import traceback
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tf_keras's own SpectralNormalization asks TensorFlow for its classes

import keras
import numpy as np
import tf_keras

sys.path.insert(0, str(Path(__file__).parent))
import masks
import operations
import options
import wirings
from rows import ROWS, Row, Table, values

operations.fill(ROWS)
OPTIONS = Table()
options.fill(OPTIONS)
wirings.fill(OPTIONS)
MASKS = Table()
masks.fill(MASKS)
TABLES = {"models": ROWS, "options": OPTIONS, "masks": MASKS}

FRAMEWORKS = {"2": tf_keras, "3": keras}
HERE = Path(__file__).parent


def fill(model: Any) -> None:
    """Weights that every machine makes alike; positive where they are variances."""
    for seed, variable in enumerate(model.weights):
        path = getattr(variable, "path", variable.name)
        weight = values(tuple(variable.shape), seed) * np.float32(0.5)
        if "variance" in path or "stddev" in path:
            weight = np.abs(weight) + np.float32(0.5)
        if variable.dtype in ("float32", "float32_ref") or getattr(variable.dtype, "name", "") == "float32":
            variable.assign(weight)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # Normalization works with values derived from its weights
            layer.finalize_state()


def build(K: Any, row: Row, function: Any) -> Any:
    K.backend.clear_session()
    inputs = [
        K.Input(shape, batch_size=2 if row.fixed else None, name=f"x{i}", dtype=feed.dtype.name)
        for i, (shape, feed) in enumerate(zip(row.shapes, row.feeds(), strict=True))
    ]
    model = K.Model(inputs, function(K, *inputs))
    fill(model)
    return model


def run(model: Any, feeds: list[np.ndarray]) -> list[np.ndarray]:
    outputs = model(feeds if len(feeds) > 1 else feeds[0], training=False)
    return [np.asarray(y) for y in flat(outputs)]


def flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [item for part in value for item in flat(part)]
    return [value]


def main(table: str, prefix: str = "", folder: str = "") -> None:
    outputs: dict[str, np.ndarray] = {}
    files: dict[str, bytes] = {}
    failed = 0
    for row in TABLES[table]:
        if not row.name.startswith(prefix):
            continue
        for era in row.eras:
            K = FRAMEWORKS[era]
            try:
                model = build(K, row, row.build)
                truth = run(build(K, row, row.twin) if row.twin else model, row.feeds())
                model = build(K, row, row.build) if row.twin else model
            except Exception as error:
                failed += 1
                print(f"{row.name}.k{era}: {type(error).__name__}: {str(error)[:300]}")
                if prefix:
                    traceback.print_exc()
                continue
            outputs |= {f"{row.name}.k{era}:{i}": array for i, array in enumerate(truth)}
            for suffix in (".h5", ".keras"):
                with tempfile.TemporaryDirectory() as temporary:
                    path = Path(temporary) / f"model{suffix}"
                    try:
                        model.save(path)
                    except Exception as error:
                        print(f"{row.name}.k{era}{suffix}: not saved: {str(error)[:200]}")
                        continue
                    files[f"{row.name}.k{era}{suffix}"] = path.read_bytes()
    print(f"{len(files)} files, {failed} rows failed")
    target = Path(folder) if folder else HERE
    np.savez_compressed(target / f"{'outputs' if table == 'models' else table}.npz", **outputs)
    with tarfile.open(target / f"{table}.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main(*sys.argv[1:])
