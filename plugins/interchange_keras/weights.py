"""The ledger of weights: which array of the file is which weight of which layer. Each is used once, or listed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from interchange.errors import BadInput
from interchange.graph import Array
from interchange_keras.architecture import JOIN, NORMALISED, SPLIT, WRAPPERS, LayerEntry, Model
from interchange_keras.container import Source
from interchange_keras.layer import Slot

# For each layer, by its scoped name: the weights that it has, in Keras's order.
Slots = Mapping[str, Sequence[Slot]]


class Ledger(NamedTuple):
    """Arrays by layer and weight, and where each lies in the file; what nobody claimed."""

    arrays: Mapping[str, Mapping[str, Array]]
    places: Mapping[tuple[str, str], str]
    unclaimed: tuple[str, ...]


class _Weight(NamedTuple):
    """A weight that a layer has. `place` is the name of the layer without scope, `leaf` that of the weight."""

    layer: str
    slot: Slot
    place: str

    @property
    def leaf(self) -> str:
        return self.slot.name.rpartition("/")[2]


def assign(source: Source, model: Model, slots: Slots) -> Ledger:
    """Finds the weights of all layers.

    Raises:
        BadInput: (IX207) weights are missing, or there are more than a layer has.
    """
    arrays: dict[str, dict[str, Array]] = {}
    places: dict[tuple[str, str], str] = {}
    claims, faults, everything = (_from_groups if source.format == "keras-h5" else _from_store)(source, model, slots)
    for weight, place, array in claims:
        arrays.setdefault(weight.layer, {})[weight.slot.name] = array
        places[weight.layer, weight.slot.name] = place
    if faults:
        raise BadInput(
            "IX207",
            "The weights in the file do not fit the layers.",
            where=source.where,
            why=faults,
            next_step="Save the whole model again: model.save(...).",
        )
    claimed = set(places.values())
    return Ledger(arrays, places, tuple(place for place in everything if place not in claimed))


_Found = tuple[list[tuple[_Weight, str, Array]], list[str], list[str]]

# --- .h5: groups of top-level layers --------------------------------------------------------------------------------


def _from_groups(source: Source, model: Model, slots: Slots) -> _Found:
    groups = {group.layer: group.weights for group in source.groups}
    everything = [f"{layer}/{name}" for layer, weights in groups.items() for name, _ in weights]
    units = [(name, weights) for name, weights in _units(model, "", slots, set(groups)) if weights]
    filled = [layer for layer, weights in groups.items() if weights]
    if not all(name in groups and groups[name] for name, _ in units) and len(units) == len(filled):
        matches: dict[str, str] = dict(zip((name for name, _ in units), filled, strict=True))
    else:
        matches = {name: name for name, _ in units if name in groups}
    claims: list[tuple[_Weight, str, Array]] = []
    faults: list[str] = []
    for name, weights in units:
        stored = groups[matches[name]] if name in matches else ()
        if not stored and all(weight.slot.is_optional for weight in weights):
            continue
        if len(stored) != len(weights):
            needs = ", ".join(weight.slot.name for weight in weights)
            has = ", ".join(stored_name for stored_name, _ in stored) or "none"
            faults.append(f"layer {name!r} needs {len(weights)} weights ({needs}), the file has {len(stored)} ({has})")
            continue
        for weight, position in zip(
            weights, _positions(weights, [stored_name for stored_name, _ in stored]), strict=True
        ):
            stored_name, array = stored[position]
            claims.append((weight, f"{matches[name]}/{stored_name}", array))
    return claims, faults, everything


def _units(model: Model, scope: str, slots: Slots, groups: set[str]) -> Iterator[tuple[str, list[_Weight]]]:
    """The layers that have a group of their own. Keras 1 gave one to each layer of a nested Sequential."""
    for entry in model.layers:
        if entry.model is not None and entry.name not in groups and any(e.name in groups for e in entry.model.layers):
            yield from _units(entry.model, f"{scope}{entry.name}/", slots, groups)
        else:
            trainable, frozen = _in_order(entry, scope, slots)
            yield entry.name, trainable + frozen


def _in_order(entry: LayerEntry, scope: str, slots: Slots) -> tuple[list[_Weight], list[_Weight]]:
    """(trainable, not trainable) weights of a layer. The second follow the first in the file."""
    name = f"{scope}{entry.name}"
    is_trainable = entry.config.get("trainable", True) is not False
    if entry.model is None:
        own = [_Weight(name, slot, entry.name) for slot in slots.get(name, ()) if slot.only != "store"]
        trainable = [weight for weight in own if weight.slot.trainable]
        rest = [weight for weight in own if not weight.slot.trainable]
        return (trainable, rest) if is_trainable else ([], trainable + rest)
    parts = [_in_order(inner, f"{name}/", slots) for inner in entry.model.layers]
    if not is_trainable:
        return [], [weight for trainable, rest in parts for weight in trainable + rest]
    return [w for trainable, _ in parts for w in trainable], [w for _, rest in parts for w in rest]


def _positions(weights: Sequence[_Weight], names: Sequence[str]) -> Sequence[int]:
    """For each weight its position in the group: by name where every name says it, else Keras's order."""
    keys = [(weight.place, weight.leaf) for weight in weights]
    by_name: dict[tuple[str, str], int] = {}
    for position, name in enumerate(names):
        parts = re.sub(r":\d+$", "", name).split("/")
        by_name[parts[-2] if len(parts) > 1 else "", parts[-1]] = position
    if len(by_name) == len(names) and set(keys) == set(by_name):
        return [by_name[key] for key in keys]
    return range(len(weights))


