"""The activation functions that recurrent layers name."""

from __future__ import annotations

import functools

import numpy as np

from interchange.ops._shapes import Array


def activate(name, alpha, beta, clip, x):
    """The activation function of that name (in any case) applied to x."""
    x = x if clip is None else np.clip(x, -clip, clip)
    if name == "sigmoid":
        small = np.exp(-np.abs(x))
        return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
    if name == "tanh":
        return np.tanh(x)
    if name == "relu":
        return np.maximum(x, 0)
    if name == "affine":
        return alpha * x + beta
    if name == "leakyrelu":
        return np.where(x >= 0, x, alpha * x)
    if name == "thresholdedrelu":
        return np.where(x > alpha, x, 0)
    if name == "scaledtanh":
        return alpha * np.tanh(beta * x)
    if name == "hardsigmoid":
        return np.clip(alpha * x + beta, 0, 1)
    if name == "elu":
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    if name == "softsign":
        return x / (1 + np.abs(x))
    if name == "softplus":
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    raise ValueError(f"there is no activation function {name!r}")


def functions_of(names, count, directions, alphas, betas, clip) -> list[list[functools.partial[Array]]]:
    """`count` activation functions for each direction; the parameters go, in order, to those that take them."""
    default_alphas = {
        "affine": 1.0,
        "leakyrelu": 0.01,
        "thresholdedrelu": 1.0,
        "scaledtanh": 1.0,
        "hardsigmoid": 0.2,
        "elu": 1.0,
    }
    default_betas = {"affine": 0.0, "scaledtanh": 1.0, "hardsigmoid": 0.5}
    alphas, betas, functions = list(alphas or ()), list(betas or ()), []
    for name in [name.lower() for name in names][: count * directions]:
        alpha = alphas.pop(0) if name in default_alphas and alphas else default_alphas.get(name)
        beta = betas.pop(0) if name in default_betas and betas else default_betas.get(name)
        functions.append(functools.partial(activate, name, alpha, beta, clip))
    if len(functions) != count * directions:
        raise ValueError(f"{count * directions} activation functions are needed, not {len(functions)}")
    return [functions[i * count : (i + 1) * count] for i in range(directions)]
