"""One step of the optimiser: clipped gradients, and those beyond the range of fp16."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from unmixcli.training.optimiser import Descent
from unmixcli.training.settings import OptimSettings


def descent(precision: str = "fp32", **settings) -> tuple[nn.Linear, Descent]:
    network = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        network.weight.zero_()
    made = OptimSettings(**{"name": "sgd", "betas": (0.0, 0.999), **settings})
    return network, Descent(network, made, precision, torch.device("cpu"))


def test_gradients_are_clipped_together_and_their_norm_is_told():
    network, made = descent(clip=0.5)
    made.backward(network(torch.tensor([[3.0, 0.0, 4.0]])).sum())

    assert made.step(0.1) == pytest.approx(5.0)
    torch.testing.assert_close(network.weight, -0.1 * torch.tensor([[0.3, 0.0, 0.4]]))


def test_without_a_limit_they_are_as_they_are():
    network, made = descent()
    made.backward(network(torch.tensor([[3.0, 0.0, 4.0]])).sum())
    made.step(0.1)

    torch.testing.assert_close(network.weight, -0.1 * torch.tensor([[3.0, 0.0, 4.0]]))


@pytest.mark.parametrize("value", [math.inf, math.nan])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gradient_that_is_not_finite_moves_nothing(precision, value):
    network, made = descent(precision)
    made.backward(network(torch.tensor([[1.0, value, 1.0]])).sum())

    assert not math.isfinite(made.step(0.1))
    assert not network.weight.any()


def test_with_fp16_such_steps_are_counted_and_the_loss_is_scaled_less():
    network, made = descent("fp16")
    before = made.scaler.get_scale()
    for value in (math.inf, 1.0, math.inf):
        made.backward(network(torch.tensor([[1.0, value, 1.0]])).sum())
        made.step(0.1)

    assert made.skipped == 2
    assert made.scaler.get_scale() == before / 4
    assert network.weight.all()


def test_a_resumed_run_scales_as_before():
    network, made = descent("fp16")
    made.backward(network(torch.full((1, 3), math.inf)).sum())
    made.step(0.1)
    _, again = descent("fp16")
    again.restore(made.state())

    assert again.scaler.get_scale() == made.scaler.get_scale()
    assert again.skipped == 1
