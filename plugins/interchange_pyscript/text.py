"""Python text: names, strings and calls as source code that is safe, all ASCII, and formatted as `ruff format` does."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

WIDTH = 120
LONGEST_NAME = 40


class Call(NamedTuple):
    """A call as text: arguments are texts or calls, with their keyword before them ("" for none).

    `suffix` follows the call: "[0]".
    """

    function: str
    arguments: tuple[tuple[str, str | Call], ...]
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.function}({', '.join(f'{word}{value}' for word, value in self.arguments)}){self.suffix}"


def quoted(text: str) -> str:
    """A string literal in ASCII, in double quotes unless single ones need fewer escapes."""
    body = ascii(text)
    if body[0] == "'" and ('"' not in text or text.count('"') <= text.count("'")):
        return '"' + body[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    return body


def literal(value: object) -> str:
    """An attribute or a piece of metadata as a literal."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value!r}")'
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(entry)}' for key, entry in value.items())}}}"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no literal")


def plain(text: str) -> str:
    """Foreign text for a comment or a docstring: one line of ASCII without backslashes and double quotes."""
    kept = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
    return " ".join(kept.replace('"', "'").split())


def identifier(wish: str, taken: Collection[str] = ()) -> str:
    """A variable name made of the letters of `wish`, which may be anything."""
    name = re.sub(r"\W+", "_", wish, flags=re.ASCII).strip("_").lower()[:LONGEST_NAME].rstrip("_")
    if not name or name[0].isdigit():
        name = f"v_{name}".rstrip("_")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        name += "_"
    base, n = name, 1
    while name in taken:
        n += 1
        name = f"{base}_{n}"
    return name


def assignment(target: str, call: Call, indent: int) -> list[str]:
    """`target = call` in as few lines as fit."""
    return _lines(f"{' ' * indent}{target} = ", call, "", indent)


def _lines(start: str, value: str | Call, end: str, indent: int) -> list[str]:
    whole = f"{start}{value}{end}"
    if isinstance(value, str) or len(whole) <= WIDTH or not value.arguments:
        return [whole]
    inside = " " * (indent + 4)
    opening, closing = f"{start}{value.function}(", f"{' ' * indent}){value.suffix}{end}"
    together = inside + ", ".join(f"{word}{argument}" for word, argument in value.arguments)
    if len(together) <= WIDTH:
        return [opening, together, closing]
    lines = [opening]
    for word, argument in value.arguments:
        lines += _lines(inside + word, argument, ",", indent + 4)
    return [*lines, closing]


def wrapped(items: Sequence[str], opening: str, closing: str, indent: int) -> list[str]:
    """A bracket on one line if it fits, else with an item on each line."""
    whole = f"{' ' * indent}{opening}{', '.join(items)}{closing}"
    if len(whole) <= WIDTH or not items:
        return [whole]
    return [" " * indent + opening, *(f"{' ' * (indent + 4)}{item}," for item in items), " " * indent + closing]
