"""Control flow. An attribute that is a graph comes as a function: its inputs by position, its outputs as a tuple.

Such a function also tells how many outputs it has, as its attribute `outputs`. It sees every value that is known where
the operator is called. How often bodies run in one evaluation is limited (`interchange.evaluate.MOST_STEPS`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interchange.ops._shapes import Array


def If(cond, *, then_branch, else_branch) -> tuple[Array, ...]:
    """The outputs of `then_branch` where the condition holds, else those of `else_branch`."""
    outputs: tuple[Array, ...] = then_branch() if cond.item() else else_branch()
    return outputs


def Loop(max_trip_count=None, cond=None, *v_initial, body) -> tuple[Array, ...]:
    """Runs body(step, condition, *state), which gives the next condition, the next state, and what is to be collected.

    It ends after `max_trip_count` steps or when the condition is false; an absent one does not end it. The outputs are
    the last state and what was collected, stacked.
    """
    trips = None if max_trip_count is None else int(max_trip_count.item())
    n = 1 + len(v_initial)
    state = (np.array(True) if cond is None else cond.reshape(()), *v_initial)
    collected: list[tuple[Array, ...]] = []
    while (cond is None or state[0].item()) and (trips is None or len(collected) < trips):
        made = body(np.array(len(collected), np.int64), *state)
        state = made[:n]
        collected.append(made[n:])
    if not collected and body.outputs > n:  # run once for the shapes
        empty = body(np.array(0, np.int64), *state)[n:]
        return *state[1:], *(np.zeros((0, *y.shape), y.dtype) for y in empty)
    return *state[1:], *(np.stack(values) for values in zip(*collected, strict=True))


def Scan(
    *initial_state_and_scan_inputs,
    body,
    num_scan_inputs,
    scan_input_axes=None,
    scan_input_directions=None,
    scan_output_axes=None,
    scan_output_directions=None,
) -> tuple[Array, ...]:
    """Runs body(*state, *entries) for the entries of the last `num_scan_inputs` inputs along their axes.

    The body gives the next state and what is to be collected; the outputs are the last state and what was collected,
    stacked. A direction of 1 is from the end to the start.
    """
    n = len(initial_state_and_scan_inputs) - num_scan_inputs
    state, inputs = initial_state_and_scan_inputs[:n], initial_state_and_scan_inputs[n:]
    axes = scan_input_axes or (0,) * len(inputs)
    backward = scan_input_directions or (0,) * len(inputs)
    scans = [np.moveaxis(x, axis, 0) for x, axis in zip(inputs, axes, strict=True)]
    scans = [x[::-1] if back else x for x, back in zip(scans, backward, strict=True)]
    collected: list[tuple[Array, ...]] = []
    for entries in zip(*scans, strict=True):
        made = body(*state, *entries)
        state = made[:n]
        collected.append(made[n:])
    if collected:
        scanned = [np.stack(values) for values in zip(*collected, strict=True)]
    else:  # run once, on zeros, for the shapes
        empty = body(*state, *(np.zeros(x.shape[1:], x.dtype) for x in scans))[n:]
        scanned = [np.zeros((0, *y.shape), y.dtype) for y in empty]
    backward = scan_output_directions or (0,) * len(scanned)
    scanned = [y[::-1] if back else y for y, back in zip(scanned, backward, strict=True)]
    axes = scan_output_axes or (0,) * len(scanned)
    return *state, *(np.moveaxis(y, 0, axis) for y, axis in zip(scanned, axes, strict=True))


def SequenceMap(input_sequence, *additional_inputs, body) -> tuple[Any, ...]:
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
