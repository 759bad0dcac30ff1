import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unmixcli.audio.blocks import rechunk


@given(st.lists(st.integers(0, 20), max_size=20), st.integers(1, 15))
def test_a_stream_is_recut_at_fixed_places(lengths, frames):
    signal = torch.arange(2 * sum(lengths), dtype=torch.float32).reshape(2, -1)

    cut = list(rechunk(signal.split(lengths, dim=-1) if lengths else [], frames))

    assert all(block.shape[-1] == frames for block in cut[:-1])
    assert not cut or 0 < cut[-1].shape[-1] <= frames
    assert torch.equal(torch.cat([torch.empty(2, 0), *cut], -1), signal)


def test_a_block_without_samples_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        list(rechunk([], 0))


def test_many_tiny_blocks_take_linear_time():
    blocks = list(rechunk((torch.zeros(1, 1) for _ in range(20_000)), 20_000))

    assert [block.shape for block in blocks] == [(1, 20_000)]
