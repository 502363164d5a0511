"""Recurrent layers, one sample and one step at a time.

x is (time, batch, in), or (batch, time, in) with `layout` 1. Samples shorter than the longest (`sequence_lens`) keep
their last state, and their outputs after it are 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from interchange_pyscript.kernels.arithmetic import clip, sigmoid, softplus
from interchange_pyscript.kernels.linear import Linear
from interchange_pyscript.kernels.tensor import Tensor, integers, prepared, transposed

Values = list[float]

# Activation functions with their parameters alpha and beta, and the values that these have by default.
ACTIVATIONS: dict[str, tuple[Callable[[float, float, float], float], tuple[float, ...]]] = {
    "affine": (lambda v, alpha, beta: alpha * v + beta, (1.0, 0.0)),
    "elu": (lambda v, alpha, beta: v if v > 0 else alpha * math.expm1(v), (1.0,)),
    "hardsigmoid": (lambda v, alpha, beta: clip(alpha * v + beta, 0.0, 1.0), (0.2, 0.5)),
    "leakyrelu": (lambda v, alpha, beta: v if v >= 0 else alpha * v, (0.01,)),
    "relu": (lambda v, alpha, beta: 0.0 if v < 0 else v, ()),
    "scaledtanh": (lambda v, alpha, beta: alpha * math.tanh(beta * v), (1.0, 1.0)),
    "sigmoid": (lambda v, alpha, beta: sigmoid(v), ()),
    "softplus": (lambda v, alpha, beta: softplus(v), ()),
    "softsign": (lambda v, alpha, beta: v / (1 + abs(v)), ()),
    "tanh": (lambda v, alpha, beta: math.tanh(v), ()),
    "thresholdedrelu": (lambda v, alpha, beta: v if v > alpha else 0.0, (1.0,)),
}


def activation(name: str, alphas: Values, betas: Values, limit: float | None) -> Callable[[Values], Values]:
    """The function of that name for a list; it takes its parameters from the front of the lists, if there are any."""
    function, defaults = ACTIVATIONS[name.lower()]
    alpha = (alphas.pop(0) if alphas else defaults[0]) if len(defaults) > 0 else 0.0
    beta = (betas.pop(0) if betas else defaults[1]) if len(defaults) > 1 else 0.0
    if limit is None:
        return lambda values: [function(v, alpha, beta) for v in values]
    return lambda values: [function(clip(v, -limit, limit), alpha, beta) for v in values]


class Cell:
    """The weights of one direction, gate by gate, and its activation functions."""

    def __init__(
        self,
        w: Tensor,
        r: Tensor,
        b: Tensor | None,
        p: Tensor | None,
        d: int,
        functions: Sequence[Callable[[Values], Values]],
    ) -> None:
        self.functions = functions
        self.hidden = r.shape[-1]
        gates = w.shape[1] // self.hidden
        self.from_x = prepared(w, ("gates", d), lambda: [self.gate_of(w, d * gates + g) for g in range(gates)])
        self.from_h = prepared(r, ("gates", d), lambda: [self.gate_of(r, d * gates + g) for g in range(gates)])
        biases = [0.0] * (2 * gates * self.hidden * (d + 1)) if b is None else b.values
        places = [(2 * gates * d + g) * self.hidden for g in range(2 * gates)]
        parts = [biases[place : place + self.hidden] for place in places]
        self.x_bias, self.h_bias = parts[:gates], parts[gates:]
        places = [(3 * d + g) * self.hidden for g in range(3)]
        self.peepholes = [] if p is None else [p.values[place : place + self.hidden] for place in places]

    def gate_of(self, weights: Tensor, g: int) -> Linear:
        """The matrix of the g-th gate."""
        size = weights.shape[-1]
        starts = [(g * self.hidden + i) * size for i in range(self.hidden)]
        return Linear([tuple(weights.values[start : start + size]) for start in starts])

    def gate(self, g: int, x: Values, h: Values) -> Values:
        """x w + h r + b of the g-th gate."""
        return [p + q for p, q in zip(self.from_x[g](x, self.x_bias[g]), self.from_h[g](h, self.h_bias[g]))]

    def seeing(self, g: int, gate: Values, c: Values) -> Values:
        """A gate with what it sees of the state through its peepholes, if there are any."""
        return [v + k * old for v, k, old in zip(gate, self.peepholes[g], c)] if self.peepholes else gate


def recurrent(
    step: Callable[..., list[Values]],
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None,
    sequence_lens: Tensor | None,
    initial: Sequence[Tensor | None],
    names: Sequence[str],
    settings: tuple[Sequence[float] | None, Sequence[float] | None, float | None],
    direction: str,
    layout: int,
    p: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Runs `step` over the time of every sample, in every direction: the first states of all steps, the last states."""
    if layout:
        x, initial = transposed(x, (1, 0, 2)), [s and transposed(s, (1, 0, 2)) for s in initial]
    time, batch, size = x.shape
    directions, hidden = w.shape[0], r.shape[-1]
    lengths = [time] * batch if sequence_lens is None else integers(sequence_lens)
    alphas, betas, limit = list(settings[0] or ()), list(settings[1] or ()), settings[2]
    count = len(names) // directions
    rows: list[Values] = [[0.0] * hidden] * (time * directions * batch)
    finals: list[Values] = [[] for _ in initial]
    for d in range(directions):
        functions = [activation(name, alphas, betas, limit) for name in names[d * count : (d + 1) * count]]
        cell = Cell(w, r, b, p, d, functions)
        backwards = direction == "reverse" or d == 1
        for n in range(batch):
            start = (d * batch + n) * hidden
            states = [[0.0] * hidden if s is None else list(s.values[start : start + hidden]) for s in initial]
            for t in range(lengths[n] - 1, -1, -1) if backwards else range(lengths[n]):
                place = (t * batch + n) * size
                states = step(cell, list(x.values[place : place + size]), *states)
                rows[(t * directions + d) * batch + n] = states[0]
            for final, state in zip(finals, states):
                final += state
    y = Tensor([value for row in rows for value in row], (time, directions, batch, hidden))
    last = [Tensor(final, (directions, batch, hidden)) for final in finals]
    if layout:
        return transposed(y, (2, 0, 1, 3)), *(transposed(state, (1, 0, 2)) for state in last)
    return y, *last


