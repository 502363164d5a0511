"""Run a graph through the operators: on any float dtype, with a trace of every value; infer shapes and dtypes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interchange import ops
from interchange.errors import BadInput
from interchange.graph import Array, Dimension, Graph, Node, TensorSpec, dtype_of

FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPE_ATTRIBUTES = ("to", "dtype")

# Sizes tried for unknown dimensions, the first that the network accepts; batches are told from the rest by axis.
BATCH_SIZE = 2
PROBE_SIZES = (16, 64, 256, 1024)


def evaluate(graph: Graph, feeds: Mapping[str, Array], *, round_to: str | None = None) -> dict[str, Array]:
    """The graph's outputs, by name. A value is forgotten after its last use.

    Args:
        round_to: a float dtype to which every float that a node makes is rounded, and back: what storing values in that
            dtype costs, whatever the order of sums.

    Raises:
        BadInput: (IX211) the feeds do not fit the inputs; (IX212) an operator refuses its values.
    """
    values: dict[str, Array] = {**graph.constants, **conform(graph.inputs, feeds)}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    last_use |= dict.fromkeys((*graph.outputs, *graph.constants), len(graph.nodes))
    for i, node in enumerate(graph.nodes):
        for name, value in zip(node.outputs, run(node, values), strict=False):
            if last_use.get(name, -1) > i:
                values[name] = _rounded(value, round_to)
        for name in node.inputs:
            if last_use.get(name) == i:
                values.pop(name, None)
    return {name: values[name] for name in graph.outputs}


def _rounded(value: Array, dtype: str | None) -> Array:
    if dtype is None or value.dtype.name not in FLOATS:
        return value
    with np.errstate(over="ignore"):
        return value.astype(dtype_of(dtype)).astype(value.dtype)


def trace(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every value that the nodes make, by name, and the feeds. Raises as `evaluate` does."""
    values: dict[str, Array] = {**graph.constants, **conform(graph.inputs, feeds)}
    for node in graph.nodes:
        values.update(zip(node.outputs, run(node, values), strict=False))
    values.pop("", None)
    return {name: value for name, value in values.items() if name not in graph.constants}


def run(node: Node, values: Mapping[str, Array]) -> tuple[Array, ...]:
    """The outputs of one node; `values` holds its inputs by name.

    Raises:
        BadInput: (IX212) the operator refuses these values.
    """
    inputs = [values[name] if name else None for name in node.inputs]
    try:
        with np.errstate(all="ignore"):  # infinities and NaN are results like others; the verifier looks at them
            return _call(node, inputs)
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError, MemoryError) as error:
        shapes = ", ".join("None" if x is None else str(TensorSpec(x.dtype.name, x.shape)) for x in inputs)
        raise BadInput(
            "IX212",
            f"{node.op} cannot compute with these inputs.",
            where=node.source or str(node),
            why=(f"{error}", f"{node}", f"inputs: {shapes}"),
        ) from error


