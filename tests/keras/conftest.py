"""The files that real Keras wrote, unpacked once."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras"


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_module("keras_rows", GOLDEN / "rows.py")
_module("keras_sequence_rows", GOLDEN.parent / "keras_sequences" / "rows.py")
_calls = _module("keras_calls_rows", GOLDEN.parent / "keras_calls" / "rows.py")
_module("keras_calls_operations", GOLDEN.parent / "keras_calls" / "operations.py").fill(_calls.ROWS)
_calls.OPTIONS = _calls.Table()
for _part in ("options", "wirings"):
    _module(f"keras_calls_{_part}", GOLDEN.parent / "keras_calls" / f"{_part}.py").fill(_calls.OPTIONS)
_calls.MASKS = _calls.Table()
_module("keras_calls_masks", GOLDEN.parent / "keras_calls" / "masks.py").fill(_calls.MASKS)

_module("keras_versions_make", GOLDEN.parent / "keras_versions" / "make.py")

sys.path.insert(0, str(GOLDEN.parent / "keras_old"))  # its rows are made where there are no packages
for _major in "12":
    _module(f"keras_old_rows{_major}", GOLDEN.parent / "keras_old" / f"rows{_major}.py")
sys.path.pop(0)


@pytest.fixture(scope="session")
def golden(tmp_path_factory) -> Path:
    """A folder with every model file of tests/golden/keras/models.tar.xz."""
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("keras"))


@pytest.fixture(scope="session")
def truth() -> dict[str, np.ndarray]:
    """What Keras computed: "<name>:0", or "<name>.k2:0" where Keras 2 and 3 differ."""
    return arrays_in(GOLDEN / "outputs.npz")


@pytest.fixture
def edited(golden, tmp_path):
    """Copies a golden .h5 file and changes it: `edited("sequential.k2.h5", config=f, file=g)` -> path.

    `config` gets the architecture's JSON, `file` the open h5py.File.
    """

    def edit(name: str, *, config: Any = None, file: Any = None) -> Path:
        path: Path = tmp_path / f"edited_{name}"
        shutil.copy(golden / name, path)
        with h5py.File(path, "r+") as opened:
            if config is not None:
                document = json.loads(opened.attrs["model_config"])
                opened.attrs["model_config"] = json.dumps(config(document) or document)
            if file is not None:
                file(opened)
        return path

    return edit
