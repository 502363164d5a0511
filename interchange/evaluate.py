"""Run a graph through the operators: on any float dtype, with a trace of every value; infer shapes and dtypes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from interchange import ops
from interchange.errors import BadInput
from interchange.graph import Array, Dimension, Graph, Node, TensorSpec, dtype_of
from interchange.unknown import RULES, Partial, Unknown, as_unknown, by_rule, control_flow

__all__ = [
    "FLOATS",
    "Partial",
    "Unknown",
    "evaluate",
    "infer",
    "infer_bodies",
    "infer_node",
    "oracle",
    "run",
    "trace",
    "widen",
    "with_floats",
]

FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "output_datatype", "precision", "softmax_precision")
MOST_STEPS = 1_000_000  # how often bodies (branches, steps of loops) run in one evaluation

# Sizes tried for unknown dimensions, the first that the network accepts; batches are told from the rest by axis.
BATCH_SIZE = 2
PROBE_SIZES = (16, 64, 256, 1024)


def evaluate(
    graph: Graph, feeds: Mapping[str, Any], *, round_to: str | None = None, most_steps: int = MOST_STEPS
) -> dict[str, Any]:
    """The graph's outputs, by name. A value is forgotten after its last use.

    Args:
        round_to: a float dtype to which every float that a node makes is rounded, and back: what storing values in that
            dtype costs, whatever the order of sums.
        most_steps: how often bodies may run, all loops together.

    Raises:
        BadInput: (IX211) the feeds do not fit the inputs; (IX212) an operator refuses its values, or loops do not end.
    """
    values = {**graph.constants, **conform(graph.inputs, feeds)}
    outputs = _outputs(graph, values, _Progress(round_to, most_steps), _last_use(graph))
    return dict(zip(graph.outputs, outputs, strict=True))


@dataclass(slots=True)
class _Progress:
    """One evaluation: how it rounds, and how many steps it may still take."""

    round_to: str | None = None
    steps_left: int = MOST_STEPS


def _last_use(graph: Graph) -> dict[str, int]:
    """The index of the node that reads a value last; the number of nodes for what is never forgotten."""
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.reads}
    return last_use | dict.fromkeys((*graph.outputs, *graph.constants), len(graph.nodes))


def _outputs(graph: Graph, values: dict[str, Any], progress: _Progress, last_use: Mapping[str, int]) -> tuple[Any, ...]:
    """Runs the nodes; `values` holds all that is known before, and is used up."""
    for i, node in enumerate(graph.nodes):
        for name, value in zip(node.outputs, run(node, values, progress), strict=False):
            if last_use.get(name, -1) > i:
                values[name] = _rounded(value, progress.round_to)
        for name in node.reads:
            if last_use.get(name) == i:
                values.pop(name, None)
    return tuple(values[name] for name in graph.outputs)


def _rounded(value: Any, dtype: str | None) -> Any:
    if dtype is None:
        return value
    if isinstance(value, list):
        return [_rounded(item, dtype) for item in value]
    if not isinstance(value, np.ndarray) or value.dtype.name not in FLOATS:
        return value
    with np.errstate(over="ignore"):
        return value.astype(dtype_of(dtype)).astype(value.dtype)


def trace(graph: Graph, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Every value that the graph's own nodes make, by name, and the feeds. Raises as `evaluate` does."""
    values = {**graph.constants, **conform(graph.inputs, feeds)}
    progress = _Progress()
    for node in graph.nodes:
        values.update(zip(node.outputs, run(node, values, progress), strict=False))
    values.pop("", None)
    return {name: value for name, value in values.items() if name not in graph.constants}


def run(node: Node, values: Mapping[str, Any], progress: _Progress | None = None) -> tuple[Any, ...]:
    """The outputs of one node; `values` holds what it reads by name.

    Raises:
        BadInput: (IX212) the operator refuses these values.
    """
    inputs = [values[name] if name else None for name in node.inputs]
    try:
        attributes = node.attributes
        if any(isinstance(value, Graph) for value in attributes.values()):
            bodies = {n: _Body(b, values, progress or _Progress()) for n, b in node.bodies.items()}
            attributes = {**attributes, **bodies}
        with np.errstate(all="ignore"):  # infinities and NaN are results like others; the verifier looks at them
            return _call(node, inputs, attributes)
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError, MemoryError) as error:
        raise _refused(node, inputs, error) from error
    except AttributeError as error:  # a sequence or nothing, where there should be a tensor
        if all(isinstance(x, np.ndarray) for x in inputs):
            raise
        raise _refused(node, inputs, error) from error


