"""A model of any era as a functional model of Keras 3: its config, and the weights by their places in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.architecture import (
    JOIN,
    NORMALISED,
    SPECTRAL,
    SPLIT,
    TIME_DISTRIBUTED,
    WRAPPERS,
    LayerEntry,
    Model,
)
from interchange_keras.calls import Call, Input, Ref, leaves
from interchange_keras.export import operations
from interchange_keras.export.keras3 import WRITTEN_FOR
from interchange_keras.export.layers import CELLS, TAKES_A_LIST, made_of
from interchange_keras.export.made import (
    CannotExport,
    Made,
    document_of,
    document_of_model,
    node_of,
    plain_policy,
    reference,
)
from interchange_keras.masks import MERGING
from interchange_keras.origin import Origin
from interchange_keras.weights import folder_of, snake_case

# Layers that pass masks otherwise than Keras 2.
MASKS_DIFFER = frozenset({"MultiHeadAttention", "Softmax"})


def _treats_masks_otherwise(entry: LayerEntry, version: eras.Version) -> bool:
    """Whether a layer of that version, with a mask, may not compute what the same one of today's Keras 3 does."""
    if entry.class_name in MERGING:
        return eras.merges_masks(version) != eras.merges_masks(eras.parse_version(WRITTEN_FOR))
    if version >= (3,) or entry.class_name in MASKS_DIFFER:
        return version < (3,)
    if entry.class_name == "ReLU":
        return not eras.passes_masks_through_relu(version)
    if not eras.wants_zeros(entry.class_name, entry.config):
        return False
    of_era = eras.defaults(entry.class_name, version).get("zero_output_for_mask")
    return of_era is False or not eras.zeroes_masked_steps(version, fused=True)