# --- .keras: a tree of containers, named by class and number --------------------------------------------------------


def _from_store(source: Source, model: Model, slots: Slots) -> _Found:
    claims: list[tuple[_Weight, str, Array]] = []
    faults: list[str] = []
    root = "layers" if any(path.startswith("layers/") for path in source.store) else "_layer_checkpoint_dependencies"
    pending = [(model, root, "")]
    while pending:
        current, path, scope = pending.pop()
        for entry, container in _containers(current, path, source.store_names):
            name = f"{scope}{entry.name}"
            if entry.model is not None:
                inside = container if entry.class_name in WRAPPERS else f"{container}/{root}"
                pending.append((entry.model, inside, f"{name}/"))
                continue
            counters: Counter[str] = Counter()
            for slot in (slot for slot in slots.get(name, ()) if slot.only != "h5"):
                part = slot.name.rpartition("/")[0]
                place = "/".join(filter(None, (container, part, "vars", str(counters[part]))))
                if place not in source.store and (named := f"{container}/vars/{slot.name}") in source.store:
                    place = named  # a layer that writes its variables itself gives them names
                if part and place not in source.store:  # the attribute is private in Keras 2, and in some layers of 3
                    place = f"{container}/_{part}/vars/{counters[part]}"
                counters[part] += 1
                if place in source.store:
                    claims.append((_Weight(name, slot, entry.name), place, source.store[place]))
                elif not slot.is_optional:
                    faults.append(f"layer {name!r} needs the weight {slot.name!r}, the file has no {place!r}")
            if counters and (extra := "/".join((container, "vars", str(counters[""])))) in source.store:
                faults.append(f"layer {name!r} has {counters['']} weights, the file has another, {extra!r}")
    return claims, faults, list(source.store)


def assets_of(source: Source, model: Model) -> dict[str, dict[str, bytes]]:
    """The assets of every layer that has some: by scoped name and file name."""
    found: dict[str, dict[str, bytes]] = {}
    pending = [(model, "layers", "")] if source.assets else []
    while pending:
        current, path, scope = pending.pop()
        for entry, container in _containers(current, path, source.store_names):
            if entry.model is not None:
                inside = container if entry.class_name in WRAPPERS else f"{container}/layers"
                pending.append((entry.model, inside, f"{scope}{entry.name}/"))
                continue
            for place, data in source.assets.items():
                folder, _, file = place.rpartition("/")
                if folder == container:
                    found.setdefault(f"{scope}{entry.name}", {})[file] = data
    return found


def _containers(model: Model, path: str, names: Mapping[str, str]) -> Iterator[tuple[LayerEntry, str]]:
    """The layers of a model and their folders: the class in snake_case, numbered; Keras 3 notes the name there, too."""
    if model.class_name in WRAPPERS:
        for entry in model.layers:
            if entry.class_name not in (JOIN, SPLIT):
                yield entry, path if entry.class_name == NORMALISED else f"{path}/layer"
        return
    noted = {name: place for place, name in names.items() if place.rpartition("/")[0] == path}
    counters: Counter[str] = Counter()
    for entry in model.layers:
        if entry.class_name.startswith("keras.ops."):
            continue
        base = folder_of(entry.class_name if entry.is_keras else entry.registered_name.rpartition(">")[2])
        number = counters[base]
        counters[base] += 1
        yield entry, noted.get(entry.name, f"{path}/{base}_{number}" if number else f"{path}/{base}")


def folder_of(class_name: str) -> str:
    """The folder of the first layer of a class; the name of one in a file is not the one that Keras calls it by."""
    return snake_case("GroupedQueryAttention" if class_name == "GroupQueryAttention" else class_name)


def snake_case(name: str) -> str:
    """As Keras: Conv2DTranspose -> conv2d_transpose, PReLU -> p_re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
