"""The file formats that a script reads and writes, against the libraries that know them best."""

from __future__ import annotations

import io
import math
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.files import (
    from_nested,
    npy_bytes,
    read_csv,
    read_json,
    read_npy,
    read_npz,
    to_nested,
    write_npz,
)
from interchange_pyscript.program.numbers import InputError, bytes_of, numbers_of, rounded
from interchange_pyscript.program.pictures import read_png, read_pnm
from interchange_pyscript.program.prepare import prepared_image, resized
from PIL import Image

DTYPES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "bool",
]
RNG = np.random.default_rng(11)


def as_array(tensor: Tensor, dtype: str = "uint8") -> np.ndarray:
    return np.array(tensor.values, dtype).reshape(tensor.shape)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# --- .npy and .npz --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 4)])
def test_npy_is_read(dtype, order, byteorder, shape):
    array = (RNG.normal(size=shape) * 50).astype(dtype).astype(np.dtype(dtype).newbyteorder(byteorder), order=order)
    have, tensor = read_npy(npy(array))
    assert (have, tensor.shape) == (dtype, array.shape)
    np.testing.assert_array_equal(as_array(tensor, dtype), array)


def test_npy_of_version_2_is_read():
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.arange(6.0).reshape(2, 3), version=(2, 0))
    assert to_nested(read_npy(buffer.getvalue())[1]) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_npy_is_written_as_numpy_writes_it(dtype):
    array = (RNG.normal(size=(2, 3)) * 50).astype(dtype)
    data = npy_bytes(Tensor(array.ravel().tolist(), array.shape), dtype)
    assert data == npy(array)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(st.sampled_from([np.float16, np.float32, np.float64]), hnp.array_shapes(max_side=4)))
def test_any_float_survives(array):
    dtype = array.dtype.name
    with io.BytesIO(npy_bytes(Tensor(array.ravel().tolist(), array.shape), dtype)) as file:
        np.testing.assert_array_equal(np.load(file), array)


def test_npz(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b/c": np.array([True, False]), "é": np.array(5)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = read_npz((tmp_path / "a.npz").read_bytes())
        assert {name: (dtype, tensor.shape) for name, (dtype, tensor) in found.items()} == {
            name: (array.dtype.name, array.shape) for name, array in arrays.items()
        }
    write_npz(str(tmp_path / "b.npz"), found)
    with np.load(tmp_path / "b.npz") as back:
        assert {name: (a.dtype, a.tolist()) for name, a in back.items()} == {
            n: (a.dtype, a.tolist()) for n, a in arrays.items()
        }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("texts", [["a", "", "\u00fcber"], [["x"], ["yz"]], []])
def test_npy_of_texts(texts, order):
    array = np.array(texts, f"{order}U5")
    dtype, tensor = read_npy(npy(array))
    assert (dtype, list(tensor.values), tensor.shape) == ("object", array.ravel().tolist(), array.shape)
    back = np.lib.format.read_array(io.BytesIO(npy_bytes(tensor, "object")))
    assert back.tolist() == texts


@pytest.mark.parametrize(
    "data",
    [
        npy(np.arange(5))[:-1],
        npy(np.arange(5))[:30],
        b"\x93NUMPY",
        npy(np.array([b"text"])),
        npy(np.array([1j])),
        npy(np.arange(5)).replace(b"'descr'", b"'descx'"),
        npy(np.arange(5)).replace(b"{'descr'", b"[exit()]  "),
        npy(np.arange(5)).replace(b"(5,)", b"(-1, -5)"),
        npy(np.arange(5)).replace(b"(5,)", b"(9" + b"9" * 18 + b",)"),
        npy(np.arange(5)).replace(b"(5,)", b"(2.5, 2)"),
    ],
)
def test_bad_npy_is_an_input_error(data):
    with pytest.raises(InputError, match="cannot be read"):
        read_npy(data)


def test_bad_npz_is_an_input_error():
    with pytest.raises(InputError, match="cannot be read"):
        read_npz(b"PK\x03\x04 and no more")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32), max_size=9))
