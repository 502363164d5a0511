"""The model as a whole: its signature, its weights, and a run with checked inputs."""

from __future__ import annotations

import math
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, Weights
from interchange_pyscript.program.files import TEXT, from_nested, to_nested
from interchange_pyscript.program.numbers import CODES, InputError, rounded, stored_as
from interchange_pyscript.program.weights import StoredTensor, WeightsFile, mapped

Value = Any  # a tensor; a list of them (sequence); None (an empty optional value); a map
Signature = Mapping[str, tuple[str, tuple[Any, ...]]]  # name -> (dtype or "sequence of" one, shape)
Network = Callable[..., Mapping[str, Any]]


class Model:
    """A network with its signature and its weights, which are read when they are first needed.

    `weights` is the name of the file beside the script, or the file itself, compressed, as text.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        inputs: Signature,
        outputs: Signature,
        weights: str,
        checksum: int,
        labels: Sequence[str] = (),
        preprocessing: Mapping[str, Any] | None = None,
    ) -> None:
        self.name, self.network, self.labels, self.preprocessing = name, network, labels, preprocessing
        self.inputs, self.outputs = inputs, outputs
        self.source, self.checksum = weights, checksum
        self.file: WeightsFile | None = None
        self.weights = Weights()

    def __getstate__(self) -> dict[str, Any]:
        """What another process is told; it reads the weights itself."""
        return {**vars(self), "file": None, "weights": Weights()}

    @property
    def provider(self) -> str:
        """What computes, in words."""
        return f"{python_version()} (standard library only)"

    def load(self) -> WeightsFile:
        """Reads the weights, once."""
        if self.file is None:
            if "\n" in self.source:
                import base64

                text = base64.b85decode(self.source.replace("\n", ""))
                data, name = memoryview(zlib.decompress(text)), "the text of the weights"
            else:
                path = os.path.join(os.path.dirname(os.path.abspath(__file__)), self.source)
                if not os.path.isfile(path):
                    raise InputError(f"the weights are missing: there is no {path}")
                with open(path, "rb") as file:
                    data, name = mapped(file), self.source
            self.file = WeightsFile(data, self.checksum, name)
            self.weights = self.prepare(self.file)
        return self.file

    def prepare(self, file: WeightsFile) -> Weights:
        """The weights as the network takes them."""
        return Weights(read=lambda name: StoredTensor(*file.tensor(name)), nodes=file.nodes)

    def run(self, tensors: Sequence[Value]) -> dict[str, Value]:
        """The outputs by name, for inputs that have been checked."""
        self.load()
        try:
            return dict(self.compute(tensors))
        except (ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError) as error:
            raise InputError(f"the model cannot compute with these inputs: {error}") from error

    def compute(self, tensors: Sequence[Value]) -> Mapping[str, Value]:
        """Calls the network."""
        return self.network(*tensors, self.weights)

    def predict(self, inputs: Sequence[Any]) -> Any:
        """The output for nested lists of numbers; of several, a dictionary."""
        if len(inputs) != len(self.inputs):
            raise InputError(f"{self.name} takes {len(self.inputs)} input(s), not {len(inputs)}: {named(self.inputs)}")
        values = [value_of(nested, dtype) for nested, (dtype, _) in zip(inputs, self.inputs.values())]
        outputs = self.run(self.checked(values))
        results = {name: to_nested(tensor) for name, tensor in outputs.items()}
        return results if len(results) > 1 else next(iter(results.values()))

    def checked(self, values: Sequence[Value]) -> list[Value]:
        """The inputs in the model's types, if they have the model's shapes."""
        sizes: dict[str, int] = {}
        result: list[Value] = []
        for (name, (dtype, shape)), value in zip(self.inputs.items(), values):
            kind, _, element = dtype.rpartition(" of ")
            if kind.endswith("sequence") and isinstance(value, Tensor) and not value.values:
                value = []  # what an archive has for an empty one
            if kind.endswith("sequence") and isinstance(value, list):
                result.append([Tensor(typed(item.values, element, name), item.shape) for item in value])
            elif isinstance(value, Tensor) and not kind.endswith("sequence"):
                result.append(fitting(value, name, element, shape, sizes))
            elif value is None and kind.startswith("optional"):
                result.append(None)
            else:
                raise InputError(f"input {name!r} takes {dtype}")
        return result

    def self_test(self) -> list[str]:
        """What is wrong with the outputs for the golden case; nothing if they agree."""
        case = self.load().golden()
        if case is None:
            raise InputError("there is no golden case in the weights file")
        inputs = [golden_input(k, entry["dtype"], entry["shape"]) for k, entry in enumerate(case["inputs"])]
        outputs = self.run(self.checked(inputs))
        return [fault for entry in case["outputs"] for fault in golden_faults(entry, outputs[entry["name"]])]

    def without_numbers(self) -> list[str]:
        """The outputs that are nothing but NaN in the golden case, as a model with damaged weights has them."""
        outputs = (self.load().golden() or {"outputs": []})["outputs"]
        return [e["name"] for e in outputs if e["values"] and all(math.isnan(float(v)) for v in e["values"])]


def value_of(nested: Any, dtype: str) -> Value:
    """Nested lists as a tensor; for a sequence a list of them, for an empty optional value None."""
    kind, _, element = dtype.rpartition(" of ")
    if nested is None and kind.startswith("optional"):
        return None
    if not kind.endswith("sequence"):
        return from_nested(nested, element)
    if not isinstance(nested, (list, tuple)):
        raise InputError(f"{nested!r:.60} is not a list, as a {kind} is")
    return [from_nested(item, element) for item in nested]


def fitting(tensor: Tensor, name: str, dtype: str, shape: Sequence[Any], sizes: dict[str, int]) -> Tensor:
    """An input in the model's type, if it has the model's shape; `sizes` are those of named dimensions."""
    wanted = [sizes.get(size, size) if isinstance(size, str) else size for size in shape]
    fits = len(wanted) == len(tensor.shape) and all(
        have == want or not isinstance(want, int) for have, want in zip(tensor.shape, wanted)
    )
    if not fits:
        raise InputError(f"input {name!r} has the shape {shape_text(tensor.shape)} instead of {shape_text(wanted)}")
    sizes.update((size, have) for size, have in zip(shape, tensor.shape) if isinstance(size, str))
    return Tensor(typed(tensor.values, dtype, name), tensor.shape)


def python_version() -> str:
    """Such as "CPython 3.12.1"."""
    own = getattr(sys, "pypy_version_info", None)
    version = ".".join(map(str, sys.version_info[:3]))
    return f"PyPy {'.'.join(map(str, own[:3]))}, Python {version}" if own else f"CPython {version}"


def named(names: Iterable[str]) -> str:
    """Names in quotes, for messages."""
    return ", ".join(map(repr, names))


def shape_text(shape: Sequence[Any]) -> str:
    """Such as "[batch, 28, 28]"; an unknown size is "?"."""
    sizes = ("?" if size is None else repr(size).strip("'\"") for size in shape)
    return f"[{', '.join(sizes)}]"


def typed(values: Sequence[float], dtype: str, name: str) -> list[float]:
    """The numbers in the model's type; integers become floats, but not floats integers."""
    if dtype == TEXT:
        wrong = next((value for value in values if not isinstance(value, str)), None)
        if wrong is not None:
            raise InputError(f"input {name!r} takes texts, not {wrong!r}")
        return list(values)
    return typed_floats(values, dtype, name) if "float" in dtype else typed_integers(values, dtype, name)


