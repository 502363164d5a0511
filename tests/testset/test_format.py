"""formats/testset.md: the golden test sets, the example on the page, and the schema."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from interchange.errors import BadInput
from interchange.testset import settings

FORMATS = Path(__file__).parents[2] / "formats"
GOLDEN = FORMATS / "golden" / "testset"
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text("utf-8"))
TOMLS = sorted((*GOLDEN.rglob("testset.toml"), *(FORMATS.parent / "docs").rglob("testset.toml")))
SCHEMA = Draft202012Validator(json.loads((FORMATS / "testset.schema.json").read_text("utf-8")))


def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_testset_golden", Path(__file__).with_name("make_golden.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_test_set(name: str) -> None:
    assert maker().measured(GOLDEN / name) == EXPECTED[name]


@pytest.mark.parametrize("path", TOMLS, ids=lambda path: path.parent.parent.name)
def test_every_toml_of_the_repository_fits_the_schema(path: Path) -> None:
    SCHEMA.validate(tomllib.loads(path.read_text("utf-8")))
    assert settings.read(path.parent).found


def test_example_of_the_page(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (FORMATS / "testset.md").read_text("utf-8"), re.DOTALL)
    SCHEMA.validate(tomllib.loads(text))
    (tmp_path / "testset.toml").write_text(text, "utf-8")
    found = settings.read(tmp_path)
    assert found.decision == "threshold"
    assert found.of("image").size == (64, 48)


def test_every_key_is_on_the_page() -> None:
    page = (FORMATS / "testset.md").read_text("utf-8")
    keys = ("version", "labels", "decision", *settings.Preprocessing.__dataclass_fields__)
    assert [key for key in keys if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version = 2",
        "version = 1\nmore = 1",
        'version = 1\ndecision = "best"',
        "version = 1\n[input]\nsize = [3]",
        "version = 1\n[input]\nstd = [0]",
        'version = 1\n[input]\ndtype = "complex64"',
        "version = 1\n[input]\n[inputs.x]",
    ],
)
def test_schema_and_code_refuse_the_same(tmp_path: Path, text: str) -> None:
    assert not SCHEMA.is_valid(tomllib.loads(text))
    (tmp_path / "testset.toml").write_text(text, "utf-8")
    with pytest.raises(BadInput, match="IX220"):
        settings.read(tmp_path)
