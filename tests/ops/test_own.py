"""The operators of the domain "interchange": against published test vectors, TensorFlow's answers, and themselves
through ONNX Runtime.
"""

from __future__ import annotations

import math
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import interchange
from interchange.errors import Unsupported
from interchange.evaluate import evaluate, infer, run
from interchange.graph import Graph, Node, TensorSpec

LIMIT = 1 << 63
WHITE = " \t\n\v\f\r"
LETTERS = st.text(st.sampled_from("abAZ .,!?\\]^" + WHITE + "éÉ日\u0130\xa0\u2003\x1c\x85👍"), max_size=12)
TEXTS = st.lists(LETTERS, min_size=1, max_size=4)
INTEGERS = st.lists(st.integers(-LIMIT, LIMIT - 1), min_size=1, max_size=5)


def call(op, *inputs, outputs=1, **attributes):
    names = tuple(f"x{i}" for i in range(len(inputs)))
    node = Node(f"interchange.{op}", names, tuple(f"y{i}" for i in range(outputs)), attributes)
    return run(node, dict(zip(names, inputs, strict=True)))


def graph_of(op, dtype, outputs=1, **attributes):
    names = tuple(f"y{i}" for i in range(outputs))
    return Graph({"x": TensorSpec(dtype, ("batch",))}, names, (Node(f"interchange.{op}", ("x",), names, attributes),))


def texts(values):
    return np.array([*values, None], object)[:-1]  # an array of Python's strings, whatever their number


@pytest.fixture(scope="module")
def sessions():
    """Graphs of each operator in ONNX Runtime, opened once."""
    pytest.importorskip("onnxruntime")
    graphs = {
        "AsciiLower": graph_of("AsciiLower", "object"),
        "RemoveCharacters": graph_of("RemoveCharacters", "object", characters=".,!]\\^-"),
        "Tokenize": graph_of("Tokenize", "object", outputs=2),
        "Tokenize characters": graph_of("Tokenize", "object", outputs=2, unit="character"),
        "Fingerprint64": graph_of("Fingerprint64", "int64"),
        "SipHash": graph_of("SipHash", "int64", key=(7, -(2**40))),
    }
    graphs["NGrams"] = Graph(
        {"x": TensorSpec("object", ("batch",))},
        ("y0", "y1"),
        (
            Node("interchange.Tokenize", ("x",), ("t", "n")),
            Node("interchange.NGrams", ("t", "n"), ("y0", "y1"), {"lengths": (2, 1, 4), "separator": "_"}),
        ),
    )
    opened = {name: interchange.open(graph, backend="onnxruntime") for name, graph in graphs.items()}
    models = {name: (graphs[name], context.__enter__()) for name, context in opened.items()}
    yield models
    for context in opened.values():
        context.__exit__(None, None, None)


def same_in_onnx_runtime(sessions, name, x):
    graph, model = sessions[name]
    expected, made = evaluate(graph, {"x": x}), model({"x": x})
    for key, value in expected.items():
        np.testing.assert_array_equal(made[key], value)


# --- texts -----------------------------------------------------------------------------------------------------------


@given(TEXTS)
def test_only_letters_of_ascii_change_case(values):
    (made,) = call("AsciiLower", texts(values))
    for before, after in zip(values, made, strict=True):
        assert len(before) == len(after)
        assert all(
            b == a if b not in string.ascii_uppercase else a == b.lower() for b, a in zip(before, after, strict=True)
        )


@given(TEXTS)
def test_removed_characters_are_gone_and_all_others_stay(values):
    (made,) = call("RemoveCharacters", texts(values), characters=string.punctuation)
    assert list(made) == ["".join(c for c in text if c not in string.punctuation) for text in values]


@given(TEXTS)
@example([""])
@example(["", " \t"])
def test_words_are_what_is_between_white_space(values):
    made, counts = call("Tokenize", texts(values), outputs=2)
    assert made.shape == (len(values), max(counts))
    for text, row, count in zip(values, made, counts, strict=True):
        words, rest = list(row[:count]), row[count:]
        assert "".join(words) == "".join(c for c in text if c not in WHITE)
        assert all(word and not set(word) & set(WHITE) for word in words)
        assert not any(rest)
        assert bytes(" ".join(words), "utf-8").split() == bytes(text, "utf-8").split()  # bytes know ASCII's only


