"""Keras's files are read exactly, and a hostile one can neither crash, hang nor reach out."""

from __future__ import annotations

import os
import struct
import tracemalloc
from contextlib import suppress

import h5py
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.torch import load_file

from unmixcli.errors import WeightsError
from unmixcli.weights.formats.keras_hdf5 import read

KERNEL = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
BIAS = np.array([1.5, -2], np.float32)
LAYERS = {
    "conv1d_1": {"conv1d_1/kernel:0": KERNEL, "conv1d_1/bias:0": BIAS},
    "activation_1": {},
    "conv1d_2": {"conv1d_2_1/kernel": KERNEL + 1},  # used twice
}
STATE = {
    "conv1d_1/kernel": KERNEL,
    "conv1d_1/bias": BIAS,
    "conv1d_2/kernel": KERNEL + 1,
}
NOT_KERAS = "is not a file of Keras weights: "

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def fill(group, layers, backend="theano"):
    """Fill a group as Keras 2 does."""
    group.attrs["backend"] = backend
    group.attrs["keras_version"] = b"2.1.5"
    group.attrs["layer_names"] = np.array([name.encode() for name in layers])
    for name, weights in layers.items():
        layer = group.create_group(name)
        layer.attrs["weight_names"] = np.array([weight.encode() for weight in weights])
        for weight, values in weights.items():
            layer[weight] = values


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.hdf5"


@pytest.fixture
def file(path):
    """Return a whole model's file, its configuration and optimiser included."""
    with h5py.File(path, "w") as opened:
        opened.attrs["model_config"] = '{"class_name": "Lambda", "config": "marshalled code"}'
        fill(opened.create_group("model_weights"), LAYERS)
        opened["optimizer_weights/iterations"] = 7
    return path


def equal(read, expected):
    return list(read) == list(expected) and all(
        torch.equal(tensor, torch.from_numpy(expected[name])) for name, tensor in read.items()
    )


def refused(path, said=""):
    """Return what a refusal says, after seeing that it took little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert said in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


def patched(path, old, new, *, start=0):
    """Change bytes that are in a file once from a place on."""
    content = path.read_bytes()
    at = content.index(old, start)
    path.write_bytes(content[:at] + new + content[at + len(new) :])


@pytest.mark.parametrize("case", ["mi_2stack_d4", "sv_1stack_d4"])
def test_what_keras_saved_is_read_exactly(shared, case):
    folder = shared / "golden" / "wavenet" / case
    if not folder.is_dir():
        pytest.skip("the reference checkpoint is not there")
    expected = load_file(folder / "weights.safetensors")
    [checkpoint] = folder.glob("*.hdf5")

    held = read(checkpoint)

    assert held.backend == "theano"
    assert held.state.keys() == expected.keys()
    assert all(torch.equal(held.state[name], tensor) for name, tensor in expected.items())


def test_a_whole_model_gives_its_weights(file):
    held = read(file)

    assert held.backend == "theano"
    assert equal(held.state, STATE)


@pytest.mark.parametrize("backend", ["tensorflow", np.bytes_(b"cntk")])
def test_weights_alone_are_at_the_root(path, backend):
    with h5py.File(path, "w") as opened:
        fill(opened, LAYERS, backend=backend)

    held = read(path)

    assert held.backend == (backend if isinstance(backend, str) else backend.decode())
    assert equal(held.state, STATE)


def test_a_name_may_be_a_path(path):
    with h5py.File(path, "w") as opened:
        fill(opened, {"block/conv": {"block/conv/kernel:0": KERNEL}})

    assert equal(read(path).state, {"block/conv/kernel": KERNEL})


def test_many_layers_are_all_found(path):
    """More than a node of a group's tree holds, and than its root has nodes."""
    layers = {f"layer_{n}": {f"layer_{n}/kernel:0": BIAS + n} for n in range(700)}
    with h5py.File(path, "w") as opened:
        fill(opened, layers)

    assert equal(read(path).state, {f"layer_{n}/kernel": BIAS + n for n in range(700)})


