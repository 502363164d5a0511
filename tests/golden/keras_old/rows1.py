"""Models of Keras 1, in its own words: one row for each class and option. make.py runs them in the real Keras 1."""

from old_table import PADDED, TIME, TOKENS, Table, compiled, feed, nested_sequentials, values

T = Table()

# --- layers with dim_ordering: each row in both ---------------------------------------------------------------------

CONV = {
    "plain": {},
    "same": {"border_mode": "same"},
    "full": {"border_mode": "full"},
    "strides": {"subsample": (2, 3), "activation": "relu"},
    "same_strides": {"border_mode": "same", "subsample": (2, 3)},
    "no_bias": {"bias": False, "activation": "tanh"},
    "regularised": {
        "W_regularizer": "l2",
        "b_regularizer": "l1",
        "activity_regularizer": "l2",
        "W_constraint": "maxnorm",
    },
}


def both(name, shape, class_name, *args, **options):
    """A row with "tf" and one with "th", whose channels come first."""
    T.one(name + "_tf", shape, class_name, *args, dim_ordering="tf", **options)
    T.one(name + "_th", (shape[-1], *shape[:-1]), class_name, *args, dim_ordering="th", **options)


IMAGE, VOLUME, SERIES = (11, 7, 3), (6, 7, 5, 2), (11, 3)
for what, options in CONV.items():
    both("conv2d_" + what, IMAGE, "Convolution2D", 5, 3, 2, **options)
for what, options in (("plain", {}), ("same", {"border_mode": "same"}), ("strides", {"subsample": (1, 2, 2)})):
    both("conv3d_" + what, VOLUME, "Convolution3D", 4, 3, 2, 4, activation="relu", **options)
both("conv2d_even", IMAGE, "Convolution2D", 5, 4, 2, border_mode="same")
both("conv2d_even_strides", IMAGE, "Convolution2D", 5, 4, 2, border_mode="same", subsample=(3, 2))
both("conv3d_even", VOLUME, "Convolution3D", 4, 2, 4, 3, border_mode="same", bias=False)
both("conv2d_5x5_of_even", (8, 6, 3), "Convolution2D", 4, 5, 3, border_mode="same", subsample=(2, 2))
both("conv2d_square", (5, 5, 5), "Convolution2D", 5, 5, 5, border_mode="same")
both("atrous2d", IMAGE, "AtrousConvolution2D", 5, 3, 2, atrous_rate=(2, 3))
both("atrous2d_same", IMAGE, "AtrousConvolution2D", 5, 3, 2, atrous_rate=(2, 2), border_mode="same", activation="relu")
both("atrous2d_even_same", IMAGE, "AtrousConvolution2D", 5, 2, 4, atrous_rate=(2, 1), border_mode="same")
both("separable2d", IMAGE, "SeparableConvolution2D", 5, 3, 2, activation="relu")
both("separable2d_same", IMAGE, "SeparableConvolution2D", 7, 3, 2, border_mode="same", depth_multiplier=2, bias=False)
both("separable2d_strides", IMAGE, "SeparableConvolution2D", 5, 3, 3, border_mode="same", subsample=(2, 2))
both("local2d", (6, 5, 3), "LocallyConnected2D", 4, 3, 2, subsample=(1, 2), activation="relu")
both("local2d_no_bias", (6, 5, 3), "LocallyConnected2D", 4, 2, 3, bias=False)

