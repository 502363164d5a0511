"""Writes the golden weights files of formats/golden/weights: run it after a deliberate change of the format.

python tests/formats/make_golden.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from interchange_weights.format import to_bytes

from interchange.golden import case_input
from interchange.graph import Graph, Node, TensorSpec

FOLDER = Path(__file__).parents[2] / "formats" / "golden" / "weights"


def cnn() -> Graph:
    """The example of formats/graph.md."""
    nodes = (
        Node(
            "Conv",
            ("image", "conv/kernel", "conv/bias"),
            ("conv",),
            {"strides": (2, 1), "auto_pad": "SAME_UPPER", "layout": "NHWC"},
            "conv (Conv2D)",
        ),
        Node("GlobalAveragePool", ("conv",), ("pool",), {"layout": "NHWC"}),
        Node("Flatten", ("pool",), ("flat",)),
        Node("Sigmoid", ("flat",), ("probability",)),
    )
    return Graph(
        inputs={"image": TensorSpec("float32", ("batch", 11, 7, 3))},
        outputs=("probability",),
        nodes=nodes,
        constants={
            "conv/kernel": case_input(0, "float32", (3, 2, 3, 5)),
            "conv/bias": case_input(1, "float32", (5,)),
        },
        metadata={"name": "example", "producer": "Keras 3.15.1"},
    )


def mixed() -> Graph:
    """Several dtypes, two inputs and outputs, an infinity, and names that need escaping."""
    nodes = (
        Node("Gather", ('table "α"', "rows"), ("picked",), {"axis": 0}, '"); import os #'),
        Node("MatMul", ("picked", "w/half"), ("product",), {}, "mul"),
        Node("Cast", ("product",), ("wide",), {"to": "float64"}),
        Node("LeakyRelu", ("wide",), ("leaky",), {"alpha": float("inf")}),
        Node("Add", ("leaky", "x\n2"), ("sum",)),
        Node("Identity", ("rows",), ("echo",)),
    )
    return Graph(
        inputs={"rows": TensorSpec("int64", ("n",)), "x\n2": TensorSpec("float64", (None, 3))},
        outputs=("sum", "echo"),
        nodes=nodes,
        constants={
            'table "α"': np.abs(case_input(0, "float16", (4, 2))),
            "w/half": np.abs(case_input(1, "float16", (2, 3))),
        },
        metadata={"name": "mixed", "labels": '["a", "b", "c"]'},
    )


GRAPHS = {"cnn": cnn, "mixed": mixed}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, build in GRAPHS.items():
        (FOLDER / f"{name}.safetensors").write_bytes(to_bytes(build()))


if __name__ == "__main__":
    main()
