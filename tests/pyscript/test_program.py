"""The self-test before the first use, and several processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from interchange_pyscript import NumpyScriptExporter, ScriptExporter

from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from interchange.graph import Graph, Node, TensorSpec
from tests.pyscript.common import interpreters, network, random, run

PYTHONS = interpreters()
BATCH = random(3, 5, 11, 9, 3)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return network()


@pytest.fixture(scope="module")
def script(graph, tmp_path_factory) -> Path:
    return ScriptExporter().save(graph, tmp_path_factory.mktemp("script") / "small.py")[0]


@pytest.fixture
def files(tmp_path) -> list[str]:
    """The batch as one file, and cut into files of 2, 1 and 2 samples."""
    for name, part in {"all": BATCH, "a": BATCH[:2], "b": BATCH[2:3], "c": BATCH[3:]}.items():
        np.save(tmp_path / f"{name}.npy", part)
    return [str(tmp_path / f"{name}.npy") for name in ("all", "a", "b", "c")]


# --- the self-test before the first use -----------------------------------------------------------------------------


@pytest.fixture
def wrong(script, tmp_path) -> Path:
    """A script with other weights than those of its golden case, whose checksum fits."""
    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in script.parent.glob("small.*"):
        shutil.copy(path, folder / path.name)
    weights = folder / "small.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 0x40
    weights.write_bytes(data)
    text = (folder / "small.py").read_text()
    old = zlib.crc32(script.with_suffix(".safetensors").read_bytes())
    (folder / "small.py").write_text(text.replace(f"checksum={old}", f"checksum={zlib.crc32(data)}"))
    return folder / "small.py"


def test_first_use_is_refused_if_the_golden_case_fails(wrong, files, cache):
    for _ in range(2):
        done = run(wrong, files[0], "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("self-test before the first use failed: output 'classes' is off by ")
        assert "--no-selftest" in done.stderr
    assert not list(cache.iterdir())
    assert run(wrong, files[0], "--json", "--no-selftest").returncode == 0


def test_first_use_is_remembered(script, files, cache):
    outputs = [run(script, files[0], "--json") for _ in range(2)]
    assert [(done.returncode, done.stderr) for done in outputs] == [(0, "")] * 2
    (marker,) = (cache / "interchange" / "selftest").iterdir()
    assert marker.stat().st_size == 0
    # Whoever has passed is not asked again: a marker put there by hand is believed.
    marker.unlink()
    assert run(script, files[0], "--json", "--no-selftest").returncode == 0
    assert not marker.exists()
    marker.write_bytes(b"")
    assert run(script, files[0], "--json").stdout == outputs[0].stdout


def test_nothing_is_written_where_it_is_not_allowed(script, files, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    done = run(script, files[0], "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_golden_case_there_is_no_self_test(graph, files, tmp_path, cache):
    script = ScriptExporter().save(graph, tmp_path / "m.py", selftest=False)[0]
    assert run(script, files[0], "--json").returncode == 0
    assert not list(cache.iterdir())


# --- several processes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exporter", [ScriptExporter, NumpyScriptExporter])
def test_workers_give_the_same(exporter, graph, files, tmp_path):
    script = exporter().save(graph, tmp_path / "m.py")[0]
    whole = isolated = exporter is ScriptExporter
    for inputs in (files[:1], files[1:]):
        alone, shared = (run(script, *inputs, "--json", "--workers", n, isolated=isolated) for n in "13")
        assert (shared.returncode, shared.stderr) == (0, "")
        assert json.loads(shared.stdout) == json.loads(alone.stdout) if whole else shared.stdout
        want = evaluate(widen(graph), {"image": BATCH})["classes"]
        np.testing.assert_allclose(json.loads(shared.stdout)["classes"], want, rtol=1e-5)


@pytest.mark.parametrize("op", ["CumSum", "ReduceMax"])
def test_workers_leave_samples_together_that_need_each_other(op, tmp_path):
    """A first dimension that inputs and outputs share may be time: no cut is made where that changes the numbers."""
    builder = Builder()
    builder.input("x", "float32", ("n", 5))
    axis = builder.constant("axis", np.array(0) if op == "CumSum" else np.array([0]))
    made = builder.add(op, ["x", axis], "made")
    graph = builder.graph([made if op == "CumSum" else builder.add("Add", ["x", made], "sum")], {})
    script = ScriptExporter().save(graph, tmp_path / "m.py")[0]
    x = random(7, 4, 5)
    np.save(tmp_path / "x.npy", x)
    done = run(script, str(tmp_path / "x.npy"), "--json", "--workers", "3")
    assert (done.returncode, done.stderr) == (0, "")
    (want,) = evaluate(widen(graph), {"x": x}).values()
    np.testing.assert_allclose(next(iter(json.loads(done.stdout).values())), want, rtol=1e-5)


@pytest.mark.parametrize("name", ["3.9", "3.13", "pypy3"])
def test_workers_on_other_pythons(name, script, files):
    if name not in PYTHONS:
        pytest.skip(f"there is no {name} here")
    done = run(script, *files[1:], "--json", "--workers", "2", python=PYTHONS[name])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(script, *files[1:], "--json", python=PYTHONS[name]).stdout


@pytest.mark.parametrize("count", ["0", "-1", "x"])
def test_bad_number_of_workers(count, script, files):
    done = run(script, files[0], "--workers", count)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_error_in_a_worker_is_one_line(tmp_path):
    graph = Graph(
        inputs={"x": TensorSpec("int64", ("batch", 1))},
        outputs=("y",),
        nodes=(Node("Gather", ("w", "x"), ("y",), {}, ""),),
        constants={"w": np.arange(3, dtype=np.float32)},
    )
    script = ScriptExporter().save(graph, tmp_path / "m.py")[0]
    (tmp_path / "x.json").write_text("[[0], [7], [1]]")
    done = run(script, "x.json", "--workers", "2")
    assert done.returncode == 2
    assert (
        done.stderr
        == "m.py: the model cannot compute with these inputs: the index 7 is beyond the 3 entries of axis 0\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupt_is_silent(workers, tmp_path):
    b = Builder()
    x = b.input("x", "float32", ("batch", 400, 400))
    for i in range(40):
        x = b.add("MatMul", [x, x], f"m{i}", source="")
    script = ScriptExporter().save(b.graph([x], {}), tmp_path / "slow.py", selftest=False)[0]
    np.save(tmp_path / "content.npy", np.zeros((4, 400, 400), np.float32) + 1)
    os.mkfifo(tmp_path / "x.npy")
    command = [sys.executable, "-I", "-S", str(script), "x.npy", "--json", "--workers", workers]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    (tmp_path / "x.npy").write_bytes((tmp_path / "content.npy").read_bytes())  # returns when the script has read it
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
