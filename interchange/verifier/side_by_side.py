"""Several processes of a verification at once: their results in order, none left behind when one is interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

T = TypeVar("T")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(calls: Sequence[Callable[[], T]], jobs: int, stop: Event) -> Generator[T, None, None]:
    """What each call returns, in order, with at most `jobs` of them under way.

    If one raises, or whoever takes the results does not want the rest, `stop` is set, which has to end the calls that
    are under way; those after them do not begin.
    """
    pool = ThreadPoolExecutor(min(jobs, len(calls)) or 1)
    is_whole = False
    try:
        for future in [pool.submit(call) for call in calls]:
            yield future.result()
        is_whole = True
    finally:
        if not is_whole:
            stop.set()
        pool.shutdown(cancel_futures=True)
