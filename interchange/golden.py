"""The golden case that every artifact carries: inputs made by a rule, outputs computed by the oracle.

The inputs need no storage, because any language can make them: element `i` of the `k`-th input (from 0) is

    float: 2 * frac((i + 1 + 1000 * k) * 0.6180339887498949) - 1        (a Weyl sequence, in [-1, 1))
    integer or bool: i mod 2

computed in float64 and rounded to the input's dtype. Of each output the first `MOST_VALUES` elements are kept.
formats/golden.md is the specification.

The case is part of files that must have the same bytes on every machine, and matrix libraries differ in their last
digits; so it is computed in float64 alone, and tolerances and values are rounded to powers of two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange.evaluate import FLOATS, infer, oracle, probe_sizes
from interchange.graph import Array, Graph, dtype_of, every_node

GOLDEN_RATIO = 0.6180339887498949  # its fractional part
MOST_VALUES = 1000
MARGIN = 256  # how many times the cost of rounding every value once an output may be off: sums in float32 cost more
STEPS = 64  # values are kept in steps of tolerance / STEPS

RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")

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
    """A golden case for a graph, as JSON; None where there can be none: with text, sequences or random numbers.

    Raises:
        BadInput: (IX212) the graph cannot be computed.
    """
    if any(spec.dtype.startswith(("str", "object", "<U", "bytes")) for spec in graph.inputs.values()):
        return None
    if any(spec.kind != "tensor" for spec in graph.inputs.values()):
        return None
    if any(node.op in RANDOM for node in every_node(graph)):
        return None
    specs = infer(graph)
    if any(specs[name].kind != "tensor" or specs[name].dtype == "object" for name in graph.outputs):
        return None
    shapes = probe_sizes(graph)
    inputs = [{"name": n, "dtype": s.dtype, "shape": list(shapes[n])} for n, s in graph.inputs.items()]
    feeds = case_inputs({"inputs": inputs})
    exact, rounded = oracle(graph, feeds, round_to=_narrowest_float(graph))
    outputs = [_output(name, specs[name].dtype, rounded[name], exact[name]) for name in graph.outputs]
    return {"version": 1, "inputs": inputs, "outputs": outputs}


def _narrowest_float(graph: Graph) -> str:
    """The float dtype with the fewest bits of precision that an input or constant has."""
    dtypes = {spec.dtype for spec in graph.inputs.values()} | {array.dtype.name for array in graph.constants.values()}
    return min(dtypes & set(FLOATS), key=_FRACTION_BITS.__getitem__, default="float32")


def _output(name: str, dtype: str, rounded: Array, exact: Array) -> dict[str, Any]:
    floor = rounding_floor(rounded, exact, dtype)
    tolerance = 2.0 ** math.ceil(math.log2(MARGIN * floor)) if floor else 0.0
    values = exact.astype(np.float64).ravel()[:MOST_VALUES]
    if tolerance:
        step = tolerance / STEPS
        values = np.where(np.isfinite(values), np.rint(values / step) * step, values)
    return {
        "name": name,
        "dtype": dtype,
        "shape": list(exact.shape),
        "tolerance": tolerance,
        "values": [v if math.isfinite(v) else repr(v) for v in values.tolist()],
    }


def rounding_floor(rounded: Array, exact: Array, dtype: str) -> float:
    """The error that a tensor of `dtype` cannot avoid: the largest difference of a rounded run from one in float64.

    At least one unit in the last place of the largest element, since a lucky run is no promise. 0 for integers.
    """
    if dtype not in _FRACTION_BITS or exact.size == 0:
        return 0.0
    wide = rounded.astype(np.float64)
    finite = np.isfinite(exact) & np.isfinite(wide)
    if not finite.any():
        return 0.0
    unit = 2.0 ** -_FRACTION_BITS[dtype]
    exact, wide = exact[finite], wide[finite]
    return max(float(np.abs(wide - exact).max()), unit * float(np.abs(exact).max()))


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
        with np.errstate(invalid="ignore"):  # infinity less infinity
            errors = np.abs(have - want)
        same = (errors <= tolerance) | (have == want) | (np.isnan(have) & np.isnan(want))
        if not same.all():
            worst = float(errors[~same].max())
            faults.append(f"output {name!r} is off by {worst:.3g}; {tolerance:.3g} is allowed")
    return faults
