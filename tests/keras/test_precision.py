"""Layers under every dtype policy, and quantised ones, compute what Keras computed (tests/golden/keras_precision)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from interchange_keras import KerasImporter
from interchange_keras.precision import Policy, policy_of

import interchange
from interchange.errors import InterchangeError
from interchange.evaluate import evaluate
from interchange.graph import dtype_of
from tests.keras.archives import arrays_in, unpacked

GOLDEN = Path(__file__).parent.parent / "golden" / "keras_precision"


def _rows():
    spec = importlib.util.spec_from_file_location("keras_precision_rows", GOLDEN / "rows.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rows = _rows()
TRUTH = arrays_in(GOLDEN / "outputs.npz")
FLOATS = [name for name in TRUTH if not name.startswith("dtype:") and name.count(".") == 2]
QUANTISED = [f"{name}.k3" for name in rows.QUANTISED]

# The steps of a dtype near 1; what Keras rounds between operators, ONNX Runtime and NumPy need not.
STEPS = {"float16": 4, "bfloat16": 4, "float32": 16, "float64": 4}
UNIT = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return unpacked(GOLDEN / "models.tar.xz", tmp_path_factory.mktemp("precision"))


def path_of(folder, name):
    return folder / f"{name}{'.h5' if name.endswith('k2') else '.keras'}"


def feeds_of(graph, name):
    row = name.partition(".")[0]
    if row in rows.QUANTISED:
        shape, dtype, *_ = rows.QUANTISED[row]
        return dict(zip(graph.inputs, [rows.quantised_input(shape, dtype)], strict=True))
    shape = rows.ROWS[row][0]
    return {x: rows.values((2, *shape), i) for i, x in enumerate(graph.inputs)}


def check(name, made):
    dtype = str(TRUTH[f"dtype:{name}"])
    expected = TRUTH[name]
    assert made.dtype == dtype_of(dtype)
    assert made.shape == expected.shape
    wide = expected.astype(np.float64)
    step = UNIT[dtype] * max(float(np.abs(wide).max()), 1e-30)
    steps = float(np.abs(made.astype(np.float64) - wide).max()) / step
    # Keras's own constants in these, √2 and epsilon, have the precision of float32
    loose = name.startswith(("activations", "layer_norm", "group_norm")) and dtype == "float64"
    allowed = 2.0**-22 / UNIT[dtype] if loose else STEPS[dtype]
    assert steps <= allowed, f"{steps:.1f} steps of {dtype}"


@pytest.mark.parametrize("name", [*FLOATS, *QUANTISED])
def test_numbers_dtype_and_shape(name, files):
    graph = KerasImporter().load(path_of(files, name))
    (made,) = evaluate(graph, feeds_of(graph, name)).values()
    check(name, made)
    assert "unused_weights" not in graph.metadata


@pytest.mark.parametrize("name", FLOATS)
def test_onnxruntime(name, files):
    """The kernels for float16 mostly compute in float32, as those for bfloat16 do (interchange_onnx.cpu)."""
    pytest.importorskip("onnxruntime")
    graph = KerasImporter().load(path_of(files, name))
    with interchange.open(graph, backend="onnxruntime") as model:
        (made,) = model(feeds_of(graph, name)).values()
    check(name, made)


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_in_onnxruntime(name, files):
    pytest.importorskip("onnxruntime")
    graph = KerasImporter().load(path_of(files, name))
    with interchange.open(graph, backend="onnxruntime") as model:
        (made,) = model(feeds_of(graph, name)).values()
    check(name, made)


@pytest.mark.parametrize(
    ("dtype", "policy"),
    [
        (None, Policy("float32")),
        ("float32", Policy("float32")),
        ("infer", Policy("float32")),
        ("mixed_float16", Policy("float16")),
        ("mixed_bfloat16", Policy("bfloat16")),
        ({"class_name": "Policy", "config": {"name": "mixed_float16"}}, Policy("float16")),
        ({"class_name": "DTypePolicy", "config": {"name": "float64"}}, Policy("float64")),
        ({"class_name": "FloatDTypePolicy", "config": {"name": "bfloat16"}}, Policy("bfloat16")),
        ({"class_name": "PolicyV1", "config": {"name": "infer_float32_vars"}}, Policy("float32")),
        (
            {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "mixed_bfloat16"}},
            Policy("bfloat16", "int8"),
        ),
        ("int8_from_float32", Policy("float32", "int8")),
        ("int64", Policy("int64")),
    ],
)
def test_spellings(dtype, policy):
    assert policy_of(dtype) == policy


@pytest.mark.parametrize("dtype", ["mixed_float64", "float8", "", 7, {"class_name": "Acme"}, {"class_name": "Policy"}])
def test_no_policy(dtype):
    if dtype == {"class_name": "Policy"}:
        assert policy_of(dtype) == Policy("float32")
        return
    with pytest.raises(ValueError, match="dtype"):
        policy_of(dtype)


def test_a_layer_quantised_in_a_way_that_is_not_known(files, tmp_path):
    import json
    import zipfile

    source, path = files / "dense_int8.k3.keras", tmp_path / "model.keras"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "config.json":
                data = json.dumps(json.loads(data)).replace('"int8"', '"gptq/4/128"').encode()
            new.writestr(member, data)
    with pytest.raises(InterchangeError, match="IX301"):
        KerasImporter().load(path)
