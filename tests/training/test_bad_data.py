"""Data sets with something wrong: one clear error, or one clear note, and nothing lost."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from tiny_training import RATE, write_track
from unmixcli.errors import ConfigError, DatasetError
from unmixcli.training.batches import FORGIVEN


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(samples)


def notes(run) -> str:
    return "\n".join(run.listener.notes)


def test_no_such_folder(run, tmp_path):
    run.data = tmp_path / "nowhere"
    with pytest.raises(DatasetError, match="nowhere"):
        run()


def test_an_empty_folder(run, tmp_path):
    run.data = tmp_path / "empty"
    run.data.mkdir()
    with pytest.raises(DatasetError, match=r"empty' holds no tracks"):
        run()


def test_only_tracks_to_test_on(run, tmp_path):
    write_track(tmp_path / "tests" / "test" / "one", 0)
    run.data = tmp_path / "tests"
    with pytest.raises(DatasetError, match="no track to train on"):
        run()


def test_one_track_is_enough(run, tmp_path):
    write_track(tmp_path / "single" / "one", 0)
    run.data = tmp_path / "single"

    assert run().finished


def test_a_track_shorter_than_a_segment(run, tmp_path):
    write_track(tmp_path / "short" / "one", 0, seconds=0.05)
    run.data = tmp_path / "short"

    assert run().finished


def test_silent_stems(run, tmp_path):
    write_track(tmp_path / "mute" / "one", 0, drums=np.zeros(RATE), bass=np.zeros(RATE))
    run.data = tmp_path / "mute"

    assert run("loss=[{name='l1'}, {name='si-sdr'}, {name='stft', sizes=[64]}]").finished


def test_a_missing_stem_is_silent(run, dataset):
    (dataset / "train" / "track 0" / "bass.wav").unlink()

    assert run().finished


@pytest.mark.parametrize("rate", [16_000, 11_025])
def test_tracks_of_other_rates_are_converted(run, dataset, rate):
    write_track(dataset / "train" / "faster", 5, rate=rate)

    assert run("stages.0.epochs=4").finished


def test_a_batch_larger_than_the_data_set(run):
    assert run("data.batch_size=64", "data.steps_per_epoch=0").finished


def test_stems_of_different_lengths_leave_the_track_out(run, dataset):
    write_track(dataset / "train" / "odd", 5, drums=noise(RATE), bass=noise(RATE // 2))

    assert run().finished
    assert "left out: track 'odd'" in notes(run)
    assert "bass.wav" in notes(run)


def test_stems_of_different_rates_leave_the_track_out(run, dataset):
    write_track(dataset / "train" / "odd", 5)
    soundfile.write(dataset / "train" / "odd" / "bass.wav", noise(RATE), 2 * RATE)

    assert run().finished
    assert "left out: track 'odd'" in notes(run)


def test_a_file_that_is_no_sound_leaves_the_track_out(run, dataset):
    (dataset / "train" / "track 0" / "bass.wav").write_bytes(b"not a sound at all" * 10)

    assert run().finished
    assert "left out: track 'track 0'" in notes(run)


def test_a_pipe_leaves_the_track_out(run, dataset):
    (dataset / "train" / "track 0" / "bass.wav").unlink()
    os.mkfifo(dataset / "train" / "track 0" / "bass.wav")

    assert run().finished
    assert "left out: track 'track 0'" in notes(run)


def test_nothing_but_tracks_that_cannot_be_used(run, dataset):
    for stem in (dataset / "train").rglob("bass.wav"):
        stem.write_bytes(b"no sound")

    with pytest.raises(DatasetError, match="no track to train on"):
        run()


def test_a_stem_that_is_not_finite_is_named_and_skipped(run, dataset):
    broken = noise(RATE)
    broken[4000:] = np.nan
    path = dataset / "train" / "track 1" / "drums.wav"
    soundfile.write(path, broken, RATE, subtype="FLOAT")

    assert run().finished
    assert "skipped: track 'track 1'" in notes(run)
    assert "drums.wav" in notes(run)
    assert notes(run).count("skipped") <= FORGIVEN


@pytest.mark.parametrize("damage", ["deleted", "cut", "overwritten", "replaced by a pipe"])
def test_a_track_that_is_damaged_meanwhile_is_skipped_then_too_much(run, dataset, damage):
    path = dataset / "train" / "track 0" / "drums.wav"

    def harm(step: int) -> None:
        if step != 2:
            return
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:1000])
        elif damage == "overwritten":
            path.write_bytes(b"not a sound at all" * 1000)
        else:
            path.unlink()
        if "pipe" in damage:
            os.mkfifo(path)  # nobody writes to it: to open it would take for ever

    with pytest.raises(DatasetError, match=r"stretches could not be read, the last: .*drums.wav"):
        run("stages.0.epochs=30", on_step=harm)
    assert "skipped: track 'track 0'" in notes(run)
    # What was learnt until then is there; with the file, the run goes on.
    path.unlink(missing_ok=True)
    write_track(dataset / "train" / "track 0", 0)
    assert run("stages.0.epochs=30", resume=True, max_steps=12).step == 12


def test_a_data_set_that_goes_away_ends_the_run(run, dataset, tmp_path):
    def move(step: int) -> None:
        if step == 2:
            (dataset / "train").rename(tmp_path / "away")

    with pytest.raises(DatasetError, match="cannot be read"):
        run("stages.0.epochs=30", on_step=move)


def test_a_track_to_judge_by_that_cannot_be_read_is_left_out(run, dataset):
    write_track(dataset / "valid" / "broken", 3)
    samples = noise(RATE)
    samples[100:] = np.inf
    soundfile.write(dataset / "valid" / "broken" / "drums.wav", samples, RATE, subtype="FLOAT")

    assert run().finished
    assert "skipped: track 'broken'" in notes(run)
    assert run.metrics("validation")[0]["tracks"] == 1


def test_a_data_set_behind_a_link_is_as_good(run, dataset, tmp_path):
    (tmp_path / "link").symlink_to(dataset)
    run.data = tmp_path / "link"

    assert run().finished


def test_a_data_set_that_cannot_be_written_is_as_good(run, dataset):
    before = sorted(dataset.rglob("*"))
    run()

    assert sorted(dataset.rglob("*")) == before


def test_more_data_sets_are_learnt_from(run, tmp_path):
    write_track(tmp_path / "more" / "extra", 7)
    write_track(tmp_path / "more" / "other", 8)

    assert run(extra=(tmp_path / "more",)).finished
    with pytest.raises(DatasetError, match="nothing"):
        run(extra=(tmp_path / "nothing",), output=tmp_path / "second")


def test_voiced_examples_need_a_voice(run):
    with pytest.raises(DatasetError, match="'vocals' sounds"):
        run("data.sampling=voiced")
    assert run("data.sampling=voiced", "data.voiced_source=drums", "stages.0.epochs=1").finished


def test_too_few_parts_for_the_devices(run):
    with pytest.raises(ConfigError, match="batch_size 3"):
        run("data.batch_size=3", "optim.accumulate=2")


def test_memory_holds_what_was_read_ahead_and_no_more(run, dataset):
    """However long an epoch is, few examples wait."""
    from unmixcli.training.batches import AHEAD
    from unmixcli.training.examples import Reader

    waiting, most, real = [0], [0], Reader.example

    def counted(self, *place):
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        return real(self, *place)

    def taken(step: int) -> None:
        waiting[0] -= 2

    Reader.example = counted
    try:
        run("data.steps_per_epoch=40", "stages.0.epochs=1", on_step=taken)
    finally:
        Reader.example = real
    assert most[0] <= 2 * (AHEAD + 2)
