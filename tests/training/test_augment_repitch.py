import shutil

import numpy as np
import pytest
import torch

from training_material import RATE, augmented, batch, built
from unmixcli.errors import ConfigError
from unmixcli.training.augment import soundstretch, vocoder
from unmixcli.training.augment.repitch import Repitch

METHODS = {
    "vocoder": vocoder.repitch,
    "soundstretch": lambda *call: soundstretch.repitch(*call, speech=False),
}
installed = pytest.mark.skipif(
    shutil.which("soundstretch") is None, reason="the program soundstretch is not installed"
)
BOTH = ["vocoder", pytest.param("soundstretch", marks=installed)]


def tone(frequency, *, seconds=3.0, rate=RATE):
    time = torch.arange(int(seconds * rate)) / rate
    return 0.3 * torch.sin(2 * np.pi * frequency * time).expand(2, -1)


def loudest(signal, rate=RATE):
    """Return the frequency, in Hz, at which the middle of a signal is loudest."""
    middle = signal[0, len(signal[0]) // 4 : -len(signal[0]) // 4].double().numpy()
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    return np.argmax(spectrum) * rate / (1 << 20)


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(("semitones", "tempo"), [(0, 1.12), (2, 1.0), (-2, 0.9), (1, 1.05)])
def test_pitch_and_tempo_are_what_was_asked_for(method, semitones, tempo):
    made = METHODS[method](tone(440), semitones, tempo, RATE)

    assert loudest(made) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.003)
    # SoundTouch rounds to its frames.
    assert made.shape[-1] / RATE == pytest.approx(3 / tempo, abs=0.1)
    # A tone stays as loud: the methods differ by what their frames make of it.
    assert float(made.square().mean().sqrt()) == pytest.approx(0.3 / 2**0.5, rel=0.1)


@pytest.mark.parametrize("method", BOTH)
def test_beats_come_when_the_tempo_says(method):
    clicks = torch.zeros(1, 3 * RATE)
    clicks[:, RATE // 2 :: RATE // 2] = 0.9
    made = METHODS[method](clicks, 0, 1.1, RATE)[0].abs()

    for beat in range(1, 5):
        expected = int(beat * RATE / 2 / 1.1)
        around = made[expected - RATE // 5 : expected + RATE // 5]
        where = int(around.argmax()) - RATE // 5
        assert abs(where) / RATE < 0.06  # within a frame


def test_the_vocoder_at_rest_changes_nothing():
    signal = batch(items=1, sources=1, samples=20_000)[0, 0]

    assert torch.allclose(vocoder.stretch(signal, 1.0, RATE), signal, atol=1e-5)


def test_the_vocoder_keeps_the_stereo_image():
    """Both sides advance alike: what is in the middle stays there, and what is aside, too."""
    voice = batch(items=1, sources=1, channels=1, samples=60_000)[0, 0]
    made = vocoder.stretch(torch.cat([voice, -0.5 * voice]), 1.07, RATE)

    assert torch.allclose(made[1], -0.5 * made[0], atol=1e-4)


def test_the_vocoder_is_as_long_as_it_says():
    for rate in (0.88, 1.0, 1.12):
        assert vocoder.stretch(tone(100), rate, RATE).shape[-1] == round(3 * RATE / rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050])
def test_the_vocoder_works_at_other_rates(rate):
    made = vocoder.repitch(tone(440, rate=rate), 2, 1.0, rate)

    assert loudest(made, rate) == pytest.approx(440 * 2 ** (2 / 12), rel=0.003)


@pytest.mark.parametrize("samples", [1, 2, 100, 3000])
def test_the_shortest_signals_are_repitched(samples):
    made = augmented("repitch", batch(samples=samples + 1), p=1.0)

    assert made.shape[-1] == int((samples + 1) * 0.88)
    assert torch.isfinite(made).all()


def test_all_sources_of_an_item_are_changed_alike():
    sources = tone(440).expand(3, 2, 2, -1)
    made = augmented("repitch", sources, p=1.0)

    assert torch.equal(made[:, 0], made[:, 1])
    assert not torch.equal(made[0], made[1])


def test_draws_are_those_of_the_authors():
    """Pitch evenly of five, tempo normal with 5 %, clipped at 12 %."""
    step, rng = Repitch(), np.random.default_rng(0)
    drawn = np.array([step._drawn(rng) for _ in range(4000)])
    percent = 100 * (drawn[:, 1] - 1)

    assert {*drawn[:, 0]} == {-2, -1, 0, 1, 2}
    for semitones in range(-2, 3):
        assert np.mean(drawn[:, 0] == semitones) == pytest.approx(0.2, abs=0.025)
    assert np.abs(percent).max() == pytest.approx(12)
    assert np.std(percent) == pytest.approx(4.9, abs=0.2)
    assert np.mean(percent) == pytest.approx(0, abs=0.3)


def test_what_is_not_repitched_is_cut_as_the_rest():
    sources = batch(samples=1000)

    assert torch.equal(augmented("repitch", sources, p=0.0), sources[..., :880])


def test_lengths_are_those_of_the_authors():
    assert built("repitch").reads(447_146 + 44_100) == 558_235
    assert int(558_235 * 0.88) == 491_246


@installed
def test_the_program_is_told_which_source_is_a_voice(monkeypatch):
    told = []
    monkeypatch.setattr(
        soundstretch,
        "repitch",
        lambda signal, *_, speech: (told.append(speech), signal)[1],
    )
    augmented("repitch", batch(items=1), p=1.0, method="soundstretch")

    assert told == [False, False, False, True]


@installed
def test_the_program_keeps_what_is_louder_than_one():
    made = soundstretch.repitch(10 * tone(440), 0, 1.05, RATE, speech=True)

    assert float(made.abs().max()) > 2.5


def test_a_program_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ConfigError, match="'soundstretch' is not installed") as caught:
        built("repitch", method="soundstretch")
    assert "vocoder" in caught.value.hint


def test_a_program_that_fails_is_named(monkeypatch, tmp_path):
    program = tmp_path / "soundstretch"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(ConfigError, match="'soundstretch' failed"):
        soundstretch.repitch(tone(440), 0, 1.0, RATE, speech=False)
