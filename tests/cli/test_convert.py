"""`interchange convert`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import interchange
from interchange import plugins
from interchange.errors import Unsupported
from interchange.graph import equal
from tests.cli.conftest import Run
from tests.core.graphs import tiny


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_written_and_listed(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("convert", model, "--to", "weights", "--to", "pyscript", "-o", "out")
    assert (done.code, done.err) == (0, "")
    assert names(tmp_path / "out") == ["tiny.py", "tiny.safetensors"]
    assert [line.split()[0] for line in done.out.splitlines()] == ["out/tiny.safetensors", "out/tiny.py"]
    assert all(line.endswith(("bytes", "KiB")) for line in done.out.splitlines())


def test_the_default_is_this_folder_and_the_sources_name(run: Run, model: Path, tmp_path: Path) -> None:
    source = model.rename(tmp_path / "my net.v2.h5")
    assert run("convert", source, "--to", "weights").code == 0
    assert names(tmp_path) == ["my net.v2.h5", "my_net_v2.safetensors"]


def test_json(run: Run, model: Path) -> None:
    done = run("convert", model, "--to", "weights", "-o", "b.safetensors", "--json")
    size = Path("b.safetensors").stat().st_size
    files = [{"path": "b.safetensors", "bytes": size}]
    assert done.json == {"source": str(model), "artifacts": [{"to": "weights", "files": files}]}


def test_quiet(run: Run, model: Path) -> None:
    assert run("convert", model, "--to", "weights", "-o", "out", "-q").out == ""


def test_nothing_is_replaced_without_force(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tiny.py").write_text("mine")
    done = run("convert", model, "--to", "weights", "--to", "pyscript", "-o", "out")
    assert (done.code, done.err.split(":")[0]) == (2, "IX102")
    assert names(tmp_path / "out") == ["tiny.py"]
    assert run("convert", model, "--to", "weights", "--to", "pyscript", "-o", "out", "--force").code == 0
    assert names(tmp_path / "out") == ["tiny.py", "tiny.safetensors"]


def test_a_file_beside_the_main_one_is_not_replaced_either(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tiny.safetensors").write_text("mine")
    done = run("convert", model, "--to", "pyscript", "-o", "out")
    assert (done.code, done.err.split(":")[0]) == (2, "IX102")
    assert "tmp" not in done.err.replace(str(tmp_path), "")
    assert (tmp_path / "out" / "tiny.safetensors").read_text() == "mine"
    assert names(tmp_path / "out") == ["tiny.safetensors"]


@pytest.mark.parametrize("error", [Unsupported("IX303", "No."), ValueError("bug"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_nothing(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def save(graph: Any, path: Path, *, force: bool = False) -> list[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
        raise error

    monkeypatch.setattr(plugins.get("exporters", "pyscript"), "save", save)
    assert run("convert", model, "--to", "weights", "--to", "pyscript", "-o", "out").code in (3, 4, 130)
    assert names(tmp_path) == ["tiny.safetensors"]


@pytest.mark.parametrize("answer", [[], ["elsewhere.py"], ["{path}"]])
def test_an_exporter_that_does_not_say_what_it_wrote(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: list[str]
) -> None:
    def save(graph: Any, path: Path, *, force: bool = False) -> list[Path]:
        return [Path(text.format(path=path)) for text in answer]

    monkeypatch.setattr(plugins.get("exporters", "pyscript"), "save", save)
    done = run("convert", model, "--to", "pyscript", "-o", "out")
    assert (done.code, done.err.split(":")[0]) == (4, "IX403")
    assert names(tmp_path) == ["tiny.safetensors"]


def test_a_source_may_be_replaced_by_its_own_artifact(run: Run, model: Path) -> None:
    assert run("convert", model, "--to", "weights", "--force").code == 0
    assert equal(interchange.load(model), tiny())


# --- where to -------------------------------------------------------------------------------------------------------


def test_several_targets_need_a_folder(run: Run, model: Path) -> None:
    done = run("convert", model, "--to", "weights", "--to", "pyscript", "-o", "net.py")
    assert "Name a folder" in done.err


def test_a_suffix_that_does_not_fit(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("convert", model, "--to", "weights", "-o", "net.onnx")
    assert (done.code, done.err.split(":")[0]) == (2, "IX103")
    assert ".safetensors" in done.err
    assert run("convert", model, "--to", "weights", "-o", "net.onnx/").code == 0
    assert run("convert", model, "--to", "weights", "-o", "v1.2").code == 0
    assert names(tmp_path) == ["net.onnx/tiny.safetensors", "tiny.safetensors", "v1.2/tiny.safetensors"]


def test_a_target_that_cannot_be_written(run: Run, model: Path) -> None:
    Path("file").write_text("x")
    done = run("convert", model, "--to", "weights", "-o", "file/below")
    assert (done.code, done.err.split(":")[0]) == (2, "IX105")


def test_targets_with_files_of_the_same_name(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("convert", model, "--to", "weights", "--to", "pyscript", "-o", "out", "--option", "selftest=false")
    assert done.code == 0
    listed = [line.split()[0] for line in done.out.splitlines()]
    assert len(listed) == len(set(listed))


# --- options --------------------------------------------------------------------------------------------------------


def test_unknown_options_name_the_known_ones(run: Run, model: Path) -> None:
    done = run("convert", model, "--to", "weights", "--opset", 17, "--option", "colour=red")
    assert done.code == 2
    assert "there is no option 'opset'" in done.err
    assert "there is no option 'colour'" in done.err
    assert "weights takes 'selftest'" in done.err


def test_options_reach_the_exporter(run: Run, model: Path) -> None:
    from interchange_weights.format import read_case

    assert run("convert", model, "--to", "weights", "-o", "a", "--no-selftest").code == 0
    assert run("convert", model, "--to", "weights", "-o", "b", "--option", "selftest=false").code == 0
    assert run("convert", model, "--to", "weights", "-o", "c").code == 0
    cases = [read_case(Path(folder, "tiny.safetensors")) for folder in "abc"]
    assert [case is None for case in cases] == [True, True, False]


def test_values_of_the_wrong_type(run: Run, model: Path) -> None:
    done = run("convert", model, "--to", "weights", "--option", "selftest=no")
    assert "selftest is 'no'; bool is wanted" in done.err


def test_embed_and_numpy(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("convert", model, "--to", "pyscript", "--embed", "-o", "out").code == 0
    assert names(tmp_path / "out") == ["tiny.py"]
    assert run("convert", model, "--to", "pyscript", "--numpy", "-o", "fast").code == 0
    assert "import numpy" in (tmp_path / "fast" / "tiny.py").read_text()


def test_styles_of_scripts(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("convert", model, "--to", "pyscript", "--style", "fast", "-o", "fast").code == 0
    assert run("convert", model, "--to", "pyscript-fast", "-o", "same").code == 0
    assert run("convert", model, "--to", "pyscript", "--style", "plain", "-o", "plain").code == 0
    fast, same, plain = ((tmp_path / folder / "tiny.py").read_text() for folder in ("fast", "same", "plain"))
    assert fast == same != plain
    assert run("convert", model, "--to", "pyscript", "--style", "quick", "-o", "no").code == 2
    assert not (tmp_path / "no").exists()


def test_the_opset(run: Run, model: Path) -> None:
    onnx = pytest.importorskip("onnx")
    assert run("convert", model, "--to", "onnx", "--opset", 13).code == 0
    assert [entry.version for entry in onnx.load("tiny.onnx").opset_import if entry.domain == ""] == [13]


# --- preprocessing --------------------------------------------------------------------------------------------------

TOML = 'version = 1\nlabels = ["a", "b", "c"]\ndecision = "argmax"\n\n[input]\nscale = 0.5\ncolour = "grey"\n'


@pytest.mark.parametrize("given", ["testset.toml", "."])
def test_preprocessing_goes_into_the_artifact(run: Run, model: Path, given: str) -> None:
    Path("testset.toml").write_text(TOML)
    assert run("convert", model, "--to", "weights", "-o", "out", "--preprocessing", given).code == 0
    metadata = interchange.load("out/tiny.safetensors").metadata
    assert json.loads(metadata["labels"]) == ["a", "b", "c"]
    assert metadata["decision"] == "argmax"
    assert json.loads(metadata["preprocessing"]) == {"scale": 0.5, "colour": "grey"}
    assert metadata["producer"] == "a test"


@pytest.mark.parametrize("text", [None, "", "version = 1\n", "labels = 3", "][", TOML + "colours = 3\n"])
def test_preprocessing_that_cannot_be_used(run: Run, model: Path, text: str | None) -> None:
    if text is not None:
        Path("testset.toml").write_text(text)
    done = run("convert", model, "--to", "weights", "-o", "out", "--preprocessing", "testset.toml")
    assert (done.code, done.err.split(":")[0]) == (2, "IX220")
    assert not Path("out").exists()


# --- options of the importer ----------------------------------------------------------------------------------------


def test_options_of_the_importer(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def load(path: Any, *, format: str | None = None, **options: Any) -> Any:
        seen.append({"format": format, **options})
        return tiny()

    monkeypatch.setattr(interchange.api, "load", load)
    options = "--from keras --replace lambda_1=my.module:fn --replace a/b=c:d --import-option backend=theano"
    options += " --architecture m.json"
    for command in (["show", model], ["convert", model, "--to", "weights", "-o", "out"]):
        assert run(*command, *options.split()).code == 0
    expected = {
        "format": "keras",
        "shapes": {},
        "layers": {"lambda_1": "my.module:fn", "a/b": "c:d"},
        "architecture": "m.json",
        "backend": "theano",
    }
    assert seen == [expected, expected]
    assert run("show", model).code == 0
    assert seen[-1] == {"format": None, "shapes": {}}


def test_a_replacement_without_a_function(run: Run, model: Path) -> None:
    done = run("show", model, "--replace", "lambda_1")
    assert (done.code, done.err.splitlines()[0]) == (2, "IX103: 'lambda_1' is not of the form key=value.")
