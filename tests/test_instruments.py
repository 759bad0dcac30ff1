"""The many names of instruments."""

from __future__ import annotations

import pytest

from unmixcli.errors import UsageError
from unmixcli.instruments import INSTRUMENTS, NameBy, find, named, require_known, resolve
from unmixcli.weights.published.wave_u_net import INSTRUMENTS as LABELS

CODES = tuple(instrument.code for instrument in INSTRUMENTS)
QUARTET = ("va", "vc", "vn")


def test_codes_are_those_of_the_published_networks_in_their_order():
    assert CODES == LABELS


def test_no_word_means_two_instruments():
    words = [w for i in INSTRUMENTS for w in (i.code, i.name, *i.aliases)]

    assert len(set(words)) == len(words)
    assert {find(word).code for word in words} == set(CODES)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.code)
def test_each_is_found_by_every_word_for_it(instrument):
    for word in (instrument.code, instrument.name, *instrument.aliases):
        for written in (word, word.upper(), word.title(), f" {word} ", word.replace(" ", "_")):
            assert find(written) is instrument
        assert find(f"{word}s") is instrument
        assert find(f"{word} 2") is instrument


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("Violins", "vn"),
        ("violin 1", "vn"),
        ("vn2", "vn"),
        ("Violin II", "vn"),
        ("VLN", "vn"),
        ("French Horn", "hn"),
        ("french-horns", "hn"),
        ("violoncello", "vc"),
        ("contrabass", "db"),
        ("double basses", "db"),
        ("double_bass", "db"),
        ("Sax", "sax"),
        ("oboes", "ob"),
        ("flutes", "fl"),
    ],
)
def test_players_words_are_understood(word, code):
    assert find(word).code == code


@pytest.mark.parametrize("word", ["vocals", "bass", "drums", "other", "", "2", "s", "violinist"])
def test_what_is_no_instrument_of_these_is_none(word):
    assert find(word) is None


@pytest.mark.parametrize(
    ("request_", "known", "meant"),
    [
        ("violin", QUARTET, "vn"),
        ("vn", ("cello", "violin"), "violin"),
        ("Vocals", ("drums", "vocals"), "vocals"),
        ("label-2", ("label-1", "label-2", "label-21"), "label-2"),
        ("LABEL 2", ("label-1", "label-2"), "label-2"),
        ("bass", ("bass", "db"), "bass"),
    ],
)
def test_a_request_is_answered_in_the_models_words(request_, known, meant):
    assert resolve(request_, known) == meant


@pytest.mark.parametrize(
    ("request_", "hint"),
    [
        ("violinn", "did you mean 'violin'"),
        ("celo", "did you mean 'cello'"),
        ("kazoo", "it has: va (viola), vc (cello), vn (violin)"),
        ("oboe", "it has: va (viola), vc (cello), vn (violin)"),
        ("", "it has: va"),
    ],
)
def test_a_request_that_a_model_cannot_meet_names_what_is_near_and_what_there_is(request_, hint):
    with pytest.raises(UsageError, match=f"the model has no instrument '{request_}'") as caught:
        resolve(request_, QUARTET)

    assert hint in str(caught.value.hint)


def test_labels_that_look_alike_are_not_one():
    with pytest.raises(UsageError):
        resolve("label-3", ("label-1", "label-2"))


@pytest.mark.parametrize(
    ("source", "by", "name"),
    [
        ("vn", None, "vn"),
        ("vn", NameBy.CODE, "vn"),
        ("vn", NameBy.NAME, "violin"),
        ("db", NameBy.NAME, "double_bass"),
        ("violin", NameBy.CODE, "vn"),
        ("violin", None, "violin"),
        ("vocals", NameBy.NAME, "vocals"),
    ],
)
def test_a_stem_is_named_by_code_or_name(source, by, name):
    assert named(source, by) == name


def test_what_no_model_could_know_is_refused_before_one_is_chosen():
    require_known(["vn", "Vocals", "cellos"], ["vocals", "bass"])

    with pytest.raises(UsageError, match="no instrument is called 'vocls'") as caught:
        require_known(["vn", "vocls"], ["vocals", "bass"])
    assert str(caught.value.hint).startswith("did you mean 'vocals'")
    with pytest.raises(UsageError) as caught:
        require_known(["xyzzy"], ["vocals"])
    assert "unmixcli instruments" in str(caught.value.hint)
