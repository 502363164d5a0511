"""Pictures in folders: one folder for each class, a list with targets (targets.csv), or just pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array
from interchange.testset import tables
from interchange.testset.pictures import looks_like_picture, pixels_of, size_of
from interchange.testset.samples import Samples, refuse

TARGETS = "targets.csv"
COLUMNS = ("file", "target")


def is_class_folders(folder: Path) -> bool:
    """Whether at least one subfolder holds a picture."""
    return any(looks_like_picture(file) for sub in class_folders(folder) for file in _files(sub))


def is_pictures(folder: Path) -> bool:
    return any(looks_like_picture(file) for file in _files(folder))


def class_folders(folder: Path) -> list[Path]:
    return [sub for sub in sorted(folder.iterdir()) if sub.is_dir() and not sub.name.startswith((".", "__"))]


def _files(folder: Path) -> list[Path]:
    """The files of a folder in order; hidden ones belong to the operating system."""
    return [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]


def load_classes(folder: Path, labels: tuple[str, ...]) -> Samples:
    """Pictures in class folders; in the order of `labels`, else of the folders' names.

    Raises:
        BadInput: (IX220) files that are not pictures; (IX221) folders that are not labels.
    """
    folders = {sub.name: sub for sub in class_folders(folder)}
    unknown = [
        f"the folder {name!r} is not among the labels {', '.join(labels)}" for name in folders if name not in labels
    ]
    refuse("IX221", "The class folders do not fit the labels.", folder, unknown if labels else [])
    names = labels or tuple(folders)
    files = [(i, file) for i, name in enumerate(names) if name in folders for file in _files(folders[name])]
    targets = np.array([i for i, _ in files], np.int64)
    empty = tuple(f"There are no pictures of {name!r}." for i, name in enumerate(names) if i not in targets)
    return _samples("pictures in class folders", folder, [file for _, file in files], targets, names, empty)


def load_pictures(folder: Path) -> Samples:
    """Pictures without targets, in the order of their names. Raises BadInput (IX220) for files that are none."""
    files = [file for file in _files(folder) if file.suffix not in (".toml", ".npz", ".md", ".txt")]
    return _samples("pictures", folder, files, None, ())


def load_listed(folder: Path, labels: tuple[str, ...]) -> Samples:
    """Pictures listed in targets.csv, in the order of its rows.

    Raises:
        BadInput: (IX220) a fault of the list or its files, all at once; (IX205) a file outside the folder;
            (IX221) targets that are no labels.
    """
    path = folder / TARGETS
    rows = _rows(path)
    outside = [f"row {n}: {name!r}" for n, name, _ in rows if _escapes(folder, name)]
    refuse(
        "IX205", f"{TARGETS} refers to files outside its folder.", path, outside, "Move the pictures beside the list."
    )
    absent = [f"row {n}: there is no file {name!r}" for n, name, _ in rows if not (folder / name).is_file()]
    refuse("IX220", f"{TARGETS} lists files that do not exist.", path, absent)
    targets = tables.targets_of(path, [(n, text) for n, _, text in rows], labels)
    return _samples("pictures with a list of targets", folder, [folder / name for _, name, _ in rows], targets, labels)


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """(line number, file, target) of every row."""
    header, rows = tables.read_rows(path)
    faults = [
        f"the column {name!r} is missing; the header is {','.join(header)!r}" for name in COLUMNS if name not in header
    ]
    refuse("IX220", f"{TARGETS} is not of its form.", path, faults, f"Its first line is {','.join(COLUMNS)}.")
    file_column, target_column = (header.index(name) for name in COLUMNS)
    return [(n, row[file_column].strip(), row[target_column].strip()) for n, row in rows]


def _escapes(folder: Path, name: str) -> bool:
    """Whether a listed name leads out of the folder, also on a system with other separators or through a link."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if not name or "\0" in name or parts.is_absolute() or ".." in parts.parts or re.match("[A-Za-z]:", name):
        return True
    return not (folder / name).resolve().is_relative_to(folder.resolve())


def _samples(
    kind: str,
    folder: Path,
    files: Sequence[Path],
    targets: Array | None,
    labels: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> Samples:
    """Samples of picture files, each of which is opened once for its header."""
    names = [file.relative_to(folder).as_posix() for file in files]
    sizes, faults = [], []
    for name, file in zip(names, files, strict=True):
        try:
            sizes.append(size_of(file))
        except ValueError as error:
            faults.append(f"{name}: {error}")
    faults += [] if files else ["there are no pictures"]
    refuse("IX220", "Some files of the test set are not pictures.", folder, faults)

    def picture(i: int) -> Array:
        try:
            return pixels_of(files[i])
        except ValueError as error:
            raise BadInput("IX220", "A picture cannot be read.", where=str(files[i]), why=str(error)) from error

    return Samples(
        kind,
        len(files),
        picture=picture,
        size=lambda i: sizes[i],
        names=names,
        targets=targets,
        labels=labels,
        notes=notes,
    )
