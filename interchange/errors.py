"""Every error that a user can meet: a stable code, what happened, where, why, and what to do next.

The class decides the exit code of the command line: 2 bad input or usage, 3 the model asks for something that
we do not have, 4 the environment lacks something. (0 is success; 1 means that outputs differ, which is a result of
`verify`, not an error.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar


class InterchangeError(Exception):
    """One error block.

    Args:
        code: a key of `CODES`, such as "IX201"; plugins bring their own prefix ("ACME7").
        what: one sentence saying what went wrong.
        where: the file, layer or argument concerned.
        why: the cause; several faults are several lines, so that all of them are seen at once.
        next_step: what the user can do.
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self, code: str, what: str, *, where: str = "", why: str | Iterable[str] = (), next_step: str = ""
    ) -> None:
        self.code = code
        self.what = what
        self.where = where
        self.why = (why,) if isinstance(why, str) else tuple(why)
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.what}"]
        if self.where:
            lines.append(f"  where: {self.where}")
        if len(self.why) == 1:
            lines.append(f"  why:   {self.why[0]}")
        elif self.why:
            lines += ["  why:", *(f"    - {reason}" for reason in self.why)]
        if self.next_step:
            lines.append(f"  next:  {self.next_step}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "why": list(self.why),
            "next": self.next_step,
            "exit_code": self.exit_code,
        }


class BadInput(InterchangeError):
    """A file, an argument or a feed that cannot be used as it is."""

    exit_code = 2


class Unsupported(InterchangeError):
    """The model asks for something that no installed plugin has."""

    exit_code = 3


class EnvironmentLacks(InterchangeError):
    """A package, a device or a program is missing."""

    exit_code = 4


CODES: Mapping[str, str] = MappingProxyType(
    {
        "IX100": "The command line cannot be understood.",
        "IX101": "The path does not exist or cannot be read.",
        "IX102": "The file already exists. interchange never overwrites without --force.",
        "IX103": "An option has a value that cannot be used, or is not known to the plugin.",
        "IX104": "No plugin of that name is installed.",
        "IX105": "The target cannot be written.",
        "IX201": "No importer recognises the file by its content.",
        "IX202": "Several importers recognise the file; choose one with --from.",
        "IX203": "The file is damaged: truncated, or not what its header promises.",
        "IX204": "The file holds weights only: the architecture is missing.",
        "IX205": "A file refers to something outside its own folder; model files are never followed there.",
        "IX206": "The file asks for more memory or more items than the limit allows.",
        "IX207": "The weights in the file do not fit the layers: some are missing, or have another shape.",
        "IX210": "The graph is not well formed.",
        "IX211": "The inputs given do not fit the inputs of the model.",
        "IX212": "An operator cannot compute with these values or shapes.",
        "IX220": "The test set cannot be read.",
        "IX221": "The test set does not fit the model.",
        "IX301": "The model uses layers, options or operators that are not supported.",
        "IX302": "The file contains code (a Lambda). interchange never runs code from a model file.",
        "IX303": "The exporter cannot express something that the graph contains.",
        "IX401": "A Python package is missing.",
        "IX402": "A device or execution provider was asked for that cannot be had here.",
        "IX403": "A plugin is broken: it cannot be imported or does not keep its contract.",
        "IX404": "A backend process ended without an answer.",
        "IX901": "An error inside interchange itself. Please report it with the model, if you can share it.",
    }
)