def test_rounding_is_numpys(values):
    for dtype in ("float16", "float32"):
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(rounded(values, dtype), np.array(values).astype(dtype))


def test_bfloat16_is_rounded_to_even():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = [
        *RNG.normal(size=500).astype(np.float32).tolist(),
        math.inf,
        -math.inf,
        3e38,
        0.0,
        -0.0,
        1.00390625,
        1.01171875,
    ]
    np.testing.assert_array_equal(
        rounded(values, "bfloat16"), np.array(values).astype(ml_dtypes.bfloat16).astype(float)
    )
    assert math.isnan(rounded([math.nan], "bfloat16")[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_bytes_and_back(dtype):
    array = (RNG.normal(size=9) * 50).astype(dtype)
    assert bytes_of(array.tolist(), dtype) == array.tobytes()
    assert list(numbers_of(array.tobytes(), dtype)) == array.tolist()


# --- nested lists, JSON, CSV ----------------------------------------------------------------------------------------


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, min_side=1, max_side=4)))
def test_nested_lists(array):
    for nested in (array.tolist(), array):
        tensor = from_nested(nested)
        assert tensor.shape == array.shape
        assert to_nested(tensor) == array.tolist()


def test_empty_lists():
    assert from_nested([]).shape == (0,)
    assert from_nested([[], []]).shape == (2, 0)


@pytest.mark.parametrize("nested", [[[1], [2, 3]], [[1], 2], [1, [2]], ["a"], [None], {"a": 1}, [[1, 2], "ab"]])
def test_ragged_and_strange_lists(nested):
    with pytest.raises(InputError):
        from_nested(nested)


def test_json():
    assert read_json("[[1, 2.5], [3, 4]]") == [[1, 2.5], [3, 4]]
    with pytest.raises(InputError, match="JSON"):
        read_json("[1,")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("1,2,3\n4,5,6\n", (2, 3)),
        ("a;b\n1;2\n", (1, 2)),
        ("1\t2\r\n3\t4\r\n\r\n", (2, 2)),
        ("1.5\n-2e3\n", (2, 1)),
        ('"1","2"\n', (1, 2)),
    ],
)
def test_csv(text, shape):
    assert read_csv(text).shape == shape


@pytest.mark.parametrize("text", ["", "a,b\n", "1,2\n3\n", "1,2\n3,x\n"])
def test_bad_csv(text):
    with pytest.raises(InputError, match="CSV"):
        read_csv(text)


def test_csv_keeps_integers():
    assert [type(value) for value in read_csv("1,2.0,3").values] == [int, float, int]


# --- images ---------------------------------------------------------------------------------------------------------


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def picture(mode: str, width: int = 13, height: int = 7) -> Image.Image:
    """An image with smooth and noisy parts, so that all of PNG's filters are used."""
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    values = RNG.integers(0, 256, (height, width, channels))
    values[: height // 2] = np.arange(width)[None, :, None] * 7 + np.arange(channels)
    return Image.fromarray(values.astype(np.uint8) if channels > 1 else values[..., 0].astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(13, 7), (1, 1), (64, 33)])
def test_png(mode, size):
    image = picture(mode, *size)
    got = as_array(read_png(png(image)))
    np.testing.assert_array_equal(got, np.asarray(image).reshape(got.shape))


def test_png_with_a_palette():
    image = picture("RGB").quantize(11)
    np.testing.assert_array_equal(as_array(read_png(png(image))), np.asarray(image.convert("RGB")))
    for bits in (1, 2, 4):
        small = picture("RGB").quantize(2**bits)
        np.testing.assert_array_equal(as_array(read_png(png(small, bits=bits))), np.asarray(small.convert("RGB")))


def test_png_of_one_bit():
    image = picture("L").point(lambda v: 255 * (v > 90)).convert("1")
    np.testing.assert_array_equal(as_array(read_png(png(image)))[..., 0], np.asarray(image.convert("L")))


