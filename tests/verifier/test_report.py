"""The report in its three forms: JSON by its schema, text, and a page in which every foreign string stays text."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from interchange.builder import Builder
from interchange.graph import Graph
from interchange.verifier.report import Report
from interchange.verifier.run import verify

FORMATS = Path(__file__).parents[2] / "formats"
SCHEMA = Draft202012Validator(json.loads((FORMATS / "report.schema.json").read_text("utf-8")))
HOSTILE = "<script>alert('x')</script>[bold]\"&'</style>"


@pytest.fixture(scope="module")
def good(toy: Graph, data: Path) -> Report:
    return verify(toy, data)


@pytest.fixture(scope="module")
def bad(toy: Graph, data: Path) -> Report:
    backends = ["numpy", "sabotage:PermutedClasses", "sabotage:OneNaN", "sabotage:Crash", "sabotage:Broadcastable"]
    return verify(toy, data, backends=backends, layers=True)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Pictures in class folders of a hostile name, given to a network with hostile names."""
    folder = tmp_path_factory.mktemp("pictures") / "set"
    rng = np.random.default_rng(0)
    for label in ("cat", HOSTILE.replace("/", "∕")):
        (folder / label).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(rng.integers(0, 256, (11, 7, 3), dtype=np.uint8)).save(folder / label / f"{i}.png")
    b = Builder()
    x = b.input(HOSTILE, "float32", (None, 11, 7, 3))
    flat = b.add("Reshape", [x, b.constant("shape", np.array([-1, 231]))], "flat", source=HOSTILE)
    weights = b.constant("w", (rng.normal(size=(231, 2)) * 0.001).astype(np.float32))
    y = b.add("Softmax", [b.add("MatMul", [flat, weights], "y", source=HOSTILE)], HOSTILE + "y", source=HOSTILE)
    return verify(b.graph([y], {"name": HOSTILE}), folder, backends=["numpy"], layers=True)


@pytest.mark.parametrize("name", ["good", "bad", "pictures"])
def test_json_holds_its_schema(name: str, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(name)
    text = json.dumps(report.to_json(), allow_nan=False)
    SCHEMA.validate(json.loads(text))
    assert "picture" not in json.loads(text)["samples"][0]


@pytest.mark.parametrize("path", sorted((FORMATS / "golden" / "report").glob("*.json")), ids=lambda path: path.stem)
def test_golden_report(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    SCHEMA.validate(document)
    assert document["agreed"] == (path.stem == "agreed")


def test_schema_covers_every_field() -> None:
    """A field that the code writes and the schema lacks is refused; here the other way round."""
    fields = {f.name for f in dataclasses.fields(Report)} | {"version", "proven"}
    assert set(SCHEMA.schema["properties"]) == fields
    page = (FORMATS / "report.md").read_text("utf-8")
    assert [name for name in fields if f"`{name}`" not in page] == []


@pytest.mark.parametrize("change", [{"version": 2}, {"more": 1}, {"backends": []}, {"agreed": "yes"}, {"seconds": -1}])
def test_schema_refuses(good: Report, change: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid({**good.to_json(), **change})


def test_text(good: Report, bad: Report) -> None:
    assert str(good).startswith("AGREED")
    assert str(bad).startswith("DISAGREED")
    assert all(backend.name in str(bad) for backend in bad.backends)
    assert max(map(len, str(bad).splitlines())) <= 120
    assert f"numpy was computed by NumPy {np.__version__}." in str(good)


class Page(HTMLParser):
    """Collects tags and their attributes; fails on what is not well nested."""

    VOID = ("meta", "img", "br", "rect", "line", "circle", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["good", "bad", "pictures"])
def test_page_is_self_contained(name: str, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(name)
    text = report.to_html()
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on")]
        for key in ("src", "href"):
            assert (attributes.get(key) or "data:").startswith("data:"), (tag, attributes)
    assert not re.search(r"url\(|@import", text)
    assert ("Same answers" if report.agreed else "Different answers") in text


def test_hostile_names_stay_text(pictures: Report) -> None:
    text = pictures.to_html()
    assert "<script" not in text
    assert text.count("</style>") == 1
    assert "&lt;script&gt;" in text
    assert "[bold]" in str(pictures)


def test_pictures_are_titled(pictures: Report) -> None:
    text = pictures.to_html()
    assert text.count('src="data:image/png;base64,') == 4
    assert re.search(r"<figcaption>cat \(.* \d\.\d\d\)", text)


def test_samples_that_are_wrong_are_red(bad: Report) -> None:
    assert sum(sample.wrong for sample in bad.samples) > 0
    differing = [sample for sample in bad.samples if sample.differing]
    assert differing
    assert differing[0].differing[0][0] == "sabotage:PermutedClasses"
    assert "sabotage:PermutedClasses: " in bad.to_html()


def test_environment_and_digests(good: Report) -> None:
    assert {"python", "numpy", "interchange"} <= set(good.environment)
    assert len(good.model.sha256) == len(good.testset.sha256) == 64


def test_proven_says_what_was_proven(good: Report, bad: Report) -> None:
    assert good.proven.startswith("On 37 samples, ")
    assert "every decision was the same" in good.proven
    assert "sabotage:Crash" in bad.proven
    assert "numpy" not in bad.proven


def test_the_columns_of_errors_say_what_they_are(toy: Graph, data: Path, good: Report) -> None:
    for text in (str(good), good.to_html()):
        assert "vs float64" not in text
        assert "max error: the largest difference from float64" in text.replace("Max error: ", "max error: ")
    framework = verify(toy, data, backends=["sabotage:Wide"], reference="numpy")
    for text in (str(framework), framework.to_html()):
        assert "vs float64" in text
        assert "the largest difference from numpy" in text
    (result,) = framework.backends
    assert f"{max(o.oracle_error.max for o in result.outputs if o.oracle_error):.3g}" in str(framework)
