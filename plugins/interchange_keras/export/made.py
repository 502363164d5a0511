"""What a layer of any era becomes: one of Keras 3, and those before and after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from interchange.graph import Array


class CannotExport(Exception):
    """Keras 3 has no such layer, or no such option."""


@dataclass
class Made:
    """A layer of Keras 3. `weights` are by part, the attribute that holds them: "" or "cell", in order.

    `named` are weights that a layer stores by their names instead, by their places in its folder: "vars/idf_weights".
    """

    class_name: str
    config: dict[str, Any]
    weights: dict[str, list[Array]] = field(default_factory=dict)
    named: dict[str, Array] = field(default_factory=dict)
    before: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # layers that go before it
    after: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # layers that follow it


def document_of(made: Made) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    return {"module": "keras.layers", "class_name": made.class_name, "config": made.config, "registered_name": None}


def plain_policy(name: str) -> dict[str, Any]:
    """A dtype policy that computes in one dtype, as Keras 3 writes it."""
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}
