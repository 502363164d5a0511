"""A graph that remembers the Keras model that it was made from, for the exporter that writes one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from interchange.graph import Array, Graph, Node, TensorSpec
from interchange_keras.architecture import Model
from interchange_keras.eras import Version
from interchange_keras.layer import Slot


class Operation(NamedTuple):
    """What a call of a function between layers has become.

    Args:
        inputs, outputs: the values that the nodes take and give.
        constants: of all values those that depend on no input.
        specs: of all values; None stands for sizes that are not known.
    """

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Array]
    specs: Mapping[str, TensorSpec]


class Origin(NamedTuple):
    """A model as it was read: in today's vocabulary, with the meanings of its version.

    Args:
        slots: the weights that each layer has, in Keras's order, by its scoped name.
        arrays: these, in the layout of Keras 2 and 3.
        assets: the files that the model file holds for a layer, such as its vocabulary.
        operations: what functions between layers have become, by scoped name and call.
    """

    model: Model
    version: Version
    backend: str
    slots: Mapping[str, tuple[Slot, ...]]
    arrays: Mapping[str, Mapping[str, Array]]
    assets: Mapping[str, Mapping[str, bytes]]
    operations: Mapping[tuple[str, int], Operation]


@dataclass(frozen=True, eq=False)
class KerasGraph(Graph):
    """A graph of the Keras importer. A pass that returns a plain Graph ends the memory."""

    origin: Origin | None = field(default=None, repr=False, compare=False)
