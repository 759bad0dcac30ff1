"""``unmixcli separate``: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from places import EXAMPLE
from unmixcli.weights import catalogue, loader, store

STEMS = ["drums", "bass", "other", "vocals"]


def lines(text: str) -> list[str]:
    return text.splitlines()


def written(folder: Path) -> list[str]:
    """Return every file below a folder, hidden ones too."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_stems_appear_beside_where_you_are(run, track, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    finished = run("separate", "song.wav")

    assert finished.code == 0
    assert lines(finished.stdout) == [f"stems/song/{stem}.wav" for stem in STEMS]
    assert written(tmp_path / "stems") == sorted(f"song/{stem}.wav" for stem in STEMS)
    assert soundfile.info("stems/song/vocals.wav").frames == 22_050


def test_the_embedded_model_is_announced_in_one_line(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out")

    [line] = lines(finished.stderr)
    assert line == f"note: {loader.advice()}"


def test_quiet_says_nothing(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out", "--quiet")

    assert finished.stderr == ""
    assert len(lines(finished.stdout)) == 4


def test_a_chosen_models_licence_is_said(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out", "--model", "mini")

    assert lines(finished.stderr) == ["note: model 'mini', licence of the weights: MIT"]


def test_verbose_says_how_long_it_took(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out", "-v")

    assert "song.wav: 1.0 s of audio in" in finished.stderr


def test_json_is_one_document_on_stdout(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out", "--json", "--shifts", 1, "--seed", 5)

    document = json.loads(finished.stdout)
    assert document["schema"] == 1
    assert document["model"]["name"] == "mini"
    assert document["model"]["licence"] == {
        "spdx": "MIT",
        "summary": None,
        "note": None,
        "source": None,
    }
    assert [len(digest) for digest in document["model"]["sha256"]] == [64]
    assert document["seed"] == 5
    assert document["schedule"]["shifts"] == 1
    [report] = document["tracks"]
    assert list(report["stems"]) == STEMS
    assert (report["samples"], report["sample_rate"], report["channels"]) == (22_050, 22_050, 2)
    assert document["failures"] == []


def test_options_reach_the_model(run, track, tmp_path):
    finished = run(
        *("separate", track, "-o", tmp_path, "--json", "--segment", 2.5, "--overlap", 0.1),
        *("--shifts", 2, "--seed", 9, "--batch-size", 3, "--threads", 2, "--start", 0.1),
        *("--duration", 0.5, "--bit-depth", 24),
    )

    document = json.loads(finished.stdout)
    assert document["schedule"]["segment"] == 110_250
    assert document["schedule"]["overlap"] == 0.1
    assert document["schedule"]["shifts"] == 2
    assert (document["seed"], document["batch_size"], document["threads"]) == (9, 3, 2)
    assert (document["start"], document["duration"], document["bit_depth"]) == (0.1, 0.5, 24)


def test_a_native_file_is_a_model(run, track, tmp_path):
    mini = catalogue.get("mini")
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(store.place(mini, mini.files[0]).read_bytes())

    finished = run("separate", track, "-o", tmp_path / "out", "--model", copy, "--json")

    assert json.loads(finished.stdout)["model"]["name"] == "mine"


@pytest.mark.parametrize(
    ("arguments", "stems"),
    [
        (["--stem", "vocals"], ["vocals"]),
        (["--stem", "vocals", "--stem", "bass"], ["bass", "vocals"]),
        (["--stem", "vocals,bass"], ["bass", "vocals"]),
        (["--two-stems", "vocals"], ["accompaniment", "vocals"]),
        (["--two-stems", "drums"], ["drums", "no_drums"]),
    ],
    ids=str,
)
def test_stems_can_be_chosen(run, track, tmp_path, arguments, stems):
    finished = run("separate", track, "-o", tmp_path / "out", *arguments)

    assert finished.code == 0
    assert written(tmp_path / "out") == [f"song/{stem}.wav" for stem in stems]


@pytest.mark.parametrize(("depth", "subtype"), [(16, "PCM_16"), (24, "PCM_24"), (32, "FLOAT")])
def test_bit_depth_can_be_chosen(run, track, tmp_path, depth, subtype):
    run("separate", track, "-o", tmp_path / "out", "--bit-depth", depth, "--stem", "bass")

    assert soundfile.info(tmp_path / "out" / "song" / "bass.wav").subtype == subtype


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (48_000, 2)])
def test_usual_files_go_in_and_keep_their_shape(run, tmp_path, suffix, rate, channels):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (rate // 2, channels))
    soundfile.write(tmp_path / f"in.{suffix}", samples, rate)
    length = soundfile.info(tmp_path / f"in.{suffix}").frames

    finished = run("separate", tmp_path / f"in.{suffix}", "-o", tmp_path, "--stem", "other")

    assert finished.code == 0
    info = soundfile.info(tmp_path / "in" / "other.wav")
    assert (info.frames, info.samplerate, info.channels) == (length, rate, channels)


@pytest.mark.parametrize("samples", [1, 10, 2048])
def test_the_shortest_tracks_work(run, tmp_path, samples):
    soundfile.write(tmp_path / "blip.wav", np.full((samples, 2), 0.25), 44_100)

    finished = run("separate", tmp_path / "blip.wav", "-o", tmp_path)

    assert finished.code == 0
    assert soundfile.info(tmp_path / "blip" / "drums.wav").frames == samples


def test_a_part_of_a_track(run, track, tmp_path):
    run("separate", track, "-o", tmp_path, "--start", 0.25, "--duration", 0.5)

    assert soundfile.info(tmp_path / "song" / "drums.wav").frames == 11_025


def test_existing_stems_are_kept(run, track, tmp_path):
    run("separate", track, "-o", tmp_path, "--stem", "bass")
    before = (tmp_path / "song" / "bass.wav").read_bytes()

    finished = run("separate", track, "-o", tmp_path, "--duration", 0.1)

    assert finished.code == 4
    error, hint = lines(finished.stderr)
    assert error.startswith("error: ")
    assert "bass.wav" in error
    assert hint.startswith("hint: ")
    assert "--overwrite" in hint
    assert (tmp_path / "song" / "bass.wav").read_bytes() == before
    assert run("separate", track, "-o", tmp_path, "--duration", 0.1, "--overwrite").code == 0


def test_an_unknown_model_says_what_was_meant(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out", "--model", "demcus")

    assert finished.code == 5
    assert finished.stdout == ""
    error, hint = lines(finished.stderr)
    assert error == "error: no model named 'demcus' in the manifest"
    assert hint.startswith("hint: did you mean 'demucs'")


def test_a_model_that_is_not_here_says_how_to_get_it(run, track, tmp_path, monkeypatch):
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))

    finished = run("separate", track, "-o", tmp_path / "out", "--model", "demucs")

    assert finished.code == 5
    assert "'demucs'" in lines(finished.stderr)[0]
    assert "'mini'" in lines(finished.stderr)[1]


def test_a_model_file_that_is_none(run, track, tmp_path):
    finished = run("separate", track, "-o", tmp_path / "out", "--model", track)

    assert finished.code == 5
    assert "song.wav" in lines(finished.stderr)[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.wav", None, "no such file"),
        ("empty.wav", b"", "empty"),
        ("words.wav", b"these are words, not sound\n" * 100, "not an audio file"),
        ("cut.wav", "cut", "truncated"),
        ("cut.flac", "cut", "truncated"),
        ("cut.ogg", "cut", "truncated"),
        ("cut.mp3", "cut", "truncated"),
        ("nan.wav", "nan", "NaN"),
    ],
)
def test_what_is_no_audio_is_refused_in_two_lines(run, tmp_path, name, content, said):
    path = tmp_path / name
    if content == "cut":
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (44_100, 2)), 44_100)
        content = path.read_bytes()[: path.stat().st_size // 2]
    elif content == "nan":
        samples = np.zeros((1000, 2), np.float32)
        samples[500, 1] = np.nan
        soundfile.write(path, samples, 44_100, subtype="FLOAT")
        content = path.read_bytes()
    if content is not None:
        path.write_bytes(content)

    finished = run("separate", path, "-o", tmp_path / "out")

    assert finished.code == 3
    assert finished.stdout == ""
    # What shows only while it is decoded comes after the note on the model.
    error, hint = (line for line in lines(finished.stderr) if not line.startswith("note: "))
    assert error.startswith("error: ")
    assert name in error
    assert said in error
    assert hint.startswith("hint: ")
    assert not (tmp_path / "out").exists()


def test_one_bad_track_does_not_stop_the_others(run, track, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")

    finished = run("separate", bad, track, tmp_path / "absent.flac", "-o", tmp_path / "out")

    assert finished.code == 9
    assert len(lines(finished.stdout)) == 4
    assert "error: 2 of 3 tracks failed" in finished.stderr
    assert "bad.wav" in finished.stderr
    assert "absent.flac" in finished.stderr
    assert written(tmp_path / "out") == sorted(f"song/{stem}.wav" for stem in STEMS)


def test_json_lists_what_failed(run, track, tmp_path):
    finished = run("separate", tmp_path / "absent.flac", track, "-o", tmp_path, "--json")

    document = json.loads(finished.stdout)
    assert finished.code == 9
    assert [Path(report["track"]).name for report in document["tracks"]] == ["song.wav"]
    [failure] = document["failures"]
    assert failure["exit_code"] == 3
    assert failure["track"].endswith("absent.flac")


def test_two_tracks_for_one_folder_are_refused_before_any_work(run, track, tmp_path):
    other = tmp_path / "elsewhere" / "song.flac"

    finished = run("separate", track, other, "-o", tmp_path / "out")

    assert finished.code == 2
    assert "would both be written to" in lines(finished.stderr)[0]
    assert not (tmp_path / "out").exists()


def test_the_same_track_twice_is_one_track(run, track, tmp_path):
    finished = run("separate", track, track, "-o", tmp_path / "out")

    assert finished.code == 0
    assert len(lines(finished.stdout)) == 4


@pytest.mark.parametrize("name", [".wav", "...wav", "..wav", "--name.wav", "a b\n\x1b[31mé.wav"])
def test_no_name_leads_out_of_the_folder(run, track, tmp_path, name):
    odd = track.rename(tmp_path / name)

    finished = run("separate", "-o", tmp_path / "out", "--stem", "bass", "--", odd)

    assert finished.code == 0
    [path] = written(tmp_path / "out")
    assert path.endswith("/bass.wav")
    assert written(tmp_path) == sorted([name, f"out/{path}"])


def test_a_name_cannot_command_the_terminal(run, tmp_path):
    finished = run("separate", tmp_path / "\x1b[31mred\nline.wav", "-o", tmp_path / "out")

    assert finished.code == 3
    assert "\x1b" not in finished.stderr
    assert len(lines(finished.stderr)) == 2


def test_a_folder_that_cannot_be_made(run, track, tmp_path):
    (tmp_path / "file").write_text("in the way")

    finished = run("separate", track, "-o", tmp_path / "file" / "out")

    assert finished.code == 4
    assert "file" in lines(finished.stderr)[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--stem", "vocal"], 2, "did you mean 'vocals'?"),
        (["--two-stems", "piano"], 2, "drums, bass, other, vocals"),
        (["--stem", "bass", "--two-stems", "bass"], 2, "not both"),
        (["--device", "cuda:7"], 8, "no device 'cuda:7'"),
        (["-d", "mps:1"], 8, "no device 'mps:1'"),
        (["--two-stems", ""], 2, "no source ''"),
        (["--chunking", "seamless"], 6, "'mini' cannot be cut seamlessly"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(run, track, tmp_path, arguments, code, said):
    finished = run("separate", track, "-o", tmp_path / "out", *arguments)

    assert finished.code == code
    assert finished.stdout == ""
    assert said in finished.stderr
    assert lines(finished.stderr)[0].startswith("error: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--segment", "0"],
        ["--segment", "-1"],
        ["--segment", "nan"],
        ["--segment", "1e9"],
        ["--overlap", "1"],
        ["--overlap", "0.9999999"],
        ["--start", "1e308"],
        ["--duration", "1e308"],
        ["--duration", "0"],
        ["--threads", "1000000"],
        ["--overlap", "-0.1"],
        ["--overlap", "nan"],
        ["--shifts", "-3"],
        ["--batch-size", "0"],
        ["--start", "-1"],
        ["--start", "nan"],
        ["--duration", "nan"],
        ["--bit-depth", "12"],
        ["--nope"],
    ],
    ids=str,
)
def test_a_value_out_of_bounds_is_a_usage_error(run, track, tmp_path, arguments):
    finished = run("separate", track, "-o", tmp_path / "out", *arguments)

    assert finished.code == 2
    assert arguments[0] in finished.stderr
    assert not (tmp_path / "out").exists()


def test_the_same_track_by_another_name_is_one_track(run, track, tmp_path):
    finished = run(
        "separate", track, track.parent / ".." / tmp_path.name / track.name, "-o", tmp_path
    )

    assert finished.code == 0
    assert len(lines(finished.stdout)) == 4


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]], ids=str)
def test_a_stem_never_replaces_a_track(run, track, tmp_path, overwrite):
    """vocals/vocals.wav is where the vocals of vocals.wav would go."""
    folder = tmp_path / "vocals"
    folder.mkdir()
    vocals = track.rename(folder / "vocals.wav")
    before = vocals.read_bytes()

    finished = run("separate", vocals, "-o", tmp_path, *overwrite)

    assert finished.code == 4
    assert "would be replaced by a stem" in lines(finished.stderr)[0]
    assert vocals.read_bytes() == before
    assert written(tmp_path) == ["vocals/vocals.wav"]


