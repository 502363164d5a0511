"""The walk over the model: calls of layers become nodes of a graph; all faults are found before the one error."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from interchange import plugins
from interchange.builder import Builder
from interchange.errors import BadInput
from interchange.graph import Dimension, Graph, TensorSpec
from interchange_keras import cntk, eras
from interchange_keras.architecture import ENTERED, MASKED, LayerEntry, Model, is_of_keras, lacks_format, read_model
from interchange_keras.calls import Input, leaves
from interchange_keras.container import Source, read
from interchange_keras.dtypes import GIVEN, OWN, computes
from interchange_keras.faults import OTHERWISE, outputs_of, told
from interchange_keras.history import era_of
from interchange_keras.layer import (
    MOST_ELEMENTS,
    Fault,
    Layer,
    LayerFunction,
    Slot,
    Tensor,
    call_names_of,
    slots_for,
    slots_of,
)
from interchange_keras.layers import ACTIVATIONS, ADDONS, LAYERS
from interchange_keras.layers.wrapping import STEPS
from interchange_keras.masks import Mask, outputs_masks
from interchange_keras.options import accepts, bind, misfit
from interchange_keras.origin import KerasGraph, Operation, Origin
from interchange_keras.plan import Step, Value, expand
from interchange_keras.precision import FLOATS, UNCAST, WIDE, Policy, policy_of
from interchange_keras.weights import assets_of, assign

# Why a well-known class is not converted, where there is more to say than that it is not.
REASONS: Mapping[str, tuple[str, str]] = {
    "Lambda": (
        "it is Python code inside the file, which is never run",
        "give its meaning: layers={'<name>': function}, or --replace",
    ),
}
OPERATION = "keras.ops."  # before the class of what is no layer
LAMBDA = ("Lambda", "__lambda__")
ACTIVATION = "activation"  # the attribute that holds it, and the folder of its weights


def load(
    path: Path,
    *,
    layers: Mapping[str, Any] | None = None,
    backend: str = "",
    architecture: str | Path = "",
    data_format: str = "",
    tensorflow: str = "",
) -> Graph:
    """See `KerasImporter.load`."""
    source = read(path, architecture=Path(architecture) if architecture else None)
    if data_format not in ("", "channels_last", "channels_first"):
        raise BadInput("IX103", f"The option 'data_format' is {data_format!r}.", why="channels_last or channels_first")
    if tensorflow:
        source = source._replace(version=_of_tensorflow(source.version, tensorflow))
    model = read_model(source, data_format)
    return _Conversion(source, model, _replacements(layers), backend or source.backend).graph()


def _of_tensorflow(version: eras.Version, tensorflow: str) -> eras.Version:
    """The version of a file of which the user says which TensorFlow wrote it."""
    possible = {".".join(map(str, each)): each for each in eras.tensorflows(version)}
    told = next((each for text, each in possible.items() if f"{tensorflow}.".startswith(f"{text}.")), None)
    seen = eras.tensorflow_of(version)
    if told is None or told[: len(seen)] != seen:
        why = f"its keras_version is that of TensorFlow {', '.join(possible)}" if possible else "the file needs it not"
        why += f", and it is of TensorFlow {seen[0]}" if seen else ""
        raise BadInput("IX103", f"The option 'tensorflow' is {tensorflow!r}.", why=why)
    return eras.with_tensorflow(version, told)


def _replacements(layers: Any) -> dict[str, LayerFunction]:
    if layers is None:
        return {}
    if not isinstance(layers, Mapping):
        raise BadInput("IX103", "The option 'layers' takes a mapping: the layer's name or class -> a function.")
    return {str(name): _function(name, value) for name, value in layers.items()}


def _function(name: str, value: Any) -> LayerFunction:
    """A function, or "package.module:function": the user's word, never the file's."""
    if isinstance(value, str):
        import importlib

        module, _, attribute = value.partition(":")
        try:
            value = getattr(importlib.import_module(module), attribute)
        except Exception as error:  # a stranger's module may raise anything
            raise BadInput(
                "IX103",
                f"The function for {name!r} cannot be imported.",
                where=value,
                why=f"{type(error).__name__}: {error}",
            ) from error
    if not callable(value):
        raise BadInput("IX103", f"What is given for the layer {name!r} is not a function.", where=repr(value))
    function: LayerFunction = value
    return function


# --- the walk -------------------------------------------------------------------------------------------------------


class _Conversion:
    """State of one conversion."""

    def __init__(self, source: Source, model: Model, replacements: Mapping[str, LayerFunction], backend: str) -> None:
        self.source = source
        self.model = model
        self.replacements = replacements
        self.backend = backend
        self.faults: dict[tuple[str, str], Fault] = {}  # (layer, why), in the order found
        self.functions: dict[str, LayerFunction] = {}  # by scoped layer name
        self.arguments: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, Policy] = {}
        self.builder = Builder()
        self.assets = assets_of(source, model)
        self.masks: dict[Value, Mask] = {}
        self.operations: dict[tuple[str, int], Operation] = {}
        self.masks_ended: dict[str, None] = {}  # the layers at which Keras, too, drops a mask

    def graph(self) -> Graph:
        entries = list(_entries(self.model))
        self._check_replacements(entries)
        for name, entry in entries:
            self._look_at(name, entry)
        steps: list[Step] = []
        inputs, output_names = self.model.signature()
        outputs = expand(self.model, "", [(-1 - i, 0) for i in range(len(inputs))], steps, self.source.where)
        for step in steps:
            if step.entry.class_name in (ENTERED, MASKED):
                self._look_at(step.layer, step.entry)
            for why in (*step.faults, *self._call_faults(step)):
                self._note(step.layer, step.entry, Fault("IX301", why))
        try:
            slots = {name: self._slots(name, entry) for name, entry in entries}
            ledger = assign(self.source, self.model, slots)
        except BadInput:
            if self.faults:  # a layer that nobody knows explains why the rest does not fit
                raise told(self.faults, self.source.where) from None
            raise
        values = self._inputs(inputs)
        arrays: dict[str, dict[str, Any]] = {}
        if not self.faults or all(fault.code != "IX203" for fault in self.faults.values()):
            arrays = {
                name: {
                    weight: self._policy(name).variable(
                        entry.class_name,
                        eras.modern_weight(entry.class_name, weight, array, entry.config, self.source.version),
                    )
                    for weight, array in ledger.arrays.get(name, {}).items()
                }
                for name, entry in entries
            }
            layers = self._walk(steps, values, dict(zip(outputs, output_names, strict=False)), arrays)
        if self.faults:
            raise told(self.faults, self.source.where)
        unused = [
            place
            for (name, weight), place in ledger.places.items()
            if name not in layers or weight not in layers[name].used
        ]
        return self._finished(
            outputs,
            output_names,
            values,
            [*unused, *ledger.unclaimed],
            sum(entry.model is None and entry.class_name not in STEPS for _, entry in entries),
            Origin(
                self.model,
                self.source.version,
                self.backend,
                {name: tuple(declared) for name, declared in slots.items()},
                arrays,
                self.assets,
                self.operations,
            ),
        )

    # --- before the walk ---

    def _check_replacements(self, entries: Sequence[tuple[str, LayerEntry]]) -> None:
        """A replacement must be of a layer, a class or an activation that is there."""
        layers = {name: entry for name, entry in entries if entry.model is None and entry.class_name != "InputLayer"}
        known = {text for name, entry in layers.items() for text in (name, entry.class_name, *_texts(entry.config))}
        if missing := [name for name in self.replacements if name not in known]:
            raise BadInput(
                "IX103",
                f"The model has no layer {', '.join(map(repr, missing))}, for which a function is given.",
                where=self.source.where,
                why=f"it has {', '.join(f'{name} ({entry.class_name})' for name, entry in layers.items())}",
            )

    def _look_at(self, name: str, entry: LayerEntry) -> None:
        """Finds the function of a layer and binds its config to it."""
        if entry.model is not None or entry.class_name == "InputLayer":
            return
        replacement = self.replacements.get(name) or self.replacements.get(entry.class_name)
        try:  # an operation has none; what it calls dtype is an argument
            is_operation = entry.class_name.startswith(OPERATION)
            policy = policy_of(None if is_operation else entry.config.get("dtype"))
            self.policies[name] = policy
        except ValueError as error:
            self._note(name, entry, Fault("IX301", str(error)))
            policy = Policy("float32")
        function = replacement or _find_in(entry, policy)
        if function is None:
            why, next_step = REASONS.get(entry.class_name, ("there is no function for this class", OTHERWISE))
            self._note(
                name,
                entry,
                Fault("IX302" if entry.class_name == "Lambda" else "IX301", why, next_step.replace("<name>", name)),
            )
            return
        self.functions[name] = function
        for why, next_step in self._untold(entry) if replacement is None else ():
            self._note(name, entry, Fault("IX301", f"nobody knows {why}", next_step))
        arguments, faults = bind(function, entry.class_name, entry.config, self.source.version)
        if replacement is not None:  # the user knows what the other options mean
            faults = [fault for fault in faults if not fault.endswith("is not supported")]
        for why in faults:
            self._note(name, entry, Fault("IX301", why))
        self.arguments[name] = arguments

    def _untold(self, entry: LayerEntry) -> Iterator[tuple[str, str]]:
        """What matters for a layer and nothing in the file tells, and what to do about it."""
        if self.source.version < (2,) and lacks_format(entry):
            why = "whether its channels come first: Keras 1 did not save that, and no other layer of the file tells it"
            yield why, "give --import-option data_format=channels_first (dim_ordering th) or channels_last (tf)"
        if self.source.version < (2,) and not self.backend and "Conv" in entry.class_name:
            why = "whether its kernels are flipped: Keras 1 did not save its backend, and no name of a weight tells it"
            yield why, "give --import-option backend=tensorflow or backend=theano"
        if self.backend == "cntk" and (why := cntk.differs(entry.class_name, entry.config, self.source.version)):
            yield f"what it computed: it has {why}", cntk.NEXT_STEP

    def _policy(self, name: str) -> Policy:
        return self.policies.get(name, Policy("float32"))

    def _call_faults(self, step: Step) -> list[str]:
        """What the layer's function will not understand of the call."""
        function = self.functions.get(step.layer)
        names = call_names_of(function) if function else None
        return [] if names is None else step.entry.calls[step.call].faults((*names, "mask"))

    def _slots(self, name: str, entry: LayerEntry) -> Sequence[Slot]:
        function = self.functions.get(name)
        if function is None:
            return ()
        defaults = getattr(function, "__kwdefaults__", None) or {}
        options = {**defaults, **self.arguments[name]}
        try:
            slots = slots_for(function, entry.class_name, options, self.source.version)
            return [*slots, *self._activation_slots(function, options.get(ACTIVATION))]
        except Fault as fault:
            self._note(name, entry, fault)
        except KeyError:  # an option is missing, which has been noted
            if not any(name == layer for layer, _ in self.faults):
                raise
        return ()

    def _activation_slots(self, function: LayerFunction, activation: Any) -> list[Slot]:
        """The weights of a layer that is the activation of another, which follow the other's."""
        if not _is_own(function) or not isinstance(activation, Mapping) or not is_of_keras(activation):
            return []
        layer = LAYERS.get(eras.modern_class(str(activation.get("class_name"))))
        return [slot._replace(name=f"{ACTIVATION}/{slot.name}") for slot in slots_of(layer)] if layer else []

    def _inputs(self, names: Sequence[str]) -> dict[Value, str]:
        entries = {entry.name: entry for entry in self.model.layers}
        values: dict[Value, str] = {}
        for i, (name, layer) in enumerate(zip(names, self.model.inputs, strict=True)):
            config = entries[layer].config
            shape = config.get("batch_shape")
            try:
                dtype = policy_of(config.get("dtype")).compute
                dtype = "object" if dtype == "string" else dtype
                fault = _input_fault(shape, dtype, config)
            except ValueError as error:
                dtype, fault = "float32", str(error)
            if fault:
                self._note(name, entries[layer], Fault("IX301", fault))
                continue  # what reads it is left out
            dimensions: list[Dimension] = list(shape or ())
            if dimensions and dimensions[0] is None:
                dimensions[0] = "batch"
            values[-1 - i, 0] = self.builder.input(name, str(dtype), dimensions)
        return values

    # --- the walk ---

    def _walk(
        self,
        steps: Sequence[Step],
        values: dict[Value, str],
        outputs: Mapping[Value, str],
        arrays: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Layer]:
        """Runs the function of each step whose inputs are known; what fails is noted, what reads it left out."""
        reserved = frozenset(outputs.values())
        layers: dict[str, Layer] = {}
        calls: Counter[str] = Counter()
        existing = set(values.values())
        bad = {name for name, _ in self.faults}
        for number, step in enumerate(steps):
            name = step.layer
            if name in bad or name not in self.functions or not all(value in values for value in step.inputs):
                continue
            layer = layers.get(name)
            if layer is None:
                layer = layers[name] = Layer(
                    name,
                    step.entry.class_name,
                    version=self.source.version,
                    backend=self.backend,
                    builder=self.builder,
                    arrays=arrays.get(name, {}),
                    assets=self.assets.get(name, {}),
                    reserved=reserved,
                    activate=self._activate,
                    dtype=self._policy(name).inside(step.entry.class_name),
                )
            begin = len(self.builder.nodes)
            try:
                self._set_masks(layer, step, values)
                made = self._run(layer, step, [values[value] for value in step.inputs])
                self._mask(layer, step, number, [values[value] for value in step.inputs], len(made))
            except Fault as fault:
                self._note(name, step.entry, fault)
                bad.add(name)
                continue
            calls[name] += 1
            wish = step.value_name if calls[name] == 1 else f"{step.value_name}/call_{calls[name] - 1}"
            named: dict[str, str] = {}
            for tensor, value in enumerate(made):
                key = (number, tensor)
                value = named.get(value, value)  # the same value again, under the name that it has got
                if value in existing:  # the layer does nothing: its output is its input
                    values[key] = value
                    continue
                free = self.builder.free_name(wish if len(made) == 1 else f"{wish}/{tensor}", taken=tuple(reserved))
                named[value] = values[key] = self.builder.rename(value, outputs.get(key, free))
                existing.add(values[key])
            if call_names_of(self.functions[name]) is None:  # no layer, but a function that is called between layers
                outputs_made = [values[number, tensor] for tensor in range(len(made))]
                self._keep(step, [values[value] for value in step.inputs], begin, outputs_made)
        return layers

    def _keep(self, step: Step, inputs: Sequence[str], begin: int, outputs: Sequence[str]) -> None:
        """Notes what the first call of a function has become, for those who write the model again."""
        if (step.layer, step.call) in self.operations:
            return
        nodes = tuple(self.builder.nodes[begin:])
        values = {*inputs, *outputs, *(name for node in nodes for name in (*node.inputs, *node.outputs) if name)}
        known = {name: self.builder.known(name) for name in values}
        self.operations[step.layer, step.call] = Operation(
            tuple(inputs),
            nodes,
            tuple(outputs),
            {name: array for name, array in known.items() if array is not None},
            {name: TensorSpec(self.builder.dtype(name), self.builder.shape(name)) for name in values},
        )

    def _run(self, layer: Layer, step: Step, inputs: Sequence[str]) -> tuple[str, ...]:
        function, call = self.functions[step.layer], step.entry.calls[step.call]
        policy, class_name = self._policy(step.layer), step.entry.class_name
        if policy.casts_inputs_of(class_name):
            kinds = {layer.dtype(x) for x in inputs if layer.is_float(x)} - {layer.compute_dtype}
            if kinds and eras.may_not_cast(self.source.version):
                why = f"a {layer.compute_dtype} layer on {min(kinds)}, which TensorFlow 1 did not cast"
                raise Fault("IX301", why, eras.ask_tensorflow(self.source.version))
            inputs = [layer.cast(x, layer.compute_dtype) if layer.is_float(x) else x for x in inputs]
        inputs, exact = self._exact_inputs(layer, step, inputs)
        args, named = call.filled(inputs)
        if call_names_of(function) is None:
            if fault := misfit(function, args, {**self.arguments[step.layer], **named}):
                raise Fault("IX301", fault)
        else:
            args = tuple(call.tensors(inputs))
            if not accepts(function, len(args)):
                raise Fault("IX301", f"it is called with {len(args)} inputs")
            if "mask" not in (call_names_of(function) or ()):
                named.pop("mask", None)  # see _set_masks
            for name in sorted(TENSORS & named.keys()):
                if not isinstance(named[name], (Tensor, type(None))):
                    raise Fault("IX203", f"its {name} is {str(named[name])[:80]}, which is no tensor")
        options = {**self.arguments[step.layer], **named}
        made = outputs_of(layer, lambda: function(layer, *args, **options), own=_is_own(function))
        after = exact or (policy.compute if class_name in WIDE else "")
        return tuple(layer.cast(y, after) for y in made) if after else made

    def _exact_inputs(self, layer: Layer, step: Step, inputs: Sequence[str]) -> tuple[Sequence[str], str]:
        """Integers and booleans as the layer computes with them, and the dtype that its output is cast to, "" for none;
        see interchange_keras.dtypes."""
        entry, call = step.entry, step.entry.calls[step.call]
        numbers = {item.number for item in leaves(call.positional) if isinstance(item, Input)}
        exact = dict.fromkeys(layer.dtype(inputs[n]) for n in sorted(numbers) if not layer.is_float(inputs[n]))
        if not exact or entry.class_name.startswith(OPERATION) or entry.class_name in (*STEPS, *UNCAST):
            return inputs, ""
        if not _is_own(self.functions[step.layer]):
            return inputs, ""
        dtypes = [layer.dtype(inputs[n]) for n in numbers]
        inside = computes(entry.class_name, self.arguments[step.layer], self.source.version, dtypes)
        if inside is None:
            kinds = ", ".join("string" if dtype == "object" else dtype for dtype in exact)
            raise Fault("IX301", f"what Keras does with an input of {kinds} is not known")
        if inside == GIVEN:
            return inputs, ""
        # TensorFlow 1 wrote that of its input
        own = layer.compute_dtype if layer.compute_dtype in FLOATS else "float32"
        wanted, back = (own, "") if inside == OWN else (inside, next(iter(exact)))
        return [layer.cast(x, wanted) if n in numbers else x for n, x in enumerate(inputs)], back

    def _set_masks(self, layer: Layer, step: Step, values: Mapping[Value, str]) -> None:
        """The masks of the inputs of a call; one that the call names comes before the one that the first input has."""
        masks, given = [self.masks.get(value) for value in step.inputs], step.entry.calls[step.call].kwargs.get("mask")
        layer.names_mask = isinstance(given, Input)
        if isinstance(given, Input) and masks:
            if given.number >= len(step.inputs):
                raise Fault("IX203", "its mask is nothing that it is called with")
            masks[0] = values[step.inputs[given.number]]
        layer.masks, layer.given_masks = tuple(masks), None

    def _mask(self, layer: Layer, step: Step, number: int, inputs: Sequence[str], count: int) -> None:
        """Notes the masks of what a call has made."""
        defaults = getattr(self.functions[step.layer], "__kwdefaults__", None) or {}
        masks, has_ended = outputs_masks(layer, inputs, count, {**defaults, **self.arguments[step.layer]})
        self.masks.update({(number, tensor): mask for tensor, mask in enumerate(masks)})
        if has_ended:
            self.masks_ended[layer.name] = None

    def _activate(self, layer: Layer, x: str, activation: Any) -> str:
        """Applies what a config names as activation: a name, or a function's or layer's {"class_name", "config"}."""
        name: Any = activation
        config: Any = {}
        registered: Any = ""
        if activation is None:
            return x
        if isinstance(activation, Mapping):
            name, config, registered = (
                activation.get("class_name"),
                activation.get("config"),
                activation.get("registered_name"),
            )
            if isinstance(config, str):  # {"class_name": "function", "config": "relu"}
                name, config = config, {}
            if name in LAMBDA or (name is None and isinstance(activation.get("value"), list)):
                why, next_step = REASONS["Lambda"]
                raise Fault("IX302", f"its activation: {why}", next_step.replace("<name>", layer.name))
        if not isinstance(name, str) or not isinstance(config or {}, Mapping):
            raise Fault("IX203", f"the activation {str(activation)[:80]} is not understood")
        class_name = eras.modern_class(name)
        is_own = not isinstance(activation, Mapping) or is_of_keras(activation)
        own = ACTIVATIONS.get(name) or LAYERS.get(class_name) if is_own else None
        registered = str(registered or name)
        function = self.replacements.get(name) or own or ADDONS.get(registered)
        function = function or plugins.find("keras_layers", registered)
        if function is None:
            whose = "is not supported" if is_own else "is not Keras's own"
            raise Fault("IX301", f"the activation {name!r} {whose}", "give its meaning with a layer plugin")
        config = eras.modern_config(class_name, config or {})
        arguments, faults = bind(function, name, config, self.source.version)
        if faults:
            raise Fault("IX301", f"the activation {name}: {'; '.join(faults)}")
        result: str = function(layer.part(ACTIVATION) if slots_of(function) else layer, x, **arguments)
        return result

    # --- the end ---

    def _finished(
        self,
        outputs: Sequence[Value],
        names: Sequence[str],
        values: Mapping[Value, str],
        unused: Sequence[str],
        count: int,
        origin: Origin,
    ) -> Graph:
        for key, name in zip(outputs, names, strict=True):
            if key not in values:
                raise BadInput("IX203", "The model's output does not exist.", where=f"{self.source.where}: {name}")
            if values[key] != name:
                self.builder.add("Identity", [values[key]], name, source=name)
        metadata = {"format": self.source.format, "producer": self.source.producer, "layers": str(count)}
        if self.model.name:
            metadata["name"] = self.model.name
        if era := era_of(self.model, self.source.version, self.backend):
            metadata["era"] = era
        if self.masks_ended:
            metadata["masks_ended"] = json.dumps(list(self.masks_ended))
        if unused:
            metadata["unused_weights"] = json.dumps(unused)
        return self.builder.graph(names, metadata, partial(KerasGraph, origin=origin))

    def _note(self, name: str, entry: LayerEntry, fault: Fault) -> None:
        self.faults.setdefault((name, f"{name} ({entry.class_name}): {fault.why}"), fault)


