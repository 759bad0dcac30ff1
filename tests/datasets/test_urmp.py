import numpy as np
import pytest

import dataset_folders as folders
from dataset_folders import samples_of, sound, write
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.urmp import LABELS
from unmixcli.errors import DatasetError

ALL = (
    *("01_Jupiter_vn_vc", "02_Sonata_vn_vn", "03_Dance_fl_cl", "04_Allegro_fl_fl"),
    *("05_Entertainer_tpt_tpt", "06_Entertainer_sax_sax", "07_GString_tpt_tbn", "08_Spring_fl_vn"),
    *("09_Jesus_tpt_vn", "10_March_tpt_sax", "11_Maria_ob_vc", "12_Spring_vn_vn_vc"),
    *("13_Hark_vn_vn_va", "14_Waltz_fl_fl_cl", "15_Surprise_tpt_tpt_tbn"),
    *("16_Surprise_tpt_tpt_sax", "17_Nocturne_vn_fl_cl", "18_Nocturne_vn_fl_tpt"),
    *("19_Pavane_cl_vn_vc", "20_Pavane_tpt_vn_vc", "21_Rejouissance_cl_tbn_tba"),
    *("22_Rejouissance_sax_tbn_tba", "23_Rejouissance_cl_sax_tba", "24_Pirates_vn_vn_va_vc"),
    *("25_Pirates_vn_vn_va_sax", "26_King_vn_vn_va_vc", "27_King_vn_vn_va_sax"),
    *("28_Fugue_fl_ob_cl_bn", "29_Fugue_fl_fl_ob_cl", "30_Fugue_fl_fl_ob_sax"),
    *("31_Slavonic_tpt_tpt_hn_tbn", "32_Fugue_vn_vn_va_vc", "33_Elise_tpt_tpt_hn_tbn"),
    *("34_Fugue_tpt_tpt_hn_tbn", "35_Rondeau_vn_vn_va_db", "36_Rondeau_vn_vn_va_vc"),
    *("37_Rondeau_fl_vn_va_cl", "38_Jerusalem_vn_vn_va_vc_db", "39_Jerusalem_vn_vn_va_sax_db"),
    *("40_Miserere_fl_fl_ob_cl_bn", "41_Miserere_fl_fl_ob_sax_bn"),
    *("42_Arioso_tpt_tpt_hn_tbn_tba", "43_Chorale_tpt_tpt_hn_tbn_tba", "44_K515_vn_vn_va_va_vc"),
)
"""The pieces of the data set."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Every piece, of a few samples."""
    return open_dataset(folders.urmp(tmp_path_factory.mktemp("urmp"), ALL, frames=50))


@pytest.fixture
def some(tmp_path):
    return open_dataset(folders.urmp(tmp_path))


def test_it_is_recognised(some):
    assert some.layout == "URMP"
    assert [one.name for one in some.tracks] == sorted(folders.PIECES)
    assert some.sources == ("tbn", "tpt", "vc", "vn")


def test_it_is_recognised_in_the_folder_of_its_archive(tmp_path):
    folders.urmp(tmp_path / "Dataset")
    (tmp_path / "Supplementary_Files").mkdir()

    assert open_dataset(tmp_path).layout == "URMP"


def test_players_of_one_instrument_are_one_source(some, tmp_path):
    piece = some.tracks[3]
    first, second = (
        tmp_path / piece.name / f"AuSep_{k}_{label}_15_Surprise.wav"
        for k, label in ((1, "tpt"), (2, "tpt"))
    )

    assert piece.stems["tpt"] == (first, second)
    assert np.array_equal(piece.read("tpt").numpy(), samples_of(first, second))


def test_the_trombone_that_calls_itself_a_trumpet_is_a_trombone(some, tmp_path):
    piece = some.tracks[3]

    assert piece.sources == ("tbn", "tpt")
    [path] = piece.stems["tbn"]
    assert path.name == "AuSep_3_tpt_15_Surprise.wav"
    assert any("AuSep_3_tpt_15_Surprise.wav' is taken for 'tbn'" in note for note in some.notes)


def test_the_mixture_is_the_one_of_the_data_set(some, tmp_path):
    write(some.tracks[0].mixture, sound("mastered", channels=1))

    assert np.array_equal(some.tracks[0].read().numpy(), samples_of(some.tracks[0].mixture))


