"""What a layer function gets to see: the public contract for layers, ours and others'.

    @weights("kernel", "bias:use_bias")
    def dense(layer: Layer, x: str, *, units: int, activation: Any = "linear", use_bias: bool = True) -> str: ...

* The positional parameters are the tensors of one call (`*xs` for any number), as names of values in the graph.
* The keyword parameters are the options of the layer, in the vocabulary of Keras 3, with their defaults. Options of a
  file that are not among them, and not known to be irrelevant, are an error. Annotations are checked: int, float, bool,
  str, `Ints` (one or several integers), each with `| None`; Any takes the JSON value as it is.
* `weights` declares the weights in Keras's order: "bias:use_bias" is there only if that option is true,
  "mean:!mean" only if it is None or false, "weight:mode=concat" only if it has that value, "a&b" joins conditions;
  "~moving_mean" is not trainable, "cell/kernel" is of the attribute `cell`, "?idf_weights" may be missing in a file,
  "=kernel" is in `.keras` files only, and "-lora_kernel_a" in .h5 files only.
  `weights_by` finds them out, where that is not enough.
* The result is the name of the output, or a tuple of names. The importer gives it the layer's name.
* `called_with` declares the arguments by name that a call may have, such as "attention_mask": keyword parameters, too.
  `takes_calls_as_written` is for what is called with lists, slices and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from interchange import ops
from interchange.builder import Builder
from interchange.graph import Array, Body, dtype_of
from interchange_keras.eras import Version
from interchange_keras.precision import FLOATS

Ints = tuple[int, ...]
LayerFunction = Callable[..., Any]
_F = TypeVar("_F", bound=LayerFunction)

# No value of a model made for inference has more elements in one sample; placeholders of that size are still harmless.
MOST_ELEMENTS = 1 << 28


# Parameters of operators that are float32 whatever the tensors are.
ALWAYS_FLOAT32 = ("roi", "scales", "rows", "columns", "rest", "share", "lowest", "highest")


class Tensor(str):
    """The name of a value in the graph, where texts that are none may stand, too."""

    __slots__ = ()


class Fault(Exception):
    """A layer cannot be converted.

    `code`: IX301 unsupported, IX207 weights that do not fit, IX203 nonsense, IX901 an error of our own.
    """

    def __init__(self, code: str, why: str, next_step: str = "") -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.next_step = next_step


class Slot(NamedTuple):
    """A declared weight."""

    name: str  # "kernel"; "cell/kernel"
    option: str = ""  # there only under this condition, see the module
    trainable: bool = True
    is_optional: bool = False
    only: str = ""  # "store" or "h5": the one kind of file that has it

    def is_there(self, options: Mapping[str, Any]) -> bool:
        return not self.option or all(_holds(condition, options) for condition in self.option.split("&"))


def _holds(condition: str, options: Mapping[str, Any]) -> bool:
    name, equals, value = condition.partition("=")
    if equals:
        return str(options.get(name)) == value
    if condition.startswith("!"):
        return options.get(condition[1:]) in (None, False)
    return bool(options.get(condition))


def weights(*declared: str) -> Callable[[_F], _F]:
    """Declares the weights of a layer function, in Keras's order; see the module."""
    slots = tuple(_slot(text) for text in declared)

    def mark(function: _F) -> _F:
        function.weight_slots = slots  # type: ignore[attr-defined]
        return function

    return mark


WeightNames = Callable[[str, Mapping[str, Any], Version], Sequence[str]]


def weights_by(find: WeightNames, shown: Sequence[str]) -> Callable[[_F], _F]:
    """Declares weights that depend on more than one option: `find(class_name, options, version)` names them.

    Args:
        shown: what the documentation says of them.
    """

    def mark(function: _F) -> _F:
        function.find_weights = find  # type: ignore[attr-defined]
        return weights(*shown)(function)

    return mark


def called_with(*names: str) -> Callable[[_F], _F]:
    """Declares the arguments by name that calls of the layer may have; the function takes them as keywords."""

    def mark(function: _F) -> _F:
        function.call_names = names  # type: ignore[attr-defined]
        return function

    return mark


def takes_calls_as_written(function: _F) -> _F:
    """Gives the function each call's arguments as they are: lists, slices, numbers, and a Tensor for each value."""
    function.call_names = None  # type: ignore[attr-defined]
    return function


def call_names_of(function: LayerFunction) -> tuple[str, ...] | None:
    """The arguments by name that calls may have; None: the function takes calls as written."""
    names: tuple[str, ...] | None = getattr(function, "call_names", ())
    return names


