"""The command line of a script."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from interchange_pyscript import NumpyScriptExporter, ScriptExporter
from PIL import Image

from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from interchange.graph import Graph, Node, TensorSpec
from tests.pyscript.common import imported, network, random, run

LABELS = ["ant", "bee", "cat", "dog"]
SETTINGS = {"size": [11, 9], "colour": "rgb", "scale": 1 / 255}
BATCH = random(3, 3, 11, 9, 3)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return network({"labels": json.dumps(LABELS), "preprocessing": json.dumps(SETTINGS)})


@pytest.fixture(scope="module")
def script(graph, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    np.save(folder / "batch.npy", BATCH)
    np.save(folder / "one.npy", BATCH[0])
    np.savez(folder / "named.npz", image=BATCH)
    np.savez(folder / "unnamed.npz", BATCH)
    (folder / "batch.json").write_text(json.dumps(BATCH.tolist()))
    (folder / "named.json").write_text(json.dumps({"image": BATCH.tolist()}))
    np.savetxt(folder / "rows.csv", BATCH.reshape(3, -1), delimiter=",")
    for i, name in enumerate(("a.png", "b.ppm")):
        pixels = np.random.default_rng(i).integers(0, 256, (11, 9, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return ScriptExporter().save(graph, folder / "small.py")[0]


@pytest.fixture(scope="module")
def want(graph) -> np.ndarray:
    return evaluate(widen(graph), {"image": BATCH})["classes"]


def table_of(text: str) -> dict[str, float]:
    return {label: float(probability) for label, probability in map(str.split, text.splitlines())}


@pytest.mark.parametrize("name", ["batch.npy", "named.npz", "unnamed.npz", "batch.json", "named.json", "rows.csv"])
def test_formats_of_arrays(name, script, want):
    done = run(script, name, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(json.loads(done.stdout)["classes"], want, rtol=1e-6)


def test_one_sample_is_a_batch_of_one(script, want):
    done = run(script, "one.npy")
    assert done.returncode == 0
    table = table_of(done.stdout)
    assert list(table) == [LABELS[i] for i in np.argsort(-want[0])]
    np.testing.assert_allclose([table[label] for label in LABELS], want[0], atol=1e-4)


def test_images_are_prepared(graph, script):
    pixels = np.stack([np.asarray(Image.open(script.parent / name)) for name in ("a.png", "b.ppm")])
    want = evaluate(widen(graph), {"image": (pixels * (1 / 255)).astype(np.float32)})["classes"]
    done = run(script, "a.png", "b.ppm", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(json.loads(done.stdout)["classes"], want, rtol=1e-6)
    lines = run(script, "a.png", "b.ppm").stdout.splitlines()
    assert [lines[0], lines[5]] == ["a.png", "b.ppm"]


def test_pixels_are_left_as_they_are_with_a_note(tmp_path, script):
    plain = ScriptExporter().save(network(), tmp_path / "plain.py")[0]
    done = run(plain, str(script.parent / "a.png"), "--json")
    assert done.returncode == 0
    assert done.stderr.startswith("note: ")
    pixels = np.asarray(Image.open(script.parent / "a.png"))[None].astype(np.float32)
    np.testing.assert_allclose(
        json.loads(done.stdout)["classes"], evaluate(widen(network()), {"image": pixels})["classes"]
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_images_for_integers(dtype, script, tmp_path):
    graph = Graph(
        inputs={"x": TensorSpec(dtype, ("n", 3, 11, 9))},
        outputs=("y",),
        nodes=(Node("Identity", ("x",), ("y",), {}, ""),),
        metadata={"preprocessing": '{"layout": "NCHW", "scale": 1.5, "mean": [20]}'},
    )
    path = ScriptExporter().save(graph, tmp_path / "p.py")[0]
    pixels = np.asarray(Image.open(script.parent / "a.png")).transpose(2, 0, 1)
    limits = np.iinfo(dtype)
    want = np.clip(np.rint(pixels * 1.5 - 20), limits.min, limits.max)
    done = run(path, str(script.parent / "a.png"), "--json")
    assert done.stderr == ""
    np.testing.assert_array_equal(json.loads(done.stdout)["y"], want[None])


def test_output_file(script, want, tmp_path):
    done = run(script, "batch.npy", "one.npy", "--output", str(tmp_path / "out.npz"))
    assert (done.returncode, done.stdout) == (0, "")
    with np.load(tmp_path / "out.npz") as archive:
        assert archive.files == ["classes"]
        assert archive["classes"].dtype == np.float32
        np.testing.assert_allclose(archive["classes"], np.concatenate([want, want[:1]]), rtol=1e-6)


def test_description(script):
    description = json.loads(run(script, "--describe").stdout)
    assert description["inputs"] == [{"name": "image", "dtype": "float32", "shape": ["batch", 11, 9, 3]}]
    assert description["outputs"] == [{"name": "classes", "dtype": "float32", "shape": ["batch", 4]}]
    assert (description["labels"], description["preprocessing"]) == (LABELS, SETTINGS)


def test_help_is_the_docstring(script):
    done = run(script, "--help")
    assert done.returncode == 0
    assert "image: float32 [batch, 11, 9, 3]" in done.stdout
    assert "--selftest" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "an INPUT is missing"),
        (["no such file.npy"], "No such file"),
        (["."], "directory"),
        (["--nonsense"], "nonsense"),
        (["bad.npy"], "bad.npy: this .npy cannot be read"),
        (["wrong.npy"], "instead of [batch, 11, 9, 3]"),
        (["ints.npy"], "instead of"),
        (["photo.jpg"], "PNG"),
        (["bad.json"], "JSON"),
        (["other.json"], "holds 'a', 'b'"),
        (["bad.csv"], "CSV"),
        (["latin.csv"], "latin.csv"),
        (["bad.png"], "PNG cannot be read"),
        (["empty"], "no numbers"),
        (["deep.json"], "deep.json"),
        (["big.json"], "too large"),
        (["long.csv"], "CSV"),
        (["batch.npy", "--output", "no/such/folder.npz"], "folder"),
    ],
)
def test_mistakes_are_one_line(arguments, message, script):
    folder = script.parent
    good = (folder / "one.npy").read_bytes()
    (folder / "bad.npy").write_bytes(good[: len(good) // 2])
    np.save(folder / "wrong.npy", BATCH[:, :5])
    np.save(folder / "ints.npy", np.arange(9))
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\0JFIF")
    (folder / "bad.json").write_text("[[1, 2]")
    (folder / "other.json").write_text('{"a": [1], "b": [2]}')
    (folder / "bad.csv").write_text("1,2\nx,4\n")
    (folder / "latin.csv").write_bytes(b"\xe9\xe8,2\n")
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nand so on")
    (folder / "empty").write_bytes(b"")
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "big.json").write_text(json.dumps(BATCH.astype(int).tolist()).replace("0", "1" + "0" * 400, 1))
    (folder / "long.csv").write_text('"' + "1" * 200_000 + '"')
    done = run(script, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--describe"], ["-u", "--describe"], ["batch.npy", "--json"], ["-u", "batch.npy"]]
)
def test_closed_pipe_is_no_mistake(arguments, script):
    flags = [argument for argument in arguments if argument == "-u"]
    command = [sys.executable, *flags, "-I", "-S", str(script), *arguments[len(flags) :]]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=script.parent, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_disk_is_one_line(script):
    command = [sys.executable, "-I", "-S", str(script), "--describe"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "message"), [(MemoryError(), "not enough memory"), (RecursionError("maximum"), "nested too deeply")]
)
def test_limits_of_the_machine_are_one_line(error, message, script, capsys, monkeypatch):
    module = imported(script)

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "run_files", fails)
    assert module.command_line(module.MODEL, ["x.npy"], "") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)


def test_self_test_of_a_model_that_gives_no_numbers(tmp_path):
    def graph(weight: float) -> Graph:
        b = Builder()
        x = b.input("x", "float32", ("n", 2))
        b.constant("w", np.full(2, weight, np.float32))
        return b.graph([b.add("Mul", [x, "w"], "y"), b.add("Neg", [x], "z")], {})

    script = ScriptExporter().save(graph(np.nan), tmp_path / "nan.py")[0]
    done = run(script, "--selftest")
    assert done.returncode == 0
    assert "self-test passed" in done.stdout
    assert done.stderr == "note: the model's outputs are not numbers: 'y' (all NaN)\n"
    # NaN instead of numbers is a failure, whatever the tolerance.
    module = imported(ScriptExporter().save(graph(1), tmp_path / "one.py")[0])
    module.MODEL.load()
    module.MODEL.weights["w"].values = [math.nan, 1.0]
    assert "'y' is off by inf" in module.MODEL.self_test()[0]


def two_inputs() -> Graph:
    return Graph(
        inputs={"a": TensorSpec("float32", ("n", 2)), "b": TensorSpec("float32", ("n", 2))},
        outputs=("difference",),
        nodes=(Node("Sub", ("a", "b"), ("difference",), {}, "subtract"),),
        metadata={"labels": '["no", "yes"]'},
    )


def test_several_inputs(tmp_path):
    script = ScriptExporter().save(two_inputs(), tmp_path / "two.py")[0]
    a, b = np.array([[5, 7]], np.float32), np.array([[1, 2]], np.float32)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b[0])
    np.savez(tmp_path / "swapped.npz", b=b, a=a)
    np.savez(tmp_path / "ordered.npz", a, b)
    (tmp_path / "both.json").write_text('{"b": [[1, 2]], "a": [[5, 7]]}')
    for arguments in (["a.npy", "b.npy"], ["swapped.npz"], ["ordered.npz"], ["both.json"]):
        done = run(script, *arguments, "--json")
        assert done.stderr == ""
        assert json.loads(done.stdout) == {"difference": [[4, 5]]}
    for arguments, message in ((["a.npy"], "'b'"), (["a.npy", "b.npy", "a.npy"], "3 files for 2 inputs")):
        done = run(script, *arguments)
        assert done.returncode == 2
        assert message in done.stderr


def test_two_labels_for_one_probability(tmp_path):
    graph = Graph(
        inputs={"x": TensorSpec("float32", ("n", 1))},
        outputs=("p",),
        nodes=(Node("Sigmoid", ("x",), ("p",), {}, "sigmoid"),),
        metadata={"labels": '["cat", "dog"]'},
    )
    script = ScriptExporter().save(graph, tmp_path / "p.py")[0]
    (tmp_path / "x.csv").write_text("-2\n0.5\n")
    assert run(script, "x.csv").stdout.split() == [
        "[0]",
        "cat",
        "0.8808",
        "dog",
        "0.1192",
        "[1]",
        "dog",
        "0.6225",
        "cat",
        "0.3775",
    ]


def test_numbers_without_labels(tmp_path):
    graph = Graph(
        inputs={"x": TensorSpec("float32", ("n", 2))},
        outputs=("y", "bits"),
        nodes=(Node("Log", ("x",), ("y",), {}, ""), Node("IsInf", ("y",), ("bits",), {}, "")),
    )
    script = ScriptExporter().save(graph, tmp_path / "p.py")[0]
    (tmp_path / "x.json").write_text("[[1, 0], [-1, 2]]")
    assert run(script, "x.json").stdout == (
        'y [2, 2]: [0.0, "-inf", "nan", 0.693147]\nbits [2, 2]: [false, true, false, false]\n'
    )
    assert json.loads(run(script, "x.json", "--json").stdout)["y"][0] == [0.0, "-inf"]


def test_sizes_that_do_not_fit_each_other(tmp_path):
    graph = Graph(
        inputs={"x": TensorSpec("float32", ("n", None))},
        outputs=("y",),
        nodes=(Node("Concat", ("x", "x"), ("xx",), {"axis": 1}, ""), Node("Reshape", ("xx", "s"), ("y",), {}, "")),
        constants={"s": np.array([-1, 4])},
    )
    for exporter in (ScriptExporter, NumpyScriptExporter):
        script = exporter().save(graph, tmp_path / exporter.__name__ / "p.py")[0]
        (script.parent / "x.csv").write_text("1,2,3\n")
        done = run(script, "x.csv", isolated=exporter is ScriptExporter)
        assert done.returncode == 2
        assert done.stderr.startswith("p.py: the model cannot compute with these inputs: ")
        assert len(done.stderr.splitlines()) == 1


def test_any_label_can_be_printed(tmp_path):
    graph = network({"labels": json.dumps(["a\ud800", "\u202e", "é", "\n"])})
    script = ScriptExporter().save(graph, tmp_path / "p.py")[0]
    np.save(tmp_path / "x.npy", BATCH[0])
    done = run(script, "x.npy")
    assert done.returncode == 0
    assert {"a\\ud800", "\\u202e", "é", "\\n"} == {line.split()[0] for line in done.stdout.splitlines()}


def test_model_without_inputs(tmp_path):
    graph = Graph({}, ("y",), (Node("Neg", ("c",), ("y",), {}, ""),), {"c": np.array([1, 2], np.float32)})
    script = ScriptExporter().save(graph, tmp_path / "p.py")[0]
    assert json.loads(run(script, "--json").stdout) == {"y": [-1, -2]}
    assert run(script, "--selftest").returncode == 0


def test_numpy_style_has_the_same_command_line(graph, script, want, tmp_path):
    path = NumpyScriptExporter().save(graph, tmp_path / "small.py")[0]
    for name in ("batch.npy", "named.npz", "rows.csv"):
        command = [sys.executable, "-I", str(path), str(script.parent / name), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stderr == ""
        np.testing.assert_allclose(json.loads(done.stdout)["classes"], want, rtol=1e-5)
    assert "NumPy" in subprocess.run([*command[:3], "--selftest"], capture_output=True, text=True).stdout
