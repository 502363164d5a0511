"""Writes models.tar.xz and outputs.npz: models of one layer of TensorFlow Addons, saved and run by it.

python tests/golden/keras_addons/make.py    # where tensorflow 2.12 and tensorflow_addons 0.23 are installed
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

sys.path.insert(0, str(Path(__file__).parent))
from rows import ROWS, values

HERE = Path(__file__).parent


def main() -> None:
    outputs: dict = {}
    files: dict = {}
    for name, (shape, layer) in ROWS.items():
        tf.keras.backend.clear_session()
        x = tf.keras.layers.Input(shape)
        model = tf.keras.Model(x, layer(tfa, tf.keras)(x))
        weights = [
            np.abs(values(w.shape, i)) + 0.25 if w.dtype.kind == "f" else w for i, w in enumerate(model.get_weights())
        ]
        model.set_weights(weights)
        outputs[name] = np.asarray(model(values((2, *shape)), training=False))
        for suffix in (".h5", ".keras"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"model{suffix}"
                model.save(path)
                files[name + suffix] = path.read_bytes()
    np.savez_compressed(HERE / "outputs.npz", **outputs)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    print(f"{len(files)} files")


if __name__ == "__main__":
    main()