def test_attributes_of_foreign_names_do_not_matter(file):
    with h5py.File(file, "a") as opened:
        opened["model_weights"].attrs["größe"] = 3
        opened["model_weights/conv1d_1"].attrs["größe"] = "drei"

    assert equal(read(file).state, STATE)


@same_folder
@given(
    values=npst.arrays(
        st.sampled_from([f"{order}{kind}" for order in "<>" for kind in ("f2", "f4", "f8", "i4")]),
        npst.array_shapes(min_dims=0, max_dims=4, max_side=4),
        elements=st.integers(-1000, 1000),
    ),
    names=st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9),
        unique=True,
        max_size=12,
    ),
)
def test_what_is_written_is_read(path, values, names):
    with h5py.File(path, "w") as opened:
        fill(opened, {name: {f"{name}/kernel:0": values} for name in names})

    state = read(path).state

    native = values.astype(values.dtype.newbyteorder("="))
    assert equal(state, {f"{name}/kernel": native for name in names})


@pytest.fixture
def small(path):
    """Return the file of one layer, of which every part is needed."""
    with h5py.File(path, "w") as opened:
        fill(opened, {"conv": {"conv/kernel": KERNEL}})
    return path


def test_a_file_cut_short_anywhere_is_refused(small):
    for size in reversed(range(small.stat().st_size)):
        os.truncate(small, size)
        with pytest.raises(WeightsError, match=NOT_KERAS):
            read(small)


@pytest.mark.parametrize("change", [b"\0", b"\x41", b"\x7f", b"\xff"])
@pytest.mark.parametrize("size", [1, 4, 8])
def test_changed_bytes_are_refused_or_read(small, change, size):
    content = small.read_bytes()

    with small.open("r+b") as file:
        for at in range(0, len(content) - size, size if size > 1 else 3):
            file.seek(at)
            file.write(change * size)
            file.flush()
            with suppress(WeightsError):
                read(small)
            file.seek(at)
            file.write(content[at : at + size])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not HDF5"),
        (b"<!DOCTYPE html>" * 99, "it is not HDF5"),
        (b"\x89HDF\r\n\x1a\n", "a part of it is cut short"),
        (
            b"\x89HDF\r\n\x1a\n" + b"\2" * 999,
            "it is HDF5 of a kind that h5py writes only when told to",
        ),
        (
            b"\x89HDF\r\n\x1a\n" + b"\0" * 999,
            "it is HDF5 of a kind that h5py writes only when told to",
        ),
    ],
    ids=lambda value: str(value)[:12],
)
def test_something_else_is_refused(path, content, said):
    path.write_bytes(content)

    refused(path, f"'{path}' {NOT_KERAS}{said}")


def test_a_missing_file_is_named(path):
    refused(path, f"no weights file '{path}'")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)

    refused(path, "no weights file")


@pytest.mark.parametrize("version", ["v108", "latest"])
def test_newer_files_are_refused(path, version):
    with h5py.File(path, "w", libver=version) as opened:
        fill(opened, LAYERS)

    refused(path, "of a kind that h5py writes only when told to")


def with_kernel(group, **how):
    """Put another array where a kernel is."""
    del group["conv1d_1/conv1d_1/kernel:0"]
    group.create_dataset("conv1d_1/conv1d_1/kernel:0", **how)


def virtual(group):
    layout = h5py.VirtualLayout((12,), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "kernel", (12,))
    del group["conv1d_1/conv1d_1/kernel:0"]
    group["conv1d_1"].create_virtual_dataset("conv1d_1/kernel:0", layout)


def linked(group, link):
    del group["conv1d_1/conv1d_1/kernel:0"]
    group["conv1d_1/conv1d_1/kernel:0"] = link


