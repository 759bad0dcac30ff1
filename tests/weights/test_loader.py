"""A name becomes networks that are ready to run."""

from __future__ import annotations

import pytest
import torch

from tiny_models import tiny_network
from unmixcli.errors import UsageError, WeightsError
from unmixcli.separation import Separator
from unmixcli.settings import Settings
from unmixcli.weights import loader, manifest, support


def test_a_bag_is_the_mean_of_its_networks_source_by_source(collection):
    collection.add("bag", seeds=(1, 2))
    shares = [[1.0, 0.5, 0.0, 1.0], [0.0, 1.0, 2.0, 1.0]]
    for member, row in zip(collection.entries["bag"]["members"], shares, strict=True):
        member["shares"] = row
    collection.write()
    separator = Separator(loader.load("bag"), Settings(segment=0.2))
    torch.manual_seed(0)
    mixture = 0.1 * torch.randn(2, 22_050)

    stems = separator.separate(mixture, 44_100)

    one, two = (
        torch.stack([*_alone(collection, name, mixture).values()]) for name in ("one", "two")
    )
    first, second = torch.tensor(shares)[..., None, None]
    expected = (first * one + second * two) / (first + second)
    torch.testing.assert_close(torch.stack([*stems.values()]), expected, rtol=0, atol=1e-6)


def _alone(collection, name, mixture):
    collection.add(name, seeds=({"one": 1, "two": 2}[name],))
    return Separator(loader.load(name), Settings(segment=0.2)).separate(mixture, 44_100)


def test_a_network_has_the_weights_of_its_file(collection):
    [network] = loader.load("tiny").networks

    assert all(
        torch.equal(weight, tiny_network().state_dict()[name])
        for name, weight in network.state_dict().items()
    )


def test_networks_of_different_sources_are_no_bag(collection):
    collection.add("bag", seeds=(1, 2))
    call = collection.entries["bag"]["members"][1]["constructor"]
    renamed = {**call["options"], "sources": ["a", "b", "c", "d"]}
    collection.entries["bag"]["members"][1]["constructor"] = call | {"options": renamed}
    collection.write()

    with pytest.raises(WeightsError, match="do not separate the same sources"):
        loader.load("bag")


@pytest.mark.parametrize(
    "name", [n for n, e in manifest.models().items() if not support.runnable(e)]
)
def test_a_model_whose_network_is_not_here_says_so(name):
    with pytest.raises(WeightsError, match=f"'{name}' is listed, but") as caught:
        loader.load(name)

    assert "unmixcli models list" in str(caught.value.hint)
    assert caught.value.exit_code == 5


def test_the_policy_refuses_other_licences_before_anything_is_fetched(collection):
    collection.entries["tiny"]["licence"] = {
        "spdx": "conflicting",
        "summary": "for research",
        "note": None,
        "source": "https://example.org",
    }
    collection.write()

    with pytest.raises(WeightsError, match=r"'tiny' is conflicting \(for research\)"):
        loader.load("tiny", policy="permissive")

    assert not collection.home.exists()
    assert loader.load("tiny", policy="any").licence.summary == "for research"


def test_the_policy_can_be_in_the_environment(collection, monkeypatch):
    collection.entries["tiny"]["licence"]["spdx"] = "CC-BY-NC-4.0"
    collection.write()
    monkeypatch.setenv("UNMIXCLI_LICENCE_POLICY", "permissive")

    with pytest.raises(WeightsError, match="licence policy is 'permissive'"):
        loader.load("tiny")
    assert loader.load("tiny", policy="any").name == "tiny"


def test_permissive_weights_pass_the_policy(collection):
    assert loader.load("tiny", policy="permissive").licence.permissive


def test_an_unknown_policy_is_refused(collection):
    with pytest.raises(UsageError, match="no licence policy 'mine'"):
        loader.load("tiny", policy="mine")
