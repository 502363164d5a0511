"""Models of Keras 2.0 to 2.3, with any of its backends: one row for each class and option. make.py runs them there."""

from old_table import PADDED, TIME, TOKENS, Table, compiled, feed, nested_sequentials, values

T = Table()
SEQUENCE = (TIME, 5)
LAST, FIRST = "channels_last", "channels_first"


def both(name, shape, class_name, *args, **options):
    """A row for each data_format."""
    T.one(name + "_last", shape, class_name, *args, data_format=LAST, **options)
    T.one(name + "_first", (shape[-1], *shape[:-1]), class_name, *args, data_format=FIRST, **options)


IMAGE, VOLUME, SERIES = (11, 7, 3), (6, 7, 5, 2), (11, 3)

# --- convolutions ---------------------------------------------------------------------------------------------------

for what, options in (
    ("plain", {}),
    ("same", {"padding": "same", "activation": "relu"}),
    ("strides", {"strides": (2, 3)}),
    ("same_strides", {"padding": "same", "strides": (2, 3)}),
    ("dilated", {"dilation_rate": (2, 3), "use_bias": False}),
    ("dilated_same", {"dilation_rate": 2, "padding": "same"}),
    ("regularised", {"kernel_regularizer": "l2", "bias_constraint": "non_neg", "activity_regularizer": "l1"}),
):
    both("conv2d_" + what, IMAGE, "Conv2D", 5, (3, 2), **options)
both("conv2d_even_same", IMAGE, "Conv2D", 5, (4, 2), padding="same")
both("conv2d_even_same_strides", IMAGE, "Conv2D", 5, (4, 2), padding="same", strides=(3, 2))
both("conv2d_5x3_same_strides", (8, 6, 3), "Conv2D", 4, (5, 3), padding="same", strides=2)
both("conv2d_bias_of_width", (6, 5, 3), "Conv2D", 4, (3, 2))
for what, options in (
    ("plain", {}),
    ("same", {"padding": "same", "activation": "relu"}),
    ("strides", {"strides": (1, 2, 2)}),
    ("dilated", {"dilation_rate": (1, 2, 1)}),
):
    both("conv3d_" + what, VOLUME, "Conv3D", 4, (3, 2, 2), **options)
for what, options in (
    ("plain", {}),
    ("same", {"padding": "same", "activation": "relu"}),
    ("strides", {"strides": 2, "use_bias": False}),
    ("same_strides", {"padding": "same", "strides": 3}),
    ("dilated", {"dilation_rate": 2}),
    ("dilated_same", {"dilation_rate": 2, "padding": "same"}),
    ("causal", {"padding": "causal"}),
    ("causal_dilated", {"padding": "causal", "dilation_rate": 3}),
    ("causal_strides", {"padding": "causal", "strides": 2}),
):
    T.one("conv1d_" + what, SERIES, "Conv1D", 5, 3, **options)
    T.one("conv1d_even_" + what, SERIES, "Conv1D", 5, 4, **options)
T.one("conv1d_first", (3, 11), "Conv1D", 5, 3, data_format=FIRST)
T.one("conv1d_first_same", (3, 11), "Conv1D", 5, 3, data_format=FIRST, padding="same", strides=2)
for what, options in (
    ("plain", {}),
    ("strides", {"strides": (2, 3)}),
    ("same", {"padding": "same", "activation": "relu"}),
    ("same_strides", {"padding": "same", "strides": (2, 3), "use_bias": False}),
):
    both("transposed2d_" + what, (5, 4, 3), "Conv2DTranspose", 4, (3, 2), **options)
    both("transposed2d_large_" + what, (5, 4, 3), "Conv2DTranspose", 4, (4, 5), **options)
