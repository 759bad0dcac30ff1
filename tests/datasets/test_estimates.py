import numpy as np
import pytest

import dataset_folders as folders
from dataset_folders import BAND, RATE, samples_of, sound, track, write
from unmixcli.datasets.estimates import compare, pair_estimates
from unmixcli.datasets.layouts import open_dataset
from unmixcli.errors import DatasetError

SONGS = ("Song A", "Song B")


@pytest.fixture
def dataset(tmp_path):
    return open_dataset(folders.plain(tmp_path / "data", SONGS))


@pytest.fixture
def guessed(tmp_path):
    return tmp_path / "guessed"


def paths(found):
    return {
        name: {stem: files[0] for stem, files in one.stems.items()}
        for name, one in found.tracks.items()
    }


@pytest.mark.parametrize("inside", ["", "htdemucs", "test", "htdemucs/test", "Our Model/v1"])
def test_estimates_are_found_by_the_names_of_tracks(dataset, guessed, inside):
    folders.estimates(guessed / inside, SONGS)

    found = pair_estimates(dataset, guessed)

    assert set(found.tracks) == set(SONGS)
    assert found.notes == ()
    assert paths(found)["Song B"]["bass"] == guessed / inside / "Song B" / "bass.wav"


def test_the_order_of_files_means_nothing(dataset, guessed):
    """A tool that pairs what it lists would give the estimates of one song to another."""
    for name, stem in [("Song B", "vocals"), ("Song A", "vocals")]:
        write(guessed / name / f"{stem}.wav", sound(f"{name} guessed"))

    found = pair_estimates(dataset, guessed)

    assert np.array_equal(
        found.tracks["Song A"].read("vocals").numpy(),
        samples_of(guessed / "Song A" / "vocals.wav"),
    )


def test_estimates_of_no_track_are_noted_and_not_taken(dataset, guessed):
    folders.estimates(guessed, [*SONGS, "Song C"])

    found = pair_estimates(dataset, guessed)

    assert set(found.tracks) == set(SONGS)
    assert found.notes == ("no track is named as these folders of stems: 'Song C'",)


def test_tracks_without_estimates_are_noted(dataset, guessed):
    folders.estimates(guessed, ["Song A"])

    found = pair_estimates(dataset, guessed)

    assert set(found.tracks) == {"Song A"}
    assert found.notes == ("1 of 2 tracks have no estimates: 'Song B'",)


def test_estimates_of_none_of_the_tracks_are_refused(dataset, guessed):
    folders.estimates(guessed, ["Other"])

    with pytest.raises(DatasetError, match="estimates of none of the 2 tracks") as caught:
        pair_estimates(dataset, guessed)

    assert "'Song A'" in caught.value.hint


@pytest.mark.parametrize("name", ["gone", "data/Song A/bass.wav"])
def test_what_is_no_folder_is_refused(dataset, tmp_path, name):
    with pytest.raises(DatasetError, match=r"gone|is a file"):
        pair_estimates(dataset, tmp_path / name)


def test_estimates_of_two_models_are_refused_with_both(dataset, guessed):
    folders.estimates(guessed / "first", SONGS)
    folders.estimates(guessed / "second", ["Song B"])

    with pytest.raises(DatasetError, match=r"'Song B' .*first/Song B' and in '.*second/Song B'"):
        pair_estimates(dataset, guessed)
    assert set(pair_estimates(dataset, guessed / "first").tracks) == set(SONGS)


def test_a_model_beside_plain_folders_is_refused(dataset, guessed):
    folders.estimates(guessed, ["Song A"])
    folders.estimates(guessed / "model", ["Song A"])

    with pytest.raises(DatasetError, match="'Song A' has estimates in"):
        pair_estimates(dataset, guessed)


def test_a_link_to_the_same_estimates_is_no_other_model(dataset, guessed):
    folders.estimates(guessed / "model", SONGS)
    (guessed / "latest").symlink_to("model")

    assert set(pair_estimates(dataset, guessed).tracks) == set(SONGS)


def test_links_in_a_circle_end(dataset, guessed):
    folders.estimates(guessed, SONGS)
    (guessed / "loop").symlink_to(guessed)

    assert set(pair_estimates(dataset, guessed).tracks) == set(SONGS)


def test_missing_and_surplus_stems_are_noted(dataset, guessed):
    folders.estimates(guessed, ["Song A"], [*BAND, "piano"])
    folders.estimates(guessed, ["Song B"], ["vocals", "drums", "bass"])

    found = pair_estimates(dataset, guessed)

    assert found.notes == (
        "no estimate of 'other' for 'Song B'",
        "'piano' is no stem of 'Song A'",
    )


def test_an_accompaniment_is_an_estimate_of_what_is_derived(dataset, guessed):
    folders.estimates(guessed, SONGS, [*BAND, "accompaniment"])

    assert pair_estimates(dataset, guessed).notes == ()


