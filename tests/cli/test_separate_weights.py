"""``unmixcli separate`` with weights that have to be fetched first."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

STEMS = ("drums", "bass", "other", "vocals")


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    return 10 * np.log10((reference**2).sum() / ((reference - estimate) ** 2).sum())


def test_a_model_is_fetched_from_a_mirror_and_separates(run, collection, track, tmp_path):
    """What the manifest's cards say, with a tiny file of the right format in its place."""
    collection.add("demucs", aliases=[])

    done = run("separate", track, "--model", "demucs", "-o", tmp_path, "--segment", 0.2)

    assert done.code == 0
    assert done.stdout.split() == [str(tmp_path / "song" / f"{stem}.wav") for stem in STEMS]
    assert (collection.home / "weights" / "demucs" / "demucs-0.th").is_file()
    assert done.stderr.count("CC0-1.0") == 1


def test_without_a_mirror_and_offline_it_says_what_can_be_done(
    run, collection, track, tmp_path, monkeypatch
):
    collection.add("demucs", aliases=[])
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    monkeypatch.delenv("UNMIXCLI_OFFLINE")

    done = run("separate", track, "--model", "demucs", "-o", tmp_path / "out", "--offline")

    assert done.code == 5
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("error: the weights of 'demucs' are not at")
    assert all(word in hint for word in ("mini", "UNMIXCLI_MIRROR", "models download demucs"))
    assert not (tmp_path / "out").exists()


def test_the_licence_is_in_sight_once_for_many_tracks(run, collection, track, tmp_path):
    collection.entries["tiny"]["licence"] = {
        "spdx": "conflicting",
        "summary": "for research",
        "note": "'for research', somewhere",
        "source": "https://example.org/terms",
    }
    collection.write()
    other = tmp_path / "other.wav"
    other.write_bytes(track.read_bytes())

    done = run(
        *("separate", track, other, "--model", "tiny", "-o", tmp_path, "--segment", 0.2, "--json")
    )

    assert done.stderr.count("conflicting (for research)") == 1
    assert json.loads(done.stdout)["model"]["licence"] == collection.entries["tiny"]["licence"]


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_licence_that_is_not_permissive_can_be_refused(
    run, collection, track, tmp_path, monkeypatch, way
):
    collection.entries["tiny"]["licence"]["spdx"] = "CC-BY-NC-4.0"
    collection.write()
    options = ("--licence-policy", "permissive") if way == "option" else ()
    if way == "environment":
        monkeypatch.setenv("UNMIXCLI_LICENCE_POLICY", "permissive")

    done = run("separate", track, "--model", "tiny", "-o", tmp_path, *options)

    assert done.code == 5
    assert "the licence of 'tiny' is CC-BY-NC-4.0" in done.stderr
    assert not collection.home.exists()


def test_a_model_that_is_only_listed_says_so(run, track, tmp_path):
    done = run("separate", track, "--model", "htdemucs_ft", "-o", tmp_path)

    assert done.code == 5
    assert "error: 'htdemucs_ft' is listed, but" in done.stderr
    assert "hint: " in done.stderr


def test_real_weights_separate_a_real_song_as_well_as_measured(run, shared, tmp_path, monkeypatch):
    """The mean of three networks gave 7.28 dB to another implementation; less 0.2 dB."""
    clip = shared / "audio" / "triviul-widow"
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNMIXCLI_MIRROR", str(shared / "weights"))

    done = run("separate", clip / "mix.mp3", "--model", "tdc-vocals", "-o", tmp_path)

    assert done.code == 0, done.stderr
    vocals, _ = soundfile.read(clip / "vocals.mp3", dtype="float32")
    mixture, _ = soundfile.read(clip / "mix.mp3", dtype="float32")
    stems = {
        name: soundfile.read(tmp_path / "mix" / f"{name}.wav", dtype="float32")[0]
        for name in ("vocals", "accompaniment")
    }
    assert sdr(vocals, stems["vocals"][: len(vocals)]) >= 7.28 - 0.2
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-5)
