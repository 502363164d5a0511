"""Train a network that names five kinds of cloud, and write the model and its test set.

The skies are drawn here, from fractal noise. The model is a small graph with branches: separable and depthwise
convolutions, a residual sum, a concatenation, batch normalisation and average pooling. Writes beside this file:
``clouds.h5``, ``clouds.keras`` and ``testset/`` (PNG files in a folder for each kind, ``testset.toml``,
``golden.npz``).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import keras
import numpy as np
from keras import layers
from PIL import Image

HERE = Path(__file__).resolve().parent
HEIGHT, WIDTH = 48, 64
SIZE = (HEIGHT, WIDTH)
LABELS = ["altocumulus", "cirrus", "cumulonimbus", "cumulus", "stratus"]
TRAIN_SEED, TEST_SEED = 1, 2

Field = common.Array  # one number for each pixel
DOWN: Field = np.arange(HEIGHT)[:, None] * np.ones(SIZE)
ACROSS: Field = np.arange(WIDTH) * np.ones(SIZE)


def step(values: Field, low: float, high: float) -> Field:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - low) / (high - low), 0, 1)
    smooth: Field = t * t * (3 - 2 * t)
    return smooth


def blue_sky(rng: np.random.Generator) -> Field:
    """A clear sky, paler towards the horizon."""
    top = np.array([60, 115, 190]) + rng.uniform(-20, 20) + rng.uniform(-14, 14, 3)
    horizon = np.array([165, 200, 230]) + rng.uniform(-15, 15) + rng.uniform(-10, 10, 3)
    t = (DOWN / HEIGHT)[:, :, None] ** rng.uniform(0.7, 1.5)
    return (1 - t) * top + t * horizon


def cover(sky: Field, opacity: Field, brightness: Field | float) -> Field:
    """Lay a grey or white cloud over the sky."""
    tint = np.array([1.0, 1.0, 1.02])
    white = np.broadcast_to(brightness, SIZE)[:, :, None] * tint
    covered: Field = opacity[:, :, None] * white + (1 - opacity[:, :, None]) * sky
    return covered


def heap(rng: np.random.Generator, x: float, base: float, width: float, height: float, puffs: int) -> Field:
    """How deep inside a heaped cloud each pixel lies: round puffs above a flat base, with ragged edges."""
    depth = np.full(SIZE, -1.0)
    for _ in range(puffs):
        along = rng.uniform(-1, 1)
        radius = height * rng.uniform(0.35, 0.6)
        up = rng.uniform(0.2, 1) * (1 - 0.7 * along**2) * (height - radius)
        distance = np.hypot(ACROSS - x - along * width / 2, DOWN - base + up) / radius
        depth = np.maximum(depth, 1 - distance)
    ragged = depth + 0.14 * common.fractal_noise(rng, SIZE, (6, 8), octaves=3, persistence=0.6)
    flat: Field = np.minimum(ragged, (base - DOWN) / 4)
    return flat


def altocumulus(rng: np.random.Generator) -> Field:
    """A flock of small, evenly spread cloudlets."""
    angle, spacing = rng.uniform(-0.5, 0.5), rng.uniform(6.5, 10)
    along = ACROSS * np.cos(angle) + DOWN * np.sin(angle) + 1.6 * common.fractal_noise(rng, SIZE, (4, 5), 2)
    down = DOWN * np.cos(angle) - ACROSS * np.sin(angle) + 1.6 * common.fractal_noise(rng, SIZE, (4, 5), 2)
    waves = np.cos(2 * np.pi * along / spacing) + np.cos(2 * np.pi * down / (0.75 * spacing) + rng.uniform(0, 6))
    patches = 0.5 * waves + 0.3 * common.fractal_noise(rng, SIZE, (8, 10), 3)
    opacity = step(patches, -0.15, 0.75) * rng.uniform(0.75, 0.95)
    return cover(blue_sky(rng), opacity, 215 + 35 * step(patches, 0, 1))


def cirrus(rng: np.random.Generator) -> Field:
    """Thin, long, slightly bent streaks high in a clear sky."""
    wide = (2 * HEIGHT, 2 * WIDTH)
    streaks = common.fractal_noise(rng, wide, (rng.uniform(12, 18), rng.uniform(1.5, 3)), 3, 0.65)
    angle = rng.uniform(10, 35) * rng.choice([-1, 1])
    turned = np.asarray(Image.fromarray(streaks).rotate(angle, Image.Resampling.BICUBIC))
    rows = DOWN + HEIGHT / 2 + 5 * np.sin(ACROSS / WIDTH * rng.uniform(2, 5) + rng.uniform(0, 6))
    above, columns = rows.astype(int), (ACROSS + WIDTH / 2).astype(int)
    streaks = turned[above, columns] + (rows - above) * (turned[above + 1, columns] - turned[above, columns])
    where = step(common.fractal_noise(rng, SIZE, (2, 2), 2), -1.3, 0.6)
    opacity = step(streaks, -0.3, 2.2) * (0.25 + 0.75 * where) * rng.uniform(0.75, 1.0)
    return cover(blue_sky(rng), opacity, 250)


def cumulonimbus(rng: np.random.Generator) -> Field:
    """A tower that spreads into an anvil at its top, dark at its base, with rain below."""
    x, base, top = rng.uniform(22, 42), rng.uniform(35, 40), rng.uniform(4, 10)
    rise = np.clip((base - DOWN) / (base - top), 0, 1.2)
    half_width = rng.uniform(10, 14) * (1 - 0.3 * np.sin(np.pi * np.clip(rise, 0, 1)))
    tower = 1 - np.abs(ACROSS - x - rng.uniform(-4, 4) * rise) / half_width
    lean, spread = rng.uniform(-8, 8), rng.uniform(22, 30)
    anvil = 1 - np.hypot((ACROSS - x - lean) / spread, (DOWN - top - 4) / rng.uniform(4.5, 6.5))
    depth = np.maximum(np.minimum(tower, np.minimum((DOWN - top) / 4, (base - DOWN) / 3)), anvil)
    depth = depth + 0.15 * common.fractal_noise(rng, SIZE, (6, 8), 3, 0.6)
    sky = blue_sky(rng) * rng.uniform(0.6, 0.85)
    rain = step(common.fractal_noise(rng, SIZE, (1, 16), 2), -1.5, 1.5) * (base - 1 < DOWN) * step(tower, -0.1, 0.5)
    sky = cover(sky, 0.45 * rain, 90)
    light = 75 + 165 * step(rise, 0.05, 0.85) + 10 * common.fractal_noise(rng, SIZE, (8, 10), 3)
    return cover(sky, step(depth, -0.05, 0.22), np.clip(light, 50, 250))


def cumulus(rng: np.random.Generator) -> Field:
    """One to three separate white heaps with flat, greyer bases."""
    picture = blue_sky(rng)
    number = int(rng.integers(1, 4))
    for place in range(number):
        x = WIDTH * (place + rng.uniform(0.3, 0.7)) / number
        base, height = rng.uniform(24, 42), rng.uniform(11, 17)
        depth = heap(rng, x, base, WIDTH / number * rng.uniform(0.35, 0.55), height, 9)
        light = 185 + 65 * step((base - DOWN) / height, 0, 0.75)
        picture = cover(picture, step(depth, 0.0, 0.25), light)
    return picture


def stratus(rng: np.random.Generator) -> Field:
    """An even grey layer over the whole sky, only faintly banded."""
    grey = rng.uniform(135, 205)
    bands = common.fractal_noise(rng, SIZE, (rng.uniform(3, 6), 1.5), 3, 0.45)
    layer = grey + rng.uniform(-25, 10) * DOWN / HEIGHT + rng.uniform(3, 9) * bands
    return cover(blue_sky(rng), np.full(SIZE, rng.uniform(0.86, 0.98)), layer)


def draw_set(seed: int, number: int) -> tuple[common.Pixels, common.Array]:
    """Draw a set of skies, the kinds by turns; give them back with their targets."""
    rng = np.random.default_rng(seed)
    painters = (altocumulus, cirrus, cumulonimbus, cumulus, stratus)
    targets = np.arange(number) % len(painters)
    skies = np.stack([painters[target](rng) + rng.normal(0, 0.7, (*SIZE, 1)) for target in targets])
    return common.to_pixels(skies), targets


def mirror(x: common.Floats, rng: np.random.Generator) -> common.Floats:
    """Mirror half of the pictures."""
    return np.where(rng.uniform(size=(len(x), 1, 1, 1)) < 0.5, x, x[:, :, ::-1])


def build_model() -> keras.Model:
    """A stem, a residual block, two branches side by side, and a softmax over the mean of every channel."""
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem_conv")(image)
    x = layers.BatchNormalization(momentum=0.9, name="stem_norm")(x)
    x = layers.Activation("relu", name="stem_relu")(x)
    stem = layers.AveragePooling2D(2, name="stem_pool")(x)

    x = layers.SeparableConv2D(16, 3, padding="same", use_bias=False, name="block_conv_1")(stem)
    x = layers.BatchNormalization(momentum=0.9, name="block_norm_1")(x)
    x = layers.Activation("relu", name="block_relu_1")(x)
    x = layers.SeparableConv2D(16, 3, padding="same", name="block_conv_2")(x)
    x = layers.BatchNormalization(momentum=0.9, name="block_norm_2")(x)
    x = layers.Add(name="block_sum")([stem, x])
    block = layers.Activation("relu", name="block_relu_2")(x)

    fine = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, name="fine_conv")(block)
    fine = layers.BatchNormalization(momentum=0.9, name="fine_norm")(fine)
    fine = layers.Activation("elu", name="fine_elu")(fine)
    coarse = layers.AveragePooling2D(3, strides=2, padding="same", name="coarse_pool")(block)
    coarse = layers.Conv2D(16, 1, name="coarse_conv")(coarse)
    coarse = layers.Activation("tanh", name="coarse_tanh")(coarse)
    x = layers.Concatenate(name="branches")([fine, coarse])

    x = layers.SeparableConv2D(48, 3, padding="same", activation="relu", name="mix_conv")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(image, layers.Dense(len(LABELS), activation="softmax", name="cloud")(x), name="clouds")


def main() -> None:
    """Train, save, and measure on the test set."""
    keras.utils.set_random_seed(1)
    model = build_model()
    pixels, targets = draw_set(TRAIN_SEED, 1500)
    loss = "sparse_categorical_crossentropy"
    common.train(model, pixels, targets, loss=loss, epochs=25, learning_rate=3e-3, augment=mirror)
    common.save(model, build_model, HERE, "clouds")

    testset = HERE / "testset"
    pixels, targets = draw_set(TEST_SEED, 60)
    files = common.write_class_folders(testset, pixels, targets, LABELS)
    common.write_settings(testset, SIZE, "rgb", "argmax", LABELS)
    outputs = common.write_golden(testset, HERE / "clouds.h5", common.read_pngs(files))
    right = int(np.sum(outputs.argmax(axis=1) == np.sort(targets)))
    print(f"named right: {right} of {len(targets)} ({right / len(targets):.2%})")


if __name__ == "__main__":
    main()
