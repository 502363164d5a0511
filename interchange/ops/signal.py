"""Signals: Fourier transforms, windows, mel filters. A complex number is a pair in the last dimension."""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import dtype_of


def _complex(x):
    """Pairs, or single real numbers, of the last dimension as complex numbers."""
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    if x.shape[-1] == 1:
        return wide[..., 0]
    return np.ascontiguousarray(wide).view(np.complex64 if wide.dtype == np.float32 else np.complex128)[..., 0]


def _pairs(z, dtype):
    return np.stack([z.real, z.imag], -1).astype(dtype)


def DFT(x, dft_length=None, axis=None, *, inverse=0, onesided=0):
    """The discrete Fourier transform along `axis`, of the input cut or padded with zeros to `dft_length`.

    `onesided` 1 leaves out what the symmetry of a real input's transform gives; its inverse is real.
    """
    axis = -2 if axis is None else int(axis.item())
    axis = axis % x.ndim if axis >= 0 else axis + x.ndim
    if not 0 <= axis < x.ndim - 1:
        raise ValueError(f"the axis {axis} is not one of the signal's")
    n = None if dft_length is None else int(dft_length.item())
    z = _complex(x)
    if onesided and not inverse and z.dtype.kind == "f":
        return _pairs(np.fft.rfft(z, n, axis), x.dtype)
    if inverse and onesided:
        return np.fft.irfft(z, n, axis)[..., None].astype(x.dtype)
    y = np.fft.ifft(z, n, axis) if inverse else np.fft.fft(z, n, axis)
    if onesided:
        y = np.take(y, np.arange(y.shape[axis] // 2 + 1), axis)
    return _pairs(y, x.dtype)


def STFT(signal, frame_step, window=None, frame_length=None, *, onesided=1):
    """The Fourier transform of each frame, which starts `frame_step` after the one before, times the window."""
    if window is None and frame_length is None:
        raise ValueError("neither a window nor a frame_length is given")
    width = int(frame_length.item()) if frame_length is not None else len(window)
    step = int(frame_step.item())
    count = (signal.shape[1] - width) // step + 1
    z = _complex(signal)
    frames = z[:, np.arange(count)[:, None] * step + np.arange(width)]
    y = np.fft.fft(frames if window is None else frames * window.astype(z.real.dtype), axis=-1)
    return _pairs(y[..., : width // 2 + 1] if onesided else y, signal.dtype)


def _cosine_window(size, periodic, output_datatype, weights):
    """The sum of weights[k] * cos(k * angle) over one turn."""
    n = int(size.item())
    angle = 2 * np.pi * np.arange(n) / (n if periodic else max(n - 1, 1))
    return sum(weight * np.cos(k * angle) for k, weight in enumerate(weights)).astype(dtype_of(output_datatype))


def HannWindow(size, *, output_datatype="float32", periodic=1):
    """0.5 - 0.5 cos(2πn / N), N being the size, or one less if it is not `periodic`."""
    return _cosine_window(size, periodic, output_datatype, (0.5, -0.5))


def HammingWindow(size, *, output_datatype="float32", periodic=1):
    """25/46 - 21/46 cos(2πn / N), N being the size, or one less if it is not `periodic`."""
    return _cosine_window(size, periodic, output_datatype, (25 / 46, -21 / 46))


def BlackmanWindow(size, *, output_datatype="float32", periodic=1):
    """0.42 - 0.5 cos(2πn / N) + 0.08 cos(4πn / N), N being the size, or one less if it is not `periodic`."""
    return _cosine_window(size, periodic, output_datatype, (0.42, -0.5, 0.08))


def MelWeightMatrix(
    num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz, *, output_datatype="float32"
):
    """Triangles over a spectrum's bins, (bins, mel bins), equally wide on the mel scale, 2595 log10(1 + f / 700)."""
    bins, length, rate = (int(x.item()) for x in (num_mel_bins, dft_length, sample_rate))
    low, high = (2595 * np.log10(1 + float(x.item()) / 700) for x in (lower_edge_hertz, upper_edge_hertz))
    edges = np.arange(bins + 2) * ((high - low) / (bins + 2)) + low
    edges = ((length + 1) * (700 * (10 ** (edges / 2595) - 1)) // rate).astype(int)
    y = np.zeros((length // 2 + 1, bins))
    for i in range(bins):
        start, centre, end = edges[i : i + 3]
        if start == centre:
            y[centre, i] = 1
        else:
            rising = np.arange(start, centre + 1)
            y[rising, i] = (rising - start) / (centre - start)
        if end > centre:
            falling = np.arange(centre, end)
            y[falling, i] = (end - falling) / (end - centre)
    return y.astype(dtype_of(output_datatype))
