import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmixcli.datasets.splits import MUSDB_VALIDATION, drawn, urmp_split
from unmixcli.errors import ConfigError

PUBLISHED = (
    *(2, 10, 11, 15, 17, 30, 32, 36, 43, 44, 48, 50, 52),
    *(53, 56, 59, 63, 70, 73, 76, 79, 81, 86, 87, 91),
)
"""Which of the 100 training tracks, sorted by name, Wave-U-Net and the Wavenet validate on."""


def test_the_draw_is_the_published_one():
    names = [f"{number:03}" for number in range(100)]

    assert sorted(int(name) for name in drawn(names, 25)) == list(PUBLISHED)


@given(st.permutations([f"{number:03}" for number in range(30)]))
def test_the_draw_does_not_depend_on_the_order_of_names(names):
    assert drawn(names, 7) == drawn(sorted(names), 7)


@pytest.mark.parametrize("count", [-1, 4])
def test_more_tracks_than_there_are_cannot_be_drawn(count):
    with pytest.raises(ConfigError, match="out of 3"):
        drawn(["a", "b", "c"], count)


def test_musdb_has_fourteen_tracks_for_validation():
    assert len(MUSDB_VALIDATION) == 14


def test_urmp_has_forty_pieces_in_its_split():
    splits = [urmp_split(piece) for piece in range(1, 45)]

    assert [splits.count(split) for split in ("train", "test", None)] == [29, 11, 4]
