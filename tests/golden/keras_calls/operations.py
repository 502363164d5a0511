"""The rows of what is no layer: keras.ops in models of Keras 3, functions of TensorFlow in models of Keras 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

S = (4, 6)
UNARY = {
    "f": "absolute abs fabs arctan arcsinh ceil cos cosh exp exp2 expm1 floor negative sign sin sinh square tanh trunc "
    "deg2rad rad2deg erf isinf isnan isfinite nan_to_num copy stop_gradient ravel size ones_like zeros_like "
    "flip fliplr relu relu6 sigmoid sparse_sigmoid softplus softsign soft_shrink sparse_plus silu squareplus "
    "log_sigmoid leaky_relu hard_sigmoid hard_silu elu selu gelu celu glu tanh_shrink hard_tanh hard_shrink softmax "
    "log_softmax sparsemax sum mean prod max min amax amin var std all any argmax argmin cumsum cumprod "
    "count_nonzero logsumexp ptp sort argsort normalize transpose tril triu round average",
    "p": "log log2 log10 log1p sqrt rsqrt reciprocal",
    "u": "arccos arcsin arctanh tan",
    "i": "square sum mean max absolute negative cumsum argmax sort var exp size all",
    "b": "logical_not sum any all",
}
BINARY = {
    "ff": "add subtract multiply divide true_divide maximum minimum arctan2 hypot logaddexp equal not_equal greater "
    "greater_equal less less_equal floor_divide mod divide_no_nan",
    "pf": "power",
    "ii": "add subtract multiply divide maximum equal less bitwise_and bitwise_or bitwise_xor",
    "fi": "add multiply divide greater",
    "bb": "logical_and logical_or logical_xor",
    "bi": "add",
}


def fill(t: Any) -> None:
    """Adds the rows to a table of rows.py."""
    _named(t)
    _keras(t)
    _tensorflow(t)


def _named(t: Any) -> None:
    for kind, names in UNARY.items():
        for name in names.split():
            t.row(
                f"ops_{name}_{kind}", S, lambda K, x, n=name: getattr(K.ops, n)(x), eras="3", kinds=kind, tolerance=1e-4
            )
    for kinds, names in BINARY.items():
        for name in names.split():
            t.row(f"ops_{name}_{kinds}", (S, S), lambda K, x, y, n=name: getattr(K.ops, n)(x, y), eras="3", kinds=kinds)
            if kinds == "ff" and name != "hypot":
                t.row(f"ops_{name}_number", S, lambda K, x, n=name: getattr(K.ops, n)(x, 0.5), eras="3")
                t.row(f"ops_{name}_of_number", S, lambda K, x, n=name: getattr(K.ops, n)(3, x), eras="3")
                t.row(f"ops_{name}_broadcast", (S, (1, 6)), lambda K, x, y, n=name: getattr(K.ops, n)(x, y), eras="3")
    for name in ["sum", "mean", "prod", "max", "min", "var", "std", "all", "any", "argmax", "argmin", "logsumexp"]:
        t.row(f"ops_{name}_axis", S, lambda K, x, n=name: getattr(K.ops, n)(x, axis=1), eras="3")
        t.row(f"ops_{name}_keepdims", S, lambda K, x, n=name: getattr(K.ops, n)(x, axis=-1, keepdims=True), eras="3")
    for name in ("sum", "mean", "max", "var", "logsumexp"):
        t.row(f"ops_{name}_axes", (3, 4, 5), lambda K, x, n=name: getattr(K.ops, n)(x, axis=(1, 3)), eras="3")
    for name in ("cumsum", "cumprod", "sort", "argsort", "flip"):
        t.row(f"ops_{name}_axis", S, lambda K, x, n=name: getattr(K.ops, n)(x, axis=1), eras="3")


def _keras(t: Any) -> None:
    def ops(name: str, shapes: Any, build: Callable[..., Any], **more: Any) -> None:
        t.row(f"ops_{name}", shapes, lambda K, *xs: build(K.ops, *xs), eras="3", **more)

    ops("operators", (S, S), lambda o, x, y: (x * 2 + y) / 3 - 1)
    ops("operators_reversed", S, lambda o, x: 2 - 3 * x + 1 / (x * x + 1))
    ops("neg_abs_pow", S, lambda o, x: -(abs(x) ** 2))
    ops("integer_and_float_number", S, lambda o, x: x * 0.5, kinds="i")
    ops("mobilenet_v3", S, lambda o, x: o.multiply(o.relu6(x + 3.0), 1 / 6))
    ops("getitem_slices", (4, 6, 5), lambda o, x: x[:, 1:3, ::2])
    ops("getitem_integer", (4, 6, 5), lambda o, x: x[:, -1])
    ops("getitem_all", (4, 6, 5), lambda o, x: x[:, 1, ..., None, -2:])
    ops("getitem_reversed", (4, 6, 5), lambda o, x: x[:, ::-1, 4:1:-1])
    ops("getitem_ellipsis", (4, 6, 5), lambda o, x: x[..., 2])
    ops("getitem_integers", (4, 6, 5), lambda o, x: x[:, 1, 2])
    ops("reshape", S, lambda o, x: o.reshape(x, (-1, 2, 12)))
    ops("reshape_flat", S, lambda o, x: o.reshape(x, (-1, 24)))
    ops("transpose_axes", (4, 6, 5), lambda o, x: o.transpose(x, (0, 3, 1, 2)))
    ops("swapaxes", (4, 6, 5), lambda o, x: o.swapaxes(x, 1, -1))
    ops("moveaxis", (4, 6, 5), lambda o, x: o.moveaxis(x, 1, -1))
    ops("expand_dims", S, lambda o, x: o.expand_dims(x, 1))
    ops("expand_dims_last", S, lambda o, x: o.expand_dims(x, -1))
    ops("squeeze", (1, 6), lambda o, x: o.squeeze(x, 1))
    ops("concatenate", (S, (2, 6)), lambda o, x, y: o.concatenate([x, y], axis=1))
    ops("concatenate_dtypes", (S, S), lambda o, x, y: o.concatenate([x, y], axis=-1), kinds="fi")
    ops("stack", (S, S), lambda o, x, y: o.stack([x, y], axis=1))
    ops("stack_last", (S, S), lambda o, x, y: o.stack([x, y], axis=-1))
    ops("hstack", (S, S), lambda o, x, y: o.hstack([x, y]))
    ops("vstack", (S, S), lambda o, x, y: o.vstack([x, y]))
    ops("split", S, lambda o, x: o.split(x, 3, axis=-1))
    ops("split_indices", S, lambda o, x: o.split(x, [1, 4], axis=2))
    ops("unstack", S, lambda o, x: o.unstack(x, axis=1))
    ops("take", S, lambda o, x: o.take(x, [0, 2, 2], axis=2))
    ops("take_tensor", (S, (3,)), lambda o, x, i: o.take(x, o.cast(o.minimum(i, 5), "int32"), axis=2), kinds="fi")
    ops("take_along_axis", (S, S), lambda o, x, i: o.take_along_axis(x, o.minimum(i, 3), axis=1), kinds="fi")
    ops("pad", S, lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 3))))
    ops("pad_value", S, lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=1.5))
    ops("pad_reflect", S, lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 3)), mode="reflect"))
    ops("tile", S, lambda o, x: o.tile(x, (1, 2, 3)))
    ops("repeat", S, lambda o, x: o.repeat(x, 3, axis=1))
    ops("repeat_each", S, lambda o, x: o.repeat(x, [1, 2, 0, 3], axis=1))
    ops("roll", S, lambda o, x: o.roll(x, 2, axis=1))
    ops("diagonal", (4, 6), lambda o, x: o.diagonal(x, offset=1, axis1=1, axis2=2))
    ops("tril_k", S, lambda o, x: o.tril(x, k=1))
    ops("where", (S, S), lambda o, x, y: o.where(x > 0, x, y))
    ops("where_number", S, lambda o, x: o.where(o.greater(x, 0), x, 0.5))
    ops("clip", S, lambda o, x: o.clip(x, -0.5, 0.7))
    ops("clip_integers", S, lambda o, x: o.clip(x, 1, 4), kinds="i")
    ops("round_decimals", S, lambda o, x: o.round(x, 1))
    ops("cast_int", S, lambda o, x: o.cast(x, "int32"))
    ops("cast_bool", S, lambda o, x: o.cast(x, "bool"), kinds="i")
    ops("cast_float", S, lambda o, x: o.cast(x, "float32"), kinds="b")
    ops("one_hot", (4,), lambda o, x: o.one_hot(x, 5), kinds="i")
    ops("one_hot_axis", (4,), lambda o, x: o.one_hot(x, 5, axis=1), kinds="i")
    ops("full_like", S, lambda o, x: o.full_like(x, 2))
    ops("matmul", ((4, 6), (6, 5)), lambda o, x, y: o.matmul(x, y))
    ops("matmul_operator", ((4, 6), (6, 5)), lambda o, x, y: x @ y)
    ops("matmul_integers", ((4, 6), (6, 5)), lambda o, x, y: o.matmul(x, y), kinds="ii")
    ops("einsum", ((4, 6), (5, 6)), lambda o, x, y: o.einsum("abc,adc->abd", x, y))
    ops("dot", ((4, 6), (6,)), lambda o, x, y: o.dot(x, o.transpose(y)))
    ops("tensordot", ((4, 6), (6, 4)), lambda o, x, y: o.tensordot(x, y, axes=[[1, 2], [2, 1]]))
    ops("outer", ((4,), (3,)), lambda o, x, y: o.outer(x, y))
    ops("inner", ((4, 6), (4, 6)), lambda o, x, y: o.inner(x, y))
    ops("vdot", (S, S), lambda o, x, y: o.vdot(x, y))
    ops("cross", ((4, 3), (4, 3)), lambda o, x, y: o.cross(x, y))
    ops("top_k", S, lambda o, x: list(o.top_k(x, 3)))
    ops("moments", S, lambda o, x: list(o.moments(x, axes=[1])))
    ops("norm_1", S, lambda o, x: o.norm(x, ord=1, axis=1))
    ops("normalize_axis", S, lambda o, x: o.normalize(x, axis=1))
    ops("max_initial", S, lambda o, x: o.max(x, axis=1, initial=1.0))
    ops("softmax_axis", S, lambda o, x: o.softmax(x, axis=1))
    ops("gelu_exact", S, lambda o, x: o.gelu(x, approximate=False))
    ops("leaky_relu_slope", S, lambda o, x: o.leaky_relu(x, negative_slope=0.1))
    ops("threshold", S, lambda o, x: o.threshold(x, 0.5, -1.0))
    ops("max_pool", (7, 6, 3), lambda o, x: o.max_pool(x, 2, padding="same"))
    ops("average_pool", (7, 6, 3), lambda o, x: o.average_pool(x, (3, 2), strides=1))
    ops("adaptive_max_pool", (7, 6, 3), lambda o, x: o.adaptive_max_pool(x, (3, 4)))
    ops("adaptive_average_pool", (7, 6, 3), lambda o, x: o.adaptive_average_pool(x, (3, 4)))
    ops("layer_normalization", S, lambda o, x: o.layer_normalization(x))
    ops("rms_normalization", S, lambda o, x: o.rms_normalization(x))
    ops(
        "dot_product_attention",
        ((4, 2, 3), (5, 2, 3), (5, 2, 3)),
        lambda o, q, k, v: o.dot_product_attention(q, k, v),
    )
    ops(
        "dot_product_attention_causal",
        ((4, 2, 3), (4, 2, 3), (4, 2, 3)),
        lambda o, q, k, v: o.dot_product_attention(q, k, v, is_causal=True, scale=0.3),
    )
    for method in ("nearest", "bilinear", "bicubic", "lanczos3"):
        for size in ((9, 4), (14, 12)):
            ops(
                f"resize_{method}_{size[0]}",
                (7, 6, 3),
                lambda o, x, m=method, s=size: o.image.resize(x, s, interpolation=m),
                tolerance=1e-4,
            )
    ops("resize_antialias", (7, 6, 3), lambda o, x: o.image.resize(x, (3, 4), antialias=True), tolerance=1e-4)
    ops("rgb_to_grayscale", (7, 6, 3), lambda o, x: o.image.rgb_to_grayscale(x))
    ops("depth_to_space", (3, 2, 8), lambda o, x: o.depth_to_space(x, 2))
    ops("space_to_depth", (4, 6, 3), lambda o, x: o.space_to_depth(x, 2))


def _tensorflow(t: Any) -> None:
    """Functions of TensorFlow: `tf` is reached through tf_keras, which imports it."""

    def tf_row(name: str, shapes: Any, build: Callable[..., Any], **more: Any) -> None:
        def with_tf(K: Any, *xs: Any) -> Any:
            import tensorflow as tf

            return build(tf, *xs)

        t.row(f"tf_{name}", shapes, with_tf, eras="2", tolerance=1e-4, **more)

    unary = {
        "f": "abs math.square math.exp math.tanh math.sigmoid math.sin math.cos math.floor math.ceil math.round "
        "math.sign math.negative nn.relu nn.relu6 nn.softmax nn.sigmoid nn.elu nn.selu nn.softplus nn.softsign "
        "nn.gelu nn.silu nn.leaky_relu math.erf identity stop_gradient zeros_like ones_like math.reduce_sum "
        "math.reduce_max math.reduce_logsumexp nn.log_softmax math.argmax",
        "p": "math.log math.sqrt math.rsqrt math.reciprocal math.log1p",
    }
    for kind, names in unary.items():
        for name in names.split():

            def call(tf: Any, x: Any, name: str = name) -> Any:
                for part in name.split("."):
                    tf = getattr(tf, part)
                return tf(x)

            tf_row(f"{name}_{kind}", S, call, kinds=kind)
    tf_row("operators", (S, S), lambda tf, x, y: (x * 2 + y) / 3 - 1)
    tf_row("operators_reversed", S, lambda tf, x: 2 - 3 * x + 1 / (x * x + 1))
    tf_row("neg_abs_pow", S, lambda tf, x: -(abs(x) ** 2))
    tf_row("comparisons", (S, S), lambda tf, x, y: [x > y, x >= 0.5, x < y, x <= y])
    tf_row("logical", (S, S), lambda tf, x, y: tf.logical_or(tf.logical_and(x > 0, y > 0), tf.logical_not(x > 1)))
    tf_row("maximum", (S, S), lambda tf, x, y: tf.maximum(tf.minimum(x, y), 0.1))
    tf_row("where", (S, S), lambda tf, x, y: tf.where(x > 0, x, y))
    tf_row("slices", (4, 6, 5), lambda tf, x: x[:, 1:3, ::2])
    tf_row("slices_all", (4, 6, 5), lambda tf, x: x[:, 1, ..., tf.newaxis, -2:])
    tf_row("reshape", S, lambda tf, x: tf.reshape(x, (-1, 2, 12)))
    tf_row("reshape_by_shape", S, lambda tf, x: tf.reshape(x, [tf.shape(x)[0], -1]))
    tf_row("slice_by_shape", S, lambda tf, x: x[:, tf.shape(x)[1] - 1])
    tf_row("transpose", (4, 6, 5), lambda tf, x: tf.transpose(x, (0, 3, 1, 2)))
    tf_row("concat", (S, S), lambda tf, x, y: tf.concat([x, y], axis=-1))
    tf_row("stack", (S, S), lambda tf, x, y: tf.stack([x, y], axis=1))
    tf_row("unstack", S, lambda tf, x: tf.unstack(x, axis=1))
    tf_row("split", S, lambda tf, x: tf.split(x, 3, axis=-1))
    tf_row("split_sizes", S, lambda tf, x: tf.split(x, [1, 5], axis=2))
    tf_row("expand_squeeze", S, lambda tf, x: tf.squeeze(tf.expand_dims(x, 1), [1]))
    tf_row("reduce_mean", (4, 6, 5), lambda tf, x: tf.reduce_mean(x, axis=[1, 2], keepdims=True))
    tf_row("reduce_more", S, lambda tf, x: [tf.reduce_min(x, 1), tf.reduce_prod(x, 1), tf.math.reduce_std(x, 1)])
    tf_row("cast", S, lambda tf, x: tf.cast(tf.cast(x, tf.int32), tf.float32))
    tf_row("clip", S, lambda tf, x: tf.clip_by_value(x, -0.5, 0.7))
    tf_row("matmul", ((4, 6), (5, 6)), lambda tf, x, y: tf.matmul(x, y, transpose_b=True))
    tf_row("pad", S, lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 3]]))
    tf_row("tile", S, lambda tf, x: tf.tile(x, [1, 2, 3]))
    tf_row("gather", S, lambda tf, x: tf.gather(x, [0, 2, 2], axis=2))
    tf_row("one_hot", (4,), lambda tf, x: tf.one_hot(x, 5), kinds="i")
    tf_row("resize", (7, 6, 3), lambda tf, x: tf.image.resize(x, (14, 9)))
    tf_row("resize_nearest", (7, 6, 3), lambda tf, x: tf.image.resize(x, (14, 9), method="nearest"))
    tf_row("resize_old", (7, 6, 3), lambda tf, x: tf.compat.v1.image.resize_bilinear(x, (14, 12)))
    tf_row("space_to_depth", (4, 6, 3), lambda tf, x: tf.nn.depth_to_space(tf.nn.space_to_depth(x, 2), 2))
    tf_row("l2_normalize", S, lambda tf, x: tf.math.l2_normalize(x, axis=-1))
    tf_row("add_n", (S, S), lambda tf, x, y: tf.add_n([x, y, x]))
    tf_row("pools", (7, 6, 3), lambda tf, x: tf.nn.max_pool2d(tf.nn.avg_pool2d(x, 2, 1, "SAME"), 2, 2, "VALID"))
    tf_row("top_k", S, lambda tf, x: list(tf.math.top_k(x, 3)))
    tf_row("backend", S, lambda tf, x: __import__("tf_keras").backend.mean(x, axis=1))
    tf_row("floor_mod", S, lambda tf, x: [x // 0.7, x % 0.7])
    tf_row("squared_difference", (S, S), lambda tf, x, y: tf.math.squared_difference(x, y))
    tf_row("cumsum", S, lambda tf, x: tf.cumsum(x, axis=1))
    tf_row("tensordot", ((4, 6), (6, 3)), lambda tf, x, y: tf.linalg.matmul(x, y))
