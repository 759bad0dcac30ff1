from __future__ import annotations

import pytest
import torch

from tiny_training import write_track
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.resample import StreamingResampler
from unmixcli.datasets.layouts import open_dataset
from unmixcli.errors import DatasetError
from unmixcli.training import window


@pytest.fixture
def track(tmp_path):
    write_track(tmp_path / "data" / "one", 0, seconds=2.0)
    return open_dataset(tmp_path / "data").tracks[0]


@pytest.mark.parametrize("rate", [8000, 4000, 11_025, 44_100])
@pytest.mark.parametrize("start", [200, 777, 3333])
def test_a_stretch_is_what_the_whole_track_has_there(track, rate, start):
    """At whatever rate: no phase and no edge depends on where a stretch begins."""
    whole = track.read("drums")
    resampled = torch.cat([*StreamingResampler(8000, rate, 1).stream([whole])], dim=-1)
    padded = torch.nn.functional.pad(resampled, (0, 5000))

    found = window.read(track, ("drums",), AudioFormat(rate, 1), start, 900)

    assert found.shape == (1, 1, 900)
    torch.testing.assert_close(found[0], padded[:, start : 900 + start], atol=2e-4, rtol=0)


@pytest.mark.parametrize("rate", [8000, 11_025])
def test_what_lies_before_a_track_is_silent(track, rate):
    found = window.read(track, ("drums",), AudioFormat(rate, 1), -900, 1000)

    assert found[..., :700].abs().max() < 1e-5
    assert found[..., 950:].abs().max() > 0.01


def test_what_a_track_does_not_have_is_silent(track):
    found = window.read(track, ("drums", "voice"), AudioFormat(8000, 1), 0, 100)

    assert found[0].any()
    assert not found[1].any()


def test_mono_becomes_stereo_and_stereo_mono(tmp_path, track):
    rng = torch.Generator().manual_seed(0)
    stereo = 0.1 * torch.randn(8000, 2, generator=rng)
    write_track(tmp_path / "wide" / "one", 0, drums=stereo.numpy())
    wide = open_dataset(tmp_path / "wide").tracks[0]

    both = window.read(track, ("drums",), AudioFormat(8000, 2), 0, 100)
    one = window.read(wide, ("drums",), AudioFormat(8000, 1), 0, 100)

    assert torch.equal(both[0, 0], both[0, 1])
    torch.testing.assert_close(one[0, 0], stereo[:100].mean(1), atol=1e-4, rtol=0)


def test_other_channels_are_refused(tmp_path):
    write_track(tmp_path / "five" / "one", 0, drums=torch.zeros(100, 5).numpy() + 0.1)
    five = open_dataset(tmp_path / "five").tracks[0]

    with pytest.raises(DatasetError, match="5 channels, the network reads 2"):
        window.read(five, ("drums",), AudioFormat(8000, 2), 0, 10)