COMPOUND = np.zeros(2, [("a", "f4"), ("b", "i4")])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda group: with_kernel(group, data=KERNEL, chunks=True), "is chunked"),
        (lambda group: with_kernel(group, data=KERNEL, compression="gzip"), "compressed"),
        (
            lambda group: with_kernel(group, shape=(2**40,), dtype="f4", compression="gzip"),
            "compressed",
        ),
        (lambda group: with_kernel(group, shape=(0,), maxshape=(None,), dtype="f4"), "is chunked"),
        (lambda group: with_kernel(group, shape=(2**40,), dtype="f4"), "claims more than it"),
        (lambda group: with_kernel(group, shape=(2,), dtype="f4"), "lies outside the file"),
        (lambda group: with_kernel(group, shape=(0,), dtype="f4"), "more or fewer bytes"),
        (lambda group: with_kernel(group, shape=(2**40, 0), dtype="f4"), "more or fewer bytes"),
        (
            lambda group: with_kernel(
                group, shape=(9,), dtype="f4", external=[("/etc/passwd", 0, 36)]
            ),
            "in another file",
        ),
        (lambda group: with_kernel(group, data=h5py.Empty("f4")), "of a kind that h5py writes"),
        (lambda group: with_kernel(group, data=COMPOUND), "a type that is not read"),
        (lambda group: with_kernel(group, data=np.ones(4, bool)), "a type that is not read"),
        (lambda group: with_kernel(group, data=np.ones(4, "u4")), "a type that is not read"),
        (lambda group: with_kernel(group, data=np.ones(4, "i2")), "a type that is not read"),
        (lambda group: with_kernel(group, data=np.ones(4, "c8")), "a type that is not read"),
        (lambda group: with_kernel(group, data=np.array([b"text"])), "is not of numbers"),
        (
            lambda group: with_kernel(group, data=["text"], dtype=h5py.string_dtype()),
            "is not of numbers",
        ),
        (
            lambda group: with_kernel(group, data=[group.ref], dtype=h5py.ref_dtype),
            "a type that is not read",
        ),
        (
            lambda group: with_kernel(group, shape=(2,), dtype=h5py.vlen_dtype("f4")),
            "a type that is not read",
        ),
        (virtual, "virtual"),
        (lambda group: linked(group, h5py.SoftLink("/elsewhere")), "is a link"),
        (lambda group: linked(group, h5py.ExternalLink("/etc/passwd", "/")), "group or the array"),
        (lambda group: linked(group, group["conv1d_2"]), "group or the array"),
        (lambda group: linked(group, np.dtype("f4")), "group or the array"),
    ],
)
def test_an_array_that_is_not_simply_there_is_refused(file, change, said):
    with h5py.File(file, "a") as opened:
        change(opened["model_weights"])

    refused(file, said)


def names(attribute, value, where=""):
    """Return a change of an attribute of names."""

    def change(group):
        group[where or "/model_weights"].attrs[attribute] = value

    return change


TWICE = np.array([b"conv1d_1/kernel:0", b"other/kernel:0"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda group: group.attrs.pop("backend"), "it has no 'backend'"),
        (names("backend", "pytorch"), "its backend is none of tensorflow, theano, cntk"),
        (names("backend", 2**40), "its backend is none of"),
        (names("backend", BIAS), "its backend is none of"),
        (names("backend", b"\xff"), "utf-8"),
        (names("backend", np.bytes_(b"\xff")), "its backend is none of"),
        (names("backend", h5py.Empty("S9")), "of a kind that h5py writes only"),
        (lambda group: group.attrs.pop("layer_names"), "it has no 'layer_names'"),
        (names("layer_names", "conv1d_1"), "its 'layer_names' are not names"),
        (names("layer_names", np.array([[b"conv1d_1"]])), "are not names"),
        (names("layer_names", np.array([1.0])), "are not names"),
        (names("layer_names", COMPOUND), "a type that is not read"),
        (names("layer_names", ["conv1d_1", "conv1d_2"]), "are texts of any length"),
        (names("layer_names", np.array([b"conv1d_1"] * 2)), "'layer_names' have a name twice"),
        (names("layer_names", np.array([b"conv1d_3"])), "it has no 'conv1d_3'"),
        (names("layer_names", np.array([b"../.."])), "it has no '..'"),
        (names("layer_names", np.array([b"/conv1d_1"])), "it has no ''"),
        (names("layer_names", np.array([b""])), "it has no ''"),
        (names("layer_names", np.array([b"conv\x1b[2J"])), "are not names"),
        (names("layer_names", np.array([b"v" * 2000])), "are not names"),
        (names("layer_names", np.array([b"\xff"])), "utf-8"),
        (lambda group: group["conv1d_1"].attrs.pop("weight_names"), "it has no 'weight_names'"),
        (names("weight_names", np.array([b"conv1d_1"]), "conv1d_1"), "group or the array"),
        (
            names("weight_names", np.array([b"conv1d_1/kernel:0/x"]), "conv1d_1"),
            "group or the array",
        ),
        (names("weight_names", TWICE, "conv1d_1"), "it has no 'other'"),
        (lambda group: group.pop("conv1d_1"), "it has no 'conv1d_1'"),
    ],
)
def test_names_that_cannot_be_are_refused(file, change, said):
    with h5py.File(file, "a") as opened:
        change(opened["model_weights"])

    refused(file, said)