def _call(node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
    made = ops.get(node.op)(*inputs, **node.attributes)
    outputs = made if isinstance(made, tuple) else (made,)
    if len(outputs) < len(node.outputs):
        raise ValueError(f"it makes {len(outputs)} output(s) instead of {len(node.outputs)}")
    return tuple(np.asarray(y) for y in outputs)


def conform(inputs: Mapping[str, TensorSpec], feeds: Mapping[str, Any]) -> dict[str, Array]:
    """The feeds as arrays of the model's dtypes.

    Integers and wider floats become the float that the model wants; every other change of kind is an error, and
    nothing is broadcast.

    Raises:
        BadInput: (IX211) a name is missing or unknown, or a shape or dtype does not fit. All faults at once.
    """
    faults = [
        f"there is no input {name!r}; the model has {', '.join(map(repr, inputs))}"
        for name in feeds
        if name not in inputs
    ]
    faults += [f"input {name!r} ({spec}) is missing" for name, spec in inputs.items() if name not in feeds]
    arrays: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for name, spec in inputs.items():
        if name not in feeds:
            continue
        try:
            array = np.asarray(feeds[name])
        except ValueError as error:
            faults.append(f"input {name!r} is not an array: {error}")
            continue
        faults += [
            f"input {name!r} is {array.dtype}{list(array.shape)}, the model takes {spec}: {fault}"
            for fault in _misfits(array, spec, sizes)
        ]
        arrays[name] = array
    if faults:
        raise BadInput("IX211", "The inputs do not fit the model.", why=faults)
    return {name: array.astype(dtype_of(inputs[name].dtype), copy=False) for name, array in arrays.items()}


def _misfits(array: Array, spec: TensorSpec, sizes: dict[str, int]) -> Iterator[str]:
    target = dtype_of(spec.dtype)
    to_float = spec.dtype in FLOATS and array.dtype.kind in "fiub"
    if array.dtype != target and not to_float and not (array.dtype.kind in "iu" and _holds(target, array)):
        yield f"{array.dtype} is not turned into {spec.dtype}"
    if array.ndim != len(spec.shape):
        yield f"{array.ndim} dimensions instead of {len(spec.shape)}"
        return
    for axis, (have, want) in enumerate(zip(array.shape, spec.shape, strict=True)):
        if isinstance(want, str):
            want = sizes.setdefault(want, have)
        if want is not None and have != want:
            yield f"dimension {axis} is {have} instead of {want}"


def _holds(target: np.dtype[Any], array: Array) -> bool:
    """Whether every value of an integer array exists in an integer dtype."""
    if target.kind not in "iu":
        return False
    limits = np.iinfo(target)
    return array.size == 0 or (int(array.min()) >= limits.min and int(array.max()) <= limits.max)


# --- precision ------------------------------------------------------------------------------------------------------


def widen(graph: Graph) -> Graph:
    """The same graph with every float in float64: run by `evaluate`, it is the oracle.

    Given   x: float32, y = Cast(x, to="float16"), w: float32
    Result  x: float64, y = Cast(x, to="float64"), w: float64
    """
    return with_floats(graph, "float64")


def with_floats(graph: Graph, dtype: str) -> Graph:
    """The same graph with every float input, constant and dtype attribute turned into `dtype`."""

    def attributes(node: Node) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        dtypes = {name: v for name, v in ops.defaults_of(node.op).items() if name in DTYPE_ATTRIBUTES and v is not None}
        for name, value in {**dtypes, **node.attributes}.items():
            is_float = name in DTYPE_ATTRIBUTES and value in FLOATS
            changed[name] = with_floats(value, dtype) if isinstance(value, Graph) else dtype if is_float else value
        return changed

    target = dtype_of(dtype)
    return replace(
        graph,
        inputs={n: TensorSpec(dtype, s.shape) if s.dtype in FLOATS else s for n, s in graph.inputs.items()},
        constants={n: a.astype(target) if a.dtype.name in FLOATS else a for n, a in graph.constants.items()},
        nodes=tuple(replace(node, attributes=attributes(node)) for node in graph.nodes),
    )


# --- inference ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of which only dtype and shape are known."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def placeholder(self) -> Array:
        """Zeros that take no memory."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)


Partial = Array | Unknown
_Shapes = dict[str, tuple[str, tuple[int, ...]]]  # name -> dtype, shape


def infer_node(node: Node, values: Mapping[str, Partial]) -> tuple[Partial, ...]:
    """What a node makes of partly known inputs: known values where all that matters is known, else dtype and shape.

    Raises:
        BadInput: (IX212) the operator refuses these shapes.
    """
    inputs = [values[name] if name else None for name in node.inputs]
    arrays = {name: _placeholder(values[name]) for name in node.inputs if name}
    if not any(isinstance(x, Unknown) for x in inputs) or node.op in ("Shape", "Size"):
        return run(node, arrays)
    rule = getattr(ops.get(node.op), "shape_rule", None)
    if rule is None or len(node.outputs) > 1:
        return tuple(Unknown(y.dtype, y.shape) for y in run(node, arrays))
    try:
        shape = rule(*(arrays[name] if name else None for name in node.inputs), **node.attributes)
        dtype = _dtype_by_rule(node, [arrays[name] if name else None for name in node.inputs])
    except (ValueError, TypeError, IndexError) as error:
        raise BadInput(
            "IX212", f"{node.op} cannot compute with these shapes.", where=node.source or str(node), why=str(error)
        ) from error
    return (Unknown(dtype, tuple(int(size) for size in shape)),)


def _dtype_by_rule(node: Node, arrays: Sequence[Array | None]) -> np.dtype[Any]:
    """Element-wise operators tell by a run on single elements; the others with a shape rule keep the first input's."""
    if getattr(ops.get(node.op), "is_elementwise", False):
        ones = [None if x is None else np.ones((1,) * x.ndim, x.dtype) for x in arrays]
        with np.errstate(all="ignore"):
            return _call(node, ones)[0].dtype
    first = arrays[0]
    assert first is not None
    return first.dtype


def _placeholder(value: Partial) -> Array:
    return value.placeholder() if isinstance(value, Unknown) else value


def infer(graph: Graph, sizes: Mapping[str, int] | None = None) -> dict[str, TensorSpec]:
    """Dtype and shape of every value that the graph has, inputs and constants included.

    Unknown dimensions keep their names; one that depends on an unknown in another way than being equal to it is None.

    Args:
        sizes: sizes for named dimensions, such as {"batch": 1}; these are then known.

    Raises:
        BadInput: (IX212) no size was found with which the shapes fit.
    """
    inputs = {
        name: TensorSpec(spec.dtype, _named(name, _sized(spec, sizes or {}).shape))
        for name, spec in graph.inputs.items()
    }
    symbols = list(dict.fromkeys(d for spec in inputs.values() for d in spec.shape if isinstance(d, str)))
    base, shapes = _first_fit(graph, inputs, symbols)
    dimensions = {name: list[Dimension](shape) for name, (_, shape) in shapes.items()}
    tied: list[str] = []  # unknown dimensions that cannot grow alone: the network wants them to be equal
    for symbol in symbols:
        try:
            grown = _shapes_at(graph, inputs, {**base, symbol: 2 * base[symbol]})
        except BadInput:
            tied.append(symbol)
            continue
        _mark_changed(dimensions, shapes, grown, symbol, base[symbol])
    if tied:
        grown = _shapes_at(graph, inputs, {**base, **{symbol: 2 * base[symbol] for symbol in tied}})
        _mark_changed(dimensions, shapes, grown, tied[0], base[tied[0]])
    named = {d for spec in graph.inputs.values() for d in spec.shape if isinstance(d, str)}
    specs = {
        name: TensorSpec(dtype, tuple(d if isinstance(d, int) or d in named else None for d in dimensions[name]))
        for name, (dtype, _) in shapes.items()
    }
    return specs | {name: _sized(spec, sizes or {}) for name, spec in graph.inputs.items()}


def _sized(spec: TensorSpec, sizes: Mapping[str, int]) -> TensorSpec:
    return TensorSpec(spec.dtype, tuple(sizes.get(d, d) if isinstance(d, str) else d for d in spec.shape))


def _mark_changed(
    dimensions: dict[str, list[Dimension]], before: _Shapes, after: _Shapes, symbol: str, size: int
) -> None:
    """Writes `symbol` over the sizes that grew with it, from `size` to twice that, and None over others that grew."""
    for name, axes in dimensions.items():
        for axis, (small, large) in enumerate(zip(before[name][1], after[name][1], strict=True)):
            if small != large:
                axes[axis] = symbol if (small, large) == (size, 2 * size) and axes[axis] == small else None


def probe_sizes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Small input shapes with which the network runs: batch 1, other unknown dimensions the first that fit."""
    inputs = {name: TensorSpec(s.dtype, _named(name, s.shape)) for name, s in graph.inputs.items()}
    symbols = list(dict.fromkeys(d for spec in inputs.values() for d in spec.shape if isinstance(d, str)))
    base, _ = _first_fit(graph, inputs, symbols)
    batches = {spec.shape[0] for spec in inputs.values() if spec.shape}
    sizes = {symbol: 1 if symbol in batches else size for symbol, size in base.items()}
    return {name: tuple(sizes[d] if isinstance(d, str) else int(d or 0) for d in s.shape) for name, s in inputs.items()}


def _named(name: str, shape: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """The shape with a name of its own ("?...") for every dimension without one."""
    return tuple(f"?{name}.{axis}" if d is None else d for axis, d in enumerate(shape))


def _first_fit(
    graph: Graph, inputs: Mapping[str, TensorSpec], symbols: Sequence[str]
) -> tuple[dict[str, int], _Shapes]:
    """The first sizes with which the shapes fit, those preferred that leave no tensor empty."""
    batches = {spec.shape[0] for spec in inputs.values() if spec.shape}
    sizes = PROBE_SIZES if any(symbol not in batches for symbol in symbols) else PROBE_SIZES[:1]
    fits: list[tuple[dict[str, int], _Shapes]] = []
    refusals: list[BadInput] = []
    for size in sizes:
        base = {symbol: BATCH_SIZE if symbol in batches else size for symbol in symbols}
        try:
            shapes = _shapes_at(graph, inputs, base)
        except BadInput as error:
            refusals.append(error)
            continue
        if not any(0 in shapes[name][1][1:] for node in graph.nodes for name in node.outputs if name):
            return base, shapes
        fits.append((base, shapes))
    if not fits:
        raise refusals[-1]
    return fits[0]


def _shapes_at(graph: Graph, inputs: Mapping[str, TensorSpec], base: Mapping[str, int]) -> _Shapes:
    values: dict[str, Partial] = dict(graph.constants)
    for name, spec in inputs.items():
        shape = tuple(base[d] if isinstance(d, str) else int(d or 0) for d in spec.shape)
        values[name] = Unknown(dtype_of(spec.dtype), shape)
    for node in graph.nodes:
        values.update(zip(node.outputs, infer_node(node, values), strict=False))
    values.pop("", None)
    return {name: (value.dtype.name, tuple(value.shape)) for name, value in values.items()}
