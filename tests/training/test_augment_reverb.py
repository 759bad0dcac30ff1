import numpy as np
import pytest
import torch

from training_material import RATE, augmented, batch


def rooms(**params):
    """Return the impulse responses of many rooms, (rooms, channels, samples)."""
    impulse = torch.zeros(16, 4, 2, RATE)
    impulse[..., 0] = 1
    return augmented("reverb", impulse, p=1.0, **params).flatten(0, 1)


def test_a_room_is_the_source_and_decaying_noise():
    responses = rooms(shortest=0.3, longest=0.3, driest=0.2, wettest=0.2, gap=0.0)
    tail = responses[..., 1 : RATE // 2]
    power = tail.double().square().mean((0, 1)).numpy()
    early, late = (power[start : start + 2205].mean() for start in (0, 6615))

    assert torch.allclose(responses[..., 0], torch.ones(()), atol=1e-5)
    assert torch.allclose(tail.square().sum(-1).sqrt(), torch.tensor(0.2), atol=1e-3)
    # 60 dB in 0.3 s are 30 in half of it.
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=0.7)
    assert responses[..., RATE // 2 + 1 :].abs().max() < 1e-5


def test_rooms_begin_after_a_gap():
    responses = rooms(gap=0.03)
    begins = (responses[..., 1:].abs() > 1e-5).float().argmax(-1) / RATE

    assert float(begins.max()) <= 0.031
    assert float(begins.max()) > 0.02
    assert float(begins.min()) < 0.01


def test_channels_and_sources_hear_other_noise():
    responses = rooms()[:4, :, 1 : RATE // 2].flatten(0, 1)
    responses = responses / responses.norm(dim=-1, keepdim=True)
    alike = (responses @ responses.T).fill_diagonal_(0)

    assert alike.abs().max() < 0.2


def test_a_source_in_its_room_is_a_convolution():
    sources = batch(items=1, sources=1, samples=500)
    room = augmented("reverb", _impulse(500), p=1.0, gap=0.0)[0, 0].double().numpy()
    made = augmented("reverb", sources, p=1.0, gap=0.0)[0, 0].numpy()

    for channel in range(2):
        plain = np.convolve(sources[0, 0, channel].double().numpy(), room[channel])[:500]
        assert made[channel] == pytest.approx(plain, abs=1e-5)


def _impulse(samples):
    impulse = torch.zeros(1, 1, 2, samples)
    impulse[..., 0] = 1
    return impulse
