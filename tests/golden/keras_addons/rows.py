"""Layers of TensorFlow Addons: one row each, run by make.py where it is installed, and by tests/keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

PICTURE, SIGNAL, FLAT = (6, 4, 8), (12, 6), (8,)


def values(shape: Any, seed: int = 0) -> np.ndarray:
    n = int(np.prod(shape))
    return (((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504) / 252).reshape(shape).astype(np.float32)


# name -> (shape of a sample, the layer; A is tensorflow_addons, K tf.keras)
ROWS: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "adaptive_average_1d": (SIGNAL, lambda A, K: A.layers.AdaptiveAveragePooling1D(4)),
    "adaptive_average_2d": (PICTURE, lambda A, K: A.layers.AdaptiveAveragePooling2D((3, 2))),
    "adaptive_max_2d_first": (PICTURE, lambda A, K: A.layers.AdaptiveMaxPooling2D((2, 4), "channels_first")),
    "frn": (PICTURE, lambda A, K: A.layers.FilterResponseNormalization()),
    "frn_learned": (PICTURE, lambda A, K: A.layers.FilterResponseNormalization(learned_epsilon=True)),
    "gelu": (FLAT, lambda A, K: A.layers.GELU()),
    "gelu_exact": (FLAT, lambda A, K: A.layers.GELU(approximate=False)),
    "group": (PICTURE, lambda A, K: A.layers.GroupNormalization(groups=4)),
    "group_axis": (PICTURE, lambda A, K: A.layers.GroupNormalization(groups=3, axis=1, epsilon=0.01)),
    "group_plain": (PICTURE, lambda A, K: A.layers.GroupNormalization(groups=2, center=False, scale=False)),
    "group_flat": (FLAT, lambda A, K: A.layers.GroupNormalization(groups=2)),
    "instance": (PICTURE, lambda A, K: A.layers.InstanceNormalization()),
    "instance_axis": (PICTURE, lambda A, K: A.layers.InstanceNormalization(axis=1, center=False, epsilon=1e-5)),
    "instance_signal": (SIGNAL, lambda A, K: A.layers.InstanceNormalization(scale=False)),
    "maxout": (PICTURE, lambda A, K: A.layers.Maxout(4)),
    "maxout_axis": (PICTURE, lambda A, K: A.layers.Maxout(2, axis=1)),
    "snake": (FLAT, lambda A, K: A.layers.Snake()),
    "stochastic_depth": (FLAT, lambda A, K: lambda x: A.layers.StochasticDepth(0.75)([x, K.layers.Dense(8)(x)])),
    "tlu": (PICTURE, lambda A, K: A.layers.TLU()),
    "tlu_affine": (PICTURE, lambda A, K: A.layers.TLU(affine=True)),
    **{
        f"activation_{name}": (FLAT, lambda A, K, n=name: K.layers.Dense(5, activation=getattr(A.activations, n)))
        for name in ("gelu", "hardshrink", "lisht", "mish", "rrelu", "snake", "softshrink", "sparsemax", "tanhshrink")
    },
    "activation_named": (FLAT, lambda A, K: K.layers.Activation("Addons>mish")),
    "weight_normalization": (FLAT, lambda A, K: A.layers.WeightNormalization(K.layers.Dense(5), data_init=False)),
    "spectral_normalization": (FLAT, lambda A, K: A.layers.SpectralNormalization(K.layers.Dense(5))),
}
