"""The fast style: kernels on lanes, which a script contains, and the exporter that chooses among them.

`lanes.py`, `winograd.py`, `pixels.py`, `planes.py`, `gates.py`, `pointwise.py` and `in_floats.py` go into scripts, as
`kernels/` does: Python 3.9, the standard library only, flat. `rewrite.py`, `bounds.py`, `costs.py` and `plan.py` run at
export.
docs/fast-kernels.md explains both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interchange.catalogue import Catalogue
from interchange.ops import functions_of

# In this order a script has them, before the plain kernels, and what builds on the classes of those after them.
MODULES = tuple(
    f"{__name__}.{module}" for module in ("pixels", "planes", "gates", "pointwise", "in_floats", "winograd")
)
LAST = (f"{__name__}.lanes",)

FAST_KERNELS: Catalogue[Callable[..., Any]] = Catalogue(MODULES, functions_of)
