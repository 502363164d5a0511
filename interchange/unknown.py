"""What is known of a value before the network runs, where that does not follow from running the operator on zeros.

Some outputs have a size that depends on values: NonZero, Reshape to a shape that is computed, a Loop that stops when it
wants to. Their rules here say `size` for such a dimension, whatever the caller calls a size that nobody knows. The
caller asks twice, with different sizes; what has changed is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array, Graph, Node, dtype_of

INT64, BOOL = np.dtype(np.int64), np.dtype(bool)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of which only dtype and shape are known, and `kind` as in TensorSpec."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    kind: str = "tensor"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def placeholder(self) -> Array:
        """Zeros (empty texts) that take no memory."""
        nothing = np.array("", object) if self.dtype.kind == "O" else np.zeros((), self.dtype)
        if self.dtype.kind == "O" or 0 in self.shape:
            return np.broadcast_to(nothing, self.shape)
        array: Array = np.ndarray(self.shape, self.dtype, nothing, strides=(0,) * len(self.shape))
        array.flags.writeable = False  # as broadcast_to makes it, which takes eight times as long
        return array


Partial = Any  # an Unknown, or a value: an array, a list (sequence), None (empty optional)
Rule = Callable[[Sequence[Partial], Mapping[str, Any], int], Sequence[Partial] | None]
InferBody = Callable[[Graph, Mapping[str, Partial], Sequence[Partial]], list[Partial]]


def as_unknown(value: Partial) -> Partial:
    """The value without its elements; an empty sequence and an empty optional stay what they are."""
    if isinstance(value, np.ndarray):
        return Unknown(value.dtype, value.shape)
    if isinstance(value, list) and value:
        return as_sequence(element_of(value, 0))
    return value


OR_NOTHING = {"tensor": "optional", "sequence": "optional sequence"}  # kinds of values that may be None


def merged(a: Partial, b: Partial, size: int) -> Partial:
    """What is known of a value that is one or the other."""
    a, b = as_unknown(a), as_unknown(b)
    if not isinstance(a, Unknown) or not isinstance(b, Unknown):
        known, other = (a, b) if isinstance(a, Unknown) else (b, a)
        if other is None and isinstance(known, Unknown):
            return replace(known, kind=OR_NOTHING.get(known.kind, known.kind))
        return known
    if a.ndim != b.ndim:
        return replace(a, shape=(size,) * a.ndim)
    return replace(a, shape=tuple(m if m == n else size for m, n in zip(a.shape, b.shape, strict=True)))


def element_of(sequence: Partial, size: int) -> Partial:
    """What is known of an element, whichever it is."""
    if isinstance(sequence, Unknown):
        return replace(sequence, kind="tensor")
    if not sequence:
        raise ValueError("the sequence is empty")
    element = as_unknown(sequence[0])
    for other in sequence[1:]:
        element = merged(element, other, size)
    return element


def as_sequence(element: Partial) -> Partial:
    element = as_unknown(element)
    return replace(element, kind="sequence")


# --- operators ------------------------------------------------------------------------------------------------------


def _with(x: Partial, axes: Sequence[int], size: int) -> list[Partial]:
    """Like x, but with `size` along some axes."""
    along = {axis % x.ndim for axis in axes}
    return [Unknown(x.dtype, tuple(size if i in along else n for i, n in enumerate(x.shape)))]


def _all(x: Partial, rank: int, size: int) -> list[Partial]:
    return [Unknown(x.dtype, (size,) * rank)]


def _axes(axes: Partial, x: Partial) -> Sequence[int]:
    """Known axes as a list; all of them where they are absent or unknown."""
    return range(x.ndim) if axes is None or isinstance(axes, Unknown) else axes.ravel().tolist()


def _nonzero(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(INT64, (inputs[0].ndim, size))]


def _compress(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    axis = attributes.get("axis")
    return _all(inputs[0], 1, size) if axis is None else _with(inputs[0], [axis], size)


def _unique(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    (values,) = _compress(inputs, attributes, size)
    axis = attributes.get("axis")
    count = int(np.prod(inputs[0].shape)) if axis is None else inputs[0].shape[axis]
    return [values, *(Unknown(INT64, (n,)) for n in (size, count, size))]


def _boxes(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(INT64, (size, 3))]


def _string_split(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(np.dtype(object), (*inputs[0].shape, size)), Unknown(INT64, inputs[0].shape)]


def _n_grams(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _string_split(inputs[1:], attributes, size)


def _last(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _with(inputs[0], [-1], size)


def _image(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    channels = 1 if attributes.get("pixel_format") == "Grayscale" else 3
    return [Unknown(np.dtype(np.uint8), (size, size, channels))]


def _range(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _all(inputs[0], 1, size)


def _of_shape(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(dtype_of(attributes.get("dtype", "float32")), (size,) * inputs[0].shape[0])]


def _reduce(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial] | None:
    """Which axes are reduced is unknown; how many are is not."""
    count = int(np.prod(inputs[1].shape))
    if count == 0:
        return None
    return _all(inputs[0], inputs[0].ndim if attributes.get("keepdims", 1) else inputs[0].ndim - count, size)


def _squeeze(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _all(inputs[0], inputs[0].ndim - int(np.prod(inputs[1].shape)), size)


def _unsqueeze(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _all(inputs[0], inputs[0].ndim + int(np.prod(inputs[1].shape)), size)


def _reshape(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _all(inputs[0], inputs[1].shape[0], size)


def _expand(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _all(inputs[0], max(inputs[0].ndim, inputs[1].shape[0]), size)


def _tile(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _all(inputs[0], inputs[0].ndim, size)


def _slice(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    axes = inputs[3] if len(inputs) > 3 else np.arange(inputs[1].shape[0])
    return _with(inputs[0], _axes(axes, inputs[0]), size)


def _pad(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return _with(inputs[0], _axes(inputs[3] if len(inputs) > 3 else None, inputs[0]), size)


def _axis_attribute(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    axes = attributes.get("axes")
    return _with(inputs[0], range(inputs[0].ndim) if axes is None else axes, size)


def _top_k(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    (values,) = _with(inputs[0], [attributes.get("axis", -1)], size)
    return [values, replace(values, dtype=INT64)]


def _one_hot(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    shape = list(inputs[0].shape)
    shape.insert(attributes.get("axis", -1) % (len(shape) + 1), size)
    return [Unknown(inputs[2].dtype, tuple(shape))]


def _split(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    count: int = inputs[1].shape[0]
    return _with(inputs[0], [attributes.get("axis", 0)], size) * count


def _window(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(dtype_of(attributes.get("output_datatype", "float32")), (size,))]


def _mel(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(dtype_of(attributes.get("output_datatype", "float32")), (size, size))]


def _dft(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    is_real = attributes.get("inverse") and attributes.get("onesided")
    return [Unknown(inputs[0].dtype, (size,) * (inputs[0].ndim - 1) + (1 if is_real else 2,))]


def _stft(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(inputs[0].dtype, (inputs[0].shape[0], size, size, 2))]


def _grid(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    rank = inputs[0].shape[1]
    return [Unknown(inputs[0].dtype, (inputs[0].shape[0], *(size,) * rank, rank))]


def _col2im(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(inputs[0].dtype, (inputs[0].shape[0], *(size,) * (1 + inputs[1].shape[0])))]


def _sequence_construct(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [as_sequence(element_of(list(inputs), size))]


def _sequence_insert(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    sequence, tensor, *_ = inputs
    is_empty = isinstance(sequence, list) and not sequence
    return [as_sequence(tensor if is_empty else merged(element_of(sequence, size), tensor, size))]


def _sequence_erase(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [as_sequence(element_of(inputs[0], size))]


def _sequence_at(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [element_of(inputs[0], size)]


def _sequence_length(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(INT64, ())]


def _split_to_sequence(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    axis, x = attributes.get("axis", 0), inputs[0]
    if len(inputs) < 2 or inputs[1] is None:
        keeps = attributes.get("keepdims", 1)
        return [replace(_with(x, [axis], 1)[0] if keeps else _without(x, axis), kind="sequence")]
    return [replace(_with(x, [axis], size)[0], kind="sequence")]


def _without(x: Partial, axis: int) -> Unknown:
    return Unknown(x.dtype, tuple(n for i, n in enumerate(x.shape) if i != axis % x.ndim))


def _concat_from_sequence(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    element, axis = element_of(inputs[0], size), attributes["axis"]
    if not attributes.get("new_axis", 0):
        return _with(element, [axis], size)
    shape = list(element.shape)
    shape.insert(axis % (len(shape) + 1), size)
    return [Unknown(element.dtype, tuple(shape))]


def _same(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [inputs[0]]


def _has_element(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    return [Unknown(BOOL, ()) if inputs[0].kind.startswith("optional") else np.array(True)]


def _get_element(inputs: Sequence[Partial], attributes: Mapping[str, Any], size: int) -> Sequence[Partial]:
    kind = inputs[0].kind.removeprefix("optional").strip() or "tensor"
    return [replace(inputs[0], kind=kind)]


REDUCTIONS = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")

# operator -> the inputs on whose values the shapes depend, and the rule for when one of these is unknown
RULES: Mapping[str, tuple[Sequence[int], Rule]] = {
    "NonZero": ((0,), _nonzero),
    "Compress": ((1,), _compress),
    "Unique": ((0,), _unique),
    "NonMaxSuppression": (range(5), _boxes),
    "StringSplit": ((0,), _string_split),
    "StringNormalizer": ((0,), _last),
    "interchange.Tokenize": ((0,), _string_split),
    "interchange.NGrams": ((0, 1), _n_grams),
    "ImageDecoder": ((0,), _image),
    "Range": (range(3), _range),
    "ConstantOfShape": ((0,), _of_shape),
    "Reshape": ((1,), _reshape),
    "Squeeze": ((1,), _squeeze),
    "Unsqueeze": ((1,), _unsqueeze),
    **{f"Reduce{name}": ((1,), _reduce) for name in REDUCTIONS},
    "Expand": ((1,), _expand),
    "Tile": ((1,), _tile),
    "Slice": ((1, 2, 3, 4), _slice),
    "Pad": ((1, 3), _pad),
    "CenterCropPad": ((1,), _axis_attribute),
    "Resize": ((2, 3), _axis_attribute),
    "TopK": ((1,), _top_k),
    "OneHot": ((1,), _one_hot),
    "Split": ((1,), _split),
    "HannWindow": ((0,), _window),
    "HammingWindow": ((0,), _window),
    "BlackmanWindow": ((0,), _window),
    "MelWeightMatrix": ((0, 1), _mel),
    "DFT": ((1, 2), _dft),
    "STFT": ((1, 3), _stft),
    "AffineGrid": ((1,), _grid),
    "Col2Im": ((1, 2), _col2im),
    "MaxUnpool": ((2,), _tile),
    "SequenceConstruct": (range(1000), _sequence_construct),
    "SequenceInsert": ((0, 1, 2), _sequence_insert),
    "SequenceErase": ((0, 1), _sequence_erase),
    "SequenceAt": ((0, 1), _sequence_at),
    "SequenceLength": ((0,), _sequence_length),
    "SplitToSequence": ((0, 1), _split_to_sequence),
    "ConcatFromSequence": ((0,), _concat_from_sequence),
    "Optional": ((0,), _same),
    "OptionalHasElement": ((0,), _has_element),
    "OptionalGetElement": ((0,), _get_element),
}


def by_rule(node: Node, inputs: Sequence[Partial], size: int) -> Sequence[Partial] | None:
    """What the rule of the operator says; None if it has none, or if all that matters is known."""
    if node.op == "Identity" and inputs[0].kind != "tensor":
        return [inputs[0]]
    deciding, rule = RULES.get(node.op, ((), _same))
    if not any(isinstance(inputs[i], Unknown) for i in deciding if i < len(inputs)):
        return None
    return rule(inputs, node.attributes, size)


# --- control flow ---------------------------------------------------------------------------------------------------


def control_flow(
    node: Node, values: Mapping[str, Partial], size: int, infer_body: InferBody
) -> Sequence[Partial] | None:
    """What is known of the outputs of If, Loop, Scan or SequenceMap; None for other operators."""
    inputs = [values[name] if name else None for name in node.inputs]
    bodies = node.bodies
    if node.op == "If":
        return _if(inputs[0], lambda branch: infer_body(bodies[branch], values, ()), size)
    body = bodies.get("body")
    if body is None:
        return None

    def call(*arguments: Partial) -> list[Partial]:
        if len(arguments) != len(body.inputs):
            raise ValueError(f"the body takes {len(body.inputs)} inputs, not {len(arguments)}")
        return infer_body(body, values, arguments)

    if node.op == "Loop":
        return _loop(inputs, call, size)
    if node.op == "Scan":
        return _scan(inputs, call, node.attributes)
    if node.op == "SequenceMap":
        made = call(*(element_of(x, size) if _is_sequence(x) else x for x in inputs))
        return [as_sequence(y) for y in made]
    return None


def _is_sequence(x: Partial) -> bool:
    return isinstance(x, list) or (isinstance(x, Unknown) and x.kind == "sequence")


def _if(condition: Partial, infer_branch: Callable[[str], list[Partial]], size: int) -> Sequence[Partial]:
    if not isinstance(condition, Unknown):
        return infer_branch("then_branch" if condition.item() else "else_branch")
    fitting, refusals = [], []
    for branch in ("then_branch", "else_branch"):
        try:
            fitting.append(infer_branch(branch))
        except BadInput as error:  # shapes that do not fit a branch are a reason not to take it
            refusals.append(error)
    if not fitting:
        raise refusals[0]
    return [merged(a, b, size) for a, b in zip(fitting[0], fitting[-1], strict=True)]


def _loop(inputs: Sequence[Partial], call: Callable[..., list[Partial]], size: int) -> Sequence[Partial]:
    trips, condition, *initial = [*inputs, None, None][: max(len(inputs), 2)]
    state = list(map(as_unknown, initial))
    goes_on = np.array(True) if condition is None else condition
    made: list[Partial] = []
    for _ in range(len(state) + 2):  # a size that changes from step to step can reach each state by way of the others
        made = call(Unknown(INT64, ()), goes_on, *state)
        before, state = state, [_next(a, b, size) for a, b in zip(state, made[1:], strict=False)]
        if state == before:
            break
    stops = condition is not None and (isinstance(made[0], Unknown) or not made[0].item())
    is_counted = trips is not None and not isinstance(trips, Unknown) and not stops
    count = max(int(trips.item()), 0) if is_counted else size
    return [*state, *(Unknown(y.dtype, (count, *y.shape)) for y in made[1 + len(initial) :])]


def _next(before: Partial, after: Partial, size: int) -> Partial:
    """A state that was one before a step and is the other after it, of which it has the kind."""
    state = merged(before, after, size)
    return replace(state, kind=getattr(after, "kind", "tensor")) if isinstance(state, Unknown) else state


def _scan(
    inputs: Sequence[Partial], call: Callable[..., list[Partial]], attributes: Mapping[str, Any]
) -> list[Partial]:
    n = len(inputs) - attributes["num_scan_inputs"]
    state, scanned = list(map(as_unknown, inputs[:n])), inputs[n:]
    axes = attributes.get("scan_input_axes") or (0,) * len(scanned)
    count = scanned[0].shape[axes[0]]
    made = call(*state, *(_without(x, axis) for x, axis in zip(scanned, axes, strict=True)))
    results = made[:n]
    output_axes = attributes.get("scan_output_axes") or (0,) * len(made[n:])
    for y, axis in zip(made[n:], output_axes, strict=True):
        shape = list(y.shape)
        shape.insert(axis % (len(shape) + 1), count)
        results.append(Unknown(y.dtype, tuple(shape)))
    return results
