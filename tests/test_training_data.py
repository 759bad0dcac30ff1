"""The renderers of training data: what they write from a kit that anybody could bring."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from places import ROOT
from tiny_kit import band_kit, chamber_kit
from unmixcli.datasets.layouts import open_dataset

RENDERERS = ROOT / "examples" / "training_data"
STAND_INS = Path(__file__).parent / "stand_ins"
BAND = ("drums", "bass", "other", "vocals")
LABELS = ("bn", "cl", "db", "fl", "hn", "ob", "sax", "tba", "tbn", "tpt", "va", "vc", "vn")
SECONDS = 2.0
SEED, JOBS = ("--seed", 3), ("--jobs", 2)
LOUDEST = 0.98 * 32_768
REAL_FONTS = sorted(Path("/usr/share/sounds/sf3").glob("*.sf3"))


class InThisProcess(ThreadPoolExecutor):
    """Stands in for a pool of processes, which take seconds to start."""

    def __init__(self, jobs, *, mp_context):
        assert jobs == 1
        super().__init__(jobs)


@pytest.fixture(scope="module", autouse=True)
def _importable():
    """Let modules of the renderers be imported as scripts do; a stand-in plays the sound font."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(RENDERERS)
        patch.syspath_prepend(STAND_INS)
        yield
    for name in [*sys.modules]:
        if name == "tinysoundfont" or name.split("_")[0] in ("chamber", "band", "songs"):
            del sys.modules[name]


def run(script, *arguments):
    """Run a renderer as the README does; return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(STAND_INS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, RENDERERS / script, *arguments, "--seconds", SECONDS]
    finished = subprocess.run(
        [str(word) for word in command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def read(path):
    return soundfile.read(path, dtype="int16", always_2d=True)[0].astype(np.int32)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.wav"))}


def formats(folder):
    found = map(soundfile.info, folder.rglob("*.wav"))
    return {(info.samplerate, info.channels, info.subtype, info.duration) for info in found}


def loudest_sums(folder):
    return [np.abs(sum(map(read, track.iterdir()))).max() for track in folder.glob("*/*")]


def sounds(stem):
    """Say whether any sample of a file's content is not 0."""
    return any(stem[44:])


def begin_again(part, place):
    """Copy the first track of a part, unlike itself, so that rendering it again would show."""
    first = min(part.iterdir(), key=lambda track: track.name[-5:])
    shutil.copytree(first, place / first.name)
    for stem in (place / first.name).iterdir():
        stem.write_bytes(b"kept")
    return first.name


def in_parts(folder):
    dataset = open_dataset(folder)
    return {
        part: sorted(track.name for track in dataset.tracks if track.split == part)
        for part in dataset.splits
    }


def folders(folder):
    return {part.name: sorted(track.name for track in part.iterdir()) for part in folder.iterdir()}


# Chamber


@pytest.fixture(scope="module")
def chamber_sounds(tmp_path_factory):
    return chamber_kit(tmp_path_factory.mktemp("chamber-kit"))


def render_ensembles(kit, output, tracks, **options):
    """Render in this process; return what is there then."""
    chamber = importlib.import_module("chamber")
    order = chamber.Order(
        **{"kit": kit, "samples": output.with_suffix(".npy"), "output": output, "part": "train"}
        | {"seed": 3, "seconds": SECONDS, "sample_rate": 22_050, "phrase_share": 0.35, "clean": 0}
        | options
    )
    chamber.decode_kit(kit, order.samples, order.sample_rate)
    for number in range(tracks):
        chamber.render(order, number)
    return contents(output)


@pytest.fixture(scope="module")
def ensembles(chamber_sounds, tmp_path_factory):
    """Return a folder of two tracks to train with and one to test with, made in this process."""
    folder = tmp_path_factory.mktemp("chamber") / "ensembles"
    render_ensembles(chamber_sounds, folder, 2)
    render_ensembles(chamber_sounds, folder, 1, part="test", seed=9)
    return folder


