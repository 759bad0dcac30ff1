"""The natural line: a file in, stems out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import textbook
from fakes import (
    BrokenNetwork,
    EchoNetwork,
    ScalingNetwork,
    SmoothingNetwork,
    ToldNetwork,
    config,
)
from places import EXAMPLE
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.subtype import Subtype
from unmixcli.audio.track import TensorTrack
from unmixcli.errors import (
    AudioError,
    Cancelled,
    ConfigError,
    OutputError,
    UsageError,
    WeightsError,
)
from unmixcli.inference.shifts import recorded
from unmixcli.network import ModelConfig
from unmixcli.schedule import Normalise, Schedule, Tail
from unmixcli.selection import Selection
from unmixcli.separation import Separator
from unmixcli.settings import Chunking, Output, Settings
from unmixcli.weights.licence import Licence
from unmixcli.weights.loader import Model
from unmixcli.weights.published import translate
from unmixcli.weights.registry import architecture

SCHEDULE = Schedule(segment=4000, overlap=0.25, tail=Tail.SHORTEN, max_shift=500)


def separator(network=None, schedule=SCHEDULE, **settings) -> Separator:
    network = network or EchoNetwork(config(sample_rate=8000))
    model = Model(
        name="fake",
        networks=(network,),
        schedule=schedule,
        licence=Licence(spdx="CC0-1.0"),
        sha256=("0",),
    )
    return Separator(model, Settings(device="cpu", **settings))


def noise(samples: int, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(samples)
    return rng.uniform(-1, 1, (samples, channels)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int = 8000) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def stem(folder: Path, name: str) -> np.ndarray:
    return soundfile.read(folder / f"{name}.wav", dtype="float32", always_2d=True)[0]


@given(
    samples=st.integers(1, 20_000),
    channels=st.integers(1, 2),
    segment=st.integers(1, 5000),
    overlap=st.sampled_from([0.0, 0.25, 0.5]),
    shifts=st.integers(0, 2),
    normalise=st.sampled_from(Normalise),
    rate=st.sampled_from([8000, 22_050, 44_101, 192_000]),
)
@settings(max_examples=50, deadline=None)
def test_an_identity_network_gives_the_mixture_back(
    samples, channels, segment, overlap, shifts, normalise, rate
):
    mixture = torch.from_numpy(noise(samples, channels).T)
    schedule = replace(
        SCHEDULE, segment=segment, overlap=overlap, shifts=shifts, normalise=normalise
    )

    network = EchoNetwork(config(sample_rate=rate))

    estimates = separator(network, schedule).separate(mixture, rate)

    for estimate in estimates.values():
        torch.testing.assert_close(estimate, mixture, atol=1e-6, rtol=0)


@given(
    rate=st.sampled_from([8000, 11_025, 22_050, 44_100, 44_101, 48_000, 96_000, 192_000]),
    model_rate=st.sampled_from([8000, 22_050, 44_100]),
    samples=st.integers(1, 30_000),
    channels=st.integers(1, 2),
)
@settings(max_examples=40, deadline=None)
def test_length_and_channels_are_the_tracks_own(rate, model_rate, samples, channels):
    mixture = torch.from_numpy(noise(samples, channels).T)
    network = EchoNetwork(config(sample_rate=model_rate))

    estimates = separator(network).separate(mixture, rate)

    assert all(estimate.shape == (channels, samples) for estimate in estimates.values())


@pytest.mark.parametrize("rate", [8000, 22_050, 44_101, 48_000, 192_000])
@pytest.mark.parametrize("at", [0, 1234, 9000])
def test_a_click_stays_at_its_sample(rate, at):
    """Zero offset, whatever the rate: resampled twice, the peak is where it was."""
    mixture = torch.zeros(2, 10_000)
    mixture[:, at] = 0.9
    network = EchoNetwork(config(sample_rate=44_100))

    estimate = separator(network).separate(mixture, rate)["s0"]

    assert int(estimate[0].abs().argmax()) == at


def test_one_file_per_stem_as_long_as_the_track(tmp_path):
    samples = noise(12_345)
    track = write(tmp_path / "song.wav", samples * 3)  # beyond ±1: it must survive

    report = separator().separate_file(track, tmp_path / "out")

    assert report.stems == {name: tmp_path / "out" / f"{name}.wav" for name in ("s0", "s1")}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["s0.wav", "s1.wav"]
    for name, path in report.stems.items():
        info = soundfile.info(path)
        assert (info.frames, info.channels, info.samplerate) == (12_345, 2, 8000)
        assert info.subtype == "FLOAT"
        np.testing.assert_allclose(stem(tmp_path / "out", name), samples * 3, atol=3e-6)


@pytest.mark.parametrize("frames", [1, 100, 4097, 30_000])
def test_how_a_track_arrives_changes_no_bit(frames):
    """Through level, both resamplings, cuts and shifts, whatever the blocks."""

    class Dripping(TensorTrack):
        def blocks(self, _=0):
            yield from self.mixture.split(frames, dim=-1)

    track = TensorTrack(torch.from_numpy(noise(30_000).T), AudioFormat(22_050, 2))
    schedule = replace(SCHEDULE, normalise=Normalise.TRACK, shifts=2)
    model = separator(SmoothingNetwork(config(sample_rate=8000)), schedule)

    dripped = torch.cat([*model.stream(Dripping(track.mixture, track.format), Selection())], -1)

    assert torch.equal(dripped, torch.cat([*model.stream(track, Selection())], -1))


def test_a_published_network_gives_what_the_plain_published_loop_gives():
    """Normalise, pad, cut, run, fade and undo, as Demucs' separation script did."""
    published = translate(
        "demucs_v2",
        "demucs.model.Demucs",
        {
            "sources": ["a", "b"],
            "channels": 4,
            "depth": 3,
            "samplerate": 8000,
            "segment_length": 9001,
        },
    )
    torch.manual_seed(0)
    network = architecture(published.architecture).build(published.config).eval()
    mixture = torch.from_numpy(noise(30_000).T) * 0.3 + 0.01
    offsets = torch.randint(0, 4001, (10,)).tolist()
    schedule = replace(published.schedule, shifts=2)
    model = separator(network, schedule)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unmixcli.separation.seeded", lambda *_: recorded(offsets))
        estimates = model.separate(mixture, 8000)

    reference = mixture.mean(0)
    normalised = (mixture - reference.mean()) / reference.std()
    expected = textbook.separate(network, normalised, schedule, iter(offsets))
    expected = expected * reference.std() + reference.mean()
    torch.testing.assert_close(torch.stack([*estimates.values()]), expected, atol=1e-6, rtol=0)


