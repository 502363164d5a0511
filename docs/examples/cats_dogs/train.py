"""Train a network that tells drawn cats from drawn dogs, and write the model and its test set.

The faces are drawn here: cats with pointed ears and whiskers, dogs with hanging ears and a snout, in many colours,
places, sizes and tilts. Writes beside this file: ``cats_dogs.h5``, ``cats_dogs.keras`` and ``testset/`` (PNG files
in a folder for each class, ``testset.toml``, ``golden.npz``).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import keras
import numpy as np
from keras import layers
from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
SIZE = 64
FINE = 4 * SIZE  # faces are drawn four times as large, then reduced
LABELS = ["cat", "dog"]
TRAIN_SEED, TEST_SEED = 1, 2
FURS = [(222, 150, 80), (120, 120, 128), (60, 56, 60), (226, 206, 170), (140, 92, 58), (240, 236, 228), (176, 110, 60)]
PINK, DARK, WHITE = (226, 140, 144), (36, 30, 32), (250, 250, 248)

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Face:
    """A transparent sheet to draw one face on; the face has its centre at (0, 0) and a radius of about 1."""

    def __init__(self, unit: float) -> None:
        self.unit = unit
        self.sheet = Image.new("RGBA", (FINE, FINE))
        self.pen = ImageDraw.Draw(self.sheet)

    def _place(self, points: list[Point]) -> list[Point]:
        return [(FINE / 2 + self.unit * x, FINE / 2 + self.unit * y) for x, y in points]

    def shape(self, points: list[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self.pen.polygon(self._place(points), fill=colour)

    def line(self, points: list[Point], colour: Colour, width: float) -> None:
        """Draw a line through the points."""
        self.pen.line(self._place(points), fill=colour, width=max(2, round(width * self.unit)), joint="curve")

    def oval(self, centre: Point, radii: Point, colour: Colour, tilt: float = 0.0) -> None:
        """Fill an ellipse turned by ``tilt`` radians."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        x, y = radii[0] * np.cos(angles), radii[1] * np.sin(angles)
        across = centre[0] + x * np.cos(tilt) - y * np.sin(tilt)
        down = centre[1] + x * np.sin(tilt) + y * np.cos(tilt)
        self.shape(list(zip(across.tolist(), down.tolist(), strict=True)), colour)


def shade(colour: Colour, factor: float) -> Colour:
    """Make a colour darker (factor below 1) or lighter (above 1)."""
    red, green, blue = (int(np.clip(part * factor, 0, 255)) for part in colour)
    return red, green, blue


def draw_cat(face: Face, rng: np.random.Generator, fur: Colour) -> None:
    """Pointed ears, slit pupils, a small nose, whiskers, sometimes stripes."""
    eye: Colour = [(150, 190, 70), (220, 180, 50), (110, 170, 200)][rng.integers(3)]
    whisker = WHITE if sum(fur) < 450 else shade(fur, 0.4)
    tip, spread = rng.uniform(1.15, 1.4), rng.uniform(0.72, 0.92)
    for side in (-1, 1):
        face.shape([(side * 0.98, -0.1), (side * spread, -tip), (side * 0.12, -0.72)], shade(fur, 0.9))
        face.shape([(side * 0.85, -0.3), (side * (spread - 0.04), 0.2 - tip), (side * 0.35, -0.7)], PINK)
    face.oval((0, 0), (1.0, 0.85), fur)
    if rng.uniform() < 0.5:
        for x in (-0.22, 0, 0.22):
            face.line([(x, -0.82 + abs(x) * 0.2), (x * 0.8, -0.45)], shade(fur, 0.6), 0.09)
    for side in (-1, 1):
        face.oval((side * 0.42, -0.1), (0.22, 0.18), eye, side * 0.15)
        face.oval((side * 0.42, -0.1), (rng.uniform(0.05, 0.11), 0.16), DARK)
        face.oval((side * 0.18, 0.42), (0.26, 0.2), shade(fur, 1.25))
        for slope in (-0.12, 0.04, 0.2):
            face.line([(side * 0.28, 0.4 + slope * 0.5), (side * 1.3, 0.36 + slope * 2)], whisker, 0.03)
        face.line([(0, 0.34), (side * 0.08, 0.5), (side * 0.26, 0.5)], DARK, 0.05)
    face.shape([(-0.13, 0.2), (0.13, 0.2), (0, 0.36)], shade(PINK, 0.85))


