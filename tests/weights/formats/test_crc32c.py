"""The checksum is the one of RFC 3720, however long the message."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorflow_writer
from unmixcli.weights.formats.crc32c import ROW, crc32c, masked_crc32c

ROW_BYTES = 4 << ROW


@pytest.mark.parametrize(
    ("message", "checksum"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_known_messages_have_their_checksums(message, checksum):
    assert crc32c(message) == checksum


@given(st.binary(max_size=300))
def test_it_is_what_the_definition_gives(message):
    assert crc32c(message) == tensorflow_writer.crc32c(message)
    assert masked_crc32c(message) == tensorflow_writer.masked(message)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("more", [-5, -4, -3, -1, 0, 1, 4])
def test_the_length_of_a_row_is_not_special(rows, more):
    message = np.random.default_rng(0).bytes(rows * ROW_BYTES + more)

    assert crc32c(message) == tensorflow_writer.crc32c(message)


def test_numbers_count_as_their_bytes():
    numbers = np.arange(100, dtype="<f4")

    assert crc32c(numbers) == crc32c(numbers.tobytes())
