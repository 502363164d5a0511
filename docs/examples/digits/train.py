"""Train a network that reads handwritten digits, and write the model and its test set.

The digits are real ones: the 1,797 scans of 8 x 8 pixels that scikit-learn ships, enlarged to 28 x 28 pixels and
split into a training and a test part with equal shares of every digit. Writes beside this file: ``digits.h5``,
``digits.keras`` and ``testset/`` (pictures and labels as MNIST idx files, ``testset.toml``, ``golden.npz``).
"""

import gzip
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import keras
import numpy as np
from keras import layers
from PIL import Image
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
SIZE = 28
LABELS = [str(digit) for digit in range(10)]


def enlarge(scan: common.Array) -> common.Pixels:
    """Enlarge one scan of 8 x 8 pixels with values 0..16 to 28 x 28 pixels with values 0..255."""
    small = Image.fromarray(np.rint(scan * (255 / 16)).astype("uint8"))
    return np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def augment(x: common.Floats, rng: np.random.Generator) -> common.Floats:
    """Move each digit by up to two pixels."""
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    corners = rng.integers(0, 5, (len(x), 2))
    return np.stack([padded[i, r : r + SIZE, c : c + SIZE] for i, (r, c) in enumerate(corners)])


def build_model() -> keras.Model:
    """Three convolutions with leaky activations, pooling and dropout, then two dense layers."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1), name="image"),
            layers.Conv2D(32, 3, name="conv_1"),
            layers.LeakyReLU(0.1, name="leaky_1"),
            layers.MaxPooling2D(2, padding="same", name="pool_1"),
            layers.Dropout(0.25, name="dropout_1"),
            layers.Conv2D(64, 3, name="conv_2"),
            layers.LeakyReLU(0.1, name="leaky_2"),
            layers.MaxPooling2D(2, padding="same", name="pool_2"),
            layers.Dropout(0.25, name="dropout_2"),
            layers.Conv2D(128, 3, name="conv_3"),
            layers.LeakyReLU(0.1, name="leaky_3"),
            layers.MaxPooling2D(2, padding="same", name="pool_3"),
            layers.Dropout(0.4, name="dropout_3"),
            layers.Flatten(name="flatten"),
            layers.Dense(128, name="hidden"),
            layers.LeakyReLU(0.1, name="leaky_4"),
            layers.Dropout(0.3, name="dropout_4"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def write_idx(path: Path, values: common.Array) -> None:
    """Write unsigned bytes of any shape in the idx format of MNIST, gzip-compressed."""
    header = struct.pack(f">HBB{values.ndim}I", 0, 0x08, values.ndim, *values.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(header + values.astype("uint8").tobytes(), 9, mtime=0))


def main() -> None:
    """Train, save, and measure on the test set."""
    keras.utils.set_random_seed(1)
    scans = load_digits()
    pixels = np.stack([enlarge(scan) for scan in scans.images])
    pixels, test_pixels, targets, test_targets = train_test_split(
        pixels, scans.target, test_size=360, stratify=scans.target, random_state=1
    )
    model = build_model()
    loss = "sparse_categorical_crossentropy"
    common.train(model, pixels[..., None], targets, loss=loss, epochs=40, augment=augment)
    common.save(model, build_model, HERE, "digits")

    testset = HERE / "testset"
    write_idx(testset / "t10k-images-idx3-ubyte.gz", test_pixels)
    write_idx(testset / "t10k-labels-idx1-ubyte.gz", test_targets)
    common.write_settings(testset, (SIZE, SIZE), "grey", "argmax", LABELS)
    outputs = common.write_golden(testset, HERE / "digits.h5", test_pixels[..., None])
    right = int(np.sum(outputs.argmax(axis=1) == test_targets))
    print(f"read right: {right} of {len(test_targets)} ({right / len(test_targets):.2%})")


if __name__ == "__main__":
    main()
