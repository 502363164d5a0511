"""The JSON of an architecture, Sequential or functional, of any era → one form: a `Model` of layers and their calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from interchange.errors import BadInput, InterchangeError, Unsupported
from interchange_keras import eras
from interchange_keras.calls import Call, Ref, read_call
from interchange_keras.container import Source

MOST_NESTED = 32

# These wrap one layer or model, and are read as models: steps stand around what they wrap (layers.wrapping).
TIME_DISTRIBUTED = "TimeDistributed"
SPECTRAL = "SpectralNormalization"
WRAPPERS = frozenset({TIME_DISTRIBUTED, SPECTRAL})
MASKED = "Model.masked"  # stands before a model that is called with a mask
ENTERED = "Model.entered"  # stands at each input of a model within a model
JOIN, SPLIT = f"{TIME_DISTRIBUTED}.join", f"{TIME_DISTRIBUTED}.split"
NORMALISED = f"{SPECTRAL}.end"


class LayerEntry(NamedTuple):
    """A layer of a model, in today's vocabulary; `model` is set where it is a model itself.

    `module` is that of an operation of Keras 3, where the file names it.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    registered_name: str = ""
    is_keras: bool = True
    calls: tuple[Call, ...] = ()
    model: Model | None = None
    module: str = ""


class Model(NamedTuple):
    """A functional model; a Sequential is one, too. `inputs` name InputLayers among `layers`."""

    name: str
    class_name: str
    layers: tuple[LayerEntry, ...]
    inputs: tuple[str, ...]
    outputs: tuple[Ref, ...]
    output_keys: tuple[str, ...] = ()  # where the outputs are a dict

    def signature(self) -> tuple[list[str], list[str]]:
        """Names of inputs and outputs, in order: those of the layers, made unique; outputs also told from inputs."""
        inputs = _unique(self.inputs, ())
        return inputs, _unique(self.output_keys or [ref.layer for ref in self.outputs], inputs)


def read_model(source: Source, data_format: str = "") -> Model:
    """The architecture of a file.

    Args:
        data_format: of the layers of Keras 1 that do not say it; else it is what all others in the file say.

    Raises:
        BadInput: (IX203) it contradicts itself; (IX206) it is nested too deep.
        Unsupported: (IX301) it is no Sequential or functional model.
    """
    model = _Reader(source).model(source.architecture, depth=0)
    if source.version >= (2,):
        return model
    said = {entry.config["data_format"] for entry in _every_layer(model) if entry.config.get("data_format")}
    if data_format or len(said) == 1:
        return _with_format(model, data_format or str(said.pop()))
    return model


def _every_layer(model: Model) -> Iterator[LayerEntry]:
    pending = [model]
    while pending:
        for entry in pending.pop().layers:
            yield entry
            pending += [entry.model] if entry.model else []


def _with_format(model: Model, data_format: str) -> Model:
    """The model with that data_format in every layer of Keras 1 that lacks it."""

    def completed(entry: LayerEntry) -> LayerEntry:
        if entry.model is not None:
            return entry._replace(model=_with_format(entry.model, data_format))
        if lacks_format(entry):
            return entry._replace(config={**entry.config, "data_format": data_format})
        return entry

    return model._replace(layers=tuple(map(completed, model.layers)))


def lacks_format(entry: LayerEntry) -> bool:
    """Whether it is a layer of which Keras 1 did not save the dim_ordering."""
    return entry.is_keras and entry.class_name in eras.WITHOUT_FORMAT and "data_format" not in entry.config