def test_a_mono_file_gives_mono_stems_of_a_stereo_model(tmp_path):
    samples = noise(5000, 1)
    track = write(tmp_path / "mono.wav", samples)

    separator().separate_file(track, tmp_path / "out")

    np.testing.assert_allclose(stem(tmp_path / "out", "s0"), samples, atol=1e-6)


def test_a_mono_model_separates_stereo_channel_by_channel(tmp_path):
    samples = noise(5000)
    track = write(tmp_path / "stereo.wav", samples)
    network = SmoothingNetwork(config(sample_rate=8000, channels=1))

    separator(network).separate_file(track, tmp_path / "both")

    for channel in (0, 1):
        write(tmp_path / "one.wav", samples[:, channel : channel + 1])
        separator(network).separate_file(tmp_path / "one.wav", tmp_path / f"{channel}")
        np.testing.assert_allclose(
            stem(tmp_path / "both", "s0")[:, channel : channel + 1],
            stem(tmp_path / f"{channel}", "s0"),
            atol=1e-6,
        )


def test_six_channels_are_refused_and_nothing_is_written(tmp_path):
    track = write(tmp_path / "surround.wav", noise(1000, 6))

    with pytest.raises(AudioError, match="has 6 channels, model reads 2"):
        separator().separate_file(track, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_two_stems_sum_to_the_file(tmp_path):
    samples = noise(30_000)
    track = write(tmp_path / "song.wav", samples, 22_050)
    selection = Selection(two_stems="s1")

    separator(SmoothingNetwork(config(sample_rate=8000))).separate_file(
        track, tmp_path / "out", selection=selection
    )

    total = stem(tmp_path / "out", "s1") + stem(tmp_path / "out", "no_s1")
    np.testing.assert_allclose(total, samples, atol=1e-6)


def test_only_the_chosen_stems_are_written(tmp_path):
    track = write(tmp_path / "song.wav", noise(1000))
    selection = Selection(stems="s1")

    report = separator().separate_file(track, tmp_path / "out", selection=selection)

    assert list(report.stems) == ["s1"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["s1.wav"]


def test_a_window_of_the_track_is_that_window(tmp_path):
    samples = noise(16_000)
    track = write(tmp_path / "song.wav", samples)

    separator().separate_file(track, tmp_path / "out", start=0.5, duration=1.0)

    np.testing.assert_allclose(stem(tmp_path / "out", "s0"), samples[4000:12_000], atol=1e-6)


@pytest.mark.parametrize("normalise", Normalise)
def test_silence_comes_out_silent(tmp_path, normalise):
    track = write(tmp_path / "silent.wav", np.zeros((5000, 2), np.float32))
    schedule = replace(SCHEDULE, normalise=normalise)

    separator(schedule=schedule).separate_file(track, tmp_path / "out")

    assert not stem(tmp_path / "out", "s0").any()


def test_what_normalisation_takes_it_gives_back(tmp_path):
    samples = noise(9000) * 1e-3 + 0.25
    track = write(tmp_path / "offset.wav", samples)

    separator(schedule=replace(SCHEDULE, normalise=Normalise.TRACK)).separate_file(
        track, tmp_path / "out"
    )

    np.testing.assert_allclose(stem(tmp_path / "out", "s0"), samples, atol=1e-6)


def test_integers_are_rounded_and_clipping_is_counted(tmp_path):
    samples = np.array([[0.5, 0.5], [1.5, -1.5], [3.7 / 32_768, 0]], np.float32)
    track = write(tmp_path / "loud.wav", samples)
    output = Output(subtype=Subtype.INT16)

    report = separator().separate_file(track, tmp_path / "out", output=output)

    written, _ = soundfile.read(report.stems["s0"], dtype="int16")
    assert written.tolist() == [[16_384, 16_384], [32_767, -32_768], [4, 0]]
    assert report.clipped == {"s0": 2, "s1": 2}


def test_progress_ends_with_the_last_sample(tmp_path):
    seen = []
    track = write(tmp_path / "song.wav", noise(20_000))

    separator().separate_file(track, tmp_path / "out", progress=lambda *at: seen.append(at))

    assert seen == sorted(seen)
    assert seen[-1] == (20_000, 20_000)
    assert len(seen) > 3


def test_cancelling_leaves_nothing(tmp_path):
    cancel = Event()
    track = write(tmp_path / "song.wav", noise(20_000))

    with pytest.raises(Cancelled):
        separator().separate_file(
            track, tmp_path / "out", progress=lambda *_: cancel.set(), cancel=cancel
        )

    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_nan_out_of_a_network_is_never_written(tmp_path):
    track = write(tmp_path / "song.wav", noise(20_000))

    with pytest.raises(WeightsError, match="'fake' gives values that are not finite"):
        separator(BrokenNetwork(config(sample_rate=8000))).separate_file(track, tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_existing_stems_are_kept(tmp_path):
    track = write(tmp_path / "song.wav", noise(1000))
    separator().separate_file(track, tmp_path / "out")
    before = (tmp_path / "out" / "s0.wav").read_bytes()
    write(track, noise(2000))

    with pytest.raises(OutputError) as caught:
        separator().separate_file(track, tmp_path / "out")

    assert "--overwrite" in str(caught.value.hint)
    assert (tmp_path / "out" / "s0.wav").read_bytes() == before
    separator().separate_file(track, tmp_path / "out", output=Output(overwrite=True))
    assert soundfile.info(tmp_path / "out" / "s0.wav").frames == 2000


def test_seamless_needs_neither_shifts_nor_overlap():
    with pytest.raises(ConfigError, match="neither shifts nor overlap"):
        separator(chunking=Chunking.SEAMLESS, shifts=1)


def test_seamless_equals_one_long_pass():
    mixture = torch.from_numpy(noise(20_000).T)
    network = SmoothingNetwork(config(sample_rate=8000))

    cut = separator(network, chunking=Chunking.SEAMLESS).separate(mixture, 8000)
    whole = separator(network, Schedule(segment=None, power=0.0)).separate(mixture, 8000)

    torch.testing.assert_close(cut["s0"], whole["s0"], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "mixture",
    [torch.zeros(100), torch.zeros(2, 0), torch.zeros(1, 2, 100), torch.full((2, 9), torch.nan)],
    ids=["one axis", "empty", "three axes", "nan"],
)
def test_a_tensor_that_is_no_mixture_is_refused(mixture):
    with pytest.raises(AudioError):
        separator().separate(mixture, 8000)


def test_the_embedded_model_shares_the_mixture_out(tmp_path):
    """At the model's own rate its stems sum to the mixture."""
    model = Separator.from_manifest("mini", device="cpu")
    samples, _ = soundfile.read(EXAMPLE, dtype="float32", frames=8 * 44_100)

    estimates = model.separate(torch.from_numpy(samples.T), 44_100)

    assert list(estimates) == ["drums", "bass", "other", "vocals"]
    total = sum(estimates.values())
    torch.testing.assert_close(total, torch.from_numpy(samples.T), atol=1e-5, rtol=0)


def test_two_runs_give_the_same_bytes(tmp_path):
    """With shifts, from the same seed, in files: libsndfile's time stamp must not show."""
    model = Separator.from_manifest("mini", device="cpu", shifts=2, seed=7)

    for folder in ("first", "again"):
        model.separate_file(EXAMPLE, tmp_path / folder, duration=8.0)
        time.sleep(1.1)  # the time stamp counts seconds

    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_another_seed_gives_other_bytes():
    samples, _ = soundfile.read(EXAMPLE, dtype="float32", frames=2 * 44_100)
    mixture = torch.from_numpy(samples.T)
    one, other = (
        Separator.from_manifest("mini", device="cpu", shifts=1, seed=seed).separate(mixture, 44_100)
        for seed in (0, 1)
    )

    assert not torch.equal(one["vocals"], other["vocals"])


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    return 10 * np.log10((reference**2).sum() / ((reference - estimate) ** 2).sum())


def test_a_real_song_is_separated_as_well_as_measured(shared, tmp_path):
    """Whole-clip SDR on 30 s of a MUSDB18 song: 6.86 dB of both channels when it was shipped."""
    clip = shared / "audio" / "triviul-widow"

    separator = Separator.from_manifest("mini", device="cpu")
    separator.separate_file(clip / "mix.mp3", tmp_path)

    mixture, _ = soundfile.read(clip / "mix.mp3", dtype="float32")
    vocals, _ = soundfile.read(clip / "vocals.mp3", dtype="float32")
    estimate = stem(tmp_path, "vocals")
    assert estimate.shape == mixture.shape
    assert sdr(vocals, estimate[: len(vocals)]) >= 6.7
    total = sum(stem(tmp_path, name) for name in separator.sources)
    np.testing.assert_allclose(total, mixture, atol=1e-5)


# Instruments, labels and what is left

QUARTET = ModelConfig(sources=("va", "vc", "vn"), sample_rate=8000, channels=1)


def told(**settings) -> Separator:
    return separator(ToldNetwork(QUARTET), **settings)


def scaling(*gains: float) -> Separator:
    return separator(ScalingNetwork(QUARTET, gains))


def test_a_network_is_told_what_is_asked_for_and_its_stem_comes_out():
    mixture = torch.from_numpy(noise(9000).T)
    selection = Selection(instruments=["violins", "vc"])

    estimates = told(batch_size=3).separate(mixture, 8000, selection=selection)

    assert list(estimates) == ["vn", "vc"]
    for estimate in estimates.values():
        torch.testing.assert_close(estimate, mixture, atol=1e-6, rtol=0)


def test_what_a_network_is_not_told_of_is_silent():
    mixture = torch.from_numpy(noise(9000).T)
    selection = Selection(instruments="vn", stems=["va", "vn"])

    estimates = told().separate(mixture, 8000, selection=selection)

    assert not estimates["va"].any()
    torch.testing.assert_close(estimates["vn"], mixture, atol=1e-6, rtol=0)


def test_labels_need_not_lie_as_sources_do():
    network = ToldNetwork(QUARTET, labels=("vn", "ob", "va", "vc"))
    mixture = torch.from_numpy(noise(9000).T)

    estimates = separator(network).separate(
        mixture, 8000, selection=Selection(instruments="va", stems=["va", "vc", "vn"])
    )

    assert [name for name, estimate in estimates.items() if estimate.any()] == ["va"]


def test_a_network_that_must_be_told_is_not_run_without(tmp_path):
    track = write(tmp_path / "song.wav", noise(1000))

    with pytest.raises(UsageError, match="must be told which instruments sound"):
        told().separate_file(track, tmp_path / "out")
    with pytest.raises(UsageError, match="must be told which instruments sound"):
        told().separate(torch.zeros(2, 100), 8000)

    assert not (tmp_path / "out").exists()


def test_another_network_never_sees_a_label():
    """Its call takes a mixture and nothing else: one argument more would be a TypeError."""
    estimates = scaling(1.0, 0.5, 0.25).separate(
        torch.ones(1, 500), 8000, selection=Selection(instruments=["violin", "viola"])
    )

    assert list(estimates) == ["vn", "va"]
    assert float(estimates["vn"].mean()) == pytest.approx(0.25)
    assert float(estimates["va"].mean()) == pytest.approx(1.0)


def test_a_report_says_what_was_asked_for_and_told(tmp_path):
    track = write(tmp_path / "song.wav", noise(1000))
    selection = Selection(instruments=["violin", "va", "vn2"], name_by="name", residual=True)

    report = told().separate_file(track, tmp_path / "out", selection=selection)

    assert list(report.stems) == ["violin", "viola", "residual"]
    assert report.as_dict()["instruments"] == ["vn", "va"]
    assert report.as_dict()["labels"] == {"va": 1.0, "vc": 0.0, "vn": 1.0}
    assert report.as_dict()["activity"] is None


@pytest.mark.parametrize("rate", [8000, 22_050])
@pytest.mark.parametrize(
    "selection",
    [
        Selection(residual=True),
        Selection(stems=["vn"], residual=True),
        Selection(instruments=["vc", "vn"], residual=True),
        Selection(activity_threshold=-10, residual=True),
        Selection(activity_threshold=0, residual=True),
    ],
    ids=str,
)
def test_stems_and_residual_sum_to_the_file(tmp_path, selection, rate):
    samples = noise(30_000)
    track = write(tmp_path / "song.wav", samples, rate)
    model = scaling(0.7, 0.2, 0.01)

    report = model.separate_file(track, tmp_path / "out", selection=selection)
    estimates = model.separate(torch.from_numpy(samples.T), rate, selection=selection)

    assert list(report.stems) == list(estimates)
    assert "residual" in estimates
    total = sum(stem(tmp_path / "out", name) for name in report.stems)
    np.testing.assert_allclose(total, samples, atol=1e-6)
    for name, estimate in estimates.items():
        np.testing.assert_allclose(stem(tmp_path / "out", name).T, estimate, atol=1e-6)


def test_sources_that_do_not_sound_are_not_written(tmp_path):
    track = write(tmp_path / "song.wav", noise(9000))

    report = scaling(0.5, 0.02, 0.2).separate_file(track, tmp_path / "out")

    assert list(report.stems) == ["va", "vn"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["va.wav", "vn.wav"]
    assert report.activity.dropped == ("vc",)
    assert report.activity.levels["vc"] == pytest.approx(-33.98, abs=0.01)


def test_the_loudest_source_is_written_though_none_sounds(tmp_path):
    track = write(tmp_path / "song.wav", noise(9000))

    report = scaling(1e-4, 1e-3, 0.0).separate_file(track, tmp_path / "out")

    assert list(report.stems) == ["vc"]
    assert report.activity.active == ()


def test_a_source_asked_for_is_written_however_soft(tmp_path):
    track = write(tmp_path / "song.wav", noise(9000))

    report = scaling(0.5, 0.0, 0.2).separate_file(
        track, tmp_path / "out", selection=Selection(instruments="cello")
    )

    assert list(report.stems) == ["vc"]
    assert report.activity is None


def test_nothing_is_left_where_what_is_dropped_cannot_be_merged(tmp_path, monkeypatch):
    track = write(tmp_path / "song.wav", noise(9000))
    monkeypatch.setattr("unmixcli.audio.writer._blocks", lambda _: throw(OSError(28, "No space")))

    with pytest.raises(OutputError, match="cannot write"):
        scaling(0.5, 0.02, 0.2).separate_file(
            track, tmp_path / "out", selection=Selection(residual=True)
        )

    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def throw(error):
    raise error


def test_networks_that_are_told_other_things_are_no_ensemble():
    networks = (ToldNetwork(QUARTET), ToldNetwork(QUARTET, labels=("vn", "vc", "va")))

    with pytest.raises(WeightsError, match="do not separate the same sources"):
        Model(
            name="mixed",
            networks=networks,
            shares=(None, None),
            schedule=SCHEDULE,
            licence=Licence(spdx="CC0-1.0"),
            sha256=("0", "1"),
        )
