"""Matrix products."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import shape_rule


def _matmul_shape(a, b):
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not fit")
    rows, columns = a.shape[-2:-1] if a.ndim > 1 else (), b.shape[-1:] if b.ndim > 1 else ()
    return (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *rows, *columns)


@shape_rule(_matmul_shape)
def MatMul(a, b):
    """NumPy's matmul: the product of the last two dimensions, the others broadcast."""
    return np.matmul(a, b).astype(a.dtype, copy=False)


@shape_rule(lambda x: x.shape[:-2])
def Det(x):
    """The determinant of the last two dimensions."""
    return np.linalg.det(x.astype(np.promote_types(x.dtype, np.float32))).astype(x.dtype)


def _gemm_shape(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):  # noqa: N803 (ONNX's names)
    if a.shape[0 if transA else 1] != b.shape[1 if transB else 0]:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not fit")
    return (a.shape[1 if transA else 0], b.shape[0 if transB else 1])


@shape_rule(_gemm_shape)
def Gemm(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):  # noqa: N803 (ONNX's names)
    """alpha * A @ B + beta * C, with A and B transposed where asked for."""
    y = (a.T if transA else a) @ (b.T if transB else b)
    y = (y if alpha == 1.0 else alpha * y).astype(a.dtype)
    if c is None:
        return y
    return y + (c if beta == 1.0 else (beta * c).astype(c.dtype))


def _einsum_shape(*xs, equation):
    """Runs the equation with every size that is summed away set to 1."""
    terms, arrow, output = equation.replace(" ", "").partition("->")
    kept = output if arrow else "".join(c for c in terms if terms.count(c) == 1)
    small = []
    for term, x in zip(terms.split(","), xs, strict=True):
        before, dots, after = term.partition("...")
        axes = list(before) + [""] * (x.ndim - len(before) - len(after)) * bool(dots) + list(after)
        cut = tuple(slice(None) if not c or c in kept else slice(1) for c in axes)
        small.append(x[cut])
    return np.einsum(equation, *(np.empty(x.shape, bool) for x in small)).shape


@shape_rule(_einsum_shape)
def Einsum(*xs, equation):
    """The sum of products that the equation of the Einstein notation says, as in NumPy's einsum."""
    if xs[0].dtype.kind not in "fiub":  # bfloat16, which NumPy's einsum does not know
        return np.einsum(equation, *(x.astype(np.float32) for x in xs), optimize=True).astype(xs[0].dtype)
    return np.einsum(equation, *xs, optimize=True)