def _refused(node: Node, inputs: Sequence[Any], error: Exception) -> BadInput:
    return BadInput(
        "IX212",
        f"{node.op} cannot compute with these inputs.",
        where=node.source or str(node),
        why=(f"{error}", f"{node}", f"inputs: {', '.join(map(_described, inputs))}"),
    )


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return str(TensorSpec(value.dtype.name, value.shape))
    return f"a sequence of {len(value)}" if isinstance(value, list) else str(value)


class _Body:
    """A graph in an attribute as a function: inputs by position, outputs as a tuple."""

    def __init__(self, graph: Graph, values: Mapping[str, Any], progress: _Progress) -> None:
        self.outputs = len(graph.outputs)
        self._graph = graph
        self._captured = {name: values[name] for name in graph.captures}
        self._progress = progress
        self._last_use = _last_use(graph)

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        if len(inputs) != len(self._graph.inputs):
            raise ValueError(f"the body takes {len(self._graph.inputs)} inputs, not {len(inputs)}")
        if self._progress.steps_left <= 0:
            raise ValueError("the loops of this model take more steps than are allowed")
        self._progress.steps_left -= 1
        values = self._captured | dict(zip(self._graph.inputs, map(_as_value, inputs), strict=True))
        return _outputs(self._graph, values, self._progress, self._last_use)


