"""The operators: names, inputs, attributes, defaults and numerics of ONNX opset 28, one NumPy function each.

The signature is the schema: positional parameters are tensors (`None`: an absent optional one), keyword-only ones are
attributes. The body is the meaning, the docstring is the operator's row in docs/operators.md, and the modules of this
package are the registry: every function whose name starts with a capital is an operator. A return annotation
`tuple[Array, Array]` says that there are two outputs, `tuple[Array, ...]` any number.

Written for any float dtype: run on float64 the operators are the oracle of the verifier. Clear before fast.

Departures from ONNX:

* spatial operators have an attribute `layout`: "NCHW" (default) or "NHWC" (channels last, for any number of spatial
  dimensions), with kernels as HWIO then;
* an attribute that is a type (`to`, `dtype`, `stash_type`) is a NumPy dtype name ("float32"), not ONNX's number; a
  `stash_type` narrower than the input has no effect, so that float64 stays float64 throughout;
* the tensor `value` of `ConstantOfShape` is a number, `value`, and a `dtype`;
* `Constant` does not exist: constants belong to the graph.

* an attribute that is a tensor is a list of its elements (`LabelEncoder` has a `dtype` for them), one that is a graph
  is given to the function as a function.

The operators of ONNX's other domains are named "ai.onnx.ml.Scaler" (`DOMAINS`). Those of ai.onnx.ml make float64 of
float64, where ONNX makes float32.
What Keras needs and no domain of ONNX has is in the domain "interchange".
An operator of a third party is named "domain.Op" too; its module comes from the entry-point group
`interchange.operators`.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Any

from interchange.catalogue import Catalogue

Operator = Callable[..., Any]


def functions_of(module: ModuleType) -> dict[str, Operator]:
    """The operators that a module defines: its own functions whose names start with a capital."""
    return {
        name: value
        for name, value in vars(module).items()
        if name[0].isupper() and inspect.isfunction(value) and value.__module__ == module.__name__
    }


def _catalogue(*modules: str) -> Catalogue[Operator]:
    return Catalogue([f"{__name__}.{module}" for module in modules], functions_of)


# A module is imported when the first of its operators is asked for, so those with the most common ones come first.
OPERATORS = _catalogue(
    "linear",
    "elementwise",
    "activation",
    "shaping",
    "convolution",
    "pooling",
    "normalization",
    "reduction",
    "logic",
    "attention",
    "rnn",
    "resize",
    "quantization",
    "control",
    "loss",
    "random",
    "sequence",
    "signal",
    "text",
    "vision",
)

# The other domains of ONNX, and our own; their operators are named "domain.Op", as a third party's are.
DOMAINS: Mapping[str, Catalogue[Operator]] = MappingProxyType(
    {
        "ai.onnx.ml": _catalogue("ml.encoders", "ml.linear", "ml.trees"),
        "ai.onnx.preview": _catalogue("preview"),
        "interchange": _catalogue("own.hashing", "own.text"),
    }
)


def exists(op: str) -> bool:
    return _find(op) is not None


def get(op: str) -> Operator:
    """The function of an operator; KeyError if it is not installed (a Graph cannot hold such a one)."""
    function = _find(op)
    if function is None:
        raise KeyError(op)
    return function


@functools.lru_cache(4096)
def _find(op: str) -> Operator | None:
    domain, _, name = op.rpartition(".")
    if not domain:
        return OPERATORS.get(op)
    return _of_domain(domain).get(name)


@functools.cache
def _of_domain(domain: str) -> Mapping[str, Operator]:
    """The operators of another domain; a third party's are imported at the first use of it."""
    if domain in DOMAINS:
        return DOMAINS[domain]
    from interchange import plugins

    module = plugins.find("operators", domain)
    return functions_of(module) if isinstance(module, ModuleType) else {}


@functools.cache
def _signature(function: Operator) -> inspect.Signature:
    return inspect.signature(function)


def parameters_of(op: str) -> tuple[inspect.Parameter, ...]:
    """The inputs and attributes of an operator; KeyError as `get`."""
    return tuple(_signature(get(op)).parameters.values())


def defaults_of(op: str) -> Mapping[str, Any]:
    """The attributes of an operator that need not be given, and what they are then."""
    parameters = _signature(get(op)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}


@functools.cache
def outputs_of(function: Operator) -> int | None:
    """How many outputs an operator has at most; None: any number."""
    annotation = typing.get_type_hints(function).get("return") if function.__annotations__ else None
    if typing.get_origin(annotation) is not tuple:
        return 1
    parts = typing.get_args(annotation)
    return None if parts[-1] is Ellipsis else len(parts)


def call_faults(op: str, inputs: Sequence[str], n_outputs: int, attributes: Mapping[str, Any]) -> Sequence[str]:
    """What is wrong with a call, in words; nothing if it fits the operator's signature."""
    return _call_faults(op, tuple(name != "" for name in inputs), n_outputs, tuple(attributes))


@functools.lru_cache(4096)  # networks make the same calls again and again
def _call_faults(op: str, given: tuple[bool, ...], n_outputs: int, attributes: tuple[str, ...]) -> tuple[str, ...]:
    """See `call_faults`; `given` are the inputs that are not left out."""
    return tuple(_misfits(get(op), op, given, n_outputs, attributes))


def _misfits(
    function: Operator, op: str, given: Sequence[bool], n_outputs: int, attributes: Sequence[str]
) -> Iterator[str]:
    parameters = _signature(function).parameters.values()
    tensors = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    known = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    if len(given) > len(tensors) and not variadic:
        yield f"{op} takes at most {len(tensors)} inputs, not {len(given)}"
    for position, parameter in enumerate(tensors):
        is_given = position < len(given) and given[position]
        if not is_given and parameter.default is parameter.empty:
            yield f"{op} needs its input {parameter.name!r}"
    for name in attributes:
        if name not in known:
            yield f"{op} has no attribute {name!r}; it has {', '.join(known) or 'none'}"
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in attributes:
            yield f"{op} needs its attribute {name!r}"
    most = outputs_of(function)
    if n_outputs < 1 or (most is not None and n_outputs > most):
        yield f"{op} has {most} output(s), not {n_outputs}"
