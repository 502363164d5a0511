"""The model as a whole: its signature, its weights, and a run with checked inputs."""

from __future__ import annotations

import base64
import math
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, Weights
from interchange_pyscript.program.files import from_nested, to_nested
from interchange_pyscript.program.numbers import InputError, numbers_of, rounded
from interchange_pyscript.program.weights import WeightsFile

Signature = Mapping[str, tuple[str, tuple[Any, ...]]]  # name -> dtype and shape; a size is a number, a name, or None
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

    @property
    def provider(self) -> str:
        """What computes."""
        return f"{python_version()} (standard library only)"

    def load(self) -> WeightsFile:
        """Reads the weights, once."""
        if self.file is None:
            if "\n" in self.source:
                data, name = zlib.decompress(base64.b85decode(self.source.replace("\n", ""))), "the text of the weights"
            else:
                path = os.path.join(os.path.dirname(os.path.abspath(__file__)), self.source)
                if not os.path.isfile(path):
                    raise InputError(f"the weights are missing: there is no {path}")
                with open(path, "rb") as file:
                    data, name = file.read(), self.source
            self.file = WeightsFile(data, self.checksum, name)
            self.weights = self.prepare(self.file)
        return self.file

    def prepare(self, file: WeightsFile) -> Weights:
        """The weights as the network takes them."""
        entries = file.tensors.items()
        return Weights({name: Tensor(numbers_of(data, dtype), shape) for name, (dtype, shape, data) in entries})

    def run(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """The outputs by name, for inputs that have been checked."""
        self.load()
        try:
            return dict(self.compute(tensors))
        except (ValueError, IndexError, ZeroDivisionError) as error:
            raise InputError(f"the model cannot compute with inputs of these sizes: {error}") from error

    def compute(self, tensors: Sequence[Tensor]) -> Mapping[str, Tensor]:
        """Calls the network."""
        return self.network(*tensors, self.weights)

    def predict(self, inputs: Sequence[Any]) -> Any:
        """The output for nested lists of numbers; of several, a dictionary."""
        if len(inputs) != len(self.inputs):
            raise InputError(f"{self.name} takes {len(self.inputs)} input(s), not {len(inputs)}: {named(self.inputs)}")
        outputs = self.run(self.checked([from_nested(nested) for nested in inputs]))
        results = {name: to_nested(tensor) for name, tensor in outputs.items()}
        return results if len(results) > 1 else next(iter(results.values()))

    def checked(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The inputs in the model's types, if they have the model's shapes."""
        sizes: dict[str, int] = {}
        result = []
        for (name, (dtype, shape)), tensor in zip(self.inputs.items(), tensors):
            wanted = [sizes.get(size, size) if isinstance(size, str) else size for size in shape]
            fits = len(wanted) == len(tensor.shape) and all(
                have == want or not isinstance(want, int) for have, want in zip(tensor.shape, wanted)
            )
            if not fits:
                raise InputError(
                    f"input {name!r} has the shape {shape_text(tensor.shape)} instead of {shape_text(wanted)}"
                )
            sizes.update((size, have) for size, have in zip(shape, tensor.shape) if isinstance(size, str))
            result.append(Tensor(typed(tensor.values, dtype, name), tensor.shape))
        return result

    def self_test(self) -> list[str]:
        """What is wrong with the outputs for the golden case; nothing if they agree."""
        case = self.load().golden
        if case is None:
            raise InputError("there is no golden case in the weights file")
        inputs = [golden_input(k, entry["dtype"], entry["shape"]) for k, entry in enumerate(case["inputs"])]
        outputs = self.run(self.checked(inputs))
        return [fault for entry in case["outputs"] for fault in golden_faults(entry, outputs[entry["name"]])]

    def without_numbers(self) -> list[str]:
        """The outputs that are nothing but NaN in the golden case, as a model with damaged weights has them."""
        outputs = (self.load().golden or {"outputs": []})["outputs"]
        return [e["name"] for e in outputs if e["values"] and all(math.isnan(float(v)) for v in e["values"])]


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
    if "float" in dtype:
        try:
            return rounded(values, dtype)
        except OverflowError as error:
            raise InputError(f"input {name!r} has an integer that is too large for {dtype}") from error
    kind = bool if dtype == "bool" else int
    wrong = next((value for value in values if not isinstance(value, kind)), None)
    if wrong is not None:
        raise InputError(f"input {name!r} takes {dtype}, not {wrong!r}")
    same = rounded(values, dtype)
    if same != list(values):
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
