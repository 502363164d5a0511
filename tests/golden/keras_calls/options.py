"""More rows, which make options.tar.xz: the options of layers one by one, wrappers, cells, and TensorFlow's nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIGNAL, IMAGE, VOLUME = (11, 3), (11, 7, 3), (5, 7, 4, 3)
SEQUENCE = (7, 5)


def fill(t: Any) -> None:
    """Adds the rows to a table of rows.py."""
    _convolutions(t)
    _transposed(t)
    _separable(t)
    _pools(t)
    _sizes(t)
    _shapes(t)
    _training_only(t)
    _recurrent(t)
    _conv_recurrent(t)
    _cells(t)
    _merging(t)
    _attention(t)
    _wrappers(t)
    _masks(t)
    _weights(t)
    _nodes(t)


def _convolutions(t: Any) -> None:
    t.layer("conv1d_groups", (11, 6), lambda L: L.Conv1D(4, 3, groups=2, use_bias=False))
    t.layer("conv1d_groups_causal", (11, 6), lambda L: L.Conv1D(9, 3, groups=3, padding="causal", activation="elu"))
    t.layer("conv1d_same_even", SIGNAL, lambda L: L.Conv1D(5, 4, padding="same", use_bias=False))
    t.layer("conv1d_one", SIGNAL, lambda L: L.Conv1D(5, 1, activation="gelu"))
    t.layer("conv1d_any_length", (None, 3), lambda L: L.Conv1D(5, 3, strides=2, padding="same"))
    for name in ("tanh", "softplus", "selu", "swish", "softmax"):
        t.layer(f"conv2d_{name}", IMAGE, lambda L, n=name: L.Conv2D(5, (3, 2), activation=n))
    t.layer("conv2d_valid_dilated", IMAGE, lambda L: L.Conv2D(5, (3, 2), dilation_rate=(3, 2), use_bias=False))
    t.layer("conv2d_groups_same", (9, 7, 6), lambda L: L.Conv2D(9, (2, 3), strides=(2, 1), padding="same", groups=3))
    t.layer("conv2d_depthwise_groups", (9, 7, 4), lambda L: L.Conv2D(8, (3, 2), groups=4))
    t.layer("conv2d_any_size", (None, None, 3), lambda L: L.Conv2D(5, (3, 2), strides=(2, 3), padding="same"))
    t.layer("conv3d_valid", VOLUME, lambda L: L.Conv3D(2, (2, 3, 1), activation="relu", use_bias=False))
    t.layer("conv3d_same_even", VOLUME, lambda L: L.Conv3D(2, (2, 4, 3), strides=(2, 2, 1), padding="same"))
    t.layer("conv3d_dilated", VOLUME, lambda L: L.Conv3D(2, (2, 3, 2), dilation_rate=(1, 2, 1), padding="same"))
    t.layer("conv3d_groups", (5, 7, 4, 6), lambda L: L.Conv3D(4, (2, 3, 2), groups=2))
    t.first(
        "conv2d_dilated", IMAGE, lambda L, f: L.Conv2D(5, (3, 2), dilation_rate=2, activation="relu", data_format=f)
    )
    t.first("conv2d_groups", (9, 7, 6), lambda L, f: L.Conv2D(4, (3, 2), groups=2, data_format=f))
    t.first("conv3d_dilated", VOLUME, lambda L, f: L.Conv3D(2, (2, 3, 1), padding="same", data_format=f))


def _transposed(t: Any) -> None:
    for n, shape, size in ((1, SIGNAL, 3), (2, IMAGE, (3, 2)), (3, VOLUME, (2, 3, 2))):
        name = f"Conv{n}DTranspose"

        def make(L: Any, name: str = name, size: Any = size, **options: Any) -> Any:
            return getattr(L, name)(4, size, **options)

        low = f"conv{n}d_transpose"
        t.layer(f"{low}_plain", shape, lambda L, m=make: m(L, activation="tanh", use_bias=False))
        t.layer(f"{low}_stride_2", shape, lambda L, m=make: m(L, strides=2))
        t.layer(f"{low}_same_2", shape, lambda L, m=make: m(L, strides=2, padding="same"))
        t.layer(f"{low}_padded", shape, lambda L, m=make: m(L, strides=2, padding="same", output_padding=1))
        t.layer(f"{low}_padded_valid", shape, lambda L, m=make: m(L, strides=3, output_padding=1))
        t.first(f"{low}_same", shape, lambda L, f, m=make: m(L, strides=2, padding="same", data_format=f))
        t.first(f"{low}_bare", shape, lambda L, f, m=make: m(L, use_bias=False, data_format=f))
    t.layer("conv2d_transpose_any_size", (None, None, 3), lambda L: L.Conv2DTranspose(4, 3, 2, padding="same"))


def _separable(t: Any) -> None:
    t.layer("depthwise_conv1d_plain", SIGNAL, lambda L: L.DepthwiseConv1D(3, activation="relu", use_bias=False))
    t.layer("depthwise_conv1d_dilated", SIGNAL, lambda L: L.DepthwiseConv1D(3, dilation_rate=2, padding="same"))
    t.layer("depthwise_conv1d_stride", SIGNAL, lambda L: L.DepthwiseConv1D(4, strides=3, depth_multiplier=3))
    t.first("depthwise_conv1d", SIGNAL, lambda L, f: L.DepthwiseConv1D(3, depth_multiplier=2, data_format=f))
    t.layer("depthwise_conv2d_same", IMAGE, lambda L: L.DepthwiseConv2D((2, 3), padding="same", activation="relu"))
    t.layer("depthwise_conv2d_strides", IMAGE, lambda L: L.DepthwiseConv2D(3, strides=2, padding="same"))
    t.first("depthwise_conv2d_same", IMAGE, lambda L, f: L.DepthwiseConv2D((3, 2), padding="same", data_format=f))
    t.layer("separable_conv1d_plain", SIGNAL, lambda L: L.SeparableConv1D(5, 3, activation="tanh", use_bias=False))
    t.layer("separable_conv1d_strides", SIGNAL, lambda L: L.SeparableConv1D(5, 3, strides=2, padding="same"))
    t.layer("separable_conv1d_causal", SIGNAL, lambda L: L.SeparableConv1D(5, 3, padding="causal"), eras="2")
    t.layer("separable_conv1d_dilated", SIGNAL, lambda L: L.SeparableConv1D(5, 3, dilation_rate=3))
    t.first("separable_conv1d", SIGNAL, lambda L, f: L.SeparableConv1D(5, 3, depth_multiplier=2, data_format=f))
    t.layer("separable_conv2d_dilated", IMAGE, lambda L: L.SeparableConv2D(5, 2, dilation_rate=2, padding="same"))
    t.layer("separable_conv2d_multiplier", IMAGE, lambda L: L.SeparableConv2D(5, (2, 3), depth_multiplier=3))
    t.first("separable_conv2d_same", IMAGE, lambda L, f: L.SeparableConv2D(5, 3, padding="same", data_format=f))


def _pools(t: Any) -> None:
    for kind in ("Max", "Average"):
        low = kind.lower()
        for n, shape, size in ((1, SIGNAL, 3), (2, IMAGE, (3, 2)), (3, VOLUME, (3, 2, 2))):

            def make(L: Any, name: str = f"{kind}Pooling{n}D", size: Any = size, **options: Any) -> Any:
                return getattr(L, name)(size, **options)

            name = f"{low}_pooling{n}d"
            t.layer(f"{name}_default", shape, lambda L, k=kind, n=n: getattr(L, f"{k}Pooling{n}D")(2))
            t.layer(f"{name}_dense", shape, lambda L, m=make: m(L, strides=1))
            t.layer(f"{name}_dense_same", shape, lambda L, m=make: m(L, strides=1, padding="same"))
            t.layer(f"{name}_sparse", shape, lambda L, m=make: m(L, strides=3, padding="same"))
            t.layer(f"{name}_any_size", (*[None] * n, 3), lambda L, m=make: m(L, strides=2, padding="same"))
            t.first(f"{name}_strides", shape, lambda L, f, m=make: m(L, strides=2, data_format=f))
            t.first(f"{name}_same", shape, lambda L, f, m=make: m(L, padding="same", data_format=f))
            glob = f"Global{kind}Pooling{n}D"
            t.layer(f"global_{name}_kept", shape, lambda L, g=glob: getattr(L, g)(keepdims=True))
            turned = (shape[-1], *shape[:-1])
            first = {"data_format": "channels_first"}
            t.layer(f"global_{name}_first", turned, lambda L, g=glob, o=first: getattr(L, g)(**o))
            t.layer(f"global_{name}_first_kept", turned, lambda L, g=glob, o=first: getattr(L, g)(keepdims=True, **o))
            adaptive = f"Adaptive{kind}Pooling{n}D"
            t.layer(
                f"adaptive_{name}_first",
                turned,
                lambda L, a=adaptive, o=first: getattr(L, a)(4, **o),
                eras="3",
            )
            t.layer(f"adaptive_{name}_one", shape, lambda L, a=adaptive: getattr(L, a)(1), eras="3")
            t.layer(f"adaptive_{name}_three", shape, lambda L, a=adaptive: getattr(L, a)(3), eras="3")


def _sizes(t: Any) -> None:
    t.layer("zero_padding1d_int", SIGNAL, lambda L: L.ZeroPadding1D(2))
    t.layer("zero_padding1d_first", (3, 11), lambda L: L.ZeroPadding1D((2, 1), data_format="channels_first"), eras="3")
    t.layer("zero_padding2d_int", IMAGE, lambda L: L.ZeroPadding2D(2))
    t.layer("zero_padding2d_first", (3, 11, 7), lambda L: L.ZeroPadding2D((1, 2), data_format="channels_first"))
    t.layer("zero_padding3d_int", VOLUME, lambda L: L.ZeroPadding3D(1))
    pads = ((1, 0), (0, 2), (3, 1))
    t.layer("zero_padding3d_first", (3, 5, 7, 4), lambda L: L.ZeroPadding3D(pads, data_format="channels_first"))
    t.layer("cropping1d_int", SIGNAL, lambda L: L.Cropping1D(2))
    t.layer("cropping1d_none", SIGNAL, lambda L: L.Cropping1D(0))
    t.layer("cropping2d_int", IMAGE, lambda L: L.Cropping2D(2))
    t.layer("cropping2d_pair", IMAGE, lambda L: L.Cropping2D((2, 3)))
    t.layer("cropping2d_first", (3, 11, 7), lambda L: L.Cropping2D(((1, 2), (3, 0)), data_format="channels_first"))
    t.layer("cropping3d_pairs", VOLUME, lambda L: L.Cropping3D(((1, 2), (0, 3), (2, 0))))
    cuts = ((1, 2), (0, 3), (2, 0))
    t.layer("cropping3d_first", (3, 5, 7, 4), lambda L: L.Cropping3D(cuts, data_format="channels_first"))
    t.layer("up_sampling1d_2", SIGNAL, lambda L: L.UpSampling1D())
    t.layer("up_sampling1d_any", (None, 3), lambda L: L.UpSampling1D(3))
    t.layer("up_sampling2d_any", (None, None, 3), lambda L: L.UpSampling2D((3, 2)))
    bilinear = {"interpolation": "bilinear", "data_format": "channels_first"}
    t.layer("up_sampling2d_bilinear_first", (3, 5, 4), lambda L: L.UpSampling2D((3, 2), **bilinear))
    t.layer("up_sampling2d_bilinear_any", (None, None, 3), lambda L: L.UpSampling2D(2, interpolation="bilinear"))
    t.layer("up_sampling3d_2", VOLUME, lambda L: L.UpSampling3D())
    t.layer("up_sampling3d_first", (3, 5, 2, 4), lambda L: L.UpSampling3D((2, 1, 3), data_format="channels_first"))


def _shapes(t: Any) -> None:
    t.layer("flatten_rank_5", VOLUME, lambda L: L.Flatten())
    t.layer("flatten_volume_first", (3, 5, 7, 4), lambda L: L.Flatten(data_format="channels_first"))
    t.layer("reshape_flat", IMAGE, lambda L: L.Reshape((-1,)))
    t.layer("reshape_any", (None, 6), lambda L: L.Reshape((-1, 3)))
    t.layer("reshape_scalar", (1,), lambda L: L.Reshape((1, 1, 1)))
    t.layer("permute_rank_3", (4, 6), lambda L: L.Permute((2, 1)))
    t.layer("permute_rank_5", VOLUME, lambda L: L.Permute((4, 2, 1, 3)))
    t.layer("repeat_vector_one", (5,), lambda L: L.RepeatVector(1))
    t.layer("rescaling_list", (4, 3), lambda L: L.Rescaling([0.5, 2.0, -1.0], offset=[0.1, 0.2, 0.3]))
    t.layer("dense_any", (None, 5), lambda L: L.Dense(4, activation="softmax"))
    t.layer("dense_one", (1,), lambda L: L.Dense(1))
    for name in ("elu", "selu", "softplus", "softsign", "exponential", "gelu", "mish", "swish", "linear"):
        t.layer(f"dense_{name}", (5,), lambda L, n=name: L.Dense(4, activation=n))
    t.layer("prelu_axis_1", IMAGE, lambda L: L.PReLU(shared_axes=[1]))
    t.layer("prelu_any", (None, None, 3), lambda L: L.PReLU(shared_axes=[1, 2]))
    t.layer("leaky_relu_slope", IMAGE, lambda L: L.LeakyReLU(0.1))
    t.layer("relu_max", IMAGE, lambda L: L.ReLU(1.0))
    t.layer("relu_slope", IMAGE, lambda L: L.ReLU(negative_slope=0.3))
    t.layer("softmax_axis_2", IMAGE, lambda L: L.Softmax(axis=2))
    t.layer("elu_default", IMAGE, lambda L: L.ELU())
    t.layer("batch_normalization_3d", VOLUME, lambda L: L.BatchNormalization(momentum=0.9, epsilon=0.02))
    t.layer("batch_normalization_3d_axis_1", VOLUME, lambda L: L.BatchNormalization(axis=1, scale=False))
    t.layer("batch_normalization_synchronized", IMAGE, lambda L: L.BatchNormalization(synchronized=True))
    clipping = {"rmax": 3.0, "rmin": 0.3, "dmax": 5.0}
    t.layer(
        "batch_normalization_clipping",
        IMAGE,
        lambda L: L.BatchNormalization(renorm=True, renorm_clipping=clipping, renorm_momentum=0.8),
    )
    t.layer("group_normalization_epsilon", (5, 4, 6), lambda L: L.GroupNormalization(2, epsilon=0.1))
    t.layer("group_normalization_1d", (5, 6), lambda L: L.GroupNormalization(3, axis=-1, center=False, scale=False))
    t.layer("group_normalization_3d", (3, 5, 4, 6), lambda L: L.GroupNormalization(6))
    t.layer("layer_normalization_3d", VOLUME, lambda L: L.LayerNormalization(axis=[1, 2, 3]))
    t.layer("rms_normalization_epsilon", IMAGE, lambda L: L.RMSNormalization(epsilon=0.1), eras="3")
    t.layer("unit_normalization_2d", IMAGE, lambda L: L.UnitNormalization(axis=(1, 2)))
    t.layer(
        "normalization_axis_1", (4, 3), lambda L: L.Normalization(axis=1, mean=[1.0, 2, 3, 4], variance=[1, 2, 3, 4])
    )
    t.layer("normalization_axes", (2, 3), lambda L: L.Normalization(axis=(1, 2)))
    t.layer("normalization_inverse_adapted", (4, 3), lambda L: L.Normalization(invert=True))


def _training_only(t: Any) -> None:
    t.layer("dropout_noise_shape", (4, 3), lambda L: L.Dropout(0.4, noise_shape=(None, 1, 3), seed=5))
    t.layer("alpha_dropout_noise_shape", (4, 3), lambda L: L.AlphaDropout(0.4, noise_shape=(2, 1, 3), seed=5))
    t.layer("gaussian_dropout_seed", (4, 3), lambda L: L.GaussianDropout(0.4, seed=5))
    t.layer("gaussian_noise_seed", (4, 3), lambda L: L.GaussianNoise(0.4, seed=5))
    t.layer("activity_regularization_l2", (4, 3), lambda L: L.ActivityRegularization(l1=0.1, l2=0.2))
    t.layer("spatial_dropout2d_first", (3, 11, 7), lambda L: L.SpatialDropout2D(0.4, data_format="channels_first"))
    t.layer("spatial_dropout3d_first", (3, 5, 7, 4), lambda L: L.SpatialDropout3D(0.4, data_format="channels_first"))
    t.layer(
        "dense_regularised",
        (5,),
        lambda L: L.Dense(4, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l1"),
    )
    t.layer("conv2d_regularised", IMAGE, lambda L: L.Conv2D(5, 3, kernel_constraint="max_norm", bias_regularizer="l1"))


def _recurrent(t: Any) -> None:
    for name in ("SimpleRNN", "LSTM", "GRU"):
        low = name.lower()

        def make(L: Any, n: str = name, **options: Any) -> Any:
            return getattr(L, n)(4, **options)

        t.layer(f"{low}_dropout", SEQUENCE, lambda L, m=make: m(L, dropout=0.2, recurrent_dropout=0.3))
        t.layer(f"{low}_unroll", SEQUENCE, lambda L, m=make: m(L, unroll=True, return_sequences=True))
        t.layer(f"{low}_stateful", SEQUENCE, lambda L, m=make: m(L, stateful=True, return_sequences=True), fixed=True)
        t.layer(f"{low}_no_bias_state", SEQUENCE, lambda L, m=make: m(L, use_bias=False, return_state=True))
        t.layer(f"{low}_one_step", (1, 5), lambda L, m=make: m(L, return_sequences=True))
        for activation in ("sigmoid", "elu", "gelu", "swish", "exponential"):
            t.layer(f"{low}_{activation}", SEQUENCE, lambda L, m=make, a=activation: m(L, activation=a))
        for option in ("go_backwards", "return_state"):
            t.layer(
                f"bidirectional_{low}_{option}",
                SEQUENCE,
                lambda L, m=make, o=option: L.Bidirectional(m(L, return_sequences=True, **{o: True})),
                eras="23" if option == "return_state" else "2",
            )
        t.layer(
            f"time_distributed_{low}", (3, *SEQUENCE), lambda L, m=make: L.TimeDistributed(m(L, return_sequences=True))
        )
    for name in ("LSTM", "GRU"):
        low = name.lower()

        def gates(L: Any, n: str = name, **options: Any) -> Any:
            return getattr(L, n)(4, **options)

        for gate in ("tanh", "relu", "softplus", "linear"):
            t.layer(f"{low}_gates_{gate}", SEQUENCE, lambda L, m=gates, g=gate: m(L, recurrent_activation=g))
        t.layer(f"{low}_use_cudnn", SEQUENCE, lambda L, m=gates: m(L, use_cudnn=False), eras="3")
    t.layer("lstm_no_forget_bias", SEQUENCE, lambda L: L.LSTM(4, unit_forget_bias=False))
    t.layer("gru_before_state", SEQUENCE, lambda L: L.GRU(4, reset_after=False, return_state=True))


def _conv_recurrent(t: Any) -> None:
    shapes = {1: (4, 6, 3), 2: (4, 6, 5, 3), 3: (3, 4, 5, 3, 2)}
    for n, shape in shapes.items():

        def make(L: Any, n: int = n, **options: Any) -> Any:
            return getattr(L, f"ConvLSTM{n}D")(2, 2, **{"recurrent_activation": "sigmoid", **options})

        low = f"conv_lstm{n}d"
        t.layer(f"{low}_sequences", shape, lambda L, m=make: m(L, return_sequences=True, use_bias=False))
        t.layer(f"{low}_state", shape, lambda L, m=make: m(L, return_state=True, padding="same"))
        t.layer(f"{low}_backwards", shape, lambda L, m=make: m(L, go_backwards=True, strides=2))
        t.layer(f"{low}_activations", shape, lambda L, m=make: m(L, activation="relu", recurrent_activation="tanh"))
        t.layer(f"{low}_dilated", shape, lambda L, m=make: m(L, dilation_rate=2))
        t.layer(
            f"{low}_training", shape, lambda L, m=make: m(L, dropout=0.1, recurrent_dropout=0.2, unit_forget_bias=False)
        )
        t.layer(f"{low}_stateful", shape, lambda L, m=make: m(L, stateful=True), fixed=True)
        to_first = (1, n + 2, *range(2, n + 2))
        to_last = (1, *range(3, n + 3), 2)
        turned = tuple(shape[i - 1] for i in to_first)
        for sequences in (True, False):
            back = to_first if sequences else (n + 1, *range(1, n + 1))
            t.row(
                f"{low}_channels_first_{'sequences' if sequences else 'last'}",
                (turned,),
                lambda K, x, m=make, s=sequences: m(K.layers, return_sequences=s, data_format="channels_first")(x),
                twin=lambda K, x, m=make, s=sequences, a=to_last, b=back: K.layers.Permute(b)(
                    m(K.layers, return_sequences=s)(K.layers.Permute(a)(x))
                ),
            )


def _cells(t: Any) -> None:
    cells: dict[str, Callable[[Any], Any]] = {
        "simple": lambda L: L.SimpleRNNCell(4, activation="relu", use_bias=False, dropout=0.1, recurrent_dropout=0.2),
        "lstm": lambda L: L.LSTMCell(
            4, activation="elu", recurrent_activation="tanh", unit_forget_bias=False, use_bias=False
        ),
        "lstm_dropout": lambda L: L.LSTMCell(4, dropout=0.1, recurrent_dropout=0.2),
        "gru": lambda L: L.GRUCell(4, activation="relu", recurrent_activation="tanh", use_bias=False, dropout=0.1),
        "gru_before": lambda L: L.GRUCell(4, reset_after=False, recurrent_dropout=0.2),
        "stacked": lambda L: L.StackedRNNCells([L.LSTMCell(4), L.SimpleRNNCell(3)]),
        "list": lambda L: [L.GRUCell(4), L.GRUCell(4)],
    }
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "sequences": {"return_sequences": True},
        "states": {"return_state": True},
        "backwards": {"go_backwards": True, "return_sequences": True},
        "unroll": {"unroll": True},
    }
    for cell, make in cells.items():
        for how, given in options.items():
            t.layer(f"rnn_{cell}_{how}", SEQUENCE, lambda L, m=make, o=given: L.RNN(m(L), **o))
    t.layer("rnn_stateful", SEQUENCE, lambda L: L.RNN(L.GRUCell(4), stateful=True), fixed=True)
    t.row(
        "rnn_zero_output",
        SEQUENCE,
        lambda K, x: K.layers.RNN(K.layers.GRUCell(4), return_sequences=True, zero_output_for_mask=True)(
            K.layers.Masking(0.5)(x)
        ),
    )
    t.layer("bidirectional_rnn", SEQUENCE, lambda L: L.Bidirectional(L.RNN(L.LSTMCell(4), return_sequences=True)))
    t.row("simple_rnn_cell", ((5,), (4,)), lambda K, x, h: K.layers.SimpleRNNCell(4)(x, [h])[0])
    t.row("gru_cell", ((5,), (4,)), lambda K, x, h: K.layers.GRUCell(4)(x, [h])[0])
    t.row("gru_cell_before", ((5,), (4,)), lambda K, x, h: K.layers.GRUCell(4, reset_after=False)(x, [h])[0])
    t.row("lstm_cell", ((5,), (4,), (4,)), lambda K, x, h, c: _flat(K.layers.LSTMCell(4)(x, [h, c])))
    t.row(
        "stacked_cells",
        ((5,), (4,), (4,), (3,)),
        lambda K, x, h, c, s: _flat(
            K.layers.StackedRNNCells([K.layers.LSTMCell(4), K.layers.SimpleRNNCell(3)])(x, [[h, c], [s]])
        ),
    )


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [item for part in value for item in _flat(part)]
    return [value]


def _merging(t: Any) -> None:
    two, three = ((4, 3), (4, 3)), ((4, 3), (4, 3), (4, 3))
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        low = name.lower()
        t.layer(f"{low}_broadcast_time", ((4, 3), (1, 3)), lambda L, n=name: getattr(L, n)())
        t.layer(f"{low}_other_rank", ((4, 3), (3,)), lambda L, n=name: getattr(L, n)())
        t.layer(f"{low}_images", ((5, 4, 3), (5, 4, 3)), lambda L, n=name: getattr(L, n)())
        t.layer(f"{low}_gate", ((5, 4, 3), (1, 1, 3)), lambda L, n=name: getattr(L, n)())
        if name != "Subtract":
            t.layer(f"{low}_three", three, lambda L, n=name: getattr(L, n)())
    t.layer("concatenate_rank_2", ((5,), (3,)), lambda L: L.Concatenate())
    t.layer("concatenate_rank_4", ((5, 4, 3), (5, 4, 2)), lambda L: L.Concatenate(axis=3))
    t.layer("concatenate_rows", ((5, 4, 3), (2, 4, 3)), lambda L: L.Concatenate(axis=-3))
    t.layer("dot_matrix", ((4, 3), (3, 5)), lambda L: L.Dot(axes=(2, 1)))
    t.layer("dot_negative", two, lambda L: L.Dot(axes=-1, normalize=True))
    t.layer("dot_vector", ((4, 3), (3,)), lambda L: L.Dot(axes=(2, 1)))
    t.layer("dot_vector_first", ((3,), (4, 3)), lambda L: L.Dot(axes=(1, 2)))
    t.layer("dot_first_axes", ((4, 3), (4, 2)), lambda L: L.Dot(axes=1, normalize=True))


def _attention(t: Any) -> None:
    two, three = ((4, 6), (5, 6)), ((4, 6), (5, 3), (5, 6))
    t.layer("additive_attention_dropout", two, lambda L: L.AdditiveAttention(dropout=0.3))
    t.layer("attention_three", three, lambda L: L.Attention(use_scale=True, dropout=0.2))
    t.layer("attention_rank_4", ((2, 4, 6), (2, 5, 6)), lambda L: L.Attention(), eras="3")

    def heads(K: Any, **options: Any) -> Any:
        return K.layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **options})

    t.row("multi_head_window", (7, 6), lambda K, x: heads(K, sliding_window=2)(x, x), eras="3")
    t.row("multi_head_flash", (4, 6), lambda K, x: heads(K, flash_attention=False)(x, x), eras="3")
    t.row("multi_head_one", (4, 6), lambda K, x: heads(K, num_heads=1, key_dim=7, value_dim=2)(x, x))
    t.row(
        "multi_head_scores_causal",
        (4, 6),
        lambda K, x: heads(K)(x, x, use_causal_mask=True, return_attention_scores=True),
    )
    t.row("multi_head_any", ((None, 6), (None, 6)), lambda K, q, v: heads(K)(q, v))
    t.row("multi_head_rank_5", (2, 3, 4, 6), lambda K, x: heads(K, attention_axes=(2, 3))(x, x))
    t.row(
        "multi_head_masks",
        ((4,), (5,)),
        lambda K, a, b: heads(K)(
            K.layers.Embedding(7, 6, mask_zero=True)(a), K.layers.Embedding(7, 6, mask_zero=True)(b)
        ),
        kinds="ii",
    )
    t.row(
        "multi_head_masks_causal",
        (5,),
        lambda K, a: _self(heads(K), K.layers.Embedding(7, 6, mask_zero=True)(a)),
        kinds="i",
    )
    for name in ("Attention", "AdditiveAttention"):
        t.row(
            f"{name.lower()}_embedded",
            ((4,), (5,)),
            lambda K, a, b, n=name: getattr(K.layers, n)()(
                [K.layers.Embedding(7, 6, mask_zero=True)(a), K.layers.Embedding(7, 6, mask_zero=True)(b)]
            ),
            kinds="ii",
        )

    def groups(K: Any, **options: Any) -> Any:
        given = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **options}
        return K.layers.GroupQueryAttention(**given)

    t.row("group_query_dropout", two, lambda K, q, v: groups(K, dropout=0.2, flash_attention=False)(q, v), eras="3")
    t.row("group_query_same", two, lambda K, q, v: groups(K, num_key_value_heads=4)(q, v), eras="3")
    t.row("group_query_scores", two, lambda K, q, v: groups(K)(q, v, return_attention_scores=True), eras="3")
    t.row(
        "group_query_masks",
        ((4,), (5,)),
        lambda K, a, b: groups(K)(
            K.layers.Embedding(7, 6, mask_zero=True)(a), K.layers.Embedding(7, 6, mask_zero=True)(b)
        ),
        kinds="ii",
        eras="3",
    )


def _self(layer: Any, x: Any) -> Any:
    return layer(x, x, use_causal_mask=True)


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
