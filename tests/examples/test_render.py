"""The example renderer: songs whose stems are known, add up and overlap."""

import importlib.util
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[2] / "examples"
BAND = ("drums", "bass", "other", "vocals")


@pytest.fixture(scope="module")
def render():
    """Load the script by its path, with its folder importable as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        spec = importlib.util.spec_from_file_location("render", EXAMPLES / "render.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def stems(render):
    return render.render_song(3, 6.0)


@pytest.fixture(scope="module")
def dataset(render, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    tracks = render.render_dataset(folder, train=2, test=1, seconds=1.5, seed=5, sample_rate=22_050)
    return folder, tracks


def read(path):
    return soundfile.read(path, dtype="int16", always_2d=True)[0].astype(np.int32)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.wav"))}


def band_share(stem, low, high, sample_rate=44_100):
    """Return the share of a stem's power between two frequencies in Hz."""
    power = np.abs(np.fft.rfft(stem.mean(axis=1))) ** 2
    frequencies = np.fft.rfftfreq(len(stem), 1 / sample_rate)
    return power[(frequencies >= low) & (frequencies <= high)].sum() / power.sum()


def test_a_dataset_has_the_plain_layout(dataset):
    folder, tracks = dataset

    assert [track.parent.name for track in tracks] == ["train", "train", "test"]
    assert sorted(path for path in folder.glob("*/*")) == sorted(tracks)
    for track in tracks:
        assert sorted(path.name for path in track.iterdir()) == sorted(
            f"{name}.wav" for name in (*BAND, "mixture")
        )


def test_files_are_16_bit_stereo_of_the_wanted_length(dataset):
    for path in dataset[0].rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (22_050, 2, "PCM_16")
        assert info.frames == round(1.5 * 22_050)


def test_the_mixture_is_exactly_the_sum_of_the_stems_and_nothing_clips(dataset):
    for track in dataset[1]:
        stems = [read(track / f"{name}.wav") for name in BAND]
        mixture = read(track / "mixture.wav")

        np.testing.assert_array_equal(mixture, sum(stems))
        assert max(np.abs(signal).max() for signal in (*stems, mixture)) < 32_000


def test_the_same_seed_writes_the_same_bytes(render, dataset, tmp_path):
    render.render_dataset(tmp_path, train=2, test=1, seconds=1.5, seed=5, sample_rate=22_050)

    assert contents(tmp_path) == contents(dataset[0])


def test_no_two_tracks_are_the_same(render, dataset, tmp_path):
    render.render_dataset(tmp_path, train=2, test=1, seconds=1.5, seed=6, sample_rate=22_050)
    files = [*contents(tmp_path).values(), *contents(dataset[0]).values()]

    assert len(set(files)) == len(files)


def test_a_track_keeps_its_song_when_more_are_asked_for(render, dataset, tmp_path):
    render.render_dataset(tmp_path, train=1, test=0, seconds=1.5, seed=5, sample_rate=22_050)

    written = contents(tmp_path)
    assert written
    assert written.items() <= contents(dataset[0]).items()


def test_names_stay_unique_when_the_words_run_out(render):
    names = [*islice(render.track_names(0), 1500)]

    assert len(set(names)) == len(names)
    assert len(names[0].split()) == 2


def test_stems_are_float32_stereo_in_the_order_asked_for(stems):
    assert tuple(stems) == BAND
    for stem in stems.values():
        assert stem.shape == (6 * 44_100, 2)
        assert stem.dtype == np.float32


@pytest.mark.parametrize("seed", [0, 3, 11])
def test_every_source_is_heard_and_none_drowns_the_others(render, seed):
    rms = {
        name: np.sqrt(np.mean(stem**2))
        for name, stem in render.render_song(seed, 4.0, sample_rate=22_050).items()
    }

    assert min(rms.values()) > 0.01
    assert max(rms.values()) < 6 * min(rms.values())


def test_spectra_overlap(stems):
    assert band_share(stems["vocals"], 200, 4000) > 0.7
    assert band_share(stems["other"], 200, 4000) > 0.7
    assert band_share(stems["drums"], 200, 4000) > 0.02
    assert band_share(stems["drums"], 30, 150) > 0.2
    assert band_share(stems["bass"], 30, 150) > 0.2


def test_other_is_wide_and_bass_is_in_the_middle(stems):
    width = {
        name: np.var(stem[:, 0] - stem[:, 1]) / np.var(stem.sum(axis=1))
        for name, stem in stems.items()
    }

    assert width["other"] > 10 * width["bass"]


@pytest.mark.parametrize("sample_rate", [8000, 22_050, 44_100, 48_000])
def test_any_sample_rate(render, sample_rate):
    for stem in render.render_song(1, 1.0, sample_rate=sample_rate).values():
        assert stem.shape == (sample_rate, 2)
        assert np.sqrt(np.mean(stem**2)) > 0.005