both("transposed2d_output_padding", (5, 4, 3), "Conv2DTranspose", 4, (3, 2), strides=(2, 3), output_padding=(1, 2))
both(
    "transposed2d_output_padding_same",
    (5, 4, 3),
    "Conv2DTranspose",
    4,
    (3, 4),
    strides=(2, 3),
    output_padding=(1, 0),
    padding="same",
)
both("transposed2d_dilated", (5, 4, 3), "Conv2DTranspose", 4, (3, 2), dilation_rate=2)
for what, options in (
    ("plain", {}),
    ("strides", {"strides": (2, 3, 1)}),
    ("same_strides", {"padding": "same", "strides": 2, "activation": "relu"}),
    ("output_padding", {"strides": 2, "output_padding": (1, 0, 1)}),
):
    both("transposed3d_" + what, (3, 4, 5, 2), "Conv3DTranspose", 3, (3, 2, 3), **options)
for what, options in (
    ("plain", {}),
    ("same", {"padding": "same", "depth_multiplier": 2, "use_bias": False}),
    ("strides", {"strides": 2, "padding": "same", "activation": "relu"}),
    ("dilated", {"dilation_rate": (2, 1)}),
):
    both("separable2d_" + what, IMAGE, "SeparableConv2D", 7, (3, 2), **options)
    both("depthwise2d_" + what, IMAGE, "DepthwiseConv2D", (3, 2), **options)
    one = {k: (v[0] if isinstance(v, tuple) else v) for k, v in options.items()}
    T.one("separable1d_" + what, SERIES, "SeparableConv1D", 7, 3, **one)
T.one("separable1d_first", (3, 11), "SeparableConv1D", 7, 3, data_format=FIRST)
T.one("separable1d_causal", SERIES, "SeparableConv1D", 7, 3, padding="causal")
both("local2d", (6, 5, 3), "LocallyConnected2D", 4, (3, 2), strides=(1, 2), activation="relu")
both("local2d_no_bias", (6, 5, 3), "LocallyConnected2D", 4, (2, 3), use_bias=False)
both("local2d_2", (6, 5, 3), "LocallyConnected2D", 4, (3, 2), padding="same", implementation=2)
both("local2d_3", (6, 5, 3), "LocallyConnected2D", 4, (3, 2), padding="same", strides=2, implementation=3)
T.one("local1d", SERIES, "LocallyConnected1D", 4, 3, strides=2, activation="relu")
T.one("local1d_first", (3, 11), "LocallyConnected1D", 4, 3, data_format=FIRST)
T.one("local1d_2", SERIES, "LocallyConnected1D", 4, 3, padding="same", implementation=2, use_bias=False)
T.one("local1d_3", SERIES, "LocallyConnected1D", 4, 4, padding="same", strides=2, implementation=3)

# --- pools and sizes ------------------------------------------------------------------------------------------------

for kind in ("Max", "Average"):
    low = kind.lower()
    for what, options in (
        ("plain", {}),
        ("strides", {"pool_size": (3, 2), "strides": (1, 2)}),
        ("same", {"pool_size": (3, 2), "strides": (2, 2), "padding": "same"}),
        ("same_even", {"pool_size": (2, 4), "strides": (1, 1), "padding": "same"}),
        ("same_large", {"pool_size": (4, 5), "strides": (3, 4), "padding": "same"}),
    ):
        both(f"{low}_pool2d_{what}", IMAGE, kind + "Pooling2D", **options)
        three = {k: ((*v, 2) if isinstance(v, tuple) else v) for k, v in options.items()}
        both(f"{low}_pool3d_{what}", VOLUME, kind + "Pooling3D", **three)
        one = {k: (v[1] if isinstance(v, tuple) else v) for k, v in options.items()}
        T.one(f"{low}_pool1d_{what}", SERIES, kind + "Pooling1D", **one)
    T.one(f"{low}_pool1d_first", (3, 11), kind + "Pooling1D", 3, data_format=FIRST)
    both(f"global_{low}_pool2d", IMAGE, "Global" + kind + "Pooling2D")
    both(f"global_{low}_pool3d", VOLUME, "Global" + kind + "Pooling3D")
    T.one(f"global_{low}_pool1d", SERIES, "Global" + kind + "Pooling1D")
    T.one(f"global_{low}_pool1d_first", (3, 11), "Global" + kind + "Pooling1D", data_format=FIRST)
