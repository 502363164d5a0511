"""Threads over tiles. NumPy lets go of Python's lock in every loop and product, so tiles run at the same time.

The BLAS is held at one thread: its own threads gain little on products of this size, wait for each other busily, and on
a machine that does other things too took ten times the time of one.

Threads wait at a SimpleQueue, which is written in C: a futures executor takes 45 µs more for each group of tiles, 2 ms
for ResNet50. Groups are as many as threads, of the same number of tiles (`tiles.cuts`): of ResNet50 0.7 % run in one
thread only, and if nothing disturbed the other two would take 0.52 of the time of one; 0.53 for a small network. Two
cores of one machine, which share memory and L3, give ResNet50 0.60. Batches need no tiles (`batches.py`).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

import numpy as np

from interchange_numpy.kernel import Step
from interchange_numpy.probe import settle_blas, settling

# NumPy copies the operands of a strided loop through buffers if the loop is shorter than the buffer.
BUFFER_SIZE = 2048


class Workers:
    """Runs groups of steps, the first in the calling thread and the others in threads that end with this object."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        for _ in range(threads - 1):
            threading.Thread(target=_work, args=(self._tasks,), name="numpy", daemon=True).start()
        weakref.finalize(self, _end, self._tasks, threads - 1)
        self._is_settled = False

    def settle_blas(self) -> None:
        """Once: what the BLAS takes time for when a thread computes its first products (`probe.settling`)."""
        if not self._is_settled:
            if self.threads == 1:
                settle_blas()
            else:  # at the same time, so that each has memory of its own
                self.run([settling()], [[settling()]] * (self.threads - 1))
            self._is_settled = True

    def run(self, first: Sequence[Step], others: Sequence[Sequence[Step]]) -> None:
        """Returns when all groups are done; raises what one of them raises."""
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        for steps in others:
            self._tasks.put((steps, done))
        try:
            run_steps(first)
        finally:
            faults = [done.get() for _ in others]
        fault = next(filter(None, faults), None)
        if fault is not None:
            try:
                raise fault
            finally:
                del fault, faults  # that have this frame in their traceback


_Task = tuple[Sequence[Step], "SimpleQueue[BaseException | None]"]


def _work(tasks: SimpleQueue[_Task | None]) -> None:
    """Runs what comes, in a thread of its own, until None comes."""
    prepare()
    while (task := tasks.get()) is not None:
        steps, done = task
        fault = None
        try:
            run_steps(steps)
        except BaseException as raised:  # whatever it is, the thread that waits has to have it
            fault = raised
        done.put(fault)
        del task, steps, done, fault  # nothing is kept alive while it waits


def _end(tasks: SimpleQueue[_Task | None], threads: int) -> None:
    for _ in range(threads):
        tasks.put(None)


def run_steps(steps: Sequence[Step]) -> None:
    for function, arguments in steps:
        function(*arguments)


def prepare() -> None:
    """What NumPy keeps for each context, and so for each thread."""
    np.setbufsize(BUFFER_SIZE)
    np.seterr(all="ignore")


@contextmanager
def blas_at_one_thread() -> Iterator[None]:
    """Holds the BLAS at one thread, whichever it is."""
    if (os.cpu_count() or 1) == 1 or os.environ.get("OPENBLAS_NUM_THREADS") == "1":
        yield
        return
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1, "blas"):
        yield
