"""RNN, GRU and LSTM in float64: a Scan for each direction, whose step is that of interchange.ops.rnn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from interchange.graph import Body, Node, TensorSpec
from interchange.ops._activation import functions_of
from interchange_onnx.cpu import activation
from interchange_onnx.cpu.writer import Writer

Function = Callable[[str], str]
Step = Callable[[str, Sequence[str]], tuple[str, ...]]  # (what comes from x, states) -> states


def _function(e: Writer, name: str, alpha: float | None, beta: float | None, clip: float | None) -> Function:
    given = {key: value for key, value in (("alpha", alpha), ("beta", beta)) if value is not None}

    def function(x: str) -> str:
        if clip is not None:
            x = e.add("Clip", x, e.number(-clip), e.number(clip))
        lower = FUNCTIONS.get(name)
        return lower(e, x, **given) if lower else e.add(name.title(), x)

    return function


FUNCTIONS: Mapping[str, Callable[..., str]] = {
    "affine": activation.affine,
    "elu": activation.elu,
    "hardsigmoid": activation.hard_sigmoid,
    "leakyrelu": activation.leaky_relu,
    "scaledtanh": activation.scaled_tanh,
    "softplus": activation.softplus,
    "softsign": activation.softsign,
    "thresholdedrelu": activation.thresholded_relu,
}  # ONNX Runtime has Relu, Sigmoid and Tanh


class _Direction:
    """The weights of one direction."""

    def __init__(self, e: Writer, weights: Sequence[str | None], index: int, hidden: int, gates: int) -> None:
        w, r, b, p = (None if name is None else e.add("Gather", name, index) for name in weights)
        assert w is not None
        assert r is not None
        self.e, self.hidden, self._gates = e, hidden, gates
        self.w, self.r = (e.add("Transpose", name, perm=(1, 0)) for name in (w, r))
        self.p = None if p is None else e.add_many("Split", p, outputs=3, axis=0, num_outputs=3)
        size = gates * hidden
        biases = [None if b is None else e.add("Slice", b, [i * size], [(i + 1) * size]) for i in (0, 1)]
        self.wb, self.rb = biases

    def plus(self, x: str, b: str | None) -> str:
        return x if b is None else self.e.add("Add", x, b)

    def from_input(self, x: str) -> str:
        """What all gates get from the inputs of every time: (time, batch, gates * hidden)."""
        return self.plus(self.e.add("MatMul", x, self.w), self.wb)

    def gates(self, x: str, axis: int = -1) -> tuple[str, ...]:
        return self.e.add_many("Split", x, outputs=self._gates, axis=axis, num_outputs=self._gates)


def _rnn_step(d: _Direction, functions: Sequence[Function], x: str, states: Sequence[str]) -> tuple[str, ...]:
    (h,) = states
    total = d.e.add("Add", x, d.plus(d.e.add("MatMul", h, d.r), d.rb))
    return (functions[0](total),)


def _gru_step(
    d: _Direction, functions: Sequence[Function], x: str, states: Sequence[str], *, linear_before_reset: int = 0
) -> tuple[str, ...]:
    e, (h,), (f, g) = d.e, states, functions
    xs, (rz, rr, rh) = d.gates(x), d.gates(d.r)
    bz, br, bh = (None, None, None) if d.rb is None else d.gates(d.rb, axis=0)
    z = f(e.add("Add", xs[0], d.plus(e.add("MatMul", h, rz), bz)))
    reset = f(e.add("Add", xs[1], d.plus(e.add("MatMul", h, rr), br)))
    if linear_before_reset:
        memory = e.add("Mul", reset, d.plus(e.add("MatMul", h, rh), bh))
    else:
        memory = d.plus(e.add("MatMul", e.add("Mul", reset, h), rh), bh)
    new = g(e.add("Add", xs[2], memory))
    return (e.add("Add", e.add("Mul", e.add("Sub", e.number(1), z), new), e.add("Mul", z, h)),)


def _lstm_step(
    d: _Direction, functions: Sequence[Function], x: str, states: Sequence[str], *, input_forget: int = 0
) -> tuple[str, ...]:
    e, (h, c), (f, g, h_of) = d.e, states, functions
    total = e.add("Add", x, d.plus(e.add("MatMul", h, d.r), d.rb))
    i, o, forget, new = d.gates(total)

    def seeing(gate: str, which: int, state: str) -> str:
        return gate if d.p is None else e.add("Add", gate, e.add("Mul", d.p[which], state))

    i = f(seeing(i, 0, c))
    forget = e.add("Sub", e.number(1), i) if input_forget else f(seeing(forget, 2, c))
    c = e.add("Add", e.add("Mul", forget, c), e.add("Mul", i, g(new)))
    return e.add("Mul", f(seeing(o, 1, c)), h_of(c)), c


def _recurrent(
    step: Callable[..., tuple[str, ...]],
    gates: int,
    defaults: Sequence[str],
    e: Writer,
    x: str,
    w: str,
    r: str,
    b: str | None = None,
    sequence_lens: str | None = None,
    initial_h: str | None = None,
    initial_c: str | None = None,
    p: str | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    **more: Any,
) -> tuple[str, ...] | None:
    shape = e.shape(r)
    hidden = shape[-1] if shape else None
    if not isinstance(hidden, int):
        return None
    reversals = (False, True) if direction == "bidirectional" else (direction == "reverse",)
    names = activations or tuple(defaults) * len(reversals)
    every = functions_of(names, len(defaults), len(reversals), activation_alpha, activation_beta, clip)
    initial = [initial_h, *([initial_c] if gates == 4 else [])]
    if layout:
        x = e.add("Transpose", x, perm=(1, 0, 2))
        initial = [s and e.add("Transpose", s, perm=(1, 0, 2)) for s in initial]
    running = None if sequence_lens is None else _running(e, x, sequence_lens)
    zeros = e.add("Expand", e.number(0), e.add("Concat", e.add("Shape", x, start=1, end=2), [hidden], axis=0))
    made = []
    for i, is_backwards in enumerate(reversals):
        d = _Direction(e, (w, r, b, p), i, hidden, gates)
        functions = [_function(e, *function.args) for function in every[i]]
        states = [zeros if s is None else e.add("Gather", s, i) for s in initial]
        made.append(_scan(e, partial(step, d, functions, **more), d.from_input(x), running, states, is_backwards))
    axes = (1, *(0 for _ in initial))
    outputs = [_stacked(e, [each[i] for each in made], axis) for i, axis in enumerate(axes)]
    if layout:
        perms = ((2, 0, 1, 3), *((1, 0, 2) for _ in initial))
        outputs = [e.add("Transpose", y, perm=perm) for y, perm in zip(outputs, perms, strict=True)]
    return tuple(outputs)


def _running(e: Writer, x: str, sequence_lens: str) -> str:
    """(time, batch, 1): whether the sample is as long."""
    time = e.add("Squeeze", e.add("Shape", x, start=0, end=1), [0])
    steps = e.add("Unsqueeze", e.add("Range", 0, time, 1), [1])
    return e.add("Unsqueeze", e.add("Less", steps, e.add("Cast", sequence_lens, to="int64")), [2])


def _scan(e: Writer, step: Step, x: str, running: str | None, initial: Sequence[str], is_backwards: bool) -> list[str]:
    """All outputs (time, batch, hidden), and the last states; a sample that has ended keeps its state and gives 0."""
    around, e.nodes = e.nodes, []
    scanned = [x] if running is None else [x, running]
    names = [e.name(part) for part in (*(f"state_{i}" for i in range(len(initial))), "input", "running")]
    states, x_t, running_t = names[: len(initial)], names[-2], names[-1]
    now = step(x_t, states)
    if running is None:
        y = e.add("Identity", now[0])
    else:
        y = e.add("Where", running_t, now[0], e.number(0))
        now = tuple(e.add("Where", running_t, new, old) for new, old in zip(now, states, strict=True))
    inputs = {name: TensorSpec("", ()) for name in (*states, x_t, running_t)[: len(initial) + len(scanned)]}
    body = Body(inputs, (*now, y), tuple(e.nodes))
    e.nodes = around
    outputs = tuple(e.name("Scan") for _ in body.outputs)
    directions = (int(is_backwards),)
    attributes = {
        "body": body,
        "num_scan_inputs": len(scanned),
        "scan_input_directions": directions * len(scanned),
        "scan_output_directions": directions,
    }
    e.nodes.append(Node("Scan", (*initial, *scanned), outputs, attributes, e.source))
    return [outputs[-1], *outputs[:-1]]


def _stacked(e: Writer, values: Sequence[str], axis: int) -> str:
    each = [e.add("Unsqueeze", value, [axis]) for value in values]
    return e.add("Concat", *each, axis=axis) if len(each) > 1 else each[0]


LOWERINGS: Mapping[str, Callable[..., tuple[str, ...] | None]] = {
    "GRU": partial(_recurrent, _gru_step, 3, ("Sigmoid", "Tanh")),
    "LSTM": partial(_recurrent, _lstm_step, 4, ("Sigmoid", "Tanh", "Tanh")),
    "RNN": partial(_recurrent, _rnn_step, 1, ("Tanh",)),
}
