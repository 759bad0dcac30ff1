"""Whole evaluations: what is scored, what is kept, and what happens when something is wrong."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import dataset_folders as folders
from fake_systems import DeadlySystem, FakeSystem
from unmixcli.datasets.layouts import open_dataset
from unmixcli.errors import DatasetError, OutputError, UnmixError, UsageError, WeightsError
from unmixcli.evaluation import fingerprint, store
from unmixcli.evaluation.aggregate import Aggregation, aggregate
from unmixcli.evaluation.museval_json import load_museval
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.oracles import Oracle
from unmixcli.evaluation.request import Request
from unmixcli.evaluation.results import Failure, Results
from unmixcli.evaluation.run import evaluate
from unmixcli.evaluation.scores import TrackScores
from unmixcli.evaluation.store import held
from unmixcli.evaluation.systems.estimates import EstimatesSystem
from unmixcli.evaluation.systems.model import ModelSystem
from unmixcli.evaluation.systems.oracle import OracleSystem
from unmixcli.separation import Separator
from unmixcli.settings import Settings

IRM, MIX = OracleSystem(Oracle.IRM1), OracleSystem(Oracle.MIX)


@dataclass
class Heard:
    """What a listener was told."""

    notes: list[str] = field(default_factory=list)
    tracks: list[tuple[str, str, bool]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

    def note(self, text):
        self.notes.append(text)

    def opening(self, name):
        return None

    def working(self, done, total):
        self.steps.append(done / max(total, 1))

    def scored(self, system, track, outcome, *, kept):
        self.tracks.append((system, track, kept))


def scored(data, *systems, heard=None, output=None, **options) -> Results:
    """Evaluate, without a report."""
    dataset = data if not isinstance(data, Path) else open_dataset(data)
    output = output or dataset.path.parent / "out"
    request = Request(output=output, report=False, **options)
    return evaluate(dataset, systems or (IRM,), request, heard or Heard())


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def only(results: Results) -> TrackScores:
    [system] = results.systems
    [track] = system.tracks
    return track.scores


@pytest.fixture
def songs(tmp_path) -> Path:
    return folders.plain(tmp_path / "songs", ("Song A", "Song B"), frames=2 * folders.RATE)


def test_ceilings_are_above_the_floor(songs):
    results = scored(songs, IRM, OracleSystem(Oracle.IBM1), OracleSystem(Oracle.MWF), MIX)

    tables = {s.name: aggregate(s.scores, Aggregation.MEDIAN_OF_MEDIANS) for s in results.systems}
    floor = tables.pop("mix")
    for name, table in tables.items():
        for stem in folders.BAND:
            assert table[stem]["SDR"].median > floor[stem]["SDR"].median + 5, name


def test_every_layout_of_files_is_where_it_should_be(tmp_path):
    data = folders.musdb_hq(tmp_path / "data")

    scored(data, IRM)

    assert sorted(bytes_of(tmp_path / "out")) == [
        ".lock",
        "frames.csv",
        "irm1/scores/test/Zeno - Signs.json",
        "irm1/scores/train/Amber - Kite.json",
        "irm1/scores/valid/Leaf - Summerghost.json",
        "irm1/test/Zeno - Signs.json",
        "irm1/train/Amber - Kite.json",
        "irm1/valid/Leaf - Summerghost.json",
        "summary.csv",
        "summary.json",
        "summary.md",
    ]


def test_a_model_is_scored_on_what_separate_gives(songs, collection, tmp_path):
    dataset = open_dataset(songs)
    system = ModelSystem(name="tiny", model="tiny", settings=Settings(device="cpu", threads=1))
    results = scored(dataset, system, keep_stems=True)

    separator = Separator.from_manifest("tiny", threads=1, device="cpu")
    separator.separate_file(songs / "Song A" / "mixture.wav", tmp_path / "separated")
    kept = results.systems[0].tracks[0].audio
    for stem in folders.BAND:
        there = soundfile.read(tmp_path / "separated" / f"{stem}.wav", dtype="float32")[0]
        assert np.array_equal(soundfile.read(kept[stem], dtype="float32")[0], there)


def test_kept_stems_score_the_same_as_estimates(songs, tmp_path):
    first = scored(songs, IRM, keep_stems=True)

    again = scored(
        songs,
        EstimatesSystem(name="again", folder=tmp_path / "out" / "irm1" / "stems"),
        output=tmp_path / "again",
    )

    for one, other in zip(first.systems[0].scores, again.systems[0].scores, strict=True):
        for stem in folders.BAND:
            assert np.array_equal(one.sources[stem].sdr, other.sources[stem].sdr)
    audio = first.audio["Song A"]
    assert set(audio) == {"mixture", *folders.BAND}
    assert np.array_equal(
        folders.samples_of(audio["bass"]), folders.samples_of(songs / "Song A" / "bass.wav")
    )


def test_a_model_of_vocals_and_accompaniment_is_scored_on_both(songs):
    results = scored(songs, FakeSystem({"vocals": 0.25, "accompaniment": 0.75}))

    [first, _] = results.systems[0].scores
    assert set(first.sources) == {"vocals", "accompaniment"}
    vocals, whole = (
        folders.samples_of(songs / "Song A" / f"{name}.wav") for name in ("vocals", "mixture")
    )
    rest = whole - vocals
    expected = 10 * np.log10((rest**2).sum() / ((rest - 0.75 * whole) ** 2).sum())
    assert first.sdr["accompaniment"] == pytest.approx(expected, abs=1e-4)
    assert "drums: no estimate, not scored" in first.warnings


def test_the_accompaniment_is_derived_from_four_stems_when_asked(songs):
    gains = dict.fromkeys(folders.BAND, 0.25)

    without = scored(songs, FakeSystem(gains), output=songs.parent / "a")
    beside = scored(songs, FakeSystem(gains), output=songs.parent / "b", accompaniment=True)

    assert "accompaniment" not in without.systems[0].scores[0].sources
    whole = folders.samples_of(songs / "Song A" / "mixture.wav")
    rest = whole - folders.samples_of(songs / "Song A" / "vocals.wav")
    expected = 10 * np.log10((rest**2).sum() / ((rest - 0.75 * whole) ** 2).sum())
    assert beside.systems[0].scores[0].sdr["accompaniment"] == pytest.approx(expected, abs=1e-4)


def test_the_accompaniment_is_derived_where_only_the_references_have_it(tmp_path):
    data = folders.plain(tmp_path / "data", ("A",), stems=("vocals", "accompaniment"))

    scores = only(scored(data, FakeSystem(dict.fromkeys(folders.BAND, 0.25))))

    assert set(scores.sources) == {"vocals", "accompaniment"}


def test_stems_that_no_track_has_are_part_of_the_accompaniment(songs):
    gains = dict.fromkeys((*folders.BAND, "piano"), 0.2)

    scores = scored(songs, FakeSystem(gains), accompaniment=True).systems[0].scores[0]

    whole = folders.samples_of(songs / "Song A" / "mixture.wav")
    rest = whole - folders.samples_of(songs / "Song A" / "vocals.wav")
    expected = 10 * np.log10((rest**2).sum() / ((rest - 0.8 * whole) ** 2).sum())
    assert scores.sdr["accompaniment"] == pytest.approx(expected, abs=1e-4)


def test_no_accompaniment_is_made_of_a_part_of_the_stems(songs):
    results = scored(songs, FakeSystem({"vocals": 0.25, "bass": 0.25}), accompaniment=True)

    assert set(results.systems[0].scores[0].sources) == {"bass", "vocals"}


def test_the_intersection_is_scored_and_the_rest_is_named(tmp_path):
    data = folders.plain(tmp_path / "data", ("A",), stems=("vocals", "bass", "piano"))

    scores = only(scored(data, FakeSystem({"Vocals": 0.5, "bass": 0.5, "flute": 0.5})))

    assert [*scores.sources] == ["bass", "vocals"]
    assert "piano: no estimate, not scored" in scores.warnings
    assert "flute: no reference, not scored" in scores.warnings


def test_a_system_of_other_stems_fails_before_it_works(songs):
    results = scored(songs, FakeSystem({"flute": 1.0}, error=AssertionError), IRM)

    [first, second] = results.systems[0].failures
    assert first.error == "track 'Song A': no estimate has the name of a reference"
    assert (first.exit_code, second.track) == (7, "Song B")


def test_instruments_are_found_by_their_names(tmp_path):
    data = folders.urmp(tmp_path / "urmp", ("01_Jupiter_vn_vc",))

    scores = only(scored(data, FakeSystem({"violin": 0.5, "cello": 0.5, "flute": 0.0})))

    assert [*scores.sources] == ["vc", "vn"]


def test_chamber_music_is_laid_out_by_number_of_sources_and_instrument(tmp_path):
    data = folders.urmp(tmp_path / "urmp", folders.PIECES[:3])

    results = scored(
        data, IRM, MIX, options=Options(window=0.5, hop=0.5, style=Style.V3), keep_stems=False
    )

    [irm, _] = json.loads((results.folder / "summary.json").read_text())["systems"]
    assert [*irm["by_number_of_sources"]] == ["2"]
    assert {*irm["by_instrument"]} == {"vn", "vc", "tpt", "tbn"}
    text = (results.folder / "summary.md").read_text()
    assert "| system | SDR, 2 | SIR, 2 | SAR, 2 |" in text
    mean = irm["by_instrument"]["tbn"]["SDR"]["mean"]
    assert f"| tbn | {mean:.2f} |" in text


def test_one_unreadable_track_does_not_end_the_run(songs):
    (songs / "Song A" / "bass.wav").write_bytes(b"not a sound")

    results = scored(songs, IRM, MIX)

    assert [failure.track for failure in results.failures] == ["Song A", "Song A"]
    assert "bass.wav" in results.failures[0].error
    assert [[track.name for track in system.tracks] for system in results.systems] == [
        ["Song B"],
        ["Song B"],
    ]
    document = json.loads((results.folder / "summary.json").read_text())
    assert [failure["track"] for failure in document["failures"]] == ["Song A", "Song A"]


def test_what_a_track_scored_before_is_gone_when_it_fails(songs):
    scored(songs, MIX)
    (songs / "Song A" / "bass.wav").write_bytes(b"not a sound")

    results = scored(songs, MIX, resume=True)

    assert [path.stem for path in results.systems[0].folder.glob("*.json")] == ["Song B"]


@pytest.mark.parametrize("error", [WeightsError, MemoryError], ids=lambda error: error.__name__)
def test_what_a_system_cannot_do_is_a_failure_of_the_track(songs, error):
    results = scored(songs, FakeSystem({"vocals": 1.0}, error=error))

    codes = {WeightsError: 5, MemoryError: 8}
    assert [failure.exit_code for failure in results.failures] == [codes[error]] * 2


def test_a_mistake_of_ours_is_not_hidden(songs):
    with pytest.raises(ZeroDivisionError):
        scored(songs, FakeSystem({"vocals": 1.0}, error=ZeroDivisionError))


def test_missing_estimates_are_failures(songs, tmp_path):
    folders.estimates(tmp_path / "theirs", ["Song B"], frames=2 * folders.RATE)
    heard = Heard()

    results = scored(songs, EstimatesSystem(name="t", folder=tmp_path / "theirs"), heard=heard)

    [failure] = results.failures
    assert failure.track == "Song A"
    assert "no estimates of 'Song A'" in failure.error
    assert "t: 1 of 2 tracks have no estimates: 'Song A'" in heard.notes


def test_estimates_of_no_track_end_the_run(songs, tmp_path):
    folders.estimates(tmp_path / "theirs", ["Another"])

    with pytest.raises(DatasetError, match="holds estimates of none of the 2 tracks"):
        scored(songs, EstimatesSystem(name="t", folder=tmp_path / "theirs"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channels": 1}, "channels"),
        ({"rate": 16_000}, "Hz"),
        ({"frames": folders.RATE}, "s longer"),
    ],
    ids=str,
)
def test_estimates_of_another_format_name_both_files(songs, tmp_path, change, said):
    theirs = tmp_path / "theirs"
    folders.estimates(theirs, ["Song A", "Song B"], **({"frames": 2 * folders.RATE} | change))

    results = scored(songs, EstimatesSystem(name="t", folder=theirs))

    assert said in results.failures[0].error
    assert str(theirs / "Song A") in results.failures[0].error
    assert str(songs / "Song A") in results.failures[0].error


def test_compat_pads_estimates_as_museval_does(songs, tmp_path):
    theirs = folders.estimates(tmp_path / "theirs", ["Song A", "Song B"], frames=folders.RATE)

    results = scored(
        songs,
        EstimatesSystem(name="t", folder=theirs, any_length=True),
        options=Options(museval_compat=True),
    )

    [first, _] = results.systems[0].scores
    assert f"bass: estimate padded by {folders.RATE} samples" in first.warnings
    assert first.sources["bass"].void == 1  # the window in which all of it is padding


def test_an_estimate_that_is_not_finite_is_named(songs, tmp_path):
    theirs = folders.estimates(tmp_path / "theirs", ["Song A", "Song B"], frames=2 * folders.RATE)
    samples = np.full((2 * folders.RATE, 2), np.nan, np.float32)
    soundfile.write(theirs / "Song A" / "bass.wav", samples, folders.RATE, subtype="FLOAT")

    results = scored(songs, EstimatesSystem(name="t", folder=theirs))

    [failure] = results.failures
    assert str(theirs / "Song A" / "bass.wav") in failure.error


def test_a_little_shorter_is_cut_and_said(songs, tmp_path):
    theirs = folders.estimates(
        tmp_path / "theirs", ["Song A", "Song B"], frames=2 * folders.RATE - 300
    )

    results = scored(songs, EstimatesSystem(name="t", folder=theirs))

    [first, _] = results.systems[0].scores
    assert any("300 more" in warning for warning in first.warnings)


def test_a_silent_reference_is_void_and_the_others_count(songs):
    soundfile.write(songs / "Song A" / "vocals.wav", np.zeros((2 * folders.RATE, 2)), folders.RATE)

    results = scored(songs, IRM)

    [first, _] = results.systems[0].scores
    assert first.sources["vocals"].void == 2
    assert first.sources["bass"].void == 0
    assert np.isnan(first.sdr["vocals"])
    assert not np.isnan(first.energy_at_silence["vocals"])


def test_a_perfect_estimate_is_null_with_a_count(songs, tmp_path):
    results = scored(songs, EstimatesSystem(name="same", folder=songs))

    document = json.loads((results.folder / "summary.json").read_text())
    bass = document["systems"][0]["aggregations"]["pooled"]["bass"]["SDR"]
    assert (bass["median"], bass["infinite"], bass["count"]) == (None, 4, 0)


def test_a_second_run_keeps_what_is_there(songs):
    heard = Heard()
    first = scored(songs, IRM, MIX)
    before = bytes_of(first.folder)

    scored(songs, IRM, MIX, resume=True, heard=heard)

    assert all(kept for _, _, kept in heard.tracks)
    assert bytes_of(first.folder) == before


@pytest.mark.parametrize(
    "change",
    [{"options": Options(window=0.5, hop=0.5)}, {"accompaniment": True}],
    ids=["windows", "accompaniment"],
)
def test_other_settings_are_scored_anew(songs, change):
    heard = Heard()
    scored(songs, IRM)

    scored(songs, IRM, resume=True, heard=heard, **change)

    assert not any(kept for _, _, kept in heard.tracks)
    [note] = heard.notes
    assert note.startswith("irm1: scores of 'Song A', 'Song B' are made with other settings")


def test_results_of_another_version_are_scored_anew(songs, monkeypatch):
    heard = Heard()
    with monkeypatch.context() as then:
        then.setattr(fingerprint, "__version__", "0.0.1")
        scored(songs, IRM)

    scored(songs, IRM, resume=True, heard=heard)

    assert not any(kept for _, _, kept in heard.tracks)
    assert "or by another version: scored anew" in heard.notes[0]


def test_a_changed_reference_is_scored_anew(songs):
    heard = Heard()
    scored(songs, IRM)
    folders.write(songs / "Song A" / "bass.wav", folders.sound("other", 2 * folders.RATE))

    scored(songs, IRM, resume=True, heard=heard)

    assert [kept for _, _, kept in heard.tracks] == [False, True]


def test_a_moved_data_set_is_not_scored_anew(songs, tmp_path):
    heard = Heard()
    scored(songs, IRM)
    songs.rename(tmp_path / "elsewhere")

    scored(tmp_path / "elsewhere", IRM, resume=True, heard=heard, output=tmp_path / "out")

    assert [kept for _, _, kept in heard.tracks] == [True, True]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"settings": 1}', '{"schema": 99}'], ids=repr
)
def test_damaged_scores_are_made_anew(songs, text):
    first = scored(songs, IRM)
    before = bytes_of(first.folder)
    (first.folder / "irm1" / "scores" / "Song A.json").write_text(text)

    scored(songs, IRM, resume=True)

    assert bytes_of(first.folder) == before


def test_scores_with_damage_inside_are_made_anew(songs):
    first = scored(songs, IRM)
    path = first.folder / "irm1" / "scores" / "Song A.json"
    before = path.read_bytes()
    document = json.loads(before)
    del document["scores"]["sources"]["bass"]["windows"]
    path.write_text(json.dumps(document))
    heard = Heard()

    scored(songs, IRM, resume=True, heard=heard)

    assert path.read_bytes() == before
    assert heard.notes == ["irm1: scores of 'Song A' are damaged: scored anew"]


def test_a_missing_museval_file_is_written_from_the_scores(songs):
    first = scored(songs, IRM)
    before = bytes_of(first.folder)
    (first.folder / "irm1" / "Song A.json").unlink()
    heard = Heard()

    scored(songs, IRM, resume=True, heard=heard)

    assert all(kept for _, _, kept in heard.tracks)
    assert bytes_of(first.folder) == before


def test_results_are_not_replaced_unasked(songs):
    scored(songs, IRM)

    with pytest.raises(UsageError, match="holds results already"):
        scored(songs, IRM)

    scored(songs, IRM, overwrite=True)


def test_scores_of_other_tracks_are_mentioned(songs):
    scored(songs, IRM)
    heard = Heard()

    results = scored(open_dataset(songs, subset=1), IRM, resume=True, heard=heard)

    assert "also holds scores of 1 other tracks" in heard.notes[0]
    assert len(results.systems[0].tracks) == 1


def test_two_processes_do_not_share_a_folder(songs, tmp_path):
    with (
        held(tmp_path / "out", anew=False),
        pytest.raises(UsageError, match="another process is evaluating into"),
    ):
        scored(songs, IRM)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(songs, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)

    with pytest.raises(OutputError, match="no space left on device") as caught:
        scored(songs, IRM)

    assert "\n" not in str(caught.value)
    assert [*bytes_of(songs.parent / "out")] == [".lock"]


def test_a_folder_that_cannot_be_made_is_said(songs, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="cannot write"):
        scored(songs, IRM, output=tmp_path / "file" / "out")


def test_names_of_tracks_stay_inside_their_folder(tmp_path):
    names = ("...And Justice", "And Justice", "Häuser; 北", "a\\b", "x" * 240)
    data = folders.plain(tmp_path / "a set, ü", names, stems=("vocals", "bass"))

    results = scored(data, MIX, keep_stems=True)

    files = sorted(path.name for path in results.systems[0].folder.glob("*.json"))
    assert len(files) == len(names)
    assert not any(name.startswith(".") for name in files)
    assert {track.name for track in results.systems[0].tracks} == {*names}
    again = scored(data, MIX, keep_stems=True, resume=True)
    assert again.scored == len(names)


def test_systems_of_one_name_are_refused(songs):
    with pytest.raises(UsageError, match="two systems are called 'irm1'"):
        scored(songs, IRM, FakeSystem({}, name="IRM1"))


def test_a_system_may_have_the_name_of_a_folder_of_ours(songs):
    results = scored(songs, FakeSystem({"vocals": 1.0}, name="references"), keep_stems=True)

    assert results.systems[0].folder.name.startswith("references-")
    assert set(results.audio) == {"Song A", "Song B"}


def test_processes_give_the_scores_of_one(songs):
    systems = (IRM, MIX)
    alone = scored(songs, *systems, output=songs.parent / "one", keep_stems=True)
    heard = Heard()
    both = scored(
        songs, *systems, output=songs.parent / "two", keep_stems=True, jobs=2, heard=heard
    )

    one, other = bytes_of(alone.folder), bytes_of(both.folder)
    assert one.keys() == other.keys()
    # In museval's five decimals: the last bits depend on how many threads numpy has, which
    # here is decided already; the command line decides it, and gives the same bytes.
    names = [name for name in one if Path(name).parent.name in ("irm1", "mix", "Song A")]
    assert {name: one[name] for name in names} == {name: other[name] for name in names}
    assert [names[:2] for names in heard.tracks] == [
        ("irm1", "Song A"),
        ("irm1", "Song B"),
        ("mix", "Song A"),
        ("mix", "Song B"),
    ]
    assert heard.steps == sorted(heard.steps)
    assert heard.steps[-1] == 1


def test_a_process_that_dies_takes_one_track_with_it(songs):
    results = scored(songs, DeadlySystem(dict.fromkeys(folders.BAND, 0.25)), jobs=2)

    [failure] = results.failures
    assert (failure.track, failure.exit_code) == ("Song A", 8)
    assert "the process that scored it ended with 9" in failure.error
    assert [track.name for track in results.systems[0].tracks] == ["Song B"]


def test_a_mistake_of_ours_in_a_process_is_not_hidden(songs):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        scored(songs, FakeSystem({"vocals": 1.0}, error=ZeroDivisionError), jobs=2)


def test_a_process_reports_what_it_cannot_read(songs, tmp_path):
    shutil.copytree(songs / "Song B", songs / "Song C")
    (songs / "Song B" / "bass.wav").write_bytes(b"not a sound")

    results = scored(songs, MIX, jobs=2)

    assert [failure.track for failure in results.failures] == ["Song B"]
    assert [track.name for track in results.systems[0].tracks] == ["Song A", "Song C"]


def test_museval_reads_what_is_written(songs):
    results = scored(songs, IRM)

    for track in results.systems[0].tracks:
        text = (results.systems[0].folder / f"{track.name}.json").read_text()
        there = load_museval(text, track.name)
        for stem in folders.BAND:
            expected = track.scores.sources[stem].sdr
            assert np.allclose(there.sources[stem].sdr, expected, atol=5.1e-6, rtol=0)


def test_the_path_of_musevals_own_tables_reads_it(tmp_path):
    """The code of ``EvalStore``, which cannot be imported where there is no ffmpeg."""
    pandas = pytest.importorskip("pandas")
    duets = {"stems": ("vocals", "bass"), "channels": 1}
    data = folders.musdb_hq(tmp_path / "data", train=(), test=("A", "B"), **duets)
    results = scored(data, IRM, options=Options(full=True))

    frames = []
    for path in (results.folder / "irm1").glob("test/**/*.json"):
        found = pandas.json_normalize(json.loads(path.read_text())["targets"], ["frames"], ["name"])
        found.columns = [name.replace("metrics.", "") for name in found.columns]
        found = pandas.melt(
            found,
            var_name="metric",
            value_name="score",
            id_vars=["time", "name"],
            value_vars=["SDR", "SAR", "ISR", "SIR"],
        )
        found["track"] = path.stem
        frames.append(found)
    table = pandas.concat(frames, ignore_index=True)
    medians = table.groupby(["track", "name", "metric"])["score"].median()
    medians = medians.reset_index().groupby(["name", "metric"])["score"].median()

    ours = aggregate(results.systems[0].scores, Aggregation.MEDIAN_OF_MEDIANS)
    for stem in duets["stems"]:
        for metric in ("SDR", "SIR", "SAR", "ISR"):
            assert medians[stem, metric] == pytest.approx(ours[stem][metric].median, abs=1e-4)


def test_the_schema_of_museval_holds(tmp_path):
    from importlib.util import find_spec

    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(
        Path(find_spec("museval").origin).with_name("musdb.schema.json").read_text()
    )

    duets = folders.plain(tmp_path / "duets", stems=("vocals", "bass"), channels=1)

    results = scored(duets, IRM, options=Options(full=True))

    for path in results.systems[0].folder.glob("*.json"):
        jsonschema.validate(json.loads(path.read_text()), schema)


def test_failures_are_plain_values(songs):
    results = scored(songs, FakeSystem({"vocals": 1.0}, error=UnmixError))

    assert results.failures[0] == Failure(
        system="fake", track="Song A", error="no way", hint=None, exit_code=1
    )


def test_tables_hold_every_window(songs):
    results = scored(songs, replace(IRM), MIX)

    rows = (results.folder / "frames.csv").read_text().splitlines()
    assert rows[0].split(",")[:5] == ["system", "track", "split", "stem", "window"]
    assert len(rows) == 1 + 2 * 2 * 4 * 2
    first = rows[1].split(",")
    expected = results.systems[0].scores[0].sources[first[3]].sdr[0]
    assert float(first[7]) == expected
