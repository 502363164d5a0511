"""Sequences with padding of every pattern, which make masks.tar.xz: many samples for each layer that uses a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TIME, SAMPLES = 7, 80

LAYERS: dict[str, Callable[[Any, Any], Any]] = {
    "simple_rnn": lambda L, x: L.SimpleRNN(3, return_sequences=True, return_state=True)(x),
    "simple_rnn_last": lambda L, x: L.SimpleRNN(3)(x),
    "lstm": lambda L, x: L.LSTM(3, return_sequences=True, return_state=True)(x),
    "lstm_backwards": lambda L, x: L.LSTM(3, return_sequences=True, go_backwards=True)(x),
    "gru": lambda L, x: L.GRU(3, return_sequences=True, return_state=True)(x),
    "gru_last": lambda L, x: L.GRU(3, reset_after=False)(x),
    "rnn": lambda L, x: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True)(x),
    "bidirectional": lambda L, x: L.Bidirectional(L.LSTM(3, return_sequences=True))(x),
    "bidirectional_last": lambda L, x: L.Bidirectional(L.GRU(3), merge_mode="sum")(x),
    "bidirectional_other": lambda L, x: L.Bidirectional(L.GRU(3), backward_layer=L.SimpleRNN(2, go_backwards=True))(x),
    "time_distributed": lambda L, x: L.GRU(3)(L.TimeDistributed(L.Dense(4, activation="tanh"))(x)),
    "attention": lambda L, x: L.Attention(use_scale=True)([x, x]),
    "attention_causal": lambda L, x: L.Attention()([x, x], use_causal_mask=True),
    "additive_attention": lambda L, x: L.AdditiveAttention()([x, x]),
    "multi_head_attention": lambda L, x: L.MultiHeadAttention(2, 3)(x, x),
    "multi_head_attention_dropout": lambda L, x: L.MultiHeadAttention(2, 3, dropout=0.1)(x, x, use_causal_mask=True),
    "pooling": lambda L, x: L.GlobalAveragePooling1D()(x),
    "pooling_kept": lambda L, x: L.GlobalAveragePooling1D(keepdims=True)(L.Dense(3)(x)),
    "max_pooling": lambda L, x: L.GlobalMaxPooling1D()(x),
    "two_layers": lambda L, x: L.LSTM(2)(L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave")(x)),
}


def fill(t: Any) -> None:
    """Adds the rows to a table of rows.py."""
    for name, layer in LAYERS.items():
        t.row(
            f"padded_{name}",
            (TIME,),
            lambda K, x, f=layer: f(K.layers, K.layers.Embedding(6, 4, mask_zero=True)(x)),
            kinds="t",
            batch=SAMPLES,
        )