both("zero_padding2d", IMAGE, "ZeroPadding2D", padding=((2, 1), (0, 3)))
both("zero_padding2d_two", IMAGE, "ZeroPadding2D", padding=(2, 1))
both("zero_padding3d", VOLUME, "ZeroPadding3D", padding=((2, 1), (0, 3), (1, 1)))
T.one("zero_padding1d", SERIES, "ZeroPadding1D", padding=(2, 1))
both("cropping2d", IMAGE, "Cropping2D", cropping=((2, 1), (0, 3)))
both("cropping3d", VOLUME, "Cropping3D", cropping=((1, 1), (0, 3), (2, 0)))
T.one("cropping1d", SERIES, "Cropping1D", cropping=(2, 1))
both("upsampling2d", IMAGE, "UpSampling2D", size=(2, 3))
both("upsampling2d_bilinear", (4, 5, 3), "UpSampling2D", size=(2, 3), interpolation="bilinear")
both("upsampling3d", VOLUME, "UpSampling3D", size=(2, 1, 3))
T.one("upsampling1d", SERIES, "UpSampling1D", size=3)
both("flatten_format", (4, 5, 3), "Flatten")
for form in (LAST, FIRST):
    T.row(
        "flatten_" + form[9:],
        feed(*((4, 5, 3) if form == LAST else (3, 4, 5))),
        lambda L, x, d=form: L.Dense(3)(L.Flatten()(L.Conv2D(2, (2, 3), data_format=d)(x))),
    )
    for what, options in (
        ("plain", {}),
        ("sequences", {"return_sequences": True, "padding": "same"}),
        ("back", {"go_backwards": True, "padding": "same", "recurrent_activation": "sigmoid"}),
        ("strides", {"padding": "same", "strides": (2, 1), "return_sequences": True}),
        ("dilated", {"dilation_rate": 2, "use_bias": False}),
        ("state", {"return_state": True, "kernel_size": (3, 2)}),
    ):
        options = dict({"kernel_size": (3, 3)}, **options)
        T.one(
            f"conv_lstm_{what}_{form[9:]}",
            (4, 6, 5, 3) if form == LAST else (4, 3, 6, 5),
            "ConvLSTM2D",
            2,
            data_format=form,
            **options,
        )

# --- dense and what stands around it --------------------------------------------------------------------------------

T.one("dense", (5,), "Dense", 4, use_bias=False, activation="hard_sigmoid")
T.one("dense_3d", SEQUENCE, "Dense", 4, activation="tanh", kernel_regularizer="l2", kernel_constraint="max_norm")
T.one("dense_4d", (3, 4, 5), "Dense", 2, activation="softmax")
for name in (
    *("softmax", "softplus", "softsign", "relu", "tanh", "sigmoid", "hard_sigmoid", "linear", "elu", "selu"),
    "exponential",
):
    T.one("activation_" + name, (6, 5), "Activation", name)
T.one("leaky_relu", (5, 4), "LeakyReLU", 0.2)
T.one("elu", (5, 4), "ELU", 0.7)
T.one("thresholded_relu", (5, 4), "ThresholdedReLU", 0.6)
T.one("prelu", (5, 4), "PReLU")
T.one("prelu_shared", (5, 4, 3), "PReLU", shared_axes=[1, 2])
T.one("softmax_axis", (5, 4), "Softmax", axis=1)
T.one("softmax", (5, 4), "Softmax")
T.one("relu", (5, 4), "ReLU")
T.one("relu_max", (5, 4), "ReLU", 1.2)
T.one("relu_all", (5, 4), "ReLU", max_value=1.2, negative_slope=0.3, threshold=0.4)
T.one("relu_below", (5, 4), "ReLU", negative_slope=0.3, threshold=-0.4)
for name in ("Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout", "SpatialDropout1D"):
    T.one(name.lower(), (5, 4), name, 0.4)
