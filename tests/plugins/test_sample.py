"""A stranger's plugin, installed by pip and used through the command line; with broken ones beside it."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from tests.plugins.environment import Environment

NET = """toy 1
input x 4
dense 3 0.5 -1 2 0.25 0.5 -0.75 1 1 -1 -0.5 0.125 0.5
bias 0.1 0 -0.25
scale2 -1
relu
output y
"""
KERNEL = np.array([0.5, -1, 2, 0.25, 0.5, -0.75, 1, 1, -1, -0.5, 0.125, 0.5], np.float32).reshape(4, 3)
BIAS = np.array([0.1, 0, -0.25], np.float32)
SAMPLES = "toy samples\n1 2 3 4 | 0\n0.5 -1 0 2 | 2\n-1 0.25 1 1 | 1\n"
ROWS = np.array([[1, 2, 3, 4], [0.5, -1, 0, 2], [-1, 0.25, 1, 1]], np.float32)


class Place:
    """A folder with a network and samples, where `interchange` is run."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder = environment, folder
        (folder / "net.toy").write_text(NET)
        (folder / "samples.txt").write_text(SAMPLES)
        np.save(folder / "rows.npy", ROWS)

    def run(self, *arguments: str) -> CompletedProcess[str]:
        return self.environment.run("interchange", *arguments, cwd=self.folder)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def place(environment: Environment, tmp_path: Path) -> Place:
    return Place(environment, tmp_path)


def test_it_is_listed_in_every_group(place: Place) -> None:
    groups = place.json("plugins")
    mine = {
        g: [(e["name"], e["why"]) for e in entries if e["distribution"] == "interchange-toy"]
        for g, entries in groups.items()
    }
    assert mine == {
        "importers": [("toy", "")],
        "exporters": [("toy", "")],
        "backends": [("toy", "")],
        "testsets": [("toy", "")],
        "operators": [("toy", "")],
        "keras_layers": [("toy>Scale2", "")],
    }


def test_broken_plugins_are_one_line_each(place: Place) -> None:
    done = place.run("plugins")
    assert (done.returncode, done.stderr) == (0, "")
    expected = {
        "interchange_cracked": "broken: ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
        "interchange_crooked": "broken: no method recognises(path, head); no method save(graph, path, force)",
        "interchange_copied": "broken: the name 'weights' is taken by interchange",
        "interchange_crashing": "broken: recognises() raises IndexError: index out of range",
    }
    for name, why in expected.items():
        (line,) = [line for line in done.stdout.splitlines() if name in line]
        assert line.endswith(why)


def test_a_toy_network_becomes_every_format_that_can_hold_it(place: Place) -> None:
    done = place.run("convert", "net.toy", "--to", "weights", "--to", "toy", "-o", "out", "--option", "comment=by hand")
    assert done.returncode == 0, done.stderr
    assert (place.folder / "out" / "net.toy").read_text() == NET.replace("toy 1\n", "toy 1\n# by hand\n")
    again = place.run("convert", "out/net.safetensors", "--to", "toy", "-o", "back")
    assert again.returncode == 0, again.stderr
    assert (place.folder / "back" / "net.toy").read_text() == NET


def test_formats_that_cannot_hold_it_say_so(place: Place) -> None:
    done = place.run("convert", "net.toy", "--to", "pyscript", "-o", "out")
    assert done.returncode == 3
    assert done.stderr.startswith("IX303")
    assert "toy.Scale2" in done.stderr
    assert not (place.folder / "out").exists()


def test_options_are_known_from_the_signature(place: Place) -> None:
    done = place.run("convert", "net.toy", "--to", "toy", "-o", "out", "--option", "colour=red")
    assert done.returncode == 2
    assert "toy takes 'comment'" in done.stderr
    assert "slowly is 3; bool is wanted" in place.run("run", "net.toy", "rows.npy", "--backend", "toy:slowly=3").stderr


@pytest.mark.parametrize("backend", ["numpy", "toy", "toy:slowly=true"])
def test_it_runs(place: Place, backend: str) -> None:
    (output,) = place.json("run", "net.toy", "rows.npy", "--backend", backend)["outputs"]
    assert output["name"] == "y"
    np.testing.assert_allclose(output["values"], np.maximum((ROWS @ KERNEL + BIAS) / 2, 0), rtol=1e-5, atol=1e-7)


def test_it_is_verified(place: Place) -> None:
    report = place.json("verify", "net.toy", "samples.txt", "--backend", "numpy", "--backend", "toy")
    assert report["agreed"] is True


def test_a_network_that_computes_something_else_is_found(place: Place) -> None:
    """A machine that takes scale2 for a division by two of its number."""
    wrong = place.environment.packages / "interchange_toy" / "machine.py"
    text = wrong.read_text()
    try:
        wrong.write_text(text.replace("np.ldexp(x, int(numbers[0]))", "x * np.float32(0.51)"))
        done = place.run("verify", "net.toy", "samples.txt", "--backend", "toy")
    finally:
        wrong.write_text(text)
    assert done.returncode == 1
    assert "DISAGREED" in done.stdout


def test_all_faults_of_a_file_are_one_error(place: Place) -> None:
    (place.folder / "bad.toy").write_text("toy 1\ninput x 4\ndense 3 1 2\nscale2 0.5\nsin\nrelu now\n")
    done = place.run("show", "bad.toy")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "TOY1: This is not a whole .toy network.",
        "  where: bad.toy",
        "  why:",
        "    - line 3: dense does not go with 3 1 2",
        "    - line 4: scale2 does not go with 0.5",
        "    - line 5: 'sin' is not understood",
        "    - line 6: relu does not go with now",
        "    - there is no input line, or no output line",
    ]


def test_its_keras_layer_is_read(place: Place) -> None:
    h5py = pytest.importorskip("h5py")
    write_keras(h5py, place.folder / "scaled.h5")
    assert place.json("show", "scaled.h5")["operators"]["toy.Scale2"] == 1
    (output,) = place.json("run", "scaled.h5", "rows.npy")["outputs"]
    np.testing.assert_allclose(output["values"], ROWS @ KERNEL * 8, rtol=1e-5, atol=1e-6)


def write_keras(h5py: Any, path: Path) -> None:
    """A model of Keras 3 with a Dense and the plugin's layer, as Keras saves it."""

    def layer(class_name: str, package: str, **config: Any) -> dict[str, Any]:
        registered = f"{package}>{class_name}" if package == "toy" else None
        return {
            "module": "keras.layers" if package != "toy" else None,
            "class_name": class_name,
            "config": config,
            "registered_name": registered,
        }

    layers = [
        layer("InputLayer", "keras", name="x", batch_shape=[None, 4], dtype="float32", sparse=False),
        layer("Dense", "keras", name="dense", units=3, activation="linear", use_bias=False),
        layer("Scale2", "toy", name="scale", power=3),
    ]
    config = {"class_name": "Sequential", "config": {"name": "scaled", "layers": layers}}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "3.5.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"dense", b"scale"]
        weights.attrs["keras_version"], weights.attrs["backend"] = b"3.5.0", b"tensorflow"
        weights.create_group("scale").attrs["weight_names"] = np.array([], "S1")
        dense = weights.create_group("dense")
        dense.attrs["weight_names"] = [b"dense/kernel"]
        dense["dense/kernel"] = KERNEL
