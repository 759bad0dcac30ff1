"""A network learns to be told, and is told on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

import toy_duet
from wave_models import save

SEED = 0
NOTES, LENGTH, FADE = 8, 3200, 200


def level(samples: np.ndarray, reference: np.ndarray) -> float:
    """Return an energy in dB of another's."""
    return 10 * np.log10((samples**2).sum() / (reference**2).sum())


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    return -level(reference - estimate, reference)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The network as a native file."""
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    return save(path, toy_duet.trained(SEED), segment=toy_duet.SEGMENT)


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    """Tunes that were not trained on, their notes faded in and out."""
    rng = torch.Generator().manual_seed(1234)
    ends = torch.linspace(0, 1, FADE)
    envelope = torch.cat([ends, torch.ones(LENGTH - 2 * FADE), ends.flip(0)])
    tunes = (play(NOTES, LENGTH, rng) * envelope for play in (toy_duet.clarinet, toy_duet.flute))
    return {
        name: tune.flatten().numpy() for name, tune in zip(toy_duet.SOURCES, tunes, strict=True)
    }


@pytest.fixture
def separated(run, model, tmp_path):
    """Separate a mixture on the command line, and return stems and report."""

    def separated(mixture, *arguments):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        soundfile.write(folder / "duet.wav", mixture, toy_duet.RATE, subtype="FLOAT")
        done = run("separate", folder / "duet.wav", "-m", model, "-o", folder, "--json", *arguments)
        assert done.code == 0, done.stderr
        [report] = json.loads(done.stdout)["tracks"]
        stems = {
            name: soundfile.read(path, dtype="float32")[0] for name, path in report["stems"].items()
        }
        return stems, report

    return separated


def test_their_spectra_overlap(sounds):
    """In bands of 100 Hz: nearly all of the flute lies where the clarinet sounds, too."""
    bands = {}
    for name, tune in sounds.items():
        power = np.abs(np.fft.rfft(tune)) ** 2
        band = np.fft.rfftfreq(len(tune), 1 / toy_duet.RATE).astype(int) // 100
        bands[name] = np.bincount(band, power) / power.sum()
    shared = bands["cl"] > 0.005

    assert bands["fl"][shared].sum() > 0.9
    assert bands["cl"][bands["fl"] > 0.005].sum() > 0.1


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("asked", "absent"), [("cl", "fl"), ("fl", "cl")])
def test_what_is_asked_for_comes_out_and_what_is_not_does_not(separated, sounds, asked, absent):
    mixture = sounds["cl"] + sounds["fl"]

    stems, report = separated(mixture, "--instruments", asked, "--stem", "cl,fl")

    assert report["labels"] == {asked: 1.0, absent: 0.0}
    assert report["activity"] is None  # nothing but the network silences a stem
    gain = sdr(sounds[asked], stems[asked]) - sdr(sounds[asked], mixture)
    assert gain >= 6
    assert level(stems[absent], mixture) < -20


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("playing", "absent"), [("cl", "fl"), ("fl", "cl")])
def test_what_is_asked_for_but_does_not_play_is_silent(separated, sounds, playing, absent):
    stems, _ = separated(sounds[playing], "--instruments", "cl,fl")

    assert level(stems[absent], sounds[playing]) < -20
    assert sdr(sounds[playing], stems[playing]) >= 6


@pytest.mark.timeout(600)
def test_asked_for_alone_it_is_written_alone(separated, sounds):
    stems, _ = separated(sounds["cl"] + sounds["fl"], "--instruments", "clarinet")

    assert list(stems) == ["cl"]
