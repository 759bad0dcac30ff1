import gc
import math
import os
import pickle
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import dataset_folders as folders
from dataset_folders import BAND, RATE, sound, track, write
from places import ROOT
from unmixcli.datasets import index_file
from unmixcli.datasets.index import DatasetIndex, index_name
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.part import Part
from unmixcli.errors import DatasetError


@pytest.fixture
def data(tmp_path):
    return folders.plain(tmp_path / "data", ["A", "B", "C"])


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def opened(monkeypatch):
    """Count the files that are opened for sound."""
    paths = []
    real = Part.open

    def counted(part):
        paths.append(part.path)
        return real(part)

    monkeypatch.setattr(Part, "open", counted)
    return paths


def facts(index):
    return {
        number: (
            index[number].format,
            index[number].frames,
            {
                source: (level.rms, level.peak, level.cell, level.grid.tolist())
                for source, level in index[number].levels.items()
            },
        )
        for number in index.usable
    }


def file_of(data, cache):
    return cache / index_name(data)


def test_it_knows_lengths_rates_and_levels(data, cache):
    index = DatasetIndex(open_dataset(data), cache)

    samples = folders.samples_of(data / "B" / "vocals.wav")
    found = index[1]
    assert len(index) == 3
    assert index.frames.tolist() == [RATE] * 3
    assert index.rates.tolist() == [RATE] * 3
    assert set(found.levels) == {*BAND, "mixture"}
    assert found.levels["vocals"].rms == pytest.approx(np.sqrt((samples**2).mean()), rel=1e-5)
    assert found.levels["vocals"].peak == np.abs(samples).max()
    assert len(found.levels["vocals"].grid) == 20
    assert index.notes == ()


def test_a_source_of_several_files_is_measured_as_their_sum(tmp_path, cache):
    dataset = open_dataset(folders.urmp(tmp_path / "urmp", ["02_Sonata_vn_vn"]))

    found = DatasetIndex(dataset, cache)[0]

    samples = dataset.tracks[0].read("vn").numpy()
    assert found.levels["vn"].peak == np.abs(samples).max()


def test_a_second_time_nothing_is_read(data, cache, opened):
    first = facts(DatasetIndex(open_dataset(data), cache))
    opened.clear()

    again = DatasetIndex(open_dataset(data), cache)

    assert facts(again) == first
    assert opened == []
    assert again.notes == ()


def test_nothing_is_written_in_the_data_set(data, cache):
    before = sorted(data.rglob("*"))
    for path in (*data.rglob("*"), data):
        path.chmod(0o555 if path.is_dir() else 0o444)

    DatasetIndex(open_dataset(data), cache)

    assert sorted(data.rglob("*")) == before
    assert [path.name for path in cache.iterdir()] == [index_name(data)]


@pytest.mark.parametrize("change", ["longer", "newer", "other stem", "no mixture"])
def test_a_track_that_changed_is_read_anew_and_the_others_are_not(data, cache, opened, change):
    DatasetIndex(open_dataset(data), cache)
    opened.clear()
    vocals = data / "B" / "vocals.wav"
    if change == "longer":
        track(data / "B", frames=RATE + 10)
    elif change == "newer":
        os.utime(vocals, ns=(0, vocals.stat().st_mtime_ns + 1))
    elif change == "other stem":
        vocals.rename(vocals.with_name("voice.wav"))
    else:
        (data / "B" / "mixture.wav").unlink()

    index = DatasetIndex(open_dataset(data), cache)

    assert index.notes == ("1 tracks changed since they were indexed, and are read anew",)
    assert {path.parent.name for path in opened} == {"B"}
    assert index.frames.tolist() == [RATE, RATE + 10 * (change == "longer"), RATE]
    assert ("mixture" in index[1].levels) == (change != "no mixture")


def test_another_subset_uses_what_is_known(data, cache, opened):
    DatasetIndex(open_dataset(data), cache)
    opened.clear()

    index = DatasetIndex(open_dataset(data, subset=["B"]), cache)
    DatasetIndex(open_dataset(data), cache)

    assert index.frames.tolist() == [RATE]
    assert opened == []


def test_the_same_folder_seen_from_elsewhere_is_the_same(data, cache, opened, tmp_path):
    DatasetIndex(open_dataset(data), cache)
    (tmp_path / "link").symlink_to(data)

    assert index_name(tmp_path / "link") == index_name(data)


def test_folders_of_one_name_have_indices_of_their_own(tmp_path):
    assert index_name(tmp_path / "a" / "data") != index_name(tmp_path / "b" / "data")
    assert len(index_name(tmp_path / ("x" * 250))) < 200