for ordering in ("tf", "th"):

    def put(sizes, channels, ordering=ordering):
        return (*sizes, channels) if ordering == "tf" else (channels, *sizes)

    for what, options, size in (
        ("plain", {}, (7, 6)),
        ("strides", {"subsample": (2, 3)}, (11, 14)),
        ("strides_more", {"subsample": (2, 2), "bias": False}, (12, 11)),
        ("same", {"border_mode": "same", "subsample": (2, 3)}, (10, 15)),
        ("same_small", {"border_mode": "same", "subsample": (2, 2), "activation": "relu"}, (9, 10)),
    ):
        shape = put(size, 4)
        T.row(
            f"deconv2d_{what}_{ordering}",
            feed(*put((5, 5), 3), batch=2),
            lambda L, x, o=options, s=shape, d=ordering: L.Deconvolution2D(
                4, 3, 2, output_shape=(2, *s), dim_ordering=d, **o
            )(x),
        )
    T.row(
        "flatten_" + ordering,
        feed(*put((4, 5), 3)),
        lambda L, x, d=ordering: L.Dense(3)(L.Flatten()(L.Convolution2D(2, 2, 3, dim_ordering=d)(x))),
    )
    for what, options in (
        ("plain", {}),
        ("sequences", {"return_sequences": True, "border_mode": "same"}),
        ("back", {"go_backwards": True, "border_mode": "same", "inner_activation": "sigmoid"}),
    ):
        T.one(
            f"conv_lstm_{what}_{ordering}",
            (4, *put((6, 5), 3)),
            "ConvLSTM2D",
            2,
            3,
            3,
            dim_ordering=ordering,
            **options,
        )
    T.row(
        "vgg_" + ordering,
        feed(*put((12, 8), 3)),
        lambda L, d=ordering: L.Sequential(
            [
                L.ZeroPadding2D(
                    (1, 1), dim_ordering=d, batch_input_shape=(None, *((12, 8, 3) if d == "tf" else (3, 12, 8)))
                ),
                L.Convolution2D(4, 3, 3, activation="relu", dim_ordering=d),
                L.ZeroPadding2D((1, 1), dim_ordering=d),
                L.Convolution2D(4, 3, 3, activation="relu", dim_ordering=d),
                L.MaxPooling2D((2, 2), strides=(2, 2), dim_ordering=d),
                L.Dropout(0.5),
                L.Flatten(),
                L.Dense(6, activation="relu"),
                L.Dense(5, activation="softmax"),
            ]
        ),
        whole=True,
    )

for kind in ("Max", "Average"):
    low = kind.lower()
    for what, options in (
        ("plain", {}),
        ("strides", {"pool_size": (3, 2), "strides": (1, 2)}),
        ("same", {"pool_size": (3, 2), "strides": (2, 2), "border_mode": "same"}),
        ("same_even", {"pool_size": (2, 4), "strides": (1, 1), "border_mode": "same"}),
    ):
        both(f"{low}_pool2d_{what}", IMAGE, kind + "Pooling2D", **options)
        three = {k: (v if isinstance(v, str) else (*v, 2)) for k, v in options.items()}
        both(f"{low}_pool3d_{what}", VOLUME, kind + "Pooling3D", **three)
    for what, options in (
        ("plain", {}),
        ("strides", {"pool_length": 3, "stride": 1}),
        ("same", {"pool_length": 3, "stride": 2, "border_mode": "same"}),
        ("same_even", {"pool_length": 4, "stride": 3, "border_mode": "same"}),
    ):
        T.one(f"{low}_pool1d_{what}", SERIES, kind + "Pooling1D", **options)
    both(f"global_{low}_pool2d", IMAGE, "Global" + kind + "Pooling2D")
    both(f"global_{low}_pool3d", VOLUME, "Global" + kind + "Pooling3D")
    T.one(f"global_{low}_pool1d", SERIES, "Global" + kind + "Pooling1D")

both("zero_padding2d", IMAGE, "ZeroPadding2D", padding=(2, 1))
both("zero_padding2d_sides", IMAGE, "ZeroPadding2D", padding=(2, 1, 0, 3))
both("zero_padding2d_names", IMAGE, "ZeroPadding2D", padding={"top_pad": 1, "left_pad": 2, "right_pad": 3})
both("zero_padding3d", VOLUME, "ZeroPadding3D", padding=(2, 1, 3))
T.one("zero_padding1d", SERIES, "ZeroPadding1D", padding=2)
T.one("zero_padding1d_sides", SERIES, "ZeroPadding1D", padding=(2, 1))
T.one("zero_padding1d_names", SERIES, "ZeroPadding1D", padding={"left_pad": 1, "right_pad": 3})
both("cropping2d", IMAGE, "Cropping2D", cropping=((2, 1), (0, 3)))
both("cropping3d", VOLUME, "Cropping3D", cropping=((1, 1), (0, 3), (2, 0)))
T.one("cropping1d", SERIES, "Cropping1D", cropping=(2, 1))
both("upsampling2d", IMAGE, "UpSampling2D", size=(2, 3))
both("upsampling3d", VOLUME, "UpSampling3D", size=(2, 1, 3))
T.one("upsampling1d", SERIES, "UpSampling1D", length=3)
both("spatial_dropout2d", IMAGE, "SpatialDropout2D", 0.4)
both("spatial_dropout3d", VOLUME, "SpatialDropout3D", 0.4)