# Arguments by name that are tensors wherever they are some layer's.
TENSORS = {"value", "key", "query_mask", "value_mask", "key_mask", "attention_mask"}


def _find_in(entry: LayerEntry, policy: Policy) -> LayerFunction | None:
    """Quantised layers have functions of their own."""
    if not policy.quantised:
        return _find(entry)
    from interchange_keras.layers import quantized

    return quantized.find(entry.class_name, policy.quantised)


def _is_own(function: LayerFunction) -> bool:
    return str(getattr(function, "__module__", "")).startswith("interchange_keras.")


def _find(entry: LayerEntry) -> LayerFunction | None:
    """Our own function for a class of Keras, else the plugin of that registered name."""
    for table in (LAYERS, STEPS):
        if entry.is_keras and entry.class_name in table:
            return table[entry.class_name]
    from interchange_keras.operations import FUNCTION_LAYERS, OPERATIONS

    if entry.class_name.startswith(OPERATION):
        return OPERATIONS.get(entry.class_name.removeprefix(OPERATION))
    if entry.is_keras and entry.class_name in FUNCTION_LAYERS:
        return FUNCTION_LAYERS[entry.class_name]
    for name in dict.fromkeys((entry.registered_name, entry.class_name)):
        found: LayerFunction | None = ADDONS.get(name) or plugins.find("keras_layers", name)
        if found is not None:
            return found
    return None


