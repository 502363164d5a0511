"""The rarer operations of keras.ops: a row for each way of use, run by real Keras 3 (make.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    name: str
    inputs: tuple[np.ndarray, ...]
    build: Callable[..., Any]
    tolerance: float = 2e-6


ROWS: list[Row] = []


def row(name: str, inputs: Any, build: Callable[..., Any], tolerance: float = 2e-6) -> None:
    assert name not in {known.name for known in ROWS}, name
    ROWS.append(Row(name, inputs if isinstance(inputs, tuple) else (inputs,), build, tolerance))


RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(2, 4, 6)).astype(np.float32)
Y = RANDOM.normal(size=(2, 4, 6)).astype(np.float32)
WHOLE = RANDOM.integers(-9, 10, (2, 4, 6)).astype(np.int32)
SMALL = RANDOM.integers(0, 5, (2, 4, 6)).astype(np.int32)
ODD = X.copy()
ODD.ravel()[::5] = np.nan
ODD.ravel()[3::11] = np.inf
ODD.ravel()[4::13] = -np.inf
ODD.ravel()[6::17] = -0.0
ODD[1, 2] = np.nan
HOLES = np.where(np.isinf(ODD), np.float32(0.5), ODD)
SQUARE = RANDOM.normal(size=(2, 4, 4)).astype(np.float32)
COLOURS = RANDOM.uniform(0, 1, (2, 5, 4, 3)).astype(np.float32)
COLOURS[0, 0, 0] = 0.25
COLOURS[0, 0, 1] = 0
COLOURS[1, 1, :, 1] = COLOURS[1, 1, :, 0]


def _call(name: str) -> Callable[..., Any]:
    return lambda o, *xs, **options: getattr(o, name)(*xs, **options)


for _name in ("angle", "cbrt", "imag", "isneginf", "isposinf", "isreal", "signbit", "sinc", "erfc"):
    _f = _call(_name)
    row(_name, X if _name in ("cbrt", "sinc", "erfc") else ODD, _f)
    if _name not in ("erfc",):
        row(f"{_name}_integers", WHOLE, _f)
for _name in ("heaviside", "fmax", "fmin", "logaddexp2", "isclose"):
    row(_name, (ODD if _name in ("fmax", "fmin", "isclose") else X, Y), lambda o, x, y, n=_name: getattr(o, n)(x, y))
row("fmax_integers", (WHOLE, SMALL), lambda o, x, y: o.fmax(x, y))
row("isclose_nan", (ODD, ODD), lambda o, x, y: o.isclose(x, y, equal_nan=True))
row("isclose_far", (X, X + np.float32(0.01)), lambda o, x, y: o.isclose(x, y, rtol=0.01, atol=0.005))
row("allclose", (X, X), lambda o, x, y: o.allclose(x, y))
row("ldexp", (X, WHOLE), lambda o, x, y: o.ldexp(x, y))
row("left_shift", (WHOLE, SMALL), lambda o, x, y: o.left_shift(x, y))
row("bitwise_right_shift", (WHOLE, SMALL), lambda o, x, y: o.bitwise_right_shift(x, y))
row("saturate_cast", X * 200, lambda o, x: o.saturate_cast(x, "uint8"))
row("saturate_cast_int8", X * 200, lambda o, x: o.saturate_cast(x, "int8"))
row("select", (X, Y), lambda o, x, y: o.select([x > 1, y > 0], [x, y], default=-1.0))
row("isin", (WHOLE, SMALL), lambda o, x, y: o.isin(x, y))
row("isin_invert", WHOLE, lambda o, x: o.isin(x, [1, 3, -2], invert=True))
for _name in ("nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd"):
    _f = _call(_name)
    row(_name, HOLES, lambda o, x, f=_f: f(o, x), 2e-5)
    row(f"{_name}_axis", HOLES, lambda o, x, f=_f: f(o, x, axis=2), 2e-5)
    row(f"{_name}_axes", HOLES, lambda o, x, f=_f: f(o, x, axis=(1, 2), keepdims=True), 2e-5)
row("nansum_integers", WHOLE, lambda o, x: o.nansum(x, axis=1))
row("nancumsum", HOLES, lambda o, x: o.nancumsum(x, axis=1), 2e-5)
row("nancumprod", HOLES, lambda o, x: o.nancumprod(x, axis=2), 2e-5)
row("quantile", X, lambda o, x: o.quantile(x, [0.0, 0.31, 0.5, 1.0], axis=2))
row("quantile_one", X, lambda o, x: o.quantile(x, 0.3, axis=-1))
row("quantile_axes", X, lambda o, x: o.quantile(x, 0.3, axis=(1, 2), keepdims=True))
row("quantile_several", X, lambda o, x: o.quantile(x, [0.3, 0.7], axis=1, keepdims=True))
row("percentile", X, lambda o, x: o.percentile(x, 40, axis=1))
row("median", X, lambda o, x: o.median(x, axis=2))
row("median_odd", X[:, :3], lambda o, x: o.median(x, axis=1, keepdims=True))
row("median_integers", WHOLE, lambda o, x: o.median(x, axis=1))
row("searchsorted", X[:, 0, 0], lambda o, x: o.searchsorted(np.array([-1.0, 0.0, 0.5], "float32"), x))
row(
    "searchsorted_right", WHOLE[:, 0, 0], lambda o, x: o.searchsorted(np.array([-1, 0, 0, 5], "int32"), x, side="right")
)
row("digitize", X, lambda o, x: o.digitize(x, np.array([-1.0, 0.0, 0.5], "float32")))
row("in_top_k", (SMALL[:, 0, 0], X[:, 0]), lambda o, t, p: o.in_top_k(t, p, k=2))
for _name in ("sum", "max"):
    row(
        f"segment_{_name}",
        (X[:, 0].T.copy(), np.array([0, 2, 2, 0, 3, 2], np.int32)),
        lambda o, x, s, n=_name: getattr(o, f"segment_{n}")(x, s, num_segments=5),
    )
row("rot90", X, lambda o, x: o.rot90(x, axes=(1, 2)))
row("rot90_3", X, lambda o, x: o.rot90(x, k=-1, axes=(1, 2)))
row("append", (X, Y[:, :2]), lambda o, x, y: o.append(x, y, axis=1))
row("append_flat", (X, SMALL), lambda o, x, y: o.append(x, y))
row("diff", X, lambda o, x: o.diff(x))
row("diff_twice", WHOLE, lambda o, x: o.diff(x, n=2, axis=1))
row("hsplit", X, lambda o, x: o.hsplit(x, 2))
row("dsplit", X, lambda o, x: o.dsplit(x, [1, 4]))
row("kron", (X[:, 0], Y[:, 1]), lambda o, x, y: o.kron(x, y))
row("meshgrid", (X[:, 0, 0], Y[:, 0, 1]), lambda o, x, y: o.meshgrid(x, y))
row("meshgrid_ij", (X[:, 0, 0], Y[:, 0, 1]), lambda o, x, y: o.meshgrid(x, y, indexing="ij"))
row("trace", SQUARE, lambda o, x: o.trace(x, axis1=1, axis2=2))
row("trace_integers", WHOLE[:, :, :4], lambda o, x: o.trace(x, axis1=1, axis2=2))
row("trapezoid", X, lambda o, x: o.trapezoid(x, dx=0.5, axis=1))
row("vander", X[:, 0, 0], lambda o, x: o.vander(x, N=4))
row("vander_increasing", X[:, 0, 0], lambda o, x: o.vander(x, N=3, increasing=True))
row("unravel_index", SMALL[:, 0, 0], lambda o, x: o.unravel_index(x, (2, 3)))
row("slice", X, lambda o, x: o.slice(x, (0, 1, 2), (2, 2, 3)))
row("scatter_update", X, lambda o, x: o.scatter_update(x, [[0, 1], [1, 2]], np.ones((2, 6), "float32")))
row("multi_hot", SMALL[:, 0], lambda o, x: o.multi_hot(x, 5))
row("multi_hot_cube", SMALL, lambda o, x: o.multi_hot(x, 5))
row("det", SQUARE, lambda o, x: o.det(x), 1e-5)
row("slogdet", SQUARE, lambda o, x: list(o.slogdet(x)), 1e-5)
row(
    "logdet", np.matmul(SQUARE, SQUARE.transpose(0, 2, 1)) + np.eye(4, dtype=np.float32), lambda o, x: o.logdet(x), 1e-5
)
row("extract_sequences", X, lambda o, x: o.extract_sequences(x, 3, 2))
row("rfft", X, lambda o, x: list(o.rfft(x)), 1e-5)
row("rfft_longer", X, lambda o, x: list(o.rfft(x, fft_length=8)), 1e-5)
row("fft", (X, Y), lambda o, x, y: list(o.fft((x, y))), 1e-5)
row("rgb_to_hsv", COLOURS, lambda o, x: o.image.rgb_to_hsv(x), 1e-5)
row("hsv_to_rgb", COLOURS, lambda o, x: o.image.hsv_to_rgb(x), 1e-5)
row("pad_images", COLOURS, lambda o, x: o.image.pad_images(x, 2, 1, target_height=9, target_width=8))
row("crop_images", COLOURS, lambda o, x: o.image.crop_images(x, 1, 1, target_height=3, target_width=2))
row("extract_patches", COLOURS, lambda o, x: o.image.extract_patches(x, (3, 2)))
row("extract_patches_same", COLOURS, lambda o, x: o.image.extract_patches(x, 3, strides=(2, 1), padding="same"))

# --- windows of signals and pictures ----------------------------------------------------------------------------------

PICTURE = RANDOM.normal(size=(2, 7, 6, 3)).astype(np.float32)
KERNEL = RANDOM.normal(size=(3, 2, 3, 2)).astype(np.float32)
NARROW = RANDOM.normal(size=(3, 6, 2)).astype(np.float32)
POINTS = RANDOM.normal(size=(1, 1, 6, 4)).astype(np.float32)
NCHW = RANDOM.normal(size=(2, 3, 8, 7)).astype(np.float32)
SIGNALS = RANDOM.normal(size=(2, 3, 40)).astype(np.float32)

row("depthwise_conv", PICTURE, lambda o, x: o.depthwise_conv(x, KERNEL))
row("depthwise_conv_same", PICTURE, lambda o, x: o.depthwise_conv(x, KERNEL, strides=2, padding="same"))
row("depthwise_conv_dilated", PICTURE, lambda o, x: o.depthwise_conv(x, KERNEL, dilation_rate=2))
row("depthwise_conv_1d", X, lambda o, x: o.depthwise_conv(x, NARROW, padding="same"))
row("separable_conv", PICTURE, lambda o, x: o.separable_conv(x, KERNEL, POINTS, strides=2, padding="same"))
row("gaussian_blur", PICTURE, lambda o, x: o.image.gaussian_blur(x))
row("gaussian_blur_wide", PICTURE, lambda o, x: o.image.gaussian_blur(x, (3, 5), (0.7, 1.6)))
row("sobel_edges", PICTURE, lambda o, x: o.image.sobel_edges(x))
row("unfold", NCHW, lambda o, x: o.nn.unfold(x, (3, 2)), 2e-6)
row("unfold_all", NCHW, lambda o, x: o.nn.unfold(x, (3, 2), dilation=(1, 2), padding=(2, 1), stride=(2, 3)))
row("fold", SIGNALS[:, :, :30], lambda o, x: o.nn.fold(o.reshape(x, (-1, 18, 5)), (4, 6), (3, 2), stride=(2, 1)))
row("fold_all", SIGNALS, lambda o, x: o.nn.fold(o.reshape(x, (-1, 6, 20)), (7, 5), (3, 2), (1, 2), (1, 1), (2, 1)))
row("correlate_valid", SIGNALS, lambda o, x: o.correlate(x[0, 0], x[1, 1, :7]), 1e-5)
row("correlate_same", SIGNALS, lambda o, x: o.correlate(x[0, 0], x[1, 1, :6], mode="same"), 1e-5)
row("correlate_full", SIGNALS, lambda o, x: o.correlate(x[0, 0, :9], x[1, 1, :6], mode="full"), 1e-5)
row("fft2", (X, Y), lambda o, x, y: o.fft2((x, y)), 1e-5)
row("ifft2", (X, Y), lambda o, x, y: o.ifft2((x, y)), 1e-5)
row("irfft", (X, Y), lambda o, x, y: o.irfft((x, y)), 1e-5)
row("irfft_longer", (X, Y), lambda o, x, y: o.irfft((x, y), fft_length=14), 1e-5)
row("irfft_shorter", (X, Y), lambda o, x, y: o.irfft((x, y), fft_length=7), 1e-5)
row("stft", SIGNALS, lambda o, x: o.stft(x, 12, 5, 16), 1e-5)
row("stft_odd", SIGNALS, lambda o, x: o.stft(x, 11, 4, 16, window="hamming"), 1e-5)
row("stft_box", SIGNALS, lambda o, x: o.stft(x, 8, 8, 8, window=None, center=False), 1e-5)

# --- other forms ------------------------------------------------------------------------------------------------------

row("rearrange", PICTURE, lambda o, x: o.rearrange(x[1], "h w c -> c h w"))
row("rearrange_joined", PICTURE, lambda o, x: o.rearrange(x[1], "h w c -> (c h) w"))
row("rearrange_whole", PICTURE, lambda o, x: o.rearrange(x[1], "h w c -> (w h c)"))
row("rearrange_patches", PICTURE, lambda o, x: o.rearrange(x[1], "h (w q) c -> (h w) (q c)", q=2))
row("slice_update", (X, Y), lambda o, x, y: o.slice_update(x, [0, 1, 2], y[:, :2, 1:4]))
row("slice_update_moved", (X, Y), lambda o, x, y: o.slice_update(x, [0, 3, 9], y[:, :2, 1:4]))
row("slice_update_one", (X, Y), lambda o, x, y: o.slice_update(x, [0, 0, 2], y[..., :2]))
row("diag", X, lambda o, x: o.diag(x[0, 0], k=1))
row("diag_below", X, lambda o, x: o.diag(x[0, 0], k=-2))
row("diag_of_matrix", X, lambda o, x: o.diag(x[0], k=1))
row("diagflat", X, lambda o, x: o.diagflat(x[0, 1:3]))
row("scatter", X, lambda o, x: o.scatter([[1, 0], [4, 2], [1, 0], [0, 1]], x[0, :, 0], (5, 3)))
row("linspace", (X, Y), lambda o, x, y: o.linspace(x, y, num=5))
row("linspace_last", (X, Y), lambda o, x, y: o.linspace(x, y, num=4, endpoint=False, axis=-1))
row("psnr", (X, Y), lambda o, x, y: o.psnr(x, y, 2.5), 1e-5)
row("cdist", (X, Y), lambda o, x, y: o.cdist(x, y), 1e-5)
row("corrcoef", X, lambda o, x: o.corrcoef(x[0]), 1e-5)
row("nanargmax", HOLES, lambda o, x: o.nanargmax(x, axis=1))
row("nanargmin", HOLES, lambda o, x: o.nanargmin(x, axis=-1, keepdims=True))
row("nanargmax_integers", WHOLE, lambda o, x: o.nanargmax(x, axis=2))

# --- without NaN, in order --------------------------------------------------------------------------------------------

row("nanmedian", HOLES, lambda o, x: o.nanmedian(x, axis=1))
row("nanmedian_kept", HOLES, lambda o, x: o.nanmedian(x, axis=[1, 2], keepdims=True))
row("nanquantile", HOLES, lambda o, x: o.nanquantile(x, 0.3, axis=-1))
row("nanpercentile", HOLES, lambda o, x: o.nanpercentile(x, 85, axis=2, keepdims=True))
