"""NumPy files. Sizes are checked before anything is read, and nothing is ever unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array
from interchange.testset.samples import MOST_BYTES, Samples, refuse

NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"
GOLDEN = "golden.npz"
TARGET = "target"
GOLDEN_PREFIX = "golden/"


def load_file(path: Path, inputs: tuple[str, ...], most_bytes: int = MOST_BYTES) -> Samples:
    """One .npz or .npy file: arrays named as the inputs, or a single array for the only input."""
    head = path.open("rb").read(8)
    members = {"": _open_npy(path)} if head.startswith(NPY_MAGIC) else read_npz(path, most_bytes)
    golden = {name.removeprefix(GOLDEN_PREFIX): a for name, a in members.items() if name.startswith(GOLDEN_PREFIX)}
    target = None if TARGET in inputs else members.get(TARGET)
    data = {n: a for n, a in members.items() if n in inputs or not (n == TARGET or n.startswith(GOLDEN_PREFIX))}
    return _samples("NumPy arrays in one file", path, data, target, golden, inputs)


def load_folder(path: Path, inputs: tuple[str, ...], most_bytes: int = MOST_BYTES) -> Samples:
    """A folder with a .npy or .npz file for each input, or one for the only input; `target.npy` holds targets."""
    files = {file.stem: file for file in array_files(path)}
    if len(files) == 1 and not (set(files) <= set(inputs)) and TARGET not in files:
        (only,) = files.values()
        return load_file(only, inputs, most_bytes)
    faults: list[str] = []
    data: dict[str, Array] = {}
    for name, file in files.items():
        try:
            data[name] = _single(file, most_bytes)
        except BadInput as error:
            faults += [f"{file.name}: {reason}" for reason in (error.why or (error.what,))]
    refuse("IX220", "The test set cannot be read.", path, faults)
    target = None if TARGET in inputs else data.pop(TARGET, None)
    return _samples("a folder of NumPy arrays", path, data, target, {}, inputs)


def array_files(folder: Path) -> list[Path]:
    """The NumPy files of a folder, by content; the golden outputs are not among them."""
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".") and file.name != GOLDEN and is_array_file(file)
    ]


def is_array_file(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(8)
    return head.startswith(NPY_MAGIC) or (head.startswith(ZIP_MAGIC) and _is_npz(path))


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return path.suffix == ".npz"  # damaged: the reader says how


def read_golden(folder: Path, most_bytes: int = MOST_BYTES) -> dict[str, Array]:
    """The recorded outputs beside the data, by output name; {} if there are none."""
    path = folder / GOLDEN
    return read_npz(path, most_bytes) if path.is_file() else {}


def read_npz(path: Path, most_bytes: int = MOST_BYTES) -> dict[str, Array]:
    """All arrays of an .npz.

    Raises:
        BadInput: (IX220) it is damaged or holds something else than arrays of numbers or text; (IX206) too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            faults = list(_archive_faults(archive))
            refuse("IX220", "The .npz cannot be read.", path, faults)
            declared = sum(info.file_size for info in archive.infolist())
            if declared > most_bytes:
                raise BadInput(
                    "IX206",
                    "The arrays are larger than the limit.",
                    where=str(path),
                    why=f"they unpack to {declared:,} bytes; the limit is {most_bytes:,}",
                    next_step="Give a folder of .npy files, which are read piece by piece.",
                )
            return {info.filename.removesuffix(".npy"): _read_member(archive, info) for info in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput("IX220", "The .npz cannot be read.", where=str(path), why=str(error)) from error


def _archive_faults(archive: zipfile.ZipFile) -> Iterator[str]:
    seen: set[str] = set()
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            yield f"{info.filename!r} is not an array"
        if info.filename in seen:
            yield f"{info.filename!r} is there twice"
        seen.add(info.filename)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """One array; its header must promise exactly the bytes that the archive declares: no more is ever allocated."""
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as file:
        shape, fortran, dtype = _header(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError(f"{name!r} holds Python objects, which are never unpickled")
        if size + file.tell() != info.file_size:
            raise ValueError(f"{name!r} has {info.file_size - file.tell():,} bytes of data; its shape needs {size:,}")
        data = file.read(size)
        if len(data) != size:
            raise ValueError(f"{name!r} is truncated")
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in reader:
        raise ValueError(f".npy version {version} is not read")
    return reader[version](file)


def _open_npy(path: Path) -> Array:
    """A .npy, memory-mapped. Raises BadInput (IX220)."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput("IX220", "The .npy cannot be read.", where=str(path), why=str(error)) from error
    return array


def _single(path: Path, most_bytes: int) -> Array:
    with path.open("rb") as file:
        if file.read(6) == NPY_MAGIC:
            return _open_npy(path)
    members = read_npz(path, most_bytes)
    if len(members) != 1:
        raise BadInput(
            "IX220", "The file holds several arrays.", where=str(path), why=f"{len(members)} arrays instead of one"
        )
    return next(iter(members.values()))


def _samples(
    kind: str,
    path: Path,
    data: Mapping[str, Array],
    target: Array | None,
    golden: Mapping[str, Array],
    inputs: tuple[str, ...],
) -> Samples:
    arrays = {name: array for name, array in data.items() if name in inputs}
    rest = [name for name in data if name not in inputs]
    if not arrays and len(rest) == 1 and len(inputs) == 1:
        arrays, rest = {inputs[0]: data[rest[0]]}, []
    faults = [f"there is no array for the input {name!r}" for name in inputs if name not in arrays]
    faults += [f"the array {name!r} is no input; the inputs are {', '.join(map(repr, inputs))}" for name in rest]
    faults += [f"the array {name!r} has no axis of samples" for name, array in arrays.items() if not array.ndim]
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(counts.values())) > 1:
        faults.append(f"the counts differ: {', '.join(f'{n} samples of {name!r}' for name, n in counts.items())}")
    refuse("IX221", "The test set does not fit the model.", path, faults)
    return Samples(kind, next(iter(counts.values())), arrays, targets=targets_of(target, path), golden=golden)


def targets_of(target: Array | None, path: Path) -> Array | None:
    """Targets as int64 or float64, one for each sample; (n, 1) is taken as (n,)."""
    if target is None:
        return None
    flat = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    if flat.ndim != 1 or flat.dtype.kind not in "iufb":
        shape = f"{target.dtype}{list(target.shape)}"
        raise BadInput(
            "IX221", "The targets cannot be used.", where=str(path), why=f"{shape} is not one number a sample"
        )
    return flat.astype(np.float64 if flat.dtype.kind == "f" else np.int64)
