"""Writes models.tar.xz and outputs.npz: preprocessing layers, saved and run by real Keras 2 and 3.

    python tests/golden/keras_preprocessing/make.py        # where keras, tf_keras and tensorflow are installed

Every row of rows.py is saved as .h5 and .keras by each Keras that has the layer. A second argument "PREFIX" tries only
the rows whose names begin so, and a third one writes to that folder.
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
import tensorflow as tf
import tf_keras

sys.path.insert(0, str(Path(__file__).parent))
from rows import ROWS, Row

HERE = Path(__file__).parent
FRAMEWORKS = {"2": tf_keras, "3": keras}


def build(K: Any, row: Row) -> Any:
    K.backend.clear_session()
    K.utils.set_random_seed(3)
    kinds = ["string" if x.dtype.kind == "U" else x.dtype.name for x in row.inputs]
    given = [
        K.Input(x.shape[1:], dtype=kind, name=f"x{i}")
        for i, (x, kind) in enumerate(zip(row.inputs, kinds, strict=True))
    ]
    return K.Model(given, row.build(K, *given))


def run(model: Any, row: Row) -> np.ndarray:
    feeds = [tf.constant(x.tolist() if x.dtype.kind == "U" else x) for x in row.inputs]
    made = np.asarray(model(feeds if len(feeds) > 1 else feeds[0], training=False))
    if made.dtype.kind in "OS":
        made = np.array([text.decode() for text in made.ravel()]).reshape(made.shape)
    return made


def main(prefix: str = "", folder: str = "") -> None:
    outputs: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for row in ROWS:
        for era in row.eras if row.name.startswith(prefix) else "":
            name = f"{row.name}.k{era}"
            try:
                model = build(FRAMEWORKS[era], row)
                outputs[name] = run(model, row)
            except Exception as error:
                print("left out:", name, type(error).__name__, " ".join(str(error).split())[:160])
                continue
            for suffix in (".h5", ".keras"):
                with tempfile.TemporaryDirectory() as temporary:
                    path = Path(temporary) / f"model{suffix}"
                    try:
                        model.save(path)
                    except Exception as error:
                        print("not saved:", f"{name}{suffix}", type(error).__name__, " ".join(str(error).split())[:100])
                        continue
                    files[f"{name}{suffix}"] = path.read_bytes()
    target = Path(folder) if folder else HERE
    np.savez_compressed(target / "outputs.npz", **outputs)
    with tarfile.open(target / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    print(f"{len(outputs)} models, {len(files)} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