def test_an_ensemble_has_a_file_for_each_label_mono_in_16_bits(ensembles):
    assert {path.stem for path in ensembles.rglob("*.wav")} <= {*LABELS, "rest"}
    assert all(len([*track.iterdir()]) > 1 for track in ensembles.glob("*/*"))
    assert formats(ensembles) == {(22_050, 1, "PCM_16", SECONDS)}


def test_the_stems_of_an_ensemble_add_up_without_clipping(ensembles):
    sums = loudest_sums(ensembles)

    assert len(sums) == 3
    assert min(sums) > 0.1 * LOUDEST
    assert max(sums) <= LOUDEST


def test_more_ensembles_by_more_processes_are_the_same_and_those_that_exist_are_kept(
    chamber_sounds, ensembles, tmp_path
):
    kept = begin_again(ensembles / "train", tmp_path / "more" / "train")

    said = run("chamber.py", chamber_sounds, tmp_path / "more", "--tracks", 6, *SEED, *JOBS)

    written = contents(tmp_path / "more" / "train")
    assert "1 tracks were there" in said
    assert len({path.parent for path in written}) == 6
    for path, stem in contents(ensembles / "train").items():
        assert written[path] == (b"kept" if path.parent.name == kept else stem)


def test_the_parts_of_the_ensembles_are_those_of_a_data_set(ensembles):
    track = open_dataset(ensembles, split="test").tracks[0]
    files = [*(ensembles / "test" / track.name).iterdir()]

    assert in_parts(ensembles) == folders(ensembles)
    assert set(track.sources) == {path.stem for path in files}
    np.testing.assert_array_equal(track.read().numpy().T * 32_768, sum(map(read, files)))


def test_clean_ensembles_have_no_rest_and_no_silence_and_others_have_both(chamber_sounds, tmp_path):
    clean = render_ensembles(chamber_sounds, tmp_path / "clean", 10, clean=10)
    others = render_ensembles(chamber_sounds, tmp_path / "others", 10)

    assert {path.stem for path in clean} <= set(LABELS)
    assert all(map(sounds, clean.values()))
    assert "rest" in {path.stem for path in others}
    assert not all(map(sounds, others.values()))


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["scores", "phrases"])
def test_an_ensemble_is_made_of_its_own_part_of_the_kit_only(chamber_sounds, tmp_path, share):
    held_out, rest = (chamber_kit(tmp_path / part, changed=part) for part in ("test", "train"))

    def render(kit, part):
        place = tmp_path / "rendered" / kit.name / part
        return render_ensembles(kit, place, 3, phrase_share=share, part=part, clean=3)

    test = render(chamber_sounds, "test")
    assert render(chamber_sounds, "train") == render(held_out, "train")
    assert test == render(rest, "test")
    assert not {*test.values()} & {*render(held_out, "test").values()}


# Band


@pytest.fixture(scope="module")
def band_sounds(tmp_path_factory):
    folder = band_kit(tmp_path_factory.mktemp("band-kit"))
    (folder / "font.sf2").touch()
    return folder


def order_songs(kit, output, *options):
    return [kit, output, "--soundfont", kit / "font.sf2", *options]


@pytest.fixture(scope="module")
def songs(band_sounds, tmp_path_factory):
    """Return a folder of two tracks to train with and one to test with, made in this process."""
    folder = tmp_path_factory.mktemp("band") / "songs"
    band = importlib.import_module("band")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(band, "ProcessPoolExecutor", InThisProcess)
        for part, tracks, seed in (("train", 2, 3), ("test", 1, 9)):
            order = order_songs(band_sounds, folder, "--part", part, "--tracks", tracks)
            order += ["--seed", seed, "--jobs", 1, "--seconds", SECONDS]
            band.main([str(word) for word in order])
    return folder


