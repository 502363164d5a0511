"""`testset.toml`: how a sample becomes the model's input, and how its output becomes a decision."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interchange.errors import BadInput
from interchange.graph import dtype_of

FILE = "testset.toml"
VERSION = 1
DECISIONS = ("argmax", "threshold", "round", "none")
COLOURS = ("rgb", "bgr", "grey")
LAYOUTS = ("NHWC", "NCHW")
ONLY_INPUT = ""  # stands for the name of the only input

_MOST_BYTES = 1 << 20
_KEYS = ("version", "labels", "decision", "input", "inputs")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """value = (pixel * scale - mean) / std, in float64, then rounded to `dtype`. None: what the model's input says."""

    size: tuple[int, int] | None = None  # height, width
    colour: str | None = None
    dtype: str | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str | None = None

    def __str__(self) -> str:
        size = "own size" if self.size is None else f"{self.size[0]} × {self.size[1]}"
        return f"{size}, {self.colour or 'colours as they are'}, {self.layout or 'any layout'}, {self.formula('pixel')}"

    def formula(self, value: str) -> str:
        """What happens to each number, to read: "float32(pixel × 0.00392157)"."""
        text = value if self.scale == 1 else f"{value} × {self.scale:.6g}"
        if self.mean:
            text = f"{text} − {_list(self.mean)}"
        if self.std:
            text = f"({text}) / {_list(self.std)}" if text != value else f"{text} / {_list(self.std)}"
        return f"{self.dtype or 'dtype'}({text})"


def _list(values: tuple[float, ...]) -> str:
    texts = ", ".join(f"{value:.6g}" for value in values)
    return texts if len(values) == 1 else f"({texts})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What testset.toml says; the defaults where there is none."""

    labels: tuple[str, ...] = ()
    decision: str | None = None
    inputs: Mapping[str, Preprocessing] = field(default_factory=dict)
    found: bool = False

    def of(self, name: str) -> Preprocessing:
        """The preprocessing of an input; `[input]` stands for the only one."""
        return self.inputs.get(name) or self.inputs.get(ONLY_INPUT) or Preprocessing()


def read(folder: Path) -> Settings:
    """The settings in a folder, or the defaults if it has no testset.toml.

    Raises:
        BadInput: (IX220) the file is not of its form; all faults at once.
    """
    path = folder / FILE
    if not path.is_file():
        return Settings()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ValueError("it is larger than 1 MiB")
        document = tomllib.loads(text.decode("utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise BadInput("IX220", f"{FILE} cannot be read.", where=str(path), why=str(error)) from error
    faults = list(_faults(document))
    if faults:
        raise BadInput(
            "IX220", f"{FILE} is not of its form.", where=str(path), why=faults, next_step="See formats/testset.md."
        )
    sections = document.get("inputs", {}) or ({ONLY_INPUT: document["input"]} if "input" in document else {})
    return Settings(
        labels=tuple(document.get("labels", ())),
        decision=document.get("decision"),
        inputs={name: _preprocessing(section) for name, section in sections.items()},
        found=True,
    )


def _preprocessing(section: Mapping[str, Any]) -> Preprocessing:
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in section.items()}
    return Preprocessing(**values)


def _faults(document: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown key {key!r}; known are {', '.join(_KEYS)}" for key in document if key not in _KEYS)
    if document.get("version") != VERSION or isinstance(document.get("version"), bool):
        yield f"version is {document.get('version')!r}; this release reads version {VERSION}"
    labels = document.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        yield "labels is not a list of strings"
    elif len(set(labels)) != len(labels):
        yield "labels has the same name twice"
    if document.get("decision", "none") not in DECISIONS:
        yield f"decision is {document['decision']!r}; known are {', '.join(DECISIONS)}"
    if "input" in document and "inputs" in document:
        yield "both [input] and [inputs.NAME] are given; [input] is for a model with one input"
    inputs = document.get("inputs", {})
    if not isinstance(inputs, dict):
        yield "inputs is not a table"
        inputs = {}
    sections = {f"inputs.{name}": section for name, section in inputs.items()}
    for title, section in ({"input": document["input"]} if "input" in document else sections).items():
        yield from (f"[{title}] {fault}" for fault in _section_faults(section))


def _section_faults(section: Any) -> Iterator[str]:
    if not isinstance(section, dict):
        yield "is not a table"
        return
    known = tuple(Preprocessing.__dataclass_fields__)
    yield from (f"unknown key {key!r}; known are {', '.join(known)}" for key in section if key not in known)
    size = section.get("size", [1, 1])
    if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int and 0 < n <= 65536 for n in size)):
        yield f"size is {size!r}, not [height, width]"
    if section.get("colour", "rgb") not in COLOURS:
        yield f"colour is {section['colour']!r}; known are {', '.join(COLOURS)}"
    if section.get("layout", "NHWC") not in LAYOUTS:
        yield f"layout is {section['layout']!r}; known are {', '.join(LAYOUTS)}"
    if not _is_dtype(section.get("dtype", "float32")):
        yield f"dtype {section['dtype']!r} is not a number type"
    if not _is_number(section.get("scale", 1)):
        yield f"scale is {section['scale']!r}, not a finite number"
    for key in ("mean", "std"):
        values = section.get(key, [1.0])
        if not (isinstance(values, list) and values and all(map(_is_number, values))):
            yield f"{key} is {values!r}, not a list of finite numbers, one for each channel or one for all"
        elif key == "std" and 0 in values:
            yield "std has a zero"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_dtype(name: Any) -> bool:
    try:
        return isinstance(name, str) and (dtype_of(name).kind in "fiub" or name == "bfloat16")
    except (TypeError, AttributeError):
        return False