both("spatial_dropout2d", IMAGE, "SpatialDropout2D", 0.4)
both("spatial_dropout3d", VOLUME, "SpatialDropout3D", 0.4)
T.one("activity_regularization", (5, 4), "ActivityRegularization", l1=0.1, l2=0.2)
T.one("reshape", (4, 6), "Reshape", (3, 8))
T.one("reshape_rest", (4, 6), "Reshape", (3, -1, 2))
T.one("permute", (4, 6, 5), "Permute", (2, 3, 1))
T.one("repeat_vector", (5,), "RepeatVector", 3)
for axis in (1, 2, 3, -1):
    T.one(f"batch_normalization_{axis}".replace("-", "minus_"), (4, 6, 5), "BatchNormalization", axis=axis)
T.one("batch_normalization_plain", (5,), "BatchNormalization", center=False, epsilon=1e-2)
T.one("batch_normalization_no_scale", (4, 6, 5), "BatchNormalization", scale=False, axis=1)
T.one("batch_normalization_nothing", (4, 5), "BatchNormalization", scale=False, center=False)

# --- recurrent ------------------------------------------------------------------------------------------------------

for kind in ("SimpleRNN", "LSTM", "GRU"):
    low = kind.lower()
    for how in (0, 1, 2):
        T.one(f"{low}_{how}", SEQUENCE, kind, 4, implementation=how)
    T.one(low + "_sequences", SEQUENCE, kind, 4, return_sequences=True, activation="relu", use_bias=False)
    T.one(low + "_state", SEQUENCE, kind, 4, return_sequences=True, return_state=True)
    T.one(low + "_backwards", SEQUENCE, kind, 4, go_backwards=True)
    T.one(low + "_backwards_sequences", SEQUENCE, kind, 4, go_backwards=True, return_sequences=True)
    T.one(low + "_unrolled", SEQUENCE, kind, 4, unroll=True, return_sequences=True)
    T.one(low + "_dropout", SEQUENCE, kind, 4, dropout=0.3, recurrent_dropout=0.2)
    T.one(low + "_any_time", (None, 5), kind, 4)
    if kind != "SimpleRNN":
        T.one(low + "_sigmoid", SEQUENCE, kind, 4, recurrent_activation="sigmoid", activation="softsign")
        T.one(low + "_elsewhere", SEQUENCE, kind, 4, recurrent_activation="tanh", activation="selu")
    T.row(
        low + "_stateful",
        feed(*SEQUENCE, batch=3),
        lambda L, k=kind: L.Sequential([getattr(L, k)(4, stateful=True, batch_input_shape=(3, TIME, 5))]),
        whole=True,
    )
    states = [feed(4)] * (2 if kind == "LSTM" else 1)
    T.row(
        low + "_initial_state",
        [feed(*SEQUENCE), *states],
        lambda L, x, *s, k=kind: getattr(L, k)(4, return_sequences=True)(x, initial_state=list(s)),
    )
    T.row(
        low + "_encoder_decoder",
        [feed(*SEQUENCE), feed(TIME, 3)],
        lambda L, x, y, k=kind: getattr(L, k)(4, return_sequences=True)(
            y, initial_state=getattr(L, k)(4, return_state=True)(x)[1:]
        ),
    )
    T.row(
        low + "_initial_state_masked",
        [PADDED, *[feed(4, batch=8)] * len(states)],
        lambda L, x, *s, k=kind: getattr(L, k)(4)(L.Masking()(x), initial_state=list(s)),
    )
    for what, options in (
        ("last", {}),
        ("sequences", {"return_sequences": True, "return_state": True}),
        ("backwards", {"return_sequences": True, "go_backwards": True}),
        ("unrolled", {"return_sequences": True, "unroll": True}),
        ("backwards_last", {"go_backwards": True, "implementation": 2}),
    ):
        T.row(
            f"{low}_masked_{what}",
            PADDED,
            lambda L, x, k=kind, o=options: getattr(L, k)(4, **o)(L.Masking()(x)),
        )
    for mode in ("concat", "sum", "mul", "ave"):
        T.row(
            f"bidirectional_{low}_{mode}",
            feed(*SEQUENCE),
            lambda L, x, k=kind, m=mode: L.Bidirectional(getattr(L, k)(4, return_sequences=m != "ave"), merge_mode=m)(
                x
            ),
        )
    T.row(
        f"bidirectional_{low}_masked",
        PADDED,
        lambda L, x, k=kind: L.Bidirectional(getattr(L, k)(4, return_sequences=True))(L.Masking()(x)),
    )
    T.row(
        f"bidirectional_{low}_masked_last",
        PADDED,
        lambda L, x, k=kind: L.Bidirectional(getattr(L, k)(4))(L.Masking()(x)),
    )
    T.row(
        f"bidirectional_{low}_masked_sum",
        PADDED,
        lambda L, x, k=kind: L.Bidirectional(getattr(L, k)(4, return_sequences=True), merge_mode="sum")(L.Masking()(x)),
    )
    cell = kind + "Cell"
    T.row(
        f"rnn_{low}_cell",
        feed(*SEQUENCE),
        lambda L, x, c=cell: L.RNN(getattr(L, c)(4), return_sequences=True, return_state=True)(x),
    )
    T.row(
        f"rnn_{low}_stacked",
        feed(*SEQUENCE),
        lambda L, x, c=cell: L.RNN([getattr(L, c)(4), L.GRUCell(3), getattr(L, c)(2)], return_state=True)(x),
    )
    T.row(
        f"rnn_{low}_stacked_masked",
        PADDED,
        lambda L, x, c=cell: L.RNN(L.StackedRNNCells([getattr(L, c)(4), getattr(L, c)(2)]), return_sequences=True)(
            L.Masking()(x)
        ),
    )
