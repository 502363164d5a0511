"""Whole-process time of a conversion, against one with Keras and tf2onnx, in turn.

    python tests/benchmarks/convert.py --peer-python /path/to/python-with-tensorflow [--rounds 7]

Also measures `interchange --help`, and `import h5py, numpy`, below which no reader of HDF5 can be. TensorFlow, Keras
and tf2onnx must be installed for the peer's interpreter, not for ours.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "docs" / "examples" / "cats_dogs" / "cats_dogs.h5"

PEER = """
import sys, keras, tensorflow as tf, tf2onnx
model = keras.models.load_model(sys.argv[1], compile=False)
model = keras.Model(model.inputs, model.outputs)
signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in model.inputs]
tf2onnx.convert.from_keras(model, input_signature=signature, output_path=sys.argv[2])
"""


def seconds(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall-clock and CPU seconds of a whole process."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    # An installed program has its bytecode; that of an editable one is written here in the round that is not counted.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with TensorFlow, Keras, tf2onnx")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    ours = shutil.which("interchange", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if ours is None:
        parser.error("interchange is not installed for this interpreter")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = {
            "tf2onnx": [options.peer_python, "-c", PEER, str(MODEL), "peer.onnx"],
            "interchange convert --to pyscript": [ours, "convert", str(MODEL), "--to", "pyscript", "--force"],
            "interchange convert --to weights": [ours, "convert", str(MODEL), "--to", "weights", "--force"],
            "interchange --help": [ours, "--help"],
            "import h5py, numpy": [sys.executable, "-c", "import h5py, numpy"],
        }
        times: dict[str, list[tuple[float, float]]] = {label: [] for label in commands}
        for round_number in range(options.rounds + 1):  # the first only warms the file cache
            for label, command in commands.items():
                taken = seconds(command, folder)
                if round_number:
                    times[label].append(taken)

    print(f"{options.rounds} rounds, seconds of the whole process; ratios are tf2onnx / this, median of the rounds")
    for kind, title in enumerate(("wall clock", "CPU")):
        print(f"{title:36} {'min':>7} {'median':>7} {'max':>7} {'ratio':>7}")
        for label, rounds in times.items():
            own = [taken[kind] for taken in rounds]
            ratio = statistics.median(peer[kind] / mine for peer, mine in zip(times["tf2onnx"], own, strict=True))
            print(f"{label:36} {min(own):7.3f} {statistics.median(own):7.3f} {max(own):7.3f} {ratio:7.1f}")


if __name__ == "__main__":
    main()
