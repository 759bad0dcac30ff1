from pathlib import Path

import pytest

from unmixcli.audio.format import AudioFormat
from unmixcli.datasets.agreement import FileHeader, agree
from unmixcli.errors import DatasetError


def header(name="a.wav", rate=8_000, channels=2, frames=8_000, stream=None):
    return FileHeader(Path(name), AudioFormat(rate, channels), frames, stream)


def test_files_that_are_alike_agree():
    agreed = agree("them", [header(), header("b.wav")])

    assert (agreed.format, agreed.frames, agreed.notes) == (AudioFormat(8_000, 2), 8_000, ())


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"rate": 16_000}, r"them: 'a\.wav' has 8000 Hz, 'b\.wav' has 16000 Hz"),
        ({"channels": 1}, r"them: 'a\.wav' has 2 channels, 'b\.wav' has 1 channels"),
        ({"frames": 8_801}, r"them: 'b\.wav' is 0\.10 s longer than 'a\.wav'"),
    ],
)
def test_what_differs_is_named_with_two_files(other, said):
    with pytest.raises(DatasetError, match=said):
        agree("them", [header(), header("b.wav", **other)])


def test_a_tenth_of_a_second_is_cut_with_a_note():
    agreed = agree("them", [header(), header("b.wav", frames=8_800)])

    assert agreed.frames == 8_000
    assert "up to 800 samples" in agreed.notes[0]


def test_any_length_is_cut_where_that_is_wanted():
    agreed = agree("them", [header(frames=1), header("b.wav")], tolerance=None)

    assert agreed.frames == 1


def test_a_stream_is_named_with_its_number():
    with pytest.raises(DatasetError, match=r"'a\.mp4' \(stream 3\)"):
        agree("them", [header(), header("a.mp4", rate=44_100, stream=3)])
