"""TimeDistributed and SpectralNormalization: models of their own, in which what they wrap stands between steps.

Of a TimeDistributed the first makes one batch of all samples and their time steps, the second takes them apart again.
So it wraps whatever can be converted, layers and models, and their names, weights and masks are dealt with like
everybody's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interchange_keras.architecture import ENTERED, JOIN, MASKED, NORMALISED, SPLIT
from interchange_keras.layer import Layer, LayerFunction, weights
from interchange_keras.precision import FLOATS, INTEGERS


def join(layer: Layer, x: str) -> str:
    """(batch, time, …) -> (batch * time, …)"""
    if layer.rank(x) < 3:
        layer.reject(f"its input has {layer.rank(x)} dimensions")
    mask = layer.mask
    layer.give_masks(_joined(layer, mask) if mask is not None and layer.rank(mask) > 1 else None)
    return _joined(layer, x)


def _joined(layer: Layer, x: str) -> str:
    rest = layer.shape(x)[2:]
    if None not in rest:
        return layer.add("Reshape", x, np.array([-1, *rest], np.int64))
    sizes = layer.add("Concat", layer.constant("all", np.array([-1])), layer.add("Shape", x, start=2), axis=0)
    return layer.add("Reshape", x, sizes)


def split(layer: Layer, y: str, x: str) -> str:
    """(batch * time, …) -> (batch, time, …), as many as x has.

    Keras 3 gives what it makes the mask of x. Keras 2 asks the layer that it wraps, and falls back on that.
    """
    inner, mask = layer.masks
    if layer.version < (3,):
        if inner is not None:
            mask = _split(layer, inner, x)
        elif mask is not None and layer.rank(mask) > 2:
            mask = _any(layer, mask)
    layer.give_masks(mask)
    return _split(layer, y, x)


def _split(layer: Layer, y: str, x: str) -> str:
    time, rest = layer.shape(x)[1], layer.shape(y)[1:]
    if time is not None and None not in rest:
        return layer.add("Reshape", y, np.array([-1, time, *rest], np.int64))
    parts = [layer.add("Shape", x, end=2)]
    if layer.rank(y) > 1:
        parts.append(layer.constant("rest", np.array(rest)) if None not in rest else layer.add("Shape", y, start=1))
    return layer.add("Reshape", y, layer.add("Concat", *parts, axis=0) if len(parts) > 1 else parts[0])


def _any(layer: Layer, mask: str) -> str:
    """(batch, time, …) -> (batch, time): whether any counts."""
    axes = list(range(2, layer.rank(mask)))
    counted = layer.add("ReduceMax", layer.add("Cast", mask, to="float32"), axes, keepdims=0)
    return layer.add("Cast", counted, to="bool")


def masked(layer: Layer, x: str) -> str:
    """x with the mask that the call names."""
    layer.give_masks(layer.mask)
    return x


def entered(layer: Layer, x: str, *, dtype: str) -> str:
    """x in the dtype of the input that it is for; Keras casts so since TensorFlow 2.3, but no texts."""
    layer.give_masks(layer.mask)
    casts = layer.version >= (2, 4) and dtype in (*FLOATS, *INTEGERS, "bool") and layer.dtype(x) != "object"
    return layer.cast(x, dtype) if casts else x


@weights("=kernel", "~vector_u")
def normalised(layer: Layer, y: str, x: str) -> str:
    """The file holds the weight as training has normalised it; the vector that it iterates is not needed any more.

    Keras 3 gives the output the dtype of the input, whole numbers included.
    """
    layer.used.update(("kernel", "vector_u"))
    made = layer.cast(y, layer.dtype(x)) if layer.version >= (3,) else y
    layer.give_masks(layer.mask if made == y else None)
    return made


# Classes that no file knows: the reader and the plan put them in.
STEPS: Mapping[str, LayerFunction] = {
    ENTERED: entered,
    JOIN: join,
    MASKED: masked,
    NORMALISED: normalised,
    SPLIT: split,
}