def test_names_that_a_file_system_may_not_tell_apart_are_refused(run, track, tmp_path):
    for name in ("e\u0301.wav", "\u00e9.wav"):
        (tmp_path / name).write_bytes(track.read_bytes())

    finished = run("separate", tmp_path / "e\u0301.wav", tmp_path / "\u00e9.wav", "-o", tmp_path)

    assert finished.code == 2


def test_a_folder_that_only_looks_like_ours_is_left_alone(run, track, tmp_path):
    theirs = tmp_path / "out" / ".song.my precious.part"
    theirs.mkdir(parents=True)
    (theirs / "x").write_text("keep me")

    run("separate", track, "-o", tmp_path / "out")

    assert (theirs / "x").read_text() == "keep me"


def test_a_track_louder_than_any_sound_is_refused(run, tmp_path):
    samples = np.full((1000, 2), 1e30, np.float32)
    soundfile.write(tmp_path / "loud.wav", samples, 44_100, subtype="FLOAT")

    finished = run("separate", tmp_path / "loud.wav", "-o", tmp_path / "out")

    assert finished.code == 3
    assert "1e+30" in finished.stderr


def test_usage_errors_are_two_lines_too(run, track):
    finished = run("separate", track, "--segment", "nan")

    error, hint = lines(finished.stderr)
    assert error.startswith("error: invalid value for '--segment'")
    assert hint == "hint: see 'unmixcli separate --help'"


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_nothing_behind(start, tmp_path, sent, code):
    process = start("separate", EXAMPLE, "-o", tmp_path, "--shifts", 50)
    until_writing(tmp_path)
    process.send_signal(sent)

    assert process.wait(30) == code
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_nothing_under_a_final_name(run, start, tmp_path):
    process = start("separate", EXAMPLE, "-o", tmp_path, "--shifts", 50)
    until_writing(tmp_path)
    process.kill()

    process.wait(30)
    assert not (tmp_path / "song").exists()
    run("separate", EXAMPLE, "-o", tmp_path, "--duration", 1)
    assert written(tmp_path) == sorted(f"song/{stem}.wav" for stem in STEMS)


@pytest.mark.parametrize("delay", [0.2, 0.5, 0.8, 1.1])
def test_an_early_signal_is_not_swallowed(start, tmp_path, delay):
    """Whatever is being imported at that moment."""
    process = start("separate", EXAMPLE, "-o", tmp_path, "--shifts", 50)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)

    assert process.wait(30) in (130, -signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


def until_writing(folder: Path) -> None:
    """Wait until a hidden folder of unfinished stems is there."""
    deadline = time.monotonic() + 30
    while not any(folder.glob(".*")):
        assert time.monotonic() < deadline, "nothing was ever written"
        time.sleep(0.01)
