"""The cell of ConvLSTM1D, 2D and 3D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Ints, Layer
from interchange_keras.layers.cells import OLD_GATES
from interchange_keras.layers.loop import is_written_out, loop
from interchange_keras.layers.spatial import layout, padding, per_dimension, unless_one


def conv_options(
    *,
    filters: int,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1,),
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    use_bias: bool = True,
) -> dict[str, Any]:
    """The options of the cell, by name."""
    return locals()


@dataclass(frozen=True, slots=True)
class ConvCell:
    """`path` is where its weights are, `options` are those of `conv_options`."""

    path: str
    options: Mapping[str, Any]
    kind: str = "ConvLSTM"
    is_split: bool = False  # a file of Keras 1 with an array for each gate

    @property
    def weights(self) -> list[str]:
        if self.is_split:
            return [f"{self.path}{part}_{gate}" for gate, _ in OLD_GATES["LSTM"] for part in "WUb"]
        bias = ["bias"] if self.options["use_bias"] else []
        return [f"{self.path}{name}" for name in ("kernel", "recurrent_kernel", *bias)]


def run_conv(
    layer: Layer,
    cell: ConvCell,
    x: str,
    states: Sequence[str],
    mask: str | None,
    *,
    backwards: bool,
    zero_others: bool,
    sequences: bool,
) -> tuple[str, tuple[str, ...]]:
    """The output, (batch, time, …) or (batch, …), and the last h and c. x is (batch, time, …)."""
    options = cell.options
    n, filters = layer.rank(x) - 3, options["filters"]
    order = layout(layer, options["data_format"])
    size = per_dimension(layer, options["kernel_size"], n, "kernel_size")
    dilations = per_dimension(layer, options["dilation_rate"], n, "dilation_rate")
    steps = per_dimension(layer, options["strides"], n, "strides")
    axis = -1 if order == "NHWC" else 1
    depth = layer.shape(x)[-1 if order == "NHWC" else 2]
    if depth is None:
        layer.refuse("the number of channels of its input is not known")
    has_bias = options["use_bias"] or cell.is_split
    kernel = layer.constant("kernel", _array(layer, cell, "kernel", (*size, depth, filters)))
    recurrent = layer.constant("recurrent_kernel", _array(layer, cell, "recurrent_kernel", (*size, filters, filters)))
    bias = layer.constant("bias", _array(layer, cell, "bias", (filters,))) if has_bias else None
    same = padding(layer, "same", size, [1] * n)
    turned = layer.add("Transpose", recurrent, perm=[n + 1, n, *range(n)])
    if order == "NCHW":
        kernel, recurrent = layer.add("Transpose", kernel, perm=[n + 1, n, *range(n)]), turned
    # what comes from x is computed for all times at once
    given = {"layout": order, **padding(layer, options["padding"], size, dilations)}
    given |= unless_one(strides=steps, dilations=dilations)
    every = layer.add("Conv", _joined(layer, x), kernel, *([bias] if bias else []), **given)
    first = list(states) or [_zeros(layer, every, x, filters, axis)] * 2
    from_x = _apart(layer, every, x)

    def gates(value: str) -> tuple[str, ...]:
        return layer.add_many("Split", value, [filters] * 4, outputs=4, axis=axis)

    def step(at: str, before: Sequence[str]) -> list[str]:
        h, c = before
        if order == "NHWC" and not is_written_out(layer, x):  # ONNX's own layout in a graph within the graph
            h = layer.add("Transpose", h, perm=[0, n + 1, *range(1, n + 1)])
            again = layer.add("Conv", h, turned, **same)
            again = layer.add("Transpose", again, perm=[0, *range(2, n + 2), 1])
        else:
            again = layer.add("Conv", h, recurrent, layout=order, **same)
        i, f, new, o = gates(layer.add("Add", at, again))
        i, f, o = (layer.activation(gate, options["recurrent_activation"]) for gate in (i, f, o))
        new = layer.activation(new, options["activation"])
        c = layer.add("Add", layer.add("Mul", f, c), layer.add("Mul", i, new))
        return [layer.add("Mul", o, layer.activation(c, options["activation"])), c]

    return loop(
        layer, from_x, first, step, mask=mask, backwards=backwards, zero_others=zero_others, sequences=sequences
    )


def _array(layer: Layer, cell: ConvCell, name: str, of_gate: tuple[int, ...]) -> Array:
    """A weight of all gates, joined where Keras 1 kept them apart; kernels as a cross-correlation has them."""
    if cell.is_split:
        part = {"kernel": "W", "recurrent_kernel": "U", "bias": "b"}[name]
        gates = [(place, layer.array(f"{cell.path}{part}_{gate}", of_gate)) for gate, place in OLD_GATES["LSTM"]]
        array: Array = np.concatenate([gate for _, gate in sorted(gates, key=lambda gate: gate[0])], axis=-1)
    else:
        array = layer.array(f"{cell.path}{name}", (*of_gate[:-1], 4 * of_gate[-1]))
    if name != "bias" and eras.FLIPS_KERNELS.get(layer.backend):
        array = np.ascontiguousarray(np.flip(array, tuple(range(array.ndim - 2))))
    return array


def _joined(layer: Layer, x: str) -> str:
    """(batch, time, …) -> (batch * time, …)"""
    rest = layer.shape(x)[2:]
    if None not in rest:
        return layer.add("Reshape", x, [-1, *rest])
    return layer.add("Reshape", x, layer.add("Concat", [-1], layer.add("Shape", x, start=2), axis=0))


def _apart(layer: Layer, y: str, x: str) -> str:
    """(batch * time, …) -> (batch, time, …), as many as x has."""
    time, rest = layer.shape(x)[1], layer.shape(y)[1:]
    if time is not None and None not in rest:
        return layer.add("Reshape", y, [-1, time, *rest])
    return layer.add(
        "Reshape", y, layer.add("Concat", layer.add("Shape", x, end=2), layer.add("Shape", y, start=1), axis=0)
    )


def _zeros(layer: Layer, every: str, x: str, filters: int, axis: int) -> str:
    """The first state."""
    batch, sizes = layer.add("Shape", x, end=1), layer.shape(every)[1:]
    if None not in sizes:
        rest: list[Any] = [*sizes[:-1], filters] if axis == -1 else [filters, *sizes[1:]]
        return layer.add(
            "Expand", layer.constant("zero", np.zeros((), np.float32)), layer.add("Concat", batch, rest, axis=0)
        )
    sized = layer.add("Shape", every, start=1, end=-1) if axis == -1 else layer.add("Shape", every, start=2)
    parts = [sized, [filters]] if axis == -1 else [[filters], sized]
    return layer.add(
        "Expand", layer.constant("zero", np.zeros((), np.float32)), layer.add("Concat", batch, *parts, axis=0)
    )
