"""Every architecture of keras.applications: does its file load, and does it compute what Keras computes?

    python tests/benchmarks/applications.py --peer-python /path/to/python-with-keras [--only NAME …] [--tf2onnx]
                                            [--record FILE] [--again] [--peer-memory MB]

For each one the peer makes the model with weights that keep the activations in bounds, saves it as .keras and as .h5,
and computes its outputs for one batch. Then

* the largest error of the numpy backend (of both files) and of ONNX Runtime, relative to the largest output;
* CPU seconds (the median of three) and peak memory of the whole process of `interchange convert model.keras --to
  onnx`, and the peak memory of `--to weights` and `--to pyscript`; "room" is twice the weights and 200 MB, which none
  should need;
* with --tf2onnx the same of a process that loads the file with Keras and converts it with tf2onnx, right after it, and
  whether ONNX Runtime computes with its file what Keras does (within 1 % of the largest output). One that takes more
  than --peer-memory is ended, and what it took until then counts.

All of them take an hour or more. With --record each result is appended to a file at once, and what is in that file is
not measured again; with --again it is, all but tf2onnx.

The peer needs Keras 3; interchange and onnxruntime are those of this interpreter. Memory is what the operating system
says a process had at most (ru_maxrss); MB are 1,000,000 bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MAKE = """
import sys, numpy as np, keras
name, folder = sys.argv[1:]
build = getattr(keras.applications, name)
for size in (32, 71, 75, 96, 128, 224, 331):   # the smallest that the architecture takes
    try:
        model = build(weights=None, input_shape=(size, size, 3), classifier_activation=None, classes=10)
        break
    except ValueError as error:
        if size == 331:
            raise
rng = np.random.default_rng(0)
for variable in model.variables:
    shape, path = tuple(variable.shape), variable.path
    leaf = path.rsplit("/", 1)[-1]
    if leaf in ("gamma", "moving_variance", "variance"):
        value = rng.uniform(0.5, 1.5, shape)
    elif leaf in ("beta", "bias", "moving_mean", "mean"):
        value = rng.normal(0, 0.1, shape)
    elif len(shape) > 1:
        rows = np.prod(shape[:-1]) if "depthwise" not in path else np.prod(shape[:-2])
        value = rng.normal(0, np.sqrt(2 / max(rows, 1)), shape)
    else:
        value = rng.uniform(0.5, 1.5, shape)
    if variable.dtype == "float32":
        variable.assign(value.astype("float32"))
