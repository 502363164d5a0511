"""SavedModels made by TensorFlow, read by way of tf2onnx; only where both are installed."""

from __future__ import annotations

import numpy as np
import pytest
from interchange_savedmodel import SavedModelImporter

from interchange.evaluate import evaluate

pytest.importorskip("tf2onnx")
tf = pytest.importorskip("tensorflow")

KERNEL = np.random.default_rng(0).normal(size=(3, 2, 3, 5)).astype(np.float32)


class Net(tf.Module):
    """Two inputs, two outputs, of names that are not in the order of the arguments."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(KERNEL)

    @tf.function(input_signature=[tf.TensorSpec((None, 11, 7, 3), name="zebra"), tf.TensorSpec((None, 5), name="ant")])
    def __call__(self, zebra, ant):
        h = tf.nn.relu(tf.nn.conv2d(zebra, self.kernel, (2, 1), "SAME"))
        pooled = tf.reduce_mean(h, (1, 2))
        return {"sum": pooled + ant, "picture": h}


class Codec(tf.Module):
    """Two signatures, in one of which an input and the output have the same name."""

    @tf.function(input_signature=[tf.TensorSpec((None, 2), name="x")])
    def encode(self, x):
        return {"code": 2 * x}

    @tf.function(input_signature=[tf.TensorSpec((None, 2), name="x")])
    def scale(self, x):
        return {"x": 3 * x}


def test_two_inputs_and_outputs(tmp_path):
    net = Net()
    tf.saved_model.save(net, str(tmp_path / "net"))
    graph = SavedModelImporter().load(tmp_path / "net")
    assert list(graph.inputs) == ["ant", "zebra"]
    assert graph.outputs == ("picture", "sum")
    assert graph.inputs["zebra"].shape == (None, 11, 7, 3)
    assert (graph.metadata["name"], graph.metadata["format"]) == ("net", "savedmodel")
    random = np.random.default_rng(1)
    feeds = {"zebra": random.normal(size=(2, 11, 7, 3)), "ant": random.normal(size=(2, 5))}
    feeds = {name: x.astype(np.float32) for name, x in feeds.items()}
    expected = net(**feeds)
    for name, y in evaluate(graph, feeds).items():
        np.testing.assert_allclose(y, expected[name].numpy(), rtol=1e-5, atol=1e-5)


def test_the_signature_is_chosen(tmp_path):
    codec = Codec()
    tf.saved_model.save(codec, str(tmp_path), signatures={"encode": codec.encode, "scale": codec.scale})
    x = np.ones((3, 2), np.float32)
    graph = SavedModelImporter().load(tmp_path, signature="encode")
    np.testing.assert_array_equal(evaluate(graph, {"x": x})["code"], 2 * x)
    graph = SavedModelImporter().load(tmp_path, signature="scale")
    assert (list(graph.inputs), graph.outputs) == (["x"], ("x_1",))
    np.testing.assert_array_equal(evaluate(graph, {"x": x})["x_1"], 3 * x)