def test_a_song_has_four_stems_in_stereo_in_16_bits(songs):
    tracks = [*songs.glob("*/*")]

    assert len(tracks) == 3
    for track in tracks:
        assert {path.name for path in track.iterdir()} == {f"{stem}.wav" for stem in BAND}
        assert sum(sounds(path.read_bytes()) for path in track.iterdir()) > 1
    assert formats(songs) == {(44_100, 2, "PCM_16", SECONDS)}


def test_the_stems_of_a_song_add_up_without_clipping(songs):
    stems = [np.abs(read(path)).max() for path in songs.rglob("*.wav")]

    assert max(*stems, *loudest_sums(songs)) <= LOUDEST


def test_more_songs_by_more_processes_are_the_same_and_those_that_exist_are_kept(
    band_sounds, songs, tmp_path
):
    kept = begin_again(songs / "train", tmp_path / "train")

    run("band.py", *order_songs(band_sounds, tmp_path, "--tracks", 3, *SEED, *JOBS))

    written = contents(tmp_path / "train")
    assert len(written) == 3 * len(BAND)
    for path, stem in contents(songs / "train").items():
        assert written[path] == (b"kept" if path.parent.name == kept else stem)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_the_parts_of_the_songs_are_those_of_a_data_set(songs):
    track = open_dataset(songs, split="test").tracks[0]
    files = [*(songs / "test" / track.name).iterdir()]

    assert in_parts(songs) == folders(songs)
    assert track.sources == BAND
    np.testing.assert_array_equal(track.read().numpy().T * 32_768, sum(map(read, files)))


def test_a_song_is_made_of_its_own_part_of_the_kit_only(band_sounds, tmp_path):
    held_out, rest = (band_kit(tmp_path / part, changed=part) for part in ("test", "train"))
    studio = importlib.import_module("band_track").Studio

    def render(kit, part):
        opened = studio(kit, band_sounds / "font.sf2", part)
        seeds = (6, 7)  # a recorded voice and one that was made to sing
        return np.stack([opened.render(SECONDS, np.random.default_rng(seed)) for seed in seeds])

    test = render(band_sounds, "test")
    assert np.array_equal(render(band_sounds, "train"), render(held_out, "train"))
    assert np.array_equal(test, render(rest, "test"))
    assert not np.array_equal(test, render(held_out, "test"))


# Songs


@pytest.fixture
def real_music(tmp_path):
    """Return the arguments that put a voice over two stretches of noise, and the noise."""
    music, voices = tmp_path / "music" / "package", tmp_path / "voices" / "Somebody"
    music.mkdir(parents=True)
    voices.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.1, (5 * 22_050, 1))
    soundfile.write(music / "a.wav", noise, 22_050, subtype="FLOAT")
    soundfile.write(music / "b.wav", -0.5 * noise, 22_050, subtype="FLOAT")
    tone = 0.3 * np.sin(np.arange(44_100) * 0.05)[:, None].repeat(2, axis=1)
    soundfile.write(voices / "vocals.wav", tone, 44_100)
    songs = tmp_path / "songs.tsv"
    songs.write_text(
        "package\tfile\tstart\tvoice\tvoice_db\tlevel_db\n"
        "package\ta.wav+b.wav\t1.0\tSomebody\t-6.0\t-20.0\n"
        "package\ta.wav\t2.0\t\t\t-17.0\n"
    )
    output = tmp_path / "output"
    places = [tmp_path / "music", tmp_path / "voices", output]
    return [*places, "--list", songs, "--seconds", SECONDS], noise[22_050:66_150, 0] / 2


def test_the_accompaniment_of_a_song_adds_up_to_the_music(real_music):
    arguments, noise = real_music
    importlib.import_module("songs").main([str(word) for word in arguments])
    track = arguments[2] / "train" / "Song 00000"
    accompaniment = sum(read(track / f"{stem}.wav") for stem in BAND[:3]).astype(float)

    assert formats(arguments[2]) == {(44_100, 2, "PCM_16", SECONDS)}
    for channel in accompaniment.T:
        assert np.corrcoef(channel[::2], noise)[0, 1] > 0.97  # not 1: the last band


