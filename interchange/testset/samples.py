"""What a reader of test sets returns, before it meets a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interchange.errors import BadInput
from interchange.graph import Array

MOST_BYTES = 4 << 30  # what arrays that cannot be memory-mapped may take
MOST_FAULTS = 20  # listed one by one; the rest is counted


@dataclass(frozen=True)
class Samples:
    """Samples in a fixed order; read only when they are needed.

    Either `arrays` or `picture` is given.

    Args:
        kind: what was recognised, in words for the report: "images in class folders".
        count: how many samples.
        arrays: by input name ("" for the only input), sample after sample along the first axis. Anything with dtype and
            shape that slices to an array: an ndarray, a memory map, an HDF5 dataset.
        picture: the picture with that index, uint8, (height, width) for grey or (height, width, 3) for RGB.
        size: a picture's (height, width), without decoding it.
        names: of the samples; () names them by number.
        targets: int64 indices of labels, or float64 values; None where nothing is known.
        golden: recorded outputs of the source framework by output name.
        labels: index -> name.
        notes: what the report should say about the data.
    """

    kind: str
    count: int
    arrays: Mapping[str, Any] = field(default_factory=dict)
    picture: Callable[[int], Array] | None = None
    size: Callable[[int], tuple[int, int]] | None = None
    names: Sequence[str] = ()
    targets: Array | None = None
    golden: Mapping[str, Array] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def refuse(code: str, what: str, where: object, faults: Iterable[str], next_step: str = "") -> None:
    """Raises one BadInput for all faults; nothing if there are none."""
    found = list(faults)
    if not found:
        return
    shown = found[:MOST_FAULTS]
    if len(found) > len(shown):
        shown.append(f"… and {len(found) - len(shown)} more")
    raise BadInput(code, what, where=str(where), why=shown, next_step=next_step)
