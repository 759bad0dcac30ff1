"""Quantised states become weights by name."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unmixcli.weights.formats import diffq
from unmixcli.weights.formats.pickle_data import Name, PickleError
from unmixcli.weights.quantised import Quantised

SHAPES = {"a.weight": (8, 4), "a.bias": (8,), "b.weight": (4, 4), "b.bias": (4,)}


def pack_long(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack as the library does: (lines, bits, 32) words of 64 values each."""
    lines = -(-values.numel() // 2048)
    padded = torch.zeros(lines * 2048, dtype=torch.int64)
    padded[: values.numel()] = values
    table = padded.reshape(lines, 64, 32)
    words = torch.zeros(lines, bits, 32, dtype=torch.int64)
    for bit in range(bits):
        for place in range(64):
            words[:, bit] |= ((table[:, place] >> bit) & 1) << place
    return words


def pack_short(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack by torch alone: (bits, groups) words of 16 values each."""
    groups = -(-values.numel() // 16)
    padded = torch.zeros(groups * 16, dtype=torch.int64)
    padded[: values.numel()] = values
    words = torch.zeros(bits, groups, dtype=torch.int64)
    for bit in range(bits):
        for place in range(16):
            words[bit] |= ((padded.reshape(groups, 16)[:, place] >> bit) & 1) << place
    return words.to(torch.int16)


@given(st.integers(1, 5000), st.integers(1, 14), st.integers(0, 2**31))
def test_packed_numbers_are_unpacked(count, bits, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 2**bits, (count,), generator=generator)

    assert torch.equal(diffq.unpack_long(pack_long(values, bits), count), values)
    assert torch.equal(diffq.unpack_short(pack_short(values, bits), count), values)


def parse(**state):
    return diffq.parse({"float16": [], "others": [torch.zeros(8), torch.zeros(4)], **state})


@pytest.mark.parametrize("pack", [pack_long, pack_short])
def test_groups_of_different_bits_come_back_in_their_places(pack):
    bits = torch.tensor([[2], [5], [5], [3]])
    levels = torch.stack([torch.arange(8) % (2 ** int(width)) for width in bits])
    packed = [None] * 14
    for width in (2, 3, 5):
        packed[width - 1] = pack(levels[bits[:, 0] == width].flatten(), width)
    meta = {
        "klass": Name("diffq.diffq.DiffQuantizer"),
        "init_kwargs": {"group_size": 8, "min_size": 0},
        "packed": True,
        "torch_pack": pack is pack_short,
    }
    small = (pack(torch.arange(16), 4), (-1.0, 1.0))
    state = parse(
        quantized=[(packed, (-1.0, 1.0), pack((bits - 2).flatten(), 2)), small], meta=meta
    )

    # A second entry without bit widths of its own is uniform, of 8 bits.
    named = state.named(SHAPES)

    assert isinstance(named["a.weight"], Quantised)
    expected = levels / (2.0**bits - 1) * 2 - 1
    torch.testing.assert_close(named["a.weight"].dequantise(), expected.reshape(8, 4))
    torch.testing.assert_close(
        named["b.weight"].dequantise(), (torch.arange(16) / 255 * 2 - 1).reshape(4, 4)
    )
    assert torch.equal(named["b.bias"], torch.zeros(4))


def test_the_largest_parameters_are_the_quantised_ones():
    levels = torch.zeros(32, dtype=torch.uint8)
    state = diffq.parse(
        {"quantized": [(levels, (0.0, 1.0))], "others": [torch.zeros(n) for n in (8, 16, 4)]}
    )

    named = state.named(SHAPES)

    assert [name for name, weight in named.items() if isinstance(weight, Quantised)] == ["a.weight"]


def test_what_is_excluded_is_not_quantised():
    meta = {"klass": Name("diffq.diffq.DiffQuantizer"), "init_kwargs": {"exclude": ["a.*"]}}
    state = diffq.parse(
        {
            "quantized": [(torch.zeros(16, dtype=torch.uint8), (0.0, 1.0))],
            "others": [torch.zeros(n) for n in (32, 8, 4)],
            "meta": meta,
        }
    )

    assert isinstance(state.named(SHAPES)["b.weight"], Quantised)


@pytest.mark.parametrize(
    ("quantized", "others"),
    [
        ([], [torch.zeros(8)]),
        ([(torch.zeros(32, dtype=torch.uint8), (0.0, 1.0))], []),
        ([(torch.zeros(31, dtype=torch.uint8), (0.0, 1.0))], [torch.zeros(8)] * 3),
        ([(torch.zeros(32, dtype=torch.uint8), (0.0, float("inf")))], [torch.zeros(8)] * 3),
        ([(torch.zeros(32, dtype=torch.uint8), 1.0)], [torch.zeros(8)] * 3),
        ([("levels", (0.0, 1.0))], [torch.zeros(8)] * 3),
        (
            [(torch.zeros(4, 8, dtype=torch.uint8), (0.0, 1.0), torch.zeros(4, 1))],
            [torch.zeros(8)] * 3,
        ),
        (
            [(torch.zeros(4, 8, dtype=torch.uint8), (0.0, 1.0), torch.full((3, 1), 8))],
            [torch.zeros(8)] * 3,
        ),
    ],
    ids=["none", "no others", "a level short", "infinite", "no scale", "text", "0 bits", "3 of 4"],
)
def test_a_state_that_lies_is_refused(quantized, others):
    with pytest.raises(PickleError):
        diffq.parse({"quantized": quantized, "others": others}).named(SHAPES)


def test_a_quantiser_nobody_knows_is_refused():
    with pytest.raises(PickleError, match="quantised by"):
        parse(quantized=[], meta={"klass": Name("os.system")})
