"""Threads that read, and that nobody has to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

Result = TypeVar("Result")

GRACE = 1.0
"""Seconds that reads which have begun are given to end."""


class Readers(Generic[Result]):
    """Does what it is asked, in that order, on several threads.

    Those of an executor keep a process from ending: one that reads from a disk which has
    gone would do so for ever.

    Args:
        count: How many threads.
    """

    def __init__(self, count: int) -> None:
        self._asked: SimpleQueue[tuple[Future[Result], Callable[[], Result]] | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"unmixcli-reader-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], Result]) -> Future[Result]:
        """Have something done; the future has its result, or what it raised."""
        future: Future[Result] = Future()
        self._asked.put((future, task))
        return future

    def close(self) -> None:
        """Cancel what has not begun, and let the threads go."""
        with suppress(Empty):
            while (waiting := self._asked.get_nowait()) is not None:
                waiting[0].cancel()
        for _ in self._threads:
            self._asked.put(None)
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            future, task = asked
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 -- whoever asked for it is told
                future.set_exception(error)
