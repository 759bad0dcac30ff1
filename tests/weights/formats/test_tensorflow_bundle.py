"""TensorFlow's checkpoints are read exactly, and nothing they claim is taken on trust."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.torch import load_file

import tensorflow_writer as writer
from tensorflow_writer import block, entry, footer, handle, nested, signed, table, whole
from unmixcli.errors import WeightsError
from unmixcli.weights.formats import tensorflow_bundle
from unmixcli.weights.formats.tensorflow_bundle import read

VARIABLES = {
    "separator/conv1d/kernel": np.arange(12, dtype=np.float32).reshape(3, 2, 2),
    "separator/conv1d/bias": np.array([1.5, -2], np.float32),
    "separator_solver/beta1_power": np.float32(0.9).reshape(()),
    "global_step": np.array(134067, np.int64),
}
FILES = (".index", ".data-00000-of-00001")
DATA = np.arange(2, dtype=np.float32).tobytes()
GOOD = entry(checksum=writer.masked(DATA))

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def checkpoint(tmp_path):
    """Return the common name of the files of a small checkpoint."""
    path = tmp_path / "model-7"
    writer.save(path, VARIABLES, rows_per_block=2)
    return path


def suffixed(checkpoint, suffix):
    return checkpoint.with_name(checkpoint.name + suffix)


def written(folder, rows, data=DATA):
    """Write a checkpoint of given rows of its index, in one block."""
    path = folder / "hostile"
    writer.write(path, table([block([(b"", writer.HEADER), *rows])]), [data])
    return path


def equal(read, expected):
    return list(read) == sorted(expected) and all(
        torch.equal(tensor, torch.from_numpy(np.asarray(expected[name])))
        and tensor.numpy().dtype == expected[name].dtype
        for name, tensor in read.items()
    )


def refused(path, said=""):
    """Return what a refusal says, after seeing that it took little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
    assert caught.value.hint
    assert said in str(caught.value)
    return str(caught.value)


@pytest.fixture
def golden(shared):
    folder = shared / "golden" / "checkpoint_formats" / "waveunet_tf1_saver"
    if not folder.is_dir():
        pytest.skip("the reference checkpoint is not there")
    return folder


def test_what_tensorflow_saved_is_read_exactly(golden):
    expected = load_file(golden / "weights.safetensors")

    state = read(golden, prefix="separator/")

    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


def test_without_a_prefix_the_optimiser_is_read_too(golden):
    state = read(golden)

    assert state["global_step"].item() == 134067
    assert "separator_solver/separator/conv1d/kernel/Adam_1" in state


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_any_of_its_names_will_do(checkpoint, suffix):
    assert equal(read(suffixed(checkpoint, suffix)), VARIABLES)


def test_a_folder_of_one_will_do(checkpoint):
    assert equal(read(checkpoint.parent), VARIABLES)


def test_a_folder_of_several_names_them(checkpoint):
    writer.save(checkpoint.with_name("model-8"), VARIABLES)

    refused(checkpoint.parent, "has to hold one TensorFlow checkpoint and holds 'model-7', 'model-")


def test_a_folder_of_none_says_so(tmp_path):
    refused(tmp_path, "holds none")


def test_only_what_is_asked_for_is_read(checkpoint):
    data = suffixed(checkpoint, FILES[1])
    data.write_bytes(b"\xff" * 8 + data.read_bytes()[8:-4])  # the step; the optimiser's is lost

    wanted = {name: VARIABLES[name] for name in VARIABLES if name.startswith("separator/")}
    assert equal(read(checkpoint, prefix="separator/"), wanted)
    assert read(checkpoint, prefix="separator/none") == {}
    refused(checkpoint)


@same_folder
@given(
    variables=st.dictionaries(
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=40),
        st.sampled_from(list(writer.DTYPES)).flatmap(
            lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, max_side=4))
        ),
        max_size=30,
    ),
    shards=st.integers(1, 3),
    rows_per_block=st.integers(1, 20),
)
def test_what_is_written_is_read(tmp_path, variables, shards, rows_per_block):
    path = tmp_path / "any"
    variables = {name: np.nan_to_num(values) for name, values in variables.items()}
    writer.save(path, variables, shards=shards, rows_per_block=rows_per_block)

    state = read(path)

    assert {name: tensor.numpy().tobytes() for name, tensor in state.items()} == {
        name: values.tobytes() for name, values in variables.items()
    }
    assert all(state[name].numpy().shape == values.shape for name, values in variables.items())
    assert all(state[name].numpy().dtype == values.dtype for name, values in variables.items())


@pytest.mark.parametrize("suffix", FILES)
def test_a_file_cut_short_anywhere_is_refused(checkpoint, suffix):
    file = suffixed(checkpoint, suffix)
    whole_file = file.read_bytes()

    for size in range(len(whole_file)):
        file.write_bytes(whole_file[:size])
        with pytest.raises(WeightsError, match="is not a TensorFlow checkpoint: "):
            read(checkpoint)


