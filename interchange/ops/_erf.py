"""The error function, which NumPy lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# numerators and denominators, highest power first, for |x| <= 0.46875, |x| <= 4 and beyond
SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
LARGE = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)


def erf(x: Array) -> Array:
    """The error function to the last bits of float64, rounded to the dtype of `x`.

    Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error function",
    Mathematics of Computation 23 (1969), 631-637.
    """
    wide = x.astype(np.float64)
    size = np.minimum(np.abs(wide), 30.0)
    square = size * size
    small = size * np.polyval(SMALL[0], square) / np.polyval(SMALL[1], square)
    middle = np.exp(-square) * np.polyval(MIDDLE[0], size) / np.polyval(MIDDLE[1], size)
    inverse = 1 / np.maximum(square, 1.0)
    tail = inverse * np.polyval(LARGE[0], inverse) / np.polyval(LARGE[1], inverse)
    large = np.exp(-square) * (1 / np.sqrt(np.pi) - tail) / np.maximum(size, 1.0)
    result = np.where(size <= 0.46875, small, 1 - np.where(size <= 4, middle, large))
    return np.copysign(result, wide).astype(x.dtype)
