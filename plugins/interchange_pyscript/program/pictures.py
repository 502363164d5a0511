"""Reads PNG, PGM and PPM images."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.numbers import InputError

MOST_PIXELS = 64_000_000


def read_png(data: bytes) -> Tensor:
    """A PNG as (height, width, channels), 0 to 255; palettes are looked up, of 16 bits the upper 8 are kept."""
    try:
        return decoded_png(data)
    except (zlib.error, IndexError, ValueError) as error:
        raise InputError(f"this PNG cannot be read: {error}") from error


def check_size(width: int, height: int) -> None:
    """Refuses images without pixels and those with too many."""
    if not width or not height:
        raise ValueError("it has no pixels")
    if width * height > MOST_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels; the limit is {MOST_PIXELS:,} in all")


def decoded_png(data: bytes) -> Tensor:
    """What `read_png` returns; other errors than InputError may be raised."""
    chunks: dict[bytes, bytearray] = {}
    place = 8
    while place + 8 <= len(data) and b"IEND" not in chunks:
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        chunks.setdefault(kind, bytearray()).extend(data[place + 8 : place + 8 + size])
        place += size + 12
    missing = [kind for kind in (b"IHDR", b"IDAT") if kind not in chunks]
    header = chunks.get(b"IHDR", b"")
    if missing or len(header) < 13 or header[8] not in (1, 2, 4, 8, 16) or header[9] not in (0, 2, 3, 4, 6):
        raise ValueError("its header is damaged")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    check_size(width, height)
    depth, colour, _, _, interlaced = header[8:13]
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    # An interlaced image is seven small ones, each with every n-th row and column.
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    sizes = [(len(range(x0, width, dx)), len(range(y0, height, dy))) for x0, y0, dx, dy in passes]
    row_sizes = [(columns * channels * depth + 7) // 8 for columns, _ in sizes]
    expected = sum(rows * (1 + row_bytes) for (_, rows), row_bytes in zip(sizes, row_sizes) if row_bytes)
    decompressor = zlib.decompressobj()
    stream = decompressor.decompress(chunks[b"IDAT"], expected + 1)
    if len(stream) != expected or not decompressor.eof:
        raise ValueError("it is incomplete" if len(stream) <= expected else "its data do not end with its last row")
    samples = bytearray(width * height * channels)
    start = 0
    for (x0, y0, dx, dy), (columns, rows), row_bytes in zip(passes, sizes, row_sizes):
        previous = bytes(row_bytes)
        for y in range(y0, y0 + rows * dy if columns else y0, dy):
            previous = unfiltered(stream[start : start + 1 + row_bytes], previous, max(channels * depth // 8, 1))
            start += 1 + row_bytes
            row = samples_of(previous, depth, columns * channels, colour == 3)
            for c in range(channels):
                samples[(y * width + x0) * channels + c : (y + 1) * width * channels : dx * channels] = row[c::channels]
    if colour == 3:
        indices, palette = samples, chunks.get(b"PLTE", b"")
        if 3 * max(indices) + 3 > len(palette):
            raise ValueError("a colour is missing in its palette")
        channels = 3
        samples = bytearray(width * height * 3)
        for c in range(3):
            samples[c::3] = indices.translate(bytes(palette[c : 3 * 256 : 3]).ljust(256, b"\0"))
    return Tensor(samples, (height, width, channels))


def unfiltered(row: bytes, above: bytes, unit: int) -> bytes:
    """A row of bytes as it was before one of PNG's five filters; the left neighbour is `unit` bytes away."""
    kind, line = row[0], bytearray(row[1:])
    if kind == 2:
        return bytes([(value + up) & 255 for value, up in zip(line, above)])
    for i in range(len(line) if kind else 0):
        left, up, corner = (line[i - unit], above[i], above[i - unit]) if i >= unit else (0, above[i], 0)
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:  # Paeth: the neighbour that is nearest to left + up - corner
            p = left + up - corner
            guess = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
        line[i] = (line[i] + guess) & 255
    return bytes(line)


def samples_of(row: bytes, depth: int, count: int, is_index: bool) -> bytes:
    """The samples of a row, 0 to 255; indices into a palette as they are."""
    if depth == 8:
        return row
    if depth == 16:
        return row[::2]
    top, per_byte = (1 << depth) - 1, 8 // depth
    factor = 1 if is_index else 255 // top
    return bytes((row[i // per_byte] >> (8 - depth * (i % per_byte + 1)) & top) * factor for i in range(count))


def read_pnm(data: bytes) -> Tensor:
    """A PGM or PPM, as text or binary, as (height, width, channels), 0 to 255."""
    kind, place = data[:2], 2
    words: list[int] = []
    channels = 3 if kind in (b"P3", b"P6") else 1
    text = b"\n".join(line.split(b"#")[0] for line in data.split(b"\n")) if kind in (b"P2", b"P3") else data
    try:
        while len(words) < 3:
            if text[place : place + 1] == b"#":
                place = text.index(b"\n", place)
            end = place
            while text[end : end + 1].isdigit():
                end += 1
            if end > place:
                words.append(int(text[place:end]))
            elif not text[place : place + 1].isspace():
                raise ValueError("its header is damaged")
            place = max(end, place + 1)
        width, height, top = words
        check_size(width, height)
        count = width * height * channels
        if kind in (b"P2", b"P3"):
            samples: Sequence[int] = [int(word) for word in text[place:].split()]
        elif top > 255:
            body = text[place + 1 :]
            samples = [body[i] << 8 | body[i + 1] for i in range(0, min(2 * count, len(body) - 1), 2)]
        else:
            samples = text[place + 1 : place + 1 + count]
        if len(samples) < count or not 0 < top < 65536:
            raise ValueError("it is incomplete")
        if max(samples[:count]) > top:
            raise ValueError(f"it has a value above {top}")
    except ValueError as error:
        raise InputError(f"this image cannot be read: {error}") from error
    scaled = samples[:count] if top == 255 else (sample * 255 // top for sample in samples[:count])
    return Tensor(bytearray(scaled), (height, width, channels))
