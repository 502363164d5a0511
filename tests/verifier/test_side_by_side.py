"""Processes of a verification at once: the order of results, interruption, and that nothing else depends on it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from interchange.errors import EnvironmentLacks
from interchange.graph import Graph
from interchange.verifier import process
from interchange.verifier.report import Report
from interchange.verifier.run import verify
from interchange.verifier.side_by_side import results


def without_times(report: Report) -> Report:
    backends = tuple(replace(b, open_seconds=0.0, run_seconds=0.0) for b in report.backends)
    return replace(report, seconds=0.0, backends=backends)


def test_a_report_does_not_depend_on_how_many_run_at_once(toy: Graph, data: Path) -> None:
    one, three = (verify(toy, data, backends=["pyscript", "numpy", "onnxruntime"], jobs=jobs) for jobs in (1, 3))
    assert [result.name for result in three.backends] == ["pyscript", "numpy", "onnxruntime"]
    assert without_times(one).to_json() == without_times(three).to_json()
    assert one.agreed


def test_results_come_in_the_order_of_the_calls_and_run_at_once() -> None:
    barrier = threading.Barrier(3, timeout=20)

    def call(number: int) -> int:
        barrier.wait()  # broken unless all three are under way
        time.sleep(0.02 * (3 - number))
        return number

    assert list(results([partial(call, n) for n in range(3)], 3, threading.Event())) == [0, 1, 2]


def test_no_more_than_so_many_are_under_way() -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def call() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        with lock:
            under_way -= 1

    assert len(list(results([call] * 7, 2, threading.Event()))) == 7
    assert most <= 2


def test_after_a_failure_what_runs_is_told_to_stop_and_the_rest_does_not_begin() -> None:
    stop, begun = threading.Event(), []

    def fails() -> int:
        raise EnvironmentLacks("IX401", "it is not there")

    def waits(number: int) -> int:
        begun.append(number)
        assert stop.wait(20)
        return number

    calls: list[Callable[[], int]] = [fails, *(partial(waits, n) for n in range(5))]
    with pytest.raises(EnvironmentLacks, match="it is not there"):
        list(results(calls, 2, stop))
    assert stop.is_set()
    assert len(begun) < 5


def test_a_process_is_ended_when_it_shall_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 600\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    begin = time.monotonic()
    run = process.run(tmp_path / "run", kind="backend", artifact=tmp_path, feeds=[], inputs=[], stop=stop)
    timer.join()
    assert run.error is not None
    assert run.error.code == "IX404"
    assert time.monotonic() - begin < 60
