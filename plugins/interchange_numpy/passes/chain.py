"""Ops one after the other, each the only reader of what the one before makes: what a fusion puts together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interchange.graph import Array
from interchange_numpy.network import Network, Op


class Chains:
    """The chains that a pass finds in a network; `apply` puts them in place."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.readers = network.readers()
        self._makers = {name: i for i, op in enumerate(network.ops) for name in op.outputs if name}
        self._reader = {name: i for i, op in enumerate(network.ops) for name in op.reads}
        self._taken: dict[int, Op | None] = {}

    def start(self, i: int) -> Chain:
        return Chain(self, i)

    def maker(self, name: str) -> int | None:
        return self._makers.get(name)

    def only_reader(self, name: str) -> int | None:
        """The op that alone reads a value which is no output of the graph."""
        return self._reader.get(name) if self.readers[name] == 1 and name not in self.network.outputs else None

    def is_taken(self, i: int) -> bool:
        return i in self._taken

    def take(self, indices: Sequence[int], op: Op) -> None:
        """Lets `op` stand for these ops, at the place of the last."""
        self._taken.update(dict.fromkeys(indices))
        self._taken[max(indices)] = op

    def apply(self) -> None:
        ops = (self._taken.get(i, op) for i, op in enumerate(self.network.ops))
        self.network.ops = [op for op in ops if op is not None]


class Chain:
    """A chain that grows at its end."""

    def __init__(self, chains: Chains, i: int) -> None:
        self._chains = chains
        self._indices = [i]
        self.value = chains.network.ops[i].outputs[0]

    def prepend(self, i: int) -> None:
        self._indices.insert(0, i)

    def next(self) -> Op | None:
        """The op that alone reads the value at the end, if it is free."""
        i = self._chains.only_reader(self.value)
        return None if i is None or self._chains.is_taken(i) else self._chains.network.ops[i]

    def append(self, op: Op) -> None:
        i = self._chains.only_reader(self.value)
        assert i is not None
        self._indices.append(i)
        self.value = op.outputs[0]

    def ops(self) -> list[Op]:
        return [self._chains.network.ops[i] for i in sorted(self._indices)]

    def replace(self, op: Op) -> None:
        self._chains.take(self._indices, op)


def channel_axis(rank: int, nhwc: bool) -> int:
    return rank - 1 if nhwc else 1


def per_channel(op: Op, value: str, axis: int, network: Network) -> tuple[Array, Array] | None:
    """(factor, term) in float64, one for each channel, if the op makes value * factor + term; else None."""
    shape = network.shape(value)
    if shape is None or network.shape(op.outputs[0]) != shape or not network.is_float32(op.outputs[0]):
        return None
    channels = shape[axis]
    if op.kind == "BatchNormalization":
        return _normalised(op, value, axis, network)
    if op.kind not in ("Mul", "Add", "Sub", "Div") or len(op.inputs) != 2:
        return None
    position = op.inputs.index(value)
    constant = network.constants.get(op.inputs[1 - position])
    if constant is None or constant.ndim > len(shape) or (op.kind in ("Sub", "Div") and position == 1):
        return None
    extended = constant.reshape((1,) * (len(shape) - constant.ndim) + constant.shape)
    if extended.size != extended.shape[axis] or extended.size not in (1, channels):
        return None
    vector = np.broadcast_to(extended.reshape(-1).astype(np.float64), (channels,))
    ones, zeros = np.ones(channels), np.zeros(channels)
    match op.kind:
        case "Mul":
            return vector, zeros
        case "Div":
            return 1 / vector, zeros
        case "Add":
            return ones, vector
        case _:
            return ones, -vector


def _normalised(op: Op, value: str, axis: int, network: Network) -> tuple[Array, Array] | None:
    nhwc = op.attributes.get("layout", "NCHW") == "NHWC"
    rank = len(network.shape(value) or ())
    if op.inputs[0] != value or op.attributes.get("training_mode", 0) or any(op.outputs[1:]):
        return None
    if channel_axis(rank, nhwc) != axis or any(name not in network.constants for name in op.inputs[1:]):
        return None
    channels = (network.shape(value) or ())[axis : axis + 1]
    if any(network.shape(name) != channels for name in op.inputs[1:]):
        return None  # the operator says what is wrong
    scale, b, mean, variance = (network.constants[name].astype(np.float64) for name in op.inputs[1:])
    factor = scale / np.sqrt(variance + op.attributes.get("epsilon", 1e-5))
    return factor, b - mean * factor
