"""The cell of ConvLSTM1D, 2D and 3D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interchange_keras.layer import Ints, Layer
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

    @property
    def weights(self) -> list[str]:
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
    kernel = layer.weight(f"{cell.path}kernel", (*size, depth, 4 * filters))
    recurrent = layer.weight(f"{cell.path}recurrent_kernel", (*size, filters, 4 * filters))
    bias = layer.weight(f"{cell.path}bias", (4 * filters,)) if options["use_bias"] else None
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
            again = layer.add("Conv", h, turned, auto_pad="SAME_UPPER")
            again = layer.add("Transpose", again, perm=[0, *range(2, n + 2), 1])
        else:
            again = layer.add("Conv", h, recurrent, layout=order, auto_pad="SAME_UPPER")
        i, f, new, o = gates(layer.add("Add", at, again))
        i, f, o = (layer.activation(gate, options["recurrent_activation"]) for gate in (i, f, o))
        new = layer.activation(new, options["activation"])
        c = layer.add("Add", layer.add("Mul", f, c), layer.add("Mul", i, new))
        return [layer.add("Mul", o, layer.activation(c, options["activation"])), c]

    return loop(
        layer, from_x, first, step, mask=mask, backwards=backwards, zero_others=zero_others, sequences=sequences
    )


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
