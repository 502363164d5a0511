"""Control flow: a graph in an attribute is a function that takes tensors and returns a tuple."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, axis_of, entries, moved, number, stacked


class Body:
    """A function of the model, and how many values it returns."""

    def __init__(self, function: Callable[..., tuple[Any, ...]], outputs: int) -> None:
        self.function, self.outputs = function, outputs

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        return self.function(*inputs)


def If(cond: Tensor, *, then_branch: Body, else_branch: Body) -> tuple[Any, ...]:
    """The outputs of `then_branch` where the condition holds, else those of `else_branch`."""
    return then_branch() if cond.values[0] else else_branch()


def Loop(
    max_trip_count: Tensor | None = None, cond: Tensor | None = None, *v_initial: Any, body: Body
) -> tuple[Any, ...]:
    """Runs body(step, condition, *state), which gives the next condition, the next state, and what is to be collected.

    It ends after `max_trip_count` steps or when the condition is false; an absent one does not end it. The outputs are
    the last state and what was collected, stacked.
    """
    trips = math.inf if max_trip_count is None else max_trip_count.values[0]
    n = 1 + len(v_initial)
    state: tuple[Any, ...] = (cond or Tensor([True], ()), *v_initial)
    collected: list[tuple[Tensor, ...]] = []
    while (cond is None or state[0].values[0]) and len(collected) < trips:
        made = body(number(len(collected)), *state)
        state = made[:n]
        collected.append(made[n:])
    if not collected and body.outputs > n:  # run once for the shapes
        empty = body(number(0), *state)[n:]
        return *state[1:], *(Tensor([], (0, *y.shape)) for y in empty)
    return *state[1:], *(stacked(values, 0) for values in zip(*collected))


def Scan(
    *initial_state_and_scan_inputs: Any,
    body: Body,
    num_scan_inputs: int,
    scan_input_axes: Sequence[int] | None = None,
    scan_input_directions: Sequence[int] | None = None,
    scan_output_axes: Sequence[int] | None = None,
    scan_output_directions: Sequence[int] | None = None,
) -> tuple[Any, ...]:
    """Runs body(*state, *entries) for the entries of the last `num_scan_inputs` inputs along their axes.

    The body gives the next state and what is to be collected; the outputs are the last state and what was collected,
    stacked. A direction of 1 is from the end to the start.
    """
    n = len(initial_state_and_scan_inputs) - num_scan_inputs
    state, inputs = initial_state_and_scan_inputs[:n], initial_state_and_scan_inputs[n:]
    axes = [axis_of(x, axis) for x, axis in zip(inputs, scan_input_axes or [0] * len(inputs))]
    scans = [entries(x, axis) for x, axis in zip(inputs, axes)]
    scans = [scan[::-1] if back else scan for scan, back in zip(scans, scan_input_directions or [0] * len(inputs))]
    collected: list[tuple[Tensor, ...]] = []
    for entry in zip(*scans):
        made = body(*state, *entry)
        state = made[:n]
        collected.append(made[n:])
    if collected:
        scanned = [stacked(values, 0) for values in zip(*collected)]
    else:  # run once, on zeros, for the shapes
        shapes = [[size for i, size in enumerate(x.shape) if i != axis] for x, axis in zip(inputs, axes)]
        made = body(*state, *(Tensor([0.0] * math.prod(shape), shape) for shape in shapes))
        scanned = [Tensor([], (0, *y.shape)) for y in made[n:]]
    backward = scan_output_directions or [0] * len(scanned)
    scanned = [stacked(entries(y, 0)[::-1], 0) if back else y for y, back in zip(scanned, backward)]
    return *state, *(moved(y, 0, axis) for y, axis in zip(scanned, scan_output_axes or [0] * len(scanned)))


def SequenceMap(input_sequence: list[Tensor], *additional_inputs: Any, body: Body) -> tuple[Any, ...]:
    """For each output of the body the sequence of what it makes of each element.

    An additional input that is a sequence gives its element of the same place, a tensor is given to every call.
    """
    if any(isinstance(x, list) and len(x) != len(input_sequence) for x in additional_inputs):
        raise ValueError("the sequences are of different lengths")
    made = [
        body(x, *(other[i] if isinstance(other, list) else other for other in additional_inputs))
        for i, x in enumerate(input_sequence)
    ]
    return tuple([outputs[k] for outputs in made] for k in range(body.outputs))
