"""Every entry of the shipped manifest can be believed."""

from __future__ import annotations

import hashlib
import json

import pytest

from places import ROOT
from unmixcli.errors import ConfigError, UnknownModelError, WeightsError
from unmixcli.weights import catalogue, checkpoint, manifest, published, store, support

ENTRIES = manifest.models()
MEMBERS = [
    (name, member)
    for name, entry in ENTRIES.items()
    for member in entry.members
    if support.runnable(entry) and member.constructor
]


@pytest.mark.parametrize(("name", "member"), MEMBERS, ids=lambda value: str(value)[:20])
def test_an_entry_builds_a_network_of_as_many_weights_as_it_says(name, member):
    entry, call = ENTRIES[name], member.constructor
    meant = published.translate(call.system, call.name, call.options)
    network = checkpoint.blank(meant.architecture, meant.config)

    assert sum(parameter.numel() for parameter in network.parameters()) == entry.parameters
    assert meant.config.sources == entry.sources
    segment = entry.schedule.segment
    assert network.geometry(segment).output_length >= segment


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.files[0].kind == "bundled"])
def test_what_is_bundled_is_what_the_manifest_says(name):
    [file] = ENTRIES[name].files
    data = store.place(ENTRIES[name], file).read_bytes()

    assert hashlib.sha256(data).hexdigest() == file.sha256
    assert len(data) == file.size


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.files[0].format == "native"])
def test_a_native_file_says_of_itself_what_the_manifest_says(name):
    entry = ENTRIES[name]
    header = checkpoint.read_header(store.place(entry, entry.files[0]))

    assert header.architecture == entry.architecture
    assert header.config.sources == entry.sources
    assert header.schedule == entry.schedule
    assert header.licence == entry.licence.spdx


def test_names_follow_the_papers():
    assert ENTRIES["demucs"].parameters == 265_679_496
    assert ENTRIES["demucs"].members[0].constructor.options["channels"] == 64
    assert ENTRIES["tasnet"].parameters == 10_977_872


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("htdemucs_ft", "htdemucs_ft"),
        ("mdx_extra_q", "mdx_extra_q"),
        ("umxl", "umxl"),
        ("955717e8", "htdemucs"),
        ("spleeter:4stems", "spleeter-4stems"),
        ("HDEMUCS_HIGH_MUSDB_PLUS", "hdemucs_high_musdb_plus"),
        ("model_bs_roformer_ep_317_sdr_12.9755.ckpt", "bs-roformer-viperx-1297"),
    ],
)
def test_names_that_other_programs_use_are_known(alias, name):
    assert catalogue.get(alias).name == name


def test_a_near_miss_is_answered_with_the_nearest_names():
    with pytest.raises(UnknownModelError, match="no model named 'demcus'") as caught:
        catalogue.get("demcus")

    assert "'demucs'" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"models": [{}]}', '{"models": [{"name": "x"}]}', '{"models": 3}']
)
def test_a_damaged_manifest_is_refused(tmp_path, text):
    path = tmp_path / "weights_manifest.json"
    path.write_text(text)

    with pytest.raises(ConfigError):
        manifest.read(path)


def test_an_unknown_key_is_refused(tmp_path):
    document = json.loads((ROOT / manifest.FILE_NAME).read_text())
    document["models"][0]["trust_me"] = True
    path = tmp_path / "weights_manifest.json"
    path.write_text(json.dumps(document))

    with pytest.raises(ConfigError, match="trust_me"):
        manifest.read(path)


def test_the_manifest_is_there_once():
    """The wheel takes it from the top of the repository; a second copy would go stale."""
    assert [*ROOT.glob("src/**/weights_manifest.json")] == []


def test_for_each_purpose_there_is_one_model_at_most(collection):
    collection.add("other", default_for="stems")
    assert catalogue.default_for("stems").name == "other"

    collection.add("another", default_for="stems")
    with pytest.raises(ConfigError, match="'default_for stems' is there twice"):
        manifest.models()


def test_a_purpose_that_nobody_knows_is_refused(collection):
    collection.add("other", default_for="breakfast")

    with pytest.raises(ConfigError, match="'breakfast'"):
        manifest.models()


def test_an_imported_model_cannot_make_itself_the_default(collection):
    collection.add("other", default_for="labels")
    folder = collection.home / "models" / "mine"
    folder.mkdir(parents=True)
    entry = collection.entries["other"] | {"name": "mine", "aliases": []}
    (folder / catalogue.ENTRY).write_text(json.dumps({"schema": 1, "models": [entry]}))
    collection.entries["other"]["default_for"] = None
    collection.write()

    with pytest.raises(WeightsError, match="no model is the default for labels"):
        catalogue.default_for("labels")
