import os
import signal
import stat
import struct
import subprocess
import sys
import textwrap
from collections import namedtuple

import numpy as np
import pytest
import soundfile
import torch

from unmixcli.audio.encoding.outputs import check_output
from unmixcli.audio.encoding.quantise import quantise
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.subtype import Subtype
from unmixcli.audio.writer import StemWriter
from unmixcli.errors import OutputError

STEREO = AudioFormat(44_100, 2)
STEMS = ("vocals", "drums")


@pytest.fixture
def estimates():
    return torch.randn(2, 2, 5000, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out" / "song"


def write(folder, estimates, block=997, **options):
    with StemWriter(folder, STEMS, STEREO, estimates.shape[-1], **options) as writer:
        for part in estimates.split(block, -1):
            writer.write(part)
    return writer


def write_and(do, folder, estimates, frames=None, **options):
    """Write all estimates, and let something happen before the end."""
    total = estimates.shape[-1] if frames is None else frames
    with StemWriter(folder, STEMS, STEREO, total, **options) as writer:
        writer.write(estimates)
        do()


def throw(error):
    raise error


def everything(place):
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


# What is written


def test_float_stems_are_the_estimates_untouched(folder, estimates):
    loud = estimates * 1e6

    writer = write(folder, loud)

    assert writer.paths == {stem: folder / f"{stem}.wav" for stem in STEMS}
    assert writer.clipped == {"vocals": 0, "drums": 0}
    for path, estimate in zip(writer.paths.values(), loud, strict=True):
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == 44_100
        assert torch.equal(torch.from_numpy(samples.T), estimate)
        assert soundfile.info(path).subtype == "FLOAT"


@pytest.mark.parametrize(
    ("subtype", "bits"), [(Subtype.INT16, 16), (Subtype.INT24, 24)], ids=["int16", "int24"]
)
def test_integers_are_the_nearest_and_clipping_is_counted(folder, subtype, bits):
    full = 2 ** (bits - 1)
    values = [0.0, 0.4, 0.6, -0.6, 2.5, full - 1, full, -full, -full - 1, 9 * full]
    expected = [0, 0, 1, -1, 2, full - 1, full - 1, -full, -full, full - 1]
    estimates = torch.tensor(values).div(full).expand(2, 2, -1).clone()
    estimates[1] /= 100

    writer = write(folder, estimates, subtype=subtype)

    stored, _ = soundfile.read(writer.paths["vocals"], dtype="int32")
    assert (stored[:, 0] >> (32 - bits)).tolist() == expected
    assert writer.clipped == {"vocals": 6, "drums": 0}
    assert soundfile.info(writer.paths["vocals"]).subtype == f"PCM_{bits}"


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("frames", [1, 65_537])
def test_any_shape_is_written(folder, channels, frames):
    estimates = torch.randn(1, channels, frames)

    with StemWriter(folder, ["other"], AudioFormat(8_000, channels), frames) as writer:
        writer.write(estimates)

    samples, rate = soundfile.read(writer.paths["other"], dtype="float32", always_2d=True)
    assert rate == 8_000
    assert torch.equal(torch.from_numpy(samples.T), estimates[0])


@pytest.mark.parametrize("subtype", Subtype)
def test_two_runs_give_identical_bytes_whenever_they_are(tmp_path, estimates, subtype):
    one = write(tmp_path / "one", estimates, subtype=subtype)
    other = write(tmp_path / "other", estimates, block=5000, subtype=subtype)

    for stem in STEMS:
        data = one.paths[stem].read_bytes()
        assert data == other.paths[stem].read_bytes()
        if (at := data.find(b"PEAK")) >= 0:
            version, time = struct.unpack_from("<II", data, at + 8)
            assert (version, time) == (1, 0)
    assert (b"PEAK" in data) == (subtype is Subtype.FLOAT)


def test_beyond_four_gigabytes_a_stem_is_rf64(folder, monkeypatch, estimates):
    monkeypatch.setattr("unmixcli.audio.writer._WAV_LARGEST", 10_000)

    writer = write(folder, estimates)

    assert soundfile.info(writer.paths["vocals"]).format == "RF64"
    samples, _ = soundfile.read(writer.paths["vocals"], dtype="float32")
    assert torch.equal(torch.from_numpy(samples.T), estimates[0])


@pytest.mark.skipif(os.name == "nt", reason="no umask there")
def test_the_umask_is_respected(folder, estimates):
    before = os.umask(0o027)
    try:
        writer = write(folder, estimates)
    finally:
        os.umask(before)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE(writer.paths["drums"].stat().st_mode) == 0o640


def test_the_longest_folder_name_is_possible(tmp_path, estimates):
    folder = tmp_path / ("é" * 127)

    write(folder, estimates)

    assert everything(folder) == ["drums.wav", "vocals.wav"]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


# All stems or none


def test_nothing_is_visible_before_the_end(folder, estimates):
    with StemWriter(folder, STEMS, STEREO, 5000) as writer:
        writer.write(estimates)
        assert not folder.exists()
        assert all(path.name.startswith(".") for path in folder.parent.iterdir())

    assert everything(folder.parent) == ["song", "song/drums.wav", "song/vocals.wav"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_an_exception_nothing_is_left(tmp_path, folder, estimates, error):
    with pytest.raises(error):
        write_and(lambda: throw(error), folder, estimates, frames=6000)

    assert everything(tmp_path) == []


def test_parents_that_others_use_meanwhile_are_left(tmp_path, folder, estimates):
    with pytest.raises(RuntimeError):
        write_and((folder.parent / "other").mkdir, folder, estimates, frames=6000)

    assert everything(tmp_path) == ["out", "out/other"]


def test_too_few_samples_are_a_bug_and_leave_nothing(tmp_path, folder, estimates):
    with (
        pytest.raises(RuntimeError, match="5000 of 5001"),
        StemWriter(folder, STEMS, STEREO, 5001) as writer,
    ):
        writer.write(estimates)

    assert everything(tmp_path) == []


def test_estimates_of_another_shape_are_a_bug(folder, estimates):
    with pytest.raises(ValueError, match="must be"), StemWriter(folder, STEMS, STEREO, 9) as writer:
        writer.write(estimates[:1])


def test_old_stems_are_whole_until_they_are_replaced(folder, estimates):
    write(folder, estimates)
    (folder / "notes.txt").write_text("mine")
    before = (folder / "drums.wav").read_bytes()

    with pytest.raises(KeyError):
        write_and(lambda: throw(KeyError), folder, estimates * 2, overwrite=True)
    assert (folder / "drums.wav").read_bytes() == before

    write(folder, estimates * 2, overwrite=True)
    assert (folder / "drums.wav").read_bytes() != before
    assert everything(folder) == ["drums.wav", "notes.txt", "vocals.wav"]
    assert everything(folder.parent)[0] == "song"


def test_new_stems_join_a_folder_that_exists(folder, estimates):
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")

    write(folder, estimates)

    assert everything(folder) == ["drums.wav", "notes.txt", "vocals.wav"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_is_replaced_and_its_target_left_alone(tmp_path, folder, estimates):
    folder.mkdir(parents=True)
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"precious")
    (folder / "drums.wav").symlink_to(precious)
    (folder / "vocals.wav").symlink_to(tmp_path / "nowhere")

    with pytest.raises(OutputError, match="exists already"):
        check_output(folder, STEMS)
    write(folder, estimates, overwrite=True)

    assert precious.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()
    assert not (folder / "drums.wav").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_folder_may_be_a_link(tmp_path, folder, estimates):
    real = tmp_path / "real"
    real.mkdir()
    folder.parent.mkdir()
    folder.symlink_to(real)

    write(folder, estimates)

    assert everything(real) == ["drums.wav", "vocals.wav"]
    assert folder.is_symlink()


def test_of_two_writers_at_once_the_second_is_told(folder, estimates):
    with pytest.raises(OutputError, match=r"vocals.wav' appeared meanwhile"):
        write_and(lambda: write(folder, estimates * 2), folder, estimates)

    samples, _ = soundfile.read(folder / "drums.wav", dtype="float32")
    assert torch.equal(torch.from_numpy(samples.T), estimates[1] * 2)
    assert everything(folder.parent) == ["song", "song/drums.wav", "song/vocals.wav"]


# What is refused at once


def test_existing_stems_are_not_replaced_unasked(folder, estimates):
    write(folder, estimates)

    with pytest.raises(OutputError, match=r"drums.wav' exists already"):
        StemWriter(folder, ["drums"], STEREO, 1)
    with pytest.raises(OutputError, match=r"drums.wav' exists already") as caught:
        check_output(folder, ["other", "drums"], overwrite=False)

    assert "--overwrite" in caught.value.hint
    check_output(folder, STEMS, overwrite=True)
    check_output(folder, ["other"])


def test_checking_makes_nothing(tmp_path, folder):
    check_output(folder, STEMS)

    assert everything(tmp_path) == []


@pytest.mark.parametrize("below", ["", "sub", "sub/deeper"])
def test_a_folder_below_a_file_is_refused(tmp_path, below):
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match="not a directory"):
        check_output(tmp_path / "file" / below, STEMS)


def test_a_folder_named_like_a_stem_is_refused(folder):
    (folder / "drums.wav").mkdir(parents=True)

    with pytest.raises(OutputError, match="is a directory"):
        check_output(folder, STEMS, overwrite=True)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(OutputError, match="no permission"):
        check_output(tmp_path / "out", STEMS)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_folders_no_system_can_make_are_refused(tmp_path, name):
    with pytest.raises(OutputError, match="cannot write"):
        check_output(tmp_path / name, STEMS)


@pytest.mark.parametrize("stem", ["", "../up", "a/b", ".hidden", "a\\b", "a\0"])
def test_a_stem_cannot_leave_the_folder(folder, stem):
    with pytest.raises(OutputError, match="cannot be a file name"):
        check_output(folder, [stem])


@pytest.mark.parametrize("stems", [[], ["a", "a"]])
def test_stems_are_distinct_and_at_least_one(folder, stems):
    with pytest.raises(OutputError, match="distinct"):
        check_output(folder, stems)


def test_what_will_not_fit_is_refused_before_it_is_computed(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 5_000_000, 5_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)

    with pytest.raises(OutputError, match="17 MB needed, 5 MB free"):
        StemWriter(folder, STEMS, STEREO, 1_000_000)
    StemWriter(folder, STEMS, STEREO, 100_000)


# What goes wrong later


def run(program, *arguments, **options):
    source = (
        "import os, resource, signal, sys, torch\n"
        "from pathlib import Path\n"
        "from unmixcli.audio.format import AudioFormat\n"
        "from unmixcli.audio.writer import StemWriter\n"
        "folder = Path(sys.argv[1])\n" + textwrap.dedent(program)
    )
    return subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal there")
@pytest.mark.parametrize("exists", [False, True])
def test_a_kill_leaves_nothing_under_the_final_names(folder, estimates, exists):
    if exists:
        folder.mkdir(parents=True)
    killed = run(
        """
        with StemWriter(folder, ["vocals", "drums"], AudioFormat(44100, 2), 200000) as writer:
            writer.write(torch.zeros(2, 2, 100000))
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        folder,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not list(folder.parent.rglob("song/vocals.wav"))
    assert any(name.endswith(".part") for name in everything(folder.parent))

    write(folder, estimates)

    assert everything(folder.parent) == ["song", "song/drums.wav", "song/vocals.wav"]


def test_the_folder_of_a_living_writer_is_left_alone(folder, estimates):
    with StemWriter(folder, STEMS, STEREO, 5000) as writer:
        writer.write(estimates)
        with pytest.raises(KeyError):
            write_and(lambda: throw(KeyError), folder, estimates)

    assert everything(folder) == ["drums.wav", "vocals.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_file_that_may_not_grow_is_an_output_error(folder):
    done = run(
        """
        from unmixcli.errors import OutputError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            with StemWriter(folder, ["vocals", "drums"], AudioFormat(44100, 2), 50_000) as writer:
                for _ in range(50):
                    writer.write(torch.ones(2, 2, 1000))
        except OutputError as error:
            print(error, "|", error.hint)
        """,
        folder,
    )

    assert done.stderr == ""
    assert f"cannot write '{folder / 'vocals.wav'}'" in done.stdout
    assert "file size limit" in done.stdout
    assert everything(folder.parent.parent) == []


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root can mount"
)
def test_a_full_disk_is_an_output_error(tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed")
    try:
        with pytest.raises(OutputError, match="not enough space"):
            StemWriter(disk / "song", STEMS, STEREO, 100_000)
        (disk / "filler").write_bytes(bytes(250_000))
        monkeypatch.setattr("unmixcli.audio.writer.check_space", lambda folder, needed: None)
        with pytest.raises(OutputError, match=r"cannot write .*vocals.wav"):
            write(disk / "song", torch.ones(2, 2, 10_000))
        assert everything(disk) == ["filler"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_stem_that_came_out_short_is_an_output_error(tmp_path, folder, estimates, monkeypatch):
    monkeypatch.setattr(soundfile.SoundFile, "write", lambda self, samples: None)

    with pytest.raises(OutputError, match="bytes were written"):
        write(folder, estimates)

    assert everything(tmp_path) == []


def test_a_folder_that_vanishes_is_an_output_error(tmp_path, folder, estimates):
    with pytest.raises(OutputError, match="no such file"):
        write_and(lambda: folder.parent.rename(tmp_path / "gone"), folder, estimates)


def test_quantising_needs_no_more_than_a_float(rng):
    samples = rng.uniform(-1, 1, 100_000).astype(np.float32)

    stored, _ = quantise(samples, Subtype.INT24)

    exact = np.rint(samples.astype(np.float64) * 2**23)
    assert np.array_equal(stored >> 8, np.clip(exact, -(2**23), 2**23 - 1))


# What is dropped


def drop(folder, estimates, stems, into=None, **options):
    with StemWriter(folder, STEMS, STEREO, estimates.shape[-1], **options) as writer:
        writer.write(estimates)
        writer.drop(stems, into)
    return writer


@pytest.mark.parametrize("there", [False, True], ids=["new folder", "old folder"])
def test_a_dropped_stem_is_never_there(tmp_path, folder, estimates, there):
    if there:
        folder.mkdir(parents=True)

    writer = drop(folder, estimates, ["vocals"])

    assert everything(tmp_path) == ["out", "out/song", "out/song/drums.wav"]
    assert writer.paths == {"drums": folder / "drums.wav"}
    assert writer.clipped == {"drums": 0}
    samples, _ = soundfile.read(folder / "drums.wav", dtype="float32")
    assert np.array_equal(samples, estimates[1].T.numpy())


def test_dropping_nothing_changes_nothing(folder, estimates):
    drop(folder, estimates, [], into="drums")

    assert sorted(path.name for path in folder.iterdir()) == ["drums.wav", "vocals.wav"]


@pytest.mark.parametrize("frames", [5000, 70_000])
@pytest.mark.parametrize("subtype", Subtype)
def test_what_was_in_a_dropped_stem_goes_into_another(tmp_path, folder, frames, subtype):
    estimates = torch.rand(2, 2, frames, generator=torch.Generator().manual_seed(1)) - 0.5

    drop(folder, estimates, ["vocals"], into="drums", subtype=subtype)

    assert everything(tmp_path) == ["out", "out/song", "out/song/drums.wav"]
    info = soundfile.info(folder / "drums.wav")
    assert (info.frames, info.subtype) == (frames, subtype.encoding)
    samples, _ = soundfile.read(folder / "drums.wav", dtype="float64")
    step = 2.0 ** (1 - 8 * subtype.width) if subtype is not Subtype.FLOAT else 1e-7
    np.testing.assert_allclose(samples, estimates.sum(dim=0).T, atol=1.01 * step)


def test_what_does_not_fit_after_all_is_counted(folder):
    estimates = torch.full((2, 2, 100), 0.75)

    writer = drop(folder, estimates, ["vocals"], into="drums", subtype=Subtype.INT16)

    assert writer.clipped == {"drums": 200}


@pytest.mark.parametrize("into", [None, "drums"])
def test_an_error_after_dropping_leaves_nothing(tmp_path, folder, estimates, into):
    def fail():
        with StemWriter(folder, STEMS, STEREO, estimates.shape[-1]) as writer:
            writer.write(estimates)
            writer.drop(["vocals"], into)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert everything(tmp_path) == []


def test_a_dropped_stem_that_came_out_short_is_an_output_error(
    tmp_path, folder, estimates, monkeypatch
):
    monkeypatch.setattr(soundfile.SoundFile, "write", lambda self, samples: None)

    with pytest.raises(OutputError, match=r"cannot write .*vocals.wav.*bytes were written"):
        drop(folder, estimates, ["vocals"], into="drums")

    assert everything(tmp_path) == []