def _call(node: Node, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    made = ops.get(node.op)(*inputs, **attributes)
    outputs = made if isinstance(made, tuple) else (made,)
    if len(outputs) < len(node.outputs):
        raise ValueError(f"it makes {len(outputs)} output(s) instead of {len(node.outputs)}")
    return tuple(map(_as_value, outputs))


def _as_value(y: Any) -> Any:
    """An array; lists (sequences), dicts (maps) and None (an empty optional) are values as they are."""
    return y if isinstance(y, (np.ndarray, list, dict, type(None))) else np.asarray(y)


def conform(inputs: Mapping[str, TensorSpec], feeds: Mapping[str, Any]) -> dict[str, Any]:
    """The feeds as arrays of the model's dtypes (lists of them, for sequences).

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
    others: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, spec in inputs.items():
        if name not in feeds:
            continue
        if spec.kind != "tensor":
            faults += _other_faults(name, feeds[name], spec)
            others[name] = _conformed(feeds[name], spec)
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
    return others | {name: array.astype(dtype_of(inputs[name].dtype), copy=False) for name, array in arrays.items()}


def _other_faults(name: str, value: Any, spec: TensorSpec) -> Iterator[str]:
    """Faults of a value that is no tensor."""
    if value is None and spec.kind.startswith("optional"):
        return
    if spec.kind.endswith("sequence") and not isinstance(value, (list, tuple)):
        yield f"input {name!r} is {type(value).__name__}, the model takes a {spec}"
    if spec.kind == "map" and not isinstance(value, (dict, list)):
        yield f"input {name!r} is {type(value).__name__}, the model takes a {spec}"


def _conformed(value: Any, spec: TensorSpec) -> Any:
    if value is None or spec.kind == "map":
        return value
    if isinstance(value, (list, tuple)):
        return [np.asarray(item, dtype_of(spec.dtype)) for item in value]
    return np.asarray(value, dtype_of(spec.dtype))


def _misfits(array: Array, spec: TensorSpec, sizes: dict[str, int]) -> Iterator[str]:
    target = dtype_of(spec.dtype)
    if target.kind == "O":
        yield from _no_texts(array)
        target = array.dtype
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


def _no_texts(array: Array) -> Iterator[str]:
    """Why an array is no array of texts."""
    if array.dtype.kind not in "UTO":
        yield f"{array.dtype} is not turned into string"
    elif array.dtype.kind == "O":
        strange = [item for item in array.ravel().tolist() if not isinstance(item, str)]
        if strange:
            yield f"it holds a {type(strange[0]).__name__}, which is no text"


def _holds(target: np.dtype[Any], array: Array) -> bool:
    """Whether every value of an integer array exists in an integer dtype."""
    if target.kind not in "iu":
        return False
    limits = np.iinfo(target)
    return array.size == 0 or (int(array.min()) >= limits.min and int(array.max()) <= limits.max)


def oracle(graph: Graph, feeds: Mapping[str, Any], *, round_to: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """`evaluate(widen(graph), feeds)`, and the same with `round_to`, in the memory of the weights and little more.

    Both go through the graph together, and a weight is widened for the node that reads it. Raises as `evaluate` does.
    """
    wide = _with_floats(graph, "float64", constants=False)
    feeds = conform(wide.inputs, feeds)
    runs = [(dict(feeds), _Progress()), (dict(feeds), _Progress(round_to))]
    last_use = _last_use(wide)
    for i, node in enumerate(wide.nodes):
        weights = {name: _widened(graph.constants[name]) for name in node.reads if name in graph.constants}
        for values, progress in runs:
            known = weights | {name: values[name] for name in node.reads if name in values}
            for name, value in zip(node.outputs, run(node, known, progress), strict=False):
                if last_use.get(name, -1) > i:
                    values[name] = _rounded(value, progress.round_to)
            for name in node.reads:
                if last_use.get(name) == i:
                    values.pop(name, None)
    constants = {name: _widened(graph.constants[name]) for name in graph.outputs if name in graph.constants}
    exact, rounded = ({name: (constants | values)[name] for name in graph.outputs} for values, _ in runs)
    return exact, rounded


def _widened(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.name in FLOATS else array


# --- precision ------------------------------------------------------------------------------------------------------


def widen(graph: Graph) -> Graph:
    """The same graph with every float in float64: run by `evaluate`, it is the oracle.

    Given   x: float32, y = Cast(x, to="float16"), w: float32
    Result  x: float64, y = Cast(x, to="float64"), w: float64
    """
    return with_floats(graph, "float64")


def with_floats(graph: Graph, dtype: str) -> Graph:
    """The same graph with every float input, constant and dtype attribute turned into `dtype`."""
    return _with_floats(graph, dtype, constants=True)


def _with_floats(graph: Graph, dtype: str, *, constants: bool) -> Graph:
    def attributes(node: Node) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        dtypes = {name: v for name, v in ops.defaults_of(node.op).items() if name in DTYPE_ATTRIBUTES and v is not None}
        for name, value in {**dtypes, **node.attributes}.items():
            is_float = name in DTYPE_ATTRIBUTES and value in FLOATS and node.op != "BitCast"  # which keeps the bits
            changed[name] = with_floats(value, dtype) if isinstance(value, Graph) else dtype if is_float else value
        return changed

    target = dtype_of(dtype)
    cast = {n: a.astype(target) for n, a in graph.constants.items() if constants and a.dtype.name in FLOATS}
    return replace(
        graph,
        inputs={n: replace(s, dtype=dtype) if s.dtype in FLOATS else s for n, s in graph.inputs.items()},
        constants={**graph.constants, **cast},
        nodes=tuple(replace(node, attributes=attributes(node)) for node in graph.nodes),
    )


# --- inference ------------------------------------------------------------------------------------------------------


_Shapes = dict[str, TensorSpec]  # all sizes are numbers
DATA_SIZES = (5, 10)  # told for a size that depends on values; what changes from one to the other is not known


_Record = dict[int, dict[str, TensorSpec]]  # what is known of the values within bodies, by the id of a body


def infer_node(
    node: Node, values: Mapping[str, Partial], data_size: int = DATA_SIZES[0], record: _Record | None = None
) -> tuple[Partial, ...]:
    """What a node makes of partly known inputs: known values where all that matters is known, else dtype and shape.

    Args:
        data_size: what is said of a size that depends on unknown values.
        record: where to note what becomes known of the values within bodies.

    Raises:
        BadInput: (IX212) the operator refuses these shapes.
    """
    inputs = [values[name] if name else None for name in node.inputs]
    is_recorded = record is not None and bool(node.bodies)
    if not is_recorded and not any(isinstance(values[name], Unknown) for name in node.reads if name):
        return run(node, values)
    try:
        known = None
        if node.bodies:
            known = control_flow(
                node, values, data_size, lambda body, scope, given: _infer_body(body, scope, given, data_size, record)
            )
        known = by_rule(node, inputs, data_size) if known is None else known
        if known is not None:
            return tuple(known)
        rule = getattr(ops.get(node.op), "shape_rule", None)
        rules = (rule, *getattr(ops.get(node.op), "more_shape_rules", ()))
        arrays = [_placeholder(x) for x in inputs]
        if rule is None or len(node.outputs) > len(rules):
            made = run(node, {name: _placeholder(values[name]) for name in node.reads if name})
            return made if node.op in ("Shape", "Size") else tuple(Unknown(y.dtype, y.shape) for y in made)
        shapes = [tuple(int(size) for size in rule(*arrays, **node.attributes)) for rule in rules]
        dtype = _dtype_by_rule(node, arrays)
        return tuple(Unknown(dtype, shape) for shape in shapes[: len(node.outputs)])
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise BadInput(
            "IX212", f"{node.op} cannot compute with these shapes.", where=node.source or str(node), why=str(error)
        ) from error


def _infer_body(
    body: Graph, values: Mapping[str, Partial], inputs: Sequence[Partial], data_size: int, record: _Record | None
) -> list[Partial]:
    """What is known of a body's outputs, given what is known around it."""
    inside = {name: values[name] for name in body.captures} | dict(zip(body.inputs, inputs, strict=True))
    for node in body.nodes:
        inside.update(zip(node.outputs, infer_node(node, inside, data_size, record), strict=False))
    if record is not None:
        record[id(body)] = {name: _spec_of(value) for name, value in inside.items() if name}
    return [inside[name] for name in body.outputs]


def _dtype_by_rule(node: Node, arrays: Sequence[Array | None]) -> np.dtype[Any]:
    """Element-wise operators tell by a run on single elements; the others with a shape rule keep the first input's."""
    if getattr(ops.get(node.op), "is_elementwise", False):
        ones = [None if x is None else np.ones((1,) * x.ndim, x.dtype) for x in arrays]
        with np.errstate(all="ignore"):
            dtype: np.dtype[Any] = _call(node, ones, node.attributes)[0].dtype
            return dtype
    first = arrays[0]
    assert first is not None
    return first.dtype


_Seen = dict[Any, tuple[Partial, ...]]  # what element-wise operators made, by operator, attributes, dtypes and shapes


def _seen_key(node: Node, values: Mapping[str, Partial]) -> Any:
    """What the result of an element-wise operator with an unknown input depends on; None for other calls."""
    if not getattr(ops.get(node.op), "is_elementwise", False) or node.op in RULES:
        return None
    inputs = [values[name] if name else None for name in node.inputs]
    if not any(isinstance(x, Unknown) for x in inputs):
        return None
    if any(
        not isinstance(x, (Unknown, np.ndarray, type(None))) or getattr(x, "kind", "") not in ("", "tensor")
        for x in inputs
    ):
        return None
    return node.op, tuple(node.attributes.items()), tuple(None if x is None else (x.dtype, x.shape) for x in inputs)


def _placeholder(value: Partial) -> Any:
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
        name: replace(spec, shape=_named(name, _sized(spec, sizes or {}).shape)) for name, spec in graph.inputs.items()
    }
    symbols = list(dict.fromkeys(d for spec in inputs.values() for d in spec.shape if isinstance(d, str)))
    base, shapes = _first_fit(graph, inputs, symbols)
    dimensions = {name: list(spec.shape) for name, spec in shapes.items()}
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
    if any(_may_depend_on_values(node, graph) for node in graph.nodes):
        _mark_data_sizes(graph, inputs, base, dimensions, shapes)
    named = {d for spec in graph.inputs.values() for d in spec.shape if isinstance(d, str)}
    specs = {
        name: replace(spec, shape=tuple(d if isinstance(d, int) or d in named else None for d in dimensions[name]))
        for name, spec in shapes.items()
    }
    return specs | {name: _sized(spec, sizes or {}) for name, spec in graph.inputs.items()}


