"""The guard sees what it is there to see, or no attack that it lets pass means anything."""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import subprocess

import pytest

from attacks import archives, guard, pickles, victims
from unmixcli.weights import loader


@pytest.mark.parametrize(
    "happens",
    [
        lambda folder: os.system("exit 0"),
        lambda folder: subprocess.run(["false"], check=False),
        lambda folder: os.posix_spawn("/bin/false", ["false"], {}),
        lambda folder: socket.create_connection(("127.0.0.1", 9)),
        lambda folder: socket.getaddrinfo("localhost", 80),
        lambda folder: (folder.parent / "outside").write_text("x"),
        lambda folder: (folder.parent / "outside").mkdir(),
        lambda folder: (folder / "x").rename(folder.parent / "x"),
        lambda folder: (folder.parent / "x").unlink(),
    ],
    ids=["system", "run", "spawn", "connect", "resolve", "write", "mkdir", "rename", "remove"],
)
def test_what_no_file_may_cause_is_seen_and_stopped(tmp_path, happens):
    folder = tmp_path / "allowed"
    folder.mkdir()

    with pytest.raises(guard.Caught), guard.watch(folder) as watched:
        happens(folder)

    assert watched.seen
    assert not (tmp_path / "outside").exists()


def test_a_gadget_that_is_unpickled_is_seen(tmp_path):
    """The gadgets are no blanks: the standard library's own reader runs them."""
    for gadget in ("1-reduce-canary", "5-stack-global", "6-inst", "6-newobj", "8-partial"):
        with pytest.raises(guard.Caught), guard.watch(tmp_path) as watched:
            pickle.loads(pickles.pickle(pickles.GADGETS[gadget]))  # noqa: S301
        assert watched.seen


def test_memory_and_time_are_seen(tmp_path):
    # Not from the heap, which may still hold what an attack before had.
    with guard.watch(tmp_path) as watched, mmap.mmap(-1, 50 << 20) as held:
        for page in range(0, len(held), mmap.PAGESIZE):
            held[page] = 1

    assert watched.memory is None or watched.memory > 40 << 20
    assert watched.seconds > 0


@pytest.mark.parametrize("container", archives.CONTAINERS)
def test_what_attacks_start_from_is_taken_when_it_is_honest(attack, container):
    wrap = archives.CONTAINERS[container]

    attack.survives(victims.import_, attack.file(wrap(victims.state(), victims.records())))

    [network] = loader.load(victims.NAME).networks
    assert victims.is_intact(network.state_dict())


def test_an_honest_package_is_taken(attack):
    path = attack.file(archives.zipped(victims.package(), victims.records()))

    attack.survives(victims.import_alone, path)

    [network] = loader.load(victims.NAME).networks
    assert victims.is_intact(network.state_dict())
