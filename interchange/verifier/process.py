"""Starts the process of one backend and follows it to its end, whatever that is."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported
from interchange.graph import Array
from interchange.verifier.worker import save_arrays

TIMEOUT = 600.0  # seconds without a sign of life: for opening, or for one batch
_GLANCE = 0.2  # seconds between looks at whether to stop
_TAIL = 4000  # characters of standard error that are kept

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Output:
    """An output as the process described it."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """What came out of one process.

    Args:
        batches: the outputs of each batch, in the order in which the backend gave them.
        faults: breaches of the contract.
        error: why it did not reach its end; None if it did.
        opened: whether the model was open before that.
    """

    folder: Path
    provider: str = ""
    batches: tuple[tuple[Output, ...], ...] = ()
    open_seconds: float = 0.0
    run_seconds: float = 0.0
    faults: tuple[str, ...] = ()
    error: InterchangeError | None = None
    opened: bool = False
    stderr: str = ""

    def load(self, index: int) -> dict[str, Array]:
        """The outputs of one batch by name."""
        with np.load(self.folder / f"{index:06}.npz", allow_pickle=False) as file:
            return {output.name: file[str(i)] for i, output in enumerate(self.batches[index])}


@dataclass
class _Events:
    """Collects the lines of a process."""

    provider: str = ""
    opened: bool = False
    done: bool = False
    open_seconds: float = 0.0
    run_seconds: float = 0.0
    batches: list[tuple[Output, ...]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    error: InterchangeError | None = None

    def take(self, entry: Mapping[str, Any]) -> None:
        kind = entry["event"]
        if kind == "open":
            self.opened, self.provider, self.open_seconds = True, entry["provider"], entry["seconds"]
        elif kind == "batch":
            self.run_seconds += entry["seconds"]
            self.batches.append(tuple(Output(o["name"], o["dtype"], tuple(o["shape"])) for o in entry["outputs"]))
        elif kind == "fault":
            self.faults.append(entry["text"])
        elif kind == "error":
            self.error = error_from_json(entry["error"])
        elif kind == "done":
            self.done = True


def write_feeds(folder: Path, index: int, feeds: Mapping[str, Array]) -> Path:
    """One batch in a file that every process reads; by position, since a name may be anything."""
    path = folder / f"{index:06}.npz"
    save_arrays(path, feeds.values())
    return path


def run(
    folder: Path,
    *,
    kind: str,
    artifact: Path,
    feeds: Sequence[Path],
    inputs: Sequence[str],
    backend: str = "",
    options: Mapping[str, Any] | None = None,
    timeout: float = TIMEOUT,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Run:
    """Runs one job to its end, its failure or its timeout. Never raises for what the process does.

    Args:
        folder: where job, outputs, standard error and the process's own temporary files go; a new folder.
        kind: "backend", "oracle" (the graph in float64) or "native" (the graph in its own dtypes).
        timeout: seconds without a sign of life after which the process is ended.
        progress: called with the number of batches done.
        stop: when it is set, the process is ended.
    """
    stop = stop or threading.Event()
    folder.mkdir(parents=True)
    job = {
        "kind": kind,
        "backend": backend,
        "options": dict(options or {}),
        "artifact": str(artifact.absolute()),
        "feeds": [str(path.absolute()) for path in feeds],
        "inputs": list(inputs),
        "out": str(folder.absolute()),
    }
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
    # -P: the current folder is the user's, and a numpy.py that lies there must not be imported.
    command = [sys.executable, "-P", "-m", "interchange.verifier.worker", str(folder / "job.json")]
    (folder / "tmp").mkdir()
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str((folder / "tmp").absolute()))
    events = _Events()
    with (folder / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
        patience = 0.0  # for an interruption
        try:
            timed_out = _follow(process, events, timeout, progress, stop)
            patience = 0.0 if stop.is_set() else 1.0
        finally:
            _end(process, patience)
    stderr = _tail(folder / "stderr.txt")
    return Run(
        folder=folder,
        provider=events.provider,
        batches=tuple(events.batches),
        open_seconds=events.open_seconds,
        run_seconds=events.run_seconds,
        faults=tuple(events.faults),
        error=events.error or _failure(process, events, timed_out, timeout, len(feeds), stderr),
        opened=events.opened,
        stderr=stderr,
    )


def _follow(
    process: subprocess.Popen[bytes],
    events: _Events,
    timeout: float,
    progress: Progress | None,
    stop: threading.Event,
) -> bool:
    """Takes the lines of a process until it ends or shall end; True if it was silent for too long."""
    assert process.stdout is not None
    lines: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    while True:
        try:
            line = _next_line(lines, timeout, stop)
        except queue.Empty:
            return True
        if line is None:
            return False
        try:
            events.take(json.loads(line))
        except (ValueError, KeyError, TypeError):  # not one of ours; the end of the process tells what happened
            continue
        if progress and events.opened:
            progress(len(events.batches))
        if events.done or events.error:
            return False  # what it does in its last moments does not matter


def _next_line(lines: queue.Queue[bytes | None], timeout: float, stop: threading.Event) -> bytes | None:
    """The next line; None at the end, or soon after `stop` is set. Raises queue.Empty after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not stop.is_set():
        try:
            return lines.get(timeout=max(min(_GLANCE, end - time.monotonic()), 0))
        except queue.Empty:
            if time.monotonic() >= end:
                raise
    return None


def _pump(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Gives the process a moment to end by itself, then ends it and everything that it started."""
    if hasattr(os, "killpg"):
        _wait_unreaped(process.pid, patience)
        # Before the process is waited for: as long as it is not, nobody else can have its number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
        process.kill()
    process.wait()


def _wait_unreaped(pid: int, patience: float) -> None:
    """Waits until a child has ended, without taking its number out of the system."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if hasattr(os, "waitid"):  # not on every system
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    return
        time.sleep(0.005)


def _failure(
    process: subprocess.Popen[bytes], events: _Events, timed_out: bool, timeout: float, total: int, stderr: str
) -> InterchangeError | None:
    if events.done:
        return None
    stage = f"in batch {len(events.batches)} of {total}" if events.opened else "while opening the artifact"
    if timed_out:
        what = f"The backend gave no sign of life for {timeout:g} seconds and was ended."
        next_step = "If it is only slow, give it a longer timeout or fewer samples at once."
    else:
        what, next_step = f"The backend process ended without an answer: {_ending(process.returncode)}.", ""
    last = stderr.strip().splitlines()[-1:]
    return EnvironmentLacks(
        "IX404", what, where=stage, why=[f"its last words: {line[:300]}" for line in last], next_step=next_step
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
    return f"{name}; the system ends a process that takes too much memory so" if name == "SIGKILL" else name


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().decode("utf-8", "replace")


def error_from_json(entry: Mapping[str, Any]) -> InterchangeError:
    """The error that a process reported."""
    kinds = {3: Unsupported, 4: EnvironmentLacks}
    kind = kinds.get(entry.get("exit_code", 2), BadInput)
    return kind(entry["code"], entry["what"], where=entry["where"], why=entry["why"], next_step=entry["next"])
