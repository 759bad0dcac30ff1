import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_folders import BAND, RATE, mixed, samples_of, sound, track, write
from unmixcli.audio.format import AudioFormat
from unmixcli.datasets.track import DatasetTrack
from unmixcli.errors import DatasetError


def of(folder, stems=BAND, mixture="mixture", **fields):
    """Return the track of a folder that ``track`` wrote."""
    return DatasetTrack(
        name=folder.name,
        stems={stem: (folder / f"{stem}.wav",) for stem in stems},
        mixture=folder / f"{mixture}.wav" if mixture else None,
        **fields,
    )


@pytest.fixture
def song(tmp_path):
    return of(track(tmp_path / "Song"))


@pytest.fixture(scope="module")
def quartet(tmp_path_factory):
    """A piece with two violins in files of their own."""
    folder = tmp_path_factory.mktemp("piece")
    names = {"vn": ("vn1", "vn2"), "va": ("va",), "vc": ("vc",)}
    stems = {
        label: tuple(write(folder / f"{name}.wav", sound(name, channels=1)) for name in files)
        for label, files in names.items()
    }
    return DatasetTrack(name="Quartet", stems=stems)


def test_says_what_its_headers_say(song):
    assert (song.sample_rate, song.channels, song.frames) == (RATE, 2, RATE)
    assert song.sources == BAND


@pytest.mark.parametrize("source", [*BAND, "mixture"])
def test_a_source_is_read_whole(song, source):
    expected = samples_of(song.mixture.with_name(f"{source}.wav"))

    samples = song.read(source)

    assert samples.dtype == torch.float32
    assert np.array_equal(samples.numpy(), expected)


def test_files_of_one_source_are_added_up(quartet):
    assert np.array_equal(quartet.read("vn").numpy(), samples_of(*quartet.stems["vn"]))


def test_a_mixture_without_a_file_is_the_sum_of_the_stems(quartet):
    paths = [path for files in quartet.stems.values() for path in files]

    assert np.array_equal(quartet.read().numpy(), samples_of(*paths))


def test_a_mixture_of_its_own_is_read_and_not_summed(tmp_path):
    folder = track(tmp_path / "Song")
    write(folder / "mixture.wav", sound("mastered"))

    assert np.array_equal(of(folder).read().numpy(), samples_of(folder / "mixture.wav"))


def test_the_accompaniment_is_everything_but_the_vocals(song):
    folder = song.mixture.parent
    expected = samples_of(*(folder / f"{stem}.wav" for stem in ("drums", "bass", "other")))

    assert song.has("accompaniment")
    assert np.array_equal(song.read("accompaniment").numpy(), expected)


def test_the_accompaniment_of_vocals_alone_is_what_the_mixture_has_beside_them(tmp_path):
    folder = track(tmp_path / "Song", ["vocals", "accompaniment"])
    song = of(folder, ["vocals"])

    expected = samples_of(folder / "accompaniment.wav")

    assert np.allclose(song.read("accompaniment").numpy(), expected, atol=1e-7)


def test_an_accompaniment_that_is_there_is_read(tmp_path):
    folder = track(tmp_path / "Song", [*BAND, "accompaniment"])
    song = of(folder, [*BAND, "accompaniment"])

    assert np.array_equal(
        song.read("accompaniment").numpy(), samples_of(folder / "accompaniment.wav")
    )


@pytest.mark.parametrize("stems", [[*BAND, "accompaniment"], [*BAND]])
def test_an_accompaniment_beside_its_stems_does_not_count_twice(tmp_path, stems):
    folder = track(tmp_path / "Song", stems)
    song = of(folder, stems, mixture=None)

    expected = samples_of(*(folder / f"{stem}.wav" for stem in BAND))

    assert np.array_equal(song.read("mixture").numpy(), expected)


def test_vocals_and_accompaniment_are_a_mixture(tmp_path):
    folder = track(tmp_path / "Song", ["vocals", "accompaniment"])
    song = of(folder, ["vocals", "accompaniment"], mixture=None)

    expected = samples_of(folder / "vocals.wav", folder / "accompaniment.wav")

    assert np.array_equal(song.read("mixture").numpy(), expected)


def test_without_vocals_there_is_no_accompaniment(quartet):
    assert not quartet.has("accompaniment")
    with pytest.raises(DatasetError, match="'Quartet' has no 'accompaniment'"):
        quartet.read("accompaniment")


def test_vocals_alone_have_no_accompaniment(tmp_path):
    song = of(track(tmp_path / "Song"), ["vocals"], mixture=None)

    assert not song.has("accompaniment")


def test_a_source_that_is_missing_is_named_with_what_is_meant(song):
    with pytest.raises(DatasetError, match="'Song' has no 'vocal'") as caught:
        song.read("vocal")

    assert "did you mean 'vocals'?" in caught.value.hint


@settings(max_examples=80, deadline=None)
@given(start=st.integers(-300, RATE + 300), frames=st.integers(1, RATE + 600))
def test_any_window_is_a_slice_of_the_whole(quartet, start, frames):
    around = torch.nn.functional.pad(quartet.read("vn"), (300, 3 * RATE))

    window = quartet.read("vn", start, frames)

    assert torch.equal(window, around[:, start + 300 : start + 300 + frames])


