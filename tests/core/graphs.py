"""Small graphs for the tests of the core: one fixed, and a strategy for any."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interchange.graph import Graph, Node, TensorSpec

DTYPES = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool")

# Any text that UTF-8 can hold: quotes, newlines, right-to-left marks, and names of Python's.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ATTRIBUTE = st.one_of(
    st.integers(-(2**62), 2**62),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.booleans(),
    st.lists(st.integers(-9, 9), max_size=3).map(tuple),
    st.lists(st.floats(), max_size=3).map(tuple),
)


def tiny(**metadata: str) -> Graph:
    """relu(x @ w + b), and its sum with a second input."""
    rng = np.random.default_rng(7)
    return Graph(
        inputs={"x": TensorSpec("float32", ("batch", 4)), "y": TensorSpec("float32", ("batch", 3))},
        outputs=("sum", "hidden"),
        nodes=(
            Node("Gemm", ("x", "w", "b"), ("product",), {}, "dense (Dense)"),
            Node("Relu", ("product",), ("hidden",), {}, "dense (Dense)"),
            Node("Add", ("hidden", "y"), ("sum",), {}, "add (Add)"),
        ),
        constants={
            "w": rng.normal(size=(4, 3)).astype(np.float32),
            "b": rng.normal(size=3).astype(np.float32),
        },
        metadata={"name": "tiny", **metadata},
    )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph that is well formed, not necessarily one that can be computed."""
    names = draw(st.lists(TEXT, min_size=4, max_size=12, unique=True))
    cut, made = draw(st.integers(1, len(names) - 2)), draw(st.integers(1, len(names) - 2))
    inputs = {name: draw(_specs()) for name in names[:cut]}
    constants = {name: draw(_arrays()) for name in names[cut:-made]} if cut < len(names) - made else {}
    known = [*inputs, *constants]
    nodes: list[Node] = []
    for name in names[max(cut, len(names) - made) :]:
        nodes.append(draw(_nodes(known, name)))
        known.append(name)
    outputs = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
    return Graph(inputs, tuple(outputs), tuple(nodes), constants, draw(st.dictionaries(TEXT, TEXT, max_size=3)))


@st.composite
def _specs(draw: st.DrawFn) -> TensorSpec:
    dimension = st.one_of(st.integers(0, 9), TEXT, st.none())
    return TensorSpec(draw(st.sampled_from(DTYPES)), tuple(draw(st.lists(dimension, max_size=4))))


def _arrays() -> st.SearchStrategy[np.ndarray[Any, Any]]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    return st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


@st.composite
def _nodes(draw: st.DrawFn, known: list[str], output: str) -> Node:
    pick = st.sampled_from(known)
    source = draw(st.one_of(st.just(""), TEXT))
    match draw(st.integers(0, 3)):
        case 0:
            return Node("Add", (draw(pick), draw(pick)), (output,), {}, source)
        case 1:
            return Node("LeakyRelu", (draw(pick),), (output,), {"alpha": draw(ATTRIBUTE)}, source)
        case 2:
            optional = draw(st.sampled_from(["", *known]))
            return Node("Gemm", (draw(pick), draw(pick), optional), (output,), {"beta": draw(ATTRIBUTE)}, source)
        case _:
            return Node("Split", (draw(pick),), (output, ""), {"axis": 0, "num_outputs": 2}, source)
