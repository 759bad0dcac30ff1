"""What a first-time user of the package types, and mistypes."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile
import torch

import unmixcli
from fakes import EchoNetwork, config
from unmixcli import Output, Selection, Separator, Settings
from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.track import TensorTrack
from unmixcli.errors import AudioError, Cancelled, ConfigError, UsageError
from unmixcli.inference.threads import threads
from unmixcli.schedule import Normalise, Schedule
from unmixcli.weights.licence import Licence
from unmixcli.weights.loader import Model


def separator(schedule: Schedule | None = None, **settings) -> Separator:
    schedule = schedule or Schedule(segment=4000, overlap=0.25, max_shift=500)
    network = EchoNetwork(config(sample_rate=8000))
    model = Model(
        name="fake",
        networks=(network,),
        schedule=schedule,
        licence=Licence(spdx="CC0-1.0"),
        sha256=("0",),
    )
    return Separator(model, Settings(device="cpu", **settings))


@pytest.fixture
def track(tmp_path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (20_000, 2)), 8000)
    return path


def test_the_package_offers_its_nouns_only_when_asked():
    assert all(getattr(unmixcli, name) for name in unmixcli.__all__)
    assert unmixcli.Separator is Separator
    with pytest.raises(AttributeError, match="no attribute 'Seperator'"):
        _ = unmixcli.Seperator


def test_paths_may_be_plain_text(track, tmp_path):
    report = separator().separate_file(str(track), str(tmp_path / "out"))

    assert report.stems["s0"] == tmp_path / "out" / "s0.wav"


def test_one_stem_may_be_one_name(track, tmp_path):
    chosen = Selection(stems="s1")

    assert chosen.stems == ("s1",)
    assert list(separator().separate(torch.zeros(2, 100), 8000, selection=chosen)) == ["s1"]


def test_an_array_is_a_mixture():
    mixture = np.random.default_rng(0).uniform(-1, 1, (2, 9000))

    estimates = separator().separate(mixture, 8000)

    assert estimates["s0"].dtype == torch.float32
    np.testing.assert_allclose(estimates["s0"], mixture, atol=1e-6)


def test_a_mixture_that_is_being_trained_through_is_only_read():
    mixture = torch.rand(2, 9000, requires_grad=True)

    assert not separator().separate(mixture, 22_050)["s0"].requires_grad


@pytest.mark.parametrize(
    ("mixture", "rate", "said"),
    [
        (torch.zeros(9000, 2), 8000, "transpose it"),
        (torch.zeros(2, 9000, dtype=torch.int16), 8000, "full scale"),
        (torch.zeros(2, 9000), 0, "integers in 1000..768000 Hz"),
        (torch.zeros(2, 9000), -8000, "integers"),
        (torch.zeros(2, 9000), 44_100.0, "integers"),
    ],
    ids=["transposed", "int16", "rate 0", "negative rate", "rate as float"],
)
def test_what_is_no_mixture_is_refused_with_advice(mixture, rate, said):
    with pytest.raises(AudioError) as caught:
        separator().separate(mixture, rate)

    assert said in str(caught.value.hint)


@pytest.mark.parametrize(
    "values",
    [
        {"segment": 0},
        {"segment": -1},
        {"segment": float("nan")},
        {"segment": 1e12},
        {"overlap": 1},
        {"overlap": float("nan")},
        {"shifts": -1},
        {"shifts": 1.5},
        {"batch_size": 0},
        {"batch_size": -1},
        {"threads": 0},
        {"seed": "x"},
        {"seed": -1},
        {"batch_size": True},
        {"overlap": "a"},
        {"chunking": "rough"},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        Settings(**values)


def test_words_stand_for_their_constants():
    assert Settings(chunking="seamless").chunking is unmixcli.settings.Chunking.SEAMLESS
    assert Output(subtype="16").subtype.encoding == "PCM_16"
    assert Output(subtype=24).subtype.encoding == "PCM_24"
    with pytest.raises(ConfigError, match="subtype"):
        Output(subtype="12")


def test_a_stem_the_model_has_not_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no source 's9'") as caught:
        separator().separate(torch.zeros(2, 100), 8000, selection=Selection(two_stems="s9"))

    assert "s0, s1" in str(caught.value.hint)


@pytest.mark.parametrize("normalise", Normalise)
def test_a_cancel_set_beforehand_runs_no_network(track, tmp_path, normalise):
    cancel = Event()
    cancel.set()
    model = separator(Schedule(segment=4000, normalise=normalise))
    model.model.networks[0].forward = lambda *_: pytest.fail("the network ran")

    with pytest.raises(Cancelled):
        model.separate_file(track, tmp_path / "out", cancel=cancel)

    assert not (tmp_path / "out").exists()


def test_a_cancel_after_the_last_block_is_too_late(track, tmp_path):
    cancel = Event()

    report = separator().separate_file(
        track,
        tmp_path / "out",
        cancel=cancel,
        progress=lambda done, total: cancel.set() if done == total else None,
    )

    assert all(path.exists() for path in report.stems.values())


def test_what_the_callback_raises_leaves_nothing(track, tmp_path):
    def fail(*_):
        raise RuntimeError("of the caller's own")

    with pytest.raises(RuntimeError, match="of the caller's own"):
        separator().separate_file(track, tmp_path / "out", progress=fail)

    assert list(tmp_path.iterdir()) == [track]


def test_settings_reach_the_engine():
    model = separator(shifts=3, seed=5, segment=0.25, overlap=0.5, batch_size=7, threads=2)

    [engine] = model.engines()

    assert engine.plan.schedule.shifts == 3
    assert engine.plan.schedule.segment == 2000
    assert engine.plan.schedule.overlap == 0.5
    assert (engine.batch_size, engine.threads) == (7, 2)
    assert engine.draw(9) == separator(seed=5, shifts=3).engines()[0].draw(9)


def test_left_and_right_that_cancel_out_are_kept():
    """Normalising by the mono mixture must not lose a track that has none."""
    left = torch.rand(1, 9000) - 0.5
    mixture = torch.cat([left, -left])
    model = separator(Schedule(segment=4000, normalise=Normalise.TRACK))

    estimates = model.separate(mixture, 8000)

    torch.testing.assert_close(estimates["s0"], mixture, atol=1e-6, rtol=0)


def test_small_networks_run_on_one_thread_and_large_ones_on_more(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)

    assert Separator.from_manifest("mini", device="cpu").threads == 1
    monkeypatch.setattr(Model, "weights", 100_000_000)
    assert Separator.from_manifest("mini", device="cpu").threads == 6
    assert Separator.from_manifest("mini", device="cpu", threads=3).threads == 3


def test_threads_are_given_back():
    before = torch.get_num_threads()

    with threads(before + 1):
        assert torch.get_num_threads() == before + 1

    assert torch.get_num_threads() == before


@pytest.mark.parametrize("selection", [Selection(), Selection(two_stems="s0")], ids=str)
def test_no_step_gathers_the_track(selection):
    """Between what goes in and what comes out lie a segment, its context and some blocks."""
    rate, seconds = 22_050, 60
    passes: list[int] = []  # samples given so far, of each pass over the track

    class Counted(TensorTrack):
        def blocks(self, _=0):
            number = len(passes)
            passes.append(0)
            for piece in torch.split(self.mixture, 1000, dim=-1):
                passes[number] += piece.shape[-1]
                yield piece

    track = Counted(torch.rand(2, seconds * rate) - 0.5, AudioFormat(rate, 2))
    schedule = Schedule(segment=4000, overlap=0.25, normalise=Normalise.TRACK, max_shift=500)
    received, gap = 0, 0
    for stems in separator(schedule, shifts=2).stream(track, selection):
        received += stems.shape[-1]
        gap = max(gap, max(passes[1:]) - received)  # the first pass measures the level

    assert received == seconds * rate
    assert gap <= (4000 + 500) * rate / 8000 + 4 * BLOCK
