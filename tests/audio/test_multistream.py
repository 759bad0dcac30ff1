"""Files of several streams; where PyAV is not installed, only that this is said."""

import importlib.util

import numpy as np
import pytest
import torch

from dataset_folders import BAND, mixed, sound, stem_mp4
from unmixcli.audio import multistream
from unmixcli.audio.multistream import StreamReader
from unmixcli.errors import AudioError

needs_av = pytest.mark.skipif(
    importlib.util.find_spec("av") is None, reason="PyAV, which reads MP4, is not installed"
)


@pytest.fixture
def song(tmp_path):
    return stem_mp4(tmp_path / "song.stem.mp4")


def decode(path, stream, frames=4_096):
    reader = StreamReader(path, stream)
    return torch.cat([*reader.blocks(frames)], dim=-1)


def test_without_a_decoder_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(multistream, "find_spec", lambda name: None)
    path = tmp_path / "song.stem.mp4"
    path.write_bytes(b"anything")

    with pytest.raises(AudioError, match="PyAV is not installed") as caught:
        StreamReader(path, 0)

    assert "pip install av" in caught.value.hint


@needs_av
@pytest.mark.parametrize("stream", range(5))
def test_every_stream_is_the_signal_that_was_encoded(song, stream):
    stems = [sound(f"{song.name}/{stem}", 44_100, 2, 44_100) for stem in BAND]
    true = np.array([mixed(stems), *stems][stream].T, np.float32) / 32768

    decoded = decode(song, stream).numpy()

    assert decoded.shape == true.shape
    assert np.abs(decoded - true).max() < 0.1
    assert np.corrcoef(decoded.ravel(), true.ravel())[0, 1] > 0.95


@needs_av
def test_samples_are_of_sixteen_bits(song):
    steps = decode(song, 4) * 32768

    assert torch.equal(steps, steps.round())


@needs_av
def test_blocks_join_to_the_same_samples_whatever_their_length(song):
    assert torch.equal(decode(song, 1, 1_000), decode(song, 1, 44_100))


@needs_av
def test_a_stream_that_is_not_there_is_refused(song):
    with pytest.raises(AudioError, match="holds 5 audio streams, and none of number 5"):
        StreamReader(song, 5)


@needs_av
@pytest.mark.parametrize(
    "content", [b"", b"RIFF....WAVE", b"\0" * 1_000, b"#EXTM3U\n/etc/passwd\n"]
)
def test_what_is_no_mp4_is_refused(tmp_path, content):
    path = tmp_path / "song.stem.mp4"
    path.write_bytes(content)

    with pytest.raises(AudioError, match=r"song\.stem\.mp4"):
        StreamReader(path, 0)


@needs_av
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(song, share):
    data = song.read_bytes()
    song.write_bytes(data[: int(share * len(data))])

    with pytest.raises(AudioError, match=r"song\.stem\.mp4"):
        decode(song, 4)