@settings(max_examples=25, deadline=None)
@given(
    samples=st.integers(1, 12_000),
    seed=st.integers(0, 2**32 - 1),
    sample_rate=st.sampled_from([8000, 16_000]),
)
def test_any_length_is_exact_finite_and_unclipped(render, samples, seed, sample_rate):
    stems = render.render_song(seed, samples / sample_rate, sample_rate=sample_rate)

    assert {stem.shape for stem in stems.values()} == {(samples, 2)}
    assert all(np.isfinite(stem).all() for stem in stems.values())
    assert max(np.abs(stem).max() for stem in (*stems.values(), sum(stems.values()))) <= 0.901


def test_mono_has_one_channel_and_an_exact_sum(render, tmp_path):
    (track,) = render.render_dataset(
        tmp_path, train=1, test=0, seconds=0.5, seed=0, sample_rate=8000, mono=True
    )
    stems = [read(track / f"{name}.wav") for name in BAND]

    assert stems[0].shape == (4000, 1)
    np.testing.assert_array_equal(read(track / "mixture.wav"), sum(stems))


def test_an_ensemble_overlaps_and_a_player_ignores_who_plays_along(render):
    duo = render.render_song(2, 3.0, sample_rate=22_050, sources=("vn", "cl"))
    trio = render.render_song(2, 3.0, sample_rate=22_050, sources=("vc", "cl", "vn"))

    assert tuple(duo) == ("vn", "cl")
    for name, stem in duo.items():
        assert band_share(stem, 200, 3000, 22_050) > 0.7
        likeness = np.corrcoef(stem.ravel(), trio[name].ravel())[0, 1]
        assert likeness == pytest.approx(1.0, abs=1e-6)


def test_a_clarinet_lacks_the_even_harmonics_of_a_violin(render):
    from synthesis.tones import harmonic_tone

    frequency = np.full(22_050, 300.0)
    spectrum = {
        odd: np.abs(np.fft.rfft(harmonic_tone(frequency, 0.7, sample_rate=22_050, odd=odd)))
        for odd in (True, False)
    }

    assert spectrum[True][600] < 1e-6 * spectrum[True][300]
    assert spectrum[False][600] == pytest.approx(0.7 * spectrum[False][300], rel=1e-6)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("drums", "kazoo"), "no source named 'kazoo'; there are drums, bass, other"),
        ((), "sources must be named, each once"),
        (("vn", "vn"), "sources must be named, each once"),
    ],
)
def test_wrong_sources_are_named(render, sources, message):
    with pytest.raises(ValueError, match=message):
        render.render_song(0, 1.0, sources=sources)


def test_a_dataset_of_unknown_sources_writes_nothing(render, tmp_path):
    with pytest.raises(ValueError, match="kazoo"):
        render.render_dataset(tmp_path, train=1, test=0, seconds=1.0, seed=0, sources=("kazoo",))

    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-6])
def test_a_song_without_samples_is_refused(render, seconds):
    with pytest.raises(ValueError, match="holds no samples"):
        render.render_song(0, seconds)


def test_the_command_line_writes_a_dataset(render, tmp_path, capsys):
    options = "--train 1 --test 1 --seconds 0.3 --seed 4 --sample-rate 8000 --sources vn cl"
    render.main([str(tmp_path / "set"), *options.split()])

    tracks = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [track.parent.name for track in tracks] == ["train", "test"]
    assert {path.name for path in tracks[0].iterdir()} == {"vn.wav", "cl.wav", "mixture.wav"}


@pytest.mark.parametrize(("ending", "kind"), [("flac", "FLAC"), ("wav", "WAV")])
def test_the_command_line_writes_one_song(render, tmp_path, capsys, ending, kind):
    song = tmp_path / f"song.{ending}"
    render.main(["--song", str(song), "--seconds", "0.5", "--sample-rate", "8000", "--mono"])

    info = soundfile.info(song)
    assert (info.format, info.subtype, info.channels, info.frames) == (kind, "PCM_16", 1, 4000)
    assert capsys.readouterr().out == f"{song}\n"


@pytest.mark.parametrize("arguments", [[], ["dataset", "--song", "song.wav"]])
def test_the_command_line_wants_either_a_dataset_or_a_song(render, arguments, capsys):
    with pytest.raises(SystemExit):
        render.main(arguments)

    assert "either a DATASET folder or --song FILE" in capsys.readouterr().err


def test_the_song_in_the_repository_is_what_its_readme_says(render):
    song = EXAMPLES / "song.flac"
    stems = render.render_song(0, 15.0)
    mixture = render.mix({name: render.quantise(stem) for name, stem in stems.items()})

    info = soundfile.info(song)
    assert (info.samplerate, info.channels, info.subtype) == (44_100, 2, "PCM_16")
    assert song.stat().st_size < 2_000_000
    # Another processor may round each of the four stems differently by one step.
    np.testing.assert_allclose(read(song), mixture.astype(np.int32), atol=len(stems))
