"""Recurrent layers.

x is (time, batch, in) and `y` (time, directions, batch, hidden); with `layout` 1 the batch comes first in x, y and the
states. The weights w (directions, gates * hidden, in), r (directions, gates * hidden, hidden) and the two biases in b
hold the gates one after the other. Samples shorter than the longest (`sequence_lens`) keep their last state, and their
outputs after it are 0. `activations` lists the functions of each direction, `activation_alpha` and `activation_beta`
the parameters of those that have some; `clip` bounds what goes into a function.
"""

from __future__ import annotations

import functools

import numpy as np

from interchange.ops._activation import functions_of
from interchange.ops._shapes import Array, shape_rule


def _unroll(step, x, lengths, states, reverse):
    """Runs one direction over the time of x: the first state after each step, and all states after the last."""
    y = np.zeros((*x.shape[:2], states[0].shape[-1]), x.dtype)
    for t in range(len(x) - 1, -1, -1) if reverse else range(len(x)):
        running = (t < lengths)[:, None]
        made = step(x[t], *states)
        states = tuple(np.where(running, new, old).astype(x.dtype) for new, old in zip(made, states, strict=True))
        y[t] = np.where(running, states[0], 0)
    return y, states


def _recurrent(step, x, w, r, b, sequence_lens, initial, functions, direction, hidden_size, layout, **more):
    """All directions of a recurrent layer; `step` computes the next states of one."""
    if hidden_size not in (None, r.shape[-1]):
        raise ValueError(f"hidden_size is {hidden_size}, the weights are for {r.shape[-1]}")
    if layout:
        x, initial = np.swapaxes(x, 0, 1), [None if s is None else np.swapaxes(s, 0, 1) for s in initial]
    batch, hidden = x.shape[1], r.shape[-1]
    lengths = np.full(batch, len(x)) if sequence_lens is None else sequence_lens
    b = np.zeros((len(w), 2 * w.shape[1]), x.dtype) if b is None else b
    ys, finals = [], []
    for d, reverse in enumerate(_reversals(direction)):
        each = {name: None if value is None else value[d] for name, value in more.items()}
        advance = functools.partial(step, w[d].T, r[d].T, *np.split(b[d], 2), functions[d], **each)
        start = [np.zeros((batch, hidden), x.dtype) if s is None else s[d] for s in initial]
        y, states = _unroll(advance, x, lengths, start, reverse)
        ys.append(y)
        finals.append(states)
    y, finals = np.stack(ys, axis=1), [np.stack(states) for states in zip(*finals, strict=True)]
    if layout:
        y, finals = y.transpose(2, 0, 1, 3), [np.swapaxes(s, 0, 1) for s in finals]
    return (y, *finals)


def _reversals(direction):
    """For each direction, whether it runs from the end."""
    if direction not in ("forward", "reverse", "bidirectional"):
        raise ValueError(f"direction is {direction!r}")
    return (False, True) if direction == "bidirectional" else (direction == "reverse",)


def _y_shape(x, w, r, *_, layout=0, **__):
    time, batch = x.shape[1::-1] if layout else x.shape[:2]
    return (batch, time, len(w), r.shape[-1]) if layout else (time, len(w), batch, r.shape[-1])


def _state_shape(x, w, r, *_, layout=0, **__):
    batch = x.shape[0] if layout else x.shape[1]
    return (batch, len(w), r.shape[-1]) if layout else (len(w), batch, r.shape[-1])


def _rnn_step(w, r, wb, rb, functions, x, h):
    return (functions[0](x @ w + h @ r + wb + rb),)


