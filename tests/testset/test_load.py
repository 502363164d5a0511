"""Every kind of test set, whole and malformed."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from interchange import plugins, testset
from interchange.errors import BadInput
from interchange.graph import TensorSpec
from interchange.testset import Samples, pictures
from interchange.testset.settings import Preprocessing

IMAGE = {"x": TensorSpec("float32", (None, 11, 7, 3))}
GREY = {"x": TensorSpec("float32", (None, 5, 4, 1))}
TWO = {"a": TensorSpec("float32", (None, 3)), "b": TensorSpec("int64", (None,))}

RNG = np.random.default_rng(0)


def pixels(*shape: int) -> Any:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def write_png(path: Path, array: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def write_toml(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "testset.toml").write_text(f"version = 1\n{text}", "utf-8")


def fails(path: Path, inputs: Mapping[str, TensorSpec] = IMAGE, **options: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        testset.load(path, inputs, **options)
    return caught.value


# --- arrays ---------------------------------------------------------------------------------------------------------


def test_npz_by_name_with_targets_and_golden(tmp_path: Path) -> None:
    golden = RNG.normal(size=(6, 2))
    arrays = {"a": np.ones((6, 3), np.float32), "b": np.arange(6), "target": np.arange(6)[:, None], "golden/y": golden}
    np.savez_compressed(tmp_path / "t.npz", **arrays)
    found = testset.load(tmp_path / "t.npz", TWO)
    assert len(found) == 6
    assert found.targets is not None
    assert found.targets.tolist() == list(range(6))
    np.testing.assert_array_equal(found.golden["y"], golden)
    feeds = found.feeds(2, 5)
    assert {name: (a.shape, a.dtype.name) for name, a in feeds.items()} == {
        "a": ((3, 3), "float32"),
        "b": ((3,), "int64"),
    }
    assert found.name(4) == "sample 4"


def test_single_array_is_the_only_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", whatever=np.zeros((4, 11, 7, 3)))
    assert testset.load(tmp_path / "t.npz", IMAGE).feeds(0, 4)["x"].dtype == np.float32
    np.save(tmp_path / "t.npy", np.zeros((4, 11, 7, 3), np.float32))
    assert len(testset.load(tmp_path / "t.npy", IMAGE)) == 4


def test_an_input_may_be_called_target(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", target=np.zeros((4, 2), np.float32))
    found = testset.load(tmp_path / "t.npz", {"target": TensorSpec("float32", (None, 2))})
    assert found.targets is None
    assert found.feeds(0, 1)["target"].shape == (1, 2)


def test_folder_of_arrays_whatever_their_suffix(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((6, 3), np.float32))
    np.savez(tmp_path / "b.npz", np.arange(6))
    np.save(tmp_path / "target.npy", np.linspace(0, 1, 6))
    np.savez(tmp_path / "golden.npz", y=np.zeros((6, 1)))
    (tmp_path / "a.npy").rename(tmp_path / "a.dat")
    (tmp_path / "README.md").write_text("not data")
    found = testset.load(tmp_path, TWO)
    assert found.targets is not None
    assert found.targets.dtype == np.float64
    assert list(found.golden) == ["y"]
    assert list(found.feeds(0, 6)["b"]) == list(range(6))


def test_npz_beside_a_toml_is_preprocessed(tmp_path: Path) -> None:
    np.savez(tmp_path / "only.npz", x=np.full((2, 11, 7, 3), 10, np.uint8))
    write_toml(tmp_path, "[input]\nscale = 0.5\nmean = [1.0, 2.0, 3.0]\nstd = [2.0]\n")
    feeds = testset.load(tmp_path, IMAGE).feeds(0, 2)
    assert feeds["x"][1, 3, 4].tolist() == [2.0, 1.5, 1.0]


def test_float_arrays_keep_their_bits(tmp_path: Path) -> None:
    x = RNG.normal(size=(3, 11, 7, 3)).astype(np.float32)
    np.savez(tmp_path / "t.npz", x=x)
    assert testset.load(tmp_path / "t.npz", IMAGE).feeds(0, 3)["x"].tobytes() == x.tobytes()


def test_all_array_faults_in_one_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", a=np.zeros((6, 3)), c=np.zeros(3))
    error = fails(tmp_path / "t.npz", TWO)
    assert error.code == "IX221"
    assert error.why == ("there is no array for the input 'b'", "the array 'c' is no input; the inputs are 'a', 'b'")


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"a": np.zeros((6, 3)), "b": np.zeros(5, int)}, "the counts differ"),
        ({"a": np.zeros((6, 4)), "b": np.zeros(6, int)}, "dimension 1 is 4 instead of 3"),
        ({"a": np.zeros((6, 3)), "b": np.zeros(6)}, "float64 is not turned into int64"),
        ({"a": np.zeros((6, 3)), "b": np.zeros(6, int), "target": np.zeros(5)}, "6 samples, 5 targets"),
        ({"a": np.zeros((6, 3)), "b": np.zeros(6, int), "target": np.array(["x"] * 6)}, "not one number a sample"),
        ({"a": np.zeros((6, 3)), "b": np.zeros(6, int), "golden/y": np.zeros((4, 1))}, "the golden output 'y'"),
        ({"a": np.float32(1), "b": np.zeros(6, int)}, "no axis of samples"),
        ({"a": np.zeros((0, 3)), "b": np.zeros(0, int)}, "there are no samples"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], fault: str) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    error = fails(tmp_path / "t.npz", TWO)
    assert error.code == "IX221"
    assert fault in str(error)


def npy_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.array([{}], object))
    assert "never unpickled" in str(fails(tmp_path / "t.npz"))
    np.save(tmp_path / "t.npy", np.array([{}], object))
    assert fails(tmp_path / "t.npy").code == "IX220"


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy_bytes(np.zeros(20_000_000, np.uint8)))
    assert (tmp_path / "t.npz").stat().st_size < 100_000
    error = fails(tmp_path / "t.npz", most_bytes=1_000_000)
    assert error.code == "IX206"


def test_a_lying_header_is_refused(tmp_path: Path) -> None:
    data = npy_bytes(np.zeros(4, np.uint8)).replace(b"(4,), }      ", b"(4000000,), }")
    assert b"4000000" in data
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", data)
    assert "its shape needs 4,000,000" in str(fails(tmp_path / "t.npz"))


@pytest.mark.parametrize("cut", [5, 60, 200])
def test_truncated_npz(tmp_path: Path, cut: int) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((4, 11, 7, 3), np.float32))
    data = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(data[:-cut])
    assert fails(tmp_path / "t.npz").code == "IX220"


def test_damaged_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x09\x09")
        archive.writestr("notes.txt", b"hello")
    assert "'notes.txt' is not an array" in str(fails(tmp_path / "t.npz"))
    with zipfile.ZipFile(tmp_path / "u.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x09\x09")
    assert "version (9, 9)" in str(fails(tmp_path / "u.npz"))


@given(
    data=st.binary(max_size=400),
    start=st.sampled_from([b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\x00\x00\x08\x03", b"\x1f\x8b"]),
)
def test_noise_is_an_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("noise") / "t.bin"
    path.write_bytes(start + data)
    assert fails(path).code in ("IX220", "IX221", "IX206")


# --- pictures -------------------------------------------------------------------------------------------------------


def test_class_folders_in_the_order_of_the_labels(tmp_path: Path) -> None:
    for name, count in (("cat", 2), ("ape", 1), ("dog", 3)):
        for i in range(count):
            write_png(tmp_path / name / f"{i}.png", pixels(11, 7, 3))
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    write_toml(tmp_path, 'labels = ["dog", "emu", "cat", "ape"]\ndecision = "argmax"\n[input]\nscale = 0.5\n')
    found = testset.load(tmp_path, IMAGE)
    assert found.targets is not None
    assert found.targets.tolist() == [0, 0, 0, 2, 2, 3]
    assert [found.name(i) for i in (0, 3, 5)] == ["dog/0.png", "cat/0.png", "ape/0.png"]
    assert found.notes == ("There are no pictures of 'emu'.",)
    expected = np.asarray(Image.open(tmp_path / "cat" / "1.png")) * np.float32(0.5)
    np.testing.assert_array_equal(found.feeds(4, 5)["x"][0], expected)


def test_class_folders_by_name_without_a_toml(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_png(tmp_path / name / "0.png", pixels(11, 7, 3))
    found = testset.load(tmp_path, IMAGE)
    assert found.labels == ("a", "b")
    assert "pixels enter the model as 0 … 255" in found.notes[0]


def test_unknown_class_folder(tmp_path: Path) -> None:
    write_png(tmp_path / "bird" / "0.png", pixels(11, 7, 3))
    write_toml(tmp_path, 'labels = ["cat", "dog"]')
    assert "the folder 'bird' is not among the labels" in str(fails(tmp_path))


def test_files_that_are_no_pictures_are_all_named(tmp_path: Path) -> None:
    write_png(tmp_path / "a" / "good.png", pixels(11, 7, 3))
    (tmp_path / "a" / "bad.png").write_bytes(b"GIF89a but no")
    (tmp_path / "a" / "notes.txt").write_text("hello")
    error = fails(tmp_path)
    assert error.code == "IX220"
    assert [reason.split(":")[0] for reason in error.why] == ["a/bad.png", "a/notes.txt"]


def test_truncated_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a" / "0.png", pixels(40, 40, 3))
    path.write_bytes(path.read_bytes()[:-2000])
    error = fails(tmp_path, {"x": TensorSpec("float32", (None, 40, 40, 3))})
    assert error.code == "IX220"
    assert "0.png" in error.where


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 50)
    write_png(tmp_path / "a" / "0.png", pixels(11, 7, 3))
    assert "the limit is 50" in str(fails(tmp_path))


def test_sizes_that_differ_are_resized(tmp_path: Path) -> None:
    for i, size in enumerate([(11, 7), (3, 5), (64, 2), (7, 11)]):
        write_png(tmp_path / "a" / f"{i}.png", pixels(*size, 3))
    feeds = testset.load(tmp_path, IMAGE).feeds(0, 4)
    assert feeds["x"].shape == (4, 11, 7, 3)
    expected = Image.open(tmp_path / "a" / "2.png").resize((7, 11), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(feeds["x"][2], np.asarray(expected, np.float32))


def test_sizes_that_differ_without_a_size(tmp_path: Path) -> None:
    for i, size in enumerate([(11, 7), (3, 5)]):
        write_png(tmp_path / "a" / f"{i}.png", pixels(*size, 3))
    open_size = {"x": TensorSpec("float32", (None, None, None, 3))}
    assert "the pictures differ in size (3 × 5, 11 × 7 …)" in str(fails(tmp_path, open_size))
    write_toml(tmp_path, "[input]\nsize = [4, 6]\n")
    assert testset.load(tmp_path, open_size).feeds(0, 2)["x"].shape == (2, 4, 6, 3)


MODES = {
    "L": lambda: pixels(11, 7),
    "RGB": lambda: pixels(11, 7, 3),
    "RGBA": lambda: pixels(11, 7, 4),
    "LA": lambda: pixels(11, 7, 2),
    "I;16": lambda: RNG.integers(0, 65536, (11, 7), dtype=np.uint16),
}


@pytest.mark.parametrize("mode", [*MODES, "P", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_modes_of_pictures(tmp_path: Path, mode: str, channels: int) -> None:
    image = Image.fromarray(MODES[mode]()) if mode in MODES else Image.fromarray(pixels(11, 7, 3)).convert(mode)
    (tmp_path / "a").mkdir()
    image.save(tmp_path / "a" / "0.png")
    found = testset.load(tmp_path, {"x": TensorSpec("float32", (None, 11, 7, channels))}).feeds(0, 1)["x"][0]
    if mode == "I;16":
        grey = (np.asarray(image) >> 8).astype(np.float32)
        np.testing.assert_array_equal(found, np.repeat(grey[..., None], channels, -1))
        return
    rgb = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.float32)
    np.testing.assert_array_equal(found, rgb[..., None] if channels == 1 else rgb)


def test_float_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.ones((11, 7), np.float32)).save(tmp_path / "a" / "0.tiff")
    assert "the pixels are floats" in str(fails(tmp_path))


@pytest.mark.parametrize(
    ("spec", "text", "layout"),
    [
        ((None, 3, 11, 7), "", "NCHW"),
        ((None, 11, 7, 3), "", "NHWC"),
        ((None, None, None, None), 'layout = "NCHW"\nsize = [11, 7]', "NCHW"),
    ],
)
def test_layouts(tmp_path: Path, spec: tuple[int | None, ...], text: str, layout: str) -> None:
    array = pixels(11, 7, 3)
    write_png(tmp_path / "a" / "0.png", array)
    write_toml(tmp_path, f"[input]\n{text}\n")
    found = testset.load(tmp_path, {"x": TensorSpec("float32", spec)}).feeds(0, 1)["x"][0]
    np.testing.assert_array_equal(found, np.moveaxis(array, -1, 0) if layout == "NCHW" else array)


def test_formula_is_in_float64_and_bgr_is_turned(tmp_path: Path) -> None:
    array = pixels(11, 7, 3)
    write_png(tmp_path / "a" / "0.png", array)
    write_toml(tmp_path, '[input]\ncolour = "bgr"\nscale = 0.1\nmean = [0.3, 0.2, 0.1]\nstd = [3.0, 7.0, 11.0]\n')
    found = testset.load(tmp_path, IMAGE).feeds(0, 1)["x"][0]
    wide = (array[..., ::-1].astype(np.float64) * 0.1 - [0.3, 0.2, 0.1]) / [3.0, 7.0, 11.0]
    np.testing.assert_array_equal(found, wide.astype(np.float32))


def test_grey_without_an_axis_of_channels() -> None:
    how = pictures.resolve(Preprocessing(), TensorSpec("uint8", (None, 5, 4)))
    assert (how.colour, how.size, how.dtype) == ("grey", (5, 4), "uint8")
    assert pictures.prepare(pixels(5, 4), how, 3).shape == (5, 4)


def test_pictures_without_targets(tmp_path: Path) -> None:
    write_png(tmp_path / "b.png", pixels(11, 7, 3))
    write_png(tmp_path / "a.png", pixels(11, 7, 3))
    found = testset.load(tmp_path, IMAGE)
    assert found.targets is None
    assert [found.name(0), found.name(1)] == ["a.png", "b.png"]


# --- the list of targets --------------------------------------------------------------------------------------------


def write_list(folder: Path, rows: str, header: str = "file,target") -> None:
    for i in range(3):
        write_png(folder / "images" / f"{i}.png", pixels(11, 7, 3))
    (folder / "targets.csv").write_text(f"{header}\n{rows}", "utf-8-sig")


@pytest.mark.parametrize(
    ("targets", "labels", "expected"),
    [
        ("3 0 7", "", [3, 0, 7]),
        ("3 0.5 7", "", [3.0, 0.5, 7.0]),
        ("dog cat dog", 'labels = ["cat", "dog"]', [1, 0, 1]),
        ("1 0 1", 'labels = ["cat", "dog"]', [1, 0, 1]),
        ("3 7 3", 'labels = ["7", "3"]', [1, 0, 1]),
    ],
)
def test_listed_pictures(tmp_path: Path, targets: str, labels: str, expected: list[float]) -> None:
    rows = "".join(f"images/{i}.png,{t}\n" for i, t in zip((2, 0, 1), targets.split(), strict=True))
    write_list(tmp_path, rows)
    write_toml(tmp_path, labels)
    found = testset.load(tmp_path, IMAGE)
    assert found.targets is not None
    assert found.targets.tolist() == expected
    assert found.name(0) == "images/2.png"


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "images/../../x.png", "C:\\x.png", "..\\x.png", ""])
def test_listed_files_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    write_list(tmp_path, f'"{name}",1\nimages/0.png,1\n')
    error = fails(tmp_path)
    assert error.code == "IX205"
    assert len(error.why) == 1


def test_listed_link_out_of_the_folder(tmp_path: Path) -> None:
    outside = write_png(tmp_path / "outside.png", pixels(11, 7, 3))
    write_list(tmp_path / "set", "images/link.png,1\n")
    (tmp_path / "set" / "images" / "link.png").symlink_to(outside)
    assert fails(tmp_path / "set").code == "IX205"


@pytest.mark.parametrize(
    ("rows", "header", "code", "fault"),
    [
        ("images/0.png,1\n", "name,target", "IX220", "the column 'file' is missing"),
        ("images/0.png\n", "file,target", "IX220", "row 2 has 1 fields instead of 2"),
        ("images/9.png,1\n", "file,target", "IX220", "there is no file 'images/9.png'"),
        ("images/0.png,x\nimages/1.png,y\n", "file,target", "IX221", "row 3: the target 'y' is neither"),
        ("images/0.png,nan\n", "file,target", "IX221", "not finite"),
        ("", "file,target", "IX220", "only the header"),
        ('"images/0.png,1\n', "file,target", "IX220", "cannot be read"),
    ],
)
def test_faults_of_the_list(tmp_path: Path, rows: str, header: str, code: str, fault: str) -> None:
    write_list(tmp_path, rows, header)
    error = fails(tmp_path)
    assert error.code == code
    assert fault in str(error)


def test_targets_out_of_range(tmp_path: Path) -> None:
    write_list(tmp_path, "images/0.png,5\nimages/1.png,-1\nimages/2.png,1\n")
    write_toml(tmp_path, 'labels = ["cat", "dog"]')
    error = fails(tmp_path)
    assert error.code == "IX221"
    assert len(error.why) == 2


# --- idx ------------------------------------------------------------------------------------------------------------


def idx_bytes(array: Any) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, prefix: str = "t10k", suffix: str = "", count: int = 6) -> Any:
    data = pixels(count, 5, 4)
    pack = gzip.compress if suffix == ".gz" else bytes
    (folder / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx_bytes(data)))
    (folder / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx_bytes(np.arange(count, dtype=np.uint8))))
    return data


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx(tmp_path: Path, suffix: str) -> None:
    data = write_idx(tmp_path, suffix=suffix)
    for path in (tmp_path, tmp_path / f"t10k-images-idx3-ubyte{suffix}"):
        found = testset.load(path, GREY)
        np.testing.assert_array_equal(found.feeds(0, 6)["x"][..., 0], data)
        assert found.targets is not None
        assert found.targets.tolist() == list(range(6))


def test_idx_takes_the_test_half(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", count=9)
    data = write_idx(tmp_path, "t10k")
    np.testing.assert_array_equal(testset.load(tmp_path, GREY).feeds(0, 6)["x"][..., 0], data)
    assert len(testset.load(tmp_path / "train-images-idx3-ubyte", GREY)) == 9


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("cut", [3, 119, 121])
def test_idx_truncated(tmp_path: Path, cut: int, suffix: str) -> None:
    data = idx_bytes(pixels(6, 5, 4))[:-cut]
    (tmp_path / "images").write_bytes(gzip.compress(data) if suffix else data)
    error = fails(tmp_path / "images", GREY)
    assert error.code == "IX220"
    assert "truncated" in str(error)


def test_idx_goes_on(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx_bytes(pixels(6, 5, 4)) + b"x")
    assert "it goes on" in str(fails(tmp_path / "images", GREY))


def test_idx_larger_than_the_limit(tmp_path: Path) -> None:
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    (tmp_path / "images").write_bytes(gzip.compress(head))
    assert fails(tmp_path / "images", GREY).code == "IX206"


def test_idx_counts_differ(tmp_path: Path) -> None:
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(5, np.uint8)))
    assert "6 pictures, 5 labels" in str(fails(tmp_path, GREY))


# --- testset.toml ---------------------------------------------------------------------------------------------------


def test_all_faults_of_the_toml_in_one_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((2, 11, 7, 3)))
    write_toml(
        tmp_path,
        'label = ["a"]\ndecision = "best"\nlabels = ["a", "a"]\n[input]\nsize = [0, 4]\ncolor = "rgb"\nstd = [0.0]\n'
        'dtype = "complex64"\nscale = inf\nmean = []\nlayout = "HWC"\ncolour = "red"\n',
    )
    error = fails(tmp_path / "t.npz")
    assert error.code == "IX220"
    for text in ("'label'", "'best'", "twice", "[0, 4]", "'color'", "zero", "complex64", "inf", "[]", "'HWC'", "'red'"):
        assert any(text in reason for reason in error.why), text


@pytest.mark.parametrize(
    "text", ["version = 2\n", "labels = []\n", "version = 1\n[input\n", "version = 1\nversion = 1\n"]
)
def test_toml_of_another_form(tmp_path: Path, text: str) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((2, 11, 7, 3)))
    (tmp_path / "testset.toml").write_text(text)
    assert fails(tmp_path / "t.npz").code == "IX220"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[inputs.z]\nscale = 2.0\n", "describes the input 'z'"),
        ("[input]\nscale = 2.0\n", "write [inputs.NAME]"),
        ("[inputs.a]\nsize = [2, 3]\n", "states size, which is for pictures"),
    ],
)
def test_toml_that_does_not_fit_the_model(tmp_path: Path, text: str, fault: str) -> None:
    np.savez(tmp_path / "t.npz", a=np.zeros((6, 3)), b=np.zeros(6, int))
    write_toml(tmp_path, text)
    assert fault in str(fails(tmp_path / "t.npz", TWO))


# --- the rest -------------------------------------------------------------------------------------------------------


def test_what_is_no_test_set(tmp_path: Path) -> None:
    assert fails(tmp_path).code == "IX220"
    assert fails(tmp_path / "nothing").code == "IX101"
    (tmp_path / "x.txt").write_text("hello")
    assert fails(tmp_path / "x.txt").code == "IX220"


class Stranger:
    """A third party's format."""

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(b"ACME")

    def load(self, path: Path) -> Samples:
        return Samples("ACME samples", 3, {"": np.ones((3, 11, 7, 3), np.float32)}, targets=np.array([1, 2, 3]))


