import struct
import time
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch

from unmixcli.audio.decoding.mp3 import FrameHeader, PrefixedFile, find_frame, length_header
from unmixcli.audio.reader import AudioReader
from unmixcli.errors import AudioError


@pytest.fixture
def headerless(tmp_path, rng):
    """An MP3 of variable bit rate whose first frame, which says its length, is gone."""
    samples = np.concatenate([np.zeros((60_000, 2)), rng.standard_normal((60_000, 2)) * 0.3])
    path = tmp_path / "vbr.mp3"
    with soundfile.SoundFile(
        path, "w", 44_100, 2, bitrate_mode="VARIABLE", compression_level=0.3
    ) as file:
        file.write(samples)
    data = path.read_bytes()
    path.write_bytes(data[FrameHeader.parse(data).length :])
    return path


def test_a_header_gives_length_and_samples():
    header = FrameHeader.parse(b"\xff\xfb\x90\x44")  # MPEG-1 layer III, 128 kb/s, 44.1 kHz

    assert header == FrameHeader(True, 3, False, 417, 1152)
    assert header.tag_offset == 36


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfb", b"RIFF", b"\xff\xff\xff\xff", b"\xff\xf1\x50\x80"]
)
def test_what_is_no_header_is_not_taken_for_one(data):
    assert FrameHeader.parse(data) is None


def test_a_file_with_a_length_needs_none(make):
    with make("a.mp3").open("rb") as file:
        assert find_frame(file, 0) == 0
        assert length_header(file, 0) == b""


@pytest.mark.parametrize("lead", [b"", bytes(500), b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)])
def test_nothing_is_lost_where_the_length_is_not_said(headerless, lead):
    data = headerless.read_bytes()
    headerless.write_bytes(lead + data)
    guessed = soundfile.info(headerless).frames

    with AudioReader(headerless) as reader:
        samples = torch.cat(list(reader.blocks()), -1)

    assert guessed != reader.frames
    assert samples.shape == (2, reader.frames)
    assert abs(reader.frames - 120_000) < 3 * 1152
    assert samples[:, -50_000:-3000].std() == pytest.approx(0.3, rel=0.2)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_lengths_are_right_at_every_mpeg_version(make, noise, rate, channels):
    path = make("a.mp3", noise(30_000, channels), rate)
    data = path.read_bytes()
    path.write_bytes(data[FrameHeader.parse(data).length :])

    with AudioReader(path) as reader:
        total = sum(block.shape[-1] for block in reader.blocks())

    assert total == reader.frames
    assert abs(total - 30_000) < 3 * 1152


def test_files_joined_into_one_are_read_to_the_end(make, noise):
    path = make("a.mp3", noise(50_000))
    path.write_bytes(path.read_bytes() * 3)

    with AudioReader(path) as reader:
        total = sum(block.shape[-1] for block in reader.blocks())

    assert total == reader.frames
    assert abs(total - 150_000) < 8 * 1152


def test_an_hour_is_counted_in_a_moment(tmp_path):
    frame = b"\xff\xfb\x90\x44" + bytes(413)
    path = tmp_path / "hour.mp3"
    path.write_bytes(frame * 138_000)

    start = time.process_time()
    with path.open("rb") as file:
        header = length_header(file, 0)

    assert struct.unpack_from(">I", header, 36 + 8) == (138_000,)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("failing", range(1, 13))
@pytest.mark.parametrize(
    ("raised", "expected"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(5, "I/O error"), AudioError)],
)
def test_what_goes_wrong_inside_libsndfile_comes_out(
    headerless, monkeypatch, failing, raised, expected
):
    """It swallows exceptions of our own file; a Ctrl-C must not become a short track."""
    reads = 0
    original = PrefixedFile._at

    def interrupted(self, start, size):
        nonlocal reads
        reads += 1
        if reads == failing:
            raise raised
        return original(self, start, size)

    monkeypatch.setattr(PrefixedFile, "_at", interrupted)

    with pytest.raises(expected), AudioReader(headerless) as reader:
        list(reader.blocks(1000))


def test_counting_the_frames_of_a_long_file_holds_little_of_it(tmp_path):
    frame = b"\xff\xfb\xe0\x44".ljust(1044, b"\0")  # 320 kb/s, and no tag that says how many
    path = tmp_path / "long.mp3"
    path.write_bytes(frame * 40_000)

    tracemalloc.start()
    with path.open("rb") as file:
        header = length_header(file, 0)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert struct.unpack(">I", header[header.index(b"Info") + 8 :][:4]) == (40_000,)
    assert held < 4e6
