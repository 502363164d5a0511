"""Writes models.tar.xz and outputs.npz: models of one operation of keras.ops, saved and run by real Keras 3.

python tests/golden/keras_ops/make.py        # where keras and tensorflow are installed
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from rows import ROWS

HERE = Path(__file__).parent


def main() -> None:
    outputs: dict[str, np.ndarray] = {}
    files: dict[str, bytes] = {}
    for row in ROWS:
        keras.backend.clear_session()
        try:
            given = [keras.Input(x.shape[1:], dtype=x.dtype.name, name=f"x{i}") for i, x in enumerate(row.inputs)]
            model = keras.Model(given, row.build(keras.ops, *given))
            made = model(list(row.inputs) if len(row.inputs) > 1 else row.inputs[0])
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / "model.keras"
                model.save(path)
                files[f"{row.name}.keras"] = path.read_bytes()
        except Exception as error:
            print("left out:", row.name, type(error).__name__, " ".join(str(error).split())[:200])
            continue
        made = made if isinstance(made, (list, tuple)) else [made]
        outputs |= {f"{row.name}:{i}": np.asarray(y) for i, y in enumerate(made)}
    np.savez_compressed(HERE / "outputs.npz", **outputs)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    print(f"{len(files)} models")


if __name__ == "__main__":
    main()
