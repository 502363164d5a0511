"""Writes models.tar.xz and outputs.npz: every row of rows.py, made, saved and run by real Keras 2 and 3.

    python tests/golden/keras_sequences/make.py [NAME ...]    # where keras, tf_keras and tensorflow are installed

A model is saved as `<name>.k2.h5`, `<name>.k2.keras`, `<name>.k3.h5` and `<name>.k3.keras`; its outputs are `<name>:0`
… (`<name>.k2:0` and `<name>.k3:0` where the two disagree by design).
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
from rows import ROWS, Row, values

FRAMEWORKS = {"2": tf_keras, "3": keras}
HERE = Path(__file__).parent


def fill(model: Any) -> None:
    """Weights that every machine makes alike; positive where they are variances."""
    for seed, variable in enumerate(v for v in model.weights if "seed" not in getattr(v, "path", v.name)):
        weight = values(tuple(variable.shape), seed) * np.float32(0.4)
        if "variance" in getattr(variable, "path", variable.name):
            weight = np.abs(weight) + np.float32(0.5)
        variable.assign(weight)


def build(K: Any, row: Row) -> Any:
    K.backend.clear_session()
    kinds = {"tokens": "int32"}
    inputs = [K.Input(feed.shape, name=f"x{i}", dtype=kinds.get(feed.kind)) for i, feed in enumerate(row.feeds)]
    model = K.Model(inputs, row.build(K.layers, *inputs))
    fill(model)
    return model


def flat(value: Any) -> list[np.ndarray]:
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in flat(item)]
    return [np.asarray(value)]


def main() -> None:
    outputs: dict[str, np.ndarray] = {}
    files: dict[str, bytes] = {}
    for row in ROWS:
        if len(sys.argv) > 1 and row.name not in sys.argv[1:]:
            continue
        for era in row.eras:
            model = build(FRAMEWORKS[era], row)
            feeds = row.arrays()
            truth = flat(model(feeds if len(feeds) > 1 else feeds[0], training=False))
            for i, array in enumerate(truth):
                key = f"{row.name}.k{era}:{i}" if row.differs else f"{row.name}:{i}"
                if key in outputs:
                    np.testing.assert_allclose(outputs[key], array, rtol=2e-5, atol=2e-6, err_msg=key)
                outputs.setdefault(key, array)
            for suffix in (".h5", ".keras"):
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / f"model{suffix}"
                    model.save(path)
                    files[f"{row.name}.k{era}{suffix}"] = path.read_bytes()
    np.savez_compressed(HERE / "outputs.npz", **outputs)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
