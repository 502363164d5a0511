"""The operators of ai.onnx.ml against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from interchange.evaluate import run
from interchange.graph import Node

RNG = np.random.default_rng(3)
X = RNG.normal(size=(7, 3)).astype(np.float32)
INTS = RNG.integers(0, 4, (7, 3)).astype(np.int64)
TEXT = np.array([["a", "b"], ["c", "zz"]], object)


def floats(*shape: int) -> list[float]:
    return RNG.normal(size=shape).astype(np.float32).ravel().tolist()


# two trees on three columns: 0 <= 0.1 ? leaf : (2 > -0.2 ? leaf : leaf); 1 < 0 ? leaf : leaf
TREES: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 0, 2, 0, 0, 1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_GT", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"],
    "nodes_values": [0.1, 0, -0.2, 0, 0, 0.0, 0, 0],
    "nodes_truenodeids": [1, 0, 3, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [2, 0, 4, 0, 0, 2, 0, 0],
    "nodes_missing_value_tracks_true": [1, 0, 0, 0, 0, 0, 0, 0],
}
LEAVES = {"treeids": [0, 0, 0, 1, 1], "nodeids": [1, 3, 4, 1, 2]}
TARGETS = {f"target_{name}": ids for name, ids in LEAVES.items()}
CLASSES = {f"class_{name}": ids for name, ids in LEAVES.items()}
WITH_NAN = np.concatenate([X, [[np.nan, 0, np.nan]]]).astype(np.float32)

SVM = {
    "support_vectors": floats(5, 3),
    "kernel_params": [0.4, 0.2, 2.0],
    "vectors_per_class": [2, 1, 2],
    "coefficients": floats(2, 5),
    "rho": floats(3),
    "classlabels_ints": [4, 7, 9],
}

ROWS: list[tuple[str, list[np.ndarray], dict[str, Any]]] = [
    ("ArrayFeatureExtractor", [X, np.array([2, 0])], {}),
    ("ArrayFeatureExtractor", [X[0], np.array([2, 0])], {}),
    ("Binarizer", [X], {"threshold": 0.25}),
    ("CategoryMapper", [TEXT], {"cats_strings": ["a", "b", "c"], "cats_int64s": [3, 4, 5], "default_int64": -7}),
    ("CategoryMapper", [INTS], {"cats_strings": ["a", "b", "c"], "cats_int64s": [1, 2, 3]}),
    ("LabelEncoder", [TEXT], {"keys_strings": ["a", "b"], "values_int64s": [5, 6], "default_int64": 9}),
    ("LabelEncoder", [INTS], {"keys_int64s": [1, 2], "values_floats": [0.5, 2.5], "default_float": -1.0}),
    ("LabelEncoder", [X[0]], {"keys_floats": [float(X[0, 1]), 2.0], "values_strings": ["x", "y"]}),
    ("FeatureVectorizer", [X, X[:, :2]], {"inputdimensions": [3, 2]}),
    ("Imputer", [WITH_NAN], {"imputed_value_floats": [1.0, 2.0, 3.0], "replaced_value_float": float("nan")}),
    ("Imputer", [INTS], {"imputed_value_int64s": [9], "replaced_value_int64": 2}),
    *(("Normalizer", [np.abs(X)], {"norm": norm}) for norm in ("MAX", "L1", "L2")),
    ("OneHotEncoder", [INTS], {"cats_int64s": [1, 3]}),
    ("OneHotEncoder", [TEXT], {"cats_strings": ["a", "zz", "c"]}),
    ("Scaler", [X], {"offset": floats(3), "scale": floats(3)}),
    ("Scaler", [INTS], {"offset": [0.5], "scale": [2.0]}),
    ("LinearRegressor", [X], {"coefficients": floats(2, 3), "intercepts": floats(2), "targets": 2}),
    *(
        (
            "LinearClassifier",
            [X],
            {"coefficients": floats(3, 3), "intercepts": floats(3), "classlabels_ints": [3, 5, 8], "post_transform": p},
        )
        for p in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
    ),
    (
        "LinearClassifier",
        [X],
        {
            "coefficients": floats(2, 3),
            "intercepts": floats(2),
            "classlabels_strings": ["no", "yes"],
            "post_transform": "LOGISTIC",
        },
    ),
    (
        "SVMRegressor",
        [X],
        {"coefficients": floats(4), "rho": [0.3], "support_vectors": floats(4, 3), "n_supports": 4}
        | {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0]},
    ),
    ("SVMRegressor", [X], {"coefficients": floats(3), "rho": [0.3], "n_supports": 0, "kernel_params": [1.0, 0.0, 3.0]}),
    (
        "SVMRegressor",
        [X],
        {"coefficients": floats(4), "rho": [0.3], "support_vectors": floats(4, 3), "n_supports": 4, "one_class": 1}
        | {"kernel_type": "SIGMOID", "kernel_params": [0.5, 0.1, 3.0]},
    ),
    *(("SVMClassifier", [X], {**SVM, "kernel_type": kind}) for kind in ("LINEAR", "POLY", "RBF", "SIGMOID")),
    (
        "SVMClassifier",
        [X],
        {**SVM, "kernel_type": "RBF", "prob_a": [-1.0, -0.5, -2.0], "prob_b": [0.1, 0.0, -0.2]},
    ),
    *(
        (
            "TreeEnsembleRegressor",
            [WITH_NAN],
            {**TREES, **TARGETS, "n_targets": 2, "aggregate_function": how, "base_values": [0.5, 0.0]}
            | {"target_ids": [0, 1, 0, 0, 1], "target_weights": [1.5, 2.5, -3.0, 0.25, 8.0]},
        )
        for how in ("SUM", "AVERAGE")
    ),
    *(
        (
            "TreeEnsembleRegressor",
            [X],
            {**TREES, **TARGETS, "n_targets": 1, "aggregate_function": how}
            | {"target_ids": [0, 0, 0, 0, 0], "target_weights": [1.5, 2.5, -3.0, 0.25, 8.0]},
        )
        for how in ("MIN", "MAX")
    ),
    *(
        (
            "TreeEnsembleClassifier",
            [WITH_NAN],
            {**TREES, **CLASSES, "classlabels_int64s": [4, 6, 9], "post_transform": how}
            | {"class_ids": [0, 1, 2, 0, 1], "class_weights": [1.5, 2.5, -3.0, 0.25, 8.0]},
        )
        for how in ("NONE", "SOFTMAX", "LOGISTIC")
    ),
    *(
        (
            "TreeEnsembleClassifier",
            [X],
            {**TREES, **CLASSES, "classlabels_strings": ["no", "yes"], "post_transform": how}
            | {"class_ids": [0, 0, 0, 0, 0], "class_weights": weights},
        )
        for how, weights in (("NONE", [0.1, 0.2, 0.3, 0.15, 0.6]), ("LOGISTIC", [-0.1, 0.2, 0.3, 0.15, -0.6]))
    ),
]


def runtime(op: str, inputs: list[np.ndarray], attributes: dict[str, Any], outputs: int) -> list[np.ndarray]:
    names = [f"x{i}" for i in range(len(inputs))]
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, made, domain="ai.onnx.ml", **attributes)
    kinds = [TensorProto.STRING if x.dtype == object else helper.np_dtype_to_tensor_dtype(x.dtype) for x in inputs]
    given = [helper.make_tensor_value_info(n, k, x.shape) for n, k, x in zip(names, kinds, inputs, strict=True)]
    graph = helper.make_graph([node], "row", given, [helper.make_empty_tensor_value_info(name) for name in made])
    opsets = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, inputs, strict=True)))


@pytest.mark.parametrize(("op", "inputs", "attributes"), ROWS, ids=[f"{op}-{i}" for i, (op, _, _) in enumerate(ROWS)])
def test_row(op, inputs, attributes):
    outputs = 2 if op.endswith("Classifier") else 1
    expected = runtime(op, inputs, attributes, outputs)
    names = tuple(f"x{i}" for i in range(len(inputs)))
    node = Node(f"ai.onnx.ml.{op}", names, tuple(f"y{i}" for i in range(outputs)), attributes)
    actual = run(node, dict(zip(names, inputs, strict=True)))
    for have, want in zip(actual, expected, strict=True):
        want = want.astype(object) if want.dtype.kind == "U" else want
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        if want.dtype.kind == "f":
            np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(have, want)


def test_float64_stays_float64():
    node = Node("ai.onnx.ml.LinearRegressor", ("x",), ("y",), {"coefficients": (1.0, 2.0, 3.0)})
    (y,) = run(node, {"x": X.astype(np.float64)})
    assert y.dtype == np.float64


def test_maps():
    table = {"classlabels_strings": ("a", "b", "c")}
    (maps,) = run(Node("ai.onnx.ml.ZipMap", ("x",), ("y",), table), {"x": X})
    assert list(maps[0]) == ["a", "b", "c"]
    words = {"string_vocabulary": ("c", "a")}
    (rows,) = run(Node("ai.onnx.ml.DictVectorizer", ("x",), ("y",), words), {"x": maps})
    np.testing.assert_array_equal(rows, X[:, [2, 0]])
    (row,) = run(Node("ai.onnx.ml.CastMap", ("x",), ("y",)), {"x": {2: 0.5, 1: 1.5}})
    assert row.tolist() == [[1.5, 0.5]]


def test_tensor_of_a_label_encoder_goes_through_a_file(tmp_path):
    from interchange_onnx import OnnxImporter

    tensors = {
        "keys_tensor": numpy_helper.from_array(np.array([1, 2])),
        "values_tensor": numpy_helper.from_array(np.array([10, 20], np.int16)),
        "default_tensor": numpy_helper.from_array(np.array([7], np.int16)),
    }
    node = helper.make_node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", **tensors)
    given = helper.make_tensor_value_info("x", TensorProto.INT64, ("n",))
    made = helper.make_tensor_value_info("y", TensorProto.INT16, ("n",))
    opsets = [helper.make_opsetid("ai.onnx.ml", 4), helper.make_opsetid("", 21)]
    model = helper.make_model(helper.make_graph([node], "g", [given], [made]), opset_imports=opsets, ir_version=9)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    (node_,) = OnnxImporter().load(path).nodes
    (y,) = run(node_, {"x": np.array([2, 3, 1])})
    assert (y.dtype, y.tolist()) == (np.int16, [20, 7, 10])
