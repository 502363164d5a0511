"""Layers in other precisions than float32: one row for each layer, run under every policy.

Used by make.py, which has real Keras run them, and by tests/keras/test_precision.py; so nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

POLICIES = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
IMAGE, SIGNAL = (6, 5, 4), (7, 4)

Make = Callable  # of `keras.layers`; gives a layer


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers between -2 and 2 that every machine makes alike."""
    n = int(np.prod(shape))
    return (((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504) / 252).reshape(shape).astype(np.float32)


# name -> (shape of the input, the layer); both Keras 2 and 3 have them, unless the name ends in _k3
ROWS: Mapping[str, tuple[tuple[int, ...], Make]] = {
    "activations": (SIGNAL, lambda L: L.Activation("gelu")),
    "add": (SIGNAL, lambda L: L.Add()),
    "average_pooling": (IMAGE, lambda L: L.AveragePooling2D(2, padding="same")),
    "batch_normalization": (IMAGE, lambda L: L.BatchNormalization()),
    "batch_normalization_flat": ((4,), lambda L: L.BatchNormalization(scale=False)),
    "concatenate": (SIGNAL, lambda L: L.Concatenate(axis=1)),
    "conv1d": (SIGNAL, lambda L: L.Conv1D(3, 3, activation="relu")),
    "conv2d": (IMAGE, lambda L: L.Conv2D(3, 3, padding="same", activation="tanh")),
    "depthwise_conv2d": (IMAGE, lambda L: L.DepthwiseConv2D(3)),
    "dense": ((4,), lambda L: L.Dense(5, activation="sigmoid")),
    "dense_rank_3": (SIGNAL, lambda L: L.Dense(5)),
    "dropout": (SIGNAL, lambda L: L.Dropout(0.5)),
    "elu": (SIGNAL, lambda L: L.ELU(0.5)),
    "flatten": (IMAGE, lambda L: L.Flatten()),
    "global_average_pooling": (IMAGE, lambda L: L.GlobalAveragePooling2D()),
    "layer_normalization": (SIGNAL, lambda L: L.LayerNormalization()),
    "leaky_relu": (SIGNAL, lambda L: L.LeakyReLU(0.25)),
    "max_pooling": (IMAGE, lambda L: L.MaxPooling2D(2)),
    "normalization": ((4,), lambda L: L.Normalization(mean=[1.0, 0.5, 0.0, -1.0], variance=[1.0, 2.0, 3.0, 0.5])),
    "prelu": (SIGNAL, lambda L: L.PReLU(shared_axes=[1])),
    "relu": (SIGNAL, lambda L: L.ReLU(max_value=1.0, negative_slope=0.1)),
    "rescaling": (IMAGE, lambda L: L.Rescaling(0.1, 0.3)),
    "separable_conv2d": (IMAGE, lambda L: L.SeparableConv2D(3, 3)),
    "softmax": (SIGNAL, lambda L: L.Softmax()),
    "unit_normalization": (SIGNAL, lambda L: L.UnitNormalization()),
    "upsampling": (IMAGE, lambda L: L.UpSampling2D(2)),
    "zero_padding": (IMAGE, lambda L: L.ZeroPadding2D(1)),
    "lstm": (SIGNAL, lambda L: L.LSTM(3)),
    "gru": (SIGNAL, lambda L: L.GRU(3, return_sequences=True)),
    "group_normalization_k3": (IMAGE, lambda L: L.GroupNormalization(2)),
    "rms_normalization_k3": (SIGNAL, lambda L: L.RMSNormalization()),
    "einsum_dense_k3": (SIGNAL, lambda L: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")),
}
TWO_INPUTS = ("add", "concatenate")

# name -> (shape and dtype of the input, the layer, the mode)
QUANTISED: Mapping[str, tuple[tuple[int, ...], str, Make, str]] = {
    "dense_int8": ((6,), "float32", lambda L: L.Dense(5, activation="relu"), "int8"),
    "dense_int8_rank_3": ((3, 6), "float32", lambda L: L.Dense(5, use_bias=False), "int8"),
    "dense_int8_mixed": ((6,), "float32", lambda L: L.Dense(5, dtype="mixed_bfloat16"), "int8"),
    "dense_int4": ((300,), "float32", lambda L: L.Dense(5), "int4"),
    "dense_float8": ((6,), "float32", lambda L: L.Dense(5), "float8"),
    "einsum_int8": ((3, 6), "float32", lambda L: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"), "int8"),
    "einsum_int8_heads": ((3, 6), "float32", lambda L: L.EinsumDense("abc,cde->adbe", (2, None, 4)), "int8"),
    "einsum_int8_back": ((3, 2, 4), "float32", lambda L: L.EinsumDense("abcd,cde->abe", (None, 5)), "int8"),
    "embedding_int8": ((4,), "int32", lambda L: L.Embedding(9, 5), "int8"),
    "embedding_int4": ((4,), "int32", lambda L: L.Embedding(9, 5), "int4"),
}


def quantised_input(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    x = values((2, *shape))
    return (np.abs(x * 100).astype(np.int32) % 9) if dtype == "int32" else x
