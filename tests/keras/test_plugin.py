"""The plugin's edges: recognising, what it imports, layers of others, and Keras itself where it is installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasBackend, KerasImporter
from interchange_keras.layer import Layer, weights

from interchange import plugins
from interchange.errors import InterchangeError
from interchange.evaluate import evaluate

rows = sys.modules["keras_rows"]


def test_recognises_by_content(golden, tmp_path):
    importer = KerasImporter()
    whole = (golden / "dense.k2.h5").read_bytes()
    with_block = tmp_path / "block"
    with_block.write_bytes(bytes(1024) + whole)
    for path in (golden / "dense.k2.h5", golden / "dense.k3.keras", with_block):
        assert importer.recognises(path, path.read_bytes()[:4096])
    for content in (b"", b"PK\x03\x04", b"x" * 5000, whole[1:]):
        (tmp_path / "other").write_bytes(content)
        assert not importer.recognises(tmp_path / "other", content[:4096])
    assert not importer.recognises(tmp_path, b"")
    assert not importer.recognises(tmp_path / "none", b"\x89H")


@pytest.mark.parametrize("error", [NameError("no y"), AttributeError("no y"), KeyError(1), TypeError("y")], ids=repr)
def test_an_error_of_our_own_is_told_as_one(error, golden, monkeypatch):
    """With the layer, and the error as its cause."""

    def add(*_, **__):
        raise error

    monkeypatch.setattr(Layer, "add", add)
    with pytest.raises(InterchangeError) as told:
        KerasImporter().load(golden / "dense.k3.keras")
    assert (told.value.code, told.value.exit_code) == ("IX901", 4)
    assert f"(Dense): {type(error).__name__}: " in str(told.value)
    assert told.value.__cause__ is error


def test_values_that_make_no_sense_are_the_faults_of_the_file(golden, monkeypatch):
    def add(*_, **__):
        raise ValueError("no number")

    monkeypatch.setattr(Layer, "add", add)
    with pytest.raises(InterchangeError, match="IX203"):
        KerasImporter().load(golden / "dense.k3.keras")


def test_keras_is_not_imported(golden):
    program = """
import sys
from pathlib import Path
from interchange_keras import KerasImporter
assert not {"numpy", "h5py"} & set(sys.modules), "the plugin module itself is to be light"
for path in sys.argv[1:]:
    KerasImporter().load(Path(path))
heavy = {"keras", "tf_keras", "tensorflow", "torch", "jax", "scipy", "onnx"} & set(sys.modules)
assert not heavy, heavy
"""
    files = [golden / "branches.k2.h5", golden / "branches.k3.keras"]
    subprocess.run([sys.executable, "-c", program, *map(str, files)], check=True, env=_environment())


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


# --- layers of others -----------------------------------------------------------------------------------------------


@weights("kernel", "bias:use_bias")
def scaled_dense(layer: Layer, x: str, *, units: int, scale: float = 1.0, use_bias: bool = True) -> str:
    y = layer.add("MatMul", x, layer.weight("kernel", (layer.shape(x)[-1], units)))
    y = layer.add("Mul", y, scale)
    return layer.add("Add", y, layer.weight("bias", (units,))) if use_bias else y


def twice(layer: Layer, x: str) -> str:
    return layer.add("Mul", x, 2.0)


def failing(layer: Layer, x: str) -> str:
    raise ZeroDivisionError("oh")


def _custom(document):
    entry = document["config"]["layers"][-1]
    entry["class_name"] = "acme>ScaledDense"
    entry["config"] = {"name": "dense", "trainable": True, "dtype": "float32", "units": 4, "scale": 3.0}


def _lambda(document):
    entry = document["config"]["layers"][-1]
    entry["class_name"] = "Lambda"
    entry["config"] = {"name": "act", "function": ["4wEAAAA", None, None], "function_type": "lambda", "arguments": {}}


def test_layer_of_a_plugin(edited, golden, monkeypatch):
    monkeypatch.setattr(plugins, "find", lambda group, name: scaled_dense if name == "acme>ScaledDense" else None)
    feed = {"x0": rows.values((2, 5))}
    (made,) = evaluate(KerasImporter().load(edited("dense.k2.h5", config=_custom)), feed).values()
    plain = KerasImporter().load(golden / "dense.k2.h5")
    bias = plain.constants["dense/bias"]
    (expected,) = evaluate(plain, feed).values()
    np.testing.assert_allclose(made, (expected - bias) * 3 + bias, rtol=1e-5)


@pytest.mark.parametrize("key", ["act", "Lambda", "activation_relu"])
def test_replaced_layer(key, edited):
    path = edited("activation_relu.k2.h5", config=lambda d: _lambda(d) or _rename_output(d))
    if key == "activation_relu":
        with pytest.raises(InterchangeError, match="IX103"):  # no layer has that name
            KerasImporter().load(path, layers={key: twice})
        return
    graph = KerasImporter().load(path, layers={key: twice})
    feed = rows.values((2, 6, 4))
    np.testing.assert_array_equal(evaluate(graph, {"x0": feed})["act"], feed * 2)


def _rename_output(document):
    entry = document["config"]["layers"][-1]
    entry["name"] = "act"
    document["config"]["output_layers"] = [["act", 0, 0]]


def test_failing_function(golden):
    with pytest.raises(InterchangeError, match="IX403"):
        KerasImporter().load(golden / "activation_relu.k2.h5", layers={"Activation": failing})


# --- Keras itself ---------------------------------------------------------------------------------------------------

HAS_KERAS = importlib.util.find_spec("keras") is not None and importlib.util.find_spec("tensorflow") is not None


@pytest.mark.skipif(HAS_KERAS, reason="Keras is installed")
def test_without_keras_the_backend_says_so(golden):
    with pytest.raises(InterchangeError, match="IX401"), KerasBackend().open(golden / "dense.k3.keras"):
        pass


@pytest.mark.skipif(not HAS_KERAS, reason="Keras is not installed")
@pytest.mark.parametrize("name", rows.MODELS)
@pytest.mark.parametrize("suffix", ["k3.h5", "k3.keras"])
def test_backend_runs_keras(name, suffix, golden):
    """In a process of its own: TensorFlow stays out of this one."""
    program = """
import json, sys
from pathlib import Path
import numpy as np
from interchange.evaluate import evaluate
from interchange_keras import KerasBackend, KerasImporter
path = Path(sys.argv[1])
graph = KerasImporter().load(path)
with KerasBackend().open(path) as model:
    assert dict(model.inputs) == dict(graph.inputs), (model.inputs, graph.inputs)
    rng = np.random.default_rng(0)
    shapes = {n: [2, *(9 if d is None else d for d in s.shape[1:])] for n, s in graph.inputs.items()}
    feeds = {n: rng.integers(0, 3, shape).astype(graph.inputs[n].dtype) for n, shape in shapes.items()}
    made, expected = model(feeds), evaluate(graph, feeds)
    assert list(made) == list(expected)
    for name in made:
        np.testing.assert_allclose(made[name], expected[name], rtol=1e-4, atol=1e-5)
    print(json.dumps(model.provider))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(golden / f"{name}.{suffix}")],
        check=True, capture_output=True, text=True, env=_environment(),
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]).startswith("Keras 3")


def test_documented_layers():
    """docs/keras.md holds the table that the code makes."""
    from interchange_keras.layers import table

    text = (Path(__file__).parents[2] / "docs" / "keras.md").read_text()
    assert table() in text
