"""Options of plugins on the command line: `key=value`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

from interchange import plugins
from interchange.errors import BadInput
from interchange.options import Options, Shapes

Function = TypeVar("Function", bound=Callable[..., Any])


def parse(texts: Iterable[str]) -> Options:
    """`("opset=17", "name=net")` as {"opset": 17, "name": "net"}: each value is JSON, or else a string.

    Raises:
        BadInput: (IX103) a text is not of the form key=value.
    """
    return {key.replace("-", "_"): _value(value) for key, value in pairs(texts)}


def pairs(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The two sides of each key=value.

    Raises:
        BadInput: (IX103) a text is not of that form.
    """
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise BadInput("IX103", f"{text!r} is not of the form key=value.", next_step="Write key=value.")
        yield key.strip(), value.strip()


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


def importing(function: Function) -> Function:
    """Adds --from, --replace, --architecture and --import-option to a command, as `importer` and `import_options`."""

    def collect(context: click.Context, _: click.Parameter, texts: Sequence[str]) -> None:
        context.params["import_options"] = context.params.get("import_options", {}) | parse(texts)

    def replace(context: click.Context, _: click.Parameter, texts: Sequence[str]) -> None:
        layers = {name: str(target) for name, target in pairs(texts)}
        if layers:
            context.params["import_options"] = context.params.get("import_options", {}) | {"layers": layers}

    def architecture(context: click.Context, _: click.Parameter, path: str | None) -> None:
        if path is not None:
            context.params["import_options"] = context.params.get("import_options", {}) | {"architecture": path}

    declared = (
        click.option(
            "--from",
            "importer",
            metavar="IMPORTER",
            shell_complete=completion("importers"),
            help="The importer to use, whatever the file looks like.",
        ),
        click.option(
            "--replace",
            metavar="LAYER=MODULE:FUNCTION",
            multiple=True,
            expose_value=False,
            callback=replace,
            help="keras: your function in place of a layer, such as a Lambda.",
        ),
        click.option(
            "--architecture",
            metavar="FILE",
            expose_value=False,
            callback=architecture,
            help="keras: the layers of a file that holds weights only: the JSON of model.to_json().",
        ),
        click.option(
            "--import-option",
            metavar="KEY=VALUE",
            multiple=True,
            expose_value=False,
            callback=collect,
            help="Any option of the importer; value as JSON.",
        ),
    )
    for option in reversed(declared):
        function = option(function)
    return function


def shaping(function: Function) -> Function:
    """Adds --shape to a command, as `shapes`."""

    def parse_shapes(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> Shapes:
        return dict(map(_shape, texts))

    return click.option(
        "--shape",
        "shapes",
        metavar="INPUT=N,N,…",
        multiple=True,
        callback=parse_shapes,
        help="The shape of an input, for sizes that the model leaves open; ? leaves one open.",
    )(function)


def _shape(text: str) -> tuple[str, tuple[int | None, ...]]:
    name, _, sizes = text.rpartition("=")
    parts = [part.strip() for part in sizes.split(",") if part.strip()]
    if not all(part == "?" or part.isdecimal() for part in parts):
        raise BadInput(
            "IX103", f"{text!r} is no shape of an input.", next_step="Write it like --shape input=1,224,224,3"
        )
    return name.strip(), tuple(None if part == "?" else int(part) for part in parts)


def completion(group: str) -> Callable[[click.Context, click.Parameter, str], Sequence[str]]:
    """Completes the names of plugins in the shell."""

    def complete(context: click.Context, parameter: click.Parameter, start: str) -> Sequence[str]:
        return [p.name for p in plugins.installed(group) if p.name.startswith(start) and not p.shadowed_by]

    return complete