def test_two_weights_of_one_name_are_refused(file):
    with h5py.File(file, "a") as opened:
        layer = opened["model_weights/conv1d_1"]
        layer["other/kernel:0"] = KERNEL
        layer.attrs["weight_names"] = TWICE

    refused(file, "it has 'conv1d_1/kernel' twice or empty")


def test_an_array_counts_as_often_as_it_is_named(path):
    """A thousand names of a megabyte would be a gigabyte."""
    big = np.zeros(1 << 18, np.float32)
    with h5py.File(path, "w") as opened:
        fill(opened, {f"layer_{n}": {"a/kernel": BIAS} for n in range(1000)})
        opened["big"] = big
        for n in range(1000):
            del opened[f"layer_{n}/a/kernel"]
            opened[f"layer_{n}/a/kernel"] = opened["big"]

    with pytest.raises(WeightsError, match="it claims more than it holds"):
        read(path)


def dimensions(*sides):
    return struct.pack(f"<{len(sides)}Q", *sides)


@pytest.mark.parametrize("side", [0, 1, 4, 2**31, 2**60, 2**62, 2**63, 2**64 - 1])
def test_a_shape_that_lies_is_refused(file, side):
    patched(file, dimensions(3, 2, 2), dimensions(side, 2, 2))

    refused(file, NOT_KERAS)


@pytest.mark.parametrize("size", [0, 47, 49, 2**31, 2**63, 2**64 - 1])
def test_a_size_that_lies_is_refused(file, size):
    content = file.read_bytes()
    data = content.index(KERNEL.tobytes())
    patched(file, struct.pack("<QQ", data, 48), struct.pack("<QQ", data, size))

    refused(file, "more or fewer bytes")


def test_a_tree_that_is_its_own_child_is_refused(file):
    tree = file.read_bytes().index(b"TREE")
    first = file.read_bytes()[tree + 32 : tree + 40]
    patched(file, first, dimensions(tree), start=tree + 32)

    refused(file, "its parts refer to each other without end")


def test_a_header_that_goes_on_in_itself_is_refused(file):
    [root] = struct.unpack_from("<Q", file.read_bytes(), 64)
    size = struct.unpack_from("<I", file.read_bytes(), root + 8)[0]
    continuation = struct.pack("<HHBxxxQQ", 0x10, 16, 0, root + 16, size)
    content = bytearray(file.read_bytes())
    content[root + 16 : root + 40] = continuation
    file.write_bytes(content)

    refused(file, "its parts refer to each other without end")


@pytest.mark.parametrize("size", [0, 8, 15, 2**63, 2**64 - 1, 2**64 - 16])
def test_a_heap_without_an_end_is_refused(file, size):
    """libhdf5 follows such a chain for ever, or into memory of others."""
    content = file.read_bytes()
    heap = content.rindex(b"GCOL")
    free = struct.pack("<HHIQ", 0, 0, 0, size)
    for at in range(heap + 16, heap + 200, 8):
        file.write_bytes(content[:at] + free + content[at + len(free) :])
        with suppress(WeightsError):
            assert equal(read(file).state, STATE)