def test_lengths_alone_need_no_samples(data, cache):
    write(data / "A" / "bass.wav", np.full((RATE, 2), np.nan), subtype="FLOAT")

    index = DatasetIndex(open_dataset(data), cache, levels=False)

    assert index.frames.tolist() == [RATE] * 3
    assert index[1].levels == {}
    assert index.problems == {}


def test_levels_are_added_to_lengths_and_stay(data, cache, opened):
    DatasetIndex(open_dataset(data), cache, levels=False)
    index = DatasetIndex(open_dataset(data), cache)
    opened.clear()

    assert index[0].levels
    assert index.notes == ()
    assert DatasetIndex(open_dataset(data), cache, levels=False)[0].levels
    assert opened == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("empty", r"bass\.wav' is an empty file"),
        ("text", r"bass\.wav' is not an audio file"),
        ("cut", r"bass\.wav' is truncated"),
        ("nan", r"bass\.wav' contains NaN at 0:00\.00"),
        ("shorter", r"0\.50 s longer than '.*bass\.wav'"),
        ("rate", r"bass\.wav' has 16000 Hz"),
        ("gone", r"bass\.wav': no such file"),
    ],
)
def test_a_bad_track_is_named_and_the_others_are_known(data, cache, damage, said):
    dataset = open_dataset(data)
    bass = data / "B" / "bass.wav"
    samples = sound("bass")
    if damage in ("empty", "text"):
        bass.write_bytes(b"" if damage == "empty" else b"words")
    elif damage == "cut":
        bass.write_bytes(bass.read_bytes()[:-999])
    elif damage == "nan":
        write(bass, np.full((RATE, 2), np.nan), subtype="FLOAT")
    elif damage == "gone":
        bass.unlink()
    else:
        half = damage == "shorter"
        write(bass, samples[: RATE // 2] if half else samples, RATE if half else 16_000)

    index = DatasetIndex(dataset, cache)

    assert index.usable.tolist() == [0, 2]
    assert index.frames.tolist() == [RATE, 0, RATE]
    with pytest.raises(DatasetError, match=said):
        index[1]


def test_a_track_that_was_repaired_is_known_again(data, cache):
    good = (data / "B" / "bass.wav").read_bytes()
    (data / "B" / "bass.wav").write_bytes(b"")
    assert DatasetIndex(open_dataset(data), cache).usable.tolist() == [0, 2]

    (data / "B" / "bass.wav").write_bytes(good)

    assert DatasetIndex(open_dataset(data), cache).usable.tolist() == [0, 1, 2]


def test_what_was_cut_is_still_told_the_second_time(data, cache):
    write(data / "A" / "bass.wav", sound("x")[:-7])

    for _ in range(2):
        assert "up to 7 samples" in DatasetIndex(open_dataset(data), cache)[0].notes[0]


def test_progress_is_told_of_every_track(data, cache):
    told = []

    DatasetIndex(open_dataset(data), cache, progress=lambda done, of: told.append((done, of)))

    assert told == [(1, 3), (2, 3), (3, 3)]


# What can become of the file


@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 1_000, b"SQLite format 3\0" + b"\xff" * 5_000]
)
def test_a_damaged_file_is_made_anew_with_a_note(data, cache, content):
    before = facts(DatasetIndex(open_dataset(data), cache))
    file_of(data, cache).write_bytes(content)

    index = DatasetIndex(open_dataset(data), cache)

    assert facts(index) == before
    assert bool(index.notes) == bool(content)
    assert all("is damaged, and is made anew" in note for note in index.notes)
    assert DatasetIndex(open_dataset(data), cache).notes == ()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_was_cut_is_no_reason_to_fail(data, cache, share):
    before = facts(DatasetIndex(open_dataset(data), cache))
    path = file_of(data, cache)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    assert facts(DatasetIndex(open_dataset(data), cache)) == before


def test_any_damage_at_all_gives_the_truth_or_reads_anew(data, cache):
    """Bytes are flipped all over the file: no wrong number may come out of it."""
    before = facts(DatasetIndex(open_dataset(data), cache))
    whole = file_of(data, cache).read_bytes()
    rng = np.random.default_rng(0)

    for _ in range(40):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 20):
            damaged[place] ^= 0xFF
        file_of(data, cache).write_bytes(bytes(damaged))
        assert facts(DatasetIndex(open_dataset(data), cache)) == before


def test_a_row_that_was_changed_is_not_believed(data, cache):
    before = facts(DatasetIndex(open_dataset(data), cache))
    with sqlite3.connect(file_of(data, cache)) as connection:
        connection.execute("UPDATE tracks SET facts = replace(facts, '8000', '9000')")
    connection.close()

    assert facts(DatasetIndex(open_dataset(data), cache)) == before


