"""What a choice of stems and instruments means to a model."""

from __future__ import annotations

import pytest

from unmixcli.errors import ConfigError, UsageError
from unmixcli.instruments import NameBy
from unmixcli.selection import THRESHOLD, Selection

POP = ("drums", "bass", "vocals")
QUARTET = ("va", "vc", "vn")


def test_without_a_choice_every_source_is_a_stem():
    chosen = Selection().of(POP)

    assert chosen.stems == chosen.names == POP
    assert chosen.rows == (0, 1, 2)
    assert (chosen.rest, chosen.labels, chosen.threshold) == (None, None, None)


def test_stems_come_in_the_order_asked_for_each_once():
    chosen = Selection(stems=["vocals", "drums", "Vocals"]).of(POP)

    assert chosen.stems == ("vocals", "drums")
    assert chosen.rows == (2, 0)


@pytest.mark.parametrize(
    ("selection", "stems"),
    [
        (Selection(two_stems="vocals"), ("vocals", "accompaniment")),
        (Selection(two_stems="drums"), ("drums", "no_drums")),
        (Selection(residual=True), (*POP, "residual")),
        (Selection(stems="bass", residual=True), ("bass", "residual")),
    ],
    ids=str,
)
def test_what_is_left_of_the_mixture_comes_last(selection, stems):
    assert selection.of(POP).stems == stems


def test_instruments_choose_among_what_a_model_without_labels_separates():
    chosen = Selection(instruments=["violin", "va"]).of(QUARTET)

    assert chosen.stems == ("vn", "va")
    assert chosen.rows == (2, 0)
    assert chosen.labels is None


def test_a_model_with_labels_is_told_the_instruments():
    chosen = Selection(instruments=["violin", "va"]).of(QUARTET, QUARTET)

    assert chosen.stems == ("vn", "va")
    assert chosen.labels == {"va": 1.0, "vc": 0.0, "vn": 1.0}
    assert chosen.instruments == ("vn", "va")


def test_one_word_is_one_instrument():
    assert Selection(instruments="cello").of(QUARTET, QUARTET).stems == ("vc",)


def test_several_of_one_instrument_are_one_source():
    chosen = Selection(instruments=["vn", "va", "Violin 2", "vn"]).of(QUARTET, QUARTET)

    assert chosen.stems == ("vn", "va")
    assert chosen.merged == {"vn": ("vn", "Violin 2", "vn")}


@pytest.mark.parametrize(
    ("choice", "stems"),
    [
        ({"stems": ["vc"]}, ("vc",)),
        ({"stems": ["cello", "vn"]}, ("vc", "vn")),
        ({"two_stems": "vn"}, ("vn", "no_vn")),
    ],
    ids=str,
)
def test_which_stems_to_keep_is_another_question_than_what_sounds(choice, stems):
    chosen = Selection(instruments=["vn", "va"], **choice).of(QUARTET, QUARTET)

    assert chosen.stems == stems
    assert chosen.labels == {"va": 1.0, "vc": 0.0, "vn": 1.0}


def test_labels_need_not_be_in_the_sources_order_nor_words():
    chosen = Selection(instruments="vc").of(("violin", "cello"), ("vc", "vn"))

    assert chosen.rows == (1,)
    assert chosen.labels == {"vc": 1.0, "vn": 0.0}


def test_a_label_that_is_no_source_wants_the_stems_said():
    sources, labels = ("source-1", "source-2"), ("label-1", "label-2", "label-3")

    with pytest.raises(UsageError, match="which is only a label") as caught:
        Selection(instruments="label-3").of(sources, labels)
    assert "--stem" in str(caught.value.hint)
    chosen = Selection(instruments="label-3", stems=sources).of(sources, labels)
    assert chosen.rows == (0, 1)
    assert chosen.labels == {"label-1": 0.0, "label-2": 0.0, "label-3": 1.0}


