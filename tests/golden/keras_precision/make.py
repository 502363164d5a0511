"""Writes models.tar.xz and outputs.npz: every row of rows.py under every policy, saved and run by real Keras.

    python tests/golden/keras_precision/make.py        # where keras, tf_keras and tensorflow are installed

bfloat16 is stored as the float32 that it equals; "dtype:<name>" says what it was.
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
from rows import POLICIES, QUANTISED, ROWS, TWO_INPUTS, quantised_input, values

HERE = Path(__file__).parent


def fill(model: Any) -> None:
    for seed, variable in enumerate(model.weights):
        weight = values(tuple(variable.shape), seed) * np.float32(0.5)
        if "variance" in getattr(variable, "path", variable.name):
            weight = np.abs(weight) + np.float32(0.5)
        variable.assign(weight.astype(variable.dtype if isinstance(variable.dtype, str) else variable.dtype.name))


def main() -> None:
    outputs: dict[str, Any] = {}
    files: dict[str, bytes] = {}

    def record(name: str, model: Any, feeds: list[np.ndarray], suffix: str) -> None:
        made = model(feeds if len(feeds) > 1 else feeds[0], training=False)
        dtype = made.dtype if isinstance(made.dtype, str) else made.dtype.name
        array = np.asarray(made)
        outputs[name] = array if dtype == array.dtype.name != "bfloat16" else array.astype(np.float32)
        outputs[f"dtype:{name}"] = np.array(dtype)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{suffix}"
            model.save(path)
            files[f"{name}{suffix}"] = path.read_bytes()

    for era, K in (("2", tf_keras), ("3", keras)):
        for row, (shape, make) in ROWS.items():
            for policy in POLICIES:
                if era == "2" and row.endswith("_k3"):
                    continue
                K.backend.clear_session()
                K.mixed_precision.set_global_policy(policy) if era == "2" else K.config.set_dtype_policy(policy)
                count = 2 if row in TWO_INPUTS else 1
                inputs = [K.Input(shape, name=f"x{i}", dtype="float32") for i in range(count)]
                try:
                    model = K.Model(inputs, make(K.layers)(inputs if count > 1 else inputs[0]))
                    fill(model)
                    record(f"{row}.{policy}.k{era}", model, [values((2, *shape), i) for i in range(count)],
                           ".h5" if era == "2" else ".keras")  # fmt: skip
                except Exception as error:  # some have no kernel in that precision
                    print("left out:", row, policy, era, str(error).strip().splitlines()[0][:100])
                    outputs.pop(f"{row}.{policy}.k{era}", None)
                    outputs.pop(f"dtype:{row}.{policy}.k{era}", None)
    keras.config.set_dtype_policy("float32")
    for name, (shape, dtype, make, mode) in QUANTISED.items():
        keras.backend.clear_session()
        x = keras.Input(shape, name="x0", dtype=dtype)
        model = keras.Model(x, make(keras.layers)(x))
        fill(model)
        model.quantize(mode)
        record(f"{name}.k3", model, [quantised_input(shape, dtype)], ".keras")

    np.savez_compressed(HERE / "outputs.npz", **outputs)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
