"""Picture files: decoding without trust, and turning pixels into a model's input."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interchange.errors import EnvironmentLacks
from interchange.graph import Array, TensorSpec, dtype_of
from interchange.testset.settings import Preprocessing

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats that decode within this process. (Pillow would also hand PostScript to Ghostscript, for instance.)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 64_000_000

_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\x00", b"MM\x00*", b"RIFF", b"P5", b"P6", b"P4")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def looks_like_picture(path: Path) -> bool:
    """Whether the file begins as one of the formats does."""
    with path.open("rb") as file:
        return file.read(4).startswith(_HEADS)


def _open(path: Path) -> Image:
    """The picture with only its header read. Raises ValueError with the reason."""
    pillow = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warning about large pictures; our limit is below
            image: Image = pillow.open(path, formats=FORMATS)
    except pillow.UnidentifiedImageError as error:
        raise ValueError("this is not a picture") from error
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width} × {image.height} pixels; the limit is {MOST_PIXELS:,} in all")
    return image


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) from the header alone. Raises ValueError with the reason if this is no picture."""
    with _open(path) as image:
        return image.height, image.width


def pixels_of(path: Path) -> Array:
    """uint8 pixels, (height, width) or (height, width, 3).

    Transparency is dropped and a palette looked up, as Pillow's `convert("RGB")` does; of 16 bits the upper eight stay,
    as libpng and TensorFlow have it; of an animation the first picture counts; an EXIF rotation is not applied.

    Raises:
        ValueError: the reason why this is not a picture.
    """
    with _open(path) as image:
        try:
            if image.mode in _SIXTEEN_BITS:
                return _upper_bits(np.asarray(image))
            if image.mode == "F":
                raise ValueError("the pixels are floats; a picture has 8 or 16 bits for each colour")
            return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA", "La") else "RGB"))
        except (OSError, SyntaxError, MemoryError, EOFError) as error:
            raise ValueError(str(error) or type(error).__name__) from error


def _upper_bits(values: Array) -> Array:
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ValueError("the pixels have 32 bits; a picture has 8 or 16 bits for each colour")
    return (values.astype(np.uint16) >> 8).astype(np.uint8)


def resolve(preprocessing: Preprocessing, spec: TensorSpec) -> Preprocessing:
    """What the settings leave open, taken from the model's input: its size, colours, layout and dtype."""
    rank, shape = len(spec.shape), spec.shape
    layout = preprocessing.layout
    if layout is None:
        layout = "NCHW" if rank == 4 and shape[-1] not in (1, 3) and shape[1] in (1, 3) else "NHWC"
    axes = (1, 2) if rank == 3 or layout == "NHWC" else (2, 3)
    channels = 1 if rank == 3 else shape[-1 if layout == "NHWC" else 1] if rank == 4 else None
    size = preprocessing.size
    if size is None and rank in (3, 4):
        height, width = shape[axes[0]], shape[axes[1]]
        size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return replace(
        preprocessing,
        size=size,
        layout=layout,
        colour=preprocessing.colour or ("grey" if channels == 1 else "rgb"),
        dtype=preprocessing.dtype or spec.dtype,
    )


def prepare(pixels: Array, how: Preprocessing, rank: int) -> Array:
    """One picture as the model's input, without the axis of samples; `rank` is that of the input (3: no channels)."""
    pixels = _resized(_coloured(pixels, how.colour or "rgb"), how.size)
    values = to_dtype(normalised(pixels[..., None] if pixels.ndim == 2 else pixels, how, -1), how.dtype or "float32")
    if rank == 3 and values.shape[-1] == 1:
        return values[..., 0]
    return np.moveaxis(values, -1, 0) if how.layout == "NCHW" else values


def normalised(values: Array, how: Preprocessing, axis: int) -> Array:
    """(value * scale - mean) / std in float64; `axis` is that of the channels. Untouched values keep their dtype."""
    if how.scale == 1 and not how.mean and not how.std:
        return values
    result = values.astype(np.float64) * how.scale
    if how.mean:
        result = result - _along(how.mean, axis, values.ndim)
    return result / _along(how.std, axis, values.ndim) if how.std else result


def to_dtype(values: Array, dtype: str) -> Array:
    """Rounded to the dtype: floats to the nearest, integers too."""
    target = dtype_of(dtype)
    if target.kind in "iu" and values.dtype.kind == "f":
        limits = np.iinfo(target)
        return np.clip(np.rint(values), limits.min, limits.max).astype(target)
    return values.astype(target, copy=False)


def _along(values: Sequence[float], axis: int, rank: int) -> Array:
    array = np.array(values, np.float64)
    shape = [1] * rank
    if array.size > 1:
        shape[axis] = array.size
    return array.reshape(shape)


def _coloured(pixels: Array, colour: str) -> Array:
    if colour == "grey":
        return pixels if pixels.ndim == 2 else np.asarray(_pillow().fromarray(pixels).convert("L"))
    rgb = np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels
    return rgb[..., ::-1] if colour == "bgr" else rgb


def _resized(pixels: Array, size: tuple[int, int] | None) -> Array:
    if size is None or pixels.shape[:2] == size:
        return pixels
    pillow = _pillow()
    image = pillow.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size[1], size[0]), pillow.Resampling.BILINEAR))


def thumbnail_png(pixels: Array, most: int) -> bytes:
    """The picture as PNG, shrunk to at most `most` pixels a side; a tiny one is enlarged in whole steps."""
    import io

    pillow = _pillow()
    image = pillow.fromarray(np.ascontiguousarray(pixels))
    longest = max(image.size)
    if longest > most:
        image.thumbnail((most, most))
    elif longest and most // longest > 1:
        steps = most // longest
        image = image.resize((image.width * steps, image.height * steps), pillow.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise EnvironmentLacks(
            "IX401", "Pictures need Pillow.", why=str(error), next_step="pip install 'interchange[images]'"
        ) from error
    return Image
