"""Signals: Fourier transforms, windows, mel filters. A complex number is a pair in the last dimension."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Sequence

from interchange_pyscript.kernels.tensor import Tensor, integers, transposed


def fourier(values: Sequence[complex], turn: float) -> list[complex]:
    """The sums of values[i] * exp(turn * 1j * i * k / n): by halves where n is even (J. Cooley, J. Tukey, 1965)."""
    n = len(values)
    if n % 2:
        roots = [cmath.rect(1.0, turn * i / n) for i in range(n)]
        return [sum(value * roots[i * k % n] for i, value in enumerate(values)) for k in range(n)]
    if not n:
        return []
    even, odd = fourier(values[::2], turn), fourier(values[1::2], turn)
    turned = [cmath.rect(1.0, turn * k / n) * value for k, value in enumerate(odd)]
    return [a + b for a, b in zip(even, turned)] + [a - b for a, b in zip(even, turned)]


def complex_numbers(x: Tensor) -> list[complex]:
    """Pairs, or single real numbers, of the last dimension as complex numbers."""
    if x.shape[-1] == 1:
        return list(map(complex, x.values))
    return list(map(complex, x.values[::2], x.values[1::2]))


def pairs(numbers: Iterable[complex]) -> list[float]:
    """Complex numbers as real and imaginary parts."""
    return [part for number in numbers for part in (number.real, number.imag)]


def DFT(
    x: Tensor,
    dft_length: Tensor | None = None,
    axis: Tensor | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    """The discrete Fourier transform along `axis`, of the input cut or padded with zeros to `dft_length`.

    `onesided` 1 leaves out what the symmetry of a real input's transform gives; its inverse is real.
    """
    rank = len(x.shape)
    place = -2 if axis is None else integers(axis)[0]
    place = place + rank if place < 0 else place
    if not 0 <= place < rank - 1:
        raise ValueError(f"the axis {place} is not one of the signal's")
    order = [*(i for i in range(rank) if i not in (place, rank - 1)), place, rank - 1]
    moved = transposed(x, order)
    size, numbers = x.shape[place], complex_numbers(moved)
    real = bool(inverse and onesided)
    n = integers(dft_length)[0] if dft_length is not None else 2 * (size - 1) if real else size
    result: list[float] = []
    count = n
    for start in range(0, len(numbers), max(size, 1)):
        line = (numbers[start : start + size] + [0j] * n)[: n // 2 + 1 if real else n]
        if real:  # the other half of the spectrum mirrors this one
            line = [line[k] if k <= n // 2 else line[n - k].conjugate() for k in range(n)]
        made = fourier(line, 2 * math.pi if inverse else -2 * math.pi)
        made = [value / n for value in made] if inverse else made
        if real:
            result += [value.real for value in made]
        else:
            count = n // 2 + 1 if onesided else n
            result += pairs(made[:count])
    shape = [*(x.shape[i] for i in order[:-2]), count, 1 if real else 2]
    return transposed(Tensor(result, shape), [order.index(i) for i in range(rank)])


def STFT(
    signal: Tensor,
    frame_step: Tensor,
    window: Tensor | None = None,
    frame_length: Tensor | None = None,
    *,
    onesided: int = 1,
) -> Tensor:
    """The Fourier transform of each frame, which starts `frame_step` after the one before, times the window."""
    if frame_length is not None:
        width = integers(frame_length)[0]
    elif window is not None:
        width = len(window.values)
    else:
        raise ValueError("neither a window nor a frame_length is given")
    batch, length = signal.shape[:2]
    step, factors = integers(frame_step)[0], [1.0] * width if window is None else window.values
    starts = range(0, length - width + 1, step)
    bins = width // 2 + 1 if onesided else width
    numbers, result = complex_numbers(signal), []
    for sample in range(batch):
        for start in starts:
            frame = numbers[sample * length + start : sample * length + start + width]
            result += pairs(fourier([v * f for v, f in zip(frame, factors)], -2 * math.pi)[:bins])
    return Tensor(result, (batch, len(starts), bins, 2))


def cosine_window(size: Tensor, periodic: int, weights: Sequence[float]) -> Tensor:
    """The sum of weights[k] * cos(k * angle) over one turn."""
    n = integers(size)[0]
    unit = 2 * math.pi / (n if periodic else max(n - 1, 1))
    return Tensor([sum(w * math.cos(k * unit * i) for k, w in enumerate(weights)) for i in range(n)], (n,))


def HannWindow(size: Tensor, *, output_datatype: str = "float32", periodic: int = 1) -> Tensor:
    """0.5 - 0.5 cos(2 pi n / N), N being the size, or one less if it is not `periodic`."""
    return cosine_window(size, periodic, (0.5, -0.5))


def HammingWindow(size: Tensor, *, output_datatype: str = "float32", periodic: int = 1) -> Tensor:
    """25/46 - 21/46 cos(2 pi n / N), N being the size, or one less if it is not `periodic`."""
    return cosine_window(size, periodic, (25 / 46, -21 / 46))


def BlackmanWindow(size: Tensor, *, output_datatype: str = "float32", periodic: int = 1) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N), N being the size, or one less if it is not `periodic`."""
    return cosine_window(size, periodic, (0.42, -0.5, 0.08))


def MelWeightMatrix(
    num_mel_bins: Tensor,
    dft_length: Tensor,
    sample_rate: Tensor,
    lower_edge_hertz: Tensor,
    upper_edge_hertz: Tensor,
    *,
    output_datatype: str = "float32",
) -> Tensor:
    """Triangles over a spectrum's bins, (bins, mel bins), equally wide on the mel scale, 2595 log10(1 + f / 700)."""
    bins, length, rate = (integers(x)[0] for x in (num_mel_bins, dft_length, sample_rate))
    low, high = (2595 * math.log10(1 + x.values[0] / 700) for x in (lower_edge_hertz, upper_edge_hertz))
    mels = [i * ((high - low) / (bins + 2)) + low for i in range(bins + 2)]
    edges = [int((length + 1) * (700 * (10 ** (mel / 2595) - 1)) // rate) for mel in mels]
    height = length // 2 + 1
    values = [0.0] * (height * bins)
    for i in range(bins):
        start, centre, end = edges[i : i + 3]
        for k in range(start, centre + 1):
            values[k * bins + i] = (k - start) / (centre - start) if centre > start else 1.0
        for k in range(centre, end):
            values[k * bins + i] = (end - k) / (end - centre)
    return Tensor(values, (height, bins))