def _unique(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    used: set[str] = set(taken)
    result = []
    for name in names:
        free, n = name, 0
        while free in used:
            n += 1
            free = f"{name}_{n}"
        used.add(free)
        result.append(free)
    return result


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.path: list[str] = []

    def fault(self, why: str) -> BadInput:
        return BadInput(
            "IX203",
            "The architecture in the file contradicts itself.",
            where=f"{self.source.where}: {'/'.join(self.path)}" if self.path else self.source.where,
            why=why,
        )

    def model(self, document: Mapping[str, Any], depth: int) -> Model:
        if depth > MOST_NESTED:
            raise BadInput("IX206", f"Models are nested more than {MOST_NESTED} deep.", where=self.source.where)
        class_name = eras.modern_class(str(document.get("class_name")))
        config = document.get("config")
        try:
            if isinstance(config, list):  # a Sequential up to Keras 2.2
                config = {"layers": config}
            if not isinstance(config, Mapping) and class_name in eras.MODEL_CLASSES:
                raise self.fault("the model has no config")
            if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
                raise self._no_layers(class_name)
            if "input_layers" in config and "output_layers" in config:
                return self._functional(class_name, config, depth)
            if class_name == "Sequential" or "input_layers" not in config:
                return self._sequential(class_name, config, depth)
            raise self.fault("the model does not say what its outputs are")
        except InterchangeError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, OverflowError) as error:
            raise self.fault(f"{type(error).__name__}: {error}") from error

    def _no_layers(self, class_name: str) -> InterchangeError:
        return Unsupported(
            "IX301",
            f"The model is no Sequential and no functional model, but a class of its own: {class_name}.",
            where=self.source.where,
            why="what it computes is in the program that defines the class, not in the file",
            next_step="Write it as a functional model; or model.export() it and convert the SavedModel.",
        )

    # --- layers ---

    def entry(self, document: Mapping[str, Any], depth: int, index: int = 0) -> LayerEntry:
        """One layer, its calls left out. A Sequential within a Sequential had no name up to Keras 2.2."""
        written = str(document["class_name"])
        module, registered = document.get("module"), str(document.get("registered_name") or "")
        config = document.get("config")
        content: Mapping[str, Any] = config if isinstance(config, Mapping) else {}
        class_name = eras.modern_class(written)
        name = document.get("name") or content.get("name")
        is_model = isinstance(config, list) or "layers" in content
        if is_model and class_name != "Merge":
            name = str(name or f"{class_name.lower()}_{index + 1}")
            self.path.append(name)
            model = self.model(document, depth + 1)
            self.path.pop()
            return LayerEntry(name, model.class_name, content, model=model)
        if not isinstance(config, Mapping):
            raise self.fault(f"the layer {name!r} has no config")
        if not isinstance(name, str):
            raise self.fault(f"a layer of the class {written} has no name")
        # Young versions note the module, most .h5 files lack it; but all layers of Keras 3 say whether they are trained
        is_operation = isinstance(module, str) and module.startswith(("keras.src.ops", "keras.ops"))
        is_operation |= (
            "module" not in document and self.source.version >= (3,) and _is_without_policy(written, content)
        )
        is_keras = not is_operation and is_of_keras(document)
        if is_keras and class_name in WRAPPERS and isinstance(content.get("layer"), Mapping):
            return LayerEntry(name, class_name, content, model=self._wrapped(name, class_name, content, depth))
        if is_operation:
            class_name = f"keras.ops.{class_name}"
        modern = eras.modern_config(class_name, content)
        module = str(module or "") if is_operation else ""
        return LayerEntry(name, class_name, modern, registered or written, is_keras, module=module)

    def _wrapped(self, name: str, class_name: str, config: Mapping[str, Any], depth: int) -> Model:
        """TimeDistributed: input -> join -> what it wraps -> split; SpectralNormalization: input -> it -> end."""
        if depth > MOST_NESTED:
            raise BadInput("IX206", f"Models are nested more than {MOST_NESTED} deep.", where=self.source.where)
        self.path.append(name)
        inner = self.entry(config["layer"], depth + 1)
        self.path.pop()
        free = [word if word != inner.name else f"{word}_1" for word in ("input", "join", "split", "end")]
        x, joined, made = (Ref(layer, 0, 0) for layer in (free[0], free[1], inner.name))
        first = LayerEntry(free[0], "InputLayer", {}, calls=(Call(()),))
        if class_name == SPECTRAL:
            own = {"dtype": config.get("dtype"), "trainable": config.get("trainable", True)}
            last = LayerEntry(free[3], NORMALISED, own, calls=(Call((made, x)),))
            entries: tuple[LayerEntry, ...] = (first, _with_calls(inner, [Call((x,))]), last)
        else:
            join = LayerEntry(free[1], JOIN, {}, calls=(Call((x,)),))
            last = LayerEntry(free[2], SPLIT, {}, calls=(Call((made, x)),))
            entries = (first, join, _with_calls(inner, [Call((joined,))]), last)
        return Model(name, class_name, entries, (free[0],), (Ref(last.name, 0, 0),))

    def _checked(self, entries: Sequence[LayerEntry]) -> tuple[LayerEntry, ...]:
        repeated = [name for name, n in Counter(entry.name for entry in entries).items() if n > 1]
        if repeated:
            raise self.fault(f"several layers have the same name: {', '.join(map(repr, repeated))}")
        return tuple(entries)

    # --- Sequential ---

    def _sequential(self, class_name: str, config: Mapping[str, Any], depth: int) -> Model:
        documents: list[Mapping[str, Any]] = list(config["layers"])
        if not documents:
            raise self.fault("the model has no layers")
        entries: list[LayerEntry] = []
        inputs: list[str] = []
        first = documents[0]
        if first["class_name"] == "InputLayer":
            entries.append(_with_calls(self.entry(first, depth), [Call(())]))
            inputs.append(entries[0].name)
            documents = documents[1:]
        elif first["class_name"] == "Merge" and isinstance(first["config"].get("layers"), list):
            branches = [self.entry(branch, depth, i) for i, branch in enumerate(first["config"]["layers"])]
            for branch in branches:
                of_branch = self._branch_inputs(branch)
                inputs += [entry.name for entry in of_branch]
                call = Call(tuple(Ref(entry.name, 0, 0) for entry in of_branch))
                entries += [*of_branch, _with_calls(branch, [call])]
            merge = self.entry(first, depth)
            entries.append(_with_calls(merge, [Call(tuple(Ref(branch.name, 0, 0) for branch in branches))]))
            documents = documents[1:]
        else:
            entry = self.entry(first, depth)
            given = first["config"] if isinstance(first["config"], Mapping) else {}
            entries.append(self._input_of(entry, given, config.get("build_input_shape")))
            inputs.append(entries[0].name)
        for i, document in enumerate(documents, len(entries)):
            entry = self.entry(document, depth, i)
            entries.append(_with_calls(entry, [Call((Ref(entries[-1].name, 0, 0),))]))
        name = str(config.get("name") or "")
        return Model(name, class_name, self._checked(entries), tuple(inputs), (Ref(entries[-1].name, 0, 0),))

    def _input_of(self, first: LayerEntry, written: Mapping[str, Any], build_shape: Any) -> LayerEntry:
        """The InputLayer that Keras makes for a Sequential which has none; its shape is where it can be found."""
        given: Mapping[str, Any] = eras.modern_config("InputLayer", written)
        if first.model is not None and first.class_name not in WRAPPERS:
            inner = next((entry for entry in first.model.layers if entry.name in first.model.inputs), None)
            given = inner.config if inner is not None else {}
        shape = given.get("batch_shape")
        wrapped = written.get("layer")
        if shape is None and isinstance(wrapped, Mapping) and isinstance(wrapped.get("config"), Mapping):
            shape = eras.modern_config("InputLayer", wrapped["config"]).get("batch_shape")
        if shape is None and isinstance(written.get("input_dim"), int) and first.class_name == "Dense":
            shape = [None, written["input_dim"]]
        dtype = given.get("dtype") if isinstance(given.get("dtype"), str) else "float32"
        config = {"batch_shape": build_shape if shape is None else shape, "dtype": dtype}
        return LayerEntry(f"{first.name}_input", "InputLayer", config, calls=(Call(()),))

    def _branch_inputs(self, branch: LayerEntry) -> list[LayerEntry]:
        if branch.model is None:
            return [self._input_of(branch, branch.config, None)]
        inside = {entry.name: entry for entry in branch.model.layers}
        return [LayerEntry(name, "InputLayer", inside[name].config, calls=(Call(()),)) for name in branch.model.inputs]

    # --- functional ---

    def _functional(self, class_name: str, config: Mapping[str, Any], depth: int) -> Model:
        documents: list[Mapping[str, Any]] = config["layers"]
        plain = self._checked([self.entry(document, depth) for document in documents])
        names = {entry.name for entry in plain}
        inbound = [
            [read_call(node, names) for node in document.get("inbound_nodes") or ()]
            or ([Call(())] if e.class_name == "InputLayer" else [])
            for document, e in zip(documents, plain, strict=True)
        ]
        outputs, keys = _refs_and_keys(config["output_layers"])
        inputs, _ = _refs_and_keys(config["input_layers"])
        offsets = self._offsets(plain, inbound, outputs)

        def shifted(ref: Ref, of_outputs: bool = False) -> Ref:
            return Ref(ref.layer, ref.call - offsets.get(ref.layer, (0, 0))[of_outputs], ref.tensor)

        entries = [
            _with_calls(entry, [call._replace(inputs=tuple(map(shifted, call.inputs))) for call in calls])
            for entry, calls in zip(plain, inbound, strict=True)
        ]
        outputs = [shifted(ref, of_outputs=True) for ref in outputs]
        if not outputs:
            raise self.fault("the model has no outputs")
        self._check_refs(entries, inputs, outputs)
        return Model(
            str(config.get("name") or ""),
            class_name,
            tuple(entries),
            tuple(ref.layer for ref in inputs),
            tuple(outputs),
            keys,
        )

    def _offsets(
        self, entries: Sequence[LayerEntry], inbound: Sequence[Sequence[Call]], outputs: Sequence[Ref]
    ) -> dict[str, tuple[int, int]]:
        """How many calls of nested models are counted but not listed: by the layers that read them, by the outputs.

        A model made from an Input has one call of its own, which is not in the file. Keras 2 counts it for some models,
        Keras 3 for the outputs only. Every call in the file is read, which tells what is counted.
        """
        read: tuple[dict[str, set[int]], dict[str, set[int]]] = {}, {}
        for i, refs in enumerate(((ref for calls in inbound for call in calls for ref in call.inputs), outputs)):
            for ref in refs:
                read[i].setdefault(ref.layer, set()).add(ref.call)
        offsets = {}
        for entry, calls in zip(entries, inbound, strict=True):
            if entry.model is not None:
                layers, outs = (of.get(entry.name, set()) for of in read)
                fits = [
                    (a, b)
                    for a, b in ((0, 0), (1, 1), (0, 1))
                    if {n - a for n in layers} | {n - b for n in outs} == set(range(len(calls)))
                ]
                offsets[entry.name] = fits[0] if fits else (0, 0) if 0 in layers | outs else (1, 1)
        return offsets

    def _check_refs(self, entries: Sequence[LayerEntry], inputs: Sequence[Ref], outputs: Sequence[Ref]) -> None:
        calls = {entry.name: len(entry.calls) for entry in entries}
        by_name = {entry.name: entry for entry in entries}
        for entry in entries:
            for ref in (ref for call in entry.calls for ref in call.inputs):
                if not 0 <= ref.call < calls.get(ref.layer, 0) or ref.tensor < 0:
                    raise self.fault(
                        f"the layer {entry.name!r} reads output {ref.call} of {ref.layer!r}, which does not exist"
                    )
        for ref in outputs:
            if not 0 <= ref.call < calls.get(ref.layer, 0) or ref.tensor < 0:
                raise self.fault(f"the model's output {ref.layer!r} does not exist")
        for ref in inputs:
            if ref.layer not in by_name or by_name[ref.layer].class_name != "InputLayer":
                raise self.fault(f"the model's input {ref.layer!r} does not exist")


