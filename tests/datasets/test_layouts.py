import gc
import os
import tracemalloc

import numpy as np
import pytest

import dataset_folders as folders
from dataset_folders import BAND, sound, track, write
from unmixcli.datasets.collection import Layout
from unmixcli.datasets.layouts import open_dataset
from unmixcli.errors import DatasetError, UsageError


def names(dataset):
    return [one.name for one in dataset.tracks]


def touch(*paths):
    """Make files of no content: recognition looks at names alone."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def stems_of(folder, stems=(*BAND, "mixture")):
    touch(*(folder / f"{stem}.wav" for stem in stems))
    return folder


# Folders of stems, and MUSDB18-HQ among them


def test_musdb18_hq_is_recognised(tmp_path):
    dataset = open_dataset(folders.musdb_hq(tmp_path))

    assert dataset.layout == "MUSDB18-HQ"
    assert names(dataset) == ["Amber - Kite", "Leaf - Summerghost", "Zeno - Signs"]
    assert dataset.sources == BAND
    assert dataset.tracks[0].mixture == tmp_path / "train" / "Amber - Kite" / "mixture.wav"
    assert dataset.tracks[0].stems["bass"] == (tmp_path / "train" / "Amber - Kite" / "bass.wav",)


def test_what_the_renderer_makes_is_recognised(tmp_path):
    import importlib.util

    from places import ROOT

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "examples")
        spec = importlib.util.spec_from_file_location("render", ROOT / "examples" / "render.py")
        render = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(render)
        render.render_dataset(tmp_path, train=1, test=1, seconds=1, seed=0, sample_rate=8_000)

    dataset = open_dataset(tmp_path)

    assert dataset.layout is Layout.MUSDB_HQ
    assert dataset.splits == {"test": 1, "train": 1}
    assert np.array_equal(
        dataset.tracks[0].read_all(BAND).sum(dim=0).numpy(), dataset.tracks[0].read().numpy()
    )


def test_the_validation_tracks_of_musdb_are_a_split_of_their_own(tmp_path):
    dataset = open_dataset(folders.musdb_hq(tmp_path))

    assert {one.name: one.split for one in dataset.tracks} == {
        "Amber - Kite": "train",
        "Leaf - Summerghost": "valid",
        "Zeno - Signs": "test",
    }
    assert dataset.splits == {"test": 1, "train": 1, "valid": 1}
    assert any("1 of the 14 tracks that musdb has for validation" in n for n in dataset.notes)


def test_a_folder_of_validation_tracks_is_what_it_says(tmp_path):
    folders.musdb_hq(tmp_path)
    folders.plain(tmp_path / "valid", ["Other Song"])

    dataset = open_dataset(tmp_path)

    assert [one.name for one in dataset.tracks if one.split == "valid"] == ["Other Song"]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", ["Amber - Kite"]),
        ("valid", ["Leaf - Summerghost"]),
        ("test", ["Zeno - Signs"]),
        ("train+valid", ["Amber - Kite", "Leaf - Summerghost"]),
    ],
)
def test_a_split_is_chosen(tmp_path, split, expected):
    assert names(open_dataset(folders.musdb_hq(tmp_path), split=split)) == expected


@pytest.mark.parametrize("split", ["dev", "train+dev", "", "Train"])
def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path, split):
    with pytest.raises(DatasetError, match="has no split") as caught:
        open_dataset(folders.musdb_hq(tmp_path), split=split)

    assert "'test' (1 tracks), 'train' (1 tracks), 'valid' (1 tracks)" in caught.value.hint


def test_a_data_set_without_splits_says_so(tmp_path):
    with pytest.raises(DatasetError, match="no split 'test'") as caught:
        open_dataset(folders.plain(tmp_path), split="test")

    assert "not divided" in caught.value.hint


def test_folders_of_any_stems_are_recognised(tmp_path):
    stems_of(tmp_path / "A", ["vocals", "piano", "drums"])
    stems_of(tmp_path / "B", ["vocals", "piano", "drums", "mixture"])

    dataset = open_dataset(tmp_path)

    assert dataset.layout == "folders of stems"
    assert dataset.sources == ("drums", "vocals", "piano")
    assert dataset.splits == {}
    assert [one.mixture is None for one in dataset.tracks] == [True, False]
    assert any("no mixture file, so the stems are added up: 'A'" in n for n in dataset.notes)


def test_other_stems_in_splits_are_no_musdb(tmp_path):
    stems_of(tmp_path / "train" / "A", ["vn", "vc", "mixture"])

    dataset = open_dataset(tmp_path)

    assert dataset.layout is Layout.FOLDERS
    assert dataset.tracks[0].split == "train"


@pytest.mark.parametrize("name", ["Vocals.wav", "VOCALS.WAV", "vocals.FLAC"])
def test_the_case_of_a_stem_does_not_matter(tmp_path, name):
    stems_of(tmp_path / "A", ["drums", "Mixture"])
    touch(tmp_path / "A" / name)

    [one] = open_dataset(tmp_path).tracks

    assert one.sources == ("drums", "vocals")
    assert one.stems["vocals"] == (tmp_path / "A" / name,)
    assert one.mixture == tmp_path / "A" / "Mixture.wav"


def test_the_case_of_a_split_does_not_matter(tmp_path):
    stems_of(tmp_path / "Train" / "A")
    stems_of(tmp_path / "TEST" / "B")

    assert open_dataset(tmp_path).splits == {"test": 1, "train": 1}


@pytest.mark.parametrize("name", ["._vocals.wav", ".vocals.wav", "readme.txt", "cover.jpg"])
def test_hidden_files_and_others_are_ignored(tmp_path, name):
    stems_of(tmp_path / "A")
    touch(tmp_path / "A" / name)

    [one] = open_dataset(tmp_path).tracks

    assert one.sources == BAND
    assert one.fault is None


@pytest.mark.parametrize("name", [".hidden", "__MACOSX"])
def test_hidden_folders_are_ignored(tmp_path, name):
    stems_of(tmp_path / "A")
    stems_of(tmp_path / name)
    stems_of(tmp_path / name / "train" / "B")

    assert names(open_dataset(tmp_path)) == ["A"]


@pytest.mark.parametrize(
    "name", ["Café - déjà vu", "100% *?", "音楽 🎵", "a.b.c", "-n", " x ", "...One"]
)
def test_names_of_tracks_are_taken_as_they_are(tmp_path, name):
    folders.plain(tmp_path / "data set é", [name])

    dataset = open_dataset(tmp_path / "data set é", subset=[name])

    assert names(dataset) == [name]
    assert dataset.tracks[0].frames == folders.RATE


def test_names_that_are_not_utf8_are_read(tmp_path):
    track(tmp_path / "plain").rename(tmp_path / os.fsdecode(b"b\xe9n\xe9"))

    assert open_dataset(tmp_path).tracks[0].read("bass").any()


# What is missing, double, broken


def test_a_missing_stem_is_noted_and_the_others_are_there(tmp_path):
    for name in "ABC":
        stems_of(tmp_path / name)
    (tmp_path / "B" / "vocals.wav").unlink()

    dataset = open_dataset(tmp_path)

    assert "1 of 3 tracks have no 'vocals': 'B'" in dataset.notes
    assert dataset.tracks[1].sources == ("drums", "bass", "other")


def test_a_stem_of_one_track_alone_is_noted(tmp_path):
    for name in "ABC":
        stems_of(tmp_path / name)
    touch(tmp_path / "C" / "piano.wav")

    assert open_dataset(tmp_path).notes == ("only 1 of 3 tracks have 'piano': 'C'",)


def test_two_files_of_one_stem_are_a_fault_of_that_track_alone(tmp_path):
    stems_of(tmp_path / "A")
    stems_of(tmp_path / "B")
    touch(tmp_path / "B" / "vocals.flac")

    good, bad = open_dataset(tmp_path).tracks

    assert good.fault is None
    with pytest.raises(DatasetError, match=r"vocals\.flac' and '.*vocals\.wav' are both its"):
        bad.read("drums")


@pytest.mark.parametrize("other", ["Vocals.wav", "mix.wav"])
def test_names_that_differ_in_case_alone_are_double(tmp_path, other):
    stems_of(tmp_path / "A")
    touch(tmp_path / "A" / other)

    assert "are both its" in open_dataset(tmp_path).tracks[0].fault


def test_a_stem_that_is_a_link_to_nowhere_is_a_fault(tmp_path):
    stems_of(tmp_path / "A")
    (tmp_path / "A" / "vocals.wav").unlink()
    (tmp_path / "A" / "vocals.wav").symlink_to("gone.wav")

    assert "vocals.wav' leads nowhere" in open_dataset(tmp_path).tracks[0].fault


def test_a_dangling_link_that_is_no_sound_is_no_fault(tmp_path):
    stems_of(tmp_path / "A")
    (tmp_path / "A" / "readme.txt").symlink_to("gone.txt")

    assert open_dataset(tmp_path).tracks[0].fault is None


def test_links_to_stems_elsewhere_are_followed(tmp_path):
    store = track(tmp_path / "store" / "A")
    (tmp_path / "data" / "A").mkdir(parents=True)
    for file in store.iterdir():
        (tmp_path / "data" / "A" / file.name).symlink_to(file)

    assert open_dataset(tmp_path / "data").tracks[0].read("bass").any()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_track_that_may_not_be_read_is_a_fault_of_that_track_alone(tmp_path):
    stems_of(tmp_path / "A")
    stems_of(tmp_path / "B").chmod(0)

    good, bad = open_dataset(tmp_path).tracks

    (tmp_path / "B").chmod(0o700)
    assert good.fault is None
    assert "permission denied" in bad.fault


def test_a_track_that_cannot_be_listed_is_a_fault_of_that_track_alone(tmp_path, monkeypatch):
    from unmixcli.datasets import plain

    stems_of(tmp_path / "A")
    stems_of(tmp_path / "B")
    real = plain.look

    def look(folder):
        if folder.name == "B":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(plain, "look", look)

    good, bad = open_dataset(tmp_path).tracks

    assert good.fault is None
    assert "cannot read" in bad.fault
    assert "permission denied" in bad.fault


def test_links_in_a_circle_end(tmp_path):
    stems_of(tmp_path / "train" / "A")
    (tmp_path / "train" / "loop").symlink_to(tmp_path)
    (tmp_path / "train" / "self").symlink_to("self")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere").symlink_to("gone")

    dataset = open_dataset(tmp_path)

    assert names(dataset) == ["A"]
    assert any("nowhere' leads nowhere" in note for note in dataset.notes)


def test_a_link_to_another_track_does_not_count_twice(tmp_path):
    stems_of(tmp_path / "test" / "A")
    stems_of(tmp_path / "train" / "B")
    (tmp_path / "train" / "Alias").symlink_to(tmp_path / "test" / "A")

    dataset = open_dataset(tmp_path)

    assert names(dataset) == ["A", "B"]
    assert any("Alias' leads to 'A', and is left out" in note for note in dataset.notes)


def test_links_to_tracks_elsewhere_are_tracks(tmp_path):
    stems_of(tmp_path / "store" / "A")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "A").symlink_to(tmp_path / "store" / "A")

    assert names(open_dataset(tmp_path / "data")) == ["A"]


def test_two_tracks_of_one_name_are_refused_unless_a_split_is_chosen(tmp_path):
    stems_of(tmp_path / "train" / "Song")
    stems_of(tmp_path / "test" / "song")

    with pytest.raises(DatasetError, match=r"one name: '.*train/Song' and '.*test/song'"):
        open_dataset(tmp_path)
    assert names(open_dataset(tmp_path, split="test")) == ["song"]


def test_one_name_in_two_unicode_forms_is_one_name(tmp_path):
    stems_of(tmp_path / "train" / "Caf\u00e9")
    stems_of(tmp_path / "test" / "Cafe\u0301")

    with pytest.raises(DatasetError, match="two tracks have one name"):
        open_dataset(tmp_path)


def test_tracks_without_stems_are_left_out_with_a_note(tmp_path):
    stems_of(tmp_path / "A")
    stems_of(tmp_path / "B", ["mixture"])

    dataset = open_dataset(tmp_path)

    assert names(dataset) == ["A"]
    assert "no stems beside the mixture, left out: 'B'" in dataset.notes


def test_tracks_beside_the_splits_are_left_out_with_a_note(tmp_path):
    folders.musdb_hq(tmp_path)
    stems_of(tmp_path / "Extra")

    dataset = open_dataset(tmp_path)

    assert "Extra" not in names(dataset)
    assert any("beside the splits, left out: 'Extra'" in note for note in dataset.notes)


def test_a_folder_that_is_one_track_is_recognised_by_a_known_name(tmp_path):
    track(tmp_path / "Song", ["vocals", "guitar"], mixture=None)

    dataset = open_dataset(tmp_path / "Song")

    assert dataset.layout == "one folder of stems"
    assert names(dataset) == ["Song"]
    assert dataset.tracks[0].read("guitar").any()


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["readme.txt"],
        ["first song.wav", "second song.wav"],
        ["A/mixture.wav"],
        ["train/a.txt"],
        ["a/b/c/vocals.wav"],
        [".hidden/vocals.wav"],
    ],
)
def test_a_folder_without_tracks_is_refused_with_the_layouts(tmp_path, files):
    touch(*(tmp_path / file for file in files))

    with pytest.raises(DatasetError, match="holds no tracks with stems") as caught:
        open_dataset(tmp_path)

    assert "TRACK/<stem>.wav" in caught.value.hint
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("name", ["gone", "file.wav", "nul\0"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    touch(tmp_path / "file.wav")

    with pytest.raises(DatasetError, match=r"gone|file\.wav|nul"):
        open_dataset(tmp_path / name)


# Which tracks


def test_a_subset_is_the_first_tracks_by_name(tmp_path):
    folders.musdb_hq(tmp_path)

    assert names(open_dataset(tmp_path, subset=2)) == ["Amber - Kite", "Leaf - Summerghost"]
    assert names(open_dataset(tmp_path, subset=2, split="test")) == ["Zeno - Signs"]


@pytest.mark.parametrize(
    "subset", [["Zeno - Signs", "Amber - Kite"], ["amber - kite", "ZENO - SIGNS"]]
)
def test_a_subset_by_name_keeps_the_order_of_the_data_set(tmp_path, subset):
    dataset = open_dataset(folders.musdb_hq(tmp_path), subset=subset)

    assert names(dataset) == ["Amber - Kite", "Zeno - Signs"]


def test_one_name_is_a_subset(tmp_path):
    assert len(open_dataset(folders.musdb_hq(tmp_path), subset="Zeno - Signs")) == 1


def test_a_track_that_is_not_there_is_refused_with_what_is_meant(tmp_path):
    with pytest.raises(DatasetError, match="has no track 'Zeno - Sings'") as caught:
        open_dataset(folders.musdb_hq(tmp_path), subset=["Zeno - Sings"])

    assert caught.value.hint == "did you mean 'Zeno - Signs'?"


@pytest.mark.parametrize("subset", [0, -1, []])
def test_a_subset_of_nothing_is_refused(tmp_path, subset):
    with pytest.raises(UsageError, match="a subset of"):
        open_dataset(folders.plain(tmp_path), subset=subset)


def test_notes_are_of_the_tracks_that_were_chosen(tmp_path):
    for name in "AB":
        stems_of(tmp_path / name)
    (tmp_path / "B" / "vocals.wav").unlink()

    assert not open_dataset(tmp_path, subset=["A"]).notes


# References and estimates


def test_a_pair_of_folders_is_recognised(tmp_path):
    dataset = open_dataset(folders.pair(tmp_path))

    assert dataset.layout is Layout.FOLDERS
    assert dataset.estimates == tmp_path / "estimates"
    assert names(dataset) == ["Song A", "Song B"]
    assert dataset.tracks[0].stems["bass"] == (tmp_path / "references" / "Song A" / "bass.wav",)


def test_references_may_be_in_any_layout(tmp_path):
    folders.musdb_hq(tmp_path / "References")
    (tmp_path / "Estimates").mkdir()

    assert open_dataset(tmp_path).layout is Layout.MUSDB_HQ


def test_references_may_be_one_track_of_any_stems(tmp_path):
    track(tmp_path / "Song" / "references", ["s1", "s2"], mixture=None)
    track(tmp_path / "Song" / "estimates", ["s1", "s2"], mixture=None)

    dataset = open_dataset(tmp_path / "Song")

    assert dataset.layout is Layout.TRACK
    assert names(dataset) == ["Song"]
    assert dataset.sources == ("s1", "s2")


def test_references_without_estimates_are_a_data_set(tmp_path):
    folders.plain(tmp_path / "references")

    assert open_dataset(tmp_path / "references").estimates is None


# Many tracks


def test_memory_does_not_hold_tracks(tmp_path):
    """300 bytes a track, so that 10^5 take 30 MB; as objects they would take ten times that."""
    for number in range(400):
        stems_of(tmp_path / f"Track {number:05}")
    open_dataset(tmp_path)

    tracemalloc.start()
    dataset = open_dataset(tmp_path)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    for _ in dataset.tracks:
        pass
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 400 * 300
    assert after < held + 20_000


def test_tracks_are_a_sequence(tmp_path):
    dataset = open_dataset(folders.musdb_hq(tmp_path))

    assert dataset.tracks[-1].name == "Zeno - Signs"
    assert [one.name for one in dataset.tracks[1:]] == ["Leaf - Summerghost", "Zeno - Signs"]
    assert len(dataset.tracks[:2]) == 2
    with pytest.raises(IndexError):
        dataset.tracks[3]


def test_folders_inside_a_track_are_not_read(tmp_path):
    folder = track(tmp_path / "Song")
    write(folder / "raw" / "take 1.wav", sound("take"))

    [one] = open_dataset(tmp_path).tracks

    assert one.sources == BAND
