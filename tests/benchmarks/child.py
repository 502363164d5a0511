"""A process that answers questions one by one, so that what harms it costs the question and no more."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Child:
    """`script` in another Python: it gets a line of JSON and answers with one, whatever else it prints.

    One that ends, or needs longer than `seconds`, is begun again with the next question.
    """

    def __init__(self, python: str, script: Path, seconds: float) -> None:
        self.command = [python, str(script)]
        self.seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()
        self._said.close()

    def ask(self, **question: Any) -> dict[str, Any]:
        """Its answer; {"fault": …} where there is none."""
        if self._process is None or self._process.poll() is not None:
            self._begin()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {"fault": f"the process ended: {self._end()}"}
        ready, _, _ = select.select([process.stdout], [], [], self.seconds)
        if not ready:
            self._end()
            return {"fault": f"no answer within {self.seconds:.0f} s"}
        line = process.stdout.readline()
        if not line:
            return {"fault": f"the process ended: {self._end()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _begin(self) -> None:
        self._said.seek(0)
        self._said.truncate()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, stderr=self._said, env=environment())

    def _end(self) -> str:
        """Its last words, or the signal that ended it."""
        process, self._process = self._process, None
        if process is None:
            return ""
        if process.poll() is None:
            process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self._said.seek(0)
        words = self._said.read().decode(errors="replace").strip().splitlines() or [""]
        return f"signal {-status}" if status < 0 else words[-1][:200]


def environment() -> dict[str, str]:
    """One thread, no GPU, and nothing that TensorFlow has to say."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    return {**os.environ, **quiet, **threads, "KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "1"}


def answer_with(function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The child's side: answers every line of its input with what `function` says, or with the error that it raises."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        try:
            answer = function(json.loads(line))
        except Exception as error:  # whatever a framework raises
            answer = {"fault": words_of(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def words_of(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