def RNN(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] = ("Tanh", "Tanh"),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
) -> tuple[Tensor, ...]:
    """h = f(x w + h r + b) at each step; all h, and the last."""

    def step(cell: Cell, x: Values, h: Values) -> list[Values]:
        return [cell.functions[0](cell.gate(0, x, h))]

    names, settings = activations[: w.shape[0]], (activation_alpha, activation_beta, clip)
    return recurrent(step, x, w, r, b, sequence_lens, [initial_h], names, settings, direction, layout)


def GRU(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[Tensor, ...]:
    """Gated recurrent unit: h = (1 - z) g(x w + (reset h) r + b) + z h with z, reset = f(...); all h, and the last.

    With `linear_before_reset` 1 the reset gate multiplies (h r + b) instead of h.
    """

    def step(cell: Cell, x: Values, h: Values) -> list[Values]:
        f, g = cell.functions
        z, reset = f(cell.gate(0, x, h)), f(cell.gate(1, x, h))
        if linear_before_reset:
            memory = [p * q for p, q in zip(reset, cell.from_h[2](h, cell.h_bias[2]))]
        else:
            memory = cell.from_h[2]([p * q for p, q in zip(reset, h)], cell.h_bias[2])
        new = g([p + q for p, q in zip(cell.from_x[2](x, cell.x_bias[2]), memory)])
        return [[(1 - keep) * fresh + keep * old for keep, fresh, old in zip(z, new, h)]]

    names, settings = activations or ("Sigmoid", "Tanh") * w.shape[0], (activation_alpha, activation_beta, clip)
    return recurrent(step, x, w, r, b, sequence_lens, [initial_h], names, settings, direction, layout)


def LSTM(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    initial_c: Tensor | None = None,
    p: Tensor | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
) -> tuple[Tensor, ...]:
    """Long short-term memory: c = forget c + i g(...), h = o h(c) with i, o, forget = f(...); all h, last h and c.

    The gates are input, output, forget, cell; p holds the peepholes of the first three. With `input_forget` 1 the
    forget gate is 1 - i.
    """

    def step(cell: Cell, x: Values, h: Values, c: Values) -> list[Values]:
        f, g, h_of = cell.functions
        i = f(cell.seeing(0, cell.gate(0, x, h), c))
        forget = [1 - v for v in i] if input_forget else f(cell.seeing(2, cell.gate(2, x, h), c))
        c = [keep * old + add * new for keep, old, add, new in zip(forget, c, i, g(cell.gate(3, x, h)))]
        o = f(cell.seeing(1, cell.gate(1, x, h), c))
        return [[v * new for v, new in zip(o, h_of(c))], c]

    names = activations or ("Sigmoid", "Tanh", "Tanh") * w.shape[0]
    settings, initial = (activation_alpha, activation_beta, clip), [initial_h, initial_c]
    return recurrent(step, x, w, r, b, sequence_lens, initial, names, settings, direction, layout, p)
