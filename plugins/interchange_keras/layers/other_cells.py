"""The cells of SimpleRNN, GRU and LSTM with activations that ONNX's recurrent operators do not have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interchange_keras.layer import Layer
from interchange_keras.layers.cells import GATES, STATES, Cell, keras_weights
from interchange_keras.layers.loop import loop


def run_cell(
    layer: Layer,
    cell: Cell,
    x: str,
    states: Sequence[str],
    *,
    mask: str | None,
    backwards: bool,
    zero_others: bool,
    sequences: bool,
) -> tuple[str, tuple[str, ...]]:
    """The output, (batch, time, units) or (batch, units), and the last states. x is (batch, time, in)."""
    kernel, recurrent, bias = keras_weights(layer, cell, layer.shape(x)[2])
    gates, units = len(GATES[cell.kind]), cell.units
    recurrent_bias = None
    if bias is not None and bias.ndim == 2:
        bias, recurrent_bias = bias[0], layer.constant("recurrent_bias", bias[1])
    # what comes from x is computed for all times at once
    every = layer.add("MatMul", x, layer.constant("kernel", kernel))
    if bias is not None:
        every = layer.add("Add", every, layer.constant("bias", bias))
    whole = layer.constant("recurrent_kernel", recurrent)
    first = list(states) or [_zeros(layer, x, units)] * STATES[cell.kind]

    def split(value: str, count: int = gates) -> tuple[str, ...]:
        return layer.add_many("Split", value, [units] * count, outputs=count, axis=-1) if count > 1 else (value,)

    def gate(value: str) -> str:
        return layer.activation(value, cell.recurrent_activation)

    def again(h: str) -> str:
        y = layer.add("MatMul", h, whole)
        return layer.add("Add", y, recurrent_bias) if recurrent_bias else y

    def simple(at: str, before: Sequence[str]) -> list[str]:
        return [layer.activation(layer.add("Add", at, again(before[0])), cell.activation)]

    def lstm(at: str, before: Sequence[str]) -> list[str]:
        h, c = before
        i, f, new, o = split(layer.add("Add", at, again(h)))
        new = layer.add("Mul", gate(i), layer.activation(new, cell.activation))
        c = layer.add("Add", layer.add("Mul", gate(f), c), new)
        return [layer.add("Mul", gate(o), layer.activation(c, cell.activation)), c]

    def gru(at: str, before: Sequence[str]) -> list[str]:
        (h,) = before
        xz, xr, xh = split(at)
        if cell.reset_after:
            hz, hr, hh = split(again(h))
            z, r = gate(layer.add("Add", xz, hz)), gate(layer.add("Add", xr, hr))
            memory = layer.add("Mul", r, hh)
        else:
            two, last = np.split(recurrent, [2 * units], axis=1)
            hz, hr = split(layer.add("MatMul", h, layer.constant("recurrent_gates", two)), 2)
            z, r = gate(layer.add("Add", xz, hz)), gate(layer.add("Add", xr, hr))
            memory = layer.add("MatMul", layer.add("Mul", r, h), layer.constant("recurrent_hidden", last))
        new = layer.activation(layer.add("Add", xh, memory), cell.activation)
        return [layer.add("Add", layer.add("Mul", z, h), layer.add("Mul", layer.add("Sub", 1.0, z), new))]

    step = {"SimpleRNN": simple, "LSTM": lstm, "GRU": gru}[cell.kind]
    return loop(layer, every, first, step, mask=mask, backwards=backwards, zero_others=zero_others, sequences=sequences)


def _zeros(layer: Layer, x: str, units: int) -> str:
    """The first state."""
    zero = layer.constant("zero", np.zeros((), np.float32))
    return layer.add("Expand", zero, layer.add("Concat", layer.add("Shape", x, end=1), [units], axis=0))
