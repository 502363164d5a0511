"""Matrix products, and the dot product that dense and convolution layers are made of."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import repeat

from interchange_pyscript.kernels.tensor import (
    Tensor,
    broadcast_shape,
    expanded,
    inner,
    is_whole,
    offsets,
    pairwise,
    prepared,
    steps_of,
    transposed,
)


class Linear:
    """x -> x . row + bias for every row of weights: the heart of dense and convolution layers.

    `x` has as many numbers as each row; there is a row, a number of the bias and a result for each output. However it
    is computed, the result is the same but for rounding.

    On CPython math.dist is the fastest dot product of the standard library: it runs in C and makes no float objects.
    The square of a distance is |x - row|**2 = |x|**2 + |row|**2 - 2 * (x . row), so that
    x . row = |x|**2 / 2 + |row|**2 / 2 - dist(x, row)**2 / 2. This loses digits where x and row differ much in length:
    rows much shorter than the longest are multiplied by powers of two, and an x much shorter or longer than they, or
    with infinities or NaN, is multiplied out instead. PyPy's compiler makes loops faster than that: `sums_by_input`.
    """

    def __init__(self, rows: Sequence[tuple[float, ...]]) -> None:
        self.rows = rows
        self.dot = getattr(math, "sumprod", inner)  # sumprod: from Python 3.12 on
        self.zero = (0.0,) * len(rows[0])
        norms = [math.dist(row, self.zero) for row in rows]
        longest = max(norms)
        loops = sys.implementation.name == "pypy" and math.isfinite(sum(norms))
        self.by_input = [*map(list, zip(*rows)), [0.0] * len(rows)] if loops else []
        self.by_distance = sys.implementation.name == "cpython" and 1e-100 < longest < 1e100 and sum(norms) < math.inf
        self.x_from, self.x_to = longest * 1e-6, longest * 1e4  # lengths of x for which distances keep enough digits
        self.scales = [1.0] * len(rows)
        self.scaled, self.half_squares = list(rows), [norm * norm / 2 for norm in norms]
        for i, norm in enumerate(norms):
            if self.by_distance and 0 < norm < longest / 64:
                self.scales[i] = scale = 2.0 ** max(math.frexp(norm / longest)[1], -1000)
                self.scaled[i] = tuple([weight / scale for weight in rows[i]])
                self.half_squares[i] = (norm / scale) ** 2 / 2

    def __call__(self, x: Sequence[float], bias: Sequence[float]) -> list[float]:
        if self.by_input:
            return sums_by_input(x, self.by_input, bias)
        x = tuple(x)
        length = math.dist(x, self.zero) if self.by_distance else math.nan
        if self.x_from < length < self.x_to:
            half, distances = length * length / 2, map(math.dist, repeat(x), self.scaled)
            each = zip(self.half_squares, distances, self.scales, bias)
            return [(half + h - d * d / 2) * scale + b for h, d, scale, b in each]
        if length == 0:
            return list(bias)
        return [self.dot(x, row) + b for row, b in zip(self.rows, bias)]


def sums_by_input(x: Sequence[float], by_input: list[list[float]], bias: Sequence[float]) -> list[float]:
    """bias + the sum of x[k] * by_input[k], which has the weights of input k for all outputs, four inputs at once.

    An x[k] of 0, as Relu makes them, is left out. The last weights, all 0, fill up the four. `while`, because an
    iterator for each loop would take PyPy longer.
    """
    result, x = list(bias), [*x, 0.0]
    used = [k for k, value in enumerate(x) if value]
    used += [len(x) - 1] * (-len(used) % 4)
    outputs, i, stop = len(result), 0, len(used)
    while i < stop:
        k, m, n, o = used[i], used[i + 1], used[i + 2], used[i + 3]
        p, q, r, s = x[k], x[m], x[n], x[o]
        a, b, c, d = by_input[k], by_input[m], by_input[n], by_input[o]
        output = 0
        while output < outputs:
            result[output] += p * a[output] + q * b[output] + r * c[output] + s * d[output]
            output += 1
        i += 4
    return result


def weights_by_output(kernel: Tensor) -> list[tuple[float, ...]]:
    """The weights of each output as a row: the columns of a matrix (..., outputs)."""
    outputs = kernel.shape[-1]
    return [tuple(kernel.values[i::outputs]) for i in range(outputs)]


def matrix(a: Tensor, b: Tensor) -> list[float]:
    """The product of two matrices, row by row."""
    length, outputs = b.shape
    if length == 0 or outputs == 0:
        return [0.0] * (a.shape[0] * outputs)
    starts = range(0, len(a.values), length)
    if is_whole(a):  # integers stay exact
        rows = weights_by_output(b)
        return [inner(a.values[i : i + length], row) for i in starts for row in rows]
    linear, no_bias = prepared(b, "linear", lambda: Linear(weights_by_output(b))), [0.0] * outputs
    return [value for i in starts for value in linear(a.values[i : i + length], no_bias)]


def MatMul(a: Tensor, b: Tensor) -> Tensor:
    """The product of the last two dimensions, the others broadcast; a vector is a row or a column."""
    left = a if len(a.shape) > 1 else Tensor(a.values, (1, *a.shape))
    right = b if len(b.shape) > 1 else prepared(b, "column", lambda: Tensor(b.values, (*b.shape, 1)))
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"matrices of the shapes {a.shape} and {b.shape} do not fit")
    rows, columns = left.shape[-2], right.shape[-1]
    if len(right.shape) == 2:
        outer = left.shape[:-2]
        values = matrix(Tensor(left.values, (math.prod(left.shape[:-1]), left.shape[-1])), right)
    else:
        outer = broadcast_shape(left.shape[:-2], right.shape[:-2])
        left_size, right_size = rows * left.shape[-1], columns * right.shape[-2]
        lefts = expanded(left, (*outer, *left.shape[-2:])).values
        rights = expanded(right, (*outer, *right.shape[-2:])).values
        values = []
        for i in range(math.prod(outer)):
            one = Tensor(lefts[i * left_size : (i + 1) * left_size], left.shape[-2:])
            values += matrix(one, Tensor(rights[i * right_size : (i + 1) * right_size], right.shape[-2:]))
    shape = [*outer] + [rows] * (len(a.shape) > 1) + [columns] * (len(b.shape) > 1)
    return Tensor(values, shape)


def Gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """A dense layer: a is (batch, inputs), b has the weights (inputs, outputs), c is the bias, of any shape that fits.

    In general alpha * a @ b + beta * c, with a and b transposed where asked for.
    """
    a = transposed(a, (1, 0)) if transA else a
    b = prepared(b, "transposed", lambda: transposed(b, (1, 0))) if transB else b
    y = MatMul(a, b)
    if alpha != 1.0:
        y = Tensor([alpha * value for value in y.values], y.shape)
    if c is None:
        return y
    if beta != 1.0:
        c = Tensor([beta * value for value in c.values], c.shape)
    return pairwise(lambda p, q: p + q, y, c)


def Einsum(*xs: Tensor, equation: str) -> Tensor:
    """The sum of products that the equation of the Einstein notation says."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    # Dimensions under "..." have numbers as labels; they are aligned at the end.
    hidden_ranks = [len(x.shape) - len(term.replace("...", "")) for x, term in zip(xs, terms)]
    extra = [f"<{i}>" for i in range(max(hidden_ranks))]
    labels: list[list[str]] = []
    sizes: dict[str, int] = {}
    for x, term, hidden in zip(xs, terms, hidden_ranks):
        before, dots, after = term.partition("...")
        labels.append([*before, *(extra[len(extra) - hidden :] if dots else []), *after])
        for label, size in zip(labels[-1], x.shape):
            sizes[label] = max(size, sizes.get(label, 1))
    before, dots, after = right.partition("...")
    named = sorted(label for label in sizes if len(label) == 1 and left.count(label) == 1)
    out = [*before, *(extra if dots else []), *after] if arrow else [*extra, *named]
    gone = [label for label in sizes if label not in out]
    outer: list[list[int]] = []
    inner_places: list[list[int]] = []
    for x, names in zip(xs, labels):
        steps: dict[str, int] = {}
        for label, size, step in zip(names, x.shape, steps_of(x.shape)):
            steps[label] = steps.get(label, 0) + (step if size > 1 else 0)
        outer.append(offsets([sizes[label] for label in out], [steps.get(label, 0) for label in out]))
        inner_places.append(offsets([sizes[label] for label in gone], [steps.get(label, 0) for label in gone]))
    values = []
    for corners in zip(*outer):
        columns = [[x.values[c + p] for p in places] for x, c, places in zip(xs, corners, inner_places)]
        values.append(sum(map(math.prod, zip(*columns))))
    return Tensor(values, [sizes[label] for label in out])


def Det(x: Tensor) -> Tensor:
    """The determinant of the last two dimensions."""
    size, values = x.shape[-1], []
    for start in range(0, len(x.values), size * size):
        rows = [list(map(float, x.values[start + i * size : start + (i + 1) * size])) for i in range(size)]
        product = 1.0
        for i in range(size):  # Gaussian elimination, the largest number first
            best = max(range(i, size), key=lambda k: abs(rows[k][i]))
            if best != i:
                rows[i], rows[best], product = rows[best], rows[i], -product
            product *= rows[i][i]
            for k in range(i + 1, size if rows[i][i] else 0):
                factor = rows[k][i] / rows[i][i]
                rows[k] = [p - factor * q for p, q in zip(rows[k], rows[i])]
        values.append(product)
    return Tensor(values, x.shape[:-2])