def infer_bodies(graph: Graph) -> Mapping[int, Mapping[str, TensorSpec]]:
    """Dtype, rank and kind of the values within the bodies of a graph, by the `id` of each body; sizes mean nothing.

    Raises:
        BadInput: (IX212) no size was found with which the shapes fit.
    """
    record: _Record = {}
    if any(node.bodies for node in graph.nodes):
        inputs = {name: replace(spec, shape=_named(name, spec.shape)) for name, spec in graph.inputs.items()}
        symbols = list(dict.fromkeys(d for spec in inputs.values() for d in spec.shape if isinstance(d, str)))
        base, _ = _first_fit(graph, inputs, symbols)
        _shapes_at(graph, inputs, base, record=record)
    return record


def _may_depend_on_values(node: Node, graph: Graph) -> bool:
    """Whether sizes of what a node makes may depend on values that are not constant."""
    deciding, _ = RULES.get(node.op, ((), None))
    names = [node.inputs[i] for i in deciding if i < len(node.inputs)]
    return bool(node.bodies) or any(name and name not in graph.constants for name in names)


def _mark_data_sizes(
    graph: Graph,
    inputs: Mapping[str, TensorSpec],
    base: Mapping[str, int],
    dimensions: Mapping[str, list[Dimension]],
    shapes: _Shapes,
) -> None:
    """Writes None over the sizes that depend on values."""
    small, large = DATA_SIZES
    try:
        grown = _shapes_at(graph, inputs, base, large)
    except BadInput:  # the network wants some of them to be equal to others: nothing is known of any of that size
        grown = {n: replace(s, shape=tuple(large if d == small else d for d in s.shape)) for n, s in shapes.items()}
    _mark_changed(dimensions, shapes, grown, "", 0)


