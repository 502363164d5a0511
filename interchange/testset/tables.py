"""Tables: a CSV file with a column for each input, of numbers or texts, one value a sample."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array, TensorSpec
from interchange.testset.samples import Samples, refuse

MOST_BYTES = 64 << 20
TARGET = "target"


def is_table(path: Path, inputs: Sequence[str]) -> bool:
    """Whether the first line of a file is a header that names every input."""
    with path.open("rb") as file:
        head = file.readline(1 << 16)
    try:
        rows = list(csv.reader([head.decode("utf-8-sig").rstrip("\r\n")], strict=True))
    except (ValueError, csv.Error):
        return False
    return bool(rows) and bool(inputs) and set(inputs) <= set(rows[0])


def load(path: Path, inputs: Mapping[str, TensorSpec], labels: tuple[str, ...]) -> Samples:
    """The rows as samples; a column `target` that is no input holds their targets.

    Raises:
        BadInput: (IX220) it cannot be read; (IX221) a column does not fit its input, or is none.
    """
    header, rows = read_rows(path)
    names = [name for name in header if name in inputs]
    target = TARGET if TARGET in header and TARGET not in inputs else None
    faults = [f"the column {name!r} is there twice" for name in dict.fromkeys(header) if header.count(name) > 1]
    faults += [f"the column {name!r} is no input" for name in header if name not in inputs and name != target]
    refuse("IX221", "The table does not fit the model.", path, faults)
    arrays: dict[str, Array] = {}
    for name in names:
        cells = [(n, row[header.index(name)]) for n, row in rows]
        arrays[name], why = column(cells, inputs[name])
        faults += [f"input {name!r}: {fault}" for fault in why]
    refuse("IX221", "The table does not fit the model.", path, faults)
    targets = None
    if target is not None:
        targets = targets_of(path, [(n, row[header.index(target)].strip()) for n, row in rows], labels)
    return Samples("a table", len(rows), arrays, targets=targets, labels=labels)


def column(cells: Sequence[tuple[int, str]], spec: TensorSpec) -> tuple[Array, list[str]]:
    """The cells of a column, each with its line, as the samples of an input; and what is wrong with them."""
    if len(spec.shape) not in (1, 2) or spec.shape[1:] not in ((), (1,), (None,)):
        return np.zeros(0), [f"it is {spec}; a table has one value a sample"]
    shape = (len(cells), 1)[: len(spec.shape)]
    if spec.dtype == "object":
        texts: Array = np.array([*(cell for _, cell in cells), None], object)[:-1]
        return texts.reshape(shape), []
    faults, values = [], []
    whole = spec.dtype.startswith(("int", "uint"))
    for line, cell in cells:
        try:
            values.append(int(cell) if whole else float(cell))
        except ValueError:
            faults.append(f"line {line}: {cell[:40]!r} is no {'whole number' if whole else 'number'}")
    try:
        return np.array(values, np.int64 if whole else np.float64).reshape(-1, *shape[1:]), faults
    except OverflowError:
        return np.zeros(0), [*faults, "it holds integers beyond 64 bits"]


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a CSV file, and its other rows with the numbers of their lines. Raises BadInput (IX220)."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError("it is larger than 64 MiB")
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        table = [(reader.line_num, row) for row in reader if row]
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput("IX220", f"{path.name} cannot be read.", where=str(path), why=str(error)) from error
    header = table[0][1] if table else []
    faults = [f"row {n} has {len(row)} fields instead of {len(header)}" for n, row in table if len(row) != len(header)]
    refuse("IX220", f"{path.name} is not of its form.", path, faults)
    refuse("IX220", f"{path.name} lists no samples.", path, [] if len(table) > 1 else ["there is only the header"])
    return header, table[1:]


def targets_of(path: Path, texts: Sequence[tuple[int, str]], labels: tuple[str, ...]) -> Array:
    """Label names if all are such, else integers if all are, else numbers."""
    if labels and all(text in labels for _, text in texts):
        return np.array([labels.index(text) for _, text in texts], np.int64)
    if all(re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) for _, text in texts):
        return np.array([int(text) for _, text in texts], np.int64)
    faults, values = [], []
    for n, text in texts:
        try:
            values.append(float(text))
        except ValueError:
            faults.append(f"row {n}: the target {text!r} is neither a number nor a label")
    faults += [
        f"row {n}: the target is not finite" for (n, _), v in zip(texts, values, strict=False) if not np.isfinite(v)
    ]
    refuse("IX221", f"{path.name} has targets that cannot be used.", path, faults)
    return np.array(values, np.float64)
