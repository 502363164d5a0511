"""Writes docs/operators.md: `python -m interchange.ops._table > docs/operators.md`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

from interchange import ops

HEAD = """\
# Operators

Made from the source by `python -m interchange.ops._table > docs/operators.md`; do not edit.

Names, inputs, attributes, defaults and numerics are those of [ONNX](https://onnx.ai/onnx/operators/), opset 28, with
the departures listed in `interchange/ops/__init__.py`. Inputs in brackets are optional, an attribute without a default
is required. Each of them has a function in scripts, in plain Python and on NumPy ([pyscript.md](pyscript.md)); a test
holds the lists against each other.
"""


def table() -> str:
    """The page, one section for each module of operators."""
    own = [_section(module) for module in sorted(ops.OPERATORS.modules)]
    others = [_section(module, domain) for domain, operators in ops.DOMAINS.items() for module in operators.modules]
    count = len(ops.OPERATORS) + sum(map(len, ops.DOMAINS.values()))
    return "\n".join([HEAD, f"{count} operators.", *own, *others])


def _section(module_name: str, domain: str = "") -> str:
    module = import_module(module_name)
    name = module_name.rpartition(".")[2]
    title = f"{domain}: {name}" if domain else name.capitalize()
    lines = ["", f"## {title}", "", inspect.getdoc(module) or "", ""]
    lines += ["| operator | inputs | attributes | meaning |", "|---|---|---|---|"]
    lines += [_row(name, function) for name, function in sorted(ops.functions_of(module).items())]
    return "\n".join(lines)


def _row(name: str, function: Callable[..., Any]) -> str:
    parameters = inspect.signature(function).parameters.values()
    inputs = ", ".join(filter(None, map(_input, parameters)))
    attributes = ", ".join(filter(None, map(_attribute, parameters)))
    meaning = " ".join((inspect.getdoc(function) or "").split()).replace("|", "\\|")
    return f"| `{name}` | {inputs} | {attributes} | {meaning} |"


def _input(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"{parameter.name} …"
    if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
        return ""
    return parameter.name if parameter.default is parameter.empty else f"[{parameter.name}]"


def _attribute(parameter: inspect.Parameter) -> str:
    if parameter.kind is not parameter.KEYWORD_ONLY:
        return ""
    if parameter.default is parameter.empty:
        return f"`{parameter.name}`"
    return f"`{parameter.name}={parameter.default!r}`"


if __name__ == "__main__":
    print(table())
