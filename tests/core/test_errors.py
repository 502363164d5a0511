"""The error block, its exit codes, and the list of codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from interchange.cli.about import EXIT_CODES
from interchange.errors import CODES, BadInput, EnvironmentLacks, InterchangeError, Unsupported

ROOT = Path(__file__).parents[2]


def test_a_block_has_code_what_where_why_and_next() -> None:
    error = BadInput("IX101", "It cannot be read.", where="m.h5", why="no such file", next_step="Look again.")
    assert str(error) == ("IX101: It cannot be read.\n  where: m.h5\n  why:   no such file\n  next:  Look again.")


def test_what_is_not_known_is_left_out() -> None:
    assert str(BadInput("IX101", "It cannot be read.")) == "IX101: It cannot be read."


def test_several_reasons_are_a_list() -> None:
    error = Unsupported("IX301", "Not supported.", why=(f"layer {n}" for n in range(3)))
    assert str(error).splitlines()[1:] == ["  why:", "    - layer 0", "    - layer 1", "    - layer 2"]
    assert error.why == ("layer 0", "layer 1", "layer 2")


@pytest.mark.parametrize(
    ("kind", "exit_code"), [(InterchangeError, 2), (BadInput, 2), (Unsupported, 3), (EnvironmentLacks, 4)]
)
def test_the_class_decides_the_exit_code(kind: type[InterchangeError], exit_code: int) -> None:
    error = kind("IX101", "What.", where="w", why=["a", "b"], next_step="n")
    document = {"code": "IX101", "what": "What.", "where": "w", "why": ["a", "b"], "next": "n", "exit_code": exit_code}
    assert json.loads(json.dumps(error.to_json())) == document


def test_codes_are_sentences() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"IX\d{3}", code)
        assert re.fullmatch(r"[A-Z].*[.]", meaning), code


def test_every_code_that_is_raised_is_in_the_list() -> None:
    raised: dict[str, str] = {}
    for file in [*(ROOT / "interchange").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        raised |= dict.fromkeys(re.findall(r"\bIX\d+\b", file.read_text("utf-8")), str(file))
    unknown = {code: file for code, file in raised.items() if code not in CODES}
    assert not unknown


def test_a_code_is_raised_with_its_exit_code() -> None:
    """The first digit of a code tells the exit code, so that `interchange explain` can."""
    classes = {"BadInput": 2, "Unsupported": 3, "EnvironmentLacks": 4}
    wrong = []
    for file in [*(ROOT / "interchange").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        for name, code in re.findall(
            r"\b(BadInput|Unsupported|EnvironmentLacks)\(\s*\"(IX\d+)", file.read_text("utf-8")
        ):
            excused = code == "IX404" and file.parent.name == "verify"  # there it is the backend's result, not a lack
            if classes[name] != EXIT_CODES[code[2]] and not excused:
                wrong.append(f"{file.name}: {name} {code}")
    assert not wrong
