"""A trained model as the package ships it: half as large, and still the same network."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from places import ROOT
from tiny_training import resolved
from unmixcli.training.start import from_scratch
from unmixcli.weights import checkpoint, loader

SHIP = ROOT / "examples" / "training_data" / "ship.py"


@pytest.fixture
def trained(tmp_path):
    """Return the path of a small network; another seed, another network."""

    def trained(seed):
        start = from_scratch(resolved("band_split_rnn"), seed)
        path = tmp_path / f"trained-{seed}.safetensors"
        checkpoint.save(path, start.network.state_dict(), start.header("a test"))
        return path

    return trained


def ship(*arguments):
    command = [sys.executable, SHIP, *arguments, "--licence", "MIT", "--provenance", "by hand"]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )


def test_what_is_shipped_is_the_same_network_in_little_more_than_half_the_room(tmp_path, trained):
    source, output = trained(1), tmp_path / "shipped.safetensors"

    finished = ship(source, output)

    model = loader.load(output)
    assert model.licence.spdx == "MIT"
    before, after = (checkpoint.load(path)[1].state_dict() for path in (source, output))
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight.half().float(), rtol=0, atol=0)
    assert output.stat().st_size < 0.7 * source.stat().st_size
    facts = json.loads("{" + finished.stdout.replace("\n", ",", 1) + "}")
    assert facts == {"size": output.stat().st_size, "sha256": model.sha256[0]}


def test_a_blend_lies_between_two_networks(tmp_path, trained):
    one, other, output = trained(1), trained(2), tmp_path / "shipped.safetensors"

    assert ship(one, output, "--blend", other, 0.25, "--take", "out.0.*").returncode == 0

    first, second, made = (checkpoint.load(p)[1].state_dict() for p in (one, other, output))
    for name, weight in made.items():
        wanted = 0.75 * first[name] + 0.25 * second[name]
        if name.startswith("out.0."):
            wanted = second[name]
        torch.testing.assert_close(weight, wanted, rtol=1e-3, atol=1e-6)


def test_another_network_is_not_blended(tmp_path, trained):
    one = trained(1)
    header, network = checkpoint.load(one)
    other = tmp_path / "other.safetensors"
    renamed = replace(header, config=replace(header.config, sources=("c", "d")))
    checkpoint.save(other, network.state_dict(), renamed)

    finished = ship(one, tmp_path / "shipped.safetensors", "--blend", other, 0.5)

    assert "is another network than" in finished.stderr
    assert not (tmp_path / "shipped.safetensors").exists()