@dataclass
class Writer:
    """What becomes of a model. `faults` says what Keras 3 cannot express, by layer; `empty` values hold nothing.

    `whole` says that whole numbers enter it.
    """

    origin: Origin
    empty: frozenset[str] = frozenset()
    whole: bool = False
    weights: dict[str, Array] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return self._model(self.origin.model, "", "layers", self.origin.model.name or "model")

    # --- models ---

    def _model(self, model: Model, scope: str, path: str, name: str) -> dict[str, Any]:
        documents: list[dict[str, Any]] = []
        folders: Counter[str] = Counter()
        functions = self._functions(model, scope)
        needed = _needed(model, functions)
        names = {entry.name for entry in model.layers}
        for entry in model.layers:
            if entry.class_name == "InputLayer":
                documents.append(self._input(entry))
                folders["input_layer"] += 1
                continue
            function = functions.get(entry.name)
            try:
                if function is None:
                    documents += self._layers(entry, f"{scope}{entry.name}", path, folders, names)
                elif entry.name in needed:
                    documents.append(_or_fault(function))
                    folders["functional"] += documents[-1]["class_name"] == "Functional"
            except CannotExport as error:
                self.faults.append(f"{scope}{entry.name} ({entry.class_name}): {error}")
        document = document_of_model(name, documents, model.inputs, model.outputs, model.output_keys)
        return _without_slashes(document, names)

    def _input(self, entry: LayerEntry) -> dict[str, Any]:
        dtype = entry.config.get("dtype")
        config = {
            "batch_shape": entry.config.get("batch_shape"),
            "dtype": dtype if isinstance(dtype, str) else "float32",
            "sparse": False,
            "name": entry.name,
        }
        return {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": config,
            "registered_name": None,
            "name": entry.name,
            "inbound_nodes": [],
        }

    # --- layers ---

    def _layers(
        self, entry: LayerEntry, scoped: str, path: str, folders: Counter[str], names: Collection[str]
    ) -> list[dict[str, Any]]:
        """An entry's layer, with those before and after it, which get none of the `names`."""
        made = self._made(entry, scoped, path, folders, inside=False)
        if isinstance(made, dict):
            return [{**made, "name": entry.name, "inbound_nodes": self._nodes(entry, entry.calls)}]
        dtype = made.config["dtype"]
        chain = [Made(name, {"dtype": dtype, **config}) for name, config in made.before]
        chain += [made, *(Made(name, {"dtype": dtype, **config}) for name, config in made.after)]
        documents: list[dict[str, Any]] = []
        for i, link in enumerate(chain):  # the last has the name, which others refer to
            name = entry.name if i == len(chain) - 1 else _free_name(f"{entry.name}.{i}", names)
            link.config["name"] = name
            nodes = (
                [_follow(chain[i - 1], n) for n in range(len(entry.calls))] if i else self._nodes(entry, entry.calls)
            )
            documents.append({**document_of(link), "name": name, "inbound_nodes": nodes})
            if link is not made:
                folders[snake_case(link.class_name)] += 1
        return documents

    def _functions(self, model: Model, scope: str) -> dict[str, dict[str, Any] | CannotExport]:
        """What is called between the layers of a model: its document, or why there is none."""
        functions: dict[str, dict[str, Any] | CannotExport] = {}
        has_masks = self.origin.version < (3,) and self._has_masks()
        for entry in model.layers:
            kept = [self.origin.operations.get((f"{scope}{entry.name}", i)) for i in range(len(entry.calls))]
            known = [operation for operation in kept if operation is not None]
            if not known:
                continue
            try:
                if has_masks:
                    raise CannotExport("what becomes of masks here is something else in Keras 3")
                if len(known) < len(kept):
                    raise CannotExport("the outputs do not need all of its calls")
                functions[entry.name] = operations.written(entry, known)
            except CannotExport as error:
                functions[entry.name] = error
        return functions

    def _made(
        self,
        entry: LayerEntry,
        scoped: str,
        path: str,
        folders: Counter[str],
        inside: bool,
        is_followed: bool = False,
    ) -> Any:
        """A layer, or the document of a model.

        Args:
            inside: it is within a wrapper; is_followed: others can stand before and after it all the same.
        """
        if entry.class_name == "Pipeline":
            raise CannotExport("the shapes within a Pipeline are not in the file")
        if entry.model is not None and entry.class_name not in WRAPPERS:
            folder = "layer" if inside else _folder("functional", folders)
            return self._model(entry.model, f"{scoped}/", f"{path}/{folder}/layers", entry.name)
        if entry.model is not None:
            return self._wrapper(entry, scoped, path, folders, inside, is_followed)
        if entry.class_name.startswith("Conv") and eras.FLIPS_KERNELS.get(self.origin.backend):
            raise CannotExport(f"{self.origin.backend} pads and flips in another way")
        if entry.class_name.startswith("Cropping") and scoped in self.empty:
            raise CannotExport("it leaves nothing of its input, which Keras 3 refuses")
        if entry.class_name == "Resizing" and self.whole and (3,) <= self.origin.version < (3, 6):
            raise CannotExport("it cuts whole numbers off, which Keras 3 rounds since 3.6")
        if entry.class_name == "HashedCrossing" and any(len(call.inputs) != 2 for call in entry.calls):
            raise CannotExport("it has other than the two inputs that Keras 3 takes")
        slots = self.origin.slots.get(scoped, ())
        arrays, assets = self.origin.arrays.get(scoped, {}), self.origin.assets.get(scoped, {})
        made = made_of(entry, slots, arrays, self.origin.version, inside and not is_followed, assets)
        if _treats_masks_otherwise(entry, self.origin.version) and self._has_masks():
            raise CannotExport("what becomes of masks here is something else in Keras 3")
        folder = "layer" if inside else _folder(folder_of(made.class_name), folders)
        for part, ordered in made.weights.items():
            for i, array in enumerate(ordered):
                self.weights["/".join(filter(None, (path, folder, part, "vars", str(i))))] = array
        self.weights |= {f"{path}/{folder}/{place}": array for place, array in made.named.items()}
        return made

    def _wrapper(
        self, entry: LayerEntry, scoped: str, path: str, folders: Counter[str], inside: bool, is_followed: bool
    ) -> Made:
        """A wrapper with its layer. What goes before and after a layer in a TimeDistributed is in one of its own."""
        assert entry.model is not None
        (inner,) = [e for e in entry.model.layers if e.class_name not in ("InputLayer", JOIN, SPLIT, NORMALISED)]
        place = f"{path}/{'layer' if inside else _folder(snake_case(entry.class_name), folders)}"
        goes_on = entry.class_name == TIME_DISTRIBUTED and (is_followed or not inside)
        wrapped = self._made(inner, f"{scoped}/{inner.name}", place, Counter(), inside=True, is_followed=goes_on)
        document = wrapped if isinstance(wrapped, dict) else document_of(wrapped)
        if entry.class_name == SPECTRAL and inner.class_name == "Embedding" and self.origin.version < (3,):
            raise CannotExport("Keras 3 gives its output the dtype of its input, whole numbers")
        if entry.class_name == SPECTRAL:
            self._spectral(place, entry, scoped)
        made = Made(entry.class_name, {"name": entry.name, "dtype": plain_policy("float32"), "layer": document})
        if not isinstance(wrapped, Made):
            return made
        made.before, made.after = (
            [_distributed(inner.name, link, wrapped.config["dtype"]) for link in links]
            for links in (wrapped.before, wrapped.after)
        )
        if made.before and not inside:  # they have the first numbers
            base = snake_case(entry.class_name)
            later = f"{path}/{base}_{folders[base] - 1 + len(made.before)}"
            for key in [key for key in self.weights if key.startswith(f"{place}/")]:
                self.weights[later + key.removeprefix(place)] = self.weights.pop(key)
        return made

    def _spectral(self, folder: str, entry: LayerEntry, scoped: str) -> None:
        """The weights that the wrapper has itself: the one that it normalises once more, and its vector."""
        last = next(e for e in entry.model.layers if e.class_name == NORMALISED) if entry.model else entry
        kernel = self.weights.get(f"{folder}/layer/vars/0")
        vector = self.origin.arrays.get(f"{scoped}/{last.name}", {}).get("vector_u")
        if kernel is None or vector is None:
            raise CannotExport("what it normalises is not one weight of one layer")
        self.weights |= {f"{folder}/vars/0": kernel, f"{folder}/vars/1": vector}

    def _has_masks(self) -> bool:
        pending = [self.origin.model]
        while pending:
            for entry in pending.pop().layers:
                if entry.model is not None:
                    pending.append(entry.model)
                if entry.class_name == "Masking" or entry.config.get("mask_zero"):
                    return True
        return False

    # --- calls ---

    def _nodes(self, entry: LayerEntry, calls: Sequence[Call]) -> list[dict[str, Any]]:
        return [self._call(entry, call) for call in calls]

    def _call(self, entry: LayerEntry, call: Call) -> dict[str, Any]:
        tensors = [reference(call.inputs[x.number]) for x in leaves(call.positional) if isinstance(x, Input)]
        if any(isinstance(value, np.ndarray) for value in leaves(call.kwargs)):
            raise CannotExport("an array is given to its call")
        named = {key: operations.argument(value, call) for key, value in call.kwargs.items()}
        if entry.class_name in TAKES_A_LIST or entry.class_name == "Merge":
            return node_of([tensors], named)
        if entry.model is not None and entry.class_name not in WRAPPERS:
            return node_of([tensors if len(tensors) > 1 else tensors[0]], named)
        if entry.class_name in CELLS:
            return node_of([tensors[0], [*tensors[1:], *named.get("states", ())]])
        if len(tensors) > 1 and ("LSTM" in entry.class_name or "RNN" in entry.class_name or "GRU" in entry.class_name):
            return node_of(tensors[:1], {"initial_state": tensors[1:], **named})
        return node_of(tensors, named)


