"""Reads and writes .npy and .npz; reads CSV and JSON."""

from __future__ import annotations

import io
import math
import sys
import zlib
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, transposed
from interchange_pyscript.program.numbers import CODES, InputError, bytes_of, item_size, numbers_of, stored_as

MOST_BYTES = 1 << 28  # of an archive, unpacked
TEXT = "object"


def read_npy(data: bytes) -> tuple[str, Tensor]:
    """The dtype and the numbers of an array that NumPy has saved."""
    import ast

    try:
        wide = data[6] > 1
        size = int.from_bytes(data[8 : 12 if wide else 10], "little")
        start = (12 if wide else 10) + size
        header = ast.literal_eval(data[start - size : start].decode("latin-1"))
        shape, text = tuple(header["shape"]), header["descr"]
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError("its shape is damaged")
        if text[1] == "U":
            return TEXT, Tensor(texts_of(data[start:], text, math.prod(shape)), shape)
        names = {"f": "float", "i": "int", "u": "uint", "b": "bool"}
        dtype = "bool" if text[1] == "b" else f"{names[text[1]]}{8 * int(text[2:])}"
        if dtype not in CODES and dtype not in ("bool", "float16"):
            raise ValueError(f"the type {text!r} is not supported")
        width = int(text[2:])
        content = data[start : start + math.prod(shape) * width]
        if len(content) != math.prod(shape) * width:
            raise ValueError("it is incomplete")
        if text[0] == ">" or (text[0] == "=" and sys.byteorder == "big"):
            content = b"".join(content[i : i + width][::-1] for i in range(0, len(content), width))
        values = numbers_of(content, dtype)
    except (ValueError, KeyError, TypeError, IndexError, SyntaxError, RecursionError) as error:
        raise InputError(f"this .npy cannot be read: {error}") from error
    if header["fortran_order"]:
        backwards = Tensor(values, shape[::-1])
        return dtype, transposed(backwards, range(len(shape) - 1, -1, -1))
    return dtype, Tensor(values, shape)


def texts_of(data: bytes, descr: str, count: int) -> Any:
    """Texts of one length, padded with zeros, as NumPy stores them."""
    size = 4 * int(descr[2:])
    if len(data) < count * size:
        raise ValueError("it is incomplete")
    coding = "utf-32-be" if descr[0] == ">" else "utf-32-le"
    return [data[i * size : (i + 1) * size].decode(coding).rstrip("\0") for i in range(count)]


def read_npz(data: bytes) -> dict[str, tuple[str, Tensor]]:
    """The arrays of an archive that NumPy has saved, by name."""
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise ValueError(f"unpacked it has more than {MOST_BYTES:,} bytes")
            if not {member.compress_type for member in members} <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise ValueError("a member is compressed in another way than NumPy does it")
            found = {member.filename.removesuffix(".npy"): unpacked(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"this .npz cannot be read: {error}") from error
    return {name: read_npy(content) for name, content in found.items()}


def unpacked(archive: Any, member: Any) -> bytes:
    """A member of an archive, never more than it promises."""
    with archive.open(member) as file:
        content: bytes = file.read(member.file_size)
    return content


def npy_bytes(tensor: Tensor, dtype: str) -> bytes:
    """The content of a .npy file; a type that NumPy does not know is written as a larger one."""
    if dtype == TEXT:
        texts: list[Any] = list(tensor.values)
        width = max([1, *map(len, texts)])
        descr, content = f"<U{width}", b"".join(text.ljust(width, "\0").encode("utf-32-le") for text in texts)
    else:
        dtype = stored_as(dtype)
        size, content = item_size(dtype), bytes_of(tensor.values, dtype)
        descr = f"{'|' if size == 1 else '<'}{dtype[0]}{size}"
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {tensor.shape!r}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("latin-1")
    return start + content


def write_npz(path: str, tensors: Mapping[str, tuple[str, Tensor]]) -> None:
    """Writes an archive that NumPy can load; the same numbers always give the same bytes."""
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        for i, (name, (dtype, tensor)) in enumerate(tensors.items()):
            entry = name if name.isprintable() else f"output_{i}"  # an archive cannot hold every name
            archive.writestr(zipfile.ZipInfo(f"{entry}.npy"), npy_bytes(tensor, dtype))


def from_nested(nested: Any, dtype: str = "float64") -> Tensor:
    """Nested lists, or anything that has `tolist`, as a tensor of numbers, or of texts."""
    level: list[Any] = [nested]
    shape: list[int] = []
    while True:
        kinds = set(map(type, level))
        if any(hasattr(kind, "tolist") for kind in kinds):
            level = [item.tolist() if hasattr(item, "tolist") else item for item in level]
            kinds = set(map(type, level))
        if not level or not isinstance(level[0], (list, tuple)):
            break
        if not kinds <= {list, tuple} or len(set(map(len, level))) > 1:
            raise InputError(f"the lists at depth {len(shape)} have different lengths")
        shape.append(len(level[0]))
        level = list(chain.from_iterable(level))
    if not kinds <= ({str} if dtype == TEXT else {bool, int, float}):
        strange = [item for item in level if not isinstance(item, str if dtype == TEXT else (int, float))]
        if strange:
            raise InputError(f"{strange[0]!r:.60} is not a {'text' if dtype == TEXT else 'number'}")
    return Tensor(level, shape)


def to_nested(tensor: Any) -> Any:
    """The numbers as nested lists; a single one as it is. A sequence is a list of such."""
    if isinstance(tensor, list):
        return [to_nested(element) for element in tensor]
    if not isinstance(tensor, Tensor):  # a map, or nothing
        return tensor
    nested: Sequence[Any] = list(tensor.values)
    for i in range(len(tensor.shape) - 1, 0, -1):
        size, count = tensor.shape[i], math.prod(tensor.shape[:i])
        nested = [nested[k * size : (k + 1) * size] for k in range(count)]
    return nested if tensor.shape else nested[0]


def read_json(text: str) -> Any:
    """Nested lists, or such lists by the names of the inputs."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this JSON cannot be read: {error}") from error


def read_csv(text: str, dtype: str = "float64") -> Tensor:
    """A table of numbers, whose first line may be of words and is skipped then; or of texts."""
    import csv

    sample = text.splitlines()[0] if text.strip() else ""
    delimiter = next((mark for mark in (",", ";", "\t") if mark in sample), ",")
    try:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(map(str.strip, row))]
    except csv.Error as error:
        raise InputError(f"this CSV cannot be read: {error}") from error
    table: list[list[Any]] = []
    for number, row in enumerate(rows):
        try:
            table.append([entry if dtype == TEXT else parse_number(entry) for entry in row])
        except ValueError as error:
            if number > 0:
                raise InputError(f"line {number + 1} of this CSV has an entry that is not a number") from error
    if len({len(row) for row in table}) != 1:
        raise InputError("the lines of this CSV have different lengths" if table else "this CSV has no numbers")
    return from_nested(table, dtype)


def parse_number(text: str) -> Any:
    """An integer where the text is one, else a float."""
    try:
        return int(text)
    except ValueError:
        return float(text)
