"""Every row of the operators' table through the line that a script has for it, on lists and on NumPy."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_pyscript.kernels import KERNELS
from interchange_pyscript.kernels.linear import Linear
from interchange_pyscript.kernels.tensor import Tensor, Weights
from interchange_pyscript.layers import Style, network_text
from interchange_pyscript.program.numbers import numbers_of
from interchange_pyscript.script import NUMPY, PLAIN, homes_of, linked_parts

from interchange import ops
from interchange.errors import Unsupported
from interchange.evaluate import evaluate, infer, widen
from interchange.graph import Graph, Node, TensorSpec
from tests.ops.table import SPECIAL, TABLE, Row
from tests.ops.test_ml import ROWS
from tests.pyscript.common import single

TOLD_BY_THE_EXPORTER = {"input_dtype", "output_dtype"}
TEXTS = np.array([["A b\tc", "", "Éx.y z!"], ["a" * 40, "a" * 70, "word " * 30]], object)
GATES = np.array([[[1], [1], [-1], [-1]]], np.float32)  # of an LSTM with one unit
OWN_ROWS = [
    Row(
        "LSTM",
        (np.full((1, 1, 1), np.inf, np.float32), GATES, 0 * GATES),
        {"hidden_size": 1, "activations": ("Relu", "Tanh", "Tanh")},
        3,
    ),
    *(
        Row(f"interchange.{op}", (TEXTS,), attributes)
        for op, attributes in (
            ("Fingerprint64", {}),
            ("SipHash", {"key": (7, -(2**40))}),
            ("AsciiLower", {}),
            ("RemoveCharacters", {"characters": ".,!]\\^-"}),
        )
    ),
    *(Row("interchange.Tokenize", (TEXTS,), {"unit": unit}, 2) for unit in ("word", "character")),
    Row("interchange.NGrams", (TEXTS, np.array([3, 2])), {"lengths": (2, 1, 4), "separator": "_"}, 2),
]
ML_ROWS = [Row(f"ai.onnx.ml.{op}", tuple(inputs), attributes) for op, inputs, attributes in ROWS]


def graph_of(row: Row, outputs: int | None = None) -> Graph:
    return single(row.op, row.inputs, outputs or row.outputs, **row.attributes)


def feeds_of(row: Row) -> dict[str, np.ndarray]:
    graph = graph_of(row)
    return {f"x{i}": x for i, x in enumerate(row.inputs) if f"x{i}" in graph.inputs}


@functools.cache
def namespace(op: str, is_numpy: bool) -> dict[str, Any]:
    """What a script with that operator defines."""
    style = NUMPY if is_numpy else PLAIN
    linked = linked_parts(homes_of({op}, style), style, program=False)
    text = "\n".join([*linked.imports, "import numpy as np", linked.text])
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, op, "exec", flags=__import__("__future__").annotations.compiler_flag), names)
    return names


def computed(graph: Graph, style: Style, arguments: list[Any]) -> dict[str, Any]:
    names = dict(namespace(graph.nodes[0].op, style.is_numpy))
    text = "\n".join(network_text(graph, style, infer(graph), names))
    exec(compile("from __future__ import annotations\n" + text, "network", "exec"), names)
    weights = {name: x if style.is_numpy else tensor(x) for name, x in graph.constants.items()}
    made: dict[str, Any] = names["network"](*arguments, Weights(weights))
    return made


def tensor(array: np.ndarray) -> Tensor:
    if array.dtype.kind == "O":
        return Tensor(array.ravel().tolist(), array.shape)
    return Tensor(numbers_of(array.tobytes(), array.dtype.name), array.shape)


def array(made: Tensor, like: np.ndarray) -> np.ndarray:
    return np.array(made.values, like.dtype).reshape(made.shape)


@pytest.mark.parametrize("row", [*TABLE, *ML_ROWS, *OWN_ROWS], ids=str)
def test_row_on_lists(row):
    graph = graph_of(row)
    want = evaluate(widen(graph), feeds_of(row))
    got = computed(graph, PLAIN, [tensor(x) for x in feeds_of(row).values()])
    assert list(got) == list(want)
    for name, expected in want.items():
        assert tuple(got[name].shape) == expected.shape
        kinds = {type(value) for value in got[name].values}
        if expected.size and all(x.size for x in feeds_of(row).values()):  # the sum of nothing is an integer in Python
            assert kinds == {{"f": float, "b": bool, "O": str}.get(expected.dtype.kind, int)}
        if expected.dtype.kind == "O":
            np.testing.assert_array_equal(array(got[name], expected), expected)
        else:
            np.testing.assert_allclose(array(got[name], expected), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.op in ("Conv", "ConvTranspose", "Gemm", "MatMul")], ids=str
)
def test_row_in_the_loops_for_pypy(row, monkeypatch):
    """What PyPy's compiler makes fast gives the same on any interpreter."""
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    test_row_on_lists(row)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_row_on_numpy_is_the_same_to_the_bit(row):
    graph = graph_of(row)
    with np.errstate(all="ignore"):
        got = computed(graph, NUMPY, list(feeds_of(row).values()))
    for name, expected in evaluate(graph, feeds_of(row)).items():
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected)