T.one("gru_reset_after", SEQUENCE, "GRU", 4, reset_after=True, return_sequences=True)
T.one("gru_reset_after_no_bias", SEQUENCE, "GRU", 4, reset_after=True, use_bias=False, implementation=2)
T.row(
    "bidirectional_none",
    feed(*SEQUENCE),
    lambda L, x: L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None)(x),
)
T.row(
    "bidirectional_state",
    feed(*SEQUENCE),
    lambda L, x: L.Bidirectional(L.LSTM(4, return_sequences=True, return_state=True))(x),
)
T.row(
    "bidirectional_initial_state",
    [feed(*SEQUENCE), *[feed(4)] * 4],
    lambda L, x, *s: L.Bidirectional(L.LSTM(4, return_sequences=True))(x, initial_state=list(s)),
)
T.row("bidirectional_rnn_cell", feed(*SEQUENCE), lambda L, x: L.Bidirectional(L.RNN(L.LSTMCell(4)))(x))
T.row(
    "bidirectional_conv_lstm",
    feed(4, 6, 5, 3),
    lambda L, x: L.Bidirectional(L.ConvLSTM2D(2, (3, 3), padding="same", data_format=LAST))(x),
)
T.row("masking_value", feed(*SEQUENCE), lambda L, x: L.GRU(3)(L.Masking(float(values((3, TIME, 5))[0, 0, 0]))(x)))
T.row("masking", PADDED, lambda L, x: L.Masking()(x))

# --- embeddings and masks -------------------------------------------------------------------------------------------

T.row("embedding", TOKENS, lambda L, x: L.Embedding(11, 4)(x))
T.row("embedding_length", TOKENS, lambda L, x: L.Flatten()(L.Embedding(11, 4, input_length=TIME)(x)))
T.row(
    "embedding_sequential",
    TOKENS,
    lambda L: L.Sequential(
        [
            L.Embedding(11, 4, input_length=TIME, mask_zero=True, embeddings_regularizer="l2"),
            L.Bidirectional(L.LSTM(5, return_sequences=True)),
            L.LSTM(3, dropout=0.2, recurrent_dropout=0.2),
            L.Dense(1, activation="sigmoid"),
        ]
    ),
    whole=True,
)


