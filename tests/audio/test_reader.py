import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from unmixcli.audio.decoder import DecodeError
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.reader import AudioReader
from unmixcli.errors import AudioError, UsageError

LOSSLESS = ["a.wav", "a.flac", "a.aiff", "a.au", "a.w64", "a.caf"]
LOSSY = ["a.ogg", "a.mp3"]


def read(path, frames=4096, **window):
    with AudioReader(path, **window) as reader:
        samples = torch.cat(list(reader.blocks(frames)), -1)
        assert samples.shape == (reader.format.channels, reader.frames)
        return samples


def refusal(path, **window):
    with pytest.raises(AudioError) as caught:
        read(path, **window)
    assert f"{path}" in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def patched(path, offset, value):
    data = bytearray(path.read_bytes())
    data[offset : offset + len(value)] = value
    path.write_bytes(data)
    return path


def cut(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def descriptors():
    return [entry.name for entry in Path("/proc/self/fd").iterdir() if entry.exists()]


# What can be read


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_lossless_files_give_the_samples_they_were_made_of(make, noise, name, channels):
    samples = (noise(5000, channels) * 32768).astype(np.int16)

    read_back = read(make(name, samples))

    assert torch.equal(read_back, torch.from_numpy(samples.T / np.float32(32768)))


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize("frames", [1, 10, 44_101])
def test_no_sample_is_lost_or_added(make, noise, name, frames):
    assert read(make(name, noise(frames))).shape == (2, frames)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_101, 48_000, 96_000, 192_000])
def test_rates_are_reported(make, rate):
    with AudioReader(make(rate=rate)) as reader:
        assert reader.format == AudioFormat(rate, 2)
        assert reader.frames == 44_100


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "MS_ADPCM"]
)
def test_common_encodings_are_read(make, subtype):
    samples = 0.5 * np.sin(np.arange(4000) / 20)[:, None].astype(np.float32)

    read_back = read(make(samples=samples, subtype=subtype))[:, :4000]

    assert float((read_back - torch.from_numpy(samples.T)).abs().max()) < 0.05


def test_opus_and_rf64_are_read(make):
    assert read(make("a.opus", rate=48_000, format="OGG", subtype="OPUS")).shape == (2, 44_100)
    assert read(make("a.rf64", format="RF64")).shape == (2, 44_100)


@pytest.mark.parametrize(
    "value", [2.5, -100.0, 1e8, 1e-39], ids=["loud", "very loud", "huge", "denormal"]
)
def test_float_samples_survive_untouched(make, value):
    samples = np.full((100, 2), value, np.float32)

    assert torch.equal(read(make(samples=samples, subtype="FLOAT")), torch.from_numpy(samples.T))


def test_content_decides_not_the_name(make, tmp_path):
    music = make("a.mp3")
    for name in ("a.wav", "b.raw", "noextension", "a.txt"):
        path = tmp_path / name
        path.write_bytes(music.read_bytes())
        assert torch.equal(read(path), read(music))


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"two\nlines.wav", b"-n.wav", b"concat:x.wav"])
def test_any_name_can_be_opened(make, name):
    path = make()

    renamed = path.rename(path.with_name(os.fsdecode(name)))

    assert read(renamed).shape == (2, 44_100)


def test_tags_before_the_music_are_passed_over(make, tmp_path):
    tag = b"ID3\x03\0\0\0\0\x10\0" + bytes(2048)
    for name in ("a.flac", "a.mp3"):
        plain = make(name)
        tagged = tmp_path / f"tagged-{name}"
        tagged.write_bytes(tag + plain.read_bytes())
        assert torch.equal(read(tagged), read(plain))


def test_a_streamed_wav_is_as_long_as_the_file(make):
    assert read(patched(make(), 40, b"\xff" * 4)).shape == (2, 44_100)


@pytest.mark.parametrize("name", ["a.wav", *LOSSY])
def test_passes_may_be_repeated_and_interleaved(make, name):
    with AudioReader(make(name)) as reader:
        whole = torch.cat(list(reader.blocks()), -1)
        both = list(zip(reader.blocks(999), reader.blocks(999), strict=True))

    assert all(torch.equal(one, other) for one, other in both)
    assert torch.equal(torch.cat([one for one, _ in both], -1), whole)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="cannot count descriptors")
def test_leaving_closes_what_was_not_read_to_the_end(make):
    before = descriptors()
    with AudioReader(make()) as reader:
        unfinished = reader.blocks(10)
        next(unfinished)
        during = descriptors()

    assert len(during) == len(before) + 1
    assert descriptors() == before


# Windows


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize(("start", "duration"), [(0.25, 0.5), (0.99, None), (0.999, 9.0), (0, 0.1)])
def test_a_window_is_the_same_samples_as_the_whole(make, name, start, duration):
    path = make(name)
    whole = read(path)
    first = round(start * 44_100)
    last = 44_100 if duration is None else min(44_100, first + round(duration * 44_100))

    assert torch.equal(read(path, start=start, duration=duration), whole[:, first:last])


def test_a_start_behind_the_end_is_refused(make):
    assert "ends at 1.00 s, not after the start at 1.0 s" in refusal(make(), start=1.0)


