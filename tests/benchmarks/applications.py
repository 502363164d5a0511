"""Every architecture of keras.applications: does its file load, and does it compute what Keras computes?

    python tests/benchmarks/applications.py --peer-python /path/to/python-with-keras [--only NAME …] [--tf2onnx]

For each one the peer makes the model with weights that keep the activations in bounds, saves it as .keras and as .h5,
and computes its outputs for one batch. Then: the largest error in the numpy backend and in ONNX Runtime, relative to
the largest output, and the time and the peak memory of the whole process of `.keras` → `.onnx`. The peer needs Keras 3;
interchange and onnxruntime are those of this interpreter.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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

OURS = """
import sys, interchange
interchange.save(interchange.load(sys.argv[1]), sys.argv[2], to="onnx")
"""

CHECK = """
import json, pathlib, sys
import numpy as np, onnxruntime
import interchange
from interchange.evaluate import evaluate
folder = pathlib.Path(sys.argv[1])
case = np.load(folder / "case.npz")
x, y = case["x"], case["y"]
largest = float(np.abs(y).max())
result = {}
for suffix in ("keras", "h5"):
    graph = interchange.load(folder / f"model.{suffix}")
    (made,) = evaluate(graph, {next(iter(graph.inputs)): x}).values()
    result[suffix] = float(np.abs(made - y).max()) / largest
path = next((folder / "ours").rglob("*.onnx")) if (folder / "ours").is_dir() else folder / "ours"
session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
(made,) = session.run(None, {session.get_inputs()[0].name: x})
result["onnxruntime"] = float(np.abs(made - y).max()) / largest
print(json.dumps(result))
"""


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds and peak MB of a whole process, and the end of its complaint if it failed."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit / 1e6, "" if process.returncode == 0 else (lines or ["?"])[-1]


def row(name: str, options: argparse.Namespace) -> str:
    """The line of the table for an architecture."""
    import json

    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = subprocess.run(
            [options.peer_python, "-c", MAKE, name, temporary], env=environment, capture_output=True, text=True
        )
        if made.returncode:
            return f"{name:20} Keras cannot make it: {made.stderr.strip().splitlines()[-1][:100]}"
        with np.load(folder / "case.npz") as case:
            size, parameters = int(case["size"]), int(case["parameters"])
        start = f"{name:20} {size:5} {parameters / 1e6:8.1f}"
        model = str(folder / "model.keras")
        seconds, memory, fault = measured([sys.executable, "-c", OURS, model, str(folder / "ours")], environment)
        if fault:
            return f"{start} not converted: {fault[:150]}"
        checked = subprocess.run([sys.executable, "-c", CHECK, temporary], capture_output=True, text=True)
        if checked.returncode:
            return f"{start} not run: {checked.stderr.strip().splitlines()[-1][:150]}"
        errors = json.loads(checked.stdout)
        line = start + "".join(f" {errors[key]:9.1e}" for key in ("keras", "h5", "onnxruntime"))
        line += f" {seconds:7.2f} {memory:8.0f}"
        if options.tf2onnx:
            seconds, memory, fault = measured(
                [options.peer_python, "-c", PEER, model, str(folder / "peer.onnx")], environment
            )
            line += f" {'fails':>7} {memory:8.0f}" if fault else f" {seconds:7.2f} {memory:8.0f}"
        return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with Keras 3 and TensorFlow")
    parser.add_argument("--only", nargs="*", help="names of architectures")
    parser.add_argument("--tf2onnx", action="store_true", help="converts with tf2onnx, too, which the peer must have")
    options = parser.parse_args()
    found = subprocess.run([options.peer_python, "-c", LIST], capture_output=True, text=True, check=True)
    names = options.only or found.stdout.split()
    title = f"{'architecture':20} {'size':>5} {'M param.':>8} {'.keras':>9} {'.h5':>9} {'ORT':>9} {'s':>7} {'MB':>8}"
    print(title + (f" {'tf2onnx':>7} {'MB':>8}" if options.tf2onnx else ""), flush=True)
    for name in names:
        print(row(name, options), flush=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{len(names)} architectures, {children.ru_utime + children.ru_stime:.0f} s of CPU")


if __name__ == "__main__":
    main()
