"""MUSDB18 as ``.stem.mp4``: recognised everywhere, read where PyAV is installed."""

import importlib.util

import numpy as np
import pytest
import torch

import dataset_folders as folders
from dataset_folders import BAND, mixed, sound
from unmixcli.audio import multistream
from unmixcli.datasets.layouts import open_dataset
from unmixcli.errors import DatasetError

needs_av = pytest.mark.skipif(
    importlib.util.find_spec("av") is None, reason="PyAV, which reads MP4, is not installed"
)


@pytest.fixture
def files(tmp_path):
    """Names alone, which is all that recognition looks at."""
    for place in ("train/Leaf - Summerghost", "train/a.b", "test/Zeno - Signs"):
        path = tmp_path / f"{place}.stem.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "train" / "._a.b.stem.mp4").write_bytes(b"")
    return tmp_path


def test_without_a_decoder_it_is_one_clear_error(files, monkeypatch):
    monkeypatch.setattr(multistream, "find_spec", lambda name: None)

    with pytest.raises(
        DatasetError, match=r"is MUSDB18 as \.stem\.mp4 files, which needs"
    ) as caught:
        open_dataset(files)

    assert "pip install av" in caught.value.hint


def test_names_splits_and_streams_are_those_of_the_data_set(files, monkeypatch):
    monkeypatch.setattr(multistream, "find_spec", lambda name: "here")

    dataset = open_dataset(files)

    assert dataset.layout == "MUSDB18"
    assert {one.name: one.split for one in dataset.tracks} == {
        "Leaf - Summerghost": "valid",
        "Zeno - Signs": "test",
        "a.b": "train",
    }
    assert dataset.sources == BAND
    streams = [dataset.tracks[0].parts(name)[0].stream for name in ("mixture", *BAND)]
    assert streams == [0, 1, 2, 3, 4]


def test_folders_of_stems_are_preferred(files):
    folders.plain(files / "train", ["Leaf - Summerghost"])

    dataset = open_dataset(files)

    assert dataset.layout == "MUSDB18-HQ"
    assert any(".stem.mp4 files are left out" in note for note in dataset.notes)


@needs_av
def test_its_stems_are_read_from_anywhere(tmp_path):
    dataset = open_dataset(folders.musdb(tmp_path), split="test")
    [song] = dataset.tracks

    whole = song.read("vocals")
    true = sound("Zeno - Signs.stem.mp4/vocals", 44_100, 2, 44_100).T / 32768

    assert (song.sample_rate, song.channels, song.frames) == (44_100, 2, 44_100)
    assert np.corrcoef(whole.numpy().ravel(), true.ravel())[0, 1] > 0.95
    assert torch.equal(song.read("vocals", 20_000, 5_000), whole[:, 20_000:25_000])
    assert torch.equal(song.read("vocals", -5, 10)[:, 5:], whole[:, :5])
    assert not song.read("vocals", 44_100, 10).any()


@needs_av
def test_the_mixture_is_a_stream_of_its_own(tmp_path):
    [song] = open_dataset(folders.musdb(tmp_path), split="test").tracks
    true = mixed(sound(f"Zeno - Signs.stem.mp4/{stem}", 44_100, 2, 44_100) for stem in BAND)

    samples = song.read().numpy()

    assert np.corrcoef(samples.ravel(), true.T.ravel())[0, 1] > 0.95
    assert not np.array_equal(samples, song.read_all(BAND).sum(dim=0).numpy())


@needs_av
def test_the_accompaniment_is_the_sum_of_three_streams(tmp_path):
    [song] = open_dataset(folders.musdb(tmp_path), split="test").tracks

    expected = song.read_all(("drums", "bass", "other")).sum(dim=0)

    assert torch.equal(song.read("accompaniment"), expected)
