"""Products of computed matrices: one np.matmul on views, batched as they are. Those with constants are in `dense`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Order, Step, c_order
from interchange_numpy.network import Op


def matmul(op: Op, context: Context) -> Kernel | None:
    (a, b), y = op.inputs, op.outputs[0]
    dtypes = {context.network.dtype(name) for name in (a, b, y)}
    if len(dtypes) != 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
        return None
    if 0 in (*context.shape(a), *context.shape(b)):
        return None

    def emit(memory: Memory) -> Iterator[Step]:
        yield np.matmul, (memory[a], memory[b], memory[y])

    return Kernel(emit, wants=dict(_wanted(name, context) for name in (a, b) if not _is_for_blas(name, context)))


def _is_for_blas(name: str, context: Context) -> bool:
    """Whether one of the matrix's axes is contiguous, without which NumPy multiplies it element by element."""
    rank = len(context.shape(name))
    if name in context.network.constants:
        return True
    return name not in context.gapped and context.order(name)[-1] >= rank - 2


def _wanted(name: str, context: Context) -> tuple[str, Order]:
    return name, c_order(len(context.shape(name)))


KERNELS: Mapping[str, Chooser] = {"MatMul": matmul}
