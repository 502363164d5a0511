"""Turns an image into the numbers that the model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, transposed
from interchange_pyscript.program.numbers import InputError


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
    shifts = [(mean or 0.0, deviation or 1.0) for mean, deviation in zip(means, deviations)]
    values = [
        (value * scale - shifts[i % channels][0]) / shifts[i % channels][1] for i, value in enumerate(image.values)
    ]
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
    pixels = list(zip(*[iter(image.values)] * channels))
    if channels in (1, 2):
        wanted: list[Sequence[float]] = [pixel[:1] * (1 if colour == "grey" else 3) for pixel in pixels]
    elif colour == "grey":
        wanted = [((int(r) * 19595 + int(g) * 38470 + int(b) * 7471 + 32768) >> 16,) for r, g, b, *_ in pixels]
    else:
        wanted = [pixel[2::-1] if colour == "bgr" else pixel[:3] for pixel in pixels]
    return Tensor([value for pixel in wanted for value in pixel], (height, width, 1 if colour == "grey" else 3))


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """The image in another size, linearly interpolated between the four nearest pixels (not smoothed)."""
    rows, columns, channels = image.shape
    if (rows, columns) == (height, width):
        return image
    across = [blend_of(i, columns, width) for i in range(width)]
    values: list[float] = []
    for y in range(height):
        upper, lower, down = blend_of(y, rows, height)
        for left, right, along in across:
            for c in range(channels):
                corners = [
                    image.values[(y_ * columns + x_) * channels + c] for y_ in (upper, lower) for x_ in (left, right)
                ]
                top = corners[0] * (1 - along) + corners[1] * along
                bottom = corners[2] * (1 - along) + corners[3] * along
                values.append(top * (1 - down) + bottom * down)
    return Tensor(values, (height, width, channels))


def blend_of(i: int, n: int, m: int) -> tuple[int, int, float]:
    """Of n pixels the two between which the i-th of m lies, and the share of the second."""
    place = min(max((i + 0.5) * n / m - 0.5, 0.0), n - 1.0)
    return int(place), min(int(place) + 1, n - 1), place - int(place)
