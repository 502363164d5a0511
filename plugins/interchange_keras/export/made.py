"""What a layer of any era becomes: one of Keras 3, and those before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interchange.graph import Array
from interchange_keras.calls import Ref


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
    outputs: int = 1  # how many tensors the first layer that follows it takes


def document_of(made: Made) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    return {"module": "keras.layers", "class_name": made.class_name, "config": made.config, "registered_name": None}


def plain_policy(name: str) -> dict[str, Any]:
    """A dtype policy that computes in one dtype, as Keras 3 writes it."""
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}


def node_of(args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A call, as Keras 3 writes it."""
    return {"args": list(args), "kwargs": dict(kwargs or {})}


def reference(ref: Ref) -> dict[str, Any]:
    """A tensor among the arguments of a call."""
    # Keras asks for shape and dtype, and takes those of the layer that made it
    history = [ref.layer, ref.call, ref.tensor]
    return {"class_name": "__keras_tensor__", "config": {"shape": [None], "dtype": "float32", "keras_history": history}}


def document_of_model(
    name: str,
    layers: Sequence[Mapping[str, Any]],
    input_names: Sequence[str],
    refs: Sequence[Ref],
    output_keys: Sequence[str] = (),
) -> dict[str, Any]:
    """A functional model, as Keras 3 writes it; its outputs are a dict where they have keys."""
    inputs: list[Any] = [[layer, 0, 0] for layer in input_names]
    made = [[ref.layer, ref.call, ref.tensor] for ref in refs]
    outputs: Any = dict(zip(output_keys, made, strict=True)) if output_keys else made
    config = {
        "name": name,
        "trainable": True,
        "layers": list(layers),
        "input_layers": inputs[0] if len(inputs) == 1 else inputs,
        "output_layers": made[0] if len(made) == 1 and not output_keys else outputs,
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }
