"""`interchange verify`: the command; what it reports is tested with the verifier."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interchange import api
from tests.cli.conftest import Run


@pytest.fixture
def testset(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    rng = np.random.default_rng(1)
    np.savez(folder / "inputs.npz", x=rng.normal(size=(6, 4)), y=rng.normal(size=(6, 3)))
    return folder


def test_agreement(run: Run, model: Path, testset: Path) -> None:
    done = run("verify", model, testset / "inputs.npz", "--backend", "numpy", "--backend", "pyscript")
    assert done.code == 0, done.err
    assert "AGREED" in done.out
    assert sorted(done.err.splitlines()) == [
        "float64 oracle: 1/1",
        "numpy: 1/1",
        "pyscript: 1/1",
        "rounding floor: 1/1",
        "test set: 1/1",
    ]


def test_disagreement(run: Run, model: Path, testset: Path) -> None:
    done = run("verify", model, testset / "inputs.npz", "--backend", "pyscript", "--rtol", 0, "--atol", 0)
    golden = {"sum": np.zeros((6, 3), np.float32), "hidden": np.zeros((6, 3), np.float32)}
    np.savez(testset / "golden.npz", **golden)  # type: ignore[arg-type]
    done = run("verify", model, testset / "inputs.npz", "--backend", "numpy")
    assert done.code == 1, done.err
    assert "DISAGREED" in done.out


def test_json(run: Run, model: Path, testset: Path) -> None:
    done = run("verify", model, testset / "inputs.npz", "--backend", "numpy", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["agreed"] is True


def test_reports_are_written(run: Run, model: Path, testset: Path) -> None:
    options = ["--backend", "numpy", "--html", "report.html", "--report", "report.json"]
    assert run("verify", model, testset / "inputs.npz", *options).code == 0
    assert "<html" in Path("report.html").read_text("utf-8")
    assert json.loads(Path("report.json").read_text("utf-8"))["agreed"] is True
    done = run("verify", model, testset / "inputs.npz", *options)
    assert (done.code, done.err.split(":")[0]) == (2, "IX102")
    assert run("verify", model, testset / "inputs.npz", *options, "--force").code == 0


def test_the_page_is_shown(run: Run, model: Path, testset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(shown.append(url)))
    options = ["--backend", "numpy", "--html", "report.html", "--open"]
    done = run("verify", model, testset / "inputs.npz", *options)
    assert done.code == 0
    assert shown == [Path("report.html").resolve().as_uri()]
    assert "No browser could be started; the page is report.html" in done.err
    assert run("verify", model, testset / "inputs.npz", "--open").err.startswith("IX103")


def test_quiet(run: Run, model: Path, testset: Path) -> None:
    assert run("verify", model, testset / "inputs.npz", "--backend", "numpy", "-q").err == ""


def test_options_reach_the_verifier(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def verify(model: str, testset: str, **options: Any) -> None:
        seen.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "verify", verify)
    options = "--rtol 0.1 --atol 0.2 --reference float64 --layers --limit 3 --backend numpy --backend a:b=c,d=2"
    assert run("verify", "m", "t", *options.split()).code == 130
    del seen["progress"]
    assert seen == {
        "backends": ["numpy", "a:b=c,d=2"],
        "rtol": 0.1,
        "atol": 0.2,
        "reference": "float64",
        "layers": True,
        "limit": 3,
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing"], "IX101"),
        (["inputs.npz", "--backend", "abacus"], "IX104"),
        (["inputs.npz", "--rtol", "-1"], "IX103"),
    ],
)
def test_mistakes(run: Run, model: Path, testset: Path, arguments: list[str], code: str) -> None:
    done = run("verify", model, testset / arguments[0], *arguments[1:])
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-4:][0].startswith(code) or f"{code}: " in done.err
