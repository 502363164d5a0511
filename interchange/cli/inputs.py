"""Reading the inputs that `interchange run` is given: arrays and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interchange.errors import BadInput
from interchange.plugins import read_head

if TYPE_CHECKING:
    from interchange.graph import Array, TensorSpec
    from interchange.testset.settings import Preprocessing


NPY, NPZ = ARRAYS = (b"\x93NUMPY", b"PK\x03\x04")


def read(texts: Sequence[str], specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Feeds by input name, not yet checked against the model; a missing axis of samples is added.

    Args:
        texts: "FILE", in the order of the inputs, or "NAME=FILE".
        metadata: the model's, for the preprocessing of pictures.

    Raises:
        BadInput: (IX101) a file cannot be read; (IX103) it is of no known form; (IX211) more files than inputs.
    """
    named = [split(text, specs) for text in texts]
    if are_pictures(texts, specs):
        feeds: dict[str, Any] = read_pictures(named, specs, metadata)
    else:
        feeds = {}
        for name, path in named:
            feeds |= _members(name, path, specs, feeds)
    return {name: _with_samples(array, specs.get(name)) for name, array in feeds.items()}


def split(text: str, specs: Mapping[str, TensorSpec]) -> tuple[str, Path]:
    """`input_1=x.npy` as its two parts, ("", path) where no name is given."""
    name, equals, file = text.partition("=")
    return (name, Path(file)) if equals and (name in specs or not Path(text).exists()) else ("", Path(text))


def are_pictures(texts: Sequence[str], specs: Mapping[str, TensorSpec]) -> bool:
    """Whether all of the given files are pictures."""
    return all(_is_picture(path) for _, path in (split(text, specs) for text in texts))


def _is_picture(path: Path) -> bool:
    if not (head := read_head(path)) or head.startswith(ARRAYS):
        return False  # without importing what reads pictures
    from interchange.testset import pictures

    return pictures.looks_like_picture(path)


def _members(name: str, path: Path, specs: Mapping[str, TensorSpec], taken: Mapping[str, Any]) -> dict[str, Any]:
    """What one file feeds: several inputs if it holds a mapping, else the named or the next one."""
    content: Any = read_table(path, specs) if not name and path.suffix in (".csv", ".txt") else None
    if content is None:
        spec = specs.get(name or next((known for known in specs if known not in taken), ""))
        is_text = spec is not None and spec.dtype == "object" and path.suffix in (".csv", ".txt")
        content = _texts(path) if is_text else read_file(path)
    if isinstance(content, Mapping) and not name and len(content) > 0 and set(content) & set(specs):
        return dict(content)
    if isinstance(content, Mapping):
        if len(content) != 1:
            why = f"it has {', '.join(map(repr, content))}; the model has {_names(specs)}"
            raise BadInput("IX211", "The names in the file are not the model's.", where=str(path), why=why)
        content = next(iter(content.values()))
    return {name or _next_free(path, specs, taken): content}


def _next_free(path: Path, specs: Mapping[str, TensorSpec], taken: Mapping[str, Any]) -> str:
    free = [name for name in specs if name not in taken]
    if not free:
        why = f"the model has {_names(specs)}"
        raise BadInput("IX211", "There are more inputs than the model has.", where=str(path), why=why)
    return free[0]


