import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from unmixcli.audio.encoding.part_folder import PartFolder


def opened(final):
    part = PartFolder(final)
    part.open()
    return part


pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders cannot be locked there")


def names(place):
    return sorted(path.name for path in place.iterdir())


def test_an_abandoned_folder_is_removed_and_a_living_one_is_not(tmp_path):
    abandoned = tmp_path / ".song.0123abcd.part"
    (abandoned / "deep").mkdir(parents=True)
    living = PartFolder(tmp_path / "song")
    living.open()
    assert not abandoned.exists()

    opened(tmp_path / "song").discard()

    assert names(tmp_path) == [living.path.name]
    living.discard()


def test_folders_of_other_tracks_are_left_alone(tmp_path):
    others = [".other.0123abcd.part", "song.0123abcd.part", ".song.txt", "song"]
    for name in others:
        (tmp_path / name).mkdir()

    opened(tmp_path / "song").discard()

    assert names(tmp_path) == sorted(others)


def test_many_writers_of_one_track_disturb_each_other_in_nothing(tmp_path):
    """Half of them give up, half replace; a flock is per descriptor, so threads compete."""

    def work(number):
        for attempt in range(15):
            part = opened(tmp_path / "song")
            (part.path / "a.wav").write_text(str(number))
            (part.path / "b.wav").write_text(str(number))
            if attempt % 2:
                part.discard()
            else:
                part.commit(["a.wav", "b.wav"], replace=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert names(tmp_path) == ["song"]
    assert names(tmp_path / "song") == ["a.wav", "b.wav"]
