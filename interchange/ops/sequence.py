"""Sequences, which are lists of tensors, and optional values, which are None where there is nothing."""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import is_dtype_name


def SequenceEmpty(*, dtype=None):
    """An empty sequence."""
    if dtype is not None and not is_dtype_name(dtype):
        raise ValueError(f"dtype is {dtype!r}")
    return []


def SequenceConstruct(*inputs):
    """The sequence of the inputs."""
    return list(inputs)


def SequenceLength(input_sequence):
    """The number of elements."""
    return np.array(len(input_sequence), np.int64)


def _place(position, length, most):
    """A position as an index from 0; a negative one counts from the end."""
    place = int(position.item())
    if not -length <= place <= most:
        raise ValueError(f"the position {place} is not in a sequence of {length}")
    return place + length if place < 0 else place


def SequenceAt(input_sequence, position):
    """The element at a position; a negative one counts from the end."""
    return input_sequence[_place(position, len(input_sequence), len(input_sequence) - 1)]


def SequenceInsert(input_sequence, tensor, position=None):
    """The sequence with the tensor put in before a position; without one, at the end."""
    place = len(input_sequence)
    place = place if position is None else _place(position, place, place)
    return [*input_sequence[:place], tensor, *input_sequence[place:]]


def SequenceErase(input_sequence, position=None):
    """The sequence without the element at a position; without one, the last."""
    place = len(input_sequence) - 1
    place = place if position is None else _place(position, len(input_sequence), place)
    return [*input_sequence[:place], *input_sequence[place + 1 :]]


def SplitToSequence(x, split=None, *, axis=0, keepdims=1):
    """Parts along `axis`: of the size `split`, or of the sizes in it; of size 1 without it.

    Without `split` and with `keepdims` 0 the parts lack that dimension.
    """
    size = x.shape[axis]
    if split is None:
        parts = np.split(x, size, axis) if size else []
        return parts if keepdims else [part.squeeze(axis) for part in parts]
    if split.ndim == 0:
        return np.split(x, range(int(split), size, int(split)), axis)
    if int(split.sum()) != size:
        raise ValueError(f"parts of {split.tolist()} do not add up to the size {size}")
    return np.split(x, np.cumsum(split)[:-1], axis)


def ConcatFromSequence(input_sequence, *, axis, new_axis=0):
    """The elements one after the other along `axis`; with `new_axis` 1 along a new dimension."""
    return np.stack(input_sequence, axis) if new_axis else np.concatenate(input_sequence, axis)


def Optional(x=None, *, type=None):
    """The input as an optional value; without an input one that is empty."""
    return x


def OptionalHasElement(x=None):
    """Whether there is a value."""
    return np.array(x is not None)


def OptionalGetElement(x):
    """The value, which must be there."""
    if x is None:
        raise ValueError("the optional value is empty")
    return x
