"""The conformance suite of ONNX through plain scripts: generated, then run by a bare interpreter (`python -I -S`).

The cases are those that the NumPy backend passes (test_onnx_backend.py); the tolerances are the suite's own, dtype and
shape must be exact. What scripts do not answer is listed in EXCLUDED with its reason; a reason that no longer applies
makes its test fail.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from interchange_pyscript.backend import read_outputs, write_feeds
from interchange_pyscript.script import script_text
from interchange_weights.format import to_bytes

from interchange.errors import InterchangeError
from interchange.evaluate import infer
from tests.conformance.suite import SUITES, Case, assert_same, cases
from tests.conformance.test_onnx_backend import is_excluded
from tests.pyscript.common import interpreters

RUNNER = Path(__file__).with_name("runner.py")

# pattern of names -> why a plain script does not answer these cases
EXCLUDED = {
    "test_affine_grid_2d(_align_corners)?_expanded$": "the shapes of the model cannot be inferred (test_inference.py)",
    "test_image_decoder_decode_(jpeg|jpeg2k|webp|tiff)_": "Python's standard library unpacks no such pictures",
    "test_dft_inverse(_opset19)?$": "what is expected is float32's noise of 2e-7 where the exact value, ours, is 0",
    "test_dynamicquantizelinear(_expanded)?$": (
        "an element lies between two steps; in float32 it is rounded up, in float64, as scripts compute, down"
    ),
}
# The ten networks of the suite "light" take minutes in Python (up to 20,000 million multiplications): by hand,
# `python -m tests.conformance.test_scripts`.
IN_MINUTES = ("light",)


def chosen(suites: tuple[str, ...]) -> list[Case]:
    found = [case for suite in suites for case in cases(suite).values()]
    return [case for case in found if not is_excluded(case.name)]


def is_left_out(name: str) -> bool:
    return any(re.match(pattern, name) for pattern in EXCLUDED)


def write(case: Case, folder: Path, numpy: bool) -> str:
    """Writes a case's script, weights and inputs into a new folder; returns the exporter's error, if it has one."""
    graph = case.graph()
    try:
        weights = to_bytes(graph, selftest=False)
        text = script_text(graph, "model", weights, numpy=numpy, embed=False)
    except InterchangeError as error:
        return str(error)
    folder.mkdir()
    (folder / "model.py").write_text(text, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    for i, (inputs, _) in enumerate(case.data()):
        write_feeds(folder / f"inputs_{i}.npz", inputs, graph.inputs)
    return ""


def run_all(chosen: list[Case], root: Path, *, numpy: bool = False, python: str = sys.executable) -> dict[str, str]:
    """Generates and runs the scripts; the errors of the exporter by the names of cases."""
    refused = {case.name: write(case, root / case.name, numpy) for case in chosen}
    subprocess.run([python, "-I", *([] if numpy else ["-S"]), str(RUNNER), str(root)], check=True)
    return refused


def check(case: Case, root: Path, refused: dict[str, str]) -> None:
    """Compares the outputs of a case's script."""
    assert not refused[case.name]
    folder = root / case.name
    error = folder / "error.txt"
    assert not error.exists(), error.read_text(encoding="utf-8")
    graph = case.graph()
    specs = infer(graph)
    outputs = {name: specs[name] for name in graph.outputs}
    for i, (_, expected) in enumerate(case.data()):
        actual = list(read_outputs(folder / f"outputs_{i}.npz", outputs).values())
        assert len(actual) == len(expected)
        for have, want in zip(actual, expected, strict=True):
            assert_same(have, want, case.rtol, case.atol)


@pytest.fixture(scope="module")
def results(request, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The folder of all scripts that are to be looked at, run, and what the exporter refused."""
    root = tmp_path_factory.mktemp("scripts")
    module = request.node
    wanted = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.parent is module and "case" in item.fixturenames
    ]
    return root, run_all(wanted, root)


@pytest.mark.parametrize("case", [case for case in chosen(SUITES[:-1]) if not is_left_out(case.name)], ids=str)
def test_case(case, results):
    check(case, *results)


def test_control_flow_sequences_and_texts_on_numpy(tmp_path):
    """The other style; what the rest of the suite needs of it are the NumPy functions themselves, to the bit."""
    names = re.compile(
        r"test_(if|loop|scan|range_(?!bfloat16).*expanded|sequence|split_to|optional|identity_|str|regex|ai_onnx_ml)"
    )
    wanted = [case for case in chosen(("node",)) if names.match(case.name)]
    refused = run_all(wanted, tmp_path, numpy=True)
    for case in wanted:
        check(case, tmp_path, refused)
    assert len(wanted) > 70


@pytest.mark.parametrize("version", ["3.9", "3.13", "pypy3"])
def test_some_cases_on_other_pythons(version, tmp_path):
    pythons = interpreters()
    if version not in pythons:
        pytest.skip(f"there is no {version} here")
    wanted = [case for case in chosen(SUITES[:-1]) if not is_left_out(case.name)][::37]
    refused = run_all(wanted, tmp_path, python=pythons[version])
    for case in wanted:
        check(case, tmp_path, refused)


def test_nearly_all_cases_are_run():
    everything = chosen(SUITES[:-1])
    left_out = [case for case in everything if is_left_out(case.name)]
    assert len(left_out) <= 0.01 * len(everything)


def test_every_exclusion_is_needed(tmp_path):
    left_out = [case for case in chosen(SUITES[:-1]) if is_left_out(case.name)]
    refused = run_all(left_out, tmp_path)
    for pattern in EXCLUDED:
        for case in [case for case in left_out if re.match(pattern, case.name)]:
            with pytest.raises((AssertionError, FileNotFoundError)):
                check(case, tmp_path, refused)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for network in chosen(IN_MINUTES):
            outcome = run_all([network], Path(folder))
            check(network, Path(folder), outcome)
            print(f"{network.name}: passed", flush=True)