def test_a_voice_lies_over_a_song_as_loud_as_the_list_says(real_music):
    arguments, _ = real_music
    importlib.import_module("songs").main([str(word) for word in arguments])

    def level(*paths):
        return 10 * np.log10(np.square(sum(map(read, paths)) / 32_768).mean())

    with_voice, without = (arguments[2] / "train" / f"Song 0000{n}" for n in (0, 1))
    others = [with_voice / f"{stem}.wav" for stem in BAND[:3]]
    half = 10 * np.log10(0.5)  # it sounds for one of two seconds
    assert level(with_voice / "vocals.wav") - level(*others) == pytest.approx(-6 + half, abs=0.1)
    assert level(*with_voice.iterdir()) == pytest.approx(-20, abs=0.01)
    assert level(*without.iterdir()) == pytest.approx(-17, abs=0.01)
    assert not read(without / "vocals.wav").any()


def test_music_that_is_too_short_is_named(real_music):
    arguments, _ = real_music
    with pytest.raises(ValueError, match=r"a\.wav ends before 6\.0 s"):
        importlib.import_module("songs").main([*map(str, arguments[:-1]), "5.0"])


def test_every_track_of_our_list_has_an_author_and_a_free_licence():
    free = {"BSD-2-Clause", "CC-BY-3.0", "CC-BY-SA-3.0", "MIT"}
    lines = (RENDERERS / "songs.tsv").read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]

    assert {row["licence"] for row in rows} == free
    assert all(row["author"] and float(row["start"]) >= 0 for row in rows)
    assert len({(row["package"], row["file"], row["start"]) for row in rows}) == len(rows)


@pytest.mark.skipif(not REAL_FONTS, reason="there is no sound font in /usr/share/sounds/sf3")
def test_a_real_sound_font_plays_what_is_asked_for_whatever_it_has_played(monkeypatch):
    monkeypatch.delitem(sys.modules, "tinysoundfont", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(STAND_INS)])
    pytest.importorskip("tinysoundfont")
    font = importlib.import_module("band_instruments").SoundFont(REAL_FONTS[0])
    note = importlib.import_module("band_notes").Note(0.1, 0.8, 69, 0.8)

    flute = font.play([note], 44_100, 73)
    font.play([note._replace(pitch=40, seconds=3.0)], 44_100, 48, vibrato=0.3)
    font.play([note._replace(pitch=38)], 44_100, 0, drums=True)

    assert flute.shape == (44_100,)
    assert abs(np.argmax(np.abs(np.fft.rfft(flute))) - 440) < 5
    np.testing.assert_array_equal(font.play([note], 44_100, 73), flute)


@pytest.mark.parametrize("script", ["chamber.py", "band.py"])
def test_a_kit_that_is_not_there_is_named(tmp_path, script):
    environment = os.environ | {"PYTHONPATH": str(STAND_INS)}
    font = ("--soundfont", tmp_path) if script == "band.py" else ()
    command = [sys.executable, RENDERERS / script, tmp_path / "nowhere", tmp_path / "out", *font]
    finished = subprocess.run(
        [str(word) for word in (*command, "--tracks", 1, "--jobs", 1)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1].startswith("error: ")
    assert "nowhere" in finished.stderr.splitlines()[-1]


def test_pieces_too_short_for_the_window_end_with_an_error(tmp_path):
    scores = importlib.import_module("chamber_scores")
    piece = np.zeros(3, scores.NOTE)
    piece["start"], piece["length"], piece["pitch"] = [0, 1, 2], 0.1, 60
    library = scores.Library((piece,), np.ones(1))

    with pytest.raises(ValueError, match="too short or too sparse for 150 s"):
        scores.draw_lines(library, 2, 150.0, np.random.default_rng(0))
