"""Options of plugins: `key=value` on the command line, and which plugin takes which, told from its signature."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from interchange import plugins
from interchange.errors import BadInput

Options = dict[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "None": (type(None),),
}


def parse(texts: Iterable[str]) -> Options:
    """`("opset=17", "name=net")` as {"opset": 17, "name": "net"}: each value is JSON, or else a string.

    Raises:
        BadInput: (IX103) a text is not of the form key=value.
    """
    options: Options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise BadInput(
                "IX103", f"The option {text!r} is not of the form key=value.", next_step="--option key=value"
            )
        options[key.strip().replace("-", "_")] = _value(value.strip())
    return options


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def named(text: str) -> tuple[str, Options]:
    """`onnxruntime:device=cuda,threads=2` as a plugin's name and its options.

    Raises:
        BadInput: (IX103) an option is not of the form key=value.
    """
    name, _, rest = text.partition(":")
    return name, parse(part for part in rest.split(",") if part)


def taken_by(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The options that a plugin's method has: its keyword-only parameters but `force`, which is the core's."""
    parameters = inspect.signature(method).parameters
    return {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY and name != "force"}


def share_out(options: Mapping[str, Any], methods: Mapping[str, Callable[..., Any]]) -> dict[str, Options]:
    """Gives every option to those plugins that take it.

    Args:
        methods: a plugin's name -> its method.

    Raises:
        BadInput: (IX103) no plugin takes an option, or its value has a type that the plugin does not take; all at once.
    """
    known = {plugin: taken_by(method) for plugin, method in methods.items()}
    anything = {plugin for plugin, method in methods.items() if _takes_anything(method)}
    shares: dict[str, Options] = {plugin: {} for plugin in methods}
    faults = []
    for name, value in options.items():
        takers = [plugin for plugin in methods if name in known[plugin] or plugin in anything]
        if not takers:
            faults.append(f"there is no option {name!r}")
        for plugin in takers:
            parameter = known[plugin].get(name)
            fault = _type_fault(parameter, value) if parameter else ""
            if fault:
                faults.append(f"{plugin}: {fault}")
            shares[plugin][name] = value
    if faults:
        takes = "; ".join(f"{plugin} takes {', '.join(map(repr, known[plugin])) or 'no options'}" for plugin in methods)
        raise BadInput("IX103", "An option cannot be used.", where=", ".join(methods), why=faults, next_step=takes)
    return shares


def _takes_anything(method: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(method).parameters.values())


def _type_fault(parameter: inspect.Parameter, value: Any) -> str:
    """What is wrong with a value's type, where the annotation is one of the simple types; "" if nothing is."""
    annotation = parameter.annotation if isinstance(parameter.annotation, str) else ""
    parts = [part.strip() for part in annotation.split("|")]
    if not all(part in _TYPES for part in parts):
        return ""
    accepted = tuple(kind for part in parts for kind in _TYPES[part])
    if isinstance(value, accepted) and (bool in accepted or not isinstance(value, bool)):
        return ""
    wanted = " or ".join(part for part in parts if part != "None")
    return f"{parameter.name} is {value!r}; {wanted} is wanted"


def completion(group: str) -> Callable[[click.Context, click.Parameter, str], Sequence[str]]:
    """Completes the names of plugins in the shell."""

    def complete(context: click.Context, parameter: click.Parameter, start: str) -> Sequence[str]:
        return [p.name for p in plugins.installed(group) if p.name.startswith(start) and not p.shadowed_by]

    return complete
