from __future__ import annotations

import torch
from torch import nn

from unmixcli.training.averaging import Average, averaged


def network(value: float) -> nn.Module:
    made = nn.BatchNorm1d(2)
    nn.init.constant_(made.weight, value)
    return made


def test_a_mean_follows_the_weights():
    held = network(0.0)
    average = Average(held, 0.9)
    nn.init.constant_(held.weight, 1.0)
    for step in range(1000, 1010):
        average.update(held, step)

    assert torch.allclose(average.mean["weight"], torch.tensor(1 - 0.9**10))


def test_a_mean_soon_forgets_what_was_drawn():
    held = network(0.0)
    average = Average(held, 0.9999)
    nn.init.constant_(held.weight, 1.0)
    for step in range(100):
        average.update(held, step)

    assert average.mean["weight"].min() > 0.99


def test_counts_are_copied():
    held = network(0.0)
    average = Average(held, 0.9)
    held.num_batches_tracked.fill_(7)
    average.update(held, 0)

    assert average.mean["num_batches_tracked"] == 7


def test_a_network_has_its_own_weights_again_afterwards():
    held = network(1.0)
    average = Average(network(3.0), 0.9)
    with averaged(held, average):
        assert held.weight[0] == 3.0
    assert held.weight[0] == 1.0
    with averaged(held, None):
        assert held.weight[0] == 1.0