def test_a_file_of_another_version_is_made_anew_with_a_note(data, cache):
    DatasetIndex(open_dataset(data), cache)
    with sqlite3.connect(file_of(data, cache)) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    assert "of version 99, and is made anew" in DatasetIndex(open_dataset(data), cache).notes[0]


@pytest.mark.parametrize("obstacle", ["a file", "a folder", "locked"])
def test_where_nothing_can_be_kept_it_works_for_this_run(data, cache, obstacle, monkeypatch):
    monkeypatch.setattr(index_file, "_PATIENCE", 0.05)
    if obstacle == "a file":
        cache.write_bytes(b"")
    elif obstacle == "a folder":
        file_of(data, cache).mkdir(parents=True)
    else:
        cache.mkdir()
        other = sqlite3.connect(file_of(data, cache), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")

    index = DatasetIndex(open_dataset(data), cache)

    assert "the index cannot be kept in" in index.notes[0]
    assert index[0].levels["bass"].rms > 0


def test_a_temporary_index_goes_away(data, cache):
    cache.write_bytes(b"")
    index = DatasetIndex(open_dataset(data), cache)
    place = index._file.path.parent
    assert place.is_dir()

    del index
    gc.collect()

    assert not place.exists()


def test_the_file_may_vanish_while_it_is_used(data, cache):
    index = DatasetIndex(open_dataset(data), cache)
    before = facts(index)
    index._file._close()
    file_of(data, cache).unlink()

    assert facts(index) == before


# Several processes


def test_it_may_be_pickled_for_the_workers_of_a_loader(data, cache, opened):
    index = DatasetIndex(open_dataset(data), cache)
    opened.clear()

    copy = pickle.loads(pickle.dumps(index))  # noqa: S301

    assert facts(copy) == facts(index)
    assert opened == []


def test_it_may_be_used_after_a_fork(data, cache):
    index = DatasetIndex(open_dataset(data), cache)
    expected = index[2].levels["bass"].rms
    read, written = os.pipe()

    child = os.fork()
    if child == 0:
        right = index[2].levels["bass"].rms == expected
        os.write(written, b"y" if right else b"n")
        os._exit(0)

    os.waitpid(child, 0)
    assert os.read(read, 1) == b"y"
    assert index[1].levels["bass"].rms > 0
    os.close(read)
    os.close(written)


BUILD = """
import sys
from pathlib import Path
from unmixcli.datasets.index import DatasetIndex
from unmixcli.datasets.layouts import open_dataset
index = DatasetIndex(open_dataset(sys.argv[1]), Path(sys.argv[2]))
print(index.notes, index.frames.tolist(), [round(index[n].levels["bass"].rms, 9) for n in range(3)])
"""


def building(data, cache):
    command = [sys.executable, "-c", BUILD, str(data), str(cache)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_processes_may_build_it_at_once(data, cache):
    both = [building(data, cache) for _ in range(3)]

    said = [process.communicate(timeout=200)[0] for process in both]

    assert len(set(said)) == 1
    assert said[0].startswith("() [8000, 8000, 8000]")


def test_a_kill_leaves_what_was_done(data, cache, opened):
    killed = building(data, cache)
    deadline = time.monotonic() + 100
    while killed.poll() is None and time.monotonic() < deadline:
        if file_of(data, cache).exists() and file_of(data, cache).stat().st_size > 4_096:
            break
        time.sleep(0.01)
    killed.kill()
    killed.communicate()

    index = DatasetIndex(open_dataset(data), cache)

    assert index.notes == ()
    assert index.usable.tolist() == [0, 1, 2]


# Many tracks


def test_memory_does_not_grow_with_levels(tmp_path, cache):
    """16 bytes a track in numbers, and nothing of what was measured."""

    def held(count):
        folder = tmp_path / f"data {count}"
        for number in range(count):
            write(folder / f"{number:04}" / "vocals.wav", sound("x", RATE // 2, 1))
        dataset = open_dataset(folder)
        DatasetIndex(dataset, cache)
        gc.collect()
        tracemalloc.start()
        index = DatasetIndex(dataset, cache)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(index) == count
        return size

    # Steps of 200, at which sqlite3 forgets the cursors that are done.
    assert (held(450) - held(250)) / 200 < 24


def test_no_file_stays_open_but_the_index(data, cache):
    before = len(list(Path("/proc/self/fd").iterdir()))

    index = DatasetIndex(open_dataset(data), cache)

    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    assert math.isfinite(index[0].levels["bass"].decibels())
