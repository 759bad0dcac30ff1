"""Containers of other makers: HDF5 and TensorFlow's, cut short and with bytes exchanged.

What each may claim is tried in the tests of their readers; here is that nothing but an
error of ours ever comes of it.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import tensorflow_writer
from attacks import guard
from unmixcli.errors import WeightsError
from unmixcli.weights import snapshot
from unmixcli.weights.formats import reading

h5py = pytest.importorskip("h5py")

VARIABLES = {
    "separator/conv1d/kernel": np.arange(12, dtype=np.float32).reshape(3, 2, 2),
    "separator/conv1d/bias": np.array([1.5, -2], np.float32),
    "global_step": np.array(134067, np.int64),
}


def hdf5(path: Path) -> Path:
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["layer_names"] = np.array([b"conv1d_1"])
        file.attrs["backend"] = b"theano"
        layer = file.create_group("conv1d_1")
        layer.attrs["weight_names"] = np.array([b"conv1d_1/kernel:0", b"conv1d_1/bias:0"])
        layer["conv1d_1/kernel:0"] = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
        layer["conv1d_1/bias:0"] = np.arange(2, dtype=np.float32)
    return path


@pytest.fixture(params=["keras-hdf5", "tensorflow-bundle"])
def table(request, attack):
    """A file, and its format."""
    if request.param == "keras-hdf5":
        return hdf5(attack.folder / "hostile.h5"), request.param
    tensorflow_writer.save(attack.folder / "hostile", VARIABLES)
    return attack.folder / "hostile.index", request.param


def read(path: Path, form: str) -> None:
    for weight in reading.read(snapshot.take(path), form).state.values():
        assert weight.nbytes < 1 << 20


def refused_or_read(path: Path, form: str) -> bool:
    try:
        read(path, form)
    except WeightsError as error:
        assert str(error).isprintable()  # noqa: PT017 most are refused, and some need not be
        return True
    return False


def test_row_22_a_table_cut_short_is_refused_or_read(attack, table):
    path, form = table
    honest = path.read_bytes()
    read(path, form)

    def cut() -> None:
        for end in {*range(0, len(honest), 1 + len(honest) // 800), *range(200)}:
            path.write_bytes(honest[:end])
            refused_or_read(path, form)

    attack.survives(cut)


def test_row_36_any_byte_of_a_table_exchanged_is_refused_or_read(attack, table):
    path, form = table
    honest, chance = path.read_bytes(), random.Random(0)

    def flip() -> None:
        refused = 0
        for _ in range(800):
            changed = bytearray(honest)
            for _ in range(chance.choice((1, 1, 4))):
                changed[chance.randrange(len(honest))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            path.write_bytes(changed)
            refused += refused_or_read(path, form)
        assert refused > 100

    attack.survives(flip)


def test_row_16_a_link_to_another_file_is_not_followed(attack):
    path = hdf5(attack.folder / "hostile.h5")
    with h5py.File(path, "a") as file:
        del file["conv1d_1/conv1d_1/bias:0"]
        file["conv1d_1/conv1d_1/bias:0"] = h5py.ExternalLink("/etc/passwd", "/x")

    assert refused_or_read(path, "keras-hdf5")


def test_row_18_an_array_that_is_compressed_is_refused(attack):
    path = hdf5(attack.folder / "hostile.h5")
    with h5py.File(path, "a") as file:
        del file["conv1d_1/conv1d_1/bias:0"]
        file["conv1d_1"].create_dataset(
            "conv1d_1/bias:0", (1 << 28,), "f4", chunks=(1 << 20,), compression="gzip"
        )

    with pytest.raises(WeightsError):
        attack.survives(read, path, "keras-hdf5")
    assert guard.MOST_MEMORY < 1 << 30