def test_what_demucs_calls_no_vocals_is_the_accompaniment(dataset, guessed):
    folders.estimates(guessed, SONGS, ["vocals", "no_vocals"])

    found = pair_estimates(dataset, guessed)

    assert paths(found)["Song A"]["accompaniment"] == guessed / "Song A" / "no_vocals.wav"


def test_a_stem_under_two_names_is_a_fault(dataset, guessed):
    folders.estimates(guessed, SONGS, ["vocals", "no_vocals", "accompaniment"])

    assert "a stem under two names" in pair_estimates(dataset, guessed).tracks["Song A"].fault


def test_the_case_of_names_does_not_matter(dataset, guessed):
    write(guessed / "song a" / "Vocals.WAV", sound("guess"))

    assert set(paths(pair_estimates(dataset, guessed))["Song A"]) == {"vocals"}


def test_a_name_in_another_unicode_form_is_the_same(tmp_path, guessed):
    dataset = open_dataset(folders.plain(tmp_path / "data", ["Cafe\u0301"]))
    folders.estimates(guessed, ["Caf\u00e9"])

    assert set(pair_estimates(dataset, guessed).tracks) == {"Cafe\u0301"}


def test_a_name_as_separate_writes_it_is_found(tmp_path, guessed):
    name = "...And Justice\\For All. Live"
    dataset = open_dataset(folders.plain(tmp_path / "data", [name]))
    folders.estimates(guessed, ["And Justice_For All. Live"])

    assert set(pair_estimates(dataset, guessed).tracks) == {name}


def test_names_that_would_be_written_alike_are_not_guessed(tmp_path, guessed):
    dataset = open_dataset(folders.plain(tmp_path / "data", [".Song".strip("."), "x\\y", "x_y"]))
    folders.estimates(guessed, ["x_y"])

    assert set(pair_estimates(dataset, guessed).tracks) == {"x_y"}


def test_mixtures_among_the_estimates_are_left_out(dataset, guessed):
    track(guessed / "Song A")

    found = pair_estimates(dataset, guessed).tracks["Song A"]

    assert found.mixture is None
    assert "mixture" not in found.sources


def test_a_pair_of_folders_of_one_track_is_paired(tmp_path):
    track(tmp_path / "references", ["s1", "s2"], mixture=None)
    track(tmp_path / "estimates", ["s2", "s1"], mixture=None)
    dataset = open_dataset(tmp_path)

    found = pair_estimates(dataset, dataset.estimates)

    assert set(paths(found)[tmp_path.name]) == {"s1", "s2"}


def test_a_pair_of_folders_of_tracks_is_paired(tmp_path):
    dataset = open_dataset(folders.pair(tmp_path))

    assert set(pair_estimates(dataset, dataset.estimates).tracks) == set(SONGS)


# Do they fit?


def fit(dataset, guessed, **options):
    found = pair_estimates(dataset, guessed)
    return compare(dataset.tracks[0], found.tracks["Song A"], **options)


def test_estimates_that_fit_agree(dataset, guessed):
    folders.estimates(guessed, SONGS)

    assert fit(dataset, guessed).frames == RATE


def test_a_little_shorter_is_cut_with_a_note(dataset, guessed):
    folders.estimates(guessed, SONGS, frames=RATE - 100)

    agreed = fit(dataset, guessed)

    assert agreed.frames == RATE - 100
    assert "estimates of 'Song A'" in agreed.notes[0]


def test_much_shorter_is_refused_unless_any_length_will_do(dataset, guessed):
    folders.estimates(guessed, SONGS, frames=RATE // 2)

    with pytest.raises(DatasetError, match=r"estimates of 'Song A': .* 0\.50 s longer than"):
        fit(dataset, guessed)
    assert fit(dataset, guessed, tolerance=None).frames == RATE // 2


@pytest.mark.parametrize("other", [{"rate": 16_000}, {"channels": 1}])
def test_another_rate_or_channels_are_refused(dataset, guessed, other):
    folders.estimates(guessed, SONGS, **other)

    with pytest.raises(DatasetError, match=r"guessed/Song A/.*\.wav' has"):
        fit(dataset, guessed)


def test_stems_that_nobody_asked_for_need_not_fit(dataset, guessed):
    folders.estimates(guessed, SONGS)
    write(guessed / "Song A" / "piano.wav", sound("piano", channels=1))

    assert fit(dataset, guessed).frames == RATE
    assert pair_estimates(dataset, guessed).tracks["Song A"].read("bass").shape == (2, RATE)


def test_an_unreadable_estimate_is_named(dataset, guessed):
    folders.estimates(guessed, SONGS)
    (guessed / "Song A" / "bass.wav").write_bytes(b"")

    with pytest.raises(DatasetError, match=r"'Song A': '.*guessed/Song A/bass\.wav' is an empty"):
        fit(dataset, guessed)