# --- series ---------------------------------------------------------------------------------------------------------

for what, options in (
    ("plain", {}),
    ("same", {"border_mode": "same", "activation": "relu"}),
    ("full", {"border_mode": "full"}),
    ("strides", {"subsample_length": 2, "bias": False}),
    ("same_strides", {"border_mode": "same", "subsample_length": 3}),
):
    T.one("conv1d_" + what, SERIES, "Convolution1D", 5, 3, **options)
    T.one("conv1d_even_" + what, SERIES, "Convolution1D", 5, 4, **options)
T.one("conv1d_square", (7, 4), "Convolution1D", 4, 4)
T.one("conv1d_one", (7, 4), "Convolution1D", 1, 1)
T.one("conv1d_of_one", (7, 1), "Convolution1D", 7, 7, border_mode="same")
T.one("atrous1d", SERIES, "AtrousConvolution1D", 5, 3, atrous_rate=2)
T.one("atrous1d_same", SERIES, "AtrousConvolution1D", 5, 3, atrous_rate=3, border_mode="same", activation="relu")
T.one("local1d", SERIES, "LocallyConnected1D", 4, 3, subsample_length=2, activation="relu")
T.one("local1d_no_bias", SERIES, "LocallyConnected1D", 4, 2, bias=False)
T.one("spatial_dropout1d", SERIES, "SpatialDropout1D", 0.4)

# --- recurrent ------------------------------------------------------------------------------------------------------

SEQUENCE = (TIME, 5)
for kind in ("SimpleRNN", "LSTM", "GRU"):
    low = kind.lower()
    for how in ("cpu", "mem", "gpu"):
        T.one(low + "_" + how, SEQUENCE, kind, 4, consume_less=how)
    T.one(low + "_sequences", SEQUENCE, kind, 4, return_sequences=True, activation="relu")
    T.one(low + "_backwards", SEQUENCE, kind, 4, go_backwards=True)
    T.one(low + "_backwards_sequences", SEQUENCE, kind, 4, go_backwards=True, return_sequences=True)
    T.one(low + "_unrolled", SEQUENCE, kind, 4, unroll=True, return_sequences=True)
    T.one(low + "_dropout", SEQUENCE, kind, 4, dropout_W=0.3, dropout_U=0.2, W_regularizer="l2")
    T.one(low + "_any_time", (None, 5), kind, 4)
    if kind != "SimpleRNN":
        T.one(low + "_sigmoid", SEQUENCE, kind, 4, inner_activation="sigmoid", activation="softsign")
        T.one(low + "_elsewhere", SEQUENCE, kind, 4, inner_activation="tanh", activation="softplus")
    T.row(
        low + "_stateful",
        feed(*SEQUENCE, batch=3),
        lambda L, k=kind: L.Sequential([getattr(L, k)(4, stateful=True, batch_input_shape=(3, TIME, 5))]),
        whole=True,
    )
    for what, options in (
        ("last", {}),
        ("sequences", {"return_sequences": True}),
        ("backwards", {"return_sequences": True, "go_backwards": True}),
        ("unrolled", {"return_sequences": True, "unroll": True}),
        ("gpu", {"consume_less": "gpu"}),
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
        f"bidirectional_{low}_gpu_masked_last",
        PADDED,
        lambda L, x, k=kind: L.Bidirectional(getattr(L, k)(4, consume_less="gpu"))(L.Masking()(x)),
    )
T.row(
    "bidirectional_none",
    feed(*SEQUENCE),
    lambda L, x: L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None)(x),
)
T.row("masking_value", feed(*SEQUENCE), lambda L, x: L.GRU(3)(L.Masking(float(values((3, TIME, 5))[0, 0, 0]))(x)))
T.row("masking", PADDED, lambda L, x: L.Masking()(x))

# --- embeddings and masks -------------------------------------------------------------------------------------------

