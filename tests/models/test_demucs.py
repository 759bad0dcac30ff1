"""Demucs: the published lengths, sizes, names and initialisation."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from unmixcli.errors import ConfigError
from unmixcli.models.demucs import Demucs, DemucsConfig, _rescale, interpolate
from unmixcli.network import Geometry

STEMS = ("drums", "bass", "other", "vocals")
GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
TINY = DemucsConfig(sources=("a", "b", "c"), sample_rate=8000, channels=2, width=4, depth=3)
PUBLISHED = DemucsConfig(sources=STEMS, sample_rate=44100, channels=2)
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs the golden fixtures")


def configured(**changes) -> DemucsConfig:
    base = {"sources": ("a", "b"), "sample_rate": 8000, "channels": 2, "width": 2, "growth": 1.0}
    return DemucsConfig(**{**base, **changes})


def on_meta(config: DemucsConfig) -> Demucs:
    with torch.device("meta"):
        return Demucs(config)


def size(config: DemucsConfig) -> int:
    return sum(parameter.numel() for parameter in on_meta(config).parameters())


@pytest.mark.parametrize(
    ("target", "read", "predicted"),
    [(441000, 447146, 441686), (44100, 49834, 44374), (100000, 107178, 101718)],
)
def test_geometry_is_the_published(target, read, predicted):
    assert on_meta(PUBLISHED).geometry(target) == Geometry(read, predicted)


def tables():
    for system, own in (("demucs_v1", {"resample": False, "floor": 0.0}), ("demucs_v2", {})):
        path = GOLDEN / system / "valid_lengths.json"
        for table in json.loads(path.read_text())["tables"] if path.is_file() else ():
            yield pytest.param({**own, **table["config_overrides"]}, table, id=system)


@needs_golden
@pytest.mark.parametrize(("changes", "table"), list(tables()))
def test_input_lengths_are_the_originals(changes, table):
    network = on_meta(configured(**changes))

    for target, expected in zip(table["lengths"], table["valid_length"], strict=True):
        assert network.geometry(target).input_length == expected


SHAPES = [
    {},
    {"resample": False},
    {"depth": 1},
    {"context": 1},
    {"depth": 4, "kernel_size": 10, "stride": 5},
    {"depth": 4, "kernel_size": 3, "stride": 4, "context": 5},
    {"depth": 3, "rewrite": False},
    {"depth": 4, "glu": False, "lstm_layers": 0},
    {"upsample": True, "resample": False, "depth": 4},
    {"upsample": True, "resample": False, "depth": 4, "stride": 2, "kernel_size": 5},
    {"upsample": True, "resample": True, "depth": 2, "rewrite": False},
    {"upsample": True, "resample": False, "depth": 3, "kernel_size": 6, "context": 4},
]


@pytest.mark.parametrize("changes", SHAPES, ids=str)
def test_the_output_is_as_long_as_geometry_says(changes):
    network = Demucs(configured(**{"depth": 3, **changes})).eval()
    for target in (1, 5, 17, 100, 341, 1000, 1001, 2500):
        geometry = network.geometry(target)
        with torch.inference_mode():
            estimates = network(torch.randn(1, 2, geometry.input_length))

        assert estimates.shape == (1, 2, 2, geometry.output_length)
        assert target <= geometry.output_length <= geometry.input_length


def test_a_decoder_that_loses_more_than_was_added_has_no_geometry():
    network = Demucs(configured(upsample=True, stride=1, kernel_size=3, context=1, depth=2))

    with pytest.raises(ConfigError, match="cannot predict 100 samples"):
        network.geometry(100)


def test_each_level_of_the_decoder_loses_two_frames():
    network = Demucs(configured(depth=1, resample=False, lstm_layers=0))

    assert network(torch.zeros(1, 2, 8 + 4 * 9)).shape[-1] == 8 + 4 * (9 - 2)


@pytest.mark.parametrize(
    ("width", "expected"),
    [(64, 265_679_496), (48, 149_462_504), (32, 66_443_592), (100, 648_548_208), (4, 1_043_376)],
)
def test_sizes_are_the_published(width, expected):
    assert size(DemucsConfig(sources=STEMS, sample_rate=44100, channels=2, width=width)) == expected


@needs_golden
@pytest.mark.parametrize("system", ["demucs_v1", "demucs_v2"])
def test_names_and_shapes_are_the_published(system):
    published = json.loads((GOLDEN / "published_state_shapes.json").read_text())[system]
    compared = 0
    for name, shapes in published.items():
        if not name.startswith("Demucs("):
            continue
        width = shapes["encoder.0.0.weight"][0]
        config = DemucsConfig(sources=STEMS, sample_rate=44100, channels=2, width=width)
        ours = {key: list(value.shape) for key, value in on_meta(config).state_dict().items()}
        assert ours == shapes, name
        compared += 1
    assert compared


def test_channels_grow_rounded_down():
    assert configured(width=7, growth=1.5, depth=5).widths == (7, 10, 15, 22, 33)


def test_the_first_half_of_a_gated_unit_is_linear():
    network = Demucs(configured(depth=1, resample=False))
    features = torch.randn(1, 4, 5)

    gated = network.encoder[0][3](features)

    torch.testing.assert_close(gated, features[:, :2] * features[:, 2:].sigmoid())


def test_estimates_are_source_major():
    network = Demucs(configured(depth=2, lstm_layers=0, resample=False))
    last = network.decoder[-1][-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.arange(4))

    estimates = network(torch.randn(1, 2, network.geometry(10).input_length))

    assert estimates[0, :, :, 0].tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_rescaling_divides_weights_and_biases_alike():
    networks = []
    for rescale in (0.0, 0.1):
        torch.manual_seed(1)
        networks.append(Demucs(configured(width=8, depth=2, growth=2.0, rescale=rescale)))
    drawn, rescaled = networks
    for name, before in drawn.named_modules():
        after = rescaled.get_submodule(name)
        if isinstance(before, nn.Conv1d | nn.ConvTranspose1d):
            scale = (before.weight.std() / 0.1).sqrt()
            torch.testing.assert_close(after.weight, before.weight / scale)
            torch.testing.assert_close(after.bias, before.bias / scale)
            torch.testing.assert_close(after.weight.std(), (0.1 * before.weight.std()).sqrt())
        elif isinstance(before, nn.LSTM | nn.Linear):
            for ours, theirs in zip(before.parameters(), after.parameters(), strict=True):
                assert torch.equal(ours, theirs)


def test_initial_deviations_are_the_published():
    torch.manual_seed(1)
    network = Demucs(DemucsConfig(sources=STEMS, sample_rate=44100, channels=2, depth=1))
    deepest = nn.Conv1d(1024, 64, 8)
    _rescale(deepest, 0.1)

    assert network.encoder[0][0].weight.std().item() == pytest.approx(0.120, abs=0.004)
    assert network.decoder[0][2].weight.std().item() == pytest.approx(0.085, abs=0.003)
    assert deepest.weight.std().item() == pytest.approx(0.025, abs=0.001)


def test_normalising_commutes_with_gain_and_offset():
    network = Demucs(configured(normalise=True, depth=2)).double().eval()
    mixture = torch.randn(2, 2, network.geometry(300).input_length, dtype=torch.float64)
    gain = torch.tensor([3.0, 50.0])[:, None, None]

    plain, moved = network(mixture), network(mixture * gain + 2)

    torch.testing.assert_close(moved, plain * gain[..., None] + 2, rtol=1e-4, atol=1e-4)


def test_normalising_is_undone_with_the_unbiased_deviation_of_the_mono_mixture():
    """An output of ones comes back as one deviation above the mean."""
    network = Demucs(configured(normalise=True, depth=1, resample=False, lstm_layers=0))
    with torch.no_grad():
        network.decoder[0][-1].weight.zero_()
        network.decoder[0][-1].bias.fill_(1)
    mixture = torch.randn(1, 2, network.geometry(40).input_length) + 5
    mono = mixture.mean(dim=1)

    torch.testing.assert_close(network(mixture)[0, 0, 0, 0], mono.mean() + mono.std(correction=1))


def test_interpolation_stays_between_neighbours():
    features = torch.tensor([[[0.0, 4.0, 2.0]]])

    assert interpolate(features, 2).tolist() == [[[0.0, 2.0, 4.0, 3.0]]]
    assert interpolate(features, 4)[0, 0, :4].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_without_transposed_convolutions_the_mixture_reaches_the_last_layer():
    network = Demucs(configured(upsample=True, resample=False, floor=0.0, depth=2, lstm_layers=0))
    with torch.no_grad():
        network.final.weight.zero_()
        network.final.bias.zero_()
        network.final.weight[1, 2 + 1] = 1  # source a, channel 1, from the mixture's channel 1
    mixture = torch.randn(1, 2, network.geometry(50).input_length)
    estimates = network(mixture)
    start = (mixture.shape[-1] - estimates.shape[-1]) // 2

    torch.testing.assert_close(
        estimates[0, 0, 1], mixture[0, 1, start : start + estimates.shape[-1]]
    )
    assert not estimates[0, 0, 0].any()


def test_networks_too_large_to_build_are_refused():
    for hostile in ({"width": 1024, "depth": 10}, {"growth": 4.0, "depth": 10}):
        with pytest.raises(ConfigError, match="weights of the widest level"):
            configured(**{"growth": 2.0, **hostile})
    with pytest.raises(ConfigError, match="narrowest level"):
        configured(growth=0.25, depth=4)


def test_the_second_version_divides_by_one_plus_the_floor_where_it_does_not_normalise():
    plain, floored = (Demucs(configured(depth=2, floor=floor)).double() for floor in (0.0, 1e-5))
    floored.load_state_dict(plain.state_dict())
    mixture = torch.randn(1, 2, plain.geometry(300).input_length, dtype=torch.float64)

    torch.testing.assert_close(
        floored(mixture), plain(mixture / (1 + 1e-5)), rtol=1e-12, atol=1e-12
    )