def _needed(model: Model, functions: Mapping[str, dict[str, Any] | CannotExport]) -> set[str]:
    """The layers that the outputs need. Keras 2 computed shapes between layers, where Keras 3 knows them."""
    sources: dict[str, Iterable[str]] = {}
    for entry in model.layers:
        function = functions.get(entry.name)
        read = (ref.layer for call in entry.calls for ref in call.inputs)
        sources[entry.name] = operations.sources(function["inbound_nodes"]) if isinstance(function, dict) else read
    needed: set[str] = set()
    pending = [ref.layer for ref in model.outputs]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += sources.get(name, ())
    return needed


def _without_slashes(document: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The document of a model with other names for the layers that have a slash in theirs, which Keras 3 refuses."""
    free: dict[str, str] = {}
    for name in sorted(name for name in names if "/" in name):
        free[name] = _free_name(name.replace("/", "_"), {*names, *free.values()})
    if not free:
        return document
    config = dict(document["config"])
    config["layers"] = [
        {
            **layer,
            "name": free.get(layer["name"], layer["name"]),
            "config": {**layer["config"], "name": free.get(layer["name"], layer["name"])},
            "inbound_nodes": _reading(layer["inbound_nodes"], free),
        }
        for layer in config["layers"]
    ]
    for key in ("input_layers", "output_layers"):
        config[key] = _reading(config[key], free)
    return {**document, "config": config}


def _reading(value: Any, names: Mapping[str, str]) -> Any:
    """Calls, or outputs, that read layers under other names: [layer, call, tensor] wherever it stands."""
    if isinstance(value, Mapping):
        return {key: _reading(item, names) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) == 3 and isinstance(value[0], str) and all(isinstance(number, int) for number in value[1:]):
        return [names.get(value[0], value[0]), *value[1:]]
    return [_reading(item, names) for item in value]


def _or_fault(document: dict[str, Any] | CannotExport) -> dict[str, Any]:
    if isinstance(document, CannotExport):
        raise document
    return document


def _distributed(name: str, link: tuple[str, dict[str, Any]], dtype: Any) -> tuple[str, dict[str, Any]]:
    """A layer before or after another one in a TimeDistributed, as one in a TimeDistributed of its own."""
    class_name, config = link
    inner = Made(class_name, {"name": f"{name}.{class_name.lower()}", "dtype": dtype, **config})
    return TIME_DISTRIBUTED, {"layer": document_of(inner), "dtype": plain_policy("float32")}


def _follow(link: Made, call: int) -> dict[str, Any]:
    """The call of a layer that takes what a call of another gives."""
    tensors = [reference(Ref(link.config["name"], call, i)) for i in range(link.outputs)]
    return node_of(tensors if len(tensors) == 1 else [tensors])


def _free_name(wish: str, names: Collection[str]) -> str:
    while wish in names:
        wish += "_"
    return wish


def _folder(base: str, folders: Counter[str]) -> str:
    number = folders[base]
    folders[base] += 1
    return f"{base}_{number}" if number else base