T.row("embedding", TOKENS, lambda L, x: L.Embedding(11, 4)(x))
T.row("embedding_length", TOKENS, lambda L, x: L.Flatten()(L.Embedding(11, 4, input_length=TIME, dropout=0.3)(x)))
T.row("embedding_lstm", TOKENS, lambda L, x: L.LSTM(3)(L.Embedding(11, 4, mask_zero=True, dropout=0.2)(x)))
T.row("embedding_gru", TOKENS, lambda L, x: L.GRU(3)(L.Embedding(11, 4, mask_zero=True, W_regularizer="l2")(x)))
T.row(
    "embedding_sequential",
    TOKENS,
    lambda L: L.Sequential(
        [
            L.Embedding(11, 4, input_length=TIME, mask_zero=True),
            L.LSTM(5, return_sequences=True),
            L.Dropout(0.2),
            L.LSTM(3, dropout_W=0.2, dropout_U=0.2),
            L.Dense(1),
            L.Activation("sigmoid"),
        ]
    ),
    whole=True,
)
T.row(
    "embedding_conv",
    TOKENS,
    lambda L: L.Sequential(
        [
            L.Embedding(11, 4, input_length=TIME),
            L.Convolution1D(5, 3, border_mode="valid", activation="relu", subsample_length=1),
            L.GlobalMaxPooling1D(),
            L.Dense(2),
        ]
    ),
    whole=True,
)


T.masked("dense", lambda L, x: L.TimeDistributed(L.Dense(4, activation="relu"))(x))
T.masked("time_distributed_dense", lambda L, x: L.TimeDistributedDense(4)(x))
T.masked("activation", lambda L, x: L.Activation("tanh")(x))
T.masked("softmax", lambda L, x: L.Activation("softmax")(x))
T.masked("leaky", lambda L, x: L.LeakyReLU(0.2)(x))
T.masked("prelu", lambda L, x: L.PReLU()(x))
T.masked("elu", lambda L, x: L.ELU(0.7)(x))
T.masked("parametric_softplus", lambda L, x: L.ParametricSoftplus()(x))
T.masked("srelu", lambda L, x: L.SReLU()(x))
T.masked("norm", lambda L, x: L.BatchNormalization()(x))
T.masked("noise", lambda L, x: L.GaussianNoise(0.2)(L.GaussianDropout(0.2)(x)))
T.masked("highway", lambda L, x: L.TimeDistributed(L.Highway())(x))
T.masked("maxout", lambda L, x: L.TimeDistributed(L.MaxoutDense(4))(x))
T.masked("lstm", lambda L, x: L.LSTM(4, return_sequences=True)(x))
T.masked("bidirectional", lambda L, x: L.Bidirectional(L.GRU(4, return_sequences=True))(x))

# --- dense and what stands around it --------------------------------------------------------------------------------

T.one("dense", (5,), "Dense", 4)
T.one("dense_no_bias", (5,), "Dense", 4, bias=False, activation="relu", W_regularizer="l1l2", activity_regularizer="l1")
T.one("dense_3d", SEQUENCE, "Dense", 4, activation="tanh")
for name in ("softmax", "softplus", "softsign", "relu", "tanh", "sigmoid", "hard_sigmoid", "linear", "elu"):
    T.row("activation_" + name, feed(5), lambda L, x, n=name: L.Activation(n)(L.Dense(4)(x)))
T.one("activation_softmax_3d", SEQUENCE, "Activation", "softmax")
T.one("dense_softmax_3d", SEQUENCE, "TimeDistributedDense", 4, activation="softmax")
T.one("time_distributed_dense", SEQUENCE, "TimeDistributedDense", 4, bias=False, input_length=TIME)
T.one("maxout_dense", (5,), "MaxoutDense", 4, nb_feature=3)
T.one("maxout_dense_no_bias", (5,), "MaxoutDense", 4, bias=False)
T.one("highway", (5,), "Highway", activation="tanh", transform_bias=-2)
T.one("highway_no_bias", (5,), "Highway", activation="relu", bias=False)
T.one("leaky_relu", (5, 4), "LeakyReLU", 0.2)
T.one("elu", (5, 4), "ELU", 0.7)
T.one("thresholded_relu", (5, 4), "ThresholdedReLU", 0.6)
T.one("prelu", (5, 4), "PReLU")
T.one("prelu_shared", (5, 4, 3), "PReLU", shared_axes=[1, 2])
T.one("srelu", (5, 4), "SReLU")
T.one("srelu_shared", (5, 4, 3), "SReLU", shared_axes=[1, 2])
T.one("parametric_softplus", (5, 4), "ParametricSoftplus", alpha_init=0.3, beta_init=4.0)
T.one("parametric_softplus_shared", (5, 4, 3), "ParametricSoftplus", shared_axes=[1])
T.one("dropout", (5, 4), "Dropout", 0.4)
T.one("gaussian_noise", (5, 4), "GaussianNoise", 0.4)
T.one("gaussian_dropout", (5, 4), "GaussianDropout", 0.4)
T.row("activity_regularization", feed(5), lambda L, x: L.ActivityRegularization(l1=0.1, l2=0.2)(L.Dense(4)(x)))
T.one("reshape", (4, 6), "Reshape", (3, 8))
T.one("reshape_rest", (4, 6), "Reshape", (3, -1, 2))
T.one("permute", (4, 6, 5), "Permute", (2, 3, 1))
T.one("repeat_vector", (5,), "RepeatVector", 3)
T.one("flatten", (4, 6, 5), "Flatten")
for mode in (0, 1, 2):
    T.row(
        f"batch_normalization_{mode}",
        feed(5, batch=3),
        lambda L, x, m=mode: L.BatchNormalization(mode=m, epsilon=1e-2)(x),
    )
