"""Arrays that go from one process to another, and whether two sets of them agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

TOLERANCES = {"float16": (1e-2, 1e-3), "bfloat16": (4e-2, 1e-2)}  # relative, absolute
FLOAT32 = (1e-4, 1e-5)


class Stored(NamedTuple):
    """An array of any dtype of Keras: bfloat16 is kept as float32, which NumPy's own files know."""

    dtype: str
    values: np.ndarray


def as_stored(array: np.ndarray) -> Stored:
    if array.dtype.kind in "OS":
        texts = [t.decode() if isinstance(t, bytes) else str(t) for t in array.ravel()]
        array = np.array(texts, str).reshape(array.shape)
    if array.dtype.kind == "U":
        return Stored("str", array)
    return Stored(array.dtype.name, array.astype(np.float32) if array.dtype.name == "bfloat16" else array)


def write(path: Path | str, arrays: Sequence[np.ndarray]) -> None:
    entries = [as_stored(array) for array in arrays]
    values = {str(i): entry.values for i, entry in enumerate(entries)}
    np.savez(path, dtypes=json.dumps([entry.dtype for entry in entries]), **values)


def read(path: Path | str) -> list[Stored]:
    with np.load(path) as file:
        return [Stored(dtype, file[str(i)]) for i, dtype in enumerate(json.loads(str(file["dtypes"])))]


def difference(made: Sequence[Stored], known: Sequence[Stored]) -> str:
    """What is other than it should be: the number of arrays, a dtype, a shape, the values; "" if nothing is."""
    if len(made) != len(known):
        return f"{len(made)} outputs instead of {len(known)}"
    for one, other in zip(made, known, strict=True):
        if one.dtype != other.dtype:
            return f"{one.dtype} instead of {other.dtype}"
        if one.values.shape != other.values.shape:
            return f"shape {one.values.shape} instead of {other.values.shape}"
        if other.values.dtype.kind not in "fc":
            if not np.array_equal(one.values, other.values):
                return "other values"
            continue
        relative, absolute = TOLERANCES.get(other.dtype, FLOAT32)
        largest = np.abs(other.values, where=np.isfinite(other.values), out=np.zeros_like(other.values)).max(initial=1)
        if not np.allclose(one.values, other.values, rtol=relative, atol=absolute * float(largest), equal_nan=True):
            return f"off by {np.nanmax(np.abs(one.values.astype(np.float64) - other.values)):.1e}"
    return ""
