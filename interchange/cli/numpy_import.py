"""Importing NumPy for commands whose work is not matrix products, or is given to threads of another kind."""

from __future__ import annotations

import os
import sys

VARIABLE = "OPENBLAS_NUM_THREADS"


def import_numpy(*, starts_processes: bool = True) -> None:
    """Imports NumPy, with one thread of OpenBLAS unless the environment says how many.

    OpenBLAS starts a thread for every core when it is loaded, and these wait for each other busily: where other work
    runs, converting a ResNet50 took twice as long with two of them as with one, and 6 % less where none does, for a
    third more of CPU time. The numpy backend has threads of its own where they are worth it.

    Args:
        starts_processes: whether the command starts any: the variable is taken back then. Where it stays, nobody has to
            look for the BLAS to hold it at one thread.
    """
    if "numpy" in sys.modules or VARIABLE in os.environ or "OMP_NUM_THREADS" in os.environ:
        return
    os.environ[VARIABLE] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        if starts_processes:
            del os.environ[VARIABLE]  # they decide for themselves
