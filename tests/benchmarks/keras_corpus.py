"""Old Keras files as .keras files of today: what Keras 3 opens itself, and what it opens of what we write.

    python tests/benchmarks/keras_corpus.py --peer-python /path/to/python-with-keras PATH … [--record FILE] [--each]

PATH is a folder with models (.h5, .hdf5, .keras), an archive of them (.tar.xz, as in tests/golden), or one file. Of
each whole model in it (files of weights alone are none):

* does Keras 3 open it itself, and does it compute the right values?
* do we open it; do we write it as new.keras (`interchange convert old.h5 --to keras`)?
* does Keras 3 open new.keras, and does it compute the right values?

Right are the predictions that were recorded with the model (`x_inputs_and_outputs.h5` beside `x_model.h5`); else what
tf_keras computes, if the peer has it and it opens the file; else what our operators compute. Equal is what has the
dtypes and shapes, and values within a relative 1e-4. Recorded activations of layers are compared with ours, too.
A file with code in it is given to no Keras: some run it.

The peer needs Keras 3 and TensorFlow; interchange is that of this interpreter.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import arrays
import h5py
import numpy as np
from child import Child, words_of
from interchange_keras import KerasExporter, KerasImporter

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate, probe_sizes, trace
from interchange.golden import case_input
from interchange.graph import Graph

CHILD = Path(__file__).parent / "keras_child.py"
RECORDS = "_inputs_and_outputs.h5"
SUFFIXES = (".h5", ".hdf5", ".keras")
WEIGHTS_ONLY = "IX204"


class Result(NamedTuple):
    """What became of a file; a fault is "" where there is none.

    Args:
        truth: "recorded", "tf_keras" or "interchange"; "" where we refuse the file.
        keras: what is wrong when Keras 3 opens the file itself.
        opens: Keras 3 opens it, whatever it computes then.
        ours, written: what is wrong when we open it, and when we write it.
        again: what is wrong when Keras 3 opens what we wrote.
        against: what is wrong with what our operators compute.
        layers: how many activations of layers were recorded; other: those that ours differ from.
    """

    name: str
    truth: str
    opens: bool
    keras: str
    ours: str
    written: str
    again: str
    against: str
    layers: int
    other: list[str]


def feeds_for(graph: Graph, record: Path) -> dict[str, np.ndarray]:
    """The recorded inputs, or two samples by the rule of formats/golden.md; whole numbers are 0 and 1."""
    if record.exists():
        with h5py.File(record) as file:
            return {name: data[()] for name, data in file["inputs"].items()}
    shapes = probe_sizes(graph)
    batches = {spec.shape[0] for spec in graph.inputs.values() if isinstance(spec.shape[0], str)}
    feeds = {}
    for k, (name, spec) in enumerate(graph.inputs.items()):
        shape = (2, *shapes[name][1:]) if spec.shape[0] in batches else shapes[name]
        feeds[name] = case_input(k, spec.dtype, shape) if spec.dtype != "object" else np.full(shape, "a b")
    return feeds


def recorded(record: Path, group: str) -> dict[str, np.ndarray]:
    if not record.exists():
        return {}
    with h5py.File(record) as file:
        return {name: data[()] for name, data in file.get(group, {}).items()}


def differing_layers(graph: Graph, feeds: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray]) -> list[str]:
    """The layers whose recorded activations are not ours."""
    made = trace(graph, feeds)
    faults = {
        name: arrays.difference([arrays.as_stored(made[name])], [arrays.as_stored(array)]) if name in made else "absent"
        for name, array in known.items()
    }
    return [f"{name}: {fault}" for name, fault in faults.items() if fault]


def tried(path: Path, child: Child, folder: Path, with_tf_keras: bool) -> Result | None:
    """What becomes of a file; None for one that holds weights alone."""
    name, record = path.name, path.with_name(path.name.replace("_model.h5", RECORDS))
    record = record if record != path else path.with_name(path.name + RECORDS)
    importer = KerasImporter()
    ask = {"ask": "opened", "made": str(folder / "made.npz"), "feeds": str(folder / "feeds.npz")}
    (folder / "feeds.npz").unlink(missing_ok=True)
    named = folder / f"old{'.keras' if path.suffix == '.keras' else '.h5'}"
    named.unlink(missing_ok=True)
    named.symlink_to(path.resolve())
    try:
        has_code = bool(importer.scan(path))
        graph = importer.load(path)
    except InterchangeError as error:
        if error.code == WEIGHTS_ONLY:
            return None
        why = f"{error.code} {'; '.join(error.why)}"[:200]
        answer = child.ask(**ask, keras="keras", path=str(named)) if not has_code else {"opens": False}
        return Result(name, "", answer.get("opens", False), answer.get("fault", ""), why, why, why, why, 0, [])

    def computed(keras: str, file: Path) -> tuple[bool, str, list[arrays.Stored]]:
        (folder / "made.npz").unlink(missing_ok=True)
        answer = child.ask(**ask, keras=keras, path=str(file))
        if "fault" in answer:
            return answer.get("opens", False), answer["fault"], []
        return True, "", arrays.read(folder / "made.npz")

    feeds = feeds_for(graph, record)
    arrays.write(folder / "feeds.npz", [feeds[key] for key in graph.inputs])
    ours = [arrays.as_stored(y) for y in evaluate(graph, feeds).values()]
    predictions = recorded(record, "predictions")
    truth, known = "interchange", ours
    if predictions:
        truth, known = "recorded", [arrays.as_stored(predictions[key]) for key in graph.outputs]
    elif with_tf_keras:
        _, fault, made = computed("tf_keras", named)
        truth, known = ("tf_keras", made) if not fault else (truth, known)
    opens, itself, made = computed("keras", named)
    itself = itself or arrays.difference(made, known)
    again = written = ""
    try:
        (new,) = KerasExporter().save(graph, folder / "new.keras", force=True)
    except InterchangeError as error:
        written = again = f"{error.code} {'; '.join(error.why)}"[:200]
    else:
        _, again, made = computed("keras", new)
        again = again or arrays.difference(made, known)
    activations = recorded(record, "activations")
    others = differing_layers(graph, feeds, activations) if activations else []
    against = arrays.difference(ours, known)
    return Result(name, truth, opens, itself, "", written, again, against, len(activations), others)


@contextmanager
def models_in(paths: list[Path]) -> Iterator[list[Path]]:
    """The model files of folders and archives."""
    with tempfile.TemporaryDirectory() as temporary:
        files: list[Path] = []
        for i, path in enumerate(paths):
            folder = path
            if path.name.endswith(".tar.xz"):
                folder = Path(temporary) / f"{i}"
                with tarfile.open(path) as archive:
                    archive.extractall(folder, filter="data")
            found = [path] if folder.is_file() else sorted(folder.glob("**/*"))
            files += [file for file in found if file.suffix in SUFFIXES and not file.name.endswith(RECORDS)]
        yield files


def summary(results: list[Result]) -> list[str]:
    opened, closed = ([r for r in results if r.opens is opens] for opens in (True, False))
    layers = sum(r.layers for r in results)
    known = Counter(r.truth for r in results if r.truth)
    lines = [
        f"{len(results)} whole models; right values: {dict(known)}",
        f"Keras 3 opens {len(opened)} itself; equal predictions: {sum(not r.keras for r in opened)}",
        f"we open {sum(not r.ours for r in results)}; equal predictions: {sum(not r.against for r in results)}",
        f"of {len(closed)} that Keras 3 does not open, we write {sum(not r.written for r in closed)} as .keras; "
        f"it opens them with equal predictions: {sum(not r.again for r in closed)}",
        f"of all, we write {sum(not r.written for r in results)}; equal: {sum(not r.again for r in results)}",
        f"activations of layers: {layers - sum(len(r.other) for r in results)} of {layers} equal",
    ]
    reasons = Counter(result.again for result in closed if result.again)
    return lines + [f"  {count} x {reason}" for reason, count in reasons.most_common(20)]


def known_from(path: Path | None) -> dict[str, Result]:
    if path is None or not path.exists():
        return {}
    return {entry[0]: Result(*entry) for entry in map(json.loads, path.read_text().splitlines())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with Keras 3")
    parser.add_argument("--no-tf-keras", action="store_true", help="what our operators compute is right")
    parser.add_argument("--seconds", type=float, default=120, help="for Keras to open and compute a file (120)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="appends results to it, and knows what is in it")
    parser.add_argument("--each", action="store_true", help="prints a line for each file, not only what went wrong")
    options = parser.parse_args()
    known = known_from(options.record)
    results: list[Result] = []
    with (
        models_in(options.paths) as files,
        tempfile.TemporaryDirectory() as temporary,
        Child(options.peer_python, CHILD, options.seconds) as child,
    ):
        for path in files:
            result: Any = known.get(path.name)
            if result is None:
                try:
                    result = tried(path, child, Path(temporary), not options.no_tf_keras)
                except Exception as error:  # a fault of ours
                    raise RuntimeError(f"{path}: {words_of(error)}") from error
                if result is None:
                    continue
                if options.record is not None:
                    with options.record.open("a") as file:
                        file.write(json.dumps(result) + "\n")
            results.append(result)
            faults = {"we": result.against, "new.keras": result.again, "layers": "; ".join(result.other)}
            said = "; ".join(f"{key}: {fault}" for key, fault in faults.items() if fault)
            if said or options.each:
                itself = "equal" if not result.keras else result.keras[:60]
                print(f"{result.name} | {result.truth} | Keras 3: {itself} | {said or 'equal'}", flush=True)
    print("", *summary(results), sep="\n")


if __name__ == "__main__":
    main()
