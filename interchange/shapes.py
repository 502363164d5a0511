"""Sizes for dimensions that a model leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from interchange.errors import BadInput
from interchange.evaluate import infer
from interchange.graph import Dimension, Graph


def with_shapes(graph: Graph, shapes: Mapping[str, Sequence[int | None]]) -> Graph:
    """The graph with these shapes of inputs; None leaves a dimension as it is.

    A dimension with a name gets its size wherever the name is. The name "" is that of the only input.

    Raises:
        BadInput: (IX103) there is no such input, or the model says otherwise of it; (IX212) the network refuses it.
    """
    faults: list[str] = []
    sizes: dict[str, int] = {}
    inputs = dict(graph.inputs)
    for name, shape in shapes.items():
        if not name and len(inputs) == 1:
            (name,) = inputs
        if name not in inputs:
            fault = f"there is no input {name!r}" if name else "it has to be said of which input it is"
            faults.append(f"{fault}; the model has {', '.join(map(repr, graph.inputs))}")
            continue
        spec = inputs[name]
        if len(shape) != len(spec.shape):
            faults.append(f"input {name!r} is {spec}: {len(spec.shape)} dimensions, not {len(shape)}")
            continue
        faults += [
            f"input {name!r} is {spec}: dimension {axis} is {have}, not {want}"
            for axis, (have, want) in enumerate(zip(spec.shape, shape, strict=True))
            if not _fits(have, want, sizes)
        ]
        inputs[name] = replace(
            spec, shape=tuple(have if want is None else want for have, want in zip(spec.shape, shape, strict=True))
        )
    if faults:
        raise BadInput("IX103", "These shapes do not fit the model.", why=faults)
    named = {
        name: replace(spec, shape=tuple(sizes.get(d, d) if isinstance(d, str) else d for d in spec.shape))
        for name, spec in inputs.items()
    }
    fixed = replace(graph, inputs=named)
    if all(isinstance(d, int) for spec in named.values() for d in spec.shape):  # else nobody can tell for certain
        infer(fixed)
    return fixed


def _fits(have: Dimension, want: Any, sizes: dict[str, int]) -> bool:
    """Whether a dimension can be of that size; `sizes` holds those of names, and takes up new ones."""
    if want is None:
        return True
    if isinstance(want, bool) or not isinstance(want, int) or want < 0:
        return False
    if isinstance(have, str):
        return sizes.setdefault(have, want) == want
    return have is None or have == want
