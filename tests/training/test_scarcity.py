"""Computers that have little of something, or answer late: files, memory, disks, clocks."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from torch import Tensor

from tiny_training import write_track
from unmixcli.datasets.collection import Dataset, Layout, Listing, Tracks
from unmixcli.datasets.part import Part
from unmixcli.errors import DatasetError, UnmixError
from unmixcli.training import batches, corpus
from unmixcli.training.corpus import HELD, Corpus
from unmixcli.training.readers import Readers
from unmixcli.training.sampler import Sampler
from unmixcli.training.settings import DataSettings

# Files


def opened() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- a Path would open one more


@contextmanager
def files(most: int) -> Iterator[None]:
    """Let this process open no more files than these, for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_run_needs_few_open_files_however_many_tracks_it_has(run, dataset):
    for number in range(3, 40):
        write_track(dataset / "train" / f"track {number}", number, seconds=0.1)
    counted = []

    with files(opened() + 32):
        outcome = run("data.steps_per_epoch=20", on_step=lambda step: counted.append(opened()))

    assert outcome.finished
    assert not any("left out" in note or "skipped" in note for note in run.listener.notes)
    assert counted[-1] < counted[0] + 8  # those of reads ahead, not one more each step


def test_with_too_few_files_there_is_one_error_and_the_run_begins_later(run, tmp_path):
    """Wherever in a run it is that one more is wanted."""
    said = []
    for spare in range(12):
        folder = tmp_path / f"run {spare}"
        with files(opened() - 1 + spare):
            try:
                run(output=folder)
            except UnmixError as error:
                said.append(str(error))
        assert run(output=folder, resume=True).finished

    assert 0 < len(said) < 12
    assert not any("\n" in message for message in said)


def test_no_more_files_in_the_middle_is_one_error_and_nothing_is_lost(run):
    with files(opened() + 64):
        taken: list[int] = []

        def take_all(step: int) -> None:
            with suppress(OSError):
                while step == 4:
                    taken.append(os.open(os.devnull, os.O_RDONLY))

        try:
            with pytest.raises(DatasetError, match=r"track '.*: too many open files"):
                run("stages.0.epochs=30", on_step=take_all)
        finally:
            for descriptor in taken:
                os.close(descriptor)

    assert run("stages.0.epochs=30", resume=True, max_steps=20).step == 20


def test_reading_takes_no_processes_and_no_shared_memory(run):
    """So that a container's 64 MB of it are enough, and no worker can be killed."""
    here = Path("/proc/self/task")
    shared, children = set(Path("/dev/shm").iterdir()), []

    def look(step: int) -> None:
        children.extend((task / "children").read_text() for task in here.iterdir())
        assert set(Path("/dev/shm").iterdir()) <= shared

    run(on_step=look)

    assert not "".join(children).strip()


# Disks that do not answer


@pytest.fixture
def answering(monkeypatch) -> Iterator[Event]:
    """Reads wait for this event; it is set."""
    monkeypatch.setattr(batches, "PATIENCE", 0.3)
    answering, real = Event(), Part.read

    def read(part: Part, start: int, frames: int) -> Tensor:
        answering.wait(60)
        return real(part, start, frames)

    monkeypatch.setattr(Part, "read", read)
    answering.set()
    yield answering
    answering.set()


def test_a_read_that_never_ends_is_named_and_nothing_is_lost(run, answering):
    long = "data.steps_per_epoch=20"
    with pytest.raises(DatasetError, match=r"track 'track \d': a read has not ended") as caught:
        run(long, on_step=lambda step: answering.clear() if step == 4 else None)

    assert "--resume" in caught.value.hint
    answering.set()
    assert run(long, resume=True).finished


STUCK = """
import time
from unmixcli.training.readers import Readers
readers = Readers(2)
readers.submit(lambda: time.sleep(1000))
readers.close()
"""


def test_a_read_that_never_ends_does_not_keep_the_process():
    """As the threads of an executor would: Python waits for them at its end."""
    finished = subprocess.run([sys.executable, "-c", STUCK], timeout=60, check=False)

    assert finished.returncode == 0


def test_what_a_read_raises_is_for_who_asked_for_it():
    readers: Readers[float] = Readers(1)
    begin = Event()
    broken, whole = readers.submit(lambda: 1 / 0), readers.submit(lambda: 2.0)
    with pytest.raises(ZeroDivisionError):
        broken.result(timeout=60)
    assert whole.result(timeout=60) == 2.0

    slow, forgotten = readers.submit(lambda: float(begin.wait(60))), readers.submit(lambda: 3.0)
    while not slow.running():
        pass
    readers.close()
    begin.set()
    assert forgotten.cancelled()


# Many tracks


def listed(root: Path, count: int) -> Dataset:
    """A data set of so many tracks, which all have the same two files."""
    files = (("drums", ("drums.wav",)), ("bass", ("bass.wav",)))
    listings = [
        Listing(name=f"track {number}", folder="one", files=files, split="train")
        for number in range(count)
    ]
    return Dataset(path=root, layout=Layout.FOLDERS, tracks=Tracks(root, listings))


def test_a_run_on_many_tracks(run, dataset, monkeypatch):
    write_track(dataset / "one", 0)
    monkeypatch.setattr(corpus, "open_dataset", lambda *_, **__: listed(dataset, 2000))

    outcome = run("data.steps_per_epoch=20")

    assert outcome.finished
    assert not [note for note in run.listener.notes if "left out" in note or "skipped" in note]


def test_a_hundred_thousand_tracks_are_a_few_megabytes(tmp_path):
    """Beside their names; whatever is asked of them, few are held at a time."""
    count = 100_000
    dataset = listed(tmp_path, count)
    index = SimpleNamespace(
        dataset=dataset, frames=np.full(count, 8000), rates=np.full(count, 8000)
    )
    gc.collect()
    tracemalloc.start()
    tracks = Corpus([index], [range(count)])
    sampler = Sampler(
        lengths=tracks.lengths(8000), data=DataSettings(segment=100), segment=100, read=100, seed=0
    )
    found = {sampler.segment_of(0, number).track for number in range(1000)}
    made = [tracks[number].name for number in found]
    size, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(made) > 900
    assert tracks._track.cache_info().currsize == HELD
    assert size < 100 * count
    assert most < 200 * count


# Clocks


def test_a_clock_that_goes_backwards_changes_nothing(run, dataset, tmp_path, monkeypatch):
    run(output=tmp_path / "right")
    for number, path in enumerate(sorted(dataset.rglob("*.wav"))):
        os.utime(path, (4e9 - number, 4e9 - number))  # of the year 2096
    real, began = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: began - 10 * (real() - began) - 1e9)
    run(output=tmp_path / "wrong", max_steps=4)
    run(output=tmp_path / "wrong", resume=True)

    right, wrong = (tmp_path / name / "metrics.jsonl" for name in ("right", "wrong"))
    assert right.read_text() == wrong.read_text()
