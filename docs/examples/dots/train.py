"""Train a network that counts coloured dots, and write the model and its test set.

The pictures are drawn here: 40 x 40 pixels, pale and slightly noisy, with 0 to 5 dots that may partly overlap.
Writes beside this file: ``dots.h5``, ``dots.keras`` and ``testset/`` (100 PNG files, ``targets.csv``,
``testset.toml``, ``golden.npz``).
"""

import colorsys
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import keras
import numpy as np
from keras import layers

HERE = Path(__file__).resolve().parent
SIZE = 40
MOST = 5
TRAIN_SEED, TEST_SEED = 1, 2


def place_dots(rng: np.random.Generator, count: int) -> list[tuple[float, float, float]]:
    """Choose centre and radius of each dot; two dots cover each other by a part of their width at most."""
    dots: list[tuple[float, float, float]] = []
    while len(dots) < count:
        radius = rng.uniform(2.8, 6.0)
        x, y = rng.uniform(radius, SIZE - radius, 2)
        if all(np.hypot(x - u, y - v) > 0.75 * (radius + other) for u, v, other in dots):
            dots.append((x, y, radius))
    return dots


def draw(rng: np.random.Generator, count: int) -> common.Pixels:
    """Draw one picture with ``count`` dots."""
    picture: common.Array = np.full((SIZE, SIZE, 3), rng.uniform(225, 250, 3))
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    first_hue = rng.uniform()
    for place, (x, y, radius) in enumerate(place_dots(rng, count)):
        hue = (first_hue + 0.381966 * place + rng.uniform(-0.04, 0.04)) % 1.0
        colour = 255 * np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.65, 1.0), rng.uniform(0.5, 0.9)))
        covered = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)[:, :, None]
        picture = covered * colour + (1 - covered) * picture
    picture += rng.normal(0, 3, (SIZE, SIZE, 1))
    return common.to_pixels(picture)


def draw_set(seed: int, number: int) -> tuple[common.Pixels, common.Array]:
    """Draw a set of pictures; give them back with their counts."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, MOST + 1, number)
    return np.stack([draw(rng, int(count)) for count in counts]), counts


def augment(x: common.Floats, rng: np.random.Generator) -> common.Floats:
    """Flip and turn each picture at random and exchange its colour channels: none of it changes the count."""
    changed = np.empty_like(x)
    for index, picture in enumerate(x):
        if rng.uniform() < 0.5:
            picture = picture.transpose(1, 0, 2)
        changed[index] = np.rot90(picture, int(rng.integers(4)))[:, :, rng.permutation(3)]
    return changed


def build_model() -> keras.Model:
    """Three convolutions with pooling, then one linear output: the count."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), name="image"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool_1"),
            layers.Conv2D(128, 3, padding="same", activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, name="pool_2"),
            layers.Conv2D(256, 3, padding="same", activation="relu", name="conv_3"),
            layers.MaxPooling2D(2, name="pool_3"),
            layers.Flatten(name="flatten"),
            layers.Dense(1, name="count"),
        ],
        name="dots",
    )


def write_testset(testset: Path, pixels: common.Pixels, counts: common.Array) -> list[Path]:
    """Write the pictures, their table and the settings; give back the picture files in order."""
    names = [f"images/{index:04d}.png" for index in range(len(pixels))]
    for name, picture in zip(names, pixels, strict=True):
        common.write_png(picture, testset / name)
    rows = [f"{name},{count}" for name, count in zip(names, counts, strict=True)]
    (testset / "targets.csv").write_text("\n".join(["file,target", *rows]) + "\n", encoding="utf-8")
    common.write_settings(testset, (SIZE, SIZE), "rgb", "round")
    return [testset / name for name in names]


def main() -> None:
    """Train, save, and measure on the test set."""
    keras.utils.set_random_seed(1)
    model = build_model()
    pixels, counts = draw_set(TRAIN_SEED, 1000)
    common.train(model, pixels, counts.astype("float32"), loss="mean_squared_error", epochs=60, augment=augment)
    common.save(model, build_model, HERE, "dots")

    testset = HERE / "testset"
    pixels, counts = draw_set(TEST_SEED, 100)
    files = write_testset(testset, pixels, counts)
    outputs = common.write_golden(testset, HERE / "dots.h5", common.read_pngs(files))
    right = int(np.sum(np.rint(outputs[:, 0]) == counts))
    print(f"counted right: {right} of {len(counts)}")


if __name__ == "__main__":
    main()
