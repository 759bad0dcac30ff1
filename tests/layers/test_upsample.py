"""Upsampling by two: what the published weights were trained with."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.layers.upsample import upsample

RISING = torch.tensor([[[0.0, 2.0, 4.0]]])


def between(share: float, *, context: bool) -> list[float]:
    return upsample(RISING, torch.tensor([[share]]), context=context)[0, 0, 1::2].tolist()


@pytest.mark.parametrize(
    ("context", "expected"), [(True, [0, 1, 2, 3, 4]), (False, [0, 1, 2, 3, 4, 4])]
)
def test_linear_goes_half_way_and_without_context_repeats_the_end(context, expected):
    assert upsample(RISING, None, context=context).tolist() == [[expected]]


def test_a_learned_share_is_that_of_the_frame_before():
    assert between(1.0, context=True) == [0, 2]
    assert between(0.0, context=True) == [2, 4]
    assert between(0.25, context=True) == [1.5, 3.5]


def test_without_context_a_learned_share_ends_in_zeros():
    assert between(0.25, context=False) == [1.5, 3.5, 1.0]


def test_every_filter_has_its_own_share():
    features = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])

    upsampled = upsample(features, torch.tensor([[1.0], [0.5]]), context=True)

    assert upsampled.tolist() == [[[0, 0, 1], [0, 0.5, 1]]]


@given(frames=st.integers(1, 40), context=st.booleans(), learned=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_was_there_stays_and_what_is_between_lies_between(frames, context, learned):
    features = torch.randn(2, 3, frames)
    upsampled = upsample(features, torch.full((3, 1), 0.5) if learned else None, context=context)

    assert upsampled.shape == (2, 3, 2 * frames - context)
    assert torch.equal(upsampled[..., ::2], features)
    middle = (features[..., :-1] + features[..., 1:]) / 2
    torch.testing.assert_close(upsampled[..., 1 : 2 * frames - 1 : 2], middle)
