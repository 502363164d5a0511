"""A graph that remembers the Keras model that it was made from, for the exporter that writes one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from interchange.graph import Array, Graph
from interchange_keras.architecture import Model
from interchange_keras.eras import Version
from interchange_keras.layer import Slot


class Origin(NamedTuple):
    """A model as it was read: in today's vocabulary, with the meanings of its version.

    Args:
        slots: the weights that each layer has, in Keras's order, by its scoped name.
        arrays: these, in the layout of Keras 2 and 3.
        assets: the files that the model file holds for a layer, such as its vocabulary.
    """

    model: Model
    version: Version
    backend: str
    slots: Mapping[str, tuple[Slot, ...]]
    arrays: Mapping[str, Mapping[str, Array]]
    assets: Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True, eq=False)
class KerasGraph(Graph):
    """A graph of the Keras importer. A pass that returns a plain Graph ends the memory."""

    origin: Origin | None = field(default=None, repr=False, compare=False)
