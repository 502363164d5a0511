"""Layers and activations of TensorFlow Addons 0.23, by the names under which it registered them: "Addons>…".

They are no part of Keras, and functions like a plugin's: what is not here can be given by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange_keras.layer import Ints, Layer, LayerFunction, weights
from interchange_keras.layers import activations
from interchange_keras.layers.adaptive import adaptive_pool
from interchange_keras.layers.normalization import group_normalization


@weights("gamma:scale", "beta:center")
def instance_normalization(
    layer: Layer,
    x: str,
    *,
    axis: Ints = (-1,),
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    groups: int = -1,
) -> str:
    """Each channel of each sample by itself."""
    return group_normalization(layer, x, groups=-1, axis=axis, epsilon=epsilon, center=center, scale=scale)


@weights("learned_epsilon:learned_epsilon", "gamma", "beta")
def filter_response_normalization(
    layer: Layer,
    x: str,
    *,
    axis: Ints = (1, 2),
    epsilon: float = 1e-6,
    learned_epsilon: bool = False,
    learned_epsilon_constraint: Any = None,
) -> str:
    """gamma · x / √(the mean of x² over `axis` + |epsilon|) + beta.

    Singh and Krishnan, "Filter Response Normalization Layer" (2019).
    """
    squares = layer.add("ReduceMean", layer.add("Mul", x, x), layer.axes(x, axis))
    squares = layer.add("Add", squares, abs(float(epsilon)))
    if learned_epsilon:
        squares = layer.add("Add", squares, layer.add("Abs", layer.weight("learned_epsilon", (1,))))
    y = layer.add("Div", x, layer.add("Sqrt", squares))
    return layer.add("Add", layer.add("Mul", y, layer.weight("gamma")), layer.weight("beta"))


@weights("tau", "alpha:affine")
def thresholded_linear_unit(layer: Layer, x: str, *, affine: bool = False) -> str:
    """max(x, tau + alpha · x)"""
    threshold = layer.weight("tau")
    if affine:
        threshold = layer.add("Add", layer.add("Mul", x, layer.weight("alpha")), threshold)
    return layer.add("Max", x, threshold)


def maxout(layer: Layer, x: str, *, num_units: int, axis: Ints = (-1,)) -> str:
    """The largest of every `num_units`-th channel."""
    (at,) = layer.axes(x, axis)
    sizes = layer.shape(x)
    channels = sizes[at]
    if channels is None or any(size is None for size in sizes[1:]):
        layer.refuse("the size of its input is not known")
    if num_units < 1 or channels % num_units:
        layer.reject(f"{channels} channels for {num_units} units")
    known = [-1, *(int(size or 0) for size in sizes[1:])]
    split = layer.add("Reshape", x, [*known[:at], channels // num_units, num_units, *known[at + 1 :]])
    return layer.add("ReduceMax", split, [at], keepdims=0)


def stochastic_depth(layer: Layer, shortcut: str, residual: str, *, survival_probability: float = 0.5) -> str:
    """What it is on average."""
    return layer.add("Add", shortcut, layer.add("Mul", residual, float(survival_probability)))


def gelu(layer: Layer, x: str, *, approximate: bool = True) -> str:
    return activations.gelu(layer, x, approximate=approximate)


@weights("frequency")
def snake_layer(layer: Layer, x: str) -> str:
    return _snake(layer, x, layer.weight("frequency"))


def snake(layer: Layer, x: str) -> str:
    return _snake(layer, x, layer.constant("frequency", np.ones((), np.float32)))


def _snake(layer: Layer, x: str, frequency: str) -> str:
    """x + (1 - cos(2 f x)) / (2 f); Liu et al., "Neural Networks Fail to Learn Periodic Functions" (2020)."""
    twice = layer.add("Mul", frequency, 2.0)
    wave = layer.add("Sub", 1.0, layer.add("Cos", layer.add("Mul", x, twice)))
    return layer.add("Add", x, layer.add("Div", wave, twice))


def lisht(layer: Layer, x: str) -> str:
    """x · tanh(x)"""
    return layer.add("Mul", x, layer.add("Tanh", x))


def rrelu(layer: Layer, x: str) -> str:
    """At inference the slope is the middle of those that training draws from."""
    return layer.add("LeakyRelu", x, alpha=math.fsum((0.125, 1 / 3)) / 2)


LAYERS: Mapping[str, LayerFunction] = {
    **{f"Addons>Adaptive{kind}Pooling{n}D": adaptive_pool for kind in ("Average", "Max") for n in (1, 2, 3)},
    "Addons>FilterResponseNormalization": filter_response_normalization,
    "Addons>GELU": gelu,
    "Addons>GroupNormalization": group_normalization,
    "Addons>InstanceNormalization": instance_normalization,
    "Addons>Maxout": maxout,
    "Addons>Snake": snake_layer,
    "Addons>StochasticDepth": stochastic_depth,
    "Addons>TLU": thresholded_linear_unit,
    # functions
    "Addons>gelu": gelu,
    "Addons>hardshrink": activations.hard_shrink,
    "Addons>lisht": lisht,
    "Addons>mish": activations.mish,
    "Addons>rrelu": rrelu,
    "Addons>snake": snake,
    "Addons>softshrink": activations.soft_shrink,
    "Addons>tanhshrink": activations.tanh_shrink,
}
