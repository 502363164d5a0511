"""Normalisations in float64: ONNX Runtime has some, but with an epsilon of float32, or with statistics of float32.

All functions make the first output alone, and return None where the rank is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interchange_onnx.cpu.windows import as_given, channels_last
from interchange_onnx.cpu.writer import Writer
from interchange_onnx.same import TO_THE_END


def _standardised(e: Writer, x: str, axes: Sequence[int], epsilon: float) -> str:
    """x with mean 0 and variance 1 over `axes`."""
    centred = e.add("Sub", x, e.add("ReduceMean", x, list(axes)))
    variance = e.add("ReduceMean", e.add("Mul", centred, centred), list(axes))
    return e.add("Div", centred, e.add("Sqrt", e.add("Add", variance, e.number(epsilon))))


def _scaled(e: Writer, x: str, scale: str, b: str | None) -> str:
    y = e.add("Mul", x, scale)
    return y if b is None else e.add("Add", y, b)


def batch_normalization(
    e: Writer,
    x: str,
    scale: str,
    b: str,
    mean: str,
    variance: str,
    *,
    epsilon: float = 1e-5,
    training_mode: int = 0,
    layout: str = "NCHW",
    **_: Any,
) -> str | None:
    shape = e.shape(x)
    if shape is None or training_mode:
        return None
    n = len(shape) - 2
    factor = e.add("Div", scale, e.add("Sqrt", e.add("Add", variance, e.number(epsilon))))
    centred = e.add("Sub", channels_last(e, x, layout, n), mean)
    return as_given(e, _scaled(e, centred, factor, b), layout, n)


def instance_normalization(
    e: Writer, x: str, scale: str, b: str, *, epsilon: float = 1e-5, layout: str = "NCHW"
) -> str | None:
    shape = e.shape(x)
    if shape is None:
        return None
    n = len(shape) - 2
    y = _standardised(e, channels_last(e, x, layout, n), range(1, n + 1), epsilon)
    return as_given(e, _scaled(e, y, scale, b), layout, n)


def group_normalization(
    e: Writer,
    x: str,
    scale: str,
    b: str,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    layout: str = "NCHW",
    **_: Any,
) -> str | None:
    shape = e.shape(x)
    if shape is None:
        return None
    n = len(shape) - 2
    grouped = e.add("Reshape", channels_last(e, x, layout, n), [*[0] * (n + 1), num_groups, -1])
    y = _standardised(e, grouped, [*range(1, n + 1), n + 2], epsilon)
    y = e.add("Reshape", y, [*[0] * (n + 1), -1])
    return as_given(e, _scaled(e, y, scale, b), layout, n)


def layer_normalization(
    e: Writer, x: str, scale: str, b: str | None = None, *, axis: int = -1, epsilon: float = 1e-5, **_: Any
) -> str | None:
    shape = e.shape(x)
    if shape is None:
        return None
    return _scaled(e, _standardised(e, x, range(axis % len(shape), len(shape)), epsilon), scale, b)


def rms_normalization(e: Writer, x: str, scale: str, *, axis: int = -1, epsilon: float = 1e-5, **_: Any) -> str | None:
    shape = e.shape(x)
    if shape is None:
        return None
    square = e.add("ReduceMean", e.add("Mul", x, x), list(range(axis % len(shape), len(shape))))
    return e.add("Mul", e.add("Div", x, e.add("Sqrt", e.add("Add", square, e.number(epsilon)))), scale)


def local_response_normalization(
    e: Writer,
    x: str,
    *,
    size: int,
    alpha: float = 0.0001,
    beta: float = 0.75,
    bias: float = 1.0,
    layout: str = "NCHW",
) -> str | None:
    shape = e.shape(x)
    if shape is None:
        return None
    n, before = len(shape) - 2, (size - 1) // 2
    x = channels_last(e, x, layout, n)
    around = [*[0] * (n + 1), before, *[0] * (n + 1), size - 1 - before]
    squares = e.add("Pad", e.add("Mul", x, x), around, e.number(0))
    taps = [e.add("Slice", squares, [i], [i - size + 1 or TO_THE_END], [-1]) for i in range(size)]
    total = e.add("Add", e.number(bias), e.add("Mul", e.number(alpha / size), e.add("Sum", *taps)))
    return as_given(e, e.add("Div", x, e.add("Pow", total, e.number(beta))), layout, n)


LOWERINGS: Mapping[str, Callable[..., str | None]] = {
    "BatchNormalization": batch_normalization,
    "GroupNormalization": group_normalization,
    "InstanceNormalization": instance_normalization,
    "LRN": local_response_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
}
