"""Writes models.tar.xz and outputs.npz: layers with inputs of every dtype, as real Keras 2 and 3 save and run them.

    python tests/golden/keras_inputs/make.py    # where keras, tf_keras and tensorflow are installed

A model is saved as `<layer>.<dtype>.k2.h5` or `<layer>.<dtype>.k3.keras`; what Keras itself refuses is left out.
The inputs are `<file>:x0` …, the outputs `<file>:y0` …
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

FRAMEWORKS = {"2": tf_keras, "3": keras}
HERE = Path(__file__).parent
EXACT = ("uint8", "int8", "int32", "int64", "bool")
FLOATING = ("float16", "float64")
LINE, SERIES, IMAGE, VOLUME = (5,), (6, 4), (6, 6, 4), (4, 4, 4, 2)

# layer -> (shape of the input, options); "name/detail" where one is there several times
ONE: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    **{name: (IMAGE, {}) for name in ("Identity", "Flatten", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "ReLU")},
    **{name: (SERIES, {}) for name in ("ZeroPadding1D", "Cropping1D", "UpSampling1D", "GlobalAveragePooling1D")},
    **{name: (VOLUME, {}) for name in ("ZeroPadding3D", "Cropping3D", "UpSampling3D", "GlobalAveragePooling3D")},
    **{name: (IMAGE, {}) for name in ("GlobalMaxPooling2D", "GlobalAveragePooling2D", "LeakyReLU", "MaxPooling2D")},
    **{name: (IMAGE, {}) for name in ("BatchNormalization", "LayerNormalization", "UnitNormalization", "Softmax")},
    **{name: (IMAGE, {"pool_size": 2}) for name in ("AveragePooling2D",)},
    **{name: (IMAGE, {"rate": 0.5}) for name in ("Dropout", "SpatialDropout2D", "GaussianDropout", "AlphaDropout")},
    "GlobalMaxPooling1D": (SERIES, {}),
    "MaxPooling1D": (SERIES, {}),
    "MaxPooling3D": (VOLUME, {}),
    "GlobalMaxPooling3D": (VOLUME, {}),
    "SpatialDropout1D": (SERIES, {"rate": 0.5}),
    "SpatialDropout3D": (VOLUME, {"rate": 0.5}),
    "GaussianNoise": (IMAGE, {"stddev": 0.5}),
    "Permute": (IMAGE, {"dims": (2, 1, 3)}),
    "Reshape": (IMAGE, {"target_shape": (-1, 4)}),
    "RepeatVector": (LINE, {"n": 3}),
    "Rescaling": (IMAGE, {"scale": 1 / 255, "offset": 0.1}),
    "Normalization": (IMAGE, {"mean": 3.0, "variance": 2.0}),
    "RandomFlip": (IMAGE, {}),
    "RandomRotation": (IMAGE, {"factor": 0.2}),
    "RandomZoom": (IMAGE, {"height_factor": 0.2}),
    "RandomTranslation": (IMAGE, {"height_factor": 0.2, "width_factor": 0.2}),
    "RandomContrast": (IMAGE, {"factor": 0.2}),
    "RandomBrightness": (IMAGE, {"factor": 0.2}),
    "Dense": (LINE, {"units": 3}),
    "Dense/image": (IMAGE, {"units": 3}),
    "EinsumDense": (SERIES, {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d"}),
    "Conv2D": (IMAGE, {"filters": 2, "kernel_size": 3}),
    "LSTM": (SERIES, {"units": 3}),
    "GRU": (SERIES, {"units": 3}),
    "SimpleRNN": (SERIES, {"units": 3}),
    "Embedding": (LINE, {"input_dim": 256, "output_dim": 3}),
    "ReLU/slope": (IMAGE, {"negative_slope": 0.1}),
    "ReLU/limits": (IMAGE, {"max_value": 6.0, "threshold": 2.0}),
    "UpSampling2D/bilinear": (IMAGE, {"interpolation": "bilinear"}),
    **{f"Activation/{name}": (IMAGE, {"activation": name}) for name in ("linear", "relu", "leaky_relu", "tanh")},
    **{f"Activation/{name}": (IMAGE, {"activation": name}) for name in ("exponential", "sigmoid", "relu6")},
}
TWO = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
# these show what all layers do with floating inputs
FLOATING_TOO = ("Identity", "Flatten", "Dense", "Conv2D", "Rescaling", "Activation/relu", "Embedding", "Add", "Dropout")


def feed(dtype: str, shape: tuple[int, ...], seed: int, layer: str) -> np.ndarray:
    random = np.random.default_rng(seed)
    if layer == "Embedding" or dtype == "bool":
        return random.integers(0, 2 if dtype == "bool" else 100, (2, *shape)).astype(dtype)
    if dtype.startswith("float"):
        return (random.normal(0, 2, (2, *shape)) + 1e-9).astype(dtype)
    low = 0 if dtype == "uint8" else -100
    return random.integers(low, 256 if dtype == "uint8" else 100, (2, *shape)).astype(dtype)


def model_of(K: Any, layer: str, dtypes: list[str]) -> Any:
    K.backend.clear_session()
    class_name = layer.partition("/")[0]
    shape, options = ONE.get(layer, (LINE, {}))
    inputs = [K.Input(shape, dtype=dtype, name=f"x{i}") for i, dtype in enumerate(dtypes)]
    model = K.Model(inputs, getattr(K.layers, class_name)(**options)(inputs if len(inputs) > 1 else inputs[0]))
    for seed, variable in enumerate(v for v in model.weights if "seed" not in getattr(v, "path", v.name)):
        if class_name in ("Normalization",) or "Random" in class_name:
            continue
        weight = np.random.default_rng(seed).normal(0, 0.4, tuple(variable.shape)).astype("float32")
        variable.assign(np.abs(weight) + 0.3 if "variance" in getattr(variable, "path", variable.name) else weight)
    return model


def cases() -> list[tuple[str, str, list[str]]]:
    found = []
    for layer in (*ONE, *TWO):
        for dtype in (*EXACT, *(FLOATING if layer in FLOATING_TOO else ())):
            found.append((layer, dtype, [dtype] * (2 if layer in TWO else 1)))
        if layer in TWO:
            found.append((layer, "mixed", ["int32", "float32"]))
    return found


def main() -> None:
    stored: dict[str, np.ndarray] = {}
    files: dict[str, bytes] = {}
    for layer, title, dtypes in cases():
        for era, K in FRAMEWORKS.items():
            name = f"{layer.replace('/', '-')}.{title}.k{era}{'.h5' if era == '2' else '.keras'}"
            try:
                model = model_of(K, layer, dtypes)
                shape = ONE.get(layer, (LINE, {}))[0]
                feeds = [feed(dtype, shape, i, layer) for i, dtype in enumerate(dtypes)]
                truth = model.predict(feeds if len(feeds) > 1 else feeds[0], verbose=0)
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / f"model{Path(name).suffix}"
                    model.save(path)
                    files[name] = path.read_bytes()
            except Exception as error:  # Keras has no kernel for that dtype
                print(name, type(error).__name__)
                continue
            stored |= {f"{name}:x{i}": array for i, array in enumerate(feeds)} | {f"{name}:y0": np.asarray(truth)}
    np.savez_compressed(HERE / "outputs.npz", **stored)
    with tarfile.open(HERE / "models.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