def draw_dog(face: Face, rng: np.random.Generator, fur: Colour) -> None:
    """Hanging ears, round dark eyes, a large snout with a dark nose, sometimes a patch or a tongue."""
    ear, length = shade(fur, rng.uniform(0.5, 0.8)), rng.uniform(0.55, 0.75)
    face.oval((0, 0), (0.84, 0.95), fur)
    if rng.uniform() < 0.4:
        face.oval((rng.choice([-1, 1]) * 0.38, -0.22), (0.32, 0.36), ear)
    for side in (-1, 1):
        face.oval((side * 0.88, 0.55 * length - 0.4), (0.27, length), ear, -side * rng.uniform(0.1, 0.35))
        face.oval((side * 0.36, -0.2), (0.13, 0.14), DARK)
        face.oval((side * 0.36 + 0.04, -0.25), (0.045, 0.045), WHITE)
    if rng.uniform() < 0.5:
        face.oval((0.05, 0.95), (0.17, 0.26), shade(PINK, 0.95))
    snout = shade(fur, 1.3) if sum(fur) < 560 else shade(fur, 0.85)
    face.oval((0, 0.5), (0.5, 0.4), snout)
    face.line([(0, 0.4), (0, 0.66)], DARK, 0.05)
    face.line([(-0.28, 0.66), (-0.1, 0.74), (0, 0.66), (0.1, 0.74), (0.28, 0.66)], DARK, 0.05)
    face.oval((0, 0.3), (0.23, 0.16), DARK)
    face.oval((-0.07, 0.25), (0.06, 0.03), (120, 116, 118))


def draw(rng: np.random.Generator, target: int) -> common.Pixels:
    """Draw one picture: a face (0 cat, 1 dog) somewhere on a mottled background."""
    fur = shade(FURS[rng.integers(len(FURS))], rng.uniform(0.85, 1.1))
    face = Face(FINE * rng.uniform(0.22, 0.33))
    (draw_cat, draw_dog)[target](face, rng, fur)
    across, down = rng.integers(-FINE // 12, FINE // 12 + 1, 2).tolist()
    sheet = face.sheet.rotate(rng.uniform(-25, 25), Image.Resampling.BICUBIC, translate=(across, down))
    front = np.asarray(sheet.resize((SIZE, SIZE), Image.Resampling.BOX), "float64")

    mottle = np.clip(0.5 + 0.3 * common.fractal_noise(rng, (SIZE, SIZE), (2, 2), octaves=2), 0, 1)[:, :, None]
    back = mottle * rng.uniform(60, 235, 3) + (1 - mottle) * rng.uniform(60, 235, 3)
    covered = front[:, :, 3:] / 255
    picture = covered * front[:, :, :3] + (1 - covered) * back + rng.normal(0, 1, (SIZE, SIZE, 1))
    return common.to_pixels(picture)


def draw_set(seed: int, number: int) -> tuple[common.Pixels, common.Array]:
    """Draw a set of pictures, cats and dogs by turns; give them back with their targets."""
    rng = np.random.default_rng(seed)
    targets = np.arange(number) % 2
    return np.stack([draw(rng, int(target)) for target in targets]), targets


def mirror(x: common.Floats, rng: np.random.Generator) -> common.Floats:
    """Mirror half of the pictures."""
    return np.where(rng.uniform(size=(len(x), 1, 1, 1)) < 0.5, x, x[:, :, ::-1])


def build_model() -> keras.Model:
    """Two convolutions with pooling, a hidden layer, and one sigmoid output: how much of a dog."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), name="image"),
            layers.Conv2D(32, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool_1"),
            layers.Conv2D(32, 3, activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(128, activation="relu", name="hidden"),
            layers.Dense(1, activation="sigmoid", name="dog"),
        ],
        name="cats_dogs",
    )


def main() -> None:
    """Train, save, and measure on the test set."""
    keras.utils.set_random_seed(1)
    model = build_model()
    pixels, targets = draw_set(TRAIN_SEED, 1600)
    common.train(model, pixels, targets, loss="binary_crossentropy", epochs=12, augment=mirror)
    common.save(model, build_model, HERE, "cats_dogs")

    testset = HERE / "testset"
    pixels, targets = draw_set(TEST_SEED, 48)
    files = common.write_class_folders(testset, pixels, targets, LABELS)
    common.write_settings(testset, (SIZE, SIZE), "rgb", "threshold", LABELS)
    outputs = common.write_golden(testset, HERE / "cats_dogs.h5", common.read_pngs(files))
    right = int(np.sum((outputs[:, 0] > 0.5) == np.sort(targets)))
    print(f"told right: {right} of {len(targets)} ({right / len(targets):.2%})")


if __name__ == "__main__":
    main()
