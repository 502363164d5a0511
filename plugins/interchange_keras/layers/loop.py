"""A step that ONNX has no recurrent operator for, repeated over the time: written out if there are few, else a Scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from interchange_keras.layer import Layer

MOST_WRITTEN_OUT = 32

Step = Callable[[str, Sequence[str]], Sequence[str]]  # (what there is at a time, states) -> states; the first is output


def is_written_out(layer: Layer, x: str) -> bool:
    time = layer.shape(x)[1]
    return time is not None and time <= MOST_WRITTEN_OUT


def loop(
    layer: Layer,
    x: str,
    states: Sequence[str],
    step: Step,
    *,
    mask: str | None,
    backwards: bool,
    zero_others: bool,
    sequences: bool,
) -> tuple[str, tuple[str, ...]]:
    """The output, all of it (batch, time, …) in the order of x or the last, and the last states.

    Where the mask is false, states and output stay; the output is 0 before the first step, or, with `zero_others`,
    wherever the mask is false.
    """

    def masked(m: str | None, x: str, before: Sequence[str], output: str) -> tuple[list[str], str]:
        after = list(step(x, before))
        if m is None:
            return after, after[0]
        kept = [_where(layer, m, new, old) for new, old in zip(after, before, strict=True)]
        return kept, _where(layer, m, after[0], None if zero_others else output)

    nothing = layer.add("Mul", states[0], 0.0) if mask is not None and not zero_others else states[0]
    time = layer.shape(x)[1]
    if time is None or not is_written_out(layer, x):
        return _scan(layer, x, mask, states, nothing, masked, backwards, sequences)
    outputs = {}
    now, output = list(states), nothing
    for t in reversed(range(time)) if backwards else range(time):
        number = layer.constant(f"step_{t}", np.array(t))
        x_t = layer.add("Gather", x, number, axis=1)
        now, output = masked(mask and layer.add("Gather", mask, number, axis=1), x_t, now, output)
        outputs[t] = output
    if not sequences:
        return output, tuple(now)
    every = [layer.add("Unsqueeze", outputs[t], [1]) for t in range(time)]
    return layer.add("Concat", *every, axis=1), tuple(now)


def _scan(
    layer: Layer,
    x: str,
    mask: str | None,
    states: Sequence[str],
    nothing: str,
    masked: Callable[[str | None, str, Sequence[str], str], tuple[list[str], str]],
    backwards: bool,
    sequences: bool,
) -> tuple[str, tuple[str, ...]]:
    scanned = [x] if mask is None else [x, mask]
    inputs = [*((f"state_{i}", state, None) for i, state in enumerate(states)), ("output", nothing, None)]
    names = layer.begin_body([*inputs, *((f"entry_{i}", y, 1) for i, y in enumerate(scanned))])
    n = len(states)
    now, output = masked(names[n + 2] if mask else None, names[n + 1], names[:n], names[n])
    # each of its own: a body's outputs are different values
    results = [*now, layer.add("Identity", output), *([layer.add("Identity", output)] if sequences else [])]
    body = layer.end_body(results)
    attributes = {"scan_input_axes": [1] * len(scanned), "scan_input_directions": [int(backwards)] * len(scanned)}
    if sequences:
        attributes |= {"scan_output_axes": [1], "scan_output_directions": [int(backwards)]}
    made = layer.add_many(
        "Scan", *states, nothing, *scanned, outputs=len(results), body=body, num_scan_inputs=len(scanned), **attributes
    )
    return made[-1] if sequences else made[n], made[:n]


def _where(layer: Layer, mask: str, new: str, old: str | None) -> str:
    missing = list(range(layer.rank(mask), layer.rank(new)))
    shown = layer.add("Unsqueeze", mask, missing) if missing else mask
    return layer.add("Where", shown, new, 0.0 if old is None else old)