def test_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name = "acme"

        def get(self) -> Stranger:
            return Stranger()

    monkeypatch.setattr(plugins, "recognise", lambda path, group: [Entry()] if group == "testsets" else [])
    (tmp_path / "x.acme").write_bytes(b"ACME")
    found = testset.load(tmp_path / "x.acme", IMAGE)
    assert found.kind == "ACME samples"
    assert found.feeds(1, 3)["x"].shape == (2, 11, 7, 3)
    monkeypatch.setattr(Stranger, "load", lambda self, path: 1 / 0)
    assert "ZeroDivisionError" in str(fails(tmp_path / "x.acme"))
    monkeypatch.setattr(Stranger, "load", lambda self, path: [])
    assert "instead of interchange.testset.Samples" in str(fails(tmp_path / "x.acme"))


def test_batches_and_limit(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((10, 11, 7, 3)))
    found = testset.load(tmp_path / "t.npz", IMAGE)
    assert [(start, len(feeds["x"])) for start, feeds in found.batches(4)] == [(0, 4), (4, 4), (8, 2)]
    assert [(start, len(feeds["x"])) for start, feeds in found.batches(4, 5)] == [(0, 4), (4, 1)]


def test_digest_changes_with_content_and_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = testset.digest_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = testset.digest_of(tmp_path)
    (tmp_path / "b").write_bytes(b"2")
    assert len({first, second, testset.digest_of(tmp_path)}) == 3