@pytest.mark.parametrize("style", [PLAIN, NUMPY], ids=["lists", "numpy"])
def test_every_operator_has_a_function(style):
    everything = {*ops.OPERATORS, *(f"{domain}.{op}" for domain in ops.DOMAINS for op in ops.DOMAINS[domain])}
    assert set(style.functions) == everything


def test_functions_of_kernels_have_different_names():
    """So that any two operators can be in one script."""
    linked_parts(homes_of([*KERNELS], PLAIN), PLAIN)


@pytest.mark.parametrize("op", sorted(KERNELS))
def test_signature_is_the_operators(op):
    """The same inputs and attributes with the same defaults; attributes may be missing, which is reported as IX303."""
    theirs, ours = (dict(inspect.signature(function).parameters) for function in (ops.get(op), KERNELS[op]))
    for name in TOLD_BY_THE_EXPORTER - set(theirs):
        ours.pop(name, None)
    assert [n for n, p in ours.items() if p.kind is not p.KEYWORD_ONLY] == [
        n for n, p in theirs.items() if p.kind is not p.KEYWORD_ONLY
    ]
    assert set(ours) <= set(theirs)
    assert {n: p.default for n, p in ours.items()} == {n: theirs[n].default for n in ours}


@pytest.mark.parametrize(
    ("op", "style"),
    [*((op, PLAIN) for op in [*sorted(KERNELS), ""]), *((op, NUMPY) for op in [*sorted(NUMPY.functions), ""])],
)
def test_all_names_are_there(op, style):
    """A script defines or imports every name that it reads; without an operator: the program does."""
    linked = linked_parts(homes_of({op} - {""}, style), style, program=not op)
    tree = ast.parse("\n".join([*linked.imports, linked.text]))
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    bound |= {
        n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)) and n.name
    }
    bound |= {
        a.asname or a.name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names
    }
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert read - bound - set(vars(builtins)) - {"__file__", "__name__"} == set()


# --- numbers at the edge --------------------------------------------------------------------------------------------

EDGES = {
    "zeros": np.zeros(12),
    "tiny": np.full(12, 1e-30),
    "huge": np.full(12, 1e30),
    "alternating": np.array([1.0, -1.0] * 6),
    "mixed": 10.0 ** np.arange(-6, 6),
    "beyond float32": np.array([1e300, -1e300] * 6),
    "denormal": np.full(12, 5e-324),
    "one outlier": np.array([1e12] + [1.0] * 11),
    "negative zero": np.full(12, -0.0),
}
WEIGHTS = np.random.default_rng(5).normal(size=(12, 7))


def rows(weights: np.ndarray) -> list[tuple[float, ...]]:
    return [tuple(column) for column in weights.T.tolist()]