@pytest.mark.parametrize("suffix", FILES)
def test_a_changed_byte_is_found_or_changes_nothing(checkpoint, suffix):
    file = suffixed(checkpoint, suffix)
    whole_file = file.read_bytes()

    found = 0
    for at in range(len(whole_file)):
        file.write_bytes(whole_file[:at] + bytes([whole_file[at] ^ 0x41]) + whole_file[at + 1 :])
        try:
            assert equal(read(checkpoint), VARIABLES)
        except WeightsError:
            found += 1
    assert found > 0.8 * len(whole_file)  # all but the padding and a block nobody reads


@pytest.mark.parametrize("suffix", FILES)
def test_a_missing_file_is_named(checkpoint, suffix):
    suffixed(checkpoint, suffix).unlink()

    name = "no weights file" if suffix == ".index" else f"there is no file 'model-7{suffix}'"
    refused(checkpoint, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("suffix", FILES)
def test_a_pipe_is_not_waited_for(checkpoint, suffix):
    suffixed(checkpoint, suffix).unlink()
    os.mkfifo(suffixed(checkpoint, suffix))

    refused(checkpoint)


def test_a_checkpoint_of_the_older_saver_is_refused(tmp_path):
    (tmp_path / "model.ckpt").write_bytes(b"\x00\x01")

    refused(tmp_path / "model.ckpt", "there is no file 'model.ckpt.index'")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>" * 9, bytes(4000)], ids=len)
def test_an_index_that_is_something_else_is_refused(checkpoint, content):
    suffixed(checkpoint, ".index").write_bytes(content)

    refused(checkpoint, "its index does not end as one")


def test_an_index_larger_than_any_is_not_parsed(checkpoint):
    os.truncate(suffixed(checkpoint, ".index"), 1 << 40)

    refused(checkpoint, f"its index is larger than {tensorflow_bundle.LARGEST_INDEX} bytes")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (entry(dtype=14), "'v' is bfloat16, which is not read"),
        (entry(dtype=7), "'v' is string"),
        (entry(dtype=99), "'v' is type 99"),
        (entry(dtype=101), "'v' is type 101"),
        (entry(more=nested(7, b"")), "'v' is saved in slices"),
        (entry([2**60]), "has 8 bytes, which is not what its shape needs"),
        (entry([-1]), "has 8 bytes"),
        (entry([-2], size=-8), "bytes, which is not"),
        (entry([2**40, 2**40, 0]), "has 8 bytes"),
        (entry([2**40, 0], size=0), "has 0 bytes"),
        (entry([0], size=0), "has 0 bytes"),
        (entry([3]), "has 8 bytes"),
        (entry([1] * 9 + [2]), "'v' has more than 8 dimensions"),
        (entry([2**40], size=2**42), "'v' lies outside its shard"),
        (entry(offset=1), "'v' lies outside its shard"),
        (entry(offset=-8), "'v' lies outside its shard"),
        (entry(offset=2**63), "'v' lies outside its shard"),
        (entry(shard=1), "there is no shard 1 of 1"),
        (entry(shard=2**63), "there is no shard"),
        (entry(), "'v' fails its checksum"),
        (b"", "'v' is type 0"),
        (GOOD + whole(1, 1), "a message has a wrong field 1"),
        (whole(1, 1) + whole(2, 2), "a message has a wrong field 2"),
        (whole(1, 1) + nested(2, whole(2, 2)), "damaged"),
        (whole(1, 1) + nested(2, whole(3, 1)), "an unknown number of dimensions"),
        (GOOD[:-1], "a message is cut short"),
        (GOOD + b"\x80", "a number is too long or cut short"),
        (GOOD + b"\x48" + b"\x80" * 20, "a number is too long or cut short"),
        (GOOD + b"\x48" + b"\xff" * 9 + b"\x7f", "a number is too long or cut short"),
        (GOOD + b"\x4b", "a field of unknown kind 3"),
        (GOOD + b"\x4a" + writer.varint(2**63), "a message is cut short"),
    ],
)
def test_an_entry_that_lies_is_refused(tmp_path, value, said):
    assert said in refused(written(tmp_path, [(b"v", value)]))


def test_fields_of_a_newer_writer_are_passed_over(tmp_path):
    fixed = writer.varint(11 << 3 | 1) + bytes(8)
    more = whole(9, 5) + nested(10, b"new") + fixed

    assert read(written(tmp_path, [(b"v", GOOD + more)]))["v"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(b"v", GOOD), (b"v", GOOD)], "not in order"),
        ([(b"w", GOOD), (b"v", GOOD)], "not in order"),
        ([(b"v", GOOD), (b"", writer.HEADER)], "not in order"),
        ([(b"v", GOOD), (b"w", GOOD)], "on another variable"),
        ([(b"\xff", GOOD)], "utf-8"),
        ([(b"v\x1b[2J", GOOD)], "a variable is called 'v\\x1b[2J'"),
        ([(b"v" * 1001, GOOD)], "a variable is called"),
        ([(b"\0" + b"v", GOOD)], "a variable is called"),
    ],
    ids=str,
)
def test_rows_that_cannot_be_are_refused(tmp_path, rows, said):
    assert said in refused(written(tmp_path, rows))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "its index has no header"),
        ([(b"v", GOOD)], "its index has no header"),
        ([(b"", whole(1, 1) + whole(2, 1)), (b"v", GOOD)], "big-endian"),
        ([(b"", whole(1, 1) + nested(3, whole(2, 2))), (b"v", GOOD)], "of a version not known"),
        ([(b"", whole(1, 0)), (b"v", GOOD)], "there is no shard 0 of 0"),
        ([(b"", whole(1, 2**63)), (b"v", GOOD)], "there is no file"),
        ([(b"", whole(1, 2)), (b"v", GOOD)], "there is no file 'hostile.data-00000-of-00002'"),
        ([(b"", b"\xff"), (b"v", GOOD)], "cut short"),
    ],
    ids=str,
)
def test_a_header_that_lies_is_refused(tmp_path, rows, said):
    writer.write(tmp_path / "hostile", table([block(rows)]), [DATA])

    refused(tmp_path / "hostile", said)


