"""Compares outputs by name and position: never a broadcast, never a skip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interchange.graph import Array
from interchange.verifier.process import Output

MOST_WORST = 5
NOTHING_COMPARED = "nothing was compared: no value is finite on the whole test set"


@dataclass(frozen=True, slots=True)
class Errors:
    """How far one output is from another over the whole test set; absolute differences."""

    max: float
    mean: float
    rms: float
    worst: tuple[tuple[int, float], ...]  # (sample, its largest error), largest first


@dataclass(frozen=True, slots=True)
class Difference:
    """One batch of one output against another: absolute differences, and what cannot be put into a number."""

    errors: Array  # float64, of the outputs' shape; 0 where both are NaN or the same infinity, inf where only one is
    faults: tuple[str, ...] = ()


def structure_faults(got: Sequence[Output], want: Sequence[Output]) -> Iterator[str]:
    """What is wrong with names, order, dtypes and shapes of a batch; nothing if they are the same."""
    have = {output.name: output for output in got}
    names, wanted = [o.name for o in got], [o.name for o in want]
    yield from (f"output {name!r} is missing" for name in wanted if name not in have)
    yield from (f"there is an output {name!r} that the reference does not have" for name in names if name not in wanted)
    if sorted(names) == sorted(wanted) and names != wanted:
        yield f"the outputs are in another order: {', '.join(names)} instead of {', '.join(wanted)}"
    for output in want:
        other = have.get(output.name)
        if other is not None and other.dtype != output.dtype:
            yield f"output {output.name!r} is {other.dtype} instead of {output.dtype}"
        if other is not None and other.shape != output.shape:
            yield f"output {output.name!r} has the shape {list(other.shape)} instead of {list(output.shape)}"


def difference(got: Array, want: Array, start: int) -> Difference:
    """Absolute differences of two arrays of the same shape; `start` is the index of the batch's first sample."""
    if got.dtype.kind in "US" or want.dtype.kind in "US":
        differs = got.astype(str) != want.astype(str)
        return Difference(differs.astype(np.float64), tuple(_first("other text than", differs, got, want, start)))
    if got.dtype.kind in "iub" and want.dtype.kind in "iub":
        differs = got != want
        errors = np.abs(got.astype(np.float64) - want.astype(np.float64))
        return Difference(np.where(differs, np.maximum(errors, 1.0), 0.0))
    a, b = _wide(got), _wide(want)
    finite = np.isfinite(a) & np.isfinite(b)
    same = finite | (np.isnan(a) & np.isnan(b)) | (a == b)
    faults = tuple(_first("against", ~same, got, want, start))
    with np.errstate(all="ignore"):
        errors = np.where(finite, np.abs(a - b), np.where(same, 0.0, np.inf))
    return Difference(errors.astype(np.float64), faults)


def not_finite(got: Array, want: Array) -> int:
    """How many values say nothing about each other, because none of the two is a finite number."""
    if got.dtype.kind in "USiub" or want.dtype.kind in "USiub":
        return 0
    return int((~np.isfinite(_wide(got)) & ~np.isfinite(_wide(want))).sum())


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _first(relation: str, differs: Array, got: Array, want: Array, start: int) -> Iterator[str]:
    if not differs.any():
        return
    at = tuple(int(i) for i in np.argwhere(differs)[0])
    place = f"sample {start + at[0]}" + (f", position {list(at[1:])}" if len(at) > 1 else "") if at else "the value"
    count = int(differs.sum())
    also = f" ({count} such values in this batch)" if count > 1 else ""
    yield f"{got[at]!s} {relation} {want[at]!s} at {place}{also}"


class Tally:
    """Adds up the differences of one output batch by batch; small whatever the test set's size."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._squares = 0.0
        self._count = 0
        self._samples: dict[int, float] = {}

    def add(self, errors: Array, start: int, samples: int) -> None:
        """Errors of a batch; where the first axis is not that of the samples, all count for the first sample."""
        self._sum += float(errors.sum())
        self._squares += float(np.square(errors).sum())
        self._count += errors.size
        by_sample = errors.shape[:1] == (samples,)
        rows = errors.reshape(samples, -1) if by_sample and errors.size else errors.reshape(1, -1)
        peaks = rows.max(axis=1, initial=0.0).tolist()
        merged = {**self._samples, **{start + i: peak for i, peak in enumerate(peaks)}}
        top = sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORST]
        self._samples = dict(top)

    def errors(self) -> Errors:
        count = max(self._count, 1)
        worst = tuple(self._samples.items())
        return Errors(worst[0][1] if worst else 0.0, self._sum / count, math.sqrt(self._squares / count), worst)


def merged_faults(faults: Mapping[str, int], batches: int) -> tuple[str, ...]:
    """Faults with the number of batches in which they were found."""
    return tuple(f"{text} ({n} of {batches} batches)" if batches > 1 else text for text, n in faults.items())
