"""Every recipe of the package takes two steps, with a small network of its kind."""

from __future__ import annotations

import math

import pytest
import torch

from tiny_training import NETWORKS, RATE, write_track
from unmixcli.training import recipe as recipes
from unmixcli.training.recipe import Recipe


def small(name: str) -> Recipe:
    """A recipe with a small network, and short segments; all else is its own."""
    loaded = recipes.load(name)
    tables, config, kind = (
        recipes.to_dict(loaded),
        loaded.network.config,
        loaded.network.architecture,
    )
    common = {"sources": list(config.sources), "channels": config.channels, "sample_rate": RATE}
    if hasattr(config, "difference"):
        common["difference"] = config.difference
    tables["model"] = {"architecture": kind, "config": {**common, **NETWORKS[kind]}}
    tables["data"] |= {"segment": 1024, "seconds": 0.0, "stride": 0, "batch_size": 2}
    tables["data"] |= {"steps_per_epoch": 2, "voiced_chunk": 100}
    for step in tables["augment"]:
        if step["name"] == "shift":
            step["samples"] = 500
    steps = 2 // len(tables["stages"])
    tables["stages"] = [{**stage, "steps": steps, "batch_size": 2} for stage in tables["stages"]]
    return recipes.from_dict(tables)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_takes_two_steps(run, tmp_path, name):
    made = small(name)
    rng = torch.Generator().manual_seed(0)
    for number in range(3):
        noise = 0.1 * torch.randn(len(made.sources), 4 * RATE, generator=rng)
        stems = dict(zip(made.sources, noise.numpy(), strict=True))
        write_track(tmp_path / "songs" / "train" / f"track {number}", number, **stems)
    run.data = tmp_path / "songs"

    outcome = run(recipe_=made)

    assert (outcome.step, outcome.finished) == (2, True)
    assert all(math.isfinite(loss) for loss in run.listener.losses)
    assert all(line["norm"] > 0 for line in run.metrics())
    assert not any("skipped" in note or "left out" in note for note in run.listener.notes)
