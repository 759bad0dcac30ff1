"""``unmixcli eval``: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import dataset_folders as folders
from unmixcli.cli.evaluate_options import OracleName
from unmixcli.evaluation.oracles import Oracle

FOUR = [*folders.BAND]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(text: str) -> list[dict[str, str]]:
    """Return the lines of a table as a pipe gets it."""
    titles, *lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(titles, line, strict=True)) for line in lines]


def on_its_own(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own, where numpy is not loaded yet."""
    command = [sys.executable, "-m", "unmixcli", "eval", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def songs(tmp_path) -> Path:
    return folders.plain(tmp_path / "songs", ("Song A", "Song B"), frames=2 * folders.RATE)


@pytest.fixture
def duets(tmp_path) -> Path:
    """Two stems of one channel: filters of four are what takes long."""
    return folders.plain(
        tmp_path / "duets", stems=("vocals", "bass"), channels=1, frames=2 * folders.RATE
    )


@pytest.fixture
def score(run, songs, tmp_path):
    """Run ``unmixcli eval`` without a report."""

    def score(*arguments: object, data: Path = songs):
        return run("eval", data, "-o", tmp_path / "out", "--no-report", *arguments)

    return score


def test_the_names_of_oracles_are_those_there_are():
    assert [name.value for name in OracleName] == [oracle.value for oracle in Oracle]


def test_systems_are_side_by_side(score, tmp_path):
    folders.estimates(tmp_path / "theirs", ["Song A", "Song B"], frames=2 * folders.RATE)

    finished = score(
        *("--model", "mini", "--oracle", "irm1", "--oracle", "mix"),
        *("--estimates", tmp_path / "theirs", "--estimates", f"named={tmp_path / 'theirs'}"),
    )

    assert finished.code == 0
    table = rows(finished.stdout)
    names = ["mini", "theirs", "named", "irm1", "mix"]
    assert [row["system"] for row in table] == [name for name in names for _ in range(5)]
    assert [row["stem"] for row in table[:5]] == [*FOUR, "all"]
    assert {row["tracks"] for row in table} == {"2"}
    by = {(row["system"], row["stem"]): row for row in table}
    assert float(by["irm1", "all"]["SDR"]) > float(by["mix", "all"]["SDR"])


def test_table_and_json_agree(score, duets, tmp_path):
    options = ("--oracle", "irm1", "--oracle", "mix", "--full")
    printed = score(*options, data=duets)
    finished = score(*options, "--resume", "--json", data=duets)

    document = json.loads(finished.stdout)
    assert document["output"] == str(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {key: document[key] for key in written} == written
    systems = {system["name"]: system for system in document["systems"]}
    for row in rows(printed.stdout):
        system = systems[row["system"]]
        for metric in ("SDR", "SIR", "SAR", "ISR"):
            if row["stem"] == "all":
                value = system["all"][metric]
            else:
                medians = system["aggregations"]["median-of-medians"]
                value = medians[row["stem"]][metric]["median"]
            assert row[metric] == f"{value:.2f}"
        if row["stem"] != "all":
            pooled = system["aggregations"]["pooled"][row["stem"]]["SDR"]
            assert row["void"] == str(pooled["void"])


def test_it_says_what_it_recognised_and_how_each_track_went(run, tmp_path):
    data = folders.musdb_hq(tmp_path / "data")

    finished = run("eval", data, "--split", "test", "--oracle", "mix", "-o", tmp_path / "out")

    said = finished.stderr.splitlines()
    assert said[0] == (
        f"note: '{data}' is MUSDB18-HQ: 1 track (test 1); stems: drums, bass, other, vocals"
    )
    [line] = [line for line in said if line.startswith("note: 1/1 mix, 'Zeno - Signs': SDR drums")]
    assert line.endswith(" dB")
    assert (tmp_path / "out" / "report.html").is_file()


def test_quiet_prints_the_table_only(score):
    finished = score("--oracle", "mix", "--quiet")

    assert finished.stderr == ""
    assert len(rows(finished.stdout)) == 5


def test_the_embedded_model_is_scored_where_nothing_is_named(score):
    finished = score("--subset", 1)

    assert {row["system"] for row in rows(finished.stdout)} == {"mini"}
    assert "using the embedded model 'mini'" in finished.stderr


def test_estimates_beside_the_references_are_scored(score, tmp_path):
    finished = score("--oracle", "mix", data=folders.pair(tmp_path / "pair"))

    assert [row["system"] for row in rows(finished.stdout)][::5] == ["estimates", "mix"]


@pytest.mark.parametrize(
    ("subset", "tracks"), [(["1"], 1), (["Song B"], 1), (["Song B", "Song A"], 2)], ids=str
)
def test_tracks_can_be_chosen(score, subset, tracks):
    arguments = [word for name in subset for word in ("--subset", name)]

    finished = score("--oracle", "mix", "--json", *arguments)

    assert len(json.loads(finished.stdout)["systems"][0]["tracks"]) == tracks


def test_options_reach_the_scores(score):
    finished = score(
        *("--oracle", "mix", "--json", "--window", 0.5, "--hop", 0.25, "--accompaniment"),
        *("--bsseval", "v3-images", "--museval-compat"),
    )

    document = json.loads(finished.stdout)
    assert document["settings"] == {
        "window": 0.5,
        "hop": 0.25,
        "full": False,
        "museval_compat": True,
        "engine": "ours",
        "style": "v3-images",
        "accompaniment": True,
        "split": None,
    }
    assert "accompaniment" in document["systems"][0]["aggregations"]["pooled"]


def test_the_hop_is_the_window_unless_it_is_said(score):
    finished = score("--oracle", "mix", "--json", "--window", 0.5)

    assert json.loads(finished.stdout)["settings"]["hop"] == 0.5


def test_options_reach_the_model(score):
    finished = score("--model", "mini", "--json", "--shifts", 1, "--seed", 7, "--device", "cpu")

    about = json.loads(finished.stdout)["systems"][0]["about"]
    assert about["schedule"]["shifts"] == 1
    assert (about["seed"], about["device"], about["model"]) == (7, "cpu", "mini")
    assert len(about["sha256"][0]) == 64


def test_museval_itself_can_be_the_engine(score, duets):
    ours = score("--oracle", "irm1", "--full", "--museval-compat", data=duets)
    theirs = score("--oracle", "irm1", "--engine", "museval", "--overwrite", data=duets)

    for one, other in zip(rows(ours.stdout), rows(theirs.stdout), strict=True):
        for metric in ("SDR", "SIR", "SAR", "ISR"):
            assert float(one[metric]) == pytest.approx(float(other[metric]), abs=0.011)


def test_some_tracks_that_fail_are_named_and_end_with_9(score, songs):
    (songs / "Song A" / "bass.wav").write_bytes(b"no sound")

    finished = score("--oracle", "mix", "--json")

    assert finished.code == 9
    document = json.loads(finished.stdout)
    assert document["systems"][0]["tracks"] == ["Song B"]
    [failure] = document["failures"]
    assert (failure["system"], failure["track"], failure["exit_code"]) == ("mix", "Song A", 7)
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error")]
    assert errors[0].startswith("error: mix: track 'Song A': ")
    assert "bass.wav" in errors[0]
    assert errors[1] == "error: 1 of 2 tracks were not scored"


def test_when_all_fail_it_ends_with_7(score, songs):
    for name in ("Song A", "Song B"):
        (songs / name / "bass.wav").write_bytes(b"no sound")

    finished = score("--oracle", "mix")

    assert finished.code == 7
    assert finished.stdout.splitlines() == ["system\tstem\ttracks\tvoid\tat silence"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--model", "minni"], 5, "did you mean 'mini'"),
        (["--oracle", "irm9"], 2, "irm9"),
        (["--split", "tset"], 7, "no split 'tset'"),
        (["--subset", "Song C"], 7, "did you mean 'Song"),
        (["--subset", "0"], 2, "a subset of 0 tracks"),
        (["--estimates", "nowhere"], 7, "cannot read the folder 'nowhere'"),
        (["--oracle", "mix", "--window", "0.0001"], 2, "--window"),
        (["--oracle", "mix", "--instruments", "vn"], 2, "--instruments is for models"),
        (["--model", "mini", "--instruments", "vn"], 2, "the model has no instrument 'vn'"),
        (["--model", "mini", "--device", "abacus"], 8, "no device 'abacus'"),
        (["--jobs", "0"], 2, "--jobs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_end_before_anything_is_scored(score, tmp_path, arguments, code, said):
    finished = score(*arguments)

    assert finished.code == code
    assert said in finished.stderr
    assert finished.stdout == ""
    assert not [*(tmp_path / "out").rglob("*.json")]


@pytest.mark.parametrize("make", ["nothing", "empty", "file"])
def test_what_is_no_data_set_ends_with_7(run, tmp_path, make):
    place = tmp_path / "data"
    if make == "empty":
        place.mkdir()
    elif make == "file":
        place.write_text("")

    finished = run("eval", place, "-o", tmp_path / "out")

    assert finished.code == 7
    assert not (tmp_path / "out").exists()


def test_stem_files_without_a_decoder_say_what_to_install(run, tmp_path, monkeypatch):
    from unmixcli.audio import multistream

    monkeypatch.setattr(multistream, "available", lambda: False)
    (tmp_path / "data" / "test").mkdir(parents=True)
    (tmp_path / "data" / "test" / "A.stem.mp4").write_bytes(b"")

    finished = run("eval", tmp_path / "data", "-o", tmp_path / "out")

    assert finished.code == 7
    assert "hint: " in finished.stderr


def test_stem_files_are_scored(run, shared, tmp_path):
    pytest.importorskip("av", reason="PyAV, which reads MP4, is not installed")
    sample = shared / "eval" / "museval" / "tests" / "data" / "MUSDB18-7-SAMPLE"
    [stems] = (sample / "train").glob("*.stem.mp4")
    (tmp_path / "data" / "test").mkdir(parents=True)
    (tmp_path / "data" / "test" / stems.name).symlink_to(stems)

    arguments = ("--model", "mini", "--oracle", "mix", "--no-report")
    finished = run("eval", tmp_path / "data", *arguments, "-o", tmp_path / "out", "--json")

    assert finished.code == 0
    systems = json.loads(finished.stdout)["systems"]
    mini, mix = (system["aggregations"]["median-of-medians"] for system in systems)
    assert set(mini) == set(mix) == {*FOUR}
    for stem in ("drums", "bass"):
        assert mini[stem]["SDR"]["median"] > mix[stem]["SDR"]["median"] + 4


def test_two_tracks_of_one_name_are_refused(run, tmp_path):
    data = folders.musdb_hq(tmp_path / "data", train=["A"], test=["A"])

    finished = run("eval", data, "--oracle", "mix", "-o", tmp_path / "out")

    assert finished.code == 7
    assert "two tracks have one name" in finished.stderr


def test_a_link_in_a_circle_is_left_out(score, songs):
    (songs / "again").symlink_to(songs)

    assert score("--oracle", "mix").code == 0


def test_hidden_files_are_no_stems(score, songs):
    for name in ("._bass.wav", ".DS_Store"):
        (songs / "Song A" / name).write_bytes(b"\0\5\26\7")

    assert score("--oracle", "mix").code == 0


def test_a_mixture_that_is_missing_is_the_sum_of_the_stems(score, songs):
    before = rows(score("--oracle", "mix").stdout)
    (songs / "Song A" / "mixture.wav").unlink()

    finished = score("--oracle", "mix", "--overwrite")

    assert rows(finished.stdout) == before
    assert "no mixture file, so the stems are added up: 'Song A'" in finished.stderr


def test_warnings_are_said_once_with_their_tracks(score, songs):
    silence = np.zeros((2 * folders.RATE, 2), np.int16)
    for name in ("Song A", "Song B"):
        soundfile.write(songs / name / "bass.wav", silence, folders.RATE)

    finished = score("--oracle", "mix")

    said = "mix: bass: reference is silent throughout, not scored ('Song A', 'Song B')"
    assert finished.stderr.count(said) == 1
    [row] = [row for row in rows(finished.stdout) if row["stem"] == "bass"]
    assert (row["SDR"], row["void"]) == ("-", "4")
    assert float(row["at silence"]) < 0


def test_a_killed_run_goes_on_and_gives_the_same_bytes(start, tmp_path):
    names = [f"Track {number:02}" for number in range(30)]
    data = folders.plain(tmp_path / "data", names, stems=("vocals", "bass"), frames=20_000)
    options = ("--oracle", "irm1", "--oracle", "mwf", "--no-report", "--keep-stems")
    out, other = tmp_path / "out", tmp_path / "other"

    process = start("eval", data, *options, "-o", out)
    while len([*out.glob("irm1/scores/*.json")]) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len([*out.glob("*/scores/*.json")])
    resumed = on_its_own(data, *options, "-o", out, "--resume")
    on_its_own(data, *options, "-o", other)

    assert done < 60
    assert resumed.stderr.count(b"(kept)") >= done - 1
    left = {name for name in tree(out) if ".part" in name}
    assert {name: text for name, text in tree(out).items() if name not in left} == tree(other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_ends_it_in_order(start, tmp_path, number):
    names = [f"Track {number:02}" for number in range(30)]
    data = folders.plain(tmp_path / "data", names, stems=("vocals", "bass"), frames=20_000)
    out = tmp_path / "out"

    process = start("eval", data, "--oracle", "mwf", "-o", out, "--jobs", 2, "--keep-stems")
    while not [*out.glob("mwf/scores/*.json")]:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)

    assert process.wait(60) == 128 + number
    assert not [name for name in tree(out) if ".part" in name]


def test_the_number_of_processes_changes_no_byte(duets, tmp_path):
    options = ("--oracle", "irm1", "--model", "mini", "--full", "--no-report")

    for jobs in (1, 2):
        on_its_own(duets, *options, "--jobs", jobs, "-o", tmp_path / str(jobs))

    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_two_runs_do_not_share_a_folder(songs, tmp_path, run):
    from unmixcli.evaluation.store import held

    with held(tmp_path / "out", anew=False):
        finished = run("eval", songs, "--oracle", "mix", "-o", tmp_path / "out")

    assert finished.code == 2
    assert "another process is evaluating into" in finished.stderr


def test_a_second_run_is_refused_until_it_is_said_what_to_do(score):
    score("--oracle", "mix")

    finished = score("--oracle", "mix")

    assert finished.code == 2
    assert "add --resume" in finished.stderr
    assert score("--oracle", "mix", "--resume").code == 0
