"""Artifacts: all of their files or none, and never over something that is there."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from interchange.errors import BadInput
from interchange.files import Artifact, safe_stem, target_path


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def write(folder: Path, *names: str, force: bool = False) -> None:
    with Artifact(force=force) as artifact:
        for name in names:
            artifact.write(folder / name, b"new")


def test_files_appear_together_at_the_end(tmp_path: Path) -> None:
    with Artifact() as artifact:
        artifact.write(tmp_path / "a.py", b"a")
        artifact.reserve(tmp_path / "deep" / "b.bin").write_bytes(b"b")
        assert "a.py" not in contents(tmp_path)
    assert artifact.paths == [tmp_path / "a.py", tmp_path / "deep" / "b.bin"]
    assert contents(tmp_path) == {"a.py": "a", "deep/b.bin": "b"}


def test_nothing_is_left_of_a_failure_in_the_middle(tmp_path: Path) -> None:
    def fail() -> None:
        with Artifact() as artifact:
            artifact.write(tmp_path / "a.py", b"a")
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        fail()
    assert contents(tmp_path) == {}


def test_nothing_is_left_of_an_interruption(tmp_path: Path) -> None:
    def interrupt() -> None:
        with Artifact(force=True) as artifact:
            artifact.write(tmp_path / "a.py", b"a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert contents(tmp_path) == {}


def test_nothing_is_replaced_without_force(tmp_path: Path) -> None:
    (tmp_path / "b.bin").write_text("mine")
    with pytest.raises(BadInput) as caught:
        write(tmp_path, "a.py", "b.bin")
    assert (caught.value.code, caught.value.where) == ("IX102", str(tmp_path / "b.bin"))
    assert contents(tmp_path) == {"b.bin": "mine"}


def test_a_file_that_came_in_between_is_not_replaced(tmp_path: Path) -> None:
    def write_meanwhile() -> None:
        with Artifact() as artifact:
            artifact.write(tmp_path / "a.py", b"a")
            artifact.write(tmp_path / "b.bin", b"b")
            (tmp_path / "b.bin").write_text("mine")

    with pytest.raises(BadInput, match="IX102"):
        write_meanwhile()
    assert contents(tmp_path) == {"b.bin": "mine"}


def test_force_replaces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("old")
    with Artifact(force=True) as artifact:
        artifact.write(tmp_path / "a.py", b"new")
        assert contents(tmp_path)["a.py"] == "old"
    assert contents(tmp_path) == {"a.py": "new"}


@pytest.mark.parametrize("fails", ["b.bin", "c.bin"])
def test_a_file_that_cannot_be_moved_takes_the_others_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    (tmp_path / "a.py").write_text("old a")
    (tmp_path / "b.bin").write_text("old b")
    replace = os.replace

    def refuse(source: str | Path, target: str | Path) -> None:
        if Path(target).name == fails and ".old" not in str(source):
            raise PermissionError(13, "not now")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(BadInput) as caught:
        write(tmp_path, "a.py", "b.bin", "c.bin", force=True)
    assert (caught.value.code, caught.value.where) == ("IX105", str(tmp_path / fails))
    assert contents(tmp_path) == {"a.py": "old a", "b.bin": "old b"}


def test_several_files_are_replaced_without_leftovers(tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        with Artifact(force=True) as artifact:
            artifact.write(tmp_path / "a", text)
            artifact.write(tmp_path / "b", text)
    assert contents(tmp_path) == {"a": "two", "b": "two"}


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()
    with pytest.raises(BadInput, match="IX105"), Artifact(force=True) as artifact:
        artifact.write(tmp_path / "a.py", b"a")


def test_a_target_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="IX105"), Artifact() as artifact:
        artifact.write(tmp_path / "file" / "a.py", b"a")


def test_a_full_disk_is_an_error_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInput, match="No space left"), Artifact() as artifact:
        artifact.write(tmp_path / "a.py", b"a")
    assert contents(tmp_path) == {}


def test_a_disk_that_is_full_while_a_file_is_written(tmp_path: Path) -> None:
    def write() -> None:
        with Artifact() as artifact:
            artifact.write(tmp_path / "b", b"whole")
            with artifact.open(tmp_path / "a") as file:
                file.write(b"half")
                raise OSError(28, "No space left on device")

    with pytest.raises(BadInput, match="No space left"):
        write()
    assert contents(tmp_path) == {}


def test_a_file_appears_when_all_is_written(tmp_path: Path) -> None:
    with Artifact() as artifact:
        with artifact.open(tmp_path / "a") as file:
            file.write(b"one")
            file.write(b"two")
        assert not (tmp_path / "a").exists()
    assert contents(tmp_path) == {"a": "onetwo"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    with Artifact() as artifact:
        artifact.write(tmp_path / "a.py", b"a")
    (tmp_path / "plain").write_text("x")
    assert stat.S_IMODE((tmp_path / "a.py").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("model", "model"),
        ("my model-2.final", "my_model_2_final"),
        ("../../etc/passwd", "etc_passwd"),
        ("3d", "model_3d"),
        ("", "model"),
        ("日本", "model"),
        ("..", "model"),
        ("a\nb", "a_b"),
        ("json", "model_json"),
        ("import", "model_import"),
        ("None", "model_None"),
        ("_json_", "model_json"),
        ("numpy", "model_numpy"),
        ("interchange", "model_interchange"),
        ("json_2", "json_2"),
        ("ünï", "uni"),
        ("日本 v2", "model_v2"),
        ("größe", "model_gro_e"),
        ("m²", "m2"),
        ("a\u2014b", "a_b"),
    ],
)
def test_names_become_stems(name: str, stem: str) -> None:
    assert safe_stem(name) == stem
    assert stem.isidentifier()


def test_target_paths(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    assert target_path(tmp_path / "a.onnx", ".onnx", "net") == tmp_path / "a.onnx"
    assert target_path(tmp_path, ".onnx", "my net") == tmp_path / "my_net.onnx"
    assert target_path(tmp_path / "folder.onnx", ".onnx", "net") == tmp_path / "folder.onnx" / "net.onnx"
