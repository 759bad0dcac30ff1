"""``--instruments`` and what belongs to it, and ``unmixcli instruments``."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from safetensors import safe_open

from tiny_models import ENTRY
from unmixcli.cli.instruments import COLUMNS
from unmixcli.instruments import INSTRUMENTS
from unmixcli.weights import catalogue, checkpoint, loader
from unmixcli.weights.importer import import_file
from unmixcli.weights.published import translate
from wave_models import RATE, URMP, drawn, obeying, save, scaling

QUARTET = ("va", "vc", "vn")


@pytest.fixture
def duet(tmp_path):
    """A second of mono noise."""
    path = tmp_path / "duet.wav"
    samples = np.random.default_rng(1).uniform(-0.4, 0.4, RATE)
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def told(tmp_path):
    """A network of which each estimate is half the mixture, if it is told so."""
    return obeying(tmp_path / "told.safetensors", dict.fromkeys(QUARTET, 0.5))


@pytest.fixture
def untold(tmp_path):
    """A network that separates thirteen instruments, each 4 dB softer than the one before."""
    gains = {code: 10 ** (-4 * number / 20) for number, code in enumerate(URMP)}
    return scaling(tmp_path / "untold.safetensors", gains)


@pytest.fixture
def separate(run, duet, tmp_path):
    """Separate the track into a folder, with a model and arguments."""
    return lambda *arguments: run("separate", duet, "-o", tmp_path / "out", *arguments)


def written(tmp_path) -> dict[str, np.ndarray]:
    folder = tmp_path / "out" / "duet"
    return {
        path.stem: soundfile.read(path, dtype="float32")[0]
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
    }


def report(finished) -> dict:
    [track] = json.loads(finished.stdout)["tracks"]
    return track


# A model that takes labels


@pytest.mark.parametrize(
    "arguments",
    [
        ["--instruments", "vn,va"],
        ["--instruments", "Viola, violin"],
        ["--instruments", "va", "--instruments", "violins"],
    ],
    ids=str,
)
def test_a_stem_for_each_instrument(separate, told, duet, tmp_path, arguments):
    finished = separate("-m", told, "--json", *arguments)

    assert finished.code == 0
    mixture, _ = soundfile.read(duet, dtype="float32")
    stems = written(tmp_path)
    assert set(stems) == {"va", "vn"}
    for stem in stems.values():
        np.testing.assert_allclose(stem, 0.5 * mixture, atol=1e-6)
    assert set(report(finished)["instruments"]) == {"va", "vn"}
    assert report(finished)["labels"] == {"va": 1.0, "vc": 0.0, "vn": 1.0}
    assert json.loads(finished.stdout)["model"]["labels"] == list(QUARTET)


def test_what_it_is_told_changes_what_comes_out(separate, told, tmp_path):
    separate("-m", told, "--instruments", "vc", "--stem", "va,vc,vn")
    first = written(tmp_path)
    separate("-m", told, "--instruments", "vn", "--stem", "va,vc,vn", "--overwrite")
    second = written(tmp_path)

    assert [name for name, stem in first.items() if stem.any()] == ["vc"]
    assert [name for name, stem in second.items() if stem.any()] == ["vn"]


def test_a_model_that_takes_labels_wants_some_and_names_them(separate, told, tmp_path):
    finished = separate("-m", told)

    assert finished.code == 2
    assert finished.stderr.splitlines() == [
        "error: this model must be told which instruments sound",
        "hint: name them with --instruments: va (viola), vc (cello), vn (violin)",
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("vnn", "did you mean 'vn'"),
        ("violn", "did you mean 'violin'"),
        ("oboe", "it has: va (viola), vc (cello), vn (violin)"),
        ("", "it has: va (viola)"),
    ],
)
def test_what_the_model_has_not_is_refused_with_the_nearest(separate, told, word, said):
    finished = separate("-m", told, "--instruments", f"va,{word}")

    assert finished.code == 2
    error, hint = finished.stderr.splitlines()
    assert error == f"error: the model has no instrument '{word}'"
    assert said in hint


def test_two_violins_are_one_source_and_a_note(separate, told, tmp_path):
    finished = separate("-m", told, "--instruments", "vn1,vn2,va")

    assert set(written(tmp_path)) == {"va", "vn"}
    assert "note: one source, 'vn', stands for vn1, vn2" in finished.stderr.splitlines()


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], {"vn", "vc"}),
        (["--name-by", "code"], {"vn", "vc"}),
        (["--name-by", "name"], {"violin", "cello"}),
        (["--name-by", "name", "--stem", "cello"], {"cello"}),
        (["--name-by", "name", "--two-stems", "vn"], {"violin", "no_violin"}),
        (["--name-by", "name", "--residual"], {"violin", "cello", "residual"}),
    ],
    ids=lambda value: " ".join(sorted(value)),
)
def test_stems_are_named_by_code_or_name(separate, told, tmp_path, arguments, names):
    finished = separate("-m", told, "--instruments", "violin,cello", *arguments)

    assert finished.code == 0
    assert set(written(tmp_path)) == names


def test_labels_are_part_of_a_native_file(tmp_path):
    """In the configuration of its header, and there again after loading."""
    labels = ("vn", "va", "vc", "ob")
    path = drawn(tmp_path / "mine.safetensors", told=True, sources=QUARTET, labels=labels)
    with safe_open(path, framework="pt") as file:
        said = json.loads(file.metadata()["unmixcli"])

    header, network = checkpoint.load(path)
    again = save(tmp_path / "again.safetensors", network)

    assert said["config"]["labels"] == list(labels)
    assert header.config.labels == network.labels == labels
    assert loader.labels(str(again)) == loader.load(again).labels == labels
    assert checkpoint.read_header(again) == checkpoint.Header(
        **{**vars(header), "schedule": checkpoint.read_header(again).schedule}
    )


def test_what_is_not_a_label_of_its_own_source_is_told_all_the_same(separate, tmp_path):
    path = drawn(
        tmp_path / "mine.safetensors",
        told=True,
        sources=("source-1", "source-2"),
        labels=("label-1", "label-2", "label-3"),
    )

    refused = separate("-m", path, "--instruments", "label-3")
    finished = separate("-m", path, "--instruments", "label-3", "--stem", "source-2", "--json")

    assert refused.code == 2
    assert "say with --stem which sources to write: source-1, source-2" in refused.stderr
    assert set(written(tmp_path)) == {"source-2"}
    assert report(finished)["labels"] == {"label-1": 0.0, "label-2": 0.0, "label-3": 1.0}


# A model that takes none


def test_instruments_choose_among_the_stems_of_a_model_without_labels(separate, untold, tmp_path):
    finished = separate("-m", untold, "--instruments", "violin,tuba", "--json")

    assert finished.code == 0
    assert set(written(tmp_path)) == {"tba", "vn"}
    assert report(finished)["labels"] is None
    assert report(finished)["activity"] is None


def test_any_models_sources_can_be_asked_for(separate, tmp_path):
    finished = separate("-m", "mini", "--instruments", "Vocals,bass")

    assert finished.code == 0
    assert set(written(tmp_path)) == {"bass", "vocals"}


def test_a_model_says_what_it_has(separate):
    finished = separate("-m", "mini", "--instruments", "violin")

    assert finished.code == 2
    assert finished.stderr.splitlines() == [
        "error: the model has no instrument 'violin'",
        "hint: it has: drums, bass, other, vocals",
    ]


@pytest.mark.parametrize("way", [["--stem", "vn"], ["--two-stems", "vn"]], ids=str)
def test_stems_and_instruments_are_one_choice_then(separate, untold, way):
    finished = separate("-m", untold, "--instruments", "vn", *way)

    assert finished.code == 2
    assert "this model takes no labels" in finished.stderr


# What sounds


def test_sources_below_the_threshold_are_left_out_and_that_is_said(separate, untold, tmp_path):
    finished = separate("-m", untold, "--json")

    assert finished.code == 0
    kept = ["bn", "cl", "db", "fl", "hn", "ob", "sax", "tba"]
    assert sorted(written(tmp_path)) == kept
    assert list(report(finished)["stems"]) == kept
    activity = report(finished)["activity"]
    assert activity["threshold"] == -30
    assert activity["dropped"] == ["tbn", "tpt", "va", "vc", "vn"]
    assert activity["levels"]["cl"] == pytest.approx(-4, abs=0.01)
    assert finished.stderr.splitlines()[-1] == (
        "note: duet.wav: left out what is below -30 dB of the mixture (--activity-threshold): "
        "tbn, tpt, va, vc, vn"
    )


@pytest.mark.parametrize(("threshold", "kept"), [(-3, 1), (-10, 3), (-47, 12), (-200, 13)])
def test_the_threshold_is_what_one_says(separate, untold, tmp_path, threshold, kept):
    finished = separate("-m", untold, "--activity-threshold", threshold)

    assert finished.code == 0
    assert sorted(written(tmp_path)) == list(URMP[:kept])


def test_the_loudest_is_kept_and_that_is_said(separate, tmp_path):
    model = scaling(tmp_path / "soft.safetensors", {"vn": 1e-3, "va": 1e-2, "vc": 1e-4})

    finished = separate("-m", model)

    assert set(written(tmp_path)) == {"va"}
    assert finished.stderr.splitlines()[-1] == (
        "note: duet.wav: every source is below -30 dB of the mixture (--activity-threshold): "
        "kept the loudest, 'va'"
    )


def test_silence_has_one_stem(separate, untold, duet, tmp_path):
    soundfile.write(duet, np.zeros(RATE), RATE)

    finished = separate("-m", untold, "--json")

    assert finished.code == 0
    assert [name for name, stem in written(tmp_path).items() if not stem.any()] == ["bn"]
    assert set(report(finished)["activity"]["levels"].values()) == {None}


def test_other_models_have_a_threshold_if_one_asks_for_it(separate, tmp_path):
    model = scaling(tmp_path / "pop.safetensors", {"vocals": 0.5, "bass": 0.01})

    separate("-m", model)
    assert set(written(tmp_path)) == {"bass", "vocals"}
    separate("-m", model, "--activity-threshold", "-30", "-o", tmp_path / "again")
    assert [path.name for path in (tmp_path / "again" / "duet").iterdir()] == ["vocals.wav"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--activity-threshold", "3"], "less than or equal to 0"),
        (["--activity-threshold", "nan"], "--activity-threshold"),
        (["--activity-threshold", "-201"], "--activity-threshold"),
        (["--activity-threshold", "-9", "--stem", "vn"], "leave out --activity-threshold"),
        (["--activity-threshold", "-9", "--instruments", "vn"], "leave out --activity-threshold"),
        (["--name-by", "colour"], "--name-by"),
        (["--residual", "--two-stems", "vn"], "leave out --residual or --two-stems"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_a_usage_error(separate, untold, tmp_path, arguments, said):
    finished = separate("-m", untold, *arguments)

    assert finished.code == 2
    assert said in finished.stderr
    assert not (tmp_path / "out").exists()


# What is left


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stem", "vn"],
        ["--instruments", "vn,va"],
        ["--activity-threshold", "-10"],
        ["--bit-depth", "24"],
    ],
    ids=str,
)
def test_the_residual_is_what_the_written_stems_leave(separate, untold, duet, tmp_path, arguments):
    finished = separate("-m", untold, "--residual", *arguments)

    assert finished.code == 0
    assert finished.stdout.splitlines()[-1].endswith("residual.wav")
    mixture, _ = soundfile.read(duet, dtype="float32")
    np.testing.assert_allclose(sum(written(tmp_path).values()), mixture, atol=2e-6)


def test_every_model_has_a_residual(separate, duet, tmp_path):
    finished = separate("-m", "mini", "--stem", "vocals", "--residual")

    assert finished.code == 0
    mixture, _ = soundfile.read(duet, dtype="float32")
    stems = written(tmp_path)
    np.testing.assert_allclose(stems["vocals"] + stems["residual"], mixture, atol=1e-6)


# Which model


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))


def test_an_ensemble_is_separated_out_of_the_box(separate, home, tmp_path):
    """With the network inside the package: shares of the mixture, and what nobody asked for."""
    finished = separate("--instruments", "vn,va,vc", "--residual")

    assert finished.code == 0
    assert "model 'mini-ensemble', licence of the weights: MIT" in finished.stderr
    stems = written(tmp_path)
    assert set(stems) == {"vn", "va", "vc", "residual"}
    assert all(np.abs(stem).max() > 1e-4 for stem in stems.values())
    only = separate("--instruments", "vn", "--stem", "vn", "--stem", "rest", "--overwrite")
    assert only.code == 0
    assert set(written(tmp_path)) >= {"vn", "rest"}


def test_without_a_model_for_labels_it_says_what_can_be_used(separate, collection, told, tmp_path):
    alone = separate("--instruments", "vn,va,vc")
    import_file(told, name="quartet")
    other = separate("--instruments", "vn,va,vc")
    used = separate("--instruments", "vn,va,vc", "--model", "quartet")

    assert (alone.code, other.code, used.code) == (5, 5, 0)
    assert alone.stderr.splitlines() == [
        "error: no model is the default for labels yet",
        "hint: bring one of your own: 'unmixcli models import', or --model FILE.safetensors",
    ]
    assert "name one with --model: quartet; or bring one" in other.stderr
    assert set(written(tmp_path)) == set(QUARTET)


def test_a_mistyped_instrument_is_said_though_no_model_is_there(separate, home):
    finished = separate("--instruments", "vn,violla")

    assert finished.code == 2
    error, hint = finished.stderr.splitlines()
    assert error == "error: no instrument is called 'violla'"
    assert hint.startswith("hint: did you mean 'viola'")


def test_the_manifest_says_which_model_is_for_labels(separate, collection, tmp_path):
    """A published conditioned network of its own collection, told by name alone."""
    options = {"num_layers": 2, "num_initial_filters": 2}
    call = {
        "system": "vimss",
        "class": "Models.ConditionalUnetAudioSeparator.UnetAudioSeparator",
        "options": options,
    }
    assert translate(call["system"], call["class"], options).config.told == URMP
    path = drawn(tmp_path / "quartet.safetensors", told=True, sources=URMP)
    file = collection.file("quartet", "quartet.safetensors", path.read_bytes(), format="native")
    collection.entries["quartet"] = ENTRY | {
        "name": "quartet",
        "aliases": [],
        "architecture": "conditioned_wave_u_net",
        "sources": list(URMP),
        "sample_rate": RATE,
        "channels": 1,
        "default_for": "labels",
        "members": [{"constructor": None, "shares": None, "files": [file]}],
    }
    collection.write()

    finished = separate("--instruments", "vn,tuba")

    assert finished.code == 0, finished.stderr
    assert set(written(tmp_path)) == {"tba", "vn"}
    assert "model 'quartet'" in finished.stderr
    assert catalogue.default_for("labels").name == "quartet"
    # Where its weights are not here yet, its constructor says what it is told.
    collection.entries["quartet"]["members"][0]["constructor"] = call
    collection.write()
    assert loader.labels("quartet") == URMP


def test_the_default_model_is_the_one_that_the_manifest_marks():
    assert catalogue.default_for("stems").name == loader.DEFAULT


# The list


def test_the_list_on_a_pipe_is_a_line_for_each(run):
    finished = run("instruments")

    assert finished.code == 0
    lines = [line.split("\t") for line in finished.stdout.splitlines()]
    assert [line[0] for line in lines] == list(URMP)
    assert ["vn", "violin", "vln, violino, fiddle"] in lines
    assert finished.stderr == ""


def test_the_list_as_json(run):
    document = json.loads(run("instruments", "--json").stdout)

    assert document["schema"] == 1
    assert {"code": "db", "name": "double bass"}.items() <= document["instruments"][2].items()
    assert len(document["instruments"]) == len(INSTRUMENTS) == 13


def test_the_list_on_a_terminal_is_a_table():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "unmixcli", "instruments"]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while block := _read(ours):
            shown += block
    os.close(ours)

    lines = shown.decode().splitlines()
    assert process.returncode == 0
    assert lines[0].split() == [column.title for column in COLUMNS]
    assert len(lines) == 14
    assert lines[-1].startswith("vn")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed
        return b""