def test_an_instrument_that_does_not_play_is_silent_where_that_is_asked_for(some):
    stems = some.tracks[0].read_all(LABELS, 0, 100, absent_is_silent=True)

    sounding = [label for label, stem in zip(LABELS, stems, strict=True) if stem.any()]
    assert sounding == ["vc", "vn"]


def test_labels_are_those_of_the_conditioned_networks():
    assert tuple(sorted(LABELS)) == LABELS
    assert len(LABELS) == 13


def test_all_pieces_are_read_and_all_instruments_play(whole):
    assert len(whole) == 44
    assert whole.sources == LABELS
    assert sum(len(files) for one in whole.tracks for files in one.stems.values()) == 149


def test_the_split_is_that_of_the_paper(whole):
    numbers = {
        split: {int(one.name[:2]) for one in whole.tracks if one.split == split}
        for split in ("train", "test", None)
    }

    assert numbers["test"] == {1, 9, 13, 16, 18, 24, 28, 31, 35, 42, 44}
    assert numbers[None] == {2, 4, 5, 6}
    assert len(numbers["train"]) == 29


def test_test_pieces_have_two_to_four_sources_as_in_the_papers_table(whole):
    counts = {int(one.name[:2]): len(one.sources) for one in whole.tracks if one.split == "test"}

    assert {number for number, count in counts.items() if count == 2} == {1, 9, 13, 16}
    assert {number for number, count in counts.items() if count == 3} == {18, 24, 31, 35, 44}
    assert {number for number, count in counts.items() if count == 4} == {28, 42}


def test_pieces_that_are_in_no_split_are_of_one_source(whole):
    assert {len(one.sources) for one in whole.tracks if one.split is None} == {1}


def test_a_missing_part_is_a_fault_of_that_piece_alone(tmp_path):
    folders.urmp(tmp_path)
    (tmp_path / "12_Spring_vn_vn_vc" / "AuSep_2_vn_12_Spring.wav").unlink()

    whole, _, broken, _ = open_dataset(tmp_path).tracks

    assert whole.read("vn").any()
    with pytest.raises(DatasetError, match=r"AuSep_1 to AuSep_3; 2 files .* 1, 3"):
        broken.read("vn")


@pytest.mark.parametrize("name", ["AuSep_2_vn_01_Jupiter", "AuSep_3_vn_01_Jupiter", "AuSep_x"])
def test_a_part_too_many_is_a_fault(tmp_path, name):
    folders.urmp(tmp_path, ["01_Jupiter_vn_vc"])
    write(tmp_path / "01_Jupiter_vn_vc" / f"{name}.wav", sound("x", channels=1))

    [piece] = open_dataset(tmp_path).tracks

    assert "AuSep_1 to AuSep_2; 3 files begin with AuSep" in piece.fault


def test_two_mixtures_are_a_fault(tmp_path):
    folders.urmp(tmp_path, ["01_Jupiter_vn_vc"])
    write(tmp_path / "01_Jupiter_vn_vc" / "AuMix_again.wav", sound("x", channels=1))

    assert open_dataset(tmp_path).tracks[0].fault == "it has 2 AuMix files"


def test_folders_that_are_only_named_like_pieces_are_plain(tmp_path):
    folders.plain(tmp_path, ["01_first_song", "02_second_song"])

    assert open_dataset(tmp_path).layout == "folders of stems"


def test_a_piece_without_its_mixture_is_summed_with_a_note(tmp_path):
    folders.urmp(tmp_path)
    (tmp_path / "01_Jupiter_vn_vc" / "AuMix_01_Jupiter_vn_vc.wav").unlink()

    dataset = open_dataset(tmp_path)

    assert "'01_Jupiter_vn_vc' has no AuMix file; its mixture is the sum of its parts" in (
        dataset.notes
    )
    assert dataset.tracks[0].read().any()


def test_an_instrument_nobody_knows_is_noted(tmp_path):
    folders.urmp(tmp_path, ["45_Sonata_vn_pno"])

    dataset = open_dataset(tmp_path)

    assert "'pno' is none of the thirteen instruments of URMP" in dataset.notes
    assert dataset.tracks[0].sources == ("pno", "vn")


def test_folders_beside_the_pieces_are_ignored(tmp_path):
    folders.urmp(tmp_path)
    folders.plain(tmp_path, ["Extra"])

    assert len(open_dataset(tmp_path)) == len(folders.PIECES)
