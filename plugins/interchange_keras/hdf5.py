"""Reading HDF5 files of strangers: nothing outside the file, no more memory than it deserves, one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from interchange.errors import BadInput, InterchangeError
from interchange.graph import Array, dtype_of

# Weights hardly compress. Files where the arrays are more than this many times the file are made to exhaust memory.
MOST_EXPANSION = 100
ALWAYS_ALLOWED = 1 << 26

# What h5py raises about damaged files, in its own words.
H5PY_ERRORS = (
    OSError,
    KeyError,
    ValueError,
    RuntimeError,
    TypeError,
    IndexError,
    AttributeError,
    MemoryError,
    OverflowError,
)


class Hdf5:
    """An open HDF5 file; every method raises BadInput (IX203, IX205, IX206) only."""

    def __init__(self, file: h5py.File, where: str, size: int) -> None:
        self._file = file
        self._where = where
        self._room = max(MOST_EXPANSION * size, ALWAYS_ALLOWED)

    def attribute(self, path: str, name: str) -> Any:
        """A scalar attribute as str or number; None if the object does not have it."""
        with damage_is_bad_input(self._where):
            attributes = self._object(path).attrs
            if name not in attributes:
                return None
            value = attributes[name]
            return text(value) if isinstance(value, (bytes, str)) else value.item() if np.size(value) == 1 else value

    def names(self, path: str, name: str) -> list[str] | None:
        """An attribute that lists names; a long one is cut into name0, name1 … None if there is neither."""
        with damage_is_bad_input(self._where):
            attributes = self._object(path).attrs
            if name in attributes:
                return [text(item) for item in np.ravel(attributes[name]).tolist()]
            chunks = [f"{name}{n}" for n in range(len(attributes)) if f"{name}{n}" in attributes]
            return [text(item) for chunk in chunks for item in np.ravel(attributes[chunk]).tolist()] if chunks else None

    def has(self, path: str) -> bool:
        with damage_is_bad_input(self._where):
            node: Any = self._file
            for part in _parts(path):
                if not isinstance(node, h5py.Group) or part not in node:
                    return False
                node = self._child(node, part)
            return True

    def children(self, path: str) -> list[str]:
        with damage_is_bad_input(self._where):
            group = self._object(path)
            return list(group) if isinstance(group, h5py.Group) else []

    def is_array(self, path: str) -> bool:
        with damage_is_bad_input(self._where):
            return isinstance(self._object(path), h5py.Dataset)

    def array(self, path: str) -> Array:
        """The values of a dataset."""
        with damage_is_bad_input(self._where):
            dataset = self._object(path)
            if not isinstance(dataset, h5py.Dataset):
                raise ValueError(f"{path!r} is not an array")
            if dataset.external or dataset.is_virtual:
                raise _outside(self._where, path, "the array's values lie in another file")
            size = int(dataset.dtype.itemsize) * int(np.prod(dataset.shape or (), dtype=object))
            self._room -= size
            if self._room < 0:
                raise BadInput(
                    "IX206",
                    "The arrays in the file take far more memory than the file is large.",
                    where=self._where,
                    why=f"{path!r} is {dataset.dtype}{list(dataset.shape)}",
                )
            if dataset.chunks is None and int(dataset.id.get_storage_size()) < size:
                raise ValueError(
                    f"{path!r} is {dataset.dtype}{list(dataset.shape)}, but its values are not in the file"
                )
            if dataset.dtype.hasobject:
                raise ValueError(f"{path!r} holds no numbers but {dataset.dtype}")
            array = np.asarray(dataset[()])
            return array.view(dtype_of("bfloat16")) if dataset.dtype == np.dtype("V2") else array

    def _object(self, path: str) -> Any:
        node: Any = self._file
        for part in _parts(path):
            node = self._child(node, part)
        return node

    def _child(self, group: Any, name: str) -> Any:
        link = group.get(name, getlink=True)
        if link is None:
            raise KeyError(f"there is no {group.name.rstrip('/')}/{name}")
        if not isinstance(link, h5py.HardLink):
            raise _outside(self._where, f"{group.name}/{name}", f"it is a link: {type(link).__name__}")
        return group[name]


@contextmanager
def open_hdf5(source: Path | BinaryIO, where: str, size: int) -> Iterator[Hdf5]:
    """Opens a file, or the bytes of one.

    Raises:
        BadInput: (IX203) this is no HDF5 file, or a damaged one.
    """
    with damage_is_bad_input(where):
        file = h5py.File(source, "r")
    try:
        yield Hdf5(file, where, size)
    finally:
        with damage_is_bad_input(where):
            file.close()


@contextmanager
def damage_is_bad_input(where: str) -> Iterator[None]:
    """Turns whatever h5py says about a damaged file into BadInput (IX203)."""
    try:
        yield
    except InterchangeError:
        raise
    except H5PY_ERRORS as error:
        raise BadInput(
            "IX203",
            "The file is damaged, or not what it seems to be.",
            where=where,
            why=f"HDF5: {str(error) or type(error).__name__}",
            next_step="Copy or download it again; compare its size and checksum with the original's.",
        ) from error


def text(value: Any) -> str:
    """Keras and h5py give bytes or str, depending on their versions."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _outside(where: str, path: str, why: str) -> BadInput:
    return BadInput(
        "IX205",
        "The file refers to something that is not its own content.",
        where=f"{where}: {path}",
        why=why,
        next_step="Save the model again with Keras; it never writes such files.",
    )
