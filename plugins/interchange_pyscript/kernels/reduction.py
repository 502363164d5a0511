"""Reductions: one value for each line or plane of a tensor; and what runs along an axis."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence

from interchange_pyscript.kernels.arithmetic import exponential, logarithm, square_root
from interchange_pyscript.kernels.tensor import Tensor, axis_of, from_lines, integers, lines


def reduced(
    function: Callable[[Sequence[float]], float], x: Tensor, axes: Tensor | None, keepdims: int, noop: int
) -> Tensor:
    """`function` of the elements along some axes: `axes`, or all of them; none at all if `noop` says so."""
    if axes is not None and len(axes.values):
        gone = sorted({axis_of(x, axis) for axis in integers(axes)})
    else:
        gone = [] if noop else list(range(len(x.shape)))
    shape = [1 if axis in gone else size for axis, size in enumerate(x.shape) if keepdims or axis not in gone]
    return Tensor([function(line) for line in lines(x, gone)], shape)


def extreme(values: Sequence[float], choose: Callable[[Sequence[float]], float], nothing: float) -> float:
    """The largest or smallest value; NaN if any is NaN."""
    if not len(values):
        return nothing
    return next(filter(math.isnan, values), choose(values)) if math.isnan(sum(values)) else choose(values)


def ReduceSum(x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    """The sum."""
    return reduced(sum, x, axes, keepdims, noop_with_empty_axes)


def ReduceMean(x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    """The mean."""

    def mean(values: Sequence[float]) -> float:
        total = sum(values)
        if isinstance(total, int):
            return int(total / len(values))
        return total / len(values) if len(values) else math.nan

    return reduced(mean, x, axes, keepdims, noop_with_empty_axes)


def nothing_of(dtype: str) -> tuple[float, float]:
    """The value below, and the one above all others of a type."""
    if "float" in dtype:
        return -math.inf, math.inf
    if dtype == "bool":
        return False, True
    bits = int(dtype.lstrip("uint"))
    return (0, (1 << bits) - 1) if dtype.startswith("u") else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def ReduceMax(
    x: Tensor,
    axes: Tensor | None = None,
    *,
    keepdims: int = 1,
    noop_with_empty_axes: int = 0,
    output_dtype: str = "float32",
) -> Tensor:
    """The largest value; of nothing the least that there is."""
    least, _ = nothing_of(output_dtype)
    return reduced(lambda values: extreme(values, max, least), x, axes, keepdims, noop_with_empty_axes)


def ReduceMin(
    x: Tensor,
    axes: Tensor | None = None,
    *,
    keepdims: int = 1,
    noop_with_empty_axes: int = 0,
    output_dtype: str = "float32",
) -> Tensor:
    """The smallest value; of nothing the largest that there is."""
    _, largest = nothing_of(output_dtype)
    return reduced(lambda values: extreme(values, min, largest), x, axes, keepdims, noop_with_empty_axes)


def ReduceProd(x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    """The product."""
    return reduced(math.prod, x, axes, keepdims, noop_with_empty_axes)


def ReduceL1(x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    """The sum of |x|."""
    return reduced(lambda values: sum(map(abs, values)), x, axes, keepdims, noop_with_empty_axes)


def sum_of_squares(values: Sequence[float]) -> float:
    """The sum of x * x."""
    total: float = sum(map(operator.mul, values, values))
    return total


def ReduceL2(x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    """The square root of the sum of x * x."""

    def root(values: Sequence[float]) -> float:
        total = sum_of_squares(values)
        return int(square_root(total)) if values and isinstance(total, int) else square_root(total)

    return reduced(root, x, axes, keepdims, noop_with_empty_axes)


def ReduceSumSquare(
    x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    """The sum of x * x."""
    return reduced(sum_of_squares, x, axes, keepdims, noop_with_empty_axes)


def ReduceLogSum(x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    """The logarithm of the sum."""
    return reduced(lambda values: logarithm(sum(values)), x, axes, keepdims, noop_with_empty_axes)


def ReduceLogSumExp(
    x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    """log(sum(exp(x))), the largest entry subtracted first."""

    def log_sum_exp(values: Sequence[float]) -> float:
        top = extreme(values, max, 0.0)
        shift = top if math.isfinite(top) else 0.0
        return logarithm(sum([exponential(value - shift) for value in values])) + shift

    return reduced(log_sum_exp, x, axes, keepdims, noop_with_empty_axes)


def best_index(x: Tensor, axis: int, keepdims: int, last: int, choose: Callable[[Sequence[float]], float]) -> Tensor:
    """Where the largest or smallest value is along an axis: the first (or last) of equals; NaN is beyond all."""
    axis, indices = axis_of(x, axis), []
    for line in lines(x, [axis]):
        wanted = extreme(line, choose, 0.0)
        equals = [i for i, v in enumerate(line) if (math.isnan(v) if math.isnan(wanted) else v == wanted)]
        indices.append(equals[-1 if last else 0])
    shape = [1 if i == axis else size for i, size in enumerate(x.shape) if keepdims or i != axis]
    return Tensor(indices, shape)


def ArgMax(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """The index of the largest value along `axis`, the first or the last of equals."""
    return best_index(x, axis, keepdims, select_last_index, max)


def ArgMin(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """The index of the smallest value along `axis`, the first or the last of equals."""
    return best_index(x, axis, keepdims, select_last_index, min)


def cumulated(
    function: Callable[[float, float], float], neutral: int, x: Tensor, axis: Tensor, exclusive: int, reverse: int
) -> Tensor:
    """Sums or products up to each entry along an axis, the entry itself left out if `exclusive`."""
    place, rows = axis_of(x, int(axis.values[0])), []
    for line in lines(x, [place]):
        values = list(line)[::-1] if reverse else list(line)
        if exclusive and values:
            values = [type(values[0])(neutral), *values[:-1]]
        values = list(itertools.accumulate(values, function))
        rows.append(values[::-1] if reverse else values)
    return from_lines(rows, x.shape, place)


def CumSum(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """The sum of the entries up to each one along `axis`; `exclusive`: without itself, `reverse`: from the end."""
    return cumulated(operator.add, 0, x, axis, exclusive, reverse)


def CumProd(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """The product of the entries up to each one along `axis`; `exclusive`: without itself, `reverse`: from the end."""
    return cumulated(operator.mul, 1, x, axis, exclusive, reverse)


def TopK(x: Tensor, k: Tensor, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Tensor, Tensor]:
    """The k largest or smallest values along `axis` and their indices; of equals the first comes first."""
    axis, count = axis_of(x, axis), int(k.values[0])
    values, indices = [], []
    for line in lines(x, [axis]):
        order = [(math.inf if math.isnan(v) else v, i) for i, v in enumerate(line)]
        order.sort(key=(lambda pair: (-pair[0], pair[1])) if largest else None)
        best = [i for _, i in order[:count]]
        values.append([line[i] for i in best])
        indices.append(best)
    shape = [*x.shape[:axis], count, *x.shape[axis + 1 :]]
    return from_lines(values, shape, axis), from_lines(indices, shape, axis)
