"""Writes formats/golden/testset: three small test sets, and what they must give.

python tests/testset/make_golden.py
"""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from interchange import testset
from interchange.graph import TensorSpec

FOLDER = Path(__file__).parents[2] / "formats" / "golden" / "testset"
SHAPES = {"listed": (None, 5, 3, 3), "arrays": (None, 4, 2), "idx": (None, 5, 4, 1)}


def main() -> None:
    rng = np.random.default_rng(0)
    _listed(FOLDER / "listed", rng)
    _arrays(FOLDER / "arrays", rng)
    _idx(FOLDER / "idx", rng)
    expected = {name: measured(FOLDER / name) for name in SHAPES}
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")


def measured(path: Path) -> dict[str, Any]:
    """What a test set gives, in the form of expected.json."""
    found = testset.load(path, {"x": TensorSpec("float32", SHAPES[path.name])})
    x = found.feeds(0, len(found))["x"].astype(np.float64)
    return {
        "shape": [None, *SHAPES[path.name][1:]],
        "names": [found.name(i) for i in range(len(found))],
        "targets": None if found.targets is None else found.targets.tolist(),
        "golden": sorted(found.golden),
        "sum": float(x.sum()),
        "first": x.ravel()[:6].tolist(),
    }


def _listed(folder: Path, rng: np.random.Generator) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name in ("b", "a", "c"):
        Image.fromarray(rng.integers(0, 256, (5, 3, 3), dtype=np.uint8)).save(folder / "images" / f"{name}.png")
    (folder / "targets.csv").write_text("file,target\nimages/b.png,dog\nimages/a.png,cat\nimages/c.png,dog\n", "utf-8")
    (folder / "testset.toml").write_text(
        'version = 1\nlabels = ["cat", "dog"]\ndecision = "threshold"\n\n[input]\nsize = [5, 3]\ncolour = "bgr"\n'
        'scale = 0.00392156862745098\nmean = [0.4, 0.45, 0.5]\nstd = [0.25]\nlayout = "NHWC"\n',
        "utf-8",
    )


def _arrays(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"x": rng.integers(0, 256, (6, 4, 2), dtype=np.uint8), "target": np.linspace(0, 1, 6)}
    np.savez_compressed(folder / "samples.npz", **arrays, **{"golden/y": np.zeros((6, 1), np.float32)})
    (folder / "testset.toml").write_text('version = 1\ndecision = "none"\n\n[input]\nscale = 0.5\n', "utf-8")


def _idx(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (
        ("images-idx3", rng.integers(0, 256, (4, 5, 4), dtype=np.uint8)),
        ("labels-idx1", np.array([7, 2, 1, 0], np.uint8)),
    ):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes(), mtime=0))


if __name__ == "__main__":
    main()