def _names(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(map(repr, specs))


def read_file(path: Path) -> Any:
    """An array, or a mapping of names to arrays. Nothing is unpickled.

    Raises:
        BadInput: (IX101) it cannot be read; (IX103) it is of no known form.
    """
    import numpy as np

    head = read_head(path)
    try:
        if head.startswith(NPY):
            return np.load(path, allow_pickle=False)
        if head.startswith(NPZ):
            with np.load(path, allow_pickle=False) as members:
                return {name: members[name] for name in members.files}
        if path.suffix == ".json":
            return _from_json(json.loads(path.read_text("utf-8")))
        if path.suffix in (".csv", ".txt"):
            return _from_csv(path)
    except (ValueError, EOFError, OSError) as error:
        raise BadInput("IX103", "The input cannot be read.", where=str(path), why=str(error)) from error
    raise BadInput(
        "IX103",
        "The input is of no known form.",
        where=str(path),
        why=f"the file begins with {head[:16]!r}" if head else "the file is empty, or a folder",
        next_step="Inputs are .npy, .npz, .json and .csv files, and pictures.",
    )


def read_table(path: Path, specs: Mapping[str, TensorSpec]) -> Mapping[str, Array] | None:
    """The columns of a CSV file whose first line names every input, by input; None for other files."""
    from interchange.testset import tables

    read_head(path)
    return tables.load(path, specs, ()).arrays if tables.is_table(path, tuple(specs)) else None


def _texts(path: Path) -> Array:
    """Texts, a row for each sample, without a heading."""
    import csv

    import numpy as np

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
        return np.array(rows, object).reshape(len(rows), -1)
    except (ValueError, csv.Error, OSError) as error:
        raise BadInput("IX103", "The input cannot be read.", where=str(path), why=str(error)) from error


def _from_json(content: Any) -> Any:
    import numpy as np

    if isinstance(content, dict):
        return {str(name): np.asarray(value) for name, value in content.items()}
    return np.asarray(content)


def _from_csv(path: Path) -> Array:
    """Numbers, a row for each sample; a first line that is no numbers is a heading."""
    import numpy as np

    first = path.read_text("utf-8").partition("\n")[0]
    return np.loadtxt(path, delimiter=",", ndmin=2, skiprows=0 if _is_numbers(first) else 1, dtype=np.float64)


def _is_numbers(line: str) -> bool:
    try:
        [float(cell) for cell in line.split(",")]
    except ValueError:
        return False
    return True


def _with_samples(content: Any, spec: TensorSpec | None) -> Array:
    """One sample without an axis of samples gets it, where the model's first dimension allows one sample.

    Rows of numbers, as a table has them, take the shape of the model's samples if they have as many numbers.
    """
    import math

    import numpy as np

    array = np.asarray(content)
    if spec is not None and spec.dtype == "object" and array.ndim == 2 and array.shape[1] == 1 == len(spec.shape):
        return array[:, 0]  # rows of one text
    sizes = [size for size in spec.shape[1:] if isinstance(size, int)] if spec is not None else []
    if spec is not None and array.ndim == 2 < len(spec.shape) and len(sizes) == len(spec.shape) - 1:
        single = array.shape == tuple(sizes)  # one sample that happens to be a table
        if not single and array.shape[1] == math.prod(sizes):
            return array.reshape(len(array), *sizes)
    lacks_samples = spec is not None and array.ndim == len(spec.shape) - 1
    takes_one = spec is not None and bool(spec.shape) and (spec.shape[0] == 1 or not isinstance(spec.shape[0], int))
    return array[None] if lacks_samples and takes_one else array


def read_pictures(
    named: Sequence[tuple[str, Path]], specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]
) -> dict[str, Array]:
    """Pictures as one batch for the only input, or for the input that all of them name."""
    import numpy as np

    from interchange.testset import pictures

    names = {name for name, _ in named} - {""} or set(specs)
    if len(names) != 1 or not names <= set(specs):
        why = f"the model has {_names(specs)}"
        raise BadInput("IX211", "Say which input the pictures are for: NAME=FILE.", why=why)
    (name,) = names
    how = pictures.resolve(_preprocessing(metadata), specs[name])
    rank = len(specs[name].shape)
    prepared = [pictures.prepare(_pixels(path), how, rank) for _, path in named]
    shapes = list(dict.fromkeys(picture.shape for picture in prepared))
    if len(shapes) > 1:
        why = f"shapes {', '.join(map(str, shapes))}"
        raise BadInput("IX211", "The pictures differ in size, and the model leaves it open.", why=why)
    return {name: np.stack(prepared)}


def _pixels(path: Path) -> Array:
    from interchange.testset import pictures

    try:
        return pictures.pixels_of(path)
    except ValueError as error:
        raise BadInput("IX103", "The picture cannot be read.", where=str(path), why=str(error)) from error


def _preprocessing(metadata: Mapping[str, str]) -> Preprocessing:
    """How pictures enter the model, as `convert --preprocessing` noted it; as they are if it did not."""
    from interchange.testset.settings import Preprocessing

    try:
        section = json.loads(metadata.get("preprocessing", "{}"))
        entries: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in section.items()}
        return Preprocessing(**entries)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput("IX210", "The preprocessing in the model is not of its form.", why=str(error)) from error
