"""The Python API: load, save, open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import interchange
from interchange import BadInput
from interchange.graph import equal
from tests.core.graphs import tiny

X, Y = np.ones((2, 4), np.float32), np.zeros((2, 3), np.float32)


def test_save_and_load(tmp_path: Path) -> None:
    graph = tiny()
    (path,) = interchange.save(graph, tmp_path, to="weights")
    assert path == tmp_path / "tiny.safetensors"
    assert equal(interchange.load(path), graph)
    assert equal(interchange.load(str(path), format="weights"), graph)


def test_a_model_without_a_name_is_called_after_its_file(tmp_path: Path) -> None:
    from dataclasses import replace

    interchange.save(replace(tiny(), metadata={}), tmp_path / "net.safetensors", to="weights")
    assert interchange.load(tmp_path / "net.safetensors").name == "net"


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    interchange.save(tiny(), tmp_path, to="weights")
    with pytest.raises(BadInput, match="IX102"):
        interchange.save(tiny(), tmp_path, to="weights")
    interchange.save(tiny(), tmp_path, to="weights", force=True)


def test_unknown_options_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="IX103") as caught:
        interchange.save(tiny(), tmp_path, to="weights", opset=3)
    assert caught.value.next_step == "weights takes 'selftest'"
    (path,) = interchange.save(tiny(), tmp_path, to="weights")
    with pytest.raises(BadInput, match="IX103"):
        interchange.load(path, strict=True)
    with pytest.raises(BadInput, match="IX103"), interchange.open(path, device="cuda"):
        pass


@pytest.mark.parametrize("kind", ["graph", "file"])
def test_open_takes_names_or_positions(tmp_path: Path, kind: str) -> None:
    (path,) = interchange.save(tiny(), tmp_path, to="weights")
    with interchange.open(path if kind == "file" else tiny()) as model:
        assert list(model.inputs) == ["x", "y"]
        assert model.provider.startswith("NumPy")
        by_position, by_name = model(X, Y), model({"y": Y, "x": X})
    assert list(by_position) == ["sum", "hidden"]
    for name, array in by_name.items():
        np.testing.assert_array_equal(array, by_position[name])


def test_open_refuses_inputs_that_do_not_fit() -> None:
    with interchange.open(tiny()) as model:
        with pytest.raises(BadInput, match=r"2 input\(s\), 1 were given"):
            model(X)
        with pytest.raises(BadInput, match=r"'y'.*is missing"):
            model({"x": X})
        with pytest.raises(BadInput, match="instead of 4"):
            model(X[:, :3], Y)


def test_unknown_backends_are_refused() -> None:
    with pytest.raises(BadInput, match="IX104"), interchange.open(tiny(), backend="abacus"):
        pass


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda t: interchange.save("m.h5", t, to="weights"), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.save(None, t, to="weights"), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.save(tiny(), None, to="weights"), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.load(None), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.load(5), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.load("a\0b"), "IX101"),
        (lambda t: interchange.verify(None, t), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.verify(tiny(), 3), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.verify(tiny(), t, backends=[3]), "IX103"),  # type: ignore[list-item]
        (lambda t: interchange.verify(tiny(), t, backends=3), "IX103"),  # type: ignore[arg-type]
        (lambda t: interchange.verify(tiny(), t, backends="abacus"), "IX104"),
        (lambda t: interchange.verify(tiny(), t, rtol="a"), "IX103"),
        (lambda t: interchange.verify(tiny(), t, limit=2.5), "IX103"),
        (lambda t: interchange.verify(tiny(), t, frobnicate=1), "IX103"),
        (lambda t: interchange.open(None).__enter__(), "IX103"),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_another_kind_are_bad_input(tmp_path: Path, call: Callable[[Path], object], code: str) -> None:
    with pytest.raises(BadInput, match=code):
        call(tmp_path)


def test_one_backend_may_be_a_plain_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=X, y=Y)
    report = interchange.verify(tiny(), tmp_path / "t.npz", backends="numpy")
    assert [backend.name for backend in report.backends] == ["numpy"]


@pytest.mark.parametrize("backend", ["numpy", "pyscript"])
def test_a_closed_model_says_so(backend: str) -> None:
    with interchange.open(tiny(), backend=backend) as model:
        model(X, Y)
    with pytest.raises(BadInput, match="The model is closed"):
        model(X, Y)