@pytest.mark.parametrize(
    ("by", "stems"),
    [
        (None, ("vn", "db", "residual")),
        (NameBy.CODE, ("vn", "db", "residual")),
        ("name", ("violin", "double_bass", "residual")),
    ],
    ids=str,
)
def test_stems_of_instruments_are_named_as_one_likes(by, stems):
    selection = Selection(instruments=["vn", "contrabass"], name_by=by, residual=True)

    assert selection.of(("db", "vn")).stems == stems


def test_the_rest_of_a_named_stem_has_its_name():
    selection = Selection(two_stems="vn", name_by=NameBy.NAME)

    assert selection.of(QUARTET).stems == ("violin", "no_violin")


@pytest.mark.parametrize(
    ("selection", "sources", "labels", "threshold"),
    [
        (Selection(), QUARTET, (), THRESHOLD),
        (Selection(residual=True), QUARTET, (), THRESHOLD),
        (Selection(), ("violin", "cello"), (), THRESHOLD),
        (Selection(), POP, (), None),
        (Selection(), (*QUARTET, "piano"), (), None),
        (Selection(stems="vn"), QUARTET, (), None),
        (Selection(two_stems="vn"), QUARTET, (), None),
        (Selection(instruments="vn"), QUARTET, (), None),
        (Selection(instruments="vn"), QUARTET, QUARTET, None),
        (Selection(activity_threshold=-50), QUARTET, (), -50),
        (Selection(activity_threshold=-50), POP, (), -50),
    ],
    ids=str,
)
def test_a_threshold_is_for_networks_that_separate_whatever_might_play(
    selection, sources, labels, threshold
):
    assert selection.of(sources, labels).threshold == threshold


@pytest.mark.parametrize(
    "values",
    [
        {"stems": "a", "two_stems": "a"},
        {"residual": True, "two_stems": "a"},
        {"activity_threshold": -30, "stems": "a"},
        {"activity_threshold": -30, "two_stems": "a"},
        {"activity_threshold": -30, "instruments": "a"},
    ],
    ids=str,
)
def test_choices_that_contradict_each_other_are_refused(values):
    with pytest.raises(UsageError) as caught:
        Selection(**values)

    assert str(caught.value.hint).startswith("leave out ")


@pytest.mark.parametrize(
    "values",
    [
        {"activity_threshold": 1},
        {"activity_threshold": -201},
        {"activity_threshold": float("nan")},
        {"activity_threshold": "quiet"},
        {"name_by": "colour"},
    ],
    ids=str,
)
def test_impossible_values_are_refused(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        Selection(**values)


@pytest.mark.parametrize(
    ("selection", "sources", "labels", "said"),
    [
        (Selection(), QUARTET, QUARTET, "must be told"),
        (Selection(stems="vn"), QUARTET, QUARTET, "must be told"),
        (Selection(instruments="vn", stems="vn"), QUARTET, (), "takes no labels"),
        (Selection(instruments="vn", two_stems="vn"), QUARTET, (), "takes no labels"),
        (Selection(instruments="ob"), QUARTET, (), "has no instrument 'ob'"),
        (Selection(instruments="ob"), QUARTET, QUARTET, "has no instrument 'ob'"),
        (Selection(stems="ob"), QUARTET, (), "has no source 'ob'"),
        (Selection(two_stems="ob"), QUARTET, (), "has no source 'ob'"),
        (Selection(residual=True), ("vn", "residual"), (), "has a source 'residual'"),
    ],
    ids=str,
)
def test_what_a_model_cannot_do_is_refused(selection, sources, labels, said):
    with pytest.raises(UsageError, match=said):
        selection.of(sources, labels)


def test_a_model_that_must_be_told_says_what():
    with pytest.raises(UsageError) as caught:
        Selection().of(QUARTET, QUARTET)

    assert caught.value.hint == (
        "name them with --instruments: va (viola), vc (cello), vn (violin)"
    )
