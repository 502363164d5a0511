"""Threads over tiles. NumPy lets go of Python's lock in every loop and product, so tiles run at the same time.

The BLAS is held at one thread: its own threads gain little on products of this size, wait for each other busily, and on
a machine that does other things too took ten times the time of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from interchange_numpy.kernel import Step

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

# NumPy copies the operands of a strided loop through buffers if the loop is shorter than the buffer.
BUFFER_SIZE = 2048


class Workers:
    """Runs groups of steps, the first in the calling thread and each other one in a thread of its own."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = _pool(threads - 1) if threads > 1 else None

    def run(self, first: Sequence[Step], others: Sequence[Sequence[Step]]) -> None:
        """Returns when all groups are done; raises what one of them raises."""
        from concurrent.futures import wait

        assert self._pool is not None
        futures = [self._pool.submit(run_steps, steps) for steps in others]
        try:
            run_steps(first)
        finally:
            wait(futures)
        for future in futures:
            future.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # imports logging and much else, for nothing with one thread

    return ThreadPoolExecutor(threads, "numpy", initializer=prepare)


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
