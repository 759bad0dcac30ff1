"""The conditioned Wave-U-Net: whose labels reach what, and how."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest
import torch

import textbook
from unmixcli.errors import ConfigError
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.models.conditioned_wave_u_net import (
    CONDITIONINGS,
    FUSIONS,
    ConditionedWaveUNet,
    ConditionedWaveUNetConfig,
)
from unmixcli.models.wave_u_net import WaveUNet, WaveUNetConfig
from unmixcli.network import Geometry
from unmixcli.schedule import Schedule, Tail

TINY = ConditionedWaveUNetConfig(
    sources=("a", "b", "c"),
    sample_rate=8000,
    channels=1,
    depth=3,
    width=4,
    down_kernel=5,
    up_kernel=3,
    labels=("a", "b", "c", "d"),
)
PUBLISHED = ConditionedWaveUNetConfig(
    sources=tuple(f"source-{number}" for number in range(13)), sample_rate=22_050, channels=1
)
every_fusion = pytest.mark.parametrize("fusion", FUSIONS)
every_conditioning = pytest.mark.parametrize("conditioning", CONDITIONINGS)


def drawn(config: ConditionedWaveUNetConfig) -> ConditionedWaveUNet:
    network = ConditionedWaveUNet(config).eval()
    with torch.no_grad():
        for bias in (value for value in network.parameters() if value.dim() == 1):
            bias.normal_(0, 0.3)
    return network


def noise(network: ConditionedWaveUNet, batch: int = 1, target: int = 60) -> torch.Tensor:
    length = network.geometry(target).input_length
    return torch.randn(batch, network.config.channels, length) / 3


def size(config: ConditionedWaveUNetConfig | WaveUNetConfig) -> int:
    kind = ConditionedWaveUNet if isinstance(config, ConditionedWaveUNetConfig) else WaveUNet
    with torch.device("meta"):
        return sum(value.numel() for value in kind(config).parameters())


def test_geometry_is_that_of_the_unconditioned_network():
    assert PUBLISHED.geometry(16_384) == Geometry(147_443, 16_389)


def test_labels_are_the_sources_unless_they_have_names():
    assert ConditionedWaveUNet(TINY).labels == ("a", "b", "c", "d")
    assert ConditionedWaveUNet(replace(TINY, labels=())).labels == TINY.sources


@pytest.mark.parametrize(
    ("fusion", "conditioning", "more"),
    [
        # What reads the labels has more inputs: filters * taps * channels.
        ("middle", "multiplicative", 288 * 5 * 312 * 12),
        ("middle", "concatenating", 288 * 5 * 13),
        ("middle", "additive", 312 * 13),
        ("early", "multiplicative", 24 * 15 * 12),
        ("early", "concatenating", 24 * 15 * 13),
        ("early", "additive", 13),
        ("late", "multiplicative", 12 * 24 * 12),
        ("late", "concatenating", 12 * 13),
        ("late", "additive", 24 * 13),
    ],
)
def test_sizes_are_those_of_the_unconditioned_network_and_of_what_reads_the_labels(
    fusion, conditioning, more
):
    plain = WaveUNetConfig(sources=PUBLISHED.sources, sample_rate=22_050, channels=1)

    assert size(plain) == 10_263_288
    conditioned = replace(PUBLISHED, fusion=fusion, conditioning=conditioning)
    assert size(conditioned) == 10_263_288 + more


def test_the_published_size_is_the_published():
    assert size(PUBLISHED) == 15_654_648
    with torch.device("meta"):
        network = ConditionedWaveUNet(PUBLISHED)
    assert network.up[0].weight.shape == (288, 288 + 4056, 5)


@pytest.mark.parametrize("label", [0, 5, 12])
def test_a_product_is_filter_major(label):
    with torch.device("meta"):
        network = ConditionedWaveUNet(PUBLISHED)
    labels = torch.zeros(1, 13)
    labels[0, label] = 1

    made = network.tell(torch.ones(1, 312, 9), labels)

    heard = made[0].any(dim=-1).nonzero().flatten().tolist()
    assert made.shape == (1, 4056, 9)
    assert heard == [filter * 13 + label for filter in range(312)]


def test_a_learned_share_is_drawn_for_every_channel_of_the_product():
    network = ConditionedWaveUNet(replace(TINY, upsampling="learned"))

    assert [len(share) for share in network.interp] == [16 * 4, 12, 8]


@every_fusion
@every_conditioning
def test_every_item_of_a_batch_has_its_own_labels(fusion, conditioning):
    """The authors' code gives a frame of one item the labels of another."""
    network = drawn(replace(TINY, fusion=fusion, conditioning=conditioning))
    mixtures = noise(network, batch=8)
    labels = (torch.arange(8)[:, None] >> torch.arange(4) & 1).float()

    with torch.inference_mode():
        together = network(mixtures, labels)
        alone = [network(*item) for item in zip(mixtures[:, None], labels[:, None], strict=True)]

    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-6)