x = rng.uniform(0, 255, (2, size, size, 3)).astype("float32")
y = np.asarray(model(x, training=False))
model.save(f"{folder}/model.keras")
model.save(f"{folder}/model.h5")
np.savez(f"{folder}/case.npz", x=x, y=y, size=size, parameters=model.count_params())
"""

LIST = """
import keras, inspect
print(*[n for n, f in vars(keras.applications).items() if inspect.isfunction(f) and n[0].isupper()])
"""

PEER = """
import sys, keras, tensorflow as tf, tf2onnx
model = keras.models.load_model(sys.argv[1], compile=False)
function = tf.function(lambda x: model(x, training=False))
signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in model.inputs]
tf2onnx.convert.from_function(function, input_signature=signature, output_path=sys.argv[2])
"""

NUMPY = """
import sys
import numpy as np
import interchange
from interchange.evaluate import evaluate
case = np.load(sys.argv[2])
graph = interchange.load(sys.argv[1])
(made,) = evaluate(graph, {next(iter(graph.inputs)): case["x"]}).values()
print(float(np.abs(made - case["y"]).max() / np.abs(case["y"]).max()))
"""

RUNTIME = """
import sys
import numpy as np, onnxruntime
case = np.load(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
(made,) = session.run(None, {session.get_inputs()[0].name: case["x"]})
print(float(np.abs(made - case["y"]).max() / np.abs(case["y"]).max()))
"""

USABLE = 0.01  # the largest error, relative to the largest output
MB = 1e6


class Measured(NamedTuple):
    """A whole process: CPU seconds, peak memory in MB, and the end of its complaint if it failed."""

    seconds: float
    memory: float
    fault: str


def measured(command: list[str], environment: dict[str, str], most: float = float("inf")) -> Measured:
    """Runs a process to its end, or until it takes more than `most` MB."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        ended = threading.Event()
        guard = threading.Thread(target=_guard, args=(process, most, ended))
        guard.start()
        _, status, usage = os.wait4(process.pid, 0)
        ended.set()
        guard.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MB
    fault = "" if process.returncode == 0 else (lines or ["?"])[-1][:150]
    if process.returncode < 0 and memory >= most:
        fault = f"ended at {most:.0f} MB"
    return Measured(usage.ru_utime + usage.ru_stime, memory, fault)


def _guard(process: subprocess.Popen[bytes], most: float, ended: threading.Event) -> None:
    """Ends a process that takes more memory than the machine can give; only where /proc tells."""
    status = Path(f"/proc/{process.pid}/statm")
    while most < float("inf") and not ended.wait(0.05):
        try:
            if int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB >= most:
                process.kill()
        except OSError:
            return


def median_of(command: list[str], environment: dict[str, str], rounds: int) -> Measured:
    """The median of the times and the largest memory of several runs."""
    runs = [measured(command, environment) for _ in range(rounds)]
    faults = [run.fault for run in runs if run.fault]
    seconds = statistics.median(run.seconds for run in runs)
    return Measured(seconds, max(run.memory for run in runs), faults[0] if faults else "")


def error_of(script: str, model: Path, case: Path, environment: dict[str, str]) -> float | str:
    """The error that a script prints; or its last words."""
    command = [sys.executable, "-c", script, str(model), str(case)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1][:150]


class Row(NamedTuple):
    """An architecture: what was measured."""

    name: str
    size: int
    parameters: int
    errors: dict[str, float | str]  # "keras", "h5", "onnx", "peer"
    ours: dict[str, Measured]  # "onnx", "weights", "pyscript"
    peer: Measured | None

    @property
    def room(self) -> float:
        return 2 * 4 * self.parameters / MB + 200

    @property
    def is_right(self) -> bool:
        return all(is_usable(self.errors[key]) for key in ("keras", "h5", "onnx"))

    @property
    def ratio(self) -> float:
        """How many times the peer's time is ours."""
        return self.peer.seconds / self.ours["onnx"].seconds if self.peer else 0.0

    def cells(self) -> list[str]:
        cells = [self.name, str(self.size), f"{self.parameters / 1e6:.1f}"]
        cells += [e if isinstance(e, str) else f"{e:.1e}" for e in (self.errors[k] for k in ("keras", "h5", "onnx"))]
        cells += [f"{self.ours['onnx'].seconds:.2f}"]
        cells += [f"{self.ours[target].memory:.0f}" for target in ("onnx", "weights", "pyscript")]
        cells += [f"{self.room:.0f}"]
        if self.peer:
            result = "yes" if is_usable(self.errors["peer"]) else self.peer.fault or str(self.errors["peer"])
            cells += [f"{self.peer.seconds:.1f}", f"{self.peer.memory:.0f}", result, f"{self.ratio:.1f}"]
        return cells


def is_usable(error: float | str) -> bool:
    return isinstance(error, float) and error <= USABLE


def from_json(document: dict[str, Any]) -> Row:
    ours = {target: Measured(*entry) for target, entry in document["ours"].items()}
    peer = document["peer"] and Measured(*document["peer"])
    return Row(**{**document, "ours": ours, "peer": peer})


HEADER = ["architecture", "size", "M param.", ".keras", ".h5", "ORT", "CPU s", "MB", "weights", "pyscript", "room"]
PEER_HEADER = ["tf2onnx s", "MB", "usable", "ratio"]
ROUNDS = 3


def row(name: str, options: argparse.Namespace, environment: dict[str, str], known: Row | None) -> Row | str:
    """What an architecture gives, the peer's part of it from `known`; or why Keras cannot make it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        command = [options.peer_python, "-c", MAKE, name, temporary]
        made = subprocess.run(command, env=environment, capture_output=True, text=True)
        if made.returncode:
            return (made.stderr.strip().splitlines() or ["?"])[-1][:150]
        case, model = folder / "case.npz", folder / "model.keras"
        with np.load(case) as content:
            size, parameters = int(content["size"]), int(content["parameters"])
        command = [options.ours, "convert", str(model), "--force"]
        # An installed program has its bytecode; that of an editable one is written by the run that is not counted.
        compiled = {**environment, "PYTHONPYCACHEPREFIX": options.bytecode}
        if not any(Path(options.bytecode).iterdir()):
            for target in ("onnx", "weights", "pyscript"):
                measured([*command, "--to", target, "-o", f"{folder}/first/"], compiled)
        ours = {
            target: median_of([*command, "--to", target, "-o", f"{folder}/{target}/"], compiled, rounds)
            for target, rounds in (("onnx", ROUNDS), ("weights", 1), ("pyscript", 1))
        }
        errors = {suffix: error_of(NUMPY, folder / f"model.{suffix}", case, environment) for suffix in ("keras", "h5")}
        errors["onnx"] = ours["onnx"].fault or error_of(RUNTIME, folder / "onnx" / "model.onnx", case, environment)
        peer = known and known.peer
        if known and peer:
            errors["peer"] = known.errors["peer"]
        elif options.tf2onnx:
            command = [options.peer_python, "-c", PEER, str(model), f"{folder}/peer.onnx"]
            peer = measured(command, environment, options.peer_memory)
            errors["peer"] = peer.fault or error_of(RUNTIME, folder / "peer.onnx", case, environment)
        return Row(name, size, parameters, errors, ours, peer)


def summary(rows: list[Row]) -> list[str]:
    lines = [
        f"{sum(r.is_right for r in rows)} of {len(rows)} equal Keras in numpy (.keras and .h5) and in ONNX Runtime",
        f"{sum(all(m.memory <= r.room for m in r.ours.values()) for r in rows)} of {len(rows)} stay below their room",
    ]
    peers = [r for r in rows if r.peer]
    if peers:
        ratios = [r.ratio for r in peers]
        lines += [
            f"{sum(is_usable(r.errors['peer']) for r in peers)} of {len(peers)} files of tf2onnx are usable",
            f"CPU time, tf2onnx / interchange: min {min(ratios):.1f}, median {statistics.median(ratios):.1f}",
        ]
    return lines


def recorded(path: Path | None) -> dict[str, Row]:
    """The last row of each architecture in a record."""
    if path is None or not path.exists():
        return {}
    return {row.name: row for row in (from_json(json.loads(line)) for line in path.read_text().splitlines())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with Keras 3 and TensorFlow")
    parser.add_argument("--only", nargs="*", help="names of architectures")
    parser.add_argument("--tf2onnx", action="store_true", help="converts with tf2onnx, too, which the peer must have")
    parser.add_argument("--peer-memory", type=float, default=float("inf"), metavar="MB", help="tf2onnx is ended there")
    parser.add_argument("--record", type=Path, metavar="FILE", help="appends results to it, and knows what is in it")
    parser.add_argument("--again", action="store_true", help="measures recorded architectures again, without tf2onnx")
    options = parser.parse_args()
    options.ours = shutil.which("interchange", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if options.ours is None:
        parser.error("interchange is not installed for this interpreter")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    names = options.only
    if names is None:
        command = [options.peer_python, "-c", LIST]
        names = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    print("| " + " | ".join(HEADER + (PEER_HEADER if options.tf2onnx else [])) + " |")
    print("|---" * len(HEADER + (PEER_HEADER if options.tf2onnx else [])) + "|", flush=True)
    known, rows = recorded(options.record), []
    bytecode = tempfile.TemporaryDirectory()
    options.bytecode = bytecode.name
    for name in names:
        made: Row | str | None = known.get(name)
        if made is None or options.again:
            made = row(name, options, environment, known.get(name))
            if isinstance(made, str):
                print(f"| {name} | Keras cannot make it: {made} |", flush=True)
                continue
            if options.record is not None:
                with options.record.open("a") as file:
                    file.write(json.dumps(made._asdict()) + "\n")
        rows.append(made)
        print("| " + " | ".join(made.cells()) + " |", flush=True)
    bytecode.cleanup()
    print("", *summary(rows), sep="\n")


if __name__ == "__main__":
    main()