def _sized(spec: TensorSpec, sizes: Mapping[str, int]) -> TensorSpec:
    return replace(spec, shape=tuple(sizes.get(d, d) if isinstance(d, str) else d for d in spec.shape))


def _mark_changed(
    dimensions: Mapping[str, list[Dimension]], before: _Shapes, after: _Shapes, symbol: str, size: int
) -> None:
    """Writes `symbol` over the sizes that grew with it, from `size` to twice that, and None over others that grew."""
    for name, axes in dimensions.items():
        for axis, (small, large) in enumerate(zip(before[name].shape, after[name].shape, strict=False)):
            if small != large:
                axes[axis] = symbol if (small, large) == (size, 2 * size) and axes[axis] == small else None


def probe_sizes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Small input shapes with which the network runs: batch 1, other unknown dimensions the first that fit."""
    inputs = {name: replace(s, shape=_named(name, s.shape)) for name, s in graph.inputs.items()}
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
        if not any(0 in shapes[name].shape[1:] for node in graph.nodes for name in node.outputs if name):
            return base, shapes
        fits.append((base, shapes))
    if not fits:
        raise refusals[-1]
    return fits[0]


def _shapes_at(
    graph: Graph,
    inputs: Mapping[str, TensorSpec],
    base: Mapping[str, int],
    data_size: int = DATA_SIZES[0],
    record: _Record | None = None,
) -> _Shapes:
    values: dict[str, Partial] = dict(graph.constants)
    for name, spec in inputs.items():
        shape = tuple(base[d] if isinstance(d, str) else int(d or 0) for d in spec.shape)
        values[name] = Unknown(dtype_of(spec.dtype), shape, spec.kind)
    seen: _Seen = {}  # networks repeat themselves
    for node in graph.nodes:
        key = _seen_key(node, values)
        made = seen.get(key)
        if made is None:
            made = infer_node(node, values, data_size, record)
            if key is not None:
                seen[key] = made
        values.update(zip(node.outputs, made, strict=False))
    values.pop("", None)
    return {name: _spec_of(value) for name, value in values.items()}


def _spec_of(value: Partial) -> TensorSpec:
    if isinstance(value, list):
        value = as_unknown(value) or Unknown(np.dtype(np.float32), (), "sequence")
    if value is None or isinstance(value, dict):
        return TensorSpec("float32", (), "map" if value else "optional")
    return TensorSpec(_name_of(value.dtype), tuple(value.shape), getattr(value, "kind", "tensor"))


@cache
def _name_of(dtype: np.dtype[Any]) -> str:
    """NumPy puts the name together each time."""
    return dtype.name
