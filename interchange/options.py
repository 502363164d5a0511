"""Options of plugins: which plugin takes which option is told by its method's signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from interchange.errors import BadInput

Options = dict[str, Any]
Shapes = dict[str, tuple[int | None, ...]]  # of inputs by name; None is any size

_TYPES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "None": (type(None),),
}


def taken_by(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The options that a plugin's method has: its parameters with a default, but for `force`, which is the core's."""
    parameters = inspect.signature(method).parameters
    return {name: p for name, p in parameters.items() if p.default is not p.empty and name != "force"}


def check(options: Mapping[str, Any], plugin: str, method: Callable[..., Any]) -> None:
    """Raises BadInput (IX103) where a plugin's method does not take an option, or not a value of that type."""
    if options:
        share_out(options, {plugin: method})


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
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    parts = [part.strip() for part in text.split("|")]
    if not all(part in _TYPES for part in parts):
        return ""
    accepted = tuple(kind for part in parts for kind in _TYPES[part])
    if isinstance(value, accepted) and (bool in accepted or not isinstance(value, bool)):
        return ""
    wanted = " or ".join(part for part in parts if part != "None")
    return f"{parameter.name} is {value!r}; {wanted} is wanted"
