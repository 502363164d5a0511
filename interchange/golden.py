"""The golden case that every artifact carries: inputs made by a rule, outputs computed by the oracle.

The inputs need no storage, because any language can make them: element `i` of the `k`-th input (from 0) is

    float: 2 * frac((i + 1 + 1000 * k) * 0.6180339887498949) - 1        (a Weyl sequence, in [-1, 1))
    integer or bool: i mod 2

computed in float64 and rounded to the input's dtype. Of each output the first `MOST_VALUES` elements are kept.
formats/golden.md is the specification.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange.evaluate import evaluate, probe_sizes, widen
from interchange.graph import Array, Graph, dtype_of

GOLDEN_RATIO = 0.6180339887498949  # its fractional part
MOST_VALUES = 1000
MARGIN = 32.0  # how many times the rounding floor an output may be off

Case = dict[str, Any]

_FRACTION_BITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}


def case_input(k: int, dtype: str, shape: tuple[int, ...]) -> Array:
    """The `k`-th input of the golden case."""
    i = np.arange(math.prod(shape), dtype=np.float64)
    values = 2 * np.modf((i + 1 + 1000 * k) * GOLDEN_RATIO)[0] - 1 if dtype_of(dtype).kind not in "iub" else i % 2
    return values.astype(dtype_of(dtype)).reshape(shape)


def case_inputs(case: Case) -> dict[str, Array]:
    """The inputs of a case by name."""
    inputs = case["inputs"]
    return {e["name"]: case_input(k, e["dtype"], tuple(e["shape"])) for k, e in enumerate(inputs)}


def make_case(graph: Graph) -> Case | None:
    """A golden case for a graph, as JSON; None where the rule has no inputs for it (strings).

    Raises:
        BadInput: (IX212) the graph cannot be computed.
    """
    if any(spec.dtype.startswith(("str", "object", "<U", "bytes")) for spec in graph.inputs.values()):
        return None
    shapes = probe_sizes(graph)
    inputs = [{"name": n, "dtype": s.dtype, "shape": list(shapes[n])} for n, s in graph.inputs.items()]
    feeds = case_inputs({"inputs": inputs})
    rounded, exact = evaluate(graph, feeds), evaluate(widen(graph), feeds)
    outputs = [_output(name, rounded[name], exact[name]) for name in graph.outputs]
    return {"version": 1, "inputs": inputs, "outputs": outputs}


def _output(name: str, rounded: Array, exact: Array) -> dict[str, Any]:
    values = exact.astype(np.float64).ravel()[:MOST_VALUES]
    return {
        "name": name,
        "dtype": rounded.dtype.name,
        "shape": list(exact.shape),
        "tolerance": MARGIN * rounding_floor(rounded, exact),
        "values": [v if math.isfinite(v) else repr(v) for v in values.tolist()],
    }


def rounding_floor(rounded: Array, exact: Array) -> float:
    """The error that a tensor cannot avoid in its dtype: the largest difference of a run in that dtype from float64.

    At least one unit in the last place of the largest element, since a lucky run is no promise. 0 for integers.
    """
    if rounded.dtype.kind in "iub" or exact.size == 0:
        return 0.0
    wide = rounded.astype(np.float64)
    finite = np.isfinite(exact) & np.isfinite(wide)
    if not finite.any():
        return 0.0
    unit = 2.0 ** -_FRACTION_BITS[rounded.dtype.name]
    return max(float(np.abs(wide - exact)[finite].max()), unit * float(np.abs(exact)[finite].max()))


def check_case(case: Case, outputs: Mapping[str, Array]) -> list[str]:
    """What is wrong with the outputs that a runtime computed for a case; nothing if they agree."""
    faults = []
    for entry in case["outputs"]:
        name, tolerance = entry["name"], entry["tolerance"]
        if name not in outputs:
            faults.append(f"output {name!r} is missing")
            continue
        got = np.asarray(outputs[name])
        if list(got.shape) != entry["shape"]:
            faults.append(f"output {name!r} has shape {list(got.shape)} instead of {entry['shape']}")
            continue
        want = np.array([float(v) for v in entry["values"]])
        have = got.astype(np.float64).ravel()[: len(want)]
        same = (np.abs(have - want) <= tolerance) | (have == want) | (np.isnan(have) & np.isnan(want))
        if not same.all():
            worst = np.nanmax(np.abs(have - want))
            faults.append(f"output {name!r} is off by {worst:.3g}; {tolerance:.3g} is allowed")
    return faults
