"""Starting: what is imported, options that every command has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import interchange
from tests.cli.conftest import ROOT, Run

COMMANDS = ("convert", "verify", "run", "show", "plugins", "doctor", "explain")
HEAVY = ("numpy", "rich", "h5py", "onnx", "jinja2", "safetensors", "email", "importlib.metadata")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from interchange.cli import main; main(['--help']);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_convert_draws_nothing_with_rich(model: object) -> None:
    code = (
        "import sys; from interchange.cli import main;"
        f"code = main(['convert', {str(model)!r}, '--to', 'weights', '--force', '-o', {str(model)!r}]);"
        "print(code, [name for name in ('rich', 'onnx', 'jinja2') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 []"


MODEL = ROOT / "docs" / "examples" / "cats_dogs" / "cats_dogs.h5"
# All that this model needs of the packages that grow with operators, layers and kernels, and what these share.
NEEDED = {
    "interchange.ops": {"linear", "elementwise", "activation", "shaping", "convolution", "pooling"},
    "interchange_keras.layers": {
        "core",
        "activations",
        "convolution",
        "pooling",
        "wrapping",
        "lora",
        "spatial",
        "resizing",
    },
    "interchange_keras.operations": set(),
    "interchange_pyscript.kernels": {
        *("linear", "convolution", "pooling", "normalization", "activation", "elementwise", "shaping"),
        *("arithmetic", "control", "small_floats", "spatial", "tensor", "types"),
    },
    "interchange_pyscript.program": set(),
    "interchange_pyscript.fast": set(),
}
NOT_NEEDED = {
    *("tensorflow", "keras", "tf_keras", "onnx", "onnxruntime", "safetensors", "rich", "jinja2", "argparse", "email"),
    *(
        "importlib.metadata",
        "interchange.verifier",
        "interchange.testset",
        "interchange.cli.run",
        "interchange.cli.show",
    ),
}


def test_a_conversion_imports_what_its_model_uses(tmp_path: Path) -> None:
    """So its time does not grow with the number of operators, layers and kernels that exist."""
    code = (
        "import sys; from interchange.cli import main;"
        f"code = main(['convert', {str(MODEL)!r}, '--to', 'pyscript', '-q', '-o', {str(tmp_path)!r}]);"
        "print(code, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    exit_code, *modules = done.stdout.split()
    assert (exit_code, NOT_NEEDED & set(modules)) == ("0", set())
    for package, needed in NEEDED.items():
        below = [
            name.removeprefix(f"{package}.").partition(".")[0] for name in modules if name.startswith(package + ".")
        ]
        assert {name for name in below if not name.startswith("_")} - needed == set(), package


def test_a_run_imports_what_its_model_uses(model: Path, arrays: tuple[Path, Path]) -> None:
    """So a process that runs a small model once ends before a script with ONNX Runtime has."""
    code = (
        "import sys; from interchange.cli import main;"
        f"code = main({['run', *map(str, (model, *arrays))]!r});"
        "print(code, *sys.modules, file=sys.stderr)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    exit_code, *modules = done.stderr.split()
    unwanted = {"logging", "tempfile", "threadpoolctl", "fractions", "concurrent.futures", "onnx", "rich"}
    assert (exit_code, unwanted & set(modules)) == ("0", set())
    kernels = {name.rpartition(".")[2] for name in modules if name.startswith("interchange_numpy.kernels.")}
    assert kernels == {"biased", "dense", "elementwise"}


def test_it_is_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "interchange", "explain", "IX101"], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout[:6]) == (0, b"IX101:")


def test_the_version(run: Run) -> None:
    assert run("--version").out == f"interchange {interchange.__version__}\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(run: Run, command: str, option: str) -> None:
    done = run(*filter(None, [command, option]))
    assert (done.code, done.err) == (0, "")
    for text in ("--json", "-q, --quiet", "-v, --verbose", "Usage: interchange"):
        assert text in done.out


def test_the_list_of_commands_is_not_cut_off(run: Run) -> None:
    assert "..." not in run("--help").out.partition("Commands:")[2]
    assert all(f"\n  {command} " in run("--help").out for command in COMMANDS)


def test_without_arguments_there_is_help_and_a_failure(run: Run) -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert "Usage: interchange" in done.err


@pytest.mark.parametrize("place", ["before", "after"])
def test_common_options_go_before_or_after_the_command(run: Run, place: str) -> None:
    done = run("--json", "explain", "IX101") if place == "before" else run("explain", "IX101", "--json")
    assert done.json["code"] == "IX101"


def test_help_and_version_stay_text(run: Run) -> None:
    assert run("--json", "--version").out == f"interchange {interchange.__version__}\n"
    assert run("--json", "--help").out == run("--help").out
