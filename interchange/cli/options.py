"""Options of plugins on the command line: `key=value`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from interchange import plugins
from interchange.errors import BadInput
from interchange.options import Options


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


def completion(group: str) -> Callable[[click.Context, click.Parameter, str], Sequence[str]]:
    """Completes the names of plugins in the shell."""

    def complete(context: click.Context, parameter: click.Parameter, start: str) -> Sequence[str]:
        return [p.name for p in plugins.installed(group) if p.name.startswith(start) and not p.shadowed_by]

    return complete
