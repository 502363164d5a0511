"""What the layers for signals, images and volumes share: dimensions, layouts, padding."""

from __future__ import annotations

from collections.abc import Sequence

from interchange_keras import eras
from interchange_keras.layer import Ints, Layer


def dimensions(layer: Layer, x: str) -> int:
    """How many spatial dimensions the layer works on, by its class ("Conv2D"); the input must have as many."""
    n = int(next(c for c in reversed(layer.class_name) if c.isdigit()))
    if layer.rank(x) != n + 2:
        layer.reject(f"its input has {layer.rank(x)} dimensions instead of {n + 2}")
    return n


def per_dimension(layer: Layer, values: Ints, n: int, what: str, least: int = 1) -> list[int]:
    """One value for each spatial dimension; a single one is for all."""
    values = values * n if len(values) == 1 else values
    if len(values) != n or min(values) < least:
        layer.reject(f"{what} is {list(values)}")
    return list(values)


def layout(layer: Layer, data_format: str | None) -> str:
    """The operators' layout for a data_format."""
    layouts = {"channels_last": "NHWC", "channels_first": "NCHW", None: "NHWC"}
    if data_format not in layouts:
        layer.reject(f"data_format is {data_format!r}")
    return layouts[data_format]


def spatial_axes(n: int, layout: str) -> list[int]:
    return list(range(1, n + 1)) if layout == "NHWC" else list(range(2, n + 2))


def channels(layer: Layer, x: str, layout: str) -> int:
    size = layer.shape(x)[-1 if layout == "NHWC" else 1]
    if size is None:
        layer.refuse("the number of channels of its input is not known")
    return size


def padding(layer: Layer, name: str, kernel: Sequence[int], dilations: Sequence[int]) -> dict[str, object]:
    """The operator's attributes for Keras's `padding`."""
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if name == "valid":
        return {}
    if name == "full":  # Keras 1 with Theano
        return {"pads": [e - 1 for e in extent] * 2}
    if name == "same" and eras.FLIPS_KERNELS.get(layer.backend):
        begins, ends = [e // 2 for e in extent], [(e - 1) // 2 for e in extent]  # Theano: whatever the size is
        if begins != ends and len(extent) == 3 and layer.version < (2,):
            if layer.version >= (1, 1):
                layer.refuse("padding 'same' of an even kernel, which depends on the version of Theano before Keras 2")
            begins, ends = ends, begins
        return {"pads": [*begins, *ends]}
    if name == "same":
        return {"auto_pad": "SAME_UPPER"}
    if name == "causal" and len(extent) == 1:
        return {"pads": [extent[0] - 1, 0]}
    layer.refuse(f"padding is {name!r}")


def cut_as_theano(layer: Layer, y: str, x: str, axes: Sequence[int], steps: Sequence[int]) -> str:
    """y up to size / step of x, rounded up, along those axes: what Keras on Theano keeps of a "same" padding that
    makes too much. Keras cuts transposed convolutions with even kernels like that, too."""
    made, sizes = layer.shape(y), layer.shape(x)
    ends = []
    for axis, step in zip(axes, steps, strict=True):
        size = sizes[axis]
        if size is None:
            layer.refuse("what Keras on Theano cuts off depends on the size of its input, which is not known")
        ends.append(-(-size // step))
    if all(made[axis] is not None and int(made[axis] or 0) <= end for axis, end in zip(axes, ends, strict=True)):
        return y
    return layer.add("Slice", y, [0] * len(axes), ends, list(axes))


def unless_one(**attributes: Sequence[int]) -> dict[str, list[int]]:
    """Strides and dilations without those that are 1 everywhere, which is the operators' default."""
    return {name: list(values) for name, values in attributes.items() if any(value != 1 for value in values)}