def test_png_of_sixteen_bits():
    values = RNG.integers(0, 65536, (7, 13)).astype(np.uint16)
    got = as_array(read_png(png(Image.fromarray(values))))
    np.testing.assert_array_equal(got[..., 0], values >> 8)


GOOD = png(picture("RGB"))


def interlaced(values: np.ndarray) -> bytes:
    """A PNG with Adam7 interlacing, which Pillow does not write."""
    height, width, channels = values.shape
    body = b""
    for x, y, dx, dy in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]:
        part = values[y::dy, x::dx]
        body += b"".join(b"\0" + row.tobytes() for row in part if part.shape[1])
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("size", [(13, 7), (1, 1), (2, 3), (5, 1), (8, 8), (20, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_interlaced_png(size, channels):
    values = RNG.integers(0, 256, (size[1], size[0], channels)).astype(np.uint8)
    data = interlaced(values)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))).reshape(values.shape), values)  # it is valid
    np.testing.assert_array_equal(as_array(read_png(data)), values)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_png_is_an_input_error_or_an_image(data):
    good = GOOD
    cut = data.draw(st.integers(8, len(good)))
    place, value = data.draw(st.integers(8, len(good) - 1)), data.draw(st.integers(0, 255))
    for bad in (good[:cut], good[:place] + bytes([value]) + good[place + 1 :]):
        try:
            read_png(bad)
        except InputError:
            continue


def png_of(width: int, height: int, body: bytes, colour: int = 2) -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(body)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(c)) + k + c + b"crc " for k, c in chunks)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png_of(2**31 - 1, 2**31 - 1, b"\0"), "limit"),
        (png_of(20_000, 20_000, b"\0"), "limit is 64,000,000"),
        (png_of(8000, 8000, b"\0"), "incomplete"),
        (png_of(0, 8, b"\0"), "no pixels"),
        (png_of(8, 8, bytes(8 * 25 + 1)), "do not end"),
        (png_of(8, 8, bytes(8 * 24)), "incomplete"),
        (png_of(8, 8, bytes(8 * 25))[:-20], "incomplete"),
        (png_of(8, 8, b"\0\1\2\3\4\5\6\7\7" * 8, 3), "palette"),
    ],
)
def test_png_that_promises_what_it_does_not_keep(data, message):
    with pytest.raises(InputError, match=message):
        read_png(data)