def _is_without_policy(class_name: str, config: Mapping[str, Any]) -> bool:
    """Whether a config is an operation's: without a dtype, or of one that makes values of a given dtype."""
    makes = (
        "Cast",
        "ConvertToTensor",
        "Cumprod",
        "Cumsum",
        "FullLike",
        "MultiHot",
        "OneHot",
        "OnesLike",
        "Prod",
        "SaturateCast",
        "ZerosLike",
    )
    return "dtype" not in config or class_name in makes


def is_of_keras(document: Mapping[str, Any]) -> bool:
    """Whether a class is Keras's own, by its name in most .h5 files, else by the module that is noted with it.

    A class of the user's may have the same name: then the module is another one or null, or it is registered.
    """
    if ">" in f"{document.get('class_name')}{document.get('registered_name') or ''}":  # "package>name"
        return False
    if "module" not in document:
        return True
    return str(document["module"]).partition(".")[0] in ("keras", "tf_keras", "tensorflow")


def _with_calls(entry: LayerEntry, calls: Sequence[Call]) -> LayerEntry:
    return entry._replace(calls=tuple(calls))


def _refs_and_keys(value: Any) -> tuple[list[Ref], tuple[str, ...]]:
    """input_layers or output_layers: [layer, call, tensor], a list of these, or a dict of these, nested or not."""
    if isinstance(value, Mapping):
        keys = sorted(value)  # Keras flattens a dict in the order of its keys
        parts = [_refs_and_keys(value[key])[0] for key in keys]
        named = [
            key if len(part) == 1 else f"{key}_{i}"
            for key, part in zip(keys, parts, strict=True)
            for i in range(len(part))
        ]
        return [ref for part in parts for ref in part], tuple(named)
    if len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return [Ref(value[0], value[1], int(value[2]))], ()
    return [ref for part in value for ref in _refs_and_keys(part)[0]], ()