@given(TEXTS)
def test_characters_are_code_points(values):
    made, counts = call("Tokenize", texts(values), outputs=2, unit="character")
    assert ["".join(row[:n]) for row, n in zip(made, counts, strict=True)] == values
    assert list(counts) == list(map(len, values))


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "cc"]), max_size=5), min_size=1, max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_n_grams(rows, lengths):
    width = max(map(len, rows))
    tokens = np.array([[*row, *["?"] * (width - len(row))] for row in rows], object).reshape(len(rows), width)
    made, counts = call("NGrams", tokens, np.array(list(map(len, rows))), outputs=2, lengths=tuple(lengths))
    for row, grams, count in zip(rows, made, counts, strict=True):
        expected = [" ".join(row[i : i + n]) for n in lengths for i in range(len(row) - n + 1)]
        assert list(grams[:count]) == expected
        assert not any(grams[count:])


@settings(max_examples=40)
@given(TEXTS)
@example(["", "", ""])
@example(["A.B!", "\t", "a\r\nB  c d e"])
def test_texts_through_onnx_runtime(sessions, values):
    for name in ("AsciiLower", "RemoveCharacters", "Tokenize", "Tokenize characters", "NGrams"):
        same_in_onnx_runtime(sessions, name, texts(values))


@pytest.mark.parametrize("shape", [(), (3, 2), (2, 0), (2, 1, 3)], ids=str)
def test_characters_through_onnx_runtime_have_any_shape(shape):
    pytest.importorskip("onnxruntime")
    node = Node("interchange.Tokenize", ("x",), ("parts", "counts"), {"unit": "character"})
    graph = Graph({"x": TensorSpec("object", shape)}, node.outputs, (node,))
    x = texts(["ab", "", "日é👍", " ", "x", "\n"][: math.prod(shape)]).reshape(shape)
    with interchange.open(graph, backend="onnxruntime") as model:
        made = model({"x": x})
    for name, value in evaluate(graph, {"x": x}).items():
        assert made[name].shape == value.shape
        assert made[name].dtype == value.dtype
        assert made[name].tolist() == value.tolist()


def test_what_is_said_of_unknown_texts():
    specs = infer(graph_of("Tokenize", "object", outputs=2))
    assert specs["y0"].shape == ("batch", None)
    assert specs["y1"] == TensorSpec("int64", ("batch",))


# --- hashes ----------------------------------------------------------------------------------------------------------


def test_siphash_of_its_authors():
    """The key 00 … 0f and the texts 00, 00 01, … of the reference implementation; all are ASCII up to 63 bytes."""
    key = tuple(int.from_bytes(bytes(range(8 * i, 8 * i + 8)), "little") for i in range(2))
    values = texts("".join(map(chr, range(n))) for n in (0, 1, 2, 7, 8, 15))
    made = call("SipHash", values, key=key)[0].astype("<u8").tobytes().hex(" ", 8).split()
    assert made == [
        *("310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d"),
        *("37d1018bf50002ab", "6224939a79f5f593", "e545be4961ca29a1"),
    ]


def test_hashes_of_tensorflow():
    """Of texts of 0 … 299 bytes; tests/golden/hashes/make.py has asked TensorFlow."""
    with np.load(Path(__file__).parent.parent / "golden" / "hashes" / "hashes.npz") as stored:
        values = stored["texts"].astype(object)
        np.testing.assert_array_equal(call("Fingerprint64", values)[0] % np.uint64(stored["buckets"]), stored["farm"])
        key = tuple(stored["key"].tolist())
        np.testing.assert_array_equal(call("SipHash", values, key=key)[0] % np.uint64(stored["buckets"]), stored["sip"])


@given(INTEGERS)
def test_an_integer_is_hashed_as_its_digits(values):
    numbers = np.array(values, np.int64)
    for op, options in (("Fingerprint64", {}), ("SipHash", {"key": (1, 2)})):
        np.testing.assert_array_equal(call(op, numbers, **options), call(op, texts(map(str, values)), **options))


@settings(max_examples=60)
@given(INTEGERS)
@example([0, -1, 9, 10, -10, LIMIT - 1, -LIMIT])
@example([s * 10**n for n in range(19) for s in (1, -1)])
def test_integers_through_onnx_runtime(sessions, values):
    for name in ("Fingerprint64", "SipHash"):
        same_in_onnx_runtime(sessions, name, np.array(values, np.int64))


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        (graph_of("Fingerprint64", "object"), "cannot hash texts"),
        (graph_of("SipHash", "object", key=(1, 2)), "cannot hash texts"),
    ],
)
def test_what_onnx_cannot_express_is_said(graph, why, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(Unsupported, match=why):
        interchange.save(graph, tmp_path / "model.onnx", to="onnx")
    assert not list(tmp_path.iterdir())
