"""The files that real Keras wrote, unpacked once."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

GOLDEN = Path(__file__).parent.parent / "golden" / "keras"


def _rows() -> ModuleType:
    spec = importlib.util.spec_from_file_location("keras_rows", GOLDEN / "rows.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["keras_rows"] = module
    spec.loader.exec_module(module)
    return module


_rows()


@pytest.fixture(scope="session")
def golden(tmp_path_factory) -> Path:
    """A folder with every model file of tests/golden/keras/models.tar.xz."""
    folder = tmp_path_factory.mktemp("keras")
    with tarfile.open(GOLDEN / "models.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def truth() -> dict[str, np.ndarray]:
    """What Keras computed: "<name>:0", or "<name>.k2:0" where Keras 2 and 3 differ."""
    with np.load(GOLDEN / "outputs.npz") as stored:
        return dict(stored)
