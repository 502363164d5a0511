"""Operators and functions of TensorFlow that users write between layers: rows of the table in rows.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _residual(K: Any, x: Any) -> Any:
    y = K.layers.Dense(6)(x)
    return K.layers.Dense(3)(y * 0.5 + x - 1.0)


def _tf(name: str) -> Any:
    import tensorflow as tf

    made = tf
    for part in name.split("."):
        made = getattr(made, part)
    return made


FUNCTIONS = {
    "abs": lambda x: _tf("abs")(x),
    "argmax": lambda x: _tf("argmax")(x, axis=-1),
    "backend_mean": lambda x: _tf("keras.backend.mean")(x, axis=[1, 2]),
    "backend_sum": lambda x: _tf("keras.backend.sum")(x, axis=-1, keepdims=True),
    "backend_square": lambda x: _tf("keras.backend.square")(x),
    "backend_concatenate": lambda x: _tf("keras.backend.concatenate")([x, x], axis=1),
    "backend_batch_flatten": lambda x: _tf("keras.backend.batch_flatten")(x),
    "backend_permute": lambda x: _tf("keras.backend.permute_dimensions")(x, (0, 3, 1, 2)),
    "backend_softmax": lambda x: _tf("keras.backend.softmax")(x),
    "backend_relu": lambda x: _tf("keras.backend.relu")(x, alpha=0.1, max_value=1.5),
    "backend_resize": lambda x: _tf("keras.backend.resize_images")(x, 2, 3, "channels_last"),
    "backend_expand": lambda x: _tf("keras.backend.expand_dims")(x, 1),
    "backend_l2": lambda x: _tf("keras.backend.l2_normalize")(x, axis=-1),
    "broadcast_to": lambda x: _tf("broadcast_to")(x[:, :1], [2, 5, 4, 3]),
    "cast": lambda x: _tf("cast")(x, "int32"),
    "ceil_floor": lambda x: _tf("math.ceil")(x) + _tf("floor")(x),
    "clip": lambda x: _tf("clip_by_value")(x, -1.0, 0.5),
    "concat": lambda x: _tf("concat")([x, x * 2.0], axis=-1),
    "cumsum": lambda x: _tf("cumsum")(x, axis=1, reverse=True),
    "einsum": lambda x: _tf("einsum")("bijc,bkjc->bik", x, x),
    "exp_log": lambda x: _tf("math.log")(_tf("exp")(x) + 1.0),
    "expand_dims": lambda x: _tf("expand_dims")(x, -1),
    "gather": lambda x: _tf("gather")(x, [2, 0], axis=1),
    "image_resize": lambda x: _tf("image.resize")(x, (7, 9)),
    "image_resize_nearest": lambda x: _tf("image.resize")(x, (7, 9), method="nearest"),
    "image_bicubic": lambda x: _tf("image.resize")(x, (7, 9), method="bicubic"),
    "image_flip": lambda x: _tf("image.flip_left_right")(x),
    "image_standard": lambda x: _tf("image.per_image_standardization")(x),
    "image_gray": lambda x: _tf("image.rgb_to_grayscale")(x),
    "v1_bilinear": lambda x: _tf("compat.v1.image.resize_bilinear")(x, (7, 9)),
    "v1_bilinear_corners": lambda x: _tf("compat.v1.image.resize_bilinear")(x, (7, 9), align_corners=True),
    "v1_nearest": lambda x: _tf("compat.v1.image.resize_nearest_neighbor")(x, (7, 9)),
    "l2_normalize": lambda x: _tf("math.l2_normalize")(x, axis=-1),
    "leaky_relu": lambda x: _tf("nn.leaky_relu")(x),
    "linalg_norm": lambda x: _tf("norm")(x, axis=-1),
    "matmul": lambda x: _tf("matmul")(x, x, transpose_b=True),
    "maximum": lambda x: _tf("maximum")(x, 0.25),
    "moments": lambda x: _tf("nn.moments")(x, axes=[1, 2])[1],
    "nn_avg_pool": lambda x: _tf("nn.avg_pool2d")(x, 2, 2, "SAME"),
    "nn_max_pool": lambda x: _tf("nn.max_pool2d")(x, 2, 1, "VALID"),
    "nn_relu6": lambda x: _tf("nn.relu6")(x * 4.0),
    "nn_swish": lambda x: _tf("nn.swish")(x),
    "nn_softmax": lambda x: _tf("nn.softmax")(x, axis=1),
    "nn_sigmoid": lambda x: _tf("sigmoid")(x),
    "nn_lrn": lambda x: _tf("nn.local_response_normalization")(x, 2, alpha=0.1),
    "one_hot": lambda x: _tf("one_hot")(_tf("argmax")(x, axis=-1), 3),
    "pad_reflect": lambda x: _tf("pad")(x, [[0, 0], [1, 1], [2, 0], [0, 0]], mode="REFLECT"),
    "pad_symmetric": lambda x: _tf("pad")(x, [[0, 0], [1, 1], [2, 0], [0, 0]], mode="SYMMETRIC"),
    "pad_constant": lambda x: _tf("pad")(x, [[0, 0], [1, 1], [2, 0], [0, 0]], constant_values=0.5),
    "pow": lambda x: _tf("pow")(_tf("abs")(x) + 0.1, 1.5),
    "reduce_all": lambda x: [
        _tf("reduce_max")(x, axis=1),
        _tf("reduce_sum")(x, axis=[1, 2]),
        _tf("reduce_mean")(x, -1),
    ],
    "reduce_std": lambda x: _tf("math.reduce_std")(x, axis=[1, 2]),
    "reshape": lambda x: _tf("reshape")(x, [-1, 4, 15]),
    "reshape_dynamic": lambda x: _tf("reshape")(x, [_tf("shape")(x)[0], 4, -1]),
    "reverse": lambda x: _tf("reverse")(x, axis=[1]),
    "roll": lambda x: _tf("roll")(x, shift=1, axis=2),
    "round": lambda x: _tf("round")(x),
    "rsqrt": lambda x: _tf("math.rsqrt")(_tf("abs")(x) + 1.0),
    "shape_times": lambda x: x * _tf("cast")(_tf("shape")(x)[1], "float32"),
    "sign_sqrt": lambda x: _tf("sign")(x) * _tf("sqrt")(_tf("abs")(x) + 1e-3),
    "space_to_depth": lambda x: _tf("nn.depth_to_space")(_tf("nn.space_to_depth")(x[:, :4], 2), 2),
    "split": lambda x: _tf("split")(x, 3, axis=-1)[1:],
    "split_sizes": lambda x: _tf("split")(x, [1, 2], axis=-1),
    "squared_difference": lambda x: _tf("math.squared_difference")(x, 0.5),
    "squeeze": lambda x: _tf("squeeze")(x[:, :1], axis=1),
    "stack": lambda x: _tf("stack")([x, -x], axis=2),
    "stop_gradient": lambda x: _tf("stop_gradient")(x) + x,
    "strided_slice": lambda x: _tf("strided_slice")(x, [0, 1, 0, 0], [2, 5, 4, 2], [1, 2, 1, 1]),
    "tensordot": lambda x: _tf("tensordot")(x, x[0, 0], axes=[[3], [1]]),
    "tile": lambda x: _tf("tile")(x, [1, 2, 1, 1]),
    "top_k": lambda x: list(_tf("math.top_k")(x, k=2)),
    "transpose": lambda x: _tf("transpose")(x, [0, 2, 3, 1]),
    "unstack": lambda x: _tf("unstack")(x, axis=1),
    "where": lambda x: _tf("where")(x > 0.0, x, x * 0.5),
    "zeros_like": lambda x: _tf("zeros_like")(x) + _tf("ones_like")(x),
    "identity": lambda x: _tf("identity")(x),
    "erf": lambda x: _tf("math.erf")(x),
    "logical": lambda x: _tf("logical_and")(x > 0.0, x < 1.0),
    "add_n": lambda x: _tf("add_n")([x, x, x]),
    "multiply_constant": lambda x: _tf("multiply")(x, np.array([0.1, 0.2, 0.3], np.float32)),
    "subtract_constant": lambda x: x - np.array([103.9, 116.8, 123.7], np.float32),
    "batch_constant": lambda x: _tf("matmul")(x, np.array([[1, 2, 3, 4]] * 3, np.float32)),
}
KERNEL = (np.arange(54) % 11 - 5).reshape(3, 3, 3, 2).astype(np.float32) / 7
DEPTHWISE = (np.arange(36) % 7 - 3).reshape(3, 2, 3, 2).astype(np.float32) / 5
# functions that came later to this table than those above
LATER = {
    "argsort": lambda x: _tf("argsort")(x, axis=1),
    "argsort_descending": lambda x: _tf("argsort")(x, direction="DESCENDING"),
    "band_part": lambda x: _tf("linalg.band_part")(x, 1, 0),
    "band_part_upper": lambda x: _tf("linalg.band_part")(x, -1, 1),
    "batch_normalization": lambda x: _tf("nn.batch_normalization")(
        x, np.array([0.1, 0.2, 0.3], np.float32), np.array([1.5, 2, 2.5], np.float32), 0.5, 2.0, 1e-3
    ),
    "clip_by_norm": lambda x: _tf("clip_by_norm")(x, 2.0, axes=[1, 2]),
    "conv1d": lambda x: _tf("nn.conv1d")(x[:, 0], KERNEL[0], 2, "SAME"),
    "conv2d": lambda x: _tf("nn.conv2d")(x, KERNEL, [1, 2, 1, 1], "SAME"),
    "conv2d_dilated": lambda x: _tf("nn.conv2d")(x, KERNEL[:2, :2], 1, "VALID", dilations=2),
    "count_nonzero": lambda x: _tf("math.count_nonzero")(_tf("nn.relu")(x), axis=-1, dtype="int32"),
    "count_nonzero_all": lambda x: x * _tf("cast")(_tf("math.count_nonzero")(_tf("nn.relu")(x)), "float32"),
    "crelu": lambda x: _tf("nn.crelu")(x),
    "depthwise_conv2d": lambda x: _tf("nn.depthwise_conv2d")(x, DEPTHWISE, [1, 1, 1, 1], "SAME"),
    "diag_part": lambda x: _tf("linalg.diag_part")(x),
    "embedding_lookup": lambda x: _tf("nn.embedding_lookup")(
        np.arange(12, dtype=np.float32).reshape(4, 3), _tf("argmax")(x, axis=-1)
    ),
    "erfc": lambda x: _tf("math.erfc")(x),
    "euclidean_norm": lambda x: _tf("math.reduce_euclidean_norm")(x, axis=[1, 2], keepdims=True),
    "gather_nd": lambda x: _tf("gather_nd")(x, [[0, 1], [1, 4]]),
    "gather_nd_batch": lambda x: _tf("gather_nd")(x, [[[1, 0]], [[4, 3]]], batch_dims=1),
    "image_brightness": lambda x: _tf("image.adjust_brightness")(x, 0.25),
    "image_central": lambda x: _tf("image.central_crop")(x, 0.6),
    "image_contrast": lambda x: _tf("image.adjust_contrast")(x, 1.75),
    "image_crop_box": lambda x: _tf("image.crop_to_bounding_box")(x, 1, 0, 3, 2),
    "image_crop_or_pad": lambda x: _tf("image.resize_with_crop_or_pad")(x, 2, 7),
    "image_flip_up": lambda x: _tf("image.flip_up_down")(x),
    "image_gamma": lambda x: _tf("image.adjust_gamma")(_tf("abs")(x), 1.5, 0.5),
    "image_gray_to_rgb": lambda x: _tf("image.grayscale_to_rgb")(x[..., :1]),
    "image_hsv": lambda x: _tf("image.rgb_to_hsv")(_tf("sigmoid")(x)),
    "image_from_hsv": lambda x: _tf("image.hsv_to_rgb")(_tf("sigmoid")(x)),
    "image_pad_box": lambda x: _tf("image.pad_to_bounding_box")(x, 1, 2, 8, 7),
    "image_patches": lambda x: _tf("image.extract_patches")(x, [1, 2, 3, 1], [1, 2, 1, 1], [1, 1, 1, 1], "SAME"),
    "image_transpose": lambda x: _tf("image.transpose")(x),
    "l2_loss": lambda x: x * _tf("nn.l2_loss")(x),
    "lrn": lambda x: _tf("nn.lrn")(x, 1, 2.0, 0.5, 0.75),
    "moments_kept": lambda x: list(_tf("nn.moments")(x, [1], keepdims=True)),
    "multiply_no_nan": lambda x: _tf("math.multiply_no_nan")(1.0 / x, _tf("nn.relu")(x)),
    "norm_1": lambda x: _tf("norm")(x, ord=1, axis=1, keepdims=True),
    "norm_3": lambda x: _tf("norm")(x, ord=3, axis=-1),
    "norm_all": lambda x: x / _tf("norm")(x),
    "norm_inf": lambda x: _tf("norm")(x, ord=np.inf, axis=2),
    "norm_matrix": lambda x: _tf("norm")(x, axis=[1, 2]),
    "ones_of_shape": lambda x: x[..., 0] + _tf("ones")(_tf("shape")(x)[:3]),
    "range": lambda x: x + _tf("cast")(_tf("range")(_tf("shape")(x)[2]), "float32")[:, None],
    "roll_list": lambda x: _tf("roll")(x, shift=[1, -2], axis=[1, 3]),
    "sequence_mask": lambda x: _tf("sequence_mask")(_tf("cast")(_tf("abs")(x[..., 0, 0]) * 3, "int32"), 6),
    "size_rank": lambda x: x / _tf("cast")(_tf("size")(x) + _tf("rank")(x), "float32"),
    "slice": lambda x: _tf("slice")(x, [0, 1, 0, 1], [-1, 2, 4, -1]),
    "sort": lambda x: _tf("sort")(x, axis=2),
    "sort_descending": lambda x: _tf("sort")(x, axis=1, direction="DESCENDING"),
    "strided_masks": lambda x: _tf("strided_slice")(
        x, [0, 3, 0, 0], [0, 0, 0, 2], [1, -1, 1, 1], begin_mask=1, end_mask=3, ellipsis_mask=4
    ),
    "strided_new_axis": lambda x: _tf("strided_slice")(x, [0, 0, 1], [2, 1, 2], new_axis_mask=2, shrink_axis_mask=4),
    "tensordot_number": lambda x: _tf("tensordot")(x, KERNEL[0, 0], 1),
    "trace": lambda x: _tf("linalg.trace")(x),
    "v1_bicubic": lambda x: _tf("compat.v1.image.resize_bicubic")(x, (7, 3)),
    "v1_bicubic_corners": lambda x: _tf("compat.v1.image.resize_bicubic")(x, (7, 9), align_corners=True),
    "v1_bicubic_half": lambda x: _tf("compat.v1.image.resize_bicubic")(x, (7, 9), half_pixel_centers=True),
    "xlogy": lambda x: _tf("math.xlogy")(_tf("nn.relu")(x), _tf("abs")(x)),
    "zeros_of_shape": lambda x: _tf("zeros")(_tf("shape")(x)) - x,
}


def fill(row: Callable[..., None], values: Callable[..., np.ndarray], picture: np.ndarray) -> None:
    """Adds the rows by `row`."""
    row("operators", values(2, 6), _residual)
    row("operators_reversed", values(2, 6), lambda K, x: K.layers.Dense(3)(1.0 - 2.0 * x))
    row("operators_two", (values(2, 6), values(2, 6, seed=5)), lambda K, x, y: [x / (y * y + 1.0), -x, x**2.0])
    row("operators_compare", (values(2, 6), values(2, 6, seed=5)), lambda K, x, y: [x > y, x <= 0.5])
    row("slices", values(2, 5, 6), lambda K, x: K.layers.Concatenate()([x[:, 0], x[:, -1, 1:4], x[:, 1:, 2][:, ::2]]))
    row("slice_pictures", picture, lambda K, x: K.layers.Concatenate()([x[:, 1:, :-1], x[:, :-1, 1:, ::-1]]))
    for name, function in FUNCTIONS.items():
        row(f"call_{name}", picture, lambda K, x, f=function: f(x), eras="2", fixed=name == "broadcast_to")
        if name in ("reshape_dynamic", "shape_times", "image_resize", "pad_reflect", "reduce_std"):
            row(f"call_{name}_any", picture, lambda K, x, f=function: f(x), eras="2", open=[(None, None, 3)])
    for name, function in LATER.items():
        row(f"later_{name}", picture, lambda K, x, f=function: f(x), eras="2", fixed=name.startswith("gather_nd"))
    for name in ("pad_symmetric", "roll", "image_flip", "strided_slice"):
        row(f"later_{name}_any", picture, lambda K, x, f=FUNCTIONS[name]: f(x), eras="2", open=[(None, None, 3)])
    row(
        "preprocessed_by_constants",
        values(2, 5, 4, 3, dtype="uint8"),
        lambda K, x: K.layers.Conv2D(2, 3)(_tf("cast")(x, "float32") / 127.5 - 1.0),
        eras="2",
    )
