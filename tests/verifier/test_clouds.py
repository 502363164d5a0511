"""The command line sees the six faults in a real network, against the recorded outputs of its framework.

On the whole test set: of the first samples, all of one class, the network is so sure that Softmax hides small faults.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

import interchange
from interchange.cli import main

CLOUDS = Path(__file__).parents[2] / "docs" / "examples" / "clouds"

pytest.importorskip("h5py")
pytest.importorskip("PIL")

# fault -> (status, what one of the faults says)
FAULTS = {
    "PermutedClasses": ("wrong", ""),
    "DroppedRow": ("failed", "has the shape [31, 5] instead of [32, 5]"),
    "PaddingOffByOne": ("wrong", ""),
    "OneNaN": ("failed", "nan against"),
    "Float16Leak": ("suspicious", ""),
}


def verified(
    capsys: pytest.CaptureFixture[str], model: Path, testset: Path, backend: str
) -> tuple[int, dict[str, object]]:
    """Exit code and the backend's result of `interchange verify`."""
    arguments = ["verify", str(model), str(testset), "--backend", backend]
    arguments += ["--reference", "golden" if (testset / "golden.npz").exists() else "float64"]
    capsys.readouterr()
    code = main([*arguments, "--json"])
    (result,) = json.loads(capsys.readouterr().out)["backends"]
    return code, result


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_real_network_is_seen(capsys: pytest.CaptureFixture[str], fault: str) -> None:
    status, text = FAULTS[fault]
    code, result = verified(capsys, CLOUDS / "clouds.h5", CLOUDS / "testset", f"clouds:{fault}")
    assert (code, result["status"], result["agreed"]) == (1, status, False)
    assert text in " ".join(result["faults"])  # type: ignore[arg-type, call-overload]


def test_swapped_outputs_are_seen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Probabilities and logits, which have the same shape and type."""
    graph = dataclasses.replace(interchange.load(CLOUDS / "clouds.h5"), outputs=("cloud", "cloud/Gemm"))
    (model,) = interchange.save(graph, tmp_path / "two.safetensors", to="weights", selftest=False)
    testset = tmp_path / "testset"
    shutil.copytree(CLOUDS / "testset", testset, ignore=shutil.ignore_patterns("golden.npz"))
    code, result = verified(capsys, model, testset, "clouds:SwappedOutputs")
    assert (code, result["status"], result["agreed"]) == (1, "wrong", False)
    assert verified(capsys, model, testset, "sabotage:Healthy")[0] == 0


def test_the_healthy_network_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = verified(capsys, CLOUDS / "clouds.h5", CLOUDS / "testset", "sabotage:Healthy")
    assert (code, result["status"]) == (0, "rounding")
