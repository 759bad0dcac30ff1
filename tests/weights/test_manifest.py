"""Every entry of the shipped manifest can be believed."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from places import ROOT
from unmixcli.errors import ConfigError, UnknownModelError
from unmixcli.network import Network
from unmixcli.weights import checkpoint, manifest, store
from unmixcli.weights.registry import architecture, configure

ENTRIES = manifest.models()


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_builds_a_network_of_as_many_weights_as_it_says(name):
    entry = ENTRIES[name]
    with torch.device("meta"):
        network = architecture(entry.architecture).build(
            configure(entry.architecture, entry.config)
        )

    assert sum(parameter.numel() for parameter in network.parameters()) == entry.parameters
    assert network.config.sources == tuple(entry.config["sources"])


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entrys_schedule_fits_its_network(name):
    entry = ENTRIES[name]
    with torch.device("meta"):
        network: Network = architecture(entry.architecture).build(
            configure(entry.architecture, entry.config)
        )

    assert entry.schedule.segment is not None
    assert network.geometry(entry.schedule.segment).output_length >= entry.schedule.segment


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_its_terms_and_how_to_know_its_files(name):
    entry = ENTRIES[name]

    assert entry.licence.spdx
    assert entry.licence.spdx not in ("conflicting", "not-stated") or entry.licence.source
    assert entry.files
    for file in entry.files:
        assert file.kind in ("bundled", "url")
        known = file.sha256 or file.sha256_prefix
        assert known
        assert set(known) <= set("0123456789abcdef")
        assert file.kind == "bundled" or file.path.startswith("https://")


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
    assert header.config == configure(entry.architecture, entry.config)
    assert header.schedule == entry.schedule
    assert header.licence == entry.licence.spdx


def test_names_follow_the_papers():
    assert ENTRIES["demucs"].parameters == 265_679_496
    assert ENTRIES["demucs"].config["width"] == 64
    assert ENTRIES["tasnet"].parameters == 10_977_872


def test_a_near_miss_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownModelError, match="no model named 'demcus'") as caught:
        manifest.find("demcus")

    assert caught.value.hint == "did you mean 'demucs'?"


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