@pytest.mark.parametrize("ending", [".wav", ".flac"])
@pytest.mark.parametrize("channels", [1, 2])
def test_windows_do_not_depend_on_the_container(tmp_path, ending, channels):
    folder = track(tmp_path / "Song", channels=channels, ending=ending)
    song = DatasetTrack(name="Song", stems={"drums": (folder / f"drums{ending}",)})
    whole = torch.from_numpy(samples_of(folder / f"drums{ending}"))

    assert torch.equal(song.read("drums", 1_234, 2_345), whole[:, 1_234:3_579])


def test_without_a_length_a_window_goes_to_the_end(song):
    assert song.read("bass", RATE - 17).shape == (2, 17)
    assert song.read("bass", RATE + 17).shape == (2, 1)


def test_several_sources_are_read_together(song):
    together = song.read_all(("vocals", "mixture"), 100, 200)

    assert together.shape == (2, 2, 200)
    assert torch.equal(together[0], song.read("vocals", 100, 200))
    assert torch.equal(together[1], song.read("mixture", 100, 200))


def test_a_source_that_is_absent_may_be_silent(song):
    together = song.read_all(("piano", "drums"), 0, 10, absent_is_silent=True)

    assert not together[0].any()
    assert together[1].any()
    with pytest.raises(DatasetError, match="no 'piano'"):
        song.read_all(("piano", "drums"), 0, 10)


@pytest.mark.parametrize("frames", [RATE, 999, 100_000])
@pytest.mark.parametrize("source", ["mixture", "vn"])
def test_blocks_join_to_the_whole(quartet, source, frames):
    opened = quartet.open(source)

    blocks = [*opened.blocks(frames)]

    assert {block.shape[-1] for block in blocks[:-1]} <= {frames}
    assert torch.equal(torch.cat(blocks, dim=-1), quartet.read(source))
    assert (opened.format, opened.frames) == (AudioFormat(RATE, 1), RATE)


def test_it_is_read_by_the_line_that_separates(song):
    """An opened source is a track such as ``Separator.stream`` takes."""
    from unmixcli.audio.level import measure

    opened = song.open()

    assert measure(opened.blocks()) == measure(opened.blocks())


# Files that do not agree


def test_rates_that_differ_are_refused_with_both_files(tmp_path):
    folder = track(tmp_path / "Song")
    write(folder / "bass.wav", sound("bass"), rate=44_100)

    with pytest.raises(DatasetError, match=r"mixture\.wav' has 8000 Hz, .*bass\.wav' has 44100"):
        _ = of(folder).frames


def test_channels_that_differ_are_refused_with_both_files(tmp_path):
    folder = track(tmp_path / "Song")
    write(folder / "other.wav", sound("other", channels=1))

    with pytest.raises(DatasetError, match=r"has 2 channels, .*other\.wav' has 1 channels"):
        of(folder).read("drums")


def test_lengths_that_differ_much_are_refused(tmp_path):
    folder = track(tmp_path / "Song")
    write(folder / "vocals.wav", sound("vocals", frames=RATE // 2))

    with pytest.raises(DatasetError, match=r"is 0\.50 s longer than '.*vocals\.wav'"):
        of(folder).read("drums")


@pytest.mark.parametrize("shorter", [1, RATE // 10])
def test_lengths_that_differ_little_are_cut_with_a_note(tmp_path, shorter):
    folder = track(tmp_path / "Song")
    write(folder / "vocals.wav", sound("Song/vocals")[:-shorter])
    song = of(folder)

    assert song.frames == RATE - shorter
    assert song.read("drums").shape == (2, RATE - shorter)
    assert torch.cat([*song.open("drums").blocks()], dim=-1).shape == (2, RATE - shorter)
    assert not song.read("drums", RATE - shorter, shorter).any()
    [note] = song.agreement.notes
    assert f"by up to {shorter} samples" in note
    assert "vocals.wav" in note


def test_an_unreadable_file_is_named_with_its_track(tmp_path):
    folder = track(tmp_path / "Song")
    (folder / "bass.wav").write_bytes(b"not a sound")

    with pytest.raises(DatasetError, match=r"track 'Song': '.*bass\.wav' is not an audio file"):
        of(folder).read("drums")


def test_a_truncated_file_is_named_with_its_track(tmp_path):
    folder = track(tmp_path / "Song")
    path = folder / "bass.wav"
    path.write_bytes(path.read_bytes()[:-5_000])

    with pytest.raises(DatasetError, match=r"track 'Song': '.*bass\.wav' is truncated") as caught:
        _ = of(folder).frames
    assert caught.value.exit_code == 7


def test_a_file_that_was_cut_since_its_header_was_read_is_no_shorter_stem(tmp_path):
    song = of(track(tmp_path / "Song"))
    opened = song.open("bass")
    write(song.stems["bass"][0], sound("other")[:100])

    with pytest.raises(DatasetError, match="track 'Song' changed while it was read"):
        list(opened.blocks())


def test_a_fault_is_told_whatever_is_asked():
    broken = DatasetTrack(name="Song", stems={}, fault="it is broken")

    for ask in (broken.read, broken.open, lambda: broken.frames, lambda: broken.files):
        with pytest.raises(DatasetError, match="track 'Song': it is broken"):
            ask()


def test_mixtures_of_sixteen_bits_are_exact(tmp_path):
    song = of(track(tmp_path / "Song"))
    stems = [sound(f"Song/{stem}") for stem in BAND]

    assert np.array_equal(song.read().numpy() * 32768, mixed(stems).T.astype(np.float32))
