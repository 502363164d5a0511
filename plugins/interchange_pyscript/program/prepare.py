"""Turns an image into the numbers that the model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, transposed
from interchange_pyscript.program.numbers import InputError

BITS = 22  # of the fraction: shares of pixels are integers, in units of 2**-BITS
HALF = 1 << (BITS - 1)


def image_plan(shape: Sequence[Any], settings: Mapping[str, Any]) -> tuple[int | None, int | None, str, bool]:
    """(height, width, colour, channels first) of the images for an input of that shape, the batch included."""
    sample = list(shape[1:])
    first = len(sample) == 3 and sample[0] in (1, 3) and sample[2] not in (1, 3)
    first = settings["layout"] == "NCHW" if settings.get("layout") else first
    channels = sample[0] if first else sample[2] if len(sample) == 3 else 1
    sizes = sample[1:] if first else sample[:2] if len(sample) > 1 else [None, None]
    height, width = settings.get("size") or [size if isinstance(size, int) else None for size in sizes]
    return height, width, settings.get("colour") or ("rgb" if channels == 3 else "grey"), first


def prepared_image(image: Tensor, shape: Sequence[Any], settings: Mapping[str, Any]) -> Tensor:
    """One sample of an input of that shape: colour and size as the settings say, then (pixel * scale - mean) / std."""
    height, width, colour, first = image_plan(shape, settings)
    if colour not in ("rgb", "bgr", "grey"):
        raise InputError(f"images cannot be turned into the colours {colour!r}")
    image = recoloured(image, colour)
    image = resized(image, height or image.shape[0], width or image.shape[1])
    channels = image.shape[2]
    scale = settings.get("scale", 1.0)
    means, deviations = (per_channel(settings.get(key), channels, key) for key in ("mean", "std"))
    values = [0.0] * len(image.values)
    for c, (mean, deviation) in enumerate(zip(means, deviations)):
        table = [(pixel * scale - (mean or 0.0)) / (deviation or 1.0) for pixel in range(256)]
        values[c::channels] = [table[pixel] for pixel in plane_of(image, c)]
    sample = Tensor(values, image.shape)
    sample = transposed(sample, (2, 0, 1)) if first else sample
    if len(shape) != 4 and all(isinstance(size, int) for size in shape[1:]):
        sample = Tensor(sample.values, shape[1:])  # (height, width) without channels, or one row of pixels
    return sample


def whole_pixels(image: Tensor, dtype: str) -> Tensor:
    """The nearest integers that an integer type has."""
    bits = int(dtype.lstrip("uint"))
    low, high = (0, (1 << bits) - 1) if dtype.startswith("u") else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return Tensor([min(max(round(value), low), high) for value in image.values], image.shape)


def per_channel(setting: Any, channels: int, name: str) -> list[Any]:
    """A number for each channel, from one number, a list, or nothing."""
    numbers = setting if isinstance(setting, list) else [setting]
    if len(numbers) not in (1, channels):
        raise InputError(f"the preprocessing has {len(numbers)} numbers as {name!r} for {channels} channels")
    return numbers * channels if len(numbers) == 1 else numbers


def recoloured(image: Tensor, colour: str) -> Tensor:
    """The image with the channels asked for; transparency is dropped, grey is 0.299 R + 0.587 G + 0.114 B."""
    height, width, channels = image.shape
    planes = [plane_of(image, c) for c in range(1 if channels < 3 else 3)]
    if colour != "grey":
        planes = planes * 3 if channels < 3 else planes[::-1] if colour == "bgr" else planes
    elif channels > 2:
        planes = [bytes((r * 19595 + g * 38470 + b * 7471 + 32768) >> 16 for r, g, b in zip(*planes))]
    return interleaved(planes, height, width)


def plane_of(image: Tensor, channel: int) -> bytes:
    """One channel of an image, whose values are 0 to 255."""
    return bytes(image.values[channel :: image.shape[2]])  # type: ignore[arg-type]


def interleaved(planes: Sequence[bytes], height: int, width: int) -> Tensor:
    """The image of which `planes` are the channels."""
    values = bytearray(height * width * len(planes))
    for c, plane in enumerate(planes):
        values[c :: len(planes)] = plane
    return Tensor(values, (height, width, len(planes)))


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """The image in another size: interpolated, and smoothed if reduced; the pixels are those of Pillow's BILINEAR."""
    rows, columns, channels = image.shape
    if (rows, columns) == (height, width):
        return image
    values = bytearray(height * width * channels)
    for c in range(channels):
        plane = plane_of(image, c)
        lines = resampled([plane[i : i + columns] for i in range(0, rows * columns, columns)], width)
        for x, column in enumerate(resampled(list(map(bytes, zip(*lines))), height)):
            values[x * channels + c :: width * channels] = column
    return Tensor(values, (height, width, channels))


def resampled(lines: Sequence[bytes], size: int) -> Sequence[bytes]:
    """Every line in another length; rounded to 8 bits, as Pillow rounds between its two passes."""
    length = len(lines[0])
    if length == size:
        return lines
    blends = [blend_of(i, length, size) for i in range(size)]
    return [
        bytes([min((sum(map(mul, line[start:end], shares)) + HALF) >> BITS, 255) for start, end, shares in blends])
        for line in lines
    ]


def blend_of(i: int, n: int, m: int) -> tuple[int, int, list[int]]:
    """Of n pixels the range that makes up the i-th of m, and the share of each: a triangle around its middle."""
    reach = max(n / m, 1.0)
    middle = (i + 0.5) * (n / m)
    start, end = max(int(middle - reach + 0.5), 0), min(int(middle + reach + 0.5), n)
    heights = [max(1.0 - abs((k - middle + 0.5) * (1.0 / reach)), 0.0) for k in range(start, end)]
    total = 0.0
    for height in heights:  # `sum` rounds otherwise in some versions of Python
        total += height
    return start, end, [int(0.5 + height / total * (1 << BITS)) for height in heights]