T.masked("dense", lambda L, x: L.Dense(4, activation="relu")(x))
T.masked("time_distributed", lambda L, x: L.TimeDistributed(L.Dense(4, activation="relu"))(x))
T.masked("activation", lambda L, x: L.Activation("tanh")(x))
T.masked("leaky", lambda L, x: L.LeakyReLU(0.2)(x))
T.masked("prelu", lambda L, x: L.PReLU()(x))
T.masked("elu", lambda L, x: L.ThresholdedReLU(0.3)(L.ELU(0.7)(x)))
T.masked("softmax", lambda L, x: L.Softmax()(x))
T.masked("relu", lambda L, x: L.ReLU(1.0)(x))
T.masked("norm", lambda L, x: L.BatchNormalization()(x))
T.masked("noise", lambda L, x: L.GaussianNoise(0.2)(L.GaussianDropout(0.2)(L.AlphaDropout(0.1)(x))))
T.masked("dropout", lambda L, x: L.SpatialDropout1D(0.2)(L.Dropout(0.2)(x)))
T.masked("lstm", lambda L, x: L.LSTM(4, return_sequences=True)(x))
T.masked("bidirectional", lambda L, x: L.Bidirectional(L.GRU(4, return_sequences=True))(x))
T.masked("regularization", lambda L, x: L.ActivityRegularization(0.1)(x))
T.row(
    "mask_pooling",
    TOKENS,
    lambda L, x: L.GlobalAveragePooling1D()(L.Dense(3)(L.Embedding(11, 4, mask_zero=True)(x))),
)

# --- wrappers -------------------------------------------------------------------------------------------------------


T.wrapped("dense", SEQUENCE, lambda L: L.Dense(4, activation="softmax"))
T.wrapped("any_time", (None, 5), lambda L: L.Dense(4))
T.wrapped("conv", (4, 6, 5, 3), lambda L: L.Conv2D(2, (3, 2), data_format=LAST, padding="same"))
T.wrapped("conv_first", (4, 3, 6, 5), lambda L: L.Conv2D(2, (3, 2), data_format=FIRST))
T.wrapped("pool", (4, 6, 5, 3), lambda L: L.MaxPooling2D(data_format=LAST))
T.wrapped("flatten", (4, 6, 5), lambda L: L.Flatten())
T.wrapped("norm", (4, 5), lambda L: L.BatchNormalization())
T.wrapped("lstm", (4, 3, 5), lambda L: L.LSTM(2))
T.wrapped("twice", (3, 4, 5), lambda L: L.TimeDistributed(L.Dense(2)))
T.wrapped("sequential", (4, 5), lambda L: L.Sequential([L.Dense(3, input_dim=5, activation="relu"), L.Dense(2)]))

# --- merging --------------------------------------------------------------------------------------------------------


def merged(name, shapes, class_name, **options):
    T.row(
        "merge_" + name, [feed(*shape) for shape in shapes], lambda L, *xs: getattr(L, class_name)(**options)(list(xs))
    )


PAIR = [(4, 5), (4, 5)]
for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract"):
    merged(name.lower(), PAIR, name)
    merged(name.lower() + "_broadcast", [(4, 5), (5,)], name)
    if name != "Subtract":
        merged(name.lower() + "_three", [(4, 5), (4, 1), (1, 5)], name)
merged("concatenate", [(4, 5), (4, 3)], "Concatenate")
merged("concatenate_1", [(4, 5), (3, 5), (2, 5)], "Concatenate", axis=1)
merged("dot_vectors", [(5,), (5,)], "Dot", axes=1)
merged("dot_vectors_normalised", [(5,), (5,)], "Dot", axes=-1, normalize=True)
merged("dot_1", [(4, 5), (4, 3)], "Dot", axes=1)
merged("dot_2", [(4, 5), (3, 5)], "Dot", axes=2)
merged("dot_12", [(4, 5), (3, 4)], "Dot", axes=(1, 2))
merged("dot_last", [(4, 5), (3, 5)], "Dot", axes=-1, normalize=True)
merged("dot_32", [(4, 5), (5,)], "Dot", axes=(2, 1))
merged("dot_23", [(5,), (4, 5)], "Dot", axes=(1, 2))
merged("dot_43", [(3, 4, 5), (5, 2)], "Dot", axes=(3, 1))

