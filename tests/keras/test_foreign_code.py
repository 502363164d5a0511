"""Classes and functions of the user's that bear the names of Keras's own are never taken for these."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from interchange_keras import KerasImporter

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate


@pytest.fixture
def changed(golden, tmp_path):
    """dense.k3.keras with another document of its Dense layer -> path."""

    def write(change):
        path = tmp_path / "changed.keras"
        with zipfile.ZipFile(golden / "dense.k3.keras") as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name == "config.json":
                    document = json.loads(data)
                    change(document["config"]["layers"][-1])
                    data = json.dumps(document).encode()
                new.writestr(name, data)
        return path

    return write


def function(name):
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def error_of(path, **options):
    with pytest.raises(InterchangeError) as caught:
        KerasImporter().load(path, **options)
    return caught.value


LAYERS = {
    "defined in a notebook": {"module": None, "registered_name": "Dense"},
    "registered": {"module": None, "registered_name": "my>Dense"},
    "of another package": {"module": "my.layers", "registered_name": "Dense"},
    "registered, of a module that looks like Keras's": {"module": "keras.layers", "registered_name": "my>Dense"},
}


@pytest.mark.parametrize("what", LAYERS)
def test_class_of_the_users(what, changed):
    path = changed(lambda document: document.update(LAYERS[what]))
    error = error_of(path)
    assert error.code == "IX301"
    assert "(Dense)" in str(error)

    def mine(layer, x, *, units, **_):
        return layer.add("Mul", x, 2.0)

    graph = KerasImporter().load(path, layers={"Dense": mine})
    feed = np.ones((2, 5), np.float32)
    (made,) = evaluate(graph, dict.fromkeys(graph.inputs, feed)).values()
    np.testing.assert_array_equal(made, feed * 2)


@pytest.mark.parametrize("module", ["keras.layers", "keras.src.layers.core.dense", "tf_keras.layers"])
def test_class_of_keras(module, changed):
    assert KerasImporter().load(changed(lambda document: document.update(module=module))).nodes


@pytest.mark.parametrize("name", ["swish", "my>relu"])
def test_function_of_the_users(name, changed):
    path = changed(lambda document: document["config"].update(activation=function(name)))
    error = error_of(path)
    assert error.code == "IX301"
    assert name in str(error)
    assert KerasImporter().load(path, layers={name: lambda layer, x: layer.add("Relu", x)}).nodes


def test_layer_of_the_users_as_activation(changed):
    document = {"module": None, "class_name": "ReLU", "config": {}, "registered_name": "my>ReLU"}
    assert error_of(changed(lambda dense: dense["config"].update(activation=document))).code == "IX301"
    document |= {"module": "keras.layers", "registered_name": None}
    assert KerasImporter().load(changed(lambda dense: dense["config"].update(activation=document))).nodes


@pytest.mark.parametrize(
    "activation",
    [
        {"value": ["4wEAAAAAAAAA", None, None]},
        {"class_name": "__lambda__", "config": {"value": ["4wEAAAAAAAAA", None, None]}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {}}, "registered_name": None},
    ],
)
def test_lambda_as_activation(activation, changed):
    error = error_of(changed(lambda document: document["config"].update(activation=activation)))
    assert error.code == "IX302"
    assert error.exit_code == 3


def test_replacement_of_nothing(golden):
    for name in ("flaten", "Lambda", "relu"):
        error = error_of(golden / "dense.k2.h5", layers={name: lambda layer, x: x})
        assert error.code == "IX103"
        assert name in str(error)
        assert "dense (Dense)" in str(error)
