"""One member of an ensemble, and what it is told of the track."""

from __future__ import annotations

import pytest
import torch

from fakes import EchoNetwork, config
from unmixcli.errors import ConfigError
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import recorded
from unmixcli.schedule import Schedule


class ScalingNetwork(EchoNetwork):
    """Each source is the mixture as often as its label says."""

    labels = ("s0", "s1")

    def forward(self, mixture, labels):
        assert labels.shape == (len(mixture), 2)
        return super().forward(mixture) * labels[:, :, None, None]


def engine(network, **options):
    return Engine(
        name="told",
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=Schedule(segment=10)),
        draw=recorded([]),
        device=torch.device("cpu"),
        **options,
    )


@pytest.mark.parametrize("channels", [1, 2], ids="model channels={}".format)
def test_every_read_has_the_labels_of_the_track(rng, channels):
    reads = [torch.randn(2, 50, generator=rng) for _ in range(3)]
    told = engine(ScalingNetwork(config(channels=channels)), labels=torch.tensor([1, 0]))

    estimates = told.predict(reads)

    torch.testing.assert_close(estimates[:, 0], torch.stack(reads))
    assert not estimates[:, 1].any()


def test_a_network_that_is_not_told_never_sees_a_label(rng):
    read = torch.randn(2, 50, generator=rng)

    assert torch.equal(engine(EchoNetwork(config())).predict([read])[0, 1], read)


@pytest.mark.parametrize(
    ("network", "labels", "reason"),
    [
        (ScalingNetwork, None, "'told' takes 2 labels, got 0"),
        (ScalingNetwork, torch.ones(3), "'told' takes 2 labels, got 3"),
        (EchoNetwork, torch.ones(2), "'told' takes 0 labels, got 2"),
    ],
)
def test_as_many_labels_as_the_network_has(network, labels, reason):
    with pytest.raises(ConfigError, match=reason):
        engine(network(config()), labels=labels)


def test_a_network_without_its_labels_says_which():
    with pytest.raises(ConfigError) as caught:
        engine(ScalingNetwork(config()))

    assert caught.value.hint == "its labels are: s0, s1"
