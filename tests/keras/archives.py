"""Archives of golden files: the models as Keras wrote them, and the arrays that it computed."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np


def unpacked(archive: Path, folder: Path) -> Path:
    """The folder, with all files of a .tar.xz in it."""
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return folder


def arrays_in(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz, read at once."""
    with np.load(path) as stored:
        return dict(stored)
