"""The calls of a layer, as files of all eras write them: what is given by position and by name, tensors and others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from interchange_keras.layer import Tensor

IDLE_ARGUMENTS: Mapping[str, Sequence[Any]] = {
    "training": (None, False),
    "mask": (None,),
    "initial_state": (None,),
    "constants": (None,),
}
CONSTANT = "_CONSTANT_VALUE"  # Keras 2 writes it for the name of a layer, before a plain first argument


class Ref(NamedTuple):
    """An output of a call of a layer."""

    layer: str
    call: int
    tensor: int


class Input(NamedTuple):
    """Stands among the arguments of a call for the tensor that is its input of that number."""

    number: int


class Call(NamedTuple):
    """One use of a layer.

    Args:
        inputs: all tensors among the arguments, those by position first.
        args: the arguments by position, lists and slices as they are, an Input for each tensor; None: the inputs.
        kwargs: the same by name, without those that say nothing.
    """

    inputs: tuple[Ref, ...]
    args: tuple[Any, ...] | None = None
    kwargs: Mapping[str, Any] = MappingProxyType({})

    @property
    def positional(self) -> tuple[Any, ...]:
        return tuple(map(Input, range(len(self.inputs)))) if self.args is None else self.args

    def faults(self, known: Collection[str] = ()) -> list[str]:
        """The arguments that a function does not understand which takes tensors by position and `known` by name."""
        plain = [value for value in leaves(self.positional) if not isinstance(value, Input) and value is not None]
        named = [(key, value) for key, value in self.kwargs.items() if key not in known]
        return [f"the call argument {_shown(value)}" for value in plain] + [
            f"the call argument {key} = {_shown(value)}" for key, value in named
        ]

    def tensors(self, values: Sequence[str]) -> list[str]:
        """The tensors given by position, out of the names of all inputs."""
        return [values[value.number] for value in leaves(self.positional) if isinstance(value, Input)]

    def filled(self, values: Sequence[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments by position and by name with a Tensor for each input."""
        args = tuple(_filled(value, values) for value in self.positional)
        return args, {key: _filled(value, values) for key, value in self.kwargs.items()}


def read_call(node: Any, layers: Collection[str]) -> Call:
    """One entry of inbound_nodes: a list of [layer, call, tensor, {arguments}], or Keras 3's {"args", "kwargs"}.

    Args:
        layers: the names of the model's layers, which tell a reference from a list in the files of Keras 1 and 2.
    """
    inputs: list[Ref] = []
    if isinstance(node, Mapping) and node.keys() <= {"args", "kwargs"}:
        args = tuple(_young(value, inputs) for value in node.get("args") or ())
        kwargs = {key: _young(value, inputs) for key, value in (node.get("kwargs") or {}).items()}
        kwargs.pop("training", None)  # of Keras 3: what predict says comes first, whatever is written here
    else:
        named: dict[str, Any] = {}
        args = (_old(node, inputs, named),)
        kwargs = {key: _old_value(value, inputs, layers) for key, value in named.items()}
    kwargs = {key: value for key, value in kwargs.items() if not _is_idle(key, value)}
    if not args and "inputs" in kwargs:
        args = (kwargs.pop("inputs"),)
    return Call(tuple(inputs), args, kwargs)


def leaves(value: Any) -> Iterator[Any]:
    """What is in the lists and dicts of an argument, in order; of a dict in the order of its keys, as in Keras."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            pending.extend(item[key] for key in sorted(item, reverse=True))
        elif isinstance(item, (list, tuple)) and not isinstance(item, Input):
            pending.extend(reversed(item))
        else:
            yield item


def _is_idle(key: str, value: Any) -> bool:
    return any(value is idle for idle in IDLE_ARGUMENTS.get(key, ()))


def _input(inputs: list[Ref], layer: Any, call: Any, tensor: Any) -> Input:
    inputs.append(Ref(str(layer), int(call), int(tensor)))
    return Input(len(inputs) - 1)


def _young(value: Any, inputs: list[Ref]) -> Any:
    """An argument as Keras 3 writes it."""
    if isinstance(value, list):
        return [_young(item, inputs) for item in value]
    if not isinstance(value, Mapping):
        return value
    content = value.get("config")
    match value.get("class_name"):
        case "__keras_tensor__":
            return _input(inputs, *value["config"]["keras_history"])
        case "__slice__" if isinstance(content, Mapping):
            return slice(*(_young(content.get(key), inputs) for key in ("start", "stop", "step")))
        case "__ellipsis__":
            return ...
        case "__tuple__":
            return [_young(item, inputs) for item in value["items"]]
        case "__numpy__" | "__tensor__" if isinstance(content, Mapping):
            return np.asarray(content["value"], content["dtype"])
    return {key: _young(item, inputs) for key, item in value.items()}


def _old(node: Any, inputs: list[Ref], named: dict[str, Any]) -> Any:
    """The first argument as Keras 1 and 2 write it; the other arguments stand beside its last tensor."""
    if isinstance(node, Mapping):
        return {key: _old(item, inputs, named) for key, item in node.items()}
    if node and isinstance(node[0], str):
        named.update(node[3] if len(node) > 3 else {})
        return node[2] if node[0] == CONSTANT else _input(inputs, *node[:3])
    return [_old(item, inputs, named) for item in node]


def _old_value(value: Any, inputs: list[Ref], layers: Collection[str]) -> Any:
    """Another argument as Keras 1 and 2 write it."""
    if isinstance(value, Mapping):
        if value.keys() == {"start", "stop", "step"}:
            return slice(*(_old_value(value[key], inputs, layers) for key in ("start", "stop", "step")))
        if value.get("class_name") == "__ellipsis__":
            return ...
        return {key: _old_value(item, inputs, layers) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) in (3, 4) and isinstance(value[0], str):
        if value[0] == CONSTANT:
            return value[2]
        if value[0] in layers and all(isinstance(item, int) for item in value[1:3]):
            return _input(inputs, *value[:3])
    return [_old_value(item, inputs, layers) for item in value]


def _filled(value: Any, values: Sequence[str]) -> Any:
    if isinstance(value, Input):
        return Tensor(values[value.number])
    if isinstance(value, (list, tuple)):
        return [_filled(item, values) for item in value]
    if isinstance(value, slice):
        return slice(*(_filled(item, values) for item in (value.start, value.stop, value.step)))
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    return value


def _shown(value: Any) -> str:
    """A value as in a message."""
    if isinstance(value, Input):
        return "a tensor"
    return str(value)[:80]
