"""The process in which one backend runs: `python -m interchange.verifier.worker job.json`.

It reads the feeds batch by batch, writes the outputs beside each other, and reports in JSON lines on standard output.
What the backend itself prints goes to standard error, so that it cannot disturb the lines.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from interchange.errors import InterchangeError
from interchange.graph import Array

ORACLE, NATIVE = "float64", "float32"  # what the graph's own evaluation is called as a backend
OWN = {"oracle": ORACLE, "native": NATIVE}

Emit = Callable[..., None]


def main(path: str) -> int:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    emit = _emitter(channel)
    job = json.loads(Path(path).read_text("utf-8"))
    phase = "open"
    try:
        started = time.perf_counter()
        with _open(job) as model:
            emit(event="open", provider=str(model.provider), seconds=time.perf_counter() - started)
            phase = "run"
            for fault in _run(model, job, emit):
                emit(event="fault", text=fault)
        emit(event="done")
    except InterchangeError as error:
        emit(event="error", phase=phase, error=error.to_json())
        return 1
    except Exception as error:  # whatever a stranger's backend raises is its failure, not ours
        traceback.print_exc()
        line = (str(error).splitlines() or [""])[0]
        what = {"code": "IX404", "what": f"The backend raised {type(error).__name__}: {line}"[:500], "exit_code": 4}
        emit(event="error", phase=phase, error={**what, "where": "", "why": [], "next": ""})
        return 1
    return 0


def _emitter(channel: TextIO) -> Emit:
    def emit(**entry: Any) -> None:
        channel.write(json.dumps(entry) + "\n")
        channel.flush()

    return emit


@contextmanager
def _open(job: Mapping[str, Any]) -> Iterator[Any]:
    artifact = Path(job["artifact"])
    if job["kind"] in OWN:
        yield _Evaluated(artifact, widened=job["kind"] == "oracle")
        return
    from interchange.verifier.names import backend

    with backend(job["backend"]).open(artifact, **job["options"]) as model:
        yield model


class _Evaluated:
    """The graph itself, run by the operators: in float64 the oracle, else in the model's own dtypes."""

    def __init__(self, artifact: Path, *, widened: bool) -> None:
        from interchange import api
        from interchange.evaluate import widen

        graph = api.load(artifact)
        self._graph = widen(graph) if widened else graph
        self.provider = f"NumPy {np.__version__}, {'float64' if widened else 'as the model'}"

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        from interchange.evaluate import evaluate

        return evaluate(self._graph, feeds)


def _run(model: Any, job: Mapping[str, Any], emit: Emit) -> Iterator[str]:
    """Runs every batch; yields breaches of a model's contract that the outputs alone would not show."""
    before: tuple[list[Array], list[int]] = ([], [])
    for index, feed in enumerate(job["feeds"]):
        with np.load(feed, allow_pickle=False) as file:
            feeds = {name: _with_texts(file[str(i)]) for i, name in enumerate(job["inputs"])}
        entered = [_checksum(array) for array in feeds.values()]
        started = time.perf_counter()
        outputs = model(feeds)
        seconds = time.perf_counter() - started
        if not isinstance(outputs, Mapping):
            raise TypeError(f"a model returns a mapping of outputs, not a {type(outputs).__name__}")
        if [_checksum(array) for array in before[0]] != before[1]:
            yield f"batch {index} changed the outputs that were returned for batch {index - 1}: the buffers are shared"
        if [_checksum(array) for array in feeds.values()] != entered:
            yield f"batch {index}: the backend wrote into its inputs"
        arrays = [_array(name, value) for name, value in outputs.items()]
        before = (arrays, [_checksum(array) for array in arrays])
        save_arrays(Path(job["out"]) / f"{index:06}.npz", arrays)
        described = [
            {"name": str(name), "dtype": array.dtype.name, "shape": list(array.shape)}
            for name, array in zip(outputs, arrays, strict=True)
        ]
        emit(event="batch", index=index, seconds=seconds, outputs=described)


def _with_texts(array: Array) -> Array:
    """Texts as models take them, which files hold as fixed numbers of characters."""
    return array.astype(object) if array.dtype.kind == "U" else array


def _array(name: str, value: Any) -> Array:
    if isinstance(value, (list, tuple, dict)) or value is None:
        raise TypeError(f"the output {name!r} is a {type(value).__name__}; only tensors can be compared")
    return np.asarray(value)


def save_arrays(path: Path, arrays: Iterable[Array]) -> None:
    """Arrays in a file, by position."""
    named: dict[str, Any] = {str(i): _plain(array) for i, array in enumerate(arrays)}
    np.savez(path, **named)


def _checksum(array: Array) -> int:
    return zlib.crc32(array.tobytes()) if array.dtype.kind != "O" else 0


def _plain(array: Array) -> Array:
    """What .npy files can hold: text instead of Python strings, float32 for the small floats of ml_dtypes."""
    if array.dtype.kind == "O":
        return array.astype(str)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
