"""Writing artifacts: all or nothing, and never over something that is there already."""

from __future__ import annotations

import keyword
import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from interchange.errors import BadInput


class Artifact:
    """Collects the files of one artifact under temporary names and moves them into place together.

    with Artifact(force=False) as artifact:
        artifact.write(folder / "model.py", text.encode())
        weights = artifact.reserve(folder / "model.safetensors")    # a temporary path, for libraries that write files
        ...
    return artifact.paths

    Raises:
        BadInput: (IX102) a file exists and `force` is not set; (IX105) it cannot be written.
    """

    def __init__(self, *, force: bool = False) -> None:
        self._force = force
        self._pending: dict[Path, Path] = {}

    @property
    def paths(self) -> list[Path]:
        return list(self._pending)

    def __enter__(self) -> Artifact:
        return self

    def reserve(self, target: Path) -> Path:
        """A temporary path in the target's folder; what is written there appears as `target` at the end."""
        if target.exists() and not self._force:
            raise _exists(target)
        if target.is_dir():
            raise BadInput("IX105", "A folder of that name is in the way.", where=str(target))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=target.suffix, dir=target.parent)
            os.close(handle)
        except OSError as error:
            raise BadInput("IX105", "The target cannot be written.", where=str(target), why=str(error)) from error
        self._pending[target] = Path(name)
        return self._pending[target]

    def temporary(self, target: Path) -> Path:
        """Where the file of a target is until the end."""
        return self._pending[target]

    def write(self, target: Path, data: bytes) -> None:
        try:
            self.reserve(target).write_bytes(data)
        except OSError as error:
            raise BadInput("IX105", "The target cannot be written.", where=str(target), why=str(error)) from error

    @contextmanager
    def open(self, target: Path) -> Iterator[BinaryIO]:
        """A file to write to, which appears as `target` at the end."""
        temporary = self.reserve(target)
        try:
            with temporary.open("wb") as file:
                yield file
        except OSError as error:
            raise BadInput("IX105", "The target cannot be written.", where=str(target), why=str(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._move_into_place()
        finally:
            for temporary in self._pending.values():
                temporary.unlink(missing_ok=True)

    def _move_into_place(self) -> None:
        """Moves every file to its target; if one of several cannot be moved, what was there before is put back."""
        mode = 0o666 & ~_umask()
        undo: list[tuple[Path, Path | None]] = []  # target, its old file
        try:
            for target, temporary in self._pending.items():
                temporary.chmod(mode)
                if target.exists() and not self._force:
                    raise _exists(target)
                if target.exists() and len(self._pending) > 1:
                    undo.append((target, _put_aside(target)))
                    os.replace(temporary, target)
                else:
                    os.replace(temporary, target)
                    undo.append((target, None))
        except (OSError, BadInput) as error:
            _put_back(undo)
            if isinstance(error, BadInput):
                raise
            raise BadInput("IX105", "The target cannot be written.", where=str(target), why=str(error)) from error
        for _, old in undo:
            if old is not None:
                old.unlink()


def _put_aside(target: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".old", dir=target.parent)
    os.close(handle)
    try:
        os.replace(target, name)
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _put_back(undo: Sequence[tuple[Path, Path | None]]) -> None:
    for target, old in reversed(undo):
        if old is None:
            target.unlink(missing_ok=True)
        else:
            os.replace(old, target)


def _exists(target: Path) -> BadInput:
    return BadInput("IX102", "The file exists already.", where=str(target), next_step="Add --force to replace it.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def target_path(path: Path, suffix: str, stem: str) -> Path:
    """The main file of an artifact: `path` itself if it has the suffix, else `<path>/<stem><suffix>` in that folder."""
    if path.suffix == suffix and not path.is_dir():
        return path
    return path / f"{safe_stem(stem)}{suffix}"


def safe_stem(name: str) -> str:
    """`name` as a file name that is also the name of a new Python module: letters, digits and underscores.

    Accents are dropped. Names get the prefix "model_" that begin with a digit, lose other letters than those of ASCII,
    are keywords, or belong to modules that a program beside the file could miss.
    """
    letters = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    stem = re.sub(r"\W+", "_", letters, flags=re.ASCII).strip("_")
    if not stem:
        return "model"
    is_taken = keyword.iskeyword(stem) or stem in sys.stdlib_module_names or stem in ("interchange", "numpy")
    lost = any(c.isalpha() and not c.isascii() for c in letters)
    return f"model_{stem}" if stem[0].isdigit() or is_taken or lost else stem
