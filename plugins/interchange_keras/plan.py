"""The order of work: every call of every layer that the outputs need, nested models made flat."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from interchange.errors import BadInput
from interchange_keras.architecture import ENTERED, MASKED, SPLIT, LayerEntry, Model
from interchange_keras.calls import Call, Input, Ref

MOST_STEPS = 100_000

Value = tuple[int, int]  # (step, tensor); step -1 - i is input i of the model


class Step(NamedTuple):
    """One call of one layer, or what is wrong with the call of a nested model. `scope` is "outer/" in one."""

    entry: LayerEntry
    scope: str
    call: int
    inputs: tuple[Value, ...]
    faults: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        return self.scope + self.entry.name

    @property
    def value_name(self) -> str:
        """What it makes is named after the layer; what comes out of a TimeDistributed after that."""
        return self.scope.removesuffix("/") if self.entry.class_name == SPLIT else self.layer


def expand(model: Model, scope: str, inputs: Sequence[Value], steps: list[Step], where: str) -> list[Value]:
    """Appends the steps of a model to `steps`; the values of its outputs."""
    values: dict[tuple[str, int], Sequence[Value]] = {}
    names = list(model.inputs)
    if len(names) != len(inputs):
        raise BadInput(
            "IX203",
            "The architecture in the file contradicts itself.",
            where=f"{where}: {scope}",
            why=f"a model with {len(names)} inputs is called with {len(inputs)}",
        )

    def value_of(ref: Ref) -> Value:
        made = values[ref.layer, ref.call]
        if len(made) == 1 and made[0][0] >= 0 and ref.tensor:  # a step has as many tensors as its function returns
            return made[0][0], ref.tensor
        if ref.tensor >= len(made):
            raise BadInput(
                "IX203", "A layer reads an output that does not exist.", where=where, why=f"{ref.layer!r}: {ref.tensor}"
            )
        return made[ref.tensor]

    for entry, number in _order(model, where):
        if entry.class_name == "InputLayer":
            if entry.name not in names:
                raise BadInput(
                    "IX203", "An InputLayer is not among the model's inputs.", where=f"{where}: {scope}{entry.name}"
                )
            value = inputs[names.index(entry.name)]
            if scope and model.class_name != "Pipeline" and isinstance(entry.config.get("dtype"), str):
                given = LayerEntry(
                    entry.name, ENTERED, {"dtype": entry.config["dtype"]}, calls=(Call((Ref("", 0, 0),)),)
                )
                steps.append(Step(given, scope, 0, (value,)))
                value = len(steps) - 1, 0
            values[entry.name, number] = [value]
            continue
        call = entry.calls[number]
        arguments = [value_of(ref) for ref in call.inputs]
        if entry.model is not None:
            if isinstance(call.kwargs.get("mask"), Input) and len(call.positional) == 1:
                masked = Call(call.inputs[:2], (Input(0),), {"mask": Input(1)})
                steps.append(
                    Step(LayerEntry(f"{entry.name}/", MASKED, {}, calls=(masked,)), scope, 0, tuple(arguments))
                )
                arguments = [(len(steps) - 1, 0)]
            if faults := call.faults(("mask",)):
                steps.append(Step(entry, scope, number, tuple(arguments), tuple(faults)))
            values[entry.name, number] = expand(entry.model, f"{scope}{entry.name}/", arguments, steps, where)
            continue
        values[entry.name, number] = [(len(steps), 0)]
        steps.append(Step(entry, scope, number, tuple(arguments)))
        if len(steps) > MOST_STEPS:
            raise BadInput("IX206", f"The model has more than {MOST_STEPS:,} calls of layers.", where=where)
    return [value_of(ref) for ref in model.outputs]


def _order(model: Model, where: str) -> Iterator[tuple[LayerEntry, int]]:
    """The calls that the outputs need, each after those that it reads, else in the order of the file."""
    entries = {entry.name: (i, entry) for i, entry in enumerate(model.layers)}
    needed: set[tuple[str, int]] = set()
    readers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    waiting: dict[tuple[str, int], int] = {}
    pending = [(ref.layer, ref.call) for ref in model.outputs]
    while pending:
        key = pending.pop()
        if key in needed:
            continue
        needed.add(key)
        reads = {(ref.layer, ref.call) for ref in entries[key[0]][1].calls[key[1]].inputs}
        waiting[key] = len(reads)
        for other in reads:
            readers.setdefault(other, []).append(key)
            pending.append(other)
    ready = [(entries[name][0], number) for (name, number), count in waiting.items() if not count]
    heapq.heapify(ready)
    done = 0
    while ready:
        position, number = heapq.heappop(ready)
        entry = model.layers[position]
        yield entry, number
        done += 1
        for reader in readers.get((entry.name, number), ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (entries[reader[0]][0], reader[1]))
    if done < len(needed):
        stuck = sorted({name for (name, _), count in waiting.items() if count})
        raise BadInput(
            "IX203", "Layers read each other's outputs in a circle.", where=where, why=", ".join(map(repr, stuck[:10]))
        )
