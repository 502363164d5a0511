"""Reading HDF5 files of strangers: nothing outside the file, no more memory than it deserves, one kind of error."""

from __future__ import annotations

import io
import math
import mmap
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from interchange.errors import BadInput, InterchangeError
from interchange.graph import Array, dtype_of

# Weights hardly compress. Files where the arrays are more than this many times the file are made to exhaust memory.
MOST_EXPANSION = 100
ALWAYS_ALLOWED = 1 << 26

LINKS = {h5py.h5l.TYPE_SOFT: "SoftLink", h5py.h5l.TYPE_EXTERNAL: "ExternalLink"}
HEAP = b"GCOL\x01\0\0\0"
TEXT_TYPE = re.compile(
    rb"\x19\x01[\0\1]\0\x10\0\0\0\x10\0\0\0\x01\0\0\0\0\0\x08\0\0\0\0\0", re.DOTALL
)  # as h5py writes it

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
        self._opened: dict[str, Any] = {}  # groups and datasets by path

    def attribute(self, path: str, name: str) -> str | None:
        """An attribute that is one text; None if the object does not have it."""
        with damage_is_bad_input(self._where):
            texts = self._texts(self._object(path), name)
            return texts[0] if texts else None

    def names(self, path: str, name: str) -> list[str] | None:
        """An attribute that lists names; a long one is cut into name0, name1 … None if there is neither."""
        with damage_is_bad_input(self._where):
            node = self._object(path)
            if (texts := self._texts(node, name)) is not None:
                return texts
            chunks = [self._texts(node, f"{name}{n}") for n in range(len(node.attrs))]
            return [text for chunk in chunks for text in chunk or ()] if any(c is not None for c in chunks) else None

    def _texts(self, node: Any, name: str) -> list[str] | None:
        if name not in node.attrs:
            return None
        attribute = node.attrs.get_id(name)
        if attribute.get_space().get_simple_extent_npoints() == 0:
            return []  # Keras writes an empty list as an empty array of floats
        # HDF5 crashes on the variable-length values of a damaged file, unless they are texts
        if attribute.get_type().get_class() != h5py.h5t.STRING:
            raise ValueError(f"the attribute {name!r} is no text but {attribute.dtype}")
        return [text(item) for item in np.ravel(node.attrs[name]).tolist()]

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
            dtype, shape = dataset.dtype, dataset.shape or ()  # h5py works them out each time
            size = int(dtype.itemsize) * math.prod(map(int, shape))
            self._room -= size
            if self._room < 0:
                raise BadInput(
                    "IX206",
                    "The arrays in the file take far more memory than the file is large.",
                    where=self._where,
                    why=f"{path!r} is {dtype}{list(shape)}",
                )
            if dataset.chunks is None and int(dataset.id.get_storage_size()) < size:
                raise ValueError(f"{path!r} is {dtype}{list(shape)}, but its values are not in the file")
            if dtype.hasobject:
                raise ValueError(f"{path!r} holds no numbers but {dtype}")
            array = np.asarray(dataset[()])
            return array.view(dtype_of("bfloat16")) if dtype == np.dtype("V2") else array

    def _object(self, path: str) -> Any:
        node: Any = self._file
        place = ""
        for part in _parts(path):
            place = f"{place}/{part}"
            if place not in self._opened:
                self._opened[place] = self._child(node, part)
            node = self._opened[place]
        return node

    def _child(self, group: Any, name: str) -> Any:
        kind = group.id.links.get_info(name.encode()).type  # KeyError if there is none
        if kind != h5py.h5l.TYPE_HARD:
            raise _outside(self._where, f"{group.name}/{name}", f"it is a link: {LINKS.get(kind, kind)}")
        return group[name]


class Section(io.RawIOBase):
    """A part of a file as a file, to be read."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self.path, self.start, self.size = path, start, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer).cast("B")[: max(self.size - self._at, 0)]
        self._file.seek(self.start + self._at)
        count = self._file.readinto(room)
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def open_hdf5(source: Path | bytes | Section, where: str) -> Iterator[Hdf5]:
    """Opens a file, a part of one, or the bytes of one. A section is closed, too.

    Raises:
        BadInput: (IX203) this is no HDF5 file, or a damaged one.
    """
    with ExitStack() as stack:
        with damage_is_bad_input(where):
            if isinstance(source, bytes):
                size = len(source)
                _check_texts(source)
                file = h5py.File(io.BytesIO(source), "r")
            elif isinstance(source, Section):
                size = stack.enter_context(source).size
                _check_texts_of(source.path, source.start, size)
                file = h5py.File(source, "r")
            else:
                size = source.stat().st_size
                _check_texts_of(source, 0, size)
                file = h5py.File(source, "r")
        try:
            yield Hdf5(file, where, size)
        finally:
            with damage_is_bad_input(where):
                file.close()


def _check_texts_of(path: Path, start: int, size: int) -> None:
    before = start % mmap.ALLOCATIONGRANULARITY
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), before + size, access=mmap.ACCESS_READ, offset=start - before)
    with content:
        _check_texts(content, before)


def _check_texts(content: bytes | mmap.mmap, first: int = 0) -> None:
    """Refuses what would keep HDF5 busy for ever, or make it ask for gigabytes, when it reads texts from `first` on.

    Texts lie in global heaps: "GCOL", version 1, three zeros, the size; then objects, each (index, references, 0, size)
    and data filled up to 8 bytes. Index 0 is the free space, whose size includes its own header. An attribute holds
    its type, its dataspace (version, rank, flags; sizes; largest sizes if flagged) and for each text (length, place).
    """
    steps_left = len(content) // 16 + 1  # all that heaps can hold which do not overlap, and HDF5 writes no others
    start = content.find(HEAP, first)
    while start >= 0:
        end = min(start + _number(content, start + 8), len(content))
        at = start + 16
        while at + 16 <= end:
            size = _number(content, at + 8)
            step = size if content[at : at + 2] == b"\0\0" else 16 + (size + 7) // 8 * 8
            steps_left -= 1
            if not 0 < step <= end - at or steps_left < 0:
                raise ValueError(f"the heap at byte {start} is damaged")
            at += step
        start = content.find(HEAP, start + 8)
    for match in TEXT_TYPE.finditer(content, first):
        at = match.end()
        rank, has_largest = content[at + 1 : at + 2], content[at + 2 : at + 3] == b"\1"
        sizes = [_number(content, at + 8 + 8 * i) for i in range(min(rank[0] if rank else 0, 32))]
        at += 8 + 8 * len(sizes) * (2 if has_largest else 1)
        if math.prod(sizes) * 16 > len(content):
            raise ValueError(f"the attribute at byte {match.start()} is damaged")
        for place in range(at, at + math.prod(sizes) * 16, 16):
            if int.from_bytes(content[place : place + 4], "little") > len(content):
                raise ValueError(f"the attribute at byte {match.start()} is damaged")


def _number(content: bytes | mmap.mmap, at: int) -> int:
    return int.from_bytes(content[at : at + 8], "little")


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
