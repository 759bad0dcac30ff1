import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmixcli.audio.naming import LONGEST, safe_name


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("song.wav", "song"),
        ("sp ace é 音楽 🎵.flac", "sp ace é 音楽 🎵"),
        ("two\nlines\t.wav", "two\nlines\t"),
        ("a.b.c.mp3", "a.b.c"),
        (".wav", "wav"),
        ("..wav", "track"),
        ("...wav", "track"),
        ("   .wav", "track"),
        ("a\\b.wav", "a_b"),
        ("{stem}%s$(x).wav", "{stem}%s$(x)"),
    ],
)
def test_names_are_kept_where_they_are_safe(file, folder):
    assert safe_name(Path(file)) == folder


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_a_name_never_leaves_its_folder(text):
    name = safe_name(Path("in") / f"{text}.wav")

    assert name not in ("", ".", "..")
    assert not set(name) & {"/", "\\", "\0"}
    assert len(name.encode()) <= LONGEST
    assert (Path("out") / name).parent == Path("out")


def test_long_names_are_cut_between_characters_and_stay_apart():
    one, other = (safe_name(Path("é" * 120 + end + ".wav")) for end in "ab")

    assert one != other
    assert one == safe_name(Path("é" * 120 + "a.wav"))
    assert one.startswith("é" * 95)
    assert len(one.encode()) <= LONGEST


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_unicode_still_names_a_folder(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9" + b"\xff" * 230 + b".wav")

    (tmp_path / safe_name(path)).mkdir()

    assert os.fsencode(next(tmp_path.iterdir()).name).startswith(b"caf\xe9\xff")
