"""What the example trainings share: training with a validation split, saving, and writing a test set folder.

A test set folder holds the samples, ``testset.toml`` (how samples become model input) and ``golden.npz``
(what Keras itself answers for them, one array for each output layer).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Array = NDArray[Any]
Augment = Callable[[Floats, np.random.Generator], Floats]

SCALE = 1 / 255


def preprocess(pixels: Pixels) -> Floats:
    """Turn pixels 0..255 into the model's input: scaled in double precision, then rounded to float32."""
    return (pixels.astype("float64") * SCALE).astype("float32")


def to_pixels(values: Array) -> Pixels:
    """Round drawn values to pixels 0..255."""
    return np.clip(np.rint(values), 0, 255).astype("uint8")


def fractal_noise(
    rng: np.random.Generator,
    size: tuple[int, int],
    cells: tuple[float, float],
    octaves: int = 4,
    persistence: float = 0.5,
) -> Floats:
    """Draw smooth noise with mean 0 and deviation 1: octaves of random grids, each twice as fine as the one before.

    ``cells`` is the number of grid cells down and across in the first octave; unequal numbers stretch the noise.
    """
    height, width = size
    total = np.zeros(size, "float32")
    for octave in range(octaves):
        rows, columns = (max(2, round(cell * 2**octave) + 1) for cell in cells)
        grid = Image.fromarray(rng.standard_normal((rows, columns)).astype("float32"))
        total += persistence**octave * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
    normal: Floats = (total - total.mean()) / (total.std() + 1e-6)
    return normal


def batches(x: Floats, y: Array, batch_size: int, augment: Augment | None, seed: int) -> Iterator[tuple[Floats, Array]]:
    """Give training batches without end, shuffled anew in each pass and each changed by ``augment``."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            yield augment(x[chosen], rng) if augment else x[chosen], y[chosen]


def train(
    model: keras.Model,
    pixels: Pixels,
    targets: Array,
    *,
    loss: str,
    epochs: int,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    validation: float = 0.15,
    augment: Augment | None = None,
    seed: int = 0,
) -> None:
    """Fit the model and leave it with the weights that did best on the held-back part of the training data."""
    order = np.random.default_rng(seed).permutation(len(pixels))
    held_back, kept = np.split(order, [round(validation * len(order))])
    x = preprocess(pixels)
    steps = -(-len(kept) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps=epochs * steps, alpha=0.01)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss)
    keep_best = keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True)
    model.fit(
        batches(x[kept], targets[kept], batch_size, augment, seed),
        steps_per_epoch=steps,
        epochs=epochs,
        validation_data=(x[held_back], targets[held_back]),
        callbacks=[keep_best],
        verbose=2,
    )


def save(model: keras.Model, build_model: Callable[[], keras.Model], folder: Path, name: str) -> None:
    """Write ``<name>.h5`` and ``<name>.keras`` from a fresh copy that carries no training state."""
    plain = build_model()
    plain.set_weights(model.get_weights())
    plain.save(folder / f"{name}.h5", include_optimizer=False)
    plain.save(folder / f"{name}.keras")


def write_png(pixels: Pixels, path: Path) -> None:
    """Write one picture, and its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, optimize=True)


def write_class_folders(testset: Path, pixels: Pixels, targets: Array, labels: Sequence[str]) -> list[Path]:
    """Write each picture into the folder of its class; give back the files in the order of the test set."""
    files: list[Path] = []
    for index, label in enumerate(labels):
        for number, picture in enumerate(pixels[targets == index]):
            files.append(testset / label / f"{number:04d}.png")
            write_png(picture, files[-1])
    return files


def read_pngs(files: Sequence[Path]) -> Pixels:
    """Read pictures of one size back from their files."""
    return np.stack([np.asarray(Image.open(file)) for file in files])


def write_settings(
    testset: Path, size: tuple[int, int], colour: str, decision: str, labels: Sequence[str] = ()
) -> None:
    """Write ``testset.toml``."""
    lines = ["version = 1"]
    if labels:
        lines.append("labels = [" + ", ".join(f'"{label}"' for label in labels) + "]")
    lines += [
        f'decision = "{decision}"',
        "",
        "[input]",
        f"size = [{size[0]}, {size[1]}]  # height, width",
        f'colour = "{colour}"',
        'dtype = "float32"',
        f"scale = {SCALE!r}  # value = pixel * scale",
    ]
    testset.mkdir(parents=True, exist_ok=True)
    (testset / "testset.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_golden(testset: Path, saved: Path, pixels: Pixels) -> Floats:
    """Write ``golden.npz``: what the saved model, loaded again, predicts; give back its (only) output."""
    model = keras.models.load_model(saved, compile=False)
    outputs: Floats = model.predict(preprocess(pixels), verbose=0)
    arrays: dict[str, Any] = {model.layers[-1].name: outputs}
    np.savez_compressed(testset / "golden.npz", **arrays)
    return outputs