def peak_of(call, *arguments) -> int:
    """The most bytes that a call, which is to fail, has held at once."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            call(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_png_is_not_unpacked_beyond_its_size():
    data = png_of(8, 8, bytes(100_000_000))
    assert peak_of(read_png, data) < 2_000_000


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def test_npz_is_not_unpacked_beyond_the_limit_or_its_promise():
    honest = zipped("x.npy", bytes(300_000_000))
    with pytest.raises(InputError, match="268,435,456"):
        read_npz(honest)
    size = struct.pack("<I", 300_000_000)
    assert honest.count(size) == 2
    assert peak_of(read_npz, honest) < 2_000_000
    assert peak_of(read_npz, honest.replace(size, struct.pack("<I", 100))) < 2_000_000
    with pytest.raises(InputError, match="compressed in another way"):
        read_npz(zipped("x.npy", bytes(1000), zipfile.ZIP_LZMA))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pnm(mode):
    image = picture(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PPM")
    want = np.asarray(image).reshape(7, 13, -1)
    np.testing.assert_array_equal(as_array(read_pnm(buffer.getvalue())), want)
    kind = b"P2" if mode == "L" else b"P3"
    text = kind + b"\n# a comment\n13 7 # another\n255\n" + " ".join(map(str, want.ravel())).encode()
    np.testing.assert_array_equal(as_array(read_pnm(text)), want)
    binary = (
        (b"P5" if mode == "L" else b"P6") + b"\n# made by hand\n13 7\n65535\n" + (want.astype(">u2") * 257).tobytes()
    )
    np.testing.assert_array_equal(as_array(read_pnm(binary)), want)


@pytest.mark.parametrize(
    "data",
    [
        b"P6 13 7 255\n1234",
        b"P5 x",
        b"P2 2 2 255 1 2 3",
        b"P6",
        b"P5 2 2 0\n1234",
        b"P3 1 1 255 1 2 x",
        b"P5 0 2 255\n",
    ],
)
def test_bad_pnm(data):
    with pytest.raises(InputError, match="cannot be read"):
        read_pnm(data)


# --- preprocessing --------------------------------------------------------------------------------------------------


def prepared(image: Image.Image, shape: tuple, settings: dict) -> np.ndarray:
    values = np.asarray(image).reshape(image.height, image.width, -1)
    return as_array(prepared_image(Tensor(values.ravel().tolist(), values.shape), shape, settings), "float64")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_colours(mode):
    image = picture(mode)
    rgb, grey = np.asarray(image.convert("RGB")), np.asarray(image.convert("L"))
    shape = ("batch", 7, 13, 3)
    np.testing.assert_array_equal(prepared(image, shape, {}), rgb)
    np.testing.assert_array_equal(prepared(image, shape, {"colour": "bgr"}), rgb[..., ::-1])
    np.testing.assert_array_equal(prepared(image, ("batch", 7, 13, 1), {})[..., 0], grey)
    np.testing.assert_array_equal(prepared(image, ("batch", 7, 13), {"colour": "grey"}), grey)
    np.testing.assert_array_equal(prepared(image, ("batch", 91), {"size": [7, 13], "colour": "grey"}), grey.ravel())
    np.testing.assert_array_equal(prepared(image, ("batch", 3, 7, 13), {}), rgb.transpose(2, 0, 1))


def test_scale_mean_and_deviation():
    image = picture("RGB")
    settings = {"scale": 1 / 255, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
    want = (np.asarray(image) * (1 / 255) - settings["mean"]) / settings["std"]
    np.testing.assert_array_equal(prepared(image, (None, 7, 13, 3), settings), want)
    with pytest.raises(InputError, match="mean"):
        prepared(image, (None, 7, 13, 3), {"mean": [1, 2]})
    with pytest.raises(InputError, match="hsv"):
        prepared(image, (None, 7, 13, 3), {"colour": "hsv"})


def by_pillow(image: Image.Image, height: int, width: int) -> np.ndarray:
    """The image in another size, its rows first and then its columns.

    Some versions of Pillow take columns first where that is faster; pixels are then rounded otherwise, by one at most.
    """
    rows_first = image.resize((width, image.height), Image.Resampling.BILINEAR)
    pixels = np.asarray(rows_first.resize((width, height), Image.Resampling.BILINEAR)).astype(int)
    at_once = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(pixels - at_once).max() <= 1
    return pixels.reshape(height, width, -1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(7, 13), (14, 26), (9, 40), (1, 1), (3, 5), (2, 13), (7, 4), (6, 29), (64, 1)])
def test_other_sizes_are_those_of_pillow(mode, size):
    image = picture(mode)
    want = by_pillow(image, *size)
    np.testing.assert_array_equal(prepared(image, (None, *size, want.shape[2]), {}), want)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_any_size_is_that_of_pillow(pixels, height, width):
    want = by_pillow(Image.fromarray(pixels), height, width)
    got = as_array(resized(Tensor(pixels.ravel().tolist(), pixels.shape), height, width))
    np.testing.assert_array_equal(got, want)


def test_large_picture_made_small_is_that_of_pillow():
    image = picture("RGB", 643, 481)
    want = by_pillow(image, 64, 64)
    np.testing.assert_array_equal(prepared(image, (None, 64, 64, 3), {}), want)


def test_resizing_keeps_a_plain_image():
    grey = Tensor([7] * 12, (3, 4, 1))
    assert set(resized(grey, 5, 9).values) == {7.0}
