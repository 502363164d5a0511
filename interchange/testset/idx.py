"""MNIST's idx files, plain or gzipped: pictures (magic 0x803) and labels (0x801), recognised by their content."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array
from interchange.testset.samples import MOST_BYTES, Samples, refuse

PICTURES = b"\x00\x00\x08\x03"
LABELS = b"\x00\x00\x08\x01"
_GZIP = b"\x1f\x8b"


def magic(path: Path) -> bytes:
    """The first four bytes, unpacked if the file is gzipped; b"" if that fails."""
    try:
        with _open(path) as file:
            return file.read(4)
    except (OSError, EOFError, zlib.error):
        return b""


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(IO[bytes], gzip.open(path) if packed else path.open("rb"))


def pictures_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.is_file() and magic(file) == PICTURES]


def load(path: Path, most_bytes: int = MOST_BYTES) -> Samples:
    """A picture file with the labels beside it, or a folder with such a pair (`t10k…` where there are several).

    Raises:
        BadInput: (IX220) truncated, ambiguous or without its partner; (IX221) the counts differ; (IX206) too large.
    """
    pictures = _choose(path) if path.is_dir() else path
    data = _read(pictures, 3, most_bytes)
    partner = _labels_of(pictures)
    labels = None if partner is None else _read(partner, 1, most_bytes)
    if labels is not None and len(labels) != len(data):
        why = f"{len(data)} pictures, {len(labels)} labels"
        raise BadInput("IX221", "The counts differ.", where=str(pictures), why=why)
    return Samples(
        "MNIST idx files",
        len(data),
        picture=lambda i: data[i],
        size=lambda i: (int(data.shape[1]), int(data.shape[2])),
        targets=None if labels is None else labels.astype(np.int64),
        notes=() if partner else ("There are no labels beside the pictures.",),
    )


def _choose(folder: Path) -> Path:
    found = pictures_in(folder)
    test = [file for file in found if file.name.startswith(("t10k", "test"))]
    for candidates in (found, test):
        if len(candidates) == 1:
            return candidates[0]
    raise BadInput(
        "IX220",
        "There are several idx files with pictures.",
        where=str(folder),
        why=", ".join(file.name for file in found),
        next_step="Give the path of the one to use.",
    )


def _labels_of(pictures: Path) -> Path | None:
    """The label file whose name begins as the pictures' name does ("t10k-"), or the only one."""
    found = [f for f in sorted(pictures.parent.iterdir()) if f.is_file() and magic(f) == LABELS]
    prefix = pictures.name.split("images")[0]
    same = [file for file in found if file.name.startswith(prefix) and prefix]
    chosen = same if len(same) == 1 else found
    return chosen[0] if len(chosen) == 1 else None


def _read(path: Path, rank: int, most_bytes: int) -> Array:
    """The array of an idx file. Memory is taken only for as many bytes as the header declares, within the limit."""
    try:
        with _open(path) as file:
            head = file.read(4 + 4 * rank)
            if len(head) < 4 + 4 * rank:
                raise ValueError("the header is truncated")
            shape = tuple(int.from_bytes(head[i : i + 4], "big") for i in range(4, 4 + 4 * rank, 4))
            size = int(np.prod(shape, dtype=object))
            if size > most_bytes:
                why = f"the header declares {size:,} bytes; the limit is {most_bytes:,}"
                raise BadInput("IX206", "The idx file is larger than the limit.", where=str(path), why=why)
            data = _exactly(file, size)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise BadInput("IX220", "The idx file cannot be read.", where=str(path), why=str(error)) from error
    refuse("IX220", "The idx file cannot be used.", path, ["it has no samples"] if 0 in shape else [])
    return np.frombuffer(data, np.uint8).reshape(shape)


def _exactly(file: IO[bytes], size: int) -> bytes:
    """`size` bytes, read in pieces so that a lying header of a short file does not cost its promise."""
    pieces, left = [], size
    while left:
        piece = file.read(min(left, 1 << 24))
        if not piece:
            raise ValueError(f"it is truncated: {size - left:,} of {size:,} bytes of data")
        pieces.append(piece)
        left -= len(piece)
    if file.read(1):
        raise ValueError(f"it goes on after the {size:,} bytes that its header declares")
    return b"".join(pieces)
