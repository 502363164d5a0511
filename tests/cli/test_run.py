"""`interchange run`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import interchange
from interchange.evaluate import evaluate
from interchange.graph import Graph, Node, TensorSpec
from tests.cli.conftest import Run
from tests.core.graphs import tiny

FEEDS = {"x": np.arange(8, dtype=np.float32).reshape(2, 4), "y": np.ones((2, 3), np.float32)}
SUM = evaluate(tiny(), FEEDS)["sum"]


def one_input(tmp_path: Path, shape: tuple[object, ...], **metadata: str) -> Path:
    """A model that doubles its only input, and has a row sum for an output where it is an image."""
    spec = TensorSpec("float32", shape)  # type: ignore[arg-type]
    graph = Graph({"x": spec}, ("y",), (Node("Add", ("x", "x"), ("y",)),), {}, {"name": "double", **metadata})
    return interchange.save(graph, tmp_path, to="weights")[0]


def test_inputs_in_order_or_by_name(run: Run, model: Path, arrays: tuple[Path, Path]) -> None:
    ways = (["x.npy", "y.npy"], ["y=y.npy", "x=x.npy"], ["y=y.npy", "x.npy"])
    for inputs in ways:
        done = run("run", model, *inputs, "--json")
        assert done.code == 0
        assert [output["name"] for output in done.json["outputs"]] == ["sum", "hidden"]
        np.testing.assert_allclose(done.json["outputs"][0]["values"], SUM, rtol=1e-6)
        assert done.json["outputs"][0]["dtype"] == "float32"


def test_every_kind_of_file(run: Run, model: Path) -> None:
    np.savez("both.npz", **FEEDS)  # type: ignore[arg-type]
    Path("both.json").write_text(json.dumps({name: array.tolist() for name, array in FEEDS.items()}))
    np.savez("only.npz", whatever=FEEDS["x"])
    np.savetxt("x.csv", FEEDS["x"], delimiter=",", header="a,b,c,d", comments="")
    np.savetxt("y.csv", FEEDS["y"], delimiter=",")
    Path("y.json").write_text(json.dumps(FEEDS["y"].tolist()))
    for inputs in (["both.npz"], ["both.json"], ["only.npz", "y.json"], ["x.csv", "y.csv"]):
        done = run("run", model, *inputs, "--json")
        assert done.code == 0, done.err
        np.testing.assert_allclose(done.json["outputs"][0]["values"], SUM, rtol=1e-6)


def test_one_sample_needs_no_axis_of_samples(run: Run, model: Path) -> None:
    np.savez("one.npz", x=FEEDS["x"][0], y=FEEDS["y"][0])
    done = run("run", model, "one.npz", "--json")
    assert done.json["outputs"][0]["shape"] == [1, 3]


def test_outputs_are_written(run: Run, model: Path, arrays: tuple[Path, Path]) -> None:
    done = run("run", model, *arrays, "-o", "out.npz")
    assert done.out.splitlines()[-1] == "written to out.npz"
    with np.load("out.npz") as written:
        assert written.files == ["sum", "hidden"]
        np.testing.assert_allclose(written["sum"], SUM, rtol=1e-6)
    assert run("run", model, *arrays, "-o", "out.npz").err.startswith("IX102")
    assert run("run", model, *arrays, "-o", "out.npz", "--force").code == 0
    assert run("run", model, *arrays, "-o", "out.txt").err.startswith("IX103")


def test_numbers_for_people(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("n", 10))
    np.save("x.npy", np.arange(300).reshape(30, 10) / 2)
    lines = run("run", model, "x.npy").out.splitlines()
    assert lines[0] == "y  float32 30 × 10"
    assert lines[1].split() == ["0.", "1.", "2.", "3.", "4.", "5.", "6.", "7.", "…"]
    assert lines[-1] == "  … and 10 samples more; -o FILE.npz writes all"


def test_classes_for_people(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("n", 3), labels='["ant", "bee", "cat"]')
    Path("scores.json").write_text("[[0.1, 0.3, 0.05], [0.0, 0.1, 0.4]]")
    lines = [line.split() for line in run("run", model, "scores.json").out.splitlines()]
    assert lines[2] == ["0", "bee", "0.6000", "ant", "0.2000", "cat", "0.1000"]
    assert lines[3] == ["1", "cat", "0.8000", "bee", "0.2000", "ant", "0.0000"]


def test_two_labels_and_one_number(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("n", 1), labels='["cat", "dog"]')
    Path("scores.json").write_text("[[0.4], [0.1]]")
    lines = [line.split() for line in run("run", model, "scores.json").out.splitlines()]
    assert lines[2:] == [["0", "dog", "0.8000", "cat", "0.2000"], ["1", "cat", "0.8000", "dog", "0.2000"]]


def test_not_a_number_is_strict_json(run: Run, tmp_path: Path) -> None:
    np.save("x.npy", np.array([[np.nan, np.inf, -1]]))
    done = run("run", one_input(tmp_path, ("n", 3)), "x.npy", "--json")
    assert done.json["outputs"][0]["values"] == [["nan", "inf", -2.0]]


@pytest.mark.parametrize("backend", ["numpy", "pyscript", "onnxruntime"])
def test_backends_agree(run: Run, model: Path, arrays: tuple[Path, Path], backend: str) -> None:
    if backend == "onnxruntime":
        pytest.importorskip("onnxruntime")
    done = run("run", model, *arrays, "--backend", backend, "--json")
    assert done.code == 0, done.err
    assert done.json["backend"] == backend
    np.testing.assert_allclose(done.json["outputs"][0]["values"], SUM, rtol=1e-5)


def test_an_artifact_without_an_importer_runs_too(run: Run, model: Path, arrays: tuple[Path, Path]) -> None:
    assert run("convert", model, "--to", "pyscript", "-o", "s").code == 0
    done = run("run", "s/tiny.py", *arrays, "--json")
    assert done.json["backend"] == "pyscript"
    np.testing.assert_allclose(done.json["outputs"][0]["values"], SUM, rtol=1e-6)


def test_backend_options(run: Run, model: Path, arrays: tuple[Path, Path]) -> None:
    done = run("run", model, *arrays, "--backend", "numpy:colour=red")
    assert (done.code, done.err.split(":")[0]) == (2, "IX103")


# --- pictures -------------------------------------------------------------------------------------------------------


def picture(name: str, size: tuple[int, int] = (4, 2)) -> Path:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", size, (10, 20, 30)).save(name)
    return Path(name)


def test_pictures_are_one_batch(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("n", 2, 4, 3))
    done = run("run", model, picture("a.png"), picture("b.png"), "--json")
    assert done.json["outputs"][0]["shape"] == [2, 2, 4, 3]
    assert done.json["outputs"][0]["values"][1][1][3] == [20, 40, 60]


def test_pictures_are_preprocessed_as_the_model_says(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("n", 2, 4, 3), preprocessing='{"scale": 0.5, "colour": "bgr"}')
    done = run("run", model, picture("a.png", (8, 4)), "--json")
    assert done.json["outputs"][0]["values"][0][0][0] == [30, 20, 10]
    Path("testset.toml").write_text("version = 1\n[input]\nscale = 2.0\n")
    done = run("run", model, "a.png", "--preprocessing", "testset.toml", "--json")
    assert done.json["outputs"][0]["values"][0][0][0] == [40, 80, 120]


def test_pictures_that_enter_unscaled_are_noted(run: Run, tmp_path: Path) -> None:
    silent = one_input(tmp_path / "silent", ("n", 2, 4, 3))
    done = run("run", silent, picture("a.png"))
    assert (done.code, "unscaled" in done.err) == (0, True)
    assert "unscaled" not in run("run", silent, picture("a.png"), "-q").err
    told = one_input(tmp_path / "told", ("n", 2, 4, 3), preprocessing='{"scale": 0.5}')
    assert "unscaled" not in run("run", told, picture("a.png")).err


def test_pictures_of_different_sizes_need_a_size(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("n", None, None, 3))
    done = run("run", model, picture("a.png"), picture("b.png", (5, 5)))
    assert (done.code, done.err.split(":")[0]) == (2, "IX211")


def test_a_damaged_picture(run: Run, tmp_path: Path) -> None:
    data = picture("a.png").read_bytes()
    Path("half.png").write_bytes(data[: len(data) // 2])
    done = run("run", one_input(tmp_path, ("n", 2, 4, 3)), "half.png")
    assert (done.code, done.err.split(":")[0]) == (2, "IX103")


def test_preprocessing_in_a_model_of_another_form(run: Run, tmp_path: Path) -> None:
    for text in ('{"colours": 3}', "[", "[1]"):
        model = one_input(tmp_path / text.strip("[{"), ("n", 2, 4, 3), preprocessing=text)
        done = run("run", model, picture("a.png"))
        assert (done.code, done.err.split(":")[0]) == (2, "IX210"), text


# --- inputs that do not fit -----------------------------------------------------------------------------------------


def test_inputs_that_do_not_fit(run: Run, model: Path, arrays: tuple[Path, Path]) -> None:
    np.savez("other.npz", a=FEEDS["x"], b=FEEDS["y"])
    Path("bad.json").write_text("{")
    Path("bad.csv").write_text("a,b\n1,x\n")
    Path("unknown.bin").write_bytes(b"\x00\x01")
    np.save("objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    cases = {
        "IX211": (["x.npy"], ["x.npy", "y.npy", "x.npy"], ["other.npz"], ["z=x.npy", "y.npy"], ["y.npy", "x.npy"]),
        "IX103": (["bad.json"], ["bad.csv"], ["unknown.bin"], ["objects.npy", "y.npy"], ["."]),
    }
    for code, several in cases.items():
        for inputs in several:
            done = run("run", model, *inputs)
            assert (done.code, done.err.split(":")[0]) == (2, code), inputs


def test_rows_of_a_table_take_the_shape_of_samples(run: Run, tmp_path: Path) -> None:
    model = one_input(tmp_path, ("batch", 2, 3, 2))
    np.savetxt("rows.csv", np.arange(36).reshape(3, 12), delimiter=",")
    np.save("rows.npy", np.arange(12.0).reshape(1, 12))
    (output,) = run("run", model, "rows.csv", "--json").json["outputs"]
    assert output["shape"] == [3, 2, 3, 2]
    assert output["values"][0][0] == [[0, 2], [4, 6], [8, 10]]
    assert run("run", model, "rows.npy").code == 0
    np.savetxt("short.csv", np.zeros((3, 11)), delimiter=",")
    assert run("run", model, "short.csv").err.startswith("IX211")
    np.save("other.npy", np.zeros((3, 3, 2, 2)))  # not a table: nothing is guessed
    assert run("run", model, "other.npy").err.startswith("IX211")
