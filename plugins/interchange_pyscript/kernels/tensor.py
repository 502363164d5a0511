"""The one data structure of a script, and what all kernels share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import mul
from typing import Any, TypeVar

Prepared = TypeVar("Prepared")


class Tensor:
    """Numbers in one flat list, the last dimension fastest, and their shape.

    Floats are Python's, 64 bits wide, whatever the model says; integers and booleans are Python's as well.
    `memo` keeps what a layer has made of its weights, for the next call.
    """

    __slots__ = ("memo", "shape", "values")

    def __init__(self, values: Sequence[float], shape: Iterable[int]) -> None:
        self.values = values
        self.shape = tuple(shape)
        self.memo: dict[object, object] = {}


class Weights:
    """The weights by name, read when they are first asked for; w("a/", "b", "c") gives "a/b" and "a/c".

    `nodes` are the model's, with the attributes that are too long for the lines of `network`.
    """

    def __init__(
        self,
        entries: Mapping[str, Any] | None = None,
        read: Callable[[str], Any] | None = None,
        nodes: Callable[[], Sequence[Any]] = tuple,
    ) -> None:
        self.entries, self.read, self.nodes = dict(entries or {}), read, nodes
        self.known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.entries and self.read is not None:
            self.entries[name] = self.read(name)
        return self.entries[name]

    def __call__(self, prefix: str, *names: str) -> list[Any]:
        return [self[prefix + name] for name in names]

    def attributes(self, node: int, *names: str) -> dict[str, Any]:
        """Attributes of a node; what is no number in JSON is {"float": "nan"} or the like."""
        key = (node, *names)
        if key not in self.known:
            all_of = self.nodes()[node]["attributes"]
            self.known[key] = {n: [float(v["float"]) if isinstance(v, dict) else v for v in all_of[n]] for n in names}
        return self.known[key]


def number(value: float) -> Tensor:
    """A single number as a tensor."""
    return Tensor([value], ())


def vector(*values: float) -> Tensor:
    """A list of numbers as a tensor."""
    return Tensor(values, (len(values),))


def prepared(tensor: Tensor, key: object, make: Callable[[], Prepared]) -> Prepared:
    """What `make` makes of a tensor of weights; made once."""
    if key not in tensor.memo:
        tensor.memo[key] = make()
    return tensor.memo[key]  # type: ignore[return-value]


def integers(tensor: Tensor) -> list[int]:
    """The elements of a tensor that says a shape, axes and the like."""
    return [int(value) for value in tensor.values]


def is_whole(tensor: Tensor) -> bool:
    """Whether the elements are integers or booleans."""
    return len(tensor.values) > 0 and isinstance(tensor.values[0], int)


def steps_of(shape: Sequence[int]) -> list[int]:
    """How far apart neighbours are in the flat list, for each dimension."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def offsets(counts: Iterable[int], steps: Iterable[int]) -> list[int]:
    """The places of a grid in the flat list: `counts` points along each dimension, `steps` apart."""
    places = [0]
    for count, step in zip(counts, steps):
        along = [i * step for i in range(count)]
        places = [place + more for place in places for more in along]
    return places


def strided(values: Sequence[float], counts: Sequence[int], steps: Sequence[int], start: int = 0) -> list[float]:
    """The elements on a grid, in order. A step of 0 repeats, a negative one goes backwards."""
    if not counts:
        return [values[start]]
    count, step = counts[-1], steps[-1]
    rows = offsets(counts[:-1], steps[:-1])
    if step > 0:
        length = max((count - 1) * step + 1, 0)
        return [value for row in rows for value in values[start + row : start + row + length : step]]
    return [values[start + row + i * step] for row in rows for i in range(count)]


