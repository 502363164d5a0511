"""Recurrent layers, embeddings, TimeDistributed and masks: the cases that real Keras writes, as one table.

Used by make.py, which runs them, and by tests/keras, which reads what came out; so nothing here imports Keras. `L` is
`keras.layers`: of Keras 3, or tf_keras for Keras 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TIME = 7


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers between -2 and 2 that every machine makes alike; none of them is 0."""
    n = int(np.prod(shape))
    return (((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504.5) / 252).reshape(shape).astype(np.float32)


def padding(n: int, time: int = TIME) -> np.ndarray:
    """Which steps count: at the end, in front, in the middle, none, all, then patterns without order."""
    first = ["1110000", "0001111", "1100011", "0000000", "1111111", "0101010", "1000000", "0000001"]
    known = np.array([[c == "1" for c in line] for line in first])[:, :time]
    random = (np.arange(n * time).reshape(n, time) * 7919 % 1013) % 3 > 0
    return np.concatenate([known, random])[:n]


@dataclass(frozen=True)
class Feed:
    """An input: its shape without the batch, and what is in it.

    Args:
        kind: "values"; "padded": the steps that do not count are 0; "tokens": integers, 0 where a step does not count.
    """

    shape: tuple[int | None, ...]
    kind: str = "values"

    def array(self, batch: int, seed: int) -> np.ndarray:
        shape = (batch, *(TIME if size is None else size for size in self.shape))
        if self.kind == "values":
            return values(shape, seed)
        counts = padding(batch, shape[1])
        if self.kind == "tokens":
            return (1 + np.arange(counts.size).reshape(counts.shape) * 5 % 10) * counts.astype(np.int32)
        return values(shape, seed) * counts.reshape(*counts.shape, *[1] * (len(shape) - 2)).astype(np.float32)


@dataclass(frozen=True)
class Row:
    """A model: its inputs, and a function of `L` and them that gives its outputs.

    Args:
        differs: Keras 2 and 3 compute different things.
    """

    name: str
    feeds: tuple[Feed, ...]
    build: Callable[..., Any]
    eras: str = "23"
    batch: int = 3
    differs: bool = False

    def arrays(self) -> list[np.ndarray]:
        return [feed.array(self.batch, i) for i, feed in enumerate(self.feeds)]


SEQUENCE = Feed((TIME, 5))
ANY = Feed((None, 5))
PADDED = Feed((TIME, 5), "padded")
TOKENS = Feed((TIME,), "tokens")


def _rows() -> list[Row]:
    rows: list[Row] = []

    def row(name: str, feeds: Feed | tuple[Feed, ...], build: Callable[..., Any], **more: Any) -> None:
        rows.append(Row(name, feeds if isinstance(feeds, tuple) else (feeds,), build, **more))

    for name in ("SimpleRNN", "LSTM", "GRU"):
        low = name.lower()

        def layer(L: Any, *args: Any, n: str = name, **options: Any) -> Any:
            return getattr(L, n)(*args, **options)

        row(f"{low}", SEQUENCE, lambda L, x, f=layer: f(L, 4)(x))
        row(f"{low}_any_time", ANY, lambda L, x, f=layer: f(L, 4, return_sequences=True)(x))
        row(f"{low}_sequences", SEQUENCE, lambda L, x, f=layer: f(L, 4, return_sequences=True, use_bias=False)(x))
        row(f"{low}_state", SEQUENCE, lambda L, x, f=layer: f(L, 4, return_state=True)(x))
        row(
            f"{low}_backwards",
            SEQUENCE,
            lambda L, x, f=layer: f(L, 4, return_sequences=True, return_state=True, go_backwards=True)(x),
        )
        row(f"{low}_backwards_last", SEQUENCE, lambda L, x, f=layer: f(L, 4, go_backwards=True)(x))
        row(f"{low}_relu", SEQUENCE, lambda L, x, f=layer: f(L, 4, activation="relu", unroll=True)(x))
        row(f"{low}_softsign", SEQUENCE, lambda L, x, f=layer: f(L, 4, activation="softsign")(x))
        row(f"{low}_linear", SEQUENCE, lambda L, x, f=layer: f(L, 4, activation=None)(x))
        states = 2 if name == "LSTM" else 1
        row(
            f"{low}_initial_state",
            (SEQUENCE, *[Feed((4,))] * states),
            lambda L, x, *s, f=layer: f(L, 4, return_sequences=True, return_state=True)(x, initial_state=list(s)),
        )
        row(
            f"{low}_initial_state_masked",
            (PADDED, *[Feed((4,))] * states),
            lambda L, x, *s, f=layer: f(L, 4, return_state=True)(L.Masking()(x), initial_state=list(s)),
            batch=12,
            differs=True,
        )
        for options in ({}, {"go_backwards": True}, {"zero_output_for_mask": True}):
            for sequences in (True, False):
                what = "_".join(options) or "plain"
                row(
                    f"{low}_masked_{what}_{'sequences' if sequences else 'last'}",
                    PADDED,
                    lambda L, x, f=layer, o=options, s=sequences: f(L, 4, return_sequences=s, return_state=True, **o)(
                        L.Masking()(x)
                    ),
                    batch=40,
                )
        row(
            f"bidirectional_{low}_masked",
            PADDED,
            lambda L, x, f=layer: L.Bidirectional(f(L, 4, return_sequences=True, return_state=True))(L.Masking()(x)),
            batch=40,
        )
        row(
            f"bidirectional_{low}_masked_last",
            PADDED,
            lambda L, x, f=layer: L.Bidirectional(f(L, 4))(L.Masking()(x)),
            batch=40,
        )
        for mode in ("concat", "sum", "mul", "ave"):
            row(
                f"bidirectional_{low}_{mode}",
                SEQUENCE,
                lambda L, x, f=layer, m=mode: L.Bidirectional(f(L, 4, return_sequences=True), merge_mode=m)(x),
            )
        row(f"bidirectional_{low}_last", ANY, lambda L, x, f=layer: L.Bidirectional(f(L, 4), merge_mode="sum")(x))
        row(f"{low}_selu", SEQUENCE, lambda L, x, f=layer: f(L, 4, activation="selu", return_state=True)(x))
        row(
            f"{low}_selu_masked_any_time",
            Feed((None, 5), "padded"),
            lambda L, x, f=layer: f(L, 4, activation="selu", return_sequences=True, go_backwards=True)(L.Masking()(x)),
            batch=20,
        )
        row(
            f"{low}_selu_long",
            Feed((40, 2)),
            lambda L, x, f=layer: f(L, 3, activation="selu", return_sequences=True)(x),
        )
        cell = f"{name}Cell"
        row(f"rnn_{low}_cell", SEQUENCE, lambda L, x, c=cell: L.RNN(getattr(L, c)(4), return_state=True)(x))
        row(
            f"rnn_{low}_stacked_cells_masked",
            PADDED,
            lambda L, x, c=cell: L.RNN([getattr(L, c)(4), L.GRUCell(3), getattr(L, c)(2)], return_sequences=True)(
                L.Masking()(x)
            ),
            batch=12,
        )
    row("lstm_hard_sigmoid", SEQUENCE, lambda L, x: L.LSTM(4, recurrent_activation="hard_sigmoid")(x), differs=True)
    row("gru_hard_sigmoid", SEQUENCE, lambda L, x: L.GRU(4, recurrent_activation="hard_sigmoid")(x), differs=True)
    row("gru_reset_before", SEQUENCE, lambda L, x: L.GRU(4, reset_after=False, return_sequences=True)(x))
    row("gru_reset_before_no_bias", SEQUENCE, lambda L, x: L.GRU(4, reset_after=False, use_bias=False)(x))
    row("gru_selu_reset_before", SEQUENCE, lambda L, x: L.GRU(4, activation="selu", reset_after=False)(x))
    row("lstm_elu_softplus", SEQUENCE, lambda L, x: L.LSTM(4, activation="elu", recurrent_activation="softplus")(x))
    row("lstm_time_major", SEQUENCE, lambda L, x: L.LSTM(4, time_major=True, return_sequences=True)(x), eras="2")
    row(
        "bidirectional_none",
        SEQUENCE,
        lambda L, x: L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None)(x),
    )
    row(
        "bidirectional_state",
        SEQUENCE,
        lambda L, x: L.Bidirectional(L.LSTM(4, return_sequences=True, return_state=True))(x),
    )
    row(
        "bidirectional_initial_state",
        (SEQUENCE, *[Feed((4,))] * 4),
        lambda L, x, *s: L.Bidirectional(L.LSTM(4, return_sequences=True))(x, initial_state=list(s)),
    )
    row(
        "bidirectional_other_layer",
        SEQUENCE,
        lambda L, x: L.Bidirectional(
            L.LSTM(4, return_sequences=True), backward_layer=L.GRU(3, return_sequences=True, go_backwards=True)
        )(x),
    )
    row("bidirectional_backwards", SEQUENCE, lambda L, x: L.Bidirectional(L.GRU(4, go_backwards=True))(x), eras="2")
    row(
        "bidirectional_backwards_sequences",
        SEQUENCE,
        lambda L, x: L.Bidirectional(L.GRU(4, go_backwards=True, return_sequences=True))(x),
        eras="2",
    )

    image = Feed((4, 6, 5, 3))
    row(
        "conv_lstm1d",
        Feed((4, 6, 3)),
        lambda L, x: L.ConvLSTM1D(2, 3, padding="same", return_sequences=True)(x),
        differs=True,
    )
    row("conv_lstm2d", image, lambda L, x: L.ConvLSTM2D(2, (3, 2))(x), differs=True)
    row(
        "conv_lstm2d_all",
        image,
        lambda L, x: L.ConvLSTM2D(2, 2, strides=2, return_sequences=True, return_state=True, go_backwards=True)(x),
        differs=True,
    )
    row("conv_lstm2d_dilated", image, lambda L, x: L.ConvLSTM2D(2, 2, dilation_rate=2, use_bias=False)(x), differs=True)
    row("conv_lstm3d", Feed((3, 4, 5, 3, 2)), lambda L, x: L.ConvLSTM3D(2, 2, padding="same")(x), differs=True)
    row(
        "conv_lstm2d_any_time",
        Feed((None, 6, 5, 3)),
        lambda L, x: L.ConvLSTM2D(2, (3, 2), return_sequences=True)(x),
        differs=True,
    )
    row(
        "bidirectional_conv_lstm2d",
        image,
        lambda L, x: L.Bidirectional(L.ConvLSTM2D(2, (3, 2), return_sequences=True, recurrent_activation="tanh"))(x),
    )

    row("embedding", TOKENS, lambda L, x: L.Embedding(11, 4)(x))
    row("embedding_mask_unused", TOKENS, lambda L, x: L.Flatten()(L.Embedding(11, 4, mask_zero=True)(x)))
    row("masking", PADDED, lambda L, x: L.Masking(0.0)(x), batch=9)
    row(
        "masking_value",
        SEQUENCE,
        lambda L, x: L.GRU(4)(L.Masking(float(values((3, TIME, 5))[0, 0, 0]))(x)),
    )

    row("time_distributed_dense", SEQUENCE, lambda L, x: L.TimeDistributed(L.Dense(4, activation="relu"))(x))
    row("time_distributed_any_time", ANY, lambda L, x: L.TimeDistributed(L.Dense(4))(x))
    row("time_distributed_conv", image, lambda L, x: L.TimeDistributed(L.Conv2D(2, 3, strides=2))(x))
    row("time_distributed_pool", image, lambda L, x: L.TimeDistributed(L.GlobalAveragePooling2D())(x))
    row("time_distributed_flatten", image, lambda L, x: L.TimeDistributed(L.Flatten())(x))
    row("time_distributed_lstm", Feed((3, 4, 5)), lambda L, x: L.TimeDistributed(L.LSTM(2))(x))
    row("time_distributed_norm", SEQUENCE, lambda L, x: L.TimeDistributed(L.BatchNormalization())(x))
    row("time_distributed_twice", Feed((3, 4, 5)), lambda L, x: L.TimeDistributed(L.TimeDistributed(L.Dense(2)))(x))
    row(
        "time_distributed_masked",
        PADDED,
        lambda L, x: L.LSTM(3)(L.TimeDistributed(L.Dense(4))(L.Masking()(x))),
        batch=40,
    )

    def masked(name: str, between: Callable[..., Any], **more: Any) -> None:
        """What is between a mask and the layer that uses it."""
        row(f"mask_{name}", TOKENS, lambda L, x: between(L, L.Embedding(11, 4, mask_zero=True)(x)), batch=40, **more)

    masked("gru", lambda L, x: L.GRU(3)(x))
    masked("pooling", lambda L, x: L.GlobalAveragePooling1D()(L.Dense(3)(x)))
    masked("pooling_keepdims", lambda L, x: L.GlobalAveragePooling1D(keepdims=True)(x))
    masked("max_pooling", lambda L, x: L.GlobalMaxPooling1D()(x))
    masked("dropout", lambda L, x: L.SimpleRNN(3)(L.SpatialDropout1D(0.5)(L.Dropout(0.5)(x))))
    masked("batch_normalization", lambda L, x: L.SimpleRNN(3)(L.BatchNormalization()(x)))
    masked("layer_normalization", lambda L, x: L.SimpleRNN(3)(L.LayerNormalization()(x)))
    masked("activation", lambda L, x: L.SimpleRNN(3)(L.LeakyReLU(0.1)(L.Activation("tanh")(x))))
    masked("two_layers", lambda L, x: L.LSTM(3)(L.GRU(5, return_sequences=True)(x)))
    masked("ended_by_conv", lambda L, x: L.LSTM(3)(L.Conv1D(5, 3, padding="same")(x)))
    masked("ended_by_reshape", lambda L, x: L.LSTM(3)(L.Reshape((TIME, 4))(x)))
    masked(
        "bidirectional_twice",
        lambda L, x: L.Bidirectional(L.GRU(3))(L.Bidirectional(L.GRU(2, return_sequences=True))(x)),
    )
    masked(
        "rescaling",
        lambda L, x: L.SimpleRNN(3)(L.Rescaling(0.5)(x)),
        differs=True,
    )

    def both(name: str, merge: Callable[..., Any], **more: Any) -> None:
        """Two masks that meet, and one that meets none."""
        row(
            f"masks_{name}",
            (TOKENS, PADDED),
            lambda L, a, b: L.LSTM(3)(merge(L, [L.Embedding(11, 5, mask_zero=True)(a), L.Masking()(L.Dense(5)(b))])),
            batch=20,
            **more,
        )
        row(
            f"one_mask_{name}",
            (TOKENS, SEQUENCE),
            lambda L, a, b: L.LSTM(3)(merge(L, [L.Embedding(11, 5, mask_zero=True)(a), b])),
            batch=20,
            **more,
        )

    for name in ("Add", "Multiply", "Average", "Maximum", "Concatenate"):
        both(name.lower(), lambda L, xs, n=name: getattr(L, n)()(xs), differs=True)
    both("concatenate_time", lambda L, xs: L.Concatenate(axis=1)(xs), eras="3")
    return rows


ROWS = _rows()
