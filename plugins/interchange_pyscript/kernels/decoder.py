"""Pictures in files: PNG, BMP, PGM and PPM."""

from __future__ import annotations

import struct

from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.pictures import check_size, read_png, read_pnm
from interchange_pyscript.program.prepare import recoloured


def ImageDecoder(encoded_stream: Tensor, *, pixel_format: str = "RGB") -> Tensor:
    """The picture in the bytes of a PNG, BMP, PGM or PPM: "RGB", "BGR" or "Grayscale"."""
    colours = {"RGB": "rgb", "BGR": "bgr", "Grayscale": "grey"}
    if pixel_format not in colours:
        raise ValueError(f"pixel_format is {pixel_format!r}")
    data = bytes(map(int, encoded_stream.values))
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        picture = read_png(data)
    elif data[:2] in (b"P2", b"P3", b"P5", b"P6"):
        picture = read_pnm(data)
    elif data[:2] == b"BM":
        picture = read_bmp(data)
    else:
        raise ValueError(
            "this is neither PNG nor BMP nor PGM nor PPM; Python's standard library unpacks no JPEG and the like"
        )
    return recoloured(picture, colours[pixel_format])


def read_bmp(data: bytes) -> Tensor:
    """A BMP without compression, of 24 or 32 bits, as (height, width, 3)."""
    start, width, height, _, bits, compression = struct.unpack("<I4xiiHHI", data[10:34])
    rows, unit = abs(height), bits // 8
    check_size(max(width, 0), rows)
    size = (width * unit + 3) // 4 * 4
    if bits not in (24, 32) or compression not in (0, 3) or len(data) < start + rows * size:
        raise ValueError("this BMP is compressed, of few colours, or incomplete")
    values = bytearray(rows * width * 3)
    for y in range(rows):
        place = start + (y if height < 0 else rows - 1 - y) * size  # the rows usually begin with the lowest
        for c in range(3):
            values[y * width * 3 + c : (y + 1) * width * 3 : 3] = data[place + 2 - c : place + width * unit : unit]
    return Tensor(values, (rows, width, 3))
