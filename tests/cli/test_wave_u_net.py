"""Waveform networks on the command line: channels, short tracks, imports, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wave_models import RATE, broken, drawn


@pytest.fixture
def music(tmp_path):
    """Write noise to a file."""

    def music(name: str, samples: int = 5000, channels: int = 2, silent: int = 0) -> Path:
        sound = np.random.default_rng(samples).uniform(-0.4, 0.4, (samples, channels))
        sound[:silent] = 0
        soundfile.write(tmp_path / name, sound, RATE, subtype="FLOAT")
        return tmp_path / name

    return music


def stems(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.stem: soundfile.read(path, dtype="float32", always_2d=True)[0]
        for path in sorted(folder.iterdir())
    }


def told_vn(conditioned: bool) -> list[str]:
    return ["--instruments", "vn", "--stem", "va,vn"] if conditioned else ["--stem", "va,vn"]


@pytest.mark.parametrize("conditioned", [False, True], ids=["plain", "conditioned"])
def test_a_mono_network_separates_stereo_channel_by_channel(run, music, tmp_path, conditioned):
    model = drawn(tmp_path / "mono.safetensors", told=conditioned, sources=("va", "vn"))
    both = music("both.wav")
    sound, _ = soundfile.read(both, dtype="float32")
    for channel, name in enumerate(("left", "right")):
        soundfile.write(tmp_path / f"{name}.wav", sound[:, channel], RATE, subtype="FLOAT")

    tracks = [both, tmp_path / "left.wav", tmp_path / "right.wav"]
    finished = run("separate", *tracks, "-m", model, "-o", tmp_path, *told_vn(conditioned))

    assert finished.code == 0, finished.stderr
    together = stems(tmp_path / "both")
    assert set(together) == {"va", "vn"}
    for channel, name in enumerate(("left", "right")):
        for stem, alone in stems(tmp_path / name).items():
            assert alone.shape == (5000, 1)
            assert alone.any()
            np.testing.assert_allclose(together[stem][:, [channel]], alone, atol=1e-6)


@pytest.mark.parametrize("conditioned", [False, True], ids=["plain", "conditioned"])
def test_a_stereo_network_gives_mono_stems_of_mono_files(run, music, tmp_path, conditioned):
    model = drawn(
        tmp_path / "stereo.safetensors", channels=2, told=conditioned, sources=("va", "vn")
    )
    mono = music("mono.wav", channels=1)
    sound, _ = soundfile.read(mono, dtype="float32")
    soundfile.write(tmp_path / "twice.wav", np.stack([sound, sound], 1), RATE, subtype="FLOAT")

    tracks = [mono, tmp_path / "twice.wav"]
    finished = run("separate", *tracks, "-m", model, "-o", tmp_path, *told_vn(conditioned))

    assert finished.code == 0, finished.stderr
    for stem, samples in stems(tmp_path / "mono").items():
        assert samples.shape == (5000, 1)
        twice = stems(tmp_path / "twice")[stem]
        np.testing.assert_allclose(samples[:, 0], twice.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("samples", [1, 7, 100])
@pytest.mark.parametrize("chunking", ["official", "seamless"])
def test_a_track_shorter_than_the_context_works(run, music, tmp_path, samples, chunking):
    model = drawn(tmp_path / "model.safetensors", depth=4)
    track = music("blip.wav", samples)

    finished = run("separate", track, "-m", model, "-o", tmp_path, "--chunking", chunking)

    assert finished.code == 0, finished.stderr
    found = stems(tmp_path / "blip")
    assert {stem.shape for stem in found.values()} == {(samples, 2)}
    mixture, _ = soundfile.read(track, dtype="float32", always_2d=True)
    np.testing.assert_allclose(sum(found.values()), mixture, atol=1e-6)  # difference output


def test_what_is_not_finite_is_an_error_that_says_where(run, music, tmp_path):
    track = music("song.wav", 5 * RATE, channels=1, silent=3 * RATE)

    finished = run(
        *("separate", track, "-m", broken(tmp_path / "broken.safetensors"), "-o", tmp_path / "out"),
        *("--segment", 0.5, "--json"),
    )

    assert finished.code == 5
    error, hint = finished.stderr.splitlines()[-2:]
    assert error in (
        # A chunk may see the music before it comes to it.
        "error: 'broken' gives values that are not finite at 2.5 s",
        "error: 'broken' gives values that are not finite at 3.0 s",
    )
    assert hint.startswith("hint: ")
    assert not (tmp_path / "out").exists()
    [failure] = json.loads(finished.stdout)["failures"]
    assert failure["exit_code"] == 5


# Published files


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))


TF1 = ("checkpoint_formats/waveunet_tf1_saver", "tiny_model-134067.index", "wave_u_net")
KERAS = [
    (f"wavenet/{case}", "checkpoint.00003-0.123.hdf5", "wavenet")
    for case in ("sv_1stack_d4", "mi_2stack_d4")
]
SOURCES = {
    "waveunet_tf1_saver": {"bass", "drums", "other", "vocals"},
    "sv_1stack_d4": {"vocals", "accompaniment"},
    "mi_2stack_d4": {"vocals", "drums", "bass", "other"},
}


def import_golden(run, shared, case, file, architecture, **changes):
    """Import a file that the authors' code wrote, by its configuration with some changed."""
    folder = shared / "golden" / case
    config = json.loads((folder / "case.json").read_text(encoding="utf-8"))["config"] | changes
    return run(
        *("models", "import", folder / file, "--name", "mine"),
        *("--architecture", architecture, "--config", json.dumps(config)),
    )


