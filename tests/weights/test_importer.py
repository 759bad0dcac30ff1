"""A published file becomes a model of the user's own."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tiny_models import OPTIONS, tiny_network
from unmixcli.errors import ConfigError, UnknownModelError, WeightsError
from unmixcli.weights import catalogue, checkpoint, loader
from unmixcli.weights.importer import import_file
from unmixcli.weights.quantised import Quantised

OURS = {
    "sources": ["drums", "bass", "other", "vocals"],
    "sample_rate": 44_100,
    "channels": 2,
    "width": 2,
    "depth": 2,
}
FILES = "checkpoint_formats"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))


@pytest.fixture
def state(tmp_path):
    """A file that holds a state and nothing else."""
    path = tmp_path / "mine.th"
    torch.save(tiny_network().state_dict(), path)
    return path


@pytest.mark.parametrize("config", [OURS, OPTIONS], ids=["our names", "the authors' names"])
def test_a_state_is_imported_with_its_configuration(state, config):
    entry = import_file(state, name="mine", architecture="demucs", config=json.dumps(config))

    model = loader.load("mine")

    assert entry.sources == ("drums", "bass", "other", "vocals")
    assert model.licence.spdx == "not-stated"
    assert all(
        torch.equal(weight, tiny_network().state_dict()[name])
        for name, weight in model.networks[0].state_dict().items()
    )


def test_a_configuration_may_lie_in_a_file(state, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(OURS))

    import_file(state, name="mine", architecture="demucs", config=str(tmp_path / "config.json"))

    assert loader.load("mine").config.sample_rate == 44_100


def test_safetensors_without_a_word_about_themselves_are_imported_too(tmp_path):
    save_file(tiny_network().state_dict(), tmp_path / "mine.safetensors")

    import_file(
        tmp_path / "mine.safetensors", name="mine", architecture="demucs", config=json.dumps(OURS)
    )

    assert loader.load("mine").weights == sum(p.numel() for p in tiny_network().parameters())


def test_a_native_file_is_imported_with_its_schedule(tmp_path, state):
    import_file(state, name="mine", architecture="demucs", config=json.dumps(OURS), licence="MIT")
    [native] = (tmp_path / "home" / "models" / "mine").glob("*.safetensors")

    again = import_file(native, name="again")

    assert loader.load("again").schedule == loader.load("mine").schedule
    assert again.licence.spdx == "MIT"


@pytest.mark.parametrize(
    ("case", "file"),
    [
        ("v1_tuple_legacy", "v1_tuple_legacy.th"),
        ("v1_quantized_gz", "v1_quantized_gz.th.gz"),
        ("v2_package_half", "v2_package_half.th"),
        ("v2_package_diffq", "v2_package_diffq.th"),
        ("v2_package_qat8", "v2_package_qat8.th"),
    ],
)
def test_a_package_says_itself_what_it_is(shared, case, file):
    folder = shared / "golden" / FILES / case

    import_file(folder / file, name="mine")

    [network] = loader.load("mine").networks
    facts = json.loads((folder / "case.json").read_text())
    assert set(network.state_dict()) == set(facts["decoded_state_sha256"])


def test_quantised_weights_stay_as_small_as_they_are(shared, tmp_path):
    folder = shared / "golden" / FILES / "v2_package_qat8"
    import_file(folder / "v2_package_qat8.th", name="mine")

    [native] = (tmp_path / "home" / "models" / "mine").glob("*.safetensors")

    _, state = checkpoint.read(checkpoint.snapshot.take(native))
    quantised = [weight for weight in state.values() if isinstance(weight, Quantised)]
    assert {weight.levels.dtype for weight in quantised} == {torch.uint8}
    assert native.stat().st_size < 0.6 * (folder / "weights.safetensors").stat().st_size
    expected = load_file(folder / "weights.safetensors")
    _, network = checkpoint.load(native)
    assert all(torch.equal(network.state_dict()[name], expected[name]) for name in expected)


def test_a_tensorflow_bundle_is_imported_by_its_authors_configuration(shared):
    folder = shared / "golden" / FILES / "waveunet_tf1_saver"
    config = json.loads((folder / "case.json").read_text())["config"]

    entry = import_file(
        folder / "tiny_model-134067.index",
        name="mine",
        architecture="wave_u_net",
        config=json.dumps(config),
    )

    assert entry.sources == ("bass", "drums", "other", "vocals")
    assert loader.load("mine").config.sample_rate == 22_050


def test_a_bag_of_networks_that_are_not_here_says_so(shared):
    folder = shared / "golden" / FILES / "v4_bag_folder"

    with pytest.raises(ConfigError, match=r"no architecture here for 'demucs\.htdemucs\.HTDemucs'"):
        import_file(folder / "tinybag.yaml", name="mine")

    assert catalogue.find("mine") is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "does not say what network it is of"),
        ({"architecture": "demucs"}, "does not hold the network's hyper-parameters"),
        ({"architecture": "nope"}, "no architecture named 'nope'"),
        ({"architecture": "demucs", "config": "absent.json"}, "is no configuration"),
        ({"architecture": "demucs", "config": "{"}, "is no configuration"),
        ({"architecture": "demucs", "config": '{"banana": 2}'}, "banana"),
    ],
    ids=str,
)
def test_what_a_file_does_not_say_must_be_told(state, options, said):
    with pytest.raises(ConfigError, match=said):
        import_file(state, name="mine", **options)

    assert catalogue.find("mine") is None


def test_weights_that_do_not_fit_leave_nothing(state, tmp_path):
    wide = json.dumps(OURS | {"width": 3})

    with pytest.raises(WeightsError, match="does not fit its architecture"):
        import_file(state, name="mine", architecture="demucs", config=wide)

    assert not (tmp_path / "home" / "models").exists()


@pytest.mark.parametrize("name", ["mini", "MINI", "htdemucs", "955717e8"])
def test_a_name_of_the_manifest_is_taken(state, name):
    with pytest.raises((WeightsError, ConfigError)):
        import_file(state, name=name, architecture="demucs", config=json.dumps(OURS))


@pytest.mark.parametrize("name", ["../x", "/x", "", "Con\0", "a/b", "ü", "." * 3, "x" * 65])
def test_a_name_that_could_lead_elsewhere_is_refused(state, name):
    with pytest.raises(ConfigError, match="not a name that a model can have"):
        import_file(state, name=name, architecture="demucs", config=json.dumps(OURS))


def test_a_damaged_import_is_not_there(state, tmp_path):
    import_file(state, name="mine", architecture="demucs", config=json.dumps(OURS))
    (tmp_path / "home" / "models" / "mine" / catalogue.ENTRY).write_text("{")

    with pytest.raises(UnknownModelError):
        loader.load("mine")


def test_an_import_that_was_changed_is_refused(state, tmp_path):
    import_file(state, name="mine", architecture="demucs", config=json.dumps(OURS))
    [native] = (tmp_path / "home" / "models" / "mine").glob("*.safetensors")
    native.write_bytes(native.read_bytes()[:-1] + b"x")

    with pytest.raises(WeightsError, match="is not what the manifest says"):
        loader.load("mine")