@pytest.mark.parametrize(
    "window", [{"start": -1.0}, {"start": float("nan")}, {"duration": 0.0}, {"duration": -2.0}]
)
def test_impossible_windows_are_refused(make, window):
    with pytest.raises(UsageError):
        AudioReader(make(), **window)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", *LOSSY])
def test_a_window_before_the_damage_is_read(make, name):
    path = make(name)
    whole = read(path)

    assert torch.equal(read(cut(path, 0.6), duration=0.1), whole[:, :4410])


# Files that promise more than they hold


def test_a_cut_wav_says_how_much_is_there(make):
    path = make(subtype="PCM_16")
    data = path.read_bytes()
    path.write_bytes(data[: 44 + 22_044 * 4])

    assert "truncated: 22044 of 44100 frames" in refusal(path)


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY, "a.rf64"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_cut_short_is_refused(make, name, share):
    path = make(name, format="RF64") if name == "a.rf64" else make(name)

    message = refusal(cut(path, share))

    assert "truncated" in message or "malformed" in message


@pytest.mark.parametrize("subtype", ["MS_ADPCM", "IMA_ADPCM", "ULAW"])
def test_a_cut_file_of_packed_samples_is_refused(make, subtype):
    assert "truncated" in refusal(cut(make(subtype=subtype)))


def test_a_wav_that_ends_in_its_last_frame_is_refused(make):
    path = make()
    path.write_bytes(path.read_bytes()[:-1])

    assert "truncated: 44099 of 44100 frames" in refusal(path)


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_wav_cut_in_its_header_is_refused(make, length):
    path = make()
    path.write_bytes(path.read_bytes()[:length])

    refusal(path)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg"])
@pytest.mark.parametrize("length", [1, 200])
def test_flipped_bits_are_noticed(make, name, length):
    path = make(name)
    middle = path.stat().st_size // 2
    flipped = bytes(b ^ 0x55 for b in path.read_bytes()[middle : middle + length])

    assert "truncated" in refusal(patched(path, middle, flipped))


def test_flipped_bits_on_the_last_page_are_noticed(make):
    path = make("a.ogg")
    last = path.read_bytes()[-100]

    assert "truncated" in refusal(patched(path, path.stat().st_size - 100, bytes([last ^ 1])))


def test_a_wav_larger_than_its_size_field_is_refused(make):
    path = make()
    os.truncate(path, (1 << 32) + 200_000)  # sparse: takes no room

    assert "larger than its WAV header" in refusal(path)


def test_a_flac_of_unknown_length_is_refused(make):
    path = make("a.flac")
    patched(path, 21, bytes([path.read_bytes()[21] & 0xF0]) + bytes(4))

    assert "does not say how long it is" in refusal(path)


def test_a_file_that_changes_while_it_is_read_is_refused(make, noise):
    path = make()
    with AudioReader(path) as reader:
        make(samples=noise(100))
        with pytest.raises(AudioError, match="changed while it was read"):
            next(reader.blocks())


def test_a_file_cut_while_it_is_read_is_refused(make):
    path = make()
    with AudioReader(path) as reader:
        blocks = reader.blocks(10_000)
        next(blocks)
        os.truncate(path, 80_000)
        with pytest.raises(AudioError, match="truncated"):
            list(blocks)


# Samples no music has


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "NaN"), (np.inf, "an infinity"), (-np.inf, "an infinity")]
)
@pytest.mark.parametrize("block", [100, 65_536])
def test_samples_that_are_no_numbers_are_located(make, noise, value, words, block):
    samples = noise(44_100)
    samples[882, 0] = value
    samples[20_000, 1] = np.nan
    path = make(samples=samples, subtype="FLOAT")

    with pytest.raises(AudioError, match=rf"contains {words} at 0:00.02 \(sample 882, channel 1\)"):
        read(path, block)


def test_a_window_counts_from_the_start_of_the_file(make, noise):
    samples = noise(44_100)
    samples[30_000, 1] = np.nan
    path = make(samples=samples, subtype="FLOAT")

    assert "sample 30000, channel 2" in refusal(path, start=0.5)
    assert read(path, duration=0.5).isfinite().all()


# What is no audio


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_a_file_without_samples_is_refused(make, noise, name):
    assert "no audio samples" in refusal(make(name, noise(0)))


