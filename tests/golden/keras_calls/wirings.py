"""Rows of options.tar.xz with several layers: wrappers, masks on their way, shared weights, and TensorFlow's nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIGNAL, IMAGE, VOLUME = (11, 3), (11, 7, 3), (5, 7, 4, 3)
SEQUENCE = (7, 5)


def fill(t: Any) -> None:
    """Adds the rows to a table of rows.py."""
    _wrappers(t)
    _masks(t)
    _weights(t)
    _nodes(t)


def _wrappers(t: Any) -> None:
    t.layer("spectral_dense", (5,), lambda L: L.SpectralNormalization(L.Dense(4, activation="relu")))
    t.layer("spectral_dense_rank_3", (7, 5), lambda L: L.SpectralNormalization(L.Dense(4), power_iterations=3))
    t.layer("spectral_conv1d", SIGNAL, lambda L: L.SpectralNormalization(L.Conv1D(5, 3, padding="causal")))
    t.layer("spectral_conv2d", IMAGE, lambda L: L.SpectralNormalization(L.Conv2D(5, (3, 2), use_bias=False)))
    t.layer("spectral_conv3d", VOLUME, lambda L: L.SpectralNormalization(L.Conv3D(2, 2)))
    t.layer("spectral_einsum", (7, 5), lambda L: L.SpectralNormalization(L.EinsumDense("abc,cd->abd", (None, 4))))
    t.layer("spectral_distributed", (3, 5), lambda L: L.TimeDistributed(L.SpectralNormalization(L.Dense(4))), eras="3")
    t.row(
        "spectral_embedding",
        (6,),
        lambda K, x: K.layers.SpectralNormalization(K.layers.Embedding(9, 4))(x),
        kinds="i",
    )
    t.row(
        "spectral_masked",
        SEQUENCE,
        lambda K, x: K.layers.LSTM(3)(K.layers.SpectralNormalization(K.layers.Dense(4))(K.layers.Masking(0.5)(x))),
    )
    inner: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
        "conv1d": ((3, 7, 5), lambda L: L.Conv1D(4, 3, activation="relu")),
        "conv2d": ((3, 7, 5, 2), lambda L: L.Conv2D(4, (3, 2), padding="same")),
        "depthwise": ((3, 7, 5, 2), lambda L: L.DepthwiseConv2D(3)),
        "separable": ((3, 7, 5, 2), lambda L: L.SeparableConv2D(4, 3)),
        "transposed": ((3, 4, 5, 2), lambda L: L.Conv2DTranspose(3, 3, strides=2)),
        "max_pooling": ((3, 7, 5, 2), lambda L: L.MaxPooling2D(2)),
        "flatten": ((3, 7, 5), lambda L: L.Flatten()),
        "reshape": ((3, 6), lambda L: L.Reshape((2, 3))),
        "activation": ((3, 6), lambda L: L.Activation("softmax")),
        "dropout": ((3, 6), lambda L: L.Dropout(0.3)),
        "layer_normalization": ((3, 6), lambda L: L.LayerNormalization()),
        "bidirectional": ((3, 7, 5), lambda L: L.Bidirectional(L.LSTM(2))),
        "repeat_vector": ((3, 6), lambda L: L.RepeatVector(2)),
        "zero_padding": ((3, 7, 5), lambda L: L.ZeroPadding1D(1)),
    }
    for name, (shape, make) in inner.items():
        t.layer(f"time_distributed_{name}", shape, lambda L, m=make: L.TimeDistributed(m(L)))
    t.row(
        "time_distributed_embedding",
        (3, 6),
        lambda K, x: K.layers.TimeDistributed(K.layers.Embedding(9, 4))(x),
        kinds="i",
    )

    def network(K: Any) -> Any:
        L = K.layers
        return K.Sequential([L.Dense(4, activation="relu"), L.BatchNormalization(), L.Dense(2)])

    t.row("time_distributed_sequential", (3, 5), lambda K, x: K.layers.TimeDistributed(network(K))(x))
    t.layer(
        "bidirectional_list",
        SEQUENCE,
        lambda L: L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode=None),
    )
    for mode in ("sum", "mul", "ave", "concat"):
        t.layer(
            f"bidirectional_mixed_{mode}",
            SEQUENCE,
            lambda L, m=mode: L.Bidirectional(
                L.GRU(4), backward_layer=L.SimpleRNN(4, go_backwards=True, activation="relu"), merge_mode=m
            ),
        )
    t.row(
        "bidirectional_masked_other",
        SEQUENCE,
        lambda K, x: K.layers.Bidirectional(
            K.layers.LSTM(4, return_sequences=True),
            backward_layer=K.layers.GRU(3, return_sequences=True, go_backwards=True),
        )(K.layers.Masking(0.5)(x)),
    )


def _masked_by_a_model(K: Any, x: Any) -> Any:
    return K.Sequential([K.layers.Dense(4)])(K.layers.Embedding(7, 4, mask_zero=True)(x))


def _masks(t: Any) -> None:
    """A mask, a layer, and a recurrent layer that would use the mask: whether it passes, ends, or changes."""
    through: dict[str, Callable[[Any, Any], Any]] = {
        "activation": lambda L, x: L.Activation("tanh")(x),
        "activity_regularization": lambda L, x: L.ActivityRegularization(0.1)(x),
        "additive_attention": lambda L, x: L.AdditiveAttention()([x, x]),
        "additive_attention_causal": lambda L, x: L.AdditiveAttention()([x, x], use_causal_mask=True),
        "alpha_dropout": lambda L, x: L.AlphaDropout(0.1)(x),
        "attention": lambda L, x: L.Attention()([x, x]),
        "attention_dropout": lambda L, x: L.Attention(dropout=0.2)([x, x], use_causal_mask=True),
        "average_pooling1d": lambda L, x: L.AveragePooling1D(2)(x),
        "batch_normalization": lambda L, x: L.BatchNormalization()(x),
        "bidirectional": lambda L, x: L.Bidirectional(L.SimpleRNN(2, return_sequences=True), merge_mode="sum")(x),
        "conv1d": lambda L, x: L.Conv1D(4, 3, padding="causal")(x),
        "conv1d_transpose": lambda L, x: L.Conv1DTranspose(4, 3)(x),
        "cropping1d": lambda L, x: L.Cropping1D(1)(x),
        "dense": lambda L, x: L.Dense(4)(x),
        "depthwise_conv1d": lambda L, x: L.DepthwiseConv1D(3)(x),
        "dot": lambda L, x: L.Dot(axes=2)([x, x]),
        "dropout": lambda L, x: L.Dropout(0.3)(x),
        "einsum_dense": lambda L, x: L.EinsumDense("abc,cd->abd", (None, 4))(x),
        "elu": lambda L, x: L.ELU()(x),
        "gaussian_dropout": lambda L, x: L.GaussianDropout(0.2)(x),
        "gaussian_noise": lambda L, x: L.GaussianNoise(0.2)(x),
        "identity": lambda L, x: L.Identity()(x),
        "layer_normalization": lambda L, x: L.LayerNormalization()(x),
        "leaky_relu": lambda L, x: L.LeakyReLU()(x),
        "lstm": lambda L, x: L.LSTM(3, return_sequences=True)(x),
        "lstm_backwards": lambda L, x: L.LSTM(3, return_sequences=True, go_backwards=True)(x),
        "max_pooling1d": lambda L, x: L.MaxPooling1D(2)(x),
        "multi_head_attention": lambda L, x: L.MultiHeadAttention(2, 3)(x, x),
        "multi_head_attention_causal": lambda L, x: L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True),
        "multi_head_attention_dropout": lambda L, x: L.MultiHeadAttention(2, 3, dropout=0.3)(x, x),
        "multi_head_attention_scores": lambda L, x: L.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)[0],
        "normalization": lambda L, x: L.Normalization(mean=0.5, variance=2.0)(x),
        "permute": lambda L, x: L.Permute((1, 2))(x),
        "prelu": lambda L, x: L.PReLU()(x),
        "relu": lambda L, x: L.ReLU()(x),
        "rescaling": lambda L, x: L.Rescaling(2.0)(x),
        "reshape": lambda L, x: L.Reshape((7, 4))(x),
        "rnn": lambda L, x: L.RNN([L.GRUCell(3), L.LSTMCell(2)], return_sequences=True)(x),
        "separable_conv1d": lambda L, x: L.SeparableConv1D(4, 3)(x),
        "spatial_dropout1d": lambda L, x: L.SpatialDropout1D(0.2)(x),
        "spectral_normalization": lambda L, x: L.SpectralNormalization(L.Dense(4))(x),
        "time_distributed": lambda L, x: L.TimeDistributed(L.Dense(4))(x),
        "unit_normalization": lambda L, x: L.UnitNormalization()(x),
        "up_sampling1d": lambda L, x: L.UpSampling1D(2)(x),
        "zero_padding1d": lambda L, x: L.ZeroPadding1D(1)(x),
    }
    for name, layer in through.items():
        t.row(
            f"mask_through_{name}",
            (7,),
            lambda K, x, f=layer: K.layers.GRU(3)(f(K.layers, K.layers.Embedding(7, 4, mask_zero=True)(x))),
            kinds="i",
        )
    for name in ("attention", "additive_attention", "multi_head_attention"):  # Keras sees the mask when it runs only
        t.row(
            f"mask_out_of_model_{name}",
            (7,),
            lambda K, x, f=through[name]: K.layers.GRU(3)(f(K.layers, _masked_by_a_model(K, x))),
            kinds="i",
        )
    t.row(
        "mask_out_of_model_group_query_attention",
        (7,),
        lambda K, x: K.layers.GRU(3)(K.layers.GroupQueryAttention(3, 4, 2)(*2 * [_masked_by_a_model(K, x)])),
        kinds="i",
        eras="3",
    )
    only: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
        "locally_connected1d": ("2", lambda L, x: L.LocallyConnected1D(4, 3)(x)),
        "thresholded_relu": ("2", lambda L, x: L.ThresholdedReLU()(x)),
        "adaptive_average_pooling1d": ("3", lambda L, x: L.AdaptiveAveragePooling1D(3)(x)),
        "group_normalization": ("3", lambda L, x: L.GroupNormalization(2)(x)),
        "group_query_attention": ("3", lambda L, x: L.GroupQueryAttention(3, 4, 2)(x, x)),
        "group_query_attention_dropout": ("3", lambda L, x: L.GroupQueryAttention(3, 4, 2, dropout=0.1)(x, x)),
        "rms_normalization": ("3", lambda L, x: L.RMSNormalization()(x)),
    }
    for name, (eras, layer) in only.items():
        t.row(
            f"mask_through_{name}",
            (7,),
            lambda K, x, f=layer: K.layers.GRU(3)(f(K.layers, K.layers.Embedding(7, 4, mask_zero=True)(x))),
            kinds="i",
            eras=eras,
        )
    t.row(
        "mask_into_product",
        (7,),
        lambda K, x: K.layers.GRU(3)(K.layers.Embedding(7, 4, mask_zero=True)(x) * 2.0),
        kinds="i",
    )
    t.row("softmax_mask", ((4, 6), (4, 6)), lambda K, x, m: K.layers.Softmax()(x, mask=m), kinds="fb")
    t.row("softmax_mask_row", ((4, 6), (1, 6)), lambda K, x, m: K.layers.Softmax()(x, mask=m), kinds="fb")
    t.row("softmax_mask_axes", ((4, 6), (4, 6)), lambda K, x, m: K.layers.Softmax(axis=(1, 2))(x, mask=m), kinds="fb")
    for option in ({"dropout": 0.2}, {}):
        how = "dropout" if option else "plain"
        t.row(
            f"multi_head_hidden_{how}",
            ((4, 6), (5, 6), (4, 5)),
            lambda K, q, v, m, o=option: K.layers.MultiHeadAttention(2, 3, **o)(q, v, attention_mask=m),
            kinds="ffh",
        )


def _weights(t: Any) -> None:
    t.layer("dense_lora", (5,), lambda L: L.Dense(4, lora_rank=2, lora_alpha=3), eras="3")
    t.layer(
        "einsum_lora", (3, 5), lambda L: L.EinsumDense("abc,cd->abd", (None, 4), lora_rank=2, bias_axes="d"), eras="3"
    )
    t.row("embedding_lora", (6,), lambda K, x: K.layers.Embedding(9, 4, lora_rank=2)(x), kinds="i", eras="3")
    t.row("embedding_any", (None,), lambda K, x: K.layers.Embedding(9, 4)(x), kinds="i")
    t.row("embedding_rank_3", (6, 2), lambda K, x: K.layers.Embedding(9, 4)(x), kinds="i")
    t.row("embedding_length", (6,), lambda K, x: K.layers.Embedding(9, 4, input_length=6)(x), kinds="i", eras="2")
    for name, options in {
        "tied": {},
        "untied": {"tie_weights": False},
        "capped": {"logit_soft_cap": 2.0},
        "half": {"reverse_dtype": "float16"},
    }.items():
        t.row(
            f"reversible_embedding_{name}",
            (6,),
            lambda K, x, o=options: _there_and_back(K.layers.ReversibleEmbedding(9, 4, **o), x),
            kinds="i",
            eras="3",
            tolerance=2e-3 if name == "half" else 2e-5,
        )
    t.row(
        "reversible_embedding_masked",
        (6,),
        lambda K, x: K.layers.GRU(3)(K.layers.ReversibleEmbedding(9, 4, mask_zero=True)(x)),
        kinds="i",
        eras="3",
    )


def _there_and_back(layer: Any, x: Any) -> Any:
    return layer(layer(x), reverse=True)


# --- TensorFlow 2.0 to 2.3: nodes between layers ----------------------------------------------------------------------


def _node(make: Callable[..., Any]) -> Callable[..., Any]:
    """A function of TensorFlow as a TensorFlowOpLayer for each node of its graph, which is how they were saved."""

    def build(K: Any, *xs: Any) -> Any:
        import tensorflow as tf
        from tf_keras.src.engine.base_layer import TensorFlowOpLayer

        with tf.Graph().as_default():
            places = [tf.compat.v1.placeholder(x.dtype, x.shape) for x in xs]
            results = make(tf, *places)
            results = list(results) if isinstance(results, (list, tuple)) else [results]
        values = {place.name: x for place, x in zip(places, xs, strict=True)}
        constants = {}
        for op in places[0].graph.get_operations():
            if op.type == "Const":
                constants[op.outputs[0].name] = tf.get_static_value(op.outputs[0])
            if op.type in ("Const", "Placeholder"):
                continue
            given = {i: constants[x.name] for i, x in enumerate(op.inputs) if x.name in constants}
            layer = TensorFlowOpLayer(op.node_def.SerializeToString(), op.name.replace("/", "_"), constants=given)
            made = layer([values[x.name] for x in op.inputs if x.name not in constants])
            made = list(made) if isinstance(made, (list, tuple)) else [made]
            values |= {y.name: value for y, value in zip(op.outputs, made, strict=True)}
        return [values[y.name] for y in results]

    return build


def _nodes(t: Any) -> None:
    S = (4, 6)

    def node(name: str, shapes: Any, make: Callable[..., Any], **more: Any) -> None:
        t.row(f"node_{name}", shapes, _node(make), eras="2", **{"tolerance": 1e-4, **more})

    unary = "abs exp negative sign sin cos tanh sigmoid floor square erf expm1 zeros_like ones_like identity"
    for name in unary.split():
        node(name, S, lambda tf, x, n=name: getattr(tf.math, n, getattr(tf, n, None))(x))
    for name in ("log", "sqrt", "reciprocal", "log1p"):
        node(name, S, lambda tf, x, n=name: getattr(tf.math, n)(x), kinds="p")
    node("rsqrt", S, lambda tf, x: tf.raw_ops.Rsqrt(x=x), kinds="p")
    for name in ("relu", "relu6", "elu", "selu", "softplus", "softsign", "softmax", "log_softmax", "leaky_relu"):
        node(name, S, lambda tf, x, n=name: getattr(tf.nn, n)(x))
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "squared_difference", "atan2"):
        node(name, (S, S), lambda tf, x, y, n=name: getattr(tf.math, n)(x, y))
    for name in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"):
        node(name, (S, (1, 6)), lambda tf, x, y, n=name: getattr(tf.math, n)(x, y))
    node("arithmetic", S, lambda tf, x: (2.0 - x) * 0.5 + x / 4.0 - x**2.0)
    node("integers", S, lambda tf, x: (x + 2) * 3 // 2 - x % 3, kinds="i")
    node("logical", (S, S), lambda tf, x, y: tf.cast(~(x & y) | x, "float32"), kinds="bb")
    node("add_n", (S, S, S), lambda tf, *xs: tf.add_n(xs))
    node("bias", S, lambda tf, x: tf.nn.bias_add(x, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    for name in ("sum", "mean", "max", "min", "prod"):
        node(f"reduce_{name}", S, lambda tf, x, n=name: getattr(tf, f"reduce_{n}")(x, axis=1))
        node(f"reduce_{name}_kept", S, lambda tf, x, n=name: getattr(tf, f"reduce_{n}")(x, axis=[1, 2], keepdims=True))
    node("reduce_all", S, lambda tf, x: (tf.reduce_all(x, 1), tf.reduce_any(x, -1)), kinds="b")
    node("l2_normalize", S, lambda tf, x: tf.math.l2_normalize(x, axis=-1))
    node("std", S, lambda tf, x: tf.math.reduce_std(x, axis=1))
    node("argmax", S, lambda tf, x: (tf.argmax(x, 1), tf.argmin(x, 2, output_type="int32")))
    node("matmul", ((4, 6), (6, 5)), lambda tf, x, y: tf.matmul(x, y))
    node("matmul_turned", ((4, 6), (5, 6)), lambda tf, x, y: tf.matmul(x, y, transpose_b=True))
    node("matmul_flat", (6,), lambda tf, x: tf.matmul(x, [[0.5, 1.0]] * 6))
    node("transpose", (4, 6, 5), lambda tf, x: tf.transpose(x, [0, 3, 1, 2]))
    node("reshape", S, lambda tf, x: tf.reshape(x, [-1, 3, 8]))
    node("reshape_by_shape", S, lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 24]))
    node("expand", S, lambda tf, x: tf.expand_dims(x, 1))
    node("squeeze", (4, 1, 6), lambda tf, x: tf.squeeze(x, axis=[2]))
    node("concat", (S, (4, 2)), lambda tf, x, y: tf.concat([x, y], axis=-1))
    node("concat_constant", S, lambda tf, x: tf.concat([x, x * 2.0, -x], axis=1))
    node("stack", (S, S), lambda tf, x, y: tf.stack([x, y], axis=2))
    node("unstack", (3, 6), lambda tf, x: tf.unstack(x, axis=1))
    node("split", S, lambda tf, x: tf.split(x, 3, axis=2))
    node("split_sizes", S, lambda tf, x: tf.split(x, [1, 3, 2], axis=-1))
    node("slice_step", S, lambda tf, x: x[:, ::2, 1:5])
    node("slice_last", S, lambda tf, x: x[:, -1])
    node("slice_new", S, lambda tf, x: x[:, tf.newaxis, ..., 2])
    node("slice_back", S, lambda tf, x: x[:, ::-1, :-2])
    node("slice_sizes", S, lambda tf, x: tf.slice(x, [0, 1, 2], [-1, 2, 3]))
    node("tile", S, lambda tf, x: tf.tile(x, [1, 2, 3]))
    node(
        "pad",
        S,
        lambda tf, x: (tf.pad(x, [[0, 0], [1, 2], [0, 3]]), tf.pad(x, [[0, 0], [1, 0], [2, 1]], constant_values=0.5)),
    )
    node("mirror", S, lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [2, 1]], mode="REFLECT"))
    node("gather", S, lambda tf, x: tf.gather(x, [2, 0, 3], axis=1))
    node("gather_rows", (3,), lambda tf, x: tf.gather([[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]] * 3, x), kinds="i")
    node("one_hot", (3,), lambda tf, x: tf.one_hot(x, 7), kinds="i")
    node("where", (S, S, S), lambda tf, c, x, y: tf.where(c, x, y), kinds="bff")
    node("clip", S, lambda tf, x: tf.clip_by_value(x, -0.5, 1.0))
    node("clip_node", S, lambda tf, x: tf.raw_ops.ClipByValue(t=x, clip_value_min=-0.5, clip_value_max=1.0))
    node("cumsum", S, lambda tf, x: (tf.cumsum(x, 1), tf.cumsum(x, 2, exclusive=True, reverse=True)))
    node("cumprod", S, lambda tf, x: tf.math.cumprod(x, 1))
    node("reverse", S, lambda tf, x: tf.reverse(x, [1]))
    node("top_k", S, lambda tf, x: list(tf.math.top_k(x, 3)))
    node("cast", S, lambda tf, x: (tf.cast(x, "int32"), tf.cast(x > 0, "float32")))
    node("broadcast", (1, 6), lambda tf, x: tf.broadcast_to(x, [2, 4, 6]), fixed=True)
    node("max_pool", (6, 5, 3), lambda tf, x: tf.nn.max_pool2d(x, [3, 2], [2, 1], "SAME"))
    node("avg_pool", (6, 5, 3), lambda tf, x: tf.nn.avg_pool2d(x, 2, 2, "VALID"))
    node(
        "conv2d",
        (6, 5, 2),
        lambda tf, x: tf.nn.conv2d(x, [[[[0.5, 1.0, -1.0], [2.0, 0.1, 0.2]]] * 2] * 3, [2, 1], "SAME"),
    )
    node("depth_to_space", (3, 2, 8), lambda tf, x: tf.nn.depth_to_space(x, 2))
    node("space_to_depth", (4, 6, 2), lambda tf, x: tf.nn.space_to_depth(x, 2))
    node("resize", (4, 5, 2), lambda tf, x: tf.image.resize(x, [7, 10]))
    node("resize_nearest", (4, 5, 2), lambda tf, x: tf.image.resize(x, [8, 10], method="nearest"))
    node("resize_old", (4, 5, 2), lambda tf, x: tf.compat.v1.image.resize_bilinear(x, [8, 11], align_corners=True))