@pytest.mark.parametrize(("case", "file", "architecture"), [TF1, *KERAS], ids=lambda value: value)
def test_published_files_import_and_separate(
    run, shared, home, music, tmp_path, case, file, architecture
):
    imported = import_golden(run, shared, case, file, architecture)
    finished = run("separate", music("song.wav"), "-m", "mine", "-o", tmp_path)

    assert (imported.code, finished.code) == (0, 0), imported.stderr + finished.stderr
    found = stems(tmp_path / "song")
    assert set(found) == SOURCES[Path(case).name]
    assert all(stem.shape == (5000, 2) and stem.any() for stem in found.values())


def test_a_published_conditioned_network_is_told_what_sounds(run, shared, home, music, tmp_path):
    case = "vimss/cexp_5lvl_13src_batch1"
    imported = import_golden(run, shared, case, "weights.safetensors", "conditioned_wave_u_net")
    track = music("song.wav", channels=1)

    for asked, folder in (("vn,va", "one"), ("vn,tuba", "other")):
        finished = run(
            *("separate", track, "-m", "mine", "-o", tmp_path / folder),
            *("--instruments", asked, "--residual"),
        )
        assert finished.code == 0, imported.stderr + finished.stderr

    one, other = stems(tmp_path / "one" / "song"), stems(tmp_path / "other" / "song")
    assert (set(one), set(other)) == ({"vn", "va", "residual"}, {"vn", "tba", "residual"})
    assert np.abs(one["vn"] - other["vn"]).max() > 1e-3


@pytest.mark.parametrize(
    ("golden", "changes", "said"),
    [
        (TF1, {"source_names": ["vocals"]}, "number of sources must be in 2..128, got 1"),
        (TF1, {"num_layers": 0}, "num_layers must be an integer in 1..64, got 0"),
        (TF1, {"upsampling": "cubic"}, "upsampling must be one of linear, learned, got 'cubic'"),
        (KERAS[1], {"target_field_length": 100}, "target_field_length must be odd, got 100"),
        (KERAS[1], {"target_field_length": 0}, "target_field_length must be an integer in 1.."),
    ],
    ids=str,
)
def test_an_impossible_configuration_is_refused_with_its_value(
    run, shared, home, tmp_path, golden, changes, said
):
    finished = import_golden(run, shared, *golden, **changes)

    assert finished.code == 6
    assert finished.stderr.splitlines()[0].startswith(f"error: {said}")
    assert not (tmp_path / "home" / "models").exists()


def test_a_hop_longer_than_its_segment_is_refused_with_the_value(run, home, tmp_path):
    """The share that chunks overlap says how far one hops: below zero it is too far."""
    from safetensors.torch import save_file

    from tiny_models import tiny_network

    save_file(tiny_network().state_dict(), tmp_path / "mine.safetensors")
    config = {
        "sources": ["drums", "bass", "other", "vocals"],
        "sample_rate": 44_100,
        "channels": 2,
        "width": 2,
        "depth": 2,
        "inference": {"segment": 1000, "overlap": -0.5},
    }

    finished = run(
        *("models", "import", tmp_path / "mine.safetensors", "--name", "mine"),
        *("--architecture", "demucs", "--config", json.dumps(config)),
    )

    assert finished.code == 6
    assert "overlap must be in [0, 1), got -0.5" in finished.stderr
