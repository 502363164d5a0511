"""Sequences, which are lists of tensors, and optional values, which are None where there is nothing."""

from __future__ import annotations

from typing import Any

from interchange_pyscript.kernels.shaping import Concat, Split
from interchange_pyscript.kernels.tensor import Tensor, axis_of, entries, integers, number, stacked, vector


def SequenceEmpty(*, dtype: str | None = None) -> list[Tensor]:
    """An empty sequence."""
    return []


def SequenceConstruct(*inputs: Tensor) -> list[Tensor]:
    """The sequence of the inputs."""
    return list(inputs)


def SequenceLength(input_sequence: list[Tensor]) -> Tensor:
    """The number of elements."""
    return number(len(input_sequence))


def place_in(length: int, position: Tensor, most: int) -> int:
    """A position as an index from 0; a negative one counts from the end."""
    place = integers(position)[0]
    if not -length <= place <= most:
        raise ValueError(f"the position {place} is not in a sequence of {length}")
    return place + length if place < 0 else place


def SequenceAt(input_sequence: list[Tensor], position: Tensor) -> Tensor:
    """The element at a position; a negative one counts from the end."""
    length = len(input_sequence)
    return input_sequence[place_in(length, position, length - 1)]


def SequenceInsert(input_sequence: list[Tensor], tensor: Tensor, position: Tensor | None = None) -> list[Tensor]:
    """The sequence with the tensor put in before a position; without one, at the end."""
    length = len(input_sequence)
    place = length if position is None else place_in(length, position, length)
    return [*input_sequence[:place], tensor, *input_sequence[place:]]


def SequenceErase(input_sequence: list[Tensor], position: Tensor | None = None) -> list[Tensor]:
    """The sequence without the element at a position; without one, the last."""
    length = len(input_sequence)
    place = length - 1 if position is None else place_in(length, position, length - 1)
    return [*input_sequence[:place], *input_sequence[place + 1 :]]


def SplitToSequence(x: Tensor, split: Tensor | None = None, *, axis: int = 0, keepdims: int = 1) -> list[Tensor]:
    """Parts along `axis`: of the size `split`, or of the sizes in it; of size 1 without it.

    Without `split` and with `keepdims` 0 the parts lack that dimension.
    """
    size = x.shape[axis_of(x, axis)]
    if split is None and not keepdims:
        return entries(x, axis_of(x, axis))
    if split is None or not split.shape:
        each = 1 if split is None else integers(split)[0]
        split = vector(*(min(each, size - start) for start in range(0, size, each)))
    return list(Split(x, split, axis=axis))


def ConcatFromSequence(input_sequence: list[Tensor], *, axis: int, new_axis: int = 0) -> Tensor:
    """The elements one after the other along `axis`; with `new_axis` 1 along a new dimension."""
    return stacked(input_sequence, axis) if new_axis else Concat(*input_sequence, axis=axis)


def Optional(x: Any = None, *, type: str | None = None) -> Any:
    """The input as an optional value; without an input one that is empty."""
    return x


def OptionalHasElement(x: Any = None) -> Tensor:
    """Whether there is a value."""
    return number(x is not None)


def OptionalGetElement(x: Any) -> Any:
    """The value, which must be there."""
    if x is None:
        raise ValueError("the optional value is empty")
    return x
