"""Rows that only some versions of tf.keras and Keras 3 can build, or that they may compute differently.

Used by make.py, which the Pythons of those versions run (3.7 and later), and by tests/keras; so nothing here imports
Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SIGNAL, IMAGE, VOLUME = (11, 3), (11, 7, 3), (5, 7, 4, 3)


@dataclass(frozen=True)
class Row:
    """A model: arrays that go in, and `build(K, *tensors)`.

    Args:
        given: the weights are those that the layers were made with.
        fixed: the batch has a size.
        open: the sizes of the inputs, where some are unknown.
    """

    name: str
    inputs: tuple
    build: Callable[..., Any]
    eras: str = "23"
    given: bool = False
    fixed: bool = False
    open: Any = None

    @property
    def shapes(self) -> list:
        return self.open or [x.shape[1:] for x in self.inputs]

    def feeds(self) -> list:
        return list(self.inputs)


ROWS: list = []


def row(name: str, inputs: Any, build: Callable[..., Any], **more: Any) -> None:
    arrays = inputs if isinstance(inputs, tuple) else (inputs,)
    if any(known.name == name for known in ROWS):
        raise ValueError(f"two rows are called {name!r}")
    ROWS.append(Row(name, arrays, build, **more))


def values(*shape: int, seed: int = 0, dtype: str = "float32", scale: float = 1.0) -> np.ndarray:
    """Numbers between -2 and 2, or whole ones from -50 to 50 (from 0 to 100 without a sign)."""
    n = int(np.prod(shape))
    whole = ((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504).reshape(shape)
    if np.dtype(dtype).kind == "f":
        return (whole / 252 * scale).astype(dtype)
    return (whole % 101 - (0 if dtype.startswith("u") else 50)).astype(dtype)


# --- whole numbers into layers that compute ---------------------------------------------------------------------------

INTEGERS = ("int32", "int64", "uint8", "int8", "int16")
ON_INTEGERS = {
    "add": lambda L, x: L.Add()([x, x]),
    "average": lambda L, x: L.Average()([x, x, x]),
    "average_pooling": lambda L, x: L.AveragePooling2D(2)(x),
    "batch_normalization": lambda L, x: L.BatchNormalization()(x),
    "concatenate": lambda L, x: L.Concatenate()([x, x]),
    "conv": lambda L, x: L.Conv2D(4, 3)(x),
    "cropping": lambda L, x: L.Cropping2D(1)(x),
    "dense": lambda L, x: L.Dense(4)(x),
    "dot": lambda L, x: L.Dot(2)([x, x]),
    "dropout": lambda L, x: L.Dropout(0.5)(x),
    "elu": lambda L, x: L.ELU()(x),
    "flatten": lambda L, x: L.Flatten()(x),
    "global_average": lambda L, x: L.GlobalAveragePooling2D()(x),
    "global_max": lambda L, x: L.GlobalMaxPooling2D()(x),
    "layer_normalization": lambda L, x: L.LayerNormalization()(x),
    "leaky_relu": lambda L, x: L.LeakyReLU()(x),
    "max_pooling": lambda L, x: L.MaxPooling2D(2)(x),
    "maximum": lambda L, x: L.Maximum()([x, x]),
    "multiply": lambda L, x: L.Multiply()([x, x]),
    "permute": lambda L, x: L.Permute((2, 1, 3))(x),
    "prelu": lambda L, x: L.PReLU()(x),
    "relu": lambda L, x: L.ReLU()(x),
    "relu_6": lambda L, x: L.ReLU(6.0)(x),
    "relu_slope": lambda L, x: L.ReLU(negative_slope=0.25)(x),
    "relu_threshold": lambda L, x: L.ReLU(threshold=1.0)(x),
    "rescaling": lambda L, x: L.Rescaling(0.5, offset=1)(x),
    "reshape": lambda L, x: L.Reshape((3, -1))(x),
    "softmax": lambda L, x: L.Softmax()(x),
    "subtract": lambda L, x: L.Subtract()([x, x]),
    "thresholded": lambda L, x: L.ThresholdedReLU(2.0)(x),
    "up_sampling": lambda L, x: L.UpSampling2D(2)(x),
    "up_sampling_bilinear": lambda L, x: L.UpSampling2D(2, interpolation="bilinear")(x),
    "zero_padding": lambda L, x: L.ZeroPadding2D(1)(x),
    **{
        f"activation_{name}": lambda L, x, n=name: L.Activation(n)(x)
        for name in ("elu", "exponential", "hard_sigmoid", "linear", "relu", "selu", "sigmoid", "softmax", "softplus")
    },
    **{f"activation_{n}": lambda L, x, n=n: L.Activation(n)(x) for n in ("softsign", "swish", "tanh", "gelu", "relu6")},
}
for _name, _build in ON_INTEGERS.items():
    for _dtype in INTEGERS if _name in ("average", "max_pooling", "relu_6", "average_pooling") else ("int32", "uint8"):
        row(f"{_dtype}_{_name}", values(2, 5, 4, 3, dtype=_dtype), lambda K, x, b=_build: b(K.layers, x))
        if _dtype in ("int32", "uint8"):  # the same within a chain
            row(
                f"{_dtype}_{_name}_after_flip",
                values(2, 5, 4, 3, dtype=_dtype),
                lambda K, x, b=_build: b(K.layers, K.layers.Permute((2, 1, 3))(x)),
            )

# --- small numbers: where an epsilon counts ---------------------------------------------------------------------------

SMALL = values(2, 5, 4, 6, scale=1e-3)
for _epsilon in (1e-3, 1e-5, 1e-6, 1e-7):
    for _axis in (-1, 1, [1, 2], [2, 3]):
        row(
            f"layer_normalization_{_epsilon}_{str(_axis).replace(' ', '')}",
            SMALL,
            lambda K, x, e=_epsilon, a=_axis: K.layers.LayerNormalization(axis=a, epsilon=e)(x),
        )
    row(
        f"group_normalization_{_epsilon}",
        SMALL,
        lambda K, x, e=_epsilon: K.layers.GroupNormalization(3, epsilon=e)(x),
    )
    row(f"batch_normalization_{_epsilon}", SMALL, lambda K, x, e=_epsilon: K.layers.BatchNormalization(epsilon=e)(x))
row("layer_normalization_default_small", SMALL, lambda K, x: K.layers.LayerNormalization()(x))
row("unit_normalization_small", SMALL * np.float32(1e-4), lambda K, x: K.layers.UnitNormalization()(x))
row("dot_normalized_small", (SMALL[0] * 1e-3, SMALL[1] * 1e-3), lambda K, x, y: K.layers.Dot(2, normalize=True)([x, y]))
row("dot_normalized_zeros", (SMALL[0] * 0, SMALL[1]), lambda K, x, y: K.layers.Dot(2, normalize=True)([x, y]))
for _axis in (1, 2, 3, [1], [3], [1, 3], [-1]):
    row(
        f"batch_normalization_axis_{str(_axis).replace(' ', '')}",
        values(2, 5, 4, 6),
        lambda K, x, a=_axis: K.layers.BatchNormalization(axis=a)(x),
    )
for _fused in (True, False):
    row(f"batch_normalization_fused_{_fused}", SMALL, lambda K, x, f=_fused: K.layers.BatchNormalization(fused=f)(x))
row("batch_normalization_rank_3", values(2, 5, 6), lambda K, x: K.layers.BatchNormalization(1, scale=False)(x))

# --- names that are functions -----------------------------------------------------------------------------------------


def _function(name: str) -> Any:
    import tensorflow as tf

    return getattr(tf.nn, name)


for _name in ("relu6", "leaky_relu", "swish", "silu", "gelu", "elu", "selu", "relu", "tanh", "softsign", "softplus"):
    row(
        f"tf_nn_{_name}",
        values(2, 5),
        lambda K, x, n=_name: K.layers.Activation(_function(n))(K.layers.Dense(4, activation=_function(n))(x)),
        eras="2",
    )
for _name in ("softmax", "log_softmax", "sigmoid", "crelu", "l2_normalize"):
    row(f"tf_nn_{_name}", values(2, 5), lambda K, x, n=_name: K.layers.Dense(4, activation=_function(n))(x), eras="2")
NAMES = [
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "linear",
    "relu",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "mish",
    "silu",
    "leaky_relu",
    "relu6",
    "log_softmax",
    "hard_silu",
    "hard_swish",
    "celu",
    "glu",
    "squareplus",
    "sparse_plus",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "threshold",
    "sparsemax",
    "log_sigmoid",
]
for _name in NAMES:
    row(f"named_{_name}", values(2, 7, 4), lambda K, x, n=_name: K.layers.Activation(n)(x))
    row(f"named_{_name}_wide", values(2, 6, scale=4), lambda K, x, n=_name: K.layers.Dense(4, activation=n)(x))
for _name in ("LeakyReLU", "ELU", "PReLU", "ThresholdedReLU", "Softmax", "ReLU"):
    row(f"object_{_name}", values(2, 7, 4), lambda K, x, n=_name: getattr(K.layers, n)()(x))
    row(f"activation_object_{_name}", values(2, 5), lambda K, x, n=_name: K.layers.Dense(4, getattr(K.layers, n)())(x))
row("leaky_relu_alpha", values(2, 7, 4), lambda K, x: K.layers.LeakyReLU(alpha=0.1)(x))
row("softmax_axis_list", values(2, 4, 5), lambda K, x: K.layers.Softmax(axis=[1, 2])(x))
row("softmax_axis_1", values(2, 4, 5), lambda K, x: K.layers.Softmax(axis=1)(x))

# --- masks ------------------------------------------------------------------------------------------------------------

TOKENS = np.array([[1, 2, 3, 0, 0, 0], [0, 0, 4, 5, 6, 7], [3, 0, 2, 0, 1, 0], [0, 0, 0, 0, 0, 0]], np.int32)


def _masked(name: str, between: Callable[..., Any], **more: Any) -> None:
    row(f"mask_{name}", TOKENS, lambda K, x: between(K.layers, K.layers.Embedding(9, 4, mask_zero=True)(x)), **more)


_masked("softmax", lambda L, x: L.Softmax()(L.Masking()(x)))
_masked("softmax_of_scores", lambda L, x: L.Softmax(axis=1)(L.Dense(4)(x)))
_masked("activation_softmax", lambda L, x: L.LSTM(3)(L.Activation("softmax")(x)))
_masked("flatten", lambda L, x: L.Dense(3)(L.Flatten()(x)))
_masked("permute", lambda L, x: L.Permute((2, 1))(x))
_masked("attention", lambda L, x: L.Attention()([x, x]))
_masked("attention_pooled", lambda L, x: L.GlobalAveragePooling1D()(L.Attention()([x, x])))
_masked("additive_attention", lambda L, x: L.AdditiveAttention()([x, x]))
_masked("multi_head", lambda L, x: L.MultiHeadAttention(2, 3)(x, x))
_masked("multi_head_pooled", lambda L, x: L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 3)(x, x)))
_masked("multi_head_causal", lambda L, x: L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True))
_masked("add_residual", lambda L, x: L.LSTM(3)(L.Add()([x, L.LayerNormalization()(x)])))
_masked("concatenate", lambda L, x: L.LSTM(3)(L.Concatenate()([x, L.Dense(2)(x)])))
_masked("time_distributed", lambda L, x: L.GRU(3)(L.TimeDistributed(L.Dense(2))(x)))
_masked("gru_reset_after", lambda L, x: L.GRU(3, reset_after=True, return_sequences=True)(x))
_masked("bidirectional", lambda L, x: L.Bidirectional(L.LSTM(3, return_sequences=True))(x))
_masked(
    "bidirectional_pooled", lambda L, x: L.GlobalMaxPooling1D()(L.Bidirectional(L.GRU(3, return_sequences=True))(x))
)
_masked("conv1d", lambda L, x: L.LSTM(2)(L.Conv1D(3, 2, padding="causal")(x)))
_masked("zero_output", lambda L, x: L.LSTM(3, return_sequences=True, zero_output_for_mask=True)(x))
_masked("rnn_cells", lambda L, x: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True)(x))
_masked("conv_lstm", lambda L, x: L.ConvLSTM2D(2, 1, return_sequences=True)(L.Reshape((6, 2, 2, 1))(x)))
_masked("dropout_dense", lambda L, x: L.SimpleRNN(3)(L.Dense(4, activation="relu")(L.Dropout(0.3)(x))))

# --- recurrent layers as each version makes them ----------------------------------------------------------------------

SEQUENCE = values(2, 7, 5)
for _name in ("SimpleRNN", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU"):
    for _options in ({}, {"unroll": True}, {"go_backwards": True, "return_sequences": True}, {"implementation": 1}):
        if _name.startswith("Cu") and ("unroll" in _options or "implementation" in _options):
            continue
        row(
            f"{_name}_{'_'.join(_options) or 'plain'}",
            SEQUENCE,
            lambda K, x, n=_name, o=_options: getattr(K.layers, n)(4, **o)(x),
        )
    row(f"{_name}_stateful", SEQUENCE, lambda K, x, n=_name: getattr(K.layers, n)(4, stateful=True)(x), fixed=True)
    row(
        f"bidirectional_{_name}",
        SEQUENCE,
        lambda K, x, n=_name: K.layers.Bidirectional(getattr(K.layers, n)(4, return_sequences=True), merge_mode="ave")(
            x
        ),
    )
    row(
        f"time_distributed_{_name}",
        values(2, 3, 4, 5),
        lambda K, x, n=_name: K.layers.TimeDistributed(getattr(K.layers, n)(2))(x),
    )
    row(
        f"{_name}_state",
        (SEQUENCE, values(2, 4, seed=3)),
        lambda K, x, s, n=_name: getattr(K.layers, n)(4, return_state=True)(
            x, initial_state=[s, s] if "LSTM" in n else s
        ),
    )
for _reset in (True, False):
    row(f"GRU_reset_after_{_reset}", SEQUENCE, lambda K, x, r=_reset: K.layers.GRU(4, reset_after=r)(x))
    row(
        f"GRU_reset_after_{_reset}_sigmoid",
        SEQUENCE,
        lambda K, x, r=_reset: K.layers.GRU(4, reset_after=r, recurrent_activation="sigmoid", use_bias=False)(x),
    )
row("LSTM_hard_sigmoid", SEQUENCE, lambda K, x: K.layers.LSTM(4, recurrent_activation="hard_sigmoid")(x))
row("LSTM_time_major", SEQUENCE, lambda K, x: K.layers.LSTM(4, time_major=True, return_sequences=True)(x), eras="2")
row("GRU_time_major", SEQUENCE, lambda K, x: K.layers.GRU(4, time_major=True, return_sequences=True)(x), eras="2")
row(
    "bidirectional_states_into_lstm",
    SEQUENCE,
    lambda K, x: (
        K.layers.LSTM(4)(x, initial_state=K.layers.Bidirectional(K.layers.LSTM(2, return_state=True))(x)[1:3])
        if False
        else K.layers.LSTM(2)(x, initial_state=K.layers.Bidirectional(K.layers.LSTM(2, return_state=True))(x)[1:3])
    ),
)


def _peephole(K: Any, x: Any) -> Any:
    return K.layers.RNN(K.layers.experimental.PeepholeLSTMCell(3), return_sequences=True)(x)


row("peephole", SEQUENCE, _peephole, eras="2")
row(
    "rnn_dropout_wrapper",
    SEQUENCE,
    lambda K, x: K.layers.RNN(K.layers.StackedRNNCells([K.layers.SimpleRNNCell(3), K.layers.LSTMCell(2)]))(x),
)
row(
    "residual_wrapper",
    SEQUENCE,
    lambda K, x: K.layers.RNN(_tf_nn("RNNCellResidualWrapper")(K.layers.SimpleRNNCell(5)), return_sequences=True)(x),
    eras="2",
)


def _tf_nn(name: str) -> Any:
    import tensorflow as tf

    return getattr(tf.nn, name)


for _convolution in ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"):
    _rank = int(_convolution[-2])
    row(
        f"{_convolution}_plain",
        values(2, 3, *(4, 5, 3)[:_rank], 2),
        lambda K, x, n=_convolution: getattr(K.layers, n)(2, 2, return_sequences=True)(x),
    )
row(
    "ConvLSTM2D_states",
    values(2, 3, 4, 5, 2),
    lambda K, x: K.layers.ConvLSTM2D(2, 2, return_state=True, dropout=0.2, unit_forget_bias=False)(x),
)

# --- pictures ---------------------------------------------------------------------------------------------------------

PICTURE = values(2, 5, 4, 3)
for _how in ("nearest", "bilinear"):
    for _size in (2, (3, 2), (1, 4)):
        row(
            f"up_sampling_{_how}_{str(_size).replace(' ', '')}",
            PICTURE,
            lambda K, x, h=_how, s=_size: K.layers.UpSampling2D(s, interpolation=h)(x),
        )
    row(
        f"up_sampling_{_how}_any_size",
        PICTURE,
        lambda K, x, h=_how: K.layers.UpSampling2D(2, interpolation=h)(x),
        open=[(None, None, 3)],
    )
    row(
        f"up_sampling_{_how}_after_conv",
        PICTURE,
        lambda K, x, h=_how: K.layers.UpSampling2D(2, interpolation=h)(
            K.layers.Conv2D(2, 2, kernel_initializer="ones")(x)
        ),
    )
    row(
        f"resizing_{_how}",
        PICTURE,
        lambda K, x, h=_how: K.layers.Resizing(8, 9, interpolation=h)(x),
    )
    row(f"resizing_{_how}_smaller", PICTURE, lambda K, x, h=_how: K.layers.Resizing(3, 3, interpolation=h)(x))
for _how in ("bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"):
    row(f"resizing_{_how}", PICTURE, lambda K, x, h=_how: K.layers.Resizing(8, 9, interpolation=h)(x), eras="2")
row("center_crop", PICTURE, lambda K, x: K.layers.CenterCrop(3, 2)(x))
row("center_crop_wider", PICTURE, lambda K, x: K.layers.CenterCrop(7, 6)(x))
row("random_crop", PICTURE, lambda K, x: K.layers.RandomCrop(3, 2)(x))
row("random_crop_wider", PICTURE, lambda K, x: K.layers.RandomCrop(6, 2)(x))
row("rescaling", PICTURE, lambda K, x: K.layers.Rescaling(1 / 255.0, offset=-0.5)(x))
row("resizing_uint8", values(2, 5, 4, 3, dtype="uint8"), lambda K, x: K.layers.Resizing(7, 9)(x))
row("center_crop_uint8", values(2, 5, 4, 3, dtype="uint8"), lambda K, x: K.layers.CenterCrop(3, 2)(x))
for _name in ("Contrast", "Flip", "Height", "Rotation", "Translation", "Width", "Zoom", "Brightness"):
    _given = {"Flip": (), "Translation": (0.2, 0.1)}.get(_name, (0.3,))
    row(f"random_{_name}", PICTURE, lambda K, x, n=_name, g=_given: getattr(K.layers, f"Random{n}")(*g)(x))

# --- tables and texts, as the experimental layers took them -----------------------------------------------------------

NUMBERS = np.array([[-2.0, 0.0, 0.5], [0.5, 3.0, 99.0]], np.float32)
WORDS = np.array([["earth", "wind", "", "[UNK]"], ["Fire", "fire", "\u65e5\u672c", "water"]])
SENTENCES = np.array([["The quick, brown FOX; jumps!"], [""], ["fox fox the\tquick"], ["don't stop-me"]])


def _adapted(layer: Any, data: Any) -> Any:
    layer.adapt(data)
    return layer


row("normalization_adapted", NUMBERS, lambda K, x: _adapted(K.layers.Normalization(), NUMBERS)(x), given=True)
for _axis in (None, -1, 1, (1,)):
    row(
        f"normalization_axis_{_axis}",
        values(3, 4, seed=3),
        lambda K, x, a=_axis: _adapted(K.layers.Normalization(axis=a), values(5, 4))(x),
        given=True,
    )
row(
    "normalization_constant_column",
    np.ones((2, 3), np.float32),
    lambda K, x: _adapted(K.layers.Normalization(), np.array([[1, 2, 3], [1, 5, 3]], np.float32))(x),
    given=True,
)
row(
    "normalization_given",
    NUMBERS,
    lambda K, x: K.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.5, 1.0])(x),
    given=True,
)
row(
    "normalization_given_numbers",
    NUMBERS,
    lambda K, x: K.layers.Normalization(mean=1.5, variance=2.0, axis=None)(x),
    given=True,
)
row("normalization_pictures", PICTURE, lambda K, x: _adapted(K.layers.Normalization(), PICTURE * 3 + 1)(x), given=True)
for _key in ("bins", "bin_boundaries"):
    row(f"discretization_{_key}", NUMBERS, lambda K, x, k=_key: K.layers.Discretization(**{k: [0.0, 0.5, 3.0]})(x))
row("discretization_adapted", NUMBERS, lambda K, x: _adapted(K.layers.Discretization(3), NUMBERS)(x), given=True)
row("hashing", WORDS, lambda K, x: K.layers.Hashing(13)(x))
row("hashing_integers", np.array([[5, 7, -1], [0, 9, 5]], np.int64), lambda K, x: K.layers.Hashing(13)(x))
row("hashing_salt", WORDS, lambda K, x: K.layers.Hashing(13, salt=[133, 137])(x))
row("hashing_one_salt", WORDS, lambda K, x: K.layers.Hashing(13, salt=133)(x))
row("hashing_mask", WORDS, lambda K, x: K.layers.Hashing(13, mask_value="")(x))
for _mode in ("int", "binary", "multi_hot", "one_hot", "count", "tf-idf", "tf_idf"):
    for _oov in (1, 2):
        row(
            f"string_lookup_{_mode}_{_oov}",
            WORDS,
            lambda K, x, m=_mode, o=_oov: K.layers.StringLookup(
                vocabulary=["fire", "earth", "wind"], output_mode=m, num_oov_indices=o
            )(x),
            given=True,
        )
        row(
            f"integer_lookup_{_mode}_{_oov}",
            np.array([[5, 7, -1], [0, 9, 5]], np.int64),
            lambda K, x, m=_mode, o=_oov: K.layers.IntegerLookup(
                vocabulary=[5, 9, 12], output_mode=m, num_oov_indices=o
            )(x),
            given=True,
        )
    row(
        f"text_{_mode}",
        SENTENCES,
        lambda K, x, m=_mode: _adapted(K.layers.TextVectorization(output_mode=m), SENTENCES[:3])(x),
        given=True,
    )
    row(
        f"text_{_mode}_padded",
        SENTENCES,
        lambda K, x, m=_mode: _adapted(K.layers.TextVectorization(max_tokens=9, output_mode=m), SENTENCES[:3])(x),
        given=True,
    )
    if "i" not in _mode[:1]:
        for _key in ("max_tokens", "num_tokens"):
            row(
                f"category_encoding_{_mode}_{_key}",
                np.array([[0, 3, 3], [1, 0, 4]], np.int32),
                lambda K, x, m=_mode, k=_key: K.layers.CategoryEncoding(output_mode=m, **{k: 5})(x),
            )
row(
    "text_given",
    SENTENCES,
    lambda K, x: K.layers.TextVectorization(vocabulary=["fox", "the", "dont"], output_sequence_length=3)(x),
    given=True,
)
row(
    "text_set",
    SENTENCES,
    lambda K, x: _with_vocabulary(K.layers.TextVectorization(10, output_sequence_length=3), ["fox", "the", "dont"])(x),
    given=True,
)


def _with_vocabulary(layer: Any, words: list) -> Any:
    layer.set_vocabulary(words)
    return layer


for _standardize, _split in (("lower", "whitespace"), (None, "whitespace"), ("strip_punctuation", "character")):
    row(
        f"text_{_standardize}_{_split}",
        SENTENCES,
        lambda K, x, a=_standardize, b=_split: _with_vocabulary(
            K.layers.TextVectorization(standardize=a, split=b), ["fox", "the", "f", "jumps!"]
        )(x),
        given=True,
    )
row("string_lookup_adapted", WORDS, lambda K, x: _adapted(K.layers.StringLookup(), WORDS)(x), given=True)
row(
    "string_lookup_mask_none",
    WORDS,
    lambda K, x: K.layers.StringLookup(vocabulary=["fire", "earth"], mask_token=None)(x),
    given=True,
)
row(
    "string_lookup_no_oov",
    WORDS[:1, :2],
    lambda K, x: K.layers.StringLookup(vocabulary=["wind", "earth"], num_oov_indices=0)(x),
    given=True,
)
row(
    "string_lookup_invert",
    np.array([[0, 1, 2], [3, 1, 0]], np.int64),
    lambda K, x: K.layers.StringLookup(vocabulary=["wind", "earth"], invert=True)(x),
    given=True,
)
row(
    "integer_lookup_invert",
    np.array([[0, 1, 2], [3, 1, 0]], np.int64),
    lambda K, x: K.layers.IntegerLookup(vocabulary=[7, 9], invert=True)(x),
    given=True,
)
row(
    "integer_lookup_max_values",
    np.array([[5, 7, -1], [0, 9, 5]], np.int64),
    lambda K, x: K.layers.IntegerLookup(max_values=6, vocabulary=[5, 9, 12], mask_value=0, oov_value=-1)(x),
    given=True,
)
row(
    "integer_lookup_adapted",
    np.array([[5, 7, -1], [0, 9, 5]], np.int64),
    lambda K, x: _adapted(K.layers.IntegerLookup(), np.array([[5, 7, -1], [0, 9, 5]], np.int64))(x),
    given=True,
)
row(
    "category_crossing_free_hashing",
    (WORDS[:, :1], WORDS[:, 1:2]),
    lambda K, x, y: K.layers.HashedCrossing(11)((x, y)),
)

# --- models in models -------------------------------------------------------------------------------------------------


def _sequential(K: Any, *layers: Any, **options: Any) -> Any:
    model = K.Sequential(**options)
    for layer in layers:
        model.add(layer)
    return model


row(
    "nested_sequential",
    values(2, 6),
    lambda K, x: _sequential(
        K, K.layers.Dense(5, activation="relu", input_shape=(6,)), _sequential(K, K.layers.Dense(4), K.layers.ReLU())
    )(x),
)
row("nested_sequential_unbuilt", values(2, 6), lambda K, x: _sequential(K, K.layers.Dense(5), K.layers.Dense(3))(x))


def _nested(K: Any, x: Any, y: Any, kind: str) -> Any:
    a, b = K.layers.Input((6,), name="a"), K.layers.Input((6,), name="b")
    added, other = K.layers.Add(name="sum")([a, b]), K.layers.Dense(6, name="inner")(b)
    outputs = {"dict": {"p": added, "q": other}, "list": [added, other], "one": added}[kind]
    inputs = {"a": a, "b": b} if kind == "dict" else [a, b]
    model = K.Model(inputs, outputs, name="inside")
    made = model({"a": x, "b": y} if kind == "dict" else [x, y])
    if kind == "one":
        return K.layers.Dense(2)(model([made, y]))
    first, second = (made["p"], made["q"]) if kind == "dict" else made
    return [K.layers.Dense(2)(first), second]


for _kind in ("one", "list", "dict"):
    row(f"nested_{_kind}", (values(2, 6), values(2, 6, seed=5)), lambda K, x, y, k=_kind: _nested(K, x, y, k))


def _shared(K: Any, x: Any, y: Any) -> Any:
    body = _sequential(K, K.layers.Dense(4, input_shape=(6,)), K.layers.BatchNormalization())
    return K.layers.Subtract()([body(x), body(y)])


row("siamese", (values(2, 6), values(2, 6, seed=5)), _shared)
row(
    "time_distributed_model",
    values(2, 3, 5, 4, 3),
    lambda K, x: K.layers.TimeDistributed(
        _sequential(K, K.layers.Conv2D(2, 2, input_shape=(5, 4, 3)), K.layers.Flatten(), K.layers.Dense(3))
    )(x),
)
