"""Importing NumPy for commands that compute little."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "OPENBLAS_NUM_THREADS"
SMALL = 1 << 24  # bytes of a model


def import_numpy_for(model: str, *, starts_processes: bool = True) -> None:
    """Imports NumPy, with one thread of OpenBLAS where the model is a small file.

    OpenBLAS starts a thread for every core when it is loaded. Converting a small model takes less than that, and so
    does running it once; the numpy backend has threads of its own where they are worth it.

    Args:
        starts_processes: whether the command starts any: the variable is taken back then. Where it stays, nobody has to
            look for the BLAS to hold it at one thread.
    """
    path = Path(model)
    is_small = path.is_file() and path.stat().st_size < SMALL
    if not is_small or "numpy" in sys.modules or VARIABLE in os.environ or "OMP_NUM_THREADS" in os.environ:
        return
    os.environ[VARIABLE] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        if starts_processes:
            del os.environ[VARIABLE]  # they decide for themselves