for name in ("Add", "Multiply", "Average", "Maximum", "Concatenate", "Subtract"):
    T.row(
        "masks_" + name.lower(),
        [TOKENS, PADDED],
        lambda L, a, b, n=name: L.LSTM(3)(getattr(L, n)()([L.Embedding(11, 5, mask_zero=True)(a), L.Masking()(b)])),
    )
    T.row(
        "one_mask_" + name.lower(),
        [TOKENS, PADDED],
        lambda L, a, b, n=name: L.LSTM(3)(getattr(L, n)()([L.Embedding(11, 5, mask_zero=True)(a), b])),
    )
T.row(
    "masks_concatenate_time",
    [TOKENS, PADDED],
    lambda L, a, b: L.LSTM(3)(L.Concatenate(axis=1)([L.Embedding(11, 5, mask_zero=True)(a), L.Masking()(b)])),
)

# --- models ---------------------------------------------------------------------------------------------------------


T.row("nested_sequentials", feed(5), nested_sequentials, whole=True)


def nested_models(L, x, trainable=True):
    inside = L.Input(shape=(5,))
    y = L.Dense(4, activation="tanh")(inside)
    y = L.BatchNormalization()(y)
    inner = L.Model(inside, L.BatchNormalization()(L.Dense(4)(y)))
    inner.trainable = trainable
    return L.Dense(2)(inner(L.Dense(5)(x)))


T.row("nested_models", feed(3), nested_models)
T.row("nested_models_frozen", feed(3), lambda L, x: nested_models(L, x, trainable=False))


def partly_frozen(L, x):
    inside = L.Input(shape=(5,))
    y = L.Dense(4, activation="tanh", trainable=False)(inside)
    y = L.BatchNormalization(trainable=False)(y)
    return L.Dense(2)(L.Model(inside, L.BatchNormalization()(L.Dense(4)(y)))(L.Dense(5)(x)))


T.row("partly_frozen", feed(3), partly_frozen)
T.row(
    "bidirectional_frozen",
    feed(*SEQUENCE),
    lambda L, x: L.TimeDistributed(L.Dense(2), trainable=False)(
        L.Bidirectional(L.LSTM(4, return_sequences=True), trainable=False)(x)
    ),
)


def shared(L, a, b):
    layer = L.Dense(4, activation="tanh")
    inner = L.Sequential([L.Dense(3, input_dim=4)])
    return [L.Multiply()([inner(layer(a)), inner(layer(b))]), layer(b)]


T.row("shared", [feed(5), feed(5)], shared)
for form, axis in ((LAST, -1), (FIRST, 1)):

    def residual(L, x, form=form, axis=axis):
        y = L.Conv2D(3, (3, 3), padding="same", data_format=form)(x)
        y = L.Activation("relu")(L.BatchNormalization(axis=axis)(y))
        y = L.DepthwiseConv2D((3, 3), padding="same", data_format=form)(y) if hasattr(L, "DepthwiseConv2D") else y
        y = L.Conv2D(3, (3, 3), padding="same", data_format=form)(y)
        y = L.Add()([L.BatchNormalization(axis=axis)(y), x])
        y = L.GlobalAveragePooling2D(data_format=form)(L.Activation("relu")(y))
        return L.Dense(4, activation="softmax")(y)

    T.row("residual_" + form[9:], feed(*((7, 5, 3) if form == LAST else (3, 7, 5))), residual)


def odd_names(L):
    return L.Sequential(
        [
            L.Dense(4, input_dim=5, name="block1/dense"),
            L.BatchNormalization(name="b/n"),
            L.Dense(3, name="block2/dense", trainable=False),
            L.BatchNormalization(name="block2/bn", trainable=False),
        ]
    )


T.row("odd_names", feed(5), odd_names, whole=True)


T.row("compiled", feed(5), compiled, whole=True)
