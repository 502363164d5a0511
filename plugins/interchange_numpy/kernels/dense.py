"""Products with a constant matrix: the rows of the left operand, some at a time, bias and activation in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from interchange.graph import Array
from interchange_numpy.gemm import blocks_for, pack, products
from interchange_numpy.kernel import Context, Kernel, Memory, Step, c_order
from interchange_numpy.kernels import biased
from interchange_numpy.network import Op
from interchange_numpy.tiles import Epilogue, cuts, in_parallel, per_band, rows_worth, shared_by

MOST_COPIED = (
    1 << 18
)  # numbers of a matrix that is copied to save a pass over the result: of larger ones it is too little


def choose(op: Op, context: Context) -> Kernel | None:
    (x, residual), y, network = op.inputs, op.outputs[0], context.network
    shape, out_shape = context.shape(x), context.shape(y)
    a = op.attributes
    inner, columns = shape[-1], out_shape[-1]
    rows = math.prod(out_shape[:-1])
    if y in context.gapped:
        return None
    scale, epilogue = a["scale"], Epilogue.of(a)
    most = min(per_band(rows, columns, fewest=rows_worth(inner)), rows)
    if epilogue.is_nothing and not residual:
        most = rows
    most = min(most, shared_by(network.threads, rows, rows * inner * columns))
    most = min(most, rows)
    blocks = blocks_for(most, inner, columns)
    may_copy = columns >= biased.FEWEST_TIMES * inner and inner * columns <= MOST_COPIED
    bias = epilogue.bias if may_copy and biased.pays(epilogue, blocks, most, network) else None

    def make() -> Array:
        weight = network.constants[a["weight"]]
        weight = weight.T if a["transposed"] else weight
        if scale is not None:
            folded = np.empty(weight.shape, np.float32)
            weight = np.multiply(weight, scale, folded, dtype=np.float64, casting="same_kind")  # piece by piece
        return pack(biased.with_bias(weight, bias), blocks)

    factors = tuple(None if array is None else array.tobytes() for array in (scale, bias))
    weight = network.packed(a["weight"], ("dense", a["transposed"], *factors, blocks and blocks.columns), make)
    scratch = epilogue.scratch(most * columns)
    if bias is not None:
        scratch["rows"] = ((most, inner + 1), np.float32)

    def emit(memory: Memory) -> Iterator[Step]:
        left, out = memory[x].reshape(rows, inner), memory[y].reshape(rows, columns)
        other = memory[residual].reshape(rows, columns) if residual else None
        if bias is not None:
            yield from biased.ones(memory, "rows", inner)

        def run_of_rows(memory: Memory, part: slice) -> Iterator[Step]:
            if bias is None:
                yield from products(left[part], weight, out[part], blocks)
            else:
                yield from biased.product(memory.scratch("rows"), left[part], weight, out[part])
            rest, spare = None if other is None else other[part], epilogue.spare(memory)
            yield from epilogue.steps(out[part], out[part], rest, spare, biased=bias is not None)

        parts = cuts(rows, most, memory.workers.threads)
        yield from in_parallel(memory, ((part,) for part in parts), run_of_rows)

    wants = {x: c_order(len(shape))} | ({residual: c_order(len(out_shape))} if residual else {})
    return Kernel(emit, scratch=scratch, private=frozenset(scratch), wants=wants)


KERNELS = {"dense": choose}