@every_fusion
@every_conditioning
def test_labels_in_another_order_need_only_their_weights_in_that_order(fusion, conditioning):
    config = replace(TINY, fusion=fusion, conditioning=conditioning)
    network, reordered = drawn(config), ConditionedWaveUNet(config).eval()
    order = torch.tensor([2, 0, 3, 1])
    state = network.state_dict()
    readers = {"early": ["down.0"], "middle": ["up.0"], "late": ["heads.0", "heads.1"]}[fusion]
    # The skip and the mixture come before what is told the labels.
    before = {"early": 0, "middle": 12, "late": 1}[fusion]
    for name in readers if conditioning != "additive" else ():
        weight = state[f"{name}.weight"].clone()
        read = weight[:, before:]
        if conditioning == "multiplicative":
            read[:] = read.unflatten(1, (-1, 4))[:, :, order].flatten(1, 2)
        else:
            read[:, -4:] = read[:, -4:][:, order]
        state[f"{name}.weight"] = weight
    if conditioning == "additive":
        state["offsets.weight"] = state["offsets.weight"][:, order]
    reordered.load_state_dict(state)
    mixture, labels = noise(network), torch.tensor([[1.0, 0.0, 0.5, 0.0]])

    with torch.inference_mode():
        expected, same = network(mixture, labels), reordered(mixture, labels)
        given = reordered(mixture, labels[:, order])

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-6)
    assert (same - expected).abs().max() > 1e-4


@every_fusion
@every_conditioning
def test_a_weight_that_reads_an_absent_label_has_no_gradient(fusion, conditioning):
    network = drawn(replace(TINY, fusion=fusion, conditioning=conditioning))
    labels = torch.tensor([[1.0, 0.0, 1.0, 0.0]], requires_grad=True)
    mixture = noise(network)

    estimates = network(mixture, labels)
    (estimates[:, :2] * torch.randn_like(estimates[:, :2])).sum().backward()

    if conditioning == "additive":
        gradient = network.offsets.weight.grad.abs().sum(dim=0)
    else:
        reader = {"early": network.down[0], "middle": network.up[0], "late": network.heads[0]}
        read = reader[fusion].weight.grad[:, {"early": 0, "middle": 12, "late": 1}[fusion] :]
        labelled = read if conditioning == "multiplicative" else read[:, -4:]
        gradient = labelled.abs().unflatten(1, (-1, 4)).sum(dim=(0, 1, 3))
    assert (gradient > 0).tolist() == [True, False, True, False]
    assert (labels.grad != 0).all()


def test_no_labels_silence_the_bottleneck_and_nothing_else():
    network = drawn(TINY)
    mixture = noise(network)
    features, skips = network.encode(mixture)

    silent = network.estimate(
        network.decode(torch.zeros(1, 64, features.shape[-1]), skips), mixture
    )

    torch.testing.assert_close(network(mixture, torch.zeros(1, 4)), silent)


def test_labels_between_none_and_all_are_taken_as_they_are():
    network = drawn(replace(TINY, fusion="early", conditioning="multiplicative"))
    mixture = noise(network)

    half, louder = network(mixture, torch.full((1, 4), 0.5)), 0.5 * mixture
    read = network.encode(network.tell(louder, torch.ones(1, 4)))
    torch.testing.assert_close(half, network.estimate(network.decode(*read), mixture))


def test_the_last_source_is_what_the_others_leave_and_is_not_clipped():
    network = drawn(TINY)
    mixture = 30 * noise(network)

    estimates = network(mixture, torch.ones(1, 4))

    excess = mixture.shape[-1] - estimates.shape[-1]
    middle = mixture[..., excess // 2 : -(excess // 2)]
    torch.testing.assert_close(estimates.sum(dim=1), middle, rtol=1e-5, atol=1e-5)
    assert estimates[:, -1].abs().max() > 1


class Told:
    """A conditioned network that has been told, for the plain loop."""

    def __init__(self, network: ConditionedWaveUNet, labels: torch.Tensor) -> None:
        self.network, self.labels = network, labels

    def geometry(self, target: int) -> Geometry:
        return self.network.geometry(target)

    def __call__(self, mixture: torch.Tensor) -> torch.Tensor:
        return self.network(mixture, self.labels.expand(len(mixture), -1))


@every_fusion
@every_conditioning
@pytest.mark.parametrize("context", [True, False])
def test_seamless_chunks_equal_one_long_pass(context, fusion, conditioning):
    network = drawn(replace(TINY, context=context, fusion=fusion, conditioning=conditioning))
    schedule = seamless(network, Schedule(segment=101, power=0.0, tail=Tail.SHIFT), "told")
    labels, mixture = torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.randn(1, 777) / 3
    engine = Engine(
        name="told",
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=schedule),
        draw=recorded([]),
        device=torch.device("cpu"),
        batch_size=3,
        labels=labels,
    )

    stitched = torch.cat([*separate_stream(mixture.split(100, -1), 777, [engine])], dim=-1)

    edge = network.config.edge
    whole = textbook.predict(
        Told(network, labels), textbook.window(mixture), -edge, 8 * ceil(777 / 8) + 2 * edge
    )
    assert schedule.segment == 12 * network.alignment
    torch.testing.assert_close(stitched, whole[..., edge : edge + 777], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": ("a", "a")}, "labels must be distinct names"),
        ({"labels": ["a"]}, "labels must be distinct names"),
        ({"labels": tuple(map(str, range(129)))}, "number of labels must be in 0..128"),
        ({"fusion": "last"}, "fusion must be one of early, middle, late"),
        ({"conditioning": "film"}, "conditioning must be one of multiplicative"),
        (
            {"labels": tuple(map(str, range(128))), "width": 500, "depth": 8},
            "weights that read the labels",
        ),
    ],
)
def test_impossible_configurations_are_refused(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        replace(TINY, **changes)
