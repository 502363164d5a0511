"""`interchange doctor`, on machines that are well and others that are not."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError

import pytest

from interchange import plugins
from interchange.cli import doctor
from interchange.errors import EnvironmentLacks
from interchange.plugins import Finding
from tests.cli.conftest import Run

pytest.importorskip("onnxruntime")

from interchange_onnxruntime import OnnxRuntimeBackend, diagnosis, session


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages are not imported again in processes of their own."""
    monkeypatch.setattr(doctor, "import_fault", lambda module: "")


@pytest.fixture
def distributions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The packages of ONNX Runtime that are said to be installed."""
    found = {"onnxruntime": "1.31.1"}

    def version(name: str) -> str:
        if name not in found:
            raise PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(diagnosis, "version", version)
    return found


def state_of(document: dict[str, list[dict[str, str]]], name: str) -> dict[str, str]:
    (entry,) = (entry for entry in document["findings"] if entry["name"] == name)
    return entry


def test_all_is_well(run: Run, distributions: dict[str, str]) -> None:
    done = run("doctor", "--json")
    assert done.code == 0
    document = done.json
    assert document["works"] is True
    assert state_of(document, "onnxruntime")["state"] == "works"
    assert state_of(document, "onnxruntime-gpu")["state"] == "absent"
    assert state_of(document, "CPUExecutionProvider")["state"] == "works"
    assert {"numpy", "onnxruntime"} <= {e["name"] for e in document["plugins"] if e["group"] == "backends"}
    assert next(e for e in document["packages"] if e["name"] == "onnx")["detail"].startswith("onnx ")


def test_for_people(run: Run, distributions: dict[str, str]) -> None:
    done = run("doctor")
    assert done.code == 0
    assert "CPUExecutionProvider" in done.out
    assert done.out.endswith("All that is installed works.\n")


def test_both_packages(run: Run, distributions: dict[str, str]) -> None:
    distributions["onnxruntime-gpu"] = "1.31.1"
    done = run("doctor", "--json")
    assert done.code == 4
    entry = state_of(done.json, "onnxruntime-gpu")
    assert entry["state"] == "broken"
    assert "overwrite each other" in entry["detail"]
    assert entry["next_step"].startswith("pip uninstall onnxruntime onnxruntime-gpu")
    assert "next: pip uninstall" in run("doctor").out


@pytest.mark.parametrize(
    ("provider", "state", "code"), [("CUDAExecutionProvider", "broken", 4), ("TensorrtExecutionProvider", "absent", 0)]
)
def test_a_provider_that_does_not_start(
    run: Run, distributions: dict[str, str], monkeypatch: pytest.MonkeyPatch, provider: str, state: str, code: int
) -> None:
    opened = session.open_session

    def open_session(path, name, *rest, **options):
        if name == provider:
            raise EnvironmentLacks("IX402", "It cannot be had.", why="libcudnn.so.9: cannot open shared object file")
        return opened(path, name, *rest, **options)

    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [provider, "CPUExecutionProvider"])
    monkeypatch.setattr(session, "open_session", open_session)
    done = run("doctor", "--json")
    assert done.code == code
    entry = state_of(done.json, provider)
    assert entry["state"] == state
    assert "libcudnn.so.9" in entry["detail"]


def test_what_is_missing_for_cuda(run: Run, distributions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(diagnosis, "has_driver", lambda: False)
    entry = state_of(run("doctor", "--json").json, "CUDAExecutionProvider")
    assert entry["detail"] == "the package onnxruntime-gpu is not installed; there is no NVIDIA driver"


def test_a_package_that_cannot_be_imported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "import_fault", lambda module: "ImportError: half" if module == "onnxruntime" else "")
    done = run("doctor", "--json")
    assert done.code == 4
    assert done.json["findings"] == []
    states = {(e["group"], e["name"]): e["state"] for e in done.json["plugins"]}
    assert states["backends", "onnxruntime"] == "broken"
    assert states["backends", "numpy"] == "works"


def test_a_package_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnnxRuntimeBackend, "requires", {"no_such_module": "interchange[none]"})
    monkeypatch.setattr(diagnosis, "findings", lambda: [])
    done = run("doctor", "--json")
    assert done.code == 0
    (entry,) = (e for e in done.json["packages"] if e["name"] == "no_such_module")
    assert (entry["state"], entry["next_step"]) == ("absent", "pip install interchange[none]")


@pytest.mark.parametrize("broken", [True, False])
def test_a_backend_diagnoses_itself(run: Run, monkeypatch: pytest.MonkeyPatch, broken: bool) -> None:
    def diagnose(self):
        if broken:
            raise ValueError("on a stranger's mistake")
        return [Finding("wheel", "works", "round")]

    monkeypatch.setattr(plugins.get("backends", "numpy").__class__, "diagnose", diagnose, raising=False)
    done = run("doctor", "--json")
    entry = next(e for e in json.loads(done.out)["findings"] if e["backend"] == "numpy")
    assert (done.code, entry["state"]) == ((4, "broken") if broken else (0, "works"))


def test_the_import_is_tried_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert doctor.import_fault("json") == ""
    assert "No module named" in doctor.import_fault("no_such_module")
