"""Recurrent layers whose gates are the lanes of one integer: a step is two sums of numbers times packed weights.

States are between -1 and 1, so their exponent never changes. Only the usual activation functions are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import tanh

from interchange_pyscript.fast.lanes import ANY, divided, lanes_of, numbers_in, scaled
from interchange_pyscript.fast.pixels import bias_lanes, weighted
from interchange_pyscript.kernels.recurrent import GRU, LSTM
from interchange_pyscript.kernels.tensor import Tensor, transposed

STATE = 28  # bits of a state
LEAST = 32  # the exponent that sums must have


def gates(
    x: Tensor,
    b: Tensor | None,
    initial: Sequence[Tensor | None],
    w_rows: Tensor,
    r_rows: Tensor,
    exponents: Sequence[int],
    direction: str,
    layout: int,
    step: Callable[..., list[list[float]]],
) -> list[Tensor] | None:
    """Runs a step over the time of every sample, in every direction: all first states, and the last of each.

    A step takes what the inputs give to the gates, the function that does so for a state, their unit, and the states.
    None if the inputs do not fit.
    """
    if layout:
        x, initial = transposed(x, (1, 0, 2)), [s and transposed(s, (1, 0, 2)) for s in initial]
    time, batch, size = x.shape
    directions, of_w, of_r = w_rows.shape[0] // size, *exponents
    lanes, hidden = w_rows.shape[1], r_rows.shape[0] // (w_rows.shape[0] // size)
    first = initial[0]
    if first is not None and not all(-1.0 <= value <= 1.0 for value in first.values):
        return None
    rows: list[list[float]] = [[]] * (time * directions * batch)
    finals: list[list[float]] = [[] for _ in initial]
    for d in range(directions):
        weights = lanes_of(w_rows)[d * size : (d + 1) * size]
        recurrent_weights = lanes_of(r_rows)[d * hidden : (d + 1) * hidden]
        biases = [0.0] * (2 * lanes) if b is None else b.values[2 * lanes * d : 2 * lanes * (d + 1)]
        for n in range(batch):
            places = [(t * batch + n) * size for t in range(time)]
            sample = Tensor([v for place in places for v in x.values[place : place + size]], (1, time, size))
            ready = scaled(sample, 28, ANY, True)
            total = min(ready.exponent + of_w, STATE + of_r) if ready else 0
            if ready is None or total < LEAST:
                return None
            numbers, drop = numbers_in(ready.ints, time * size)[0], ready.exponent + of_w - total
            of_inputs, of_states = (bias_lanes(Tensor(biases[k : k + lanes], (lanes,)), total) for k in (0, lanes))

            def times_state(
                h: list[float], weights: Sequence[int] = recurrent_weights, total: int = total, bias: int = of_states
            ) -> int:
                sums = weighted([[round(value * 2.0**STATE) for value in h]], weights, 0)
                return divided(sums, STATE + of_r - total, lanes)[0] + bias

            start = (d * batch + n) * hidden
            states = [[0.0] * hidden if s is None else list(s.values[start : start + hidden]) for s in initial]
            steps = [numbers[t * size : (t + 1) * size] for t in range(time)]
            of_steps = divided(weighted(steps, weights, 0), drop, lanes)
            for t in range(time - 1, -1, -1) if direction == "reverse" or d == 1 else range(time):
                states = step(of_steps[t] + of_inputs, times_state, 2.0**-total, *states)
                rows[(t * directions + d) * batch + n] = states[0]
            for final, state in zip(finals, states):
                final += state
    y = Tensor([value for row in rows for value in row], (time, directions, batch, hidden))
    last = [Tensor(final, (directions, batch, hidden)) for final in finals]
    if layout:
        return [transposed(y, (2, 0, 1, 3)), *(transposed(state, (1, 0, 2)) for state in last)]
    return [y, *last]


def GatesLSTM(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None,
    initial_h: Tensor | None,
    initial_c: Tensor | None,
    w_rows: Tensor,
    r_rows: Tensor,
    *,
    exponents: Sequence[int],
    direction: str = "forward",
    layout: int = 0,
) -> tuple[Tensor, ...]:
    """LSTM with sigmoid and tanh; sigmoid(v) is (1 + tanh(v / 2)) / 2."""
    hidden = r.shape[-1]

    def step(
        sums: int, times_state: Callable[[list[float]], int], unit: float, h: list[float], c: list[float]
    ) -> list[list[float]]:
        numbers, half = numbers_in([sums + times_state(h)], 4 * hidden)[0], unit / 2
        i, o, keep = ([0.5 + 0.5 * tanh(v * half) for v in numbers[k * hidden : (k + 1) * hidden]] for k in range(3))
        new = [tanh(v * unit) for v in numbers[3 * hidden :]]
        c = [k * old + p * q for k, old, p, q in zip(keep, c, i, new)]
        return [[p * tanh(v) for p, v in zip(o, c)], c]

    made = gates(x, b, [initial_h, initial_c], w_rows, r_rows, exponents, direction, layout, step)
    if made is None:
        return LSTM(x, w, r, b, None, initial_h, initial_c, direction=direction, layout=layout)
    return tuple(made)


def GatesGRU(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None,
    initial_h: Tensor | None,
    w_rows: Tensor,
    r_rows: Tensor,
    *,
    exponents: Sequence[int],
    direction: str = "forward",
    layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[Tensor, ...]:
    """GRU with sigmoid and tanh."""
    hidden = r.shape[-1]

    def step(sums: int, times_state: Callable[[list[float]], int], unit: float, h: list[float]) -> list[list[float]]:
        of_state, half = times_state(h), unit / 2
        numbers = numbers_in([sums + of_state], 3 * hidden)[0]
        z, reset = ([0.5 + 0.5 * tanh(v * half) for v in numbers[k * hidden : (k + 1) * hidden]] for k in range(2))
        if linear_before_reset:
            of_input, memory = (numbers[2 * hidden :] for numbers in numbers_in([sums, of_state], 3 * hidden))
            new = [tanh((v + p * m) * unit) for v, p, m in zip(of_input, reset, memory)]
        else:
            of_memory = times_state([p * old for p, old in zip(reset, h)])
            new = [tanh(v * unit) for v in numbers_in([sums + of_memory], 3 * hidden)[0][2 * hidden :]]
        return [[fresh + keep * (old - fresh) for keep, fresh, old in zip(z, new, h)]]

    made = gates(x, b, [initial_h], w_rows, r_rows, exponents, direction, layout, step)
    if made is None:
        told = {"direction": direction, "layout": layout, "linear_before_reset": linear_before_reset}
        return GRU(x, w, r, b, None, initial_h, **told)  # type: ignore[arg-type]
    return tuple(made)
