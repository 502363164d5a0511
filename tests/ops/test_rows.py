"""Every row of the table: value, dtype and shape against the truth; other float types; the shape rule."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from interchange import ops
from interchange.evaluate import Unknown, evaluate, infer_node, run, widen
from interchange.graph import Graph, Node, TensorSpec, dtype_of
from tests.ops.table import TABLE, Row
from tests.ops.truth import truth

# The shape of their outputs follows from the values of their inputs.
SHAPE_BY_VALUE = (
    *("Compress", "ConstantOfShape", "NonZero", "Range", "Unique", "NonMaxSuppression"),
    *("HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"),
)

each_row = pytest.mark.parametrize("row", TABLE, ids=str)


def node_of(row: Row) -> Node:
    names = tuple(f"x{i}" if x is not None else "" for i, x in enumerate(row.inputs))
    return Node(row.op, names, tuple(f"y{i}" for i in range(row.outputs)), row.attributes)


def feeds_of(row: Row) -> dict[str, np.ndarray]:
    return {f"x{i}": x for i, x in enumerate(row.inputs) if x is not None}


def outputs_of(row: Row) -> tuple[np.ndarray, ...]:
    return run(node_of(row), feeds_of(row))[: row.outputs]


def assert_close(actual: np.ndarray, expected: np.ndarray, rtol: float = 2e-5, atol: float = 2e-6) -> None:
    assert actual.shape == expected.shape
    if actual.dtype.kind not in "fiub":  # the small types of ml_dtypes
        actual, expected = actual.astype(np.float32), expected.astype(np.float32)
    if actual.dtype.kind == "f":
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)
    else:
        np.testing.assert_array_equal(actual, expected)


@each_row
def test_value_dtype_and_shape(row):
    expected = truth(row.op, row.inputs, row.attributes, row.outputs)
    actual = outputs_of(row)
    assert [y.dtype for y in actual] == [y.dtype for y in expected]
    for have, want in zip(actual, expected, strict=True):
        assert_close(have, want)


@each_row
def test_float64_throughout(row):
    """The oracle: wide inputs give wide outputs, close to those of float32."""
    node = node_of(row)
    specs = {name: TensorSpec(x.dtype.name, x.shape) for name, x in feeds_of(row).items()}
    graph = widen(Graph(specs, node.outputs, (node,)))
    wide = evaluate(graph, {name: x.astype(dtype_of(graph.inputs[name].dtype)) for name, x in feeds_of(row).items()})
    for have, narrow in zip(wide.values(), outputs_of(row), strict=True):
        is_float = narrow.dtype.kind not in "iub"
        assert have.dtype == (np.float64 if is_float else narrow.dtype)
        if narrow.dtype == np.float32:
            have = np.where(np.isfinite(narrow), have, narrow)  # what is too large for float32 is not for float64
        if not is_float or narrow.dtype == np.float32:
            assert_close(have, narrow, rtol=1e-4, atol=1e-5)


def keeps_dtype(row: Row) -> bool:
    """Whether the dtype of the output follows from float inputs."""
    fixed = dict(row.attributes).keys() & {"to", "dtype"} or row.op in (
        "ConstantOfShape",
        "CastLike",
        "MelWeightMatrix",
    )
    return not fixed and any(x is not None and x.dtype == np.float32 for x in row.inputs)


@pytest.mark.parametrize("row", list(filter(keeps_dtype, TABLE)), ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_floats_stay_small(row, dtype):
    with np.errstate(over="ignore"):
        small = tuple(x.astype(dtype_of(dtype)) if x is not None and x.dtype == np.float32 else x for x in row.inputs)
    if row.op == "Resize":
        small = (*small[:1], *row.inputs[1:])  # roi and scales are not of the type of the image
    actual = outputs_of(Row(row.op, small, row.attributes, row.outputs))
    for i, (have, narrow) in enumerate(zip(actual, outputs_of(row), strict=True)):
        is_statistic = row.op == "LayerNormalization" and i > 0  # in the type of the computation
        assert have.dtype == (dtype_of(dtype) if narrow.dtype == np.float32 and not is_statistic else narrow.dtype)
        assert have.shape == narrow.shape


@pytest.mark.parametrize("row", [row for row in TABLE if row.op not in SHAPE_BY_VALUE], ids=str)
def test_shape_rule(row):
    """What is said of unknown data before a run is what the run makes."""
    known = {name: x for name, x in feeds_of(row).items() if name != "x0" and x.dtype.kind in "iu" and x.ndim <= 1}
    if row.op == "Resize":
        known |= {name: x for name, x in feeds_of(row).items() if name != "x0"}
    values = {name: known.get(name, Unknown(x.dtype, x.shape)) for name, x in feeds_of(row).items()}
    told = infer_node(node_of(row), values)
    for have, made in zip(told, outputs_of(row), strict=False):
        assert (have.dtype, have.shape) == (made.dtype, made.shape)


def is_spatial(row: Row) -> bool:
    layout = inspect.signature(ops.get(row.op)).parameters.get("layout")
    return layout is not None and layout.default == "NCHW"


def sample(x: np.ndarray | None, i: int) -> np.ndarray | None:
    return x if x is None else x[i : i + 1]


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if is_spatial(row) and not row.attributes.get("training_mode")],
    ids=str,
)
def test_a_sample_does_not_depend_on_its_batch(row):
    x, *others = row.inputs
    (together, *_) = outputs_of(row)
    for i in range(len(x)):
        alone, *_ = outputs_of(Row(row.op, (sample(x, i), *others), row.attributes, row.outputs))
        np.testing.assert_array_equal(alone, sample(together, i))
