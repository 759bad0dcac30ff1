"""Several tracks at once, each in a process of its own with one thread.

Processes are started anew, never forked: torch's threads do not survive that. The parent
alone writes scores, and a process that loses its parent ends by itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from unmixcli.errors import DeviceError, OutputError
from unmixcli.evaluation.results import Failure
from unmixcli.evaluation.scoring import Outcome, Scorer, Setup, Task

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries of linear algebra look at, once, when they are loaded."""

Answer = Outcome | OutputError | str
"""An outcome; what cannot be written; or the traceback of a mistake of ours."""


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    task: Task | None = None


def score_all(setup: Setup, tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Outcome]]:
    """Score tasks, and yield them as they are done.

    Args:
        setup: What there is to score.
        tasks: Which; begun in this order.
        jobs: How many processes.

    Raises:
        OutputError: Stems are to be kept, and cannot be written.
    """
    waiting = deque(tasks)
    workers = [_start(setup) for _ in range(min(jobs, len(tasks)))]
    try:
        while waiting or any(worker.task for worker in workers):
            for worker in workers:
                if worker.task is None and waiting:
                    _give(worker, waiting.popleft())
            busy = {worker.connection: worker for worker in workers if worker.task}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                task, outcome = _take(worker, setup)
                if not worker.process.is_alive():
                    workers[workers.index(worker)] = _start(setup)
                yield task, outcome
    finally:
        _stop(workers)


def _start(setup: Setup) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, setup), daemon=True)
    with _one_thread():
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, task: Task) -> None:
    worker.task = task
    with suppress(OSError):  # it died while it waited: nothing will come back, and that is said
        worker.connection.send(task)


def _take(worker: _Worker, setup: Setup) -> tuple[Task, Outcome]:
    """Return what became of a worker's task."""
    task, worker.task = worker.task, None
    assert task is not None
    try:
        answer: Answer = worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join()
        answer = _died(setup, task, worker.process.exitcode)
    if isinstance(answer, OutputError):
        raise answer
    if isinstance(answer, str):
        raise RuntimeError(f"a process that scored a track stopped:\n{answer}")
    return task, answer


def _died(setup: Setup, task: Task, code: int | None) -> Failure:
    return Failure(
        system=setup.systems[task.system].name,
        track=setup.dataset.tracks[task.track].name,
        error=f"the process that scored it ended with {code}",
        hint="it may have taken too much memory: try fewer --jobs",
        exit_code=DeviceError.exit_code,
    )


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()  # who waits for a task ends
        if worker.task is not None:
            worker.process.terminate()
    for worker in workers:
        worker.process.join()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that are started meanwhile compute with one thread each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, setup: Setup) -> None:
    """Score what is asked for, until nobody asks any more."""
    for name in ("SIGINT", "SIGHUP"):  # a terminal tells everybody; the parent says what follows
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    scorer = Scorer(setup)
    with suppress(EOFError, OSError):
        while True:
            connection.send(_answer(scorer, connection.recv()))


def _answer(scorer: Scorer, task: Task) -> Answer:
    try:
        return scorer.score(task)
    except OutputError as error:
        return error
    except Exception:  # noqa: BLE001  raised again by the parent, whose traceback shows it
        return traceback.format_exc()


def _leave(number: int, _: FrameType | None) -> None:
    """Unwind, so that nothing half-written stays behind."""
    sys.exit(128 + number)