def _entries(model: Model) -> Iterator[tuple[str, LayerEntry]]:
    """Every layer, nested ones too, by scoped name."""
    pending = [(model, "")]
    while pending:
        current, scope = pending.pop()
        for entry in current.layers:
            yield f"{scope}{entry.name}", entry
            if entry.model is not None:
                pending.append((entry.model, f"{scope}{entry.name}/"))


def _texts(value: Any) -> Iterator[str]:
    """All texts in a config, which may name an activation."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _input_fault(shape: Any, dtype: Any, config: Mapping[str, Any]) -> str:
    if shape is None:
        return "the shape of the input is not in the file"
    known = [size for size in shape if size is not None] if isinstance(shape, list) else [""]
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in known):
        return f"the shape of the input is {str(shape)[:80]}"
    elements = 1
    for size in known[:64]:
        elements *= int(size)
    if elements > MOST_ELEMENTS or len(shape) > 8:
        return f"the input has the shape {str(shape)[:80]}"
    if not isinstance(dtype, str) or not re.fullmatch(r"float(32|64|16)|u?int(8|16|32|64)|bool|bfloat16|object", dtype):
        return f"the input has the dtype {dtype!r}"
    if config.get("sparse") or config.get("ragged"):
        return "the input is sparse or ragged"
    return ""
