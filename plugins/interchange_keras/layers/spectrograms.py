"""Sounds as spectra: STFTSpectrogram, MelSpectrogram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras.eras import Version
from interchange_keras.layer import Layer, LayerFunction, Tensor, weights_by
from interchange_keras.options import decode

MOST_BINS = 1 << 16
EPSILON = 1e-7  # keras.config.epsilon() as it is by default


def _kernels(class_name: str, options: Mapping[str, Any], version: Version) -> Sequence[str]:
    mode = options.get("mode")
    return [*(["real_kernel"] if mode != "imag" else []), *(["imag_kernel"] if mode != "real" else [])]


@weights_by(_kernels, ["real_kernel", "imag_kernel"])
def stft_spectrogram(
    layer: Layer,
    x: str,
    *,
    mode: str = "log",
    frame_length: int = 256,
    frame_step: int | None = None,
    fft_length: int | None = None,
    window: Any = "hann",
    periodic: bool = False,
    scaling: str | None = "density",
    padding: str = "valid",
    expand_dims: bool = False,
    data_format: str | None = None,
) -> str:
    """Convolutions with the kernels of the file, in which window and scaling are; each channel for itself."""
    if mode not in ("log", "magnitude", "psd", "real", "imag", "angle", "stft"):
        layer.reject(f"mode is {mode!r}")
    if padding not in ("valid", "same"):
        layer.reject(f"padding is {padding!r}")
    step = frame_step or frame_length // 2
    if not 0 < frame_length <= MOST_BINS or not 0 < step <= frame_length:
        layer.reject(f"frame_length is {frame_length}, frame_step {frame_step}")
    fft_length = fft_length or 2 ** math.ceil(math.log2(frame_length))
    if not frame_length <= fft_length <= MOST_BINS:
        layer.reject(f"fft_length is {fft_length}")
    is_last = data_format != "channels_first"
    signal = layer.add("Transpose", x, perm=[0, 2, 1]) if is_last else x
    channels = layer.shape(signal)[1]
    if channels is None:
        layer.refuse("the number of channels of its input is not known")
    bins = fft_length // 2 + 1

    def part(name: str) -> str:
        """(batch, channels, bins, frames)"""
        kernel = layer.array(name, (frame_length, 1, bins)).transpose(2, 1, 0)
        kernel_name = layer.constant(name, np.ascontiguousarray(np.tile(kernel, (channels, 1, 1))))
        pad = "SAME_UPPER" if padding == "same" else "VALID"
        y = layer.add("Conv", signal, kernel_name, strides=[step], auto_pad=pad, group=channels)
        frames = layer.add("Shape", y, start=2)
        head = layer.add("Shape", y, end=1)
        return layer.add("Reshape", y, layer.add("Concat", head, [channels, bins], frames, axis=0))

    real = part("real_kernel") if mode != "imag" else ""
    imag = part("imag_kernel") if mode != "real" else ""
    return _arranged(layer, _of_mode(layer, mode, real, imag), is_last, expand_dims)


def _of_mode(layer: Layer, mode: str, real: str, imag: str) -> str:
    if mode in ("real", "imag"):
        return real or imag
    if mode == "stft":
        return layer.add("Concat", real, imag, axis=2)
    if mode == "angle":
        from interchange_keras.operations.elementwise import arctan2  # of the hundreds there; few models need one

        return arctan2(layer, Tensor(imag), Tensor(real))
    power = layer.add("Add", layer.add("Mul", real, real), layer.add("Mul", imag, imag))
    if mode == "psd":  # but for the first and the last bin, there is the same again below zero
        inner = layer.add("Slice", power, [1], [-1], [2])
        return layer.add("Add", power, layer.add("Pad", inner, [1, 1], None, [2]))
    magnitude = layer.add("Sqrt", layer.add("Max", power, EPSILON))
    return magnitude if mode == "magnitude" else layer.add("Log", layer.add("Max", magnitude, EPSILON))


def _arranged(layer: Layer, y: str, is_last: bool, expand_dims: bool) -> str:
    """(batch, channels, bins, frames) as the layer gives it."""
    if expand_dims:
        return layer.add("Transpose", y, perm=[0, 3, 2, 1] if is_last else [0, 1, 3, 2])
    shape = layer.shape(y)
    joined = int(shape[1] or 0) * int(shape[2] or 0)
    sizes = layer.add("Concat", layer.add("Shape", y, end=1), [joined], layer.add("Shape", y, start=3), axis=0)
    y = layer.add("Reshape", y, sizes)
    return layer.add("Transpose", y, perm=[0, 2, 1]) if is_last else y


def mel_spectrogram(
    layer: Layer,
    x: str,
    *,
    fft_length: int = 2048,
    sequence_stride: int = 512,
    sequence_length: int | None = None,
    window: Any = "hann",
    sampling_rate: float = 16000,
    num_mel_bins: int = 128,
    min_freq: float = 20.0,
    max_freq: float | None = None,
    power_to_db: bool = True,
    top_db: float = 80.0,
    mag_exp: float = 2.0,
    min_power: float = 1e-10,
    ref_power: float = 1.0,
) -> str:
    """Decibels of the power in bands on the mel scale, at most `top_db` below the loudest of the whole batch."""
    length = sequence_length or fft_length
    if not (0 < length <= fft_length <= MOST_BINS and sequence_stride > 0 and 0 < num_mel_bins <= MOST_BINS):
        layer.reject(f"fft_length is {fft_length}, sequence_length {length}, num_mel_bins {num_mel_bins}")
    rank = layer.rank(x)
    if rank != 2:
        layer.refuse(f"its input has {rank} dimensions instead of 2")
    dtype = layer.compute_dtype if layer.compute_dtype in ("float32", "float64") else "float32"
    around = fft_length // 2
    signal = layer.add("Pad", layer.cast(x, dtype), [around, around], None, [1], mode="reflect")
    before = (fft_length - length) // 2
    taper = np.pad(_window(layer, window, length), (before, fft_length - length - before)).astype(dtype)
    signal = layer.add("Unsqueeze", signal, [2])
    frames = layer.add("STFT", signal, np.asarray(sequence_stride, np.int64), layer.constant("window", taper))
    power = layer.add("ReduceSum", layer.add("Mul", frames, frames), [3], keepdims=0)
    exponent = layer.cast(layer.constant("exponent", np.asarray(mag_exp, np.float64)), dtype)
    spectrum = layer.add("Pow", layer.add("Sqrt", power), exponent)
    bands = _mel_bands(num_mel_bins, fft_length // 2 + 1, sampling_rate, min_freq, max_freq or int(sampling_rate / 2))
    y = layer.add("MatMul", spectrum, layer.cast(layer.constant("rows", bands), dtype))
    if power_to_db:
        ten = 10 / math.log(10)
        loud = layer.add("Mul", layer.add("Log", layer.add("Max", y, min_power)), ten)
        loud = layer.add("Sub", loud, 10 * math.log10(max(abs(ref_power), min_power)))
        y = layer.add("Max", loud, layer.add("Sub", layer.add("ReduceMax", loud, keepdims=0), top_db))
    return layer.cast(layer.add("Transpose", y, perm=[0, 2, 1]), layer.compute_dtype)


def _window(layer: Layer, window: Any, length: int) -> Array:
    if window is None:
        return np.ones(length)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            layer.reject(f"window is {window!r}")
        share = 0.5 if window == "hann" else 0.54
        return share - (1 - share) * np.cos(2 * np.pi * np.arange(length) / length)
    values = np.asarray(decode(window), np.float64)
    if values.shape != (length,):
        layer.reject(f"its window has the shape {list(values.shape)}")
    return values


def _mel_bands(bands: int, bins: int, rate: float, low: float, high: float) -> Array:
    """(bins, bands): triangles of height 1 that are equally wide on the mel scale, 1127 ln(1 + f / 700).

    Computed in float32 step by step as Keras does it; of the first bin, which is no tone, there is nothing.
    """
    kind = np.float32

    def mel(f: Any) -> Array:
        scaled: Array = kind(1127.0) * np.log(kind(1) + np.asarray(f, kind) / kind(700))
        return scaled

    tones = mel(np.linspace(kind(0), kind(rate) / kind(2), bins, dtype=kind)[1:])[:, None]
    edges = np.linspace(mel(low), mel(high), bands + 2, dtype=kind)
    rising = (tones - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - tones) / (edges[2:] - edges[1:-1])
    weights: Array = np.pad(np.maximum(0, np.minimum(rising, falling)), ((1, 0), (0, 0))).astype(np.float32)
    return weights


LAYERS: Mapping[str, LayerFunction] = {"MelSpectrogram": mel_spectrogram, "STFTSpectrogram": stft_spectrogram}
