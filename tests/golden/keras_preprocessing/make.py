"""Writes models.tar.xz and outputs.npz: preprocessing layers, saved and run by real Keras 2 and 3.

python tests/golden/keras_preprocessing/make.py        # where keras, tf_keras and tensorflow are installed
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import keras
import numpy as np
import tf_keras

HERE = Path(__file__).parent
NUMBERS = np.array([[-2.0, 0.0, 0.5], [0.5000001, 3.0, 99.0]], np.float32)
TOKENS = np.array([[0, 3, 3], [1, 0, 4]], np.int64)
ROWS: dict[str, tuple[np.ndarray, Any]] = {
    **{
        f"discretization_{mode}": (NUMBERS, lambda L, mode=mode: L.Discretization([0.0, 0.5, 3.0], output_mode=mode))
        for mode in ("int", "one_hot", "multi_hot", "count")
    },
    "discretization_one_column": (NUMBERS[:, :1], lambda L: L.Discretization([0.0, 0.5], output_mode="one_hot")),
    **{
        f"category_encoding_{mode}": (TOKENS, lambda L, mode=mode: L.CategoryEncoding(5, output_mode=mode))
        for mode in ("one_hot", "multi_hot", "count")
    },
    "category_encoding_one_column": (TOKENS[:, :1], lambda L: L.CategoryEncoding(5, output_mode="one_hot")),
}


def main() -> None:
    outputs: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for era, K in (("2", tf_keras), ("3", keras)):
        for row, (x, make) in ROWS.items():
            K.backend.clear_session()
            name, suffix = f"{row}.k{era}", ".h5" if era == "2" else ".keras"
            try:
                given = K.Input(x.shape[1:], dtype=x.dtype.name, name="x0")
                model = K.Model(given, make(K.layers)(given))
                outputs[name] = np.asarray(model(x))
                outputs[f"x:{name}"] = x
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / f"model{suffix}"
                    model.save(path)
                    files[f"{name}{suffix}"] = path.read_bytes()
            except Exception as error:  # Keras 2 has no one_hot of several columns
                print("left out:", name, str(error)[:100])
                outputs.pop(name, None)
                outputs.pop(f"x:{name}", None)
    np.savez_compressed(HERE / "outputs.npz", **outputs)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