def transposed(x: Tensor, perm: Sequence[int]) -> Tensor:
    """The dimensions in another order."""
    if list(perm) == list(range(len(x.shape))):
        return x
    steps, counts = steps_of(x.shape), [x.shape[axis] for axis in perm]
    return Tensor(strided(x.values, counts, [steps[axis] for axis in perm]), counts)


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that these shapes are repeated to, aligned at the end."""
    result: list[int] = []
    for axis in range(-max(map(len, shapes)), 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise ValueError(f"the shapes {', '.join(map(str, shapes))} do not fit together")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def expanded(x: Tensor, shape: Sequence[int]) -> Tensor:
    """`x` repeated to a shape that it can be broadcast to."""
    if x.shape == tuple(shape):
        return x
    missing = len(shape) - len(x.shape)
    if x.shape == tuple(shape[missing:]):
        return Tensor(list(x.values) * math.prod(shape[:missing]), shape)
    steps = [0 if size == 1 else step for size, step in zip(x.shape, steps_of(x.shape))]
    return Tensor(strided(x.values, shape, [0] * missing + steps), shape)


def elementwise(function: Callable[[float], float], x: Tensor) -> Tensor:
    """`function` of every element."""
    return Tensor(list(map(function, x.values)), x.shape)


def pairwise(function: Callable[[float, float], float], a: Tensor, b: Tensor) -> Tensor:
    """`function` of the elements of two tensors, broadcast to one shape."""
    shape = a.shape if a.shape == b.shape else broadcast_shape(a.shape, b.shape)
    return Tensor(list(map(function, expanded(a, shape).values, expanded(b, shape).values)), shape)


def axis_of(x: Tensor, axis: int) -> int:
    """An axis counted from the front."""
    if not -len(x.shape) <= axis < len(x.shape):
        raise ValueError(f"there is no axis {axis} in the shape {x.shape}")
    return axis % len(x.shape)


def lines(x: Tensor, axes: Sequence[int]) -> list[Sequence[float]]:
    """The elements along `axes`, a list for each place in the other dimensions."""
    others = [axis for axis in range(len(x.shape)) if axis not in axes]
    values = transposed(x, [*others, *axes]).values
    length = math.prod(x.shape[axis] for axis in axes)
    return [values[i * length : (i + 1) * length] for i in range(math.prod(x.shape[axis] for axis in others))]


def from_lines(rows: Iterable[Sequence[float]], shape: Sequence[int], axis: int) -> Tensor:
    """A tensor of that shape from its lines along `axis`."""
    order = [i for i in range(len(shape)) if i != axis] + [axis]
    values = [value for row in rows for value in row]
    back = [order.index(i) for i in range(len(shape))]
    return transposed(Tensor(values, [shape[i] for i in order]), back)


def moved(x: Tensor, source: int, target: int) -> Tensor:
    """The dimension `source` at the place `target`; the others keep their order."""
    order = [axis for axis in range(len(x.shape)) if axis != source % len(x.shape)]
    order.insert(target % len(x.shape), source % len(x.shape))
    return transposed(x, order)


def entries(x: Tensor, axis: int) -> list[Tensor]:
    """The slices along an axis, without that dimension."""
    first = moved(x, axis, 0)
    size = math.prod(first.shape[1:])
    return [Tensor(first.values[i * size : (i + 1) * size], first.shape[1:]) for i in range(first.shape[0])]


def stacked(xs: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors of one shape along a new dimension, which is `axis` of the result."""
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"tensors of the shapes {', '.join(str(x.shape) for x in xs)} cannot be stacked")
    values = [value for x in xs for value in x.values]
    return moved(Tensor(values, (len(xs), *xs[0].shape)), 0, axis)


def channels_last(x: Tensor, layout: str) -> Tensor:
    """`x` with its channels last; `layout` is that of `x`."""
    return x if layout == "NHWC" else transposed(x, [0, *range(2, len(x.shape)), 1])


def from_channels_last(y: Tensor, layout: str) -> Tensor:
    """The channels-last `y` in `layout`."""
    return y if layout == "NHWC" else transposed(y, [0, len(y.shape) - 1, *range(1, len(y.shape) - 1)])


def padded(x: Tensor, pads: Sequence[tuple[int, int]], value: float) -> Tensor:
    """`x` with (before, after) entries of `value` added to each dimension."""
    values, shape = list(x.values), list(x.shape)
    for axis in range(len(shape) - 1, -1, -1):
        before, after = pads[axis]
        if before == after == 0:
            continue
        length, unit = math.prod(shape[axis:]), math.prod(shape[axis + 1 :])
        head, tail = [value] * (before * unit), [value] * (after * unit)
        blocks = [values[i * length : (i + 1) * length] for i in range(math.prod(shape[:axis]))]
        values = [v for block in blocks for part in (head, block, tail) for v in part]
        shape[axis] += before + after
    return Tensor(values, shape)


def inner(a: Iterable[float], b: Iterable[float]) -> float:
    """The sum of the products."""
    total: float = sum(map(mul, a, b))
    return total
