"""Matrix products."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import shape_rule


def _matmul_shape(a, b):
    rows, columns = a.shape[-2:-1] if a.ndim > 1 else (), b.shape[-1:] if b.ndim > 1 else ()
    return (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *rows, *columns)


@shape_rule(_matmul_shape)
def MatMul(a, b):
    """NumPy's matmul: the product of the last two dimensions, the others broadcast."""
    return np.matmul(a, b)


def _gemm_shape(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):
    return (a.shape[1 if transA else 0], b.shape[0 if transB else 1])


@shape_rule(_gemm_shape)
def Gemm(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):  # noqa: N803 (ONNX's names)
    """alpha * A @ B + beta * C, with A and B transposed where asked for."""
    y = (a.T if transA else a) @ (b.T if transB else b)
    if alpha != 1.0:
        y = y * y.dtype.type(alpha)
    if c is None:
        return y
    return y + (c if beta == 1.0 else c * c.dtype.type(beta))
