"""Models of Keras 3, one for each way to use a layer: how many come out right, by every road that there is.

    python tests/benchmarks/keras_peers.py --peer-python /path/to/python-with-keras [--only PREFIX …] [--record FILE]
                                           [--seconds N] [--faults]

The rows are those of tests/golden (keras, keras_calls, keras_sequences, keras_preprocessing, keras_precision) that
Keras 3 can make. Each is made by the Keras of the peer, and taken

* through interchange, from Keras's file: in the numpy backend, and as ONNX in ONNX Runtime;
* through tf2onnx and through Keras's own `model.export(format="onnx")`, both from the model in memory, in ONNX Runtime;
* through Keras's own .keras and .h5 files, and Keras again.

Right is what has the outputs, dtypes and shapes of `model(x)`, and values equal to a relative 1e-4 (float16: 1e-2;
bfloat16: 4e-2). The roads are taken in a process of the peer, where a crash, or more than --seconds, costs that road of
that row. The order is shuffled, the same in each run: what is measured so far is a fair sample. A class of layers is
whole on a road where every row with it is right.

The peer needs Keras 3, TensorFlow, tf2onnx and onnxruntime; interchange and onnxruntime are those of this interpreter.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import arrays
from child import Child, words_of

import interchange

CHILD = Path(__file__).parent / "keras_child.py"
OURS = {"interchange, numpy": "numpy", "interchange, ONNX Runtime": "onnxruntime"}
PEERS = {"tf2onnx": "tf2onnx", "Keras's ONNX export": "export", "Keras's .keras": "keras", "Keras's .h5": "h5"}
ROADS = (*OURS, *PEERS)


class Row(NamedTuple):
    """A row: its classes, and what is wrong on each road ("" where nothing is)."""

    name: str
    classes: list[str]
    faults: Mapping[str, str]


def taken(name: str, child: Child) -> Row | str:
    """What becomes of a row; or why the peer cannot make it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        answer = child.ask(ask="truth", row=name, folder=temporary)
        if "fault" in answer:
            return str(answer["fault"])
        known = arrays.read(folder / "truth.npz")
        files = [folder / f"model.{suffix}" for suffix in ("keras", "h5")]
        path = next((file for file in files if file.exists()), None)
        faults = {}
        for road, backend in OURS.items():
            faults[road] = "Keras cannot save it" if path is None else through_us(path, backend, folder, known)
        for road, asked in PEERS.items():
            (folder / "made.npz").unlink(missing_ok=True)
            fault = answer["faults"].get(asked)
            fault = fault or child.ask(ask="road", row=name, road=asked, folder=temporary).get("fault")
            faults[road] = fault or arrays.difference(arrays.read(folder / "made.npz"), known)
        return Row(name, answer["classes"], faults)


def through_us(path: Path, backend: str, folder: Path, known: list[arrays.Stored]) -> str:
    try:
        feeds = {f"x{i}": x.values for i, x in enumerate(arrays.read(folder / "feeds.npz"))}
        with interchange.open(path, backend=backend) as model:
            given = {key: feeds[key if len(feeds) > 1 else "x0"] for key in model.inputs}
            given = {key: x.astype(object) if x.dtype.kind == "U" else x for key, x in given.items()}
            made = [arrays.as_stored(y) for y in model(given).values()]
    except Exception as error:  # a fault like any other
        return words_of(error)
    return arrays.difference(made, known)


def summary(rows: list[Row]) -> list[str]:
    classes = sorted({name for row in rows for name in row.classes})
    lines = [f"| road | rows right, of {len(rows)} | classes whole, of {len(classes)} |", "|---|---|---|"]
    for road in ROADS:
        broken = {name for row in rows if row.faults[road] for name in row.classes}
        lines.append(f"| {road} | {sum(not row.faults[road] for row in rows)} | {len(classes) - len(broken)} |")
    return lines


def compared(rows: list[Row]) -> list[str]:
    """Where a peer is right and we are not."""
    return [
        f"{row.name}: {road}: {row.faults[road]}; right: {', '.join(right)}"
        for row in rows
        for road in OURS
        if row.faults[road] and (right := [peer for peer in PEERS if not row.faults[peer]])
    ]


def recorded(path: Path | None) -> dict[str, Row | str]:
    if path is None or not path.exists():
        return {}
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return {name: Row(*entry) if isinstance(entry, list) else entry for name, entry in entries}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with Keras 3 and tf2onnx")
    parser.add_argument("--only", nargs="*", default=[""], metavar="PREFIX", help="rows whose names begin so")
    parser.add_argument("--seconds", type=float, default=120, help="for each road (120)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="appends results to it, and knows what is in it")
    parser.add_argument("--faults", action="store_true", help="counts what went wrong on each road")
    options = parser.parse_args()
    known = recorded(options.record)
    with Child(options.peer_python, CHILD, options.seconds) as child:
        names = [name for name in child.ask(ask="rows")["rows"] if name.startswith(tuple(options.only))]
        random.Random(0).shuffle(names)
        for name in names:
            if name not in known:
                known[name] = taken(name, child)
                if options.record is not None:
                    with options.record.open("a") as file:
                        file.write(json.dumps([name, known[name]]) + "\n")
    made = [known[name] for name in names]
    rows = [row for row in made if isinstance(row, Row)]
    print(*summary(rows), "", *compared(rows), sep="\n")
    print(*(f"not made: {name}: {known[name]}" for name in names if isinstance(known[name], str)), sep="\n")
    if options.faults:
        for road in ROADS:
            counts = Counter(row.faults[road].partition(": ")[0] for row in rows if row.faults[road])
            print(f"{road}: {dict(counts.most_common(12))}")


if __name__ == "__main__":
    main()