def ended(blocks, index):
    """Return a table whose footer points to a place of our choice."""
    return blocks + footer(handle(0, 0), index)


ONE = signed(block([(b"", writer.HEADER), (b"v", GOOD)]))


def indexed(*handles):
    """Return a data block and an index block of these handles."""
    rows = [(bytes([number + 1]), where) for number, where in enumerate(handles)]
    content = block(rows, every=1)
    return ended(ONE + signed(content), handle(len(ONE), len(content)))


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (ended(ONE, handle(0, 2**62)), "lies outside"),
        (ended(ONE, handle(2**63, 1)), "lies outside"),
        (ended(ONE, handle(0, len(ONE))), "lies outside"),
        (ended(ONE, handle(0, len(ONE) - 6)), "fails its checksum"),
        (ended(ONE, b"\xff" * 12), "a number is too long"),
        (indexed(handle(0, len(ONE) - 5), handle(0, len(ONE) - 5)), "overlap"),
        (indexed(*[handle(0, len(ONE) - 5)] * 200), "overlap"),
        (indexed(b""), "cut short"),
        (indexed(handle(0, 2**62)), "lies outside"),
        (ended(signed(b"x" * 8, 1), handle(0, 8)), "is compressed (type 1)"),
        (ended(signed(b""), handle(0, 0)), "a block of its index is cut short"),
        (ended(signed(b"\xff" * 8), handle(0, 8)), "a block of its index is cut short"),
        (ended(signed(b"\1\1\0x\0\0\0\0"), handle(0, 8)), "outside its block"),
        (ended(signed(b"\0\7\0x\0\0\0\0"), handle(0, 8)), "outside its block"),
        (ended(signed(b"\0\0\7x\0\0\0\0"), handle(0, 8)), "outside its block"),
        (ended(signed(b"\0\0\xff\xff\0\0\0\0"), handle(0, 8)), "outside its block"),
        (table([block([(b"", writer.HEADER)]), block([(b"", writer.HEADER)])]), "not in order"),
    ],
    ids=lambda value: value if isinstance(value, str) else "index",
)
def test_blocks_that_cannot_be_are_refused(tmp_path, index, said):
    writer.write(tmp_path / "hostile", index, [DATA])

    refused(tmp_path / "hostile", said)


@pytest.mark.parametrize("prefix", ["", "nothing"])
def test_keys_that_grow_by_sharing_are_refused(tmp_path, prefix):
    """An index of 100 000 bytes spells out 200 000 000."""
    first, rows = b"v" * 10_000, [(b"", writer.HEADER), (b"v" * 10_000, b"")]
    shared = writer.varint(len(first)) + b"\3\0"
    content = block(rows)[:-8] + b"".join(shared + n.to_bytes(3, "big") for n in range(20_000))
    writer.write(tmp_path / "hostile", table([content + bytes(4)]), [DATA])

    with pytest.raises(WeightsError, match=r"a variable is called|keys of its index are too long"):
        read(tmp_path / "hostile", prefix=prefix)


@same_folder
@given(
    rows=st.lists(st.tuples(st.binary(max_size=4), st.binary(max_size=30))),
    header=st.sampled_from([writer.HEADER, b""]) | st.binary(max_size=10),
)
def test_signed_nonsense_is_refused_or_read(tmp_path, rows, header):
    index = table([block(sorted({**dict(rows), b"": header}.items()))])
    writer.write(tmp_path / "nonsense", index, [DATA])

    with suppress(WeightsError):
        read(tmp_path / "nonsense")


@same_folder
@given(at=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255))
def test_an_entry_changed_and_signed_is_refused_or_read(tmp_path, at, value):
    entry = GOOD[:at] + bytes([value]) + GOOD[at + 1 :]

    with suppress(WeightsError):
        read(written(tmp_path, [(b"v", entry)]))


@same_folder
@given(content=st.binary(max_size=60))
def test_a_signed_block_of_nonsense_is_refused(tmp_path, content):
    writer.write(tmp_path / "nonsense", table([content]), [DATA])

    with pytest.raises(WeightsError, match="is not a TensorFlow checkpoint"):
        read(tmp_path / "nonsense")