@pytest.mark.parametrize(
    "content",
    [
        b"hello, I am text\n" * 100,
        b"#EXTM3U\nfile.ts\n",
        b"ffconcat version 1.0\nfile other.wav\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\x24\0\0\0AVI LIST" + bytes(100),
        b"\xff\xfb\x90\x44" + b"not a frame" * 200,
        b"ID3\x03\0\0\0\0\0\x0ahello this is no music",
        bytes(1000),
        b"R",
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw"])
def test_what_is_no_audio_never_reaches_a_decoder(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)

    assert refusal(path) == f"'{path}' is not an audio file"


def test_random_bytes_are_refused_in_silence(tmp_path, rng, capfd):
    for index in range(50):
        path = tmp_path / f"{index}.mp3"
        path.write_bytes(rng.bytes(3000))
        refusal(path)

    assert capfd.readouterr().err == ""


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.touch()

    assert refusal(path) == f"'{path}' is an empty file"


def test_missing_files_and_broken_links_are_told_apart(tmp_path):
    loop, dangling = tmp_path / "loop.wav", tmp_path / "dangling.wav"
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "nothing")

    assert "no such file" in refusal(tmp_path / "missing.wav")
    assert "the link leads nowhere" in refusal(dangling)
    assert "symbolic link" in refusal(loop)


def test_a_file_below_a_file_is_refused(make):
    assert "not a directory" in refusal(make() / "a.wav")


def test_names_no_file_can_have_are_refused(tmp_path):
    assert "too long" in refusal(tmp_path / ("a" * 300))
    with pytest.raises(AudioError, match="null"):
        AudioReader(tmp_path / "a\0b.wav")


def test_a_directory_is_refused(tmp_path):
    assert "is a directory" in refusal(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_what_never_ends_is_refused_at_once(tmp_path):
    fifo = tmp_path / "a.wav"
    os.mkfifo(fifo)
    endless = tmp_path / "b.wav"
    endless.symlink_to("/dev/zero")

    assert "not a regular file" in refusal(fifo)
    assert "not a regular file" in refusal(endless)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission_is_refused(make):
    path = make()
    path.chmod(0)

    assert "permission denied" in refusal(path)


@pytest.mark.parametrize("rate", [0, 1, 999, 768_001, 2**31 - 1])
def test_rates_no_music_has_are_refused(make, rate):
    refusal(patched(make(), 24, struct.pack("<I", rate)))


@pytest.mark.parametrize("channels", [0, 65, 1000, 65_535])
def test_impossible_channel_counts_are_refused(make, channels):
    refusal(
        patched(make(), 22, struct.pack("<HIIH", channels, 44_100, 44_100, channels * 2 % 65_536))
    )


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32"])
def test_exotic_encodings_are_refused(make, noise, subtype):
    path = make(samples=noise(8000, 1), rate=8_000, subtype=subtype)

    assert f"is encoded as {subtype}" in refusal(path)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.caf", "a.w64"])
def test_every_prefix_and_flip_is_read_or_refused(make, noise, rng, name):
    path = make(name, noise(600, 1), 8_000)
    data = path.read_bytes()
    for length in rng.integers(1, len(data), 40):
        path.write_bytes(data[:length])
        attempt(path)
    for offset in rng.integers(0, min(512, len(data)), 60):
        path.write_bytes(data)
        attempt(patched(path, offset, bytes([data[offset] ^ 1 << int(rng.integers(8))])))


def attempt(path):
    try:
        samples = read(path)
    except AudioError:
        return
    with AudioReader(path) as reader:
        assert samples.shape == (reader.format.channels, reader.frames)
    assert samples.isfinite().all()


# Standard error


def test_libmpg123_says_nothing_about_a_cut_mp3(make):
    path = cut(make("a.mp3"))
    program = (
        "import sys; from pathlib import Path; from unmixcli.audio.reader import AudioReader\n"
        "try: list(AudioReader(Path(sys.argv[1])).blocks())\n"
        "except Exception as error: print(error)\n"
        "print('still here', file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )

    assert "truncated" in done.stdout
    assert done.stderr == "still here\n"


def test_libsndfile_errors_carry_their_cause(make):
    path = patched(make(), 20, b"\x99\x99")

    with pytest.raises(AudioError) as caught:
        AudioReader(path)

    assert isinstance(caught.value.__cause__, DecodeError) or "encoded" in str(caught.value)


def test_ogg_files_joined_into_one_are_refused(make, tmp_path):
    """libsndfile reads the first of them and is content."""
    path = make("a.ogg")
    path.write_bytes(path.read_bytes() * 2)

    with pytest.raises(AudioError, match="several Ogg files joined"):
        AudioReader(path)


@pytest.mark.parametrize("cut", [1, 100, 1000, 20_000])
def test_a_caf_cut_short_is_refused(make, cut):
    path = make("a.caf", format="CAF")
    assert read(path).shape[-1]
    path.write_bytes(path.read_bytes()[:-cut])

    with pytest.raises(AudioError, match=r"truncated|malformed"):
        AudioReader(path)


def test_a_flac_that_holds_more_than_it_says_is_refused(make):
    samples = np.random.default_rng(0).uniform(-1, 1, (200_000, 2)).astype(np.float32)
    path = make("a.flac", samples=samples)
    data = bytearray(path.read_bytes())
    assert read(path).shape == (2, 200_000)
    data[22:26] = (60_000).to_bytes(4, "big")  # the low half of STREAMINFO's count
    path.write_bytes(bytes(data))

    with AudioReader(path) as reader, pytest.raises(AudioError, match="more than its header says"):
        list(reader.blocks())


def test_a_file_of_nothing_but_zeros_behind_its_name_ends_soon(tmp_path):
    path = tmp_path / "zeros.wav"
    with path.open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\x7fWAVE")
        file.truncate(1 << 40)

    with pytest.raises(AudioError):
        AudioReader(path)
