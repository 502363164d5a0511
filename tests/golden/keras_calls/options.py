"""More rows, which make options.tar.xz: the options of layers one by one; layers together are in wirings.py."""

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
    t.layer("group_normalization_vector", (6,), lambda L: L.GroupNormalization(2, epsilon=0.01))
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