def no_texts(values: Sequence[float]) -> None:
    """Refuses texts where numbers are asked for."""
    if str in set(map(type, values)):
        wrong = next(value for value in values if isinstance(value, str))
        raise InputError(f"{wrong!r:.60} is not a number")


def typed_floats(values: Sequence[float], dtype: str, name: str) -> list[float]:
    """`typed` for types of floats."""
    no_texts(values)
    try:
        return rounded(values, dtype if dtype in CODES or dtype.endswith("16") else "float32")
    except OverflowError as error:
        raise InputError(f"input {name!r} has an integer that is too large for {dtype}") from error


def typed_integers(values: Sequence[float], dtype: str, name: str) -> list[float]:
    """`typed` for types of integers and truth values."""
    no_texts(values)
    kind = bool if dtype == "bool" else int
    wrong = next((value for value in values if not isinstance(value, kind)), None)
    if wrong is not None:
        raise InputError(f"input {name!r} takes {dtype}, not {wrong!r}")
    same, bits = rounded(values, stored_as(dtype)), 0 if kind is bool else int(dtype.lstrip("uint"))
    if same != list(values) or (bits in (2, 4) and any(int(value) >> bits not in (0, -1) for value in values)):
        raise InputError(f"input {name!r} has numbers that are too large for {dtype}")
    return same


def golden_input(k: int, dtype: str, shape: Sequence[int]) -> Tensor:
    """The k-th input of the golden case, which is made by a rule."""
    places = range(math.prod(shape))
    if dtype == "bool":
        return Tensor([i % 2 == 1 for i in places], shape)
    if "float" not in dtype:
        return Tensor([i % 2 for i in places], shape)
    return Tensor([2 * ((i + 1 + 1000 * k) * 0.6180339887498949 % 1.0) - 1 for i in places], shape)


def golden_faults(entry: Mapping[str, Any], tensor: Tensor) -> list[str]:
    """What is wrong with one output of the golden case."""
    if list(tensor.shape) != entry["shape"]:
        return [f"output {entry['name']!r} has the shape {list(tensor.shape)} instead of {entry['shape']}"]
    worst = 0.0
    for have, value in zip(tensor.values, entry["values"]):
        want = float(value)
        if have != want and not (math.isnan(have) and math.isnan(want)):
            error = abs(have - want)
            worst = max(worst, math.inf if math.isnan(error) else error)
    if worst <= entry["tolerance"]:
        return []
    return [f"output {entry['name']!r} is off by {worst:.3g}; {entry['tolerance']:.3g} is allowed"]