T.one("batch_normalization_first", (4, 6, 5), "BatchNormalization", axis=1)
T.one("batch_normalization_middle", (4, 6, 5), "BatchNormalization", axis=2)
T.one("batch_normalization_last", (4, 6, 5), "BatchNormalization", axis=-1, gamma_regularizer="l2")
T.one("batch_normalization_1_last", (4, 5), "BatchNormalization", mode=1)
T.row("batch_normalization_2_last", feed(4, 5, batch=3), lambda L, x: L.BatchNormalization(mode=2)(x))

# --- wrappers -------------------------------------------------------------------------------------------------------


T.wrapped("conv_th", (4, 3, 6, 5), lambda L: L.Convolution2D(2, 3, 2, dim_ordering="th"))
T.wrapped("conv_tf", (4, 6, 5, 3), lambda L: L.Convolution2D(2, 3, 2, dim_ordering="tf", border_mode="same"))
T.wrapped("pool", (4, 6, 5, 3), lambda L: L.MaxPooling2D(dim_ordering="tf"))
T.wrapped("flatten", (4, 6, 5), lambda L: L.Flatten())
T.wrapped("norm", (4, 5), lambda L: L.BatchNormalization(mode=0))
T.wrapped("lstm", (4, 3, 5), lambda L: L.LSTM(2))
T.wrapped("activation", (4, 5), lambda L: L.Activation("softmax"))
T.wrapped(
    "sequential",
    (4, 5),
    lambda L: L.Sequential([L.Dense(3, input_dim=5, activation="relu"), L.Dense(2)]),
)

# --- merging --------------------------------------------------------------------------------------------------------


def merged(name, shapes, **options):
    T.row("merge_" + name, [feed(*shape) for shape in shapes], lambda L, *xs: L.merge(list(xs), **options))


PAIR = [(4, 5), (4, 5)]
for mode in ("sum", "mul", "ave", "max"):
    merged(mode, PAIR, mode=mode)
    merged(mode + "_three", [(4, 5)] * 3, mode=mode)
merged("concat", [(4, 5), (4, 3)], mode="concat")
merged("concat_1", [(4, 5), (3, 5)], mode="concat", concat_axis=1)
merged("concat_channels", [(3, 4, 5), (2, 4, 5)], mode="concat", concat_axis=1)
merged("dot_vectors", [(5,), (5,)], mode="dot")
merged("cos_vectors", [(5,), (5,)], mode="cos")
merged("dot", PAIR, mode="dot")
merged("dot_1", [(4, 5), (4, 3)], mode="dot", dot_axes=1)
merged("dot_2", [(4, 5), (3, 5)], mode="dot", dot_axes=2)
merged("dot_12", [(4, 5), (5, 3)], mode="dot", dot_axes=(2, 1))
merged("dot_21", [(4, 5), (3, 4)], mode="dot", dot_axes=[1, 2])
merged("dot_32", [(4, 5), (4,)], mode="dot", dot_axes=(1, 1))
for name, axes in (("cos", -1), ("cos_1", 1), ("cos_2", 2)):
    T.row(  # of positive numbers: else it takes roots of negative ones
        "merge_" + name,
        [feed(4, 5), feed(4, 5)],
        lambda L, a, b, d=axes: L.merge(
            [L.Activation("sigmoid")(a), L.Activation("sigmoid")(b)], mode="cos", dot_axes=d
        ),
    )


