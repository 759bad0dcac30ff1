import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.audio.format import AudioFormat
from unmixcli.audio.reader import AudioReader
from unmixcli.audio.track import TensorTrack
from unmixcli.audio.window import cut_window, read_window
from unmixcli.errors import AudioError

FRAMES = 5_000


def whole(path):
    with AudioReader(path) as reader:
        return torch.cat([*reader.blocks()], dim=-1)


def sliced(samples, start, frames):
    """Return what a window must be: a slice of the whole, with zeros around it."""
    padded = torch.zeros(samples.shape[0], frames)
    for column in range(frames):
        if 0 <= start + column < samples.shape[-1]:
            padded[:, column] = samples[:, start + column]
    return padded


WINDOWS = [(0, 100), (1, 4_999), (2_345, 678), (-50, 200), (4_900, 300), (-10, 5_020), (4_999, 1)]


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.flac", "PCM_16"),
        ("a.flac", "PCM_24"),
        ("a.aiff", "PCM_16"),
        ("a.w64", "PCM_16"),
    ],
)
def test_a_window_is_a_slice_of_the_whole(make, noise, name, subtype, channels):
    path = make(name, noise(FRAMES, channels), subtype=subtype)
    samples = whole(path)

    for start, frames in WINDOWS:
        assert torch.equal(read_window(path, start, frames), sliced(samples, start, frames))


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg"])
def test_a_window_of_a_lossy_file_is_a_slice_too(make, noise, name):
    path = make(name, noise(20_000))
    samples = whole(path)

    for start, frames in [(0, 100), (9_999, 2_000), (19_000, 2_000), (-5, 10)]:
        assert torch.equal(read_window(path, start, frames), sliced(samples, start, frames))


@pytest.fixture(scope="module")
def long_flac(tmp_path_factory):
    import soundfile

    path = tmp_path_factory.mktemp("long") / "long.flac"
    rng = np.random.default_rng(3)
    soundfile.write(path, (rng.standard_normal((100_000, 2)) * 0.1), 44_100, subtype="PCM_24")
    return path, whole(path)


@settings(max_examples=60, deadline=None)
@given(start=st.integers(-3_000, 110_000), frames=st.integers(1, 9_000))
def test_any_window_of_a_flac_is_a_slice(long_flac, start, frames):
    path, samples = long_flac

    window = read_window(path, start, frames)

    padded = torch.nn.functional.pad(samples, (3_000, 20_000))
    assert torch.equal(window, padded[:, start + 3_000 : start + 3_000 + frames])


@settings(max_examples=60, deadline=None)
@given(start=st.integers(-50, 400), frames=st.integers(1, 300))
def test_what_is_only_read_from_its_start_gives_the_same_windows(start, frames):
    samples = torch.arange(1.0, 601.0).reshape(2, 300)
    track = TensorTrack(samples, AudioFormat(8_000, 2))

    assert torch.equal(cut_window(track, start, frames), sliced(samples, start, frames))


@pytest.mark.parametrize("start", [-100, -10, 5_000, 9_000])
def test_a_window_outside_the_file_is_silence(make, noise, start):
    assert not read_window(make("a.wav", noise(FRAMES, 2)), start, 10).any()


@pytest.mark.parametrize("frames", [0, -1])
def test_a_window_of_no_samples_is_refused(make, frames):
    with pytest.raises(ValueError, match="at least one sample"):
        read_window(make(), 0, frames)


def test_rates_that_divide_nothing_give_exact_samples_far_into_a_file(make):
    """Positions are handed on as seconds: they must come back as the same samples."""
    samples = np.arange(300_000, dtype=np.int32)[:, None] * 4_096
    path = make("a.wav", samples, rate=44_101, subtype="PCM_32")

    for start in [1, 99_999, 123_457, 299_998]:
        assert float(read_window(path, start, 1)) == pytest.approx(start * 4_096 / 2**31)


def test_a_truncated_file_is_refused_wherever_it_is_read(make, noise):
    path = make("a.wav", noise(FRAMES))
    path.write_bytes(path.read_bytes()[:-1_000])

    with pytest.raises(AudioError, match="truncated"):
        read_window(path, 0, 10)


def test_nan_is_named_with_its_place_in_the_file(make, noise):
    samples = noise(FRAMES)
    samples[3_000, 1] = np.nan
    path = make("a.wav", samples, subtype="FLOAT")

    assert torch.isfinite(read_window(path, 0, 2_000)).all()
    with pytest.raises(AudioError, match=r"NaN at 0:00\.07 \(sample 3000, channel 2"):
        read_window(path, 2_900, 200)


def test_no_file_stays_open(make):
    from pathlib import Path

    path = make()
    before = len(list(Path("/proc/self/fd").iterdir()))

    windows = [read_window(path, start, 100) for start in range(50)]

    assert len(windows) == 50
    assert len(list(Path("/proc/self/fd").iterdir())) == before