def slots_of(function: LayerFunction) -> tuple[Slot, ...]:
    """The declared weights, whatever the options."""
    slots: tuple[Slot, ...] = getattr(function, "weight_slots", ())
    return slots


def slots_for(function: LayerFunction, class_name: str, options: Mapping[str, Any], version: Version) -> list[Slot]:
    """The weights of a layer with these options. Raises Fault if the options make no sense."""
    find: WeightNames | None = getattr(function, "find_weights", None)
    if find is not None:
        return [_slot(text) for text in find(class_name, options, version)]
    return [slot for slot in slots_of(function) if slot.is_there(options)]


def _slot(text: str) -> Slot:
    name, _, option = text.partition(":")
    only = {"=": "store", "-": "h5"}.get(name[:1], "")
    return Slot(name.lstrip("~?=-"), option, not name.startswith("~"), name.startswith("?"), only)


class Layer:
    """One layer of the file, at work.

    Args:
        name: its name; "outer/inner" in a nested model.
        class_name: its class, as Keras 3 calls it.
        version: of the Keras that wrote the file.
        backend: "tensorflow", "theano" …
        arrays: its weights by name.
        assets: the files that the model file holds for it, by name.
        functions: finds the function of an activation (see interchange_keras.layers.activations).
        dtype: in which it computes (see interchange_keras.precision).
    """

    def __init__(
        self,
        name: str,
        class_name: str,
        *,
        version: Version,
        backend: str,
        builder: Builder,
        arrays: Mapping[str, Array],
        assets: Mapping[str, bytes] = MappingProxyType({}),
        reserved: frozenset[str] = frozenset(),
        activate: Callable[[Layer, str, Any], str] | None = None,
        dtype: str = "float32",
    ) -> None:
        self.name = name
        self.class_name = class_name
        self.version = version
        self.backend = backend
        self.compute_dtype = dtype  # what its inputs and weights have been cast to, as far as they are floats
        self.used: set[str] = set()
        self.masks: tuple[str | None, ...] = ()  # of the inputs of the call at hand; see interchange_keras.masks
        self.given_masks: tuple[str | None, ...] | None = None
        self.names_mask = False  # whether the call at hand names the mask of its first input itself
        self._builder = builder
        self._arrays = arrays
        self._assets = assets
        self._reserved = reserved
        self._activate = activate
        self._folder = ""  # what its weights' names begin with, if it is part of another
        self._constants: dict[str, list[tuple[Array, str]]] = {}

    def part(self, folder: str) -> Layer:
        """A layer that this one holds, such as an activation with weights, and that has them in this folder."""
        part = copy(self)
        part._folder = f"{self._folder}{folder}/"
        return part

    @property
    def source(self) -> str:
        return f"{self.name} ({self.class_name})"

    # --- what is known ---

    def shape(self, x: str) -> tuple[int | None, ...]:
        """The shape of a value; None for what is not known, as the batch."""
        return self._builder.shape(x)

    def rank(self, x: str) -> int:
        return self._builder.rank(x)

    def dtype(self, x: str) -> str:
        return self._builder.dtype(x)

    def axes(self, x: str, axes: Sequence[int]) -> list[int]:
        """Dimensions of a value, counted from the front; the file contradicts itself where it has not so many."""
        rank = self.rank(x)
        if not axes or not all(-rank <= axis < rank for axis in axes):
            self.reject(f"axis {list(axes)} of a value with {rank} dimensions")
        return [axis % rank for axis in axes]

    def is_float(self, x: str) -> bool:
        return self.dtype(x) in FLOATS

    def cast(self, x: str, dtype: str) -> str:
        """The value in that dtype; itself if it has it."""
        return x if self.dtype(x) == dtype else self.add("Cast", x, to=dtype)

    # --- masks ---

    @property
    def mask(self) -> str | None:
        """The mask of the first input, bool (batch, time); None if it has none."""
        return self.masks[0] if self.masks else None

    def give_masks(self, *masks: str | None) -> None:
        """The masks of the outputs of this call, where the table (interchange_keras.masks) does not know them."""
        self.given_masks = masks

    # --- weights and constants ---

    def array(self, name: str, shape: Sequence[int | None] | None = None) -> Array:
        """A weight's values, as the file has them; `shape` is checked, None in it is any size."""
        name = self._folder + name
        if name not in self._arrays:
            raise Fault("IX207", f"the file has no weight {name!r} for it")
        self.used.add(name)
        array = self._arrays[name]
        if shape is not None:
            fits = len(shape) == array.ndim and all(e in (None, a) for e, a in zip(shape, array.shape, strict=True))
            if not fits:
                expected = ", ".join("any" if size is None else str(size) for size in shape)
                raise Fault("IX207", f"the weight {name!r} has the shape {list(array.shape)} instead of [{expected}]")
        return array

    def asset(self, name: str) -> bytes | None:
        """A file that a .keras file holds for the layer, such as its vocabulary; None if there is none."""
        return self._assets.get(name)

    def has(self, name: str) -> bool:
        """Whether the file has that weight, where not every kind of file has it."""
        return self._folder + name in self._arrays

    def weight(self, name: str, shape: Sequence[int | None] | None = None) -> str:
        """A weight as a constant of the graph, byte for byte."""
        return self.constant(name.rpartition("/")[2], self.array(name, shape))

    def constant(self, part: str, array: Any) -> str:
        """A constant named "layer/part"; the same one again when a shared layer asks again.

        What is float32 is one of the layer's own numbers, and gets the dtype in which the layer computes.
        """
        array = np.asarray(array)
        if array.dtype == np.float32 and self.compute_dtype in FLOATS and part not in ALWAYS_FLOAT32:
            array = array.astype(dtype_of(self.compute_dtype), copy=False)
        known = self._constants.setdefault(part, [])
        for other, name in known:
            if other is array or (
                other.dtype == array.dtype and other.shape == array.shape and other.tobytes() == array.tobytes()
            ):
                return name
        wish = self._builder.free_name(f"{self.name}/{part}", taken=tuple(self._reserved))
        name = self._builder.constant(wish, array)
        known.append((array, name))
        return name

    # --- building ---

    def add(self, op: str, *inputs: Any, **attributes: Any) -> str:
        """Appends a call of an operator (interchange.ops, ONNX's semantics) and returns the name of its output.

        Args:
            inputs: names of values; numbers, lists and arrays become constants; None is an absent input.
            attributes: the operator's.
        """
        return self.add_many(op, *inputs, outputs=1, **attributes)[0]

    def add_many(self, op: str, *inputs: Any, outputs: int, **attributes: Any) -> tuple[str, ...]:
        """The same for an operator with several outputs."""
        if not ops.exists(op):
            raise Fault("IX301", f"it needs the operator {op}, which is not installed")
        names = [self._value(op, position, value, inputs) for position, value in enumerate(inputs)]
        wishes = [self._builder.free_name(f"{self.name}/{op}", taken=tuple(self._reserved))] * outputs
        return self._builder.add_many(op, names, wishes, source=self.source, **attributes)

    def begin_body(self, inputs: Sequence[tuple[str, str, int | None]]) -> tuple[str, ...]:
        """Begins a graph for an attribute; for each of its inputs a name, a value like it, an axis that it lacks."""
        return self._builder.begin_body([(f"{self.name}/{part}", like, axis) for part, like, axis in inputs])

    def end_body(self, outputs: Sequence[str]) -> Body:
        """Ends it."""
        return self._builder.end_body(outputs)

    def activation(self, x: str, activation: Any) -> str:
        """Applies an activation as a config names it: a name, None, or a {"class_name": …, "config": …}."""
        return self._activate(self, x, activation) if self._activate else x

    def _value(self, op: str, position: int, value: Any, inputs: Sequence[Any]) -> str:
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        array = np.asarray(value)
        if array.dtype.kind == "f" and not isinstance(value, np.ndarray):
            float_inputs = (self.dtype(x) for x in inputs if isinstance(x, str))
            array = array.astype(next((d for d in float_inputs if d.startswith(("float", "bfloat"))), "float32"))
        elif array.dtype.kind in "iu" or array.size == 0:
            array = array.astype(np.int64)
        parameters = ops.parameters_of(op)
        parameter = parameters[min(position, len(parameters) - 1)].name
        return self.constant(parameter, array)

    # --- giving up ---

    def refuse(self, why: str, next_step: str = "") -> NoReturn:
        """This layer, or this option of it, is not supported; the importer goes on to find the other faults."""
        raise Fault("IX301", why, next_step)

    def reject(self, why: str) -> NoReturn:
        """The file contradicts itself here."""
        raise Fault("IX203", why)

    def check_size(self, elements: float) -> None:
        """Refuses an output of an absurd size before anything is computed with it."""
        if not 0 <= elements <= MOST_ELEMENTS:
            raise Fault("IX206", f"its output would have {elements:.3g} elements")