def branches(name, mode, **options):
    """A Sequential that begins with Merge."""

    def build(L):
        one = L.Sequential([L.Dense(4, input_dim=5, activation="tanh")])
        other = L.Sequential([L.Dense(6, input_dim=3), L.Dense(4)])
        return L.Sequential([L.Merge([one, other], mode=mode, **options), L.Dense(2)])

    T.row("branches_" + name, [feed(5), feed(3)], build, whole=True)


for mode in ("sum", "mul", "ave", "concat", "max", "dot"):
    branches(mode, mode)


def branches_deep(L):
    def branch():
        return L.Sequential([L.Dense(4, input_dim=5)])

    left = L.Sequential([L.Merge([branch(), branch()], mode="concat"), L.Dense(3)])
    right = L.Sequential([L.Dense(3, input_dim=4)])
    return L.Sequential([L.Merge([left, right], mode="mul"), L.Dense(2)])


T.row("branches_deep", [feed(5), feed(5), feed(4)], branches_deep, whole=True)

MASKS = (TOKENS, PADDED)
for mode in ("sum", "mul", "concat", "max", "ave"):
    T.row(
        "masks_" + mode,
        list(MASKS),
        lambda L, a, b, m=mode: L.LSTM(3)(L.merge([L.Embedding(11, 5, mask_zero=True)(a), L.Masking()(b)], mode=m)),
    )
    T.row(
        "one_mask_" + mode,
        list(MASKS),
        lambda L, a, b, m=mode: L.LSTM(3)(L.merge([L.Embedding(11, 5, mask_zero=True)(a), b], mode=m)),
    )
T.row(
    "masks_concat_time",
    list(MASKS),
    lambda L, a, b: L.LSTM(3)(
        L.merge([L.Embedding(11, 5, mask_zero=True)(a), L.Masking()(b)], mode="concat", concat_axis=1)
    ),
)

# --- models ---------------------------------------------------------------------------------------------------------


T.row("nested_sequentials", feed(5), nested_sequentials, whole=True)


def nested_models(L, x):
    inside = L.Input(shape=(5,))
    inner = L.Model(inside, L.Dense(4)(L.BatchNormalization()(L.Dense(4, activation="tanh")(inside))))
    return L.Dense(2)(inner(L.Dense(5)(x)))


T.row("nested_models", feed(3), nested_models)


def shared(L, a, b):
    layer = L.Dense(4, activation="tanh")
    inner = L.Sequential([L.Dense(3, input_dim=4)])
    return [L.merge([inner(layer(a)), inner(layer(b))], mode="mul"), layer(b)]


T.row("shared", [feed(5), feed(5)], shared)


def residual(L, x):
    y = L.Convolution2D(3, 3, 3, border_mode="same", dim_ordering="th")(x)
    y = L.Activation("relu")(L.BatchNormalization(axis=1)(y))
    y = L.Convolution2D(3, 3, 3, border_mode="same", dim_ordering="th")(y)
    y = L.merge([L.BatchNormalization(axis=1)(y), x], mode="sum")
    y = L.AveragePooling2D((7, 5), dim_ordering="th")(L.Activation("relu")(y))
    return L.Dense(4, activation="softmax")(L.Flatten()(y))


T.row("residual", feed(3, 7, 5), residual)


def two_outputs(L, a, b):
    hidden = L.merge([L.Dense(4)(a), L.Dense(4)(b)], mode="concat")
    return [L.Dense(2, name="first")(hidden), L.Dense(1, activation="sigmoid", name="second")(hidden)]


T.row("two_outputs", [feed(5), feed(3)], two_outputs)


def odd_names(L):
    return L.Sequential(
        [
            L.Dense(4, input_dim=5, name="block1/dense"),
            L.BatchNormalization(name="größe"),
            L.Dense(3, name="block2/dense", trainable=False),
            L.BatchNormalization(name="b/n", trainable=False),
        ]
    )


T.row("odd_names", feed(5), odd_names, whole=True)


T.row("compiled", feed(5), compiled, whole=True)


def graph(L):
    model = L.Graph()
    model.add_input("a", input_shape=(5,))
    model.add_input("b", input_shape=(3,))
    model.add_node(L.Dense(4), name="da", input="a")
    model.add_node(L.Dense(4), name="db", input="b")
    model.add_node(L.Dense(3, activation="tanh"), name="both", inputs=["da", "db"], merge_mode="sum")
    model.add_output(name="first", input="both")
    model.add_output(name="second", inputs=["da", "both"], merge_mode="concat")
    return model


T.row("graph", [feed(5), feed(3)], graph, whole=True)