@pytest.mark.parametrize(
    "weights",
    [WEIGHTS, WEIGHTS * 1e-30, WEIGHTS * 1e5, WEIGHTS * 10.0 ** -np.arange(0, 70, 10), WEIGHTS * np.arange(7) % 2],
)
@pytest.mark.parametrize("x", EDGES.values(), ids=EDGES)
def test_dot_products_keep_their_digits(x, weights):
    got = np.array(Linear(rows(weights))(x.tolist(), [0.0] * 7))
    want = np.array([math.fsum(p * q for p, q in zip(x.tolist(), row, strict=True)) for row in rows(weights)])
    # As good as a sum of products in float64 gives it, with twelve digits instead of sixteen.
    scale = (
        np.linalg.norm(x / max(np.abs(x).max(), 1e-300))
        * max(np.abs(x).max(), 1e-300)
        * np.linalg.norm(weights, axis=0)
    )
    np.testing.assert_array_less(np.abs(got - want), 1e-11 * scale + 1e-300)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_dot_product(data):
    numbers = st.floats(-1e6, 1e6, allow_nan=False)
    size = data.draw(st.integers(1, 9))
    x, *weights = (data.draw(st.lists(numbers, min_size=size, max_size=size)) for _ in range(4))
    got = Linear([tuple(row) for row in weights])(x, [0.5, 0.25, 0.0])
    for value, row, bias in zip(got, weights, (0.5, 0.25, 0.0), strict=True):
        want = math.fsum(p * q for p, q in zip(x, row, strict=True)) + bias
        assert abs(value - want) <= 1e-10 * (math.hypot(*x) * math.hypot(*row) + abs(bias)) + 1e-300


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_odd_numbers_spread_as_in_numpy(odd):
    x = np.ones((1, 4, 4, 2))
    x[0, 1, 2, 1] = odd
    w = np.random.default_rng(1).normal(size=(3, 3, 2, 3))
    for op, others, attributes in (
        ("Conv", [w], {"layout": "NHWC"}),
        ("MaxPool", [], {"kernel_shape": (2, 2), "layout": "NHWC"}),
        ("AveragePool", [], {"kernel_shape": (2, 2), "layout": "NHWC"}),
        ("Relu", [], {}),
        ("Softmax", [], {}),
        ("ReduceMax", [], {}),
        ("GlobalMaxPool", [], {"layout": "NHWC"}),
    ):
        graph = single(op, [x, *others], **attributes)
        want = evaluate(graph, {"x0": x, **({"x1": w} if others else {})})["y0"]
        got = array(computed(graph, PLAIN, [tensor(x), *map(tensor, others)])["y0"], want)
        np.testing.assert_allclose(got, want, rtol=1e-9, err_msg=op)


UNARY = [
    "Abs",
    "Atan",
    "Ceil",
    "Celu",
    "Cos",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Cosh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Asinh",
    "Acosh",
    "Asin",
    "Acos",
    "Atanh",
]


@pytest.mark.parametrize("op", UNARY)
def test_special_values_are_as_in_numpy(op):
    x = np.concatenate([SPECIAL.astype(np.float64), [1e300, -1e300, 710.0, -710.0, 5e-324, -1.0]])
    graph = single(op, [x])
    want = evaluate(graph, {"x0": x})["y0"]
    got = array(computed(graph, PLAIN, [tensor(x)])["y0"], want)
    if op in ("Mish", "Swish", "HardSwish", "Gelu", "Softsign"):  # -inf * 0 and inf / inf: either limit or NaN will do
        got, want = got[np.isfinite(x)], want[np.isfinite(x)]
    if op in ("Sin", "Cos", "Tan"):  # the two libraries need not agree on the sine of 1e300
        got, want = got[np.abs(np.nan_to_num(x)) < 1e6], want[np.abs(np.nan_to_num(x)) < 1e6]
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Mod"])
def test_special_pairs_are_as_in_numpy(op):
    special = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 1e300]
    a, b = (np.array(values) for values in zip(*[(p, q) for p in special for q in special], strict=True))
    attributes = {"fmod": 1} if op == "Mod" else {}
    graph = single(op, [a, b], **attributes)
    want = evaluate(graph, {"x0": a, "x1": b})["y0"]
    got = array(computed(graph, PLAIN, [tensor(a), tensor(b)])["y0"], want)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_narrow_integers_wrap_as_in_numpy():
    a, b = np.array([250, 3], np.uint8), np.array([10, 5], np.uint8)
    for op in ("Add", "Sub", "Mul"):
        graph = single(op, [a, b])
        want = evaluate(graph, {"x0": a, "x1": b})["y0"]
        np.testing.assert_array_equal(computed(graph, PLAIN, [tensor(a), tensor(b)])["y0"].values, want)


def test_all_that_is_missing_is_one_error():
    from interchange_pyscript.script import script_text

    inputs = {"a": TensorSpec("complex64", (2, 3)), "b": TensorSpec("complex64", (3,))}
    graph = Graph(inputs, ("c",), (Node("Add", ("a", "b"), ("c",), {}, "sum (Add)"),))
    with pytest.raises(
        Unsupported, match=r"IX303[\s\S]*input 'a'[\s\S]*input 'b'[\s\S]*sum \(Add\): the type complex64"
    ):
        script_text(graph, "model", b"", numpy=False, embed=False)
