"""What every network of unmixcli.models keeps, whoever writes it."""

import json
import runpy
from dataclasses import asdict, fields, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import torch

from unmixcli import models
from unmixcli.errors import ConfigError

NAMES = sorted(module.name for module in iter_modules(models.__path__))
CONDITIONED = [
    name
    for name in NAMES
    if hasattr(import_module(f"{models.__name__}.{name}").ARCHITECTURE.build, "labels")
]
TARGETS = (1, 7, 256, 1000, 1023, 4097)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def architecture(name):
    return import_module(f"{models.__name__}.{name}").ARCHITECTURE


@pytest.fixture
def tiny(name, architecture):
    module = Path(__file__).with_name(f"test_{name}.py")
    config = runpy.run_path(str(module))["TINY"]
    assert isinstance(config, architecture.config)
    return config


@pytest.fixture
def network(architecture, tiny):
    torch.manual_seed(1)
    return architecture.build(tiny).eval()


@pytest.fixture
def mixture(network):
    torch.manual_seed(2)
    return torch.randn(2, network.config.channels, network.geometry(1000).input_length) / 4


@pytest.fixture
def labels(network):
    """What sounds in either item, for a network that is told; no two items the same."""
    if not hasattr(network, "labels"):
        return None
    return torch.stack([torch.arange(len(network.labels)) % 2 == item for item in (0, 1)]).float()


def separate(network, mixture, labels):
    return network(mixture) if labels is None else network(mixture, labels[: len(mixture)])


def test_shapes_are_the_geometrys(network, labels):
    config = network.config
    for target in TARGETS:
        geometry = network.geometry(target)
        mixture = torch.randn(1, config.channels, geometry.input_length)
        with torch.inference_mode():
            estimates = separate(network, mixture, labels)

        assert geometry.output_length >= target
        assert estimates.shape == (1, len(config.sources), config.channels, geometry.output_length)
        assert estimates.dtype == torch.float32
        assert estimates.isfinite().all()


def test_gradients_reach_every_parameter(network, mixture, labels):
    network.train()
    estimates = separate(network, mixture, labels)
    (estimates * torch.randn_like(estimates)).sum().backward()

    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_items_of_a_batch_do_not_meet(network, mixture, labels):
    told = [None, None] if labels is None else labels[:, None]
    with torch.inference_mode():
        together = separate(network, mixture, labels)
        alone = torch.cat(
            [separate(network, *item) for item in zip(mixture[:, None], told, strict=True)]
        )

    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_float64_works_and_agrees(network, mixture, labels):
    with torch.inference_mode():
        single = separate(network, mixture, labels)
        double = separate(network.double(), mixture.double(), labels)

    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-4)


def test_silence_gives_no_nan(network, mixture, labels):
    with torch.inference_mode():
        assert separate(network, torch.zeros_like(mixture), labels).isfinite().all()


@pytest.mark.parametrize("name", CONDITIONED)
def test_a_conditioned_network_hears_its_labels(network, mixture, labels):
    with torch.inference_mode():
        told, swapped = (separate(network, mixture, given) for given in (labels, labels.flip(0)))

    assert (told - swapped).abs().amax(dim=(1, 2, 3)).min() > 1e-4


@pytest.mark.parametrize("name", CONDITIONED)
def test_a_conditioned_network_takes_as_many_labels_as_it_has(network, mixture, labels):
    for wrong in (labels[:, 1:], labels[:1], labels[0]):
        with pytest.raises(ValueError, match="labels must have the shape"):
            network(mixture, wrong)


def test_the_state_is_all_there_is(architecture, tiny, network, mixture, labels):
    """A network made without memory, then given the state, is the same network."""
    torch.manual_seed(3)
    filled = architecture.build(tiny).eval()
    filled.load_state_dict(network.state_dict())
    with torch.device("meta"):
        adopted = architecture.build(tiny).eval()
    adopted.load_state_dict(network.state_dict(), assign=True)

    with torch.inference_mode():
        expected = separate(network, mixture, labels)
        assert torch.equal(separate(filled, mixture, labels), expected)
        assert torch.equal(separate(adopted, mixture, labels), expected)


def test_the_configuration_survives_json(architecture, tiny):
    values = json.loads(json.dumps(asdict(tiny)))
    frozen = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}

    assert architecture.config(**frozen) == tiny


def test_hostile_numbers_are_refused_by_the_configuration(tiny):
    numbers = [field.name for field in fields(tiny) if field.type in ("int", "float", int, float)]
    assert "sample_rate" in numbers
    for number in numbers:
        for hostile in (10**9, -1, float("nan"), float("inf"), "8", None, True):
            with pytest.raises(ConfigError, match=number):
                replace(tiny, **{number: hostile})


def test_hostile_sources_are_refused_by_the_configuration(tiny):
    for hostile in ((), ("a", "a"), tuple(map(str, range(10**5)))):
        with pytest.raises(ConfigError, match="sources"):
            replace(tiny, sources=hostile)


def test_the_contract_is_whole(network):
    assert network.alignment is None or network.alignment >= 1
    for target in (44100, 441000, 10_000_000):
        assert network.geometry(target).output_length >= target
