"""The NumPy runtime against the operators, by the verifier's measure: the error in rounding floors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from interchange_numpy.model import NumpyModel

from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from interchange.graph import Array, Graph

ROUNDING = 16.0  # floors; as in the verifier


def check(graph: Graph, feeds: Mapping[str, Array], *, fallbacks: int | None = 0, model: Any = None) -> None:
    """Dtypes and shapes are those of the operators, errors against float64 are rounding, twice in a row.

    Args:
        fallbacks: how many ops may run through the operators; None for any number.
    """
    model = model or NumpyModel(graph)
    if fallbacks is not None:
        plan = model.plan({name: array.shape for name, array in feeds.items()})
        assert plan is not None
        assert [op.kind for op in plan.fallbacks][fallbacks:] == []
    exact, native = evaluate(widen(graph), feeds), evaluate(graph, feeds)
    for _ in range(2):  # nothing is left over from a run
        made = model(feeds)
        assert list(made) == list(native)
        for name, want in native.items():
            assert_near(made[name], want, exact[name], name)


def assert_near(got: Array, want: Array, exact: Array, name: str) -> None:
    """`got` is as near to `exact` as `want` is, within `ROUNDING` floors; what is not finite is the same."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape), name
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, err_msg=name)
        return
    finite = np.isfinite(want) & np.isfinite(exact.astype(want.dtype))
    np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, want), err_msg=name)
    if not finite.any():
        return
    exact, have = exact[finite].astype(np.float64), got[finite].astype(np.float64)
    floor = np.abs(want[finite].astype(np.float64) - exact).max()
    least = float(np.finfo(want.dtype).eps) * max(float(np.abs(exact).max()), float(np.finfo(want.dtype).tiny))
    error = float(np.abs(have - exact).max())
    assert error <= ROUNDING * max(float(floor), least / 2), f"{name}: {error / max(float(floor), least / 2)} floors"


class Sketch(Builder):
    """A graph under construction together with feeds for it; arrays among the inputs of a call become constants."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[str, Array] = {}

    def feed(self, name: str, array: Array, shape: tuple[int | str | None, ...] | None = None) -> str:
        """An input; `shape` is what is declared of it, by default the array's."""
        self.feeds[name] = array
        return self.input(name, array.dtype.name, array.shape if shape is None else shape)

    def call(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """The name of the output, or the names of several."""
        names = [x if isinstance(x, str) else self.constant("c", np.asarray(x)) for x in inputs]
        made = self.add_many(op, names, [op.lower()] * outputs, **attributes)
        return made[0] if outputs == 1 else made

    def finished(self, *outputs: str) -> Graph:
        return self.graph(outputs, {})
