"""What a user calls a backend: `name`, `name:key=value,key=value`, or `module:Class` of one under development."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interchange import plugins
from interchange.errors import BadInput, EnvironmentLacks, InterchangeError

Options = Mapping[str, Mapping[str, Any]]  # by label or by plugin name

_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class BackendName:
    """A backend as the user wrote it, taken apart.

    Args:
        label: what the user wrote; names the backend in the report.
        target: the plugin's name, or "module:Class".
        options: what is passed to `open`.
    """

    label: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)


def parse(text: str, options: Options) -> BackendName:
    """A backend's name with its options; `options` (by label or plugin name) adds to those in the text.

    Raises:
        BadInput: (IX103) the text is not of the form.
    """
    head, _, tail = text.rpartition(":") if "=" in text.rpartition(":")[2] else (text, "", "")
    written: dict[str, Any] = {}
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise BadInput(
                "IX103",
                f"The backend {text!r} cannot be understood.",
                why=f"{part!r} is not key=value",
                next_step="Write name, name:key=value or name:key=value,key=value.",
            )
        written[key.strip()] = _value(value.strip())
    if not head:
        raise BadInput("IX103", "A backend has no name.", where=text)
    return BackendName(text, head, {**options.get(head, {}), **options.get(text, {}), **written})


def parse_all(texts: Iterable[str], options: Options) -> tuple[BackendName, ...]:
    """Several backends. Raises BadInput (IX103) if one is listed twice, none at all, or something else than names."""
    texts = tuple(texts) if isinstance(texts, Iterable) else (texts,)
    strange = [repr(text) for text in texts if not isinstance(text, str)]
    if strange:
        raise BadInput("IX103", "The list of backends cannot be used.", why=f"{', '.join(strange)} is not a name")
    names = tuple(parse(text, options) for text in texts)
    twice = sorted({n.label for n in names if [m.label for m in names].count(n.label) > 1})
    if twice or not names:
        why = f"{', '.join(twice)} is listed twice" if twice else "the list is empty"
        raise BadInput("IX103", "The list of backends cannot be used.", why=why)
    return names


def _value(text: str) -> Any:
    """true, false and numbers as such; everything else is text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def backend(target: str) -> plugins.Backend:
    """The backend itself; a "module:Class" is imported from the Python path.

    Raises:
        BadInput: (IX104) there is none of that name.
        EnvironmentLacks: (IX401, IX403) it cannot be used.
    """
    if not _CLASS.fullmatch(target):
        found: plugins.Backend = plugins.get("backends", target)
        return found
    module, _, name = target.partition(":")
    try:
        made: plugins.Backend = getattr(importlib.import_module(module), name)()
    except InterchangeError:
        raise
    except Exception as error:  # a stranger's module may raise anything
        why = f"{type(error).__name__}: {error}"
        raise EnvironmentLacks("IX403", f"The backend {target!r} cannot be imported.", why=why) from error
    if not isinstance(getattr(made, "artifact", None), str) or not callable(getattr(made, "open", None)):
        why = "it needs an attribute `artifact` and a method `open`"
        raise EnvironmentLacks("IX403", f"{target!r} is not a backend.", why=why)
    return made