@shape_rule(_y_shape, _state_shape)
def RNN(
    x,
    w,
    r,
    b=None,
    sequence_lens=None,
    initial_h=None,
    *,
    activation_alpha=None,
    activation_beta=None,
    activations=("Tanh", "Tanh"),
    clip=None,
    direction="forward",
    hidden_size=None,
    layout=0,
) -> tuple[Array, Array]:
    """h = f(x w + h r + b) at each step; all h, and the last."""
    functions = functions_of(activations, 1, len(w), activation_alpha, activation_beta, clip)
    y, h = _recurrent(_rnn_step, x, w, r, b, sequence_lens, [initial_h], functions, direction, hidden_size, layout)
    return y, h


def _gru_step(w, r, wb, rb, functions, x, h, linear_before_reset):
    f, g = functions
    from_x, (rz, rr, rh), (rbz, rbr, rbh) = np.split(x @ w + wb, 3, -1), np.split(r, 3, -1), np.split(rb, 3)
    z = f(from_x[0] + h @ rz + rbz)
    reset = f(from_x[1] + h @ rr + rbr)
    memory = reset * (h @ rh + rbh) if linear_before_reset else (reset * h) @ rh + rbh
    return ((1 - z) * g(from_x[2] + memory) + z * h,)


@shape_rule(_y_shape, _state_shape)
def GRU(
    x,
    w,
    r,
    b=None,
    sequence_lens=None,
    initial_h=None,
    *,
    activation_alpha=None,
    activation_beta=None,
    activations=None,
    clip=None,
    direction="forward",
    hidden_size=None,
    layout=0,
    linear_before_reset=0,
) -> tuple[Array, Array]:
    """Gated recurrent unit: z = f(…), reset = f(…), h = (1 - z) g(x w + (reset h) r + b) + z h; all h, and the last.

    The gates are z, reset, hidden. With `linear_before_reset` 1 the reset gate multiplies (h r + b) instead of h.
    """
    names = activations or ("Sigmoid", "Tanh") * len(w)
    functions = functions_of(names, 2, len(w), activation_alpha, activation_beta, clip)
    step = functools.partial(_gru_step, linear_before_reset=linear_before_reset)
    y, h = _recurrent(step, x, w, r, b, sequence_lens, [initial_h], functions, direction, hidden_size, layout)
    return y, h


def _lstm_step(w, r, wb, rb, functions, x, h, c, peepholes, input_forget):
    f, g, h_of = functions
    i, o, forget, new = np.split(x @ w + h @ r + wb + rb, 4, -1)
    pi, po, pf = (None, None, None) if peepholes is None else np.split(peepholes, 3)
    i = f(_seeing(c, i, pi))
    forget = 1 - i if input_forget else f(_seeing(c, forget, pf))
    c = forget * c + i * g(new)
    return f(_seeing(c, o, po)) * h_of(c), c


def _seeing(c, gate, peephole):
    """A gate that sees the state; without a peephole not even one that is infinite."""
    return gate if peephole is None else gate + peephole * c


@shape_rule(_y_shape, _state_shape, _state_shape)
def LSTM(
    x,
    w,
    r,
    b=None,
    sequence_lens=None,
    initial_h=None,
    initial_c=None,
    p=None,
    *,
    activation_alpha=None,
    activation_beta=None,
    activations=None,
    clip=None,
    direction="forward",
    hidden_size=None,
    input_forget=0,
    layout=0,
) -> tuple[Array, Array, Array]:
    """Long short-term memory: c = forget c + i g(…), h = o h(c) with gates i, o, forget = f(…); all h, last h, last c.

    The gates are input, output, forget, cell; p holds the peepholes of the first three, (directions, 3 * hidden).
    With `input_forget` 1 the forget gate is 1 - i.
    """
    names = activations or ("Sigmoid", "Tanh", "Tanh") * len(w)
    functions = functions_of(names, 3, len(w), activation_alpha, activation_beta, clip)
    step = functools.partial(_lstm_step, input_forget=input_forget)
    initial = [initial_h, initial_c]
    y, h, c = _recurrent(
        step, x, w, r, b, sequence_lens, initial, functions, direction, hidden_size, layout, peepholes=p
    )
    return y, h, c
