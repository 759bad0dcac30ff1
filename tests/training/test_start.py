from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from places import ROOT
from tiny_training import NETWORKS as TINY
from tiny_training import recipe, resolved, write_track
from unmixcli.errors import ConfigError, DatasetError
from unmixcli.training import recipe as recipes
from unmixcli.training.choice import Choice
from unmixcli.training.start import freeze, from_model, from_scratch, known, outputs, with_sources
from unmixcli.weights import checkpoint, loader, manifest

OUTPUTS = {
    "demucs": {"decoder.1.2.weight", "decoder.1.2.bias"},
    "conv_tasnet": {"separator.network.3.weight"},
    "wave_u_net": {"heads.0.weight", "heads.0.bias"},
    "harmonic_u_net": {"out.weight", "out.bias", "colour", "presence.weight"},
    "conditioned_harmonic_u_net": {"out.weight", "colour", "before.0.0.tell.weight"},
    "conditioned_wave_u_net": {"heads.0.weight", "heads.0.bias"},
    "wavenet": {"output.weight", "output.bias"},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_output_layer_is_what_makes_sources(name):
    assert outputs(resolved(name)) >= OUTPUTS[name]
    assert all("encoder" not in weight for weight in outputs(resolved(name)))


def saved(tmp_path, name: str) -> loader.Model:
    start = from_scratch(resolved(name), 3)
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, start.network.state_dict(), start.header("a test"))
    return loader.load(path)


@pytest.mark.parametrize("name", TINY)
def test_the_same_sources_start_from_all_weights(tmp_path, name):
    model = saved(tmp_path, name)
    start = from_model(model, known(model), 0)

    held = model.networks[0].state_dict()
    assert all(torch.equal(weight, held[key]) for key, weight in start.network.state_dict().items())
    assert not start.notes
    assert "fine-tuned from model" in start.provenance


@pytest.mark.parametrize("name", ["demucs", "conv_tasnet", "wave_u_net", "wavenet"])
@pytest.mark.parametrize("sources", [("a", "b", "c"), ("a", "x")], ids=["more", "others"])
def test_other_sources_have_a_new_output_layer_and_nothing_else(tmp_path, name, sources):
    model = saved(tmp_path, name)
    start = from_model(model, with_sources(known(model), sources), 1)

    held = model.networks[0].state_dict()
    state = start.network.state_dict()
    kept = {key for key in state if key in held and torch.equal(state[key], held[key])}
    silent = {key for key in state if not state[key].any()}  # biases begin with zeros
    assert set(state) - kept - silent == outputs(start.resolved) & set(state) - silent
    assert "start anew" in start.notes[0]


def test_a_mean_of_networks_is_not_trained(tmp_path):
    model = saved(tmp_path, "demucs")
    bag = replace(model, networks=model.networks * 2, shares=(None, None))

    with pytest.raises(ConfigError, match="mean of 2 networks") as caught:
        known(bag)
    assert "its file" in caught.value.hint


def test_of_a_listed_mean_the_networks_are_named(tmp_path):
    hashes = (file.sha256 for one in manifest.models()["tdc-vocals"].members for file in one.files)
    model = saved(tmp_path, "tdc_u_net")
    bag = replace(model, networks=model.networks * 3, shares=(None,) * 3, sha256=tuple(hashes))

    with pytest.raises(ConfigError) as caught:
        known(bag)
    named = "tdc-vocals-top1, tdc-vocals-top2, tdc-vocals-top3"
    assert caught.value.hint == f"train one of them: {named}"


def test_another_architecture_does_not_start_from_it(tmp_path):
    with pytest.raises(ConfigError, match="'demucs', the recipe's network of 'wave_u_net'"):
        from_model(saved(tmp_path, "demucs"), resolved("wave_u_net"), 0)


@pytest.mark.parametrize("pattern", ["encoder.*", "encoder", "encoder.0.0.weight"])
def test_frozen_weights_stay_as_they_are(run, pattern):
    run(freeze=(pattern,), max_steps=0)
    before = checkpoint.load(run.folder / "model.safetensors")[1].state_dict()
    run(resume=True, freeze=(pattern,))
    after = checkpoint.load(run.folder / "model.safetensors")[1].state_dict()

    assert torch.equal(before["encoder.0.0.weight"], after["encoder.0.0.weight"])
    assert not torch.equal(before["decoder.0.0.weight"], after["decoder.0.0.weight"])


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(ConfigError, match="--freeze 'encodr' matches no weight"):
        freeze(from_scratch(resolved("demucs"), 0).network, ["encodr"])


def test_nothing_left_to_train_is_refused(run):
    with pytest.raises(ConfigError, match="leaves no weight"):
        run(freeze=("*",))


def test_a_run_may_start_from_a_model(run, tmp_path):
    first = run(output=tmp_path / "first").model
    run(model=str(first), output=tmp_path / "second", max_steps=0)

    one, two = (checkpoint.load(tmp_path / n / "model.safetensors") for n in ("first", "second"))
    state = two[1].state_dict()
    assert all(torch.equal(weight, state[key]) for key, weight in one[1].state_dict().items())
    assert "fine-tuned from model" in two[0].provenance


def test_a_network_gets_the_sources_that_the_tracks_have(run, tmp_path):
    noise = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0)).numpy()
    write_track(tmp_path / "duo" / "one", 0, oboe=noise, horn=noise[::-1])
    run.data = tmp_path / "duo"
    outcome = run()

    assert loader.sources(str(outcome.model)) == ("horn", "oboe")
    assert any("the network is made for horn, oboe" in note for note in run.listener.notes)


def test_sources_that_were_named_stay(run, tmp_path):
    noise = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0)).numpy()
    write_track(tmp_path / "duo" / "one", 0, oboe=noise, horn=noise[::-1])
    run.data = tmp_path / "duo"

    with pytest.raises(DatasetError, match="no track has a stem named drums, bass"):
        run(sources_chosen=True)


def test_a_source_that_no_track_has_is_silent(run, tmp_path):
    noise = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0)).numpy()
    write_track(tmp_path / "solo" / "one", 0, drums=noise)
    run.data = tmp_path / "solo"
    run()

    assert "no track has 'bass': its target is silence" in run.listener.notes


@pytest.mark.parametrize("architecture", sorted(recipes.USUAL))
def test_an_architecture_has_its_published_recipe(architecture):
    made = Choice(architecture=architecture).made()

    assert made == recipes.load(recipes.USUAL[architecture])


def test_options_go_before_files_and_files_before_the_recipe(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("seed = 5\n[optim]\nlr = 0.5\nclip = 2.0\n[run]\ndataset = 'x'\n")
    made = Choice(
        recipe="demucs", config=file, assignments=("optim.lr=0.25",), precision="bf16"
    ).made()

    assert (made.optim.lr, made.optim.clip, made.seed, made.precision) == (0.25, 2.0, 5, "bf16")
    assert made.network.architecture == "demucs"


def test_a_model_takes_the_place_of_the_recipes_network(tmp_path):
    model = known(saved(tmp_path, "demucs"))
    made = Choice(recipe="mini").made(model)

    assert made.network.config == model.config
    assert made.network.schedule == model.schedule
    assert recipe().network.architecture == "demucs"


def test_the_example_for_laptops_is_a_recipe():
    made = Choice(config=ROOT / "examples" / "quick.toml").made()

    assert (made.data.batch_size, made.optim.ema, made.network.architecture) == (
        *(1, 0.95),
        "harmonic_u_net",
    )
